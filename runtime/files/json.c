/* JSON and memory: see json.h. */
#include "runtime/files/json.h"
#include "runtime/base/noted.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Not where a program that we are a library of has functions of its own there. */
static void set_functions(void) {
    json_malloc_t present;
    json_get_alloc_funcs(&present, NULL);
    if (present == malloc) json_set_alloc_funcs(noted_malloc, free);
}

static void begin(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_functions);
    noted_begin();
}

json_t *vt_json_load(const char *text, size_t size, size_t flags, char *why, size_t why_size) {
    json_error_t problem;
    begin();
    json_t *value = json_loadb(text, size, flags, &problem);
    if (value && !noted_failed()) return value;
    json_decref(value); /* without what there was no room for */
    snprintf(why, why_size, "%s", noted_failed() ? "out of memory" : problem.text);
    errno = noted_failed() ? ENOMEM : EINVAL;
    return NULL;
}

char *vt_json_text(const json_t *value, size_t flags) {
    begin();
    json_free_t release;
    json_get_alloc_funcs(NULL, &release);
    char *text = json_dumps(value, flags), *copy = NULL;
    if (release == free && !noted_failed()) return text;
    if (text && !noted_failed()) copy = strdup(text); /* of other functions' memory */
    if (text) release(text);
    return copy;
}
