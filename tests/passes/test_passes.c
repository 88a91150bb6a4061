/* The pass manager, and each pass by text: a module in, the expected module out. */
#include "ir/plan/plan.h"
#include "ir/remarks.h"
#include "tests/passes/graph.h"
#include "passes/passes.h"

typedef struct {
    Arena *arena;
    Diags *diags;
    Module *module;
} Text;

static Text read_text(const char *text) {
    Text t = {.arena = arena_new()};
    t.diags = diags_new(t.arena);
    t.module = module_parse(t.arena, t.diags, "test", text, strlen(text));
    if (!t.module) fail_msg("%s\n%s", diags_text(t.diags), text);
    return t;
}

/* ---- by text: tests/passes/cases/NAME.txt ------------------------------------------------------------------------ */

/* Values have no order but that of their operands: two functions are equal if their outputs and updates are, node for
 * node. `match` holds the partner of each value already compared. */
static bool same_value(const Func *a, const Func *b, ValueId x, ValueId y, ValueId *match) {
    if (match[x] != IR_NONE) return match[x] == y;
    const Node *m = func_node(a, x), *n = func_node(b, y);
    const OpInfo *info = op_info(m->op);
    if (m->op != n->op || m->n_operands != n->n_operands || !type_equal(&m->type, &n->type)) return false;
    for (int i = 0; i < info->n_attrs; i++) {
        if (!attr_equal(info->attrs[i].kind, &m->attrs[i], &n->attrs[i])) return false;
    }
    for (int o = 0; o < m->n_operands; o++)
        if (!same_value(a, b, m->operands[o], n->operands[o], match)) return false;
    match[x] = y;
    return true;
}

static bool same_func(const Func *a, const Func *b, Arena *arena) {
    ValueId *match = ARENA_ARRAY(arena, ValueId, a->count + 1);
    for (size_t i = 0; i < a->count; i++) match[i] = IR_NONE;
    if (a->count != b->count || a->n_outputs != b->n_outputs || a->n_updates != b->n_updates) return false;
    for (size_t i = 0; i < a->n_outputs; i++)
        if (!same_value(a, b, a->outputs[i].value, b->outputs[i].value, match)) return false;
    for (size_t i = 0; i < a->n_updates; i++)
        if (a->updates[i].state != b->updates[i].state ||
            !same_value(a, b, a->updates[i].value, b->updates[i].value, match))
            return false;
    return true;
}

/* Where there is a plan all must be the same, in the same order: their texts are, whatever the one that is wanted
 * leaves out. */
static bool same_plan(const Text *want, const Text *got) {
    if (!want->module->funcs[0]->plan && !got->module->funcs[0]->plan) return true;
    module_renumber(want->module);
    module_renumber(got->module);
    char *a = module_print(want->module, NULL), *b = module_print(got->module, NULL);
    bool same = strcmp(a, b) == 0;
    free(a);
    free(b);
    return same;
}

/* Numbers between -1 and 1, or small whole ones. */
static Tensor *draw_all(Arena *arena, size_t n, const Type *const *types, uint64_t *seed) {
    Tensor *drawn = ARENA_ARRAY(arena, Tensor, n + 1);
    for (size_t i = 0; i < n; i++)
        drawn[i] = tensor_draw(arena, types[i], dtype_is_float((DType)types[i]->dtype) ? 0 : 2, -1, 1, seed);
    return drawn;
}

/* Outputs, then states, of inputs and states that are the same for functions of one signature. */
static Tensor *run_drawn(const Func *func, Arena *arena) {
    const Module *module = func->module;
    uint64_t seed = 1;
    char error[512];
    const Type **inputs = ARENA_ARRAY(arena, const Type *, func->n_inputs + 1),
               **states = ARENA_ARRAY(arena, const Type *, module->n_states + 1);
    for (size_t i = 0; i < func->n_inputs; i++) inputs[i] = &func->inputs[i].type;
    for (size_t i = 0; i < module->n_states; i++) states[i] = &module->states[i].type;
    Tensor *results = ARENA_ARRAY(arena, Tensor, func->n_outputs + module->n_states + 1);
    if (!func_interpret(func, draw_all(arena, func->n_inputs, inputs, &seed),
                        draw_all(arena, module->n_states, states, &seed), results, results + func->n_outputs,
                        arena, error, sizeof error))
        fail_msg("%s", error);
    return results;
}

static bool can_run(const Func *func) {
    for (ValueId id = 0; id < func->count; id++)
        if (func_node(func, id)->op == OP_grad) return false;
    return !func->plan && !func->body && func_flops(func, false) < 5e8;
}

