/* Topics of help: see topics.h. All but a few words come from the tables that the compiler itself reads. */
#include "driver/help/topics.h"
#include "codegen/target/select.h"
#include "driver/driver.h"
#include "ir/ir.h"
#include "ir/remarks.h"
#include "passes/passes.h"

#include <string.h>

static size_t installed_rows(Arena *arena, bool first, const TopicRow **rows) {
    const InstalledRecipe *recipes;
    size_t n = installed_recipes(arena, first, &recipes);
    TopicRow *out = ARENA_ARRAY(arena, TopicRow, n + 1);
    for (size_t i = 0; i < n; i++) out[i] = (TopicRow){.name = recipes[i].name, .doc = recipes[i].about};
    *rows = out;
    return n;
}

static size_t recipe_rows(Arena *arena, const TopicRow **rows) {
    return installed_rows(arena, false, rows);
}

static size_t template_rows(Arena *arena, const TopicRow **rows) {
    return installed_rows(arena, true, rows);
}

static size_t pass_rows(Arena *arena, const TopicRow **rows) {
    int n;
    const Pass *table = pass_table(&n);
    TopicRow *out = ARENA_ARRAY(arena, TopicRow, (size_t)n + 1);
    out[0] = (TopicRow){.name = "frontend", .doc = "the module as the recipe has it, before any pass"};
    for (int i = 0; i < n; i++) out[i + 1] = (TopicRow){.name = table[i].name, .doc = table[i].doc};
    *rows = out;
    return (size_t)n + 1;
}

/* "operands: 1; attributes: axis = -1; in recipes: softmax" */
static const char *op_detail(Arena *arena, const OpInfo *info) {
    const char *text = arena_printf(arena, "operands: %d%s", info->min_operands,
                                    info->max_operands < 0                    ? " or more"
                                    : info->max_operands > info->min_operands ? " or one more"
                                                                              : "");
    for (int a = 0; a < info->n_attrs; a++)
        text = arena_printf(arena, "%s%s%s", text,
                            a ? ", " : "; attributes: ", attr_default_text(arena, &info->attrs[a]));
    if (*info->recipe) text = arena_printf(arena, "%s; in recipes: %s", text, info->recipe);
    return text;
}

static size_t op_rows(Arena *arena, const TopicRow **rows) {
    TopicRow *out = ARENA_ARRAY(arena, TopicRow, OP_COUNT);
    size_t n = 0;
    for (LoopClass loop = 0; loop <= LOOP_OTHER; loop++)
        for (int op = 0; op < OP_COUNT; op++) {
            const OpInfo *info = op_info((OpKind)op);
            if (info->loop == loop)
                out[n++] = (TopicRow){info->name, info->doc, op_detail(arena, info), loop_class_title(loop)};
        }
    *rows = out;
    return n;
}

static size_t rule_rows(Arena *arena, const TopicRow **rows) {
    static const char *const headings[] = {[REMARK_DONE] = "what a pass did",
                                           [REMARK_MISSED] = "what it did not, and why",
                                           [REMARK_NOTED] = "what it found"};
    TopicRow *out = ARENA_ARRAY(arena, TopicRow, RULE_COUNT);
    size_t n = 0;
    for (size_t outcome = 0; outcome < sizeof headings / sizeof *headings; outcome++)
        for (int i = 0; i < RULE_COUNT; i++) {
            const RuleInfo *info = rule_info((Rule)i);
            if (info->outcome == outcome)
                out[n++] = (TopicRow){info->name, info->text, NULL, headings[outcome]};
        }
    *rows = out;
    return n;
}

static size_t target_rows(Arena *arena, const TopicRow **rows) {
    int n;
    char why[TARGET_WHY];
    const Target *const *targets = target_all(&n);
    TopicRow *out = ARENA_ARRAY(arena, TopicRow, (size_t)n + 1);
    TargetChoice native;
    bool any = target_select(NULL, &native, why, sizeof why);
    out[0] = (TopicRow){.name = "native", .doc = any ? native.target->name : arena_strdup(arena, why)};
    for (int i = 0; i < n; i++) {
        out[i + 1] =
            (TopicRow){.name = targets[i]->name, .doc = arena_strdup(arena, target_tell(targets[i], why))};
    }
    *rows = out;
    return (size_t)n + 1;
}

/* ---- runtime/catalog.def, frontend/builtins/builtins.def --------------------------------------------------------- */

static size_t table_rows(const TopicRow *table, size_t n, const TopicRow **rows) {
    *rows = table;
    return n;
}
#define TABLE_ROWS(table) table_rows(table, sizeof(table) / sizeof *(table), rows)

static size_t sampler_rows(Arena *arena, const TopicRow **rows) {
    static const TopicRow table[] = {
#define SAMPLER(name, dtype, params, doc) {#name, #dtype ", " doc, params, NULL},
#include "runtime/catalog.def"
    };
    (void)arena;
    return TABLE_ROWS(table);
}

