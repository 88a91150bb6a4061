/* Errors of the runtime: one message, one exit code. */
#include "runtime/base/error.h"
#include "runtime/base/stop.h"
#include "runtime/base/terminal.h"

#include <stdarg.h>
#include <stdio.h>

static void fill(VtError *error, int code, bool bad_image, const char *format, va_list args) {
    error->code = code;
    error->bad_image = bad_image;
    error->stopped = error->not_finite = false;
    char message[sizeof error->message];
    vsnprintf(message, sizeof message, format, args); /* args may be the message that was there */
    vt_show_text(message, error->message, sizeof error->message);
}

bool vt_fail(VtError *error, int code, const char *format, ...) {
    if (!error) return false;
    va_list args;
    va_start(args, format);
    fill(error, code, false, format, args);
    va_end(args);
    return false;
}

bool vt_bad_image(VtError *error, const char *format, ...) {
    if (!error) return false;
    va_list args;
    va_start(args, format);
    fill(error, 1, true, format, args);
    va_end(args);
    return false;
}

bool vt_stopped(VtError *error) {
    vt_fail(error, 1, "stopped by signal %d", vt_stop_signal());
    if (error) error->stopped = true;
    return false;
}
