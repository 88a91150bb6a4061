/* What the kernels of a function should cost: see cost_report.h. */
#include "inspect/report/cost_report.h"
#include "ir/plan/canonical.h"
#include "ir/plan/cost.h"
#include "passes/plan/chain.h"

#include <stdlib.h>
#include <string.h>

/* ---- sums -------------------------------------------------------------------------------------------------------- */

typedef struct {
    Arena *arena;
    CostSum *sums;
    size_t count, capacity;
} Sums;

/* `first`: what is known of the first call, as the sum begins. */
static void add(Sums *sums, CostSum first, const KernelCost *cost, double seconds, double measured) {
    size_t i = 0;
    while (i < sums->count && strcmp(sums->sums[i].key, first.key) != 0) i++;
    if (i == sums->count) ARENA_PUSH(sums->arena, sums->sums, sums->count, sums->capacity, first);
    CostSum *sum = &sums->sums[i];
    sum->count++;
    sum->flops += cost->flops;
    sum->bytes += cost->bytes;
    sum->seconds += seconds;
    sum->measured += measured;
}

/* The slowest first; equals by name, so that the order is fixed. */
static int by_seconds(const void *a, const void *b) {
    const CostSum *x = a, *y = b;
    if (x->measured != y->measured) return x->measured < y->measured ? 1 : -1;
    if (x->seconds != y->seconds) return x->seconds < y->seconds ? 1 : -1;
    return strcmp(x->name, y->name);
}

static CostSum *sorted(Sums *sums, size_t *count) {
    *count = sums->count;
    if (sums->count) qsort(sums->sums, sums->count, sizeof *sums->sums, by_seconds);
    return sums->sums;
}

/* "student" of "student.blocks.0.norm1"; "(optimizers.yaml)" of a node without a scope. */
static const char *first_scope(Arena *arena, const Func *func, ValueId id) {
    const char *origin = node_origin(arena, func, id);
    if (*origin == '(') return arena_printf(arena, "%.*s)", (int)strcspn(origin, ":"), origin);
    return *origin ? arena_strndup(arena, origin, strcspn(origin, ".")) : "(no scope)";
}

/* By call: of each kernel, then of each copy, which the profile does not tell apart. */
static double *measured_calls(Arena *arena, const CostReport *r, const Plan *plan) {
    if (!r->profile) return ARENA_ARRAY(arena, double, r->calls + 1);
    double *kernels = profile_kernel_seconds(arena, r->profile, plan->n_kernels),
           *all = ARENA_ARRAY(arena, double, r->calls + 1);
    for (size_t k = 0; k < r->calls; k++)
        all[k] = k < plan->n_kernels ? kernels[k] : kernels[plan->n_kernels] / (double)plan->n_copies;
    return all;
}

static void add_calls(Arena *arena, CostReport *r, const Func *func) {
    const Plan *plan = func->plan;
    Sums kernels = {.arena = arena}, scopes = kernels;
    r->calls = plan->n_kernels + plan->n_copies;
    const double *measured = measured_calls(arena, r, plan);
    for (size_t k = 0; k < r->calls; k++) {
        KernelCost cost = {0};
        const char *key = "copy", *name = key;
        if (k < plan->n_kernels) {
            cost = kernel_cost(func, &plan->kernels[k]);
            key = kernel_canonical(arena, func, &plan->kernels[k]);
            name = kernel_name(arena, func, cost.named);
        } else {
            cost.named = plan->copies[k - plan->n_kernels].value;
            cost.bytes = 2 * (double)type_bytes(func_type(func, cost.named));
        }
        double seconds = roofline_seconds(&r->roofline, cost.flops, cost.bytes);
        const char *scope = first_scope(arena, func, cost.named);
        const Node *node = func_node(func, cost.named);
        CostSum kernel = {.key = key, .name = name, .value = node->number, .loc = node->loc};
        if (k < plan->n_kernels) kernel.first = (uint32_t)k + 1;
        add(&kernels, kernel, &cost, seconds, measured[k]);
        add(&scopes, (CostSum){.key = scope, .name = scope, .value = IR_NONE}, &cost, seconds, measured[k]);
        r->flops += cost.flops;
        r->bytes += cost.bytes;
        r->seconds += seconds;
        r->measured += measured[k];
        if (roofline_computes(&r->roofline, cost.flops, cost.bytes)) r->compute_seconds += seconds;
    }
    r->kernels = sorted(&kernels, &r->n_kernels);
    r->scopes = sorted(&scopes, &r->n_scopes);
}

/* ---- chains ------------------------------------------------------------------------------------------------------ */

static bool alike(const Chain *a, const Chain *b) {
    return a->last - a->first == b->last - b->first && a->units == b->units && a->size == b->size;
}

static const char *chain_name(Arena *arena, const Func *func, const Chain *chain) {
    return kernel_name(arena, func, kernel_cost(func, &func->plan->kernels[chain->first]).named);
}

static void add_chains(Arena *arena, CostReport *r, const Func *func) {
    const Plan *plan = func->plan;
    const ChainCost *costs = chain_costs(arena, func);
    r->chains = ARENA_ARRAY(arena, CostChain, plan->n_chains + 1);
    for (size_t i = 0, n; i < plan->n_chains; i += n) {
        const Chain *chain = &plan->chains[i];
        for (n = 1; i + n < plan->n_chains; n++)
            if (!alike(&plan->chains[i + n], chain) || costs[i + n].footprint != costs[i].footprint) break;
        r->chains[r->n_chains++] = (CostChain){.name = chain_name(arena, func, chain),
                                               .count = n,
                                               .kernels = chain->last - chain->first + 1,
                                               .blocks = chain_blocks(chain),
                                               .footprint = costs[i].footprint,
                                               .saved = costs[i].saved,
                                               .spent = costs[i].spent};
    }
}

Roofline cost_roofline(const Module *module, Roofline given, bool assumed[2]) {
    Machine machine = machine_with_usual(&module->machine);
    Roofline roofline = given;
    if (assumed) {
        assumed[0] = !(given.flops > 0) && !(module->machine.peak[module->precision] > 0);
        assumed[1] = !(given.bytes > 0) && !(module->machine.bandwidth > 0);
    }
    if (!(given.flops > 0)) roofline.flops = machine_report_peak(&module->machine, module->precision);
    if (!(given.bytes > 0)) roofline.bytes = machine.bandwidth;
    return roofline;
}

CostReport cost_report(Arena *arena, const Func *func, Roofline given, const ProfileFile *profile) {
    bool assumed[2];
    CostReport r = {.recipe = func->module->name,
                    .positions = positions_make(arena, func->module->diags),
                    .function = func->name,
                    .roofline = cost_roofline(func->module, given, assumed),
                    .profile = profile};
    r.peak_assumed = assumed[0];
    r.bandwidth_assumed = assumed[1];
    add_calls(arena, &r, func);
    add_chains(arena, &r, func);
    return r;
}
