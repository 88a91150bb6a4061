/* Attention and its gradients, for one matrix of scores (of an image and head) at a time, one block of queries after
 * another, so that the scores are never stored to memory.
 *
 * A block has nr queries (a micro-kernel's columns). Its scores are computed transposed, [keys, queries], so that the
 * softmax runs down the rows with a query in each lane, and the probabilities lie as the next products read them: as
 * side A, or as side B for tile registers. The gradient computes scores and probabilities again from q and k, as in
 * "FlashAttention" (Dao et al. 2022), with the row sums Σ p·dp computed directly. Threads share the matrices; sums run
 * in an order fixed by the shapes. */
#ifndef VITC_CODEGEN_ATTENTION_H
#define VITC_CODEGEN_ATTENTION_H

#include "codegen/gemm/gemm.h"

/* An operand [B…, M or N, D] (bias: [B…, M, N]) in memory, strides in elements; a repeated axis has stride 0. */
typedef struct {
    DType dtype; /* DT_F32 or DT_BF16; of the bias DT_F32 */
    LLVMValueRef pointer;
    int64_t batch[IR_MAX_RANK], row, col, offset;
} AttentionOperand;

/* GRAD: of queries, keys and values, of which there are as many; else those of queries, and those of keys and values.
 */
typedef enum {
    ATTENTION,
    ATTENTION_GRAD,
    ATTENTION_QUERY_GRAD,
    ATTENTION_KEY_GRAD,
    ATTENTION_BIAS_GRAD
} AttentionKind;

typedef struct {
    AttentionKind kind;
    Precision precision;
    double scale;
    int64_t m, n, d; /* queries, keys, elements of each */
    int n_batch;
    int64_t batch[IR_MAX_RANK];
    int64_t bias_batch[IR_MAX_RANK]; /* the bias's extents: of an axis 1 if it is repeated along it */
    bool has_bias;
    AttentionOperand q, k, v, dy, bias; /* dy: of the gradients */
} AttentionShape;

/* Emits the operator into fb->function at the builder's place. The epilogue gets finished tiles of the result; for the
 * gradients its batch number counts the matrices of dq, then of dk, then of dv, as far as they are made; for
 * ATTENTION_BIAS_GRAD those of the bias. `prefetch` may be NULL. scratch: points to attention_scratch_bytes bytes of
 * each thread's own. */
void attention_emit(FunctionBuilder *fb, const AttentionShape *shape, LLVMValueRef scratch,
                    GemmEpilogue epilogue, GemmPrefetch prefetch, void *user);
int64_t attention_scratch_bytes(const FunctionBuilder *fb, const AttentionShape *shape);

#endif
