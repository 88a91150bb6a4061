/* Calls of kernels that are C functions (runtime/kernels/irregular.h): of each operator whose row in ir/ops.def says
 * so, and copies. */
#ifndef VITC_CODEGEN_PROGRAM_IRREGULAR_H
#define VITC_CODEGEN_PROGRAM_IRREGULAR_H

#include "ir/ir.h"
#include "runtime/program.h"

enum { IRREGULAR_NUMBERS = 16, IRREGULAR_COPY = 0 };

/* The C function of a node's operator, and the numbers that tell it the shapes, their count in *n. NULL: there is none
 * for such a node. */
VtKernel irregular_call(const Func *func, const Node *node, int64_t numbers[IRREGULAR_NUMBERS], int *n);

/* How a program that is kept names them. */
VtKernel irregular_kernel(int number); /* NULL: there is none */
int irregular_number(VtKernel kernel);

#endif
