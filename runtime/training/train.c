/* The training loop: batches in, the compiled step, metrics, checkpoints, evaluation; stopped by signals, resumed bit
 * for bit. */
#include "runtime/base/error.h"
#include "runtime/base/stop.h"
#include "runtime/datasets/dataset.h"
#include "runtime/program/finite.h"
#include "runtime/program/instance.h"
#include "runtime/threads/team.h"
#include "runtime/training/checkpoint.h"
#include "runtime/training/diverged.h"
#include "runtime/training/loader.h"
#include "runtime/training/held_out.h"
#include "runtime/training/metrics.h"
#include "runtime/training/monitor.h"
#include "runtime/training/run.h"
#include "runtime/training/run_folder.h"
#include "runtime/training/shown.h"
#include "runtime/training/sources.h"
#include "runtime/training/stopping.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const VtProgram *program;
    const VtTrainOptions *options;
    VtInstance *instance;
    Sources sources;
    VtLoader *loader;
    VtMetrics *metrics;
    Progress progress;
    VtRunFolder *folder;
    int64_t total, by_epochs; /* steps, and how many there are if no other number is asked for */
    int64_t step, first_step; /* done; when this process began */
    int64_t counted;          /* the step that it was, before an epoch had another number of steps, … */
    double counted_by;        /* … which was this; 0: it is as it was */
    bool dirty;               /* the states are those after `step` steps, and good, and not saved */
    Step steps;               /* what each is fed and gives */
    double steps_per_epoch;
    Monitor monitor;
    HeldOut held_out;
    Stopping stopping;
    bool ended; /* by the recipe's `stop` */
} Run;

static double epoch_of(const Run *r) {
    return (double)r->step / r->steps_per_epoch;
}

static void report_broken(void *user, const char *message) {
    progress_say(user, "skipped: %s", message);
}

/* Losses, states or features that are not finite end the run; false. */
static bool diverged(Run *r, bool of_features, VtError *error) {
    VtError cause = *error;
    vt_fail(error, 1, "step %lld: %s%s", (long long)r->step, cause.message,
            of_features && !r->dirty ? "" : ". Nothing of this step was saved");
    Diverged d = {.program = r->program,
                  .instance = r->instance,
                  .data = r->sources.train,
                  .checkpoint = r->folder->checkpoint,
                  .previous = r->folder->previous,
                  .step = r->step,
                  .of_features = of_features,
                  .from_start = r->first_step == 0,
                  .steps_per_epoch = r->steps_per_epoch,
                  .max_broken = r->options->settings.max_broken,
                  .progress = &r->progress,
                  .explain = r->options->explain,
                  .user = r->options->user};
    diverged_explain(&d, error);
    return false;
}

static bool save(Run *r, VtError *error) {
    if (!vt_states_finite(r->instance, r->program, error)) return diverged(r, false, error);
    /* Metrics first: a checkpoint never knows of steps that they do not. */
    if (!vt_metrics_sync(r->metrics, error) ||
        !run_folder_save(r->folder, r->instance, r->program, r->steps_per_epoch, error))
        return false;
    r->dirty = false;
    return true;
}

/* Something failed that is no fault of the states: what they have learned is not lost. */
static bool save_on_failure(Run *r, const VtError *error) {
    VtError second;
    if (!r->dirty || (error && error->stopped)) return false; /* end_by_signal saves */
    if (vt_states_finite(r->instance, r->program, &second) &&
        run_folder_save(r->folder, r->instance, r->program, r->steps_per_epoch, &second)) {
        r->dirty = false;
        progress_say(&r->progress, "step %lld is saved", (long long)r->step);
    }
    return false;
}

/* A signal that comes in an evaluation leaves it; the loop then sees the signal, and saves. */
static bool evaluate(Run *r, VtError *error) {
    if (monitor_evaluate(&r->monitor, r->step, error) || error->stopped) return true;
    if (error->not_finite) return diverged(r, true, error);
    return r->step > r->first_step && save_on_failure(r, error);
}

