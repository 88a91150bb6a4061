/* How much of the arena a function takes: see plan.h. */
#include "ir/loop.h"
#include "ir/plan/plan.h"

static int64_t aligned(int64_t bytes) {
    return size_add(bytes, 63) / 64 * 64;
}

int64_t plan_slot_bytes(const Func *func, const Node *loop) {
    int64_t bytes = 0;
    const LoopAttrs *attrs = loop_attrs(loop);
    for (int64_t k = 0; k < attrs->carried && attrs->count > 1 && !attrs->kept; k++)
        bytes = size_add(bytes, 2 * aligned(type_bytes(&loop_body(func, loop)->inputs[k + 1].type)));
    return bytes;
}

int64_t plan_own_bytes(const Func *func) {
    return aligned(size_add(func->plan->arena_bytes, func->plan->stage_bytes));
}

int64_t plan_room(const Func *func) {
    int64_t most = 0;
    for (ValueId id = 0; id < func->count; id++) {
        const Node *node = func_node(func, id);
        if (node->op != OP_loop) continue;
        int64_t bytes = size_add(plan_slot_bytes(func, node), plan_room(loop_body(func, node)));
        if (bytes > most) most = bytes;
    }
    return size_add(plan_own_bytes(func), most);
}
