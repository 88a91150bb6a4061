/* Steps of training, on the data of a path or on a batch of the caller's. */
#include "library/handle.h"
#include "runtime/base/dtype.h"
#include "runtime/base/error.h"
#include "runtime/program/instance.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- data -------------------------------------------------------------------------------------------------------- */

/* The batches that were made ahead are not those that come next. */
void handle_drop_loader(vt_model_handle *h) {
    vt_loader_free(h->loader);
    h->loader = NULL;
}

static void close_data(vt_model_handle *h) {
    handle_drop_loader(h);
    sources_close(&h->sources);
    h->has_data = false;
}

/* Batches from the next step on. */
static bool open_loader(vt_model_handle *h, VtError *error) {
    int workers = h->loader_threads ? h->loader_threads : vt_threads();
    h->next_batch = handle_steps_done(h);
    h->loader = vt_loader_new(&h->program, h->sources.train, h->next_batch, workers, workers + 2,
                              h->max_broken, NULL, NULL, error);
    if (h->loader) h->steps_per_epoch = (double)vt_loader_steps_per_epoch(h->loader);
    return h->loader != NULL;
}

static bool open_data(vt_model_handle *h, const char *const *paths, int32_t n, VtError *error) {
    const VtProgram *p = &h->program;
    VtRunData data[VT_MAX_SOURCES] = {0};
    Progress silent = {0};
    close_data(h);
    if (n == 0) return true;
    if (n != p->n_sources)
        return vt_fail(error, 2, "%d paths are given, the recipe has %d sources of images", n, p->n_sources);
    for (int i = 0; i < n; i++) {
        if (!paths || !paths[i]) return vt_fail(error, 2, "path %d is NULL", i);
        int length = snprintf(data[i].path, sizeof data[i].path, "%s", paths[i]);
        if (length >= (int)sizeof data[i].path) return vt_fail(error, 2, "path %d is too long", i);
        snprintf(data[i].name, sizeof data[i].name, "%s", p->sources[i].name);
    }
    h->has_data = sources_open(&h->sources, p, data, &silent, error) && open_loader(h, error);
    if (!h->has_data) close_data(h);
    return h->has_data;
}

vt_model_status vt_model_open_data(vt_model_handle *h, const char *const *paths, int32_t n) {
    Before before;
    vt_model_status status = handle_begin(h, &before);
    if (status != VT_MODEL_OK) return status;
    return handle_end(h, &before, open_data(h, paths, n, &h->error));
}

/* ---- steps ------------------------------------------------------------------------------------------------------- */

static bool can_step(const vt_model_handle *h, VtError *error) {
    const VtFunction *step = vt_find_function(&h->program, "step");
    if (!step) return vt_fail(error, 2, "recipe '%s' has no objectives: nothing to train", h->program.name);
    bool counts = false;
    for (int i = 0; i < step->n_inputs; i++)
        counts = counts || h->program.inputs[step->inputs[i]].source == VT_SOURCE_STEPS_PER_EPOCH;
    return !counts || h->steps_per_epoch > 0 ||
           vt_fail(error, 2,
                   "say how many steps an epoch has first (set_steps_per_epoch): schedules count in it");
}

static bool run(vt_model_handle *h, const VtBatch *batch, VtError *error) {
    if (!step_run(&h->steps, batch, handle_steps_done(h), error)) return false;
    h->stepped = true;
    if (step_losses_finite(&h->steps, error)) return true;
    error->not_finite = true;
    return false;
}

static bool step_on_data(vt_model_handle *h, VtError *error) {
    if (!h->has_data)
        return vt_fail(error, 2, "there is no data: open_data first, or step_with on a batch of your own");
    if (!can_step(h, error)) return false;
    if (h->loader && h->next_batch != handle_steps_done(h)) handle_drop_loader(h);
    if (!h->loader && !open_loader(h, error)) return false;
    const VtBatch *batch = vt_loader_next(h->loader, error);
    h->next_batch++;
    return batch && run(h, batch, error);
}

vt_model_status vt_model_step(vt_model_handle *h) {
    Before before;
    vt_model_status status = handle_begin(h, &before);
    if (status != VT_MODEL_OK) return status;
    return handle_end(h, &before, step_on_data(h, &h->error));
}

/* ---- a batch of the caller's ------------------------------------------------------------------------------------- */

/* Labels and indices are looked up in tables: none may lie outside. */
static bool numbers_fit(const VtInput *input, const int32_t *numbers, VtError *error) {
    bool label = input->source == VT_SOURCE_LABEL;
    int32_t least = label ? -1 : 0, most = input->index > 0 ? input->index - 1 : INT32_MAX;
    for (int64_t i = 0; i < vt_elements(&input->tensor); i++)
        if (numbers[i] < least || numbers[i] > most)
            return vt_fail(error, 2, "input '%s': number %lld is %d: %d to %d was expected",
                           input->tensor.name, (long long)i, numbers[i], least, most);
    return true;
}

