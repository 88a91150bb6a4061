/* The data of the page: all stages of a function, its kernels, memory, costs and remarks, as one JSON object of
 * columns, arrays of equal length. docs/schemas/inspect-page.schema.json describes it ("vitc-step-1"). */
#ifndef VITC_INSPECT_PAGE_PAGE_DATA_H
#define VITC_INSPECT_PAGE_PAGE_DATA_H

#include "inspect/inspect.h"

typedef struct {
    const char *version; /* of vitc */
    const int32_t
        *codes;         /* by kernel: index in the page's code data, -1: none; NULL: there are no code data */
    const char *folded; /* what else is left out of the page; NULL: nothing */
    size_t most_versions; /* with more, stages are left out; 0: a usual number */
} PageOptions;

/* malloc'ed; *size bytes. Stages of which the inspection has no copy are told without their values. */
char *page_data(const Inspection *inspection, const PageOptions *options, size_t *size);

#endif
