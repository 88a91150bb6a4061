/* Reading JSON, where running out of memory is told from text that is none: jansson calls both a syntax error. */
#ifndef VITC_RUNTIME_JSON_H
#define VITC_RUNTIME_JSON_H

#include "runtime/runtime.h"
#include <jansson.h>

/* NULL: `why` says what is wrong with the text, or is "out of memory", and then errno is ENOMEM. The caller's to json_decref. */
json_t *vt_json_load(const char *text, size_t size, size_t flags, char *why, size_t why_size);

#endif
