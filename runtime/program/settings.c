/* Scalars of the run that may be given other values: see settings.h. */
#include "runtime/program/settings.h"
#include "runtime/scalars.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Options of train by the field that they set. */
static const struct {
    const char *key;
    int sets;
} OPTIONS[] = {{"epochs", VT_SETS_EPOCHS},
               {"seed", VT_SETS_SEED},
               {"checkpoint_every", VT_SETS_CHECKPOINT_EVERY},
               {"knn.every", VT_SETS_KNN_EVERY},
               {"knn.k", VT_SETS_KNN_K},
               {"knn.temperature", VT_SETS_KNN_TEMPERATURE}};

int vt_setting_find(const VtProgram *p, const char *key) {
    for (int i = 0; i < p->n_settings; i++) {
        const char *alias = p->settings[i].alias;
        if (strcmp(p->settings[i].key, key) == 0 || (alias && strcmp(alias, key) == 0)) return i;
    }
    const char *option = strncmp(key, "train.", 6) == 0 ? key + 6 : key;
    for (size_t o = 0; o < sizeof OPTIONS / sizeof *OPTIONS; o++)
        for (int i = 0; i < p->n_settings && strcmp(OPTIONS[o].key, option) == 0; i++)
            if (p->settings[i].sets & OPTIONS[o].sets) return i;
    return -1;
}

bool vt_setting_is_of_steps(const VtSetting *s) {
    return s->sets == VT_SETS_NOTHING || (s->sets & (VT_SETS_EPOCHS | VT_SETS_SEED));
}

bool vt_program_copy(const VtProgram *program, VtProgram *copy, VtError *error) {
    size_t settings = sizeof *program->settings * (size_t)program->n_settings,
           scalars = sizeof *program->scalars * (size_t)program->n_scalars;
    *copy = *program;
    copy->settings = calloc(1, settings + 1);
    copy->scalars = calloc(1, scalars + 1);
    if (!copy->settings || !copy->scalars) {
        vt_program_copy_free(copy);
        return vt_fail(error, 1, "out of memory");
    }
    if (settings) memcpy((void *)copy->settings, program->settings, settings);
    if (scalars) memcpy((void *)copy->scalars, program->scalars, scalars);
    return true;
}

void vt_program_copy_free(VtProgram *copy) {
    free((void *)copy->settings);
    free((void *)copy->scalars);
    *copy = (VtProgram){0};
}

/* ---- one value --------------------------------------------------------------------------------------------------- */

enum { NUMBER = 32 };

/* As short as it can be read back, but for what has many digits. */
static const char *show(double value, char text[NUMBER]) {
    bool whole = value == floor(value) && fabs(value) < 1e16;
    snprintf(text, NUMBER, whole ? "%.0f" : "%g", value);
    return text;
}

const char *vt_setting_range(const VtSetting *s, char *out, size_t size) {
    char least[NUMBER] = "", most[NUMBER] = "";
    bool bottom = isfinite(s->least), top = isfinite(s->most);
    if (bottom) show(s->least, least);
    if (top) show(s->most, most);
    snprintf(out, size, "%s%s%s%s%s%s", s->whole ? "a whole number" : "a number",
             bottom ? s->least_excluded ? " above " : " of at least " : "", least,
             bottom && top ? " and" : "", top ? s->most_excluded ? " below " : " at most " : "", most);
    return out;
}

