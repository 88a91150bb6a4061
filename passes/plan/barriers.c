/* Barriers: there is one before a kernel, chain or copy that reads what another since the last barrier wrote, or writes
 * what another read or wrote (plan_walk_hazards).
 *
 * Kernels of a few microseconds, about the time of a barrier, are left to the first thread (`single`): between two such
 * kernels no barrier is needed. */
#include "passes/plan/barriers.h"
#include "ir/plan/cost.h"
#include "ir/remarks.h"

enum { SINGLE_FLOPS = 1 << 16, SINGLE_BYTES = 1 << 14 };

static bool is_little(double flops, double bytes) {
    return flops < SINGLE_FLOPS && bytes < SINGLE_BYTES;
}

/* Not kernels of chains, whose work is shared by blocks, and not loops: all threads walk through their calls. */
static void find_single(Func *func) {
    Plan *plan = func->plan;
    for (uint32_t k = 0; k < plan->n_kernels; k++) {
        KernelCost cost = kernel_cost(func, &plan->kernels[k]);
        bool loop = func_node(func, plan->kernels[k].last)->op == OP_loop;
        plan->kernels[k].single = !loop && !plan_chain(plan, k) && is_little(cost.flops, cost.bytes);
        if (plan->kernels[k].single)
            remark(func, RULE_barrier_single, kernel_number(func, &plan->kernels[k]), IR_NONE, cost.flops,
                   cost.bytes, NULL);
    }
    for (size_t i = 0; i < plan->n_copies; i++)
        plan->copies[i].single =
            is_little(0, 2.0 * (double)type_bytes(func_type(func, plan->copies[i].value)));
}

static void tell(const Func *func, PlanStep step, const Hazard *hazard) {
    const Plan *plan = func->plan;
    const Node *other = func_node(func, hazard->other);
    if (step.first >= plan->n_kernels)
        remark(func, RULE_barrier_copy, func_node(func, hazard->value)->number, other->number, 0, 0,
               source_name(func, other));
    else
        remark(func, hazard->writes ? RULE_barrier_write : RULE_barrier_read,
               kernel_number(func, &plan->kernels[step.first]), other->number, 0, 0,
               source_name(func, other));
}

static bool place_barrier(void *user, PlanStep step, const Hazard *hazard) {
    Func *func = user;
    Plan *plan = func->plan;
    if (hazard) tell(func, step, hazard);
    for (uint32_t i = step.first; i < step.end && i < plan->n_kernels; i++)
        plan->kernels[i].barrier = hazard && i == step.first;
    if (step.first >= plan->n_kernels) plan->copies[step.first - plan->n_kernels].barrier = hazard;
    return hazard;
}

bool pass_barriers(Module *module, Diags *diags) {
    (void)diags;
    for (size_t f = 0; f < module->n_funcs; f++) {
        Func *func = module->funcs[f];
        find_single(func);
        plan_walk_hazards(func, place_barrier, func);
        func->plan->has_barriers = true;
    }
    return true;
}
