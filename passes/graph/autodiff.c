/* Reverse mode: each `grad a, b` becomes the gradient of the scalar a at b. The function is rebuilt node by node; at
 * the first `grad` of a loss one backward sweep is made over the nodes that lead from wanted leaves to the loss. */
#include "passes/graph/autodiff.h"
#include "passes/graph/autodiff_rules.h"

#include <string.h>

typedef struct {
    Rewrite rewrite;
    bool *leaf;   /* old ids wanted by some grad node */
    ValueId *sum; /* old id -> gradient in the new function, of the current loss */
    ValueId loss; /* old id of the loss whose sweep is done */
} Sweep;

/* Not so what cannot be differentiated: a loss that depends on it is refused rather than taken for a constant. */
static bool is_stop(int op) {
    return op_info((OpKind)op)->grad == GRAD_ZERO;
}

/* Which of the nodes up to `loss` depend on a leaf through operators with gradients. */
static bool *find_paths(const Sweep *sweep, ValueId loss, Arena *arena) {
    bool *reached = ARENA_ARRAY(arena, bool, loss + 1);
    for (ValueId id = 0; id <= loss; id++) {
        const Node *node = &sweep->rewrite.old[id];
        if (!dtype_is_float((DType)node->type.dtype)) continue;
        reached[id] = sweep->leaf[id];
        if (is_stop(node->op)) continue;
        for (int o = 0; o < node->n_operands && !reached[id]; o++) reached[id] = reached[node->operands[o]];
    }
    return reached;
}

static void accumulate(Sweep *sweep, ValueId old, ValueId gradient) {
    if (gradient == IR_NONE) return;
    ValueId *sum = &sweep->sum[old];
    *sum = *sum == IR_NONE ? gradient : ir_binary(sweep->rewrite.func, OP_add, *sum, gradient);
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
static bool step_back(Sweep *sweep, ValueId old, const bool *reached, Diags *diags) {
    const Node *node = &sweep->rewrite.old[old];
    Func *func = sweep->rewrite.func;
    Arena *arena = func->module->arena;
    int n = node->n_operands;
    if (op_info((OpKind)node->op)->grad == GRAD_NONE) {
        refuse(node, diags);
        return false;
    }
    ValueId *x = ARENA_ARRAY(arena, ValueId, n + 1), *dx = ARENA_ARRAY(arena, ValueId, n + 1);
    bool *wanted = ARENA_ARRAY(arena, bool, n + 1);
    for (int o = 0; o < n; o++) {
        x[o] = sweep->rewrite.map[node->operands[o]];
        dx[o] = IR_NONE;
        wanted[o] = reached[node->operands[o]];
    }
    func->scope = node->scope;
    func->loc = node->loc;
    func->error[0] = '\0';
    GradRule rule = {func, node, sweep->rewrite.map[old], x, sweep->sum[old], wanted, dx};
    GRAD_RULES[node->op](&rule);
    if (func->error[0]) {
        diag_error(diags, node->loc, "gradient of %s: %s", op_info(node->op)->name, func->error);
        return false;
    }
    for (int o = 0; o < n; o++)
        if (wanted[o]) accumulate(sweep, node->operands[o], dx[o]);
    return true;
}

static bool sweep_back(Sweep *sweep, ValueId loss, Diags *diags) {
    Arena *arena = arena_new();
    bool *reached = find_paths(sweep, loss, arena), good = true;
    Func *func = sweep->rewrite.func;
    for (size_t i = 0; i < sweep->rewrite.n_old; i++) sweep->sum[i] = IR_NONE;
    sweep->loss = loss;
    if (reached[loss]) {
        func->scope = sweep->rewrite.old[loss].scope;
        func->loc = sweep->rewrite.old[loss].loc;
        sweep->sum[loss] = ir_constant(func, 1, (DType)sweep->rewrite.old[loss].type.dtype);
    }
    for (ValueId id = loss + 1; id-- > 0 && good;)
        if (reached[id] && sweep->sum[id] != IR_NONE && !is_stop(sweep->rewrite.old[id].op))
            good = step_back(sweep, id, reached, diags);
    arena_free(arena);
    return good;
}

static bool differentiate(Func *func, Diags *diags) {
    size_t n = func->count, grads = 0;
    for (size_t i = 0; i < n; i++) grads += func->nodes[i].op == OP_grad || func->nodes[i].op == OP_stop_grad;
    if (!grads) return true;
    Sweep sweep = {.loss = IR_NONE};
    sweep.leaf = ARENA_ARRAY(func->module->arena, bool, n + 1);
    sweep.sum = ARENA_ARRAY(func->module->arena, ValueId, n + 1);
    for (size_t i = 0; i < n; i++)
        if (func->nodes[i].op == OP_grad) sweep.leaf[func->nodes[i].operands[1]] = true;
    sweep.rewrite = rewrite_begin(func);
    for (ValueId id = 0; id < n; id++) {
        const Node *node = &sweep.rewrite.old[id];
        if (node->op == OP_stop_grad)
            sweep.rewrite.map[id] = sweep.rewrite.map[node->operands[0]];
        else if (node->op != OP_grad)
            rewrite_copy(&sweep.rewrite, id);
        else {
            if (sweep.loss != node->operands[0] && !sweep_back(&sweep, node->operands[0], diags))
                return false;
            ValueId gradient = sweep.sum[node->operands[1]];
            if (gradient == IR_NONE) {
                ValueId zero = ir_constant(func, 0, (DType)node->type.dtype);
                gradient = ir_broadcast(func, zero, node->type.rank, node->type.dim);
            }
            sweep.rewrite.map[id] = gradient;
        }
    }
    rewrite_end(&sweep.rewrite);
    return true;
}

bool pass_autodiff(Module *module, Diags *diags) {
    for (size_t f = 0; f < module->n_funcs; f++)
        if (!differentiate(module->funcs[f], diags)) return false;
    return true;
}
