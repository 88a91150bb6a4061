/* Judges of features (models/eval/, runtime/evaluation/probe.h) against loops in double that take the same batches, or
 * by what defines their solutions; what is told apart is; what cannot be is refused. */
#include "runtime/evaluation/interval.h"
#include "runtime/evaluation/probe.h"
#include "runtime/evaluation/subset.h"
#include "tests/driver/built.h"

#include <math.h>

enum { ROWS = 70, DIM = 5, CLASSES = 3, BATCH = 16, EPOCHS = 25, N = 4 /* two rates, two decays */ };
static const double RATES[] = {0.1, 2}, DECAYS[] = {0, 0.05};

typedef struct {
    Built built;
    VtProbe probe;
} Trained;

/* models/eval/RECIPE.yaml for DIM features, with settings with blanks between. */
static Trained open_probe(const char *recipe, const char *settings) {
    Trained t = {.built = {.arena = arena_new()}};
    Diags *diags = diags_new(t.built.arena);
    char path[256], text[256], *rest = text;
    const char *overrides[12] = {"width=5"};
    RecipeOptions options = {.models_dir = SOURCE_DIR "/models", .overrides = overrides, .n_overrides = 1};
    VtError error;
    snprintf(path, sizeof path, SOURCE_DIR "/models/eval/%s.yaml", recipe);
    snprintf(text, sizeof text, "%s", settings);
    for (char *word; (word = strtok_r(rest, " ", &rest));) overrides[options.n_overrides++] = word;
    if (!recipe_load(t.built.arena, diags, path, &options, &t.built.recipe) ||
        !passes_run(t.built.recipe.module, PASSES_ALL, NULL, diags))
        fail_msg("%s", diags_text(diags));
    t.built.module = t.built.recipe.module;
    built_compile(&t.built, NULL);
    t.probe.program = compiled_program(t.built.compiled);
    t.probe.instance = vt_instance_new(t.probe.program, &error);
    assert_non_null(t.probe.instance);
    assert_true(vt_instance_init(t.probe.instance, 3, &error));
    t.probe.classes = CLASSES;
    t.probe.epochs = t.probe.program->train.epochs;
    t.probe.seed = 5;
    return t;
}

static void close_probe(Trained *t) {
    vt_instance_free(t->probe.instance);
    built_drop(&t->built);
}

static const float *state_of(const Trained *t, const char *name) {
    int state = vt_instance_find_state(t->probe.instance, name);
    assert_true(state >= 0);
    return vt_instance_state(t->probe.instance, state);
}

/* Clouds around a corner for each class; every seventh row has no label. */
static VtFeatures make_features(uint64_t seed) {
    VtFeatures f = {.n = ROWS, .dim = DIM};
    f.values = malloc(sizeof *f.values * ROWS * DIM);
    f.labels = malloc(sizeof *f.labels * ROWS);
    VtRng rng = {.seed = seed};
    for (int i = 0; i < ROWS; i++) {
        int class = i % CLASSES;
        f.labels[i] = i % 7 == 6 ? -1 : class;
        for (int d = 0; d < DIM; d++)
            f.values[i * DIM + d] = (float)(0.3 * vt_rng_normal(&rng) + (d == class) + d);
    }
    return f;
}

/* ---- gradient descent: the three forms --------------------------------------------------------------------------- */

typedef enum { COSINE, STEPS, NORMALIZED, N_FORMS } Form;
static const char *const FORMS[] = {"cosine", "steps", "normalized"};

/* What `t` begins with; weights [N][CLASSES][DIM] and biases [N][CLASSES]. */
typedef struct {
    Form form;
    double w[N][CLASSES][DIM], b[N][CLASSES], vw[N][CLASSES][DIM], vb[N][CLASSES];
    double mean[DIM], variance[DIM]; /* running ones */
} Reference;

static void begin(Reference *r, const Trained *t, Form form) {
    memset(r, 0, sizeof *r);
    r->form = form;
    const float *w = state_of(t, "classifiers.weight");
    for (int i = 0; i < N * CLASSES * DIM; i++) (&r->w[0][0][0])[i] = w[i];
    for (int d = 0; d < DIM; d++) r->variance[d] = 1;
}

