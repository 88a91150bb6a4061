/* Simplification in one walk, operands first: constants folded, algebra, equal nodes merged; then what nothing uses dropped. */
#include "passes/simplify.h"

#include <math.h>
#include <string.h>

typedef struct {
    Rewrite rewrite;
    Func *func;
    uint32_t *slots; /* value + 1, by hash of the node */
    size_t n_slots;
} Simplify;

/* ---- equal nodes ------------------------------------------------------------------------------------------------ */

static uint64_t mix(uint64_t h, uint64_t x) {
    h = (h ^ x) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 32;
}

static bool attrs_equal(const Node *a, const Node *b) {
    const OpInfo *info = op_info(a->op);
    for (int i = 0; i < info->n_attrs; i++) {
        const Attr *x = &a->attrs[i], *y = &b->attrs[i];
        switch (info->attrs[i].kind) {
        case ATTR_REAL:
            if (memcmp(&x->f, &y->f, sizeof x->f) != 0) return false;
            break;
        case ATTR_BOOL:
            if (x->b != y->b) return false;
            break;
        case ATTR_INTS:
            if (x->ints.n != y->ints.n ||
                memcmp(x->ints.v, y->ints.v, sizeof *x->ints.v * (size_t)x->ints.n) != 0)
                return false;
            break;
        default:
            if (x->i != y->i) return false;
        }
    }
    return true;
}

static uint64_t hash_node(const Node *node) {
    uint64_t h = mix(node->op, node->type.rank * 8u + node->type.dtype);
    for (int o = 0; o < node->n_operands; o++) h = mix(h, node->operands[o]);
    for (int k = 0; k < node->type.rank; k++) h = mix(h, (uint64_t)node->type.dim[k]);
    if (node->op == OP_constant) {
        uint64_t bits;
        memcpy(&bits, &node->attrs[0].f, sizeof bits);
        h = mix(h, bits);
    }
    return h;
}

/* The earlier equal of value `id`, or itself, remembered. */
static ValueId merge(Simplify *s, ValueId id) {
    const Node *node = func_node(s->func, id);
    size_t at = hash_node(node) & (s->n_slots - 1);
    for (; s->slots[at]; at = (at + 1) & (s->n_slots - 1)) {
        const Node *other = func_node(s->func, s->slots[at] - 1);
        if (other->op == node->op && other->n_operands == node->n_operands &&
            type_equal(&other->type, &node->type) &&
            memcmp(other->operands, node->operands, sizeof *node->operands * node->n_operands) == 0 &&
            attrs_equal(other, node)) {
            if (id + 1 == s->func->count && s->slots[at] - 1 != id)
                s->func->count--; /* the newest node: forget it */
            return s->slots[at] - 1;
        }
    }
    s->slots[at] = id + 1;
    return id;
}

/* ---- algebra ------------------------------------------------------------------------------------------------------ */

static const Node *node_of(const Simplify *s, ValueId id) {
    return func_node(s->func, id);
}

/* The number that every element of a value is; false if it is not one constant. */
static bool constant_value(const Simplify *s, ValueId id, double *value) {
    const Node *node = node_of(s, id);
    while (op_info(node->op)->loop == LOOP_MOVE && (node->op == OP_broadcast || node->op == OP_reshape ||
                                                    node->op == OP_transpose || node->op == OP_slice))
        node = node_of(s, node->operands[0]);
    if (node->op != OP_constant) return false;
    *value = node->attrs[0].f;
    return true;
}

static ValueId splat(Simplify *s, double value, const Type *type) {
    ValueId scalar = ir_constant(s->func, value, (DType)type->dtype);
    return type->rank ? ir_broadcast(s->func, scalar, type->rank, type->dim) : scalar;
}

static double round_to(double x, DType dtype) {
    return dtype == DT_F32 ? (double)(float)x : x;
}

static bool fold_unary(int op, double x, double *y) {
    switch (op) {
    case OP_neg: *y = -x; return true;
    case OP_abs: *y = fabs(x); return true;
    case OP_exp: *y = exp(x); return true;
    case OP_log: *y = log(x); return true;
    case OP_sqrt: *y = sqrt(x); return true;
    case OP_rsqrt: *y = 1 / sqrt(x); return true;
    case OP_sin: *y = sin(x); return true;
    case OP_cos: *y = cos(x); return true;
    case OP_floor: *y = floor(x); return true;
    default: return false;
    }
}

