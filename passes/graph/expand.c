/* ROW operators as elementwise operators and reductions (ir/graph/expand.c), so that one kind of kernel serves them
 * all. */
#include "passes/graph/expand.h"
#include "ir/remarks.h"

bool pass_expand(Module *module, Diags *diags) {
    (void)diags;
    for (size_t f = 0; f < module->n_funcs; f++) {
        Rewrite rewrite = rewrite_begin(module->funcs[f]);
        for (ValueId id = 0; id < rewrite.n_old; id++) {
            const Node *node = &rewrite.old[id];
            if (op_info(node->op)->loop != LOOP_ROW) {
                rewrite_copy(&rewrite, id);
                continue;
            }
            ValueId operands[3];
            for (int o = 0; o < node->n_operands; o++) operands[o] = rewrite.map[node->operands[o]];
            func_made_for(rewrite.func, node);
            size_t before = rewrite.func->count;
            rewrite.map[id] = op_expand(rewrite.func, node, operands);
            remark(rewrite.func, RULE_expand_row, node->number, IR_NONE,
                   (double)(rewrite.func->count - before), 0, op_info((OpKind)node->op)->name);
        }
        rewrite_end(&rewrite);
    }
    return true;
}
