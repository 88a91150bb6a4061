/* How a product is blocked (BLIS): what of K, N and M is packed at a time, and the room that a thread needs for it. */
#ifndef VITC_CODEGEN_GEMM_BLOCKING_H
#define VITC_CODEGEN_GEMM_BLOCKING_H

#include "codegen/gemm/gemm.h"
#include "codegen/gemm/panels.h"

typedef struct {
    Panels panels;
    int mr, nr, lanes;                    /* of the micro-kernel */
    int64_t kc, nc, mc;                   /* of K, N, M in a block */
    int64_t term_stride_a, term_stride_b; /* of the packed blocks: see panels.h */
    /* The thread's scratch, in units of four bytes: packed B, packed A, a tile, a panel's rows of what a prologue
     * makes, and sums of a block of columns that wait for the next block of K. */
    int64_t b_units, a_units, tile_units, made_units, sum_units;
    int64_t made_stride; /* from row to row of what a prologue makes */
} Blocking;

/* epilogue: finished tiles are handed to one. */
Blocking blocking_of(const FunctionBuilder *fb, const GemmShape *shape, bool epilogue);

/* Rows of C that a call is for, at most. */
static inline int64_t blocking_rows(const GemmShape *shape) {
    return shape->block ? shape->block : shape->m;
}

/* More than one block of K: tiles are finished by the last. */
static inline bool blocking_cuts_k(const Blocking *b, const GemmShape *shape) {
    return b->kc < shape->k;
}

#endif
