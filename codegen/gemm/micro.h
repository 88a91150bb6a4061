/* Micro-kernels: an mr × nr tile of a product from one panel of A and one of B (pack.h), summed along K in registers.
 *
 *   FMA   f32 units, vectors of columns, one fused multiply-add each
 *   DOT   pairs of bf16, vectors of columns: AVX-512's vdpbf16ps
 *   TILE  pairs of bf16, tile registers of 16 × 16: AMX's tdpbf16ps; the panel of A lies in blocks of 16 units
 *
 * The model of TILE does with loops what the tile registers do, so that all around it runs on machines without them. */
#ifndef VITC_CODEGEN_MICRO_H
#define VITC_CODEGEN_MICRO_H

#include "codegen/emit/builder.h"
#include "codegen/target/target.h"

enum { TILE_EDGE = 16, TILE_BLOCK = TILE_EDGE * TILE_EDGE };

typedef struct {
    MicroKind kind;
    int mr, nr, lanes; /* lanes: columns that are left out together at the right edge */
    bool model;
    int a_line,
        a_step; /* units of A from line to line, and from a step along K to the next: 1 and mr in a panel; not of TILE */
} Micro;

/* The micro-kernel for products of a precision on a target. */
Micro micro_choose(const Target *target, Precision precision);
/* Units of a panel for k elements along K. */
int64_t micro_units(const Micro *micro, int64_t k);
LLVMValueRef micro_units_of(FunctionBuilder *fb, const Micro *micro, LLVMValueRef k);

/* Around all calls of one kernel: the tile registers' configuration. */
void micro_begin(FunctionBuilder *fb, const Micro *micro);
void micro_end(FunctionBuilder *fb, const Micro *micro);
/* tile[rows][nr] = (or += if `accumulate`) the product of the panels, in `rows` rows and `vectors`·lanes columns at least. */
void micro_call(FunctionBuilder *fb, const Micro *micro, int rows, int vectors, LLVMValueRef a,
                LLVMValueRef b, LLVMValueRef units, LLVMValueRef tile, bool accumulate);

#endif
