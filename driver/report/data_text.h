/* A data set as training would read it, as lines: vitc data check. */
#ifndef VITC_DRIVER_REPORT_DATA_TEXT_H
#define VITC_DRIVER_REPORT_DATA_TEXT_H

#include "driver/report/data_report.h"

#include <stdio.h>

void data_splits_text(const DataReport *report, FILE *out);   /* what is known without decoding */
void data_findings_text(const DataReport *report, FILE *out); /* after data_report_decode */
/* Images of `split` of one set that another trains on; how many. */
int64_t data_across_text(const DataReport *first, int split, const DataReport *second, FILE *out);

#endif
