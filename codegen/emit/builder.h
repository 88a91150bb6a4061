/* Building an LLVM function: short forms of what codegen needs often, for scalars and vectors. It knows nothing of
 * graphs and kernels.
 *
 * A kernel's function is a VtKernel (runtime/program.h): its arguments are pointers, in an array, and which share of
 * the work the call is for. Instructions are appended where LLVM's builder stands. */
#ifndef VITC_CODEGEN_BUILDER_H
#define VITC_CODEGEN_BUILDER_H

#include "codegen/emit/positions.h"
#include "codegen/target.h"
#include "ir/plan/plan.h"
#include <llvm-c/Core.h>

typedef struct FunctionBuilder {
    const Target *target;
    const Machine *machine; /* that the code is for; unknown facts have their usual values */
    int lanes;              /* of a full vector of 4-byte elements on the target */
    bool native_bf16;       /* the target converts to bf16: see bf16.h */
    LLVMContextRef context;
    LLVMModuleRef module;
    LLVMBuilderRef builder;
    LLVMValueRef function; /* being built */
    /* Parameters of a kernel's function (VtKernel): the array of pointers; it is share `thread` of `threads`. */
    LLVMValueRef args, thread, threads;
    /* Of the kernel: share number `thread` is a block of it; NULL: the kernel is in none. */
    const Chain *chain;
    Positions *positions; /* of expressions, on instructions; NULL: none are wanted */
} FunctionBuilder;

/* For functions in `module`; the builder is LLVM's. */
FunctionBuilder builder_make(const Target *target, const Machine *machine, LLVMModuleRef module,
                             LLVMBuilderRef builder);
/* Starts a function; the builder is then at the end of its entry block, which is empty. */
void builder_function(FunctionBuilder *fb, const char *name, LLVMTypeRef type);
/* Starts a kernel's function. Its entry block ends in a branch to the place where the builder is then, so that
 * build_entry_begin finds room before it. */
void builder_kernel(FunctionBuilder *fb, const char *name);

/* ---- values ------------------------------------------------------------------------------------------------------ */
/* Of a scalar in registers: a bf16 is the f32 that it stands for, a bool one bit. In memory they are i16 and i8. */
LLVMTypeRef build_type(const FunctionBuilder *fb, DType dtype);
LLVMTypeRef build_memory_type(const FunctionBuilder *fb, DType dtype);
LLVMTypeRef build_f32_vector(const FunctionBuilder *fb); /* a full vector */
bool build_is_vector(LLVMValueRef value);
LLVMValueRef build_i64(const FunctionBuilder *fb, int64_t value);
LLVMTypeRef build_vector_type(LLVMTypeRef scalar, int lanes); /* of one lane: the scalar itself */
/* The scalar in every one of `lanes` lanes. What is a vector stays, and so does anything where lanes is 1. */
LLVMValueRef build_splat(FunctionBuilder *fb, int lanes, LLVMValueRef scalar);
/* The constant `number` of the type of `like`, a real or a vector of them. */
LLVMValueRef build_real_like(LLVMValueRef like, double number);
/* Vector of i64: first, first + step, first + 2·step, … */
LLVMValueRef build_lane_numbers(FunctionBuilder *fb, int lanes, int64_t first, int64_t step);
/* Of `lanes` lanes, those whose number, counted from `first`, is below `count` (i64). */
LLVMValueRef build_lanes_below(FunctionBuilder *fb, int lanes, int64_t first, LLVMValueRef count);
/* `overload`: the type that the intrinsic is for; NULL: there is but one. */
LLVMValueRef build_intrinsic(FunctionBuilder *fb, const char *name, LLVMTypeRef overload, LLVMValueRef *args,
                             unsigned n);
/* The same of an intrinsic that is for two types. */
LLVMValueRef build_intrinsic2(FunctionBuilder *fb, const char *name, LLVMTypeRef *overloads,
                              LLVMValueRef *args, unsigned n);
