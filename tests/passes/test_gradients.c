/* Every operator's gradient rule against finite differences in float64, through the interpreter: as autodiff makes it,
 * and after expand and simplify. An operator that gets a rule but no case here fails the test. */
#include "tests/passes/graph.h"
#include "passes/graph/autodiff.h"
#include "passes/graph/autodiff_rules.h"
#include "passes/graph/expand.h"
#include "passes/graph/simplify.h"

#define DIMS(...) .rank = sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), .dim = {__VA_ARGS__}
#define INTS(...)                                                                                            \
    {                                                                                                        \
        sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), {                                                \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }

typedef struct {
    int rank;
    int64_t dim[5];
    double low, high; /* both 0: -1.5 to 1.5 */
    int64_t below;    /* > 0: whole numbers, i32 */
    bool flags;       /* bool */
    bool definite;    /* n + 1 is added to the diagonals of its matrices [n, n] */
} Operand;

typedef struct {
    OpKind op;
    int n;
    Operand x[4];
    AnyAttrs attrs;
} Case;

#define NO_ATTRS                                                                                             \
    {                                                                                                        \
        .cast = {.dtype = DT_F64 }                                                                           \
    }
#define ELEMENTWISE(name) {name, 1, {{DIMS(2, 3)}}, NO_ATTRS}
#define POSITIVE(name) {name, 1, {{DIMS(2, 3), .low = 0.3, .high = 2}}, NO_ATTRS}
#define BROADCAST(name)                                                                                      \
    {name, 2, {{DIMS(2, 1, 3)}, {DIMS(4, 1), .low = 0.5, .high = 2}}, NO_ATTRS},                             \
        {name, 2, {{DIMS(2, 3), .low = 0.5, .high = 2}, {DIMS(2, 3), .low = 0.5, .high = 2}}, NO_ATTRS}, {   \
        name, 2, {{DIMS(2), .low = 0.5, .high = 2}, {.rank = 0, .low = 0.5, .high = 2}}, NO_ATTRS            \
    }

