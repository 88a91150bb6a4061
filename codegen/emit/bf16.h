/* bfloat16 in LLVM IR: the upper half of an f32. In registers a bf16 is the f32 it stands for; in memory an i16. */
#ifndef VITC_CODEGEN_BF16_H
#define VITC_CODEGEN_BF16_H

#include "codegen/emit/builder.h"

/* Of scalars or vectors. Vectors use the target's own conversion where it has one, which flushes denormals.
 * f32 to the nearest bf16 (ties to even, NaN stays one), as the i32 whose upper half it is. */
LLVMValueRef bf16_round(FunctionBuilder *fb, LLVMValueRef x);
/* The same as an f32. */
LLVMValueRef bf16_rounded(FunctionBuilder *fb, LLVMValueRef x);
LLVMValueRef bf16_to_memory(FunctionBuilder *fb, LLVMValueRef x); /* f32 -> i16 */
/* The same of what is rounded already: code that has just rounded it then needs no second conversion. */
LLVMValueRef bf16_rounded_to_memory(FunctionBuilder *fb, LLVMValueRef x);
LLVMValueRef bf16_from_memory(FunctionBuilder *fb, LLVMValueRef x); /* i16 -> f32 */

#endif
