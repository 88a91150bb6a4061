/* The handles that live: see handle.h. A handle is looked for among them before it is looked at, so that one that was
 * freed is an error and no crash, as long as its memory is not a new handle's. */
#include "library/handle.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static vt_model_handle *living;

/* With the lock. */
static bool lives(const vt_model_handle *handle) {
    vt_model_handle *found = living;
    while (found && found != handle) found = found->next;
    return found && found->process == getpid();
}

void handle_add(vt_model_handle *handle) {
    pthread_mutex_lock(&lock);
    handle->process = getpid();
    handle->next = living;
    living = handle;
    pthread_mutex_unlock(&lock);
}

void surroundings_enter(vt_model_handle *handle, Before *before) {
    static locale_t numbers; /* (locale_t)0: not made, or no memory */
    pthread_mutex_lock(&lock);
    if (!numbers) numbers = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    before->locale = numbers ? uselocale(numbers) : (locale_t)0;
    pthread_mutex_unlock(&lock);
    before->team = vt_team_use(handle->team);
}

void surroundings_leave(const Before *before) {
    vt_team_use(before->team);
    if (before->locale) uselocale(before->locale);
}

vt_model_status handle_begin(vt_model_handle *handle, Before *before) {
    pthread_mutex_lock(&lock);
    bool known = lives(handle), busy = known && handle->busy;
    if (known) handle->busy = true;
    pthread_mutex_unlock(&lock);
    if (!known) return VT_MODEL_BAD_HANDLE;
    if (busy) return VT_MODEL_BUSY;
    handle->error = (VtError){0};
    surroundings_enter(handle, before);
    return VT_MODEL_OK;
}

vt_model_status handle_end(vt_model_handle *handle, const Before *before, bool good) {
    surroundings_leave(before);
    vt_model_status status = good ? VT_MODEL_OK : status_of(&handle->error);
    pthread_mutex_lock(&lock);
    handle->busy = false;
    pthread_mutex_unlock(&lock);
    return status;
}

void handle_remove(vt_model_handle *handle, const Before *before) {
    surroundings_leave(before);
    pthread_mutex_lock(&lock);
    vt_model_handle **at = &living;
    while (*at != handle) at = &(*at)->next;
    *at = handle->next;
    pthread_mutex_unlock(&lock);
}

vt_model_status status_of(const VtError *error) {
    if (error->not_finite) return VT_MODEL_NOT_FINITE;
    return error->code == 2 ? VT_MODEL_BAD_REQUEST : VT_MODEL_FAILED;
}

const char *vt_model_message(const vt_model_handle *handle) {
    pthread_mutex_lock(&lock);
    bool known = lives(handle), busy = known && handle->busy;
    pthread_mutex_unlock(&lock);
    if (!handle) return "the handle is NULL";
    if (!known) return "the handle was freed, or is of another process or library";
    return busy ? "another thread uses the handle" : handle->error.message;
}

const char *vt_model_target(const vt_model_handle *handle) {
    pthread_mutex_lock(&lock);
    const char *target = lives(handle) ? handle->variant->target : NULL;
    pthread_mutex_unlock(&lock);
    return target;
}

int64_t handle_steps_done(const vt_model_handle *handle) {
    int counter = vt_instance_counter(handle->instance);
    return counter < 0 ? 0 : (int64_t)*(const double *)vt_instance_state(handle->instance, counter);
}
