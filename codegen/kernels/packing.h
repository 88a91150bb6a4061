/* Operator `pack`: lays a matrix out in the panels that products read their second operand in (codegen/gemm/panels.h),
 * once for all these products. It is a kernel of its own, or is done by the kernel that computes the matrix: element by
 * element, or some rows at a time after they were stored. */
#ifndef VITC_CODEGEN_PACKING_H
#define VITC_CODEGEN_PACKING_H

#include "codegen/emit/emit.h"

/* Whether the member's operand [N, K] can be packed some rows and `columns` columns at a time after they were stored.
 * That is faster than element by element, since the packed matrix is transposed. */
bool emit_can_pack_block(const Emitter *e, const KernelMember *member, int64_t columns);
/* Packs rows [row, row + rows), at most `most_rows`, and columns [column, column + columns) of the operand, which are
 * read from where the kernel stored them. `columns` is a multiple of the lanes of a vector. */
void emit_pack_block(Emitter *e, const KernelMember *member, LLVMValueRef row, LLVMValueRef rows,
                     LLVMValueRef column, int64_t columns, int64_t most_rows);
/* Prefetches the memory that emit_pack_block will write. */
void emit_prefetch_pack(Emitter *e, const KernelMember *member, LLVMValueRef row, LLVMValueRef column,
                        int64_t columns, int64_t rows);
bool emit_is_pack(const Emitter *e, const KernelMember *member);
/* A `pack` of what the kernel itself computes (kernel_packs): stores the vector of its operand at the loops' indices.
 * */
void emit_pack_elements(Emitter *e, const KernelMember *member);

#endif
