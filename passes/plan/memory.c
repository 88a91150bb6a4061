/* The memory plan: see memory.h. */
#include "passes/plan/memory.h"
#include "ir/remarks.h"
#include "passes/plan/layout.h"

#include <stdlib.h>

static void set_offsets(Plan *plan, const Lives *lives, const int64_t *offsets) {
    for (size_t i = 0; i < lives->count; i++) plan->places[lives->of[i].value].offset = offsets[i];
}

/* ---- what is told ------------------------------------------------------------------------------------------------ */

typedef struct {
    const Life *life;
    int64_t start;
} Laid;

static int by_start(const void *a, const void *b) {
    const Laid *x = a, *y = b;
    if (x->start != y->start) return x->start < y->start ? -1 : 1;
    return (x->life > y->life) - (x->life < y->life);
}

/* Tells where value i lies, and whose bytes it has: among those that died before it was born, the one that died last.
 * Lives are sorted by where they start, and none is longer than `longest`. */
static void tell_value(const Func *func, const Laid *laid, size_t n, size_t i, int64_t longest) {
    const Life *life = laid[i].life;
    int64_t start = laid[i].start, end = start + life->bytes;
    uint32_t number = func_node(func, life->value)->number;
    const Laid *last = NULL;
    for (size_t k = i; k-- > 0 && laid[k].start > start - longest;) {
        bool before = laid[k].start + laid[k].life->bytes > start && laid[k].life->died < life->born;
        if (before && (!last || laid[k].life->died > last->life->died)) last = &laid[k];
    }
    for (size_t k = i + 1; k < n && laid[k].start < end; k++)
        if (laid[k].life->died < life->born && (!last || laid[k].life->died > last->life->died))
            last = &laid[k];
    remark(func, RULE_memory_arena, number, IR_NONE, (double)start, (double)life->bytes, NULL);
    if (!last) return;
    int64_t from = last->start > start ? last->start : start, to = last->start + last->life->bytes;
    remark(func, RULE_memory_shared, number, func_node(func, last->life->value)->number,
           (double)((to < end ? to : end) - from), 0, NULL);
}

static void tell_arena(const Func *func, const Lives *lives, const int64_t *offsets) {
    if (!remarks_wanted(func)) return;
    Arena *arena = arena_new();
    Laid *laid = ARENA_ARRAY(arena, Laid, lives->count + 1);
    int64_t longest = 0;
    for (size_t i = 0; i < lives->count; i++) {
        laid[i] = (Laid){&lives->of[i], offsets[i]};
        if (lives->of[i].bytes > longest) longest = lives->of[i].bytes;
    }
    qsort(laid, lives->count, sizeof *laid, by_start);
    for (size_t i = 0; i < lives->count; i++) tell_value(func, laid, lives->count, i, longest);
    arena_free(arena);
}

static void tell_block(const Func *func, const Lives *lives, const int64_t *offsets) {
    for (size_t i = 0; i < lives->count; i++)
        remark(func, RULE_memory_block, func_node(func, lives->of[i].value)->number, IR_NONE,
               (double)offsets[i], (double)lives->of[i].bytes, NULL);
}

/* Outputs and new states: written where they belong, or copied. */
static void tell_updates(const Func *func) {
    if (!remarks_wanted(func)) return;
    Arena *arena = arena_new();
    const char **copied = plan_copied_updates(arena, func);
    for (size_t i = 0; i < func->n_updates; i++) {
        const Node *node = func_node(func, func->updates[i].value);
        const State *state = &func->module->states[func->updates[i].state];
        if (op_is_source((OpKind)node->op)) continue;
        remark(func, copied[i] ? RULE_memory_copied : RULE_memory_in_place, node->number, IR_NONE,
               (double)type_bytes(&node->type), 0, copied[i] ? copied[i] : state->name);
    }
    for (size_t i = 0; i < func->n_outputs; i++) {
        const Place *place = &func->plan->places[func->outputs[i].value];
        const Node *node = func_node(func, func->outputs[i].value);
        bool there = place->kind == PLACE_OUTPUT && place->index == i;
        if (op_is_source((OpKind)node->op)) continue;
        remark(func, there ? RULE_memory_output : RULE_memory_output_copied, node->number, IR_NONE,
               (double)type_bytes(&node->type), 0, func->outputs[i].name);
    }
    arena_free(arena);
}

/* ---- the pass ---------------------------------------------------------------------------------------------------- */

static void lay_out(Func *func) {
    Arena *arena = arena_new();
    Plan *plan = func->plan;
    Lives lives = func_lives(arena, func);
    int64_t *offsets = ARENA_ARRAY(arena, int64_t, lives.count + 1);
    plan->arena_bytes = layout_least(arena, &lives, offsets);
    set_offsets(plan, &lives, offsets);
    tell_arena(func, &lives, offsets);
    plan->block_bytes = 0;
    for (size_t c = 0; c < plan->n_chains; c++) {
        lives = chain_lives(arena, func, &plan->chains[c]);
        offsets = ARENA_ARRAY(arena, int64_t, lives.count + 1);
        int64_t bytes = layout_in_order(arena, &lives, offsets);
        set_offsets(plan, &lives, offsets);
        tell_block(func, &lives, offsets);
        if (bytes > plan->block_bytes) plan->block_bytes = bytes;
    }
    plan_find_copies(func->module->arena, func); /* from where their values lie now */
    tell_updates(func);
    plan->laid_out = true;
    plan->has_barriers = false;
    arena_free(arena);
}

bool pass_memory(Module *module, Diags *diags) {
    (void)diags;
    for (size_t f = 0; f < module->n_funcs; f++) lay_out(module->funcs[f]);
    return true;
}
