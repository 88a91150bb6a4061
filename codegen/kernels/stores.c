/* Stores of members: see stores.h. */
#include "codegen/kernels/stores.h"
#include "codegen/kernels/block_reduction.h"
#include "codegen/kernels/packing.h"

void emit_store_member(Emitter *e, const KernelMember *member) {
    if (emit_is_block_reduction(e, member))
        emit_sum_rows(e, member);
    else if (emit_is_pack(e, member))
        emit_pack_elements(e, member);
    else {
        LLVMValueRef result = emit_value(e, member->value, &member->access, NULL);
        emit_store(e, member->value, &member->access, result);
    }
}

static void hoist_member(Emitter *e, const KernelMember *member,
                         void (*hoist)(Emitter *e, ValueId value, const Access *access)) {
    const Node *node = func_node(e->func, member->value);
    if (!emit_is_block_reduction(e, member)) {
        hoist(e, emit_is_pack(e, member) ? node->operands[0] : member->value, &member->access);
        return;
    }
    for (int o = 0; o < node->n_operands; o++)
        hoist(e, node->operands[o], kernel_block_operand(e->func, e->kernel, o));
}

void emit_hoist_member(Emitter *e, const KernelMember *member) {
    hoist_member(e, member, emit_hoist);
}

void emit_hoist_member_kernel(Emitter *e, const KernelMember *member) {
    hoist_member(e, member, emit_hoist_kernel);
}
