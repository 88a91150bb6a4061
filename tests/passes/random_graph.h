/* For tests: random functions drawn from the operator table. Every operator and every attribute can come up; what the
 * shape rules or the interpreter refuse is dropped again, as is what grows past a bound (so that comparing results
 * means something). The same seed makes the same function. */
#ifndef VITC_TESTS_PASSES_RANDOM_GRAPH_H
#define VITC_TESTS_PASSES_RANDOM_GRAPH_H

#include "ir/loop.h"
#include "tests/passes/graph.h"

typedef struct {
    Module *module;
    Func *func;
    Tensor *inputs, *states;
    uint64_t seed;
    Arena *arena;
} RandomGraph;

/* A dimension that often fits another. */
static inline int64_t random_size(RandomGraph *g) {
    static const int64_t sizes[] = {1, 1, 2, 2, 3, 4};
    return sizes[draw_below(&g->seed, 6)];
}

static inline Ints random_ints(RandomGraph *g, int n, int64_t low, int64_t below) {
    Ints ints = {.n = n};
    for (int k = 0; k < n; k++) ints.v[k] = low + draw_below(&g->seed, below - low);
    return ints;
}

static inline Ints random_permutation(RandomGraph *g, int n) {
    Ints perm = {.n = n};
    for (int k = 0; k < n; k++) {
        int64_t at = draw_below(&g->seed, k + 1);
        perm.v[k] = perm.v[at];
        perm.v[at] = k;
    }
    return perm;
}

/* The dimensions of x, some merged with the next, some 1s put in or left out; or x repeated. */
static inline Ints random_shape(RandomGraph *g, const Type *x, bool repeats) {
    Ints shape = {0};
    if (draw_below(&g->seed, 3) == 0) shape.v[shape.n++] = repeats ? random_size(g) : 1;
    for (int k = 0; k < x->rank && shape.n < IR_MAX_RANK - 1; k++) {
        int64_t choice = draw_below(&g->seed, 4);
        if (repeats)
            shape.v[shape.n++] = x->dim[k] == 1 ? random_size(g) : x->dim[k];
        else if (choice == 0 && shape.n > 0)
            shape.v[shape.n - 1] *= x->dim[k];
        else if (choice != 1 || x->dim[k] != 1)
            shape.v[shape.n++] = x->dim[k];
    }
    return shape;
}

static inline Ints random_axes(RandomGraph *g, int rank) {
    Ints axes = {0};
    for (int k = 0; k < rank; k++)
        if (draw_below(&g->seed, 2)) axes.v[axes.n++] = k;
    return axes;
}

/* An attribute by its key, for an operator on x (NULL: none). */
static inline Attr random_attr(RandomGraph *g, OpKind op, const AttrSpec *spec, const Type *x,
                               const Attr *before) {
    int rank = x ? x->rank : 0;
    Attr attr = {0};
    if (spec->kind == ATTR_DTYPE)
        attr.dtype = (DType[]){DT_F64, DT_F64, DT_I32, DT_BOOL, DT_F32}[draw_below(&g->seed, 5)];
    if (spec->kind == ATTR_BOOL) attr.b = draw_below(&g->seed, 2);
    if (spec->kind == ATTR_REAL) attr.f = (double[]){0, 1, 2, -1, 0.5, 1.7}[draw_below(&g->seed, 6)];
    if (spec->kind == ATTR_INT && strcmp(spec->key, "rows") == 0) attr.i = 1;
    if (spec->kind == ATTR_INT && strcmp(spec->key, "rows") != 0)
        attr.i = draw_below(&g->seed, rank + 1) - (strcmp(spec->key, "batch") != 0);
    if (spec->kind == ATTR_INT && strcmp(spec->key, "columns") == 0) attr.i = rank ? x->dim[rank - 1] : 2;
    if (spec->kind != ATTR_INTS) return attr;
    if (strcmp(spec->key, "shape") == 0)
        attr.ints = op == OP_iota ? random_ints(g, (int)draw_below(&g->seed, 3) + 1, 1, 4)
                                  : random_shape(g, x, op == OP_broadcast);
    else if (strcmp(spec->key, "axes") == 0)
        attr.ints = random_axes(g, rank);
    else if (strcmp(spec->key, "perm") == 0)
        attr.ints = random_permutation(g, rank);
    else if (strcmp(spec->key, "start") == 0)
        attr.ints = random_ints(g, rank, 0, 2);
    else if (strcmp(spec->key, "limit") == 0) {
        attr.ints = (Ints){.n = rank};
        for (int k = 0; k < rank; k++)
            attr.ints.v[k] =
                before->ints.v[k] + 1 +
                draw_below(&g->seed, x->dim[k] > before->ints.v[k] ? x->dim[k] - before->ints.v[k] : 1);
    } else if (strcmp(spec->key, "step") == 0)
        attr.ints = random_ints(g, rank, 1, 3);
    else if (strcmp(spec->key, "low") == 0 || strcmp(spec->key, "high") == 0)
        attr.ints = random_ints(g, rank, 0, 2);
    else /* size, kernel, stride, padding */
        attr.ints = random_ints(g, 2, strcmp(spec->key, "padding") != 0, 4);
    return attr;
}

