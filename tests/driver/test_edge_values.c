/* Schedules, clipping and optimisers of models/lib at the ends of their ranges: the numbers are those of the official
 * code. Also advice: what a message says to do works. */
#include "runtime/runtime.h"
#include "tests/driver/folder.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

static const char RECIPE[] = "recipe: edges\n"
                             "use: [lib/optimizers.yaml, lib/schedules.yaml]\n"
                             "knobs: {limit: 0.0, rule: sgd, eps: 1.0e-8, beta: 0.0}\n"
                             "draws: {g: {sampler: normal, shape: [2, 2]}}\n"
                             "networks: {\"model(x)\": \"(part: weight(x))\"}\n"
                             "modules:\n"
                             "  weight(x): |\n"
                             "    p = param(2, 2, init=zeros)\n"
                             "    return p\n"
                             "  chosen(param, grad, rule, eps, beta): |\n"
                             "    if rule == 'lars':\n"
                             "      return lars(param, grad, 0.5)\n"
                             "    elif rule == 'sgd':\n"
                             "      return sgd(param, grad, 0.5, momentum=beta)\n"
                             "    return adamw(param, grad, 0.5, betas=(beta, beta), eps=eps)\n"
                             "objectives: {given: {loss: \"sum(model(g) * g)\"}}\n"
                             "values: {out: \"%s\"}\n"
                             "train: {batch: 1, epochs: %g, clip: \"clip_global(grads, limit)\", optimizer: "
                             "\"chosen(param, grad, rule, eps, beta)\"}\n";

/* One step of it on parameters p and gradients g, interpreted in float64. Reads the value `out` and the parameters
 * after. */
static double run(const char *value, double epochs, int per_epoch, int step, const char *settings,
                  const float p[4], const float g[4], float after[4]) {
    char path[512], in[512], out[512], command[3072];
    snprintf(path, sizeof path, "%s/edges.yaml", folder);
    snprintf(in, sizeof in, "%s/in.safetensors", folder);
    snprintf(out, sizeof out, "%s/out.safetensors", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, RECIPE, value, epochs);
    fclose(file);
    VtTensor weight = {.name = "model.part.p", .dtype = VT_F32, .rank = 2, .dim = {2, 2}}, gradient = weight;
    gradient.name = "g";
    VtNamedTensor tensors[2] = {{weight, p}, {gradient, g}};
    VtError error = {0};
    assert_true(vt_tensors_write(in, tensors, 2, NULL, &error));
    snprintf(command, sizeof command,
             "%s run %s %s --function step --interpret --in %s --out %s --step %d --steps-per-epoch %d "
             ">%s/log 2>&1 || "
             "{ cat %s/log; false; }",
             VITC_BINARY, path, settings, in, out, step, per_epoch, folder, folder);
    assert_int_equal(system(command), 0);
    VtTensorFile *read = vt_tensors_open(out, &error);
    assert_non_null(read);
    double x = NAN;
    assert_true(vt_tensors_read(read, vt_tensors_find(read, "out"), VT_F64, &x, &error));
    assert_true(vt_tensors_read(read, vt_tensors_find(read, "after.model.part.p"), VT_F32, after, &error));
    vt_tensors_close(read);
    return x;
}

static const float ZERO[4], ONE[4] = {1, 1, 1, 1};

