/* Backward sweeps: see autodiff_sweep.h. */
#include "passes/graph/autodiff_sweep.h"
#include "ir/remarks.h"

Sweep sweep_start(Rewrite rewrite, const GradFn *rules, Diags *diags) {
    Arena *arena = rewrite.func->module->arena;
    size_t n = rewrite.n_old + 1;
    Sweep sweep = {.rewrite = rewrite,
                   .leaf = ARENA_ARRAY(arena, bool, n),
                   .sum = ARENA_ARRAY(arena, ValueId, n),
                   .saved = ARENA_ARRAY(arena, struct SavedLoop *, n),
                   .rules = rules,
                   .diags = diags};
    sweep_clear(&sweep);
    return sweep;
}

void sweep_clear(Sweep *sweep) {
    for (size_t i = 0; i < sweep->rewrite.n_old; i++) sweep->sum[i] = IR_NONE;
}

/* Not so what cannot be differentiated: a loss that depends on it is refused rather than taken for a constant. */
static bool is_stop(int op) {
    return op_info((OpKind)op)->grad == GRAD_ZERO;
}

bool *sweep_paths(const Sweep *sweep, ValueId last, Arena *arena) {
    bool *reached = ARENA_ARRAY(arena, bool, last + 1);
    for (ValueId id = 0; id <= last; id++) {
        const Node *node = &sweep->rewrite.old[id];
        if (!dtype_is_float((DType)node->type.dtype)) continue;
        reached[id] = sweep->leaf[id];
        if (is_stop(node->op)) continue;
        for (int o = 0; o < node->n_operands && !reached[id]; o++) reached[id] = reached[node->operands[o]];
    }
    return reached;
}

/* Of the gradient so far of an old value. */
static void tell(const Sweep *sweep, ValueId old, Rule rule) {
    const Func *func = sweep->rewrite.func;
    const Node *node = &sweep->rewrite.old[old];
    uint32_t number = func_node(func, sweep->sum[old])->number;
    if (number != IR_NONE) remark(func, rule, number, node->number, 0, 0, source_name(func, node));
}

void sweep_add(Sweep *sweep, ValueId old, ValueId gradient) {
    if (gradient == IR_NONE) return;
    ValueId *sum = &sweep->sum[old];
    if (*sum == IR_NONE) {
        *sum = gradient;
        return;
    }
    *sum = ir_binary(sweep->rewrite.func, OP_add, *sum, gradient);
    tell(sweep, old, RULE_autodiff_sum);
}

static void refuse(const Node *node, Diags *diags) {
    if (node->op == OP_grad)
        diag_error(
            diags, node->loc,
            "a loss depends on this gradient, and second derivatives are not made; put stop_grad around it");
    else
        diag_error(
            diags, node->loc,
            "a loss depends on this %s, which has no gradient: run 'autodiff' before what makes it, or put "
            "stop_grad around it",
            op_info((OpKind)node->op)->name);
}

/* One node's operands from its own gradient. */
static bool step_back(Sweep *sweep, ValueId old, const bool *reached) {
    const Node *node = &sweep->rewrite.old[old];
    Func *func = sweep->rewrite.func;
    Arena *arena = func->module->arena;
    int n = node->n_operands;
    if (op_info((OpKind)node->op)->grad == GRAD_NONE) {
        refuse(node, sweep->diags);
        return false;
    }
    ValueId *x = ARENA_ARRAY(arena, ValueId, n + 1), *dx = ARENA_ARRAY(arena, ValueId, n + 1);
    bool *wanted = ARENA_ARRAY(arena, bool, n + 1);
    for (int o = 0; o < n; o++) {
        x[o] = sweep->rewrite.map[node->operands[o]];
        dx[o] = IR_NONE;
        wanted[o] = reached[node->operands[o]];
    }
    func_made_for(func, node);
    func->error[0] = '\0';
    GradRule rule = {.func = func,
                     .node = node,
                     .y = sweep->rewrite.map[old],
                     .x = x,
                     .dy = sweep->sum[old],
                     .wanted = wanted,
                     .saved = sweep->saved[old],
                     .dx = dx,
                     .rules = sweep->rules,
                     .diags = sweep->diags};
    sweep->rules[node->op](&rule);
    if (func->error[0] && !rule.failed) {
        diag_error(sweep->diags, node->loc, "gradient of %s: %s", op_info(node->op)->name, func->error);
        rule.failed = true;
    }
    for (int o = 0; o < n && !rule.failed; o++)
        if (wanted[o]) sweep_add(sweep, node->operands[o], dx[o]);
    return !rule.failed;
}

bool sweep_back(Sweep *sweep, ValueId last, const bool *paths) {
    for (ValueId id = last + 1; id-- > 0;) {
        if (!paths[id] || sweep->sum[id] == IR_NONE) continue;
        tell(sweep, id, RULE_autodiff_gradient);
        if (!is_stop(sweep->rewrite.old[id].op) && !step_back(sweep, id, paths)) return false;
    }
    return true;
}
