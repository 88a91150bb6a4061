/* JSON and memory: see json.h. */
#include "runtime/json.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

static _Thread_local bool ran_out;

static void *noted_malloc(size_t size) {
    void *memory = malloc(size);
    if (!memory) ran_out = true;
    return memory;
}

static void set_functions(void) {
    json_set_alloc_funcs(noted_malloc, free);
}

json_t *vt_json_load(const char *text, size_t size, size_t flags, char *why, size_t why_size) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_functions);
    json_error_t problem;
    ran_out = false;
    json_t *value = json_loadb(text, size, flags, &problem);
    if (value) return value;
    snprintf(why, why_size, "%s", ran_out ? "out of memory" : problem.text);
    errno = ran_out ? ENOMEM : EINVAL;
    return NULL;
}
