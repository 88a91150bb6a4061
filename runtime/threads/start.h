/* Threads that take no signals: these are for the thread that asked for the work, and in a library for the program. */
#ifndef VITC_RUNTIME_THREADS_START_H
#define VITC_RUNTIME_THREADS_START_H

#include <pthread.h>
#include <stdbool.h>

bool vt_thread_start(pthread_t *thread, void *(*run)(void *user), void *user);

#endif
