/* The elements of one fused kernel as LLVM IR: addresses, loads, arithmetic, stores, at the indices of its loops.
 *
 * emit_value emits a value at an Access (ir/plan/access.h): it loads what is in memory, and computes the rest from its
 * operands, recursively. What does not depend on the vector loop is a scalar, the rest vectors. Which loops surround
 * that, and in which order, is decided by the kind of kernel (codegen/kernels/).
 *
 * Files, each using those before it: arguments.c (pointers), scope.c (lanes), nest.c (loops), emitter.c (the emitter),
 * memory.c (addresses, loads, stores), elementwise.c (a rule an operator), values.c (a value from its operands),
 * hoist.c (what is computed before the loops). */
#ifndef VITC_CODEGEN_EMIT_H
#define VITC_CODEGEN_EMIT_H

#include "codegen/emit/builder.h"
#include "ir/plan/plan.h"

/* ---- the function's arguments ------------------------------------------------------------------------------------ */

/* A pointer among the arguments of the kernel's function (kernel_argument), loaded. */
typedef struct {
    ValueId value; /* IR_NONE: scratch if stored, else the kernel's literals */
    bool stored;
    LLVMValueRef pointer;
} Argument;

/* The pointers that are loaded so far; each is loaded once, in the entry block. */
typedef struct {
    Arena *arena;
    Argument *items;
    size_t count, capacity;
} Arguments;

/* ---- loops ------------------------------------------------------------------------------------------------------- */

/* The loops that are emitted. Neighbouring loops of the kernel's domain are collapsed into one where every address
 * permits it; the last one is vectorised. */
typedef struct {
    int n;
    int of[DOMAIN_MAX]; /* by loop of the domain: the emitted loop that it is part of */
    int last
        [DOMAIN_MAX]; /* by emitted loop: the last loop of the domain in it; addresses use its coefficient */
    int64_t extent[DOMAIN_MAX]; /* by emitted loop */
    /* By emitted loop: the current index, i64; of the vector loop that of lane 0. */
    LLVMValueRef index[DOMAIN_MAX];
    int vector; /* number of the vector loop; -1: everything is scalar */
} LoopNest;

/* ---- the emitter ------------------------------------------------------------------------------------------------- */

/* The lanes that instructions are emitted for at present. */
typedef struct {
    int width;         /* of vectors along the vector loop; 1: scalars */
    LLVMValueRef mask; /* lanes in range; NULL: all */
} Lanes;

/* A value that was emitted at an access; usable where its basic block dominates. */
typedef struct {
    ValueId value;
    Access access;
    LLVMValueRef guard; /* valid only under this condition (it may depend on guarded loads); NULL: always */
    LLVMValueRef result;
} Emitted;

typedef struct {
    Emitted *items; /* a stack: the end of a scope removes what was emitted in it */
    size_t count, capacity;
} Memo;

typedef struct {
    FunctionBuilder *fb;
    Arguments *arguments; /* of the function; a prologue shares those of its product */
    Arena *arena;
    const Func *func;
    const Kernel *kernel; /* a copy in which loops of extent 1 are dropped */
    /* The kernel of the plan that the function is for: that one, or, for a prologue, the product's kernel. */
    const Kernel *called;
    const bool *bf16_demand; /* by node of `called`, from its first: see emit_find_bf16_demand */
    LoopNest nest;
    Lanes lanes;
    Memo memo;
    /* Of hoist.c: by node of the kernel, the accesses at which a walk visited it; the number of the last walk. */
    struct Visit **visits;
    uint32_t walk;
} Emitter;

/* An emitter for a kernel of func->plan. If `apart` is not 0, the outermost loops with that many iterations together
 * (the units of a chain, or rows) are not collapsed with the loops inside them. */
Emitter emitter_make(FunctionBuilder *fb, Arguments *arguments, Arena *arena, const Func *func,
                     const Kernel *kernel, int64_t apart);
/* An emitter for the prologue `kernel` of the kernel of `outer`: it has loops, lanes and a memo of its own and shares
 * the rest. */
Emitter emitter_inside(const Emitter *outer, const Kernel *kernel, int64_t apart);
bool emit_is_inside(const Emitter *e, ValueId value); /* computed by the kernel */

