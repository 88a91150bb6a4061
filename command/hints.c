/* What may have been meant by a flag that does not exist: often a setting, which is written key=value. */
#include "command/command.h"
#include "runtime/base/nearest.h"

#include <stdio.h>
#include <string.h>

bool unknown_flag(int argc, char **argv, size_t dashes, const char *name, const char *value,
                  const Flag *flags, size_t n) {
    const char *names[64], *of = NULL;
    char key[64];
    SettingHint hint = {.exact = false};
    bool given = value && *value && value[0] != '-' && !strchr(value, '=');
    for (size_t i = 0; i < n && i < 64; i++) {
        names[i] = flags[i].row->name;
        if (name[0] && !name[1] && flags[i].row->name[0] == name[0] && !of) of = flags[i].row->name; /* -o */
    }
    snprintf(key, sizeof key, "%s", name);
    const char *letter = NULL; /* --out, where there is -o */
    for (size_t i = 0; i < n; i++)
        if (!flags[i].row->name[1] && flags[i].row->name[0] == name[0]) letter = flags[i].row->name;
    for (char *c = key; *c; c++) *c = *c == '-' ? '_' : *c;
    if (command->hint && name[0] && name[1]) command->hint(argc, argv, flags, n, key, &hint);
    const char *near = of ? of : vt_nearest(name, names, n < 64 ? n : 64);
    if (!near && !hint.near[0]) near = letter;
    if (!given) value = "VALUE";
    const char *of_what = command->compiles ? " of a recipe" : "";
    const char *sign = dashes == 2 ? "--" : "-";
    if (hint.near[0] && (hint.exact || !near))
        fail(2, "unknown flag %s%s; settings%s are written without dashes%s%s=%s%s", sign, name, of_what,
             hint.exact ? ": " : ", did you mean ", hint.near, value, hint.exact ? "" : "?");
    else if (near)
        fail(2, "unknown flag %s%s; did you mean %s%s?", sign, name, near[1] ? "--" : "-", near);
    else
        fail(2, "unknown flag %s%s (%s help %s lists them; settings%s are written without dashes, as %s=%s)",
             sign, name, command->name, command_verb->name, of_what, hint.example[0] ? hint.example : key,
             hint.example[0] ? "VALUE" : value);
    return false;
}
