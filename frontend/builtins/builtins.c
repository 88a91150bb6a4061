/* The table of the builtins of the expression language, and those of lists, numbers, parameters and state. */
#include "frontend/builtins/builtins.h"

#include <math.h>
#include <string.h>

/* ---- lists, numbers ------------------------------------------------------------------------------------------------------- */

static BUILTIN(b_len) {
    UNUSED;
    if (is_list(&args[0])) return value_number((double)args[0].count, true);
    return eval_error(e, at->loc, "len of %s", show_value(e, &args[0]));
}

static BUILTIN(b_range) {
    UNUSED;
    int64_t start, stop, step;
    if (!int_of(e, at->loc, &args[0], "a bound", &start) || !int_of(e, at->loc, &args[2], "a step", &step))
        return (Value){0};
    stop = start;
    if (args[1].kind == V_NONE)
        start = 0;
    else if (!int_of(e, at->loc, &args[1], "a bound", &stop))
        return (Value){0};
    if (step == 0) return eval_error(e, at->loc, "a step of 0");
    int64_t count = step > 0 ? (stop - start + step - 1) / step : (start - stop - step - 1) / -step;
    if (count < 0) count = 0;
    Value list = value_list(e, at->loc, V_LIST, (size_t)count);
    for (size_t i = 0; i < list.count; i++)
        list.items[i] = value_number((double)(start + (int64_t)i * step), true);
    return close_list(e, at->loc, list);
}

static BUILTIN(b_zip) {
    UNUSED;
    size_t count = SIZE_MAX;
    for (size_t i = 0; i < args[0].count; i++) {
        if (!is_list(&args[0].items[i]))
            return eval_error(e, at->loc, "zip of %s", show_value(e, &args[0].items[i]));
        if (args[0].items[i].count < count) count = args[0].items[i].count;
    }
    Value list = value_list(e, at->loc, V_LIST, args[0].count ? count : 0);
    for (size_t j = 0; j < list.count; j++) {
        Value tuple = value_list(e, at->loc, V_TUPLE, args[0].count);
        for (size_t i = 0; i < tuple.count; i++) tuple.items[i] = args[0].items[i].items[j];
        list.items[j] = close_list(e, at->loc, tuple);
        if (list.items[j].kind == V_POISON) return list.items[j];
    }
    return close_list(e, at->loc, list);
}

static BUILTIN(b_enumerate) {
    UNUSED;
    if (!is_list(&args[0])) return eval_error(e, at->loc, "enumerate of %s", show_value(e, &args[0]));
    Value list = value_list(e, at->loc, V_LIST, args[0].count);
    for (size_t i = 0; i < list.count; i++) {
        Value pair = value_list(e, at->loc, V_TUPLE, 2);
        if (pair.kind == V_POISON) return pair;
        pair.items[0] = value_number((double)i, true);
        pair.items[1] = args[0].items[i];
        list.items[i] = close_list(e, at->loc, pair);
        if (list.items[i].kind == V_POISON) return list.items[i];
    }
    return close_list(e, at->loc, list);
}

static BUILTIN(b_int) {
    UNUSED;
    double x;
    return real_of(e, at->loc, &args[0], "a number", &x) ? value_number(trunc(x), true) : (Value){0};
}
static BUILTIN(b_ceil) {
    UNUSED;
    double x;
    return real_of(e, at->loc, &args[0], "a number", &x) ? value_number(ceil(x), true) : (Value){0};
}
static BUILTIN(b_float) {
    UNUSED;
    double x;
    return real_of(e, at->loc, &args[0], "a number", &x) ? value_number(x, false) : (Value){0};
}
static BUILTIN(b_known) {
    UNUSED;
    (void)e, (void)at;
    return value_bool(is_number(&args[0]));
}
static BUILTIN(b_isnone) {
    UNUSED;
    (void)e, (void)at;
    return value_bool(args[0].kind == V_NONE);
}

/* Built by the evaluator itself: it alone knows the names. */
static BUILTIN(b_record) {
    UNUSED;
    (void)args;
    return eval_error(e, at->loc, "record(name=value, …)");
}

/* ---- parameters and state ---------------------------------------------------------------------------------------------------- */

