/* The reference interpreter: attention, its gradients. One matrix of scores at a time, row after row. */
#include "ir/interpret/eval.h"

#include <math.h>

typedef struct {
    const double *q, *k, *v, *dy, *bias; /* of one matrix; dy, bias: or NULL */
    int64_t m, n, d;                     /* queries, keys, elements of each */
    double scale;
} Head;

/* Matrix number `index` of the operands. */
static Head head_of(const Eval *eval, int64_t index, bool gradient) {
    const Type *q = eval->type[0];
    Head h = {.m = q->dim[q->rank - 2],
              .n = eval->type[1]->dim[q->rank - 2],
              .d = q->dim[q->rank - 1],
              .scale = attention_attrs(eval->node)->scale};
    int64_t step = h.m * h.n, bias_at = 0;
    int bias = gradient ? 4 : 3;
    h.q = eval->x[0] + index * h.m * h.d;
    h.k = eval->x[1] + index * h.n * h.d;
    h.v = eval->x[2] + index * h.n * h.d;
    if (gradient) h.dy = eval->x[3] + index * h.m * h.d;
    if (eval->node->n_operands <= bias) return h;
    for (int k = q->rank - 3; k >= 0; k--) {
        int64_t dim = eval->type[bias]->dim[k];
        if (dim > 1) bias_at += index % q->dim[k] * step;
        step *= dim;
        index /= q->dim[k];
    }
    h.bias = eval->x[bias] + bias_at;
    return h;
}

static double dot(const double *a, const double *b, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* Row i of the probabilities. */
static void probabilities(const Head *h, int64_t i, double *p) {
    double most = -INFINITY, sum = 0;
    for (int64_t j = 0; j < h->n; j++) {
        p[j] = h->scale * dot(h->q + i * h->d, h->k + j * h->d, h->d) + (h->bias ? h->bias[i * h->n + j] : 0);
        most = larger_of(most, p[j]);
    }
    for (int64_t j = 0; j < h->n; j++) sum += p[j] = exp(p[j] - most);
    for (int64_t j = 0; j < h->n; j++) p[j] /= sum;
}

/* Row i of the gradient of what the softmax is taken of: p (dp - Σ p dp), dp = dy·vᵀ. */
static void score_gradient(const Head *h, int64_t i, const double *p, double *ds) {
    double sum = 0;
    for (int64_t j = 0; j < h->n; j++) {
        ds[j] = dot(h->dy + i * h->d, h->v + j * h->d, h->d);
        sum += p[j] * ds[j];
    }
    for (int64_t j = 0; j < h->n; j++) ds[j] = p[j] * (ds[j] - sum);
}

static int64_t heads(const Eval *eval) {
    const Type *q = eval->type[0];
    return type_elements(q) / (q->dim[q->rank - 2] * q->dim[q->rank - 1]);
}

/* to += factor·x, n elements; to: or NULL. */
static void add_scaled(double *to, double factor, const double *x, int64_t n) {
    for (int64_t c = 0; to && c < n; c++) to[c] += factor * x[c];
}

bool eval_attention(Eval *eval) {
    for (int64_t i = 0; i < type_elements(&eval->node->type); i++) eval->y[i] = 0;
    for (int64_t matrix = 0; matrix < heads(eval); matrix++) {
        Head h = head_of(eval, matrix, false);
        double *p = ARENA_ARRAY(eval->arena, double, h.n + 1);
        for (int64_t i = 0; i < h.m; i++) {
            probabilities(&h, i, p);
            for (int64_t j = 0; j < h.n; j++)
                add_scaled(eval->y + (matrix * h.m + i) * h.d, p[j], h.v + j * h.d, h.d);
        }
    }
    return true;
}

/* Gradients of all matrices, added to where they are wanted: dq, dk, dv, dbias; or NULL. */
static bool add_gradients(Eval *eval, double *dq, double *dk, double *dv, double *dbias) {
    for (int64_t i = 0; i < type_elements(&eval->node->type); i++) eval->y[i] = 0;
    for (int64_t matrix = 0; matrix < heads(eval); matrix++) {
        Head h = head_of(eval, matrix, true);
        double *p = ARENA_ARRAY(eval->arena, double, h.n + 1),
               *ds = ARENA_ARRAY(eval->arena, double, h.n + 1);
        for (int64_t i = 0; i < h.m; i++) {
            int64_t query = (matrix * h.m + i) * h.d;
            probabilities(&h, i, p);
            score_gradient(&h, i, p, ds);
            if (dbias) add_scaled(dbias + (h.bias - eval->x[4]) + i * h.n, 1, ds, h.n);
            for (int64_t j = 0; j < h.n; j++) {
                int64_t key = (matrix * h.n + j) * h.d;
                add_scaled(dq ? dq + query : NULL, h.scale * ds[j], h.k + j * h.d, h.d);
                add_scaled(dk ? dk + key : NULL, h.scale * ds[j], h.q + i * h.d, h.d);
                add_scaled(dv ? dv + key : NULL, p[j], h.dy + i * h.d, h.d);
            }
        }
    }
    return true;
}

bool eval_attention_grad(Eval *eval) {
    int64_t part = type_elements(eval->type[0]);
    return add_gradients(eval, eval->y, eval->y + part, eval->y + 2 * part, NULL);
}

bool eval_attention_query_grad(Eval *eval) {
    return add_gradients(eval, eval->y, NULL, NULL, NULL);
}

bool eval_attention_key_grad(Eval *eval) {
    return add_gradients(eval, NULL, eval->y, eval->y + type_elements(eval->type[1]), NULL);
}

bool eval_attention_bias_grad(Eval *eval) {
    return add_gradients(eval, NULL, NULL, NULL, eval->y);
}
