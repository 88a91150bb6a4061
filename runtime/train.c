/* The training loop: batches in, the compiled step, metrics, checkpoints, evaluation; stopped by signals, resumed bit for bit. */
#include "runtime/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MAX_NAMES = 128, KNN_TRAIN = 10000, KNN_TEST = 2000 };

typedef struct {
    const VtProgram *program;
    const VtTrainOptions *options;
    VtInstance *instance;
    VtDataset *data, *held_out;
    VtLoader *loader;
    VtMetrics *metrics;
    int lock, step_state;
    int64_t per_epoch, total, step, first_step;
    void **inputs;
    double steps_per_epoch, started, last_line, last_knn;
    bool terminal;
    const VtFunction *function;
    bool warned[MAX_NAMES];
    char checkpoint[4096], previous[4096];
} Run;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double scalar(const void *data, int dtype) {
    return dtype == VT_F64 ? *(const double *)data : (double)*(const float *)data;
}

static void say(Run *r, const char *format, ...) {
    va_list args;
    va_start(args, format);
    if (r->terminal) fputs("\r\033[K", r->options->log);
    vfprintf(r->options->log, format, args);
    fputc('\n', r->options->log);
    fflush(r->options->log);
    va_end(args);
}

static void report_broken(void *user, const char *message) {
    say(user, "skipped: %s", message);
}

/* ---- the run's folder ------------------------------------------------------------------------------------------------ */

static bool open_folder(Run *r, VtError *error) {
    const char *out = r->options->out;
    char path[4096];
    if (strlen(out) > 3900) return vt_fail(error, 2, "--out: path too long");
    if (mkdir(out, 0777) != 0 && errno != EEXIST)
        return vt_fail(error, 2, "cannot make '%s': %s", out, strerror(errno));
    snprintf(path, sizeof path, "%s/lock", out);
    r->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (r->lock < 0) return vt_fail(error, 2, "cannot write in '%s': %s", out, strerror(errno));
    if (flock(r->lock, LOCK_EX | LOCK_NB) != 0)
        return vt_fail(error, 2, "'%s' is in use by another training run", out);
    snprintf(r->checkpoint, sizeof r->checkpoint, "%s/checkpoint.safetensors", out);
    snprintf(r->previous, sizeof r->previous, "%s/checkpoint.previous.safetensors", out);
    bool there = access(r->checkpoint, F_OK) == 0;
    if (there && !r->options->resume)
        return vt_fail(error, 2, "'%s' holds a run already: --resume continues it, another --out starts anew",
                       out);
    snprintf(path, sizeof path, "%s/recipe.yaml", out);
    FILE *file = r->options->resolved ? fopen(path, "w") : NULL;
    if (r->options->resolved && (!file || fputs(r->options->resolved, file) < 0 || fclose(file) != 0))
        return vt_fail(error, 1, "cannot write '%s': %s", path, strerror(errno));
    return true;
}

static bool save(Run *r, VtError *error) {
    if (access(r->checkpoint, F_OK) == 0) {
        unlink(r->previous);
        if (link(r->checkpoint, r->previous) != 0 && errno != EPERM && errno != EOPNOTSUPP)
            return vt_fail(error, 1, "cannot keep '%s': %s", r->previous, strerror(errno));
    }
    return vt_checkpoint_save(r->instance, r->program, r->checkpoint, error);
}

/* ---- evaluation -------------------------------------------------------------------------------------------------------- */

static bool evaluate(Run *r, VtError *error) {
    const VtTrain *t = &r->program->train;
    int64_t n_train, n_test, dim;
    int32_t *train_labels = NULL, *test_labels = NULL;
    double top1, top5, start = now();
    float *train =
        vt_features(r->instance, r->program, r->data, KNN_TRAIN, &n_train, &dim, &train_labels, error);
    float *test = train ? vt_features(r->instance, r->program, r->held_out, KNN_TEST, &n_test, &dim,
                                      &test_labels, error)
                        : NULL;
    if (test) {
        vt_knn(train, train_labels, n_train, test, test_labels, n_test, dim, vt_dataset_classes(r->data),
               t->knn_k, t->knn_temperature, &top1, &top5);
        const char *names[] = {"knn.top1", "knn.top5"};
        vt_metrics_write(r->metrics, r->step, (double)r->step / r->steps_per_epoch, 2, names,
                         (double[]){top1, top5});
        say(r, "epoch %.2f  k-NN top-1 %.2f %%  top-5 %.2f %%  (%lld train, %lld test images, %.1f s)",
            (double)r->step / r->steps_per_epoch, top1, top5, (long long)n_train, (long long)n_test,
            now() - start);
    }
    r->last_knn = (double)r->step;
    free(train);
    free(test);
    free(train_labels);
    free(test_labels);
    return test != NULL;
}

static bool due(const Run *r, double every_epochs) {
    if (every_epochs <= 0) return false;
    double period = every_epochs * r->steps_per_epoch;
    return floor((double)r->step / period + 1e-9) > floor((double)(r->step - 1) / period + 1e-9);
}

