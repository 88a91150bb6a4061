/* A pager as a child process (pager.h). */
#include "driver/pager.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* What -FRX means: text that fits on the screen is not paged, colours pass, the text stays when less ends. */
#define USUAL "if command -v less >/dev/null 2>&1; then exec less -FRX; else exec cat; fi"

#define BLANKS " \t\n"

/* $1: the program, or "" where the command does not begin with one; $2: the command. */
#define RUN                                                                                                  \
    "if [ -n \"$1\" ] && ! command -v \"$1\" >/dev/null 2>&1; then "                                         \
    "echo \"vitc: there is no pager '$1' (VITC_PAGER, PAGER)\" >&2; exec cat; fi; eval \"$2\""

/* The command that the shell runs; NULL: no pager. */
static const char *pager_command(void) {
    const char *own = getenv("VITC_PAGER"), *any = getenv("PAGER"), *chosen = own ? own : any;
    if (!chosen) return USUAL;
    bool none =
        !chosen[strspn(chosen, BLANKS)] || strcmp(chosen, "cat") == 0 || (own && strcmp(own, "off") == 0);
    return none ? NULL : chosen;
}

static void be_pager(const char *command, int in) {
    if (dup2(in, STDIN_FILENO) < 0) _exit(127);
    signal(SIGPIPE, SIG_DFL);
    setenv("LESS", "FRX", 0); /* for a $PAGER of `less` alone, as git does */
    char program[256] = "";
    command += strspn(command, BLANKS);
    size_t n = strcspn(command, BLANKS);
    bool plain = strcspn(command, BLANKS "=;&|<>()$`\\\"'*?[#~!{") == n && n < sizeof program;
    if (plain) memcpy(program, command, n);
    execl("/bin/sh", "sh", "-c", RUN, "sh", program, command, (char *)NULL);
    _exit(127);
}

Pager pager_open(bool wanted) {
    Pager pager = {.out = stdout, .terminal = vt_terminal(stdout)};
    const char *command = wanted && pager.terminal.terminal ? pager_command() : NULL;
    int ends[2];
    if (!command || pipe2(ends, O_CLOEXEC) != 0) return pager;
    fflush(NULL);
    FILE *out = fdopen(ends[1], "w");
    pager.child = out ? fork() : -1;
    if (pager.child == 0) be_pager(command, ends[0]);
    close(ends[0]);
    if (pager.child < 0) { /* then without one */
        pager.child = 0;
        if (out)
            fclose(out);
        else
            close(ends[1]);
        return pager;
    }
    signal(SIGPIPE, SIG_IGN);
    pager.out = out;
    return pager;
}

void pager_close(Pager *pager) {
    if (!pager->child) return;
    signal(SIGINT, SIG_IGN); /* is for the pager, which has the terminal */
    signal(SIGQUIT, SIG_IGN);
    fclose(pager->out); /* where it was left early, the rest is of no interest */
    while (waitpid(pager->child, NULL, 0) < 0 && errno == EINTR) continue;
    signal(SIGINT, SIG_DFL);
    signal(SIGQUIT, SIG_DFL);
    pager->child = 0;
    pager->out = stdout;
}
