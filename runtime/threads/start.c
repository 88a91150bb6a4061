/* A thread begins with the signal mask of the one that makes it: see start.h. */
#include "runtime/threads/start.h"

#include <signal.h>

bool vt_thread_start(pthread_t *thread, void *(*run)(void *), void *user) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool made = pthread_create(thread, NULL, run, user) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return made;
}