static bool fold_binary(int op, double a, double b, double *y) {
    switch (op) {
    case OP_add: *y = a + b; return true;
    case OP_sub: *y = a - b; return true;
    case OP_mul: *y = a * b; return true;
    case OP_div: *y = a / b; return true;
    case OP_pow: *y = pow(a, b); return true;
    case OP_max: *y = a > b || a != a ? a : b; return true;
    case OP_min: *y = a < b || a != a ? a : b; return true;
    default: return false;
    }
}

static ValueId fold(Simplify *s, const Node *node, const ValueId *x) {
    double a, b, y;
    if (!dtype_is_float(node->type.dtype) || node->n_operands == 0 || node->n_operands > 2) return IR_NONE;
    if (!dtype_is_float(func_type(s->func, x[0])->dtype) || !constant_value(s, x[0], &a)) return IR_NONE;
    bool known = node->n_operands == 1 ? fold_unary(node->op, a, &y)
                                       : constant_value(s, x[1], &b) && fold_binary(node->op, a, b, &y);
    return known && isfinite(y) ? splat(s, round_to(y, node->type.dtype), &node->type) : IR_NONE;
}

/* `x` in the node's type: it may have to be broadcast. */
static ValueId as_result(Simplify *s, const Node *node, ValueId x) {
    if (type_equal(func_type(s->func, x), &node->type)) return x;
    return ir_broadcast(s->func, x, node->type.rank, node->type.dim);
}

static bool is_power_of_two(double x) {
    int e;
    return isfinite(x) && x != 0 && fabs(frexp(x, &e)) == 0.5 && e > -100 && e < 100;
}

static ValueId algebra(Simplify *s, const Node *node, const ValueId *x) {
    double a = NAN, b = NAN;
    if (node->n_operands != 2 || op_info(node->op)->loop != LOOP_ELEMENTWISE) return IR_NONE;
    constant_value(s, x[0], &a);
    constant_value(s, x[1], &b);
    switch (node->op) {
    case OP_add:
        if (a == 0) return as_result(s, node, x[1]);
        return b == 0 ? as_result(s, node, x[0]) : IR_NONE;
    case OP_sub: return b == 0 ? as_result(s, node, x[0]) : IR_NONE;
    case OP_mul:
        if (a == 1) return as_result(s, node, x[1]);
        if (b == 1) return as_result(s, node, x[0]);
        if (a == -1 && b != b) return as_result(s, node, ir_unary(s->func, OP_neg, x[1]));
        return b == -1 && a != a ? as_result(s, node, ir_unary(s->func, OP_neg, x[0])) : IR_NONE;
    case OP_div:
        if (b == 1) return as_result(s, node, x[0]);
        if (!is_power_of_two(b) || !dtype_is_float(node->type.dtype)) return IR_NONE;
        return ir_binary(s->func, OP_mul, x[0], ir_constant(s->func, 1 / b, (DType)node->type.dtype));
    case OP_pow:
        if (b == 1) return as_result(s, node, x[0]);
        if (b == 2) return as_result(s, node, ir_binary(s->func, OP_mul, x[0], x[0]));
        return b == 0.5 ? as_result(s, node, ir_unary(s->func, OP_sqrt, x[0])) : IR_NONE;
    default: return IR_NONE;
    }
}

/* Moves of moves, and moves that move nothing. */
static ValueId move(Simplify *s, const Node *node, ValueId x) {
    const Node *below = node_of(s, x);
    const Type *from = &below->type;
    switch (node->op) {
    case OP_cast: return from->dtype == node->type.dtype ? x : IR_NONE;
    case OP_neg: return below->op == OP_neg ? below->operands[0] : IR_NONE;
    case OP_broadcast:
    case OP_slice:
    case OP_pad: return type_equal(from, &node->type) ? x : IR_NONE;
    case OP_reshape:
        if (type_equal(from, &node->type)) return x;
        return below->op == OP_reshape
                   ? ir_reshape(s->func, below->operands[0], node->type.rank, node->type.dim)
                   : IR_NONE;
    case OP_transpose: {
        int64_t perm[IR_MAX_RANK];
        bool same = true;
        for (int k = 0; k < node->type.rank; k++) {
            perm[k] = node->attrs[0].ints.v[k];
            if (below->op == OP_transpose) perm[k] = below->attrs[0].ints.v[perm[k]];
            same = same && perm[k] == k;
        }
        ValueId base = below->op == OP_transpose ? below->operands[0] : x;
        if (same) return base;
        return base != x ? ir_transpose(s->func, base, perm) : IR_NONE;
    }
    default: return IR_NONE;
    }
}

