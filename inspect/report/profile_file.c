/* Profiles as files: see profile_file.h. */
#include "inspect/report/profile_file.h"
#include "inspect/report/report_json.h"
#include "ir/base/stream.h"
#include "ir/plan/canonical.h"
#include "ir/plan/cost.h"
#include "runtime/files/json.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { MOST_STEPS = 1000000, MOST_THREADS = 1024, MOST_CALLS = 1 << 22 };
#define MOST_BYTES ((size_t)1 << 30)
#define MOST_AMOUNT 1e30 /* of seconds, FLOPs, bytes */

/* ---- times ------------------------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The lower of two. */
static double median(const double *values, int n) {
    double *sorted = arena_must(malloc(sizeof *sorted * (size_t)n));
    memcpy(sorted, values, sizeof *sorted * (size_t)n);
    qsort(sorted, (size_t)n, sizeof *sorted, by_value);
    double result = sorted[(n - 1) / 2];
    free(sorted);
    return result;
}

double profile_call_seconds(const ProfileFile *profile, const ProfileCall *call) {
    return median(call->seconds, profile->steps);
}

double profile_step_seconds(const ProfileFile *profile) {
    return median(profile->seconds, profile->steps);
}

/* The kernel that a call is of or runs in; n_kernels: a copy behind them. */
static size_t kernel_of_call(const ProfileCall *call, size_t n_kernels) {
    return call->outer >= 1 && (size_t)call->outer <= n_kernels ? (size_t)call->outer - 1 : n_kernels;
}

double *profile_kernel_seconds(Arena *arena, const ProfileFile *profile, size_t n_kernels) {
    double *seconds = ARENA_ARRAY(arena, double, n_kernels + 1);
    for (size_t i = 0; i < profile->n_calls; i++)
        seconds[kernel_of_call(&profile->calls[i], n_kernels)] +=
            profile_call_seconds(profile, &profile->calls[i]);
    return seconds;
}

double *profile_thread_seconds(Arena *arena, const ProfileFile *profile, int thread, size_t n_kernels) {
    double *seconds = ARENA_ARRAY(arena, double, n_kernels + 1);
    for (size_t i = 0; i < profile->n_calls; i++)
        seconds[kernel_of_call(&profile->calls[i], n_kernels)] += profile->calls[i].thread_seconds[thread];
    return seconds;
}

/* ---- the digest -------------------------------------------------------------------------------------------------- */

static void digest_text(XXH3_state_t *state, const char *text) {
    XXH3_128bits_update(state, text, strlen(text) + 1);
}

static void digest_kernels(XXH3_state_t *state, const Func *func) {
    Arena *arena = arena_new();
    const Plan *plan = func->plan;
    digest_text(state, func->name);
    for (size_t k = 0; k < plan->n_kernels; k++) {
        const Kernel *kernel = &plan->kernels[k];
        const Chain *chain = plan_chain(plan, (uint32_t)k);
        digest_text(state, kernel_canonical(arena, func, kernel));
        digest_text(state, kernel_name(arena, func, kernel_cost(func, kernel).named));
        if (chain)
            digest_text(state, arena_printf(arena, "%u %" PRId64 " of %" PRId64, (unsigned)chain->first,
                                            chain->size, chain->units));
    }
    XXH3_128bits_update(state, &plan->n_copies, sizeof plan->n_copies);
    arena_free(arena);
}

