/* What is done when training has diverged: see diverged.h. */
#include "runtime/training/diverged.h"
#include "runtime/base/dtype.h"
#include "runtime/base/error.h"
#include "runtime/base/stop.h"
#include "runtime/program/finite.h"
#include "runtime/program/instance.h"
#include "runtime/threads/team.h"
#include "runtime/training/checkpoint.h"
#include "runtime/training/loader.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECONDS 60.0     /* of steps that are made again */
#define LARGE_WEIGHT 1e3 /* no network that learns has such weights */

/* ---- steps, made again ------------------------------------------------------------------------------------------- */

typedef struct {
    const Diverged *d;
    VtLoader *loader;
    Step steps;
    double steps_per_epoch;
    int64_t step;  /* done */
    void **before; /* each state before the last step; NULL: not kept */
} Again;

static void again_end(Again *a) {
    const VtProgram *p = a->d->program;
    vt_loader_free(a->loader);
    step_close(&a->steps);
    for (int s = 0; a->before && s < p->n_states; s++) free(a->before[s]);
    free(a->before);
}

static bool again_begin(Again *a, const Diverged *d, int64_t step) {
    const VtProgram *p = d->program;
    *a = (Again){.d = d, .step = step, .steps_per_epoch = d->steps_per_epoch};
    bool good = step_open(&a->steps, p, d->instance, &a->steps_per_epoch);
    a->loader =
        good ? vt_loader_new(p, d->data, step, vt_threads(), 2, d->max_broken, NULL, NULL, NULL) : NULL;
    if (!a->loader) again_end(a);
    return a->loader != NULL;
}

/* Room for the states before a step; without it the step that fails cannot be explained. */
static bool keep_before(Again *a) {
    const VtProgram *p = a->d->program;
    a->before = calloc((size_t)p->n_states + 1, sizeof *a->before);
    for (int s = 0; a->before && s < p->n_states; s++)
        if (p->states[s].role != VT_ROLE_DERIVED && !(a->before[s] = malloc(vt_bytes(&p->states[s].tensor))))
            return false;
    return a->before != NULL;
}

static void copy_states(const Again *a, bool back) {
    const VtProgram *p = a->d->program;
    for (int s = 0; s < p->n_states; s++) {
        size_t bytes = vt_bytes(&p->states[s].tensor);
        if (!a->before[s]) continue;
        if (back)
            memcpy(vt_instance_write_state(a->d->instance, s), a->before[s], bytes);
        else
            memcpy(a->before[s], vt_instance_state(a->d->instance, s), bytes);
    }
}

typedef enum { STEP_GOOD, STEP_DIVERGED, STEP_FAILED } StepResult;

static StepResult again_step(Again *a) {
    const Diverged *d = a->d;
    const VtProgram *p = d->program;
    const VtBatch *batch = vt_loader_next(a->loader, NULL);
    if (!batch) return STEP_FAILED;
    if (a->before) copy_states(a, false);
    if (!step_run(&a->steps, batch, a->step, NULL)) return STEP_FAILED;
    a->step++;
    return step_losses_finite(&a->steps, NULL) && vt_states_finite(d->instance, p, NULL) ? STEP_GOOD
                                                                                         : STEP_DIVERGED;
}

/* ---- checkpoints ------------------------------------------------------------------------------------------------- */

static void add(VtError *error, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(VtError *error, const char *format, ...) {
    size_t used = strlen(error->message);
    va_list args;
    va_start(args, format);
    vsnprintf(error->message + used, sizeof error->message - used, format, args);
    va_end(args);
}

/* Loads a checkpoint into the instance; -1 if that cannot be, else its step. *why: what is wrong with it. */
static int64_t load(const Diverged *d, const char *path, VtError *why) {
    if (access(path, F_OK) != 0 || !vt_checkpoint_load(d->instance, d->program, path, why) ||
        !vt_states_finite(d->instance, d->program, why))
        return -1;
    int counter = vt_instance_counter(d->instance);
    return counter < 0 ? -1 : (int64_t)*(const double *)vt_instance_state(d->instance, counter);
}

/* Tells what a checkpoint is worth, by the step after it. */
static bool judge(Again *a, const char *path, double largest, const char *name, StepResult result,
                  VtError *error) {
    int64_t step = a->step - (result != STEP_FAILED);
    if (result == STEP_FAILED) {
        add(error, ". %s (step %lld) could not be tried", path, (long long)step);
        return false;
    }
    if (result == STEP_DIVERGED) {
        add(error, ". %s (step %lld) is no help: the next step from it is not finite", path, (long long)step);
        return false;
    }
    add(error, ". The last good checkpoint is %s (step %lld, next loss %.4g)", path, (long long)step,
        step_loss(&a->steps));
    if (largest > LARGE_WEIGHT)
        add(error, ", but it is on its way out: '%s' has a weight of %.3g", name, largest);
    return true;
}

/* From what is loaded to the step that fails, and has it explained. The first step tells what `path` is worth (NULL: no
 * checkpoint). Returns whether it can be used. */
static bool run_on(const Diverged *d, int64_t step, const char *path, bool to_the_end, VtError *error) {
    Again a;
    const char *name;
    bool usable = false;
    double largest = vt_largest_parameter(d->instance, d->program, &name), start = vt_now();
    if (!again_begin(&a, d, step)) {
        if (path) add(error, ". %s (step %lld) could not be tried", path, (long long)step);
        return false;
    }
    bool kept = to_the_end && d->explain && keep_before(&a);
    StepResult result = again_step(&a);
    if (path) usable = judge(&a, path, largest, name, result, error);
    while (kept && result == STEP_GOOD && a.step < d->step && !vt_stop_signal()) {
        double took = vt_now() - start, each = took / (double)(a.step - step);
        if (took + each * (double)(d->step - a.step) > SECONDS) {
            progress_say(
                d->progress,
                "not traced: the %lld steps since then would take %.0f s; a smaller train.checkpoint_every "
                "makes them fewer",
                (long long)(d->step - a.step), each * (double)(d->step - a.step));
            break;
        }
        result = again_step(&a);
    }
    if (kept && result == STEP_DIVERGED) {
        copy_states(&a, true);
        d->explain(d->user, d->instance, a.steps.inputs, a.step);
    }
    again_end(&a);
    return usable;
}

void diverged_explain(const Diverged *d, VtError *error) {
    const char *const paths[] = {d->checkpoint, d->previous};
    bool traced = false, usable = false;
    if (vt_stop_signal()) return;
    progress_say(d->progress, "%s", error->message); /* whatever comes after */
    for (int i = 0; i < 2 && !usable; i++) {
        VtError why = {0};
        int64_t step = load(d, paths[i], &why);
        if (step < 0 && why.message[0]) add(error, ". %s is no help: %s", paths[i], why.message);
        if (step < 0 || step > d->step) continue;
        usable = run_on(d, step, paths[i], !traced, error);
        if (usable && i == 1) add(error, "; --resume --previous continues from it");
        traced = true;
    }
    if (!usable && !traced)
        add(error, ". There is no checkpoint yet");
    else if (!usable)
        add(error, ". No checkpoint can be used");
    add(error, ". A lower lr, clipping or more warm-up may help");
    if (!traced && d->from_start) {
        if (vt_instance_init(d->instance, (uint64_t)d->program->train.seed, NULL))
            run_on(d, 0, NULL, true, error);
    }
}
