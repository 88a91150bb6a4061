/* Lives of values: see live.h. */
#include "passes/plan/live.h"

static int64_t *sum_lives(Arena *arena, const Lives *lives) {
    int64_t *live = ARENA_ARRAY(arena, int64_t, lives->n_kernels + 1);
    for (size_t i = 0; i < lives->count; i++) {
        live[lives->of[i].born] += lives->of[i].bytes;
        live[lives->of[i].died + 1] -= lives->of[i].bytes;
    }
    for (size_t k = 1; k < lives->n_kernels; k++) live[k] += live[k - 1];
    return live;
}

static int64_t aligned(int64_t bytes) {
    return (bytes + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
}

/* ---- of a function ----------------------------------------------------------------------------------------------- */

/* The turn of the last use of each value. */
static uint32_t *last_uses(Arena *arena, const Func *func, const KernelOrder *order) {
    const Plan *plan = func->plan;
    uint32_t *last = ARENA_ARRAY(arena, uint32_t, func->count + 1);
    for (uint32_t k = 0; k < plan->n_kernels; k++)
        for (size_t i = 0; i < plan->kernels[k].n_reads; i++) {
            ValueId x = plan->kernels[k].reads[i];
            if (order->at[k] > last[x]) last[x] = order->at[k];
        }
    for (size_t i = 0; i < func->n_outputs; i++) last[func->outputs[i].value] = order->n - 1;
    for (size_t i = 0; i < func->n_updates; i++) last[func->updates[i].value] = order->n - 1;
    return last;
}

/* Of each turn, the first and the last of its chain: itself where it is of none. */
static void find_chains(Arena *arena, const KernelOrder *order, uint32_t **first, uint32_t **last) {
    *first = ARENA_ARRAY(arena, uint32_t, order->n + 1);
    *last = ARENA_ARRAY(arena, uint32_t, order->n + 1);
    for (uint32_t t = 0; t < order->n; t++) (*first)[t] = (*last)[t] = t;
    for (size_t c = 0; c < order->n_chains; c++)
        for (uint32_t t = order->chains[c].first; t <= order->chains[c].last; t++) {
            (*first)[t] = order->chains[c].first;
            (*last)[t] = order->chains[c].last;
        }
}

/* The kernels by turns. */
static uint32_t *by_turn(Arena *arena, const Plan *plan, const KernelOrder *order) {
    uint32_t *end = ARENA_ARRAY(arena, uint32_t, order->n + 1),
             *kernels = ARENA_ARRAY(arena, uint32_t, plan->n_kernels + 1);
    for (size_t k = 0; k < plan->n_kernels; k++) end[order->at[k]]++;
    for (uint32_t t = 1; t < order->n; t++) end[t] += end[t - 1];
    for (uint32_t k = (uint32_t)plan->n_kernels; k-- > 0;) kernels[--end[order->at[k]]] = k;
    return kernels;
}

static Lives lives_of(Arena *arena, const Func *func, const KernelOrder *order, const Place *places) {
    const Plan *plan = func->plan;
    Lives lives = {.of = ARENA_ARRAY(arena, Life, func->count + 1), .n_kernels = order->n};
    uint32_t *last = last_uses(arena, func, order), *kernels = by_turn(arena, plan, order);
    uint32_t *chain_first, *chain_last;
    find_chains(arena, order, &chain_first, &chain_last);
    for (size_t i = 0; i < plan->n_kernels; i++) {
        const Kernel *kernel = &plan->kernels[kernels[i]];
        uint32_t born = order->at[kernels[i]];
        for (size_t s = 0; s < kernel->n_stores; s++) {
            ValueId id = kernel->stores[s];
            if (places[id].kind != PLACE_ARENA || (order->in_blocks && order->in_blocks[id])) continue;
            uint32_t died = last[id] > born ? last[id] : born;
            int64_t bytes = aligned(type_bytes(func_type(func, id)));
            lives.of[lives.count++] = (Life){id, chain_first[born], chain_last[died], bytes};
        }
    }
    lives.live = sum_lives(arena, &lives);
    return lives;
}

Lives order_lives(Arena *arena, const Func *func, const KernelOrder *order) {
    return lives_of(arena, func, order, plan_places(arena, func, order->at));
}

Lives func_lives(Arena *arena, const Func *func) {
    const Plan *plan = func->plan;
    uint32_t *at = ARENA_ARRAY(arena, uint32_t, plan->n_kernels + 1);
    for (uint32_t k = 0; k < plan->n_kernels; k++) at[k] = k;
    KernelOrder order = {
        .at = at, .n = (uint32_t)plan->n_kernels, .chains = plan->chains, .n_chains = plan->n_chains};
    return lives_of(arena, func, &order, plan->places);
}

/* ---- of a chain -------------------------------------------------------------------------------------------------- */

Lives chain_lives(Arena *arena, const Func *func, const Chain *chain) {
    const Plan *plan = func->plan;
    const Kernel *kernels = &plan->kernels[chain->first];
    size_t n = chain->last - chain->first + 1;
    ValueId begin = kernels[0].first, end = kernels[n - 1].last + 1;
    Lives lives = {.of = ARENA_ARRAY(arena, Life, end - begin + 1), .n_kernels = n};
    uint32_t *last =
        ARENA_ARRAY(arena, uint32_t, end - begin + 1); /* kernel that uses it: none but of the chain */
    for (uint32_t k = 0; k < n; k++)
        for (size_t i = 0; i < kernels[k].n_reads; i++)
            if (kernels[k].reads[i] >= begin) last[kernels[k].reads[i] - begin] = k;
    for (uint32_t k = 0; k < n; k++)
        for (size_t s = 0; s < kernels[k].n_stores; s++) {
            ValueId id = kernels[k].stores[s];
            if (plan->places[id].kind != PLACE_BLOCK) continue;
            uint32_t used = last[id - begin];
            lives.of[lives.count++] = (Life){id, k, used > k ? used : k,
                                             aligned(chain_share(chain, type_bytes(func_type(func, id))))};
        }
    lives.live = sum_lives(arena, &lives);
    return lives;
}
