/* The memory plan as tables: vitc inspect --memory. */
#ifndef VITC_INSPECT_REPORT_MEMORY_TEXT_H
#define VITC_INSPECT_REPORT_MEMORY_TEXT_H

#include "inspect/report/memory_report.h"

#include <stdio.h>

void memory_text(const MemoryReport *report, FILE *out);

#endif