static inline ValueId random_value(RandomGraph *g) {
    int64_t n = (int64_t)g->func->count, back = draw_below(&g->seed, 2) ? n : n < 6 ? n : 6;
    ValueId x = (ValueId)(n - 1 - draw_below(&g->seed, back));
    bool has_none =
        op_info((OpKind)func_node(g->func, x)->op)->grad == GRAD_NONE; /* a loss may be made of it */
    return has_none ? ir_unary(g->func, OP_stop_grad, x) : x;
}

/* An index in range, made of any integer value. */
static inline ValueId random_index(RandomGraph *g, ValueId x, int64_t batch) {
    ValueId i = random_value(g);
    const Type *type = func_type(g->func, x), *index = func_type(g->func, i);
    if (!dtype_is_int((DType)index->dtype) || batch >= type->rank) return i;
    ValueId n = ir_constant(g->func, (double)type->dim[batch], (DType)index->dtype);
    return ir_binary(g->func, OP_rem, i, n);
}

/* Whether every value so far can be computed and compared. */
static inline bool random_graph_sane(RandomGraph *g) {
    Arena *arena = arena_new();
    Tensor *values = ARENA_ARRAY(arena, Tensor, g->func->count + 1);
    char error[512];
    bool sane = func_interpret_all(g->func, g->inputs, g->states, values, arena, error, sizeof error);
    for (ValueId id = 0; sane && id < g->func->count; id++) {
        if (func_node(g->func, id)->op == OP_random) continue; /* all of i32, and exact */
        for (int64_t i = 0; sane && i < type_elements(&values[id].type); i++)
            sane = fabs(values[id].data[i]) < 1e3;
    }
    arena_free(arena);
    return sane;
}

/* x, the first of its rows, or all of them twice. */
static inline ValueId other_rows(RandomGraph *g, ValueId x) {
    const Type type = *func_type(g->func, x);
    uint64_t how = type.rank < 2 ? 0 : draw_below(&g->seed, 3);
    if (how == 0) return x;
    if (how == 1)
        return func_emit(g->func, OP_concat, (ValueId[]){x, x}, 2, &(ConcatAttrs){.axis = type.rank - 2});
    int64_t start[IR_MAX_RANK] = {0}, limit[IR_MAX_RANK], step[IR_MAX_RANK];
    for (int k = 0; k < type.rank; k++) limit[k] = k == type.rank - 2 ? 1 : type.dim[k], step[k] = 1;
    return ir_slice(g->func, x, start, limit, step);
}

/* Operands of attention: queries, keys, values and the result's gradient of types that fit, and a bias made of them. */
static inline void fitting_operands(RandomGraph *g, ValueId *x, int n, int factors) {
    for (int o = 1; o < factors; o++)
        if (!type_equal(func_type(g->func, x[o]), func_type(g->func, x[0]))) x[o] = x[0];
    const Type q = *func_type(g->func, x[0]);
    if (factors > 2 && draw_below(&g->seed, 2)) x[1] = x[2] = other_rows(g, x[0]);
    if (n > factors && q.rank >= 2 && dtype_is_float(q.dtype))
        x[factors] = ir_matmul(g->func, x[0], x[1], false, true);
}

