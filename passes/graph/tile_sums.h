/* Pass `tile-sums`: sums over the rows or columns of what a product's tiles become are made tile by tile (operators
 * sum_rows and moments), so that the kernel which computes the values also begins their sums, and nothing reads them
 * from memory for that.
 *
 *     %y = matmul …                           %y = matmul …
 *     %v = f(%y, …)              becomes      %v = f(%y, …)
 *     %s = sum %v {axes = rows}               %p = sum_rows %v {rows}       in the product's kernel
 *                                             %s = sum %p                   of a row for each block of rows
 *
 *     %a = sum %v {axes = last}               %p = moments %v {columns}
 *     %q = sum (%v - m)² {axes = last}        %a = sum %p[…, 0]
 *                                             %q = sum %p[…, 1] + columns·(%p[…, 0]/columns - m)²
 *
 * for any m that is one number a row (Chan, Golub and LeVeque 1979). Blocks are the rows and columns of Machine.tile;
 * without one nothing is done. Sums of values that come from one product are made together. */
#ifndef VITC_PASSES_GRAPH_TILE_SUMS_H
#define VITC_PASSES_GRAPH_TILE_SUMS_H

#include "ir/ir.h"

bool pass_tile_sums(Module *module, Diags *diags);

#endif
