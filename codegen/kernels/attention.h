/* Attention and its gradients, a matrix of scores at a time and never all of it in memory.
 *
 * Queries are taken in blocks of nr (a micro-kernel's columns). Scores are made turned, [keys, queries], so that the
 * softmax runs down the rows with a query in each lane, and the probabilities already lie as a side of the next
 * products: A, or B of tile registers. The gradient makes scores and probabilities again from q and k (nothing but q,
 * k, v is kept), in the order of "FlashAttention" (Dao et al. 2022), with the row sums Σ p·dp taken directly. Threads
 * share the matrices; sums run in an order fixed by the shapes. */
#ifndef VITC_CODEGEN_ATTENTION_H
#define VITC_CODEGEN_ATTENTION_H

#include "codegen/gemm/gemm.h"

/* An operand [B…, N, D] (bias: [B…, N, N]) in memory, strides in elements; a repeated axis has stride 0. */
typedef struct {
    DType dtype; /* DT_F32 or DT_BF16; of the bias DT_F32 */
    LLVMValueRef pointer;
    int64_t batch[IR_MAX_RANK], row, col, offset;
} AttentionOperand;

typedef enum { ATTENTION, ATTENTION_GRAD, ATTENTION_BIAS_GRAD } AttentionKind;

typedef struct {
    AttentionKind kind;
    Precision precision;
    double scale;
    int64_t n, d;
    int n_batch;
    int64_t batch[IR_MAX_RANK];
    int64_t bias_batch[IR_MAX_RANK]; /* the bias's extents: of an axis 1 if it is repeated along it */
    bool has_bias;
    AttentionOperand q, k, v, dy, bias; /* dy: of the gradients */
} AttentionShape;

/* Emits the operator into fb->function at the builder's place. The epilogue takes finished pieces: of ATTENTION_GRAD
 * the batch number counts dq's matrices, then dk's, then dv's; of ATTENTION_BIAS_GRAD the bias's. `prefetch` may be
 * NULL. scratch: this thread's own bytes. */
void attention_emit(FunctionBuilder *fb, const AttentionShape *shape, LLVMValueRef scratch,
                    GemmEpilogue epilogue, GemmPrefetch prefetch, void *user);
int64_t attention_scratch_bytes(const FunctionBuilder *fb, const AttentionShape *shape);

#endif
