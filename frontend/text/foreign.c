/* What other languages write, and what vitc writes instead: tables, a row a word. */
#include "frontend/text/foreign.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

typedef struct {
    const char *word, *message;
} Row;

static const char *find(const Row *rows, size_t n, const char *word) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(rows[i].word, word) == 0) return rows[i].message;
    return NULL;
}

/* ---- statements -------------------------------------------------------------------------------------------------- */

#define DEFINES "vitc defines functions in the section `modules:`, as `name(x, y): |` and an indented body"
#define USES "vitc has no imports: the key `use:` of the recipe lists libraries"
#define THROWS "vitc has no exceptions: `assert condition, 'message'` refuses a recipe"
#define LOOPS "vitc has no `while`: `for i in range(n):` is unrolled at compile time, `repeat n:` is not"
#define ASSIGNS "vitc assigns without a word before the name: `name = value`"
#define INDENTS "vitc marks a body by its indentation alone"
#define PASSES "vitc needs no empty statement: leave the branch out"

/* Words that can be no call: a module of such a name is not thinkable. */
static const Row KEYWORDS[] = {
    {"while", LOOPS},
    {"def", DEFINES},
    {"lambda",
     "vitc has no `lambda`: a function is a module, `name(x): expression` in the section `modules:`"},
    {"class", "vitc has no classes: a network is a function, whose parameters are made where they are used"},
    {"import", USES},
    {"from", USES},
    {"try", THROWS},
    {"except", THROWS},
    {"finally", THROWS},
    {"raise", THROWS},
    {"with",
     "vitc has no `with`: gradients are stopped by `stop_grad(x)`, precision is the key `train.precision`"},
    {"del", "vitc frees what is not needed by itself"},
    {"global", "vitc has no global variables: what lasts from step to step is a `state:`, set with `:=`"},
    {"nonlocal", "vitc has no nested functions: a module returns its results, several as `return a, b`"},
    {"yield", "vitc has no generators: a module returns a list, `return [f(v) for v in views]`"},
    {"break", "vitc has no `break`: a loop is over the list that it needs, as `for x in list[:n]:`"},
    {"continue", "vitc has no `continue`: put what follows inside an `if`"},
    {"pass", PASSES},
    {"async", "vitc has no `async`: what does not depend on each other runs in any order"},
    {"await", "vitc has no `await`: every value is there where it is used"},
};

static const Row STATEMENTS[] = {
    {"print", "vitc prints no values: `metrics:` logs one each step, `values:` writes it with `vitc run`"},
    {"let", ASSIGNS},
    {"var", ASSIGNS},
    {"val", ASSIGNS},
    {"const", ASSIGNS},
    {"auto", ASSIGNS},
    {"float", ASSIGNS},
    {"int", ASSIGNS},
    {"function", DEFINES},
    {"func", DEFINES},
    {"fn", DEFINES},
    {"elseif", "vitc writes `elif`"},
    {"elsif", "vitc writes `elif`"},
    {"switch", "vitc writes `if`, `elif`, `else`"},
    {"match", "vitc writes `if`, `elif`, `else`"},
    {"case", "vitc writes `if`, `elif`, `else`"},
    {"unless", "vitc writes `if not condition:`"},
    {"foreach", "vitc writes `for x in list:`"},
    {"until", LOOPS},
    {"do", INDENTS},
    {"then", INDENTS},
    {"begin", INDENTS},
    {"end", INDENTS},
    {"new", "vitc makes nothing with `new`: call the module"},
    {"throw", THROWS},
    {"catch", THROWS},
};

const char *foreign_statement(const char *word) {
    const char *message = find(KEYWORDS, COUNT(KEYWORDS), word);
    return message ? message : find(STATEMENTS, COUNT(STATEMENTS), word);
}

