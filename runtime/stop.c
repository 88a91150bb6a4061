/* Whether a signal asked this process to stop. Handlers only note it; every loop that may take long polls it. */
#include "runtime/runtime.h"

#include <signal.h>

static volatile sig_atomic_t requested;

int vt_stop_signal(void) {
    return requested;
}

void vt_stop_request(int signal) {
    requested = signal;
}