static Value initialiser(Elaborator *e, const Expr *at, InitKind kind, const Value *a, const Value *b) {
    Value init = {.kind = V_INIT, .init = kind};
    bool spread = kind == INIT_NORMAL || kind == INIT_TRUNC_NORMAL;
    if (!real_in(e, at->loc, a, "an initialiser's number", -MOST, MOST, &init.a) ||
        !real_in(e, at->loc, b, spread ? "std" : "an initialiser's number", spread ? 0 : -MOST, MOST,
                 &init.b))
        return (Value){0};
    if (kind == INIT_UNIFORM && init.a > init.b)
        return eval_error(e, at->loc, "uniform from %g to %g: the lower end comes first", init.a, init.b);
    return init;
}

static BUILTIN(b_constant) {
    UNUSED;
    Value zero = value_number(0, false);
    return initialiser(e, at, INIT_CONSTANT, &args[0], &zero);
}

/* With shape=(…): a value for `state:`, which has no other place to say it. */
static Value shaped(Elaborator *e, const Expr *at, Value init, const Value *shape) {
    Ints sizes;
    if (init.kind == V_POISON || shape->kind == V_NONE) return init;
    Value wrapped = {.kind = V_LIST, .items = (Value *)shape, .count = 1};
    if (!sizes_of(e, at->loc, &wrapped, &sizes, false)) return (Value){0};
    if (sizes.n == 0) return eval_error(e, at->loc, "a shape without sizes");
    init.items = ARENA_ARRAY(e->arena, Value, (size_t)sizes.n + 1);
    init.count = (size_t)sizes.n;
    for (int k = 0; k < sizes.n; k++) init.items[k] = value_number((double)sizes.v[k], true);
    return init;
}

static BUILTIN(b_normal) {
    UNUSED;
    return shaped(e, at, initialiser(e, at, INIT_NORMAL, &args[1], &args[0]), &args[2]);
}
static BUILTIN(b_trunc_normal) {
    UNUSED;
    return shaped(e, at, initialiser(e, at, INIT_TRUNC_NORMAL, &args[1], &args[0]), &args[2]);
}
static BUILTIN(b_uniform) {
    UNUSED;
    return shaped(e, at, initialiser(e, at, INIT_UNIFORM, &args[0], &args[1]), &args[2]);
}

/* `name=`: a string, or none. */
static bool name_of(Elaborator *e, Loc loc, const Value *v, const char **name) {
    *name = v->kind == V_STRING ? v->text : NULL;
    if (v->kind == V_STRING ? v->text[0] != '\0' : v->kind == V_NONE) return true;
    eval_error(e, loc, "a name must be a string, not %s", show_value(e, v));
    return false;
}

static BUILTIN(b_param) {
    UNUSED;
    Ints sizes;
    int decay = -1;
    bool trainable, decays;
    if (!sizes_of(e, at->loc, &args[0], &sizes, false) ||
        !bool_of(e, at->loc, &args[3], "trainable", &trainable))
        return (Value){0};
    if (args[2].kind != V_NONE) {
        if (!bool_of(e, at->loc, &args[2], "decay", &decays)) return (Value){0};
        decay = decays;
    }
    const char *name;
    if (!name_of(e, at->loc, &args[4], &name)) return (Value){0};
    return make_param(e, at->loc, type_make(DT_F32, sizes.n, sizes.v), &args[1], decay, trainable, name);
}

static BUILTIN(b_buffer) {
    UNUSED;
    const char *name;
    if (!name_of(e, at->loc, &args[1], &name)) return (Value){0};
    return make_buffer(e, at->loc, &args[0], NULL, name);
}

enum { MAX_NOTES = 1000 };

static BUILTIN(b_note) {
    UNUSED;
    double value;
    if (args[0].kind != V_STRING) return eval_error(e, at->loc, "note('NAME', number)");
    if (!real_of(e, at->loc, &args[1], "a note's value", &value)) return (Value){0};
    if (e->n_notes >= MAX_NOTES) return eval_error(e, at->loc, "more than %d notes", MAX_NOTES);
    RecipeNote note = {e->application ? e->application->definition->signature.name : NULL, args[0].text,
                       value};
    for (size_t i = 0; i < e->n_notes; i++) {
        const RecipeNote *known = &e->notes[i];
        if (known->network == note.network && !strcmp(known->name, note.name) && known->value == value)
            return value_none();
    }
    ARENA_PUSH(e->arena, e->notes, e->n_notes, e->notes_capacity, note);
    return value_none();
}

