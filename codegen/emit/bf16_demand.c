/* Which values are wanted rounded to bf16 alone: see emit.h. */
#include "codegen/emit/emit.h"

/* Whether an error of an operand is no larger in the node's value, which is a real. */
static bool passes_error_on(const Node *node) {
    return op_has(node->op, TRAIT_BOUNDED) &&
           (op_is_view(node->op) || dtype_is_float((DType)node->type.dtype));
}

void emit_find_bf16_demand(Emitter *e) {
    const Kernel *kernel = e->called;
    ValueId first = kernel->first, last = kernel->last;
    bool *demand = ARENA_ARRAY(e->arena, bool, last - first + 1),
         *used = ARENA_ARRAY(e->arena, bool, last - first + 1);
    for (ValueId id = first; id <= last; id++) demand[id - first] = true;
    for (size_t i = 0; i < kernel->n_stores; i++) demand[kernel->stores[i] - first] = false;
    for (ValueId id = last + 1; id-- > first;) {
        const Node *node = func_node(e->func, id);
        bool rounds = node->op == OP_cast && node->type.dtype == DT_BF16;
        bool good = rounds || (passes_error_on(node) && used[id - first] && demand[id - first]);
        for (int o = 0; o < node->n_operands; o++) {
            ValueId x = node->operands[o];
            if (!kernel_has(kernel, x)) continue;
            used[x - first] = true;
            demand[x - first] = demand[x - first] && good;
        }
    }
    for (ValueId id = first; id <= last; id++) demand[id - first] = demand[id - first] && used[id - first];
    e->bf16_demand = demand;
}

bool emit_needs_bf16_only(const Emitter *e, ValueId value) {
    return e->bf16_demand[value - e->called->first];
}