/* Metrics of held-out images, as evaluate() does the rest. */
static bool measure(Run *r, bool last, VtError *error) {
    HeldOut *h = &r->held_out;
    if (!held_out_due(h, r->step, last)) return true;
    if (!held_out_measure(h, r->step, last, error))
        return error->stopped || (r->step > r->first_step && save_on_failure(r, error));
    for (int i = 0; i < r->program->n_held_out; i++)
        if (held_out_is_of(h, i, r->step))
            monitor_warn(&r->monitor, r->step, r->program->held_out[i].name, h->values[i].last);
    return true;
}

/* Whether the recipe's `stop` holds now: the run is then done. */
static bool look_at_stop(Run *r, VtError *error) {
    const VtProgram *p = r->program;
    if (!stopping_look(&r->stopping, r->instance, p, &r->steps.scalars, &r->held_out, &r->ended, error))
        return save_on_failure(r, error);
    if (!r->ended) return true;
    progress_say(&r->progress, "train.stop holds: %s", p->stop);
    return vt_metrics_write_text(r->metrics, r->step, epoch_of(r), STOPPED_BY, p->stop, error) ||
           save_on_failure(r, error);
}

static bool due(const Run *r, double every_epochs) {
    if (every_epochs <= 0) return false;
    double period = every_epochs * r->steps_per_epoch;
    return floor((double)r->step / period + 1e-9) > floor((double)(r->step - 1) / period + 1e-9);
}

/* ---- one step ---------------------------------------------------------------------------------------------------- */

static bool train_step(Run *r, VtError *error) {
    double start = vt_now();
    const VtBatch *batch = vt_loader_next(r->loader, error);
    if (!batch) return save_on_failure(r, error);
    double waited = vt_now() - start;
    if (shown_due(r->program, r->step, r->steps_per_epoch)) {
        step_feed(&r->steps, batch, r->step);
        if (!shown_write(&r->steps, r->step, r->folder->images, error)) return save_on_failure(r, error);
    }
    if (!step_run(&r->steps, batch, r->step, error)) return save_on_failure(r, error);
    r->dirty = false; /* until this step is known to be good */
    r->step++;
    const StepScalars *scalars = &r->steps.scalars;
    if (!step_losses_finite(&r->steps, error)) return diverged(r, false, error);
    r->dirty = true;
    monitor_step(&r->monitor, r->step, scalars);
    if (!vt_metrics_write(r->metrics, r->step, epoch_of(r), scalars->n, scalars->names, scalars->values,
                          error))
        return save_on_failure(r, error);
    ProgressStep step = {.step = r->step,
                         .total = r->total,
                         .epoch = epoch_of(r),
                         .data_wait = waited / (vt_now() - start),
                         .scalars = scalars};
    progress_step(&r->progress, &step);
    return true;
}

/* ---- beginning and end ------------------------------------------------------------------------------------------- */

static bool load(Run *r, const char *path, VtError *error) {
    if (!vt_checkpoint_load(r->instance, r->program, path, error)) {
        if (r->folder->mode == VT_RUN_RESUME)
            vt_checkpoint_offer(r->folder->previous, "--resume --previous continues from it", error);
        return false;
    }
    int counter = vt_instance_counter(r->instance);
    r->step = (int64_t)*(const double *)vt_instance_state(r->instance, counter);
    return true;
}

/* What is known of a source's data before; NULL: nothing. */
static const VtRunData *data_before(const VtRunSettings *was, const char *name) {
    for (int i = 0; i < was->n_data; i++)
        if (was->data[i].images && strcmp(was->data[i].name, name) == 0) return &was->data[i];
    return NULL;
}

/* The training images of each source of the program. */
static const VtDataset *set_of(const Run *r, int source) {
    const VtProgram *p = r->program;
    int s = 0;
    while (source >= p->streams[s].first_source + p->streams[s].n_sources) s++;
    return vt_dataset_part(r->sources.train[s], source - p->streams[s].first_source);
}

