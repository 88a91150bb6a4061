/* One kernel: its loops, what it computes inside them, what it loads and what it stores.
 *
 * A kernel is founded on its last value and grows towards its operands: so the pass `fuse` finds out what fits into
 * one. It is then kept in the plan (ir/plan/plan.h). A kernel follows from its nodes alone (kernel_derive). A
 * product's kernel may have a second one inside it, its prologue (ir/plan/prologue.h). */
#ifndef VITC_IR_KERNEL_H
#define VITC_IR_KERNEL_H

#include "ir/plan/access.h"

typedef enum {
    KERNEL_LOOP,   /* loops; with `rows`, reductions along the loops first_inner.. of each row */
    KERNEL_COLUMN, /* sum or largest over loop(s) its root does not use: the middle of [outer, R, inner] */
    KERNEL_MATMUL, /* a matrix product or an attention (core), and loops over its result */
    KERNEL_PACK,   /* panels of a matrix (operator pack), which it reads in memory, through views */
    KERNEL_OTHER,  /* one operator of class OTHER, or gather, unfold: all operands in memory */
} KernelKind;

/* A kernel grows up to so many members, and so many that feed each other one after another: what walks down from a
 * value to what it is computed from goes no deeper, and LLVM's time grows faster than a function's length. Nor are
 * more reductions in a row along each other's results, since each computes again what it reduces, nor choices below
 * choices. What does not fit goes by way of memory. */
enum { KERNEL_MEMBERS = 2048, KERNEL_DEPTH = 512, KERNEL_REDUCTIONS = 8, KERNEL_WAYS = 64 };

/* Of what is computed from a value in a kernel: the most members one after another, reductions, and choices (pad,
 * concat), and in how many ways these choose: each computes anew what it chooses from. */
typedef struct {
    int members, reductions, choices, ways;
} KernelReach;

typedef struct {
    ValueId value;
    Access access; /* rank -1: a view through which a matrix product reads its operand */
} KernelMember;

typedef struct {
    ValueId value;
    bool in_memory; /* addressed in memory by other means than loops */
    KernelReach reach;
    uint32_t next; /* use of the same value; IR_NONE: the last */
    Access access;
} KernelUse;

typedef struct Kernel {
    KernelKind kind;
    bool rows;
    int first_inner;
    Domain domain;
    ValueId core;          /* MATMUL, COLUMN: the product, the reduction; else IR_NONE */
    KernelMember *members; /* in the order they joined: consumers first */
    size_t n_members, members_capacity;
    KernelUse *uses; /* of operands of members, members or not */
    size_t n_uses, uses_capacity;
    uint32_t *use_slots; /* of many: the first use of each value, + 1, by hash */
    size_t n_use_slots, n_used;
    struct Kernel
        *prologue; /* makes a product's first operand; what it loads is among the uses too; or NULL */

    bool unfit;          /* its nodes do not fit into one kernel: no pass makes such, a text may */
    ValueId first, last; /* its nodes, which lie together; the prologue's are the first of them */
    bool again;          /* computes what was computed before and not kept (pass `remat`) */

    /* What follows from the kernels around it (plan_index). */
    ValueId *reads; /* values of other kernels and sources, each once, in the order of their first use */
    size_t n_reads;
    ValueId *stores; /* those of its values that reach memory, in order */
    size_t n_stores;
    /* Pass `barriers`. */
    bool barrier; /* the team of threads meets before it; in a chain, the first kernel's is the chain's */
    bool single;  /* it has too little work to share: the first thread's alone */
} Kernel;

/* A kernel that computes `value` alone. */
Kernel kernel_found(Arena *arena, const Func *func, ValueId value);
/* Whether `value`, wanted at `access`, can be computed inside the kernel. */
bool kernel_fits(const Func *func, const Kernel *kernel, ValueId value, const Access *access);
void kernel_join(Arena *arena, const Func *func, Kernel *kernel, ValueId value, const Access *access);
/* Whether the kernel, computing `value` at `access`, meets each of its elements exactly once: it can store
 * it. */
bool kernel_covers(const Func *func, const Kernel *kernel, ValueId value, const Access *access);

/* The kernel that the nodes first..last make: founded on the last; a kernel of scalars on several. For those who
 * make kernels, and for those who check them; the others read the plan. */
Kernel kernel_derive(Arena *arena, const Func *func, ValueId first, ValueId last);
/* Why they make none; NULL: they do. */
const char *kernel_fault(const Func *func, ValueId first, ValueId last);

/* ---- copy.c: kernels whose nodes get other numbers --------------------------------------------------------------- */

/* In place: value v becomes map[v]. Nodes of the kernel keep their order, and what it reads gets numbers before
 * theirs. */
void kernel_renumber(Arena *arena, Kernel *kernel, const ValueId *map);
/* A copy that shares nothing, without reads, stores and barrier. */
Kernel kernel_copy(Arena *arena, const Kernel *kernel);
/* Whether they have the same nodes, loops, members and uses. */
bool kernel_equal(const Kernel *a, const Kernel *b);

static inline bool kernel_has(const Kernel *kernel, ValueId value) {
    return value >= kernel->first && value <= kernel->last;
}
/* The member that computes `value`, NULL if none does. */
const KernelMember *kernel_member(const Kernel *kernel, ValueId value);

/* The first of the uses of a value, in the order they came (KernelUse.next); IR_NONE: it is not used. */
uint32_t kernel_first_use(const Kernel *kernel, ValueId value);
/* Makes the table of the first uses anew. */
void kernel_index_uses(Arena *arena, Kernel *kernel);

/* Where a matrix product's operand lies in memory: through views joined to the kernel down to `base`. Index
 * offset + sum_k stride[k] * i_k over the operand's own dimensions. */
typedef struct {
    ValueId base;
    int64_t offset, stride[IR_MAX_RANK];
} Strided;
Strided kernel_strided(const Func *func, ValueId operand, ValueId *views, int *n_views);

/* The partial reduction that the kernel is founded on, which is its last value; IR_NONE: it is founded on another. */
ValueId kernel_partial(const Func *func, const Kernel *kernel);
/* Whether the node is a `pack` of a value that its own kernel computes, which stores each element in its panel as it
 * is met. Such a member's access is that of its operand. */
bool kernel_packs(const Func *func, const Kernel *kernel, ValueId value);
/* A kernel that computes the operand of `pack` (else nothing happens) comes to store it packed too. */
void kernel_join_pack(Arena *arena, const Func *func, Kernel *kernel, ValueId pack);
/* Where that meets its operand number `operand`. Loops whose stride, the rounds of all later ones, is N or more run
 * along rows. */
const Access *kernel_partial_operand(const Func *func, const Kernel *kernel, int operand);

/* "loops", "rows" (with reductions along them), "column", "product", "pack", "function" (in C). */
const char *kernel_kind_name(const Kernel *kernel);

bool access_uses_loop(const Access *access, int loop);

#endif
