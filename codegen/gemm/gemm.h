/* A packed matrix product (after BLIS): C[M, N] (+)= A[M, K] · B[K, N], all three with strides.
 *
 *   blocking.c  how much of M, N and K is packed at a time
 *   pack.c      packers of a panel: functions of their own
 *   panels.c    packed panels of both sides, in any precision
 *   nests.c     packing sides that no two strides describe: windows of images
 *   gemm.c      the loops around the micro-kernel, and what becomes of a finished tile
 *   micro.c     the micro-kernel: an mr × nr tile in registers along K
 *   symmetric.c results that are symmetric: one half is computed, and mirrored
 *
 * The micro-kernel leaves the tile in a small buffer, where the caller's epilogue takes it. A long K is cut into
 * blocks: the sums so far wait in C, or, with an epilogue, in the thread's scratch. A B that is packed already is
 * read where it lies. */
#ifndef VITC_CODEGEN_GEMM_H
#define VITC_CODEGEN_GEMM_H

#include "codegen/emit/builder.h"

/* Emits code that computes a part of A which is not in memory: rows [row, row + rows), columns [column, column +
 * columns) (i64 values). The columns are one block of K; all blocks but the last have `block` columns. Element c of row
 * r goes to to[r·stride + c], f32. */
typedef void (*GemmPrologue)(void *user, LLVMValueRef row, LLVMValueRef rows, LLVMValueRef column,
                             LLVMValueRef columns, int64_t block, LLVMValueRef to, int64_t stride);

/* Loops, outermost first, that count through lines or along K. */
typedef struct {
    int n;
    int64_t extent[DOMAIN_MAX], stride[DOMAIN_MAX];
} GemmNest;
/* A side that no two strides describe (nests.h). */
typedef struct {
    GemmNest lines, along; /* rows of A or columns of B; along K */
} GemmNests;

typedef struct {
    DType a_dtype, b_dtype; /* DT_F32 or DT_BF16 */
    Precision precision;
    int64_t m, n, k;
    int n_batch;
    int64_t batch[IR_MAX_RANK];                         /* extents of leading axes */
    int64_t a_batch[IR_MAX_RANK], b_batch[IR_MAX_RANK]; /* strides of A and B along them */
    int64_t a_row, a_col, b_row, b_col;                 /* in elements */
    int64_t a_offset, b_offset;
    const GemmNests *a_nests, *b_nests; /* instead of strides; NULL: these */
    /* In a chain: rows of a block, the last may have fewer; 0: threads share rows or columns. */
    int64_t block;
    int64_t grain;  /* where threads share rows, each gets a multiple of so many */
    bool symmetric; /* the result is: what lies above the diagonal is handed over mirrored, to an epilogue */
    /* B is packed already, as a side B of panels.h over all of K; b_row, b_col, b_offset are ignored. */
    bool b_packed;
    GemmPrologue prologue; /* computes A; there is one matrix then; NULL: A is in memory */
    void *prologue_user;
} GemmShape;

/* Emits what is done with a finished tile of C: rows [row, row + rows) and columns [col, col + columns) (i64 values) of
 * matrix number `batch`. Its sums are f32[rows][stride] at `tile`. */
typedef void (*GemmEpilogue)(void *user, LLVMValueRef batch, LLVMValueRef row, LLVMValueRef rows,
                             LLVMValueRef col, LLVMValueRef columns, LLVMValueRef tile, int64_t stride);

/* Emits prefetches (build_prefetch) of the memory that the epilogue of a tile will read and write. */
typedef void (*GemmPrefetch)(void *user, LLVMValueRef batch, LLVMValueRef row, LLVMValueRef rows,
                             LLVMValueRef col, int64_t columns);

/* Emits the product into fb->function at the builder's place. a: NULL if there is a prologue; c: row-major C, if there
 * is no epilogue, else NULL; prefetch may be NULL. scratch: points to gemm_scratch_bytes bytes of each thread's own.
 * user: passed to epilogue and prefetch. */
void gemm_emit(FunctionBuilder *fb, const GemmShape *shape, LLVMValueRef a, LLVMValueRef b, LLVMValueRef c,
               LLVMValueRef scratch, GemmEpilogue epilogue, GemmPrefetch prefetch, void *user);
int64_t gemm_scratch_bytes(const FunctionBuilder *fb, const GemmShape *shape, bool epilogue);

#endif
