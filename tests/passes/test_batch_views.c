/* View batching: what a network computes stays, and so do its gradients; products with one weight become one; and what
 * it must leave alone: one application, a weight applied in turn, what reduces over the batch, a value that a gradient
 * is taken by. */
#include "tests/passes/graph.h"
#include "passes/graph/autodiff.h"
#include "passes/graph/batch_views.h"
#include "passes/graph/simplify.h"

enum { DIM = 4, HEADS = 2, HIDDEN = 6, MOST_VIEWS = 4 };

/* ---- networks ---------------------------------------------------------------------------------------------------- */

typedef struct {
    int64_t batch, tokens;
} View;

typedef struct {
    Arena *arena;
    Diags *diags;
    Module *module;
    Func *func;
    ValueId loss;
    int n_states;
} Net;

static Net net_new(void) {
    Net net = {.arena = arena_new(), .loss = IR_NONE};
    net.diags = diags_new(net.arena);
    net.module = module_new(net.arena, net.diags, "net");
    net.func = module_add_func(net.module, "step");
    return net;
}

static ValueId weight(Net *net, int rank, const int64_t *shape) {
    char name[16];
    snprintf(name, sizeof name, "w%d", net->n_states++);
    State state = {.name = name, .type = type_make(DT_F64, rank, shape), .role = ROLE_PARAM};
    return func_read_state(net->func, module_add_state(net->module, state));
}

static ValueId input(Net *net, const char *name, int number, int rank, const int64_t *shape) {
    char full[32];
    snprintf(full, sizeof full, "%s.%d", name, number);
    return func_add_input(net->func, full, type_make(DT_F64, rank, shape));
}

static ValueId add(Net *net, ValueId a, ValueId b) {
    return ir_binary(net->func, OP_add, a, b);
}

static ValueId linear(Net *net, ValueId x, ValueId w, ValueId bias) {
    Type type = *func_type(net->func, x);
    int64_t rows = type_elements(&type) / type.dim[type.rank - 1];
    ValueId flat = ir_reshape(net->func, x, 2, (int64_t[]){rows, type.dim[type.rank - 1]});
    ValueId y = ir_matmul(net->func, flat, w, false, true);
    type.dim[type.rank - 1] = func_type(net->func, w)->dim[0];
    return add(net, ir_reshape(net->func, y, type.rank, type.dim), bias);
}

typedef struct {
    ValueId norm_w, norm_b, qkv_w, qkv_b, out_w, out_b, up_w, up_b, down_w, down_b;
} Block;

static Block block_new(Net *net) {
    const int64_t d = DIM, h = HIDDEN;
    return (Block){weight(net, 1, &d),
                   weight(net, 1, &d),
                   weight(net, 2, (int64_t[]){3 * d, d}),
                   weight(net, 1, (int64_t[]){3 * d}),
                   weight(net, 2, (int64_t[]){d, d}),
                   weight(net, 1, &d),
                   weight(net, 2, (int64_t[]){h, d}),
                   weight(net, 1, &h),
                   weight(net, 2, (int64_t[]){d, h}),
                   weight(net, 1, &d)};
}

static ValueId third(Net *net, ValueId qkv, int number) {
    Type type = *func_type(net->func, qkv);
    int64_t start[5] = {number}, limit[5] = {number + 1}, step[5] = {1, 1, 1, 1, 1};
    for (int k = 1; k < 5; k++) limit[k] = type.dim[k];
    return ir_reshape(net->func, ir_slice(net->func, qkv, start, limit, step), 4, type.dim + 1);
}

static ValueId attention(Net *net, const Block *w, ValueId x) {
    Func *func = net->func;
    Type type = *func_type(func, x);
    int64_t b = type.dim[0], n = type.dim[1];
    ValueId y = linear(net, x, w->qkv_w, w->qkv_b);
    y = ir_reshape(func, y, 5, (int64_t[]){b, n, 3, HEADS, DIM / HEADS});
    y = ir_transpose(func, y, (int64_t[]){2, 0, 3, 1, 4});
    ValueId scores = ir_matmul(func, third(net, y, 0), third(net, y, 1), false, true);
    ValueId p = ir_unary(func, OP_softmax, scores);
    y = ir_transpose(func, ir_matmul(func, p, third(net, y, 2), false, false), (int64_t[]){0, 2, 1, 3});
    return linear(net, ir_reshape(func, y, 3, type.dim), w->out_w, w->out_b);
}

