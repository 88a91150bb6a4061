/* Command-line arguments. */
#include "command/command.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Flags by what they were once called. */
static const char *new_name(const char *flag, size_t length) {
    static const char *const names[][2] = {{"target-features", "target"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i][0]) == length && strncmp(names[i][0], flag, length) == 0) return names[i][1];
    return NULL;
}

/* The setting that a flag stands for; NULL: none. */
static const FlagSetting *setting_of(const char *flag) {
    for (size_t i = 0; i < command->n_flag_settings; i++)
        if (strcmp(command->flag_settings[i].flag, flag) == 0) return &command->flag_settings[i];
    return NULL;
}

static bool add_setting(const char *key, const char *value, Arguments *out) {
    enum { MOST = sizeof out->settings / sizeof *out->settings };
    if (out->n_settings == MOST || out->n_overrides == 256) return fail(2, "too many settings") < 0;
    char *setting = out->settings[out->n_settings];
    if (snprintf(setting, sizeof *out->settings, "%s=%s", key, value) >= (int)sizeof *out->settings)
        return fail(2, "%s=%s: the value is too long", key, value) < 0;
    out->n_settings++;
    out->overrides[out->n_overrides++] = setting;
    return true;
}

/* key=value, unless the = comes after a slash: that is a path. */
static bool is_setting(const char *arg) {
    const char *equals = strchr(arg, '='), *slash = strchr(arg, '/');
    return equals && (!slash || equals < slash);
}

static bool add_word(const char *arg, Arguments *out) {
    bool setting = is_setting(arg);
    if (arg[0] == '=') return fail(2, "'%s': a setting is written key=value, without blanks", arg) < 0;
    if (setting && out->n_overrides == 256) return fail(2, "more than 256 settings") < 0;
    if (!setting && out->n_words == 16) return fail(2, "too many arguments") < 0;
    if (setting)
        out->overrides[out->n_overrides++] = arg;
    else
        out->words[out->n_words++] = arg;
    return true;
}

/* A flag of one letter may have one or two. */
const char *dashes_of(const Flag *flag) {
    return flag->row->name[1] ? "--" : "-";
}

/* The value of argv[*i], a flag: behind its =, or the argument after it. */
static bool take_value(int argc, char **argv, int *i, Flag *flag) {
    const char *equals = strchr(argv[*i], '='), *dashes = dashes_of(flag);
    flag->given = true;
    if (flag->row->kind == FLAG_BARE && equals)
        return fail(2, "%s%s takes no value", dashes, flag->row->name) < 0;
    if (flag->row->kind == FLAG_BARE || (flag->row->kind == FLAG_MAYBE && !equals)) return true;
    if (equals && !equals[1]) return fail(2, "%s%s= has no value", dashes, flag->row->name) < 0;
    if (!equals && *i + 1 == argc) return fail(2, "%s%s wants a value", dashes, flag->row->name) < 0;
    if (!equals && strncmp(argv[*i + 1], "--", 2) == 0)
        return fail(2, "%s%s wants a value, not %s (one that begins so is written %s%s=%s)", dashes,
                    flag->row->name, argv[*i + 1], dashes, flag->row->name, argv[*i + 1]) < 0;
    flag->value = equals ? equals + 1 : argv[++*i];
    return true;
}

/* Adds what a flag that was read stands for. */
static bool note_flag(const Flag *flag, Arguments *out) {
    char what[64];
    snprintf(what, sizeof what, "%s%s", dashes_of(flag), flag->row->name);
    if (flag->row->completes == COMPLETE_WORDS && flag->value &&
        !check_choice(what, flag->value, flag->row->value))
        return false;
    const FlagSetting *setting = setting_of(flag->row->name);
    if (flag->row->kind == FLAG_LIST) {
        if (out->n_values == (int)(sizeof out->values / sizeof *out->values))
            return fail(2, "%s is given too often", what) < 0;
        out->values[out->n_values++] = flag->value;
    }
    if (!setting) return true;
    return add_setting(setting->key, flag->value, out);
}

/* A flag without a row: --peak-lr 0.01 for the setting peak_lr. *known: it is one. */
static bool take_setting(int argc, char **argv, int *i, const char *name, Arguments *out, bool *known) {
    const char *key = command->setting_flag ? command->setting_flag(name) : NULL;
    FlagRow row = {.name = name, .kind = FLAG_VALUE};
    Flag flag = {.row = &row};
    *known = key != NULL;
    return key && take_value(argc, argv, i, &flag) && add_setting(key, flag.value, out);
}

