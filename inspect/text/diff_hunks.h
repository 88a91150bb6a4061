/* The hunks of a diff. */
#ifndef VITC_INSPECT_TEXT_DIFF_HUNKS_H
#define VITC_INSPECT_TEXT_DIFF_HUNKS_H

#include "inspect/text/diff_match.h"

/* Fills in diff->hunks. */
void diff_hunks(const Matching *m, const Remarks *remarks, int stage, FuncDiff *diff);

#endif