static const Case CASES[] = {
    ELEMENTWISE(OP_neg),
    ELEMENTWISE(OP_abs),
    ELEMENTWISE(OP_exp),
    POSITIVE(OP_log),
    POSITIVE(OP_sqrt),
    POSITIVE(OP_rsqrt),
    ELEMENTWISE(OP_tanh),
    ELEMENTWISE(OP_erf),
    ELEMENTWISE(OP_sin),
    ELEMENTWISE(OP_cos),
    ELEMENTWISE(OP_sigmoid),
    ELEMENTWISE(OP_softplus),
    {OP_gelu, 1, {{DIMS(3, 5)}}, {.gelu = {.approximate = false}}},
    {OP_gelu, 1, {{DIMS(3, 5)}}, {.gelu = {.approximate = true}}},
    {OP_cast, 1, {{DIMS(3)}}, {.cast = {.dtype = DT_F32}}},
    BROADCAST(OP_add),
    BROADCAST(OP_sub),
    BROADCAST(OP_mul),
    BROADCAST(OP_div),
    BROADCAST(OP_rem),
    {OP_pow, 2, {{DIMS(2, 3), .low = 0.3, .high = 2}, {DIMS(3)}}, NO_ATTRS},
    BROADCAST(OP_max),
    BROADCAST(OP_min),
    {OP_select, 3, {{DIMS(2, 3), .flags = true}, {DIMS(3)}, {DIMS(2, 1)}}, NO_ATTRS},
    {OP_select, 3, {{DIMS(3), .flags = true}, {DIMS(2, 3)}, {.rank = 0}}, NO_ATTRS},
    {OP_sum, 1, {{DIMS(2, 3, 4)}}, {.reduce = {.axes = INTS(0, 2)}}},
    {OP_sum, 1, {{DIMS(2, 3)}}, {.reduce = {.axes = INTS(1), .keep = true}}},
    {OP_sum, 1, {{DIMS(2, 3)}}, {.reduce = {.axes = {0}}}},
    {OP_amax, 1, {{DIMS(2, 3, 4)}}, {.reduce = {.axes = INTS(2, 0)}}},
    {OP_amax, 1, {{DIMS(2, 3)}}, {.reduce = {.axes = INTS(1), .keep = true}}},
    {OP_softmax, 1, {{DIMS(3, 5)}}, NO_ATTRS},
    {OP_log_softmax, 1, {{DIMS(3, 5)}}, NO_ATTRS},
    {OP_layernorm, 3, {{DIMS(2, 3, 5)}, {DIMS(5)}, {DIMS(5)}}, {.layernorm = {.eps = 1e-3}}},
    {OP_layernorm, 3, {{DIMS(5)}, {DIMS(5)}, {DIMS(5)}}, {.layernorm = {.eps = 1e-3}}},
    {OP_matmul, 2, {{DIMS(2, 3)}, {DIMS(3, 4)}}, {.matmul = {.ta = false}}},
    {OP_matmul, 2, {{DIMS(3, 2)}, {DIMS(3, 4)}}, {.matmul = {.ta = true}}},
    {OP_matmul, 2, {{DIMS(2, 3)}, {DIMS(4, 3)}}, {.matmul = {.tb = true}}},
    {OP_matmul, 2, {{DIMS(3, 2)}, {DIMS(4, 3)}}, {.matmul = {.ta = true, .tb = true}}},
    {OP_matmul, 2, {{DIMS(2, 2, 3)}, {DIMS(2, 4, 3)}}, {.matmul = {.tb = true}}},
    {OP_matmul, 2, {{DIMS(2, 1, 3, 2)}, {DIMS(2, 1, 3, 4)}}, {.matmul = {.ta = true}}},
    {OP_matmul, 2, {{DIMS(2, 3)}, {DIMS(2, 3, 4)}}, {.matmul = {.panel = 4}}},
    {OP_matmul, 2, {{DIMS(3, 2)}, {DIMS(2, 3, 4)}}, {.matmul = {.ta = true, .panel = 4}}},
    {OP_pack, 1, {{DIMS(3, 4)}}, {.pack = {.panel = 2, .rows = 1}}},
    {OP_pack, 1, {{DIMS(4, 3)}}, {.pack = {.panel = 2, .rows = 1, .tb = true}}},
    {OP_attention, 3, {{DIMS(3, 4)}, {DIMS(3, 4)}, {DIMS(3, 4)}}, {.attention = {.scale = 0.7}}},
    {OP_attention,
     3,
     {{DIMS(2, 1, 3, 2)}, {DIMS(2, 1, 3, 2)}, {DIMS(2, 1, 3, 2)}},
     {.attention = {.scale = 1}}},
    {OP_attention,
     4,
     {{DIMS(2, 2, 3, 2)}, {DIMS(2, 2, 3, 2)}, {DIMS(2, 2, 3, 2)}, {DIMS(1, 2, 3, 3)}},
     {.attention = {.scale = 0.5}}},
    {OP_attention,
     4,
     {{DIMS(2, 3, 2)}, {DIMS(2, 3, 2)}, {DIMS(2, 3, 2)}, {DIMS(1, 3, 3)}},
     {.attention = {.scale = 1}}},
    {OP_reshape, 1, {{DIMS(2, 3)}}, {.shape = {.shape = INTS(3, 2, 1)}}},
    {OP_transpose, 1, {{DIMS(2, 3, 4)}}, {.transpose = {.perm = INTS(2, 0, 1)}}},
    {OP_broadcast, 1, {{DIMS(3, 1)}}, {.shape = {.shape = INTS(2, 3, 4)}}},
    {OP_slice, 1, {{DIMS(5, 3)}}, {.slice = {.start = INTS(1, 0), .limit = INTS(4, 2), .step = INTS(1, 1)}}},
    {OP_slice, 1, {{DIMS(7, 4)}}, {.slice = {.start = INTS(1, 0), .limit = INTS(6, 4), .step = INTS(2, 3)}}},
    {OP_slice, 1, {{DIMS(8, 5)}}, {.slice = {.start = INTS(0, 1), .limit = INTS(8, 5), .step = INTS(3, 1)}}},
    {OP_pad, 1, {{DIMS(2, 3)}}, {.pad = {.low = INTS(1, 0), .high = INTS(0, 2), .value = 0.5}}},
    {OP_concat, 3, {{DIMS(2, 1)}, {DIMS(2, 3)}, {DIMS(2, 2)}}, {.concat = {.axis = -1}}},
    {OP_concat, 1, {{DIMS(2, 1)}}, {.concat = {.axis = 0}}},
    {OP_gather, 2, {{DIMS(4, 2)}, {DIMS(3, 2), .below = 4}}, {.indexed = {.batch = 0}}},
    {OP_gather, 2, {{DIMS(2, 3, 2)}, {DIMS(2, 5), .below = 3}}, {.indexed = {.batch = 1}}},
    {OP_scatter_add, 3, {{DIMS(3, 2)}, {DIMS(5), .below = 3}, {DIMS(5, 2)}}, {.indexed = {.batch = 0}}},
    {OP_scatter_add, 3, {{DIMS(2, 3)}, {DIMS(2, 4), .below = 3}, {DIMS(2, 4)}}, {.indexed = {.batch = 1}}},
    {OP_scatter, 3, {{DIMS(3, 2)}, {DIMS(5), .below = 3}, {DIMS(5, 2)}}, {.indexed = {.batch = 0}}},
    {OP_scatter,
     3,
     {{DIMS(2, 3, 2)}, {DIMS(2, 2, 2), .below = 3}, {DIMS(2, 2, 2, 2)}},
     {.indexed = {.batch = 1}}},
    {OP_conv2d,
     2,
     {{DIMS(2, 4, 5, 4)}, {DIMS(6, 2, 3, 2)}},
     {.conv = {.stride = INTS(2, 1), .padding = INTS(1, 0), .groups = 2}}},
    {OP_conv2d_image,
     2,
     {{DIMS(2, 6, 3, 3)}, {DIMS(6, 2, 3, 2)}},
     {.conv_adjoint = {.size = INTS(5, 4), .stride = INTS(2, 1), .padding = INTS(1, 0), .groups = 2}}},
    {OP_conv2d_weight,
     2,
     {{DIMS(2, 4, 5, 4)}, {DIMS(2, 6, 3, 3)}},
     {.conv_adjoint = {.size = INTS(3, 2), .stride = INTS(2, 1), .padding = INTS(1, 0), .groups = 2}}},
    {OP_cumsum, 1, {{DIMS(2, 3, 4)}}, {.scan = {.axis = 1}}},
    {OP_cumsum, 1, {{DIMS(5)}}, {.scan = {.axis = -1, .reverse = true}}},
    {OP_cholesky, 1, {{DIMS(4, 4), .definite = true}}, NO_ATTRS},
    {OP_cholesky, 1, {{DIMS(2, 1, 3, 3), .definite = true}}, NO_ATTRS},
    {OP_solve, 2, {{DIMS(4, 4)}, {DIMS(4, 3)}}, {.solve = {.ta = false}}},
    {OP_solve, 2, {{DIMS(2, 3, 3)}, {DIMS(2, 3, 1)}}, {.solve = {.ta = true}}},
    {OP_triangular_solve, 2, {{DIMS(4, 4), .definite = true}, {DIMS(4, 3)}}, {.triangle = {.lower = true}}},
    {OP_triangular_solve,
     2,
     {{DIMS(2, 3, 3), .definite = true}, {DIMS(2, 3, 2)}},
     {.triangle = {.ta = true}}},
    {OP_triangular_solve, 2, {{DIMS(3, 3)}, {DIMS(3, 2)}}, {.triangle = {.lower = true, .unit = true}}},
    {OP_eigh, 1, {{DIMS(4, 4)}}, NO_ATTRS},
    {OP_eigh, 1, {{DIMS(2, 3, 3)}}, NO_ATTRS},
    {OP_svd, 1, {{DIMS(3, 3)}}, NO_ATTRS},
    {OP_svd, 1, {{DIMS(5, 3)}}, NO_ATTRS},
    {OP_svd, 1, {{DIMS(2, 2, 4)}}, NO_ATTRS},
    {OP_unfold,
     1,
     {{DIMS(2, 2, 4, 5)}},
     {.unfold = {.kernel = INTS(3, 2), .stride = INTS(2, 1), .padding = INTS(1, 0)}}},
    {OP_windows, 1, {{DIMS(2, 7, 3)}}, {.windows = {.axis = 1, .size = 3, .stride = 2}}},
    {OP_windows, 1, {{DIMS(8)}}, {.windows = {.axis = 0, .size = 2, .stride = 3}}},
    {OP_max_pool,
     1,
     {{DIMS(2, 2, 5, 6)}},
     {.unfold = {.kernel = INTS(3, 2), .stride = INTS(2, 1), .padding = INTS(1, 0)}}},
    {OP_max_pool,
     1,
     {{DIMS(1, 3, 7, 5)}},
     {.unfold = {.kernel = INTS(2, 3), .stride = INTS(3, 2), .padding = INTS(0, 2)}}},
    {OP_conv2d,
     2,
     {{DIMS(2, 2, 7, 6)}, {DIMS(3, 2, 2, 4)}},
     {.conv = {.stride = INTS(3, 2), .padding = INTS(1, 2), .groups = 1}}},
    {OP_fold,
     1,
     {{DIMS(2, 8, 12)}},
     {.fold = {.size = INTS(4, 5), .kernel = INTS(3, 2), .stride = INTS(2, 1), .padding = INTS(1, 0)}}},
    {OP_attention, 3, {{DIMS(2, 1, 4)}, {DIMS(2, 3, 4)}, {DIMS(2, 3, 4)}}, {.attention = {.scale = 0.7}}},
    {OP_attention, 3, {{DIMS(3, 2)}, {DIMS(1, 2)}, {DIMS(1, 2)}}, {.attention = {.scale = 1}}},
    {OP_attention,
     4,
     {{DIMS(2, 2, 4, 2)}, {DIMS(2, 2, 3, 2)}, {DIMS(2, 2, 3, 2)}, {DIMS(1, 2, 4, 3)}},
     {.attention = {.scale = 0.5}}},
};
enum { N_CASES = sizeof CASES / sizeof *CASES };