static bool check_size(const Run *r, int source, VtError *error) {
    const VtRunData *data = &r->options->settings.data[source],
                    *was = data_before(&r->folder->settings, data->name);
    int64_t images = vt_dataset_size(set_of(r, source)), classes = vt_dataset_classes(set_of(r, source));
    if (was && was->images != images)
        return vt_fail(
            error, 2,
            "'%s' has %lld images, the data of this run had %lld: --extend goes on with them, and counts "
            "steps anew",
            data->path, (long long)images, (long long)was->images);
    if (was && was->classes != classes)
        return vt_fail(error, 2,
                       "'%s' has %lld classes, the data of this run had %lld; --extend goes on all the same",
                       data->path, (long long)classes, (long long)was->classes);
    return true;
}

/* How many steps an epoch had where the run left off; 0: it is not known. */
static double steps_before(const Run *r) {
    const char *start = run_folder_start(r->folder);
    double steps = start ? vt_checkpoint_steps_per_epoch(start) : 0;
    if (!start || steps > 0) return steps;
    return vt_metrics_steps_per_epoch(r->folder->metrics); /* of an older vitc */
}

/* Steps count batches of the data: with other data, or another batch, the same step is another epoch. */
static bool check_data(Run *r, VtError *error) {
    const VtRunSettings *was = &r->folder->settings;
    bool known = was->n_data > 0 && was->data[0].images > 0;
    double before = steps_before(r);
    if (r->options->extend || !run_folder_start(r->folder)) return true;
    if (!known && before > 0 && fabs(before - r->steps_per_epoch) > 0.001 * before)
        return vt_fail(
            error, 2,
            "'%s' makes %.0f steps an epoch, in this run they were %.0f: --extend goes on with it, and "
            "counts steps anew",
            r->options->settings.data[0].path, r->steps_per_epoch, before);
    for (int i = 0; i < r->program->n_sources; i++)
        if (!check_size(r, i, error)) return false;
    return true;
}

/* The step of the same epoch where an epoch has another number of steps than it had. */
static void recount(Run *r) {
    double before = steps_before(r);
    if (!(before > 0) || fabs(before - r->steps_per_epoch) < 0.5) return;
    r->counted = r->step;
    r->counted_by = before;
    r->step = r->first_step = llround((double)r->step / before * r->steps_per_epoch);
    *(double *)vt_instance_write_state(r->instance, vt_instance_counter(r->instance)) = (double)r->step;
    progress_say(&r->progress,
                 "an epoch has %.0f steps, and had %.0f: step %lld becomes step %lld, of epoch %.4g",
                 r->steps_per_epoch, before, (long long)r->counted, (long long)r->step, epoch_of(r));
}

/* A run cannot have done more than it is to do. */
static bool check_end(Run *r, VtError *error) {
    if (r->options->force || !run_folder_start(r->folder) || r->step <= r->total || r->total < r->by_epochs)
        return true;
    return vt_fail(
        error, 2,
        "%s: state 'step' is %lld (epoch %.4g), the run has but %lld steps (train.epochs = %g); --force "
        "goes on all the same",
        run_folder_start(r->folder), (long long)r->step, epoch_of(r), (long long)r->total,
        r->program->train.epochs);
}

static void count_steps(Run *r) {
    int64_t most = r->options->settings.steps;
    r->total = r->by_epochs = step_total(r->program, r->steps_per_epoch);
    if (most > 0 && most < r->total) r->total = most;
}

/* The first that is written: all has been checked. */
static bool commit(Run *r, VtError *error) {
    const VtTrain *t = &r->program->train;
    VtRunSettings settings = r->options->settings;
    int64_t unreadable;
    for (int i = 0; i < r->program->n_sources; i++) {
        settings.data[i].images = vt_dataset_size(set_of(r, i));
        settings.data[i].classes = vt_dataset_classes(set_of(r, i));
    }
    settings.batch = t->batch;
    settings.seed = t->seed;
    settings.epochs = t->epochs;
    if (!run_folder_commit(r->folder, r->options->resolved, &settings, error)) return false;
    bool recounted = r->counted_by > 0;
    r->metrics = vt_metrics_open(r->folder->metrics, recounted ? r->counted : r->step,
                                 recounted ? r->counted_by : r->steps_per_epoch, &unreadable, error);
    if (!r->metrics) return false;
    r->monitor.metrics = r->held_out.metrics = r->metrics;
    held_out_recall(&r->held_out, r->folder->metrics);
    r->ended = r->program->stop && vt_metrics_says(r->folder->metrics, epoch_of(r), 0.5 / r->steps_per_epoch,
                                                   STOPPED_BY, r->program->stop);
    if (unreadable)
        progress_say(&r->progress, "%s: %lld lines cannot be read; they stay", r->folder->metrics,
                     (long long)unreadable);
    const char *names[] = {VT_METRICS_RECOUNTED};
    double was = (double)r->counted;
    if (recounted && !vt_metrics_write(r->metrics, r->step, epoch_of(r), 1, names, &was, error)) return false;
    if (run_folder_start(r->folder))
        progress_say(&r->progress, "resumed from %s at step %lld", run_folder_start(r->folder),
                     (long long)r->step);
    else if (r->folder->mode == VT_RUN_RESUME)
        progress_say(&r->progress, "no checkpoint in %s: the run begins at step 0", r->folder->path);
    return true;
}

