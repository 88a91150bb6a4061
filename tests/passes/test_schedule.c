/* The pass `schedule`: kernels after those they load from, readers of a state before its update, updates as soon as
 * they can be; and on random functions: the same results, in no more memory. */
#include "passes/plan/live.h"
#include "passes/passes.h"
#include "tests/passes/planned.h"

#define BEFORE "simplify,batch-views,attention,autodiff,expand,simplify,reductions,fuse,precision"
enum { GRAPHS = 200, NODES = 60 };

static Module *read_module(Arena *arena, Diags *diags, const char *text) {
    Module *module = module_parse(arena, diags, "test", text, strlen(text));
    if (!module) fail_msg("%s", diags_text(diags));
    return module;
}

static void run_list(Module *module, const char *list, Diags *diags) {
    if (!passes_run(module, list, &(PassOptions){.verify = true}, diags)) fail_msg("%s", diags_text(diags));
}

/* The kernel that makes what is written into a state. */
static uint32_t updater(const Func *func, const char *state) {
    int64_t number = module_find_state(func->module, state);
    for (size_t i = 0; i < func->n_updates; i++)
        if (func->updates[i].state == number) return func->plan->kernel_of[func->updates[i].value];
    fail_msg("no update of %s", state);
    return 0;
}

/* Two layers trained by plain descent: each weight is written in place by the product that makes its gradient. */
static void test_updates_follow_gradients(void **state) {
    (void)state;
    static const char text[] = "module @m {\n"
                               "  state %a : f32[64x64] = constant(value = 0.1), role = param\n"
                               "  state %b : f32[64x64] = constant(value = 0.1), role = param\n"
                               "  func @step(%x : f32[64x64]) {\n"
                               "    %0 = matmul %x, %a : f32[64x64]\n"
                               "    %1 = tanh %0 : f32[64x64]\n"
                               "    %2 = matmul %1, %b : f32[64x64]\n"
                               "    %3 = mul %2, %2 : f32[64x64]\n"
                               "    %4 = sum %3 {axes = [0, 1]} : f32\n"
                               "    %5 = grad %4, %a : f32[64x64]\n"
                               "    %6 = grad %4, %b : f32[64x64]\n"
                               "    %7 = sub %a, %5 : f32[64x64]\n"
                               "    %8 = sub %b, %6 : f32[64x64]\n"
                               "    output loss = %4\n"
                               "    update a = %7\n"
                               "    update b = %8\n"
                               "  }\n}\n";
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    Module *module = read_module(arena, diags, text);
    run_list(module, BEFORE ",schedule,memory", diags);
    const Func *func = module->funcs[0];
    const Plan *plan = func->plan;
    for (size_t i = 0; i < func->n_updates; i++) {
        ValueId value = func->updates[i].value;
        assert_int_equal(plan->places[value].kind, PLACE_STATE);
        assert_int_equal(plan_kernel(plan, value)->kind, KERNEL_MATMUL);
    }
    assert_int_equal(plan->n_copies, 0);
    arena_free(arena);
}

/* A state that is read after what its update needs: the reader comes first, and nothing is copied. */
static void test_readers_come_before_updates(void **state) {
    (void)state;
    static const char text[] = "module @m {\n"
                               "  state %s : f32[64x64] = constant(value = 1), role = buffer\n"
                               "  func @step(%x : f32[64x64]) {\n"
                               "    kernel {\n      %0 = add %s, %x : f32[64x64]\n    }\n"
                               "    kernel {\n      %1 = matmul %x, %s : f32[64x64]\n    }\n"
                               "    output y = %1\n"
                               "    update s = %0\n"
                               "  }\n}\n";
    for (int scheduled = 0; scheduled < 2; scheduled++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        Module *module = read_module(arena, diags, text);
        run_list(module, scheduled ? "schedule" : "", diags);
        assert_int_equal(updater(module->funcs[0], "s"), scheduled);
        assert_int_equal(module->funcs[0]->plan->n_copies, !scheduled);
        arena_free(arena);
    }
}

/* Two states that change places: one must be copied, whatever the order. */
static void test_states_may_change_places(void **state) {
    (void)state;
    static const char text[] = "module @m {\n"
                               "  state %s : f32[64] = constant(value = 1), role = buffer\n"
                               "  state %t : f32[64] = constant(value = 2), role = buffer\n"
                               "  func @step(%x : f32[64]) {\n"
                               "    kernel {\n      %0 = add %s, %x : f32[64]\n    }\n"
                               "    kernel {\n      %1 = add %t, %x : f32[64]\n    }\n"
                               "    update s = %1\n"
                               "    update t = %0\n"
                               "  }\n}\n";
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    Module *module = read_module(arena, diags, text);
    run_list(module, "schedule,memory", diags);
    assert_int_equal(module->funcs[0]->plan->n_copies, 1);
    arena_free(arena);
}

/* A value that is not computed from the state it goes into must not be written there by a kernel that still reads the
 * state. */
static void test_no_store_before_a_load(void **state) {
    (void)state;
    static const char text[] = "module @m {\n"
                               "  state %s : f32[64] = constant(value = 1), role = buffer\n"
                               "  func @step(%x : f32[64]) {\n"
                               "    kernel {\n      %0 = neg %x : f32[64]\n"
                               "      %1 = sub %0, %s : f32[64]\n    }\n"
                               "    output change = %1\n"
                               "    update s = %0\n"
                               "  }\n}\n";
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    Module *module = read_module(arena, diags, text);
    assert_int_equal(module->funcs[0]->plan->n_copies, 1);
    arena_free(arena);
}

static void test_random_functions(void **state) {
    (void)state;
    int64_t before = 0, after = 0;
    for (uint64_t seed = 0; seed < GRAPHS; seed++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        RandomGraph g = random_graph(arena, diags, seed + 5000, NODES);
        add_gradients(&g);
        run_list(g.module, BEFORE, diags);
        RandomGraph given = g;
        given.module = module_clone(g.module, arena);
        given.func = given.module->funcs[0];
        run_list(given.module, "memory", diags);
        run_list(g.module, "schedule,memory", diags);
        assert_true(g.func->plan->arena_bytes <= given.func->plan->arena_bytes);
        before += given.func->plan->arena_bytes;
        after += g.func->plan->arena_bytes;
        Tensor *want = run_planned(&given, arena), *got = run_planned(&g, arena);
        for (size_t i = 0; i < g.func->n_outputs + 2; i++)
            assert_tensor_near(&got[i], &want[i], 0, 0, "seed %d, result %d", (int)seed, (int)i);
        arena_free(arena);
    }
    assert_true(after < before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_updates_follow_gradients), cmocka_unit_test(test_readers_come_before_updates),
        cmocka_unit_test(test_states_may_change_places), cmocka_unit_test(test_no_store_before_a_load),
        cmocka_unit_test(test_random_functions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