/* Kernels read whole vectors of aligned memory, which the caller's need not be. */
static bool copy_input(vt_model_handle *h, int number, const void *data, VtError *error) {
    const VtInput *input = &h->program.inputs[number];
    size_t bytes = vt_bytes(&input->tensor), room = (bytes + 63) / 64 * 64 + 64;
    if (!data) return vt_fail(error, 2, "input '%s' is NULL", input->tensor.name);
    bool counts = input->source == VT_SOURCE_LABEL || input->source == VT_SOURCE_INDEX;
    if (counts && !numbers_fit(input, data, error)) return false;
    if (!h->batch && !(h->batch = calloc((size_t)h->program.n_inputs + 1, sizeof *h->batch)))
        return vt_fail(error, 1, "out of memory");
    if (!h->batch[number] && posix_memalign(&h->batch[number], 64, room) != 0) {
        h->batch[number] = NULL;
        return vt_fail(error, 1, "out of memory");
    }
    memcpy(h->batch[number], data, bytes);
    return true;
}

static bool step_on_batch(vt_model_handle *h, const void *const *inputs, int32_t n, VtError *error) {
    const VtProgram *p = &h->program;
    int given = 0, wanted = 0;
    for (int i = 0; i < p->n_inputs; i++) wanted += vt_input_is_given(p, i);
    if (!can_step(h, error)) return false;
    if (!inputs) return vt_fail(error, 2, "the inputs are NULL");
    if (n != wanted) return vt_fail(error, 2, "%d inputs are given, a step has %d", n, wanted);
    for (int i = 0; i < p->n_inputs; i++)
        if (vt_input_is_given(p, i) && !copy_input(h, i, inputs[given++], error)) return false;
    return run(h, &(VtBatch){.step = handle_steps_done(h), .inputs = h->batch}, error);
}

vt_model_status vt_model_step_with(vt_model_handle *h, const void *const *inputs, int32_t n) {
    Before before;
    vt_model_status status = handle_begin(h, &before);
    if (status != VT_MODEL_OK) return status;
    return handle_end(h, &before, step_on_batch(h, inputs, n, &h->error));
}

/* ---- how far it is ----------------------------------------------------------------------------------------------- */

vt_model_status vt_model_set_steps_per_epoch(vt_model_handle *h, double steps) {
    Before before;
    vt_model_status status = handle_begin(h, &before);
    if (status != VT_MODEL_OK) return status;
    bool good = steps >= 1 && steps <= 0x1p53;
    if (!good) vt_fail(&h->error, 2, "%g steps an epoch: 1 or more was expected", steps);
    if (good && h->has_data && steps != h->steps_per_epoch)
        good = vt_fail(&h->error, 2, "an epoch of the data has %.0f steps", h->steps_per_epoch);
    if (good) h->steps_per_epoch = steps;
    return handle_end(h, &before, good);
}

vt_model_status vt_model_progress(vt_model_handle *h, int64_t *done, int64_t *total, double *per_epoch) {
    Before before;
    vt_model_status status = handle_begin(h, &before);
    if (status != VT_MODEL_OK) return status;
    if (done) *done = handle_steps_done(h);
    if (total) *total = step_total(&h->program, h->steps_per_epoch);
    if (per_epoch) *per_epoch = h->steps_per_epoch;
    return handle_end(h, &before, true);
}

vt_model_status vt_model_broken_images(vt_model_handle *h, int64_t *count) {
    Before before;
    vt_model_status status = handle_begin(h, &before);
    if (status != VT_MODEL_OK) return status;
    bool good = count || vt_fail(&h->error, 2, "where is the number to go? The argument is NULL");
    if (good) *count = h->loader ? vt_loader_broken(h->loader) : 0;
    return handle_end(h, &before, good);
}

/* ---- metrics ----------------------------------------------------------------------------------------------------- */

static bool read_metric(const vt_model_handle *h, const char *name, double *value, VtError *error) {
    const StepScalars *scalars = &h->steps.scalars;
    if (!name || !value) return vt_fail(error, 2, "the %s is NULL", name ? "place of the value" : "name");
    for (int i = 0; i < scalars->n; i++) {
        if (strcmp(scalars->names[i], name) != 0) continue;
        if (!h->stepped) return vt_fail(error, 2, "there are no metrics before the first step");
        *value = scalars->values[i];
        return true;
    }
    return vt_fail(error, 2, "recipe '%s' has no metric '%s'", h->program.name, name);
}

vt_model_status vt_model_metric(vt_model_handle *h, const char *name, double *value) {
    Before before;
    vt_model_status status = handle_begin(h, &before);
    if (status != VT_MODEL_OK) return status;
    return handle_end(h, &before, read_metric(h, name, value, &h->error));
}
