/* How far work is, on a terminal: a line that is written over, at most once a second, and the last one in any case. */
#ifndef VITC_COMMAND_PROGRESS_H
#define VITC_COMMAND_PROGRESS_H

#include <stdint.h>

typedef struct {
    const char *what; /* "training images" */
    double told;      /* when it was told last; 0: never */
} Progress;
/* "WHAT: 100 of 5000 DETAIL"; detail may be NULL. Nothing where standard error is no terminal. */
void progress_tell(Progress *progress, int64_t done, int64_t all, const char *detail);

#endif
