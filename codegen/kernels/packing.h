/* Operator `pack`: a matrix as the second operand of products reads it, in panels (codegen/gemm/panels.h), made once
 * for all that read it. A kernel of its own, or stores of the kernel that computes the matrix: of its elements, or of
 * some rows once they are stored. */
#ifndef VITC_CODEGEN_PACKING_H
#define VITC_CODEGEN_PACKING_H

#include "codegen/emit/emit.h"

/* Whether `columns` columns of the member's operand [N, K] can be packed some rows at a time, after they were stored:
 * faster than element by element, since the packed matrix lies turned. */
bool emit_can_pack_block(const Emitter *e, const KernelMember *member, int64_t columns);
/* Rows [row, row + rows), `most_rows` at most, and `columns` (whole squares) columns of the operand, read where the
 * kernel stored them. */
void emit_pack_block(Emitter *e, const KernelMember *member, LLVMValueRef row, LLVMValueRef rows,
                     LLVMValueRef column, int64_t columns, int64_t most_rows);
/* Asks for the memory that emit_pack_block will write. */
void emit_prefetch_pack(Emitter *e, const KernelMember *member, LLVMValueRef row, LLVMValueRef column,
                        int64_t columns, int64_t rows);
bool emit_is_pack(const Emitter *e, const KernelMember *member);
/* A `pack` of what the kernel itself computes (kernel_packs): stores the vector of its operand at the loops' indices.
 * */
void emit_pack_elements(Emitter *e, const KernelMember *member);

#endif
