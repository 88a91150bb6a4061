/* Combining elements for the operators sum and amax; for rows.c and columns.c. */
#ifndef VITC_CODEGEN_REDUCTION_H
#define VITC_CODEGEN_REDUCTION_H

#include "codegen/emit/emit.h"

/* The neutral element, a scalar. */
LLVMValueRef reduction_identity(FunctionBuilder *fb, const Node *node);
LLVMValueRef reduction_combine(FunctionBuilder *fb, const Node *node, LLVMValueRef a, LLVMValueRef b);
/* Reduces the lanes of a full vector to a scalar, the upper half onto the lower, again and again: a tree. */
LLVMValueRef reduction_fold_lanes(FunctionBuilder *fb, const Node *node, LLVMValueRef vector);
/* The type of a full vector of the result's elements. */
LLVMTypeRef reduction_vector(FunctionBuilder *fb, const Node *node);

#endif
