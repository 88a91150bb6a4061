/* Groups by module path and which are alike; what each value is for; positions as people read them. */
#include "inspect/outline.h"
#include "inspect/phases.h"
#include "inspect/positions.h"
#include "tests/inspect/inspected.h"

/* Two blocks that are alike but for a rate, one that is not. */
static const char BLOCKS[] = "module @small {\n"
                             "  state %net.0.w : f32[4x4] = constant(value = 1), role = param\n"
                             "  state %net.1.w : f32[4x4] = constant(value = 1), role = param\n"
                             "  func @step(%x : f32[4x4]) {\n"
                             "    %0 = neg %x : f32[4x4]  // net (models/lib/nn.yaml:2:1)\n"
                             "    %1 = matmul %0, %net.0.w : f32[4x4]  // net.0.fc (models/lib/nn.yaml:3:1)\n"
                             "    %2 = constant {value = 0.3} : f32  // net.0 (models/lib/nn.yaml:4:1)\n"
                             "    %3 = mul %1, %2 : f32[4x4]  // net.0 (models/lib/nn.yaml:4:1)\n"
                             "    %4 = matmul %3, %net.1.w : f32[4x4]  // net.1.fc (models/lib/nn.yaml:3:1)\n"
                             "    %5 = constant {value = 0.7} : f32  // net.1 (models/lib/nn.yaml:4:1)\n"
                             "    %6 = mul %4, %5 : f32[4x4]  // net.1 (models/lib/nn.yaml:4:1)\n"
                             "    %7 = matmul %6, %net.1.w : f32[4x4]  // net.2.fc (models/lib/nn.yaml:3:1)\n"
                             "    %8 = constant {value = 0.7} : f32  // net.2 (models/lib/nn.yaml:4:1)\n"
                             "    %9 = add %7, %8 : f32[4x4]  // net.2 (models/lib/nn.yaml:5:1)\n"
                             "    %10 = exp %9 : f32[4x4]  // (small.yaml:6:1)\n"
                             "    output z = %10\n"
                             "  }\n"
                             "}\n";

static void test_groups(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Inspection inspection = inspected_text(arena, BLOCKS, &(InspectionRun){.passes = ""});
    const Outline *outline = outline_make(arena, inspection.func, NULL);
    static const struct {
        const char *scope;
        uint32_t own, all, depth;
    } expected[] = {{"", 1, 11, 0},     {"net", 1, 10, 1},  {"net.0", 2, 3, 2},   {"net.0.fc", 1, 1, 3},
                    {"net.1", 2, 3, 2}, {"net.2", 2, 3, 2}, {"net.2.fc", 1, 1, 3}};
    assert_int_equal(outline->count, 8);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        uint32_t g = outline_find(outline, expected[i].scope);
        assert_int_not_equal(g, IR_NONE);
        assert_int_equal(outline->groups[g].n_own, expected[i].own);
        assert_int_equal(outline->groups[g].n_all, expected[i].all);
        assert_int_equal(outline->groups[g].depth, expected[i].depth);
        for (uint32_t k = 0; k < outline->groups[g].n_own; k++)
            assert_int_equal(outline->group_of[outline->values[outline->groups[g].first_own + k]], g);
    }
    assert_int_equal(outline_find(outline, "net.3"), IR_NONE);
    uint32_t first = outline_find(outline, "net.0"), last = outline_find(outline, "net.2");
    assert_int_equal(outline->groups[first].run_size, 2);
    assert_string_equal(outline_title(arena, outline, first), "net.0 … .1");
    assert_int_equal(outline->groups[last].run, last);
    assert_string_equal(outline_title(arena, outline, last), "net.2");
    assert_true(outline->groups[first].flops > 2 * 4 * 4 * 3);
    arena_free(arena);
}

