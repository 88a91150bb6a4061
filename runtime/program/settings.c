/* Scalars of the run that may be given other values: see settings.h. */
#include "runtime/program/settings.h"
#include "runtime/program/instance.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int vt_setting_find(const VtProgram *p, const char *key) {
    for (int i = 0; i < p->n_settings; i++) {
        const char *alias = p->settings[i].alias;
        if (strcmp(p->settings[i].key, key) == 0 || (alias && strcmp(alias, key) == 0)) return i;
    }
    for (int i = 0; i < p->n_settings; i++)
        if (strncmp(p->settings[i].key, "train.", 6) == 0 && strcmp(p->settings[i].key + 6, key) == 0)
            return i;
    return -1;
}

bool vt_program_copy(const VtProgram *program, VtProgram *copy, VtError *error) {
    VtSetting *settings = calloc((size_t)program->n_settings + 1, sizeof *settings);
    *copy = *program;
    copy->settings = settings;
    if (!settings) return vt_fail(error, 1, "out of memory");
    if (program->n_settings)
        memcpy(settings, program->settings, sizeof *settings * (size_t)program->n_settings);
    return true;
}

void vt_program_copy_free(VtProgram *copy) {
    free((void *)copy->settings);
    *copy = (VtProgram){0};
}

/* ---- one value --------------------------------------------------------------------------------------------------- */

enum { NUMBER = 32 };

/* As short as it can be read back, but for what has many digits. */
static const char *show(double value, char text[NUMBER]) {
    bool whole = value == floor(value) && fabs(value) < 1e15;
    snprintf(text, NUMBER, whole ? "%.0f" : "%g", value);
    return text;
}

static bool check_range(const VtSetting *s, double x, VtError *error) {
    char value[NUMBER], least[NUMBER], most[NUMBER], range[96] = "";
    bool low = s->least_excluded ? x > s->least : x >= s->least,
         high = s->most_excluded ? x < s->most : x <= s->most;
    if (low && high && isfinite(x) && (!s->whole || x == floor(x))) return true;
    bool bottom = isfinite(s->least), top = isfinite(s->most);
    if (bottom) show(s->least, least);
    if (top) show(s->most, most);
    snprintf(range, sizeof range, "%s%s%s%s%s", bottom ? s->least_excluded ? " above " : " of at least " : "",
             bottom ? least : "", bottom && top ? " and" : "",
             top ? s->most_excluded ? " below " : " at most " : "", top ? most : "");
    return vt_fail(error, 2, "%s = %s: %s%s is expected%s%s%s", s->key, show(x, value),
                   s->whole ? "a whole number" : "a number", range, s->help[0] ? " (" : "", s->help,
                   s->help[0] ? ")" : "");
}

static void set_train(VtTrain *t, const VtSetting *s) {
    if (s->sets & VT_SETS_EPOCHS) t->epochs = s->value;
    if (s->sets & VT_SETS_SEED) t->seed = (int64_t)s->value;
    if (s->sets & VT_SETS_CHECKPOINT_EVERY) t->checkpoint_every = s->value;
    if (s->sets & VT_SETS_KNN_EVERY) t->knn_every = s->value;
    if (s->sets & VT_SETS_KNN_K) t->knn_k = (int32_t)s->value;
    if (s->sets & VT_SETS_KNN_TEMPERATURE) t->knn_temperature = s->value;
}

/* ---- what the recipe demands of all together --------------------------------------------------------------------- */

/* Where output `name` of the function is; NULL: it has none. */
static const void *output_of(VtInstance *instance, const char *name) {
    return vt_instance_output(instance, "settings", name, NULL);
}

/* Condition `i` does not hold: its text, with numbers in the places of {}. */
static bool complain(VtInstance *instance, const char *text, int i, VtError *error) {
    char message[512], name[NUMBER], number[NUMBER];
    size_t used = 0;
    for (int n = 0; *text && used + 1 < sizeof message;) {
        const double *value = NULL;
        if (text[0] == '{' && text[1] == '}') {
            snprintf(name, sizeof name, "%d.%d", i, n++);
            value = output_of(instance, name);
        }
        if (!value) {
            message[used++] = *text++;
            continue;
        }
        show(*value, number);
        used += (size_t)snprintf(message + used, sizeof message - used, "%s", number);
        text += 2;
    }
    message[used < sizeof message ? used : sizeof message - 1] = '\0';
    return vt_fail(error, 2, "%s", message);
}

/* Runs function "settings", in a program that has no other: it is alone in its memory. */
static bool check_conditions(const VtProgram *p, VtError *error) {
    const VtFunction *function = vt_find_function(p, "settings");
    if (!p->n_conditions || !function) return true;
    VtProgram alone = *p;
    alone.n_states = alone.n_weights = 0;
    alone.functions = function;
    alone.n_functions = 1;
    VtInstance *instance = vt_instance_new(&alone, error);
    void **inputs = calloc((size_t)p->n_inputs + 1, sizeof *inputs);
    bool good = instance && inputs;
    if (instance && !inputs) vt_fail(error, 1, "out of memory");
    for (int i = 0; good && i < p->n_inputs; i++) inputs[i] = (void *)vt_feed_scalar(p, i, NULL);
    good = good && vt_instance_run(instance, "settings", inputs, error);
    for (int i = 0; good && i < p->n_conditions; i++) {
        char name[NUMBER];
        snprintf(name, sizeof name, "%d", i);
        const bool *holds = output_of(instance, name);
        if (holds && !*holds) good = complain(instance, p->conditions[i], i, error);
    }
    vt_instance_free(instance);
    free(inputs);
    return good;
}

bool vt_program_set(VtProgram *copy, const VtSettingValue *values, int n, VtError *error) {
    VtSetting *settings = (VtSetting *)copy->settings; /* its own */
    VtProgram tried;
    for (int i = 0; i < n; i++)
        if (!check_range(&settings[values[i].setting], values[i].value, error)) return false;
    if (!vt_program_copy(copy, &tried, error)) return false;
    for (int i = 0; i < n; i++) {
        VtSetting *s = (VtSetting *)&tried.settings[values[i].setting];
        s->value = values[i].value;
        set_train(&tried.train, s);
    }
    bool good = check_conditions(&tried, error);
    for (int i = 0; good && i < n; i++) settings[values[i].setting].value = values[i].value;
    if (good) copy->train = tried.train;
    vt_program_copy_free(&tried);
    return good;
}

const double *vt_feed_scalar(const VtProgram *p, int input, const double *steps_per_epoch) {
    const VtInput *in = &p->inputs[input];
    if (in->source == VT_SOURCE_SETTING) return &p->settings[in->index].value;
    return in->source == VT_SOURCE_STEPS_PER_EPOCH ? steps_per_epoch : NULL;
}
