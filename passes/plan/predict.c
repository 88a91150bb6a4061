/* Predictions: see predict.h. */
#include "passes/plan/predict.h"
#include "passes/plan/fuse.h"
#include "passes/plan/layout.h"
#include "passes/plan/precision.h"
#include "passes/plan/remat.h"
#include "passes/plan/schedule.h"

int64_t predict_bytes(Module *copy, const char *function) {
    Func *func = module_find_func(copy, function);
    if (!pass_fuse(copy, copy->diags) || !pass_precision(copy, copy->diags) ||
        !pass_schedule(copy, copy->diags))
        return INT64_MAX;
    return layout_bytes(func, NULL) + layout_loops(func) + resident_bytes(func);
}
