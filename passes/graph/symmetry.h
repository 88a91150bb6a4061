/* Which values are symmetric matrices, told from how they are computed: z·zᵀ, functions of it element by element, the
 * distances |z_i|² + |z_j|² - 2·z_i·z_j, masks such as i = j. */
#ifndef VITC_PASSES_GRAPH_SYMMETRY_H
#define VITC_PASSES_GRAPH_SYMMETRY_H

#include "ir/ir.h"

/* Whether x, of rank 2 or more, is itself with its last two axes exchanged. False where that cannot be told. */
bool is_symmetric(const Func *func, ValueId x);

#endif
