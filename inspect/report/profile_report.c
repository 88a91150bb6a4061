/* What a timed run of steps showed: see profile_report.h. */
#include "inspect/report/profile_report.h"

#include <math.h>
#include <stdlib.h>

/* ---- the step ---------------------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

BenchReport bench_report(const VtProgram *program, const VtFunction *step, double *seconds, int n,
                         int threads) {
    double flops = 0;
    for (int c = 0; c < step->n_calls; c++) flops += step->calls[c].product ? step->calls[c].flops : 0;
    qsort(seconds, (size_t)n, sizeof *seconds, by_value);
    return (BenchReport){.recipe = program->name,
                         .steps = n,
                         .threads = threads,
                         .best = seconds[0],
                         .median = seconds[(n - 1) / 2],
                         .images = (double)program->train.batch / seconds[0],
                         .flops = flops / seconds[0]};
}

/* ---- its kernels ------------------------------------------------------------------------------------------------- */

static int by_time(const void *a, const void *b) {
    double x = ((const ProfileKernel *)a)->seconds, y = ((const ProfileKernel *)b)->seconds;
    return (x < y) - (x > y);
}

static void add_calls(Arena *arena, ProfileReport *r, const VtFunction *step, const double *times) {
    VtKernel *code = ARENA_ARRAY(arena, VtKernel, (size_t)step->n_calls + 1);
    r->kernels = ARENA_ARRAY(arena, ProfileKernel, (size_t)step->n_calls + 1);
    for (int c = 0; c < step->n_calls; c++) {
        const VtCall *call = &step->calls[c];
        int i = 0;
        while (i < r->n_kernels && code[i] != call->kernel) i++;
        if (i == r->n_kernels) {
            code[r->n_kernels] = call->kernel;
            r->kernels[r->n_kernels++].name = call->name;
        }
        r->kernels[i].calls++;
        r->kernels[i].seconds += times[c];
        r->kernels[i].flops += call->flops;
        r->kernels[i].bytes += call->bytes;
        r->seconds += times[c];
    }
    qsort(r->kernels, (size_t)r->n_kernels, sizeof *r->kernels, by_time);
}

static double amount(const ProfileKernel *kernel, bool bytes) {
    return bytes ? kernel->bytes : kernel->flops;
}

/* The kernel of the greatest FLOP/s or byte/s, of those that carry 1 % of the step's and touch `least` bytes or FLOPs a
 * call. */
static const ProfileKernel *fastest(const ProfileReport *r, bool bytes, double least) {
    const ProfileKernel *best = NULL;
    double all = 0, most = 0;
    for (int i = 0; i < r->n_kernels; i++) all += amount(&r->kernels[i], bytes);
    for (int i = 0; i < r->n_kernels; i++) {
        const ProfileKernel *kernel = &r->kernels[i];
        double work = amount(kernel, bytes), speed = work / kernel->seconds;
        if (work < 0.01 * all || work / kernel->calls < least || !(speed > most)) continue;
        most = speed;
        best = kernel;
    }
    return best;
}

/* What is not given is the most that a kernel of this very step reaches. */
static void complete_roof(const ProfileReport *r, bool bytes, double least, double *roof, RoofSource *source,
                          const char **whose) {
    if (*roof > 0) return; /* ROOF_GIVEN */
    const ProfileKernel *kernel = fastest(r, bytes, least);
    *source = kernel ? ROOF_MEASURED : ROOF_UNKNOWN;
    *roof = kernel ? amount(kernel, bytes) / kernel->seconds : INFINITY;
    if (kernel) *whose = kernel->name;
}

ProfileReport profile_report(Arena *arena, const VtFunction *step, const double *times, Roofline given,
                             double cache_bytes) {
    ProfileReport r = {.roofline = given};
    add_calls(arena, &r, step, times);
    complete_roof(&r, false, 0, &r.roofline.flops, &r.peak, &r.peak_of);
    complete_roof(&r, true, cache_bytes, &r.roofline.bytes, &r.bandwidth, &r.bandwidth_of);
    return r;
}
