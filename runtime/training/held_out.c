/* Metrics of held-out images: see held_out.h. */
#include "runtime/training/held_out.h"
#include "runtime/base/clock.h"
#include "runtime/base/dtype.h"
#include "runtime/base/stop.h"
#include "runtime/program/sampler.h"
#include "runtime/program/settings.h"
#include "runtime/threads/team.h"
#include "runtime/training/loader.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static VtLoader *open_loader(const HeldOut *h, VtError *error) {
    return vt_loader_held_out(h->program, "validate", h->data, vt_threads(), h->max_broken, error);
}

bool held_out_begin(HeldOut *h, VtError *error) {
    const VtProgram *p = h->program;
    if (!(h->values = calloc((size_t)p->n_held_out + 1, sizeof *h->values)))
        return vt_fail(error, 1, "out of memory");
    for (int i = 0; i < p->n_held_out; i++) h->values[i] = (HeldOutValue){.last = NAN, .best = NAN, .at = -1};
    if (p->n_held_out == 0) return true;
    VtLoader *loader = open_loader(h, error);
    h->possible = loader != NULL;
    vt_loader_free(loader);
    bool none = !loader && error->code == 2 && strncmp(error->message, "there are no held-out", 21) == 0;
    if (!none) return loader != NULL;
    if (p->stop)
        for (int f = 0; f < vt_find_function(p, "stop")->n_inputs; f++) {
            const VtInput *input = &p->inputs[vt_find_function(p, "stop")->inputs[f]];
            if (input->source == VT_SOURCE_LOGGED && strchr(input->tensor.name, '.') &&
                strncmp(input->tensor.name, "loss.", 5) != 0)
                return false;
        }
    progress_say(h->progress, "%s: no %s%s", error->message, p->held_out[0].name,
                 p->n_held_out > 1 ? " and other metrics of them" : "");
    *error = (VtError){0};
    return true;
}

void held_out_end(HeldOut *h) {
    free(h->values);
    h->values = NULL;
}

static void note(HeldOutValue *v, bool highest, double epoch, double value) {
    bool better = isnan(v->best) ? !isnan(value) : highest ? value > v->best : value < v->best;
    v->since = better || v->at < 0 ? 0 : v->since + 1;
    if (better) v->best = value;
    v->last = value;
    v->at = epoch;
}

typedef struct {
    HeldOutValue *value;
    bool highest;
} Recall;

static void recall(void *user, double epoch, double value) {
    const Recall *r = user;
    note(r->value, r->highest, epoch, (double)(float)value);
}

void held_out_recall(HeldOut *h, const char *metrics) {
    for (int i = 0; i < h->program->n_held_out; i++) {
        Recall r = {&h->values[i], h->program->held_out[i].highest};
        vt_metrics_values(metrics, h->program->held_out[i].name, recall, &r);
    }
}

bool held_out_is_of(const HeldOut *h, int i, int64_t step) {
    return h->values[i].at >= 0 && fabs(h->values[i].at * h->steps_per_epoch - (double)step) < 0.25;
}

static bool is_due(const HeldOut *h, int i, int64_t step, bool last) {
    double period = h->program->held_out[i].every * h->steps_per_epoch;
    if (!h->possible || step == 0 || held_out_is_of(h, i, step)) return false;
    return last || floor((double)step / period + 1e-9) > floor((double)(step - 1) / period + 1e-9);
}

bool held_out_due(const HeldOut *h, int64_t step, bool last) {
    for (int i = 0; i < h->program->n_held_out; i++)
        if (is_due(h, i, step, last)) return true;
    return false;
}

/* ---- one evaluation ---------------------------------------------------------------------------------------------- */