static void test_schedules(void **state) {
    static const struct {
        const char *schedule;
        double epochs;
        int per_epoch, step;
        double want;
    } rows[] = {
        /* a teacher's temperature: numpy's linspace over the epochs of the warm-up, then the end */
        {"linear_to(0.04, 0.07, 0)", 4, 2, 0, 0.07},
        {"linear_to(0.04, 0.07, 1)", 4, 2, 0, 0.04},
        {"linear_to(0.04, 0.07, 1)", 4, 2, 2, 0.07},
        {"linear_to(0.04, 0.07, 3)", 4, 2, 3, 0.055},
        {"linear_to(0.04, 0.07, 4)", 4, 2, 7, 0.07},
        {"linear_to(0.04, 0.07, 4)", 4, 2, 100, 0.07},
        /* linspace over the steps of the warm-up, then half a cosine over the others */
        {"warmup_cosine(1.0, 0.1, 0)", 1, 1, 0, 1},
        {"warmup_cosine(1.0, 0.1, 0)", 1, 2, 1, 0.55},
        {"warmup_cosine(1.0, 0.1, 1)", 1, 1, 0, 0},
        {"warmup_cosine(1.0, 0.1, 1)", 1, 4, 1, 1 / 3.0},
        {"warmup_cosine(1.0, 0.1, 1)", 1, 4, 3, 1},
        {"warmup_cosine(1.0, 0.1, 1)", 2, 2, 2, 1},
        {"warmup_cosine(1.0, 0.1, 1)", 2, 2, 3, 0.55},
        {"warmup_cosine(1.0, 0.1, 1)", 2, 2, 99, 0.1},
        {"cosine(0.9, 1.0)", 1, 1, 0, 0.9},
        {"cosine(0.9, 1.0)", 1, 2, 1, 0.95},
        {"cosine(0.9, 1.0)", 1, 2, 99, 1},
        /* by fractional epoch; a run that is shorter than the warm-up ends in it */
        {"warmup_cosine_epochs(1.0, 0.0, 0)", 4, 2, 0, 1},
        {"warmup_cosine_epochs(1.0, 0.0, 0)", 4, 2, 99, 0},
        {"warmup_cosine_epochs(1.0, 0.0, 0)", 0.5, 4, 1, 0.5},
        {"warmup_cosine_epochs(1.0, 0.0, 0.5)", 4, 4, 1, 0.5},
        {"warmup_cosine_epochs(1.0, 0.0, 0.5)", 4, 4, 2, 1},
        {"warmup_cosine_epochs(1.0, 0.0, 40)", 4, 2, 4, 0.05},
        {"warmup_cosine_epochs(1.0, 0.0, 4)", 4, 2, 7, 0.875},
        {"warmup_steps(1.0, [2], 0.1, 0)", 4, 2, 0, 1},
        {"warmup_steps(1.0, [2], 0.1, 0)", 4, 2, 4, 0.1},
        {"warmup_steps(1.0, [9], 0.1, 8)", 4, 2, 4, 0.25},
    };
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        float after[4];
        double got =
            run(rows[i].schedule, rows[i].epochs, rows[i].per_epoch, rows[i].step, "", ZERO, ONE, after);
        if (fabs(got - rows[i].want) <= 1e-6) continue;
        print_error("%s, %g epochs of %d steps, step %d: got %.9g, want %.9g\n", rows[i].schedule,
                    rows[i].epochs, rows[i].per_epoch, rows[i].step, got, rows[i].want);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

static void test_updates(void **state) {
    static const struct {
        const char *settings;
        float p, g, want;
    } rows[] = {
        {"limit=0", 1, 2, 0},    /* not clipped: 1 - 0.5 * 2 */
        {"limit=1", 1, 2, 0.75}, /* all four together to a norm of 1: 0.5 each */
        {"limit=100", 1, 2, 0},
        {"limit=1", 1, 0, 1},
        {"rule=lars", 0, 1, -0.5}, /* a weight of zeros is not scaled */
        {"rule=lars", 1, 0, 1},
        {"rule=lars", 1, 1, 0.9995f}, /* by trust · ‖p‖ / ‖g‖ = 0.001 */
        {"rule=adam", 1, 0, 1},
        {"rule=adam eps=0", 1, -3, 1.5f}, /* the first step is as long whatever the gradient */
        {"rule=adam eps=0 beta=0.9", 1, 1e-6f, 0.5f},
    };
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        float p[4], g[4], after[4];
        for (int k = 0; k < 4; k++) p[k] = rows[i].p, g[k] = rows[i].g;
        run("cosine(0.0, 0.0)", 1, 2, 0, rows[i].settings, p, g, after);
        for (int k = 0; k < 4; k++)
            if (!(fabsf(after[k] - rows[i].want) <= 1e-5f)) {
                print_error("%s, p %g, g %g: got %.9g, want %.9g\n", rows[i].settings, rows[i].p, rows[i].g,
                            after[k], rows[i].want);
                wrong++;
                break;
            }
    }
    assert_int_equal(wrong, 0);
}

