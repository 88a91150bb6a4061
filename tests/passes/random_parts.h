/* For tests: random functions in which parts of values are zero, or are all that is read: pads, concatenations with
 * zeros, slices and rows added to zeros, among elementwise operators, views, sums and products. */
#ifndef VITC_TESTS_PASSES_RANDOM_PARTS_H
#define VITC_TESTS_PASSES_RANDOM_PARTS_H

#include "tests/passes/graph.h"

enum { PARTS_INPUTS = 64 };

typedef struct {
    Arena *arena;
    Module *module;
    Func *func;
    uint64_t seed;
    ValueId *pool;
    size_t n, capacity;
    Tensor inputs[PARTS_INPUTS];
    ValueId leaves[PARTS_INPUTS]; /* f64 inputs */
    int n_inputs, n_leaves;
} RandomParts;

static inline ValueId parts_input(RandomParts *p, Type type) {
    char name[16];
    assert_true(p->n_inputs < PARTS_INPUTS);
    snprintf(name, sizeof name, "x%d", p->n_inputs);
    p->inputs[p->n_inputs++] = tensor_draw(p->arena, &type, 0, -1, 1, &p->seed);
    return p->leaves[p->n_leaves++] = func_add_input(p->func, name, type);
}

static inline const Type *parts_type(const RandomParts *p, ValueId x) {
    return func_type(p->func, x);
}

static inline ValueId parts_zeros(RandomParts *p, const Type *type) {
    return ir_broadcast(p->func, ir_constant(p->func, 0, DT_F64), type->rank, type->dim);
}

static inline ValueId parts_any(RandomParts *p) {
    return p->pool[draw_below(&p->seed, (int64_t)p->n)];
}

/* A value of the type: of the pool, if there is one, or an input. */
static inline ValueId parts_like(RandomParts *p, const Type *type) {
    for (int i = 0; i < 8; i++) {
        ValueId other = parts_any(p);
        if (type_equal(parts_type(p, other), type)) return other;
    }
    return parts_input(p, *type);
}

static inline ValueId parts_padded(RandomParts *p, ValueId x) {
    Type type = *parts_type(p, x);
    int axis = (int)draw_below(&p->seed, type.rank);
    int64_t low[IR_MAX_RANK] = {0}, high[IR_MAX_RANK] = {0};
    low[axis] = draw_below(&p->seed, 3);
    high[axis] = draw_below(&p->seed, 4);
    if (draw_below(&p->seed, 2)) return ir_pad(p->func, x, low, high, 0);
    type.dim[axis] = 1 + draw_below(&p->seed, 3);
    ValueId parts[] = {parts_zeros(p, &type), x, parts_zeros(p, &type), x};
    int from = (int)draw_below(&p->seed, 2);
    if (draw_below(&p->seed, 3) == 0) return ir_concat(p->func, 3 + from, parts + 1 - from, axis);
    return ir_concat(p->func, 2 + (int)draw_below(&p->seed, 2 - from), parts + from, axis);
}

static inline ValueId parts_sliced(RandomParts *p, ValueId x) {
    Type type = *parts_type(p, x);
    int64_t start[IR_MAX_RANK] = {0}, step[IR_MAX_RANK];
    for (int k = 0; k < type.rank; k++) step[k] = 1;
    int axis = (int)draw_below(&p->seed, type.rank);
    start[axis] = draw_below(&p->seed, type.dim[axis]);
    type.dim[axis] = start[axis] + 1 + draw_below(&p->seed, type.dim[axis] - start[axis]);
    step[axis] = 1 + (draw_below(&p->seed, 4) == 0);
    return ir_slice(p->func, x, start, type.dim, step);
}

/* Some rows of a few more, by the order of random numbers: gathered, or added to zeros. */
static inline ValueId parts_indexed(RandomParts *p, ValueId x) {
    Type type = *parts_type(p, x);
    int batch = (int)draw_below(&p->seed, 2);
    if (type.rank <= batch) return IR_NONE;
    bool gathers = draw_below(&p->seed, 2);
    int64_t more = type.dim[batch] + 1 + draw_below(&p->seed, 3), count = type.dim[batch];
    Type order = type_make(DT_F64, batch + 1, type.dim);
    if (gathers) count = 1 + draw_below(&p->seed, count);
    if (!gathers) order.dim[batch] = more;
    ValueId index = parts_input(p, order);
    OrderAttrs attrs = {.axis = -1, .count = count};
    index = func_emit(p->func, OP_argsort, &index, 1, &attrs);
    if (draw_below(&p->seed, 4) == 0 && count > 1) { /* the same row more than once */
        Type few = *parts_type(p, index);
        int64_t start[2] = {0}, step[2] = {1, 1};
        few.dim[batch] = 1;
        index = ir_slice(p->func, index, start, few.dim, step);
        few.dim[batch] = count;
        index = ir_broadcast(p->func, index, few.rank, few.dim);
    }
    if (gathers) return ir_gather(p->func, x, index, batch);
    type.dim[batch] = more;
    ValueId operands[] = {parts_zeros(p, &type), index, x};
    return func_emit(p->func, OP_scatter_add, operands, 3, &(IndexedAttrs){.batch = batch});
}

