/* The hunks of a diff. */
#ifndef VITC_INSPECT_TEXT_DIFF_HUNKS_H
#define VITC_INSPECT_TEXT_DIFF_HUNKS_H

#include "inspect/text/diff_match.h"

/* Fills in diff->hunks; only: of these modules (only_matches), NULL: of all. */
void diff_hunks(const Matching *m, const Remarks *remarks, int stage, const char *only, FuncDiff *diff);

#endif
