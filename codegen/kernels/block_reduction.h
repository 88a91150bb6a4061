/* Reductions of blocks (operators sum_rows, moments) of values that a kernel computes: in its own loops, or of a
 * product's tiles.
 *
 * The member's operands are met row by row, in order, and a thread has whole blocks of rows (emit_block_grain): sums of
 * rows wait in the result itself, of which a thread has a row at a time, in L1. */
#ifndef VITC_CODEGEN_BLOCK_REDUCTION_H
#define VITC_CODEGEN_BLOCK_REDUCTION_H

#include "codegen/emit/emit.h"

/* Rows that one thread must have together; 1: any. */
int64_t emit_block_grain(const Emitter *e);
/* Whether the member is a reduction of blocks, which is stored by what follows and not by emit_store. */
bool emit_is_block_reduction(const Emitter *e, const KernelMember *member);

/* The vector of the member's operand at the loops' indices. */
LLVMValueRef emit_block_operand(Emitter *e, const KernelMember *member, int operand);

/* sum_rows: adds the vectors of its operands at the loops' indices. */
void emit_sum_rows(Emitter *e, const KernelMember *member);
/* The same where a whole block of rows, which begins at `row`, was summed: the sums from `column` on. */
void emit_block_sums(Emitter *e, const KernelMember *member, int operand, LLVMValueRef row,
                     LLVMValueRef column, LLVMValueRef sums);

/* moments of one row, whose columns are the vector loop. */
void emit_row_moments(Emitter *e, const KernelMember *member);
/* moments of `columns` columns from column `first` on, whose operand is there already: full vectors. */
void emit_moments(Emitter *e, const KernelMember *member, LLVMValueRef first, const LLVMValueRef *x);

#endif
