/* The passes of PASSES_ALL, one after another as they stand there, on random functions with gradients: after each the
 * function is valid and still computes the same. After the last the plan is followed with real bytes, kernel by
 * kernel, and its text reads back. Machines and limits of memory are such that passes have something to do. */
#include "tests/passes/planned.h"
#include "passes/passes.h"
#include "passes/plan/remat.h"

enum { GRAPHS = 300, NODES = 50 };
#define TOO_STEEP 1e6

static bool is_comparable(const Tensor *tensor) {
    for (int64_t i = 0; i < type_elements(&tensor->type); i++)
        if (!(fabs(tensor->data[i]) < TOO_STEEP)) return false;
    return true;
}

/* Rows that are scaled by what the graph computed, and two products of them: large enough beside it to be worth a
 * prologue and a chain. */
static void add_layers(RandomGraph *g) {
    enum { ROWS = 24, INNER = 4, COLUMNS = 20, FROM_GRAPH = 6 };
    static const Type types[] = {{.dtype = DT_F64, .rank = 2, .dim = {ROWS, INNER}},
                                 {.dtype = DT_F64, .rank = 2, .dim = {INNER, COLUMNS}},
                                 {.dtype = DT_F64, .rank = 2, .dim = {COLUMNS, COLUMNS}}};
    Func *func = g->func;
    Tensor *inputs = ARENA_ARRAY(g->arena, Tensor, FROM_GRAPH + 3);
    ValueId x[3], scale = random_value(g);
    memcpy(inputs, g->inputs, sizeof *inputs * FROM_GRAPH);
    for (int i = 0; i < 3; i++) {
        x[i] = func_add_input(func, (const char *[]){"rows", "first", "second"}[i], types[i]);
        inputs[FROM_GRAPH + i] = tensor_draw(g->arena, &types[i], 0, -1, 1, &g->seed);
    }
    g->inputs = inputs;
    scale = ir_unary(func, OP_sin, ir_cast(func, scale, DT_F64));
    scale = weighed(func, scale, ir_unary(func, OP_cos, scale));
    ValueId y = ir_matmul(func, ir_binary(func, OP_mul, x[0], scale), x[1], false, false);
    y = ir_matmul(func, ir_unary(func, OP_sin, y), x[2], false, false);
    func_add_output(func, "layers", ir_reduce(func, OP_sum, y, 1, (int64_t[]){1}, false));
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

/* Now and then more memory than is needed, which chains may take; or less, as far as that goes. */
static int64_t random_limit(const RandomGraph *g, Diags *diags, Arena *arena, uint64_t seed) {
    if (seed % 3 != 2) return seed % 3 == 1 ? 1 << 20 : 0;
    Module *whole = module_clone(g->module, arena);
    run_pass(whole, PASSES_ALL, diags, seed);
    for (int tenths = 7; tenths < 10; tenths++) {
        Module *copy = module_clone(g->module, arena);
        copy->memory_limit =
            resident_bytes(whole->funcs[0]) + whole->funcs[0]->plan->arena_bytes * tenths / 10;
        if (passes_run(copy, PASSES_ALL, NULL, diags_new(arena))) return copy->memory_limit;
    }
    return 0;
}

/* ---- the tests --------------------------------------------------------------------------------------------------- */

static void check_results(const Tensor *got, const Tensor *want, size_t n, uint64_t seed, const char *after) {
    for (size_t i = 0; i < n; i++)
        if (is_comparable(&want[i]))
            assert_tensor_near(&got[i], &want[i], 1e-6, 1e-6, "seed %d, result %d, after %s", (int)seed,
                               (int)i, after);
}

/* What the graphs came to, so that the test does not pass by too little. */
static struct {
    size_t copies, barriers, chains, blocks, prologues;
    size_t again;  /* kernels that run again */
    size_t states; /* updated in place */
} met;

static void count_plan(const Plan *plan) {
    met.copies += plan->n_copies;
    met.chains += plan->n_chains;
    for (size_t k = 0; k < plan->n_kernels; k++) {
        const Kernel *kernel = &plan->kernels[k];
        met.barriers += kernel->barrier;
        met.prologues += kernel->prologue != NULL;
        met.again += kernel->again || (kernel->prologue && kernel->prologue->again);
        for (size_t i = 0; i < kernel->n_stores; i++) {
            met.blocks += plan->places[kernel->stores[i]].kind == PLACE_BLOCK;
            met.states += plan->places[kernel->stores[i]].kind == PLACE_STATE;
        }
    }
}

/* What is said of the plan, index maps too, reads back as what its nodes make. */
static void check_text(const Module *module, Diags *diags, Arena *arena, uint64_t seed) {
    size_t size;
    char *text = module_print(module, &size);
    Module *back = module_parse(arena, diags, "printed", text, size);
    if (!back) fail_msg("seed %d: %s", (int)seed, diags_text(diags));
    char *again = module_print(back, NULL);
    assert_string_equal(again, text);
    free(text);
    free(again);
}

static void test_each_pass_keeps_the_meaning(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < GRAPHS; seed++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        RandomGraph g = random_graph(arena, diags, seed + 1000, NODES);
        g.func->name = "step";
        add_gradients(&g);
        if (seed % 2) add_layers(&g);
        g.module->machine = random_machine(seed);
        g.module->memory_limit = random_limit(&g, diags, arena, seed);
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
        check_text(g.module, diags, arena, seed);
        count_plan(g.func->plan);
        arena_free(arena);
    }
    assert_true(met.copies > 100 && met.barriers > 100);
    assert_true(met.chains > 20 && met.blocks > 40);
    assert_true(met.prologues > 30);
    assert_true(met.again > 3);
    assert_true(met.states > 50);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_pass_keeps_the_meaning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