static BUILTIN(b_draw) {
    UNUSED;
    Ints sizes;
    if (args[0].kind != V_STRING) return eval_error(e, at->loc, "draw('SAMPLER', sizes…)");
    if (!sizes_of(e, at->loc, &args[1], &sizes, false)) return (Value){0};
    return make_draw(e, at, args[0].text, type_make(DT_F32, sizes.n, sizes.v), at, args, NULL);
}

static const Builtin TABLE[] = {
    {"abs", "x", b_abs},
    {"exp", "x", b_exp},
    {"log", "x", b_log},
    {"sqrt", "x", b_sqrt},
    {"rsqrt", "x", b_rsqrt},
    {"sin", "x", b_sin},
    {"cos", "x", b_cos},
    {"tanh", "x", b_tanh},
    {"erf", "x", b_erf},
    {"sigmoid", "x", b_sigmoid},
    {"floor", "x", b_floor},
    {"sign", "x", b_sign},
    {"gelu", "x approximate=false", b_gelu},
    {"stop_grad", "x", b_stop_grad},
    {"where", "c a b", b_where},
    {"cast", "x dtype", b_cast},
    {"sum", "x axis=none keep=false", b_sum},
    {"mean", "x axis=none keep=false", b_mean},
    {"max", "x axis=none keep=false", b_max},
    {"min", "x axis=none keep=false", b_min},
    {"var", "x axis=none keep=false unbiased=false", b_var},
    {"std", "x axis=none keep=false unbiased=false", b_std},
    {"argmax", "x axis=-1", b_argmax},
    {"argsort", "x axis=-1", b_argsort},
    {"softmax", "x axis=-1", b_softmax},
    {"log_softmax", "x axis=-1", b_log_softmax},
    {"logsumexp", "x axis=-1", b_logsumexp},
    {"layernorm", "x w b eps=1e-6", b_layernorm},
    {"normalize", "x axis=-1 eps=1e-12", b_normalize},
    {"cross_entropy", "logits labels smoothing=0", b_cross_entropy},
    {"one_hot", "i n", b_one_hot},
    {"reshape", "x *sizes", b_reshape},
    {"transpose", "x *axes", b_transpose},
    {"broadcast", "x *sizes", b_broadcast},
    {"concat", "list axis=0", b_concat},
    {"stack", "list axis=0", b_stack},
    {"split", "x n axis=-1", b_split},
    {"pad", "x widths value=0", b_pad},
    {"gather", "x i batch=0", b_gather},
    {"scatter", "x i rows batch=0", b_scatter},
    {"scatter_add", "x i rows batch=0", b_scatter_add},
    {"unfold", "x kernel stride padding=0", b_unfold},
    {"fold", "x size kernel stride padding=0", b_fold},
    {"zeros", "*sizes", b_zeros},
    {"ones", "*sizes", b_ones},
    {"full", "shape value", b_full},
    {"arange", "n", b_arange},
    {"iota", "shape axis=0", b_iota},
    {"shape", "x", b_shape},
    {"dim", "x axis", b_dim},
    {"rank", "x", b_rank},
    {"len", "list", b_len},
    {"range", "a b=none step=1", b_range},
    {"zip", "*lists", b_zip},
    {"enumerate", "list", b_enumerate},
    {"int", "x", b_int},
    {"ceil", "x", b_ceil},
    {"float", "x", b_float},
    {"isnone", "x", b_isnone},
    {"known", "x", b_known},
    {"record", "*none", b_record},
    {"constant", "value", b_constant},
    {"normal", "std=1 mean=0 shape=none", b_normal},
    {"trunc_normal", "std=0.02 mean=0 shape=none", b_trunc_normal},
    {"uniform", "low=-1 high=1 shape=none", b_uniform},
    {"param", "*sizes init=zeros decay=none trainable=true name=none", b_param},
    {"buffer", "value name=none", b_buffer},
    {"draw", "sampler *sizes", b_draw},
    {"note", "name value", b_note},
};
enum { N_BUILTINS = sizeof TABLE / sizeof *TABLE };

const Builtin *builtin_find(const char *name) {
    for (int i = 0; i < N_BUILTINS; i++)
        if (TABLE[i].name[0] == name[0] && strcmp(TABLE[i].name, name) == 0) return &TABLE[i];
    return NULL;
}

size_t builtin_number(const Builtin *builtin) {
    return (size_t)(builtin - TABLE);
}

const char *const *builtin_names(size_t *n) {
    static const char *names[N_BUILTINS];
    for (int i = 0; i < N_BUILTINS; i++) names[i] = TABLE[i].name;
    *n = N_BUILTINS;
    return names;
}
