/* Prologues of matrix products: loops that make the elements of a product's first operand as it is packed, so that
 * it never lies in memory. They are the first nodes of the product's own kernel, before the core (Kernel.prologue).
 * The pass `prologue` moves them there, the verifier holds them to the rules below, codegen relies on these. */
#ifndef VITC_IR_PROLOGUE_H
#define VITC_IR_PROLOGUE_H

#include "ir/plan/kernel.h"

/* Why loops cannot be the prologue of the product `core`; NULL: they can. They are elementwise, the product is of
 * one matrix [M, K] by another, and what they make lies as that does: row after row, in whole rounds of the outer
 * loops. */
const char *prologue_fault(const Func *func, ValueId core, const Kernel *prologue);
/* The last of its loops that make up the rows of the product's operand; the others run along a row. -1: there is
 * none. */
int prologue_last_row(const Func *func, ValueId core, const Kernel *prologue);
/* Whether, of the nodes first..last, the product alone reads `made`, by its first operand. */
bool prologue_read_alone(const Func *func, ValueId core, ValueId made, ValueId first, ValueId last);

/* ---- how often a product packs its operands: codegen goes by it, and so does what is worth a prologue ------------ */

/* Whether threads share the rows of a product [m, n]: each then packs but its rows of the first operand. Where they
 * do not, every thread packs them all. */
bool product_shares_rows(int64_t m, int64_t n);
/* Columns of the result for which the first operand is packed once, and, with more, again; `line`: bytes of a packed
 * column. */
int64_t product_columns_at_once(int64_t cache_bytes, int64_t line);

#endif
