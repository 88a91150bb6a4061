/* One kernel: its loops, the values it computes inside them, what it loads and what it stores.
 *
 * A kernel is built from its *root*, the last of its values, towards the operands: kernel_from_root makes one with the
 * root alone, kernel_fits says whether a further value can be computed in the same loops, kernel_join adds it. The pass
 * `fuse` decides in this way what is computed together. The result is kept in the plan (ir/plan/plan.h), and is the
 * same whenever it is derived from the same nodes (kernel_derive). The kernel of a product may contain a second one,
 * its prologue (ir/plan/prologue.h).
 *
 * Kernels and all their arrays lie in the arena of the function's module, or in the one that the maker passes. */
#ifndef VITC_IR_KERNEL_H
#define VITC_IR_KERNEL_H

#include "ir/plan/access.h"

typedef enum {
    KERNEL_LOOP, /* elementwise loops; with `rows`, also reductions along the loops first_inner.. of each row */
    KERNEL_COLUMN, /* a sum or maximum over R of [outer, R, inner]; the result does not depend on the loops over R */
    KERNEL_MATMUL, /* a matrix product or an attention (`core`), and elementwise loops over its result (epilogue) */
    KERNEL_PACK,  /* operator pack: lays a matrix that is in memory out in panels */
    KERNEL_OTHER, /* a call of one C function (kernel column FUNCTION in ir/ops.def): all operands in memory */
} KernelKind;

/* Limits of a kernel's size; a value beyond them is stored to memory by another kernel instead. They bound the time
 * that LLVM needs, which grows faster than the length of a function, and the depth of recursion from a value to its
 * operands. */
enum {
    KERNEL_MEMBERS = 2048,
    KERNEL_DEPTH = 512,    /* members on a path from operand to result */
    KERNEL_REDUCTIONS = 8, /* reductions on such a path: each recomputes its operand along the row */
    KERNEL_WAYS = 64       /* alternatives through pad and concat: each has a copy of the code below it */
};

/* Of all paths from a value up to the kernel's results, the most of each: members, reductions, choices (pad, concat),
 * and the alternatives that these choices make together. Compared with the limits above. */
typedef struct {
    int members, reductions, choices, ways;
} KernelReach;

/* What can keep a value out of a kernel. */
typedef enum {
    FIT_GOOD,
    FIT_MEMBERS,
    FIT_DEPTH,
    FIT_REDUCTIONS,
    FIT_WAYS,
    FIT_CALL,
    FIT_OPERATOR,
    FIT_BLOCK_ROOT,
    FIT_BLOCK_COLUMNS,
    FIT_NO_ROWS,
    FIT_AXES,
    FIT_ALONG_ROW,
    FIT_ROW_LENGTH,
    FIT_AGAIN,
    FIT_LONG_ROW,
    FIT_CORE,
    FIT_ELEMENTS,
    FIT_PRODUCT_TYPE,
    FIT_BLOCK_TILES,
    FIT_PRODUCT_LOOPS,
    FIT_COUNT
} KernelFit;

typedef struct {
    ValueId value;
    /* Where, in the loops; rank -1: a view through which a product reads its operand in memory. */
    Access access;
} KernelMember;

typedef struct {
    ValueId value;
    bool in_memory; /* read in memory by strides (an operand of the core), not at an access */
    KernelReach reach;
    uint32_t next; /* number of the next use of the same value; IR_NONE: none */
    Access access; /* if not in_memory */
} KernelUse;

/* Single kernels are spread over so many threads at most. */
enum { LANES = 8 };

typedef struct Kernel {
    KernelKind kind;
    bool rows;       /* LOOP: it has reductions along rows */
    int first_inner; /* the first of the loops that make up a row; those before it count rows */
    Domain domain;
    ValueId core;          /* MATMUL, COLUMN: the product, the reduction; else IR_NONE */
    KernelMember *members; /* in the order they were added: users before their operands */
    size_t n_members, members_capacity;
    KernelUse *uses; /* of operands of members, members or not */
    size_t n_uses, uses_capacity;
    uint32_t *use_slots; /* hash table, if uses are many: the number + 1 of a value's first use */
    size_t n_use_slots, n_used;
    struct Kernel *prologue; /* or NULL; what it loads is among the uses of this kernel too */

    bool unfit;          /* its nodes do not fit into one kernel; only a hand-written text can ask for that */
    ValueId first, last; /* its nodes are first..last of Func.nodes; the prologue's come first */
    bool again;          /* rematerialisation: computes what an earlier kernel computed (pass `remat`) */

    /* Filled in by plan_index from the kernels around it. */
    ValueId *reads; /* values of other kernels and sources, each once, in the order of their first use */
    size_t n_reads;
    ValueId *stores; /* those of its values that reach memory, in order */
    size_t n_stores;
    /* Pass `barriers`. */
    bool barrier; /* threads wait before it for what others do; of a chain's kernels only the first has one */
    uint32_t after; /* then: until all are past the kernels, and copies behind them, below this number */
    bool single;    /* too little work to share: one thread runs it alone … */
    uint32_t lane;  /* … that of this number, as far as there are so many threads */
} Kernel;

