/* The view of a module that a person wants first: states as a summary, a function group by group along the module
 * paths, what is alike once. Its lines are statements of the text form and comments; it is read, not read back. */
#ifndef VITC_INSPECT_TEXT_LISTING_H
#define VITC_INSPECT_TEXT_LISTING_H

#include "inspect/inspect.h"
#include "inspect/text/selection.h"
#include "inspect/text/view.h"

typedef struct {
    const StateGroup *states; /* those that are listed; NULL: a summary of all */
    const char *only;         /* patterns of modules (only_matches); NULL: all */
    bool all_functions;       /* not inspection->func alone */
} ListingOptions;

#define LISTING_MARK "// a view: " /* how one of its first lines begins */
void listing_text(const Inspection *inspection, const ListingOptions *options, View *view);

/* The whole module as module_print has it, with short names of sources: it reads back. only: this function, with the
 * bodies of its loops; NULL: all. malloc'ed. */
char *listing_full(const Inspection *inspection, const Func *only, size_t *size);

#endif
