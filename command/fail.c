/* Which command this process is, and how it says that it failed. */
#include "command/command.h"
#include "runtime/base/nearest.h"

#include <stdarg.h>
#include <stdio.h>

const Command *command;

int fail(int code, const char *format, ...) {
    char message[1 << 14], shown[1 << 14]; /* also when there is no memory left to ask for */
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    /* it may hold names that others chose */
    fprintf(stderr, "%s: %s\n", command->name, vt_show_text(message, shown, sizeof shown));
    return code;
}

int unknown_word(const char *what, const char *word, const char *const *names, size_t n, const char *listed) {
    const char *near = vt_nearest(word, names, n);
    if (near) return fail(2, "%s '%s'; did you mean '%s'?", what, word, near);
    return fail(2, "%s '%s' (%s lists them)", what, word, listed);
}
