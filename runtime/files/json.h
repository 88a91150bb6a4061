/* JSON when memory runs out: jansson calls it a syntax error, or leaves a part out, of what it reads and of what it
 * writes. */
#ifndef VITC_RUNTIME_FILES_JSON_H
#define VITC_RUNTIME_FILES_JSON_H

#include <jansson.h>
#include <stddef.h>

/* NULL: `why` says what is wrong with the text, or is "out of memory", and then errno is ENOMEM. The caller's to
 * json_decref. */
json_t *vt_json_load(const char *text, size_t size, size_t flags, char *why, size_t why_size);
/* malloc'ed; NULL: out of memory, or a string is no UTF-8. */
char *vt_json_text(const json_t *value, size_t flags);

#endif