/* The passes keep what each function computes, to rounding. */
static void check_numbers(const Text *before, const Text *after, const char *file) {
    for (size_t f = 0; f < before->module->n_funcs; f++) {
        const Func *a = before->module->funcs[f], *b = after->module->funcs[f];
        if (!can_run(a) || !can_run(b)) continue;
        Tensor *want = run_drawn(a, before->arena), *got = run_drawn(b, after->arena);
        for (size_t i = 0; i < a->n_outputs + before->module->n_states; i++)
            assert_tensor_near(&got[i], &want[i], 1e-9, 1e-9, "%s, result %zu", file, i);
    }
}

/* One case: "// passes: LIST", a module, "// gives:", the module expected. */
static void check_text(char *text, const char *file) {
    char *list = strstr(text, "// passes: "), *gives = strstr(text, "// gives:\n");
    if (!list || !gives) fail_msg("%s: a case without '// passes:' or '// gives:'", file);
    list += strlen("// passes: ");
    *gives = '\0';
    Text want = read_text(gives + strlen("// gives:\n")), got = read_text(strchr(list, '\n'));
    *strchr(list, '\n') = '\0';
    if (!passes_run(got.module, list, &(PassOptions){.verify = true}, got.diags))
        fail_msg("%s: %s", file, diags_text(got.diags));
    assert_int_equal(got.module->n_funcs, want.module->n_funcs);
    for (size_t f = 0; f < got.module->n_funcs; f++)
        if (!same_plan(&want, &got) || !same_func(got.module->funcs[f], want.module->funcs[f], got.arena))
            fail_msg("%s: %s gives\n%s", file, list, module_print(got.module, NULL));
    *strchr(list, '\0') = '\n';
    Text plain = read_text(strchr(list, '\n'));
    check_numbers(&plain, &got, file);
    arena_free(plain.arena);
    arena_free(want.arena);
    arena_free(got.arena);
}

static void check_file(const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/passes/cases/%s.txt", TEST_DIR, name);
    Arena *arena = arena_new();
    char *rest = read_file(arena, path);
    int n = 0;
    for (char *one; (one = rest) && *one; n++) { /* cases are divided by lines of "// ----" */
        char *end = strstr(one, "// ----\n");
        rest = end ? end + strlen("// ----\n") : NULL;
        if (end) *end = '\0';
        check_text(one, name);
    }
    assert_true(n > 0);
    arena_free(arena);
}

/* ---- numbers and remarks ----------------------------------------------------------------------------------------- */

/* Whether the last pass told this of value `number`, or of none (IR_NONE: of any other). */
static bool told(const Module *module, Rule rule, uint32_t value, uint32_t other) {
    for (size_t i = 0; i < module->remarks->count; i++) {
        const Remark *item = &module->remarks->items[i];
        if (item->rule == rule && item->value == value && item->other == other) return true;
    }
    return false;
}

/* A value keeps its number however it is computed, and what became of the others is told. */
static void test_numbers_stay(void **state) {
    (void)state;
    Text t = read_text("module @m {\n  func @f(%x : f64[2], %y : f64[2]) {\n"
                       "    %7 = add %x, %y\n    %3 = add %y, %x\n    %20 = neg %x\n    %4 = neg %20\n"
                       "    %9 = mul %4, %3\n    %5 = exp %9\n    %30 = sub %9, %7\n    %31 = softmax %30\n"
                       "    output z = %31\n  }\n}\n");
    module_record(t.module, t.arena);
    assert_true(passes_run(t.module, "simplify", &(PassOptions){.verify = true}, t.diags));
    char *text = module_print(t.module, NULL);
    assert_string_equal(text, "module @m {\n  func @f(%x : f64[2], %y : f64[2]) {\n"
                              "    %7 = add %x, %y : f64[2]\n    %9 = mul %x, %7 : f64[2]\n"
                              "    %30 = sub %9, %7 : f64[2]\n    %31 = softmax %30 : f64[2]\n"
                              "    output z = %31\n  }\n}\n");
    free(text);
    assert_true(told(t.module, RULE_became, 3, 7));
    assert_true(told(t.module, RULE_dropped, 5, IR_NONE) && told(t.module, RULE_dropped, 20, IR_NONE));
    assert_true(passes_run(t.module, "expand", &(PassOptions){.verify = true}, t.diags));
    const Func *f = t.module->funcs[0];
    assert_int_equal(func_node(f, f->outputs[0].value)->op, OP_div);
    assert_int_equal(func_node(f, f->outputs[0].value)->number, 31);
    assert_true(told(t.module, RULE_made, 32, 31)); /* a part of the softmax */
    arena_free(t.arena);
}

