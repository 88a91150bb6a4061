/* Calls of kernels that are C functions (runtime/kernels/irregular.h): for each operator with kernel column FUNCTION in
 * ir/ops.def, and for copies. */
#ifndef VITC_CODEGEN_PROGRAM_IRREGULAR_H
#define VITC_CODEGEN_PROGRAM_IRREGULAR_H

#include "ir/ir.h"
#include "runtime/program.h"

enum { IRREGULAR_NUMBERS = 16, IRREGULAR_COPY = 0 };

/* The C function for a node, and the *n numbers (shapes, element sizes) that it is called with. NULL: there is none for
 * these types. */
VtKernel irregular_call(const Func *func, const Node *node, int64_t numbers[IRREGULAR_NUMBERS], int *n);

/* Their numbers in an image; IRREGULAR_COPY is the copy. */
VtKernel irregular_kernel(int number); /* NULL: there is none */
int irregular_number(VtKernel kernel);

#endif
