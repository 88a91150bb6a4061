/* The program of a built program: a variant that this machine runs, with settings of a run or of the command line. */
#include "runtime/machine/choose.h"
#include "runtime/program/settings.h"
#include "standalone/standalone.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static BuiltProgram *of_built(Made *made) {
    return (BuiltProgram *)made; /* its first member */
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

/* malloc'ed; NULL after telling. */
static char *read_recipe(const char *path) {
    enum { MOST = 16 << 20 };
    struct stat status;
    char *text = NULL;
    size_t n = 0;
    FILE *file = stat(path, &status) == 0 && S_ISREG(status.st_mode) ? fopen(path, "re") : NULL;
    if (file && status.st_size < MOST) text = malloc((size_t)status.st_size + 1);
    if (text) n = fread(text, 1, (size_t)status.st_size, file);
    bool good = text && !ferror(file);
    if (!good)
        fail(file ? 1 : 2, "cannot read '%s': %s", path,
             file && status.st_size >= MOST ? "it is no recipe" : strerror(errno ? errno : EINVAL));
    if (file) fclose(file);
    if (good) {
        text[n] = '\0';
        return text;
    }
    free(text);
    return NULL;
}

/* ---- settings ---------------------------------------------------------------------------------------------------- */

/* Gives one setting a value as text; it is set, and checked, together with all others. False after telling. */
static bool take_value(BuiltProgram *b, int i, const char *text) {
    double value;
    SettingText *out = &b->values[i];
    const VtSetting *s = &b->program.settings[i];
    if (!read_decimal(text, &value) || strlen(text) >= sizeof out->text)
        return fail(2, "%s=%s: a number was expected", s->key, text) < 0;
    if (s->whole && value == floor(value) && fabs(value) < 1e15)
        snprintf(out->text, sizeof out->text, "%.0f", value);
    else
        snprintf(out->text, sizeof out->text, "%s", text + (*text == '+'));
    return true;
}

/* key=value of the command line. */
static bool take_overrides(BuiltProgram *b, const Arguments *args) {
    for (int i = 0; i < args->n_overrides; i++) {
        const char *word = args->overrides[i];
        char name[64];
        size_t n = strcspn(word, "=");
        snprintf(name, sizeof name, "%.*s", (int)(n < 63 ? n : 63), word);
        const char *key = find_key(name);
        int setting = key ? find_setting(key) : -1;
        if (setting < 0) return refuse_key(key ? key : name);
        if (!take_value(b, setting, word + n + 1)) return false;
    }
    return true;
}

/* Sets all that have a text. */
static bool set_all(BuiltProgram *b) {
    VtError error = {0};
    int n = 0;
    VtSettingValue *values = malloc(sizeof *values * ((size_t)b->program.n_settings + 1));
    bool good = values || vt_fail(&error, 1, "out of memory");
    for (int i = 0; good && i < b->program.n_settings; i++) {
        double value;
        if (!b->values[i].text[0]) continue;
        good =
            read_decimal(b->values[i].text, &value) || vt_fail(&error, 2, "%s = %s: a number was expected",
                                                               b->program.settings[i].key, b->values[i].text);
        values[n++] = (VtSettingValue){i, value};
    }
    good = good && vt_program_set(&b->program, values, n, &error);
    free(values);
    return good || fail(error.code, "%s", error.message) < 0;
}

/* A run that goes on keeps what it had, also where that was made of other settings. */
static void keep_followers(BuiltProgram *b) {
    for (int i = 0; i < b->program.n_settings; i++) {
        const VtSetting *s = &b->program.settings[i];
        SettingText *text = &b->values[i];
        if (s->made && !text->text[0])
            snprintf(text->text, sizeof text->text, "%.*s", (int)s->length, vt_built.recipe + s->at);
    }
}

