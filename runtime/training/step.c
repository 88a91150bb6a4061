/* One step of training: see step.h. */
#include "runtime/training/step.h"
#include "runtime/base/dtype.h"
#include "runtime/base/error.h"
#include "runtime/program/instance.h"
#include "runtime/program/sampler.h"
#include "runtime/program/settings.h"
#include "runtime/training/loader.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool open_inputs(Step *step, double *steps_per_epoch) {
    const VtProgram *p = step->program;
    step->inputs = calloc((size_t)p->n_inputs + 1, sizeof *step->inputs);
    for (int i = 0; step->inputs && i < p->n_inputs; i++) {
        const VtInput *input = &p->inputs[i];
        step->inputs[i] = (void *)vt_feed_scalar(p, i, steps_per_epoch);
        if (input->source != VT_SOURCE_DRAW) continue;
        if (posix_memalign(&step->inputs[i], 64, vt_bytes(&input->tensor) + 64) != 0) return false;
    }
    return step->inputs != NULL;
}

static bool open_scalars(Step *step, const VtFunction *function) {
    StepScalars *s = &step->scalars;
    size_t most = (size_t)function->n_outputs + 1;
    s->names = calloc(most, sizeof *s->names);
    s->roles = calloc(most, sizeof *s->roles);
    s->values = calloc(most, sizeof *s->values);
    if (!s->names || !s->roles || !s->values) return false;
    for (int o = 0; o < function->n_outputs; o++) {
        const VtOutput *output = &function->outputs[o];
        if (output->tensor.rank) continue;
        s->names[s->n] = output->tensor.name;
        s->roles[s->n++] = (VtOutputRole)output->role;
    }
    return true;
}

bool step_open(Step *step, const VtProgram *program, VtInstance *instance, double *steps_per_epoch) {
    *step = (Step){.program = program, .instance = instance};
    if (!open_inputs(step, steps_per_epoch)) return false;
    const VtFunction *function = vt_find_function(program, "step");
    return !function || open_scalars(step, function);
}

static double read_scalar(const Step *step, const char *name) {
    VtTensor type;
    const void *data = vt_instance_output(step->instance, "step", name, &type);
    return type.dtype == VT_F64 ? *(const double *)data : (double)*(const float *)data;
}

void step_feed(Step *step, const VtBatch *batch, int64_t done) {
    const VtProgram *p = step->program;
    for (int i = 0; i < p->n_inputs; i++) {
        const VtInput *input = &p->inputs[i];
        if (batch->inputs[i]) step->inputs[i] = batch->inputs[i];
        if (input->source == VT_SOURCE_DRAW)
            vt_draw_fill(&p->draws[input->index], &input->tensor, (uint64_t)p->train.seed, (uint64_t)done,
                         step->inputs[i]);
    }
}

bool step_run(Step *step, const VtBatch *batch, int64_t done, VtError *error) {
    step_feed(step, batch, done);
    if (!vt_instance_run(step->instance, "step", step->inputs, error)) return false;
    for (int i = 0; i < step->scalars.n; i++)
        step->scalars.values[i] = read_scalar(step, step->scalars.names[i]);
    return true;
}

bool step_losses_finite(const Step *step, VtError *error) {
    const StepScalars *s = &step->scalars;
    for (int i = s->n - 1; i >= 0; i--) { /* the objective before the sum, so that it is named */
        bool loss = s->roles[i] == VT_OUTPUT_LOSS || s->roles[i] == VT_OUTPUT_OBJECTIVE;
        if (loss && !isfinite(s->values[i]))
            return vt_fail(error, 1, "%s is %s", s->names[i], isnan(s->values[i]) ? "NaN" : "infinite");
    }
    return true;
}

int64_t step_total(const VtProgram *program, double steps_per_epoch) {
    return (int64_t)ceil(program->train.epochs * steps_per_epoch - 1e-9);
}

double step_loss(const Step *step) {
    for (int i = 0; i < step->scalars.n; i++)
        if (step->scalars.roles[i] == VT_OUTPUT_LOSS) return step->scalars.values[i];
    return NAN;
}

void step_close(Step *step) {
    const VtProgram *p = step->program;
    for (int i = 0; step->inputs && i < p->n_inputs; i++)
        if (p->inputs[i].source == VT_SOURCE_DRAW) free(step->inputs[i]);
    free(step->inputs);
    free(step->scalars.names);
    free(step->scalars.roles);
    free(step->scalars.values);
    *step = (Step){0};
}
