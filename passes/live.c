/* Lives of values: see live.h. */
#include "passes/live.h"

static void keep_to_end(const Placement *placement, uint32_t *last, ValueId value) {
    last[value] = (uint32_t)placement->n_spans - 1;
}

static int64_t *sum_lives(Arena *arena, const Lives *lives) {
    int64_t *live = ARENA_ARRAY(arena, int64_t, lives->n_kernels + 1);
    for (size_t i = 0; i < lives->count; i++) {
        live[lives->of[i].born] += lives->of[i].bytes;
        live[lives->of[i].died + 1] -= lives->of[i].bytes;
    }
    for (size_t k = 1; k < lives->n_kernels; k++) live[k] += live[k - 1];
    return live;
}

Lives func_lives(Arena *arena, const Func *func, const Placement *placement) {
    Lives lives = {.of = ARENA_ARRAY(arena, Life, func->count + 1), .n_kernels = placement->n_spans};
    uint32_t *last = ARENA_ARRAY(arena, uint32_t, func->count + 1); /* span of the last use */
    for (ValueId id = 0; id < func->count; id++) {
        const Node *node = func_node(func, id);
        for (int o = 0; o < node->n_operands; o++)
            if (placement->span_of[id] > last[node->operands[o]])
                last[node->operands[o]] = placement->span_of[id];
    }
    for (size_t i = 0; i < func->n_outputs; i++) keep_to_end(placement, last, func->outputs[i].value);
    for (size_t i = 0; i < func->n_updates; i++) keep_to_end(placement, last, func->updates[i].value);
    for (ValueId id = 0; id < func->count; id++) {
        if (placement->places[id].kind != PLACE_ARENA) continue;
        uint32_t born = placement->span_of[id], died = last[id] > born ? last[id] : born;
        int64_t bytes = (type_bytes(func_type(func, id)) + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
        lives.of[lives.count++] = (Life){id, born, died, bytes};
    }
    lives.live = sum_lives(arena, &lives);
    return lives;
}
