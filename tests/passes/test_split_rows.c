/* The pass `split-rows`: the same results in pieces, no wide value whole; rows that need each other stay as they are;
 * and on random heads: the same results. That a large head is split in a recipe: tests/driver/test_recipes.c. */
#include "passes/graph/split_rows.h"
#include "passes/passes.h"
#include "tests/passes/graph.h"

#define BEFORE "simplify,autodiff,expand,simplify"
enum { WIDE = 24, GRAPHS = 3000 };
static const SplitLimits SMALL = {.columns = WIDE, .bytes = 0, .piece = 1, .rows = 1, .pieces = 4};

static Module *read_module(Arena *arena, Diags *diags, const char *text) {
    Module *module = module_parse(arena, diags, "test", text, strlen(text));
    if (!module || !passes_run(module, BEFORE, &(PassOptions){.verify = true}, diags))
        fail_msg("%s", diags_text(diags));
    return module;
}

/* Outputs, then states, of inputs and states drawn from a seed. */
static Tensor *run_drawn(const Func *func, Arena *arena) {
    const Module *module = func->module;
    uint64_t seed = 7;
    char error[512];
    Tensor *inputs = ARENA_ARRAY(arena, Tensor, func->n_inputs + 1);
    Tensor *states = ARENA_ARRAY(arena, Tensor, module->n_states + 1);
    Tensor *results = ARENA_ARRAY(arena, Tensor, func->n_outputs + module->n_states + 1);
    for (size_t i = 0; i < func->n_inputs; i++)
        inputs[i] = tensor_draw(arena, &func->inputs[i].type, dtype_is_int(func->inputs[i].type.dtype) * WIDE,
                                -1, 1, &seed);
    for (size_t i = 0; i < module->n_states; i++)
        states[i] = tensor_draw(arena, &module->states[i].type, 0, -1, 1, &seed);
    if (!func_interpret(func, inputs, states, results, results + func->n_outputs, arena, error, sizeof error))
        fail_msg("%s", error);
    return results;
}

/* The most rows of a product with wide rows. */
static int64_t most_rows(const Func *func) {
    int64_t most = 0;
    for (ValueId id = 0; id < func->count; id++) {
        const Type *type = func_type(func, id);
        bool wide = func_node(func, id)->op == OP_matmul && type->dim[type->rank - 1] == WIDE;
        if (wide && type->dim[0] > most) most = type->dim[0];
    }
    return most;
}

static void check_split(const char *text, int64_t rows) {
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    Module *module = read_module(arena, diags, text);
    Func *func = module->funcs[0];
    Tensor *want = run_drawn(func, arena);
    assert_int_equal(split_rows(func, &SMALL), 1);
    if (!module_verify(module, diags)) fail_msg("%s", diags_text(diags));
    assert_int_equal(most_rows(func), rows);
    Tensor *got = run_drawn(func, arena);
    for (size_t i = 0; i < func->n_outputs + module->n_states; i++)
        assert_tensor_near(&got[i], &want[i], 1e-12, 1e-12, "result %d", (int)i);
    assert_true(passes_run(module, "simplify,reductions,fuse,schedule,memory", &(PassOptions){.verify = true},
                           diags));
    got = run_drawn(func, arena);
    for (size_t i = 0; i < func->n_outputs + module->n_states; i++)
        assert_tensor_near(&got[i], &want[i], 1e-12, 1e-12, "result %d of kernels", (int)i);
    arena_free(arena);
}

static void check_whole(const char *text) {
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    Module *module = read_module(arena, diags, text);
    size_t before, after;
    char *want = module_print(module, &before);
    assert_int_equal(split_rows(module->funcs[0], &SMALL), 0);
    char *got = module_print(module, &after);
    assert_string_equal(got, want);
    free(got);
    free(want);
    arena_free(arena);
}

/* Two views of 8 images each through two heads; each view of one is a target for the other view of the other, and the
 * mean of the targets' logits goes into a state. Pieces hold the same images of all views. */
