/* The roofline model: see roofline.h. */
#include "inspect/report/roofline.h"

double roofline_seconds(const Roofline *roofline, double flops, double bytes) {
    double compute = flops / roofline->flops, memory = bytes / roofline->bytes;
    return compute > memory ? compute : memory;
}

bool roofline_computes(const Roofline *roofline, double flops, double bytes) {
    return flops / roofline->flops > bytes / roofline->bytes;
}

const char *roofline_limit(const Roofline *roofline, double flops, double bytes) {
    return roofline_computes(roofline, flops, bytes) ? "compute" : "memory";
}
