/* What a pass changed as text: a unified diff of values and kernels, module by module. */
#ifndef VITC_INSPECT_TEXT_DIFF_TEXT_H
#define VITC_INSPECT_TEXT_DIFF_TEXT_H

#include "inspect/text/diff.h"
#include "inspect/text/view.h"

typedef struct {
    bool all_functions; /* not inspection->func alone */
    bool full;          /* hunks that are alike too */
    const char *only;   /* hunks of these modules (only_matches); NULL: all */
} DiffOptions;

/* Of the last stage and the one before it, of which the inspection has copies. */
void diff_text(const Inspection *inspection, const DiffOptions *options, View *view);

/* The differences of the functions that are shown, in the order of the module. *n: how many. */
FuncDiff **diff_of_stages(const Inspection *inspection, const DiffOptions *options, size_t *n);

#endif
