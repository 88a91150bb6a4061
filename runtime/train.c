/* The training loop: batches in, the compiled step, metrics, checkpoints, evaluation; stopped by signals, resumed bit for bit. */
#include "runtime/diverged.h"
#include "runtime/monitor.h"
#include "runtime/run_folder.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NAMES = 128 };

typedef struct {
    const VtProgram *program;
    const VtTrainOptions *options;
    VtInstance *instance;
    VtDataset *data, *held_out;
    VtLoader *loader;
    VtMetrics *metrics;
    Progress progress;
    RunFolder folder;
    int64_t total, step, first_step;
    void **inputs;
    double steps_per_epoch;
    const VtFunction *function;
    Monitor monitor;
} Run;

static double epoch_of(const Run *r) {
    return (double)r->step / r->steps_per_epoch;
}

static double scalar(const void *data, int dtype) {
    return dtype == VT_F64 ? *(const double *)data : (double)*(const float *)data;
}

static void report_broken(void *user, const char *message) {
    progress_say(user, "skipped: %s", message);
}

/* Losses, states or features that are not finite end the run; false. */
static bool diverged(Run *r, VtError *error) {
    VtError cause = *error;
    vt_fail(error, 1, "step %lld: %s. Nothing of this step was saved", (long long)r->step, cause.message);
    Diverged d = {.program = r->program,
                  .instance = r->instance,
                  .data = r->data,
                  .checkpoint = r->folder.checkpoint,
                  .previous = r->folder.previous,
                  .step = r->step,
                  .from_start = r->first_step == 0,
                  .steps_per_epoch = r->steps_per_epoch,
                  .max_broken = r->options->max_broken,
                  .progress = &r->progress,
                  .explain = r->options->explain,
                  .user = r->options->user};
    diverged_explain(&d, error);
    return false;
}

static bool save(Run *r, VtError *error) {
    if (!vt_states_finite(r->instance, r->program, error)) return diverged(r, error);
    return run_folder_save(&r->folder, r->instance, r->program, error);
}

/* A signal that comes in an evaluation leaves it; the loop then sees the signal, and saves. */
static bool evaluate(Run *r, VtError *error) {
    return monitor_evaluate(&r->monitor, r->step, error) || error->stopped ||
           (error->not_finite && diverged(r, error));
}

static bool due(const Run *r, double every_epochs) {
    if (every_epochs <= 0) return false;
    double period = every_epochs * r->steps_per_epoch;
    return floor((double)r->step / period + 1e-9) > floor((double)(r->step - 1) / period + 1e-9);
}

/* ---- one step ------------------------------------------------------------------------------------------------------------- */

static bool check_finite(const char *name, double value, VtError *error) {
    if (strncmp(name, "loss", 4) != 0 || isfinite(value)) return true;
    return vt_fail(error, 1, "%s is %s", name, value != value ? "NaN" : "infinite");
}

static bool train_step(Run *r, VtError *error) {
    double start = vt_now();
    const VtBatch *batch = vt_loader_next(r->loader, error);
    if (!batch) return false;
    double waited = vt_now() - start;
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
        if (!check_finite(names[i], values[i], error)) return diverged(r, error);
    monitor_step(&r->monitor, r->step, n, names, values);
    vt_metrics_write(r->metrics, r->step, epoch_of(r), n, names, values);
    ProgressStep step = {.step = r->step,
                         .total = r->total,
                         .epoch = epoch_of(r),
                         .data_wait = waited / (vt_now() - start),
                         .n = n,
                         .names = names,
                         .values = values};
    progress_step(&r->progress, &step);
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
    VtError why = {0};
    char text[2048];
    const char *path = r->options->data;
    if (!(r->data = vt_dataset_open(path, "train", error))) return false;
    if (!vt_dataset_held_out(path, &r->held_out, error ? error : &why)) return false;
    vt_dataset_describe(r->data, text, sizeof text);
    progress_say(&r->progress, "%s: %s, %s", path, vt_dataset_format(r->data), text);
    for (int i = 0; i < vt_dataset_notes(r->data); i++)
        progress_say(&r->progress, "%s: %s", path, vt_dataset_note(r->data, i));
    return true;
}

