/* The kernels that run again: see remat_report.h. */
#include "inspect/report/remat_report.h"
#include "ir/plan/cost.h"
#include "ir/text/text.h"

#include <stdlib.h>
#include <string.h>

static int by_bytes(const void *a, const void *b) {
    const RematKind *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return strcmp(x->name, y->name);
}

static RematKind *find_kind(Arena *arena, RematReport *report, size_t *capacity, const char *name) {
    for (size_t i = 0; i < report->n_kinds; i++)
        if (strcmp(report->kinds[i].name, name) == 0) return &report->kinds[i];
    ARENA_PUSH(arena, report->kinds, report->n_kinds, *capacity, ((RematKind){.name = name}));
    return &report->kinds[report->n_kinds - 1];
}

RematReport remat_report(Arena *arena, const Func *func) {
    RematReport report = {0};
    size_t capacity = 0;
    const Plan *plan = func->plan;
    for (size_t k = 0; k < plan->n_kernels; k++) {
        const Kernel *kernel = &plan->kernels[k];
        KernelCost cost = kernel_cost(func, kernel);
        report.all_flops += cost.flops;
        if (!kernel->again) continue;
        int64_t bytes = 0;
        for (size_t i = 0; i < kernel->n_stores; i++)
            if (plan->places[kernel->stores[i]].kind == PLACE_ARENA)
                bytes += type_bytes(func_type(func, kernel->stores[i]));
        const Node *named = func_node(func, cost.named);
        const char *name =
            arena_printf(arena, "%s %s", op_info(named->op)->name, type_text(arena, &named->type));
        RematKind *kind = find_kind(arena, &report, &capacity, name);
        kind->count++;
        kind->flops += cost.flops;
        kind->bytes += bytes;
        report.kernels++;
        report.flops += cost.flops;
        report.bytes += bytes;
    }
    if (report.n_kinds) qsort(report.kinds, report.n_kinds, sizeof *report.kinds, by_bytes);
    return report;
}

double remat_percent(const RematReport *report) {
    return 100 * report->flops / (report->all_flops - report->flops);
}
