/* The values of a function over the stages: of each number what it was from one stage to another. A pass changes few
 * values, so that all stages together are hardly more than one. */
#ifndef VITC_INSPECT_PAGE_VERSIONS_H
#define VITC_INSPECT_PAGE_VERSIONS_H

#include "inspect/inspect.h"

typedef struct {
    uint32_t number;
    uint16_t first, last; /* stages, both inclusive: numbers of Stages.stages */
    uint8_t phase;        /* of the value, in all stages the one that it has at the end (inspect/phases.h) */
    const Func *func;     /* as of stage `first` */
    ValueId id;           /* in it */
} Version;

typedef struct {
    Version *of; /* by number, then stage */
    size_t count;
    size_t n_inputs; /* of the function: they come before states in value_reference */
} Versions;

/* Of the stages whose bit is set in `stages` and of which copies were kept; a version that holds on both sides of
 * stages that are left out holds in them too. In inspection->arena. */
Versions *versions_make(const Inspection *inspection, uint64_t stages);

/* What text and page call a value: its number, of a source -1 - its index, inputs before states. */
int64_t value_reference(const Func *func, ValueId id);

#endif
