/* Block reductions (operators sum_rows, moments): sums over blocks of rows or columns of values that the same kernel
 * computes, in its own loops or tile by tile in a product's epilogue.
 *
 * Rows are computed in order, and a thread has whole blocks of rows (emit_block_grain). Sums over rows are accumulated
 * in the result itself, of which a thread works on one row at a time, so that it is in L1. */
#ifndef VITC_CODEGEN_BLOCK_REDUCTION_H
#define VITC_CODEGEN_BLOCK_REDUCTION_H

#include "codegen/emit/emit.h"

/* A thread's rows must be a multiple of this. */
int64_t emit_block_grain(const Emitter *e);
/* Whether the member is a block reduction: it is stored by the functions below, not by emit_store. */
bool emit_is_block_reduction(const Emitter *e, const KernelMember *member);

/* The vector of the member's operand at the loops' indices. */
LLVMValueRef emit_block_operand(Emitter *e, const KernelMember *member, int operand);

/* sum_rows: adds the vectors of its operands at the loops' indices. */
void emit_sum_rows(Emitter *e, const KernelMember *member);
/* Stores the finished sums of a block of rows, which begins at `row`, for a vector of columns from `column` on. */
void emit_block_sums(Emitter *e, const KernelMember *member, int operand, LLVMValueRef row,
                     LLVMValueRef column, LLVMValueRef sums);

/* moments of one row, whose columns are the vector loop. */
void emit_row_moments(Emitter *e, const KernelMember *member);
/* moments of `columns` columns from column `first` on; x: the operand's elements, full vectors. */
void emit_moments(Emitter *e, const KernelMember *member, LLVMValueRef first, const LLVMValueRef *x);

#endif
