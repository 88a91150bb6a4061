/* The libraries that come with vitc, looked through for a module that a recipe misses. */
#include "frontend/recipe/modules.h"
#include "frontend/text/sources.h"

#include <glob.h>
#include <string.h>

/* Whether the text of a library has the module: its signature stands two columns in. */
static bool has_module(const char *text, const char *name) {
    size_t n = strlen(name);
    for (const char *at = text; (at = strstr(at, "\n  ")); at++)
        if (strncmp(at + 3, name, n) == 0 && (at[3 + n] == '(' || at[3 + n] == ':')) return true;
    return false;
}

const char *library_with(const ParsedRecipe *recipe, const char *module) {
    const char *folder = recipe->options->models_dir, *found = NULL;
    if (!folder) return NULL;
    glob_t files;
    if (glob(arena_printf(recipe->arena, "%s/lib/*.yaml", folder), 0, NULL, &files) != 0) return NULL;
    for (size_t i = 0; i < files.gl_pathc && !found; i++) {
        size_t size;
        const char *text = source_read(recipe->arena, files.gl_pathv[i], &size);
        if (text && has_module(text, module))
            found = arena_strdup(recipe->arena, files.gl_pathv[i] + strlen(folder) + 1);
    }
    globfree(&files);
    return found;
}
