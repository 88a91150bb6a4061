/* A thread begins with the signal mask of the one that makes it: see start.h. */
#include "runtime/threads/start.h"

#include <signal.h>

enum { LEAST_STACK = 1 << 20 }; /* bytes; what threads get otherwise is `ulimit -s` of the process */

bool vt_thread_start(pthread_t *thread, void *(*run)(void *), void *user) {
    sigset_t all, before;
    pthread_attr_t attributes;
    size_t stack;
    if (pthread_attr_init(&attributes) != 0) return false;
    if (pthread_attr_getstacksize(&attributes, &stack) == 0 && stack < LEAST_STACK)
        pthread_attr_setstacksize(&attributes, LEAST_STACK);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool made = pthread_create(thread, &attributes, run, user) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return made;
}
