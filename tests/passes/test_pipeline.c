/* The passes that lower a training step, one after another on random functions with gradients: after each the function
 * still computes the same. After the last one the memory plan is followed with real bytes, kernel by kernel. */
#include "tests/passes/planned.h"
#include "passes/graph/attention.h"
#include "passes/graph/autodiff.h"
#include "passes/graph/batch_views.h"
#include "passes/graph/expand.h"
#include "passes/plan/fuse.h"
#include "passes/plan/memory.h"
#include "passes/graph/reductions.h"
#include "passes/plan/schedule.h"
#include "passes/graph/simplify.h"

enum { GRAPHS = 300, NODES = 50 };
#define TOO_STEEP 1e6

static const struct {
    const char *name;
    bool (*run)(Module *, Diags *);
} STAGES[] = {{"simplify", pass_simplify},
              {"batch-views", pass_batch_views},
              {"attention", pass_attention},
              {"autodiff", pass_autodiff},
              {"expand", pass_expand},
              {"simplify", pass_simplify},
              {"reductions", pass_reductions},
              {"simplify", pass_simplify},
              {"fuse", pass_fuse},
              {"schedule", pass_schedule},
              {"memory", pass_memory}};
enum { N_STAGES = sizeof STAGES / sizeof *STAGES };

static bool is_comparable(const Tensor *tensor) {
    for (int64_t i = 0; i < type_elements(&tensor->type); i++)
        if (!(fabs(tensor->data[i]) < TOO_STEEP)) return false;
    return true;
}

/* The results after autodiff alone: what all else must agree with. */
static Tensor *reference(const RandomGraph *g, Diags *diags, Arena *arena) {
    RandomGraph copy = *g;
    copy.module = module_clone(g->module, arena);
    copy.func = copy.module->funcs[0];
    assert_true(pass_autodiff(copy.module, diags));
    return random_graph_run(&copy, arena);
}

/* ---- the tests --------------------------------------------------------------------------------------------------- */

static void check_results(const Tensor *got, const Tensor *want, size_t n, uint64_t seed, const char *after) {
    for (size_t i = 0; i < n; i++)
        if (is_comparable(&want[i]))
            assert_tensor_near(&got[i], &want[i], 1e-6, 1e-6, "seed %d, result %d, after %s", (int)seed,
                               (int)i, after);
}

static void test_each_pass_keeps_the_meaning(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < GRAPHS; seed++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        RandomGraph g = random_graph(arena, diags, seed + 1000, NODES);
        add_gradients(&g);
        Tensor *want = reference(&g, diags, arena);
        size_t n = g.func->n_outputs + 2;
        bool runs = false;
        for (int stage = 0; stage < N_STAGES; stage++) {
            assert_true(STAGES[stage].run(g.module, diags));
            runs = runs || STAGES[stage].run == pass_autodiff;
            if (runs) check_results(random_graph_run(&g, arena), want, n, seed, STAGES[stage].name);
        }
        check_results(run_planned(&g, arena), want, n, seed, "planning");
        arena_free(arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_pass_keeps_the_meaning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
