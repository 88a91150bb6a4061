/* The elements of one fused kernel as LLVM IR: addresses, loads, arithmetic, stores, at the indices of its loops.
 *
 * A value is emitted where it is wanted, at an Access (ir/plan/access.h), from its operands down to what lies in
 * memory; what does not depend on the vector loop is a scalar. What kernels of each kind make of it says
 * codegen/kernels/.
 *
 * Files, each using those before it: arguments.c (pointers), scope.c (lanes), nest.c (loops), emitter.c (the emitter),
 * memory.c (addresses, loads, stores), elementwise.c (a rule an operator), values.c (a value from its operands),
 * hoist.c (what is computed before the loops). */
#ifndef VITC_CODEGEN_EMIT_H
#define VITC_CODEGEN_EMIT_H

#include "codegen/emit/builder.h"
#include "ir/plan/plan.h"

/* ---- the function's arguments ------------------------------------------------------------------------------------ */

/* A pointer that the kernel's function is given (kernel_argument), loaded. */
typedef struct {
    ValueId value; /* IR_NONE: scratch if stored, else the kernel's literals */
    bool stored;
    LLVMValueRef pointer;
} Argument;

/* Those that are loaded so far. */
typedef struct {
    Arena *arena;
    Argument *items;
    size_t count, capacity;
} Arguments;

/* ---- loops ------------------------------------------------------------------------------------------------------- */

/* Loops of the kernel's domain that act as one in every address are collapsed into one; the last one is vectorised. */
typedef struct {
    int n;
    int of[DOMAIN_MAX];         /* of each loop of the domain: the loop that it is part of */
    int last[DOMAIN_MAX];       /* of each loop: the domain's last in it, whose coefficient addresses use */
    int64_t extent[DOMAIN_MAX]; /* of each loop */
    LLVMValueRef index[DOMAIN_MAX]; /* of each loop, i64; of the vector loop its first lane's */
    int vector;                     /* the vector loop; -1: everything is scalar */
} LoopNest;

/* ---- the emitter ------------------------------------------------------------------------------------------------- */

/* What instructions are for now: vectors along the vector loop, or scalars (1 lane). */
typedef struct {
    int width;
    LLVMValueRef mask; /* lanes in range; NULL: all */
} Lanes;

/* A value emitted already, at an access; valid while its block dominates. */
typedef struct {
    ValueId value;
    Access access;
    LLVMValueRef guard; /* NULL, or under what condition: elsewhere it was not loaded */
    LLVMValueRef result;
} Emitted;

typedef struct {
    Emitted *items; /* a stack: scopes cut it back */
    size_t count, capacity;
} Memo;

typedef struct {
    FunctionBuilder *fb;
    Arguments *arguments; /* of the function; kernels inside one another share them */
    Arena *arena;
    const Func *func;
    const Kernel *kernel; /* a copy without loops of one round */
    /* Whose nodes and arguments these are: the kernel, or the product's that it is the prologue of. */
    const Kernel *called;
    const bool *bf16_demand; /* of each node: see emit_find_bf16_demand */
    LoopNest nest;
    Lanes lanes;
    Memo memo;
    struct Visit *
        *visits;   /* by node of the kernel: the accesses at which hoisting has visited it (hoist.c) */
    uint32_t walk; /* number of the last walk of hoist.c */
} Emitter;

/* Of a kernel of the function's plan. Loops up to one that ends `apart` rounds of those outside it stay apart from the
 * loops inside it; 0: none need to. */
Emitter emitter_make(FunctionBuilder *fb, Arguments *arguments, Arena *arena, const Func *func,
                     const Kernel *kernel, int64_t apart);
/* Of a kernel of the same nodes that is emitted inside that of `outer`: of its own are its loops, lanes and memo. */
Emitter emitter_inside(const Emitter *outer, const Kernel *kernel, int64_t apart);
bool emit_is_inside(const Emitter *e, ValueId value); /* computed by the kernel */

