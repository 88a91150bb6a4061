/* The arena over time as a picture: vitc inspect --memory FILE.svg. A rectangle a value, from the kernel that makes it
 * to the last that reads it, at its place in the arena; and the bytes live at each kernel as a line. */
#ifndef VITC_INSPECT_REPORT_MEMORY_SVG_H
#define VITC_INSPECT_REPORT_MEMORY_SVG_H

#include "inspect/report/memory_report.h"

#include <stdio.h>

void memory_svg(const MemoryReport *report, FILE *out);

#endif
