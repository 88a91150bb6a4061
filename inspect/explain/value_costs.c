/* Kernels' costs shared among their values: see value_costs.h. */
#include "inspect/explain/value_costs.h"
#include "inspect/report/cost_report.h"
#include "inspect/report/profile_file.h"

static void share(ValueCosts *c, const Func *func, uint32_t k) {
    const Kernel *kernel = &func->plan->kernels[k];
    double seconds = c->kernel_seconds[k], all = c->kernels[k].flops;
    for (ValueId id = kernel->first; id <= kernel->last; id++) {
        double part = all > 0 ? node_flops(func, func_node(func, id)) / all : id == c->kernels[k].named;
        c->value_seconds[id] = seconds * part;
    }
}

const ValueCosts *value_costs(const Inspection *inspection) {
    const Func *func = inspection->func;
    const Plan *plan = func->plan;
    ValueCosts *c = ARENA_NEW(inspection->arena, ValueCosts);
    c->roofline = cost_roofline(func->module, inspection->roofline, NULL);
    c->kernels = ARENA_ARRAY(inspection->arena, KernelCost, plan->n_kernels + 1);
    c->kernel_seconds = ARENA_ARRAY(inspection->arena, double, plan->n_kernels + 1);
    c->value_seconds = ARENA_ARRAY(inspection->arena, double, func->count + 1);
    const double *measured =
        inspection->profile ? profile_kernel_seconds(inspection->arena, inspection->profile, plan->n_kernels)
                            : NULL;
    for (uint32_t k = 0; k < plan->n_kernels; k++) {
        c->kernels[k] = kernel_cost(func, &plan->kernels[k]);
        c->kernel_seconds[k] =
            measured ? measured[k] : roofline_seconds(&c->roofline, c->kernels[k].flops, c->kernels[k].bytes);
        c->seconds += c->kernel_seconds[k];
        c->flops += c->kernels[k].flops;
        share(c, func, k);
    }
    for (size_t i = 0; i < plan->n_copies; i++) {
        ValueId value = plan->copies[i].value;
        double seconds =
            measured ? measured[plan->n_kernels] / (double)plan->n_copies
                     : roofline_seconds(&c->roofline, 0, 2 * (double)type_bytes(func_type(func, value)));
        c->seconds += seconds;
        c->value_seconds[value] += seconds;
    }
    return c;
}
