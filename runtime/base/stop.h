/* Whether a signal asked this process to stop; long loops poll it. SIGINT, SIGTERM and SIGHUP ask to stop, a second one
 * ends the process at once; SIGUSR1 asks to save. */
#ifndef VITC_RUNTIME_BASE_STOP_H
#define VITC_RUNTIME_BASE_STOP_H

#include <stdbool.h>

int vt_stop_signal(void);         /* its number; 0: none */
void vt_stop_request(int signal); /* as if it had come; 0 forgets it */
bool vt_save_requested(void);     /* since the last call */
void vt_stop_listen(void);        /* the handlers, until vt_stop_unlisten puts those that were before */
void vt_stop_unlisten(void);
/* Ends the process by the signal; if it does not, returns the exit code 128 + signal. */
int vt_stop_end(int signal);

#endif
