/* What passes tell of their decisions: tests/passes/remarks/PASS.txt has modules and what is told of them. Every rule
 * of ir/rules.def is told by some case; and no pass decides otherwise because somebody listens. */
#include "ir/plan/kernel.h"
#include "ir/remarks.h"
#include "passes/passes.h"
#include "tests/passes/random_graph.h"

/* ---- reading cases ----------------------------------------------------------------------------------------------- */

static bool seen[RULE_COUNT]; /* rules that the cases so far told */

static Module *read_module(Arena *arena, Diags *diags, const char *text, const char *file) {
    Module *module = module_parse(arena, diags, "test", text, strlen(text));
    if (!module) fail_msg("%s: %s\n%s", file, diags_text(diags), text);
    return module;
}

/* The i-th pass of a list, from 1. */
static const char *pass_in(Arena *arena, const char *list, int i) {
    while (--i > 0) list += strcspn(list, ",") + 1;
    return arena_printf(arena, "%.*s", (int)strcspn(list, ","), list);
}

static const char *value_text(Arena *arena, uint32_t number) {
    return number == IR_NONE ? "-" : arena_printf(arena, "%%%u", number);
}

/* "fuse: %5 fuse_not_fit %7 0 0 its operator …": of which value, the rule, the other value, both numbers, the text. */
static const char *remark_line(Arena *arena, const Module *module, const char *list, const Remark *item) {
    const char *pass = pass_in(arena, list, item->pass), *func = module->funcs[item->func]->name;
    return arena_printf(arena, "%s%s%s: %s %s %s %.15g %.15g %s", pass, item->func ? " @" : "",
                        item->func ? func : "", value_text(arena, item->value),
                        rule_info((Rule)item->rule)->name, value_text(arena, item->other), item->a, item->b,
                        item->text ? item->text : "");
}

static char *all_lines(Arena *arena, const Module *module, const char *list) {
    char *all = arena_strdup(arena, "");
    for (size_t i = 0; i < module->remarks->count; i++)
        all =
            arena_printf(arena, "%s%s\n", all, remark_line(arena, module, list, &module->remarks->items[i]));
    return all;
}

/* Whether a remark begins with these words. */
static bool is_told(const Module *module, Arena *arena, const char *list, const char *words) {
    size_t n = strlen(words);
    for (size_t i = 0; i < module->remarks->count; i++) {
        const Remark *item = &module->remarks->items[i];
        const char *line = remark_line(arena, module, list, item);
        if (strncmp(line, words, n) != 0 || (line[n] && line[n] != ' ')) continue;
        seen[item->rule] = true;
        return true;
    }
    return false;
}

static void assert_same_text(const Module *a, const Module *b, const char *what) {
    char *x = module_print(a, NULL), *y = module_print(b, NULL);
    if (strcmp(x, y) != 0) fail_msg("%s: with remarks\n%s\nwithout\n%s", what, x, y);
    free(x);
    free(y);
}

/* One case: "// passes: LIST", a module, "// tells:", a line for each remark that must be told; "! …": that must
 * not. */
static void check_case(char *text, const char *file) {
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    char *list = strstr(text, "// passes: "), *tells = strstr(text, "// tells:\n");
    if (!list || !tells) fail_msg("%s: a case without '// passes:' or '// tells:'", file);
    list += strlen("// passes: ");
    char *body = strchr(list, '\n');
    *tells = *body = '\0';
    Module *module = read_module(arena, diags, body + 1, file), *quiet = module_clone(module, arena);
    module_record(module, arena);
    if (!passes_run(module, list, &(PassOptions){.verify = true}, diags))
        fail_msg("%s: %s", file, diags_text(diags));
    assert_true(passes_run(quiet, list, NULL, diags));
    assert_same_text(module, quiet, file);
    for (char *line = tells + strlen("// tells:\n"); *line;) {
        char *end = line + strcspn(line, "\n");
        char *next = *end ? end + 1 : end;
        *end = '\0';
        bool not = line[0] == '!';
        if (*line && is_told(module, arena, list, line + (not? 2 : 0)) == not)
            fail_msg("%s: '%s' is %stold of\n%s\nbut\n%s", file, line, not? "" : "not ", body + 1,
                     all_lines(arena, module, list));
        line = next;
    }
    arena_free(arena);
}

static void check_file(const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/passes/remarks/%s.txt", TEST_DIR, name);
    Arena *arena = arena_new();
    int n = 0;
    char *rest = read_file(arena, path);
    for (char *one; (one = rest) && *one; n++) { /* cases are divided by lines of "// ----" */
        char *end = strstr(one, "// ----\n");
        rest = end ? end + strlen("// ----\n") : NULL;
        if (end) *end = '\0';
        check_case(one, name);
    }
    assert_true(n > 0);
    arena_free(arena);
}

/* ---- the tests --------------------------------------------------------------------------------------------------- */

static void test_graph_passes(void **state) {
    (void)state;
    static const char *const files[] = {"rewrite", "simplify",  "factor", "demand",  "autodiff",
                                        "views",   "attention", "rows",   "weights", "zeros"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) check_file(files[i]);
}

static void test_plan_passes(void **state) {
    (void)state;
    static const char *const files[] = {"fuse", "precision", "order", "chains", "memory"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) check_file(files[i]);
}

