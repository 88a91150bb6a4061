/* Patterns and groups: see selection.h. */
#include "inspect/text/selection.h"
#include "inspect/outline.h"
#include "ir/base/names.h"
#include "ir/base/pattern.h"

#include <string.h>

/* ---- states ------------------------------------------------------------------------------------------------------ */

#define ALL_ROLES ((1u << ROLE_COUNT) - 1)
static const StateGroup GROUPS[] = {
    {"trained", 1u << ROLE_PARAM, false},
    {"all", ALL_ROLES, true},
    {"none", 0, false},
    {"param", 1u << ROLE_PARAM, true},
    {"ema", 1u << ROLE_EMA, true},
    {"optimizer", 1u << ROLE_OPTIMIZER, true},
    {"buffer", 1u << ROLE_BUFFER, true},
    {"counter", 1u << ROLE_COUNTER, true},
    {"derived", 1u << ROLE_DERIVED, true},
};
enum { N_GROUPS = sizeof GROUPS / sizeof *GROUPS };

const StateGroup *state_group_find(const char *name) {
    for (int i = 0; i < N_GROUPS; i++)
        if (strcmp(GROUPS[i].name, name) == 0) return &GROUPS[i];
    return NULL;
}

bool state_group_has(const StateGroup *group, const State *state) {
    return group->roles >> state->role & 1 && (group->frozen || !state->frozen);
}

/* ---- modules ----------------------------------------------------------------------------------------------------- */

enum { MOST_LETTERS = 512 }; /* of a pattern and a path */

/* Whether the pattern matches the path, or a module that it is in. */
static bool matches(const char *pattern, const char *path) {
    char prefix[MOST_LETTERS];
    size_t n = strlen(path);
    if (pattern_matches(pattern, path)) return true;
    if (n >= sizeof prefix) return false;
    memcpy(prefix, path, n + 1);
    for (char *dot; (dot = strrchr(prefix, '.'));) {
        *dot = '\0';
        if (pattern_matches(pattern, prefix)) return true;
    }
    return false;
}

/* The next pattern of a list, without ".*" at its end; false: there is none. */
static bool next_pattern(const char **at, char *out, size_t size) {
    *at += strspn(*at, ", ");
    size_t n = strcspn(*at, ",");
    if (n == 0) return false;
    snprintf(out, size, "%.*s", (int)n, *at);
    *at += n;
    n = strlen(out);
    while (n && out[n - 1] == ' ') out[--n] = '\0';
    if (n > 2 && strcmp(out + n - 2, ".*") == 0) out[n - 2] = '\0';
    return true;
}

bool only_matches(const char *patterns, const char *path) {
    char pattern[MOST_LETTERS];
    while (path && next_pattern(&patterns, pattern, sizeof pattern))
        if (matches(pattern, path)) return true;
    return false;
}

typedef struct {
    const char **items;
    size_t count, capacity;
    Names known;
} Paths;

/* The modules of a function, each once, behind those found already. */
static void add_paths(Arena *arena, const Func *func, Paths *paths) {
    const Outline *outline = outline_make(arena, func, NULL);
    for (uint32_t g = 1; g < outline->count; g++) {
        const char *scope = outline->groups[g].scope;
        if (names_set(arena, &paths->known, scope, g))
            ARENA_PUSH(arena, paths->items, paths->count, paths->capacity, scope);
    }
}

static const char *refusal(Arena *arena, const char *pattern, const char *const *paths, size_t n) {
    const char *near = diag_nearest(pattern, paths, n), *some = "";
    size_t told = 0;
    if (near) return arena_printf(arena, "no module is '%s'; did you mean '%s'?", pattern, near);
    for (size_t i = 0; i < n && told < 12; i++) { /* those that are in no other */
        if (strchr(paths[i], '.')) continue;
        some = arena_printf(arena, "%s%s%s", some, told++ ? ", " : "", paths[i]);
    }
    if (!told) return arena_printf(arena, "no module is '%s': there are none here", pattern);
    return arena_printf(arena, "no module is '%s'; there are %s, and those in them (%.*s.* names all of one)",
                        pattern, some, (int)strcspn(some, ","), some);
}

const char *only_refusal(Arena *arena, const Module *module, const Func *func, const char *patterns) {
    Paths paths = {0};
    char pattern[MOST_LETTERS];
    if (func) add_paths(arena, func, &paths);
    for (size_t f = 0; !func && f < module->n_funcs; f++) add_paths(arena, module->funcs[f], &paths);
    bool any = false;
    for (const char *at = patterns; next_pattern(&at, pattern, sizeof pattern); any = true) {
        bool found = false;
        for (size_t i = 0; i < paths.count && !found; i++) found = matches(pattern, paths.items[i]);
        if (!found) return refusal(arena, pattern, paths.items, paths.count);
    }
    return any ? NULL : "a pattern of module paths is expected, such as 'student.blocks.0.*'";
}
