/* Elementary functions on f32 scalars and vectors, as polynomials in LLVM IR. Errors against the exact value, measured
 * by tests/codegen/test_vecmath.c, are given in ulp. Each is correct on zeros, infinities and NaN. */
#ifndef VITC_CODEGEN_VECMATH_H
#define VITC_CODEGEN_VECMATH_H

#include <llvm-c/Core.h>

LLVMValueRef vecmath_exp(LLVMBuilderRef b,
                         LLVMValueRef x); /* 2 ulp; below -103.9: 0, results below 2^-126 are
                                                                   rounded to multiples of 2^-149 */
LLVMValueRef vecmath_log(LLVMBuilderRef b, LLVMValueRef x); /* 2 ulp; 0: -inf; below 0: NaN */
LLVMValueRef vecmath_sin(LLVMBuilderRef b, LLVMValueRef x); /* 2 ulp of 1 for |x| < 10^4 */
LLVMValueRef vecmath_cos(LLVMBuilderRef b, LLVMValueRef x);
LLVMValueRef vecmath_tanh(LLVMBuilderRef b, LLVMValueRef x);    /* 4 ulp */
LLVMValueRef vecmath_erf(LLVMBuilderRef b, LLVMValueRef x);     /* 4 ulp */
LLVMValueRef vecmath_sigmoid(LLVMBuilderRef b, LLVMValueRef x); /* 4 ulp */

/* A function of the C library on each lane. */
LLVMValueRef vecmath_libm(LLVMBuilderRef b, const char *name, LLVMValueRef x);

#endif
