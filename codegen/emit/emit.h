/* Inside codegen: the state while one fused kernel becomes LLVM IR.
 *
 * A kernel's domain loops (ir/plan/kernel.h) are merged into as few machine loops as its memory accesses allow; the last
 * one is vectorised. A value is emitted where it is wanted, at an Access, from its operands down to what lies in
 * memory; what does not depend on the vector loop is a scalar. */
#ifndef VITC_CODEGEN_EMIT_H
#define VITC_CODEGEN_EMIT_H

#include "codegen/target/target.h"
#include "ir/plan/kernel.h"
#include <llvm-c/Core.h>

/* A value in memory that the kernel reads or writes: argument number `arg`. */
typedef struct {
    ValueId value; /* IR_NONE: scratch if stored, else the kernel's literals */
    bool stored;   /* written by the kernel */
    int arg;
    LLVMValueRef pointer;
} Buffer;

/* A value emitted already, at an access; valid while its block dominates. */
typedef struct {
    ValueId value;
    Access access;
    LLVMValueRef guard; /* NULL, or under what condition: elsewhere it was not loaded */
    LLVMValueRef result;
} Emitted;

typedef struct {
    Arena *arena;
    const Func *func;
    Kernel *kernel;
    ValueId first; /* of the kernel's nodes */
    uint32_t cluster;
    const Chain *chain; /* shares are its blocks; NULL: of any size */
    LLVMContextRef context;
    LLVMModuleRef module;
    LLVMBuilderRef builder;
    LLVMValueRef function, args, thread, threads;
    int lanes;        /* of a full vector of 4-byte elements */
    bool native_bf16; /* see bf16.h */

    Buffer *buffers;
    size_t n_buffers, buffers_capacity;

    /* machine loops: domain loop i is part of group[i]; the address of an element uses the coefficient of the
     * group's last loop. */
    int n_groups, group[DOMAIN_MAX], last_of[DOMAIN_MAX];
    int64_t group_extent[DOMAIN_MAX];
    LLVMValueRef index[DOMAIN_MAX]; /* of each group: i64; of the vector loop: its first lane's */
    int vector_group;               /* -1: everything is scalar */
    int width;                      /* lanes of vectors now */
    LLVMValueRef mask;              /* lanes in range, NULL: all */

    const bool *rounded; /* emit_find_rounded's, by value - first; NULL: none is */

    Emitted *emitted; /* a stack: scopes cut it back */
    size_t n_emitted, emitted_capacity;

    struct Met **met; /* of each of the kernel's nodes: where a walk met it (emit_hoist) */
    uint32_t walk;    /* number of the last */
} Emitter;

/* ---- elements.c ---------------------------------------------------------------------------------------------- */
/* Loops up to one that ends `rounds` rounds of those outside it stay apart from the loops inside it; 0: none need to. */
void emit_group_loops(Emitter *e, int64_t rounds);
/* The value at the current loop indices: a vector of `width` lanes if it depends on the vector loop, else a scalar.
 * `guard` (i1 or a vector of them, or NULL): where it is false nothing may be loaded and the result is not used. */
LLVMValueRef emit_value(Emitter *e, ValueId value, const Access *access, LLVMValueRef guard);
/* The index of dimension k at the current loop indices: a vector of i64 if it depends on the vector loop. */
LLVMValueRef emit_axis_index(Emitter *e, const Access *access, int k);
void emit_store(Emitter *e, const Buffer *buffer, const Access *access, LLVMValueRef value);
/* Asks early for `bytes` bytes from `from` on, to be read, soon or later on, or written too. */
typedef enum { PREFETCH_READ, PREFETCH_WRITE, PREFETCH_L2 } Prefetch;
void emit_prefetch(Emitter *e, LLVMValueRef from, int64_t bytes, Prefetch kind);
/* The same for `lanes` elements along the vector loop, where they lie side by side and no other row shares them. */
void emit_prefetch_value(Emitter *e, ValueId value, bool stored, const Access *access, int64_t lanes);
void emit_remember(Emitter *e, ValueId value, const Access *access, LLVMValueRef result);
/* Emits now whatever `value` needs that does not depend on the vector loop. */
void emit_hoist(Emitter *e, ValueId value, const Access *access);
/* The same for what depends on no loop: before all loops of a kernel without reductions. */
void emit_hoist_kernel(Emitter *e, ValueId value, const Access *access);
bool emit_is_uniform(const Emitter *e, const Access *access);
Buffer *emit_buffer(Emitter *e, ValueId value, bool stored);
LLVMTypeRef emit_type(const Emitter *e, DType dtype); /* of a scalar in a register */
LLVMValueRef emit_splat(Emitter *e, LLVMValueRef scalar);
/* Of `width` lanes, those whose number, counted from `first`, is below `count` (i64). */
LLVMValueRef emit_lanes_below(Emitter *e, int64_t first, LLVMValueRef count);
/* Vectors of which only lanes of the mask are touched; those not loaded are zero. align: in bytes. */
LLVMValueRef emit_masked_load(Emitter *e, LLVMTypeRef vector, LLVMValueRef from, unsigned align,
                              LLVMValueRef mask);