static Type operand_type(const Operand *x) {
    return type_make(x->flags ? DT_BOOL : x->below ? DT_I32 : DT_F64, x->rank, x->dim);
}

/* f(x0, …, weights) = sum(op(x…) · weights), with its gradients as further outputs if wanted. */
static Func *build(Module *module, const Case *c, bool gradients) {
    Func *func = module_add_func(module, "f");
    ValueId x[4], y;
    char name[8];
    for (int o = 0; o < c->n; o++) {
        snprintf(name, sizeof name, "x%d", o);
        x[o] = func_add_input(func, name, operand_type(&c->x[o]));
    }
    y = func_emit(func, c->op, x, c->n, op_info(c->op)->n_attrs ? &c->attrs : NULL);
    if (y == IR_NONE) fail_msg("%s", func->error);
    ValueId loss = weighed(func, y, func_add_input(func, "weights", *func_type(func, y)));
    func_add_output(func, "loss", loss);
    for (int o = 0; gradients && o < c->n; o++)
        if (func_type(func, x[o])->dtype == DT_F64) func_add_output(func, name, emit_grad(func, loss, x[o]));
    return func;
}

static double loss_at(const Func *func, const Tensor *inputs, Arena *arena) {
    return run_func(func, inputs, arena)[0].data[0];
}

