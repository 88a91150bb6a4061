/* Demand keeps what a function computes, its gradients too, and never computes more: random functions that end in
 * slices, pads, concats and gathers, of the operator table (random_graph.h) and of layers as networks have them. */
#include "tests/passes/random_graph.h"
#include "passes/passes.h"

enum { GRAPHS = 400, NODES = 40, NETS = 1200, LAYERS = 14 };

/* ---- layers ------------------------------------------------------------------------------------------------------ */

/* Values of three axes, [images, tokens, width] or whatever became of them. */
typedef struct {
    RandomGraph g;
    size_t n_inputs;
    ValueId values[64];
    int n;
} Net;

enum { MOST_INPUTS = 128, IMAGES = 2, TOKENS = 6, WIDTH = 4 };

static ValueId input(Net *net, DType dtype, int rank, const int64_t *dim) {
    char name[16];
    snprintf(name, sizeof name, "x%zu", net->n_inputs);
    Type type = type_make(dtype, rank, dim);
    assert_true(net->n_inputs < MOST_INPUTS);
    net->g.inputs[net->n_inputs++] = tensor_draw(net->g.arena, &type, 0, -1, 1, &net->g.seed);
    return func_add_input(net->g.func, name, type);
}

static ValueId real_input(Net *net, int rank, const int64_t *dim) {
    return input(net, DT_F64, rank, dim);
}

static int64_t below(Net *net, int64_t n) {
    return draw_below(&net->g.seed, n);
}

static ValueId some_value(Net *net) {
    int64_t back = below(net, 3) ? 3 : net->n;
    return net->values[net->n - 1 - below(net, back < net->n ? back : net->n)];
}

static Type type_of(const Net *net, ValueId x) {
    return *func_type(net->g.func, x);
}

static ValueId binary(Net *net, OpKind op, ValueId a, ValueId b) {
    return ir_binary(net->g.func, op, a, b);
}

static ValueId linear(Net *net, ValueId x, int64_t out) {
    Func *f = net->g.func;
    Type type = type_of(net, x);
    int64_t in = type.dim[2];
    bool transposed = below(net, 2);
    ValueId w = real_input(net, 2, (int64_t[]){transposed ? out : in, transposed ? in : out});
    if (below(net, 4)) { /* all rows as one matrix */
        ValueId flat = ir_reshape(f, x, 2, (int64_t[]){type.dim[0] * type.dim[1], in});
        x = ir_reshape(f, ir_matmul(f, flat, w, false, transposed), 3,
                       (int64_t[]){type.dim[0], type.dim[1], out});
    } else {
        int64_t shape[3] = {type.dim[0], func_type(f, w)->dim[0], func_type(f, w)->dim[1]};
        x = ir_matmul(f, x, ir_broadcast(f, w, 3, shape), false, transposed);
    }
    return below(net, 3) ? binary(net, OP_add, x, real_input(net, 1, &out)) : x;
}

static ValueId third(Net *net, ValueId qkv, int number) {
    Type type = type_of(net, qkv);
    int64_t start[5] = {number}, step[5] = {1, 1, 1, 1, 1};
    type.dim[0] = number + 1;
    ValueId part = ir_slice(net->g.func, qkv, start, type.dim, step);
    return ir_reshape(net->g.func, part, 4, type.dim + 1);
}

static ValueId attention(Net *net, ValueId x) {
    Func *f = net->g.func;
    Type type = type_of(net, x);
    int64_t b = type.dim[0], n = type.dim[1], d = type.dim[2], heads = d % 2 ? 1 : 2;
    ValueId qkv = ir_reshape(f, linear(net, x, 3 * d), 5, (int64_t[]){b, n, 3, heads, d / heads});
    qkv = ir_transpose(f, qkv, (int64_t[]){2, 0, 3, 1, 4});
    ValueId scores = ir_matmul(f, third(net, qkv, 0), third(net, qkv, 1), false, true);
    if (below(net, 3) == 0)
        scores = binary(net, OP_add, scores, real_input(net, 3, (int64_t[]){heads, n, n}));
    ValueId y = ir_matmul(f, ir_unary(f, OP_softmax, scores), third(net, qkv, 2), false, false);
    return ir_reshape(f, ir_transpose(f, y, (int64_t[]){0, 2, 1, 3}), 3, (int64_t[]){b, n, d});
}

