/* Elementwise operators in LLVM IR: one rule emit_NAME for each row of ir/ops.def of that class; a missing rule is a
 * link error. */
#ifndef VITC_CODEGEN_ELEMENTWISE_H
#define VITC_CODEGEN_ELEMENTWISE_H

#include "codegen/emit/builder.h"

/* The operands of one application: all scalars, or all vectors of the same number of lanes. */
typedef struct {
    FunctionBuilder *fb;
    const Node *node;
    DType from; /* type of operand 0 (of all operands, but for `select`) */
    /* Every use of the result rounds it to bf16: a cheaper function with that accuracy will do. */
    bool bf16_only;
    LLVMValueRef x[ELEMENTWISE_MAX];
} Elements;

typedef LLVMValueRef ElementRule(const Elements *e);

/* By the rule of the node's operator. */
LLVMValueRef emit_elements(const Elements *e);
LLVMValueRef emit_converted(FunctionBuilder *fb, LLVMValueRef x, DType from, DType to);

#endif
