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

void *noted_malloc(size_t size) {
    void *memory = malloc(size ? size : 1);
    if (!memory) refused = true;
    return memory;
}
