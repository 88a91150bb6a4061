/* The table of targets, and what follows from a row of it: see codegen/target.h. */
#include "codegen/target.h"
#include "codegen/target/targets.h"

#include <string.h>

static const Target *const TARGETS[] = {
#define TARGET(name) &target_##name,
#include "codegen/target/targets.def"
#undef TARGET
};

const Target *const *target_all(int *n) {
    *n = sizeof TARGETS / sizeof *TARGETS;
    return TARGETS;
}

const Target *target_find(const char *name) {
    static const struct {
        const char *name;
        const Target *target;
    } old_names[] = {
#define TARGET(name)
#define OLD_NAME(old, name) {old, &target_##name},
#include "codegen/target/targets.def"
#undef TARGET
    };
    for (size_t i = 0; i < sizeof TARGETS / sizeof *TARGETS; i++)
        if (strcmp(TARGETS[i]->name, name) == 0) return TARGETS[i];
    for (size_t i = 0; i < sizeof old_names / sizeof *old_names; i++)
        if (strcmp(old_names[i].name, name) == 0) return old_names[i].target;
    return NULL;
}

int micro_terms(const MicroKernel *micro, Precision precision) {
    return micro->unit_elements > 1 ? precision_terms(precision) : 1;
}

PanelShape target_panel(const Target *target, Precision precision) {
    const MicroKernel *micro = target->micro[precision];
    if (micro_terms(micro, precision) > 1)
        return (PanelShape){0, 1}; /* one matrix in three: no type says so */
    return (PanelShape){micro->nr, micro->unit_elements * micro->unit_step};
}

TileShape target_tile(const Target *target, Precision precision) {
    return (TileShape){target->micro[precision]->mr, target->micro[precision]->nr};
}
