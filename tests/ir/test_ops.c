/* The operator table: its reference page is up to date, its attributes read as written, and its shape rules tell what
 * is wrong. The examples of docs/ir.md are modules. */
#include "tests/passes/graph.h"

static void test_reference_page(void **state) {
    (void)state;
    Arena *arena = arena_new();
    char *page = read_file(arena, SOURCE_DIR "/docs/ops.md"), *want = ops_doc();
    if (strcmp(page, want) != 0)
        fail_msg("docs/ops.md is out of date: vitc help ops --markdown > docs/ops.md");
    for (int op = 0; op < OP_COUNT; op++) {
        char row[64];
        snprintf(row, sizeof row, "| `%s` |", op_info((OpKind)op)->name);
        assert_non_null(strstr(page, row));
    }
    arena_free(arena);
    free(want);
}

static const AttrSpec *spec_of(OpKind op, const char *key) {
    const OpInfo *info = op_info(op);
    for (int a = 0; a < info->n_attrs; a++)
        if (strcmp(info->attrs[a].key, key) == 0) return &info->attrs[a];
    fail_msg("%s has no attribute %s", info->name, key);
    return NULL;
}

static void test_table(void **state) {
    (void)state;
    for (int op = 0; op < OP_COUNT; op++) {
        const OpInfo *info = op_info((OpKind)op);
        assert_int_equal(op_find(info->name), op);
        assert_true(info->min_operands <= info->max_operands || info->max_operands < 0);
        assert_true(info->doc[0]);
    }
    assert_int_equal(op_find("nothing"), -1);
    const OpInfo *pad = op_info(OP_pad);
    assert_int_equal(pad->n_attrs, 3);
    const AttrSpec *value = spec_of(OP_pad, "value"), *dtype = spec_of(OP_iota, "dtype");
    assert_true(value->has_default && value->kind == ATTR_REAL && value->value.f == 0);
    assert_false(spec_of(OP_pad, "low")->has_default);
    assert_true(dtype->has_default && dtype->kind == ATTR_DTYPE && dtype->value.dtype == DT_I32);
}

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

