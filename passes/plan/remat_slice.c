/* Parts of kernels that run again: see remat_slice.h. */
#include "passes/plan/remat_slice.h"

#include <string.h>

/* Operators through which LLVM can contract a multiplication with an addition. */
static bool is_transparent(OpKind op) {
    return op_has(op, TRAIT_COPIES);
}

/* Whether a node is an operand, perhaps through views, of a sum or difference among the nodes `part` (NULL: all) of the
 * kernel. */
static bool feeds_sum(const Remat *r, const Kernel *kernel, const bool *part, ValueId id) {
    memset(r->carries + kernel->first, 0, kernel->last - kernel->first + 1);
    r->carries[id] = true;
    for (ValueId user = id + 1; user <= kernel->last; user++) {
        const Node *node = func_node(r->func, user);
        if (part && !part[user - kernel->first]) continue;
        for (int o = 0; o < node->n_operands; o++) {
            if (!kernel_has(kernel, node->operands[o]) || !r->carries[node->operands[o]]) continue;
            if (op_has(node->op, TRAIT_ADDS)) return true;
            if (is_transparent(node->op)) r->carries[user] = true;
        }
    }
    return false;
}

const Nature *remat_nature(Remat *r, uint32_t kernel_number) {
    Nature *nature = &r->natures[kernel_number];
    if (nature->known) return nature;
    const Kernel *kernel = &r->plan->kernels[kernel_number];
    bool repeatable = true;
    *nature = (Nature){.known = true, .uncontracted = true, .in_arena = true};
    for (ValueId id = kernel->first; id <= kernel->last; id++) {
        const Node *node = func_node(r->func, id);
        PlaceKind place = r->plan->places[id].kind;
        nature->n_stored += place != PLACE_LOOPS;
        if (place != PLACE_LOOPS && place != PLACE_ARENA) nature->in_arena = false;
        if (!op_is_fusable(node->op) || op_is_reduce(node->op)) nature->rows_or_product = true;
        repeatable = repeatable && op_may_repeat(node->op);
        if (node->op == OP_mul && dtype_is_float((DType)node->type.dtype) && feeds_sum(r, kernel, NULL, id))
            nature->uncontracted = false;
    }
    nature->whole = repeatable && nature->in_arena && (nature->uncontracted || nature->n_stored == 1);
    return nature;
}

/* Whether a node, seen through views, has uses in the kernel that the part lacks. */
static bool uses_change(const Remat *r, const Kernel *kernel, const bool *part, ValueId id) {
    if (r->plan->places[id].kind != PLACE_LOOPS) return true;
    memset(r->carries + kernel->first, 0, kernel->last - kernel->first + 1);
    r->carries[id] = true;
    for (ValueId user = id + 1; user <= kernel->last; user++) {
        const Node *node = func_node(r->func, user);
        for (int o = 0; o < node->n_operands; o++) {
            if (!kernel_has(kernel, node->operands[o]) || !r->carries[node->operands[o]]) continue;
            if (!part[user - kernel->first]) return true;
            if (!is_transparent(node->op)) continue;
            if (r->plan->places[user].kind != PLACE_LOOPS) return true;
            r->carries[user] = true;
        }
    }
    return false;
}

static ValueId stored_form(const Remat *r, const Kernel *kernel, ValueId id, ValueId wanted,
                           uint32_t before) {
    if (id != wanted && r->plan->places[id].kind == PLACE_ARENA && remat_at_hand(r, id, before) != IR_NONE)
        return id;
    if (func_node(r->func, id)->type.dtype != DT_F32) return IR_NONE;
    for (ValueId user = id + 1; user <= kernel->last; user++) {
        const Node *node = func_node(r->func, user);
        if (node->op != OP_cast || node->operands[0] != id || node->type.dtype != DT_BF16 || user == wanted)
            continue;
        if (r->plan->places[user].kind == PLACE_ARENA && remat_at_hand(r, user, before) != IR_NONE)
            return user;
    }
    return IR_NONE;
}

void remat_add_outside(Arena *arena, Slice *slice, ValueId value) {
    for (size_t i = 0; i < slice->n_outside; i++)
        if (slice->outside[i] == value) return;
    ARENA_PUSH(arena, slice->outside, slice->n_outside, slice->outside_capacity, value);
}

Slice remat_slice(const Remat *r, Arena *arena, ValueId value, uint32_t before) {
    const Kernel *kernel = &r->plan->kernels[r->plan->kernel_of[value]];
    size_t n = kernel->last - kernel->first + 1;
    Slice slice = {.part = ARENA_ARRAY(arena, bool, n)};
    slice.part[value - kernel->first] = true;
    for (ValueId id = value + 1; id-- > kernel->first;) {
        if (!slice.part[id - kernel->first]) continue;
        ValueId stored = stored_form(r, kernel, id, value, before);
        if (stored != IR_NONE) {
            slice.part[id - kernel->first] = false;
            ARENA_PUSH(arena, slice.stops, slice.n_stops, slice.stops_capacity, ((Stop){id, stored}));
            continue;
        }
        const Node *node = func_node(r->func, id);
        for (int o = 0; o < node->n_operands; o++) {
            ValueId x = node->operands[o];
            if (kernel_has(kernel, x))
                slice.part[x - kernel->first] = true;
            else
                remat_add_outside(arena, &slice, x);
        }
    }
    return slice;
}

bool remat_is_separable(Remat *r, const Slice *slice, ValueId value) {
    uint32_t s = r->plan->kernel_of[value];
    const Kernel *kernel = &r->plan->kernels[s];
    bool uncontracted = remat_nature(r, s)->uncontracted;
    for (ValueId id = kernel->first; id <= kernel->last; id++) {
        const Node *node = func_node(r->func, id);
        if (!slice->part[id - kernel->first]) continue;
        if (!op_is_fusable(node->op) || op_is_reduce(node->op)) return false;
        if (uncontracted || node->op != OP_mul || !feeds_sum(r, kernel, slice->part, id)) continue;
        if (uses_change(r, kernel, slice->part, id)) return false;
    }
    for (size_t i = 0; i < slice->n_stops && !uncontracted; i++)
        if (feeds_sum(r, kernel, slice->part, slice->stops[i].at)) {
            ValueId x = slice->stops[i].at;
            while (kernel_has(kernel, x) && is_transparent(func_node(r->func, x)->op))
                x = func_node(r->func, x)->operands[0];
            if (func_node(r->func, x)->op == OP_mul) return false;
        }
    return true;
}
