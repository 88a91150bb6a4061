/* What elementwise operators are in LLVM IR: a rule emit_NAME for each row of that class of ir/ops.def. One that is
 * missing does not link. */
#ifndef VITC_CODEGEN_ELEMENTWISE_H
#define VITC_CODEGEN_ELEMENTWISE_H

#include "codegen/emit/builder.h"

/* One application of an operator to elements: all operands scalars, or all vectors of as many lanes. */
typedef struct {
    FunctionBuilder *fb;
    const Node *node;
    DType from;     /* of operand 0; of comparisons, arithmetic and functions of all operands */
    bool bf16_only; /* the result ends rounded to bf16: it need not be more accurate than that */
    LLVMValueRef x[3];
} Elements;

typedef LLVMValueRef ElementRule(const Elements *e);

/* By the rule of the node's operator. */
LLVMValueRef emit_elements(const Elements *e);
LLVMValueRef emit_converted(FunctionBuilder *fb, LLVMValueRef x, DType from, DType to);

#endif