/* Elementwise operators broadcast by themselves: an operand need not be broadcast first, where another has the shape. */
static void drop_broadcasts(Simplify *s, const Node *node, ValueId *x) {
    if (op_info(node->op)->loop != LOOP_ELEMENTWISE || node->n_operands < 2) return;
    for (int o = 0; o < node->n_operands; o++) {
        const Node *below = node_of(s, x[o]);
        if (below->op != OP_broadcast) continue;
        for (int other = 0; other < node->n_operands; other++) {
            const Type *t = func_type(s->func, x[other]);
            bool full = other != o && t->rank == node->type.rank &&
                        memcmp(t->dim, node->type.dim, sizeof *t->dim * t->rank) == 0;
            if (!full) continue;
            x[o] = below->operands[0];
            break;
        }
    }
}

static ValueId rebuild(Simplify *s, ValueId old) {
    const Node *node = &s->rewrite.old[old];
    ValueId few[64], *x = few;
    if (node->n_operands > 64) x = ARENA_ARRAY(s->func->module->arena, ValueId, node->n_operands);
    for (int o = 0; o < node->n_operands; o++) x[o] = s->rewrite.map[node->operands[o]];
    s->func->scope = node->scope;
    s->func->loc = node->loc;
    drop_broadcasts(s, node, x);
    size_t before = s->func->count;
    ValueId id = fold(s, node, x);
    if (id == IR_NONE) id = algebra(s, node, x);
    if (id == IR_NONE && node->n_operands == 1) id = move(s, node, x[0]);
    if (id == IR_NONE) return merge(s, func_copy(s->func, node, x));
    /* New helper nodes are merged one by one; at most the last may be forgotten, so map earlier ones first. */
    return id >= before && id + 1 == s->func->count ? merge(s, id) : id;
}

/* Drops nodes that lead to no output or update. */
static void drop_unused(Func *func) {
    Rewrite rewrite = rewrite_begin(func);
    bool *used = ARENA_ARRAY(func->module->arena, bool, rewrite.n_old + 1);
    for (size_t i = 0; i < func->n_outputs; i++) used[func->outputs[i].value] = true;
    for (size_t i = 0; i < func->n_updates; i++) used[func->updates[i].value] = true;
    for (ValueId id = (ValueId)rewrite.n_old; id-- > 0;)
        for (int o = 0; used[id] && o < rewrite.old[id].n_operands; o++)
            used[rewrite.old[id].operands[o]] = true;
    for (ValueId id = 0; id < rewrite.n_old; id++)
        if (used[id]) rewrite_copy(&rewrite, id);
    rewrite_end(&rewrite);
}

bool pass_simplify(Module *module, Diags *diags) {
    (void)diags;
    for (size_t f = 0; f < module->n_funcs; f++) {
        Func *func = module->funcs[f];
        Arena *arena = arena_new();
        Simplify s = {.func = func, .n_slots = 1024};
        while (s.n_slots < func->count * 4) s.n_slots *= 2;
        s.slots = ARENA_ARRAY(arena, uint32_t, s.n_slots);
        s.rewrite = rewrite_begin(func);
        for (ValueId id = 0; id < s.rewrite.n_old; id++) {
            int op = s.rewrite.old[id].op;
            if (op == OP_input || op == OP_state)
                rewrite_copy(&s.rewrite, id);
            else
                s.rewrite.map[id] = rebuild(&s, id);
        }
        rewrite_end(&s.rewrite);
        arena_free(arena);
        drop_unused(func);
    }
    return true;
}
