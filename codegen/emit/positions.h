/* Positions of a recipe's expressions on instructions (LLVM's debug locations), for debuggers and listings. They change
 * no code. Whoever emits without them leaves FunctionBuilder.positions NULL. */
#ifndef VITC_CODEGEN_POSITIONS_H
#define VITC_CODEGEN_POSITIONS_H

#include "ir/ir.h"
#include <llvm-c/Core.h>
#include <llvm-c/DebugInfo.h>

typedef struct Positions Positions;

/* For all functions of an LLVM module. listing: for the text of assembly alone, so that files have no folders. In the
 * arena, until positions_end. */
Positions *positions_begin(Arena *arena, LLVMModuleRef module, const Diags *diags, bool listing);
void positions_end(Positions *positions);
/* Listings call source number i (Loc.file) names[i], of which there are n, instead of by the last part of its path. */
void positions_names(Positions *positions, const char *const *names, size_t n);

/* The functions below do nothing if `positions` is NULL. Instructions that `builder` makes have the position that was
 * set last. */

/* Begins a function whose own instructions, such as its loops, are at `loc`. */
void positions_function(Positions *positions, LLVMBuilderRef builder, LLVMValueRef function, Loc loc);
/* What was set before is the result, for positions_restore. */
LLVMMetadataRef positions_set(Positions *positions, LLVMBuilderRef builder, Loc loc);
void positions_restore(Positions *positions, LLVMBuilderRef builder, LLVMMetadataRef before);
/* For functions without positions, made while another is being built. */
LLVMMetadataRef positions_leave(Positions *positions, LLVMBuilderRef builder);

#endif
