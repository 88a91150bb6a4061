/* Command-line arguments. */
#include "driver/driver.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The recipe's key that a flag sets; NULL: none. */
static const char *setting_of(const char *flag) {
    static const char *const settings[][2] = {{"precision", "train.precision"}};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (strcmp(settings[i][0], flag) == 0) return settings[i][1];
    return NULL;
}

/* A flag that stands for a setting adds it. */
static bool add_setting(const char *key, const Flag *flag, Arguments *out) {
    Precision precision;
    if (strcmp(flag->name, "precision") == 0 && !precision_find(flag->value, &precision))
        return fail(2, "--precision %s: fp32, bf16 or bf16x3 was expected", flag->value) < 0;
    if (out->n_settings == 8 || out->n_overrides == 256) return fail(2, "too many settings") < 0;
    char *setting = out->settings[out->n_settings++];
    snprintf(setting, sizeof out->settings[0], "%s=%s", key, flag->value);
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

/* A flag of one letter has one. */
static const char *dashes_of(const Flag *flag) {
    return flag->name[1] ? "--" : "-";
}

/* The value of argv[*i], a flag: behind its =, or the argument after it. */
static bool take_value(int argc, char **argv, int *i, Flag *flag) {
    const char *equals = strchr(argv[*i], '='), *dashes = dashes_of(flag);
    flag->given = true;
    if (flag->takes_value == FLAG_BARE && equals)
        return fail(2, "%s%s takes no value", dashes, flag->name) < 0;
    if (flag->takes_value == FLAG_BARE || (flag->takes_value == FLAG_MAYBE && !equals)) return true;
    if (equals && !equals[1]) return fail(2, "%s%s= has no value", dashes, flag->name) < 0;
    if (!equals && *i + 1 == argc) return fail(2, "%s%s wants a value", dashes, flag->name) < 0;
    if (!equals && strncmp(argv[*i + 1], "--", 2) == 0)
        return fail(2, "%s%s wants a value, not %s (one that begins so is written %s%s=%s)", dashes,
                    flag->name, argv[*i + 1], dashes, flag->name, argv[*i + 1]) < 0;
    flag->value = equals ? equals + 1 : argv[++*i];
    return true;
}

bool parse_arguments(int argc, char **argv, Flag *flags, size_t n_flags, Arguments *out) {
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
        Flag *flag = NULL;
        for (size_t f = 0; f < n_flags; f++)
            if (dashes == strlen(dashes_of(&flags[f])) && strlen(flags[f].name) == length &&
                strncmp(flags[f].name, arg + dashes, length) == 0)
                flag = &flags[f];
        if (!flag) {
            char name[64];
            snprintf(name, sizeof name, "%.*s", (int)(length < 60 ? length : 60), arg + dashes);
            return unknown_flag(argc, argv, name, value, flags, n_flags);
        }
        if (!take_value(argc, argv, &i, flag)) return false;
        if (flag->takes_value == FLAG_LIST) {
            if (out->n_values == (int)(sizeof out->values / sizeof *out->values))
                return fail(2, "--%s is given too often", flag->name) < 0;
            out->values[out->n_values++] = flag->value;
        }
        const char *key = setting_of(flag->name);
        if (key && !add_setting(key, flag, out)) return false;
    }
    return true;
}

/* In decimal: strtod alone takes hexadecimal, nan, inf and leading blanks too. */
static bool read_number(const char *text, double *out) {
    char *end;
    *out = strtod(text, &end);
    return *text && !*end && strspn(text, "+-.0123456789eE") == strlen(text);
}

bool whole_flag(const Flag *flag, double low, double high, double *out) {
    double value;
    if (!flag->given) return true;
    if (!read_number(flag->value, &value) || !(value >= low && value <= high) || value != floor(value))
        return fail(2, "--%s %s: a whole number from %.15g to %.15g was expected", flag->name, flag->value,
                    low, high) < 0;
    *out = value;
    return true;
}

bool number_flag(const Flag *flag, double low, double high, double *out) {
    double value;
    if (!flag->given) return true;
    if (!read_number(flag->value, &value) || !(value >= low && value <= high))
        return fail(2, "--%s %s: a number from %g to %g was expected", flag->name, flag->value, low, high) <
               0;
    *out = value;
    return true;
}

bool roofline_flags(const Flag *peak, const Flag *bandwidth, Roofline *roofline) {
    double gflops = roofline->flops / 1e9, gbytes = roofline->bytes / 1e9;
    if (!number_flag(peak, 1e-3, 1e9, &gflops) || !number_flag(bandwidth, 1e-3, 1e9, &gbytes)) return false;
    if (peak->given) roofline->flops = gflops * 1e9;
    if (bandwidth->given) roofline->bytes = gbytes * 1e9;
    return true;
}

bool json_flag(const Flag *format, bool *json) {
    *json = format->given && strcmp(format->value, "json") == 0;
    return *json || !format->given || strcmp(format->value, "text") == 0 ||
           fail(2, "--format %s: text or json was expected", format->value) < 0;
}