/* Central differences of the loss by every element of one input. */
static Tensor differences(const Func *func, const Tensor *inputs, int o, Arena *arena) {
    const double h = 1e-5;
    Tensor slope = tensor_new(arena, &inputs[o].type);
    for (int64_t i = 0; i < type_elements(&slope.type); i++) {
        double *x = &inputs[o].data[i], middle = *x;
        *x = middle + h;
        double above = loss_at(func, inputs, arena);
        *x = middle - h;
        slope.data[i] = (above - loss_at(func, inputs, arena)) / (2 * h);
        *x = middle;
    }
    return slope;
}

/* Operand o, or the weights behind the operands. */
static Tensor input_of(const Func *func, const Case *c, int o, uint64_t *seed, Arena *arena) {
    const Operand *x = o < c->n ? &c->x[o] : &(Operand){0};
    bool reals = x->low == 0 && x->high == 0;
    Tensor tensor = tensor_draw(arena, &func->inputs[o].type, x->flags ? 2 : x->below, reals ? -1.5 : x->low,
                                reals ? 1.5 : x->high, seed);
    int64_t n = x->definite ? x->dim[x->rank - 1] : 0;
    for (int64_t i = 0; n && i < type_elements(&tensor.type); i++)
        if (i / n % n == i % n) tensor.data[i] += (double)n + 1;
    return tensor;
}

