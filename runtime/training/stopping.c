/* The condition on which a run ends: see stopping.h. */
#include "runtime/training/stopping.h"
#include "runtime/program/settings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool stopping_open(Stopping *s, const VtProgram *p, VtError *error) {
    *s = (Stopping){0};
    if (!p->stop) return true;
    s->inputs = calloc((size_t)p->n_inputs + 1, sizeof *s->inputs);
    s->values = calloc((size_t)p->n_inputs + 1, sizeof *s->values);
    return (s->inputs && s->values) || vt_fail(error, 1, "out of memory");
}

void stopping_close(Stopping *s) {
    free(s->inputs);
    free(s->values);
    *s = (Stopping){0};
}

/* NAME.last and the others; NaN: there is none of the name. */
static double held_out_value(const VtProgram *p, const HeldOut *h, const char *name) {
    for (int i = 0; i < p->n_held_out; i++) {
        const HeldOutValue *v = &h->values[i];
        size_t n = strlen(p->held_out[i].name);
        if (strncmp(name, p->held_out[i].name, n) != 0 || name[n] != '.') continue;
        if (strcmp(name + n, ".last") == 0) return v->last;
        if (strcmp(name + n, ".best") == 0) return v->best;
        if (strcmp(name + n, ".since") == 0) return v->since;
    }
    return NAN;
}

static double logged(const VtProgram *p, const StepScalars *scalars, const HeldOut *h, const char *name) {
    for (int i = 0; i < scalars->n; i++)
        if (strcmp(scalars->names[i], name) == 0) return scalars->values[i];
    return held_out_value(p, h, name);
}

bool stopping_look(Stopping *s, VtInstance *instance, const VtProgram *p, const StepScalars *scalars,
                   const HeldOut *held_out, bool *holds, VtError *error) {
    *holds = false;
    if (!p->stop) return true;
    for (int i = 0; i < p->n_inputs; i++) {
        const VtInput *input = &p->inputs[i];
        if (input->source == VT_SOURCE_LOGGED)
            s->values[i] = logged(p, scalars, held_out, input->tensor.name);
        const double *scalar = vt_feed_scalar(p, i, &held_out->steps_per_epoch);
        s->inputs[i] = scalar ? (void *)scalar : &s->values[i];
    }
    if (!vt_instance_run(instance, "stop", s->inputs, error)) return false;
    *holds = *(const bool *)vt_instance_output(instance, "stop", "stop", NULL);
    return true;
}
