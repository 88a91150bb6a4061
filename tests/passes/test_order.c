/* Lists of passes in any order, and again and again: each is carried out, and what it leaves is valid, or refused with
 * a message. */
#include "tests/passes/random_graph.h"
#include "passes/passes.h"

enum { GRAPHS = 6, LISTS = 60, LONGEST = 8 };

static void run_list(Arena *arena, const Module *module, const char *list) {
    Diags *diags = diags_new(arena);
    Module *copy = module_clone(module, arena);
    bool good = passes_run(copy, list, &(PassOptions){.verify = true}, diags);
    const char *text = good ? "" : diags_text(diags);
    if (!good && (strstr(text, "this is a bug") || !strstr(text, "error: pass '")))
        fail_msg("--passes %s: %s\n%s", list, text, module_print(module, NULL));
}

static const char *random_list(Arena *arena, uint64_t *seed) {
    int n;
    const Pass *table = pass_table(&n);
    const char *list = draw_below(seed, 2) ? "autodiff,reductions,fuse" : "autodiff";
    for (int64_t i = draw_below(seed, LONGEST) + 1; i > 0; i--)
        list = arena_printf(arena, "%s,%s", list, table[draw_below(seed, n)].name);
    return list;
}

static void test_random_lists(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= GRAPHS; seed++) {
        Arena *arena = arena_new();
        RandomGraph g = random_graph(arena, diags_new(arena), seed, 30);
        uint64_t draw = seed;
        g.module->machine.own_cache = 1 << 10;
        g.module->machine.tile[g.module->precision] = (TileShape){2, 2};
        for (int i = 0; i < LISTS; i++) run_list(arena, g.module, random_list(arena, &draw));
        arena_free(arena);
    }
}

/* Two products with elementwise kernels about them, which `chain` and `prologue` take. */
static const char PRODUCTS[] =
    "module @m target(batch = 64, cache = 1048576, cores = 2, panel = 32, tile = 14, by = 32) {\n"
    "  state %w : f32[64x64] = constant(value = 1), role = param\n"
    "  func @step(%x : f32[65536x64], %b : f32[64]) {\n"
    "    %1 = matmul %x, %w\n    %2 = add %1, %b\n    %3 = gelu %2\n    %4 = matmul %3, %w\n"
    "    %5 = tanh %4\n    %6 = mul %5, %3\n    %7 = matmul %6, %w\n    %8 = mul %7, %7\n"
    "    %9 = sum %8 {axes = [0, 1]}\n    %10 = grad %9, %w\n    %11 = sub %w, %10\n"
    "    output loss = %9\n    update w = %11\n  }\n}\n";

static void test_all_pairs(void **state) {
    (void)state;
    static const char *const before[] = {"", "autodiff,", "autodiff,expand,simplify,reductions,fuse,",
                                         "autodiff,tile-sums,reductions,pack-weights,fuse,chain,"};
    Arena *arena = arena_new();
    Module *module = module_parse(arena, diags_new(arena), "test", PRODUCTS, strlen(PRODUCTS));
    int n;
    const Pass *table = pass_table(&n);
    for (size_t b = 0; b < sizeof before / sizeof *before; b++)
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++)
                run_list(arena, module,
                         arena_printf(arena, "%s%s,%s", before[b], table[i].name, table[j].name));
    run_list(arena, module, "fuse,chain,expand,chain");
    arena_free(arena);
}

/* Sums over axes that are no row, nor one before several columns. */
#define SUM(DIMS, SUMMED)                                                                                    \
    "module @m {\n  func @f(%x : f32[" DIMS "]) {\n    %0 = sum %x {" SUMMED "}\n    output y = %0\n  "      \
    "}\n}\n"
#define NO_SUMS "pass 'fuse' wants reductions as kernels have them: run 'reductions' before it (@f)"

/* What a pass makes that has no gradient would be passed by in silence. */
static void test_wants(void **state) {
    (void)state;
    static const struct {
        const char *list, *message, *text;
    } refused[] = {
        {"tile-sums,autodiff", "pass 'tile-sums' makes what has no gradient: run 'autodiff' before it",
         PRODUCTS},
        {"pack-weights", "pass 'pack-weights' makes what has no gradient", PRODUCTS},
        {"autodiff,fuse,simplify", "pass 'simplify' wants no kernels: run it before 'fuse'", PRODUCTS},
        {"schedule", "pass 'schedule' wants kernels: run 'fuse' before it", PRODUCTS},
        {"autodiff,reductions,fuse,chain,chain", "pass 'chain' wants no chains of kernels", PRODUCTS},
        {"simplify,fuse", NO_SUMS, SUM("6x5x4", "axes = [0, 2]")},
        {"fuse", NO_SUMS, SUM("6x5x4", "axes = [0, 1]")},
        {"fuse", NO_SUMS, SUM("1048577x1", "axes = [0]")},
        {"fuse", NO_SUMS, SUM("6x5", "axes = [1], keep = true")}};

    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        Module *module = module_parse(arena, diags, "test", refused[i].text, strlen(refused[i].text));
        assert_false(passes_run(module, refused[i].list, NULL, diags));
        if (!strstr(diags_text(diags), refused[i].message))
            fail_msg("%s: %s", refused[i].list, diags_text(diags));
        arena_free(arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_lists), cmocka_unit_test(test_all_pairs),
                                       cmocka_unit_test(test_wants)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
