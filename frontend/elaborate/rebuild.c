/* A function built anew, node by node. Unlike a pass (Rewrite of ir.h) it leaves inputs where they were first asked
 * for, and may drop them. */
#include "frontend/elaborate/step.h"

Rebuild rebuild_begin(Func *func) {
    Arena *arena = func->module->arena;
    Rebuild rebuild = {.func = func, .old = func->nodes, .inputs = func->inputs, .n_old = func->count};
    rebuild.map = ARENA_ARRAY(arena, ValueId, func->count + 1);
    func->nodes = NULL;
    func->inputs = NULL;
    func->count = func->capacity = func->n_inputs = func->inputs_capacity = 0;
    func_made_for(func, NULL);
    return rebuild;
}

void rebuild_node(Rebuild *rebuild, ValueId old) {
    Func *func = rebuild->func;
    const Node *node = &rebuild->old[old];
    if (node->op == OP_input) {
        rebuild->map[old] = func_add_input(func, rebuild->inputs[source_attrs(node)->index].name, node->type);
        return;
    }
    if (node->op == OP_state) {
        rebuild->map[old] = func_read_state(func, (uint32_t)source_attrs(node)->index);
        return;
    }
    ValueId *operands = ARENA_ARRAY(func->module->arena, ValueId, node->n_operands + 1);
    for (int o = 0; o < node->n_operands; o++) operands[o] = rebuild->map[node->operands[o]];
    rebuild->map[old] = func_copy(func, node, operands);
}

void rebuild_end(Rebuild *rebuild) {
    Func *func = rebuild->func;
    for (size_t i = 0; i < func->n_outputs; i++)
        func->outputs[i].value = rebuild->map[func->outputs[i].value];
    for (size_t i = 0; i < func->n_updates; i++)
        func->updates[i].value = rebuild->map[func->updates[i].value];
}

void drop_unused_nodes(Func *func) {
    bool *used = ARENA_ARRAY(func->module->arena, bool, func->count + 1);
    for (size_t i = 0; i < func->n_outputs; i++) used[func->outputs[i].value] = true;
    for (size_t i = 0; i < func->n_updates; i++) used[func->updates[i].value] = true;
    for (ValueId id = (ValueId)func->count; id-- > 0;)
        for (int o = 0; used[id] && o < func->nodes[id].n_operands; o++)
            used[func->nodes[id].operands[o]] = true;
    Rebuild rebuild = rebuild_begin(func);
    for (ValueId id = 0; id < rebuild.n_old; id++)
        if (used[id]) rebuild_node(&rebuild, id);
    rebuild_end(&rebuild);
}
