/* Optimisers and schedules of models/lib against their official implementations: tests/golden/optim.safetensors and
 * muon.safetensors, whose gradients are fed step by step to tests/golden/optim.yaml through `vitc run`, each step on
 * the states that the one before wrote. */
#include "runtime/runtime.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STEPS = 5, MOST = 64, SCHEDULE_STEPS = 70 };

typedef struct {
    const char *rule, *weight,
        *gradient; /* names in the golden file, %d the step; p1 is not in each trajectory */
    const char *bias, *bias_gradient;
    const char *file; /* NULL: optim */
} Trajectory;

static const Trajectory TRAJECTORIES[] = {
    {"adam_w", "adamw.%d", "adamw.grad.%d", NULL, NULL, NULL},
    {"sgd", "sgd.%d", "sgd.grad.%d", NULL, NULL, NULL},
    {"lars", "lars.p0.%d", "lars.grad.p0.%d", "lars.p1.%d", "lars.grad.p1.%d", NULL},
    {"wide", "wide.%d", "wide.grad.%d", NULL, NULL, "muon"},
    {"tall", "tall.%d", "tall.grad.%d", NULL, NULL, "muon"},
};

static VtTensorFile *golden;
static char in[] = "/tmp/vitc-optim-in-XXXXXX", out[] = "/tmp/vitc-optim-out-XXXXXX";

/* Tensors for `vitc run`, with the memory they lie in. */
typedef struct {
    VtNamedTensor tensors[MOST];
    char names[MOST][128];
    int count;
} Feed;

static void add(Feed *feed, VtTensorFile *file, int entry, const char *name) {
    VtError error;
    VtTensor type;
    assert_true(entry >= 0 && feed->count < MOST);
    vt_tensors_type(file, entry, &type);
    void *data = malloc(vt_bytes(&type) + 1);
    assert_true(vt_tensors_read(file, entry, type.dtype, data, &error));
    type.name = strcpy(feed->names[feed->count], name);
    feed->tensors[feed->count++] = (VtNamedTensor){type, data};
}

static void add_golden(Feed *feed, const char *format, int step, const char *name) {
    char of[64];
    snprintf(of, sizeof of, format, step);
    add(feed, golden, vt_tensors_find(golden, of), name);
}

static void add_zeros(Feed *feed, const char *name) {
    VtTensor type = {.name = strcpy(feed->names[feed->count], name), .dtype = VT_F32, .rank = 1, .dim = {8}};
    feed->tensors[feed->count++] = (VtNamedTensor){type, calloc(8, sizeof(float))};
}

static void write_feed(Feed *feed) {
    VtError error;
    assert_true(vt_tensors_write(in, feed->tensors, feed->count, NULL, &error));
    for (int i = 0; i < feed->count; i++) free((void *)feed->tensors[i].data);
}

static void run(const char *rule, int step, const char *flags) {
    char command[1024];
    snprintf(command, sizeof command,
             "%s run %s/golden/optim.yaml rule=%s --in %s --out %s --step %d --steps-per-epoch 7 %s",
             VITC_BINARY, TEST_DIR, rule, in, out, step, flags);
    assert_int_equal(system(command), 0);
}

static void assert_near(const float *got, const float *want, int64_t n, double absolute, double relative) {
    for (int64_t i = 0; i < n; i++)
        if (!(fabs(got[i] - want[i]) <= absolute + relative * fabs(want[i])))
            fail_msg("element %lld: got %.9g, want %.9g", (long long)i, got[i], want[i]);
}

static void assert_state(VtTensorFile *after, const char *name, const char *format, int step) {
    char of[64];
    float got[64], want[64];
    VtTensor type;
    VtError error;
    snprintf(of, sizeof of, format, step);
    int i = vt_tensors_find(after, name), j = vt_tensors_find(golden, of);
    assert_true(i >= 0 && j >= 0);
    vt_tensors_type(golden, j, &type);
    assert_true(vt_tensors_read(after, i, VT_F32, got, &error) &&
                vt_tensors_read(golden, j, VT_F32, want, &error));
    assert_near(got, want, vt_elements(&type), 1e-5, 1e-4);
}

