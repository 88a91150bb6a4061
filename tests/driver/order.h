/* Whether the barriers of a plan are enough: every two calls that touch the same bytes, one of them writing, are in
 * order on all pairs of threads that make them. Checked pair by pair, from what each thread has waited for. */
#ifndef VITC_TESTS_ORDER_H
#define VITC_TESTS_ORDER_H

#include "ir/plan/plan.h"

enum { ORDER_THREADS = 3 };

typedef struct {
    uint32_t end, after; /* as PlanStep and Kernel have them; after: 0, nobody waits */
    int lane;            /* -1: all threads share it */
} OrderStep;

static inline bool order_touch(const Func *func, ValueId value, const Place *a, ValueId other,
                               const Place *b) {
    if (a->kind != b->kind || a->kind == PLACE_BLOCK || a->kind == PLACE_LOOPS) return false;
    if (a->kind != PLACE_ARENA && a->kind != PLACE_STAGE) return a->index == b->index;
    return a->offset < b->offset + type_bytes(func_type(func, other)) &&
           b->offset < a->offset + type_bytes(func_type(func, value));
}

/* The n-th place that a kernel or copy touches, those it writes first; false: there are no more. */
static inline bool order_place(const Plan *plan, uint32_t k, size_t n, ValueId *value, Place *place,
                               bool *writes) {
    if (k >= plan->n_kernels) {
        const PlaceCopy *copy = &plan->copies[k - plan->n_kernels];
        *value = copy->value;
        *writes = n == 0;
        *place = *writes ? copy->to : copy->from;
        return n < 2;
    }
    const Kernel *kernel = &plan->kernels[k];
    *writes = n < kernel->n_stores;
    if (n >= kernel->n_stores + kernel->n_reads) return false;
    *value = *writes ? kernel->stores[n] : kernel->reads[n - kernel->n_stores];
    *place = plan->places[*value];
    return true;
}

static inline bool order_collide(const Func *func, uint32_t k, uint32_t other) {
    ValueId a, b;
    Place at_a, at_b;
    bool a_writes, b_writes;
    for (size_t i = 0; order_place(func->plan, k, i, &a, &at_a, &a_writes); i++)
        for (size_t j = 0; order_place(func->plan, other, j, &b, &at_b, &b_writes); j++)
            if ((a_writes || b_writes) && order_touch(func, a, &at_a, b, &at_b)) return true;
    return false;
}

static inline bool order_runs(const OrderStep *step, int thread, int threads) {
    return step->lane < 0 || step->lane % threads == thread;
}

/* Of the threads, known[t][u]: how many steps t knows that u is past. Returns how many pairs are out of order. */
static inline int order_faults(Arena *arena, const Func *func, int threads) {
    const Plan *plan = func->plan;
    uint32_t n = (uint32_t)(plan->n_kernels + plan->n_copies), known[ORDER_THREADS][ORDER_THREADS] = {{0}};
    OrderStep *steps = ARENA_ARRAY(arena, OrderStep, n + 1); /* of each kernel and copy */
    int faults = 0;
    for (uint32_t k = 0; k < n; k++) {
        const Kernel *kernel = k < plan->n_kernels ? &plan->kernels[k] : NULL;
        const PlaceCopy *copy = kernel ? NULL : &plan->copies[k - plan->n_kernels];
        const Chain *chain = kernel ? plan_chain(plan, k) : NULL;
        bool single = kernel ? kernel->single : copy->single,
             barrier = kernel ? kernel->barrier : copy->barrier;
        steps[k] = (OrderStep){.end = chain ? chain->last + 1 : k + 1,
                               .after = !barrier ? 0
                                        : kernel ? kernel->after
                                                 : copy->after,
                               .lane = !single ? -1 : (int)(kernel ? kernel->lane : copy->lane)};
        if (kernel && func_node(func, kernel->last)->op == OP_loop) steps[k].after = k;
        for (int t = 0; t < threads; t++)
            for (int u = 0; order_runs(&steps[k], t, threads) && u < threads; u++)
                if (known[t][u] < steps[k].after) known[t][u] = steps[k].after;
        for (uint32_t p = 0; p < (chain ? chain->first : k); p++) {
            bool ordered = true;
            for (int t = 0; t < threads; t++)
                for (int u = 0; u < threads; u++)
                    ordered = ordered && (t == u || !order_runs(&steps[k], t, threads) ||
                                          !order_runs(&steps[p], u, threads) || known[t][u] >= steps[p].end);
            faults += !ordered && order_collide(func, k, p);
        }
    }
    return faults;
}

#endif
