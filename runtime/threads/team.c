/* Teams of threads that run steps: made once, kept between runs. Whoever waits for the others (for work, or at a
 * meeting) looks for a while, longer than it takes to be woken, and then sleeps: on a core that is shared with another
 * process, a thread that goes on looking uses up the time in which the thread that it waits for could run. */
#include "runtime/threads/team.h"
#include "runtime/base/clock.h"
#include "runtime/threads/cores.h"
#include "runtime/threads/slice.h"
#include "runtime/threads/start.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MOST_THREADS = 1024, LINE = 64, LOOKS = 16 };
/* Seconds of looking before sleeping: about what being woken may take; where threads may share cores, no longer than
 * sleeping and being woken costs. */
#define PATIENCE_ON_OWN_CORE 200e-6
#define PATIENCE 20e-6

/* A number that only grows, which threads wait to see changed. */
typedef struct {
    _Alignas(LINE) _Atomic uint32_t value;
    _Alignas(LINE) _Atomic uint32_t sleepers;
} Signal;

typedef struct Worker Worker;

struct VtTeam {
    Signal begun;                            /* jobs handed out */
    Signal met;                              /* meetings held; the end of a job is one */
    _Alignas(LINE) _Atomic uint32_t arrived; /* at the next meeting */
    _Alignas(LINE) _Atomic uint64_t waited;  /* nanoseconds in meetings, of all threads together */
    _Alignas(LINE) void (*body)(void *, int, int);
    void *user;
    int threads; /* that take part in the job */
    int made;    /* workers: threads but the caller's */
    int wanted;  /* 0: as many as there are cores */
    bool ends;   /* this job is the last: workers return */
    bool pin;
    Signal *past; /* by thread, how much of the job it has done */
    int past_room;
    Worker *workers; /* the last made first */
    /* Where the threads are as many as the cores, each has a core of its own. Left to itself, the scheduler often wakes
     * two that meet on one core while another process, however nice, keeps the other. */
    cpu_set_t cores;   /* of the process */
    int n_cores;       /* 0: threads go where they like */
    atomic_bool apart; /* each thread of the last job stays on a core of its own */
};

struct Worker {
    VtTeam *team;
    int thread;
    pthread_t id;
    Worker *next;
};

static VtTeam of_process = {.pin = true};
static _Thread_local VtTeam *current; /* NULL: that of the process */

static VtTeam *team_of_caller(void) {
    return current ? current : &of_process;
}

