/* The memory plan as tables: vitc inspect --memory. */
#ifndef VITC_DRIVER_REPORT_MEMORY_TEXT_H
#define VITC_DRIVER_REPORT_MEMORY_TEXT_H

#include "driver/report/memory_report.h"

#include <stdio.h>

void memory_text(const MemoryReport *report, FILE *out);

#endif
