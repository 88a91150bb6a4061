/* Making and freeing a model. */
#include "library/handle.h"
#include "runtime/base/error.h"
#include "runtime/files/hash.h"
#include "runtime/machine/choose.h"
#include "runtime/program/instance.h"
#include "runtime/program/settings.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_THREADS = 1024, MAX_BROKEN = 100 };

/* ---- options ----------------------------------------------------------------------------------------------------- */

/* What the options of each version of the interface were long: those of older ones are taken. */
static const size_t KNOWN_SIZES[] = {sizeof(vt_model_options)};

static bool size_is_known(size_t size) {
    for (size_t i = 0; i < sizeof KNOWN_SIZES / sizeof *KNOWN_SIZES; i++)
        if (size == KNOWN_SIZES[i]) return true;
    return false;
}

static bool in_range(const char *name, int64_t value, int64_t least, int64_t most, VtError *error) {
    return (value >= least && value <= most) ||
           vt_fail(error, 2, "options.%s is %lld: %lld to %lld was expected", name, (long long)value,
                   (long long)least, (long long)most);
}

static bool read_options(const vt_model_options *given, vt_model_options *out, VtError *error) {
    *out = (vt_model_options)VT_MODEL_OPTIONS;
    if (!given) return true;
    if (!size_is_known(given->size))
        return vt_fail(
            error, 2,
            "options.size is %zu: the sizeof of the options was expected, %zu in this library; begin with "
            "the initializer of the header, and compile with the header of this library",
            given->size, sizeof *out);
    memcpy(out, given, given->size);
    return in_range("threads", out->threads, 0, MOST_THREADS, error) &&
           in_range("loader_threads", out->loader_threads, 0, MOST_THREADS, error) &&
           in_range("pin_threads", out->pin_threads, 0, 1, error) &&
           in_range("has_seed", out->has_seed, 0, 1, error) &&
           in_range("draw_all", out->draw_all, 0, 1, error) &&
           in_range("reserved", out->reserved, 0, 0, error) &&
           in_range("max_broken", out->max_broken, -1, INT64_MAX, error) &&
           in_range("seed", out->seed, 0, INT64_C(1) << 53, error);
}

/* ---- a handle ---------------------------------------------------------------------------------------------------- */

static const VtVariant *choose(const char *target, VtError *error) {
    VtChoice choice = vt_choose_variant(&vt_built, target && *target ? target : NULL);
    if (!choice.variant) vt_fail(error, choice.code, "%s", choice.message);
    return choice.variant;
}

static void destroy(vt_model_handle *h) {
    vt_loader_free(h->loader);
    sources_close(&h->sources);
    if (h->instance) step_close(&h->steps);
    vt_instance_free(h->instance);
    vt_weights_close(h->weights);
    free(h->files);
    vt_team_free(h->team);
    for (int i = 0; h->batch && i < h->program.n_inputs; i++) free(h->batch[i]);
    free(h->batch);
    free(h->images);
    vt_program_copy_free(&h->program);
    free(h);
}

/* Finds a file that initial values come from, and whether it is the one of the recipe. */
static bool find_file(VtWeights *w, VtError *error) {
    char hash[VT_HASH_TEXT];
    w->path = vt_weights_place(w);
    if (w->rename && !w->n_rules)
        return vt_fail(error, 2, "the rules of '%s' are not in this library: write them into the recipe",
                       w->rename);
    return !w->hash || (vt_file_hash(w->path, hash, error) &&
                        (strcmp(w->hash, hash) == 0 ||
                         vt_fail(error, 2, "'%s' is another file than it was: it has %s, the recipe wants %s",
                                 w->path, hash, w->hash)));
}

/* Values that the recipe takes from files. */
static bool open_weights(vt_model_handle *h, VtError *error) {
    const VtProgram *p = &h->program;
    if (!p->n_weights) return true;
    if (!(h->files = malloc(sizeof *h->files * (size_t)p->n_weights)))
        return vt_fail(error, 1, "out of memory");
    memcpy(h->files, p->weights, sizeof *h->files * (size_t)p->n_weights);
    for (int i = 0; i < p->n_weights; i++)
        if (!find_file(&h->files[i], error)) return false;
    h->weights = vt_weights_open(p->states, p->n_states, h->files, p->n_weights, error);
    vt_instance_initial_weights(h->instance, h->weights);
    return h->weights != NULL;
}

static bool set_seed(vt_model_handle *h, int64_t seed, VtError *error) {
    VtSettingValue value = {vt_setting_find(&h->program, "train.seed"), (double)seed};
    if (value.setting < 0) return vt_fail(error, 2, "recipe '%s' has no seed to be set", h->program.name);
    return vt_program_set(&h->program, &value, 1, error);
}

static bool fill(vt_model_handle *h, const vt_model_options *options, VtError *error) {
    if (!(h->variant = choose(options->target, error))) return false;
    if (!vt_program_copy(h->variant->program, &h->program, error)) return false;
    if (options->has_seed && !set_seed(h, options->seed, error)) return false;
    h->loader_threads = options->loader_threads;
    h->max_broken = options->max_broken < 0 ? 0 : options->max_broken ? options->max_broken : MAX_BROKEN;
    if (!(h->instance = vt_instance_new(&h->program, error))) return false;
    return (step_open(&h->steps, &h->program, h->instance, &h->steps_per_epoch) ||
            vt_fail(error, 1, "out of memory")) &&
           (options->draw_all || open_weights(h, error)) &&
           vt_instance_init(h->instance, (uint64_t)h->program.train.seed, error);
}

static vt_model_handle *make(const vt_model_options *options, VtError *error) {
    vt_model_handle *h = calloc(1, sizeof *h);
    Before before;
    if (h) h->team = vt_team_new(options->threads, options->pin_threads);
    if (!h || !h->team) {
        free(h);
        vt_fail(error, 1, "out of memory");
        return NULL;
    }
    surroundings_enter(h, &before);
    bool good = fill(h, options, error);
    surroundings_leave(&before);
    if (good) return h;
    destroy(h);
    return NULL;
}

vt_model_status vt_model_create(const vt_model_options *options, vt_model_handle **handle, char *message,
                                size_t message_size) {
    VtError error = {0};
    vt_model_options all;
    vt_model_handle *made = NULL;
    if (handle) *handle = NULL;
    if (!handle)
        vt_fail(&error, 2, "where is the handle to go? The second argument is NULL");
    else if (read_options(options, &all, &error))
        made = make(&all, &error);
    if (message && message_size) snprintf(message, message_size, "%s", error.message);
    if (!made) return status_of(&error);
    handle_add(made);
    *handle = made;
    return VT_MODEL_OK;
}

vt_model_status vt_model_free(vt_model_handle *h) {
    Before before;
    if (!h) return VT_MODEL_OK;
    vt_model_status status = handle_begin(h, &before);
    if (status != VT_MODEL_OK) return status;
    handle_remove(h, &before);
    destroy(h);
    return VT_MODEL_OK;
}