static ValueId sliced(Net *net, ValueId x) {
    Type type = type_of(net, x);
    int64_t start[3] = {0}, step[3] = {1, 1, 1};
    int axis = (int)below(net, 3);
    start[axis] = below(net, type.dim[axis]);
    type.dim[axis] = start[axis] + 1 + below(net, type.dim[axis] - start[axis]);
    if (below(net, 3) == 0) step[axis] = 2;
    return ir_slice(net->g.func, x, start, type.dim, step);
}

/* Some rows of each image, in any order; or the same of all. */
static ValueId gathered(Net *net, ValueId x) {
    Func *f = net->g.func;
    Type type = type_of(net, x);
    bool by_image = below(net, 3);
    int64_t n = type.dim[1], shape[2] = {type.dim[0], n}, count = 1 + below(net, n);
    OrderAttrs order = {.axis = -1, .count = below(net, 2) ? count : 0};
    ValueId noise = real_input(net, by_image ? 2 : 1, by_image ? shape : &n);
    ValueId index = func_emit(f, OP_argsort, &noise, 1, &order);
    if (!order.count) {
        int64_t start[2] = {0}, step[2] = {1, 1}, limit[2] = {by_image ? shape[0] : count, count};
        index = ir_slice(f, index, start, limit, step);
    }
    if (by_image) return ir_gather(f, x, index, 1);
    x = ir_gather(f, ir_transpose(f, x, (int64_t[]){1, 0, 2}), index, 0);
    return ir_transpose(f, x, (int64_t[]){1, 0, 2});
}

static ValueId padded(Net *net, ValueId x) {
    int64_t low[3] = {0}, high[3] = {0};
    int axis = (int)below(net, 3);
    low[axis] = below(net, 3);
    high[axis] = below(net, 3);
    return ir_pad(net->g.func, x, low, high, below(net, 2) ? 0 : 0.5);
}

static ValueId joined(Net *net, ValueId x) {
    Func *f = net->g.func;
    Type type = type_of(net, x);
    int axis = (int)below(net, 3);
    ValueId other = some_value(net);
    Type with = type_of(net, other);
    for (int k = 0; k < 3; k++)
        if (k != axis && with.dim[k] != type.dim[k]) { /* a token of its own */
            int64_t one[3] = {1, 1, type.dim[2]}, all[3] = {type.dim[0], 1, type.dim[2]};
            other = ir_broadcast(f, real_input(net, 3, one), 3, all);
            axis = 1;
            break;
        }
    return ir_concat(f, 2, (ValueId[]){other, x}, axis);
}

static ValueId reshaped(Net *net, ValueId x) {
    Type type = type_of(net, x);
    int64_t k = type.dim[2] % 2 ? 1 : 2;
    int64_t shapes[3][3] = {{type.dim[0], type.dim[1] * k, type.dim[2] / k},
                            {type.dim[0] * type.dim[1], 1, type.dim[2]},
                            {1, type.dim[0], type.dim[1] * type.dim[2]}};
    return ir_reshape(net->g.func, x, 3, shapes[below(net, 3)]);
}

static ValueId scaled(Net *net, ValueId x) {
    Type type = type_of(net, x);
    int64_t shape[3];
    for (int k = 0; k < 3; k++) shape[k] = below(net, 2) ? type.dim[k] : 1;
    return binary(net, OP_mul, x, real_input(net, 3, shape));
}

static ValueId reduced(Net *net, ValueId x) {
    int64_t axis = below(net, 3);
    ValueId sum = ir_reduce(net->g.func, below(net, 2) ? OP_sum : OP_amax, x, 1, &axis, true);
    return below(net, 2) ? sum : binary(net, OP_sub, x, sum);
}

static ValueId summed_up(Net *net, ValueId x) {
    return func_emit(net->g.func, OP_cumsum, &x, 1, &(ScanAttrs){.axis = below(net, 3)});
}

