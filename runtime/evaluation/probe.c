/* Judges of frozen features: see probe.h. */
#include "runtime/evaluation/probe.h"
#include "runtime/base/dtype.h"
#include "runtime/base/error.h"
#include "runtime/base/rng.h"
#include "runtime/base/stop.h"
#include "runtime/program/instance.h"
#include "runtime/program/sampler.h"
#include "runtime/program/settings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What the program is fed with. */
typedef struct {
    void **inputs; /* by VtProgram.inputs */
    float *features;
    int32_t *truth; /* NULL: the function reads none, as the next */
    float *counted;
    int64_t batch, dim;
    double steps_per_epoch;
} Fed;

static int find_input(const VtProgram *p, const char *function, const char *name) {
    const VtFunction *f = vt_find_function(p, function);
    for (int i = 0; f && i < f->n_inputs; i++)
        if (strcmp(p->inputs[f->inputs[i]].tensor.name, name) == 0) return f->inputs[i];
    return -1;
}

static void fed_close(const VtProgram *p, Fed *fed) {
    for (int i = 0; fed->inputs && i < p->n_inputs; i++)
        if (!vt_feed_scalar(p, i, &fed->steps_per_epoch)) free(fed->inputs[i]);
    free(fed->inputs);
    *fed = (Fed){0};
}

/* Room for all inputs; features, truth and counted are where they are written to. */
static bool fed_open(const VtProbe *probe, const char *function, Fed *fed, VtError *error) {
    const VtProgram *p = probe->program;
    int features = find_input(p, function, "features"), truth = find_input(p, function, "truth"),
        counted = find_input(p, function, "counted");
    *fed = (Fed){.inputs = calloc((size_t)p->n_inputs + 1, sizeof *fed->inputs)};
    if (!fed->inputs) return vt_fail(error, 1, "out of memory");
    if (features < 0 || p->inputs[features].tensor.rank != 2)
        return vt_fail(error, 1, "'%s' is no judge of features: function '%s' has no input 'features'",
                       p->name, function);
    for (int i = 0; i < p->n_inputs; i++) {
        size_t bytes = vt_bytes(&p->inputs[i].tensor);
        fed->inputs[i] = (void *)vt_feed_scalar(p, i, &fed->steps_per_epoch);
        if (fed->inputs[i]) continue;
        if (posix_memalign(&fed->inputs[i], 64, bytes + 64) != 0) return vt_fail(error, 1, "out of memory");
        memset(fed->inputs[i], 0, bytes);
    }
    fed->features = fed->inputs[features];
    fed->truth = truth >= 0 ? fed->inputs[truth] : NULL;
    fed->counted = counted >= 0 ? fed->inputs[counted] : NULL;
    fed->batch = p->inputs[features].tensor.dim[0];
    fed->dim = p->inputs[features].tensor.dim[1];
    return true;
}

static void draw(const VtProbe *probe, Fed *fed, int64_t step) {
    const VtProgram *p = probe->program;
    for (int i = 0; i < p->n_inputs; i++)
        if (p->inputs[i].source == VT_SOURCE_DRAW)
            vt_draw_fill(&p->draws[p->inputs[i].index], &p->inputs[i].tensor, probe->seed, (uint64_t)step,
                         fed->inputs[i]);
}

/* The rows, labelled ones if the program reads `truth`; *n: how many. NULL with an error. */
static int32_t *rows_of(const VtProbe *probe, const VtFeatures *f, bool labelled, int64_t *n,
                        VtError *error) {
    int32_t *rows = malloc(sizeof *rows * (size_t)f->n + 64);
    if (!rows) return vt_fail(error, 1, "out of memory"), NULL;
    *n = 0;
    for (int64_t i = 0; i < f->n; i++) {
        if (labelled && f->labels[i] >= probe->classes) {
            vt_fail(error, 1, "class %d of an image: the classifier has %d classes", f->labels[i],
                    probe->classes);
            return free(rows), NULL;
        }
        if (!labelled || f->labels[i] >= 0) rows[(*n)++] = (int32_t)i;
    }
    if (*n == 0) {
        vt_fail(error, 2,
                labelled ? "a classifier needs labels, and none of %lld images has one"
                         : "features of %lld images were expected to be of one or more",
                (long long)f->n);
        return free(rows), NULL;
    }
    return rows;
}