static void test_views_are_split_by_images(void **state) {
    (void)state;
    check_split("module @m {\n"
                "  state %w : f32[24x5] = constant(value = 0), role = param\n"
                "  state %t : f32[24x5] = constant(value = 0), role = ema\n"
                "  state %c : f32[1x24] = constant(value = 0), role = buffer\n"
                "  func @step(%x : f32[24x5], %y : f32[16x5]) {\n"
                "    %z = matmul %x, %w {tb = true}\n"
                "    %q = log_softmax %z\n"
                "    %u = matmul %y, %t {tb = true}\n"
                "    %v = sub %u, %c\n"
                "    %s = softmax %v\n"
                "    %p = stop_grad %s\n"
                "    %p0 = slice %p {start = [0, 0], limit = [8, 24], step = [1, 1]}\n"
                "    %p1 = slice %p {start = [8, 0], limit = [16, 24], step = [1, 1]}\n"
                "    %q0 = slice %q {start = [0, 0], limit = [8, 24], step = [1, 1]}\n"
                "    %q1 = slice %q {start = [8, 0], limit = [16, 24], step = [1, 1]}\n"
                "    %q2 = slice %q {start = [16, 0], limit = [24, 24], step = [1, 1]}\n"
                "    %a = mul %p0, %q1\n"
                "    %b = mul %p1, %q0\n"
                "    %d = mul %p0, %q2\n"
                "    %as = sum %a {axes = [0, 1]}\n"
                "    %bs = sum %b {axes = [0, 1]}\n"
                "    %ds = sum %d {axes = [1]}\n"
                "    %dss = sum %ds {axes = [0]}\n"
                "    %e = add %as, %bs\n"
                "    %loss = sub %e, %dss\n"
                "    %dw = grad %loss, %w\n"
                "    %dx = grad %loss, %x\n"
                "    %m = sum %u {axes = [0], keep = true}\n"
                "    output loss = %loss\n"
                "    output dw = %dw\n"
                "    output dx = %dx\n"
                "    output rows = %ds\n"
                "    update c = %m\n"
                "  }\n}\n",
                24 / 4);
}

/* Labels by gather; a bias; tokens of images, whose rows a reshape takes apart. */
static void test_labels_of_tokens(void **state) {
    (void)state;
    check_split("module @m {\n"
                "  state %w : f32[24x5] = constant(value = 0), role = param\n"
                "  state %b : f32[24] = constant(value = 0), role = param\n"
                "  func @step(%x : f32[4x3x5], %label : i32[12x1]) {\n"
                "    %f = reshape %x {shape = [12, 5]}\n"
                "    %h = matmul %f, %w {tb = true}\n"
                "    %z = add %h, %b\n"
                "    %q = log_softmax %z\n"
                "    %l = gather %q, %label {batch = 1}\n"
                "    %i = reshape %q {shape = [4, 3, 24]}\n"
                "    %s = amax %i {axes = [1, 2]}\n"
                "    %n = sum %l {axes = [0, 1]}\n"
                "    %dw = grad %n, %w\n"
                "    %db = grad %n, %b\n"
                "    %dx = grad %n, %x\n"
                "    output n = %n\n"
                "    output s = %s\n"
                "    output dw = %dw\n"
                "    output db = %db\n"
                "    output dx = %dx\n"
                "  }\n}\n",
                12 / 4);
}

#define HEAD                                                                                                 \
    "module @m {\n"                                                                                          \
    "  state %w : f32[24x5] = constant(value = 0), role = param\n"                                           \
    "  func @step(%x : f32[8x5]) {\n"                                                                        \
    "    %z = matmul %x, %w {tb = true}\n"
#define LOSS                                                                                                 \
    "    %s = sum %y {axes = [0, 1]}\n"                                                                      \
    "    %dw = grad %s, %w\n"                                                                                \
    "    output dw = %dw\n"

/* A mean over the batch goes into the rows; the logits are an output; the loss of all rows goes into their gradient;
 * columns are looked at as rows. */