/* Operands of a convolution, or of one of its adjoints: an image that is its own weight, and what they give. */
static inline void fitting_convolution(RandomGraph *g, OpKind op, ValueId *x, Attr *attrs) {
    const Type type = *func_type(g->func, x[0]);
    x[1] = x[0];
    attrs[op == OP_conv2d ? 2 : 3].i = 1; /* groups */
    if (op == OP_conv2d || type.rank != 4) return;
    ConvAttrs of = {.stride = attrs[1].ints, .padding = attrs[2].ints, .groups = 1};
    x[op == OP_conv2d_weight] = func_emit(g->func, OP_conv2d, (ValueId[]){x[0], x[0]}, 2, &of);
    attrs[0].ints = (Ints){2, {type.dim[2], type.dim[3]}};
}

/* An operand of eigh or svd: near a diagonal of 10, 20, …, so that no two values are near each other, whose vectors
 * rounding could turn. */
static inline ValueId separated(RandomGraph *g, ValueId x) {
    const Type type = *func_type(g->func, x);
    if (type.rank < 2 || type.dtype != DT_F64) return x;
    ValueId row = ir_iota(g->func, 2, &type.dim[type.rank - 2], 0, DT_F64),
            column = ir_iota(g->func, 2, &type.dim[type.rank - 2], 1, DT_F64),
            ten = ir_constant(g->func, 10, DT_F64);
    ValueId values = ir_binary(g->func, OP_add, ir_binary(g->func, OP_mul, row, ten), ten);
    ValueId diagonal =
        ir_select(g->func, ir_binary(g->func, OP_eq, row, column), values, ir_constant(g->func, 0, DT_F64));
    return ir_binary(g->func, OP_add, ir_unary(g->func, OP_tanh, x), diagonal);
}

/* A loop that carries one value and reads another of its type, once, several times or perhaps; and what it carries in
 * the end. */
static inline void random_loop(RandomGraph *g) {
    ValueId x[3] = {random_value(g), random_value(g), random_value(g)};
    Type type = *func_type(g->func, x[1]);
    if (!dtype_is_float(type.dtype) || type_elements(&type) > 40) return;
    if (!type_equal(&type, func_type(g->func, x[2]))) x[2] = x[1];
    size_t before = g->func->count;
    int64_t count = 1 + draw_below(&g->seed, 3);
    bool when = count == 1 && func_type(g->func, x[0])->rank == 0;
    Func *body = module_add_body(g->module, "body");
    ValueId i = func_add_input(body, "in.i", type_scalar(DT_I32)), c = func_add_input(body, "in.c", type);
    ValueId y = ir_binary(body, OP_add, ir_unary(body, OP_sin, c), func_add_input(body, "in.x", type));
    y = ir_binary(body, OP_mul, y, ir_cast(body, i, (DType)type.dtype));
    func_add_output(body, "c", ir_binary(body, OP_sub, y, c));
    LoopAttrs attrs = {.count = count, .carried = 1, .when = when, .reverse = draw_below(&g->seed, 2)};
    if (loop_part(g->func, loop_emit(g->func, body, x + !when, 2 + when, attrs), 0) == IR_NONE)
        g->func->count = before;
}

