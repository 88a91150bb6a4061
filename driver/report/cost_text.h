/* What kernels should cost, as tables: vitc inspect --cost. */
#ifndef VITC_DRIVER_REPORT_COST_TEXT_H
#define VITC_DRIVER_REPORT_COST_TEXT_H

#include "driver/report/cost_report.h"

#include <stdio.h>

void cost_text(const CostReport *report, FILE *out);

#endif
