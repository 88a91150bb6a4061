/* The memory plan: see memory.h. */
#include "passes/plan/memory.h"
#include "passes/plan/layout.h"

static void set_offsets(Plan *plan, const Lives *lives, const int64_t *offsets) {
    for (size_t i = 0; i < lives->count; i++) plan->places[lives->of[i].value].offset = offsets[i];
}

static void lay_out(Func *func) {
    Arena *arena = arena_new();
    Plan *plan = func->plan;
    Lives lives = func_lives(arena, func);
    int64_t *offsets = ARENA_ARRAY(arena, int64_t, lives.count + 1);
    plan->arena_bytes = layout_least(arena, &lives, offsets);
    set_offsets(plan, &lives, offsets);
    plan->block_bytes = 0;
    for (size_t c = 0; c < plan->n_chains; c++) {
        lives = chain_lives(arena, func, &plan->chains[c]);
        offsets = ARENA_ARRAY(arena, int64_t, lives.count + 1);
        int64_t bytes = layout_in_order(arena, &lives, offsets);
        set_offsets(plan, &lives, offsets);
        if (bytes > plan->block_bytes) plan->block_bytes = bytes;
    }
    plan_find_copies(func->module->arena, func); /* from where their values lie now */
    plan->laid_out = true;
    plan->has_barriers = false;
    arena_free(arena);
}

bool pass_memory(Module *module, Diags *diags) {
    (void)diags;
    for (size_t f = 0; f < module->n_funcs; f++) lay_out(module->funcs[f]);
    return true;
}
