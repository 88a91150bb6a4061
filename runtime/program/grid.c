/* Grids of another size: see grid.h. */
#include "runtime/program/grid.h"

#include <math.h>
#include <stdlib.h>

#define A (-0.75)

int64_t vt_grid_edge(int64_t places) {
    int64_t edge = places > 0 ? (int64_t)floor(sqrt((double)places) + 0.5) : 0;
    return edge * edge == places ? edge : 0;
}

static double cubic(double x) {
    double d = fabs(x);
    if (d <= 1) return ((A + 2) * d - (A + 3)) * d * d + 1;
    return d < 2 ? ((d - 5) * d + 8) * d * A - 4 * A : 0;
}

/* Along an axis of `from` samples, `inner` apart, of `outer` rows. */
static void resize_axis(const double *in, int64_t outer, int64_t from, int64_t inner, double *out,
                        int64_t to) {
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < to; i++) {
            double centre = ((double)i + 0.5) * (double)from / (double)to - 0.5, low = floor(centre);
            double *row = out + (o * to + i) * inner;
            for (int64_t k = 0; k < inner; k++) row[k] = 0;
            for (int tap = -1; tap <= 2; tap++) {
                int64_t at = (int64_t)low + tap;
                double weight = cubic(centre - (double)at);
                at = at < 0 ? 0 : at >= from ? from - 1 : at;
                const double *sample = in + (o * from + at) * inner;
                for (int64_t k = 0; k < inner; k++) row[k] += weight * sample[k];
            }
        }
}

bool vt_grid_resize(const float *in, int64_t from, float *out, int64_t to, int64_t width, VtError *error) {
    double *all = malloc(sizeof *all * (size_t)((from * from + from * to + to * to) * width));
    if (!all) return vt_fail(error, 1, "out of memory");
    double *rows = all + from * from * width, *both = rows + from * to * width;
    for (int64_t i = 0; i < from * from * width; i++) all[i] = in[i];
    resize_axis(all, from, from, width, rows, to);
    resize_axis(rows, 1, from, to * width, both, to);
    for (int64_t i = 0; i < to * to * width; i++) out[i] = (float)both[i];
    free(all);
    return true;
}
