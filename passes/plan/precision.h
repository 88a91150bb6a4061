/* Pass `precision`, after `fuse`: mixed precision. Every product of f32 gets the precision of its function, which is
 * the module's where the function says none: with bf16 its factors are rounded to bf16, with bf16x3 each is split into
 * three terms of bf16; sums stay f32. With bf16 a large f32 value between kernels is also stored as bf16 where
 *   - products alone read it: they would round it anyway; or
 *   - a product makes it, and it is no sum with another stored value (the residual stream and its gradient stay f32),
 *     and no optimiser reads it, nor is another product added to it (weight gradients stay f32).
 * Statistics, losses, states, inputs and outputs stay as they are. */
#ifndef VITC_PASSES_PRECISION_H
#define VITC_PASSES_PRECISION_H

#include "ir/ir.h"

bool pass_precision(Module *module, Diags *diags);

#endif