static void check_case(const Case *c, int number) {
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    Module *module = module_new(arena, diags, "m");
    Func *plain = build(module, c, false), *full = build(module, c, true);
    uint64_t seed = 17 + (uint64_t)number;
    Tensor inputs[5];
    for (int o = 0; o <= c->n; o++) inputs[o] = input_of(plain, c, o, &seed, arena);
    bool (*const stages[])(Module *, Diags *) = {pass_autodiff, pass_simplify, pass_expand, pass_simplify};
    for (size_t stage = 0; stage < sizeof stages / sizeof *stages; stage++) {
        assert_true(stages[stage](module, diags));
        Tensor *got = run_func(full, inputs, arena);
        for (int o = 0, output = 1; o < c->n; o++) {
            if (inputs[o].type.dtype != DT_F64) continue;
            Tensor want = differences(plain, inputs, o, arena);
            const Tensor *slope = &got[output++];
            assert_true(type_equal(&slope->type, &inputs[o].type));
            assert_tensor_near(slope, &want, 2e-8, 1e-7, "case %d (%s), operand %d, stage %d", number,
                               op_info(c->op)->name, o, (int)stage);
        }
    }
    arena_free(arena);
}

static void test_every_rule(void **state) {
    (void)state;
    for (int i = 0; i < N_CASES; i++) check_case(&CASES[i], i);
}

static void test_every_operator_has_a_case(void **state) {
    (void)state;
    for (int op = 0; op < OP_COUNT; op++) {
        bool found = false;
        for (int i = 0; i < N_CASES; i++) found = found || (int)CASES[i].op == op;
        if (op == OP_loop || op == OP_part) continue; /* tests/codegen/test_loops.c */
        if (op == OP_max_pool_grad) continue;         /* test_second_order: its operands belong together */
        if (GRAD_RULES[op] && !found) fail_msg("%s has a gradient rule and no case", op_info(op)->name);
        if (!GRAD_RULES[op] && found) fail_msg("%s has a case and no gradient rule", op_info(op)->name);
    }
}

/* A loss of the gradients of a case, once these are ordinary operators: its value, and if wanted its own gradients as
 * further outputs. */
static Func *build_second(Module *module, const Case *c, bool gradients, Diags *diags) {
    Func *func = build(module, c, true);
    assert_true(pass_autodiff(module, diags));
    ValueId loss = IR_NONE;
    for (size_t i = 1; i < func->n_outputs; i++) {
        ValueId slope = ir_unary(func, OP_sin, func->outputs[i].value);
        slope = weighed(func, slope, ir_unary(func, OP_cos, func->outputs[i].value));
        loss = loss == IR_NONE ? slope : ir_binary(func, OP_add, loss, slope);
    }
    func->n_outputs = 0;
    func_add_output(func, "loss", loss);
    for (size_t i = 0; gradients && i < (size_t)c->n; i++)
        if (func->inputs[i].type.dtype == DT_F64)
            func_add_output(func, func->inputs[i].name,
                            emit_grad(func, loss, func_find_input(func, func->inputs[i].name)));
    return func;
}

