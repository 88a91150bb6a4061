/* Strassen's products (1969): where they pay. Asked by passes, which keep such products out of what they cannot be part
 * of, and by codegen. */
#ifndef VITC_IR_STRASSEN_H
#define VITC_IR_STRASSEN_H

#include "ir/ir.h"

/* Whether a matmul of a and b is large enough, on any target, for seven products of halves and their sums to take less
 * time than eight. It must be of two matrices of f32; its columns must be two halves of whole panels. */
bool strassen_pays(const Node *product, const Type *a, const Type *b);
/* K is cut into equal blocks, each of which is halved: elements of a half, `most` at most. 0: K cannot be cut so. */
int64_t strassen_half_of_k(int64_t k, int64_t most);

#endif
