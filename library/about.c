/* What the library is: facts that need no handle. */
#include "library/handle.h"
#include "runtime/machine/choose.h"

int32_t vt_model_abi_version(void) {
    return VT_MODEL_ABI;
}

const char *vt_model_version(void) {
    return vt_built.version;
}

const char *vt_model_recipe(void) {
    return vt_built.recipe;
}

const char *vt_model_recipe_hash(void) {
    return vt_built.recipe_hash;
}

int32_t vt_model_targets(void) {
    return vt_built.n_variants;
}

const char *vt_model_target_name(int32_t target) {
    return target >= 0 && target < vt_built.n_variants ? vt_built.variants[target].target : NULL;
}

const char *vt_model_target_lacks(int32_t target) {
    static _Thread_local char why[128];
    if (target < 0 || target >= vt_built.n_variants) return NULL;
    return vt_variant_runs(&vt_built.variants[target], why, sizeof why) ? "" : why;
}

/* The scalar output of that number. */
static const VtOutput *metric_at(int32_t number, int32_t *count) {
    const VtFunction *step = vt_find_function(vt_built.variants[0].program, "step");
    const VtOutput *found = NULL;
    *count = 0;
    for (int o = 0; step && o < step->n_outputs; o++) {
        if (step->outputs[o].tensor.rank) continue;
        if ((*count)++ == number) found = &step->outputs[o];
    }
    return found;
}

int32_t vt_model_metrics(void) {
    int32_t count;
    metric_at(-1, &count);
    return count;
}

const char *vt_model_metric_name(int32_t metric) {
    int32_t count;
    const VtOutput *found = metric_at(metric, &count);
    return found ? found->tensor.name : NULL;
}
