/* What a timed run of steps showed: see profile_text.h. */
#include "inspect/report/profile_text.h"

void bench_text(const BenchReport *r, FILE *out) {
    fprintf(out,
            "step: %.1f ms (fastest of %d, median %.1f), %.1f images/s, %.1f GFLOP/s in matrix products, %d "
            "threads\n",
            r->best * 1e3, r->steps, r->median * 1e3, r->images, r->flops / 1e9, r->threads);
}

static void put_roof(const char *what, double value, const char *unit, RoofSource source, const char *flag,
                     const char *whose, FILE *out) {
    fprintf(out, "%s %.1f %s: ", what, value / 1e9, unit);
    if (source == ROOF_MEASURED)
        fprintf(out, "the fastest kernel (%s), %s\n", flag, whose);
    else
        fprintf(out, "%s\n", source == ROOF_GIVEN ? "given" : "no kernel tells");
}

void profile_text(const ProfileReport *r, FILE *out) {
    const Roofline *roofline = &r->roofline;
    put_roof("peak", roofline->flops, "GFLOP/s", r->peak, "--peak GFLOPS", r->peak_of, out);
    put_roof("bandwidth", roofline->bytes, "GB/s", r->bandwidth, "--bandwidth GBS", r->bandwidth_of, out);
    fprintf(out, "%9s %6s %5s %9s %6s %8s %7s %9s  kernel\n", "ms", "share", "calls", "GFLOP/s", "peak",
            "GB/s", "limit", "of limit");
    for (int i = 0; i < r->n_kernels; i++) {
        const ProfileKernel *k = &r->kernels[i];
        fprintf(out, "%9.3f %5.1f%% %5d %9.1f %5.1f%% %8.1f %7s %8.1f%%  %s\n", k->seconds * 1e3,
                100 * k->seconds / r->seconds, k->calls, k->flops / k->seconds / 1e9,
                100 * k->flops / k->seconds / roofline->flops, k->bytes / k->seconds / 1e9,
                roofline_limit(roofline, k->flops, k->bytes),
                100 * roofline_seconds(roofline, k->flops, k->bytes) / k->seconds, k->name);
    }
}