/* Rules are made of operators with rules, but for those of attention: gradients have gradients. */
static void test_second_order(void **state) {
    (void)state;
    for (int i = 0; i < N_CASES; i++) {
        const Case *c = &CASES[i];
        if (c->op == OP_attention || c->op == OP_cast) continue; /* a cast to f32 rounds no differences */
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        Func *func = build_second(module_new(arena, diags, "m"), c, true, diags);
        Func *plain = build_second(module_new(arena, diags, "m"), c, false, diags);
        uint64_t seed = 91 + (uint64_t)i;
        Tensor inputs[5];
        for (int o = 0; o <= c->n; o++) inputs[o] = input_of(func, c, o, &seed, arena);
        assert_true(pass_autodiff(func->module, diags) && pass_simplify(func->module, diags));
        Tensor *got = run_func(func, inputs, arena);
        for (int o = 0, output = 1; o < c->n; o++) {
            if (inputs[o].type.dtype != DT_F64) continue;
            Tensor want = differences(plain, inputs, o, arena);
            assert_tensor_near(&got[output++], &want, 1e-6, 1e-5, "case %d (%s), operand %d", i,
                               op_info(c->op)->name, o);
        }
        arena_free(arena);
    }
}

/* ---- what differences cannot see ------------------------------------------------------------------------------- */

typedef struct {
    Arena *arena;
    Diags *diags;
    Module *module;
    Func *func;
} Graph;

static Graph graph_new(void) {
    Graph g = {.arena = arena_new()};
    g.diags = diags_new(g.arena);
    g.module = module_new(g.arena, g.diags, "m");
    g.func = module_add_func(g.module, "f");
    return g;
}

static Tensor vector_of(Arena *arena, int n, const double *values) {
    Type type = type_make(DT_F64, 1, (int64_t[]){n});
    Tensor tensor = tensor_new(arena, &type);
    memcpy(tensor.data, values, sizeof *values * (size_t)n);
    return tensor;
}

static void test_ties(void **state) {
    (void)state;
    Graph g = graph_new();
    Type type = type_make(DT_F64, 1, (int64_t[]){4});
    ValueId x = func_add_input(g.func, "x", type), y = func_add_input(g.func, "y", type);
    int64_t axis = 0;
    ValueId largest = ir_reduce(g.func, OP_amax, x, 1, &axis, false);
    ValueId pairs = ir_reduce(g.func, OP_sum, ir_binary(g.func, OP_max, x, y), 1, &axis, false);
    func_add_output(g.func, "largest", emit_grad(g.func, largest, x));
    func_add_output(g.func, "first", emit_grad(g.func, pairs, x));
    func_add_output(g.func, "second", emit_grad(g.func, pairs, y));
    assert_true(pass_autodiff(g.module, g.diags));
    Tensor inputs[] = {vector_of(g.arena, 4, (double[]){3, 1, 3, 2}),
                       vector_of(g.arena, 4, (double[]){3, 0, 4, 1})};
    Tensor want[] = {vector_of(g.arena, 4, (double[]){0.5, 0, 0.5, 0}),
                     vector_of(g.arena, 4, (double[]){0, 1, 0, 1}),
                     vector_of(g.arena, 4, (double[]){1, 0, 1, 0})};
    Tensor *got = run_func(g.func, inputs, g.arena);
    for (int i = 0; i < 3; i++) assert_tensor_near(&got[i], &want[i], 0, 0, "output %d", i);
    arena_free(g.arena);
}

