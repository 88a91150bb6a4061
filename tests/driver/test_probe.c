/* Linear classifiers on features (models/eval/linear.yaml, runtime/evaluation/probe.h): against a loop in double that
 * takes the same batches, for several rates and decays at once; what is told apart is; what cannot be is refused. */
#include "runtime/evaluation/probe.h"
#include "tests/driver/built.h"

#include <math.h>

enum { ROWS = 70, DIM = 5, CLASSES = 3, BATCH = 16, EPOCHS = 2, N = 4 /* two rates, two decays */ };
static const double RATES[] = {0.1, 2}, DECAYS[] = {0, 0.05};

typedef struct {
    Built built;
    VtProbe probe;
} Trained;

static Trained open_probe(void) {
    Trained t = {.built = {.arena = arena_new()}};
    Diags *diags = diags_new(t.built.arena);
    static const char *const overrides[] = {"width=5",  "classes=3",     "batch=16",
                                            "epochs=2", "rates=[0.1,2]", "decays=[0,0.05]"};
    RecipeOptions options = {.models_dir = SOURCE_DIR "/models", .overrides = overrides, .n_overrides = 6};
    VtError error;
    if (!recipe_load(t.built.arena, diags, SOURCE_DIR "/models/eval/linear.yaml", &options,
                     &t.built.recipe) ||
        !passes_run(t.built.recipe.module, PASSES_ALL, NULL, diags))
        fail_msg("%s", diags_text(diags));
    t.built.module = t.built.recipe.module;
    built_compile(&t.built, NULL);
    t.probe.program = compiled_program(t.built.compiled);
    t.probe.instance = vt_instance_new(t.probe.program, &error);
    assert_non_null(t.probe.instance);
    assert_true(vt_instance_init(t.probe.instance, 3, &error));
    t.probe.classes = CLASSES;
    t.probe.epochs = EPOCHS;
    t.probe.seed = 5;
    return t;
}

static void close_probe(Trained *t) {
    vt_instance_free(t->probe.instance);
    built_drop(&t->built);
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
            f.values[i * DIM + d] = (float)(0.3 * vt_rng_normal(&rng) + (d == class));
    }
    return f;
}

/* What `t` begins with; weights [N][CLASSES][DIM] and biases [N][CLASSES]. */
typedef struct {
    double w[N][CLASSES][DIM], b[N][CLASSES], vw[N][CLASSES][DIM], vb[N][CLASSES];
} Reference;

static void begin(Reference *r, const Trained *t) {
    memset(r, 0, sizeof *r);
    int weight = vt_instance_find_state(t->probe.instance, "classifiers.weight");
    const float *w = vt_instance_state(t->probe.instance, weight);
    for (int i = 0; i < N * CLASSES * DIM; i++) (&r->w[0][0][0])[i] = w[i];
}

/* A step of one classifier on rows of a batch, at the share `lr` of its rate. */
static void learn(Reference *r, int k, const VtFeatures *f, const int32_t *rows, double lr) {
    double gw[CLASSES][DIM] = {{0}}, gb[CLASSES] = {0};
    for (int i = 0; i < BATCH; i++) {
        const float *x = f->values + rows[i] * DIM;
        double p[CLASSES], sum = 0;
        for (int c = 0; c < CLASSES; c++) {
            p[c] = r->b[k][c];
            for (int d = 0; d < DIM; d++) p[c] += r->w[k][c][d] * (double)x[d];
            sum += p[c] = exp(p[c]);
        }
        for (int c = 0; c < CLASSES; c++) {
            double g = (p[c] / sum - (c == f->labels[rows[i]])) / BATCH;
            gb[c] += g;
            for (int d = 0; d < DIM; d++) gw[c][d] += g * (double)x[d];
        }
    }
    double rate = RATES[k / 2] * lr, decay = DECAYS[k % 2];
    for (int c = 0; c < CLASSES; c++) {
        r->b[k][c] -= rate * (r->vb[k][c] = 0.9 * r->vb[k][c] + gb[c]);
        for (int d = 0; d < DIM; d++)
            r->w[k][c][d] -=
                rate * (r->vw[k][c][d] = 0.9 * r->vw[k][c][d] + gw[c][d] + decay * r->w[k][c][d]);
    }
}

static void train_reference(Reference *r, const VtFeatures *f, uint64_t seed) {
    int32_t rows[ROWS], order[ROWS], batch[BATCH];
    int n = 0;
    for (int i = 0; i < ROWS; i++)
        if (f->labels[i] >= 0) rows[n++] = i;
    int per_epoch = (n + BATCH - 1) / BATCH;
    for (int step = 0; step < EPOCHS * per_epoch; step++) {
        if (step % per_epoch == 0) {
            VtRng rng = {.seed = seed, .stream = vt_stream("probe"), .step = (uint64_t)(step / per_epoch)};
            vt_rng_permutation(&rng, order, n);
        }
        for (int i = 0; i < BATCH; i++) batch[i] = rows[order[(step % per_epoch * BATCH + i) % n]];
        double lr = BATCH / 256.0 * 0.5 * (1 + cos(3.14159265358979 * step / (EPOCHS * per_epoch)));
        for (int k = 0; k < N; k++) learn(r, k, f, batch, lr);
    }
}

static void test_against_loops(void **state) {
    (void)state;
    VtError error;
    VtFeatures f = make_features(1);
    Trained t = open_probe();
    Reference want;
    begin(&want, &t);
    train_reference(&want, &f, t.probe.seed);
    if (!vt_probe_train(&t.probe, &f, &error)) fail_msg("%s", error.message);
    const float *w = vt_instance_state(t.probe.instance,
                                       vt_instance_find_state(t.probe.instance, "classifiers.weight")),
                *b = vt_instance_state(t.probe.instance,
                                       vt_instance_find_state(t.probe.instance, "classifiers.bias"));
    for (int i = 0; i < N * CLASSES * DIM; i++)
        assert_true(fabs((double)w[i] - (&want.w[0][0][0])[i]) < 1e-5);
    for (int i = 0; i < N * CLASSES; i++) assert_true(fabs((double)b[i] - (&want.b[0][0])[i]) < 1e-5);
    close_probe(&t);
    vt_features_free(&f);
}

static void test_tells_apart(void **state) {
    (void)state;
    VtError error;
    VtFeatures f = make_features(1), other = make_features(2);
    double top1[2][N];
    for (int threads = 1; threads <= 2; threads++) {
        vt_set_threads(threads);
        Trained t = open_probe();
        VtProbeResult results[N];
        t.probe.epochs = 100;
        assert_int_equal(vt_probe_count(&t.probe, &error), N);
        assert_true(vt_probe_train(&t.probe, &f, &error));
        assert_true(vt_probe_judge(&t.probe, &other, results, &error));
        for (int k = 0; k < N; k++) {
            assert_int_equal(results[k].images, ROWS - ROWS / 7);
            assert_true(results[k].top5 == 100);
            top1[threads - 1][k] = results[k].top1;
        }
        assert_true(results[2].top1 > 90);
        close_probe(&t);
    }
    assert_memory_equal(top1[0], top1[1], sizeof top1[0]);
    vt_features_free(&f);
    vt_features_free(&other);
}

static void test_refusals(void **state) {
    (void)state;
    VtError error;
    Trained t = open_probe();
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_loops),
                                       cmocka_unit_test(test_tells_apart), cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