static bool load(Run *r, VtError *error) {
    if (!vt_checkpoint_load(r->instance, r->program, r->folder.checkpoint, error)) return false;
    int counter = vt_instance_find_state(r->instance, "step");
    r->step = (int64_t)*(const double *)vt_instance_state(r->instance, counter);
    progress_say(&r->progress, "resumed from %s at step %lld", r->folder.checkpoint, (long long)r->step);
    return true;
}

static bool begin(Run *r, VtError *error) {
    const VtProgram *p = r->program;
    for (int f = 0; f < p->n_functions; f++)
        if (strcmp(p->functions[f].name, "step") == 0) r->function = &p->functions[f];
    if (!r->function) return vt_fail(error, 2, "recipe '%s' has no objectives: nothing to train", p->name);
    if (!run_folder_open(&r->folder, r->options->out, r->options->resume, error) ||
        !run_folder_save_recipe(&r->folder, r->options->resolved, error) || !open_data(r, error))
        return false;
    if (!(r->instance = vt_instance_new(p, error))) return false;
    vt_instance_init(r->instance, (uint64_t)p->train.seed);
    if (run_folder_has_checkpoint(&r->folder) && !load(r, error)) return false;
    r->first_step = r->step;
    int workers = r->options->workers > 0 ? r->options->workers : vt_threads();
    r->loader = vt_loader_new(p, r->data, r->step, workers, workers + 2, r->options->max_broken,
                              report_broken, &r->progress, error);
    if (!r->loader) return false;
    r->steps_per_epoch = (double)vt_loader_steps_per_epoch(r->loader);
    r->total = (int64_t)ceil(p->train.epochs * r->steps_per_epoch - 1e-9);
    if (r->options->max_steps > 0 && r->options->max_steps < r->total) r->total = r->options->max_steps;
    if (!(r->metrics = vt_metrics_open(r->folder.metrics, r->step, error))) return false;
    r->monitor = (Monitor){.instance = r->instance,
                           .program = p,
                           .train = r->data,
                           .test = r->held_out,
                           .max_broken = r->options->max_broken,
                           .steps_per_epoch = r->steps_per_epoch,
                           .progress = &r->progress,
                           .metrics = r->metrics};
    if (!monitor_begin(&r->monitor, error)) return false;
    return prepare_inputs(r) || vt_fail(error, 1, "out of memory");
}

static bool loop(Run *r, VtError *error) {
    const VtTrain *t = &r->program->train;
    bool dirty = r->step == 0;
    if (r->step == 0 && t->knn_every > 0 && !evaluate(r, error)) return false;
    progress_start(&r->progress, r->step, t->batch);
    while (r->step < r->total && !vt_stop_signal()) {
        if (!train_step(r, error)) return false;
        dirty = true;
        if (due(r, t->checkpoint_every)) {
            if (!save(r, error)) return false;
            dirty = false;
        }
        if (monitor_due(&r->monitor, r->step) && !evaluate(r, error)) return false;
        if (r->options->max_seconds > 0 && vt_now() - r->progress.started > r->options->max_seconds) break;
    }
    if (dirty && !save(r, error)) return false;
    if (vt_stop_signal())
        progress_say(&r->progress, "stopped by signal %d at step %lld; saved. --resume continues",
                     vt_stop_signal(), (long long)r->step);
    else if (!evaluate(r, error))
        return false;
    progress_say(&r->progress, "%s at step %lld: %s", r->step >= r->total ? "done" : "stopped",
                 (long long)r->step, r->folder.checkpoint);
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
    run_folder_close(&r->folder);
}

int vt_train(const VtProgram *program, const VtTrainOptions *options, VtError *error) {
    Run run = {.program = program, .options = options, .folder = {.lock = -1}};
    progress_open(&run.progress, options->log, options->plain);
    vt_stop_listen();
    bool good = begin(&run, error) && loop(&run, error);
    finish(&run);
    vt_stop_ignore();
    return good ? 0 : error->code;
}