/* pow at 0: finite where the derivative is. */
static void test_pow_at_zero(void **state) {
    (void)state;
    Graph g = graph_new();
    Type type = type_make(DT_F64, 1, (int64_t[]){4});
    ValueId a = func_add_input(g.func, "a", type), b = func_add_input(g.func, "b", type);
    int64_t axis = 0;
    ValueId loss = ir_reduce(g.func, OP_sum, ir_binary(g.func, OP_pow, a, b), 1, &axis, false);
    func_add_output(g.func, "da", emit_grad(g.func, loss, a));
    func_add_output(g.func, "db", emit_grad(g.func, loss, b));
    assert_true(pass_autodiff(g.module, g.diags));
    Tensor inputs[] = {vector_of(g.arena, 4, (double[]){0, 0, 0, -2}),
                       vector_of(g.arena, 4, (double[]){0, 1, 2, 2})};
    Tensor da = vector_of(g.arena, 4, (double[]){0, 1, 0, -4}),
           db = vector_of(g.arena, 4, (double[]){0, 0, 0, 0});
    Tensor *got = run_func(g.func, inputs, g.arena);
    assert_tensor_near(&got[0], &da, 0, 0, "da");
    assert_tensor_near(&got[1], &db, 0, 0, "db");
    arena_free(g.arena);
}

/* Equal eigenvalues, and singular values of 0: losses of the values alone have their exact gradients. */
static void test_equal_spectrum(void **state) {
    (void)state;
    Graph g = graph_new();
    Type type = type_make(DT_F64, 2, (int64_t[]){3, 3});
    ValueId x = func_add_input(g.func, "x", type), y = func_add_input(g.func, "y", type);
    const int64_t from[] = {0, 0}, below[] = {3, 0}, row[] = {1, 3}, row_below[] = {4, 3}, one[] = {1, 1};
    ValueId values = ir_slice(g.func, ir_unary(g.func, OP_eigh, x), from, row, one);
    ValueId sizes = ir_slice(g.func, ir_unary(g.func, OP_svd, y), below, row_below, one);
    ValueId cubes = ir_binary(g.func, OP_mul, ir_binary(g.func, OP_mul, values, values), values);
    int64_t axes[] = {0, 1};
    func_add_output(g.func, "dx", emit_grad(g.func, ir_reduce(g.func, OP_sum, cubes, 2, axes, false), x));
    ValueId squares = ir_binary(g.func, OP_mul, sizes, sizes);
    func_add_output(g.func, "dy", emit_grad(g.func, ir_reduce(g.func, OP_sum, squares, 2, axes, false), y));
    assert_true(pass_autodiff(g.module, g.diags));
    Tensor inputs[] = {tensor_new(g.arena, &type), tensor_new(g.arena, &type)};
    Tensor dx = tensor_new(g.arena, &type), dy = tensor_new(g.arena, &type);
    for (int i = 0; i < 9; i++) {
        double diagonal = (double[]){2, 2, 5}[i / 3];
        inputs[0].data[i] = i % 4 == 0 ? diagonal : 0;
        dx.data[i] = i % 4 == 0 ? 3 * diagonal * diagonal : 0;
        inputs[1].data[i] = i / 3 + 1.0; /* of rank 1 */
        dy.data[i] = 2 * inputs[1].data[i];
    }
    Tensor *got = run_func(g.func, inputs, g.arena);
    assert_tensor_near(&got[0], &dx, 1e-12, 1e-12, "dx");
    assert_tensor_near(&got[1], &dy, 1e-12, 1e-12, "dy");
    arena_free(g.arena);
}