/* Which limit keeps a value out of a kernel: chains of operators on f32[4x8], `lines` from one value to the next. */
static void test_limits(void **state) {
    (void)state;
    static const struct {
        KernelFit fit;
        int links;
        const char *lines; /* %1$d: the value before, %2$d: the next */
    } rows[] = {
        {FIT_DEPTH, KERNEL_DEPTH + 4, "    %%%2$d = sin %%%1$d\n"},
        {FIT_WAYS, 8, "    %%%2$d = pad %%%1$d {low = [0, 1], high = [0, 0], value = 1.0}\n"},
        {FIT_REDUCTIONS, KERNEL_REDUCTIONS + 1,
         "    %%a%2$d = sum %%%1$d {axes = [1]}\n    %%b%2$d = reshape %%a%2$d {shape = [4, 1]}\n"
         "    %%%2$d = sub %%%1$d, %%b%2$d\n"},
        {FIT_OPERATOR, 1, "    %%q = cumsum %%%1$d {axis = 1}\n    %%%2$d = sin %%q\n"},
        {FIT_AXES, 1, "    %%c = sum %%%1$d {axes = [0]}\n    %%%2$d = add %%%1$d, %%c\n"},
        {FIT_CORE, 1,
         "    %%p = matmul %%%1$d, %%w\n    %%s = sum %%p {axes = [1]}\n    %%s1 = reshape %%s {shape = [4, "
         "1]}\n"
         "    %%%2$d = sub %%p, %%s1\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        char *text =
            arena_strdup(arena, "module @m {\n  func @f(%x : f32[4x8], %w : f32[8x8]) {\n    %0 = exp %x\n");
        for (int k = 0; k < rows[i].links; k++)
            text = arena_printf(arena, "%s%s", text, arena_printf(arena, rows[i].lines, k, k + 1));
        text = arena_printf(arena, "%s    output y = %%%d\n  }\n}\n", text, rows[i].links);
        Module *module = read_module(arena, diags, text, kernel_fit_text(rows[i].fit));
        module_record(module, arena);
        assert_true(passes_run(module, "fuse", &(PassOptions){.verify = true}, diags));
        bool found = false;
        for (size_t r = 0; r < module->remarks->count; r++)
            found = found || module->remarks->items[r].text == kernel_fit_text(rows[i].fit);
        if (!found)
            fail_msg("'%s' is not told, but\n%s", kernel_fit_text(rows[i].fit),
                     all_lines(arena, module, "fuse"));
        arena_free(arena);
    }
}

/* After all files. */
static void test_every_rule_is_told(void **state) {
    (void)state;
    char missing[4096] = "";
    for (int rule = 0; rule < RULE_COUNT; rule++)
        if (!seen[rule])
            snprintf(missing + strlen(missing), sizeof missing - strlen(missing), " %s",
                     rule_info((Rule)rule)->name);
    if (missing[0]) fail_msg("no case tells%s", missing);
}

/* Whether a rule's sentence is one that a reader can fill in. */
static void test_sentences(void **state) {
    (void)state;
    static const char *const blanks[] = {"{other}",     "{a}",       "{b}",       "{a:bytes}",
                                         "{b:bytes}",   "{a:count}", "{b:count}", "{a:seconds}",
                                         "{b:seconds}", "{a:flops}", "{b:flops}", "{text}"};
    for (int rule = 0; rule < RULE_COUNT; rule++) {
        const char *text = rule_info((Rule)rule)->text;
        assert_true(strlen(text) > 8 && strlen(text) < 160 && text[strlen(text) - 1] != '.');
        for (const char *at = text; (at = strchr(at, '{')); at++) {
            bool known = false;
            for (size_t i = 0; i < sizeof blanks / sizeof *blanks; i++)
                known = known || strncmp(at, blanks[i], strlen(blanks[i])) == 0;
            if (!known) fail_msg("%s: unknown %s", rule_info((Rule)rule)->name, at);
        }
    }
}

/* Random functions with all passes: the text is the same, and remarks speak of values that there are or were. */
static void test_nothing_depends_on_remarks(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        RandomGraph g = random_graph(arena, diags, seed + 2000, 30);
        g.func->name = "step";
        g.module->machine = (Machine){.cores = 2, .own_cache = 256, .bandwidth = 1, .call = 1e-18};
        g.module->precision = seed % 3 ? PRECISION_FP32 : PRECISION_BF16;
        g.module->memory_limit = seed % 4 ? 0 : 1 << 20;
        for (int p = 0; p < PRECISION_COUNT; p++) g.module->machine.tile[p] = (TileShape){2, 2};
        Module *quiet = module_clone(g.module, arena);
        module_record(g.module, arena);
        assert_true(passes_run(g.module, PASSES_ALL, NULL, diags));
        assert_true(passes_run(quiet, PASSES_ALL, NULL, diags));
        assert_same_text(g.module, quiet, "random graph");
        for (size_t i = 0; i < g.module->remarks->count; i++) {
            const Remark *item = &g.module->remarks->items[i];
            const Func *func = g.module->funcs[item->func];
            assert_true(item->value == IR_NONE || item->value < func->next_number);
            assert_true(item->other == IR_NONE || item->other < func->next_number);
        }
        arena_free(arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sentences),   cmocka_unit_test(test_graph_passes),
        cmocka_unit_test(test_plan_passes), cmocka_unit_test(test_every_rule_is_told),
        cmocka_unit_test(test_limits),      cmocka_unit_test(test_nothing_depends_on_remarks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
