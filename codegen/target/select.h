/* Which target a text means, as --target has it, and which of them run here. */
#ifndef VITC_CODEGEN_TARGET_SELECT_H
#define VITC_CODEGEN_TARGET_SELECT_H

#include "codegen/target.h"
#include <stddef.h>

enum { TARGET_WHY = 160 };

/* Whether this machine has all that code for the target uses; what needs permission has it then. If not, `why`
 * (which may be NULL) says it: "this machine lacks avx512f". */
bool target_runs_here(const Target *target, char *why); /* of TARGET_WHY bytes */

/* For lists of targets: whether it runs here, or why not, and whether it can be `native`. Returns `out`. */
const char *target_tell(const Target *target, char out[TARGET_WHY]);

typedef struct {
    const Target *target;
    bool native; /* the best that this machine has, so that code is for its cores and caches too */
} TargetChoice;

/* text: NULL or "native": the best that this machine has. "-avx512f,…": the best that it would have without these
 * features. Else the name of a target, which need not run here. False with a message. */
bool target_select(const char *text, TargetChoice *out, char *error, size_t size);

#endif
