/* The team of threads: OpenMP's, which keeps it between parallel regions. No other file knows OpenMP. */
#include "runtime/runtime.h"

#include <omp.h>
#include <stdlib.h>

static int wanted;

void vt_set_threads(int threads) {
    wanted = threads;
}

int vt_threads(void) {
    if (wanted > 0) return wanted;
    return getenv("OMP_NUM_THREADS") ? omp_get_max_threads() : omp_get_num_procs();
}

void vt_parallel(void (*body)(void *user, int thread, int threads), void *user) {
    int threads = vt_threads();
#pragma omp parallel num_threads(threads)
    body(user, omp_get_thread_num(), omp_get_num_threads());
}

void vt_team_barrier(void) {
#pragma omp barrier
}
