/* Simplification: local rules (algebra.c), equal nodes merged, unused ones dropped. One walk rebuilds a function
 * operands first, so that each rule sees simplified operands; walks are repeated while rules apply, since some ask who
 * else uses a value, which only a finished walk knows. */
#include "passes/graph/simplify.h"
#include "ir/remarks.h"
#include "passes/graph/algebra.h"

enum { MAX_ROUNDS = 8 };

/* ---- one walk --------------------------------------------------------------------------------------------------- */

uint32_t *count_uses(const Func *func, Arena *arena) {
    uint32_t *uses = ARENA_ARRAY(arena, uint32_t, func->count + 1);
    for (size_t i = 0; i < func->n_outputs; i++) uses[func->outputs[i].value]++;
    for (size_t i = 0; i < func->n_updates; i++) uses[func->updates[i].value]++;
    for (ValueId id = 0; id < func->count; id++) uses[id] += !op_may_drop(func->nodes[id].op);
    for (ValueId id = (ValueId)func->count; id-- > 0;)
        for (int o = 0; uses[id] && o < func->nodes[id].n_operands; o++) uses[func->nodes[id].operands[o]]++;
    return uses;
}

static ValueId rebuild(Simplify *s, ValueId old) {
    Node node = s->rewrite.old[old];
    if (op_is_source(node.op)) return rewrite_copy(&s->rewrite, old);
    ValueId few[64], *operands = few;
    if (node.n_operands > 64) operands = ARENA_ARRAY(s->scratch, ValueId, node.n_operands);
    for (int o = 0; o < node.n_operands; o++) operands[o] = s->rewrite.map[node.operands[o]];
    node.operands = operands;
    func_made_for(s->func, &node);
    return simplify_node(s, &node);
}

static void add_uses(Simplify *s, ValueId value, uint32_t n) {
    if (value >= s->uses_capacity)
        s->uses = arena_grow(s->scratch, s->uses, &s->uses_capacity, (size_t)value + 1, sizeof *s->uses);
    s->uses[value] += n;
}

/* True if another walk may find more. */
static bool walk(Func *func, int round) {
    Simplify s = {.rules = algebra_apply, .func = func, .scratch = arena_new(), .round = round};
    uint32_t *uses = count_uses(func, s.scratch);
    s.rewrite = rewrite_begin(func);
    for (ValueId id = 0; id < s.rewrite.n_old; id++) {
        if (!uses[id]) continue;
        ValueId made = s.rewrite.map[id] = rebuild(&s, id);
        add_uses(&s, made, uses[id]);
    }
    rewrite_end(&s.rewrite);
    arena_free(s.scratch);
    return s.fired > 0 || round == 0;
}

/* ---- what nothing uses ------------------------------------------------------------------------------------------- */

/* A state that keeps its value needs no update. */
static void drop_idle_updates(Func *func) {
    size_t n = 0;
    for (size_t i = 0; i < func->n_updates; i++) {
        const Node *node = func_node(func, func->updates[i].value);
        const State *state = &func->module->states[func->updates[i].state];
        if (node->op == OP_state && source_attrs(node)->index == func->updates[i].state)
            remark(func, RULE_simplify_update, IR_NONE, IR_NONE, 0, 0, state->name);
        else
            func->updates[n++] = func->updates[i];
    }
    func->n_updates = n;
}

void drop_unused(Func *func) {
    Arena *arena = arena_new();
    uint32_t *uses = count_uses(func, arena);
    Rewrite rewrite = rewrite_begin(func);
    for (ValueId id = 0; id < rewrite.n_old; id++)
        if (uses[id]) rewrite_copy(&rewrite, id);
    rewrite_end(&rewrite);
    arena_free(arena);
}

bool pass_simplify(Module *module, Diags *diags) {
    (void)diags;
    for (size_t f = 0; f < module->n_funcs; f++) {
        Func *func = module->funcs[f];
        for (int round = 0; round < MAX_ROUNDS && walk(func, round); round++) continue;
        drop_idle_updates(func);
        drop_unused(func);
    }
    return true;
}
