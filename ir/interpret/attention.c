/* The reference interpreter: attention, its gradients. One matrix of scores at a time, row after row. */
#include "ir/interpret/eval.h"

#include <math.h>

typedef struct {
    const double *q, *k, *v, *dy, *bias; /* of one matrix; dy, bias: or NULL */
    int64_t n, d;
    double scale;
} Head;

/* Matrix number `index` of the operands. */
static Head head_of(const Eval *eval, int64_t index, bool gradient) {
    const Type *q = eval->type[0];
    Head h = {
        .n = q->dim[q->rank - 2], .d = q->dim[q->rank - 1], .scale = attention_attrs(eval->node)->scale};
    int64_t at = index * h.n * h.d, step = h.n * h.n, bias_at = 0;
    int bias = gradient ? 4 : 3;
    h.q = eval->x[0] + at;
    h.k = eval->x[1] + at;
    h.v = eval->x[2] + at;
    if (gradient) h.dy = eval->x[3] + at;
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

bool eval_attention(Eval *eval) {
    for (int64_t m = 0; m < heads(eval); m++) {
        Head h = head_of(eval, m, false);
        double *p = ARENA_ARRAY(eval->arena, double, h.n + 1);
        for (int64_t i = 0; i < h.n; i++) {
            double *y = eval->y + (m * h.n + i) * h.d;
            probabilities(&h, i, p);
            for (int64_t c = 0; c < h.d; c++) y[c] = 0;
            for (int64_t j = 0; j < h.n; j++)
                for (int64_t c = 0; c < h.d; c++) y[c] += p[j] * h.v[j * h.d + c];
        }
    }
    return true;
}

bool eval_attention_grad(Eval *eval) {
    int64_t part = type_elements(eval->type[0]);
    for (int64_t i = 0; i < 3 * part; i++) eval->y[i] = 0;
    for (int64_t m = 0; m < heads(eval); m++) {
        Head h = head_of(eval, m, true);
        double *p = ARENA_ARRAY(eval->arena, double, h.n + 1),
               *ds = ARENA_ARRAY(eval->arena, double, h.n + 1);
        double *dq = eval->y + m * h.n * h.d, *dk = dq + part, *dv = dk + part;
        for (int64_t i = 0; i < h.n; i++) {
            probabilities(&h, i, p);
            score_gradient(&h, i, p, ds);
            for (int64_t j = 0; j < h.n; j++)
                for (int64_t c = 0; c < h.d; c++) {
                    dq[i * h.d + c] += h.scale * ds[j] * h.k[j * h.d + c];
                    dk[j * h.d + c] += h.scale * ds[j] * h.q[i * h.d + c];
                    dv[j * h.d + c] += p[j] * h.dy[i * h.d + c];
                }
        }
    }
    return true;
}

bool eval_attention_bias_grad(Eval *eval) {
    int64_t n = type_elements(&eval->node->type);
    for (int64_t i = 0; i < n; i++) eval->y[i] = 0;
    for (int64_t m = 0; m < heads(eval); m++) {
        Head h = head_of(eval, m, true);
        double *p = ARENA_ARRAY(eval->arena, double, h.n + 1),
               *ds = ARENA_ARRAY(eval->arena, double, h.n + 1);
        double *to = eval->y + (h.bias - eval->x[4]);
        for (int64_t i = 0; i < h.n; i++) {
            probabilities(&h, i, p);
            score_gradient(&h, i, p, ds);
            for (int64_t j = 0; j < h.n; j++) to[i * h.n + j] += ds[j];
        }
    }
    return true;
}
