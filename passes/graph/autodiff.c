/* Reverse mode: each `grad a, b` becomes the gradient of the scalar a at b. The function is rebuilt node by node; at
 * the first `grad` of a loss one backward sweep is made over the nodes that lead from wanted leaves to the loss. Bodies
 * of loops keep their stop_grad nodes until the functions that run them are done. */
#include "passes/graph/autodiff.h"
#include "ir/remarks.h"
#include "passes/graph/autodiff_loop.h"

#include <string.h>

/* Marks the loops that gradients of the loss flow through. */
static void mark_loops(const Sweep *sweep, ValueId loss, bool *through) {
    Arena *arena = arena_new();
    const bool *reached = sweep_paths(sweep, loss, arena);
    bool *needed = ARENA_ARRAY(arena, bool, loss + 1);
    needed[loss] = true;
    for (ValueId id = loss + 1; id-- > 0;) {
        const Node *node = &sweep->rewrite.old[id];
        if (!needed[id] || !reached[id]) continue;
        through[id] = node->op == OP_loop || through[id];
        for (int o = 0; o < node->n_operands; o++) needed[node->operands[o]] = true;
    }
    arena_free(arena);
}

static bool sweep_loss(Sweep *sweep, ValueId loss) {
    Arena *arena = arena_new();
    const bool *paths = sweep_paths(sweep, loss, arena);
    Func *func = sweep->rewrite.func;
    sweep_clear(sweep);
    if (paths[loss]) {
        func_made_for(func, &sweep->rewrite.old[loss]);
        sweep->sum[loss] = ir_constant(func, 1, (DType)sweep->rewrite.old[loss].type.dtype);
    }
    bool good = sweep_back(sweep, loss, paths);
    arena_free(arena);
    return good;
}

/* The gradient that an old `grad` node stands for, of the loss whose sweep was made last. */
static ValueId gradient(const Sweep *sweep, const Node *node) {
    Func *func = sweep->rewrite.func;
    ValueId sum = sweep->sum[node->operands[1]];
    const Node *x = &sweep->rewrite.old[node->operands[1]];
    if (sum != IR_NONE) return sum;
    remark(func, RULE_autodiff_no_path, node->number, x->number, 0, 0, source_name(func, x));
    ValueId zero = ir_constant(func, 0, (DType)node->type.dtype);
    return ir_broadcast(func, zero, node->type.rank, node->type.dim);
}

static size_t count_op(const Func *func, OpKind op) {
    size_t count = 0;
    for (size_t i = 0; i < func->count; i++) count += func->nodes[i].op == op;
    return count;
}

/* `stops`: stop_grad nodes stay. */
static bool differentiate(Func *func, bool stops, Diags *diags) {
    size_t n = func->count;
    ValueId swept = IR_NONE; /* the loss whose sweep is done */
    Sweep sweep = sweep_start(rewrite_begin(func), GRAD_RULES, diags);
    bool *through = ARENA_ARRAY(func->module->arena, bool, n + 1);
    const Node *old = sweep.rewrite.old;
    for (size_t i = 0; i < n; i++)
        if (old[i].op == OP_grad) sweep.leaf[old[i].operands[1]] = true;
    for (size_t i = 0; i < n; i++) {
        if (old[i].op != OP_grad || old[i].operands[0] == swept) continue;
        mark_loops(&sweep, old[i].operands[0], through);
        swept = old[i].operands[0];
    }
    swept = IR_NONE;
    for (ValueId id = 0; id < n; id++) {
        const Node *node = &old[id];
        if (node->op == OP_stop_grad && !stops) {
            const Node *x = &old[node->operands[0]];
            sweep.rewrite.map[id] = sweep.rewrite.map[node->operands[0]];
            remark(func, RULE_autodiff_stop, node->number, x->number, 0, 0, source_name(func, x));
        } else if (through[id])
            autodiff_copy_loop(&sweep, id);
        else if (node->op != OP_grad)
            rewrite_copy(&sweep.rewrite, id);
        else {
            if (swept != node->operands[0] && !sweep_loss(&sweep, node->operands[0])) return false;
            swept = node->operands[0];
            sweep.rewrite.map[id] = gradient(&sweep, node);
        }
    }
    rewrite_end(&sweep.rewrite);
    return true;
}

bool autodiff_append(Func *func, ValueId loss, const ValueId *x, size_t n, ValueId *out, Diags *diags) {
    Arena *scratch = arena_new();
    size_t n_old = (size_t)loss + 1;
    Node *old = ARENA_ARRAY(scratch, Node, n_old); /* the function's own move as it grows */
    memcpy(old, func->nodes, n_old * sizeof *old);
    Rewrite same = {.func = func, .old = old, .n_old = n_old, .map = ARENA_ARRAY(scratch, ValueId, n_old)};
    bool *through = ARENA_ARRAY(scratch, bool, n_old);
    const char *scope = func->scope;
    Loc loc = func->loc;
    uint32_t site = func->site;
    for (ValueId id = 0; id < n_old; id++) same.map[id] = id;
    Sweep sweep = sweep_start(same, GRAD_RULES, diags);
    sweep.again = true;
    for (size_t i = 0; i < n; i++)
        if (x[i] < n_old) sweep.leaf[x[i]] = true;
    mark_loops(&sweep, loss, through);
    for (ValueId id = 0; id < n_old; id++)
        if (through[id]) autodiff_copy_loop(&sweep, id);
    bool good = sweep_loss(&sweep, loss);
    for (size_t i = 0; good && i < n; i++) out[i] = x[i] < n_old ? sweep.sum[x[i]] : IR_NONE;
    func->scope = scope;
    func->loc = loc;
    func->site = site;
    arena_free(scratch);
    return good;
}

bool pass_autodiff(Module *module, Diags *diags) {
    size_t n = module->n_funcs; /* bodies of gradients are added */
    for (int bodies = 1; bodies >= 0; bodies--)
        for (size_t f = 0; f < n; f++) {
            Func *func = module->funcs[f];
            if (func->body == bodies && count_op(func, OP_grad) && !differentiate(func, bodies, diags))
                return false;
        }
    for (size_t f = 0; f < module->n_funcs; f++)
        if (count_op(module->funcs[f], OP_stop_grad) && !differentiate(module->funcs[f], false, diags))
            return false;
    return true;
}
