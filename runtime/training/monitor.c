/* What training looks at beside the loss: see monitor.h. */
#include "runtime/training/monitor.h"
#include "runtime/base/error.h"
#include "runtime/datasets/dataset.h"
#include "runtime/evaluation/features.h"
#include "runtime/evaluation/knn.h"
#include "runtime/evaluation/spectrum.h"
#include "runtime/training/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { KNN_TRAIN = 10000, KNN_TEST = 2000, LEAST_SPREAD = 128, MOST_SPREAD = 512 }; /* images */
enum { FIRST_WARNING = 10, LEAST_STILL = 100, MOST_STILL = 1000 };                  /* steps */
#define STILL 1e-3 /* of a loss: what it may move and still count as one that stays */
/* Collapsed encoders that were watched had a std of 0.03 and less, and a rank of 1.3 and less, within an epoch; those
 * that learn, of objectives of all kinds, 0.3 and 5 and more. */
#define LEAST_STD 0.02
#define LEAST_RANK 1.5

struct MonitorScalar {
    bool told_not_finite;
    double low, high; /* of the last `steps` values, which differ by a thousandth at most */
    int64_t steps;
};

/* ---- what can be evaluated --------------------------------------------------------------------------------------- */

/* How many of those that vt_dataset_spread takes have a label. */
static int64_t labelled(const VtDataset *data, int64_t limit, bool *two_classes) {
    int64_t n = vt_dataset_size(data), count = vt_dataset_labelled(data);
    int first = -1;
    *two_classes = false;
    for (int64_t i = 0; i < n && !*two_classes; i++) {
        int label = vt_dataset_label(data, i);
        *two_classes = label >= 0 && first >= 0 && label != first;
        if (label >= 0) first = label;
    }
    return count < limit ? count : limit;
}

/* Why there is no online k-NN; NULL: there is. */
static const char *no_knn(const Monitor *m, int64_t *n_train) {
    bool two, unused;
    *n_train = labelled(m->train, KNN_TRAIN, &two);
    if (!m->embeds) return "the recipe has no `embed:`";
    if (!m->test) return "there is no test split";
    if (*n_train == 0) return "the training images have no classes";
    if (!two) return "there is one class alone";
    if (labelled(m->test, KNN_TEST, &unused) == 0) return "the held-out images have no classes";
    return NULL;
}

bool monitor_begin(Monitor *m, const StepScalars *scalars, VtError *error) {
    const VtTrain *t = &m->program->train;
    int64_t n_train;
    m->warned = calloc((size_t)m->program->n_warnings + 1, sizeof *m->warned);
    m->scalars = calloc((size_t)scalars->n + 1, sizeof *m->scalars);
    if (!m->warned || !m->scalars) return vt_fail(error, 1, "out of memory");
    m->evaluated_at = -1;
    m->first_std = m->first_rank = -1;
    m->embeds = vt_find_function(m->program, "embed") != NULL;
    m->every = t->knn_every > 0 ? t->knn_every : 1;
    const char *reason = no_knn(m, &n_train);
    m->knn = !reason && t->knn_every > 0;
    if (reason && (m->embeds || t->knn_every > 0)) progress_say(m->progress, "no online k-NN: %s", reason);
    if (m->knn && t->knn_k > n_train)
        return vt_fail(error, 2,
                       "train.knn.k = %d neighbours of %lld labelled training images: set train.knn.k from 1 "
                       "to %lld, or train.knn.every=0",
                       t->knn_k, (long long)n_train, (long long)n_train);
    return true;
}

void monitor_end(Monitor *m) {
    free(m->warned);
    free(m->scalars);
    m->warned = NULL;
    m->scalars = NULL;
}

bool monitor_due(const Monitor *m, int64_t step) {
    double period = m->every * m->steps_per_epoch;
    if (!m->embeds || step == m->evaluated_at) return false;
    return floor((double)step / period + 1e-9) > floor((double)(step - 1) / period + 1e-9);
}

/* ---- an evaluation ----------------------------------------------------------------------------------------------- */

static double epoch_of(const Monitor *m, int64_t step) {
    return (double)step / m->steps_per_epoch;
}

static bool features_of(Monitor *m, bool is_test, int64_t limit, VtFeatures *out, VtError *error) {
    VtEncode encode = {.instance = m->instance,
                       .program = m->program,
                       .dataset = is_test ? m->test : m->train,
                       .limit = limit,
                       .max_broken = m->max_broken};
    if (!vt_encode(&encode, out, error)) return false;
    if (out->broken && !m->told_broken[is_test])
        progress_say(m->progress, "skipped in evaluation: %lld of %lld %s images, the first: %s",
                     (long long)out->broken, (long long)(out->n + out->broken), is_test ? "test" : "training",
                     out->first_broken.message);
    m->told_broken[is_test] = m->told_broken[is_test] || out->broken;
    return true;
}