static bool check_dim(const VtFeatures *f, const Fed *fed, VtError *error) {
    return f->dim == fed->dim || vt_fail(error, 1, "features of %lld dimensions for a classifier of %lld",
                                         (long long)f->dim, (long long)fed->dim);
}

static double loss_of(const VtProbe *probe) {
    VtTensor type;
    const void *loss = vt_instance_output(probe->instance, "step", "loss", &type);
    return loss && type.dtype == VT_F32 ? (double)*(const float *)loss : NAN;
}

/* The rows at order[first …], and behind the last of them those at its beginning, which do not count. */
static void put_batch(Fed *fed, const VtFeatures *f, const int32_t *rows, const int32_t *order, int64_t n,
                      int64_t first) {
    for (int64_t i = 0; i < fed->batch; i++) {
        int64_t row = rows[order[(first + i) % n]];
        bool counts = first + i < n;
        memcpy(fed->features + i * fed->dim, f->values + row * f->dim, sizeof(float) * (size_t)f->dim);
        if (fed->truth) fed->truth[i] = counts ? f->labels[row] : -1;
        if (fed->counted) fed->counted[i] = counts;
    }
}

static bool train_epochs(const VtProbe *probe, const VtFeatures *f, Fed *fed, const int32_t *rows,
                         int32_t *order, int64_t n, VtError *error) {
    int64_t per_epoch = (n + fed->batch - 1) / fed->batch;
    int64_t total = (int64_t)ceil(probe->epochs * (double)per_epoch - 1e-9);
    fed->steps_per_epoch = (double)per_epoch;
    for (int64_t step = 0; step < total; step++) {
        if (vt_stop_signal()) return vt_stopped(error);
        if (step % per_epoch == 0) {
            VtRng rng = {
                .seed = probe->seed, .stream = vt_stream("probe"), .step = (uint64_t)(step / per_epoch)};
            vt_rng_permutation(&rng, order, n);
        }
        put_batch(fed, f, rows, order, n, step % per_epoch * fed->batch);
        draw(probe, fed, step);
        if (!vt_instance_run(probe->instance, "step", fed->inputs, error)) return false;
        if (probe->tell) probe->tell(probe->user, step + 1, total, loss_of(probe));
    }
    return true;
}

bool vt_probe_train(const VtProbe *probe, const VtFeatures *train, VtError *error) {
    Fed fed;
    int64_t n = 0;
    bool good = fed_open(probe, "step", &fed, error) && check_dim(train, &fed, error);
    int32_t *rows = good ? rows_of(probe, train, fed.truth, &n, error) : NULL, *order = NULL;
    good = rows && ((order = malloc(sizeof *order * (size_t)n + 64)) || vt_fail(error, 1, "out of memory"));
    good = good && train_epochs(probe, train, &fed, rows, order, n, error);
    free(rows);
    free(order);
    fed_close(probe->program, &fed);
    return good;
}

int vt_probe_count(const VtProbe *probe, VtError *error) {
    VtTensor type;
    const void *logits = vt_instance_output(probe->instance, "embed", "features", &type);
    if (logits && probe->classes > 0 && type.rank == 2 && type.dim[1] % probe->classes == 0)
        return (int)(type.dim[1] / probe->classes);
    vt_fail(error, 1, "'%s' is no classifier of %d classes", probe->program->name, probe->classes);
    return 0;
}

/* ---- what it gives ----------------------------------------------------------------------------------------------- */

/* `embed` of rows[at …], at most a batch; returns how many there were, 0 with an error. *out: its output, of *width. */
static int64_t embed_batch(const VtProbe *probe, Fed *fed, const VtFeatures *f, const int32_t *rows,
                           int64_t n, int64_t at, const float **out, int64_t *width, VtError *error) {
    int64_t here = n - at < fed->batch ? n - at : fed->batch;
    VtTensor type;
    for (int64_t i = 0; i < here; i++)
        memcpy(fed->features + i * fed->dim, f->values + rows[at + i] * f->dim,
               sizeof(float) * (size_t)fed->dim);
    if (vt_stop_signal()) return vt_stopped(error), 0;
    if (!vt_instance_run(probe->instance, "embed", fed->inputs, error)) return 0;
    *out = vt_instance_output(probe->instance, "embed", "features", &type);
    *width = type.dim[1];
    return here;
}

