/* The views of a module as text: against expectation for small functions, and that what is not filtered reads back. */
#include "inspect/text/listing.h"
#include "ir/base/stream.h"
#include "tests/inspect/inspected.h"

#include <time.h>

static const char BLOCKS[] =
    "module @small target(batch = 4) {\n"
    "  state %net.0.w : f32[4x4] = constant(value = 1), role = param, decay  // (/m/lib/nn.yaml:1:1)\n"
    "  state %net.1.w : f32[4x4] = constant(value = 1), role = param, frozen  // (/m/lib/nn.yaml:1:1)\n"
    "  state %average.0.w : f32[4x4] = copy(%net.0.w), role = ema\n"
    "  state %adam.m.net.0.w : f32[4x4] = constant(value = 0), role = optimizer\n"
    "  state %step : f64 = constant(value = 0), role = counter\n"
    "  func @step(%x : f32[4x4]) {\n"
    "    %0 = exp %x : f32[4x4]  // (/m/small.yaml:6:1)\n"
    "    %1 = matmul %0, %net.0.w : f32[4x4]  // net.0.fc (/m/lib/nn.yaml:3:1)\n"
    "    %2 = constant {value = 0.3} : f32  // net.0 (/m/lib/nn.yaml:4:1)\n"
    "    %3 = mul %1, %2 : f32[4x4]  // net.0 (/m/lib/nn.yaml:4:1)\n"
    "    %4 = matmul %3, %net.1.w : f32[4x4]  // net.1.fc (/m/lib/nn.yaml:3:1)\n"
    "    %5 = constant {value = 0.7} : f32  // net.1 (/m/lib/nn.yaml:4:1)\n"
    "    %6 = mul %4, %5 : f32[4x4]  // net.1 (/m/lib/nn.yaml:4:1)\n"
    "    %7 = amax %6 {axes = [0, 1]} : f32  // (/m/small.yaml:7:1)\n"
    "    %8 = sum %6 {axes = [0, 1]} : f32  // (/m/small.yaml:7:1)\n"
    "    %9 = constant {value = 1, dtype = f64} : f64\n"
    "    %10 = add %step, %9 : f64\n"
    "    %11 = add %average.0.w, %net.0.w : f32[4x4]  // net.0.w (/m/lib/ema.yaml:3:1)\n"
    "    output loss = %8, role = loss\n"
    "    update average.0.w = %11\n"
    "    update step = %10\n"
    "  }\n"
    "  func @embed(%y : f32[4x4]) {\n"
    "    %0 = matmul %y, %net.0.w : f32[4x4]  // net.0.fc (/m/lib/nn.yaml:3:1)\n"
    "    output features = %0\n"
    "  }\n"
    "}\n";

static char *listed(const Inspection *inspection, ListingOptions options, int width, bool colour) {
    TextStream stream;
    View view;
    view_open(&view, stream_begin(&stream), width, colour);
    listing_text(inspection, &options, &view);
    view_close(&view);
    return stream_end(&stream, NULL);
}

static void check_listed(const Inspection *inspection, ListingOptions options, const char *want) {
    char *text = listed(inspection, options, 0, false);
    const char *target = strstr(text, "; for "), *module = strstr(text, "module @");
    assert_non_null(target);
    assert_non_null(module);
    const char *body = strchr(module, '\n') + 1; /* the machine's facts stand before it */
    assert_string_equal(body, want);
    free(text);
}

#define SUMS                                                                                                 \
    "  // 5 states, 65 elements, 264 B\n"                                                                    \
    "  //   param     net                              2 tensors        32      128 B, 1 frozen\n"           \
    "  //   ema       average                          1 tensor         16       64 B\n"                     \
    "  //   optimizer adam.m                           1 tensor         16       64 B\n"                     \
    "  //   counter   -                                1 tensor          1        8 B\n"