/* Signs of collapse, but not of features that were so from the first on and spread since. */
static void warn_spread(Monitor *m, int64_t step, double std, double rank) {
    static const char cause[] =
        "Likely nothing in the loss keeps images apart (negatives, centring, a stopped "
        "gradient, decorrelation), or the lr is too high";
    if (m->first_std < 0) {
        m->first_std = std;
        m->first_rank = rank;
    }
    if (m->told || step < FIRST_WARNING) return;
    if (std < LEAST_STD && std <= 2 * m->first_std)
        progress_say(
            m->progress,
            "warning: the features of all images are nearly the same (std %.3g; 1 is spread): they have "
            "collapsed. %s",
            std, cause);
    else if (rank < LEAST_RANK && rank <= 2 * m->first_rank)
        progress_say(
            m->progress,
            "warning: the features lie along one direction (effective rank %.3g): they have collapsed. %s",
            rank, cause);
    else
        return;
    m->told = true;
}

/* Text of what the features are like. */
static bool judge_spread(Monitor *m, const VtFeatures *f, int64_t step, double *std, double *rank, char *text,
                         size_t size, VtError *error) {
    if (!vt_feature_std(f, std, error) || !vt_effective_rank(f, rank, error)) return false;
    snprintf(text, size, "features: std %.3g, effective rank %.3g of %lld", *std, *rank, (long long)f->dim);
    warn_spread(m, step, *std, *rank);
    return true;
}

static void log_knn(Monitor *m, int64_t step, double start, int k, int64_t broken, const VtKnnResult *knn,
                    const char *spread) {
    char left_out[128] = "";
    if (broken || knn->unlabelled || knn->zero)
        snprintf(left_out, sizeof left_out, "; skipped: %lld broken, %lld unlabelled, %lld with features 0",
                 (long long)broken, (long long)knn->unlabelled, (long long)knn->zero);
    progress_say(
        m->progress,
        "epoch %.2f  k-NN top-1 %.2f %%  top-5 %.2f %%  (k %d, T %g, %lld train, %lld test images%s; "
        "%.1f s)  %s",
        epoch_of(m, step), knn->top1, knn->top5, k, m->program->train.knn_temperature, (long long)knn->train,
        (long long)knn->test, left_out, vt_now() - start, spread);
}

static bool evaluate_knn(Monitor *m, const VtFeatures *train, double start, int64_t step, VtError *error) {
    static const char *const names[] = {"features.std", "features.rank", "knn.top1", "knn.top5"};
    const VtTrain *t = &m->program->train;
    VtFeatures test = {0};
    VtKnnResult knn;
    double values[4];
    char spread[128];
    if (!features_of(m, true, KNN_TEST, &test, error)) return false;
    int64_t most = vt_features_usable(train); /* broken images may leave fewer than k */
    int k = t->knn_k < most ? t->knn_k : (int)most;
    bool judged = judge_spread(m, train, step, &values[0], &values[1], spread, sizeof spread, error),
         good = judged;
    if (judged && (most == 0 || vt_features_usable(&test) == 0)) {
        good = vt_metrics_write(m->metrics, step, epoch_of(m, step), 2, names, values, error);
        progress_say(m->progress, "epoch %.2f  no k-NN: the features of all images are zero",
                     epoch_of(m, step));
    } else if (judged && (good = vt_knn(m->instance, m->program, train, &test,
                                        &(VtKnn){&k, 1, &t->knn_temperature, 1}, &knn, error))) {
        values[2] = knn.top1;
        values[3] = knn.top5;
        good = vt_metrics_write(m->metrics, step, epoch_of(m, step), 4, names, values, error);
        log_knn(m, step, start, k, train->broken + test.broken, &knn, spread);
    }
    vt_features_free(&test);
    return good;
}

static bool evaluate_spread(Monitor *m, const VtFeatures *train, int64_t step, VtError *error) {
    static const char *const names[] = {"features.std", "features.rank"};
    double values[2];
    char spread[128];
    if (!judge_spread(m, train, step, &values[0], &values[1], spread, sizeof spread, error)) return false;
    if (!vt_metrics_write(m->metrics, step, epoch_of(m, step), 2, names, values, error)) return false;
    progress_say(m->progress, "epoch %.2f  %s  (%lld training images)", epoch_of(m, step), spread,
                 (long long)train->n);
    return true;
}

