/* The recipe's text in a built program, and the one that a run has saved: they are the same but for the values of
 * settings, or it is told where they differ. */
#ifndef VITC_STANDALONE_SAVED_H
#define VITC_STANDALONE_SAVED_H

#include "command/changes.h"
#include "runtime/program.h"

/* The text of a setting's value, as recipes have it; "": as the built program's recipe has it. */
typedef struct {
    char text[40];
} SettingText;

/* The recipe with other values of settings; malloc'ed, NULL: no memory. */
char *recipe_splice(const char *recipe, const VtSetting *settings, int n, const SettingText *values);
/* The values that a saved recipe has, where it is the same recipe. Where it is another, those that can be found. False:
 * no memory. */
bool recipe_values(const char *recipe, const VtSetting *settings, int n, const char *saved,
                   SettingText *values);
/* Lines that differ, by their number in `saved`, of the kind CHANGE_MEANING; *changes and what it points into are one
 * block, malloc'ed. False: no memory. */
bool recipe_lines(const char *saved, const char *recipe, Change **changes, size_t *n);

#endif
