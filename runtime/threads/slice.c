/* Slices of threads that meet each other: see slice.h. A thread that is woken at a meeting gets the core when the slice
 * of whoever has it is over, which may be milliseconds; one of shorter slices gets it at once, as long as it has had no
 * more than its share (earliest eligible virtual deadline first). */
#include "runtime/threads/slice.h"

#include <sched.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SHORT = 100 * 1000 }; /* nanoseconds, the least that Linux takes */

/* sched_attr of sched_setattr(2), in its first version. */
typedef struct {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
} Attributes;

static bool read_attributes(Attributes *attributes) {
    *attributes = (Attributes){.size = sizeof *attributes};
    return syscall(SYS_sched_getattr, 0, attributes, sizeof *attributes, 0) == 0 &&
           (attributes->policy == SCHED_OTHER || attributes->policy == SCHED_BATCH);
}

uint64_t vt_slice_shorten(void) {
    Attributes attributes;
    if (!read_attributes(&attributes) || attributes.runtime <= SHORT) return 0;
    uint64_t before = attributes.runtime;
    attributes.runtime = SHORT;
    return syscall(SYS_sched_setattr, 0, &attributes, 0) == 0 ? before : 0;
}

void vt_slice_restore(uint64_t before) {
    Attributes attributes;
    if (!before || !read_attributes(&attributes)) return;
    attributes.runtime = before;
    syscall(SYS_sched_setattr, 0, &attributes, 0);
}
