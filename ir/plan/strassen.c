/* Strassen's products: see strassen.h. */
#include "ir/plan/strassen.h"

/* LEAST: of rows, columns and terms, below which sums and packing take what is saved; LEAST_HALF: of terms of half a block
 * of K, even where columns are many. */
enum { LEAST = 512, LEAST_HALF = 256, FEW = 400 };

int64_t strassen_half_of_k(int64_t k, int64_t most) {
    for (int64_t blocks = 1; 2 * blocks <= k; blocks++)
        if (k % (2 * blocks) == 0 && k / (2 * blocks) <= most) return k / (2 * blocks);
    return 0;
}

bool strassen_pays(const Node *product, const Type *a, const Type *b) {
    const MatmulAttrs *matmul = matmul_attrs(product);
    const Type *c = &product->type;
    if (c->rank != 2 || matmul->panel || matmul->symmetric || a->dtype != DT_F32 || b->dtype != DT_F32)
        return false;
    int64_t m = c->dim[0], n = c->dim[1], k = a->dim[matmul->ta ? 0 : 1];
    return m >= LEAST && n >= LEAST && k >= LEAST && n % (2 * MACHINE_WIDEST_PANEL) == 0 &&
           strassen_half_of_k(k, FEW) >= LEAST_HALF;
}