/* Between begin and end instructions are for other lanes. At the end the old lanes are restored, and the memo forgets
 * what was emitted in between, since it need not dominate what follows. */
typedef struct {
    Lanes lanes;
    size_t emitted;
} Scope;
/* Full vectors; mask: the lanes in range (NULL: all). */
Scope emit_vectors_begin(Emitter *e, LLVMValueRef mask);
Scope emit_scope_begin(Emitter *e); /* lanes as they are */
void emit_scope_end(Emitter *e, Scope scope);

/* ---- arguments.c ------------------------------------------------------------------------------------------------- */
/* The pointer to a value that the kernel stores (`stored`) or reads. IR_NONE for the value: to the thread's scratch if
 * `stored`, else to the kernel's literals. */
LLVMValueRef emit_pointer(Emitter *e, ValueId value, bool stored);
LLVMValueRef emit_scratch(Emitter *e);
bool emit_is_stored(const Emitter *e, ValueId value); /* the kernel writes it to memory */

/* ---- nest.c ------------------------------------------------------------------------------------------------------ */
bool emit_is_uniform(const Emitter *e, const Access *access); /* it does not depend on the vector loop */
/* Whether an access depends on a loop. */
bool emit_uses_loop(const Emitter *e, const Access *access, int loop);
/* The index of dimension k at the current loop indices: a vector of i64 if it depends on the vector loop. */
LLVMValueRef emit_axis_index(Emitter *e, const Access *access, int k);
/* Row-major index, in elements, of a value of this type, of lane 0; *step: elements from one lane to the next. */
LLVMValueRef emit_linear_index(Emitter *e, const Type *type, const Access *access, int64_t *step);
/* Sets the indices of loops first..end-1 from `row`, which counts their iterations in order. */
void emit_unflatten(Emitter *e, LLVMValueRef row, int first, int end);
/* Runs `body` for vectors that cover [from, to) of the vector loop; extent: the loop's, known at compile time. */
void emit_vector_loop(Emitter *e, LLVMValueRef from, LLVMValueRef to, int64_t extent,
                      void (*body)(Emitter *e, void *user), void *user);

/* ---- memory.c ---------------------------------------------------------------------------------------------------- */
/* Loads a value's elements at an access. `as`: the type that the access is for: the value's own, or a reshaped one. */
LLVMValueRef emit_load(Emitter *e, ValueId value, const Type *as, const Access *access, LLVMValueRef guard);
void emit_store(Emitter *e, ValueId value, const Access *access, LLVMValueRef result);
void emit_store_to(Emitter *e, LLVMValueRef base, ValueId value, const Access *access, LLVMValueRef result);
/* Prefetches `lanes` elements along the vector loop, if they are contiguous and differ from row to row. */
void emit_prefetch_value(Emitter *e, ValueId value, bool stored, const Access *access, int64_t lanes);
LLVMValueRef emit_splat(Emitter *e, LLVMValueRef scalar); /* in all present lanes */

/* ---- values.c ---------------------------------------------------------------------------------------------------- */
/* The value at the current loop indices: a vector if it depends on the vector loop, else a scalar. `guard` (i1, a
 * vector of i1, or NULL): where it is false, nothing may be loaded, and the result is not used. emit_remember and
 * emit_recall (NULL: not found) are the memo. */
LLVMValueRef emit_value(Emitter *e, ValueId value, const Access *access, LLVMValueRef guard);
void emit_remember(Emitter *e, ValueId value, const Access *access, LLVMValueRef result);
LLVMValueRef emit_recall(const Emitter *e, ValueId value, const Access *access,
                         LLVMValueRef guard); /* or NULL */

/* ---- hoist.c ----------------------------------------------------------------------------------------------------- */
/* Emits all that `value` needs and that does not depend on the vector loop; to be called before that loop. */
void emit_hoist(Emitter *e, ValueId value, const Access *access);
/* The same for what depends on no loop; to be called before all loops of a kernel without reductions. */
void emit_hoist_kernel(Emitter *e, ValueId value, const Access *access);

/* ---- bf16_demand.c ----------------------------------------------------------------------------------------------- */
/* Finds the values of which all uses lead to a rounding to bf16, so that cheaper functions are accurate enough. */
void emit_find_bf16_demand(Emitter *e);
bool emit_needs_bf16_only(const Emitter *e, ValueId value);

#endif
