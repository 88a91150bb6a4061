/* What passes change: values and kernels matched by number and not by line, the table of passes. */
#include "inspect/text/diff_json.h"
#include "inspect/text/diff_text.h"
#include "inspect/text/pass_table.h"
#include "ir/base/stream.h"
#include "tests/inspect/inspected.h"

static const char STEP[] =
    "module @small {\n"
    "  state %net.0.w : f32[4x4] = constant(value = 1), role = param\n"
    "  func @step(%x : f32[4x4]) {\n"
    "    %0 = constant {value = 1} : f32  // (lib/nn.yaml:1:1)\n"
    "    %1 = constant {value = 1} : f32  // (lib/nn.yaml:2:1)\n"
    "    %2 = mul %x, %0 : f32[4x4]  // net.0 (lib/nn.yaml:3:1)\n"
    "    %3 = transpose %net.0.w {perm = [1, 0]} : f32[4x4]  // net.0 (lib/nn.yaml:3:1)\n"
    "    %4 = matmul %2, %3 : f32[4x4]  // net.0 (lib/nn.yaml:4:1)\n"
    "    %5 = add %4, %1 : f32[4x4]  // net.0 (lib/nn.yaml:5:1)\n"
    "    %6 = exp %x : f32[4x4]  // net.1 (lib/nn.yaml:6:1)\n"
    "    output z = %5\n"
    "  }\n"
    "}\n";

static char *shown(const Inspection *inspection, DiffOptions options) {
    TextStream stream;
    View view;
    view_open(&view, stream_begin(&stream), 0, false);
    diff_text(inspection, &options, &view);
    view_close(&view);
    return stream_end(&stream, NULL);
}

static void check_shown(const Inspection *inspection, const char *want) {
    char *text = shown(inspection, (DiffOptions){0});
    assert_string_equal(text, want);
    free(text);
}

/* The last stage of a run against another one's: two texts instead of a pass. */
static FuncDiff *between(Arena *arena, const char *before, const char *after) {
    InspectionRun run = {.passes = ""};
    Inspection a = inspected_text(arena, before, &run), b = inspected_text(arena, after, &run);
    return diff_make(arena, a.func, b.func, NULL, 1, NULL);
}

/* What passes did to values, by number; who reads a value that another stands for has not changed. */
static void test_simplify(void **state) {
    (void)state;
    Arena *arena = arena_new();
    InspectionRun run = {.passes = "simplify", .keep = STAGES_ALL};
    Inspection inspection = inspected_text(arena, STEP, &run);
    check_shown(
        &inspection,
        "--- small after frontend\n"
        "+++ small after simplify: fold constants, apply algebra, merge equal nodes, drop unused ones\n"
        "@step: values 3, were 7: 4 gone, 0 new, 1 changed\n"
        "\n"
        "@@ in no module @@\n"
        "-%1 = constant {value = 1} : f32  // gone: %0 stands for it (lib/nn.yaml:2)\n"
        "\n"
        "@@ net.0 @@\n"
        "-%2 = mul %x, %0 : f32[4x4]  // gone: x stands for it (lib/nn.yaml:3)\n"
        "-%3 = transpose %net.0.w {perm = [1, 0]} : f32[4x4]  // gone: nothing uses it (lib/nn.yaml:3)\n"
        "-%4 = matmul %2, %3 : f32[4x4]\n"
        "+%4 = matmul %x, %net.0.w {tb = true} : f32[4x4]  // operands, attributes; "
        "simplified: the product reads it transposed (lib/nn.yaml:4)\n"
        "\n"
        "@@ net.1 @@\n"
        "-%6 = exp %x : f32[4x4]  // gone: nothing uses it (lib/nn.yaml:6)\n");
    arena_free(arena);
}

/* Neither order nor other numbers of kernels are a change. */
static void test_order(void **state) {
    (void)state;
    Arena *arena = arena_new();
    static const char A[] =
        "module @m {\n  func @f(%x : f32[4]) {\n    kernel {\n      %0 = exp %x : f32[4]\n    }\n"
        "    kernel {\n      %1 = log %x : f32[4]\n    }\n    output a = %0\n    output b = %1\n  }\n}\n";
    static const char B[] =
        "module @m {\n  func @f(%x : f32[4]) {\n    kernel {\n      %1 = log %x : f32[4]\n    }\n"
        "    kernel {\n      %0 = exp %x : f32[4]\n    }\n    output a = %0\n    output b = %1\n  }\n}\n";
    FuncDiff *diff = between(arena, A, B);
    assert_true(diff_is_empty(diff));
    assert_true(diff->reordered);
    diff = between(arena, A, A);
    assert_true(diff_is_empty(diff));
    assert_false(diff->reordered);
    arena_free(arena);
}

static unsigned what_of(const FuncDiff *diff, bool kernel, uint32_t number) {
    for (size_t h = 0; h < diff->n_hunks; h++)
        for (size_t i = 0; i < diff->hunks[h].count; i++) {
            const DiffItem *item = &diff->hunks[h].items[i];
            bool in_both = item->before != IR_NONE && item->after != IR_NONE;
            uint32_t of = !in_both ? IR_NONE : kernel ? item->after : diff->after->nodes[item->after].number;
            if (item->kernel == kernel && of == number) return item->what;
        }
    return 0;
}

#define GRAPH(statements)                                                                                    \
    "module @m {\n  func @f(%x : f32[4], %y : f32[4]) {\n" statements "    output a = %9\n  }\n}\n"