/* A kernel that computes `value`, its root, alone. */
Kernel kernel_from_root(Arena *arena, const Func *func, ValueId value);
/* Whether `value` can be computed inside the kernel, at `access`, which is where a member uses it: FIT_GOOD, or the
 * first thing that forbids it. */
KernelFit kernel_fit(const Func *func, const Kernel *kernel, ValueId value, const Access *access);
static inline bool kernel_fits(const Func *func, const Kernel *kernel, ValueId value, const Access *access) {
    return kernel_fit(func, kernel, value, access) == FIT_GOOD;
}
const char *kernel_fit_text(KernelFit fit); /* "rows of the kernel have another length" */
/* Makes `value`, which fits, a member, and its operands uses. May split loops of the domain, and so change accesses. */
void kernel_join(Arena *arena, const Func *func, Kernel *kernel, ValueId value, const Access *access);
/* Whether an elementwise value that no member uses can be a further root of the kernel: it has the dimensions of the
 * root, and so runs along the same loops. */
bool kernel_may_root(const Func *func, const Kernel *kernel, ValueId value);
/* Whether the kernel's loops, computing `value` at `access`, compute each of its elements exactly once, so that the
 * kernel can store it. */
bool kernel_covers(const Func *func, const Kernel *kernel, ValueId value, const Access *access);

/* The kernel of the nodes first..last. The root is the last; there may be further ones, elementwise like the root and
 * of its dimensions, or of one element in a kernel of scalars. For passes that change what a kernel holds, the parser
 * and the verifier; everything else reads the plan. If the nodes do not fit into one kernel the result is `unfit`. */
Kernel kernel_derive(Arena *arena, const Func *func, ValueId first, ValueId last);
/* Whether a reduction has a form that kernels know, dropping what it reduces: of the last axes, which are a row, or of
 * one axis before several columns. Pass `reductions` brings them all into these. */
bool kernel_reduces(const Func *func, const Node *node);
/* Why the nodes do not make a kernel, in words that continue "value %N …"; NULL: they do. */
const char *kernel_fault(const Func *func, ValueId first, ValueId last);

/* ---- copy.c: kernels whose nodes get other numbers --------------------------------------------------------------- */

/* In place: value v becomes map[v]. `map` must keep the order of the kernel's nodes, and number what the kernel reads
 * before them. */
void kernel_renumber(Arena *arena, Kernel *kernel, const ValueId *map);
/* A deep copy in the arena, without reads, stores and barrier. */
Kernel kernel_copy(Arena *arena, const Kernel *kernel);
/* Whether they have the same nodes, loops, members and uses. */
bool kernel_equal(const Kernel *a, const Kernel *b);

static inline bool kernel_has(const Kernel *kernel, ValueId value) {
    return value >= kernel->first && value <= kernel->last;
}
/* The member that computes `value`, NULL if none does. */
const KernelMember *kernel_member(const Kernel *kernel, ValueId value);

/* The number of the first use of a value (further ones: KernelUse.next); IR_NONE: it is not used. */
uint32_t kernel_first_use(const Kernel *kernel, ValueId value);
/* Builds use_slots again, after uses were changed by hand. */
void kernel_index_uses(Arena *arena, Kernel *kernel);

/* Where an operand of a product lies in memory: `base` is the value that is stored, the operand a view of it. Element
 * (i_0, i_1, …) of the operand is element offset + sum_k stride[k] * i_k of `base`.
 *
 * Windows of an image (operator `windows`) that a matrix product reads have no stride along their rows and columns.
 * They are nests of loops: index i_k of the operand counts through the loops of dimension k, outermost first, and the
 * element is offset + the sum of stride * loop over all loops. */
typedef struct {
    int dim; /* of the operand */
    int64_t extent, stride;
} StridedLoop;
typedef struct {
    ValueId base;
    int64_t offset, stride[IR_MAX_RANK];
    int n_loops; /* 0: the strides say all */
    StridedLoop loops[DOMAIN_MAX];
} Strided;
/* `product`: the node that reads it as its operand number `operand`. views: room for KERNEL_VIEWS. */
enum { KERNEL_VIEWS = 16 };
Strided kernel_operand(const Func *func, const Node *product, int operand, ValueId *views, int *n_views);

/* The block reduction (sum_rows, moments) that is the root of the kernel; IR_NONE: its root is another operator. */
ValueId kernel_block_reduction(const Func *func, const Kernel *kernel);
/* The access at which that takes its operand number `operand`, of N columns. Loops of domain_stride >= N run along
 * rows, the others along columns. */
const Access *kernel_block_operand(const Func *func, const Kernel *kernel, int operand);

/* Whether `value` is a `pack` of a value that the same kernel computes: each element is stored in its panel as soon as
 * it is computed. Such a member has the access of its operand. */
bool kernel_packs(const Func *func, const Kernel *kernel, ValueId value);
/* Makes `pack` a member of the kernel if that computes its operand; else does nothing. */
void kernel_join_pack(Arena *arena, const Func *func, Kernel *kernel, ValueId pack);

/* "loops", "rows" (with reductions along them), "column", "product", "pack", "function" (in C). */
const char *kernel_kind_name(const Kernel *kernel);

bool access_uses_loop(const Access *access, int loop);

#endif
