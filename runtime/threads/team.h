/* Teams of threads. A team is made once, kept between jobs, and belongs to whoever made it; the process has one of its
 * own. What follows works on the calling thread's team: the one it chose, or that of the process. Teams work beside
 * each other; one is used by one thread at a time. */
#ifndef VITC_RUNTIME_THREADS_TEAM_H
#define VITC_RUNTIME_THREADS_TEAM_H

#include <stdbool.h>
#include <stdint.h>

typedef struct VtTeam VtTeam;
/* `threads`, the caller among them, 1 to 1024: made when they are first needed; 0: as vt_set_threads(0) says. `pin`:
 * each has a core of its own while it works, if there are as many as cores, which helps where nothing else in the
 * process is at work. NULL: no memory. */
VtTeam *vt_team_new(int threads, bool pin);
void vt_team_free(VtTeam *team); /* ends its threads; no thread's team any more. NULL too */
/* The calling thread's team from now on; NULL: the process's. Returns the one before. */
VtTeam *vt_team_use(VtTeam *team);

/* Threads in use, 1 to 1024: OMP_NUM_THREADS, or the cores this process may use by affinity and control groups. */
int vt_threads(void);
void vt_set_threads(int threads); /* 0: as above */
/* Calls body(user, thread, threads) on every thread of the team. */
void vt_parallel(void (*body)(void *user, int thread, int threads), void *user);
/* On so many of them, or fewer where the system makes no more threads. */
void vt_parallel_few(int threads, void (*body)(void *user, int thread, int threads), void *user);
void vt_team_barrier(void); /* inside vt_parallel */
/* Waiting for less than all, inside vt_parallel: `thread` has done the first `count` things of the job; and waits until
 * all others have, which sees what they wrote meanwhile. Returns how many these have done at least. Counts may wrap. */
void vt_team_pass(int thread, uint32_t count);
uint32_t vt_team_behind(int thread, uint32_t count);
/* The sum over the team's threads of the seconds that each has waited in barriers, since it was made. */
double vt_team_waited(void);

#endif
