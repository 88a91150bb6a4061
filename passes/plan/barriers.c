/* Barriers: before a kernel, chain or copy that reads what an earlier one wrote, or writes what one read or wrote,
 * threads wait until the others are past that one (plan_walk_hazards). They do not wait for what the others do
 * meanwhile: of two threads one may be as many kernels ahead as lie between a value and its reader.
 *
 * Kernels of a few microseconds, about the time of a barrier, are left to one thread (`single`), and those that do not
 * need each other to several (`lane`), side by side: between kernels of one lane nobody waits. */
#include "passes/plan/barriers.h"
#include "ir/plan/cost.h"
#include "ir/remarks.h"

#include <string.h>

enum { SINGLE_FLOPS = 1 << 18, SINGLE_BYTES = 1 << 16 };

static bool is_little(double flops, double bytes) {
    return flops < SINGLE_FLOPS && bytes < SINGLE_BYTES;
}

/* ---- lanes ------------------------------------------------------------------------------------------------------- */

typedef struct {
    const Plan *plan;
    uint32_t n;          /* lanes */
    double bytes[LANES]; /* that each has moved since all threads last did something together */
    uint32_t since;      /* the first kernel behind that */
} Lanes;

static void begin_lanes(Lanes *lanes, uint32_t k) {
    memset(lanes->bytes, 0, sizeof lanes->bytes);
    lanes->since = k;
}

/* That of the kernel whose result it reads, the one with least to do if there is none. */
static uint32_t choose_lane(Lanes *lanes, const Kernel *kernel, double bytes) {
    uint32_t lane = 0, from = 0;
    for (uint32_t l = 1; l < lanes->n; l++)
        if (lanes->bytes[l] < lanes->bytes[lane]) lane = l;
    for (size_t i = 0; i < kernel->n_reads; i++) {
        uint32_t k = lanes->plan->kernel_of[kernel->reads[i]];
        if (k == IR_NONE || k < lanes->since || k < from) continue;
        from = k;
        lane = lanes->plan->kernels[k].lane;
    }
    lanes->bytes[lane] += bytes;
    return lane;
}

/* Not kernels of chains, whose work is shared by blocks, and not loops: all threads walk through their calls. */
static void find_single(Func *func) {
    Plan *plan = func->plan;
    int64_t cores = machine_with_usual(&func->module->machine).cores;
    Lanes lanes = {.plan = plan, .n = cores < LANES ? (uint32_t)cores : LANES};
    for (uint32_t k = 0; k < plan->n_kernels; k++) {
        Kernel *kernel = &plan->kernels[k];
        KernelCost cost = kernel_cost(func, kernel);
        bool loop = func_node(func, kernel->last)->op == OP_loop;
        kernel->single = !loop && !plan_chain(plan, k) && is_little(cost.flops, cost.bytes);
        kernel->lane = kernel->single ? choose_lane(&lanes, kernel, cost.bytes) : 0;
        if (kernel->single)
            remark(func, RULE_barrier_single, kernel_number(func, kernel), IR_NONE, cost.flops, cost.bytes,
                   NULL);
        else
            begin_lanes(&lanes, k + 1);
    }
    for (size_t i = 0; i < plan->n_copies; i++) {
        PlaceCopy *copy = &plan->copies[i];
        double bytes = 2.0 * (double)type_bytes(func_type(func, copy->value));
        copy->single = is_little(0, bytes);
        copy->lane = 0;
    }
}

/* ---- barriers ---------------------------------------------------------------------------------------------------- */

static void tell(const Func *func, PlanStep step, const Hazard *hazard) {
    const Plan *plan = func->plan;
    const Node *other = func_node(func, hazard->other);
    if (step.first >= plan->n_kernels)
        remark(func, hazard->writes ? RULE_barrier_copy_write : RULE_barrier_copy_read,
               func_node(func, hazard->value)->number, other->number, 0, 0, source_name(func, other));
    else
        remark(func, hazard->writes ? RULE_barrier_write : RULE_barrier_read,
               kernel_number(func, &plan->kernels[step.first]), other->number, 0, 0,
               source_name(func, other));
}

static uint32_t place_barrier(void *user, PlanStep step, const Hazard *hazard) {
    Func *func = user;
    Plan *plan = func->plan;
    uint32_t after = hazard ? hazard->after : 0;
    if (hazard) tell(func, step, hazard);
    for (uint32_t i = step.first; i < step.end && i < plan->n_kernels; i++) {
        plan->kernels[i].barrier = hazard && i == step.first;
        plan->kernels[i].after = i == step.first ? after : 0;
    }
    if (step.first >= plan->n_kernels) {
        plan->copies[step.first - plan->n_kernels].barrier = hazard;
        plan->copies[step.first - plan->n_kernels].after = after;
    }
    return after;
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