/* A loop that carries two values, either made of one or of both, and stacks one: one of its results is read, or two. */
static ValueId looped(Net *net, ValueId x) {
    Func *f = net->g.func, *body = module_add_body(net->g.module, "body");
    Type type = type_of(net, x);
    ValueId other = ir_unary(f, OP_cos, x), operands[3] = {x, other, other};
    func_add_input(body, "in.i", type_scalar(DT_I32));
    ValueId a = func_add_input(body, "in.a", type), b = func_add_input(body, "in.b", type),
            c = func_add_input(body, "in.c", type);
    ValueId next[2] = {ir_unary(body, OP_sin, a), ir_unary(body, OP_tanh, b)};
    if (below(net, 3) == 0) next[0] = ir_binary(body, OP_mul, next[0], b);
    if (below(net, 2)) next[1] = ir_binary(body, OP_add, next[1], c);
    func_add_output(body, "a", next[0]);
    func_add_output(body, "b", next[1]);
    func_add_output(body, "rows", ir_binary(body, OP_add, next[0], a));
    int64_t axes[1] = {0};
    ValueId loop = loop_emit(f, body, operands, 3, (LoopAttrs){.count = 2, .carried = 2});
    ValueId y = loop_part(f, loop, (size_t)below(net, 3));
    if (func_type(f, y)->rank == 4) y = ir_reduce(f, OP_sum, y, 1, axes, false);
    return below(net, 3) ? y : binary(net, OP_add, y, loop_part(f, loop, (size_t)below(net, 2)));
}

static ValueId normed(Net *net, ValueId x) {
    Type type = type_of(net, x);
    ValueId w = real_input(net, 1, &type.dim[2]), b = real_input(net, 1, &type.dim[2]);
    return ir_layernorm(net->g.func, x, w, b, 1e-2);
}

static ValueId added(Net *net, ValueId x) {
    Type type = type_of(net, x);
    ValueId other = some_value(net);
    Type with = type_of(net, other);
    return type_equal(&type, &with) ? binary(net, OP_add, x, other) : ir_unary(net->g.func, OP_tanh, x);
}

static ValueId layer(Net *net, ValueId x, bool last) {
    Type type = type_of(net, x);
    switch (below(net, 19)) {
    case 0:
    case 1:
    case 2: return linear(net, x, (int64_t[]){1, 3, 4, 6, 8}[below(net, 5)]);
    case 3:
    case 4: return normed(net, x);
    case 5: return ir_unary(net->g.func, (OpKind[]){OP_tanh, OP_sin, OP_neg}[below(net, 3)], x);
    case 6:
    case 7: return last ? sliced(net, x) : attention(net, x);
    case 8: return ir_unary(net->g.func, OP_softmax, x);
    case 9: return added(net, x);
    case 10: return joined(net, x);
    case 11: return padded(net, x);
    case 12: return reshaped(net, x);
    case 13:
        return ir_transpose(net->g.func, x, (int64_t[][3]){{1, 0, 2}, {0, 2, 1}, {2, 0, 1}}[below(net, 3)]);
    case 14: return below(net, 2) ? scaled(net, x) : reduced(net, x);
    case 15: return below(net, 3) ? gathered(net, x) : summed_up(net, x);
    case 17: return looped(net, x);
    case 16: return type.dim[1] > 2 ? gathered(net, x) : sliced(net, x);
    default: return sliced(net, x);
    }
}

/* What is read in the end, in an output and by a loss whose gradients are outputs too. */
static void add_readers(Net *net, int n) {
    Func *f = net->g.func;
    ValueId loss = ir_constant(f, 0, DT_F64);
    for (int i = 0; i < n; i++) {
        ValueId x = some_value(net);
        for (int64_t more = below(net, 3); more > 0; more--) x = layer(net, x, true);
        char name[16];
        snprintf(name, sizeof name, "y%d", i);
        func_add_output(f, name, x);
        loss = binary(net, OP_add, loss, weighed(f, x, ir_unary(f, OP_cos, x)));
    }
    size_t last = f->count;
    bool insides = below(net, 4) == 0; /* gradients of values: these are wanted whole */
    for (size_t i = 0; i < last; i++) {
        bool leaf = func_node(f, (ValueId)i)->op == OP_input &&
                    dtype_is_float((DType)func_type(f, (ValueId)i)->dtype);
        bool inside =
            insides && below(net, 20) == 0 && dtype_is_float((DType)func_type(f, (ValueId)i)->dtype);
        char name[32];
        snprintf(name, sizeof name, "g%zu", i);
        if (leaf || inside) func_add_output(f, name, emit_grad(f, loss, (ValueId)i));
    }
}

