/* Simplify keeps what a function computes (random functions, through the interpreter), finds nothing more a second
 * time, and applies the rules it is meant to. */
#include "tests/passes/random_graph.h"
#include "passes/graph/simplify.h"

enum { GRAPHS = 900, NODES = 60 };

static void test_random_functions_compute_the_same(void **state) {
    (void)state;
    bool seen[OP_COUNT] = {false};
    size_t before = 0, after = 0;
    for (uint64_t seed = 0; seed < GRAPHS; seed++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        RandomGraph g = random_graph(arena, diags, seed, NODES);
        for (size_t i = 0; i < g.func->count; i++) seen[g.func->nodes[i].op] = true;
        Tensor *want = random_graph_run(&g, arena);
        before += g.func->count;
        assert_true(pass_simplify(g.module, diags));
        after += g.func->count;
        Tensor *got = random_graph_run(&g, arena);
        for (size_t i = 0; i < g.func->n_outputs + 2; i++)
            assert_tensor_near(&got[i], &want[i], 1e-9, 1e-9, "seed %d, result %d", (int)seed, (int)i);
        size_t count = g.func->count;
        assert_true(pass_simplify(g.module, diags));
        if (g.func->count != count) fail_msg("seed %d: %zu nodes, then %zu", (int)seed, count, g.func->count);
        arena_free(arena);
    }
    assert_true(after < before);
    for (int op = 0; op < OP_COUNT; op++)
        if (!seen[op] && op != OP_grad) fail_msg("no random function has a %s", op_info(op)->name);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_functions_compute_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