/* The rows of a batch as the classifiers see them: of BatchNorm1d(affine=False, eps=1e-6). */
static void normalize_batch(Reference *r, double x[BATCH][DIM]) {
    for (int d = 0; d < DIM; d++) {
        double mean = 0, variance = 0;
        for (int i = 0; i < BATCH; i++) mean += x[i][d] / BATCH;
        for (int i = 0; i < BATCH; i++) variance += (x[i][d] - mean) * (x[i][d] - mean) / BATCH;
        for (int i = 0; i < BATCH; i++) x[i][d] = (x[i][d] - mean) / sqrt(variance + 1e-6);
        r->mean[d] = 0.9 * r->mean[d] + 0.1 * mean;
        r->variance[d] = 0.9 * r->variance[d] + 0.1 * variance * BATCH / (BATCH - 1);
    }
}

/* Gradients of the mean cross-entropy of the first `counted` rows. */
static void gradients(const Reference *r, int k, double x[BATCH][DIM], const int *truth, int counted,
                      double gw[CLASSES][DIM], double gb[CLASSES]) {
    memset(gw, 0, sizeof(double[CLASSES][DIM]));
    memset(gb, 0, sizeof(double[CLASSES]));
    for (int i = 0; i < counted; i++) {
        double p[CLASSES], sum = 0;
        for (int c = 0; c < CLASSES; c++) {
            p[c] = r->b[k][c];
            for (int d = 0; d < DIM; d++) p[c] += r->w[k][c][d] * x[i][d];
            sum += p[c] = exp(p[c]);
        }
        for (int c = 0; c < CLASSES; c++) {
            double g = (p[c] / sum - (c == truth[i])) / counted;
            gb[c] += g;
            for (int d = 0; d < DIM; d++) gw[c][d] += g * x[i][d];
        }
    }
}

/* PyTorch's SGD with momentum 0.9, or LARS of moco-v3 and mae, where weights alone decay and are scaled. */
static void learn(Reference *r, int k, double x[BATCH][DIM], const int *truth, int counted, double lr) {
    double gw[CLASSES][DIM], gb[CLASSES], rate = RATES[k / 2] * lr, decay = DECAYS[k % 2];
    double p_norm = 0, g_norm = 0, trust = 1;
    gradients(r, k, x, truth, counted, gw, gb);
    for (int c = 0; c < CLASSES; c++)
        for (int d = 0; d < DIM; d++) {
            gw[c][d] += decay * r->w[k][c][d];
            p_norm += r->w[k][c][d] * r->w[k][c][d];
            g_norm += gw[c][d] * gw[c][d];
        }
    if (r->form == NORMALIZED) trust = 0.001 * sqrt(p_norm) / sqrt(g_norm);
    for (int c = 0; c < CLASSES; c++) {
        if (r->form != NORMALIZED) gb[c] += decay * r->b[k][c];
        r->b[k][c] -= rate * (r->vb[k][c] = 0.9 * r->vb[k][c] + gb[c]);
        for (int d = 0; d < DIM; d++)
            r->w[k][c][d] -= rate * (r->vw[k][c][d] = 0.9 * r->vw[k][c][d] + trust * gw[c][d]);
    }
}

/* CosineAnnealingLR by epochs; a tenth at 60 % and 80 %; MAE's adjust_learning_rate by steps. */
static double rate_at(Form form, double epoch) {
    double pi = acos(-1.0), whole = floor(epoch), warmup = 10;
    if (form == COSINE) return 0.5 * (1 + cos(pi * whole / EPOCHS));
    if (form == STEPS) return (whole >= 0.6 * EPOCHS ? 0.1 : 1) * (whole >= 0.8 * EPOCHS ? 0.1 : 1);
    if (epoch < warmup) return epoch / warmup;
    return 0.5 * (1 + cos(pi * (epoch - warmup) / (EPOCHS - warmup)));
}