static inline void random_node(RandomGraph *g) {
    OpKind op = (OpKind)draw_below(&g->seed, OP_COUNT);
    if (op_is_source(op) || op == OP_grad) return;
    if (op == OP_loop) {
        random_loop(g);
        return;
    }
    const OpInfo *info = op_info(op);
    size_t before = g->func->count;
    ValueId x[8];
    Attr attrs[OP_MAX_ATTRS];
    int n = info->max_operands < 0 ? 1 + (int)draw_below(&g->seed, 3) : info->max_operands;
    for (int o = 0; o < n; o++) x[o] = o > 0 && draw_below(&g->seed, 4) == 0 ? x[0] : random_value(g);
    for (int a = 0; a < info->n_attrs; a++)
        attrs[a] = random_attr(g, op, &info->attrs[a], n ? func_type(g->func, x[0]) : NULL,
                               a ? &attrs[a - 1] : NULL);
    Node made = {.op = (uint16_t)op, .attrs = attrs};
    if (info->attr_set == ATTRS_indexed) {
        int64_t batch = indexed_attrs(&made)->batch;
        x[1] = random_index(g, x[0], batch);
        if (n > 2)
            x[2] = x[1] == IR_NONE ? IR_NONE : ir_gather(g->func, x[0], x[1], (int)batch); /* rows that fit */
    }
    if (op == OP_matmul && matmul_attrs(&made)->symmetric) { /* that of a matrix and itself is */
        MatmulAttrs *matmul = (MatmulAttrs *)attrs;
        x[1] = x[0];
        matmul->tb = !matmul->ta;
        matmul->panel = 0;
    }
    if (op == OP_matmul && matmul_attrs(&made)->panel > 0) { /* of packed columns */
        MatmulAttrs *matmul = (MatmulAttrs *)attrs;
        const Type *matrix = func_type(g->func, x[1]);
        int64_t columns = matmul->panel = matrix->rank == 2 ? matrix->dim[!matmul->tb] : 0;
        if (columns) x[1] = ir_pack(g->func, x[1], matmul->tb, (PanelShape){(int)columns, 1}, PRECISION_FP32);
        matmul->tb = matmul->tb && !columns;
    }
    if (info->attr_set == ATTRS_conv || info->attr_set == ATTRS_conv_adjoint)
        fitting_convolution(g, op, x, attrs);
    if (op == OP_max_pool_grad) x[1] = x[2] = func_emit(g->func, OP_max_pool, x, 1, attrs);
    if (op == OP_random) /* indices of any integers; the stream's name */
        for (int o = 1; o < n; o++) x[o] = ir_constant(g->func, (double)draw_below(&g->seed, 100), DT_I32);
    if (op == OP_eigh || op == OP_svd) x[0] = separated(g, x[0]);
    if (op_is_product(op) && op != OP_matmul) fitting_operands(g, x, n, op == OP_attention ? 3 : 4);
    ValueId y = func_emit(g->func, op, x, n, attrs);
    bool good = y != IR_NONE && type_elements(func_type(g->func, y)) <= 200 && random_graph_sane(g);
    if (!good) g->func->count = before;
}

static inline Type random_type(RandomGraph *g, DType dtype) {
    Type type = {.dtype = (uint8_t)dtype, .rank = (uint8_t)draw_below(&g->seed, 4)};
    for (int k = 0; k < type.rank; k++) type.dim[k] = random_size(g);
    return type;
}

/* Inputs, two states and about `n` nodes; a third of the values are outputs or updates. */
static inline RandomGraph random_graph(Arena *arena, Diags *diags, uint64_t seed, int n) {
    RandomGraph g = {.seed = seed, .arena = arena, .module = module_new(arena, diags, "random")};
    g.func = module_add_func(g.module, "f");
    static const DType dtypes[] = {DT_F64, DT_F64, DT_F64, DT_I32, DT_BOOL, DT_F64};
    char name[16];
    g.inputs = ARENA_ARRAY(arena, Tensor, 6);
    g.states = ARENA_ARRAY(arena, Tensor, 2);
    for (int i = 0; i < 6; i++) {
        Type type = random_type(&g, dtypes[i]);
        if (i == 5) type = (Type){.dtype = DT_F64, .rank = 4, .dim = {1, 2, 3, 4}}; /* an image */
        snprintf(name, sizeof name, "x%d", i);
        func_add_input(g.func, name, type);
        g.inputs[i] = tensor_draw(arena, &type,
                                  dtypes[i] == DT_I32    ? 4
                                  : dtypes[i] == DT_BOOL ? 2
                                                         : 0,
                                  -2, 2, &g.seed);
    }
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "s%d", i);
        State state = {.name = name, .type = random_type(&g, DT_F64)};
        g.states[i] = tensor_draw(arena, &state.type, 0, -2, 2, &g.seed);
        func_read_state(g.func, module_add_state(g.module, state));
    }
    for (int i = 0; i < n; i++) random_node(&g);
    for (ValueId id = 0; id < g.func->count; id++) {
        snprintf(name, sizeof name, "y%u", id);
        if (draw_below(&g.seed, 4) == 0 || id + 1 == g.func->count) func_add_output(g.func, name, id);
        for (uint32_t s = 0; s < 2; s++)
            if (draw_below(&g.seed, 3) == 0 && type_equal(func_type(g.func, id), &g.states[s].type))
                func_add_update(g.func, s, id);
    }
    return g;
}

/* Everything a run of the function leaves behind: outputs, then states. */
static inline Tensor *random_graph_run(const RandomGraph *g, Arena *arena) {
    Tensor *results = ARENA_ARRAY(arena, Tensor, g->func->n_outputs + 2);
    char error[512];
    if (!func_interpret(g->func, g->inputs, g->states, results, results + g->func->n_outputs, arena, error,
                        sizeof error))
        fail_msg("%s", error);
    return results;
}

#endif
