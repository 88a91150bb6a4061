/* Pass `prologue`, between `remat` and `chain`: an elementwise kernel that computes the first operand of a product is
 * merged into the product's kernel (Kernel.prologue): its loops run as the operand is packed, and the operand is never
 * written to memory; see prologue.c. */
#ifndef VITC_PASSES_PROLOGUE_H
#define VITC_PASSES_PROLOGUE_H

#include "ir/ir.h"

bool pass_prologue(Module *module, Diags *diags);

#endif
