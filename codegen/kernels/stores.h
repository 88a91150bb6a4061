/* How a kernel's members reach memory: as elements, packed for products, or as sums of blocks of rows. */
#ifndef VITC_CODEGEN_STORES_H
#define VITC_CODEGEN_STORES_H

#include "codegen/emit/emit.h"

/* Stores a member at the loops' indices: its elements; for a `pack` those of its operand, in the panel; for sum_rows
 * they are added to the sums. Not for moments, which need a whole row (block_reduction.h). */
void emit_store_member(Emitter *e, const KernelMember *member);
/* emit_hoist and emit_hoist_kernel, of what a member's store needs. */
void emit_hoist_member(Emitter *e, const KernelMember *member);
void emit_hoist_member_kernel(Emitter *e, const KernelMember *member);

#endif