/* Between the two calls instructions are for other lanes; what is emitted between them is forgotten at the end. */
typedef struct {
    Lanes lanes;
    size_t emitted;
} Scope;
/* Full vectors, of the lanes of the mask (NULL: all). */
Scope emit_vectors_begin(Emitter *e, LLVMValueRef mask);
Scope emit_scope_begin(Emitter *e); /* lanes as they are */
void emit_scope_end(Emitter *e, Scope scope);

/* ---- arguments.c ------------------------------------------------------------------------------------------------- */
/* Where a value lies that the kernel stores, or reads; IR_NONE: the thread's scratch if stored, else the kernel's
 * literals. */
LLVMValueRef emit_pointer(Emitter *e, ValueId value, bool stored);
LLVMValueRef emit_scratch(Emitter *e);
bool emit_is_stored(const Emitter *e, ValueId value); /* the kernel writes it to memory */

/* ---- nest.c ------------------------------------------------------------------------------------------------------ */
bool emit_is_uniform(const Emitter *e, const Access *access); /* the same in all lanes of the vector loop */
/* Whether an access depends on a loop. */
bool emit_uses_loop(const Emitter *e, const Access *access, int loop);
/* The index of dimension k at the current loop indices: a vector of i64 if it depends on the vector loop. */
LLVMValueRef emit_axis_index(Emitter *e, const Access *access, int k);
/* Index, in elements, of a value of this type; *step: how far apart the lanes of the vector loop are. */
LLVMValueRef emit_linear_index(Emitter *e, const Type *type, const Access *access, int64_t *step);
/* Sets the indices of loops first..end-1 from a row number that counts through them. */
void emit_unflatten(Emitter *e, LLVMValueRef row, int first, int end);
/* Runs `body` for vectors that cover [from, to) of the vector loop; extent: the loop's, known at compile time. */
void emit_vector_loop(Emitter *e, LLVMValueRef from, LLVMValueRef to, int64_t extent,
                      void (*body)(Emitter *e, void *user), void *user);

/* ---- memory.c ---------------------------------------------------------------------------------------------------- */
/* `as`: the type that `access` is of: the value's own, or another of as many elements in the same order. */
LLVMValueRef emit_load(Emitter *e, ValueId value, const Type *as, const Access *access, LLVMValueRef guard);
void emit_store(Emitter *e, ValueId value, const Access *access, LLVMValueRef result);
void emit_store_to(Emitter *e, LLVMValueRef base, ValueId value, const Access *access, LLVMValueRef result);
/* Asks early for `lanes` elements along the vector loop, where they lie side by side and no other row shares them. */
void emit_prefetch_value(Emitter *e, ValueId value, bool stored, const Access *access, int64_t lanes);
LLVMValueRef emit_splat(Emitter *e, LLVMValueRef scalar); /* in all lanes of now */

/* ---- values.c ---------------------------------------------------------------------------------------------------- */
/* The value at the current loop indices: a vector if it depends on the vector loop, else a scalar.
 * `guard` (i1 or a vector of them, or NULL): where it is false nothing may be loaded and the result is not used. */
LLVMValueRef emit_value(Emitter *e, ValueId value, const Access *access, LLVMValueRef guard);
void emit_remember(Emitter *e, ValueId value, const Access *access, LLVMValueRef result);
LLVMValueRef emit_recall(const Emitter *e, ValueId value, const Access *access,
                         LLVMValueRef guard); /* or NULL */

/* ---- hoist.c ----------------------------------------------------------------------------------------------------- */
/* Emits now whatever `value` needs that does not depend on the vector loop. */
void emit_hoist(Emitter *e, ValueId value, const Access *access);
/* The same for what depends on no loop: before all loops of a kernel without reductions. */
void emit_hoist_kernel(Emitter *e, ValueId value, const Access *access);

/* ---- bf16_demand.c ----------------------------------------------------------------------------------------------- */
/* Finds the values whose every use ends rounded to bf16: their functions need no more accuracy than that. */
void emit_find_bf16_demand(Emitter *e);
bool emit_needs_bf16_only(const Emitter *e, ValueId value);

#endif
