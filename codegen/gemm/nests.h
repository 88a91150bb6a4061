/* Sides of a product that no two strides describe, such as windows of an image: their lines, or what lies along K, are
 * nests of loops with a stride each (a block-scatter layout, Matthews 2018, of which the offsets are computed and not
 * stored). One innermost loop has stride 1: its elements are packed as vectors. */
#ifndef VITC_CODEGEN_GEMM_NESTS_H
#define VITC_CODEGEN_GEMM_NESTS_H

#include "codegen/gemm/gemm.h"
#include "codegen/gemm/panels.h"

/* The part of a side that is packed: lines [line, line + lines), elements [first, first + k) along K (i64 values). */
typedef struct {
    DType dtype;
    LLVMValueRef from; /* the side's first element */
    LLVMValueRef line, lines, first, k;
    LLVMValueRef to, made;        /* panels; scratch of nests_room units */
    int64_t term_stride, k_block; /* of the panels; the most elements along K */
} NestedPart;

void nests_pack(FunctionBuilder *fb, const Panels *panels, bool side_b, const GemmNests *nests,
                const NestedPart *part);
/* Units of four bytes that packing takes for itself. */
int64_t nests_room(const Panels *panels, bool side_b, const GemmNests *nests, int64_t k_block);

#endif
