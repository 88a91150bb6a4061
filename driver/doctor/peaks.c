/* Measured peaks: see peaks.h. */
#include "driver/doctor/peaks.h"
#include "ir/base/clock.h"
#include "runtime/threads/team.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64, UNITS = 256, AT_ONCE = 64 };
#define SECONDS 0.08

static void *zeroed(size_t bytes) {
    void *memory = NULL;
    if (posix_memalign(&memory, ALIGNMENT, (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT) != 0) return NULL;
    return memset(memory, 0, bytes);
}

enum { MOST_THREADS = 1024 };

typedef struct {
    const VtMicro *micro;
    double calls[MOST_THREADS]; /* a second, of each thread */
} FlopsRun;

static void run_micro(void *user, int thread, int threads) {
    (void)threads;
    FlopsRun *run = user;
    const VtMicro *m = run->micro;
    void *a = zeroed(4 * (size_t)(UNITS * m->step + m->rows * m->line)),
         *b = zeroed(4 * (size_t)UNITS * (size_t)m->tile_columns);
    float *tile = zeroed(4 * (size_t)m->rows * (size_t)m->tile_columns);
    double start = seconds_now(), passed = 0;
    int64_t calls = 0;
    while (a && b && tile && passed < SECONDS) {
        for (int i = 0; i < AT_ONCE; i++) m->run(a, b, UNITS, tile);
        calls += AT_ONCE;
        passed = seconds_now() - start;
    }
    run->calls[thread] = calls ? (double)calls / passed : 0;
    free(a);
    free(b);
    free(tile);
}

double peak_flops(const VtMicro *micro, int threads) {
    static FlopsRun run;
    double calls = 0;
    memset(&run, 0, sizeof run);
    run.micro = micro;
    vt_parallel_few(threads, run_micro, &run);
    for (int i = 0; i < MOST_THREADS; i++) calls += run.calls[i];
    return 2.0 * micro->rows * micro->columns * UNITS * micro->unit_elements * calls;
}

typedef uint64_t Words __attribute__((vector_size(16)));

typedef struct {
    const Words *memory;
    size_t count;
    _Atomic uint64_t sink; /* so that what was read is used */
} ReadRun;

static void touch(void *user, int thread, int threads) {
    ReadRun *run = user;
    size_t from = run->count / (size_t)threads * (size_t)thread, n = run->count / (size_t)threads;
    memset((void *)(run->memory + from), thread + 1, n * sizeof(Words));
}

static void read_memory(void *user, int thread, int threads) {
    ReadRun *run = user;
    size_t from = run->count / (size_t)threads * (size_t)thread, n = run->count / (size_t)threads / 4 * 4;
    const Words *at = run->memory + from;
    Words sums[4] = {{0}};
    for (size_t i = 0; i < n; i += 4)
        for (int k = 0; k < 4; k++) sums[k] += at[i + (size_t)k];
    Words all = sums[0] + sums[1] + sums[2] + sums[3];
    atomic_fetch_add(&run->sink, all[0] + all[1]);
}

double peak_bandwidth(int threads, size_t bytes) {
    enum { TIMES = 2 };
    void *memory = NULL;
    if (posix_memalign(&memory, ALIGNMENT, bytes) != 0) return 0;
    ReadRun run = {.memory = memory, .count = bytes / sizeof(Words)};
    double best = 0;
    vt_parallel_few(threads, touch, &run); /* each thread's share lies near it */
    for (int i = 0; i < TIMES; i++) {
        double start = seconds_now();
        vt_parallel_few(threads, read_memory, &run);
        double rate = (double)bytes / (seconds_now() - start);
        if (rate > best) best = rate;
    }
    free(memory);
    return best;
}