static inline ValueId parts_elementwise(RandomParts *p, ValueId x) {
    static const OpKind unary[] = {OP_neg, OP_tanh, OP_abs, OP_sin, OP_gelu};
    static const OpKind binary[] = {OP_add, OP_add, OP_sub, OP_mul, OP_mul};
    Type type = *parts_type(p, x);
    if (draw_below(&p->seed, 3) == 0) return ir_unary(p->func, unary[draw_below(&p->seed, 4)], x);
    if (draw_below(&p->seed, 3) == 0 && type.rank > 0) type.dim[draw_below(&p->seed, type.rank)] = 1;
    ValueId y = parts_like(p, &type);
    if (draw_below(&p->seed, 6) == 0) { /* by no zero */
        ValueId one = ir_constant(p->func, 1, DT_F64);
        return ir_binary(p->func, OP_div, x,
                         ir_binary(p->func, OP_add, one, ir_binary(p->func, OP_mul, y, y)));
    }
    if (draw_below(&p->seed, 6) == 0) {
        ValueId zero = ir_constant(p->func, 0, DT_F64), positive = ir_binary(p->func, OP_gt, y, zero);
        return ir_select(p->func, positive, x, draw_below(&p->seed, 2) ? zero : y);
    }
    bool turned = draw_below(&p->seed, 2);
    return ir_binary(p->func, binary[draw_below(&p->seed, 5)], turned ? y : x, turned ? x : y);
}

static inline ValueId parts_viewed(RandomParts *p, ValueId x) {
    Type type = *parts_type(p, x);
    if (draw_below(&p->seed, 3) == 0) {
        int64_t perm[IR_MAX_RANK];
        for (int k = 0; k < type.rank; k++) {
            int64_t at = draw_below(&p->seed, k + 1);
            perm[k] = perm[at];
            perm[at] = k;
        }
        return ir_transpose(p->func, x, perm);
    }
    int axis = type.rank ? (int)draw_below(&p->seed, type.rank) : 0;
    if (draw_below(&p->seed, 2) && type.rank > 1) { /* merged with the next */
        axis = (int)draw_below(&p->seed, type.rank - 1);
        type.dim[axis] *= type.dim[axis + 1];
        for (int k = axis + 1; k + 1 < type.rank; k++) type.dim[k] = type.dim[k + 1];
        type.rank--;
    } else if (type.rank < 4 && type.rank > 0) { /* split */
        int64_t size = type.dim[axis], by = size % 3 == 0 ? 3 : size % 2 == 0 ? 2 : 1;
        for (int k = type.rank++; k > axis + 1; k--) type.dim[k] = type.dim[k - 1];
        type.dim[axis] = size / by;
        type.dim[axis + 1] = by;
    }
    return ir_reshape(p->func, x, type.rank, type.dim);
}

static inline ValueId parts_summed(RandomParts *p, ValueId x) {
    int64_t axes[IR_MAX_RANK];
    int n = 0;
    for (int k = 0; k < parts_type(p, x)->rank; k++)
        if (draw_below(&p->seed, 2)) axes[n++] = k;
    return ir_reduce(p->func, OP_sum, x, n, axes, draw_below(&p->seed, 2));
}

static inline ValueId parts_multiplied(RandomParts *p, ValueId x) {
    Type type = *parts_type(p, x), other = type;
    if (type.rank < 2) return IR_NONE;
    int m = type.rank - 2, k = type.rank - 1;
    bool ta = draw_below(&p->seed, 2), tb = draw_below(&p->seed, 2), second = draw_below(&p->seed, 2);
    int64_t size = 1 + draw_below(&p->seed, 4);
    int64_t shared = second ? type.dim[tb ? k : m] : type.dim[ta ? m : k];
    if (second) { /* x is b: a[.., size, shared] or its transpose */
        other.dim[ta ? k : m] = size;
        other.dim[ta ? m : k] = shared;
    } else {
        other.dim[tb ? m : k] = size;
        other.dim[tb ? k : m] = shared;
    }
    ValueId y = parts_like(p, &other);
    return second ? ir_matmul(p->func, y, x, ta, tb) : ir_matmul(p->func, x, y, ta, tb);
}

/* Windows of images, or a convolution of them. */
static inline ValueId parts_imaged(RandomParts *p, ValueId x) {
    Type type = *parts_type(p, x);
    if (type.rank < 3) return IR_NONE;
    if (type.rank == 3) x = ir_reshape(p->func, x, 4, (int64_t[]){type.dim[0], 1, type.dim[1], type.dim[2]});
    Ints one = {2, {1, 1}};
    if (draw_below(&p->seed, 2))
        return func_emit(p->func, OP_unfold, &x, 1,
                         &(UnfoldAttrs){.kernel = {2, {2, 1}}, .stride = one, .padding = one});
    int64_t shape[] = {2, parts_type(p, x)->dim[1], 1, 2};
    ValueId operands[] = {x, parts_input(p, type_make(DT_F64, 4, shape))};
    return func_emit(p->func, OP_conv2d, operands, 2,
                     &(ConvAttrs){.stride = one, .padding = one, .groups = 1});
}

