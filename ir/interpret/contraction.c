/* The meaning of matrix products, and of the panels that they may read. */
#include "ir/interpret/eval.h"

/* Where element (row, column) of a matrix [k, …] lies in panels of it: see operator `pack`. */
static int64_t panel_place(const Type *panels, int64_t row, int64_t column) {
    int64_t columns = panels->dim[2], panel = column / columns * panels->dim[1];
    if (panels->rank == 3) return (panel + row) * columns + column % columns;
    return ((panel + row / 2) * columns + column % columns) * 2 + row % 2;
}

bool eval_pack(Eval *eval) {
    const Type *x = eval->type[0];
    bool tb = pack_attrs(eval->node)->tb;
    for (int64_t i = 0; i < x->dim[0]; i++)
        for (int64_t j = 0; j < x->dim[1]; j++)
            eval->y[panel_place(&eval->node->type, tb ? j : i, tb ? i : j)] = eval->x[0][i * x->dim[1] + j];
    return true;
}

bool eval_matmul(Eval *eval) {
    const Type *a = eval->type[0], *y = &eval->node->type;
    bool ta = matmul_attrs(eval->node)->ta, tb = matmul_attrs(eval->node)->tb,
         packed = matmul_attrs(eval->node)->panel > 0, symmetric = matmul_attrs(eval->node)->symmetric;
    int64_t m = y->dim[y->rank - 2], n = y->dim[y->rank - 1], k = a->dim[a->rank - (ta ? 2 : 1)];
    int64_t batch = type_elements(y) / (m * n);
    int64_t a_row = ta ? 1 : k, a_col = ta ? m : 1;
    double *turned = tb || packed ? ARENA_ARRAY(eval->arena, double, k *n) : NULL;
    for (int64_t t = 0; t < batch; t++) {
        const double *x = eval->x[0] + t * m * k, *w = eval->x[1] + t * k * n;
        double *out = eval->y + t * m * n;
        for (int64_t i = 0; tb && i < k * n; i++) turned[i] = w[i % n * k + i / n];
        for (int64_t i = 0; packed && i < k * n; i++) turned[i] = w[panel_place(eval->type[1], i / n, i % n)];
        if (turned) w = turned;
        for (int64_t i = 0; i < m * n; i++) out[i] = 0;
        for (int64_t i = 0; i < m; i++)
            for (int64_t p = 0; p < k; p++) {
                double factor = x[i * a_row + p * a_col];
                for (int64_t j = 0; j < n; j++) out[i * n + j] += factor * w[p * n + j];
            }
        for (int64_t i = 0; symmetric && i < m; i++)
            for (int64_t j = i + 1; j < n; j++) out[i * n + j] = out[j * n + i];
    }
    return true;
}