static size_t augmentation_rows(Arena *arena, const TopicRow **rows) {
    static const TopicRow table[] = {
#define AUGMENT(name, params, doc) {#name, doc, params, NULL},
#include "runtime/catalog.def"
    };
    (void)arena;
    return TABLE_ROWS(table);
}

static size_t format_rows(Arena *arena, const TopicRow **rows) {
    static const TopicRow table[] = {
#define FORMAT(name, doc) {#name, doc, NULL, NULL},
#include "runtime/catalog.def"
    };
    (void)arena;
    return TABLE_ROWS(table);
}

/* "x axis=-1 keep=false" as "(x, axis=-1, keep=false)" */
static const char *signature_text(Arena *arena, const char *signature) {
    char *text = arena_alloc(arena, 2 * strlen(signature) + 3), *to = text;
    *to++ = '(';
    for (const char *at = signature; *at; at++) {
        if (*at == ' ') *to++ = ',';
        *to++ = *at;
    }
    *to++ = ')';
    *to = '\0';
    return text;
}

static size_t function_rows(Arena *arena, const TopicRow **rows) {
    static const struct {
        const char *name, *signature;
    } table[] = {
#define BUILTIN(name, signature) {#name, signature},
#define PASSING BUILTIN
#define INITIAL BUILTIN
#include "frontend/builtins/builtins.def"
    };
    enum { N = sizeof table / sizeof *table };
    TopicRow *out = ARENA_ARRAY(arena, TopicRow, N);
    for (size_t i = 0; i < N; i++)
        out[i] = (TopicRow){.name = table[i].name, .doc = signature_text(arena, table[i].signature)};
    *rows = out;
    return N;
}

static size_t environment_rows(Arena *arena, const TopicRow **rows) {
    static const TopicRow table[] = {
        {"VITC_CACHE",
         "the folder that compiled programs are kept in, or `off`; $XDG_CACHE_HOME/vitc or ~/.cache/vitc "
         "unless set",
         NULL, NULL},
        {"VITC_CACHE_LIMIT", "its size in bytes, 1 GiB unless set", NULL, NULL},
        {"VITC_MODELS", "the folder of installed recipes", NULL, NULL},
        {"VITC_LIB", "the folder of runtime archives, of each architecture one below it", NULL, NULL},
        {"VITC_CPU_WITHOUT", "features that the processor is taken not to have, as avx512f,fma", NULL, NULL},
        {"VITC_VERIFY", "set: the graph is verified after each pass", NULL, NULL},
        {"VITC_LLVM", "set: LLVM IR of what is compiled, on standard error", NULL, NULL},
        {"VITC_ASM", "set: its assembly", NULL, NULL},
        {"VITC_PERF",
         "`map` or `dump`: tells perf the names of compiled code, `off`: does not; as perf runs vitc unless "
         "set",
         NULL, NULL},
        {"VITC_GDB",
         "`names` or `lines`: tells debuggers of compiled code, `off`: does not; as they run vitc unless set",
         NULL, NULL},
        {"OMP_NUM_THREADS", "threads, where --threads does not say", NULL, NULL},
        {"CC", "the compiler that links built programs", NULL, NULL},
        {"TMPDIR", "where files lie while something is linked; /tmp unless set", NULL, NULL},
        {"VITC_PAGER", "the pager of what inspect shows, or `off`; $PAGER, else less, unless set", NULL,
         NULL},
        {"NO_COLOR", "set: no colours, as with TERM=dumb", NULL, NULL},
        {"COLUMNS", "how wide a line of help is; as the terminal, or 80, unless set", NULL, NULL},
    };
    (void)arena;
    return TABLE_ROWS(table);
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

const Topic TOPICS[] = {
    {"recipes", "recipes that are installed, and can be named instead of a file", recipe_rows},
    {"templates", "first recipes, which `vitc init` writes with comments", template_rows},
    {"passes", "passes of the compiler, in the order in which they run", pass_rows},
    {"rules", "what passes can tell of their decisions", rule_rows},
    {"ops", "operators of the graph", op_rows},
    {"functions", "functions that recipes call, besides operators and those of libraries", function_rows},
    {"samplers", "what `draw` draws, with parameters, defaults and ranges", sampler_rows},
    {"augmentations", "what views are made by, with parameters, defaults and ranges", augmentation_rows},
    {"formats", "formats of data sets", format_rows},
    {"targets", "processors that code can be for, and whether this is one", target_rows},
    {"environment", "variables of the environment", environment_rows},
    {NULL, NULL, NULL},
};

const Topic *topic_find(const char *name) {
    for (const Topic *topic = TOPICS; topic->name; topic++)
        if (strcmp(topic->name, name) == 0) return topic;
    return NULL;
}
