/* States by name, and all of them in files. */
#include "library/handle.h"
#include "runtime/base/dtype.h"
#include "runtime/base/error.h"
#include "runtime/program/instance.h"
#include "runtime/training/checkpoint.h"

#include <math.h>
#include <signal.h>
#include <string.h>
#include <time.h>

static bool is_told(const VtState *state) {
    return state->role != VT_ROLE_DERIVED;
}

int32_t vt_model_states(void) {
    const VtProgram *p = vt_built.variants[0].program;
    int32_t n = 0;
    for (int i = 0; i < p->n_states; i++) n += is_told(&p->states[i]);
    return n;
}

vt_model_status vt_model_state(int32_t number, vt_model_state_info *info) {
    const VtProgram *p = vt_built.variants[0].program;
    for (int i = 0; info && i < p->n_states; i++) {
        const VtTensor *tensor = &p->states[i].tensor;
        if (!is_told(&p->states[i]) || number-- != 0) continue;
        *info = (vt_model_state_info){.name = tensor->name,
                                      .dtype = (vt_model_dtype)tensor->dtype,
                                      .role = (vt_model_role)p->states[i].role,
                                      .rank = tensor->rank,
                                      .elements = vt_elements(tensor),
                                      .bytes = vt_bytes(tensor)};
        for (int d = 0; d < tensor->rank; d++) info->dim[d] = tensor->dim[d];
        return VT_MODEL_OK;
    }
    return VT_MODEL_BAD_REQUEST;
}

/* Which state has that name and size; -1 with an error. */
static int find(const vt_model_handle *h, const char *name, const void *data, size_t bytes, VtError *error) {
    int s = name ? vt_instance_find_state(h->instance, name) : -1;
    if (s >= 0 && !is_told(&h->program.states[s])) s = -1;
    size_t size = s >= 0 ? vt_bytes(&h->program.states[s].tensor) : 0;
    if (!name || !data)
        vt_fail(error, 2, "the %s is NULL", name ? "place of the data" : "name");
    else if (s < 0)
        vt_fail(error, 2, "recipe '%s' has no state '%s'", h->program.name, name);
    else if (bytes != size)
        vt_fail(error, 2, "state '%s' has %zu bytes, %zu are given", name, size, bytes);
    else
        return s;
    return -1;
}

vt_model_status vt_model_read_state(vt_model_handle *h, const char *name, void *data, size_t bytes) {
    Before before;
    vt_model_status status = handle_begin(h, &before);
    if (status != VT_MODEL_OK) return status;
    int s = find(h, name, data, bytes, &h->error);
    if (s >= 0) memcpy(data, vt_instance_state(h->instance, s), bytes);
    return handle_end(h, &before, s >= 0);
}

static bool store(vt_model_handle *h, int s, const void *data, size_t bytes, VtError *error) {
    double step;
    if (s < 0) return false;
    if (h->program.states[s].role == VT_ROLE_COUNTER) {
        memcpy(&step, data, sizeof step);
        if (!(step >= 0 && step <= 0x1p53 && step == floor(step)))
            return vt_fail(error, 2, "state '%s' is %g: a whole number of steps done was expected",
                           h->program.states[s].tensor.name, step);
    }
    memcpy(vt_instance_write_state(h->instance, s), data, bytes);
    return true;
}

vt_model_status vt_model_write_state(vt_model_handle *h, const char *name, const void *data, size_t bytes) {
    Before before;
    vt_model_status status = handle_begin(h, &before);
    if (status != VT_MODEL_OK) return status;
    int s = find(h, name, data, bytes, &h->error);
    return handle_end(h, &before, store(h, s, data, bytes, &h->error));
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

/* A file that grows beyond a limit is an error, and no signal that ends the process. */
static bool save(vt_model_handle *h, const char *path, VtError *error) {
    sigset_t too_long, before, waiting;
    if (!path) return vt_fail(error, 2, "the path is NULL");
    sigemptyset(&too_long);
    sigaddset(&too_long, SIGXFSZ);
    sigpending(&waiting);
    pthread_sigmask(SIG_BLOCK, &too_long, &before);
    bool good = vt_checkpoint_save(h->instance, &h->program, h->steps_per_epoch, path, error);
    if (!sigismember(&waiting, SIGXFSZ)) sigtimedwait(&too_long, NULL, &(struct timespec){0});
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return good;
}

vt_model_status vt_model_save(vt_model_handle *h, const char *path) {
    Before before;
    vt_model_status status = handle_begin(h, &before);
    if (status != VT_MODEL_OK) return status;
    return handle_end(h, &before, save(h, path, &h->error));
}

static bool load(vt_model_handle *h, const char *path, VtError *error) {
    if (!path) return vt_fail(error, 2, "the path is NULL");
    if (!vt_checkpoint_load(h->instance, &h->program, path, error)) return false;
    if (!h->has_data) h->steps_per_epoch = vt_checkpoint_steps_per_epoch(path);
    return true;
}

vt_model_status vt_model_load(vt_model_handle *h, const char *path) {
    Before before;
    vt_model_status status = handle_begin(h, &before);
    if (status != VT_MODEL_OK) return status;
    return handle_end(h, &before, load(h, path, &h->error));
}