static void test_kinds_of_changes(void **state) {
    (void)state;
    static const char BEFORE[] = GRAPH("    %1 = exp %x\n    %2 = sum %x {axes = [0]}\n    %3 = add %x, %y\n"
                                       "    %4 = cast %x {dtype = f64}\n    %9 = neg %x\n");
    static const char AFTER[] =
        GRAPH("    %1 = log %x\n    %2 = sum %x {axes = [0], keep = true}\n    %3 = add %y, %x\n"
              "    %4 = cast %x {dtype = i64}\n    %9 = neg %x\n");
    Arena *arena = arena_new();
    FuncDiff *diff = between(arena, BEFORE, AFTER);
    assert_int_equal(diff->values.changed, 4);
    assert_int_equal(what_of(diff, false, 1), DIFF_OPERATOR);
    assert_int_equal(what_of(diff, false, 2), DIFF_ATTRIBUTES | DIFF_TYPE);
    assert_int_equal(what_of(diff, false, 3), DIFF_OPERANDS);
    assert_int_equal(what_of(diff, false, 4), DIFF_ATTRIBUTES | DIFF_TYPE);
    assert_string_equal(diff_what(arena, DIFF_OPERANDS | DIFF_TYPE), "operands, type");
    arena_free(arena);
}

static void test_kernels(void **state) {
    (void)state;
    static const char BEFORE[] =
        GRAPH("    kernel {\n      %1 = exp %x\n    }\n    kernel {\n      %9 = neg %1\n    }\n");
    static const char AFTER[] = GRAPH("    kernel {\n      %1 = exp %x\n      %9 = neg %1\n    }\n");
    Arena *arena = arena_new();
    FuncDiff *diff = between(arena, BEFORE, AFTER);
    assert_int_equal(diff->kernels.before, 2);
    assert_int_equal(diff->kernels.gone, 1);
    assert_int_equal(diff->kernels.changed, 1);
    assert_int_equal(diff->values.gone + diff->values.made, 0);
    assert_int_equal(what_of(diff, true, 0), DIFF_MEMBERS | DIFF_READS);
    assert_int_equal(what_of(diff, false, 1), DIFF_PLACE | DIFF_KERNEL);
    arena_free(arena);
}

/* Modules whose changes are alike are one hunk, unless all are asked for. */
static void test_alike(void **state) {
    (void)state;
    Arena *arena = arena_new();
    InspectionRun run = {.until = "autodiff", .keep = STAGES_ALL};
    Inspection inspection = inspected_recipe(arena, "mae.yaml preset=tiny depth=4", &run);
    char *folded = shown(&inspection, (DiffOptions){0}),
         *all = shown(&inspection, (DiffOptions){.full = true});
    assert_non_null(strstr(folded, "@@ encoder.blocks.3.mlp.fc1; 4 alike, to encoder.blocks.0.mlp.fc1 @@\n"));
    assert_null(strstr(folded, "@@ encoder.blocks.1.mlp.fc1 @@"));
    assert_non_null(strstr(all, "@@ encoder.blocks.1.mlp.fc1 @@"));
    char *some = shown(&inspection, (DiffOptions){.only = "encoder.blocks.1.mlp.*"});
    assert_non_null(strstr(some, "@@ encoder.blocks.1.mlp.fc1 @@"));
    assert_null(strstr(some, "@@ encoder.blocks.1.attn"));
    free(some);
    char *both = shown(&inspection, (DiffOptions){.all_functions = true});
    assert_non_null(strstr(both, "\n@embed: nothing changed\n"));
    free(folded);
    free(all);
    free(both);
    arena_free(arena);
}

/* ---- all passes of a recipe -------------------------------------------------------------------------------------- */

static const PassRow *row_of(const PassRow *rows, size_t n, const char *label) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(rows[i].label, label) == 0) return &rows[i];
    fail_msg("no pass %s", label);
    return NULL;
}

static void test_passes(void **state) {
    (void)state;
    Arena *arena = arena_new();
    InspectionRun run = {.keep = STAGES_ALL};
    Inspection inspection = inspected_recipe(arena, "dino.yaml preset=tiny batch=2", &run);
    size_t n;
    const PassRow *rows = pass_table_rows(&inspection, &n);
    assert_int_equal(n + 1, stages_in(PASSES_ALL));
    for (size_t i = 0; i < n; i++) {
        const PassRow *row = &rows[i];
        assert_int_equal(row->values.after, inspection.stages->stages[i + 1].nodes);
        assert_int_equal(row->values.before + row->values.made, row->values.after + row->values.gone);
        assert_int_equal(row->kernels.before + row->kernels.made, row->kernels.after + row->kernels.gone);
        assert_int_equal(row->effect != EFFECT_NONE, inspection.stages->stages[i + 1].changed);
    }
    assert_int_equal(row_of(rows, n, "precision")->effect, EFFECT_NONE);
    assert_int_equal(row_of(rows, n, "barriers")->values.changed, 0);
    assert_int_not_equal(row_of(rows, n, "barriers")->kernels.changed, 0);
    TextStream stream;
    View view;
    view_open(&view, stream_begin(&stream), 0, false);
    pass_table_text(&inspection, &view);
    view_close(&view);
    char *text = stream_end(&stream, NULL), *line = strstr(text, "\nprecision ");
    assert_non_null(line);
    assert_non_null(strstr(line, "  changed nothing\n"));
    free(text);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_simplify),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_kinds_of_changes),
        cmocka_unit_test(test_kernels),
        cmocka_unit_test(test_alike),
        cmocka_unit_test(test_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
