/* Threads of the compiler: see workers.h. */
#include "codegen/program/workers.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>

enum { MOST_THREADS = 12 };

typedef struct {
    void (*task)(void *user, int i);
    void *user;
    int n;
    atomic_int next;
} Work;

static void *work(void *user) {
    Work *w = user;
    for (int i; (i = atomic_fetch_add(&w->next, 1)) < w->n;) w->task(w->user, i);
    return NULL;
}

static int cores(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

/* Stack for recursion through the deepest kernel (KERNEL_DEPTH) and for LLVM. The main thread has as much unless
 * `ulimit -s` was lowered. */
#define STACK_BYTES ((size_t)16 << 20)
#define ENOUGH_STACK ((size_t)8 << 20)

static bool has_stack(void) {
    pthread_attr_t attributes;
    size_t bytes = 0;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) return false;
    pthread_attr_getstacksize(&attributes, &bytes);
    pthread_attr_destroy(&attributes);
    return bytes + (256 << 10) >= ENOUGH_STACK; /* what lies above it counts */
}

void workers_run(void (*task)(void *user, int i), void *user, int n, bool alone) {
    Work w = {.task = task, .user = user, .n = n};
    pthread_t threads[MOST_THREADS];
    pthread_attr_t attributes;
    bool here = has_stack();
    int wanted = (alone ? 1 : cores()) - here, running = 0;
    bool set =
        pthread_attr_init(&attributes) == 0 && pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0;
    while (set && running < wanted && running < MOST_THREADS && running + here < n &&
           pthread_create(&threads[running], &attributes, work, &w) == 0)
        running++; /* with fewer threads than wanted it only takes longer */
    if (set) pthread_attr_destroy(&attributes);
    if (here || running == 0) work(&w);
    for (int i = 0; i < running; i++) pthread_join(threads[i], NULL);
}
