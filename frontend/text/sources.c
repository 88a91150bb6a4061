/* The files of a recipe: where `use:`, `base:` and `recipe:` look for them. */
#include "frontend/text/sources.h"
#include "ir/base/stream.h"

#include <string.h>
#include <sys/stat.h>

enum { MAX_SOURCE = 64 << 20 };

char *source_read(Arena *arena, const char *path, size_t *size) {
    return stream_read_file(arena, path, MAX_SOURCE, size);
}

void source_candidates(Arena *arena, const char *from, const char *name, const char *models_dir,
                       const char *out[2]) {
    const char *slash = strrchr(from, '/');
    out[0] = slash ? arena_printf(arena, "%.*s/%s", (int)(slash - from), from, name)
                   : arena_printf(arena, "./%s", name);
    out[1] = models_dir ? arena_printf(arena, "%s/%s", models_dir, name) : NULL;
}

const char *source_recipe(Arena *arena, const char *from, const char *word, const char *models_dir, bool here,
                          const char **folder) {
    static const char *const endings[] = {"", ".yaml"};
    bool absolute = word[0] == '/';
    const char *paths[4] = {here || absolute ? word : NULL};
    if (!absolute) source_candidates(arena, from, word, models_dir, paths + 1);
    paths[3] = models_dir && !absolute ? arena_printf(arena, "%s/paper/%s", models_dir, word) : NULL;
    *folder = NULL;
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 2 && paths[i]; k++) {
            struct stat status;
            const char *path = arena_printf(arena, "%s%s", paths[i], endings[k]);
            if (stat(path, &status) != 0) continue;
            if (!S_ISDIR(status.st_mode)) return path;
            const char *inside = arena_printf(arena, "%s/recipe.yaml", path);
            if (stat(inside, &status) != 0) continue;
            *folder = path;
            return inside;
        }
    return NULL;
}
