/* Pass `prologue`, between `remat` and `chain`: what makes the first operand of a product, element by element, is
 * computed as the product packs it instead of by a kernel of its own, which would write it to memory and have the
 * product read it back. */
#ifndef VITC_PASSES_PROLOGUE_H
#define VITC_PASSES_PROLOGUE_H

#include "ir/ir.h"

bool pass_prologue(Module *module, Diags *diags);

#endif