const char *profile_digest(const Inspection *inspection) {
    const Module *module = inspection->module;
    XXH3_state_t *state = arena_must(XXH3_createState());
    XXH3_128bits_reset(state);
    for (size_t f = 0; f < module->n_funcs; f++)
        if (module->funcs[f] == inspection->func || module->funcs[f]->body)
            digest_kernels(state, module->funcs[f]);
    XXH128_hash_t hash = XXH3_128bits_digest(state);
    XXH3_freeState(state);
    return arena_printf(inspection->arena, "xxh3:%016" PRIx64 "%016" PRIx64, hash.high64, hash.low64);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* To the nanosecond: the clock tells no more. */
static json_t *seconds_json(const double *values, size_t n) {
    json_t *array = report_array();
    for (size_t i = 0; i < n; i++) report_add(array, report_number(round(values[i] * 1e9) / 1e9));
    return array;
}

static json_t *call_json(const ProfileFile *p, const ProfileCall *call) {
    json_t *object = report_object();
    report_put(object, "function", report_text(call->function));
    report_put(object, "kernel", json_integer(call->kernel));
    report_put(object, "outer", json_integer(call->outer));
    report_put(object, "name", report_text(call->name));
    report_put(object, "kind", report_text(call->kind));
    report_put(object, "phase", report_text(call->phase));
    report_put(object, "position", report_text(call->position));
    report_put(object, "flops", report_number(call->flops));
    report_put(object, "bytes", report_number(call->bytes));
    report_put(object, "single", json_boolean(call->single));
    report_put(object, "seconds", seconds_json(call->seconds, (size_t)p->steps));
    report_put(object, "thread_seconds", seconds_json(call->thread_seconds, (size_t)p->threads));
    return object;
}

json_t *profile_file_json(const ProfileFile *p) {
    json_t *object = report_object(), *calls = report_array();
    report_put(object, "format", report_text(PROFILE_FORMAT));
    report_put(object, "version", report_text(p->version));
    report_put(object, "recipe", report_text(p->recipe));
    report_put(object, "function", report_text(p->function));
    report_put(object, "target", report_text(p->target));
    report_put(object, "precision", report_text(p->precision));
    report_put(object, "batch", json_integer(p->batch));
    report_put(object, "digest", report_text(p->digest));
    report_put(object, "processor", report_text(p->processor));
    report_put(object, "threads", json_integer(p->threads));
    report_put(object, "steps", json_integer(p->steps));
    report_put(object, "seconds", seconds_json(p->seconds, (size_t)p->steps));
    for (size_t i = 0; i < p->n_calls; i++) report_add(calls, call_json(p, &p->calls[i]));
    report_put(object, "calls", calls);
    return object;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

typedef struct {
    Arena *arena;
    const char *path;
    const char *place; /* "calls[3]" of the object that is read; "" */
    bool bad;          /* the message is there */
    char *error;
    size_t size;
} Reader;

__attribute__((format(printf, 2, 3))) static void refuse(Reader *r, const char *format, ...) {
    char text[256];
    va_list args;
    if (r->bad) return;
    r->bad = true;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    snprintf(r->error, r->size, "'%s' is no profile that vitc bench wrote: %s", r->path, text);
}

static const json_t *member(Reader *r, const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    if (!value) refuse(r, "%s%sthere is no \"%s\"", r->place, *r->place ? ": " : "", key);
    return value;
}

static const char *text(Reader *r, const json_t *object, const char *key) {
    const json_t *value = member(r, object, key);
    if (value && !json_is_string(value))
        refuse(r, "%s%s\"%s\" is no text", r->place, *r->place ? ": " : "", key);
    return r->bad ? "" : arena_strdup(r->arena, json_string_value(value));
}

static int64_t whole(Reader *r, const json_t *object, const char *key, int64_t least, int64_t most) {
    const json_t *value = member(r, object, key);
    if (value &&
        (!json_is_integer(value) || json_integer_value(value) < least || json_integer_value(value) > most))
        refuse(r, "%s%s\"%s\" is no whole number from %" PRId64 " to %" PRId64, r->place,
               *r->place ? ": " : "", key, least, most);
    return r->bad ? least : json_integer_value(value);
}

static bool is_amount(const json_t *value) {
    return json_is_number(value) && json_number_value(value) >= 0 && json_number_value(value) <= MOST_AMOUNT;
}

static double amount(Reader *r, const json_t *object, const char *key) {
    const json_t *value = member(r, object, key);
    if (value && !is_amount(value))
        refuse(r, "%s%s\"%s\" is no number from 0 on", r->place, *r->place ? ": " : "", key);
    return r->bad ? 0 : json_number_value(value);
}

/* Exactly n numbers, `each` saying of what there is one each. */
static double *amounts(Reader *r, const json_t *object, const char *key, int n, const char *each) {
    const json_t *array = member(r, object, key);
    bool good = json_is_array(array) && json_array_size(array) == (size_t)n;
    for (int i = 0; good && i < n; i++) good = is_amount(json_array_get(array, (size_t)i));
    if (array && !good)
        refuse(r, "%s%s\"%s\" is no list of %d numbers from 0 on, one for each %s", r->place,
               *r->place ? ": " : "", key, n, each);
    double *values = ARENA_ARRAY(r->arena, double, (size_t)n + 1);
    for (int i = 0; !r->bad && i < n; i++) values[i] = json_number_value(json_array_get(array, (size_t)i));
    return values;
}

static void read_call(Reader *r, const json_t *object, const ProfileFile *p, ProfileCall *call) {
    if (!json_is_object(object)) refuse(r, "%s is no object", r->place);
    if (r->bad) return;
    call->function = text(r, object, "function");
    call->kernel = whole(r, object, "kernel", 0, MOST_CALLS);
    call->outer = whole(r, object, "outer", 0, MOST_CALLS);
    call->name = text(r, object, "name");
    call->kind = text(r, object, "kind");
    call->phase = text(r, object, "phase");
    call->position = text(r, object, "position");
    call->flops = amount(r, object, "flops");
    call->bytes = amount(r, object, "bytes");
    call->single = json_is_true(member(r, object, "single"));
    call->seconds = amounts(r, object, "seconds", p->steps, "step");
    call->thread_seconds = amounts(r, object, "thread_seconds", p->threads, "thread");
}

static ProfileFile *read_profile(Reader *r, const json_t *root) {
    ProfileFile *p = ARENA_NEW(r->arena, ProfileFile);
    if (!json_is_object(root)) refuse(r, "it is no JSON object");
    const char *format = text(r, root, "format");
    if (!r->bad && strcmp(format, PROFILE_FORMAT) != 0)
        refuse(r, "its format is '%.40s', not '%s'", format, PROFILE_FORMAT);
    p->path = arena_strdup(r->arena, r->path);
    p->version = text(r, root, "version");
    p->recipe = text(r, root, "recipe");
    p->function = text(r, root, "function");
    p->target = text(r, root, "target");
    p->precision = text(r, root, "precision");
    p->batch = whole(r, root, "batch", 0, INT64_C(1) << 40);
    p->digest = text(r, root, "digest");
    p->processor = text(r, root, "processor");
    p->threads = (int)whole(r, root, "threads", 1, MOST_THREADS);
    p->steps = (int)whole(r, root, "steps", 1, MOST_STEPS);
    p->seconds = amounts(r, root, "seconds", p->steps, "step");
    const json_t *calls = member(r, root, "calls");
    if (calls && !json_is_array(calls)) refuse(r, "\"calls\" is no list");
    if (r->bad) return NULL;
    p->n_calls = json_array_size(calls);
    p->calls = ARENA_ARRAY(r->arena, ProfileCall, p->n_calls + 1);
    for (size_t i = 0; !r->bad && i < p->n_calls; i++) {
        r->place = arena_printf(r->arena, "calls[%zu]", i);
        read_call(r, json_array_get(calls, i), p, &p->calls[i]);
    }
    return r->bad ? NULL : p;
}

ProfileFile *profile_file_parse(Arena *arena, const char *path, const char *written, size_t length,
                                char *error, size_t size) {
    Reader r = {.arena = arena, .path = path, .place = "", .error = error, .size = size};
    char why[160];
    json_t *root = vt_json_load(written, length, JSON_REJECT_DUPLICATES, why, sizeof why);
    if (!root) {
        json_error_t problem = {.line = 0};
        if (errno == ENOMEM) arena_must(NULL);
        json_decref(
            json_loadb(written, length, JSON_REJECT_DUPLICATES, &problem)); /* once more, for the line */
        refuse(&r, "line %d: %s", problem.line, why);
        return NULL;
    }
    ProfileFile *profile = read_profile(&r, root);
    json_decref(root);
    return profile;
}

ProfileFile *profile_file_read(Arena *arena, const char *path, char *error, size_t size) {
    size_t length;
    const char *written = stream_read_file(arena, path, MOST_BYTES, &length);
    if (written) return profile_file_parse(arena, path, written, length, error, size);
    snprintf(error, size, "cannot read '%s': %s", path, strerror(errno));
    return NULL;
}

/* ---- whether it fits --------------------------------------------------------------------------------------------- */

typedef struct {
    const char *what, *its, *ours;
} Same;

/* The first kernel that has another name than the profile's; n_kernels: they are the same. */
static size_t first_other(Arena *arena, const ProfileFile *p, const Func *func) {
    const Plan *plan = func->plan;
    for (size_t i = 0; i < p->n_calls; i++) {
        const ProfileCall *call = &p->calls[i];
        if (call->kernel < 1 || strcmp(call->function, func->name) != 0) continue;
        size_t k = (size_t)call->kernel - 1;
        if (k >= plan->n_kernels) return k;
        const char *name = kernel_name(arena, func, kernel_cost(func, &plan->kernels[k]).named);
        if (strcmp(name, call->name) != 0) return k;
    }
    return plan->n_kernels;
}

static bool tell_kernels(const ProfileFile *p, const Inspection *inspection, char *error, size_t size) {
    Arena *arena = inspection->arena;
    const Func *func = inspection->func;
    size_t k = first_other(arena, p, func);
    const char *its = "", *ours = "there is none";
    for (size_t i = 0; i < p->n_calls; i++)
        if (p->calls[i].kernel == (int64_t)k + 1 && strcmp(p->calls[i].function, func->name) == 0)
            its = p->calls[i].name;
    if (k < func->plan->n_kernels)
        ours = kernel_name(arena, func, kernel_cost(func, &func->plan->kernels[k]).named);
    if (!*its)
        snprintf(
            error, size,
            "profile '%s' is of other kernels: other settings, another version of vitc or of the recipe; "
            "measure again: vitc bench %s … --profile=%s",
            p->path, p->recipe, p->path);
    else
        snprintf(
            error, size,
            "profile '%s' is of other kernels: number %zu is '%s' there, and '%s' here; were its settings "
            "others? Or measure again: vitc bench %s … --profile=%s",
            p->path, k + 1, its, ours, p->recipe, p->path);
    return false;
}

/* That calls name kernels of the function, and no kernel is without one, else its time would be taken to be 0. */
static bool check_calls(const ProfileFile *p, const Inspection *inspection, char *error, size_t size) {
    const Func *func = inspection->func;
    size_t n = func->plan->n_kernels, missing = 0;
    bool *called = ARENA_ARRAY(inspection->arena, bool, n + 1);
    for (size_t i = 0; i < p->n_calls; i++) {
        const ProfileCall *call = &p->calls[i];
        bool own = strcmp(call->function, func->name) == 0;
        if ((size_t)call->outer > n || (own && call->kernel != call->outer)) {
            snprintf(error, size,
                     "profile '%s' is damaged: calls[%zu] is of no kernel of @%s, which has %zu; measure "
                     "again: vitc bench %s … --profile=%s",
                     p->path, i, func->name, n, p->recipe, p->path);
            return false;
        }
        called[call->outer] = true;
    }
    for (size_t k = n; k > 0; k--)
        if (!called[k]) missing = k;
    if (missing)
        snprintf(error, size,
                 "profile '%s' is damaged: kernel %zu has no call; measure again: vitc bench %s … "
                 "--profile=%s",
                 p->path, missing, p->recipe, p->path);
    return !missing;
}

bool profile_file_fits(const ProfileFile *p, const Inspection *inspection, char *error, size_t size) {
    const Module *module = inspection->module;
    Arena *arena = inspection->arena;
    const Same facts[] = {
        {"recipe", p->recipe, inspection->recipe},
        {"function", p->function, inspection->func->name},
        {"target", p->target, inspection->target},
        {"precision", p->precision, precision_name(module->precision)},
        {"batch", arena_printf(arena, "%" PRId64, p->batch), arena_printf(arena, "%" PRId64, module->batch)},
    };
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        if (strcmp(facts[i].its, facts[i].ours) == 0) continue;
        snprintf(error, size, "profile '%s' is of another %s: '%s', here it is '%s'", p->path, facts[i].what,
                 facts[i].its, facts[i].ours);
        return false;
    }
    if (strcmp(p->digest, profile_digest(inspection)) != 0) return tell_kernels(p, inspection, error, size);
    return check_calls(p, inspection, error, size);
}
