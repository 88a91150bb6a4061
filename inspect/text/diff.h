/* What a pass changed, as data: the values of a function before and after it, matched by their numbers, and its
 * kernels, matched by their values. Neither order nor other numbers are a change. diff_text.h and diff_json.h show
 * it. */
#ifndef VITC_INSPECT_TEXT_DIFF_H
#define VITC_INSPECT_TEXT_DIFF_H

#include "inspect/inspect.h"
#include "ir/plan/plan.h"

/* What is another: of a value, then of a kernel. */
enum {
    DIFF_OPERATOR = 1,
    DIFF_OPERANDS = 2,
    DIFF_ATTRIBUTES = 4,
    DIFF_TYPE = 8,
    DIFF_PLACE = 16,
    DIFF_KERNEL = 32, /* which it is in */
    DIFF_LOOPS = 64,
    DIFF_MEMBERS = 128,
    DIFF_READS = 256,
    DIFF_STORES = 512,
    DIFF_CHAIN = 1024,
    DIFF_BARRIER = 2048,
    DIFF_MARKS = 4096 /* again, single, prologue */
};
enum { N_DIFF_WORDS = 13 };
extern const char *const DIFF_WORDS[N_DIFF_WORDS];  /* by bit: "operator", "operands" … */
const char *diff_what(Arena *arena, unsigned what); /* "operands, type" */

typedef struct {
    bool kernel;            /* else a value */
    uint32_t before, after; /* ids of values, numbers of kernels from 0; IR_NONE: it is new; it is gone */
    unsigned what;          /* of one that is in both */
    const Remark *remark;   /* the last that the pass made of the value; NULL: none */
} DiffItem;

/* Changes in one module, by the scope of values; of kernels, of the values that they are named after. */
typedef struct {
    const char *scope; /* "": none */
    DiffItem *items;   /* in the order of the function */
    size_t count, capacity;
    /* Hunks of modules that differ in their numbers alone ("blocks.3.attn"), and whose changes are alike: the first of
     * them has the number of all, the others 0. */
    uint32_t alike;
    uint32_t first_alike; /* the hunk that stands for it; itself */
} DiffHunk;

typedef struct {
    size_t before, after, gone, made, changed;
} DiffCounts;

typedef struct {
    const Func *before, *after; /* NULL: the function is new; gone */
    DiffCounts values, kernels;
    bool reordered; /* what is in both stands in another order */
    bool room;      /* its line is another: bytes of the arena, barriers */
    DiffHunk *hunks;
    size_t n_hunks, hunks_capacity;
    /* Outputs and updates whose value is another, or that are new: their numbers in `after`. */
    uint32_t *outputs, *updates;
    size_t n_outputs, n_updates;
} FuncDiff;

/* Of a function at two stages, one behind the other; either may be NULL. remarks: those of the pass `stage` between
 * them tell which value stands for another since, so that who reads that one now has not changed; NULL: none do.
 * only: hunks of these modules (only_matches), NULL: all; counts are of all. In the arena. */
FuncDiff *diff_make(Arena *arena, const Func *before, const Func *after, const Remarks *remarks, int stage,
                    const char *only);
/* The same without hunks: the counts alone, quick. */
FuncDiff diff_count(Arena *arena, const Func *before, const Func *after, const Remarks *remarks, int stage);
bool diff_is_empty(const FuncDiff *diff); /* order aside */

#endif