static void test_rows_that_need_each_other_stay(void **state) {
    (void)state;
    check_whole(HEAD "    %m = sum %z {axes = [0]}\n    %c = sub %z, %m\n    %y = exp %c\n" LOSS "  }\n}\n");
    check_whole(HEAD "    %y = exp %z\n" LOSS "    output z = %z\n  }\n}\n");
    check_whole(HEAD "    %e = exp %z\n    %n = sum %e {axes = [0, 1]}\n    %l = log %n\n"
                     "    %dw = grad %l, %w\n    output dw = %dw\n  }\n}\n");
    check_whole(HEAD "    %t = transpose %z {perm = [1, 0]}\n    %y = softmax %t\n    %o = mul %y, %y\n"
                     "    %s = sum %o {axes = [0, 1]}\n    output s = %s\n  }\n}\n");
    check_whole(HEAD "    %o = slice %z {start = [0, 0], limit = [3, 24], step = [1, 1]}\n"
                     "    %y = exp %o\n" LOSS "  }\n}\n");
}

/* The least that is asked of rows, bytes and columns. */
static void test_limits(void **state) {
    (void)state;
    SplitLimits limits[] = {SMALL, SMALL, SMALL, SMALL};
    limits[0].rows = 5;
    limits[1].bytes = 8 * WIDE * 4 + 1;
    limits[2].columns = WIDE + 1;
    limits[3].piece = 8 * WIDE * 4;
    for (int i = 0; i < 4; i++) {
        Arena *arena = arena_new();
        Module *module = read_module(arena, diags_new(arena), HEAD "    %y = exp %z\n" LOSS "  }\n}\n");
        assert_int_equal(split_rows(module->funcs[0], &limits[i]), 0);
        assert_int_equal(split_rows(module->funcs[0], &SMALL), 1);
        arena_free(arena);
    }
}

/* ---- random heads ------------------------------------------------------------------------------------------------ */

enum { COLUMNS = 6, DEPTH = 5 };

typedef struct {
    Func *func;
    uint64_t seed;
    ValueId rows[64]; /* [R, COLUMNS] of some R */
    int n;
} Head;

static ValueId slice_rows(Func *func, ValueId x, int64_t from, int64_t to) {
    return ir_slice(func, x, (int64_t[]){from, 0}, (int64_t[]){to, COLUMNS}, (int64_t[]){1, 1});
}

/* Some rows of x as many as y has, or x. */
static ValueId fit_rows(Head *h, ValueId x, ValueId y) {
    int64_t has = func_type(h->func, x)->dim[0], wants = func_type(h->func, y)->dim[0];
    if (wants > has) return ir_pad(h->func, x, (int64_t[]){wants - has, 0}, (int64_t[]){0, 0}, 0);
    int64_t from = draw_below(&h->seed, has / wants) * wants;
    return slice_rows(h->func, x, from, from + wants);
}

static ValueId draw_step(Head *h) {
    Func *func = h->func;
    ValueId x = h->rows[draw_below(&h->seed, h->n)], y = h->rows[draw_below(&h->seed, h->n)];
    int64_t rows = func_type(func, x)->dim[0], last = 1, first = 0, half = rows / 2;
    ValueId whole[2] = {x, y};
    switch (draw_below(&h->seed, 11)) {
    case 0: return ir_unary(func, OP_tanh, x);
    case 1: return ir_unary(func, OP_softmax, x);
    case 2: return ir_unary(func, OP_log_softmax, x);
    case 3: return ir_binary(func, OP_sub, x, ir_reduce(func, OP_amax, x, 1, &last, true));
    case 4: return ir_binary(func, OP_mul, x, fit_rows(h, y, x));
    case 5: return ir_binary(func, OP_add, x, fit_rows(h, y, x));
    case 6: return half > 1 && rows % 2 == 0 ? slice_rows(func, x, half, rows) : x;
    case 7: return rows < 24 ? ir_concat(func, 2, whole, 0) : x;
    case 8: { /* one hot */
        ValueId index = ir_iota(func, 2, (int64_t[]){rows, COLUMNS}, 1, DT_F64);
        ValueId label = ir_reduce(func, OP_sum, x, 1, &last, true);
        return ir_binary(func, OP_mul, x, ir_cast(func, ir_binary(func, OP_lt, label, index), DT_F64));
    }
    case 9: { /* rows apart and together again */
        if (rows % 2) return x;
        ValueId z = ir_unary(func, OP_sin, ir_reshape(func, x, 3, (int64_t[]){half, 2, COLUMNS}));
        return ir_reshape(func, z, 2, (int64_t[]){rows, COLUMNS});
    }
    default: /* rarely what needs all rows */
        return draw_below(&h->seed, 4)
                   ? ir_unary(func, OP_cos, x)
                   : ir_binary(func, OP_sub, x, ir_reduce(func, OP_sum, x, 1, &first, true));
    }
}

