/* How a product is blocked (BLIS): how much of K, N and M is packed at a time, and the scratch that a thread needs. */
#ifndef VITC_CODEGEN_GEMM_BLOCKING_H
#define VITC_CODEGEN_GEMM_BLOCKING_H

#include "codegen/gemm/gemm.h"
#include "codegen/gemm/panels.h"

typedef struct {
    Panels panels;
    int mr, nr, lanes;                    /* of the micro-kernel */
    int64_t kc, nc, mc;                   /* of K, N, M in a block */
    bool a_in_place;                      /* A is not packed: the micro-kernel reads it where it lies */
    int64_t term_stride_a, term_stride_b; /* of the packed blocks: see panels.h */
    /* The thread's scratch, in units of four bytes: a packed block of B, one of A, a tile, a panel's lines before they
     * are packed (of a prologue's results, or of nests), the accumulated sums of a block of C between blocks of K, and
     * mirrored tiles (symmetric.h). */
    int64_t b_units, a_units, tile_units, made_units, sum_units, mirror_units;
    int64_t made_stride; /* of the prologue's results, from row to row, in f32s */
} Blocking;

/* epilogue: whether finished tiles go to one instead of to C. */
Blocking blocking_of(const FunctionBuilder *fb, const GemmShape *shape, bool epilogue);

/* The most rows of C that a call computes. */
static inline int64_t blocking_rows(const GemmShape *shape) {
    return shape->block ? shape->block : shape->m;
}

/* Whether there are several blocks of K, so that tiles are finished only by the last. */
static inline bool blocking_cuts_k(const Blocking *b, const GemmShape *shape) {
    return b->kc < shape->k;
}

#endif
