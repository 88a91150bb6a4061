/* What signals do to a process that listens: the first is noted, a second ends it, an ignored one stays ignored. */
#include "runtime/runtime.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int status_of(void (*body)(void)) {
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        body();
        _exit(0);
    }
    waitpid(child, &status, 0);
    return status;
}

static void twice_at_once(void) { /* as `timeout` sends it, to the process and to its group */
    vt_stop_listen();
    raise(SIGTERM);
    raise(SIGTERM);
    if (vt_stop_signal() != SIGTERM || vt_save_requested()) _exit(1);
    raise(SIGUSR1);
    if (!vt_save_requested() || vt_save_requested()) _exit(2);
}

static void second(void) {
    vt_stop_listen();
    raise(SIGTERM);
    usleep(150000);
    raise(SIGINT);
}

static void ends_by_it(void) {
    vt_stop_listen();
    raise(SIGHUP);
    vt_stop_unlisten();
    vt_stop_end(vt_stop_signal());
}

static void ignored(void) {
    signal(SIGHUP, SIG_IGN);
    signal(SIGUSR1, SIG_IGN);
    vt_stop_listen();
    raise(SIGHUP);
    raise(SIGUSR1);
    if (vt_stop_signal() || vt_save_requested()) _exit(1);
    vt_stop_unlisten();
    raise(SIGHUP);
}

static void put_back(void) {
    vt_stop_listen();
    vt_stop_unlisten();
    raise(SIGTERM);
}

static void test_signals(void **state) {
    (void)state;
    int status;
    assert_int_equal(status_of(twice_at_once), 0);
    assert_int_equal(status_of(ignored), 0);
    status = status_of(second);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
    status = status_of(ends_by_it);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP);
    status = status_of(put_back);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_signals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