/* The texts of settings that followed others, as vitc writes what a formula gave: a real number stays one. */
static void tell_followers(BuiltProgram *b) {
    for (int i = 0; i < b->program.n_settings; i++) {
        const VtSetting *s = &b->program.settings[i], *own = &b->variant->program->settings[i];
        char *text = b->values[i].text;
        if (!s->made || s->value == own->value) continue;
        snprintf(text, sizeof b->values[i].text, "%.17g", s->value);
        bool real = memchr(vt_built.recipe + own->at, '.', (size_t)own->length) != NULL;
        if (real && strspn(text, "-0123456789") == strlen(text)) strcat(text, ".0");
    }
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

static void unmake(Made *made) {
    if (!made) return;
    BuiltProgram *b = of_built(made);
    vt_program_copy_free(&b->program);
    for (int i = 0; i < b->n_texts; i++) free(b->rule_texts[i]);
    free(b->rule_texts);
    free(b->rules);
    free(b->values);
    free(b->recipe);
    free(b);
}

/* A run may have begun on a machine that does more. */
static bool choose(BuiltProgram *b, const MakeRequest *request) {
    VtChoice choice = vt_choose_variant(&vt_built, request->target);
    if (!choice.variant && request->target && !request->target_given) {
        VtChoice best = vt_choose_variant(&vt_built, NULL);
        if (best.variant)
            printf("target: %s -> %s (%s)\n", request->target, best.variant->target, choice.message);
        choice = best;
    }
    if (!choice.variant) return fail(choice.code, "%s", choice.message) < 0;
    b->variant = choice.variant;
    return true;
}

/* Tells how the recipe of the run differs, but for settings; false where it does and that is not forced. */
static bool check_lines(BuiltProgram *b, const MakeRequest *request, const char *saved) {
    Change *changes = NULL;
    size_t n = 0;
    const VtProgram *p = &b->program;
    SettingText *values = calloc((size_t)p->n_settings + 1, sizeof *values);
    char *recipe = NULL;
    bool good = values && recipe_values(vt_built.recipe, p->settings, p->n_settings, saved, values) &&
                (recipe = recipe_splice(vt_built.recipe, p->settings, p->n_settings, values)) &&
                recipe_lines(saved, recipe, &changes, &n);
    if (!good)
        fail(1, "out of memory");
    else
        good = judge_changes(request, changes, n);
    free(changes);
    free(values);
    free(recipe);
    return good;
}

/* The values that the run has, where the recipe is not to begin anew with its own. */
static bool take_saved(BuiltProgram *b, const MakeRequest *request) {
    if (request->recipe || !request->saved) return true;
    char *saved = read_recipe(request->saved);
    const VtProgram *p = &b->program;
    bool good = saved && (recipe_values(vt_built.recipe, p->settings, p->n_settings, saved, b->values) ||
                          fail(1, "out of memory") < 0);
    /* A run that goes on is compared by check_saved. */
    good = good && (request->continues || check_lines(b, request, saved));
    if (good) keep_followers(b);
    free(saved);
    return good;
}

static Made *make(const MakeRequest *request) {
    VtError error = {0};
    BuiltProgram *b = calloc(1, sizeof *b);
    if (!b) {
        fail(1, "out of memory");
        return NULL;
    }
    bool good = choose(b, request);
    const VtProgram *p = good ? b->variant->program : NULL;
    if (good && !vt_program_copy(p, &b->program, &error)) good = fail(error.code, "%s", error.message) < 0;
    if (good && !(b->values = calloc((size_t)p->n_settings + 1, sizeof *b->values)))
        good = fail(1, "out of memory") < 0;
    good = good && take_saved(b, request) && take_overrides(b, request->args) && set_all(b);
    if (good) tell_followers(b);
    if (good) b->recipe = recipe_splice(vt_built.recipe, p->settings, p->n_settings, b->values);
    if (good && !b->recipe) good = fail(1, "out of memory") < 0;
    if (!good) {
        unmake(&b->made);
        return NULL;
    }
    snprintf(b->origin, sizeof b->origin, "built for %s by vitc %s", b->variant->target, vt_built.version);
    b->made = (Made){
        .program = &b->program, .resolved = b->recipe, .origin = b->origin, .target = b->variant->target};
    return &b->made;
}

/* ---- a run that goes on ------------------------------------------------------------------------------------------ */

static ChangeKind kind_of(const VtSetting *s) {
    const int harmless =
        VT_SETS_CHECKPOINT_EVERY | VT_SETS_KNN_EVERY | VT_SETS_KNN_K | VT_SETS_KNN_TEMPERATURE;
    if (s->extent) return CHANGE_EXTENT;
    return s->sets && !(s->sets & ~harmless) ? CHANGE_HARMLESS : CHANGE_MEANING;
}

/* Settings that are not what the run has. */
static bool check_settings(BuiltProgram *b, const MakeRequest *request, const char *saved) {
    const VtProgram *own = b->variant->program;
    int n = own->n_settings;
    size_t count = 0;
    Change *changes = malloc(sizeof *changes * ((size_t)n + 1));
    SettingText *before = calloc((size_t)n + 1, sizeof *before),
                *texts = calloc(2 * (size_t)n + 1, sizeof *texts);
    bool good = changes && before && texts && recipe_values(vt_built.recipe, own->settings, n, saved, before);
    if (!good) fail(1, "out of memory");
    for (int i = 0; good && i < n; i++) {
        double was = own->settings[i].value, is = b->program.settings[i].value;
        if (before[i].text[0] && !read_decimal(before[i].text, &was)) continue; /* check_lines tells it */
        if (was == is) continue;
        snprintf(texts[2 * i].text, sizeof texts->text, "%.15g", was);
        snprintf(texts[2 * i + 1].text, sizeof texts->text, "%.15g", is);
        changes[count++] = (Change){.key = own->settings[i].key,
                                    .before = texts[2 * i].text,
                                    .after = texts[2 * i + 1].text,
                                    .kind = kind_of(&own->settings[i])};
    }
    good = good && judge_changes(request, changes, count);
    free(changes);
    free(before);
    free(texts);
    return good;
}

static bool check_saved(Made *made, const MakeRequest *request) {
    BuiltProgram *b = of_built(made);
    if (!request->saved || !request->continues) return true;
    char *saved = read_recipe(request->saved);
    bool good = saved && check_lines(b, request, saved) && check_settings(b, request, saved);
    free(saved);
    return good;
}

static void print_targets(FILE *out) {
    vt_print_variants(&vt_built, vt_choose_variant(&vt_built, NULL).variant, out);
}

static const FlagTable NONE = {NULL, 0, NULL};

const Command BUILT = {.compiles = false,
                       .print_version = print_about,
                       .flags = &NONE,
                       .setting_flag = find_key,
                       .hint = hint_key,
                       .complete = complete_key,
                       .print_targets = print_targets,
                       .make = make,
                       .unmake = unmake,
                       .check_saved = check_saved,
                       .read_renames = read_rules};
