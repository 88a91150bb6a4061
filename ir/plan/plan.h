/* The plan of a function: which kernels compute it, in which order, and where each value lies. The pass `fuse` makes
 * it, the passes behind it rewrite it, codegen walks it once.
 *
 * In Func.nodes the nodes of a kernel follow each other, kernels in the order in which they run; inputs and states
 * belong to no kernel. A kernel is made when its contents are decided, by `fuse` or by a pass that changes them; passes
 * that only reorder kernels move them (PlanRewrite). What kernels read and store, places and copies follow from the
 * kernels and their order, and are computed again whenever these change (plan_index). All lies in the module's
 * arena. */
#ifndef VITC_IR_PLAN_PLAN_H
#define VITC_IR_PLAN_PLAN_H

#include "ir/plan/kernel.h"

typedef enum {
    PLACE_LOOPS, /* not in memory: it exists in registers inside its kernel's loops */
    PLACE_INPUT,
    PLACE_STATE, /* a state, or a value that its kernel writes over a state: an update in place */
    PLACE_OUTPUT,
    PLACE_ARENA, /* the function's arena, which values share over time */
    PLACE_BLOCK, /* memory of each thread that holds one block of the value at a time (pass `chain`) */
    PLACE_STAGE, /* bytes after the arena through which copies between states go */
    PLACE_KINDS
} PlaceKind;
extern const char *const PLACE_NAMES[PLACE_KINDS]; /* "arena" */

typedef struct {
    PlaceKind kind;
    uint32_t index; /* of the input, state or output */
    int64_t offset; /* bytes, of arena, block and stage; -1: not known before the pass `memory` */
} Place;

/* A copy after all kernels: of an output or a new state that no kernel could write where it belongs. The old value of
 * one state that is the new value of another is copied to the stage first, since states may be swapped. */
typedef struct {
    ValueId value;
    Place from, to;
    bool barrier, single; /* these as in Kernel */
    uint32_t after, lane;
} PlaceCopy;

/* Kernels that all run for one block of their data before any runs for the next block, so that the values between them
 * stay in the cache (loop fusion over kernels, "depth first"). The data consist of `units` equal units (images, rows);
 * a block is `size` of them, the last may have fewer. Threads share the blocks. */
typedef struct {
    uint32_t first, last; /* numbers of the kernels */
    int64_t units, size;
} Chain;
/* Of n elements or bytes of all units, the number in a block. */
static inline int64_t chain_share(const Chain *chain, int64_t n) {
    return n / chain->units * chain->size;
}
static inline int64_t chain_blocks(const Chain *chain) {
    return (chain->units + chain->size - 1) / chain->size;
}

struct Plan {
    Kernel *kernels; /* in order of execution */
    size_t n_kernels, kernels_capacity;
    uint32_t *kernel_of; /* by value: the number of its kernel; IR_NONE: an input or a state */
    Place *places;       /* by value */
    PlaceCopy *copies;
    size_t n_copies;
    Chain *chains; /* in order */
    size_t n_chains, chains_capacity;
    bool laid_out; /* the pass `memory` has run: offsets and bytes are known */
    int64_t arena_bytes;
    int64_t block_bytes; /* for each thread: what the chain with the most block values needs */
    int64_t stage_bytes;
    bool has_barriers; /* the pass `barriers` has run */
};

/* ---- plan.c, signature.c ----------------------------------------------------------------------------------------- */

typedef struct {
    ValueId first, last;
} NodeSpan;

/* Makes func->plan: kernel i is derived from the nodes spans[i]. */
void plan_derive(Func *func, const NodeSpan *spans, size_t n);
/* The chain that kernel number k is part of, or NULL. */
const Chain *plan_chain(const Plan *plan, uint32_t k);
/* The kernel that computes a value, or NULL. */
static inline const Kernel *plan_kernel(const Plan *plan, ValueId value) {
    return plan->kernel_of[value] == IR_NONE ? NULL : &plan->kernels[plan->kernel_of[value]];
}
/* By which remarks call a kernel: the number of the first value that it stores. */
static inline uint32_t kernel_number(const Func *func, const Kernel *kernel) {
    return func_node(func, kernel->n_stores ? kernel->stores[0] : kernel->last)->number;
}
/* A deep copy for a function with n_values values. */
Plan *plan_clone(const Plan *plan, size_t n_values, Arena *arena);

/* Rewriting a function kernel by kernel, in place of the old nodes. Inputs and states are copied at the beginning; the
 * new plan has no chains, offsets and barriers. Between begin and end nodes are emitted by rewrite->nodes; each of the
 * three calls below ends a kernel. */