/* Numbered modules that a schedule mixes are one run, up or down. */
static void test_mixed_order(void **state) {
    (void)state;
    static const struct {
        const char *order, *title;
    } cases[] = {{"021", "net.0 … .2"}, {"201", "net.2 … .0"}, {"012", "net.0 … .2"}};
    for (size_t i = 0; i < 3; i++) {
        Arena *arena = arena_new();
        const char *o = cases[i].order;
        char *text =
            arena_printf(arena,
                         "module @m {\n  func @f(%%x : f32) {\n    %%0 = exp %%x  // net.%c\n"
                         "    %%1 = exp %%x  // net.%c\n    %%2 = exp %%x  // net.%c\n    output a = %%0\n"
                         "    output b = %%1\n    output c = %%2\n  }\n}\n",
                         o[0], o[1], o[2]);
        Inspection inspection = inspected_text(arena, text, &(InspectionRun){.passes = ""});
        const Outline *outline = outline_make(arena, inspection.func, NULL);
        uint32_t first = outline->groups[outline_find(outline, "net")].first_child;
        assert_int_equal(outline->groups[first].run_size, 3);
        assert_string_equal(outline_title(arena, outline, first), cases[i].title);
        arena_free(arena);
    }
}

/* With some values left out, and by kernels. */
static void test_options(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Inspection inspection = inspected_text(arena, BLOCKS, &(InspectionRun){.passes = "fuse"});
    const Func *func = inspection.func;
    uint8_t *chosen = ARENA_ARRAY(arena, uint8_t, func->count + 1);
    chosen[value_numbered(func, 10)] = 1;
    const Outline *outline = outline_make(arena, func, &(OutlineOptions){.chosen = chosen});
    assert_int_equal(outline->count, 1);
    assert_int_equal(outline->groups[0].n_all, 1);
    outline = outline_make(arena, func, &(OutlineOptions){.kernels = true});
    for (uint32_t k = 0; k < func->plan->n_kernels; k++) {
        const Kernel *kernel = &func->plan->kernels[k];
        for (ValueId id = kernel->first; id <= kernel->last; id++)
            assert_int_equal(outline->group_of[id], outline->group_of[kernel->first]);
    }
    ValueId product = value_numbered(func, 4);
    assert_string_equal(outline->groups[outline->group_of[product]].scope, "net.1.fc");
    arena_free(arena);
}

/* Of the blocks of a ViT each phase has one drawing. */
static void test_blocks_of_a_recipe(void **state) {
    (void)state;
    Arena *arena = arena_new();
    InspectionRun run = {.passes = "simplify,batch-views,attention,autodiff,expand,simplify"};
    Inspection inspection = inspected_recipe(arena, "mae.yaml preset=tiny depth=6", &run);
    const Func *func = inspection.func;
    const uint8_t *phases = phases_of(&inspection, func);
    for (int phase = 0; phase < N_PHASES; phase++) {
        uint8_t *chosen = ARENA_ARRAY(arena, uint8_t, func->count + 1);
        for (ValueId id = 0; id < func->count; id++) chosen[id] = phases[id] == phase;
        const Outline *outline = outline_make(arena, func, &(OutlineOptions){.chosen = chosen});
        uint32_t most = 0;
        for (size_t g = 0; g < outline->count; g++)
            if (strstr(outline->groups[g].scope, "encoder.blocks") && outline->groups[g].run_size > most)
                most = outline->groups[g].run_size;
        assert_in_range(most, 4, 6);
    }
    arena_free(arena);
}

static void test_scopes_of_any_depth(void **state) {
    (void)state;
    Arena *arena = arena_new();
    char *scope = arena_strdup(arena, "a");
    for (int i = 0; i < 200; i++) scope = arena_printf(arena, "%s.a", scope);
    char *text = arena_printf(arena,
                              "module @deep {\n  func @f(%%x : f32) {\n    %%0 = neg %%x : f32  // %s\n"
                              "    %%1 = neg %%0 : f32  // b..c\n    %%2 = neg %%1 : f32  // b.\n"
                              "    output z = %%2\n  }\n}\n",
                              scope);
    Inspection inspection = inspected_text(arena, text, &(InspectionRun){.passes = ""});
    const Outline *outline = outline_make(arena, inspection.func, NULL);
    assert_string_equal(outline->groups[outline->group_of[value_numbered(inspection.func, 0)]].scope, scope);
    assert_in_range(outline->count, 3, 60);
    arena_free(arena);
}

/* ---- phases ------------------------------------------------------------------------------------------------------ */