bool foreign_keyword(const char *word) {
    return find(KEYWORDS, COUNT(KEYWORDS), word) != NULL;
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

#define NO_TYPES                                                                                             \
    "vitc has no types to ask for: `is_tensor(x)`, `known(x)` (a number), `isnone(x)` tell values apart"
#define NO_PARENT                                                                                            \
    "vitc has no objects: parameters are made by `name = param(…)`, layers named by `label: module(…)`"

static const Row NAMES[] = {
    {"True", "vitc writes `true`"},
    {"False", "vitc writes `false`"},
    {"None", "vitc writes `none`"},
    {"TRUE", "vitc writes `true`"},
    {"FALSE", "vitc writes `false`"},
    {"NULL", "vitc writes `none`"},
    {"null", "vitc writes `none`"},
    {"nil", "vitc writes `none`"},
    {"nullptr", "vitc writes `none`"},
    {"self", NO_PARENT},
    {"super", NO_PARENT},
    {"this", NO_PARENT},
};

static const Row FUNCTIONS[] = {
    {"print", "vitc prints no values: `metrics:` logs one each step, `values:` writes it with `vitc run`"},
    {"isinstance", NO_TYPES},
    {"type", NO_TYPES},
    {"hasattr", "vitc writes `'name' in record`"},
    {"getattr", "vitc writes `record.name`"},
    {"dict", "vitc writes `record(name=value)`"},
    {"set", "vitc has no sets: a list, `[a, b]`, and `x in list`"},
    {"list", "vitc writes a list as `[a, b]`, or `[x for x in values]`"},
    {"tuple", "vitc writes a tuple as `(a, b)`"},
    {"str", "vitc joins no strings: in the message of an `assert`, `{expression}` stands for its value"},
    {"bool", "vitc writes `cast(x, 'bool')` of a tensor; a number is a condition as it is"},
    {"round", "vitc writes `floor(x + 0.5)`"},
    {"sorted", "vitc sorts tensors: `argsort(x)`"},
    {"reversed", "vitc writes `list[::-1]`"},
    {"map", "vitc writes `[f(x) for x in list]`"},
    {"filter", "vitc writes `[x for x in list if condition]`"},
    {"any", "vitc writes `max(x for x in list)`"},
    {"all", "vitc writes `min(x for x in list)`"},
    {"pow", "vitc writes `a ** b`"},
    {"matmul", "vitc writes `a @ b`"},
    {"dot", "vitc writes `a @ b`, or `sum(a * b)`"},
    {"mm", "vitc writes `a @ b`"},
    {"bmm", "vitc writes `a @ b`"},
    {"cat", "vitc writes `concat([a, b], axis=0)`"},
    {"concatenate", "vitc writes `concat([a, b], axis=0)`"},
    {"size", "vitc writes `shape(x)`, or `dim(x, axis)`"},
    {"numel", "vitc multiplies the sizes that `shape(x)` lists"},
    {"view", "vitc writes `reshape(x, …)`"},
    {"permute", "vitc writes `transpose(x, …)`, with all axes"},
    {"unsqueeze", "vitc writes `x[:, none]`, a new axis"},
    {"squeeze", "vitc writes `reshape(x, …)`, or `x[:, 0]`"},
    {"expand", "vitc writes `broadcast(x, …)`"},
    {"repeat_interleave", "vitc writes `gather(x, i)`"},
    {"flatten", "vitc writes `reshape(x, dim(x, 0), -1)`"},
    {"detach", "vitc writes `stop_grad(x)`"},
    {"stop_gradient", "vitc writes `stop_grad(x)`"},
    {"no_grad", "vitc writes `stop_grad(x)`"},
    {"randn", "vitc writes `draw('normal', …)`, or an entry of `draws:`"},
    {"rand", "vitc writes `draw('uniform', …)`, or an entry of `draws:`"},
    {"randperm", "vitc writes `draw('permutation', n)`, or an entry of `draws:`"},
    {"tensor", "vitc writes `stack([a, b])`; a number is a tensor where it meets one"},
    {"array", "vitc writes `stack([a, b])`; a number is a tensor where it meets one"},
    {"zeros_like", "vitc writes `zeros(shape(x))`"},
    {"ones_like", "vitc writes `ones(shape(x))`"},
    {"log1p", "vitc writes `log(1 + x)`"},
    {"expm1", "vitc writes `exp(x) - 1`"},
    {"clamp", "vitc writes `min(max(x, low), high)`"},
    {"clip", "vitc writes `min(max(x, low), high)`"},
    {"maximum", "vitc writes `max(a, b)`"},
    {"minimum", "vitc writes `min(a, b)`"},
    {"norm", "vitc writes `sqrt(sum(x * x))`"},
    {"square", "vitc writes `x ** 2`"},
    {"mse_loss", "vitc writes `mean((a - b) ** 2)`"},
    {"l1_loss", "vitc writes `mean(abs(a - b))`"},
    {"CrossEntropyLoss", "vitc writes `cross_entropy(logits, labels)`"},
    {"MSELoss", "vitc writes `mean((a - b) ** 2)`"},
    {"Linear", "vitc writes `name: linear(x, out)` (lib/nn.yaml): the size of x is known"},
    {"LayerNorm", "vitc writes `name: layer_norm(x)` (lib/nn.yaml)"},
    {"BatchNorm1d", "vitc writes `name: batch_norm(x)` (lib/nn.yaml)"},
    {"BatchNorm2d", "vitc writes `name: batch_norm(x)` (lib/nn.yaml), over all axes but the last"},
    {"GELU", "vitc writes `gelu(x)`"},
    {"ReLU", "vitc writes `relu(x)` (lib/nn.yaml), or `max(x, 0)`"},
    {"Dropout", "vitc writes `drop_path(x, rate)` (lib/nn.yaml)"},
    {"Identity", "vitc writes `x` alone"},
    {"Sequential", "vitc writes one call a line: `x = label: module(x)`"},
    {"Parameter", "vitc writes `name = param(d0, d1, init=…)`"},
    {"ModuleList", "vitc writes `for i in range(n):` and `x = blocks[i]: block(x)`"},
};

const char *foreign_name(const char *word, bool called) {
    const char *message = find(NAMES, COUNT(NAMES), word);
    return message || !called ? message : find(FUNCTIONS, COUNT(FUNCTIONS), word);
}

const char *foreign_argument(const char *word) {
    static const Row arguments[] = {
        {"dim", "axis"},
        {"axes", "axis"},
        {"dims", "axis"},
        {"keepdim", "keep"},
        {"keepdims", "keep"},
        {"keep_dims", "keep"},
        {"p", "rate"},
        {"prob", "rate"},
        {"eps", "epsilon"},
        {"epsilon", "eps"},
        {"tau", "temperature"},
        {"temp", "temperature"},
        {"input", "x"},
        {"inputs", "x"},
        {"target", "labels"},
        {"targets", "labels"},
        {"label_smoothing", "smoothing"},
        {"num_classes", "n"},
        {"out_features", "out"},
        {"learning_rate", "lr"},
        {"wd", "weight_decay"},
        {"num_heads", "heads"},
    };
    return find(arguments, COUNT(arguments), word);
}

/* ---- signs ------------------------------------------------------------------------------------------------------- */

#define NO_LAMBDA                                                                                            \
    "vitc has no arrows: a function is a module, `name(x): expression` in the section `modules:`"
#define QUOTE "a quotation mark of a word processor: vitc writes 'text' or \"text\""
#define BRACES                                                                                               \
    "vitc has no curly brackets: a record is `record(name=value)`, a list `[a, b]`, and bodies are marked "  \
    "by their "                                                                                              \
    "indentation"

/* Longer ones first. */
static const Row SIGNS[] = {
    {"===", "vitc writes `==`"},
    {"!==", "vitc writes `!=`"},
    {"**=", "vitc writes `x = x ** y`"},
    {"//=", "vitc writes `x = x // y`"},
    {"%=", "vitc writes `x = x % y`"},
    {"@=", "vitc writes `x = x @ y`"},
    {"|=", "vitc writes `x = x or y`"},
    {"&=", "vitc writes `x = x and y`"},
    {"^=", "vitc writes `x = x ** y`"},
    {"<<", "vitc writes `x * 2 ** n`"},
    {">>", "vitc writes `x // 2 ** n`"},
    {"<>", "vitc writes `!=`"},
    {"=>", "vitc writes `>=` for \"at least\"; " NO_LAMBDA},
    {"->", NO_LAMBDA},
    {"=<", "vitc writes `<=`"},
    {"&&", "vitc writes `a and b`"},
    {"||", "vitc writes `a or b`"},
    {"&", "vitc writes `a and b`, of tensors of bools too"},
    {"|", "vitc writes `a or b`, of tensors of bools too"},
    {"^", "vitc writes powers as `a ** b`"},
    {"~", "vitc writes `not a`, of tensors of bools too"},
    {"?", "vitc writes `a if condition else b`"},
    {";", "vitc writes one statement a line"},
    {"`", "a backtick means nothing here: strings are 'text', names stand alone"},
    {"$", "a knob's name stands alone in an expression: `$` marks it in values of YAML"},
    {"\\", "a line goes on inside brackets: put the expression in ( )"},
    {"{", BRACES},
    {"}", BRACES},
    {"\xe2\x86\x92", NO_LAMBDA},                                               /* → */
    {"\xe2\x88\x92", "a minus sign of typography: vitc writes `-`"},           /* − */
    {"\xe2\x80\x93", "a dash of typography: vitc writes `-`"},                 /* – */
    {"\xe2\x80\x94", "a dash of typography: vitc writes `-`"},                 /* — */
    {"\xc3\x97", "vitc writes a product as `a * b`"},                          /* × */
    {"\xc2\xb7", "vitc writes a product as `a * b`, or `a @ b`"},              /* · */
    {"\xe2\x8b\x85", "vitc writes a product as `a * b`, or `a @ b`"},          /* ⋅ */
    {"\xc3\xb7", "vitc writes `a / b`"},                                       /* ÷ */
    {"\xe2\x89\xa4", "vitc writes `<=`"},                                      /* ≤ */
    {"\xe2\x89\xa5", "vitc writes `>=`"},                                      /* ≥ */
    {"\xe2\x89\xa0", "vitc writes `!=`"},                                      /* ≠ */
    {"\xe2\x88\x88", "vitc writes `in`"},                                      /* ∈ */
    {"\xe2\x88\x9a", "vitc writes `sqrt(x)`"},                                 /* √ */
    {"\xe2\x88\x91", "vitc writes `sum(x)`"},                                  /* ∑ */
    {"\xe2\x88\x9e", "vitc has no infinite numbers: 1e30 is nearly as large"}, /* ∞ */
    {"\xc2\xb2", "vitc writes `x ** 2`"},                                      /* ² */
    {"\xc2\xb3", "vitc writes `x ** 3`"},                                      /* ³ */
    {"\xe2\x80\x98", QUOTE},                                                   /* ‘ ’ “ ” „ « » */
    {"\xe2\x80\x99", QUOTE},
    {"\xe2\x80\x9c", QUOTE},
    {"\xe2\x80\x9d", QUOTE},
    {"\xe2\x80\x9e", QUOTE},
    {"\xc2\xab", QUOTE},
    {"\xc2\xbb", QUOTE},
    {"\xe2\x80\xa6", "vitc writes `...`, three dots"}, /* … */
    {"\xc2\xa0", "a space that does not break lines, as word processors write it: put a usual one"},
    {"\xe3\x80\x80", "a wide space: put a usual one"},
    {"\xe2\x80\x8b", "an invisible character (a space without width): delete it"},
    {"\xef\xbb\xbf", "an invisible character (a byte order mark): delete it"},
};

/* ++ or -- behind a name, at the end of its statement; elsewhere they are two signs of a number. */
static bool counts_up(const char *at, const char *end) {
    if (end - at < 2 || (at[0] != '+' && at[0] != '-') || at[0] != at[1]) return false;
    for (at += 2; at < end && (*at == ' ' || *at == '\t' || *at == '\r'); at++) {
    }
    return at == end || *at == '\n' || *at == '#' || *at == ';';
}

const char *foreign_sign(const char *at, const char *end) {
    size_t left = (size_t)(end - at);
    for (size_t i = 0; i < COUNT(SIGNS); i++) {
        size_t n = strlen(SIGNS[i].word);
        if (left >= n && memcmp(at, SIGNS[i].word, n) == 0) return SIGNS[i].message;
    }
    if (counts_up(at, end)) return at[0] == '+' ? "vitc writes `x += 1`" : "vitc writes `x -= 1`";
    if (*at == '!' && (left < 2 || at[1] != '=')) return "vitc writes `not a`";
    return (unsigned char)*at >= 0x80
               ? "names are of the letters a to z, digits and `_`; this character means nothing here"
               : NULL;
}

/* ---- packages and methods ---------------------------------------------------------------------------------------- */

bool foreign_package(const char *word) {
    static const char *const packages[] = {"torch",  "np",         "numpy", "F",    "nn",
                                           "tf",     "jnp",        "jax",   "math", "keras",
                                           "einops", "functional", "optim", "scipy"};
    for (size_t i = 0; i < COUNT(packages); i++)
        if (strcmp(packages[i], word) == 0) return true;
    return false;
}

const char *foreign_member(Arena *arena, const char *package, const char *name, bool native) {
    const char *other = foreign_name(name, true);
    if (native) return arena_printf(arena, "vitc writes `%s(…)` without `%s.`", name, package);
    if (strcmp(name, "pi") == 0) return "vitc writes 3.14159265358979";
    if (strcmp(name, "inf") == 0 || strcmp(name, "nan") == 0)
        return "numbers of vitc are finite: 1e30 is nearly as large";
    if (other) return other;
    return arena_printf(
        arena, "vitc has no package `%s`: `vitc help ops` and docs/language.md list its functions", package);
}

/* Methods and properties of tensors, lists and strings; %s stands for the value. */
static const struct {
    const char *name, *written;
} ATTRIBUTES[] = {
    {"T", "transpose(%s)"},
    {"mT", "transpose(%s)"},
    {"H", "transpose(%s)"},
    {"t", "transpose(%s)"},
    {"shape", "shape(%s)"},
    {"size", "dim(%s, axis)"},
    {"ndim", "rank(%s)"},
    {"dim", "rank(%s)"},
    {"dtype", "cast(%s, 'f32')"},
    {"detach", "stop_grad(%s)"},
    {"data", "stop_grad(%s)"},
    {"grad", "grad"},
    {"view", "reshape(%s, …)"},
    {"view_as", "reshape(%s, shape(other))"},
    {"flatten", "reshape(%s, dim(%s, 0), -1)"},
    {"ravel", "reshape(%s, -1)"},
    {"squeeze", "reshape(%s, …)"},
    {"unsqueeze", "%s[:, none]"},
    {"permute", "transpose(%s, …)"},
    {"swapaxes", "transpose(%s, …)"},
    {"expand", "broadcast(%s, …)"},
    {"expand_as", "broadcast(%s, shape(other))"},
    {"repeat", "broadcast(%s, …)"},
    {"float", "cast(%s, 'f32')"},
    {"double", "cast(%s, 'f64')"},
    {"half", "cast(%s, 'bf16')"},
    {"bfloat16", "cast(%s, 'bf16')"},
    {"int", "cast(%s, 'i32')"},
    {"long", "cast(%s, 'i64')"},
    {"bool", "cast(%s, 'bool')"},
    {"to", "cast(%s, 'f32')"},
    {"type", "cast(%s, 'f32')"},
    {"astype", "cast(%s, 'f32')"},
    {"clamp", "min(max(%s, low), high)"},
    {"clip", "min(max(%s, low), high)"},
    {"clamp_", "min(max(%s, low), high)"},
    {"matmul", "%s @ other"},
    {"mm", "%s @ other"},
    {"bmm", "%s @ other"},
    {"dot", "%s @ other"},
    {"pow", "%s ** y"},
    {"square", "%s ** 2"},
    {"norm", "sqrt(sum(%s * %s))"},
    {"add", "%s + other"},
    {"sub", "%s - other"},
    {"mul", "%s * other"},
    {"div", "%s / other"},
    {"add_", "%s + other"},
    {"mul_", "%s * other"},
    {"copy_", "%s := value"},
    {"fill_", "%s := value"},
    {"append", "%s = %s + [value]"},
    {"extend", "%s = %s + other"},
    {"insert", "%s[:i] + [value] + %s[i:]"},
    {"format", "'… {expression} …' in an assert's message"},
    {"keys", "'name' in %s"},
    {"get", "%s.name"},
};

/* Those that mean nothing here. */
static const Row NOTHING[] = {
    {"item", "a value of a tensor is known at run time alone: use the tensor"},
    {"tolist", "a value of a tensor is known at run time alone: use the tensor"},
    {"numpy", "a value of a tensor is known at run time alone: use the tensor"},
    {"cpu", "vitc places tensors by itself"},
    {"cuda", "vitc places tensors by itself"},
    {"device", "vitc places tensors by itself"},
    {"contiguous", "vitc lays tensors out by itself"},
    {"clone", "values of vitc do not change: a name is enough"},
    {"copy", "values of vitc do not change: a name is enough"},
    {"backward", "vitc makes the gradients of the loss by itself"},
    {"requires_grad", "vitc trains every `param`; `param(…, trainable=false)` is left alone"},
    {"requires_grad_", "vitc trains every `param`; `param(…, trainable=false)` is left alone"},
    {"parameters", "vitc trains every `param` that the loss depends on"},
    {"train", "vitc sets `training` by itself: true in a step, false in `embed`"},
    {"eval", "vitc sets `training` by itself: true in a step, false in `embed`"},
    {"forward", "a network is called by its name: `encoder(x)`"},
    {"weight", "the parameters of a network are its own: what others need of them, it returns"},
};

/* `format` with the value in the place of each %s. */
static const char *with_value(Arena *arena, const char *format, const char *value) {
    const char *out = "";
    for (const char *at; (at = strstr(format, "%s")); format = at + 2)
        out = arena_printf(arena, "%s%.*s%s", out, (int)(at - format), format, value);
    return arena_printf(arena, "%s%s", out, format);
}

const char *foreign_attribute(Arena *arena, const char *value, const char *name, bool native) {
    const char *nothing = find(NOTHING, COUNT(NOTHING), name);
    if (nothing) return nothing;
    for (size_t i = 0; i < COUNT(ATTRIBUTES); i++)
        if (strcmp(ATTRIBUTES[i].name, name) == 0)
            return arena_printf(arena, "vitc writes `%s`", with_value(arena, ATTRIBUTES[i].written, value));
    if (native) return arena_printf(arena, "vitc writes `%s(%s)`", name, value);
    return NULL;
}
