/* Bodies of kernels, one file for each kind: each fills in the function of the emitter. */
#ifndef VITC_CODEGEN_KERNELS_H
#define VITC_CODEGEN_KERNELS_H

#include "codegen/emit/emit.h"

/* By the kernel's kind. Returns the bytes of scratch that each thread needs (emit_scratch). */
int64_t emit_kernel(Emitter *e);

void emit_row_kernel(Emitter *e);    /* rows.c: loops, and reductions along them */
void emit_column_kernel(Emitter *e); /* columns.c: reductions across them */
int64_t emit_product_kernel(
    Emitter *e); /* product.c: a matrix product or an attention, and loops over its result */
void emit_pack_kernel(Emitter *e); /* packing.c: a matrix into panels */

#endif