static Net random_net(Arena *arena, Diags *diags, uint64_t seed) {
    Net net = {.g = {.seed = seed, .arena = arena, .module = module_new(arena, diags, "net")}};
    net.g.func = module_add_func(net.g.module, "f");
    net.g.inputs = ARENA_ARRAY(arena, Tensor, MOST_INPUTS);
    net.g.states = ARENA_ARRAY(arena, Tensor, 1);
    net.values[net.n++] = real_input(&net, 3, (int64_t[]){IMAGES, TOKENS, WIDTH});
    for (int i = 0; i < LAYERS; i++) {
        ValueId x = layer(&net, some_value(&net), false);
        assert_true(x != IR_NONE);
        if (type_elements(func_type(net.g.func, x)) <= 600) net.values[net.n++] = x;
    }
    add_readers(&net, 1 + (int)below(&net, 3));
    return net;
}

/* ---- with and without -------------------------------------------------------------------------------------------- */

static struct {
    size_t functions, narrowed;
    double before, after; /* FLOPs of all */
} met;

static void run(Module *module, const char *passes, Diags *diags, uint64_t seed) {
    if (!passes_run(module, passes, &(PassOptions){.verify = true}, diags))
        fail_msg("seed %d, %s: %s", (int)seed, passes, diags_text(diags));
}

static Tensor *results_of(const RandomGraph *g, Module *module, Arena *arena) {
    RandomGraph of = *g;
    of.module = module;
    of.func = module->funcs[0];
    return random_graph_run(&of, arena);
}

static void check(const RandomGraph *g, Diags *diags, Arena *arena, uint64_t seed) {
    run(g->module, "simplify", diags, seed);
    Module *with = module_clone(g->module, arena), *without = module_clone(g->module, arena);
    size_t n = g->func->n_outputs;
    run(with, "demand", diags, seed);
    double before = func_flops(without->funcs[0], false), after = func_flops(with->funcs[0], false);
    if (after > before * (1 + 1e-12)) fail_msg("seed %d: %g FLOPs became %g", (int)seed, before, after);
    char *x = module_print(without, NULL), *y = module_print(with, NULL);
    met.functions++;
    met.narrowed += strcmp(x, y) != 0;
    met.before += before;
    met.after += after;
    free(x);
    free(y);
    run(with, "autodiff", diags, seed);
    run(without, "autodiff", diags, seed);
    Tensor *got = results_of(g, with, arena), *want = results_of(g, without, arena);
    for (size_t i = 0; i < n; i++)
        assert_tensor_near(&got[i], &want[i], 1e-9, 1e-9, "seed %d, %s", (int)seed, g->func->outputs[i].name);
}

static void test_random_networks(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < NETS; seed++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        Net net = random_net(arena, diags, seed);
        check(&net.g, diags, arena, seed);
        arena_free(arena);
    }
    print_message("%zu of %zu functions narrowed, %.3g FLOPs became %.3g\n", met.narrowed, met.functions,
                  met.before, met.after);
    assert_true(met.narrowed * 3 > met.functions);
    assert_true(met.after < 0.95 * met.before);
}

/* Every operator comes up; few values are read, and of some only parts. */
static void test_random_functions(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < GRAPHS; seed++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        RandomGraph g = random_graph(arena, diags, seed, NODES);
        g.func->n_outputs = g.func->n_updates = 0;
        ValueId last = (ValueId)g.func->count;
        for (int i = 0; i < 3; i++) {
            ValueId x = last - 1 - (ValueId)draw_below(&g.seed, last / 2);
            Type type = *func_type(g.func, x);
            int64_t start[IR_MAX_RANK], step[IR_MAX_RANK];
            for (int k = 0; k < type.rank; k++) {
                start[k] = draw_below(&g.seed, type.dim[k]);
                type.dim[k] = start[k] + 1 + draw_below(&g.seed, type.dim[k] - start[k]);
                step[k] = 1 + draw_below(&g.seed, 2);
            }
            func_add_output(g.func, (const char *[]){"a", "b", "c"}[i],
                            ir_slice(g.func, x, start, type.dim, step));
        }
        check(&g, diags, arena, seed);
        arena_free(arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_networks),
        cmocka_unit_test(test_random_functions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