typedef struct {
    Rewrite nodes;
    Plan *old,
        *plan;     /* old: NULL if there was none. Its kernels are moved, not copied: each can be used once */
    ValueId begun; /* the first node of the kernel being made */
} PlanRewrite;
PlanRewrite plan_rewrite_begin(Func *func);
/* Copies the nodes of old kernel number k and moves the kernel. */
void plan_rewrite_kernel(PlanRewrite *rewrite, uint32_t k);
/* Makes a kernel of the nodes emitted since the last kernel, derived from them. */
Kernel *plan_rewrite_derive(PlanRewrite *rewrite);
/* Makes these nodes the kernel `kernel`, in which value v is renumbered to map[v]. */
Kernel *plan_rewrite_take(PlanRewrite *rewrite, Kernel kernel, const ValueId *map);
void plan_rewrite_end(PlanRewrite *rewrite);
/* Reorders kernels and their nodes: kernel number order[i] becomes number i. */
void plan_reorder(Func *func, const uint32_t *order);

/* What a kernel is called with, in this order: pointers to what it stores, to what it reads, to its literals
 * (node_is_literal) if it has any, and, if it is a product's, to a thread's scratch. */
typedef struct {
    int stores, reads, literals, scratch; /* how many */
} Signature;
Signature kernel_signature(const Func *func, const Kernel *kernel);
/* The position of a value's pointer among the arguments. IR_NONE for the value: that of the scratch if `stored`, else
 * of the literals. */
int kernel_argument(const Func *func, const Kernel *kernel, ValueId value, bool stored);
/* Whether the node is a constant that is passed as an argument, so that kernels which differ in it alone (the rates of
 * drop path) share code: of f32, or of i32 beyond what is counted (2^24; thresholds of random numbers). Integers and
 * powers of two, which code can profit from, stay in the code. */
bool node_is_literal(const Node *node);

/* ---- place.c ----------------------------------------------------------------------------------------------------- */

/* Computes kernel_of, reads, stores, places and copies from the kernels and their order. */
void plan_index(Func *func);
/* The places that values would have if kernel k ran at[k]-th, kernels of the same number as one; without offsets. The
 * array is in `arena`. */
Place *plan_places(Arena *arena, const Func *func, const uint32_t *at);

/* Of each update, why its value cannot be written over the state, and is copied; NULL: it is, or is no value of a
 * kernel. The array is in `arena`. */
const char **plan_copied_updates(Arena *arena, const Func *func);
/* Computes copies and stage_bytes from the places. */
void plan_find_copies(Arena *arena, Func *func);

/* ---- room.c: once the function and the bodies of its loops are laid out ------------------------------------------ */

/* Bytes of the arena that a function takes: its own, with the stage; and with what its loops take behind that, one at a
 * time: two slots for each value that they carry, and the room of the body. */
int64_t plan_own_bytes(const Func *func);
int64_t plan_slot_bytes(const Func *func, const Node *loop);
int64_t plan_room(const Func *func);

/* ---- hazards.c --------------------------------------------------------------------------------------------------- */

/* What a barrier can stand before: a chain, a kernel that is in no chain, or a copy. */
typedef struct {
    uint32_t first, end; /* numbers of kernels; copy number i is n_kernels + i */
} PlanStep;
/* Why threads must wait before a step: it reads what an earlier one wrote, or writes what one read or wrote, and nobody
 * has waited for that one yet. Steps of one lane follow each other on one thread and are no hazard for each other. */
typedef struct {
    ValueId value, other; /* what the step touches, and what the other one did in the same place */
    bool writes;          /* the step does */
    uint32_t after;       /* the end (PlanStep) of the last step that it must not overlap with */
} Hazard;
/* Calls `visit` for each step in order, with the last of its hazards, or NULL. `visit` returns up to which step threads
 * wait before this one (Kernel.after); 0: they do not. All threads wait that share it, or the one of its lane, which
 * the others then know nothing of; before a loop all wait for all steps. */
void plan_walk_hazards(const Func *func, uint32_t (*visit)(void *user, PlanStep step, const Hazard *hazard),
                       void *user);

/* ---- ir/verify/plan.c -------------------------------------------------------------------------------------------- */

/* Checks a function's plan against its nodes, which must be valid. Adds at most `most` errors to `diags`, returns their
 * number. */
int plan_verify(const Func *func, Diags *diags, int most);

#endif