/* x · stop_grad(x) + floor(x): x alone; nothing leads to y. */
static void test_stop_grad(void **state) {
    (void)state;
    Graph g = graph_new();
    Type type = type_scalar(DT_F64);
    ValueId x = func_add_input(g.func, "x", type), y = func_add_input(g.func, "y", type);
    ValueId stopped = ir_unary(g.func, OP_stop_grad, ir_binary(g.func, OP_mul, x, y));
    ValueId loss =
        ir_binary(g.func, OP_add, ir_binary(g.func, OP_mul, x, stopped), ir_unary(g.func, OP_floor, y));
    func_add_output(g.func, "dx", emit_grad(g.func, loss, x));
    func_add_output(g.func, "dy", emit_grad(g.func, loss, y));
    func_add_output(g.func, "dstopped", emit_grad(g.func, loss, stopped));
    assert_true(pass_autodiff(g.module, g.diags));
    for (size_t i = 0; i < g.func->count; i++) assert_int_not_equal(g.func->nodes[i].op, OP_stop_grad);
    Tensor inputs[] = {tensor_new(g.arena, &type), tensor_new(g.arena, &type)};
    inputs[0].data[0] = 3;
    inputs[1].data[0] = 2;
    Tensor *got = run_func(g.func, inputs, g.arena);
    assert_true(got[0].data[0] == 6 && got[1].data[0] == 0 && got[2].data[0] == 3);
    arena_free(g.arena);
}

/* Two losses in one function, and a leaf between input and loss. */
static void test_two_losses(void **state) {
    (void)state;
    Graph g = graph_new();
    Type type = type_scalar(DT_F64);
    ValueId x = func_add_input(g.func, "x", type);
    ValueId square = ir_binary(g.func, OP_mul, x, x), cube = ir_binary(g.func, OP_mul, square, x);
    func_add_output(g.func, "a", emit_grad(g.func, square, x));
    func_add_output(g.func, "b", emit_grad(g.func, cube, x));
    func_add_output(g.func, "c", emit_grad(g.func, cube, square));
    func_add_output(g.func, "d", emit_grad(g.func, square, cube));
    func_add_output(g.func, "e", emit_grad(g.func, square, square));
    assert_true(pass_autodiff(g.module, g.diags));
    Tensor input = tensor_new(g.arena, &type);
    input.data[0] = 5;
    Tensor *got = run_func(g.func, &input, g.arena);
    const double want[] = {10, 75, 5, 0, 1};
    for (int i = 0; i < 5; i++) assert_true(got[i].data[0] == want[i]);
    arena_free(g.arena);
}

static void test_second_derivative_is_refused(void **state) {
    (void)state;
    Graph g = graph_new();
    ValueId x = func_add_input(g.func, "x", type_scalar(DT_F64));
    ValueId slope = emit_grad(g.func, ir_binary(g.func, OP_mul, x, x), x);
    ValueId penalty = ir_binary(g.func, OP_mul, slope, slope);
    func_add_output(g.func, "d", emit_grad(g.func, penalty, x));
    assert_false(pass_autodiff(g.module, g.diags));
    DiagKind kind;
    Loc loc;
    assert_non_null(strstr(diags_message(g.diags, 0, &kind, &loc), "second derivatives"));
    arena_free(g.arena);
}

/* A gradient used as a number, behind stop_grad, is no second derivative. */
static void test_gradient_as_number(void **state) {
    (void)state;
    Graph g = graph_new();
    Type type = type_scalar(DT_F64);
    ValueId x = func_add_input(g.func, "x", type);
    ValueId slope = emit_grad(g.func, ir_binary(g.func, OP_mul, x, x), x);
    ValueId loss = ir_binary(g.func, OP_mul, ir_unary(g.func, OP_stop_grad, slope), x);
    func_add_output(g.func, "d", emit_grad(g.func, loss, x));
    assert_true(pass_autodiff(g.module, g.diags));
    Tensor input = tensor_new(g.arena, &type);
    input.data[0] = 5;
    assert_true(run_func(g.func, &input, g.arena)[0].data[0] == 10);
    arena_free(g.arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_operator_has_a_case),
        cmocka_unit_test(test_every_rule),
        cmocka_unit_test(test_second_order),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_equal_spectrum),
        cmocka_unit_test(test_pow_at_zero),
        cmocka_unit_test(test_stop_grad),
        cmocka_unit_test(test_two_losses),
        cmocka_unit_test(test_second_derivative_is_refused),
        cmocka_unit_test(test_gradient_as_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
