/* One level of Strassen's products (1969), after "Strassen's Algorithm Reloaded" (Huang, Smith, Henry, van de Geijn, SC
 * 2016): C = A·B of f32 in seven products of halves of M, N and K. Sums of quarters of A and B are made as they are
 * packed; the seven products are added up in tiles of the four quarters of C, which stay in the core's cache until they
 * are finished, so that the epilogue sees each tile once. Where K is cut into blocks, each block is multiplied so. */
#ifndef VITC_CODEGEN_STRASSEN_H
#define VITC_CODEGEN_STRASSEN_H

#include "codegen/gemm/gemm.h"

/* Whether a product of precision fp32fast can be made so; if not it is as one of fp32. */
bool strassen_fits(const FunctionBuilder *fb, const GemmShape *shape);
/* As gemm_emit, and its scratch. */
void strassen_emit(FunctionBuilder *fb, const GemmShape *shape, LLVMValueRef a, LLVMValueRef b,
                   LLVMValueRef c, LLVMValueRef scratch, GemmEpilogue epilogue, GemmPrefetch prefetch,
                   void *user);
int64_t strassen_scratch_bytes(const FunctionBuilder *fb, const GemmShape *shape, bool epilogue);

#endif
