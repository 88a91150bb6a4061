/* Calls of kernels that are C functions (runtime/kernels/irregular.h): for each operator with kernel column FUNCTION in
 * ir/ops.def, and for copies. */
#ifndef VITC_CODEGEN_PROGRAM_IRREGULAR_H
#define VITC_CODEGEN_PROGRAM_IRREGULAR_H

#include "ir/ir.h"
#include "runtime/program.h"

enum { IRREGULAR_NUMBERS = 16, IRREGULAR_COPY = 0 };

/* The C function for a node, the *n numbers (shapes, element sizes) that it is called with, and how many bytes of
 * scratch it wants behind them: with none, there is no such argument. NULL: there is no function for these types. */
VtKernel irregular_call(const Func *func, const Node *node, int64_t numbers[IRREGULAR_NUMBERS], int *n,
                        int64_t *room);

/* Their numbers in an image; IRREGULAR_COPY is the copy. */
VtKernel irregular_kernel(int number); /* NULL: there is none */
int irregular_number(VtKernel kernel);
const char *irregular_symbol(int number); /* "vt_kernel_copy": the function's name for a linker */

#endif