/* What the function reads besides images; `inputs` are by VtProgram.inputs, those of draws owned. */
static bool open_inputs(HeldOut *h, void **inputs) {
    const VtProgram *p = h->program;
    for (int i = 0; i < p->n_inputs; i++) {
        const VtInput *input = &p->inputs[i];
        inputs[i] = (void *)vt_feed_scalar(p, i, &h->steps_per_epoch);
        if (input->source == VT_SOURCE_DRAW &&
            posix_memalign(&inputs[i], 64, vt_bytes(&input->tensor) + 64) != 0)
            return false;
    }
    return true;
}

static void close_inputs(const VtProgram *p, void **inputs) {
    for (int i = 0; inputs && i < p->n_inputs; i++)
        if (p->inputs[i].source == VT_SOURCE_DRAW) free(inputs[i]);
    free(inputs);
}

/* Adds the metrics of a batch. */
static bool run_batch(HeldOut *h, const VtBatch *batch, void **inputs, double *sums, VtError *error) {
    const VtProgram *p = h->program;
    for (int i = 0; i < p->n_inputs; i++) {
        const VtInput *input = &p->inputs[i];
        if (batch->inputs[i]) inputs[i] = batch->inputs[i];
        if (input->source == VT_SOURCE_DRAW)
            vt_draw_fill(&p->draws[input->index], &input->tensor, (uint64_t)p->train.seed,
                         (uint64_t)batch->step, inputs[i]);
    }
    if (!vt_instance_run(h->instance, "validate", inputs, error)) return false;
    for (int i = 0; i < p->n_held_out; i++)
        sums[i] += *(const float *)vt_instance_output(h->instance, "validate", p->held_out[i].name, NULL);
    return true;
}

/* sums: of all batches. Returns how many there are; 0 after an error. */
static int64_t run_batches(HeldOut *h, double *sums, VtError *error) {
    void **inputs = calloc((size_t)h->program->n_inputs + 1, sizeof *inputs);
    VtLoader *loader = open_loader(h, error);
    bool good = loader && inputs && open_inputs(h, inputs);
    if (loader && !good) vt_fail(error, 1, "out of memory");
    int64_t n = good ? vt_loader_steps_per_epoch(loader) : 0;
    for (int64_t b = 0; good && b < n; b++) {
        const VtBatch *batch = vt_loader_next(loader, error);
        good = batch && run_batch(h, batch, inputs, sums, error);
        if (good && vt_stop_signal()) good = vt_stopped(error);
    }
    vt_loader_free(loader);
    close_inputs(h->program, inputs);
    return good ? n : 0;
}

bool held_out_measure(HeldOut *h, int64_t step, bool last, VtError *error) {
    const VtProgram *p = h->program;
    double start = vt_now(), *sums = calloc(2 * (size_t)p->n_held_out + 1, sizeof *sums),
           *values = sums ? sums + p->n_held_out : NULL, epoch = (double)step / h->steps_per_epoch;
    const char **names = calloc((size_t)p->n_held_out + 1, sizeof *names);
    int64_t batches = sums && names ? run_batches(h, sums, error) : 0;
    bool good = batches > 0 || (!sums || !names ? vt_fail(error, 1, "out of memory") : false);
    char text[2048] = "";
    size_t used = 0;
    int n = 0;
    for (int i = 0; good && i < p->n_held_out; i++) {
        if (!is_due(h, i, step, last)) continue;
        names[n] = p->held_out[i].name;
        values[n++] = (double)(float)(sums[i] / (double)batches); /* as the file has it, to the bit */
        if (used < sizeof text)
            used +=
                (size_t)snprintf(text + used, sizeof text - used, "  %s %.5g", names[n - 1], values[n - 1]);
    }
    good = good && vt_metrics_write(h->metrics, step, epoch, n, names, values, error);
    for (int i = 0, k = 0; good && i < p->n_held_out; i++)
        if (is_due(h, i, step, last)) note(&h->values[i], p->held_out[i].highest, epoch, values[k++]);
    if (good)
        progress_say(h->progress, "epoch %.2f%s  (%lld held-out batches; %.1f s)", epoch, text,
                     (long long)batches, vt_now() - start);
    free(sums);
    free(names);
    return good;
}