static void train_reference(Reference *r, const VtFeatures *f, uint64_t seed) {
    int32_t rows[ROWS], order[ROWS];
    int n = 0;
    for (int i = 0; i < ROWS; i++)
        if (f->labels[i] >= 0) rows[n++] = i;
    int per_epoch = (n + BATCH - 1) / BATCH;
    for (int step = 0; step < EPOCHS * per_epoch; step++) {
        double x[BATCH][DIM];
        int truth[BATCH], at = step % per_epoch * BATCH, counted = n - at < BATCH ? n - at : BATCH;
        if (at == 0) {
            VtRng rng = {.seed = seed, .stream = vt_stream("probe"), .step = (uint64_t)(step / per_epoch)};
            vt_rng_permutation(&rng, order, n);
        }
        for (int i = 0; i < BATCH; i++) {
            int row = rows[order[(at + i) % n]];
            truth[i] = f->labels[row];
            for (int d = 0; d < DIM; d++) x[i][d] = f->values[row * DIM + d];
        }
        if (r->form == NORMALIZED) normalize_batch(r, x);
        for (int k = 0; k < N; k++)
            learn(r, k, x, truth, counted, BATCH / 256.0 * rate_at(r->form, (double)step / per_epoch));
    }
}

static void assert_near(const float *got, const double *want, int n, double tolerance) {
    for (int i = 0; i < n; i++)
        if (!(fabs((double)got[i] - want[i]) < tolerance))
            fail_msg("element %d of %d: %.9g, not %.9g", i, n, (double)got[i], want[i]);
}

#define GRID "classes=3 batch=16 epochs=25 rates=[0.1,2] decays=[0,0.05]"

static void test_against_loops(void **state) {
    (void)state;
    VtError error;
    VtFeatures f = make_features(1);
    for (Form form = 0; form < N_FORMS; form++) {
        char settings[128];
        Reference want;
        snprintf(settings, sizeof settings, GRID " form=%s", FORMS[form]);
        Trained t = open_probe("linear", settings);
        begin(&want, &t, form);
        train_reference(&want, &f, t.probe.seed);
        if (!vt_probe_train(&t.probe, &f, &error)) fail_msg("%s", error.message);
        assert_near(state_of(&t, "classifiers.weight"), &want.w[0][0][0], N * CLASSES * DIM, 2e-5);
        assert_near(state_of(&t, "classifiers.bias"), &want.b[0][0], N * CLASSES, 2e-5);
        if (form == NORMALIZED) {
            assert_near(state_of(&t, "classifiers.norm.running_mean"), want.mean, DIM, 1e-5);
            assert_near(state_of(&t, "classifiers.norm.running_var"), want.variance, DIM, 1e-5);
        }
        close_probe(&t);
    }
    vt_features_free(&f);
}

/* ---- closed forms ------------------------------------------------------------------------------------------------ */

enum { PLUS = DIM + 1 }; /* with a bias */

/* Means and covariance (over n) of the rows with a label, or of all. Returns n. */
static int moments(const VtFeatures *f, bool labelled, double mean[DIM], double covariance[DIM][DIM]) {
    int n = 0;
    memset(mean, 0, sizeof(double[DIM]));
    memset(covariance, 0, sizeof(double[DIM][DIM]));
    for (int i = 0; i < ROWS; i++) n += !labelled || f->labels[i] >= 0;
    for (int i = 0; i < ROWS; i++)
        for (int d = 0; d < DIM && (!labelled || f->labels[i] >= 0); d++)
            mean[d] += (double)f->values[i * DIM + d] / n;
    for (int i = 0; i < ROWS; i++)
        for (int a = 0; a < DIM && (!labelled || f->labels[i] >= 0); a++)
            for (int b = 0; b < DIM; b++)
                covariance[a][b] += ((double)f->values[i * DIM + a] - mean[a]) *
                                    ((double)f->values[i * DIM + b] - mean[b]) / n;
    return n;
}