static void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void announce(Signal *signal, uint32_t value) {
    atomic_store(&signal->value, value);
    if (atomic_load(&signal->sleepers))
        syscall(SYS_futex, &signal->value, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* The value, once it is no longer `seen`. */
static uint32_t await(const VtTeam *team, Signal *signal, uint32_t seen) {
    double until = 0;
    uint32_t value;
    do {
        for (int i = 0; i < LOOKS; i++) {
            if ((value = atomic_load_explicit(&signal->value, memory_order_acquire)) != seen) return value;
            relax();
        }
        if (until == 0)
            until =
                vt_now() +
                (atomic_load_explicit(&team->apart, memory_order_relaxed) ? PATIENCE_ON_OWN_CORE : PATIENCE);
    } while (vt_now() < until);
    atomic_fetch_add(&signal->sleepers, 1);
    while ((value = atomic_load(&signal->value)) == seen)
        syscall(SYS_futex, &signal->value, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
    atomic_fetch_sub(&signal->sleepers, 1);
    return value;
}

static void note_waited(VtTeam *team, double start) {
    atomic_fetch_add_explicit(&team->waited, (uint64_t)((vt_now() - start) * 1e9), memory_order_relaxed);
}

/* `threads` is what takes part: once the last has come, the team may be at its next job. */
static void meet(VtTeam *team, int threads) {
    if (threads == 1) return;
    uint32_t seen = atomic_load_explicit(&team->met.value, memory_order_relaxed);
    if (atomic_fetch_add(&team->arrived, 1) + 1 < (uint32_t)threads) {
        double start = vt_now();
        await(team, &team->met, seen);
        note_waited(team, start);
        return;
    }
    atomic_store_explicit(&team->arrived, 0, memory_order_relaxed);
    announce(&team->met, seen + 1);
}

void vt_team_barrier(void) {
    VtTeam *team = team_of_caller();
    meet(team, team->threads);
}

void vt_team_pass(int thread, uint32_t count) {
    VtTeam *team = team_of_caller();
    if (team->threads > 1) announce(&team->past[thread], count);
}

uint32_t vt_team_behind(int thread, uint32_t count) {
    VtTeam *team = team_of_caller();
    uint32_t least = count + UINT32_MAX / 2;
    double start = 0;
    for (int other = 0; other < team->threads; other++) {
        if (other == thread) continue;
        Signal *past = &team->past[other];
        uint32_t done = atomic_load_explicit(&past->value, memory_order_acquire);
        while ((int32_t)(done - count) < 0) {
            if (start == 0) start = vt_now();
            done = await(team, past, done);
        }
        if ((int32_t)(done - least) < 0) least = done;
    }
    if (start != 0) note_waited(team, start);
    return least;
}

/* A worker that takes no part in a job may sleep through it, and through others: it must not look at the job, which
 * changes meanwhile. Whether it takes part says the value itself. */
static uint32_t job_value(uint32_t before, int threads) {
    return (before / (2 * MOST_THREADS) + 1) * (2 * MOST_THREADS) + (uint32_t)threads;
}
static int job_threads(uint32_t value) {
    return (int)(value % (2 * MOST_THREADS));
}

static void stay_on_core(const VtTeam *team, int thread) {
    cpu_set_t one;
    int nth = 0;
    CPU_ZERO(&one);
    for (int c = 0; c < CPU_SETSIZE; c++)
        if (CPU_ISSET(c, &team->cores) && nth++ == thread) CPU_SET(c, &one);
    sched_setaffinity(0, sizeof one, &one);
}

static void *work(void *user) {
    Worker *worker = user;
    VtTeam *team = current = worker->team;
    vt_slice_shorten();
    if (team->n_cores) stay_on_core(team, worker->thread);
    for (uint32_t job = 0;;) {
        job = await(team, &team->begun, job);
        int threads = job_threads(job);
        if (worker->thread >= threads) continue;
        if (team->ends) return NULL;
        team->body(team->user, worker->thread, threads);
        meet(team, threads);
    }
}

/* Nobody is at work: nobody looks at what there was. */
static bool make_past(VtTeam *team, int threads) {
    if (threads <= team->past_room) return true;
    int room = threads < 8 ? 8 : 2 * threads;
    void *memory;
    if (posix_memalign(&memory, LINE, sizeof(Signal) * (size_t)room) != 0) return false;
    memset(memory, 0, sizeof(Signal) * (size_t)room);
    free(team->past);
    team->past = memory;
    team->past_room = room;
    return true;
}

static bool make_worker(VtTeam *team) {
    Worker *worker = make_past(team, team->made + 2) ? malloc(sizeof *worker) : NULL;
    if (!worker) return false;
    *worker = (Worker){.team = team, .thread = team->made + 1, .next = team->workers};
    if (!vt_thread_start(&worker->id, work, worker)) {
        free(worker);
        return false;
    }
    team->workers = worker;
    team->made++;
    return true;
}

double vt_team_waited(void) {
    return 1e-9 * (double)atomic_load_explicit(&team_of_caller()->waited, memory_order_relaxed);
}

void vt_parallel_few(int threads, void (*body)(void *user, int thread, int threads), void *user) {
    VtTeam *team = team_of_caller();
    if (team->pin && !team->made && threads > 1 &&
        sched_getaffinity(0, sizeof team->cores, &team->cores) == 0 &&
        CPU_COUNT(&team->cores) == vt_threads())
        team->n_cores = CPU_COUNT(&team->cores);
    while (team->made + 1 < threads && make_worker(team)) {
    }
    if (threads > team->made + 1) threads = team->made + 1; /* results do not depend on how many there are */
    team->body = body;
    team->user = user;
    team->threads = threads;
    cpu_set_t before; /* another than at first: someone has chosen cores for this process meanwhile */
    bool pinned = threads > 1 && team->n_cores && sched_getaffinity(0, sizeof before, &before) == 0 &&
                  CPU_EQUAL(&before, &team->cores);
    for (int t = 0; threads > 1 && t < threads; t++)
        atomic_store_explicit(&team->past[t].value, 0, memory_order_relaxed);
    atomic_store_explicit(&team->apart, pinned && threads <= team->n_cores, memory_order_relaxed);
    if (threads > 1) announce(&team->begun, job_value(atomic_load(&team->begun.value), threads));
    uint64_t slice = pinned ? vt_slice_shorten() : 0;
    if (pinned) stay_on_core(team, 0);
    body(user, 0, threads);
    meet(team, threads);
    if (pinned) sched_setaffinity(0, sizeof before, &before); /* whom it makes is free to go anywhere */
    vt_slice_restore(slice);
}

void vt_parallel(void (*body)(void *user, int thread, int threads), void *user) {
    vt_parallel_few(vt_threads(), body, user);
}

void vt_set_threads(int threads) {
    team_of_caller()->wanted = threads;
}

/* As OpenMP reads it: a number, or one for each level of nesting. What is none, or out of range, is not heeded. */
static int threads_of_environment(void) {
    const char *text = getenv("OMP_NUM_THREADS");
    char *end;
    long threads = text ? strtol(text, &end, 10) : 0;
    bool whole = text && end != text && (*end == '\0' || *end == ',');
    return whole && threads >= 1 && threads <= MOST_THREADS ? (int)threads : 0;
}

int vt_threads(void) {
    static _Atomic int usable; /* 0: not asked for yet */
    int threads = team_of_caller()->wanted;
    if (threads <= 0) threads = atomic_load_explicit(&usable, memory_order_relaxed);
    if (threads <= 0) {
        threads = threads_of_environment();
        if (!threads) threads = cores_usable();
        atomic_store_explicit(&usable, threads, memory_order_relaxed);
    }
    return threads < MOST_THREADS ? threads : MOST_THREADS;
}

VtTeam *vt_team_new(int threads, bool pin) {
    void *memory;
    if (posix_memalign(&memory, LINE, sizeof(VtTeam)) != 0) return NULL;
    VtTeam *team = memory;
    memset(team, 0, sizeof *team);
    team->wanted = threads;
    team->pin = pin;
    return team;
}

void vt_team_free(VtTeam *team) {
    if (!team) return;
    if (current == team) current = NULL;
    team->ends = true;
    if (team->made) announce(&team->begun, job_value(atomic_load(&team->begun.value), team->made + 1));
    for (Worker *worker = team->workers, *next; worker; worker = next) {
        next = worker->next;
        pthread_join(worker->id, NULL);
        free(worker);
    }
    free(team->past);
    free(team);
}

VtTeam *vt_team_use(VtTeam *team) {
    VtTeam *before = current;
    current = team;
    return before;
}