static const char STEP[] = "module @small {\n"
                           "  state %w : f32[4x4] = constant(value = 1), role = param\n"
                           "  state %mean : f32 = constant(value = 1), role = buffer\n"
                           "  state %n : f64 = constant(value = 0), role = counter\n"
                           "  func @step(%x : f32[4x4]) {\n"
                           "    %0 = matmul %x, %w : f32[4x4]\n"
                           "    %1 = mul %0, %0 : f32[4x4]\n"
                           "    %2 = sum %1 {axes = [0, 1]} : f32\n"
                           "    %3 = grad %2, %w : f32[4x4]\n"
                           "    %4 = constant {value = 0.1} : f32\n"
                           "    %5 = mul %3, %4 : f32[4x4]\n"
                           "    %6 = sub %w, %5 : f32[4x4]\n"
                           "    %7 = constant {value = 1, dtype = f64} : f64\n"
                           "    %8 = add %n, %7 : f64\n"
                           "    %9 = amax %0 {axes = [0, 1]} : f32\n"
                           "    %10 = add %mean, %2 : f32\n"
                           "    %11 = sum %3 {axes = [0, 1]} : f32\n"
                           "    output loss = %2, role = loss\n"
                           "    output largest = %9, role = shown\n"
                           "    output slope = %11, role = shown\n"
                           "    update w = %6\n"
                           "    update mean = %10\n"
                           "    update n = %8\n"
                           "  }\n"
                           "}\n";

static void test_phases(void **state) {
    (void)state;
    static const Phase EXPECTED[] = {PHASE_FORWARD, PHASE_FORWARD, PHASE_FORWARD, PHASE_GRADIENT,
                                     PHASE_UPDATE,  PHASE_UPDATE,  PHASE_UPDATE,  PHASE_UPDATE,
                                     PHASE_UPDATE,  PHASE_FORWARD, PHASE_UPDATE,  PHASE_UPDATE};
    static const char *const LISTS[] = {"", "simplify", "simplify,autodiff",
                                        "simplify,autodiff,expand,reductions",
                                        "autodiff,expand,reductions,fuse"};
    for (size_t l = 0; l < sizeof LISTS / sizeof *LISTS; l++) {
        Arena *arena = arena_new();
        Inspection inspection = inspected_text(arena, STEP, &(InspectionRun){.passes = LISTS[l]});
        const Func *func = inspection.func;
        const uint8_t *phases = phases_of(&inspection, func);
        size_t gradients = 0;
        for (ValueId id = 0; id < func->count; id++) {
            uint32_t number = func->nodes[id].number;
            if (number < sizeof EXPECTED / sizeof *EXPECTED) assert_int_equal(phases[id], EXPECTED[number]);
            gradients += phases[id] == PHASE_GRADIENT;
        }
        assert_in_range(gradients, strstr(LISTS[l], "autodiff") ? 2 : 1, 20);
        arena_free(arena);
    }
}

/* A function that updates nothing is all forward. */
static void test_phases_of_an_encoder(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Inspection inspection =
        inspected_recipe(arena, "mae.yaml preset=tiny", &(InspectionRun){.function = "embed"});
    const uint8_t *phases = phases_of(&inspection, inspection.func);
    for (ValueId id = 0; id < inspection.func->count; id++) assert_int_equal(phases[id], PHASE_FORWARD);
    arena_free(arena);
}

/* ---- positions --------------------------------------------------------------------------------------------------- */

