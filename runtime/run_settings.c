/* run.json: how a run was asked for, beside its recipe, so that it can be continued without being asked for anew. */
#include "runtime/runtime.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

/* Whole numbers by their key. */
#define NUMBERS(X) X(steps) X(workers) X(threads) X(max_broken) X(images) X(classes) X(batch) X(seed)

bool vt_run_settings_read(const char *path, VtRunSettings *out, VtError *error) {
    json_error_t problem;
    *out = (VtRunSettings){.max_broken = -1};
    errno = 0;
    json_t *object = json_load_file(path, JSON_REJECT_DUPLICATES, &problem), *value;
    if (!object && access(path, F_OK) != 0 && errno == ENOENT) return true;
    bool good = json_is_object(object);
#define NUMBER(key)                                                                                          \
    if ((value = json_object_get(object, #key))) {                                                           \
        good = good && json_is_integer(value) && json_integer_value(value) >= 0;                             \
        out->key = json_integer_value(value);                                                                \
    }
    NUMBERS(NUMBER)
    if ((value = json_object_get(object, "epochs"))) out->epochs = json_number_value(value);
    const char *data = json_string_value(json_object_get(object, "data"));
    const char *target = json_string_value(json_object_get(object, "target_features"));
    good = good && snprintf(out->data, sizeof out->data, "%s", data ? data : "") < (int)sizeof out->data;
    good = good && snprintf(out->target_features, sizeof out->target_features, "%s", target ? target : "") <
                       (int)sizeof out->target_features;
    json_decref(object);
    if (good) return true;
    return vt_fail(error, 2, "%s: damaged: %s; without it --data and other flags have to be given again",
                   path, object ? "a value has the wrong type" : problem.text);
}

char *vt_run_settings_text(const VtRunSettings *s) {
    json_t *object = json_object();
    bool good = object != NULL;
    if (s->data[0]) good = good && json_object_set_new(object, "data", json_string(s->data)) == 0;
    if (s->target_features[0])
        good = good && json_object_set_new(object, "target_features", json_string(s->target_features)) == 0;
#define SET(key)                                                                                             \
    if (s->key > 0 || (s->key == 0 && strcmp(#key, "max_broken") == 0))                                      \
        good = good && json_object_set_new(object, #key, json_integer(s->key)) == 0;
    NUMBERS(SET)
    good = good && json_object_set_new(object, "epochs", json_real(s->epochs)) == 0;
    char *text = good ? json_dumps(object, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) : NULL;
    json_decref(object);
    return text;
}
