/* Two stages of a function, matched: what diff.h is made from. */
#ifndef VITC_INSPECT_TEXT_DIFF_MATCH_H
#define VITC_INSPECT_TEXT_DIFF_MATCH_H

#include "inspect/text/diff.h"

/* Which values and kernels of two stages are the same; IR_NONE: none is. */
typedef struct {
    Arena *arena;
    const Func *before, *after;
    ValueId *to_after, *to_before;
    uint32_t *kernel_after, *kernel_before; /* by number of a kernel of `before`; of `after` */
    bool reordered;
    const uint32_t *became; /* by number: what stands for the value since; itself where nothing else does */
    const char *
        *became_source; /* by number: the input or state that stands for the value since; NULL: none */
    uint32_t numbers;   /* of both functions */
} Matching;

/* remarks, stage: as diff_make has them. */
Matching diff_match(Arena *arena, const Func *before, const Func *after, const Remarks *remarks, int stage);
/* Whether a value of `before` is one of `after`: of one number, or that of what stands for it; an input or state of one
 * name. */
bool diff_same(const Matching *m, ValueId before, ValueId after);
/* What of a value or kernel that is in both is another: DIFF_…. */
unsigned diff_value(const Matching *m, ValueId before, ValueId after);
unsigned diff_kernel(const Matching *m, uint32_t before, uint32_t after);

#endif
