/* run.json: how a run was asked for, beside its recipe, so that it can be continued without being asked for anew. */
#include "runtime/base/error.h"
#include "runtime/files/json.h"
#include "runtime/files/read_at.h"
#include "runtime/training/run.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { LONGEST = 1 << 16, MOST_THREADS = 1024 /* as the flags have it */ };

/* Whole numbers by their key. */
#define NUMBERS(X) X(steps) X(workers) X(threads) X(max_broken) X(batch) X(seed)

/* Texts by their key. */
#define TEXTS(X) X(target_features) X(init) X(init_hash) X(init_rename) X(init_only)

/* The bytes of a file that is there; -1: errno, EFBIG if it is too long. */
static int64_t read_text(const char *path, char text[LONGEST]) {
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) return -1;
    int64_t size = read_at(file, text, LONGEST, 0);
    int problem = size == LONGEST ? EFBIG : errno;
    close(file);
    errno = problem;
    return problem ? -1 : size;
}

/* Of one source: what stands under each key. Of several: a map of names under each. */
static bool read_data(json_t *object, VtRunSettings *out) {
    json_t *data = json_object_get(object, "data"), *images = json_object_get(object, "images"),
           *classes = json_object_get(object, "classes"), *path;
    const char *name;
    bool good = true;
    if (!json_is_object(data)) {
        VtRunData *only = &out->data[0];
        const char *text = json_string_value(data);
        only->images = json_integer_value(images);
        only->classes = json_integer_value(classes);
        out->n_data = text && *text ? 1 : 0;
        return only->images >= 0 && only->classes >= 0 &&
               snprintf(only->path, sizeof only->path, "%s", text ? text : "") < (int)sizeof only->path;
    }
    json_object_foreach(data, name, path) {
        if (out->n_data == VT_MAX_SOURCES || !json_is_string(path)) return false;
        VtRunData *d = &out->data[out->n_data++];
        d->images = json_integer_value(json_object_get(images, name));
        d->classes = json_integer_value(json_object_get(classes, name));
        good = good && d->images >= 0 && d->classes >= 0;
        good = good && snprintf(d->name, sizeof d->name, "%s", name) < (int)sizeof d->name;
        good = good && snprintf(d->path, sizeof d->path, "%s", json_string_value(path)) < (int)sizeof d->path;
    }
    return good;
}

bool vt_run_settings_read(const char *path, VtRunSettings *out, VtError *error) {
    char text[LONGEST], why[256];
    *out = (VtRunSettings){.max_broken = -1};
    int64_t size = read_text(path, text);
    if (size < 0 && errno == ENOENT) return true;
    if (size < 0) return vt_fail(error, 1, "cannot read '%s': %s", path, strerror(errno));
    json_t *object = vt_json_load(text, (size_t)size, JSON_REJECT_DUPLICATES, why, sizeof why), *value;
    if (!object && errno == ENOMEM) return vt_fail(error, 1, "cannot read '%s': out of memory", path);
    bool good = json_is_object(object);
#define NUMBER(key)                                                                                          \
    if ((value = json_object_get(object, #key))) {                                                           \
        good = good && json_is_integer(value) && json_integer_value(value) >= 0;                             \
        out->key = json_integer_value(value);                                                                \
    }
    NUMBERS(NUMBER)
    if ((value = json_object_get(object, "epochs"))) out->epochs = json_number_value(value);
    good = good && out->workers <= MOST_THREADS && out->threads <= MOST_THREADS;
    good = good && read_data(object, out);
#define TEXT(key)                                                                                            \
    if ((value = json_object_get(object, #key)))                                                             \
        good = good && json_is_string(value) &&                                                              \
               snprintf(out->key, sizeof out->key, "%s", json_string_value(value)) < (int)sizeof out->key;
    TEXTS(TEXT)
    json_decref(object);
    if (good) return true;
    return vt_fail(error, 2, "%s: damaged: %s; without it --data and other flags have to be given again",
                   path, object ? "a value has the wrong type or range" : why);
}

/* A path that is no UTF-8 is not kept: --data has to say it again. False: no memory. */
static bool set_path(json_t *object, const char *key, const char *path) {
    json_t *text = json_string(path), *empty = json_string("");
    bool good = text || empty;
    if (text && *path) good = good && json_object_set(object, key, text) == 0;
    json_decref(text);
    json_decref(empty);
    return good;
}

static bool set_number(json_t *object, const char *key, int64_t n) {
    return n == 0 || json_object_set_new(object, key, json_integer(n)) == 0;
}

static bool set_data(json_t *object, const VtRunSettings *s) {
    if (s->n_data == 0) return true;
    if (!s->data[0].name[0])
        return set_path(object, "data", s->data[0].path) && set_number(object, "images", s->data[0].images) &&
               set_number(object, "classes", s->data[0].classes);
    json_t *paths = json_object(), *images = json_object(), *classes = json_object();
    bool good = paths && images && classes;
    for (int i = 0; good && i < s->n_data; i++) {
        const VtRunData *d = &s->data[i];
        good = set_path(paths, d->name, d->path) && set_number(images, d->name, d->images) &&
               set_number(classes, d->name, d->classes);
    }
    good = good && json_object_set(object, "data", paths) == 0 &&
           json_object_set(object, "images", images) == 0 && json_object_set(object, "classes", classes) == 0;
    json_decref(paths);
    json_decref(images);
    json_decref(classes);
    return good;
}

char *vt_run_settings_text(const VtRunSettings *s) {
    json_t *object = json_object();
    bool good = object != NULL;
    good = good && set_data(object, s);
#define SET_TEXT(key) good = good && set_path(object, #key, s->key);
    TEXTS(SET_TEXT)
#define SET(key)                                                                                             \
    if (s->key > 0 || (s->key == 0 && strcmp(#key, "max_broken") == 0))                                      \
        good = good && json_object_set_new(object, #key, json_integer(s->key)) == 0;
    NUMBERS(SET)
    good = good && json_object_set_new(object, "epochs", json_real(s->epochs)) == 0;
    char *text = good ? vt_json_text(object, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) : NULL;
    json_decref(object);
    return text;
}
