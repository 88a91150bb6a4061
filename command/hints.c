/* What may have been meant by a flag that does not exist: often a setting of the recipe, which is written key=value. */
#include "driver/driver.h"

#include <string.h>

static const Flag *flag_of(const char *arg, const Flag *flags, size_t n) {
    size_t length = strcspn(arg + 2, "=");
    for (size_t i = 0; i < n; i++)
        if (strlen(flags[i].name) == length && strncmp(flags[i].name, arg + 2, length) == 0) return &flags[i];
    return NULL;
}

/* The settings of the first argument that is a recipe: neither flag, nor value of one, nor setting. */
static size_t settings_of(Arena *arena, int argc, char **argv, const Flag *flags, size_t n,
                          const char *const **names) {
    for (int i = 0; i < argc; i++) {
        bool dashes = strncmp(argv[i], "--", 2) == 0;
        const Flag *flag = dashes ? flag_of(argv[i], flags, n) : NULL;
        if (flag && (flag->takes_value == FLAG_VALUE || flag->takes_value == FLAG_LIST) &&
            !strchr(argv[i], '='))
            i++;
        if (argv[i][0] == '-' || flag || strchr(argv[i], '=')) continue;
        size_t count = recipe_settings(arena, find_recipe(arena, argv[i]), names);
        if (count) return count;
    }
    return 0;
}

bool unknown_flag(int argc, char **argv, const char *name, const char *value, const Flag *flags, size_t n) {
    const char *names[64], *of = NULL;
    for (size_t i = 0; i < n && i < 64; i++) {
        names[i] = flags[i].name;
        if (name[0] && !name[1] && flags[i].name[0] == name[0] && !of) of = flags[i].name; /* -o */
    }
    Arena *arena = arena_new();
    char *key = arena_strdup(arena, name);
    for (char *c = key; *c; c++) *c = *c == '-' ? '_' : *c;
    bool exact = false, given = value && *value && value[0] != '-' && !strchr(value, '=');
    const char *const *settings;
    size_t n_settings = name[0] && name[1] ? settings_of(arena, argc, argv, flags, n, &settings) : 0;
    const char *setting = n_settings ? recipe_setting_near(arena, key, settings, n_settings) : NULL;
    if (setting)
        exact = strcmp(setting, key) == 0 ||
                (strncmp(setting, "train.", 6) == 0 && strcmp(setting + 6, key) == 0);
    const char *near = of ? of : diag_nearest(name, names, n < 64 ? n : 64);
    if (!given) value = "VALUE";
    if (setting && (exact || !near))
        fail(2, "unknown flag --%s; settings of a recipe are written without dashes%s%s=%s%s", name,
             exact ? ": " : ", did you mean ", setting, value, exact ? "" : "?");
    else if (near)
        fail(2, "unknown flag %s%s; did you mean --%s?", of ? "-" : "--", name, near);
    else
        fail(2,
             "unknown flag --%s (vitc help lists them; settings of a recipe are written without dashes, as "
             "%s=%s)",
             name, n_settings ? settings[0] : key, n_settings ? "VALUE" : value);
    arena_free(arena);
    return false;
}
