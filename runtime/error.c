/* Errors of the runtime: one message, one exit code. */
#include "runtime/runtime.h"

#include <stdarg.h>

bool vt_fail(VtError *error, int code, const char *format, ...) {
    if (!error) return false;
    va_list args;
    va_start(args, format);
    error->code = code;
    vsnprintf(error->message, sizeof error->message, format, args);
    va_end(args);
    return false;
}