static ValueId block(Net *net, const Block *w, ValueId x, ValueId gate) {
    Func *func = net->func;
    ValueId y = attention(net, w, ir_layernorm(func, x, w->norm_w, w->norm_b, 1e-6));
    if (gate != IR_NONE) {
        int64_t batch = func_type(func, x)->dim[0];
        y = ir_binary(func, OP_mul, y, ir_reshape(func, gate, 3, (int64_t[]){batch, 1, 1}));
    }
    x = add(net, x, y);
    ValueId h = ir_gelu(func, linear(net, x, w->up_w, w->up_b), false);
    return add(net, x, linear(net, h, w->down_w, w->down_b));
}

/* (x - mean over the batch) of [B, N, D] */
static ValueId centred(Net *net, ValueId x) {
    const Type *type = func_type(net->func, x);
    double n = (double)(type->dim[0] * type->dim[1]);
    ValueId sum = ir_reduce(net->func, OP_sum, x, 2, (int64_t[]){0, 1}, false);
    return ir_binary(net->func, OP_sub, x,
                     ir_binary(net->func, OP_mul, sum, ir_constant(net->func, 1 / n, DT_F64)));
}

/* The first token of each image. */
static ValueId first_token(Net *net, ValueId x) {
    Type type = *func_type(net->func, x);
    int64_t start[3] = {0}, limit[3] = {type.dim[0], 1, type.dim[2]}, step[3] = {1, 1, 1};
    ValueId y = ir_slice(net->func, x, start, limit, step);
    return ir_reshape(net->func, y, 2, (int64_t[]){type.dim[0], type.dim[2]});
}

/* An output, which the loss depends on element by element. */
static void result(Net *net, ValueId y, int number) {
    char name[16];
    snprintf(name, sizeof name, "y%d", number);
    func_add_output(net->func, name, y);
    ValueId part = weighed(net->func, y, ir_unary(net->func, OP_sin, y));
    net->loss = net->loss == IR_NONE ? part : add(net, net->loss, part);
}

/* A table of places for each number of tokens, blocks, and a linear layer of the first token. */
static void build(Net *net, int n_views, const View *views, int depth, bool gates, bool centre) {
    ValueId tables[16] = {0}, x[MOST_VIEWS];
    Block blocks[3];
    for (int i = 0; i < depth; i++) blocks[i] = block_new(net);
    ValueId w = weight(net, 2, (int64_t[]){3, DIM}), bias = weight(net, 1, (int64_t[]){3});
    for (int v = 0; v < n_views; v++) {
        int64_t n = views[v].tokens;
        if (!tables[n]) tables[n] = weight(net, 3, (int64_t[]){1, n, DIM});
        x[v] = add(net, input(net, "view", v, 3, (int64_t[]){views[v].batch, n, DIM}), tables[n]);
        for (int i = 0; i < depth; i++) {
            ValueId gate = gates ? input(net, "gate", 8 * i + v, 1, &views[v].batch) : IR_NONE;
            x[v] = block(net, &blocks[i], x[v], gate);
            if (centre) x[v] = centred(net, x[v]);
        }
        result(net, linear(net, first_token(net, x[v]), w, bias), v);
    }
}

static void add_gradients(Net *net) {
    char name[32];
    for (int s = 0; s < net->n_states; s++) {
        snprintf(name, sizeof name, "grad.w%d", s);
        func_add_output(net->func, name,
                        emit_grad(net->func, net->loss, func_read_state(net->func, (uint32_t)s)));
    }
}

/* ---- checks ------------------------------------------------------------------------------------------------------ */

static int count(const Func *func, OpKind op) {
    int n = 0;
    for (ValueId id = 0; id < func->count; id++) n += func->nodes[id].op == op;
    return n;
}