/* The setting that a message gives, `set KEY=VALUE`, added to the command that failed. */
static void test_advice(void **state) {
#define QUICK "quickstart width=24 depth=1 heads=2 hidden=16 out_dim=8 "
    static const char *const commands[] = {
        "mae preset=tiny batch=16 --data synthetic:10",
        QUICK "batch=32 --data synthetic:10",
        QUICK "batch=8 train.memory=1kB --data synthetic:64",
    };
    (void)state;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        char command[2048], text[4096], setting[64] = "";
        for (int turn = 0; turn < 2; turn++) {
            snprintf(command, sizeof command,
                     "rm -rf %s/run; %s train %s train.knn.every=0 %s --steps 1 --plain --out %s/run 2>&1",
                     folder, VITC_BINARY, commands[i], setting, folder);
            FILE *pipe = popen(command, "r");
            assert_non_null(pipe);
            text[fread(text, 1, sizeof text - 1, pipe)] = '\0';
            bool good = pclose(pipe) == 0;
            const char *advice = strstr(text, "set train.");
            if (good != (turn == 1) ||
                (turn == 0 && (!advice || sscanf(advice, "set %63[^ ,]", setting) != 1)))
                fail_msg("vitc %s %s:\n%s", commands[i], setting, text);
        }
    }
}

/* Numbers of the data set that the step has no room for: a plausible loss would come of them. */
static void test_data(void **state) {
    static const struct {
        const char *recipe, *message;
    } rows[] = {
        {"recipe: few\n"
         "use: [lib/nn.yaml, lib/optimizers.yaml]\n"
         "knobs: {n: 10}\n"
         "views: {v: {size: 8, augment: [normalize]}}\n"
         "networks: {net: \"(head: linear(reshape(x, dim(x, 0), -1), n))\"}\n"
         "objectives: {c: {loss: \"cross_entropy(net(v), labels)\"}}\n"
         "train: {batch: 4, epochs: 1, optimizer: \"sgd(param, grad, 0.1)\"}\n",
         "the data set has 10 classes, recipe 'few' tells 9 apart"},
        {"recipe: bank\n"
         "use: [lib/nn.yaml, lib/optimizers.yaml]\n"
         "knobs: {n: 40}\n"
         "views: {v: {size: 8, augment: [normalize]}}\n"
         "state: {rows: \"zeros(n, 3)\"}\n"
         "networks: {net: \"(head: linear(reshape(x, dim(x, 0), -1), 3))\"}\n"
         "objectives: {c: {loss: \"mean((net(v) - gather(rows, index)) ** 2)\"}}\n"
         "train: {batch: 4, epochs: 1, optimizer: \"sgd(param, grad, 0.1)\"}\n",
         "the data set has 40 images, recipe 'bank' keeps rows for 39"},
    };
    static const char *const settings[2][2] = {{"n=9", "n=10"}, {"n=39", "n=40"}};
    (void)state;
    for (int i = 0; i < 2; i++)
        for (int good = 0; good < 2; good++) {
            char command[1024], text[4096], path[512];
            snprintf(path, sizeof path, "%s/data.yaml", folder);
            FILE *file = fopen(path, "w");
            assert_non_null(file);
            fputs(rows[i].recipe, file);
            fclose(file);
            snprintf(command, sizeof command,
                     "rm -rf %s/run; %s train %s %s --data synthetic:40 --steps 1 --plain --out %s/run 2>&1",
                     folder, VITC_BINARY, path, settings[i][good], folder);
            FILE *pipe = popen(command, "r");
            assert_non_null(pipe);
            text[fread(text, 1, sizeof text - 1, pipe)] = '\0';
            int code = WEXITSTATUS(pclose(pipe));
            if (code != (good ? 0 : 2) || (!good && !strstr(text, rows[i].message)))
                fail_msg("%s: exit code %d\n%s", settings[i][good], code, text);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_schedules), cmocka_unit_test(test_updates),
                                       cmocka_unit_test(test_advice), cmocka_unit_test(test_data)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
