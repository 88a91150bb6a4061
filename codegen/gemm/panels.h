/* Packed panels of both sides of a product, and products of one panel with one, for any precision: what gemm.c and
 * attention are made of.
 *
 * Side A is cut into panels of mr lines (rows of A), side B into panels of nr (columns of B); panel number i begins
 * at unit i·width·units(k). In bf16x3 a factor is the sum of three bf16 terms: panels of the second and of the third
 * term follow those of the first, each `term_stride` units on. */
#ifndef VITC_CODEGEN_GEMM_PANELS_H
#define VITC_CODEGEN_GEMM_PANELS_H

#include "codegen/gemm/micro.h"
#include "codegen/gemm/pack.h"

typedef struct {
    const MicroKernel *kernel;
    int terms; /* of a factor: 1, or 3 */
    UnitKind unit;
} Panels;

Panels panels_choose(const Target *target, Precision precision);

/* Room for panels of `lines` lines (a multiple of the panel's) by k, all terms. In units of four bytes. */
int64_t panels_room(const Panels *p, int64_t lines, int64_t k);

/* A side of a product in memory: element k of line i lies at from[i·across + k·along]. */
typedef struct {
    DType dtype; /* DT_F32 or DT_BF16 */
    int64_t across, along;
} Lines;

/* Whether lines of k elements are units along K as they lie, of a factor of one term. They must begin on whole ones. */
bool panels_lie_as_units(const Panels *p, const Lines *lines, int64_t k);
/* Whether a micro-kernel also reads such lines, as its side A, as fast as a panel: those of a tile are not all in a few
 * sets of the cache. */
bool panels_read_in_place(const Panels *p, const Lines *lines, int64_t k);

/* Packs lines 0..count-1 (i64), k elements each, into panels from `to` on. */
void panels_pack(FunctionBuilder *fb, const Panels *p, bool side_b, const Lines *lines, LLVMValueRef from,
                 LLVMValueRef count, LLVMValueRef k, LLVMValueRef to, int64_t term_stride);
/* The same for one panel, whose lines begin at `from`. */
void panels_pack_one(FunctionBuilder *fb, const Panels *p, bool side_b, const Lines *lines, LLVMValueRef from,
                     LLVMValueRef count, LLVMValueRef k, LLVMValueRef to, int64_t term_stride);

/* A packed panel, or, as side A of a micro-kernel of vectors, lines in memory: `line` units from line to line, `step`
 * units along K, one of which is 1. */
typedef struct {
    LLVMValueRef at; /* the first term */
    int64_t term_stride;
    int64_t line, step; /* 0: as in a panel */
} Panel;

/* tile[rows][nr] = a·b, or += if `accumulate`, all terms; only the first `vectors` vectors of columns are computed. */
void panels_multiply(FunctionBuilder *fb, const Panels *p, int rows, int vectors, Panel a, Panel b,
                     LLVMValueRef units, LLVMValueRef tile, bool accumulate, const Ahead *ahead);

LLVMTypeRef panels_element(const FunctionBuilder *fb, DType dtype); /* of `Lines` in memory */

#endif
