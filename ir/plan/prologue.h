/* Prologues of matrix products: elementwise loops that compute the product's first operand [M, K] while it is packed,
 * so that it is never stored to memory. Their nodes are the first of the product's own kernel, before the core
 * (Kernel.prologue). The pass `prologue` moves them there, the verifier checks the rules below, codegen relies on
 * them. */
#ifndef VITC_IR_PROLOGUE_H
#define VITC_IR_PROLOGUE_H

#include "ir/plan/kernel.h"

/* Why a kernel of loops cannot be the prologue of the product `core`; NULL: it can. It must be elementwise, the product
 * one of two matrices (no batch), and its result must have the elements of [M, K] in row-major order, with each row of
 * K elements a whole number of iterations of the inner loops. */
const char *prologue_fault(const Func *func, ValueId core, const Kernel *prologue);
/* The loops up to and including this one count the M rows of the operand, the others run along a row. -1: the loops
 * cannot be divided so. */
int prologue_last_row(const Func *func, ValueId core, const Kernel *prologue);
/* Whether the only reader of `made` among the nodes first..last is the product, by its first operand. */
bool prologue_read_alone(const Func *func, ValueId core, ValueId made, ValueId first, ValueId last);

/* ---- how often a product packs its first operand (and so would run a prologue): for codegen and the pass --------- */

/* Whether threads share the rows of a product [m, n]: each then packs only its own rows of the first operand. Else
 * threads share the columns, and each packs all rows. */
bool product_shares_rows(int64_t m, int64_t n);
/* Columns of the result in a block: the first operand is packed once for each block. line: bytes of a packed column of
 * the second operand. */
int64_t product_columns_at_once(int64_t cache_bytes, int64_t line);

#endif