/* Batches from r->step on. */
static bool open_loader(Run *r, VtError *error) {
    const VtRunSettings *settings = &r->options->settings;
    int workers = settings->workers > 0 ? (int)settings->workers : vt_threads();
    vt_loader_free(r->loader);
    r->loader = vt_loader_new(r->program, r->sources.train, r->step, workers, workers + 2,
                              settings->max_broken, report_broken, &r->progress, error);
    return r->loader != NULL;
}

static bool begin(Run *r, VtError *error) {
    const VtProgram *p = r->program;
    const VtRunSettings *settings = &r->options->settings;
    const char *start = run_folder_start(r->folder);
    if (!vt_find_function(p, "step"))
        return vt_fail(error, 2, "recipe '%s' has no objectives: nothing to train", p->name);
    if (!sources_open(&r->sources, p, settings->data, &r->progress, error)) return false;
    if (!(r->instance = vt_instance_new(p, error))) return false;
    if (!start) vt_instance_initial_weights(r->instance, r->options->weights);
    if (!vt_instance_init(r->instance, (uint64_t)p->train.seed, error)) return false;
    if (start && !load(r, start, error)) return false;
    r->first_step = r->step;
    if (!open_loader(r, error)) return false;
    sources_say_unlabelled(&r->sources, p, &r->progress);
    r->steps_per_epoch = (double)vt_loader_steps_per_epoch(r->loader);
    if (!check_data(r, error)) return false;
    recount(r);
    if (r->counted_by > 0 && !open_loader(r, error)) return false;
    count_steps(r);
    if (!check_end(r, error)) return false;
    const VtTrainOptions *options = r->options;
    if (options->begin && !options->begin(options->user, r->steps_per_epoch, r->step, r->total, error))
        return false;
    if (!step_open(&r->steps, p, r->instance, &r->steps_per_epoch)) return vt_fail(error, 1, "out of memory");
    if (vt_stop_signal()) return vt_stopped(error);
    r->dirty = !start || r->counted_by > 0; /* a counter that counts otherwise is saved at once, in train() */
    r->monitor = (Monitor){.instance = r->instance,
                           .program = p,
                           .train = r->sources.train[sources_embedded(p)],
                           .test = r->sources.held_out[sources_embedded(p)],
                           .max_broken = settings->max_broken,
                           .steps_per_epoch = r->steps_per_epoch,
                           .progress = &r->progress};
    r->held_out = (HeldOut){.program = p,
                            .instance = r->instance,
                            .data = r->sources.held_out,
                            .max_broken = settings->max_broken,
                            .steps_per_epoch = r->steps_per_epoch,
                            .progress = &r->progress};
    return monitor_begin(&r->monitor, &r->steps.scalars, error) && held_out_begin(&r->held_out, error) &&
           stopping_open(&r->stopping, p, error) && commit(r, error);
}

static int64_t images_a_step(const VtProgram *p) {
    int64_t n = 0;
    for (int s = 0; s < p->n_streams; s++) n += vt_stream_is_read(p, s) ? p->streams[s].batch : 0;
    return n;
}

