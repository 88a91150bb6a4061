/* Whether a signal asked this process to stop, or to save. Handlers only note it; every loop that may take long polls
 * it. */
#include "runtime/base/stop.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

/* What a process ignores when it starts (nohup, a job in the background) it goes on ignoring. */
static const int STOPS[] = {SIGINT, SIGTERM, SIGHUP};
enum { N_STOPS = sizeof STOPS / sizeof *STOPS };

/* Some send a signal to the process and at once to its group: that is one request. */
static const int64_t ONE_REQUEST = 100000000; /* nanoseconds */

static volatile sig_atomic_t requested, save_requested;
static _Atomic int64_t requested_at;
static struct sigaction before[N_STOPS], before_usr1;

int vt_stop_signal(void) {
    return requested;
}

void vt_stop_request(int signal) {
    requested = signal;
}

bool vt_save_requested(void) {
    bool asked = save_requested;
    save_requested = 0;
    return asked;
}

static int64_t nanoseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* A second request ends the process at once, as if nobody had listened. */
static void on_stop(int number) {
    if (!requested) {
        requested_at = nanoseconds();
        requested = number;
    } else if (nanoseconds() - requested_at > ONE_REQUEST) {
        signal(number, SIG_DFL);
        raise(number); /* taken when this handler returns */
    }
}

static void on_save(int number) {
    (void)number;
    save_requested = 1;
}

static void listen_to(int number, void (*handler)(int), struct sigaction *old) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    if (sigaction(number, NULL, old) == 0 && old->sa_handler != SIG_IGN) sigaction(number, &action, NULL);
}

void vt_stop_listen(void) {
    requested = save_requested = 0;
    for (int i = 0; i < N_STOPS; i++) listen_to(STOPS[i], on_stop, &before[i]);
    listen_to(SIGUSR1, on_save, &before_usr1);
    signal(SIGXFSZ, SIG_IGN); /* a file that grows too long is a failing write */
    signal(SIGPIPE, SIG_IGN); /* so is one that nobody reads */
}

void vt_stop_unlisten(void) {
    for (int i = 0; i < N_STOPS; i++) sigaction(STOPS[i], &before[i], NULL);
    sigaction(SIGUSR1, &before_usr1, NULL);
}

int vt_stop_end(int number) {
    fflush(NULL);
    signal(number, SIG_DFL);
    raise(number);
    return 128 + number; /* the first process of a container does not end by a signal */
}
