/* How far work is: see progress.h. */
#include "command/progress.h"
#include "command/command.h"
#include "runtime/base/clock.h"

void progress_tell(Progress *p, int64_t done, int64_t all, const char *detail) {
    double now = vt_now();
    if (!vt_terminal(stderr).terminal || (now - p->told < 1 && done < all)) return;
    p->told = now;
    fprintf(stderr, "\r%s: %lld of %lld%s%s%s", p->what, (long long)done, (long long)all, detail ? ", " : "",
            detail ? detail : "", done == all ? "\n" : "   ");
}