static bool train(Run *r, VtError *error) {
    const VtTrain *t = &r->program->train;
    if (r->counted_by > 0 && !save(r, error)) return false;
    if (r->step == 0 && t->knn_every > 0 && !evaluate(r, error)) return false;
    progress_start(&r->progress, r->step, images_a_step(r->program));
    if (!measure(r, r->step >= r->by_epochs, error)) return false; /* a kill may have come before it */
    while (r->step < r->total && !r->ended && !vt_stop_signal()) {
        if (!train_step(r, error)) return false;
        bool asked = vt_save_requested();
        if ((asked || due(r, t->checkpoint_every)) && !save(r, error)) return false;
        if (asked) progress_say(&r->progress, "saved at step %lld, as asked", (long long)r->step);
        if (monitor_due(&r->monitor, r->step) && !evaluate(r, error)) return false;
        if (!vt_stop_signal() && !measure(r, r->step >= r->by_epochs, error)) return false;
        if (!vt_stop_signal() && !look_at_stop(r, error)) return false;
        if (r->options->max_seconds > 0 && vt_now() - r->progress.started > r->options->max_seconds) break;
    }
    if (r->dirty && !save(r, error)) return false;
    return (vt_stop_signal() || evaluate(r, error)) && vt_metrics_sync(r->metrics, error);
}

/* What a signal interrupted is no failure: batches and evaluations that were not made are made after the resume. */
static bool end_by_signal(Run *r, VtError *error) {
    int number = vt_stop_signal();
    if (!r->metrics) {
        progress_say(&r->progress, "stopped by signal %d (%s) before the first step", number,
                     strsignal(number));
        return true;
    }
    if (r->dirty && !save(r, error)) return false;
    progress_say(&r->progress, "stopped by signal %d (%s) at step %lld; saved. --resume continues", number,
                 strsignal(number), (long long)r->step);
    return true;
}

static bool end(Run *r, VtError *error) {
    progress_say(&r->progress, "%s at step %lld: %s", r->step >= r->total || r->ended ? "done" : "stopped",
                 (long long)r->step, r->folder->checkpoint);
    if (r->ended && r->step < r->by_epochs)
        progress_say(&r->progress, "(of %lld: %s; another train.stop goes on)", (long long)r->by_epochs,
                     r->program->stop);
    else if (r->step >= r->total && r->total < r->by_epochs)
        progress_say(&r->progress, "(of %lld: --steps %lld)", (long long)r->by_epochs, (long long)r->total);
    if (!r->progress.problem) return true;
    return vt_fail(error, 1, "progress could not be written: %s; the run itself is at step %lld, saved",
                   strerror(r->progress.problem), (long long)r->step);
}

static void finish(Run *r) {
    vt_loader_free(r->loader);
    step_close(&r->steps);
    monitor_end(&r->monitor);
    held_out_end(&r->held_out);
    stopping_close(&r->stopping);
    vt_metrics_close(r->metrics);
    vt_instance_free(r->instance);
    sources_close(&r->sources);
}

/* What images cannot make, training has nothing for. */
static bool check_inputs(const VtProgram *p, VtError *error) {
    const VtFunction *step = vt_find_function(p, "step");
    for (int i = 0; step && i < step->n_inputs; i++)
        if (p->inputs[step->inputs[i]].source == VT_SOURCE_FEED)
            return vt_fail(
                error, 2,
                "input '%s' of recipe '%s' is given by whoever runs its step (`inputs:`): training "
                "has nothing for it, a library or `vitc run` has",
                p->inputs[step->inputs[i]].tensor.name, p->name);
    return true;
}

int vt_train(const VtProgram *program, const VtTrainOptions *options, VtError *error) {
    Run run = {.program = program, .options = options, .folder = options->folder};
    *error = (VtError){0};
    progress_open(&run.progress, options->log, options->plain);
    vt_stop_listen();
    bool good = check_inputs(program, error) && begin(&run, error) && train(&run, error);
    int number = good || error->stopped || !run.metrics ? vt_stop_signal() : 0;
    if (number)
        good = end_by_signal(&run, error);
    else if (good)
        good = end(&run, error);
    finish(&run);
    vt_stop_unlisten();
    return !good ? error->code : number ? 128 + number : 0;
}
