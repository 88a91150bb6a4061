/* bfloat16 in LLVM IR: the upper half of an f32. In registers a bf16 is the f32 it stands for; in memory an i16. */
#ifndef VITC_CODEGEN_BF16_H
#define VITC_CODEGEN_BF16_H

#include <llvm-c/Core.h>
#include <stdbool.h>

/* `native`: the target has conversions of its own, which take vectors and flush denormals. Scalars or vectors. f32 to
 * the nearest bf16 (ties to even, NaN stays one), as the i32 whose upper half it is. */
LLVMValueRef bf16_round(LLVMBuilderRef b, bool native, LLVMValueRef x);
/* The same as an f32. */
LLVMValueRef bf16_rounded(LLVMBuilderRef b, bool native, LLVMValueRef x);
LLVMValueRef bf16_to_memory(LLVMBuilderRef b, bool native, LLVMValueRef x); /* f32 -> i16 */
LLVMValueRef bf16_from_memory(LLVMBuilderRef b, LLVMValueRef x);            /* i16 -> f32 */

#endif
