/* The pass `pack-weights`: which weights get packed states, that these are updated with their weights (and that the
 * verifier refuses a function that forgets one), that a limit of memory leaves them out, and that the module means the
 * same as before. */
#include "ir/plan/plan.h"
#include "passes/graph/pack_weights.h"
#include "passes/passes.h"
#include "tests/passes/graph.h"

#define BEFORE "simplify,autodiff,expand,simplify,reductions"
#define AFTER "fuse,precision,schedule,remat,memory"

/* Rows that are neither too few for a weight that one product reads, nor for any. */
static const PackLimits LIMITS = {.least_rows = 64, .most_rows = 1 << 20, .least_rows_of_one = 64};

/* A layer's forward and backward product; a network that moves before its use; a weight behind a view; frozen, narrow
 * and tall ones. */
static const char TEXT[] =
    "module @m target(batch = 1%s) {\n"
    "  state %%w : f32[8x4] = constant(value = 0.1), role = param\n"
    "  state %%moving : f32[8x4] = copy(%%w), role = ema\n"
    "  state %%view : f32[8x2x2] = constant(value = 0.3), role = param, frozen\n"
    "  state %%narrow : f32[6x4] = constant(value = 0.2), role = param\n"
    "  state %%few : f32[8x4] = constant(value = 0.2), role = param\n"
    "  func @step(%%x : f32[64x4], %%z : f32[2x4]) {\n"
    "    %%half = constant {value = 0.5}\n"
    "    %%y = matmul %%x, %%w {tb = true}\n"
    "    %%b = matmul %%y, %%w\n"
    "    %%m0 = mul %%moving, %%half\n"
    "    %%m1 = mul %%w, %%half\n"
    "    %%m = add %%m0, %%m1\n"
    "    %%ym = matmul %%x, %%m {tb = true}\n"
    "    %%flat = reshape %%view {shape = [8, 4]}\n"
    "    %%yv = matmul %%x, %%flat {tb = true}\n"
    "    %%yn = matmul %%x, %%narrow {tb = true}\n"
    "    %%yf = matmul %%z, %%few {tb = true}\n"
    "    %%g = matmul %%y, %%x {ta = true}\n"
    "    %%w1 = sub %%w, %%g\n"
    "    output y = %%y\n    output b = %%b\n    output ym = %%ym\n    output yv = %%yv\n"
    "    output yn = %%yn\n    output yf = %%yf\n"
    "    update w = %%w1\n    update moving = %%m\n"
    "  }\n"
    "  func @embed(%%x : f32[3x4]) {\n"
    "    %%y = matmul %%x, %%moving {tb = true}\n"
    "    output y = %%y\n"
    "  }\n"
    "}\n";

/* packs: how often weights are packed; then all other passes run if `all`. */
static Module *load(Arena *arena, Diags *diags, const char *target, int packs, bool all) {
    char text[4096];
    snprintf(text, sizeof text, TEXT, target);
    Module *module = module_parse(arena, diags, "test", text, strlen(text));
    bool good = module && passes_run(module, BEFORE, &(PassOptions){.verify = true}, diags);
    for (int i = 0; good && i < packs; i++) good = pack_weights(module, &LIMITS, diags);
    good = good && module_verify(module, diags);
    if (!good || (all && !passes_run(module, AFTER, &(PassOptions){.verify = true}, diags)))
        fail_msg("%s", diags_text(diags));
    return module;
}

static int count_derived(const Module *module) {
    int n = 0;
    for (size_t s = 0; s < module->n_states; s++) n += module->states[s].role == ROLE_DERIVED;
    return n;
}

static bool is_updated(const Module *module, const char *function, const char *state) {
    const Func *func = module_find_func(module, function);
    for (size_t i = 0; i < func->n_updates; i++)
        if (func->updates[i].state == module_find_state(module, state)) return true;
    return false;
}

static int count_panels(const Module *module, const char *function) {
    const Func *func = module_find_func(module, function);
    int n = 0;
    for (ValueId id = 0; id < func->count; id++)
        n += func_node(func, id)->op == OP_matmul && matmul_attrs(func_node(func, id))->panel == 4;
    return n;
}

static void test_which(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Module *module = load(arena, diags_new(arena), ", panel = 4", 1, false);
    static const char *const names[] = {"w.packed_t", "w.packed", "moving.packed_t", "view.packed_t"};
    assert_int_equal(count_derived(module), 4);
    for (int i = 0; i < 4; i++) {
        assert_true(module_find_state(module, names[i]) >= 0);
        assert_true(is_updated(module, "pack", names[i]));
        assert_int_equal(is_updated(module, "step", names[i]), i < 3); /* nothing changes the view's weight */
        assert_false(is_updated(module, "embed", names[i]));
    }
    assert_int_equal(count_panels(module, "step"), 4);
    assert_int_equal(count_panels(module, "embed"), 1);
    arena_free(arena);
}

/* Without a panel, with columns or rows that are no whole number of them, or run again: nothing. */
static void test_refused(void **state) {
    (void)state;
    Arena *arena = arena_new();
    assert_int_equal(count_derived(load(arena, diags_new(arena), "", 1, false)), 0);
    assert_int_equal(count_derived(load(arena, diags_new(arena), ", panel = 5", 1, false)), 0);
    Module *rows = load(arena, diags_new(arena), ", precision = bf16, panel = 2, rows = 8", 1, false);
    assert_int_equal(count_derived(rows), 1); /* K is 8 in %b alone */
    Module *twice = load(arena, diags_new(arena), ", panel = 4", 2, false);
    assert_int_equal(count_derived(twice), 4);
    arena_free(arena);
}

