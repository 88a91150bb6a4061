/* Partial reductions (sum_rows, moments) of values that a kernel computes: in its own loops, or of a product's tiles.
 *
 * The member's operands are met row by row, in order, and a thread has whole blocks of rows (emit_partial_grain): sums of rows wait in the
 * result itself, of which a thread has a row at a time, in L1. */
#ifndef VITC_CODEGEN_PARTIAL_H
#define VITC_CODEGEN_PARTIAL_H

#include "codegen/emit/emit.h"

/* Rows that one thread must have together; 1: any. */
int64_t emit_partial_grain(const Emitter *e);
/* Whether the member is a partial reduction, which is stored by what follows and not by emit_store. */
bool emit_is_partial(const Emitter *e, const KernelMember *member);

/* The vector of the member's operand at the loops' indices. */
LLVMValueRef emit_partial_operand(Emitter *e, const KernelMember *member, int operand);

/* sum_rows: adds the vectors of its operands at the loops' indices. */
void emit_sum_rows(Emitter *e, const KernelMember *member);
/* The same where a whole block of rows, which begins at `row`, was summed: the sums from `column` on. */
void emit_block_sums(Emitter *e, const KernelMember *member, int operand, LLVMValueRef row,
                     LLVMValueRef column, LLVMValueRef sums);

/* moments of one row, whose columns are the vector loop. */
void emit_row_moments(Emitter *e, const KernelMember *member);
/* moments of `columns` columns from column `first` on, whose operand is there already: vectors of e->lanes. */
void emit_moments(Emitter *e, const KernelMember *member, LLVMValueRef first, const LLVMValueRef *x);

/* emit_hoist and emit_hoist_kernel, of a partial reduction's operands too. */
void emit_hoist_stored(Emitter *e, const KernelMember *member);
void emit_hoist_stored_kernel(Emitter *e, const KernelMember *member);

#endif
