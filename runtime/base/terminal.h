/* Names and texts as they may be shown on a terminal. */
#ifndef VITC_RUNTIME_BASE_TERMINAL_H
#define VITC_RUNTIME_BASE_TERMINAL_H

#include <stddef.h>

/* Control characters become \n, \x1b. What is not UTF-8 stays. Cut if there is no room. Returns out. */
const char *vt_show_name(const char *name, char *out, size_t size);
const char *vt_show_text(const char *text, char *out, size_t size); /* the same, but for line ends and tabs */

#endif
