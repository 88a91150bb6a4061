/* The plan of a function: which kernels compute it, in which order, and where each value lies. The pass `fuse` makes
 * it, the passes behind it rewrite it, codegen walks it once.
 *
 * The nodes of a kernel lie together, kernels in the order they run in; inputs and states are of no kernel. Kernels
 * are made by passes that change what one holds; others carry them over (PlanRewrite). What follows from the order
 * (what kernels read and store, places, copies) is found anew whenever it changes (plan_index). */
#ifndef VITC_IR_PLAN_PLAN_H
#define VITC_IR_PLAN_PLAN_H

#include "ir/plan/kernel.h"

typedef enum {
    PLACE_LOOPS, /* nowhere in memory: inside its kernel's loops */
    PLACE_INPUT,
    PLACE_STATE, /* of values that kernels compute: a state that is updated in place */
    PLACE_OUTPUT,
    PLACE_ARENA,
    PLACE_BLOCK, /* block by block of its chain, in memory of the thread that computes it (pass `chain`) */
    PLACE_STAGE, /* of copies alone: spare bytes after the arena */
    PLACE_KINDS
} PlaceKind;
extern const char *const PLACE_NAMES[PLACE_KINDS]; /* "arena" */

typedef struct {
    PlaceKind kind;
    uint32_t index; /* of the input, state or output */
    int64_t
        offset; /* byte in the arena, the thread's block or the stage; -1: not laid out yet (pass `memory`) */
} Place;

/* What happens after all kernels with an output or a new state that no kernel writes where it belongs. A state that
 * becomes another goes by way of the stage, as updates may swap states. */
typedef struct {
    ValueId value;
    Place from, to;
    bool barrier, single; /* as Kernel's */
} PlaceCopy;

/* Kernels that run one after another for a block of what they compute, and then for the next, instead of each for
 * all: what one hands on is then still in the cache. All they hand on consists of `units` equal units (images,
 * rows), of which `size` are a block; the last may have fewer. Threads share the blocks. */
typedef struct {
    uint32_t first, last; /* kernels */
    int64_t units, size;
} Chain;
/* Of n that belong to all units, those of a block. */
static inline int64_t chain_share(const Chain *chain, int64_t n) {
    return n / chain->units * chain->size;
}
static inline int64_t chain_blocks(const Chain *chain) {
    return (chain->units + chain->size - 1) / chain->size;
}

struct Plan {
    Kernel *kernels; /* in order of execution */
    size_t n_kernels, kernels_capacity;
    uint32_t *kernel_of; /* of each value; IR_NONE: a source */
    Place *places;       /* of each value */
    PlaceCopy *copies;
    size_t n_copies;
    Chain *chains; /* in order */
    size_t n_chains, chains_capacity;
    bool laid_out; /* by the pass `memory`: offsets are known */
    int64_t arena_bytes;
    int64_t block_bytes; /* of each thread: the block values of the chain it works on */
    int64_t stage_bytes;
    bool has_barriers; /* by the pass `barriers` */
};

/* ---- plan.c, signature.c ----------------------------------------------------------------------------------------- */

typedef struct {
    ValueId first, last;
} NodeSpan;

/* Makes func->plan of kernels that are derived from their nodes. */
void plan_derive(Func *func, const NodeSpan *spans, size_t n);
/* The chain that kernel number k is part of, or NULL. */
const Chain *plan_chain(const Plan *plan, uint32_t k);
/* The kernel that computes a value, or NULL. */
static inline const Kernel *plan_kernel(const Plan *plan, ValueId value) {
    return plan->kernel_of[value] == IR_NONE ? NULL : &plan->kernels[plan->kernel_of[value]];
}
/* Of a function with n_values values. */
Plan *plan_clone(const Plan *plan, size_t n_values, Arena *arena);

/* Rewriting a function kernel by kernel. Sources are copied at the beginning; chains, offsets and barriers go. */
typedef struct {
    Rewrite nodes;
    Plan *old, *plan; /* old: NULL if there was none. Its kernels are taken over, not copied: each once */
    ValueId begun;    /* the first node of the kernel being made */
} PlanRewrite;
PlanRewrite plan_rewrite_begin(Func *func);
/* Old kernel number k, its nodes copied, comes next. */
void plan_rewrite_kernel(PlanRewrite *rewrite, uint32_t k);
/* The nodes emitted since the last kernel are one: as its nodes make it ... */
Kernel *plan_rewrite_derive(PlanRewrite *rewrite);
/* ... or `kernel`, whose values were numbered as `map` says. */
Kernel *plan_rewrite_take(PlanRewrite *rewrite, Kernel kernel, const ValueId *map);
void plan_rewrite_end(PlanRewrite *rewrite);
/* Kernel order[i] becomes number i. */
void plan_reorder(Func *func, const uint32_t *order);

/* What a kernel is called with, in this order: pointers to what it stores, to what it reads, to its literals
 * (node_is_literal) if it has any, and, if it is a product's, to a thread's scratch. */
typedef struct {
    int stores, reads, literals, scratch; /* how many */
} Signature;
Signature kernel_signature(const Func *func, const Kernel *kernel);
/* The number of an argument. IR_NONE: scratch if stored, else the literals. */
int kernel_argument(const Func *func, const Kernel *kernel, ValueId value, bool stored);
/* A constant that equal kernels may differ in (the rates of drop path, by depth): an argument of the code. Whole
 * numbers and powers of two, which code can profit from, are part of it. */
bool node_is_literal(const Node *node);

/* ---- place.c ----------------------------------------------------------------------------------------------------- */

/* Of the kernels, which are there: kernel_of, reads, stores, places and copies. */
void plan_index(Func *func);
/* Places that values would have if kernel k ran at[k]-th; kernels of the same number would be one. In the arena;
 * offsets are unknown. */
Place *plan_places(Arena *arena, const Func *func, const uint32_t *at);

/* The copies and stage_bytes, from the places that are there. */
void plan_find_copies(Arena *arena, Func *func);

/* ---- hazards.c --------------------------------------------------------------------------------------------------- */

/* What runs between two meetings of the team: a chain, a kernel of none, or a copy. */
typedef struct {
    uint32_t first, end; /* kernels; past the last of them: copies, n_kernels + number */
} PlanStep;
/* Goes through the steps and calls `met` with each and whether it touches what a step since the last meeting wrote,
 * or writes what one touched, but for two that are both of the first thread alone. `met` says whether the team meets
 * before it. */
void plan_walk_hazards(const Func *func, bool (*met)(void *user, PlanStep step, bool hazard), void *user);

/* ---- ir/verify/plan.c -------------------------------------------------------------------------------------------- */

/* Checks a function's plan against its nodes, which are valid. Adds at most `most` errors; their number. */
int plan_verify(const Func *func, Diags *diags, int most);

#endif