/* Five steps; every state of step k is what step k - 1 left. */
static void follow(const Trajectory *t, const char *flags) {
    VtTensorFile *before = NULL;
    for (int k = 0; k < STEPS; k++) {
        Feed feed = {.count = 0};
        for (int i = 0; before && i < vt_tensors_count(before); i++) {
            const char *name = vt_tensors_name(before, i);
            if (strncmp(name, "after.", 6) == 0 && strcmp(name, "after.step") != 0)
                add(&feed, before, i, name + 6);
        }
        vt_tensors_close(before);
        if (k == 0) add_golden(&feed, t->weight, 0, "model.p0");
        if (k == 0 && t->bias) add_golden(&feed, t->bias, 0, "model.p1");
        if (k == 0 && !t->bias) add_zeros(&feed, "model.p1");
        add_golden(&feed, t->gradient, k, "g0");
        if (t->bias)
            add_golden(&feed, t->bias_gradient, k, "g1");
        else
            add_zeros(&feed, "g1");
        write_feed(&feed);
        run(t->rule, k, flags);
        VtError error;
        before = vt_tensors_open(out, &error);
        assert_non_null(before);
        assert_state(before, "after.model.p0", t->weight, k + 1);
        if (t->bias) assert_state(before, "after.model.p1", t->bias, k + 1);
    }
    vt_tensors_close(before);
}

static void open_golden(const char *name) {
    char path[512];
    VtError error;
    vt_tensors_close(golden);
    snprintf(path, sizeof path, "%s/golden/%s.safetensors", TEST_DIR, name ? name : "optim");
    golden = vt_tensors_open(path, &error);
    assert_non_null(golden);
}

static void test_trajectory(void **state) {
    const Trajectory *t = *state;
    open_golden(t->file);
    follow(t, "");
    follow(t, "--interpret");
}

static double scalar(VtTensorFile *file, const char *name) {
    double x = 0;
    VtError error;
    int i = vt_tensors_find(file, name);
    assert_true(i >= 0 && vt_tensors_read(file, i, VT_F64, &x, &error));
    return x;
}

/* Every third step of ten epochs of seven steps, and the last; the linear and the stepwise schedule have no official
 * trajectory, they are what their definitions say: numpy's linspace an epoch, and factors at milestones. */
static void test_schedules(void **state) {
    (void)state;
    static const char *const official[] = {"schedule.dino", "schedule.ema", "schedule.mae"};
    Feed feed = {.count = 0};
    open_golden(NULL);
    add_golden(&feed, "sgd.0", 0, "model.p0");
    add_zeros(&feed, "model.p1");
    add_golden(&feed, "sgd.grad.0", 0, "g0");
    add_zeros(&feed, "g1");
    write_feed(&feed);
    for (int step = 0; step < SCHEDULE_STEPS; step += step + 3 < SCHEDULE_STEPS ? 3 : 1) {
        VtError error;
        run("sgd", step, "");
        VtTensorFile *file = vt_tensors_open(out, &error);
        assert_non_null(file);
        for (int s = 0; s < 3; s++) {
            float want[SCHEDULE_STEPS], got = (float)scalar(file, official[s]);
            int at = vt_tensors_find(golden, official[s]);
            assert_true(at >= 0 && vt_tensors_read(golden, at, VT_F32, want, &error));
            assert_near(&got, &want[step], 1, 1e-9, 1e-6);
        }
        double epoch = step / 7.0, whole = floor(epoch);
        double linear = whole < 3 ? 0.04 + 0.03 * whole / 3 : 0.07;
        double steps = epoch < 2 ? 0.1 * epoch / 2 : epoch < 6 ? 0.1 : epoch < 8 ? 0.01 : 0.001;
        assert_true(fabs(scalar(file, "schedule.linear") - linear) < 1e-9);
        assert_true(fabs(scalar(file, "schedule.steps") - steps) < 1e-9);
        vt_tensors_close(file);
    }
}

static int open_files(void **state) {
    (void)state;
    int a = mkstemp(in), b = mkstemp(out);
    return a < 0 || b < 0 || close(a) || close(b);
}

static int close_files(void **state) {
    (void)state;
    vt_tensors_close(golden);
    return unlink(in) || unlink(out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        {"adam_w", test_trajectory, NULL, NULL, (void *)&TRAJECTORIES[0]},
        {"sgd", test_trajectory, NULL, NULL, (void *)&TRAJECTORIES[1]},
        {"lars", test_trajectory, NULL, NULL, (void *)&TRAJECTORIES[2]},
        {"muon, wide", test_trajectory, NULL, NULL, (void *)&TRAJECTORIES[3]},
        {"muon, tall", test_trajectory, NULL, NULL, (void *)&TRAJECTORIES[4]},
        cmocka_unit_test(test_schedules),
    };
    return cmocka_run_group_tests(tests, open_files, close_files);
}
