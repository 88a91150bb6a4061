/* ROW operators as elementwise operators and reductions (ir/graph/expand.c), so that one kind of kernel serves them
 * all; convolutions, pools and the like as products and elementwise operators over windows (windows.h). */
#include "passes/graph/expand.h"
#include "ir/remarks.h"
#include "passes/graph/windows.h"

/* The node by others, or as it is. */
static void expand_node(Rewrite *rewrite, Windows *windows, Arena *arena, ValueId id) {
    Func *func = rewrite->func;
    const Node *node = &rewrite->old[id];
    bool row = op_info(node->op)->loop == LOOP_ROW;
    ValueId *operands = ARENA_ARRAY(arena, ValueId, node->n_operands + 1);
    for (int o = 0; o < node->n_operands; o++) operands[o] = rewrite->map[node->operands[o]];
    size_t before = func->count;
    func_made_for(func, node);
    ValueId made = row ? op_expand(func, node, operands) : windows_expand(windows, node, operands);
    if (made == IR_NONE) {
        rewrite_copy(rewrite, id);
        return;
    }
    rewrite->map[id] = made;
    const char *name = op_info((OpKind)node->op)->name;
    bool turned = op_info(node->op)->loop == LOOP_ELEMENTWISE || op_is_reduce(node->op);
    Rule rule = row ? RULE_expand_row : turned ? RULE_expand_order : RULE_expand_windows;
    remark(func, rule, node->number, IR_NONE, (double)(func->count - before), 0, name);
}

bool pass_expand(Module *module, Diags *diags) {
    (void)diags;
    for (size_t f = 0; f < module->n_funcs; f++) {
        Arena *arena = arena_new();
        Rewrite rewrite = rewrite_begin(module->funcs[f]);
        Windows windows = windows_begin(rewrite.func, arena);
        for (ValueId id = 0; id < rewrite.n_old; id++) expand_node(&rewrite, &windows, arena, id);
        rewrite_end(&rewrite);
        arena_free(arena);
    }
    return true;
}
