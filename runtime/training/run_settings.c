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
#define NUMBERS(X) X(steps) X(workers) X(threads) X(max_broken) X(images) X(classes) X(batch) X(seed)

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
    const char *data = json_string_value(json_object_get(object, "data"));
    const char *target = json_string_value(json_object_get(object, "target_features"));
    good = good && snprintf(out->data, sizeof out->data, "%s", data ? data : "") < (int)sizeof out->data;
    good = good && snprintf(out->target_features, sizeof out->target_features, "%s", target ? target : "") <
                       (int)sizeof out->target_features;
    json_decref(object);
    if (good) return true;
    return vt_fail(error, 2, "%s: damaged: %s; without it --data and other flags have to be given again",
                   path, object ? "a value has the wrong type or range" : why);
}

char *vt_run_settings_text(const VtRunSettings *s) {
    json_t *object = json_object();
    bool good = object != NULL;
    json_t *data = json_string(s->data), *empty = json_string("");
    good = good && (data || empty); /* a path that is no UTF-8 is not kept: --data has to say it again */
    if (data && s->data[0]) good = good && json_object_set(object, "data", data) == 0;
    json_decref(data);
    json_decref(empty);
    if (s->target_features[0])
        good = good && json_object_set_new(object, "target_features", json_string(s->target_features)) == 0;
#define SET(key)                                                                                             \
    if (s->key > 0 || (s->key == 0 && strcmp(#key, "max_broken") == 0))                                      \
        good = good && json_object_set_new(object, #key, json_integer(s->key)) == 0;
    NUMBERS(SET)
    good = good && json_object_set_new(object, "epochs", json_real(s->epochs)) == 0;
    char *text = good ? vt_json_text(object, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) : NULL;
    json_decref(object);
    return text;
}
