/* The meaning of reductions, and of what finds places along an axis: plain loops in index order. */
#include "ir/interpret/eval.h"

#include <math.h>
#include <string.h>

/* Over the operand in index order, following the result. */
static Walk walk_reduced(const Eval *eval) {
    const Type *x = eval->type[0];
    Walk walk = walk_over(x);
    Type kept = *x;
    const Ints *axes = &reduce_attrs(eval->node)->axes;
    for (int i = 0; i < axes->n; i++) kept.dim[axes->v[i]] = 1;
    int64_t stride[IR_MAX_RANK];
    strides_of(&kept, stride);
    for (int k = 0; k < x->rank; k++) walk.stride[k] = kept.dim[k] > 1 ? stride[k] : 0;
    return walk;
}

bool eval_sum(Eval *eval) {
    Walk walk = walk_reduced(eval);
    for (int64_t i = 0; i < type_elements(&eval->node->type); i++) eval->y[i] = 0;
    for (int64_t i = 0; i < type_elements(eval->type[0]); i++, walk_step(&walk))
        eval->y[walk.at] += eval->x[0][i];
    return true;
}

bool eval_amax(Eval *eval) {
    Walk walk = walk_reduced(eval);
    for (int64_t i = 0; i < type_elements(&eval->node->type); i++) eval->y[i] = -INFINITY;
    for (int64_t i = 0; i < type_elements(eval->type[0]); i++, walk_step(&walk))
        eval->y[walk.at] = larger_of(eval->y[walk.at], eval->x[0][i]);
    return true;
}

bool eval_sum_rows(Eval *eval) {
    const Type *x = eval->type[0], *y = &eval->node->type;
    int64_t n = x->dim[x->rank - 1], rows = sum_rows_attrs(eval->node)->rows,
            operands = eval->node->n_operands;
    for (int64_t i = 0; i < type_elements(y); i++) eval->y[i] = 0;
    for (int64_t o = 0; o < operands; o++)
        for (int64_t i = 0; i < type_elements(x); i++)
            eval->y[(i / n / rows * operands + o) * n + i % n] += eval->x[o][i];
    return true;
}

bool eval_moments(Eval *eval) {
    int64_t columns = moments_attrs(eval->node)->columns;
    for (int64_t i = 0; i < type_elements(&eval->node->type) / 2; i++) {
        const double *x = eval->x[0] + i * columns;
        double sum = 0, squares = 0;
        for (int64_t c = 0; c < columns; c++) sum += x[c];
        for (int64_t c = 0; c < columns; c++) squares += (x[c] - sum / columns) * (x[c] - sum / columns);
        eval->y[2 * i] = sum;
        eval->y[2 * i + 1] = squares;
    }
    return true;
}

bool eval_argmax(Eval *eval) {
    Lines l = lines_along(eval->type[0], along_attrs(eval->node)->axis);
    for (int64_t i = 0; i < l.outer * l.inner; i++) {
        const double *x = eval->x[0] + i / l.inner * l.n * l.inner + i % l.inner;
        int64_t best = 0;
        for (int64_t j = 1; j < l.n; j++)
            if (x[j * l.inner] > x[best * l.inner]) best = j;
        eval->y[i] = (double)best;
    }
    return true;
}

/* Whether a goes after b in the order asked for, NaN being above all numbers. */
static bool goes_after(double a, double b, bool descending) {
    if (a != a || b != b) return descending ? a == a && b != b : a != a && b == b;
    return descending ? a < b : a > b;
}

/* Stable: an index goes before the later ones that it does not go after. */
static void sort_line(const double *x, int64_t stride, bool descending, int64_t *order, int64_t *spare,
                      int64_t n) {
    for (int64_t width = 1; width < n; width *= 2) {
        for (int64_t a = 0; a < n; a += 2 * width) {
            int64_t mid = a + width < n ? a + width : n, end = mid + width < n ? mid + width : n;
            int64_t i = a, j = mid;
            for (int64_t o = a; o < end; o++) {
                bool left = j >= end ||
                            (i < mid && !goes_after(x[order[i] * stride], x[order[j] * stride], descending));
                spare[o] = left ? order[i++] : order[j++];
            }
        }
        memcpy(order, spare, sizeof *order * (size_t)n);
    }
}

bool eval_argsort(Eval *eval) {
    const OrderAttrs *of = order_attrs(eval->node);
    Lines l = lines_along(eval->type[0], of->axis), to = lines_along(&eval->node->type, of->axis);
    int64_t *order = ARENA_ARRAY(eval->arena, int64_t, 2 * l.n);
    for (int64_t i = 0; i < l.outer * l.inner; i++) {
        int64_t block = i / l.inner * l.inner, column = i % l.inner;
        for (int64_t j = 0; j < l.n; j++) order[j] = j;
        sort_line(eval->x[0] + block * l.n + column, l.inner, of->descending, order, order + l.n, l.n);
        for (int64_t j = 0; j < to.n; j++) eval->y[block * to.n + column + j * l.inner] = (double)order[j];
    }
    return true;
}

bool eval_cumsum(Eval *eval) {
    Lines l = lines_along(eval->type[0], scan_attrs(eval->node)->axis);
    for (int64_t i = 0; i < l.outer * l.inner; i++) {
        int64_t base = i / l.inner * l.n * l.inner + i % l.inner;
        double sum = 0;
        for (int64_t j = 0; j < l.n; j++) {
            int64_t at = base + (scan_attrs(eval->node)->reverse ? l.n - 1 - j : j) * l.inner;
            eval->y[at] = sum += eval->x[0][at];
        }
    }
    return true;
}
