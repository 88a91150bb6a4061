/* Sums and maxima of elements (operators sum, amax), which loops over rows and over columns make alike. */
#ifndef VITC_CODEGEN_REDUCTION_H
#define VITC_CODEGEN_REDUCTION_H

#include "codegen/emit/emit.h"

/* A scalar that changes nothing when it is combined. */
LLVMValueRef reduction_identity(FunctionBuilder *fb, const Node *node);
LLVMValueRef reduction_combine(FunctionBuilder *fb, const Node *node, LLVMValueRef a, LLVMValueRef b);
/* One full vector's lanes into one number: halves onto halves, so that the order is that of a tree. */
LLVMValueRef reduction_fold_lanes(FunctionBuilder *fb, const Node *node, LLVMValueRef vector);
/* A full vector of the result's elements. */
LLVMTypeRef reduction_vector(FunctionBuilder *fb, const Node *node);

#endif
