/* A module once more, with its plans. */
#include "ir/plan/plan.h"

Module *module_clone(const Module *module, Arena *arena) {
    Module *copy = module_new(arena, module->diags, module->name);
    copy->batch = module->batch;
    copy->precision = module->precision;
    copy->memory_limit = module->memory_limit;
    copy->memory_loc = module->memory_loc;
    copy->machine = module->machine;
    for (size_t s = 0; s < module->n_states; s++) module_add_state(copy, module->states[s]);
    for (size_t i = 0; i < module->n_sites; i++)
        ARENA_PUSH(arena, copy->sites, copy->n_sites, copy->sites_capacity, module->sites[i]);
    for (size_t f = 0; f < module->n_funcs; f++) {
        const Func *from = module->funcs[f];
        Func *to = module_add_func(copy, from->name);
        to->body = from->body;
        to->precision = from->precision;
        to->next_number = from->next_number;
        for (size_t i = 0; i < from->n_inputs; i++)
            func_add_input(to, from->inputs[i].name, from->inputs[i].type);
        to->count = 0; /* the inputs' nodes are among those that follow */
        for (size_t i = 0; i < from->count; i++)
            ARENA_PUSH(arena, to->nodes, to->count, to->capacity, from->nodes[i]);
        for (size_t i = 0; i < from->n_outputs; i++)
            func_add_output_as(to, from->outputs[i].name, from->outputs[i].value, from->outputs[i].role);
        for (size_t i = 0; i < from->n_updates; i++)
            func_add_update(to, from->updates[i].state, from->updates[i].value);
        if (from->plan) to->plan = plan_clone(from->plan, from->count, arena);
    }
    return copy;
}