static Tensor *run(const Module *module, Arena *arena) {
    const Func *func = module->funcs[0];
    Tensor *inputs = ARENA_ARRAY(arena, Tensor, func->n_inputs + 1),
           *states = ARENA_ARRAY(arena, Tensor, module->n_states + 1),
           *updated = ARENA_ARRAY(arena, Tensor, module->n_states + 1),
           *outputs = ARENA_ARRAY(arena, Tensor, func->n_outputs + 1);
    uint64_t seed = 7;
    char error[512];
    for (size_t i = 0; i < func->n_inputs; i++)
        inputs[i] = tensor_draw(arena, &func->inputs[i].type, 0, -1, 1, &seed);
    for (size_t s = 0; s < module->n_states; s++)
        states[s] = tensor_draw(arena, &module->states[s].type, 0, -1, 1, &seed);
    if (!func_interpret(func, inputs, states, outputs, updated, arena, error, sizeof error))
        fail_msg("%s", error);
    return outputs;
}

/* Batches the module; outputs and gradients must stay. */
static void batch(Net *net) {
    Module *copy = module_clone(net->module, net->arena);
    assert_true(pass_autodiff(copy, net->diags));
    Tensor *want = run(copy, net->arena);
    assert_true(pass_simplify(net->module, net->diags));
    assert_true(pass_batch_views(net->module, net->diags));
    if (!module_verify(net->module, net->diags)) fail_msg("%s", diags_text(net->diags));
    Module *batched = module_clone(net->module, net->arena);
    assert_true(pass_autodiff(batched, net->diags));
    assert_true(pass_simplify(batched, net->diags));
    Tensor *got = run(batched, net->arena);
    for (size_t i = 0; i < net->func->n_outputs; i++)
        assert_tensor_near(&got[i], &want[i], 1e-9, 1e-9, "output %s", net->func->outputs[i].name);
}

static void test_equal_views(void **state) {
    (void)state;
    Net net = net_new();
    build(&net, 3, (View[]){{2, 3}, {2, 3}, {2, 3}}, 2, false, false);
    add_gradients(&net);
    batch(&net);
    assert_int_equal(count(net.func, OP_matmul), 2 * 6 + 1); /* as if there were one view */
    assert_int_equal(count(net.func, OP_softmax), 2);
    assert_int_equal(count(net.func, OP_concat), 1); /* of the views */
    Module *copy = module_clone(net.module, net.arena);
    assert_true(pass_autodiff(copy, net.diags) && pass_simplify(copy, net.diags));
    assert_int_equal(count(copy->funcs[0], OP_matmul), 3 * (2 * 6 + 1));
    arena_free(net.arena);
}

/* Batches of several sizes are as good as equal ones. */
static void test_batches_of_two_sizes(void **state) {
    (void)state;
    Net net = net_new();
    build(&net, 2, (View[]){{2, 3}, {4, 3}}, 1, true, false);
    add_gradients(&net);
    batch(&net);
    assert_int_equal(count(net.func, OP_softmax), 1);
    assert_int_equal(count(net.func, OP_matmul), 6 + 1);
    arena_free(net.arena);
}

static void test_two_resolutions(void **state) {
    (void)state;
    Net net = net_new();
    build(&net, 4, (View[]){{2, 5}, {2, 5}, {2, 3}, {2, 3}}, 2, false, false);
    add_gradients(&net);
    batch(&net);
    /* Attention, two products, for each resolution; four linear layers and the head for all. */
    assert_int_equal(count(net.func, OP_matmul), 2 * (2 * 2 + 4) + 1);
    assert_int_equal(count(net.func, OP_softmax), 2 * 2);
    assert_int_equal(count(net.func, OP_gelu), 2);
    assert_int_equal(count(net.func, OP_layernorm), 2);
    /* The two views of each size, all after the tables, attention in each block, first tokens. */
    assert_int_equal(count(net.func, OP_concat), 2 + 1 + 2 + 1);
    arena_free(net.arena);
}

