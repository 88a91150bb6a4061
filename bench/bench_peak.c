/* The measured peaks of this machine, fp32 vectors and bf16, on one thread and on all. */
#include "bench/peak.h"

#include <stdio.h>

enum { ROUNDS = 20000000, REPEATS = 5 };

int main(void) {
    PeakKind kinds[3];
    int n = peak_kinds(kinds), all = vt_threads();
    n += peak_bf16_kind(&kinds[n]);
    for (int k = 0; k < n; k++)
        for (int threads = 1; threads <= all; threads *= 2) {
            double best = 0;
            vt_set_threads(threads);
            for (int i = 0; i < REPEATS; i++) {
                double speed = peak_gflops(&kinds[k], kinds[k].lanes > 64 ? ROUNDS / 16 : ROUNDS);
                if (speed > best) best = speed;
            }
            vt_set_threads(all);
            printf("%-11s %2d thread%s %8.1f GFLOP/s\n", kinds[k].name, threads, threads == 1 ? " " : "s",
                   best);
        }
    return 0;
}
