/* What may have been meant by a flag that does not exist: a setting of the recipe that is trained. */
#include "driver/driver.h"

#include <string.h>

static const Flag *flag_of(const char *arg, const Flag *flags, size_t n) {
    size_t length = strcspn(arg + 2, "=");
    for (size_t i = 0; i < n; i++)
        if (strlen(flags[i].row->name) == length && strncmp(flags[i].row->name, arg + 2, length) == 0)
            return &flags[i];
    return NULL;
}

/* The settings of the first argument that is a recipe: neither flag, nor value of one, nor setting. */
static size_t settings_of(Arena *arena, int argc, char **argv, const Flag *flags, size_t n,
                          const char *const **names) {
    for (int i = 0; i < argc; i++) {
        bool dashes = strncmp(argv[i], "--", 2) == 0;
        const Flag *flag = dashes ? flag_of(argv[i], flags, n) : NULL;
        if (flag && (flag->row->kind == FLAG_VALUE || flag->row->kind == FLAG_LIST) && !strchr(argv[i], '='))
            i++;
        if (argv[i][0] == '-' || flag || strchr(argv[i], '=')) continue;
        size_t count = recipe_settings(arena, find_recipe(arena, argv[i]), models_dir(), names);
        if (count) return count;
    }
    return 0;
}

void hint_setting(int argc, char **argv, const Flag *flags, size_t n, const char *word, SettingHint *out) {
    Arena *arena = arena_new();
    const char *const *settings;
    size_t count = settings_of(arena, argc, argv, flags, n, &settings);
    const char *near = count ? recipe_setting_near(arena, word, settings, count) : NULL;
    if (count) snprintf(out->example, sizeof out->example, "%s", settings[0]);
    if (near) {
        snprintf(out->near, sizeof out->near, "%s", near);
        out->exact =
            strcmp(near, word) == 0 || (strncmp(near, "train.", 6) == 0 && strcmp(near + 6, word) == 0);
    }
    arena_free(arena);
}
