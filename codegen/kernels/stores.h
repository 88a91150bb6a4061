/* How a kernel's members reach memory: as elements, packed for products, or as sums of blocks of rows. */
#ifndef VITC_CODEGEN_STORES_H
#define VITC_CODEGEN_STORES_H

#include "codegen/emit/emit.h"

/* Stores what the loops' indices say of a member: its elements; of a `pack` its operand's; of sum_rows it adds them.
 * Not moments, which are of whole rows (block_reduction.h). */
void emit_store_member(Emitter *e, const KernelMember *member);
/* emit_hoist and emit_hoist_kernel, of what a member's store needs. */
void emit_hoist_member(Emitter *e, const KernelMember *member);
void emit_hoist_member_kernel(Emitter *e, const KernelMember *member);

#endif
