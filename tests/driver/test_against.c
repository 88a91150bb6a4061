/* Two recipes side by side: the report of two modules, its text and JSON, and the command. */
#include "inspect/against/against_json.h"
#include "inspect/against/against_text.h"
#include "ir/base/stream.h"
#include "passes/passes.h"
#include "tests/driver/runs.h"
#include "tests/driver/schema.h"

/* `blocks` products one after the other. */
static const Func *stacked(Arena *arena, const char *name, int blocks, int width, bool norm) {
    TextStream stream;
    FILE *out = stream_begin(&stream);
    size_t size;
    fprintf(out, "module @%s target(batch = 8) {\n", name);
    for (int b = 0; b < blocks; b++)
        fprintf(out,
                "  state %%net.blocks.%d.weight : f32[%dx%d] = normal(mean = 0, std = 1), role = param\n", b,
                width, width);
    fprintf(out, "  func @step(%%x : f32[64x%d]) {\n", width);
    for (int b = 0; b < blocks; b++)
        fprintf(out, "    %%%d = matmul %%%s, %%net.blocks.%d.weight  // net.blocks.%d\n", b,
                b ? arena_printf(arena, "%d", b - 1) : "x", b, b);
    if (norm) fprintf(out, "    %%%d = softmax %%%d  // net.norm\n", blocks, blocks - 1);
    fprintf(out, "    output y = %%%d\n  }\n}\n", norm ? blocks : blocks - 1);
    char *text = stream_end(&stream, &size);
    Diags *diags = diags_new(arena);
    Module *module = module_parse(arena, diags, name, text, size);
    free(text);
    if (!module || !passes_run(module, PASSES_ALL, NULL, diags)) fail_msg("%s", diags_text(diags));
    return module_find_func(module, "step");
}

static const AgainstRow *row(const AgainstTable *table, const char *name) {
    for (size_t i = 0; i < table->n_rows; i++)
        if (strcmp(table->rows[i].name, name) == 0) return &table->rows[i];
    fail_msg("no row '%s' of %s", name, table->name);
    return NULL;
}

static const AgainstTotal *total(const AgainstReport *r, const char *name) {
    for (size_t i = 0; i < r->n_totals; i++)
        if (strcmp(r->totals[i].name, name) == 0) return &r->totals[i];
    fail_msg("no total '%s'", name);
    return NULL;
}

static const Roofline ROOFLINE = {.flops = 1e9, .bytes = 1e9};

/* Deeper: a row with another count, not a row a tensor. */
static void test_deeper(void **state) {
    (void)state;
    Arena *arena = arena_new();
    AgainstReport r =
        against_report(arena, stacked(arena, "a", 2, 16, false), stacked(arena, "b", 12, 16, true), ROOFLINE);
    assert_true(total(&r, "parameters")->values[0] == 2 * 256 &&
                total(&r, "parameters")->values[1] == 12 * 256);
    assert_true(total(&r, "FLOPs of products")->values[1] == 12 * 2.0 * 64 * 16 * 16);
    assert_int_equal(r.tables[AGAINST_STATES].n_rows, 1);
    const AgainstRow *weights = row(&r.tables[AGAINST_STATES], "net.blocks.*.weight");
    assert_true(weights->in[0] && weights->in[1] && weights->counts[0] == 2 && weights->counts[1] == 12);
    assert_true(weights->values[1] == 12 * 1024);
    assert_string_equal(weights->texts[1], "f32[16x16]");
    assert_int_equal(row(&r.tables[AGAINST_OPERATORS], "matmul")->counts[1], 12);
    const AgainstRow *norm = row(&r.tables[AGAINST_MODULES], "net.norm");
    assert_true(!norm->in[0] && norm->in[1] && norm->counts[1] >= 1 && norm->values[1] > 0);
    assert_ptr_equal(norm, &r.tables[AGAINST_MODULES].rows[0]); /* what is only in one comes first */
    assert_int_equal(r.tables[AGAINST_INPUTS].n_rows, 0);
    assert_int_equal(r.tables[AGAINST_INPUTS].n_same, 1);
    assert_false(against_equal(&r));
    arena_free(arena);
}

