/* How a command says that it failed. */
#include "driver/driver.h"

#include <stdarg.h>

int fail(int code, const char *format, ...) {
    char message[1 << 14]; /* also when there is no memory left to ask for */
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    fputs("vitc: ", stderr);
    diag_put_text(message, stderr); /* it may hold names that others chose */
    fputc('\n', stderr);
    return code;
}