/* At the least sum of squares the gradient is 0: of decays in units of the mean variance, biases without. */
static void test_ridge(void **state) {
    (void)state;
    static const double decays[] = {1e-4, 0.5};
    VtError error;
    VtFeatures f = make_features(1);
    Trained t = open_probe("ridge", "classes=3 batch=16 decays=[0.0001,0.5]");
    double mean[DIM], covariance[DIM][DIM], scale = 0;
    int n = moments(&f, true, mean, covariance);
    for (int d = 0; d < DIM; d++) scale += covariance[d][d] / DIM;
    if (!vt_probe_train(&t.probe, &f, &error)) fail_msg("%s", error.message);
    const float *w = state_of(&t, "weight"), *b = state_of(&t, "bias");
    for (int k = 0; k < 2; k++)
        for (int c = 0; c < CLASSES; c++) {
            double g[PLUS] = {0};
            for (int i = 0; i < ROWS; i++) {
                if (f.labels[i] < 0) continue;
                double e = (double)b[k * CLASSES + c] - (f.labels[i] == c);
                for (int d = 0; d < DIM; d++)
                    e += (double)w[(k * DIM + d) * CLASSES + c] * (double)f.values[i * DIM + d];
                for (int d = 0; d < DIM; d++) g[d] += e * (double)f.values[i * DIM + d] / n;
                g[DIM] += e / n;
            }
            for (int d = 0; d < DIM; d++) g[d] += decays[k] * scale * (double)w[(k * DIM + d) * CLASSES + c];
            for (int d = 0; d < PLUS; d++) assert_true(fabs(g[d]) < 2e-6);
        }
    VtProbeResult results[2];
    assert_int_equal(vt_probe_count(&t.probe, &error), 2);
    assert_true(vt_probe_judge(&t.probe, &f, results, &error));
    assert_true(results[0].top1 > 85 && results[0].top5 == 100);
    close_probe(&t);
    vt_features_free(&f);
}

/* The whitening W has W·(C + eps·I)·Wᵀ = I, for all rows, labelled or not; zca is symmetric, pca sorted. */
static void test_whiten(void **state) {
    (void)state;
    for (int pca = 0; pca < 2; pca++) {
        VtError error;
        VtFeatures f = make_features(1);
        Trained t = open_probe("whiten", pca ? "kind=pca batch=16 eps=0.1" : "kind=zca batch=16 eps=0.1");
        double mean[DIM], covariance[DIM][DIM], scale = 0, before = 1e30;
        int n = moments(&f, false, mean, covariance);
        for (int d = 0; d < DIM; d++) scale += covariance[d][d] * n / (n - 1) / DIM;
        if (!vt_probe_train(&t.probe, &f, &error)) fail_msg("%s", error.message);
        const float *turn = state_of(&t, "turn");
        for (int a = 0; a < DIM; a++)
            for (int b = 0; b < DIM; b++) {
                double sum = 0;
                for (int i = 0; i < DIM; i++)
                    for (int j = 0; j < DIM; j++)
                        sum += (double)turn[i * DIM + a] *
                               (covariance[i][j] * n / (n - 1) + 0.1 * scale * (i == j)) *
                               (double)turn[j * DIM + b];
                assert_true(fabs(sum - (a == b)) < 1e-5);
                if (!pca) assert_true(fabs((double)turn[a * DIM + b] - (double)turn[b * DIM + a]) < 1e-5);
            }
        double first = (double)f.values[7] - mean[2];
        if (!vt_probe_map(&t.probe, &f, &error)) fail_msg("%s", error.message);
        assert_int_equal(f.n * 100 + f.dim, ROWS * 100 + DIM);
        moments(&f, false, mean, covariance);
        for (int d = 0; d < DIM; d++) {
            assert_true(fabs(mean[d]) < 1e-5);
            if (pca) assert_true(covariance[d][d] <= before + 1e-6);
            before = covariance[d][d];
        }
        if (!pca) assert_true(first * (double)f.values[7] > 0); /* where it was, but longer */
        close_probe(&t);
        vt_features_free(&f);
    }
}

