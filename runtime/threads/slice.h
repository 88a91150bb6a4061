/* How long a thread runs before another of its core gets a turn. */
#ifndef VITC_RUNTIME_THREADS_SLICE_H
#define VITC_RUNTIME_THREADS_SLICE_H

#include <stdint.h>

/* Asks for short slices for the calling thread, whose share of the core stays the same: it then runs soon after it was
 * woken, also beside a process that never sleeps. Returns how long they were, in nanoseconds, for vt_slice_restore; 0:
 * nothing was changed, since the thread's policy has no slices or the system does not say. Linux heeds it from 6.12
 * on. */
uint64_t vt_slice_shorten(void);
void vt_slice_restore(uint64_t before);

#endif
