/* Checkpoints: every state by name, but for those that follow from others, in one safetensors file. */
#include "runtime/training/checkpoint.h"
#include "runtime/base/dtype.h"
#include "runtime/base/error.h"
#include "runtime/files/safetensors.h"
#include "runtime/program/finite.h"
#include "runtime/program/instance.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS "steps_per_epoch"

bool vt_checkpoint_save(VtInstance *instance, const VtProgram *program, double steps_per_epoch,
                        const char *path, VtError *error) {
    if (!vt_states_finite(instance, program, error)) return false;
    VtNamedTensor *tensors = calloc((size_t)program->n_states + 1, sizeof *tensors);
    if (!tensors) return vt_fail(error, 1, "out of memory");
    int n = 0;
    for (int s = 0; s < program->n_states; s++)
        if (program->states[s].role != VT_ROLE_DERIVED)
            tensors[n++] = (VtNamedTensor){program->states[s].tensor, vt_instance_state(instance, s)};
    char steps[32];
    snprintf(steps, sizeof steps, "%.17g", steps_per_epoch);
    const char *metadata[] = {
        "recipe", program->name, "vitc", program->version, steps_per_epoch > 0 ? STEPS : NULL, steps, NULL};
    bool good = vt_tensors_write(path, tensors, n, metadata, error);
    free(tensors);
    return good;
}

double vt_checkpoint_steps_per_epoch(const char *path) {
    VtTensorFile *file = vt_tensors_open(path, NULL);
    const char *text = file ? vt_tensors_metadata(file, STEPS) : NULL;
    double steps = text ? strtod(text, NULL) : 0;
    vt_tensors_close(file);
    return steps > 0 && isfinite(steps) ? steps : 0;
}

static bool same_shape(const VtTensor *a, const VtTensor *b) {
    return a->rank == b->rank && memcmp(a->dim, b->dim, sizeof *a->dim * (size_t)a->rank) == 0;
}

enum { SHAPE = 128 };

/* "[96, 3, 8, 8]" */
static const char *show_shape(const VtTensor *t, char out[SHAPE]) {
    size_t n = (size_t)snprintf(out, SHAPE, "[");
    for (int k = 0; k < t->rank && n < SHAPE; k++)
        n += (size_t)snprintf(out + n, SHAPE - n, "%s%lld", k ? ", " : "", (long long)t->dim[k]);
    if (n < SHAPE) snprintf(out + n, SHAPE - n, "]");
    return out;
}

/* What a file has, NULL: nothing, instead of what is wanted. */
static void tell_misfit(const VtTensor *want, const VtTensor *have, char *out, size_t size) {
    char there[SHAPE], here[SHAPE];
    if (!have)
        snprintf(out, size, "; %s (missing)", want->name);
    else
        snprintf(out, size, "; %s (another shape: %s there, %s here)", want->name, show_shape(have, there),
                 show_shape(want, here));
}

/* The counter of steps is an index into the run: batches, draws, epochs. */
static bool check_step(const double *step, const char *path, VtError *error) {
    if (*step >= 0 && *step <= 9007199254740992.0 && *step == floor(*step)) return true;
    return vt_fail(error, 2, "%s: state 'step' is %g: a whole number of steps done was expected", path,
                   *step);
}

bool vt_checkpoint_load(VtInstance *instance, const VtProgram *program, const char *path, VtError *error) {
    VtTensorFile *file = vt_tensors_open(path, error);
    char wrong[700] = "";
    int count = 0, moments = 0; /* that do not fit; of these, what the optimiser lacks */
    if (!file) return false;
    for (int pass = 0; pass < 2 && count == 0; pass++)
        for (int s = 0; s < program->n_states; s++) {
            const VtTensor *want = &program->states[s].tensor;
            VtTensor have;
            if (program->states[s].role == VT_ROLE_DERIVED) continue;
            int i = vt_tensors_find(file, want->name);
            if (i >= 0) vt_tensors_type(file, i, &have);
            bool fits = i >= 0 && same_shape(want, &have);
            if (pass == 0 && !fits && ++count <= 6)
                tell_misfit(want, i < 0 ? NULL : &have, wrong + strlen(wrong), sizeof wrong - strlen(wrong));
            if (pass == 0 && i < 0) moments += program->states[s].role == VT_ROLE_OPTIMIZER;
            void *to = pass == 1 ? vt_instance_write_state(instance, s) : NULL;
            if (to && (!vt_tensors_read(file, i, want->dtype, to, error) ||
                       (program->states[s].role == VT_ROLE_COUNTER && !check_step(to, path, error)))) {
                vt_tensors_close(file);
                return false;
            }
        }
    vt_tensors_close(file);
    if (count == 0) return true;
    if (count == moments)
        return vt_fail(
            error, 2,
            "%s does not fit '%s': parameters are trained that were frozen in its run, and have no moments "
            "of the optimiser (%.*s, …). A new run can begin with its weights: --init %s",
            path, program->name, (int)strcspn(wrong + 2, " "), wrong + 2, path);
    return vt_fail(error, 2, "%s does not fit '%s': %d of %d tensors: %s", path, program->name, count,
                   program->n_states, wrong + 2);
}

void vt_checkpoint_offer(const char *path, const char *how, VtError *error) {
    VtError unused;
    VtTensorFile *file = vt_tensors_open(path, &unused);
    int step = file ? vt_tensors_find(file, "step") : -1;
    double steps = -1;
    VtTensor shape;
    if (step >= 0) vt_tensors_type(file, step, &shape);
    bool whole = step >= 0 && vt_elements(&shape) == 1 && vt_tensors_verify(file, &unused) &&
                 vt_tensors_read(file, step, VT_F64, &steps, &unused) && check_step(&steps, path, &unused);
    vt_tensors_close(file);
    size_t used = strlen(error->message);
    if (whole)
        snprintf(error->message + used, sizeof error->message - used, ". '%s', of step %.0f, is whole: %s",
                 path, steps, how);
}