/* Packed weights take what a limit leaves, and no more: no kernel runs again for them. */
static void test_limits(void **state) {
    (void)state;
    Arena *arena = arena_new();
    int64_t before = 0;
    for (int bytes = 1 << 16; bytes > 0; bytes -= 64) {
        Diags *diags = diags_new(arena);
        char text[4096], target[64];
        snprintf(target, sizeof target, ", memory = %d, panel = 4", bytes);
        snprintf(text, sizeof text, TEXT, target);
        Module *module = module_parse(arena, diags, "test", text, strlen(text));
        if (!passes_run(module, BEFORE, NULL, diags) || !pack_weights(module, &LIMITS, diags) ||
            !passes_run(module, AFTER, NULL, diags))
            break;
        int64_t derived = count_derived(module);
        const Func *step = module_find_func(module, "step");
        for (size_t k = 0; derived && k < step->plan->n_kernels; k++)
            assert_false(step->plan->kernels[k].again);
        assert_true(bytes == 1 << 16 ? derived == 4 : derived <= before);
        before = derived;
    }
    assert_int_equal(before, 0);
    arena_free(arena);
}

/* The interpreter, before and after; derived states made by @pack. */
static void test_meaning(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Tensor *want = NULL;
    for (int i = 0; i < 3; i++) {
        Module *module = load(arena, diags_new(arena), ", panel = 4", i > 0, i > 1);
        const Func *step = module_find_func(module, "step"), *pack = module_find_func(module, "pack");
        uint64_t seed = 5;
        size_t n = module->n_states;
        Tensor *states = ARENA_ARRAY(arena, Tensor, n), *made = ARENA_ARRAY(arena, Tensor, n),
               *after = ARENA_ARRAY(arena, Tensor, n), *outputs = ARENA_ARRAY(arena, Tensor, step->n_outputs);
        for (size_t s = 0; s < n; s++)
            states[s] = tensor_draw(arena, &module->states[s].type, 0, -1, 1, &seed);
        Tensor inputs[2];
        seed = 9;
        for (size_t k = 0; k < 2; k++) inputs[k] = tensor_draw(arena, &step->inputs[k].type, 0, -1, 1, &seed);
        char error[512];
        memcpy(made, states, n * sizeof *made);
        if (pack && !func_interpret(pack, NULL, states, NULL, made, arena, error, sizeof error))
            fail_msg("%s", error);
        if (!func_interpret(step, inputs, made, outputs, after, arena, error, sizeof error))
            fail_msg("%s", error);
        if (!want) want = outputs;
        for (size_t o = 0; o < step->n_outputs; o++)
            assert_int_equal(tensor_differs(&outputs[o], &want[o], 0, 0), -1);
        for (size_t s = 0; pack && s < n; s++) { /* what the step leaves is what @pack would make of it */
            if (module->states[s].role != ROLE_DERIVED) continue;
            Tensor *again = ARENA_ARRAY(arena, Tensor, n);
            if (!func_interpret(pack, NULL, after, NULL, again, arena, error, sizeof error))
                fail_msg("%s", error);
            assert_int_equal(tensor_differs(&after[s], &again[s], 0, 0), -1);
        }
    }
    arena_free(arena);
}

/* What the pass itself takes to be worth it: in fp32 a weight that the step does not change; in bf16, of many rows,
 * all. */
static void test_worth(void **state) {
    (void)state;
    static const struct {
        const char *target;
        int derived;
    } rows[] = {{", panel = 4", 1}, {", precision = bf16, panel = 4, rows = 2", 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        Module *module = load(arena, diags, rows[i].target, 0, false);
        assert_true(pass_pack_weights(module, diags));
        assert_int_equal(count_derived(module), rows[i].derived);
        arena_free(arena);
    }
}

static void test_stale_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"module @m {\n  state %w : f32[4x4] = constant(value = 0), role = param\n"
         "  state %p : f32[1x4x4] = constant(value = 0), role = derived\n"
         "  func @step() {\n    %0 = add %w, %w\n    update w = %0\n  }\n"
         "  func @pack() {\n    %0 = pack %w {panel = 4}\n    update p = %0\n  }\n}\n",
         "@step updates 'w', but not 'p', which is derived from it"},
        {"module @m {\n  state %p : f32[1x4x4] = constant(value = 0), role = derived\n}\n",
         "no function @pack without inputs makes the derived state 'p'"},
        {"module @m {\n  state %p : f32 = constant(value = 0), role = derived\n"
         "  state %q : f32 = constant(value = 0), role = derived\n"
         "  func @pack() {\n    %0 = add %p, %p\n    update q = %0\n    update p = %p\n  }\n}\n",
         "is itself derived"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        Module *module = module_parse(arena, diags, "test", rows[i].text, strlen(rows[i].text));
        if (module) assert_false(module_verify(module, diags));
        if (!strstr(diags_text(diags), rows[i].message)) fail_msg("%s", diags_text(diags));
        arena_free(arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_which),  cmocka_unit_test(test_refused),
        cmocka_unit_test(test_limits), cmocka_unit_test(test_meaning),
        cmocka_unit_test(test_worth),  cmocka_unit_test(test_stale_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
