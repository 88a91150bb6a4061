/* Memory that is refused is noted: see noted.h. */
#include "runtime/base/noted.h"

#include <stdlib.h>

static _Thread_local bool refused;

void noted_begin(void) {
    refused = false;
}

bool noted_failed(void) {
    return refused;
}

static void *note(void *memory) {
    if (!memory) refused = true;
    return memory;
}

void *noted_malloc(size_t size) {
    return note(malloc(size ? size : 1));
}

void *noted_calloc(size_t n, size_t size) {
    return note(calloc(n ? n : 1, size ? size : 1));
}

void *noted_realloc(void *old, size_t size) {
    return note(realloc(old, size ? size : 1));
}