static const struct {
    const char *inputs, *statement, *result; /* a type, or part of the message */
} SHAPES[] = {
    {"%a : f32[2x1x3], %b : f32[4x1]", "add %a, %b", "f32[2x4x3]"},
    {"%a : f32[2x3], %b : f32", "mul %a, %b", "f32[2x3]"},
    {"%a : f32[2x3], %b : f32[2]", "add %a, %b", "do not broadcast"},
    {"%a : f32[2], %b : f64[2]", "add %a, %b", "element types differ: f32[2] and f64[2]"},
    {"%a : bool[2]", "neg %a", "wants numbers"},
    {"%a : i32[2]", "exp %a", "wants reals"},
    {"%a : i32[2], %b : i32", "lt %a, %b", "bool[2]"},
    {"%a : bool, %b : f32[3], %c : f32[2x1]", "select %a, %b, %c", "f32[2x3]"},
    {"%a : f32, %b : f32[3]", "select %a, %b, %b", "must be bool"},
    {"%a : f32[2x3x4]", "sum %a {axes = [2, 0]}", "f32[3]"},
    {"%a : f32[2x3x4]", "sum %a {axes = [1], keep = true}", "f32[2x1x4]"},
    {"%a : f32[2x3]", "amax %a {axes = [2]}", "axis 2 of f32[2x3]"},
    {"%a : f32[2x3]", "amax %a {axes = [1, 1]}", "twice"},
    {"%a : f32[2x3]", "argmax %a", "i32[2]"},
    {"%a : f32[2x3]", "argsort %a {axis = 0}", "i32[2x3]"},
    {"%a : f32", "softmax %a", "not a scalar"},
    {"%a : f32[2x3], %w : f32[2]", "layernorm %a, %w, %w", "as long as a row"},
    {"%a : f32[2x3], %b : f32[3x4]", "matmul %a, %b", "f32[2x4]"},
    {"%a : f32[5x3x2], %b : f32[5x4x3]", "matmul %a, %b {ta = true, tb = true}", "f32[5x2x4]"},
    {"%a : f32[2x3], %b : f32[4x3]", "matmul %a, %b", "inner sizes differ (3 and 4): f32[2x3] @ f32[4x3]"},
    {"%a : f32[2x2x3], %b : f32[3x4]", "matmul %a, %b", "equal ranks"},
    {"%a : f32[2x3]", "reshape %a {shape = [3, 2, 1]}", "f32[3x2x1]"},
    {"%a : f32[2x3]", "reshape %a {shape = [4]}", "has 6 elements"},
    {"%a : f32[2x3]", "transpose %a {perm = [1, 0]}", "f32[3x2]"},
    {"%a : f32[2x3]", "transpose %a {perm = [1, 1]}", "not a permutation"},
    {"%a : f32[3x1]", "broadcast %a {shape = [2, 3, 4]}", "f32[2x3x4]"},
    {"%a : f32[3]", "broadcast %a {shape = [4]}", "does not broadcast"},
    {"%a : f32[7]", "slice %a {start = [1], limit = [7], step = [4]}", "f32[2]"},
    {"%a : f32[7]", "slice %a {start = [1], limit = [8], step = [1]}", "out of range"},
    {"%a : f32[7]", "slice %a {start = [1], limit = [1], step = [1]}", "empty"},
    {"%a : f32[2x3]", "pad %a {low = [1, 0], high = [0, 2]}", "f32[3x5]"},
    {"%a : bool[2]", "pad %a {low = [1], high = [0], value = 2}", "2 is no bool"},
    {"%a : f32[2x3], %b : f32[2x1]", "concat %a, %b, %a {axis = -1}", "f32[2x7]"},
    {"%a : f32[2x3], %b : f32[1x2]", "concat %a, %b", "shapes differ off axis 0"},
    {"%a : f32[5x3], %i : i32[2x4]", "gather %a, %i", "f32[2x4x3]"},
    {"%a : f32[2x5x3], %i : i64[2x4]", "gather %a, %i {batch = 1}", "f32[2x4x3]"},
    {"%a : f32[5x3], %i : f32[2]", "gather %a, %i", "indices must be integers"},
    {"%a : f32[5x3], %i : i32[2], %u : f32[3x3]", "scatter_add %a, %i, %u", "must be f32[2x3]"},
    {"%a : bool[5], %i : i32[2], %u : bool[2]", "scatter_add %a, %i, %u", "wants numbers"},
    {"%a : f32[2x3x5x6]", "unfold %a {kernel = [3, 2], stride = [2, 2], padding = [1, 0]}", "f32[2x9x18]"},
    {"%a : f32[2x3x5x6]", "unfold %a {kernel = [9, 2], stride = [2, 2], padding = [1, 0]}", "do not fit"},
    {"%a : f32[2x9x18]", "fold %a {size = [5, 6], kernel = [3, 2], stride = [2, 2], padding = [1, 0]}",
     "f32[2x3x5x6]"},
    {"", "constant {value = 0.5, dtype = i32}", "0.5 is no i32"},
    {"", "iota {shape = [2, 3], axis = 2}", "axis 2 of a value of rank 2"},
    {"%a : f32[2], %b : f32", "grad %a, %b", "only of a real scalar"},
    {"%a : f32[2]", "add %a", "takes 2 operands, not 1"},
};

static void test_shapes(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof SHAPES / sizeof *SHAPES; i++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        char text[512];
        snprintf(text, sizeof text, "module @m {\nfunc @f(%s) {\n%%y = %s\noutput y = %%y\n}\n}\n",
                 SHAPES[i].inputs, SHAPES[i].statement);
        Module *module = module_parse(arena, diags, "test", text, strlen(text));
        const char *got =
            module ? type_text(arena, func_type(module->funcs[0], module->funcs[0]->outputs[0].value))
                   : diags_text(diags);
        if (module ? strcmp(got, SHAPES[i].result) != 0 : !strstr(got, SHAPES[i].result))
            fail_msg("%s (%s) gives %s, not %s", SHAPES[i].statement, SHAPES[i].inputs, got,
                     SHAPES[i].result);
        arena_free(arena);
    }
}

/* ---- examples ---------------------------------------------------------------------------------------------------- */

static void test_examples(void **state) {
    (void)state;
    Arena *file = arena_new();
    char *page = read_file(file, SOURCE_DIR "/docs/ir.md");
    int exact = 0, fence = 0;
    for (char *at = page; (at = strstr(at, "```ir")) != NULL; fence++) {
        bool canonical = at[5] == '\n';
        char *start = strchr(at, '\n') + 1, *end = strstr(start, "```");
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        Module *module = module_parse(arena, diags, "docs/ir.md", start, (size_t)(end - start));
        if (!module) fail_msg("%s", diags_text(diags));
        size_t size;
        char *text = module_print(module, &size);
        if (canonical) assert_true(size == (size_t)(end - start) && memcmp(text, start, size) == 0);
        exact += canonical;
        free(text);
        arena_free(arena);
        at = end + 3;
    }
    assert_true(exact >= 1 && fence >= 2);
    arena_free(file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_reference_page),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_examples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
