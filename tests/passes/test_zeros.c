/* Zeros: random functions with pads, concatenations, slices, gathers and scatters compute the same with it and without,
 * and their gradients do, with fewer operations; and what it must leave alone. */
#include "passes/passes.h"
#include "tests/passes/random_graph.h"
#include "tests/passes/random_parts.h"

enum { GRAPHS = 600, NODES = 14, ANY_GRAPHS = 300, ANY_NODES = 60 };

static void test_parts_compute_the_same(void **state) {
    (void)state;
    int fewer = 0, products = 0;
    for (int seed = 0; seed < GRAPHS; seed++) {
        Arena *arena = arena_new();
        RandomParts p = random_parts(arena, diags_new(arena), (uint64_t)seed, NODES, true);
        double left =
            parts_check(&p, seed % 2 ? "autodiff,zeros" : "simplify,autodiff,zeros,expand,simplify", seed);
        if (seed % 2 && left > 1) fail_msg("seed %d: %g of the FLOPs", seed, left);
        products += left >= 0;
        fewer += left < 1;
        arena_free(arena);
    }
    if (fewer * 4 < products) fail_msg("%d of %d have fewer", fewer, products);
}

/* Sums that sink through products: see sink_sums.c. */
static void test_sums_sink(void **state) {
    (void)state;
    int fewer = 0;
    for (int seed = 0; seed < GRAPHS; seed++) {
        Arena *arena = arena_new();
        RandomParts p = random_parts(arena, diags_new(arena), (uint64_t)seed, NODES, true);
        double left =
            parts_check(&p, seed % 2 ? "sink-sums,autodiff" : "simplify,sink-sums,autodiff,zeros", seed);
        if (seed % 2 && left > 1) fail_msg("seed %d: %g of the FLOPs", seed, left);
        fewer += left < 1;
        arena_free(arena);
    }
    if (fewer * 20 < GRAPHS) fail_msg("%d have fewer", fewer);
}

static void test_any_functions_compute_the_same(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < ANY_GRAPHS; seed++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        RandomGraph g = random_graph(arena, diags, seed, ANY_NODES);
        Tensor *want = random_graph_run(&g, arena);
        if (!passes_run(g.module, seed % 2 ? "zeros" : "sink-sums", &(PassOptions){.verify = true}, diags))
            fail_msg("%s", diags_text(diags));
        Tensor *got = random_graph_run(&g, arena);
        for (size_t i = 0; i < g.func->n_outputs + 2; i++)
            assert_tensor_near(&got[i], &want[i], 1e-9, 1e-9, "seed %d, result %d", (int)seed, (int)i);
        arena_free(arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts_compute_the_same),
        cmocka_unit_test(test_sums_sink),
        cmocka_unit_test(test_any_functions_compute_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