static bool check_range(const VtSetting *s, double x, VtError *error) {
    char value[NUMBER], range[128];
    bool low = s->least_excluded ? x > s->least : x >= s->least,
         high = s->most_excluded ? x < s->most : x <= s->most;
    if (low && high && isfinite(x) && (!s->whole || x == floor(x))) return true;
    return vt_fail(error, 2, "%s = %s: %s is expected%s%s%s", s->key, show(x, value),
                   vt_setting_range(s, range, sizeof range), s->help[0] ? " (" : "", s->help,
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

/* ---- what is made of all ----------------------------------------------------------------------------------------- */

static void compute(VtProgram *p) {
    VtScalar *scalars = (VtScalar *)p->scalars; /* its own */
    for (int i = 0; i < p->n_scalars; i++) {
        VtScalar *s = &scalars[i];
        if (s->op == VT_SCALAR_SETTING) {
            VtSetting *setting = (VtSetting *)&p->settings[s->a];
            if (setting->made) setting->value = scalars[setting->made - 1].value; /* which stands before it */
            s->value = setting->value;
        }
        if (s->op < VT_SCALAR_OPERATOR) continue;
        double x[] = {scalars[s->a].value, scalars[s->b].value, scalars[s->c].value};
        s->value = vt_scalar_value(s->op - VT_SCALAR_OPERATOR, x);
    }
    for (int i = 0; i < p->n_settings; i++) {
        VtSetting *s = (VtSetting *)&p->settings[i];
        if (s->made) s->value = scalars[s->made - 1].value;
    }
}

/* Settings that follow others are checked as those that are given. */
static bool check_followers(VtProgram *p, VtError *error) {
    for (int i = 0; i < p->n_settings; i++) {
        if (!p->settings[i].made) continue;
        if (!check_range(&p->settings[i], p->settings[i].value, error)) return false;
        set_train(&p->train, &p->settings[i]);
    }
    return true;
}

/* A condition does not hold: its text, with numbers in the places of {}. */
static bool complain(const VtProgram *p, const VtCondition *c, VtError *error) {
    char message[768], number[NUMBER];
    size_t used = 0;
    int n = 0;
    for (const char *text = c->text; *text && used + NUMBER < sizeof message;) {
        if (text[0] != '{' || text[1] != '}' || n == c->n_values) {
            message[used++] = *text++;
            continue;
        }
        show(p->scalars[c->values[n++]].value, number);
        for (const char *digit = number; *digit; digit++) message[used++] = *digit;
        text += 2;
    }
    message[used] = '\0';
    return vt_fail(error, 2, "%s", message);
}

/* Whether all holds that the recipe demands, and what inputs are fed with are numbers. */
static bool check_all(const VtProgram *p, VtError *error) {
    for (int i = 0; i < p->n_conditions; i++) {
        double holds = p->scalars[p->conditions[i].holds].value;
        if (holds == 0 || isnan(holds)) return complain(p, &p->conditions[i], error);
    }
    for (int i = 0; i < p->n_inputs; i++) {
        const VtInput *input = &p->inputs[i];
        if (input->source == VT_SOURCE_SETTING && !isfinite(p->scalars[input->index].value))
            return vt_fail(error, 2, "with these values a number that is made of settings is not finite (%s)",
                           input->tensor.name);
    }
    return true;
}

bool vt_program_set(VtProgram *copy, const VtSettingValue *values, int n, VtError *error) {
    VtProgram tried;
    for (int i = 0; i < n; i++)
        if (!check_range(&copy->settings[values[i].setting], values[i].value, error)) return false;
    if (!vt_program_copy(copy, &tried, error)) return false;
    for (int i = 0; i < n; i++) {
        VtSetting *s = (VtSetting *)&tried.settings[values[i].setting];
        s->value = values[i].value;
        s->made = 0;
        set_train(&tried.train, s);
    }
    compute(&tried);
    bool good = check_followers(&tried, error) && check_all(&tried, error);
    if (good) { /* where they lie: inputs may be fed from there */
        for (int i = 0; i < copy->n_settings; i++) ((VtSetting *)copy->settings)[i] = tried.settings[i];
        for (int i = 0; i < copy->n_scalars; i++)
            ((VtScalar *)copy->scalars)[i].value = tried.scalars[i].value;
        copy->train = tried.train;
    }
    vt_program_copy_free(&tried);
    return good;
}

const double *vt_feed_scalar(const VtProgram *p, int input, const double *steps_per_epoch) {
    const VtInput *in = &p->inputs[input];
    if (in->source == VT_SOURCE_SETTING) return &p->scalars[in->index].value;
    return in->source == VT_SOURCE_STEPS_PER_EPOCH ? steps_per_epoch : NULL;
}
