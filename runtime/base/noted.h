/* Memory for libraries that report damaged data when in truth memory ran out: a refusal is noted for the thread that
 * asked, so that the two can be told apart. */
#ifndef VITC_RUNTIME_BASE_NOTED_H
#define VITC_RUNTIME_BASE_NOTED_H

#include <stdbool.h>
#include <stddef.h>

void noted_begin(void);  /* forgets what was */
bool noted_failed(void); /* since then memory was refused to this thread */
void *noted_malloc(size_t size);

#endif
