/* The parts of the page's data, each of which writes members of the object. Used inside inspect/page/ alone. */
#ifndef VITC_INSPECT_PAGE_PAGE_PARTS_H
#define VITC_INSPECT_PAGE_PAGE_PARTS_H

#include "inspect/page/page_writer.h"

/* sources, nodes, sites, results, alike */
void page_graph(PageWriter *w);
/* kernels, places, memory, roofline, chains, profile; codes as PageOptions have them. */
void page_plan(PageWriter *w, const int32_t *codes);
/* remarks, rules */
void page_remarks(PageWriter *w);
/* Whether there are so many remarks that those of what rewriting makes and drops are left out. */
bool page_folds_remarks(const Inspection *inspection);

#endif
