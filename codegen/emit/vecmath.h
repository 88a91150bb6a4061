/* Elementary functions on f32 scalars and vectors, as polynomials in LLVM IR. Errors against the exact value, measured
 * by tests/codegen/test_vecmath.c, are given in ulp. Each is correct on zeros, infinities and NaN. */
#ifndef VITC_CODEGEN_VECMATH_H
#define VITC_CODEGEN_VECMATH_H

#include "codegen/emit/emit.h"

LLVMValueRef vecmath_exp(Emitter *e, LLVMValueRef x);     /* 1.2 ulp (denormal results too); below -104: 0 */
LLVMValueRef vecmath_log(Emitter *e, LLVMValueRef x);     /* 0.9 ulp; 0: -inf; below 0: NaN */
LLVMValueRef vecmath_sin(Emitter *e, LLVMValueRef x);     /* 0.8 ulp of 1 for |x| < 10^4 */
LLVMValueRef vecmath_cos(Emitter *e, LLVMValueRef x);     /* the same */
LLVMValueRef vecmath_tanh(Emitter *e, LLVMValueRef x);    /* 1.4 ulp */
LLVMValueRef vecmath_erf(Emitter *e, LLVMValueRef x);     /* 2.5 ulp */
LLVMValueRef vecmath_sigmoid(Emitter *e, LLVMValueRef x); /* 2.3 ulp */

/* For results that are rounded to bf16. exp: relative error 1.2e-5, and never 0 or infinite: from 2^-126 to 2^127.5.
 * erf: absolute error 2.6e-5 (Abramowitz and Stegun 7.1.25, whose e^-x² is exp's of -(x·x)); with tables 6e-6. */
LLVMValueRef vecmath_exp_bf16(Emitter *e, LLVMValueRef x);
LLVMValueRef vecmath_erf_bf16(Emitter *e, LLVMValueRef x);

/* A function of the C library on each lane. */
LLVMValueRef vecmath_libm(Emitter *e, const char *name, LLVMValueRef x);

#endif