/* At the optimum the gradient is 0: of the sum of cross-entropies and decay / 2 · |weight|². */
static void test_logistic(void **state) {
    (void)state;
    static const double decays[] = {0.01, 1};
    VtError error;
    VtFeatures f = make_features(1);
    for (int all = 0; all < 2; all++) { /* of few rows of the batch, and of all rows */
        Trained t = open_probe("logistic", "classes=3 batch=70 decays=[0.01,1]");
        for (int i = 0; i < ROWS && !all; i++) f.labels[i] = i < 9 ? f.labels[i] : -1;
        for (int i = 0; i < ROWS && all; i++) f.labels[i] = i % 7 == 6 ? -1 : i % CLASSES;
        if (!vt_probe_train(&t.probe, &f, &error)) fail_msg("%s", error.message);
        const float *w = state_of(&t, "weight"), *b = state_of(&t, "bias");
        for (int k = 0; k < 2; k++) {
            double g[PLUS][CLASSES] = {{0}}, largest = 0;
            for (int i = 0; i < ROWS; i++) {
                double p[CLASSES], sum = 0;
                if (f.labels[i] < 0) continue;
                for (int c = 0; c < CLASSES; c++) {
                    p[c] = b[k * CLASSES + c];
                    for (int d = 0; d < DIM; d++)
                        p[c] += (double)w[(d * 2 + k) * CLASSES + c] * (double)f.values[i * DIM + d];
                    sum += p[c] = exp(p[c]);
                }
                for (int c = 0; c < CLASSES; c++)
                    for (int d = 0; d < PLUS; d++)
                        g[d][c] +=
                            (p[c] / sum - (c == f.labels[i])) * (d < DIM ? (double)f.values[i * DIM + d] : 1);
            }
            for (int d = 0; d < PLUS; d++)
                for (int c = 0; c < CLASSES; c++) {
                    if (d < DIM) g[d][c] += decays[k] * (double)w[(d * 2 + k) * CLASSES + c];
                    largest = fmax(largest, fabs(g[d][c]));
                }
            if (!(largest < 2e-3)) fail_msg("decay %g: a gradient of %g is left", decays[k], largest);
        }
        close_probe(&t);
    }
    vt_features_free(&f);
}

/* ---- parts, intervals -------------------------------------------------------------------------------------------- */

static void test_subsets(void **state) {
    (void)state;
    VtError error;
    VtFeatures f = make_features(1);
    int32_t few[ROWS], more[ROWS], rest[ROWS], again[ROWS];
    VtSubset subset = {.stream = "few-shot", .seed = 1, .draw = 2, .least = 1};
    assert_int_equal(vt_subset_draw(&f, (VtAmount){4, false}, &subset, few, NULL, &error), 4 * CLASSES);
    assert_int_equal(vt_subset_draw(&f, (VtAmount){50, true}, &subset, more, rest, &error), 30);
    assert_int_equal(vt_subset_draw(&f, (VtAmount){4, false}, &subset, again, NULL, &error), 4 * CLASSES);
    assert_memory_equal(few, again, sizeof few);
    int counts[CLASSES] = {0};
    for (int i = 0; i < ROWS; i++) {
        if (few[i] >= 0) counts[few[i]]++;
        assert_true(few[i] == -1 || (few[i] == f.labels[i] && few[i] == more[i]));
        assert_int_equal(f.labels[i] < 0, more[i] < 0 && rest[i] < 0);
        assert_true(more[i] < 0 || rest[i] < 0);
    }
    for (int c = 0; c < CLASSES; c++) assert_int_equal(counts[c], 4);
    subset.draw = 3;
    vt_subset_draw(&f, (VtAmount){4, false}, &subset, again, NULL, &error);
    assert_memory_not_equal(few, again, sizeof few);
    assert_int_equal(vt_subset_draw(&f, (VtAmount){1, true}, &subset, again, NULL, &error), CLASSES);
    subset.least = 0;
    assert_int_equal(vt_subset_draw(&f, (VtAmount){1, true}, &subset, again, NULL, &error), 0);
    assert_int_equal(vt_subset_draw(&f, (VtAmount){21, false}, &subset, again, NULL, &error), -1);
    assert_int_equal(error.code, 2);
    assert_non_null(strstr(error.message, "21 images of each class are wanted, and class 0 has 20"));
    vt_features_free(&f);
}

