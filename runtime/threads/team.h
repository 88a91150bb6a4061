/* The team of threads, made once; called from one thread at a time. */
#ifndef VITC_RUNTIME_THREADS_TEAM_H
#define VITC_RUNTIME_THREADS_TEAM_H

/* Threads in use, 1 to 1024: OMP_NUM_THREADS, or the cores this process may use by affinity and control groups. */
int vt_threads(void);
void vt_set_threads(int threads); /* 0: as above */
/* Calls body(user, thread, threads) on every thread of the team. */
void vt_parallel(void (*body)(void *user, int thread, int threads), void *user);
/* On so many of them, or fewer where the system makes no more threads. */
void vt_parallel_few(int threads, void (*body)(void *user, int thread, int threads), void *user);
void vt_team_barrier(void); /* inside vt_parallel */
/* The sum over threads of the seconds that each has waited in barriers, since the process began. */
double vt_team_waited(void);

#endif
