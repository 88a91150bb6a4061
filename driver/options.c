/* Command-line arguments. */
#include "driver/driver.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int fail(int code, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("vitc: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return code;
}

static bool unknown_flag(const char *name, const Flag *flags, size_t n) {
    const char *names[64];
    for (size_t i = 0; i < n && i < 64; i++) names[i] = flags[i].name;
    const char *near = diag_nearest(name, names, n);
    fail(2, "unknown flag --%s%s%s%s", name, near ? "; did you mean --" : "", near ? near : "",
         near ? "?" : " (vitc help lists them)");
    return false;
}

/* The recipe's key that a flag sets; NULL: none. */
static const char *setting_of(const char *flag) {
    static const char *const settings[][2] = {{"precision", "train.precision"}};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (strcmp(settings[i][0], flag) == 0) return settings[i][1];
    return NULL;
}

bool parse_arguments(int argc, char **argv, Flag *flags, size_t n_flags, Arguments *out) {
    memset(out, 0, sizeof *out);
    for (int i = 0; i < argc; i++) {
        const char *arg = argv[i];
        if (strncmp(arg, "--", 2) != 0 || !arg[2]) {
            bool override = strchr(arg, '=') && !strchr(arg, '/')
                                ? true
                                : strchr(arg, '=') && strchr(arg, '=') < strchr(arg, '/');
            if (override && out->n_overrides == 256) return fail(2, "more than 256 settings") < 0;
            if (!override && out->n_words == 16) return fail(2, "too many arguments") < 0;
            if (override)
                out->overrides[out->n_overrides++] = arg;
            else
                out->words[out->n_words++] = arg;
            continue;
        }
        char name[64];
        const char *equals = strchr(arg, '=');
        snprintf(name, sizeof name, "%.*s", (int)(equals ? equals - arg - 2 : 60), arg + 2);
        Flag *flag = NULL;
        for (size_t f = 0; f < n_flags; f++)
            if (strcmp(flags[f].name, name) == 0) flag = &flags[f];
        if (!flag) return unknown_flag(name, flags, n_flags);
        flag->given = true;
        if (flag->takes_value == FLAG_BARE && equals) return fail(2, "--%s takes no value", name) < 0;
        if (flag->takes_value == FLAG_BARE || (flag->takes_value == FLAG_MAYBE && !equals)) continue;
        if (!equals && i + 1 == argc) return fail(2, "--%s wants a value", name) < 0;
        flag->value = equals ? equals + 1 : argv[++i];
        const char *key = setting_of(name);
        if (!key) continue;
        Precision precision;
        if (strcmp(name, "precision") == 0 && !precision_find(flag->value, &precision))
            return fail(2, "--precision %s: fp32, bf16 or bf16x3 was expected", flag->value) < 0;
        if (out->n_settings == 8 || out->n_overrides == 256) return fail(2, "too many settings") < 0;
        char *setting = out->settings[out->n_settings++];
        snprintf(setting, sizeof out->settings[0], "%s=%s", key, flag->value);
        out->overrides[out->n_overrides++] = setting;
    }
    return true;
}

bool number_flag(const Flag *flag, double low, double high, double *out) {
    if (!flag->given) return true;
    char *end;
    double value = strtod(flag->value, &end);
    if (end == flag->value || *end || !(value >= low && value <= high))
        return fail(2, "--%s %s: a number from %g to %g was expected", flag->name, flag->value, low, high) <
               0;
    *out = value;
    return true;
}