/* -oFILE; NULL: it is none. */
static Flag *take_joined(const char *arg, Flag *flags, size_t n) {
    for (size_t i = 0; arg[1] != '-' && arg[2] && arg[2] != '=' && i < n; i++) {
        Flag *flag = &flags[i];
        if (flag->row->name[0] != arg[1] || flag->row->name[1] || flag->row->kind != FLAG_VALUE) continue;
        flag->given = true;
        flag->value = arg + 2;
        return flag;
    }
    return NULL;
}

static Flag *find_flag(Flag *flags, size_t n, const char *name, size_t length, size_t dashes) {
    const char *now = dashes == 2 ? new_name(name, length) : NULL;
    if (now) name = now, length = strlen(now);
    for (size_t i = 0; i < n; i++)
        if (dashes >= strlen(dashes_of(&flags[i])) && strlen(flags[i].row->name) == length &&
            strncmp(flags[i].row->name, name, length) == 0)
            return &flags[i];
    return NULL;
}

/* Those of the verb's words that are one of a few: knn. */
static bool check_words(const Arguments *args) {
    const Word *words = command_verb->words;
    for (int i = 0; i < args->n_words && i < MOST_WORDS && words[i].name; i++)
        if (words[i].completes == COMPLETE_WORDS &&
            !check_choice(command_verb->name, args->words[i], words[i].name))
            return false;
    return true;
}

bool parse_arguments(int argc, char **argv, Flag *flags, size_t n, Arguments *out) {
    Flag all[MOST_VERB_FLAGS];
    size_t n_flags = verb_flags(command_verb, all);
    assert(n == n_flags);
    if (n) memcpy(flags, all, sizeof *all * n);
    memset(out, 0, sizeof *out);
    bool words = false; /* after "--" */
    for (int i = 0; i < argc; i++) {
        const char *arg = argv[i];
        if (!words && strcmp(arg, "--") == 0) {
            words = true;
            continue;
        }
        if (words || arg[0] != '-' || !arg[1]) {
            if (!add_word(arg, out)) return false;
            continue;
        }
        const char *equals = strchr(arg, '='), *value = equals         ? equals + 1
                                                        : i + 1 < argc ? argv[i + 1]
                                                                       : NULL;
        size_t dashes = arg[1] == '-' ? 2 : 1,
               length = (equals ? (size_t)(equals - arg) : strlen(arg)) - dashes;
        Flag *flag = take_joined(arg, flags, n_flags);
        if (flag) {
            if (!note_flag(flag, out)) return false;
            continue;
        }
        flag = find_flag(flags, n_flags, arg + dashes, length, dashes);
        if (!flag) {
            char name[64];
            bool known;
            snprintf(name, sizeof name, "%.*s", (int)(length < 60 ? length : 60), arg + dashes);
            known = false;
            if (dashes == 2 && take_setting(argc, argv, &i, name, out, &known)) continue;
            return !known && unknown_flag(argc, argv, dashes, name, value, flags, n_flags);
        }
        if (!take_value(argc, argv, &i, flag) || !note_flag(flag, out)) return false;
    }
    return check_words(out);
}

/* strtod alone takes hexadecimal, nan, inf and leading blanks too. */
bool read_decimal(const char *text, double *out) {
    char *end;
    *out = strtod(text, &end);
    return *text && !*end && strspn(text, "+-.0123456789eE") == strlen(text);
}

bool whole_flag(const Flag *flag, double low, double high, double *out) {
    double value;
    if (!flag->given) return true;
    if (!read_decimal(flag->value, &value) || !(value >= low && value <= high) || value != floor(value))
        return fail(2, "--%s %s: a whole number from %.15g to %.15g was expected", flag->row->name,
                    flag->value, low, high) < 0;
    *out = value;
    return true;
}

bool number_flag(const Flag *flag, double low, double high, double *out) {
    double value;
    if (!flag->given) return true;
    if (!read_decimal(flag->value, &value) || !(value >= low && value <= high))
        return fail(2, "--%s %s: a number from %g to %g was expected", flag->row->name, flag->value, low,
                    high) < 0;
    *out = value;
    return true;
}
