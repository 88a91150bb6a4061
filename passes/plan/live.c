/* Lives of values: see live.h. */
#include "passes/plan/live.h"

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

/* The kernel of the last use of each value. */
static uint32_t *last_uses(Arena *arena, const Func *func, const Placement *placement) {
    uint32_t *last = ARENA_ARRAY(arena, uint32_t, func->count + 1);
    for (ValueId id = 0; id < func->count; id++) {
        const Node *node = func_node(func, id);
        for (int o = 0; o < node->n_operands; o++)
            if (placement->span_of[id] > last[node->operands[o]])
                last[node->operands[o]] = placement->span_of[id];
    }
    return last;
}

static int64_t aligned(int64_t bytes) {
    return (bytes + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
}

/* Of each kernel, the first and the last of its chain: itself where it is of none. */
static void find_chains(Arena *arena, const Func *func, const Placement *placement, uint32_t **first,
                        uint32_t **last) {
    uint32_t n = (uint32_t)placement->n_spans;
    *first = ARENA_ARRAY(arena, uint32_t, n + 1);
    *last = ARENA_ARRAY(arena, uint32_t, n + 1);
    for (uint32_t k = 0, end; k < n; k = end) {
        const Chain *chain = func_chain(func, func_node(func, placement->spans[k].last)->cluster);
        for (end = k + 1; chain && end < n; end++)
            if (func_node(func, placement->spans[end].last)->cluster > chain->last) break;
        for (uint32_t i = k; i < end; i++) {
            (*first)[i] = k;
            (*last)[i] = end - 1;
        }
    }
}

Lives func_lives(Arena *arena, const Func *func, const Placement *placement) {
    Lives lives = {.of = ARENA_ARRAY(arena, Life, func->count + 1), .n_kernels = placement->n_spans};
    uint32_t *last = last_uses(arena, func, placement), *chain_first, *chain_last;
    find_chains(arena, func, placement, &chain_first, &chain_last);
    for (size_t i = 0; i < func->n_outputs; i++) keep_to_end(placement, last, func->outputs[i].value);
    for (size_t i = 0; i < func->n_updates; i++) keep_to_end(placement, last, func->updates[i].value);
    for (ValueId id = 0; id < func->count; id++) {
        if (placement->places[id].kind != PLACE_ARENA) continue;
        uint32_t born = placement->span_of[id], died = last[id] > born ? last[id] : born;
        lives.of[lives.count++] =
            (Life){id, chain_first[born], chain_last[died], aligned(type_bytes(func_type(func, id)))};
    }
    lives.live = sum_lives(arena, &lives);
    return lives;
}

/* The nodes [first, end) of a chain's kernels, which lie together. */
static void find_nodes(const Func *func, const Chain *chain, ValueId *first, ValueId *end) {
    ValueId id = 0;
    while (id < func->count && func->nodes[id].cluster != chain->first) id++;
    *first = id;
    while (id < func->count && func->nodes[id].cluster >= chain->first &&
           func->nodes[id].cluster <= chain->last)
        id++;
    *end = id;
}

Lives chain_lives(Arena *arena, const Func *func, const Placement *placement, const Chain *chain) {
    ValueId begin, end;
    find_nodes(func, chain, &begin, &end);
    Lives lives = {.of = ARENA_ARRAY(arena, Life, end - begin + 1)};
    uint32_t *last = ARENA_ARRAY(arena, uint32_t,
                                 end - begin + 1); /* kernel that uses it; local values are used here alone */
    for (ValueId id = begin; id < end; id++)
        for (int o = 0; o < func_node(func, id)->n_operands; o++) {
            ValueId x = func_node(func, id)->operands[o];
            if (x >= begin && placement->span_of[id] > last[x - begin])
                last[x - begin] = placement->span_of[id];
        }
    for (ValueId id = begin; id < end; id++) {
        uint32_t span = placement->span_of[id], first = placement->span_of[begin], used = last[id - begin];
        lives.n_kernels = span - first + 1;
        if (placement->places[id].kind != PLACE_BLOCK) continue;
        lives.of[lives.count++] = (Life){id, span - first, (used > span ? used : span) - first,
                                         aligned(chain_share(chain, type_bytes(func_type(func, id))))};
    }
    lives.live = sum_lives(arena, &lives);
    return lives;
}