static void test_graph(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Inspection inspection = inspected_text(arena, BLOCKS, &(InspectionRun){.passes = ""});
    check_listed(&inspection, (ListingOptions){0},
                 SUMS "  func @step(%x : f32[4x4]) {\n"
                      "    // forward: 8 operators, 464 FLOP: net 288 FLOP\n"
                      "    // update: 4 operators, 33 FLOP: net 16 FLOP\n"
                      "\n"
                      "    // ==== forward ====\n"
                      "    %0 = exp %x : f32[4x4]  // (m/small.yaml:6)\n"
                      "\n"
                      "    // net: 6 operators, 288 FLOP\n"
                      "    // net.0 … .1: 2 alike, each 3 operators, 144 FLOP\n"
                      "    // net.0.fc: 1 operator, 128 FLOP\n"
                      "    %1 = matmul %0, %net.0.w : f32[4x4]  // (lib/nn.yaml:3)\n"
                      "\n"
                      "    // net.0, further\n"
                      "    %2 = constant {value = 0.3} : f32  // (lib/nn.yaml:4)\n"
                      "    %3 = mul %1, %2 : f32[4x4]  // (lib/nn.yaml:4)\n"
                      "\n"
                      "    // in no module\n"
                      "    %8 = sum %6 {axes = [0, 1]} : f32  // (m/small.yaml:7)\n"
                      "\n"
                      "    // ==== update ====\n"
                      "    %7 = amax %6 {axes = [0, 1]} : f32  // (m/small.yaml:7)\n"
                      "    %9 = constant {value = 1, dtype = f64} : f64\n"
                      "    %10 = add %step, %9 : f64\n"
                      "    update step = %10\n"
                      "\n"
                      "    // net.0.w: 1 operator, 16 FLOP\n"
                      "    %11 = add %average.0.w, %net.0.w : f32[4x4]  // (lib/ema.yaml:3)\n"
                      "    update average.0.w = %11\n"
                      "\n"
                      "    output loss = %8, role = loss\n"
                      "  }\n"
                      "}\n");
    check_listed(&inspection, (ListingOptions){.states = state_group_find("trained"), .only = "net.1.*"},
                 "  func @step(%x : f32[4x4]) {\n"
                 "    // net.1: 3 operators, 144 FLOP\n"
                 "    // net.1.fc: 1 operator, 128 FLOP\n"
                 "    %4 = matmul %3, %net.1.w : f32[4x4]  // (lib/nn.yaml:3)\n"
                 "\n"
                 "    // net.1, further\n"
                 "    %5 = constant {value = 0.7} : f32  // (lib/nn.yaml:4)\n"
                 "    %6 = mul %4, %5 : f32[4x4]  // (lib/nn.yaml:4)\n"
                 "  }\n"
                 "}\n");
    arena_free(arena);
}

/* By kernels, with what they cost; another function; two. */
static void test_plan(void **state) {
    (void)state;
    Arena *arena = arena_new();
    InspectionRun run = {.passes = "simplify,autodiff,simplify,fuse,memory", .function = "embed"};
    Inspection inspection = inspected_text(arena, BLOCKS, &run);
    static const char EMBED[] =
        "  func @embed(%y : f32[4x4]) arena = 0 {\n"
        "    // net.0.fc: 1 operator in 1 kernel, 128 FLOP\n"
        "    kernel 1 product [4 x 4] reads %y, %net.0.w stores %0 {  // 128 FLOP, 192 B\n"
        "      %0 = matmul %y, %net.0.w : f32[4x4] at output(features)  // (lib/nn.yaml:3)\n"
        "    }\n"
        "\n"
        "    output features = %0\n"
        "  }\n"
        "}\n";
    check_listed(&inspection, (ListingOptions){.states = state_group_find("none")}, EMBED);
    char *all = listed(&inspection, (ListingOptions){.all_functions = true}, 0, false);
    assert_non_null(strstr(all, EMBED));
    assert_non_null(strstr(all, "  func @step(%x : f32[4x4])"));
    assert_non_null(strstr(all, "// small @embed after all passes: 1 operator in 1 kernel, 128 FLOP\n"));
    free(all);
    arena_free(arena);
}

