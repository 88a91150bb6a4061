/* What operators cost, for reports: FLOPs by the table. */
#include "ir/ir.h"

double node_flops(const Func *func, const Node *node) {
    const OpInfo *info = op_info(node->op);
    double n = (double)type_elements(&node->type);
    if (node->op == OP_matmul) {
        const Type *a = func_type(func, node->operands[0]);
        return 2 * n * (double)a->dim[node->attrs[0].b ? a->rank - 2 : a->rank - 1];
    }
    if (info->loop == LOOP_REDUCE)
        return (double)type_elements(func_type(func, node->operands[0])) * info->cost;
    return n * info->cost;
}