/* ---- one step ------------------------------------------------------------------------------------------------------------- */

static void print_progress(Run *r, int n, const char *const *names, const double *values, double data_wait) {
    double time = now(), interval = r->terminal ? 0.2 : 10;
    if (time - r->last_line < interval && r->step != r->total && r->step != r->first_step + 1) return;
    r->last_line = time;
    double rate = (double)(r->step - r->first_step) / (time - r->started + 1e-9);
    long left = (long)((double)(r->total - r->step) / (rate + 1e-9));
    FILE *log = r->options->log;
    if (r->terminal) {
        int filled = (int)(20 * r->step / r->total);
        fputs("\r\033[K[", log);
        for (int i = 0; i < 20; i++) fputc(i < filled ? '=' : i == filled ? '>' : ' ', log);
        fputs("] ", log);
    }
    fprintf(log, "epoch %.2f  step %lld/%lld", (double)r->step / r->steps_per_epoch, (long long)r->step,
            (long long)r->total);
    for (int i = 0; i < n; i++)
        if (strncmp(names[i], "loss", 4) == 0 || strcmp(names[i], "lr") == 0)
            fprintf(log, "  %s %.4g", names[i], values[i]);
    fprintf(log, "  %.0f images/s  %ld:%02ld:%02ld left", rate * (double)r->program->train.batch, left / 3600,
            left / 60 % 60, left % 60);
    if (data_wait > 0.2) fprintf(log, "  (%.0f %% waiting for data)", 100 * data_wait);
    if (!r->terminal || r->step == r->total) fputc('\n', log);
    fflush(log);
}

static void warn_collapse(Run *r, const char *name, double value) {
    for (int w = 0; w < r->program->n_warnings && w < MAX_NAMES; w++) {
        const VtWarning *warning = &r->program->warnings[w];
        if (strcmp(warning->metric, name) != 0 || r->warned[w] || r->step < 10) continue;
        if (!(value < warning->below) && !(value > warning->above)) continue;
        r->warned[w] = true;
        say(r, "warning: %s = %.4g: %s", name, value, warning->message);
    }
}

static bool check_finite(Run *r, const char *name, double value, VtError *error) {
    if (strncmp(name, "loss", 4) != 0 || isfinite(value)) return true;
    bool kept = access(r->checkpoint, F_OK) == 0;
    return vt_fail(error, 1,
                   "step %lld: %s is %s. Nothing of this step was saved; the last good checkpoint is %s. A "
                   "lower lr, clipping or more warm-up may help",
                   (long long)r->step, name, value != value ? "NaN" : "infinite",
                   kept ? r->checkpoint : "(none yet)");
}

static bool train_step(Run *r, VtError *error) {
    double start = now();
    const VtBatch *batch = vt_loader_next(r->loader, error);
    if (!batch) return false;
    double waited = now() - start;
    for (int i = 0; i < r->program->n_inputs; i++) {
        const VtInput *input = &r->program->inputs[i];
        if (batch->inputs[i]) r->inputs[i] = batch->inputs[i];
        if (input->source == VT_SOURCE_DRAW)
            vt_draw_fill(&r->program->draws[input->index], &input->tensor, (uint64_t)r->program->train.seed,
                         (uint64_t)r->step, r->inputs[i]);
    }
    if (!vt_instance_run(r->instance, "step", r->inputs, error)) return false;
    r->step++;
    const char *names[MAX_NAMES];
    double values[MAX_NAMES];
    int n = 0;
    for (int o = 0; o < r->function->n_outputs && n < MAX_NAMES; o++) {
        const VtTensor *tensor = &r->function->outputs[o].tensor;
        if (tensor->rank) continue;
        names[n] = tensor->name;
        values[n] = scalar(vt_instance_output(r->instance, "step", tensor->name, NULL), tensor->dtype);
        n++;
    }
    for (int i = n - 1; i >= 0; i--) /* the objective before the sum, so that it is named */
        if (!check_finite(r, names[i], values[i], error)) return false;
    for (int i = 0; i < n; i++) warn_collapse(r, names[i], values[i]);
    vt_metrics_write(r->metrics, r->step, (double)r->step / r->steps_per_epoch, n, names, values);
    print_progress(r, n, names, values, waited / (now() - start));
    return true;
}

/* ---- beginning and end ------------------------------------------------------------------------------------------------- */

static bool prepare_inputs(Run *r) {
    const VtProgram *p = r->program;
    r->inputs = calloc((size_t)p->n_inputs + 1, sizeof(void *));
    for (int i = 0; r->inputs && i < p->n_inputs; i++) {
        if (p->inputs[i].source == VT_SOURCE_STEPS_PER_EPOCH) r->inputs[i] = &r->steps_per_epoch;
        if (p->inputs[i].source != VT_SOURCE_DRAW) continue;
        if (posix_memalign(&r->inputs[i], 64, vt_bytes(&p->inputs[i].tensor) + 64) != 0) return false;
    }
    return r->inputs != NULL;
}