/* Without k-NN an eighth of the images will do: at most a fiftieth of an epoch's time. */
static int64_t spread_images(const Monitor *m) {
    int64_t n = vt_dataset_size(m->train) / 8;
    return n < LEAST_SPREAD ? LEAST_SPREAD : n < MOST_SPREAD ? n : MOST_SPREAD;
}

bool monitor_evaluate(Monitor *m, int64_t step, VtError *error) {
    double start = vt_now();
    VtFeatures train;
    if (!m->embeds || m->evaluated_at == step) return true;
    if (!features_of(m, false, m->knn ? KNN_TRAIN : spread_images(m), &train, error)) return false;
    bool good =
        m->knn ? evaluate_knn(m, &train, start, step, error) : evaluate_spread(m, &train, step, error);
    m->evaluated_at = step;
    vt_features_free(&train);
    return good;
}

/* ---- each step --------------------------------------------------------------------------------------------------- */

/* A loss that is not finite ends the run; anything else that is logged is said. */
static void warn_not_finite(Monitor *m, const char *name, double value, struct MonitorScalar *scalar) {
    if (isfinite(value) || scalar->told_not_finite) return;
    scalar->told_not_finite = true;
    progress_say(m->progress, "warning: %s is %s", name, value != value ? "NaN" : "infinite");
}

void monitor_warn(Monitor *m, int64_t step, const char *name, double value) {
    for (int w = 0; w < m->program->n_warnings; w++) {
        const VtWarning *warning = &m->program->warnings[w];
        if (strcmp(warning->metric, name) != 0 || m->warned[w] || step < FIRST_WARNING) continue;
        if (!(value < warning->below) && !(value > warning->above)) continue;
        m->warned[w] = m->told = true;
        progress_say(m->progress, "warning: %s = %.4g: %s", name, value, warning->message);
    }
}

/* A size n of this program with ln n = value, as a uniform guess among n has it; 0: there is none. */
static int64_t uniform_among(const VtProgram *p, double value, const char **whose) {
    for (int s = -1; s < p->n_states; s++) {
        const VtTensor *t = s < 0 ? NULL : &p->states[s].tensor;
        for (int k = 0; k < (t ? t->rank : 1); k++) {
            int64_t n = t ? t->dim[k] : p->train.batch;
            if (n < 2 || fabs(value - log((double)n)) > STILL * log((double)n)) continue;
            *whose = t ? t->name : "the batch";
            return n;
        }
    }
    return 0;
}

/* A loss that does not move, step after step, though the images change: no output depends on them. */
static void warn_still(Monitor *m, const char *name, double value, struct MonitorScalar *scalar) {
    double low = fmin(scalar->low, value), high = fmax(scalar->high, value);
    double quarter = m->steps_per_epoch / 4;
    int64_t enough = (int64_t)fmin(fmax(quarter, LEAST_STILL), MOST_STILL);
    if (scalar->steps == 0 || high - low > STILL * fmax(fabs(low), fabs(high))) {
        scalar->low = scalar->high = value;
        scalar->steps = 1;
        return;
    }
    scalar->low = low;
    scalar->high = high;
    if (++scalar->steps < enough || m->told) return;
    m->told = true;
    const char *whose;
    int64_t n = uniform_among(m->program, (low + high) / 2, &whose);
    if (n)
        progress_say(
            m->progress,
            "warning: %s has stayed at %.5g for %lld steps. That is ln %lld, the loss of a uniform guess "
            "among %lld (the size of %s): the outputs have collapsed and are the same for all images. "
            "Likely the targets are too smooth (a lower temperature sharpens them) or the lr is too high",
            name, value, (long long)scalar->steps, (long long)n, (long long)n, whose);
    else
        progress_say(
            m->progress,
            "warning: %s has stayed at %.5g for %lld steps: it does not depend on the images any more, or "
            "nothing is trained. Likely the outputs have collapsed, or the lr or the clipping is 0",
            name, value, (long long)scalar->steps);
}

void monitor_step(Monitor *m, int64_t step, const StepScalars *scalars) {
    for (int i = 0; i < scalars->n; i++) {
        const char *name = scalars->names[i];
        double value = scalars->values[i];
        warn_not_finite(m, name, value, &m->scalars[i]);
        monitor_warn(m, step, name, value);
        if (scalars->roles[i] == VT_OUTPUT_OBJECTIVE) warn_still(m, name, value, &m->scalars[i]);
    }
}