/* Lanes of the mask (NULL: all) at base[index], index a vector of i64. */
void emit_scatter(Emitter *e, LLVMValueRef value, LLVMValueRef base, LLVMValueRef index, LLVMValueRef mask);
void emit_masked_store(Emitter *e, LLVMValueRef value, LLVMValueRef to, unsigned align, LLVMValueRef mask);
LLVMValueRef emit_i64(const Emitter *e, int64_t value);
LLVMValueRef emit_intrinsic(Emitter *e, const char *name, LLVMTypeRef overload, LLVMValueRef *args,
                            unsigned n);
/* Largest of two; NaN wins. */
LLVMValueRef emit_maximum(Emitter *e, LLVMValueRef a, LLVMValueRef b, bool largest);

/* ---- rounded.c ------------------------------------------------------------------------------------------------ */
/* Finds the values first..last of the kernel, which store[id - first] tells to be stored or not, whose every use ends rounded to
 * bf16: their functions need no more accuracy than that. */
void emit_find_rounded(Emitter *e, ValueId first, ValueId last, const bool *stored);
bool emit_is_rounded(const Emitter *e, ValueId value);

/* ---- detour.c: internal functions, made while another is being emitted ------------------------------------------ */
typedef struct {
    LLVMValueRef function;
    LLVMBasicBlockRef here;
    LLVMValueRef outer;
} Detour;
/* Starts an internal function, never inlined; the emitter works in it until the end, which returns. */
Detour emit_detour_begin(Emitter *e, const char *name, LLVMTypeRef type);
void emit_detour_end(Emitter *e, const Detour *detour);

/* ---- loops.c, columns.c, product.c: bodies of kernels, by kind ------------------------------------------------- */
typedef struct {
    LLVMValueRef counter, end, next;
    LLVMBasicBlockRef head, body, exit;
} Loop;
LLVMBasicBlockRef emit_new_block(Emitter *e, const char *name); /* of the function being emitted */
Loop emit_loop_begin(Emitter *e, LLVMValueRef from, LLVMValueRef to, int64_t step, const char *name);
void emit_loop_end(Emitter *e, Loop *loop);
/* A loop whose last step may be partial; *size: elements of this step. */
Loop emit_block_loop(Emitter *e, LLVMValueRef from, LLVMValueRef to, int64_t step, const char *name,
                     LLVMValueRef *size);
/* Runs `body` for vectors that cover [from, to); extent: the loop's, known at compile time. */
void emit_vector_loop(Emitter *e, LLVMValueRef from, LLVMValueRef to, int64_t extent,
                      void (*body)(Emitter *e, void *user), void *user);
/* This thread's share [*from, *to) of 0..n-1, a multiple of `grain` each but the last; or this block. */
void emit_share(Emitter *e, int64_t n, int64_t grain, LLVMValueRef *from, LLVMValueRef *to);
/* offset + the element where number `batch`, counted through `n` axes row by row, lies. */
LLVMValueRef emit_batch_offset(Emitter *e, LLVMValueRef batch, int n, const int64_t *extent,
                               const int64_t *stride, int64_t offset);
/* Sets the indices of groups first..end-1 from a row number that counts through them. */
void emit_unflatten(Emitter *e, LLVMValueRef row, int first, int end);

void emit_loop_kernel(Emitter *e, const Target *target);
void emit_column_kernel(Emitter *e);

#endif
