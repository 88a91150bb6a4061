/* The roofline model: a kernel takes the longer of its FLOPs at peak speed and its bytes at full bandwidth (Williams,
 * Waterman and Patterson 2009). */
#ifndef VITC_INSPECT_REPORT_ROOFLINE_H
#define VITC_INSPECT_REPORT_ROOFLINE_H

#include <stdbool.h>

typedef struct {
    double flops, bytes; /* a second */
} Roofline;

double roofline_seconds(const Roofline *roofline, double flops, double bytes);
/* Whether compute limits it, and not memory. */
bool roofline_computes(const Roofline *roofline, double flops, double bytes);
const char *roofline_limit(const Roofline *roofline, double flops, double bytes); /* "compute", "memory" */

#endif