static Func *random_head(Arena *arena, Diags *diags, uint64_t seed) {
    Module *module = module_new(arena, diags, "random");
    Head h = {.func = module_add_func(module, "f"), .seed = seed};
    Func *func = h.func;
    ValueId leaf[4], loss = ir_constant(func, 0, DT_F64);
    for (int i = 0; i < 2; i++) {
        int64_t rows = 4 * (1 + draw_below(&h.seed, 4));
        leaf[2 * i] = func_add_input(func, i ? "y" : "x", type_make(DT_F64, 2, (int64_t[]){rows, 3}));
        leaf[2 * i + 1] = func_add_input(func, i ? "v" : "w", type_make(DT_F64, 2, (int64_t[]){COLUMNS, 3}));
        h.rows[h.n++] = ir_matmul(func, leaf[2 * i], leaf[2 * i + 1], false, true);
    }
    for (int i = 0; i < DEPTH; i++) {
        ValueId made = draw_step(&h);
        h.rows[h.n++] = made;
        if (made == IR_NONE) fail_msg("seed %d: %s", (int)seed, func->error);
    }
    for (int i = 2; i < h.n; i++) {
        int64_t axes[] = {1, 0};
        bool keep = draw_below(&h.seed, 2);
        ValueId sum = ir_reduce(func, OP_sum, h.rows[i], 1, axes, keep);
        if (draw_below(&h.seed, 3) == 0) func_add_output(func, arena_printf(arena, "sum%d", i), sum);
        loss = ir_binary(func, OP_add, loss, weighed(func, h.rows[i], ir_constant(func, 0.1 * i, DT_F64)));
    }
    func_add_output(func, "loss", loss);
    for (int i = 0; i < 4; i++)
        func_add_output(func, (const char *[]){"dx", "dw", "dy", "dv"}[i], emit_grad(func, loss, leaf[i]));
    return func;
}

static void test_random_heads(void **state) {
    (void)state;
    const SplitLimits limits = {.columns = COLUMNS, .bytes = 0, .piece = 1, .rows = 1, .pieces = 4};
    int splits = 0;
    for (uint64_t seed = 0; seed < GRAPHS; seed++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        Func *func = random_head(arena, diags, seed);
        if (!passes_run(func->module, BEFORE, NULL, diags)) fail_msg("%s", diags_text(diags));
        Tensor *want = run_drawn(func, arena);
        splits += split_rows(func, &limits) > 0;
        if (!module_verify(func->module, diags)) fail_msg("seed %d: %s", (int)seed, diags_text(diags));
        Tensor *got = run_drawn(func, arena);
        for (size_t i = 0; i < func->n_outputs; i++)
            assert_tensor_near(&got[i], &want[i], 1e-10, 1e-10, "seed %d, result %d", (int)seed, (int)i);
        arena_free(arena);
    }
    if (getenv("VERBOSE")) printf("%d of %d split\n", splits, GRAPHS);
    assert_true(splits > GRAPHS / 4 && splits < GRAPHS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_views_are_split_by_images),
        cmocka_unit_test(test_labels_of_tokens),
        cmocka_unit_test(test_rows_that_need_each_other_stay),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_random_heads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