static bool all_finite(const float *x, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(x[i])) return false;
    return true;
}

int64_t vt_rank_of_truth(const float *logits, int64_t classes, int64_t truth) {
    int64_t rank = 0;
    for (int64_t c = 0; c < classes; c++)
        rank += logits[c] > logits[truth] || (logits[c] == logits[truth] && c < truth);
    return rank;
}

/* Counts the right answers of all classifiers to one row; results->top1, top5: how many so far. */
static void judge_row(const VtProbe *probe, const float *logits, int count, int truth,
                      VtProbeResult *results) {
    for (int k = 0; k < count; k++) {
        const float *mine = logits + k * probe->classes;
        int64_t rank = vt_rank_of_truth(mine, probe->classes, truth);
        results[k].top1 += rank < 1;
        results[k].top5 += rank < 5;
        results[k].diverged |= !all_finite(mine, probe->classes);
    }
}

bool vt_probe_judge(const VtProbe *probe, const VtFeatures *test, VtProbeResult *results, VtError *error) {
    Fed fed;
    int64_t n = 0, width, here;
    const float *logits;
    int count = vt_probe_count(probe, error);
    bool good = fed_open(probe, "embed", &fed, error) && count && check_dim(test, &fed, error);
    int32_t *rows = good ? rows_of(probe, test, true, &n, error) : NULL;
    for (int k = 0; k < count; k++) results[k] = (VtProbeResult){.images = n};
    good = rows;
    for (int64_t at = 0; good && at < n; at += here) {
        here = embed_batch(probe, &fed, test, rows, n, at, &logits, &width, error);
        good = here > 0;
        for (int64_t i = 0; i < here; i++)
            judge_row(probe, logits + i * width, count, test->labels[rows[at + i]], results);
    }
    for (int k = 0; good && k < count; k++) {
        double percent = results[k].diverged ? 0 : 100.0 / (double)n;
        results[k].top1 *= percent;
        results[k].top5 *= percent;
    }
    free(rows);
    fed_close(probe->program, &fed);
    return good;
}

/* New rows, of the width that "embed" gives. */
static bool map_rows(const VtProbe *probe, Fed *fed, VtFeatures *f, const int32_t *rows, int64_t n,
                     VtError *error) {
    VtTensor type;
    const void *first = vt_instance_output(probe->instance, "embed", "features", &type);
    if (!first || type.rank != 2)
        return vt_fail(error, 1, "'%s' gives no features of rank 2", probe->program->name);
    int64_t width = type.dim[1], here;
    float *values = malloc(sizeof *values * (size_t)(n * width) + 64);
    bool good = values || vt_fail(error, 1, "out of memory");
    for (int64_t at = 0; good && at < n; at += here) {
        const float *out = NULL;
        here = embed_batch(probe, fed, f, rows, n, at, &out, &width, error);
        good = here > 0;
        if (!good) break;
        if (!all_finite(out, here * width))
            good = vt_fail(error, 1, "'%s' gives features that are NaN or infinite", probe->program->name);
        memcpy(values + at * width, out, sizeof *values * (size_t)(here * width));
    }
    if (!good) return free(values), false;
    free(f->values);
    f->values = values;
    f->dim = width;
    return true;
}

bool vt_probe_map(const VtProbe *probe, VtFeatures *features, VtError *error) {
    Fed fed;
    int64_t n = 0;
    bool good = fed_open(probe, "embed", &fed, error) && check_dim(features, &fed, error);
    int32_t *rows = good ? rows_of(probe, features, false, &n, error) : NULL;
    good = rows && map_rows(probe, &fed, features, rows, n, error);
    free(rows);
    fed_close(probe->program, &fed);
    return good;
}
