/* The recipes that are installed, and what each says that it is. */
#include "driver/driver.h"
#include "ir/base/stream.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

/* Its `about`, ""; NULL: it is no recipe, but a library of them. Only the lines before its knobs are read. */
static const char *about_of(Arena *arena, const char *path) {
    size_t size;
    char *text = stream_read_file(arena, path, (size_t)1 << 20, &size);
    if (!text || (strncmp(text, "recipe:", 7) != 0 && !strstr(text, "\nrecipe:"))) return NULL;
    char *about = strstr(text, "\nabout:");
    if (!about) return "";
    about += strlen("\nabout:") + strspn(about + strlen("\nabout:"), " \"");
    about[strcspn(about, "\n")] = '\0';
    size_t n = strlen(about);
    if (n && about[n - 1] == '"') n--;
    if (n && about[n - 1] == '.') n--;
    about[n] = '\0';
    return about;
}

typedef struct {
    Arena *arena;
    InstalledRecipe *rows;
    size_t count, capacity;
} Rows;

/* Those of one folder; `below`: its name among the models, "" or "paper"; before: what their names begin with. */
static void add_folder(Rows *rows, const char *below, const char *before) {
    struct dirent **entries;
    const char *folder = arena_printf(rows->arena, "%s%s%s", models_dir(), *below ? "/" : "", below);
    int n = scandir(folder, &entries, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        const char *name = entries[i]->d_name, *end = strrchr(name, '.');
        const char *about = end && strcmp(end, ".yaml") == 0
                                ? about_of(rows->arena, arena_printf(rows->arena, "%s/%s", folder, name))
                                : NULL;
        if (about) {
            InstalledRecipe row = {
                .name = arena_printf(rows->arena, "%s%.*s", before, (int)(end - name), name), .about = about};
            ARENA_PUSH(rows->arena, rows->rows, rows->count, rows->capacity, row);
        }
        free(entries[i]);
    }
    if (n >= 0) free(entries);
}

size_t installed_recipes(Arena *arena, bool first, const InstalledRecipe **out) {
    Rows all = {.arena = arena};
    if (first)
        add_folder(&all, "first", "");
    else {
        add_folder(&all, "", "");
        add_folder(&all, "paper", "paper/");
    }
    *out = all.rows;
    return all.count;
}

/* YAML files of the folder that a path is in, with the path as far as that. */
static size_t add_files(Arena *arena, const char *path, const char **names, size_t n, size_t most) {
    struct dirent **entries;
    const char *slash = strrchr(path, '/');
    char *folder = slash ? arena_strndup(arena, path, (size_t)(slash + 1 - path)) : arena_strdup(arena, "");
    int count = scandir(*folder ? folder : ".", &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name, *end = strrchr(name, '.');
        if (end && strcmp(end, ".yaml") == 0 && n < most)
            names[n++] = arena_printf(arena, "%s%s", folder, name);
        free(entries[i]);
    }
    if (count >= 0) free(entries);
    return n;
}

bool refuse_recipe(const char *word) {
    enum { MOST = 1000 };
    Arena *arena = arena_new();
    const char *names[MOST];
    const InstalledRecipe *rows;
    size_t count = installed_recipes(arena, false, &rows), n = 0;
    for (size_t i = 0; i < count && n + 2 < MOST; i++) {
        const char *slash = strrchr(rows[i].name, '/');
        names[n++] = rows[i].name;
        if (slash) names[n++] = slash + 1; /* which names it too */
    }
    n = add_files(arena, word, names, n, MOST);
    unknown_word("there is no recipe", word, names, n, "vitc help recipes");
    arena_free(arena);
    return false;
}
