/* Whether a signal asked this process to stop. Handlers only note it; every loop that may take long polls it. */
#include "runtime/runtime.h"

#include <signal.h>

static volatile sig_atomic_t requested;
static struct sigaction old_int, old_term;

int vt_stop_signal(void) {
    return requested;
}

void vt_stop_request(int signal) {
    requested = signal;
}

void vt_stop_listen(void) {
    struct sigaction action = {.sa_handler = vt_stop_request, .sa_flags = SA_RESTART};
    vt_stop_request(0);
    sigaction(SIGINT, &action, &old_int);
    sigaction(SIGTERM, &action, &old_term);
    signal(SIGXFSZ, SIG_IGN); /* a file that grows too long is a failing write */
}

void vt_stop_ignore(void) {
    sigaction(SIGINT, &old_int, NULL);
    sigaction(SIGTERM, &old_term, NULL);
}