static void test_positions(void **state) {
    (void)state;
    static const struct {
        const char *path, *name;
    } files[] = {{"/home/me/exp/mine.yaml", "mine.yaml"},
                 {"/usr/share/vitc/models/lib/nn.yaml", "lib/nn.yaml"},
                 {"/home/me/exp/parts.yaml", "parts.yaml"},
                 {"/usr/share/a/lib/vit.yaml", "a/lib/vit.yaml"},
                 {"/usr/share/b/lib/vit.yaml", "b/lib/vit.yaml"},
                 {"command line", "command line"},
                 {"/usr/share/vitc/models/lib/nn.yaml", "lib/nn.yaml"}};
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    uint32_t n = sizeof files / sizeof *files;
    for (uint32_t f = 0; f < n; f++) diags_add_source(diags, files[f].path, "one\ntwo\n\nfour", 13);
    Positions positions = positions_make(arena, diags);
    for (uint32_t f = 0; f < n; f++) assert_string_equal(positions_file(&positions, f + 1), files[f].name);
    assert_string_equal(positions_text(arena, &positions, (Loc){2, 7, 3}), "lib/nn.yaml:7");
    assert_string_equal(positions_text(arena, &positions, (Loc){0, 0, 0}), "");
    size_t length;
    assert_memory_equal(positions_line(&positions, (Loc){1, 2, 1}, &length), "two", 3);
    assert_int_equal(length, 3);
    assert_non_null(positions_line(&positions, (Loc){1, 3, 1}, &length));
    assert_int_equal(length, 0);
    assert_memory_equal(positions_line(&positions, (Loc){1, 4, 1}, &length), "four", 4);
    assert_null(positions_line(&positions, (Loc){1, 5, 1}, &length));
    assert_null(positions_line(&positions, (Loc){0, 1, 1}, &length));
    static const struct {
        const char *text;
        Loc loc;
    } found[] = {{"78", {1, 78, 0}},
                 {"mine.yaml:78", {1, 78, 0}},
                 {"lib/nn.yaml:7:2", {2, 7, 2}},
                 {"nn.yaml:7", {2, 7, 0}},
                 {"n.yaml:7", {0, 0, 0}},
                 {"b/lib/vit.yaml:1", {5, 1, 0}},
                 {"nn.yaml", {0, 0, 0}},
                 {"nn.yaml:0", {0, 0, 0}},
                 {"nn.yaml:x", {0, 0, 0}},
                 {"nn.yaml:7:", {0, 0, 0}},
                 {":7", {0, 0, 0}},
                 {"", {0, 0, 0}},
                 {"99999999999", {0, 0, 0}}};
    for (size_t i = 0; i < sizeof found / sizeof *found; i++) {
        Loc loc = positions_find(&positions, found[i].text);
        assert_memory_equal(&loc, &found[i].loc, sizeof loc);
    }
    positions = positions_make(arena, diags_new(arena));
    assert_string_equal(positions_file(&positions, 1), "");
    arena_free(arena);
}

/* ---- what is asked for wrongly ----------------------------------------------------------------------------------- */

static void test_refusals(void **state) {
    (void)state;
    static const struct {
        InspectionRun run;
        const char *message;
    } wrong[] = {
        {{.passes = "", .function = "setp"}, "recipe 'small' has no function 'setp'; did you mean 'step'?"},
        {{.passes = "", .function = "zzzz"}, "recipe 'small' has no function 'zzzz'; it has step"},
        {{.passes = "", .target = "x86-64-v9"}, NULL},
        {{.passes = "simplfy"}, NULL}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        Module *module = module_parse(arena, diags, "test.ir", STEP, strlen(STEP));
        Inspection inspection;
        assert_false(inspection_run(&inspection, arena, module, &wrong[i].run));
        assert_int_equal(diags_errors(diags), 1);
        if (wrong[i].message) assert_string_equal(diags_message(diags, 0, NULL, NULL), wrong[i].message);
        arena_free(arena);
    }
}

/* Copies of stages, and in which a value is first there. */
static void test_stages(void **state) {
    (void)state;
    Arena *arena = arena_new();
    InspectionRun run = {.passes = "simplify,simplify,autodiff", .keep = STAGES_ALL};
    Inspection inspection = inspected_text(arena, STEP, &run);
    const Stages *stages = inspection.stages;
    assert_int_equal(stages->count, 4);
    assert_false(stages->stages[2].changed);
    assert_ptr_equal(stages->stages[2].module, stages->stages[1].module);
    assert_ptr_equal(inspection_module(&inspection, 3), inspection.module);
    assert_int_equal(inspection_func(&inspection, 0)->count, 16);
    assert_int_equal(stages_first(stages, 0, 11), 0);
    assert_int_equal(stages_first(stages, 0, 12), 3);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_mixed_order),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_blocks_of_a_recipe),
        cmocka_unit_test(test_scopes_of_any_depth),
        cmocka_unit_test(test_phases),
        cmocka_unit_test(test_phases_of_an_encoder),
        cmocka_unit_test(test_positions),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_stages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
