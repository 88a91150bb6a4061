/* Bodies of `pack` kernels: a matrix as the packed second operand of products (gemm.h), made once for all that read it. */
#ifndef VITC_CODEGEN_PREPACK_H
#define VITC_CODEGEN_PREPACK_H

#include "codegen/emit.h"
#include "codegen/target.h"

void emit_pack_kernel(Emitter *e, const Target *target);
bool emit_is_packed(const Emitter *e, const KernelMember *member);
/* A `pack` of what the kernel itself computes (kernel_packs): stores the vector of its operand at the loops' indices. */
void emit_packed(Emitter *e, const KernelMember *member);

/* How products of a precision want their second operand on a target; no columns where that cannot be packed beforehand. */
PanelShape panel_shape(const Target *target, Precision precision);
/* The tiles that products of a precision finish at a time. */
TileShape tile_shape(const Target *target, Precision precision);

#endif