/* Lines end where a terminal does; colours come in pairs. */
static void test_terminals(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Inspection inspection = inspected_text(arena, BLOCKS, &(InspectionRun){.passes = "fuse"});
    char *wide = listed(&inspection, (ListingOptions){.states = state_group_find("all")}, 0, false);
    char *narrow = listed(&inspection, (ListingOptions){.states = state_group_find("all")}, 60, false);
    char *colours = listed(&inspection, (ListingOptions){0}, 0, true);
    for (char *line = narrow; *line; line += strcspn(line, "\n") + 1)
        assert_in_range(strcspn(line, "\n"), 0, 66);
    size_t words = 0, same = 0; /* nothing is lost */
    for (char *a = wide, *b = narrow; *a; words++) {
        a += strspn(a, " \n"), b += strspn(b, " \n");
        size_t n = strcspn(a, " \n"), m = strcspn(b, " \n");
        same += n == m && strncmp(a, b, n) == 0;
        a += n, b += m;
    }
    assert_int_equal(words, same);
    int begun = 0;
    for (const char *at = colours; (at = strchr(at, '\033')); at++) {
        begun += strncmp(at, "\033[0m", 4) == 0 ? -1 : 1;
        assert_in_range(begun, 0, 1);
    }
    assert_int_equal(begun, 0);
    free(wide);
    free(narrow);
    free(colours);
    arena_free(arena);
}

/* ---- what is not filtered reads back ----------------------------------------------------------------------------- */

static Module *read_back(Arena *arena, Diags *diags, const char *text, size_t size) {
    Module *module = module_parse(arena, diags, "printed", text, size);
    if (!module || !module_verify(module, diags)) diags_print(diags, stderr, false);
    assert_non_null(module);
    assert_int_equal(diags_errors(diags), 0);
    return module;
}

/* After each pass, and the passes behind it take it. */
static void test_full_at_each_stage(void **state) {
    (void)state;
    Arena *arena = arena_new();
    InspectionRun run = {.keep = STAGES_ALL};
    Inspection last = inspected_recipe(arena, "quickstart.yaml depth=1 batch=2", &run);
    int n = (int)last.stages->count;
    assert_int_equal(n, stages_in(PASSES_ALL));
    const char *rest = PASSES_ALL;
    for (int i = 0; i < n; i++) {
        Inspection inspection = last;
        inspection.module = inspection_module(&last, i);
        size_t size, again;
        char *text = listing_full(&inspection, NULL, &size);
        assert_null(strstr(text, "models/lib"));
        Diags *diags = diags_new(arena);
        Module *module = read_back(arena, diags, text, size);
        char *printed = module_print(module, &again);
        assert_string_equal(printed, text);
        assert_true(passes_run(module, rest, &(PassOptions){.verify = true}, diags));
        assert_int_equal(module_find_func(module, "step")->count, last.func->count);
        free(text);
        free(printed);
        rest += strcspn(rest, ",");
        rest += *rest == ',';
    }
    arena_free(arena);
}

static void test_each_kind_of_recipe(void **state) {
    (void)state;
    static const char *const RECIPES[] = {"dino.yaml preset=tiny",         "mae.yaml preset=tiny",
                                          "mocov3.yaml preset=tiny",       "simmim.yaml preset=tiny",
                                          "hybrid.yaml preset=tiny",       "paper/swav.yaml preset=tiny",
                                          "../tests/driver/whitening.yaml"}; /* with loops */
    for (size_t r = 0; r < sizeof RECIPES / sizeof *RECIPES; r++) {
        Arena *arena = arena_new();
        Inspection inspection = inspected_recipe(arena, RECIPES[r], &(InspectionRun){0});
        size_t size;
        char *text = listing_full(&inspection, NULL, &size);
        Module *module = read_back(arena, diags_new(arena), text, size);
        assert_int_equal(module->n_funcs, inspection.module->n_funcs);
        free(text);
        text = listing_full(&inspection, inspection.func, &size);
        read_back(arena, diags_new(arena), text, size);
        free(text);
        text = listed(&inspection, (ListingOptions){.all_functions = true}, 0, false);
        assert_non_null(strstr(text, "// ==== forward ===="));
        assert_non_null(strstr(text, "// ==== gradient ===="));
        assert_non_null(strstr(text, "// ==== update ===="));
        assert_null(strstr(text, SOURCE_DIR));
        free(text);
        arena_free(arena);
    }
}

