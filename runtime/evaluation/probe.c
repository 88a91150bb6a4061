/* Classifiers on frozen features: see probe.h. */
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
    int32_t *truth; /* NULL: the function reads none */
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

/* Room for all inputs; features and truth are where they are written to. */
static bool fed_open(const VtProbe *probe, const char *function, bool learns, Fed *fed, VtError *error) {
    const VtProgram *p = probe->program;
    int features = find_input(p, function, "features"), truth = find_input(p, function, "truth");
    *fed = (Fed){.inputs = calloc((size_t)p->n_inputs + 1, sizeof *fed->inputs)};
    if (!fed->inputs) return vt_fail(error, 1, "out of memory");
    if (features < 0 || p->inputs[features].tensor.rank != 2 || (learns && truth < 0))
        return vt_fail(error, 1, "'%s' is no classifier of features: function '%s' has no inputs of the name",
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

/* The labelled rows; *n: how many. NULL with an error. */
static int32_t *labelled_rows(const VtProbe *probe, const VtFeatures *f, int64_t *n, VtError *error) {
    int32_t *rows = malloc(sizeof *rows * (size_t)f->n + 64);
    if (!rows) return vt_fail(error, 1, "out of memory"), NULL;
    *n = 0;
    for (int64_t i = 0; i < f->n; i++) {
        if (f->labels[i] >= probe->classes) {
            vt_fail(error, 1, "class %d of an image: the classifier has %d classes", f->labels[i],
                    probe->classes);
            return free(rows), NULL;
        }
        if (f->labels[i] >= 0) rows[(*n)++] = (int32_t)i;
    }
    if (*n == 0) {
        vt_fail(error, 2, "a classifier needs labels, and none of %lld images has one", (long long)f->n);
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

/* The rows at order[first …], and behind the last of them those at its beginning. */
static void put_batch(Fed *fed, const VtFeatures *f, const int32_t *rows, const int32_t *order, int64_t n,
                      int64_t first) {
    for (int64_t i = 0; i < fed->batch; i++) {
        int64_t row = rows[order[(first + i) % n]];
        memcpy(fed->features + i * fed->dim, f->values + row * f->dim, sizeof(float) * (size_t)f->dim);
        fed->truth[i] = f->labels[row];
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
        double loss = loss_of(probe);
        if (!isfinite(loss))
            return vt_fail(error, 1,
                           "the loss of the classifiers is no number at step %lld: a rate is too high",
                           (long long)step);
        if (probe->tell) probe->tell(probe->user, step + 1, total, loss);
    }
    return true;
}

bool vt_probe_train(const VtProbe *probe, const VtFeatures *train, VtError *error) {
    Fed fed;
    int64_t n = 0;
    bool good = fed_open(probe, "step", true, &fed, error) && check_dim(train, &fed, error);
    int32_t *rows = good ? labelled_rows(probe, train, &n, error) : NULL, *order = NULL;
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
    if (logits && type.rank == 2 && type.dim[1] % probe->classes == 0)
        return (int)(type.dim[1] / probe->classes);
    vt_fail(error, 1, "'%s' is no classifier of %d classes", probe->program->name, probe->classes);
    return 0;
}

/* How many classes come before the true one. */
static int rank_of(const float *logits, int classes, int truth) {
    int rank = 0;
    for (int c = 0; c < classes; c++)
        rank += logits[c] > logits[truth] || (logits[c] == logits[truth] && c < truth);
    return rank;
}

bool vt_probe_judge(const VtProbe *probe, const VtFeatures *test, VtProbeResult *results, VtError *error) {
    Fed fed;
    int64_t n = 0;
    int count = vt_probe_count(probe, error);
    bool good = fed_open(probe, "embed", false, &fed, error) && count && check_dim(test, &fed, error);
    int32_t *rows = good ? labelled_rows(probe, test, &n, error) : NULL;
    int64_t *hits = calloc(2 * (size_t)count + 1, sizeof *hits);
    if (rows && !hits) vt_fail(error, 1, "out of memory");
    good = rows && hits;
    for (int64_t at = 0; good && at < n; at += fed.batch) {
        int64_t here = n - at < fed.batch ? n - at : fed.batch;
        for (int64_t i = 0; i < here; i++)
            memcpy(fed.features + i * fed.dim, test->values + rows[at + i] * test->dim,
                   sizeof(float) * (size_t)fed.dim);
        good = !vt_stop_signal() ? vt_instance_run(probe->instance, "embed", fed.inputs, error)
                                 : vt_stopped(error);
        const float *logits = vt_instance_output(probe->instance, "embed", "features", NULL);
        for (int64_t i = 0; good && i < here; i++)
            for (int k = 0; k < count; k++) {
                int rank = rank_of(logits + (i * count + k) * probe->classes, probe->classes,
                                   test->labels[rows[at + i]]);
                hits[2 * k] += rank < 1;
                hits[2 * k + 1] += rank < 5;
            }
    }
    for (int k = 0; good && k < count; k++)
        results[k] = (VtProbeResult){100.0 * (double)hits[2 * k] / (double)n,
                                     100.0 * (double)hits[2 * k + 1] / (double)n, n};
    free(rows);
    free(hits);
    fed_close(probe->program, &fed);
    return good;
}
