/* Simplify keeps what a function computes (random functions, through the interpreter), finds nothing more a second
 * time, and applies the rules it is meant to. Factor: sums of products, and their gradients, stay the same too. */
#include "tests/passes/random_graph.h"
#include "passes/graph/shared_sums.h"
#include "passes/graph/simplify.h"
#include "passes/passes.h"

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

/* ---- sums of products -------------------------------------------------------------------------------------------- */

enum { FACTORS = 5, PAIR_SUMS = 400 };

/* A loss that adds up products of a few inputs, and its gradients: some pairs twice, with equal and other factors, by
 * rows or at once. */
static Module *random_sum(Arena *arena, Diags *diags, uint64_t seed) {
    Module *module = module_new(arena, diags, "sums");
    Func *func = module_add_func(module, "f");
    static const double factors[] = {1, 1, 1, -1, 0.5, 3};
    ValueId x[FACTORS], loss = IR_NONE;
    for (int i = 0; i < FACTORS; i++)
        x[i] = func_add_input(func, (char[]){(char)('a' + i), 0}, type_make(DT_F64, 2, (int64_t[]){2, 3}));
    int pairs = 2 + (int)draw_below(&seed, 9), kinds = 1 + (int)draw_below(&seed, 6);
    bool by_rows = draw_below(&seed, 2);
    for (int i = 0; i < pairs; i++) {
        ValueId y = ir_binary(func, OP_mul, x[draw_below(&seed, FACTORS)], x[draw_below(&seed, FACTORS)]);
        ValueId factor = ir_constant(func, factors[draw_below(&seed, kinds)], DT_F64);
        if (by_rows) y = ir_reduce(func, OP_sum, y, 1, (int64_t[]){1}, false);
        y = ir_binary(func, draw_below(&seed, 2) ? OP_mul : OP_div, y, factor);
        if (draw_below(&seed, 4) == 0) y = ir_unary(func, OP_neg, y);
        y = ir_reduce(func, OP_sum, y, func_type(func, y)->rank, (int64_t[]){0, 1}, false);
        loss = loss == IR_NONE ? y : ir_binary(func, draw_below(&seed, 3) ? OP_add : OP_sub, loss, y);
    }
    func_add_output_as(func, "loss", loss, OUTPUT_LOSS);
    for (int i = 0; i < FACTORS; i++)
        func_add_output(func, (char[]){'d', (char)('a' + i), 0}, ir_binary(func, OP_grad, loss, x[i]));
    return module;
}

/* Operations on products of two inputs' size, before gradients are made. */
static double flops_of(Module *module, Arena *arena, Diags *diags, const char *passes) {
    Module *copy = module_clone(module, arena);
    if (!passes_run(copy, passes, &(PassOptions){.verify = true}, diags)) fail_msg("%s", diags_text(diags));
    return func_flops(copy->funcs[0], false);
}

static void test_sums_of_products_are_factored(void **state) {
    (void)state;
    int fewer = 0;
    for (uint64_t seed = 0; seed < PAIR_SUMS; seed++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        Module *module = random_sum(arena, diags, seed), *plain = module_clone(module, arena);
        Tensor inputs[FACTORS];
        uint64_t draw = seed;
        for (int i = 0; i < FACTORS; i++)
            inputs[i] = tensor_draw(arena, func_type(module->funcs[0], (ValueId)i), 0, -1, 1, &draw);
        double before = flops_of(module, arena, diags, "simplify"),
               after = flops_of(module, arena, diags, "simplify,factor,simplify");
        if (after > before) fail_msg("seed %d: %g FLOPs, before %g", (int)seed, after, before);
        fewer += after < before;
        assert_true(passes_run(module, "simplify,factor,autodiff", &(PassOptions){.verify = true}, diags));
        assert_true(passes_run(plain, "autodiff", NULL, diags));
        Tensor *got = run_func(module->funcs[0], inputs, arena),
               *want = run_func(plain->funcs[0], inputs, arena);
        for (int i = 0; i <= FACTORS; i++)
            assert_tensor_near(&got[i], &want[i], 1e-12, 1e-12, "seed %d, result %d", (int)seed, i);
        arena_free(arena);
    }
    assert_true(fewer > PAIR_SUMS / 2);
}

/* Each of n sums lacks one of n items: from the sum of all what it lacks is subtracted, or less. */
static void test_sums_share_additions(void **state) {
    (void)state;
    enum { N = 12 };
    for (int n = 1; n <= N; n++) {
        Arena *arena = arena_new();
        bool in[N * N];
        for (int i = 0; i < n * n; i++) in[i] = n == 1 || i / n != i % n;
        SharedSums shared = shared_sums(arena, n, n, in);
        assert_true(shared.n_steps <= (n < 3 ? 0 : 2 * n - 1));
        bool *has = ARENA_ARRAY(arena, bool, (n + shared.n_steps) * n);
        for (int i = 0; i < n; i++) has[i * n + i] = true;
        for (int i = 0; i < shared.n_steps; i++)
            for (int k = 0; k < n; k++) {
                const SumStep *step = &shared.steps[i];
                bool left = has[step->left * n + k], right = has[step->right * n + k];
                assert_true(step->minus ? left || !right : !left || !right);
                has[(n + i) * n + k] = left != right;
            }
        for (int i = 0; i < n; i++) assert_memory_equal(&has[shared.result[i] * n], &in[i * n], (size_t)n);
        arena_free(arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_functions_compute_the_same),
        cmocka_unit_test(test_sums_of_products_are_factored),
        cmocka_unit_test(test_sums_share_additions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
