/* Features as directions: see directions.h. */
#include "runtime/evaluation/directions.h"
#include "runtime/base/error.h"
#include "runtime/threads/team.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const VtFeatures *features;
    VtDirections *out;
    double *squares; /* of each row of the features: the sum of its squares */
    int64_t *places; /* of each: its row among the directions; -1: it takes no part */
} Making;

static void sum_squares(void *user, int thread, int threads) {
    Making *m = user;
    const VtFeatures *f = m->features;
    for (int64_t i = f->n * thread / threads; i < f->n * (thread + 1) / threads; i++) {
        const float *x = f->values + i * f->dim;
        double sum = 0;
        for (int64_t d = 0; d < f->dim; d++) sum += (double)x[d] * x[d];
        m->squares[i] = sum;
    }
}

static void choose(Making *m, bool keep_zero) {
    VtDirections *out = m->out;
    for (int64_t i = 0; i < m->features->n; i++) {
        bool labelled = m->features->labels[i] >= 0, zero = m->squares[i] == 0;
        out->unlabelled += !labelled;
        out->zero += labelled && zero;
        m->places[i] = labelled && (!zero || keep_zero) ? out->n : -1;
        if (m->places[i] >= 0) out->labels[out->n++] = m->features->labels[i];
    }
}

static void put_row(const VtDirections *out, int64_t row, const float *x, int64_t dim, double square) {
    double scale = square == 0 ? 0 : 1 / sqrt(square);
    for (int64_t p = 0; p < out->parts; p++) {
        float *to = out->x + (p * out->room + row) * out->width;
        int64_t first = p * out->width, n = dim - first < out->width ? dim - first : out->width;
        for (int64_t d = 0; d < n; d++) to[d] = (float)(x[first + d] * scale);
        memset(to + n, 0, sizeof *to * (size_t)(out->width - n));
    }
}

static void put_rows(void *user, int thread, int threads) {
    Making *m = user;
    const VtFeatures *f = m->features;
    for (int64_t i = f->n * thread / threads; i < f->n * (thread + 1) / threads; i++)
        if (m->places[i] >= 0) put_row(m->out, m->places[i], f->values + i * f->dim, f->dim, m->squares[i]);
}

bool vt_directions_make(VtDirections *out, const VtFeatures *f, bool keep_zero, int64_t width,
                        int64_t padding, VtError *error) {
    Making m = {f, out, malloc(sizeof *m.squares * (size_t)f->n + 64),
                malloc(sizeof *m.places * (size_t)f->n + 64)};
    *out = (VtDirections){.width = width, .parts = (f->dim + width - 1) / width};
    out->labels = malloc(sizeof *out->labels * (size_t)f->n + 64);
    bool good = m.squares && m.places && out->labels;
    if (good) {
        vt_parallel(sum_squares, &m);
        choose(&m, keep_zero);
        out->room = out->n + padding;
        size_t bytes = sizeof *out->x * (size_t)(out->parts * out->room * width);
        if (posix_memalign((void **)&out->x, 64, bytes + 64) != 0) out->x = NULL;
        good = out->x != NULL;
    }
    if (good) {
        vt_parallel(put_rows, &m);
        for (int64_t p = 0; p < out->parts; p++)
            memset(out->x + (p * out->room + out->n) * width, 0, sizeof *out->x * (size_t)(padding * width));
    }
    free(m.squares);
    free(m.places);
    if (good) return true;
    vt_directions_free(out);
    return vt_fail(error, 1, "out of memory to compare the features of %lld images", (long long)f->n);
}

void vt_directions_free(VtDirections *directions) {
    free(directions->x);
    free(directions->labels);
    *directions = (VtDirections){0};
}

bool vt_direction_is_zero(const VtDirections *directions, int64_t i) {
    for (int64_t p = 0; p < directions->parts; p++)
        for (int64_t d = 0; d < directions->width; d++)
            if (directions->x[(p * directions->room + i) * directions->width + d] != 0) return false;
    return true;
}

bool vt_directions_check(const VtDirections *d, const char *use, const char *which, VtError *error) {
    if (d->n == 0 && d->zero == 0)
        return vt_fail(error, 2, "%s needs labels, and none of the %lld %s has one", use,
                       (long long)d->unlabelled, which);
    if (d->zero > 0 && (d->n == 0 || d->zero == d->n))
        return vt_fail(error, 1, "the features of all %lld %s are zero: they say nothing", (long long)d->zero,
                       which);
    return true;
}

static int ascending(const void *a, const void *b) {
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

int32_t *vt_directions_classes(const VtDirections *d, int *n) {
    int32_t *classes = malloc(sizeof *classes * (size_t)d->n + 64);
    *n = 0;
    if (!classes) return NULL;
    memcpy(classes, d->labels, sizeof *classes * (size_t)d->n);
    qsort(classes, (size_t)d->n, sizeof *classes, ascending);
    for (int64_t i = 0; i < d->n; i++)
        if (*n == 0 || classes[*n - 1] != classes[i]) classes[(*n)++] = classes[i];
    return classes;
}
