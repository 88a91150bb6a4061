/* Elementary functions on f32 scalars and vectors, as polynomials in LLVM IR. Errors against the exact value, measured
 * by tests/codegen/test_vecmath.c, are given in ulp. Each is correct on zeros, infinities and NaN. */
#ifndef VITC_CODEGEN_VECMATH_H
#define VITC_CODEGEN_VECMATH_H

#include "codegen/emit/builder.h"

LLVMValueRef vecmath_exp(FunctionBuilder *fb,
                         LLVMValueRef x); /* 1.2 ulp (denormal results too); below -104: 0 */
LLVMValueRef vecmath_log(FunctionBuilder *fb, LLVMValueRef x);     /* 0.9 ulp; 0: -inf; below 0: NaN */
LLVMValueRef vecmath_sin(FunctionBuilder *fb, LLVMValueRef x);     /* 0.8 ulp of 1 for |x| < 10^4 */
LLVMValueRef vecmath_cos(FunctionBuilder *fb, LLVMValueRef x);     /* the same */
LLVMValueRef vecmath_tanh(FunctionBuilder *fb, LLVMValueRef x);    /* 1.4 ulp */
LLVMValueRef vecmath_erf(FunctionBuilder *fb, LLVMValueRef x);     /* 2.5 ulp */
LLVMValueRef vecmath_sigmoid(FunctionBuilder *fb, LLVMValueRef x); /* 2.3 ulp */

/* For results that are rounded to bf16. exp: relative error 1.2e-5, and never 0 or infinite: from 2^-126 to 2^127.5.
 * erf: absolute error 2.6e-5 (Abramowitz and Stegun 7.1.25, whose e^-x² is exp's of -(x·x)); with tables 6e-6. */
LLVMValueRef vecmath_exp_bf16(FunctionBuilder *fb, LLVMValueRef x);
LLVMValueRef vecmath_erf_bf16(FunctionBuilder *fb, LLVMValueRef x);

/* A function of the C library on each lane. */
LLVMValueRef vecmath_libm(FunctionBuilder *fb, const char *name, LLVMValueRef x);

#endif
