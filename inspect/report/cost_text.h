/* What kernels should cost, as tables: vitc inspect --cost. */
#ifndef VITC_INSPECT_REPORT_COST_TEXT_H
#define VITC_INSPECT_REPORT_COST_TEXT_H

#include "inspect/report/cost_report.h"

#include <stdio.h>

void cost_text(const CostReport *report, FILE *out); /* both parts */
void cost_summary_text(const CostReport *report, FILE *out);
void cost_tables_text(const CostReport *report, FILE *out); /* kernels, scopes, chains */

#endif
