/* What kernels are called with: see plan.h. It follows from the plan alone, before any code is made. */
#include "ir/plan/plan.h"

#include <assert.h>
#include <math.h>

bool node_is_literal(const Node *node) {
    enum { COUNTED_LOG2 = 24 };
    if (node->op != OP_constant) return false;
    double x = constant_attrs(node)->value;
    if (node->type.dtype == DT_I32) return fabs(x) > ldexp(1, COUNTED_LOG2);
    if (node->type.dtype != DT_F32) return false;
    int exponent;
    return isfinite(x) && x != floor(x) && fabs(frexp(x, &exponent)) != 0.5;
}

Signature kernel_signature(const Func *func, const Kernel *kernel) {
    bool literal = false;
    for (ValueId id = kernel->first; id <= kernel->last; id++)
        literal = literal || node_is_literal(func_node(func, id));
    return (Signature){(int)kernel->n_stores, (int)kernel->n_reads, literal, kernel->kind == KERNEL_MATMUL};
}

static int number_of(const ValueId *values, size_t n, ValueId value) {
    size_t i = 0;
    while (i < n && values[i] != value) i++;
    assert(i < n);
    return (int)i;
}

int kernel_argument(const Func *func, const Kernel *kernel, ValueId value, bool stored) {
    Signature signature = kernel_signature(func, kernel);
    int values = signature.stores + signature.reads;
    if (value == IR_NONE) return stored ? values + signature.literals : values;
    return stored ? number_of(kernel->stores, kernel->n_stores, value)
                  : signature.stores + number_of(kernel->reads, kernel->n_reads, value);
}