static void test_gates(void **state) {
    (void)state;
    Net net = net_new();
    build(&net, 3, (View[]){{2, 5}, {2, 5}, {2, 3}}, 2, true, false);
    add_gradients(&net);
    batch(&net);
    assert_int_equal(count(net.func, OP_matmul), 2 * (2 * 2 + 4) + 1);
    assert_int_equal(count(net.func, OP_gelu), 2);
    arena_free(net.arena);
}

static void test_one_view_stays(void **state) {
    (void)state;
    Net net = net_new();
    build(&net, 1, (View[]){{2, 3}}, 2, true, true);
    assert_true(pass_simplify(net.module, net.diags));
    char *before = module_print(net.module, NULL);
    assert_true(pass_batch_views(net.module, net.diags));
    char *after = module_print(net.module, NULL);
    assert_string_equal(before, after);
    free(before);
    free(after);
    arena_free(net.arena);
}

/* Means over the batch are each view's own; products are not. */
static void test_batch_reductions_stay(void **state) {
    (void)state;
    Net net = net_new();
    build(&net, 2, (View[]){{2, 3}, {2, 3}}, 2, false, true);
    add_gradients(&net);
    batch(&net);
    assert_int_equal(count(net.func, OP_matmul), 2 * 6 + 1);
    int over_batch = 0;
    for (ValueId id = 0; id < net.func->count; id++) {
        const Node *node = func_node(net.func, id);
        if (node->op != OP_sum || func_type(net.func, node->operands[0])->rank != 3) continue;
        assert_int_equal(func_type(net.func, node->operands[0])->dim[0], 2);
        over_batch++;
    }
    assert_int_equal(over_batch, 2 * 2);
    arena_free(net.arena);
}

/* The second application waits for the first. */
static void test_applied_in_turn(void **state) {
    (void)state;
    Net net = net_new();
    ValueId w = weight(&net, 2, (int64_t[]){DIM, DIM}), bias = weight(&net, 1, (int64_t[]){DIM});
    ValueId x = input(&net, "x", 0, 2, (int64_t[]){3, DIM}), y = input(&net, "x", 1, 2, (int64_t[]){3, DIM});
    for (int i = 0; i < 3; i++) x = ir_unary(net.func, OP_tanh, linear(&net, x, w, bias));
    y = ir_unary(net.func, OP_tanh, linear(&net, y, w, bias)); /* beside the first */
    result(&net, x, 0);
    result(&net, y, 1);
    add_gradients(&net);
    batch(&net);
    assert_int_equal(count(net.func, OP_matmul), 3);
    arena_free(net.arena);
}

/* Lanes that wait for each other crosswise. */
static void test_crossed_lanes(void **state) {
    (void)state;
    Net net = net_new();
    ValueId w = weight(&net, 2, (int64_t[]){DIM, DIM}), v = weight(&net, 2, (int64_t[]){DIM, DIM});
    ValueId x = input(&net, "x", 0, 2, (int64_t[]){3, DIM}), y = input(&net, "x", 1, 2, (int64_t[]){3, DIM});
    ValueId a = ir_matmul(net.func, x, w, false, true);
    ValueId b = ir_matmul(net.func, ir_unary(net.func, OP_exp, a), v, false, true);
    ValueId c = ir_matmul(net.func, y, v, false, true);
    ValueId d = ir_matmul(net.func, ir_unary(net.func, OP_exp, c), w, false, true);
    result(&net, add(&net, a, b), 0);
    result(&net, add(&net, c, d), 1);
    add_gradients(&net);
    batch(&net);
    arena_free(net.arena);
}

static ValueId row_sums(Net *net, ValueId x) {
    return ir_reduce(net->func, OP_sum, x, 1, (int64_t[]){1}, true);
}