/* A value that several kernels compute: one of them has its number. */
static void test_numbers_of_copies(void **state) {
    (void)state;
    Text t = read_text("module @m {\n  func @f(%x : f64[2]) {\n    %0 = neg %x\n    %1 = exp %0\n"
                       "    %2 = sum %0 {axes = [0]}\n    output y = %1\n    output z = %2\n  }\n}\n");
    module_record(t.module, t.arena);
    assert_true(passes_run(t.module, "fuse", &(PassOptions){.verify = true}, t.diags));
    const Func *f = t.module->funcs[0];
    int negs = 0;
    for (ValueId id = 0; id < f->count; id++) negs += func_node(f, id)->op == OP_neg;
    assert_int_equal(negs, 2);
    bool copied = false;
    for (size_t i = 0; i < t.module->remarks->count; i++) {
        const Remark *item = &t.module->remarks->items[i];
        copied = copied || (item->rule == RULE_copied && item->value > 2 && item->other == 0);
    }
    assert_true(copied);
    arena_free(t.arena);
}

static void test_simplify_cases(void **state) {
    (void)state;
    check_file("simplify");
}
static void test_factor_cases(void **state) {
    (void)state;
    check_file("factor");
}
static void test_symmetric_cases(void **state) {
    (void)state;
    check_file("symmetric");
}
static void test_autodiff_cases(void **state) {
    (void)state;
    check_file("autodiff");
}
static void test_zeros_cases(void **state) {
    (void)state;
    check_file("zeros");
    check_file("sink-sums");
}
static void test_expand_cases(void **state) {
    (void)state;
    check_file("expand");
}
static void test_attention_cases(void **state) {
    (void)state;
    check_file("attention");
}
static void test_demand_cases(void **state) {
    (void)state;
    check_file("demand");
}
static void test_tile_sums_cases(void **state) {
    (void)state;
    check_file("tile-sums");
}

/* Passes behind `fuse`, `fuse` too: kernels, chains, places, copies and barriers must be as told. */
static void test_plan_cases(void **state) {
    (void)state;
    static const char *const files[] = {"fuse",     "precision", "schedule", "remat",
                                        "prologue", "chain",     "memory",   "barriers"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) check_file(files[i]);
}

/* ---- the manager ------------------------------------------------------------------------------------------------- */

static const char SMALL[] = "module @m {\n  func @f(%x : f64) {\n    %0 = neg %x\n    %1 = neg %0\n"
                            "    output y = %1\n  }\n}\n";

static void count_calls(void *user, const Pass *pass, const Module *module, double seconds) {
    assert_non_null(pass->name);
    assert_int_equal(module->n_funcs, 1);
    assert_true(seconds >= 0);
    ++*(int *)user;
}

static void test_lists(void **state) {
    (void)state;
    Text t = read_text(SMALL);
    int calls = 0;
    PassOptions options = {.verify = true, .after = count_calls, .user = &calls};
    assert_true(passes_run(t.module, "", &options, t.diags));
    assert_int_equal(calls, 0);
    assert_true(passes_run(t.module, "simplify, autodiff,expand", &options, t.diags));
    assert_int_equal(calls, 3);
    assert_int_equal(t.module->funcs[0]->count, 1);
    assert_true(passes_run(t.module, PASSES_ALL, NULL, t.diags));
    arena_free(t.arena);
}

static void test_unknown_name_runs_nothing(void **state) {
    (void)state;
    Text t = read_text(SMALL);
    assert_false(passes_run(t.module, "simplify,autodif", NULL, t.diags));
    assert_int_equal(t.module->funcs[0]->count, 3);
    DiagKind kind;
    Loc loc;
    assert_string_equal(diags_message(t.diags, 0, &kind, &loc),
                        "unknown pass 'autodif'; did you mean 'autodiff'?");
    arena_free(t.arena);
}

static void test_memory_wants_kernels(void **state) {
    (void)state;
    Text t = read_text(SMALL);
    assert_false(passes_run(t.module, "memory", NULL, t.diags));
    DiagKind kind;
    Loc loc;
    assert_non_null(strstr(diags_message(t.diags, 0, &kind, &loc), "run 'fuse' before"));
    arena_free(t.arena);
}

