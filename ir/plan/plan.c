/* Making plans and carrying them over: see plan.h. */
#include "ir/plan/plan.h"

#include <assert.h>
#include <string.h>

static Plan *new_plan(Func *func) {
    func->plan = ARENA_NEW(func->module->arena, Plan);
    return func->plan;
}

void plan_derive(Func *func, const NodeSpan *spans, size_t n) {
    Arena *arena = func->module->arena;
    Plan *plan = new_plan(func);
    plan->kernels = ARENA_ARRAY(arena, Kernel, n + 1);
    plan->n_kernels = plan->kernels_capacity = n;
    for (size_t k = 0; k < n; k++)
        plan->kernels[k] = kernel_derive(arena, func, spans[k].first, spans[k].last);
    plan_index(func);
}

const Chain *plan_chain(const Plan *plan, uint32_t k) {
    size_t low = 0, high = plan->n_chains;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const Chain *chain = &plan->chains[mid];
        if (k >= chain->first && k <= chain->last) return chain;
        if (k < chain->first)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

static void *copied(Arena *arena, const void *from, size_t bytes) {
    void *to = arena_alloc(arena, bytes + 1);
    if (bytes) memcpy(to, from, bytes);
    return to;
}

Plan *plan_clone(const Plan *plan, size_t n_values, Arena *arena) {
    Plan *copy = ARENA_NEW(arena, Plan);
    *copy = *plan;
    copy->kernels = ARENA_ARRAY(arena, Kernel, plan->n_kernels + 1);
    copy->kernels_capacity = plan->n_kernels;
    for (size_t k = 0; k < plan->n_kernels; k++) {
        const Kernel *from = &plan->kernels[k];
        Kernel *to = &copy->kernels[k];
        *to = kernel_copy(arena, from);
        to->reads = copied(arena, from->reads, sizeof *to->reads * from->n_reads);
        to->stores = copied(arena, from->stores, sizeof *to->stores * from->n_stores);
        to->n_reads = from->n_reads;
        to->n_stores = from->n_stores;
        to->barrier = from->barrier;
        to->after = from->after;
        to->single = from->single;
        to->lane = from->lane;
    }
    copy->kernel_of = copied(arena, plan->kernel_of, sizeof *copy->kernel_of * n_values);
    copy->places = copied(arena, plan->places, sizeof *copy->places * n_values);
    copy->copies = copied(arena, plan->copies, sizeof *copy->copies * plan->n_copies);
    copy->chains = copied(arena, plan->chains, sizeof *copy->chains * plan->n_chains);
    copy->chains_capacity = plan->n_chains;
    return copy;
}

/* ---- rewriting --------------------------------------------------------------------------------------------------- */

PlanRewrite plan_rewrite_begin(Func *func) {
    PlanRewrite rewrite = {.old = func->plan};
    rewrite.nodes = rewrite_begin(func);
    for (ValueId id = 0; id < rewrite.nodes.n_old; id++) {
        OpKind op = (OpKind)rewrite.nodes.old[id].op;
        if (op == OP_input || op == OP_state) rewrite_copy(&rewrite.nodes, id);
    }
    rewrite.plan = new_plan(func);
    rewrite.begun = (ValueId)func->count;
    return rewrite;
}

static Kernel *push_kernel(PlanRewrite *rewrite, Kernel kernel) {
    Func *func = rewrite->nodes.func;
    Plan *plan = rewrite->plan;
    assert(kernel.first == rewrite->begun && kernel.last + 1 == func->count);
    rewrite->begun = (ValueId)func->count;
    kernel.barrier = kernel.single = false;
    kernel.after = kernel.lane = 0;
    ARENA_PUSH(func->module->arena, plan->kernels, plan->n_kernels, plan->kernels_capacity, kernel);
    return &plan->kernels[plan->n_kernels - 1];
}

Kernel *plan_rewrite_take(PlanRewrite *rewrite, Kernel kernel, const ValueId *map) {
    kernel_renumber(rewrite->nodes.func->module->arena, &kernel, map);
    return push_kernel(rewrite, kernel);
}

Kernel *plan_rewrite_derive(PlanRewrite *rewrite) {
    Func *func = rewrite->nodes.func;
    return push_kernel(rewrite,
                       kernel_derive(func->module->arena, func, rewrite->begun, (ValueId)func->count - 1));
}

void plan_rewrite_kernel(PlanRewrite *rewrite, uint32_t k) {
    const Kernel *kernel = &rewrite->old->kernels[k];
    for (ValueId id = kernel->first; id <= kernel->last; id++) rewrite_copy(&rewrite->nodes, id);
    plan_rewrite_take(rewrite, *kernel, rewrite->nodes.map);
}

void plan_rewrite_end(PlanRewrite *rewrite) {
    rewrite_end(&rewrite->nodes);
    plan_index(rewrite->nodes.func);
}

void plan_reorder(Func *func, const uint32_t *order) {
    PlanRewrite rewrite = plan_rewrite_begin(func);
    for (size_t i = 0; i < rewrite.old->n_kernels; i++) plan_rewrite_kernel(&rewrite, order[i]);
    plan_rewrite_end(&rewrite);
}