static void test_wider(void **state) {
    (void)state;
    Arena *arena = arena_new();
    AgainstReport r =
        against_report(arena, stacked(arena, "a", 2, 16, false), stacked(arena, "b", 2, 32, false), ROOFLINE);
    const AgainstRow *weights = row(&r.tables[AGAINST_STATES], "net.blocks.*.weight");
    assert_string_equal(weights->texts[0], "f32[16x16]");
    assert_string_equal(weights->texts[1], "f32[32x32]");
    assert_string_equal(row(&r.tables[AGAINST_INPUTS], "x")->texts[1], "f32[64x32]");
    assert_int_equal(r.tables[AGAINST_OPERATORS].n_rows, 0);
    arena_free(arena);
}

static void test_text(void **state) {
    (void)state;
    static const char *const NAMES[2] = {"a", "b depth=3"};
    Arena *arena = arena_new();
    const Func *a = stacked(arena, "a", 2, 16, true), *b = stacked(arena, "b", 3, 16, false);
    AgainstReport r = against_report(arena, a, b, ROOFLINE), same = against_report(arena, a, a, ROOFLINE);
    TextStream stream;
    size_t size;
    against_text(&r, NAMES, false, 0, stream_begin(&stream));
    char *text = stream_end(&stream, &size);
    assert_null(strchr(text, '\033'));
    assert_non_null(strstr(text, "first   a\nsecond  b depth=3\n"));
    assert_non_null(strstr(text, "parameters                      512            768    +50.0%\n"));
    assert_non_null(strstr(text, "states: 0 only in the first, 0 only in the second, 1 changed, 0 equal\n"
                                 "~       2 -> 3     2.05 KB -> 3.07 KB  net.blocks.*.weight  f32[16x16]\n"));
    free(text);
    against_text(&r, NAMES, true, 1, stream_begin(&stream));
    text = stream_end(&stream, &size);
    assert_non_null(strstr(text, "\033[31m-"));
    assert_non_null(strstr(text, " more: --all, or --format=json\n"));
    free(text);
    against_text(&same, NAMES, false, 0, stream_begin(&stream));
    text = stream_end(&stream, &size);
    assert_true(against_equal(&same));
    assert_non_null(strstr(text, "\nThe two compute the same with the same states.\n"));
    assert_null(strstr(text, "only in the first"));
    free(text);
    json_t *json = against_json(&r, NAMES);
    assert_schema_of("inspect-against", json);
    json_decref(json);
    arena_free(arena);
}

/* What stands behind --against is the second's, what stands before it the first's. */
static void test_command(void **state) {
    (void)state;
    static const char SMALL[] = "mae preset=tiny decoder_depth=1 depth";
    assert_int_equal(run_command("%s inspect %s=1 --against %s=2 --format=json", VITC_BINARY, SMALL, SMALL),
                     0);
    json_t *json = json_load_file(path_of("log"), 0, NULL);
    assert_non_null(json);
    assert_schema_of("inspect-against", json);
    assert_string_equal(json_string_value(json_array_get(json_object_get(json, "recipes"), 0)),
                        "mae preset=tiny decoder_depth=1 depth=1");
    json_t *setting = json_array_get(json_object_get(json, "settings"), 0);
    assert_string_equal(json_string_value(json_object_get(setting, "key")), "knobs.depth");
    assert_string_equal(json_string_value(json_object_get(setting, "second")), "2");
    json_decref(json);
    assert_int_equal(run_command("%s inspect %s=1 --against depth=2", VITC_BINARY, SMALL), 0);
    assert_true(said("second  mae preset=tiny decoder_depth=1 depth=1 depth=2\n"));
    assert_true(said("  knobs.depth: 1 -> 2\n"));
    assert_int_equal(run_command("%s inspect %s=1 --against nothing", VITC_BINARY, SMALL), 2);
    assert_true(said("nothing"));
    assert_int_equal(run_command("%s inspect %s=1 --against depth=2 --function stepp", VITC_BINARY, SMALL),
                     2);
    assert_true(said("did you mean 'step'?"));
    assert_int_equal(run_command("%s inspect %s=1 --against depth=2 --memory", VITC_BINARY, SMALL), 2);
    assert_true(said("--against and --memory show two things"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deeper),
        cmocka_unit_test(test_wider),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_command),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
