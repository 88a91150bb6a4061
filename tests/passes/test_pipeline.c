/* The passes of PASSES_ALL, one after another as they stand there, on random functions with gradients: after each the
 * function is valid and still computes the same. After the last the plan is followed with real bytes, kernel by
 * kernel. */
#include "tests/passes/planned.h"
#include "passes/passes.h"

enum { GRAPHS = 300, NODES = 50 };
#define TOO_STEEP 1e6

static bool is_comparable(const Tensor *tensor) {
    for (int64_t i = 0; i < type_elements(&tensor->type); i++)
        if (!(fabs(tensor->data[i]) < TOO_STEEP)) return false;
    return true;
}

static void run_pass(Module *module, const char *name, Diags *diags, uint64_t seed) {
    if (!passes_run(module, name, &(PassOptions){.verify = true}, diags))
        fail_msg("seed %d, %s: %s", (int)seed, name, diags_text(diags));
}

/* The results after autodiff alone: what all else must agree with. */
static Tensor *reference(const RandomGraph *g, Diags *diags, Arena *arena, uint64_t seed) {
    RandomGraph copy = *g;
    copy.module = module_clone(g->module, arena);
    copy.func = copy.module->funcs[0];
    run_pass(copy.module, "autodiff", diags, seed);
    return random_graph_run(&copy, arena);
}

/* Now and then one on which sums in tiles are worth it, however small all is. */
static Machine random_machine(uint64_t seed) {
    Machine machine = {.cores = 1};
    if (seed % 3 == 0) return machine;
    machine.own_cache = 64 << (seed % 5);
    machine.bandwidth = 1;
    machine.call = 1e-18;
    for (int p = 0; p < PRECISION_COUNT; p++) machine.tile[p] = (TileShape){2, 2};
    return machine;
}

/* ---- the tests --------------------------------------------------------------------------------------------------- */

static void check_results(const Tensor *got, const Tensor *want, size_t n, uint64_t seed, const char *after) {
    for (size_t i = 0; i < n; i++)
        if (is_comparable(&want[i]))
            assert_tensor_near(&got[i], &want[i], 1e-6, 1e-6, "seed %d, result %d, after %s", (int)seed,
                               (int)i, after);
}

/* What the graphs came to, so that the test does not pass by too little. */
static size_t met_copies, met_barriers;

static void count_plan(const Plan *plan) {
    met_copies += plan->n_copies;
    for (size_t k = 0; k < plan->n_kernels; k++) met_barriers += plan->kernels[k].barrier;
}

static void test_each_pass_keeps_the_meaning(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < GRAPHS; seed++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        RandomGraph g = random_graph(arena, diags, seed + 1000, NODES);
        add_gradients(&g);
        g.module->machine = random_machine(seed);
        Tensor *want = reference(&g, diags, arena, seed);
        size_t n = g.func->n_outputs + 2;
        bool runs = false;
        char *list = arena_strdup(arena, PASSES_ALL);
        for (char *name; (name = strsep(&list, ","));) {
            run_pass(g.module, name, diags, seed);
            runs = runs || strcmp(name, "autodiff") == 0;
            if (runs) check_results(random_graph_run(&g, arena), want, n, seed, name);
        }
        check_results(run_planned(&g, arena), want, n, seed, "planning");
        count_plan(g.func->plan);
        arena_free(arena);
    }
    assert_true(met_copies > 0 && met_barriers > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_pass_keeps_the_meaning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