static bool open_data(Run *r, VtError *error) {
    VtError unused;
    const char *path = r->options->data;
    r->data = vt_dataset_open(path, "train", error);
    if (!r->data) return false;
    r->held_out = vt_dataset_open(path, "test", &unused); /* without one there is no online k-NN */
    say(r, "%s: %s, %lld images, %d classes%s", path, vt_dataset_format(r->data),
        (long long)vt_dataset_size(r->data), vt_dataset_classes(r->data),
        r->held_out ? "" : "; no test split: no online k-NN");
    return true;
}

static bool begin(Run *r, VtError *error) {
    const VtProgram *p = r->program;
    for (int f = 0; f < p->n_functions; f++)
        if (strcmp(p->functions[f].name, "step") == 0) r->function = &p->functions[f];
    if (!r->function) return vt_fail(error, 2, "recipe '%s' has no objectives: nothing to train", p->name);
    if (!open_folder(r, error) || !open_data(r, error)) return false;
    if (!(r->instance = vt_instance_new(p, error))) return false;
    vt_instance_init(r->instance, (uint64_t)p->train.seed);
    r->step_state = vt_instance_find_state(r->instance, "step");
    if (r->options->resume && access(r->checkpoint, F_OK) == 0) {
        if (!vt_checkpoint_load(r->instance, p, r->checkpoint, error)) return false;
        r->step = (int64_t)*(const double *)vt_instance_state(r->instance, r->step_state);
        say(r, "resumed from %s at step %lld", r->checkpoint, (long long)r->step);
    }
    r->first_step = r->step;
    int workers = r->options->workers > 0 ? r->options->workers : vt_threads();
    r->loader = vt_loader_new(p, r->data, r->step, workers, workers + 2, r->options->max_broken,
                              report_broken, r, error);
    if (!r->loader) return false;
    r->per_epoch = vt_loader_steps_per_epoch(r->loader);
    r->steps_per_epoch = (double)r->per_epoch;
    r->total = (int64_t)ceil(p->train.epochs * r->steps_per_epoch - 1e-9);
    if (r->options->max_steps > 0 && r->options->max_steps < r->total) r->total = r->options->max_steps;
    char path[4096];
    snprintf(path, sizeof path, "%s/metrics.jsonl", r->options->out);
    if (!(r->metrics = vt_metrics_open(path, r->step, error))) return false;
    return prepare_inputs(r) || vt_fail(error, 1, "out of memory");
}

static bool loop(Run *r, VtError *error) {
    const VtTrain *t = &r->program->train;
    bool evaluates = r->held_out && t->knn_every > 0, dirty = r->step == 0;
    if (evaluates && r->step == 0 && !evaluate(r, error)) return false;
    r->started = now();
    while (r->step < r->total && !vt_stop_signal()) {
        if (!train_step(r, error)) return false;
        dirty = true;
        if (due(r, t->checkpoint_every)) {
            if (!save(r, error)) return false;
            dirty = false;
        }
        if (evaluates && due(r, t->knn_every) && !evaluate(r, error)) return false;
        if (r->options->max_seconds > 0 && now() - r->started > r->options->max_seconds) break;
    }
    if (dirty && !save(r, error)) return false;
    if (vt_stop_signal())
        say(r, "stopped by signal %d at step %lld; saved. --resume continues", vt_stop_signal(),
            (long long)r->step);
    else if (evaluates && r->last_knn != (double)r->step && !evaluate(r, error))
        return false;
    say(r, "%s at step %lld: %s", r->step >= r->total ? "done" : "stopped", (long long)r->step,
        r->checkpoint);
    return true;
}

static void finish(Run *r) {
    vt_loader_free(r->loader);
    for (int i = 0; r->inputs && i < r->program->n_inputs; i++)
        if (r->program->inputs[i].source == VT_SOURCE_DRAW) free(r->inputs[i]);
    free(r->inputs);
    vt_metrics_close(r->metrics);
    vt_instance_free(r->instance);
    vt_dataset_close(r->data);
    vt_dataset_close(r->held_out);
    if (r->lock >= 0) close(r->lock);
}

int vt_train(const VtProgram *program, const VtTrainOptions *options, VtError *error) {
    Run run = {.program = program, .options = options, .lock = -1, .last_knn = -1};
    run.terminal = !options->plain && isatty(fileno(options->log));
    struct sigaction action = {.sa_handler = vt_stop_request, .sa_flags = SA_RESTART}, old_int, old_term;
    vt_stop_request(0);
    sigaction(SIGINT, &action, &old_int);
    sigaction(SIGTERM, &action, &old_term);
    signal(SIGXFSZ, SIG_IGN);
    bool good = begin(&run, error) && loop(&run, error);
    finish(&run);
    sigaction(SIGINT, &old_int, NULL);
    sigaction(SIGTERM, &old_term, NULL);
    return good ? 0 : error->code;
}