/* Sums and products after one weight, which would make a circle as groups: one of the two is given up. */
static void test_circle(void **state) {
    (void)state;
    Net net = net_new();
    ValueId w = weight(&net, 2, (int64_t[]){DIM, DIM}), p[2], z[2];
    for (int i = 0; i < 2; i++) {
        p[i] = ir_matmul(net.func, input(&net, "x", i, 2, (int64_t[]){3, DIM}), w, false, true);
        z[i] = input(&net, "z", i, 2, (int64_t[]){3, 1});
    }
    ValueId sum0 = add(&net, p[0], z[0]);
    ValueId product0 = ir_binary(net.func, OP_mul, p[0], row_sums(&net, sum0));
    ValueId product1 = ir_binary(net.func, OP_mul, p[1], z[1]);
    ValueId sum1 = add(&net, p[1], row_sums(&net, product1));
    result(&net, product0, 0);
    result(&net, sum1, 1);
    add_gradients(&net);
    batch(&net);
    assert_int_equal(count(net.func, OP_matmul), 1);
    assert_int_equal(count(net.func, OP_add) + count(net.func, OP_mul), 3 + 3); /* 3: of the loss */
    arena_free(net.arena);
}

/* Another order of the views in a later layer, and a layer for some of them. */
static void test_other_orders(void **state) {
    (void)state;
    Net net = net_new();
    ValueId w = weight(&net, 2, (int64_t[]){DIM, DIM}), bias = weight(&net, 1, (int64_t[]){DIM});
    ValueId u = weight(&net, 2, (int64_t[]){DIM, DIM}), t = weight(&net, 2, (int64_t[]){DIM, DIM}), x[4];
    for (int i = 0; i < 4; i++) {
        x[i] = input(&net, "x", i, 2, (int64_t[]){3, DIM});
        x[i] = ir_gelu(net.func, linear(&net, x[i], w, bias), false);
    }
    for (int i = 4; i-- > 0;) result(&net, ir_unary(net.func, OP_tanh, linear(&net, x[i], u, bias)), i);
    for (int i = 1; i < 3; i++) result(&net, ir_matmul(net.func, x[i], t, false, true), 4 + i);
    for (int i = 0; i < 4; i++) /* and pairs of views */
        result(&net, ir_binary(net.func, OP_mul, x[i], x[(i + 1) % 4]), 8 + i);
    add_gradients(&net);
    batch(&net);
    assert_int_equal(count(net.func, OP_matmul), 3);
    assert_int_equal(count(net.func, OP_concat), 1);
    arena_free(net.arena);
}

/* A gradient by a value inside the network. */
static void test_gradient_of_a_value(void **state) {
    (void)state;
    Net net = net_new();
    ValueId w = weight(&net, 2, (int64_t[]){DIM, DIM}), bias = weight(&net, 1, (int64_t[]){DIM}), h = IR_NONE;
    for (int i = 0; i < 2; i++) {
        ValueId x = input(&net, "x", i, 2, (int64_t[]){3, DIM});
        h = ir_gelu(net.func, linear(&net, x, w, bias), false);
        result(&net, linear(&net, h, w, bias), i);
    }
    func_add_output(net.func, "grad.h", emit_grad(net.func, net.loss, h));
    add_gradients(&net);
    batch(&net);
    arena_free(net.arena);
}

static void test_random_networks(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        uint64_t draws = seed;
        View views[MOST_VIEWS];
        int n = 2 + (int)draw_below(&draws, MOST_VIEWS - 1);
        for (int v = 0; v < n; v++) views[v] = (View){1 + draw_below(&draws, 2), 1 + draw_below(&draws, 3)};
        Net net = net_new();
        build(&net, n, views, 1 + (int)draw_below(&draws, 2), draw_below(&draws, 2),
              draw_below(&draws, 4) == 0);
        add_gradients(&net);
        batch(&net);
        arena_free(net.arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_views),
        cmocka_unit_test(test_batches_of_two_sizes),
        cmocka_unit_test(test_two_resolutions),
        cmocka_unit_test(test_gates),
        cmocka_unit_test(test_one_view_stays),
        cmocka_unit_test(test_batch_reductions_stay),
        cmocka_unit_test(test_applied_in_turn),
        cmocka_unit_test(test_crossed_lanes),
        cmocka_unit_test(test_circle),
        cmocka_unit_test(test_other_orders),
        cmocka_unit_test(test_gradient_of_a_value),
        cmocka_unit_test(test_random_networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
