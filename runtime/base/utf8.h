/* Names come from files, archives and command lines, and may be anything; JSON holds UTF-8 alone. */
#ifndef VITC_RUNTIME_BASE_UTF8_H
#define VITC_RUNTIME_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No overlong forms, no surrogates. */
bool vt_is_utf8(const void *bytes, size_t n);

#endif