/* Quantiles of Student's distribution from tables: 12.706, 4.303, 2.262 and 1.984. */
static void test_intervals(void **state) {
    (void)state;
    static const int counts[] = {2, 3, 10, 100};
    static const double quantiles[] = {12.706, 4.303, 2.262, 1.984};
    double x[100];
    for (int i = 0; i < 100; i++) x[i] = 7 + (i % 2 ? 1 : -1);
    for (int i = 0; i < 4; i++) {
        int n = counts[i];
        double mean = n % 2 ? 7 - 1.0 / n : 7, squares = n - n * (mean - 7) * (mean - 7);
        VtInterval got = vt_interval(x, n);
        assert_true(fabs(got.mean - mean) < 1e-12);
        assert_true(fabs(got.half / sqrt(squares / (n - 1) / n) - quantiles[i]) < 1e-3);
    }
    assert_true(isnan(vt_interval(x, 1).half));
}

/* ---- what is told apart, and refused ----------------------------------------------------------------------------- */

static void test_tells_apart(void **state) {
    (void)state;
    VtError error;
    VtFeatures f = make_features(1), other = make_features(2);
    double top1[2][N];
    for (int threads = 1; threads <= 2; threads++) {
        vt_set_threads(threads);
        Trained t = open_probe("linear", GRID);
        VtProbeResult results[N];
        t.probe.epochs = 100;
        assert_int_equal(vt_probe_count(&t.probe, &error), N);
        assert_true(vt_probe_train(&t.probe, &f, &error));
        assert_true(vt_probe_judge(&t.probe, &other, results, &error));
        for (int k = 0; k < N; k++) {
            assert_int_equal(results[k].images, ROWS - ROWS / 7);
            assert_true(results[k].top5 == 100 && !results[k].diverged);
            top1[threads - 1][k] = results[k].top1;
        }
        assert_true(results[2].top1 > 85);
        close_probe(&t);
    }
    assert_memory_equal(top1[0], top1[1], sizeof top1[0]);
    vt_features_free(&f);
    vt_features_free(&other);
}

/* One classifier that diverges leaves the others as they are without it. */
static void test_diverges(void **state) {
    (void)state;
    VtError error;
    VtFeatures f = make_features(1);
    VtProbeResult results[2];
    Trained t = open_probe("linear", "classes=3 batch=16 epochs=25 rates=[0.1,1e30] decays=[0.05]");
    assert_true(vt_probe_train(&t.probe, &f, &error));
    assert_true(vt_probe_judge(&t.probe, &f, results, &error));
    assert_true(!results[0].diverged && results[0].top1 > 50);
    assert_true(results[1].diverged && results[1].top1 == 0 && results[1].top5 == 0);
    close_probe(&t);
    vt_features_free(&f);
}

static void test_refusals(void **state) {
    (void)state;
    VtError error;
    Trained t = open_probe("linear", GRID);
    VtProbeResult results[N];
    VtFeatures f = make_features(1);
    f.labels[0] = CLASSES;
    assert_false(vt_probe_train(&t.probe, &f, &error));
    assert_non_null(strstr(error.message, "class 3 of an image: the classifier has 3 classes"));
    for (int i = 0; i < ROWS; i++) f.labels[i] = -1;
    assert_false(vt_probe_train(&t.probe, &f, &error));
    assert_int_equal(error.code, 2);
    assert_false(vt_probe_judge(&t.probe, &f, results, &error));
    f.dim = DIM - 1;
    assert_false(vt_probe_train(&t.probe, &f, &error));
    assert_non_null(strstr(error.message, "features of 4 dimensions for a classifier of 5"));
    vt_features_free(&f);
    close_probe(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_loops), cmocka_unit_test(test_ridge),
                                       cmocka_unit_test(test_whiten),        cmocka_unit_test(test_logistic),
                                       cmocka_unit_test(test_subsets),       cmocka_unit_test(test_intervals),
                                       cmocka_unit_test(test_tells_apart),   cmocka_unit_test(test_diverges),
                                       cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