/* ---- large graphs ------------------------------------------------------------------------------------------------ */

/* Blocks of 50 values, alike or each of its own size. */
static char *large_text(int blocks, bool alike) {
    TextStream stream;
    FILE *out = stream_begin(&stream);
    fprintf(out, "module @large {\n  func @step(%%x : f32[2x3]) {\n    %%0 = neg %%x : f32[2x3]\n");
    for (int n = 1; n <= blocks * 50; n++) {
        int block = (n - 1) / 50;
        const char *op = !alike && n % 50 == block % 50 ? "exp" : "neg";
        fprintf(out, "    %%%d = %s %%%d : f32[2x3]  // net.blocks.%d.part%d (/models/lib/nn.yaml:%d:1)\n", n,
                op, n - 1, block, n / 10 % 5, n % 50);
    }
    fprintf(out, "    output z = %%%d\n  }\n}\n", blocks * 50);
    return stream_end(&stream, NULL);
}

static double seconds_of_listing(int blocks, bool alike, size_t *size) {
    Arena *arena = arena_new();
    char *text = large_text(blocks, alike);
    Inspection inspection = inspected_text(arena, text, &(InspectionRun){.passes = ""});
    clock_t start = clock();
    char *shown = listed(&inspection, (ListingOptions){0}, 0, false);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    *size = strlen(shown);
    free(shown);
    free(text);
    arena_free(arena);
    return seconds;
}

/* A hundred thousand values take less than a second, and time in proportion to their number. */
static void test_large_graphs(void **state) {
    (void)state;
    size_t size, small, half;
    double folded = seconds_of_listing(2000, true, &small), all = seconds_of_listing(2000, false, &size);
    double less = seconds_of_listing(500, false, &half);
    assert_in_range(size, 3 * half, 6 * half);
    if (SANITIZED) return;
    assert_true(folded < 1 && all < 1);
    assert_true(all < 10 * less + 0.2);
}

/* ---- what is chosen ---------------------------------------------------------------------------------------------- */

static void test_patterns(void **state) {
    (void)state;
    static const struct {
        const char *patterns, *path;
        bool matches;
    } cases[] = {
        {"net.0", "net.0", true},
        {"net.0", "net.0.fc.w", true},
        {"net.0", "net.01", false},
        {"net.0.*", "net.0", true},
        {"net.0.*", "net.0.fc", true},
        {"*.fc", "net.1.fc.w", true},
        {"net.?", "net.1", true},
        {"net.?.fc", "net.1", false},
        {"a, net.1", "net.1", true},
        {"a,b", "net.1", false},
        {"*", "net", true},
        {"net.*.fc", "net.1.fc", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(only_matches(cases[i].patterns, cases[i].path), cases[i].matches);
    assert_false(only_matches("*", NULL));
    Arena *arena = arena_new();
    Inspection inspection = inspected_text(arena, BLOCKS, &(InspectionRun){.passes = ""});
    const Module *module = inspection.module;
    assert_null(only_refusal(arena, module, inspection.func, "net.1.*, net.0"));
    assert_string_equal(only_refusal(arena, module, inspection.func, "net.1,nte.0"),
                        "no module is 'nte.0'; did you mean 'net.0'?");
    assert_string_equal(only_refusal(arena, module, NULL, "decoder.*"),
                        "no module is 'decoder'; there are net, and those in them (net.* names all of one)");
    assert_non_null(only_refusal(arena, module, NULL, " ,"));
    assert_null(state_group_find("trianed"));
    size_t listed = 0;
    for (size_t s = 0; s < module->n_states; s++)
        listed += state_group_has(state_group_find("trained"), &module->states[s]);
    assert_int_equal(listed, 1);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_graph),
        cmocka_unit_test(test_plan),
        cmocka_unit_test(test_terminals),
        cmocka_unit_test(test_full_at_each_stage),
        cmocka_unit_test(test_each_kind_of_recipe),
        cmocka_unit_test(test_large_graphs),
        cmocka_unit_test(test_patterns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