/* An attention of which some rows may be taken at once. */
static inline ValueId parts_attended(RandomParts *p, ValueId x) {
    Type type = *parts_type(p, x), keys = type;
    if (type.rank < 2) return IR_NONE;
    if (draw_below(&p->seed, 3) == 0) keys.dim[keys.rank - 2] = 1 + draw_below(&p->seed, 4);
    Type bias = type;
    bias.dim[type.rank - 1] = keys.dim[type.rank - 2];
    if (type.rank > 2 && draw_below(&p->seed, 2)) bias.dim[0] = 1;
    ValueId operands[] = {x, parts_like(p, &keys), parts_input(p, keys), parts_input(p, bias)};
    ValueId y = func_emit(p->func, OP_attention, operands, 3 + (int)draw_below(&p->seed, 2),
                          &(AttentionAttrs){.scale = 0.7});
    if (y == IR_NONE || draw_below(&p->seed, 2)) return y;
    ARENA_PUSH(p->arena, p->pool, p->n, p->capacity, y);
    return parts_sliced(p, y);
}

static inline void parts_step(RandomParts *p) {
    static ValueId (*const steps[])(RandomParts *, ValueId) = {
        parts_padded,      parts_sliced, parts_indexed, parts_elementwise,
        parts_elementwise, parts_viewed, parts_viewed,  parts_multiplied,
        parts_multiplied,  parts_summed, parts_imaged,  parts_attended,
    };
    ValueId x = draw_below(&p->seed, 2) ? p->pool[p->n - 1] : parts_any(p);
    if (parts_type(p, x)->rank == 0 || p->n_inputs > PARTS_INPUTS - 4) return;
    ValueId y = steps[draw_below(&p->seed, 12)](p, x);
    if (y == IR_NONE || type_elements(parts_type(p, y)) > 400) return;
    ARENA_PUSH(p->arena, p->pool, p->n, p->capacity, y);
}

/* About n nodes; a few values are outputs, with the gradients of a sum of some of them where `gradients`. */
static inline RandomParts random_parts(Arena *arena, Diags *diags, uint64_t seed, int n, bool gradients) {
    RandomParts p = {.arena = arena, .seed = seed, .module = module_new(arena, diags, "parts")};
    p.func = module_add_func(p.module, "f");
    int64_t shapes[][3] = {{2, 5, 3}, {2, 3, 4}, {6, 4, 1}};
    for (int i = 0; i < 3; i++) {
        ValueId x = parts_input(&p, type_make(DT_F64, i < 2 ? 3 : 2, shapes[i]));
        ARENA_PUSH(arena, p.pool, p.n, p.capacity, x);
    }
    for (int i = 0; i < n; i++) parts_step(&p);
    ValueId loss = ir_constant(p.func, 0, DT_F64);
    char name[16];
    for (int i = 0; i < 3; i++) {
        ValueId x = i == 0 ? p.pool[p.n - 1] : parts_any(&p);
        int64_t axes[] = {0, 1, 2, 3, 4, 5, 6, 7};
        snprintf(name, sizeof name, "y%d", i);
        func_add_output(p.func, name, x);
        if (i == 2) continue; /* read, but not by the loss */
        ValueId part = ir_binary(p.func, OP_mul, x, ir_unary(p.func, OP_tanh, x));
        part = ir_reduce(p.func, OP_sum, part, parts_type(&p, x)->rank, axes, false);
        loss = ir_binary(p.func, OP_add, loss, part);
    }
    func_add_output(p.func, "loss", loss);
    for (int i = 0; gradients && i < p.n_leaves; i++) {
        snprintf(name, sizeof name, "d%d", i);
        func_add_output(p.func, name, emit_grad(p.func, loss, p.leaves[i]));
    }
    return p;
}

/* Fails the test unless `passes` and then autodiff, and autodiff and then `behind`, leave all results as autodiff alone
 * does. Returns the share of its products' FLOPs that are left, NaN where it has none. */
static inline double parts_check(const RandomParts *p, const char *passes, int seed) {
    Diags *diags = diags_new(p->arena);
    Module *plain = module_clone(p->module, p->arena), *changed = module_clone(p->module, p->arena);
    if (!passes_run(plain, "autodiff", NULL, diags) ||
        !passes_run(changed, passes, &(PassOptions){.verify = true}, diags))
        fail_msg("seed %d: %s", seed, diags_text(diags));
    const Func *a = plain->funcs[0], *b = changed->funcs[0];
    Tensor *want = run_func(a, p->inputs, p->arena), *got = run_func(b, p->inputs, p->arena);
    for (size_t i = 0; i < a->n_outputs; i++)
        assert_tensor_near(&got[i], &want[i], 1e-9, 1e-9, "seed %d, output %s", seed, a->outputs[i].name);
    return func_flops(b, true) / func_flops(a, true);
}

#endif
