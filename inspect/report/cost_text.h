/* What kernels should cost, as tables: vitc inspect --cost. */
#ifndef VITC_INSPECT_REPORT_COST_TEXT_H
#define VITC_INSPECT_REPORT_COST_TEXT_H

#include "inspect/report/cost_report.h"

#include <stdio.h>

void cost_text(const CostReport *report, FILE *out);

#endif