/* Larger or smaller of two numbers; NaN wins. */
LLVMValueRef build_maximum(FunctionBuilder *fb, LLVMValueRef a, LLVMValueRef b, bool largest);
LLVMValueRef build_smaller(FunctionBuilder *fb, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef build_larger(FunctionBuilder *fb, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef build_add(FunctionBuilder *fb, LLVMValueRef a, LLVMValueRef b); /* of integers */
LLVMValueRef build_mul(FunctionBuilder *fb, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef build_scaled(FunctionBuilder *fb, LLVMValueRef a, int64_t by); /* an i64 times `by` */

/* ---- memory ------------------------------------------------------------------------------------------------------ */
/* base + index elements of a type; index may be a vector. */
LLVMValueRef build_element(FunctionBuilder *fb, LLVMTypeRef type, LLVMValueRef base, LLVMValueRef index);
LLVMValueRef build_f32_at(FunctionBuilder *fb, LLVMValueRef base, LLVMValueRef index);
/* Of 4-byte elements, where addresses are whole numbers of these. */
LLVMValueRef build_load(FunctionBuilder *fb, LLVMTypeRef type, LLVMValueRef from);
void build_store(FunctionBuilder *fb, LLVMValueRef value, LLVMValueRef to);
/* Vectors of which only lanes of the mask are touched; those not loaded are zero. align: in bytes. */
LLVMValueRef build_masked_load(FunctionBuilder *fb, LLVMTypeRef vector, LLVMValueRef from, unsigned align,
                               LLVMValueRef mask);
void build_masked_store(FunctionBuilder *fb, LLVMValueRef value, LLVMValueRef to, unsigned align,
                        LLVMValueRef mask);
/* Lanes of the mask (NULL: all) at base[index], index a vector of i64. */
LLVMValueRef build_gather(FunctionBuilder *fb, LLVMTypeRef vector, LLVMValueRef base, LLVMValueRef index,
                          unsigned align, LLVMValueRef mask);
void build_scatter(FunctionBuilder *fb, LLVMValueRef value, LLVMValueRef base, LLVMValueRef index,
                   unsigned align, LLVMValueRef mask);
/* Asks early for `bytes` bytes from `from` on, to be read, soon or later on, or written too. */
typedef enum { PREFETCH_READ, PREFETCH_WRITE, PREFETCH_L2 } Prefetch;
void build_prefetch(FunctionBuilder *fb, LLVMValueRef from, int64_t bytes, Prefetch kind);

/* ---- the entry block: what is computed once, before everything --------------------------------------------------- */
/* The builder goes to the end of the entry block, and back to where it was. */
typedef struct {
    LLVMBasicBlockRef block;
    LLVMMetadataRef position;
} BuilderPlace;
BuilderPlace build_entry_begin(FunctionBuilder *fb);
void build_entry_end(FunctionBuilder *fb, BuilderPlace before);
/* Room for a value on the stack, made in the entry block. */
LLVMValueRef build_stack_slot(FunctionBuilder *fb, LLVMTypeRef type, const char *name);
/* For n values, side by side. */
LLVMValueRef build_stack_array(FunctionBuilder *fb, LLVMTypeRef type, int64_t n, const char *name);

/* ---- loops and branches ------------------------------------------------------------------------------------------ */
LLVMBasicBlockRef build_block(FunctionBuilder *fb, const char *name); /* of the function being built; empty */

typedef struct {
    LLVMValueRef counter, end, next;
    LLVMBasicBlockRef head, body, exit;
} Loop;
/* counter = from, from + step, … while a whole step fits below `to`. Inside until its end; then counter is where it
 * stopped. */
Loop build_loop_begin(FunctionBuilder *fb, LLVMValueRef from, LLVMValueRef to, int64_t step,
                      const char *name);
void build_loop_end(FunctionBuilder *fb, Loop *loop);
/* The same loop, but with a shorter last step if `to - from` is no multiple; *size: elements of this step. */
Loop build_block_loop(FunctionBuilder *fb, LLVMValueRef from, LLVMValueRef to, int64_t step, const char *name,
                      LLVMValueRef *size);

/* if (condition) { … }, or with a second branch after build_else. The builder is in the first branch from the beginning
 * on. */
typedef struct {
    LLVMBasicBlockRef yes, no, after;
} Fork;
Fork build_if(FunctionBuilder *fb, LLVMValueRef condition);
Fork build_if_else(FunctionBuilder *fb, LLVMValueRef condition);
void build_else(FunctionBuilder *fb, const Fork *fork);
void build_end_if(FunctionBuilder *fb, const Fork *fork);

/* ---- shares and batches ------------------------------------------------------------------------------------------ */
/* This call's share [*from, *to) of 0..n-1: a multiple of `grain` each but the last; or its block of a chain. */
void build_share(FunctionBuilder *fb, int64_t n, int64_t grain, LLVMValueRef *from, LLVMValueRef *to);
/* offset + sum of stride[i]·index[i], where index is the position of number `batch` in row-major order over n axes. */
LLVMValueRef build_batch_offset(FunctionBuilder *fb, LLVMValueRef batch, int n, const int64_t *extent,
                                const int64_t *stride, int64_t offset);

/* ---- internal functions, made while another is being built ------------------------------------------------------- */
/* Builds the body of one; params: its parameters; it then returns. */
typedef void (*FunctionBody)(FunctionBuilder *fb, const LLVMValueRef *params, const void *user);
enum { MOST_PARAMS = 8 };
/* Calls the internal function `name`, which is never inlined. Its body is built at the first call in a module, so the
 * name must say everything that the body depends on. */
void build_call_internal(FunctionBuilder *fb, const char *name, LLVMValueRef *args, unsigned n,
                         FunctionBody body, const void *user);

#endif