/* What has no gradient is refused where it stands, unless no gradient is asked of what it is made from. */
static void test_no_gradient(void **state) {
    (void)state;
    static const struct {
        const char *op, *statement, *told;
    } rows[] = {
        {"sum_rows", "sum_rows %q {rows = 2}", "this sum_rows, which has no gradient"},
        {"moments", "moments %q {columns = 2}", "this moments, which has no gradient"},
        {"attention_grad", "attention_grad %q, %c, %c, %c", "this attention_grad, which has no gradient"},
        {"attention_key_grad", "attention_key_grad %q, %c, %c, %c",
         "this attention_key_grad, which has no gradient"},
        {"attention_query_grad", "attention_query_grad %q, %c, %c, %c",
         "this attention_query_grad, which has no gradient"},
        {"attention_bias_grad", "attention_bias_grad %q, %c, %c, %c, %c",
         "this attention_bias_grad, which has no gradient"},
        {"grad", "grad %s, %q", "second derivatives are not made"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int asked = strcmp(rows[i].op, "grad") == 0; asked < 2; asked++) {
            char text[1024];
            snprintf(text, sizeof text,
                     "module @m {\n  func @f(%%q : f32[4x4], %%k : f32[4x4], %%c : f32[4x4]) {\n"
                     "    %%p = mul %%q, %%q\n    %%s = sum %%p {axes = [0, 1]}\n"
                     "    %%y = %s  // (r.yaml:7:%zu)\n    %%l = sum %%y {axes = [0, 1%s]}\n"
                     "    %%g = grad %%l, %%%c\n    output g = %%g\n  }\n}\n",
                     rows[i].statement, i + 1, i < 4 ? ", 2" : "", "kq"[asked]);
            Text t = read_text(text);
            assert_int_equal(passes_run(t.module, "autodiff", NULL, t.diags), !asked);
            DiagKind kind;
            Loc loc = {0, 0, 0};
            if (asked && !strstr(diags_message(t.diags, 0, &kind, &loc), rows[i].told))
                fail_msg("%s: %s", rows[i].op, diags_text(t.diags));
            assert_true(!asked || (loc.line == 7 && loc.col == i + 1));
            arena_free(t.arena);
        }
}

static bool is_listed(const char *list, const char *name) {
    size_t n = strlen(name);
    for (const char *at = list; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, name, n) == 0 && (at[n] == ',' || !at[n])) return true;
    }
    return false;
}

/* The next row of a table of Markdown, whose first column is a name in backquotes; false at the table's end. */
static bool next_row(const char **at, char name[64]) {
    int end = 0;
    if (sscanf(*at, "| `%63[^`]` |%n", name, &end) != 1 || end == 0) return false;
    *at += strcspn(*at, "\n");
    *at += **at == '\n';
    return true;
}

/* docs/ir.md has the passes in the order of their table, all of them and no other; each is among those that make
 * code. */
static void test_every_pass_is_documented(void **state) {
    (void)state;
    static const char head[] = "\n| pass | does |\n|---|---|\n";
    int n, row = 0;
    char name[64];
    const Pass *table = pass_table(&n);
    Arena *arena = arena_new();
    const char *at = strstr(read_file(arena, SOURCE_DIR "/docs/ir.md"), head);
    assert_non_null(at);
    for (at += strlen(head); next_row(&at, name); row++) {
        if (row == n) fail_msg("docs/ir.md: there is no pass '%s' behind '%s'", name, table[n - 1].name);
        if (strcmp(name, table[row].name) != 0)
            fail_msg("docs/ir.md: pass '%s' where the table has '%s'", name, table[row].name);
    }
    if (row < n) fail_msg("docs/ir.md: no row for pass '%s'", table[row].name);
    arena_free(arena);
    for (int i = 0; i < n; i++) {
        assert_true(table[i].doc[0] && pass_find(table[i].name) == &table[i]);
        assert_true(is_listed(PASSES_ALL, table[i].name));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_unknown_name_runs_nothing),
        cmocka_unit_test(test_memory_wants_kernels),
        cmocka_unit_test(test_no_gradient),
        cmocka_unit_test(test_every_pass_is_documented),
        cmocka_unit_test(test_numbers_stay),
        cmocka_unit_test(test_numbers_of_copies),
        cmocka_unit_test(test_simplify_cases),
        cmocka_unit_test(test_factor_cases),
        cmocka_unit_test(test_symmetric_cases),
        cmocka_unit_test(test_autodiff_cases),
        cmocka_unit_test(test_demand_cases),
        cmocka_unit_test(test_attention_cases),
        cmocka_unit_test(test_zeros_cases),
        cmocka_unit_test(test_expand_cases),
        cmocka_unit_test(test_tile_sums_cases),
        cmocka_unit_test(test_plan_cases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
