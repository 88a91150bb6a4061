/* The libraries that a recipe uses: files, or parts of a recipe that was saved with them. */
#include "frontend/read/read.h"
#include "frontend/text/sources.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_OPEN_FILES = 64, MAX_FILES = 1000 };

uint32_t add_text(ParsedRecipe *r, const char *name, const char *key, const Tree *modules) {
    SourceText text = {.name = name, .key = key, .modules = modules};
    for (size_t i = 1; i < r->n_texts; i++) /* two files that are called alike */
        if (strcmp(r->texts[i].name, text.name) == 0) {
            text.name = arena_printf(r->arena, "%s#%zu", name, r->n_texts);
            break;
        }
    ARENA_PUSH(r->arena, r->texts, r->n_texts, r->texts_capacity, text);
    return (uint32_t)(r->n_texts - 1);
}

/* After an error: names that nothing has may be those of the library. */
static void miss_library(ParsedRecipe *r) {
    r->names_missing = r->no_values = true;
}

/* A library: its modules become those of text `source`. */
static void read_library(ParsedRecipe *r, uint32_t source, const char *path, const Tree *root) {
    static const char *const keys[] = {"library", "about", "use", "modules"};
    if (!root || (!check_keys(r, root, "a library", keys, COUNT(keys)) && root->kind != TREE_MAP)) {
        miss_library(r);
        return;
    }
    const Tree *modules = tree_get(root, "modules");
    r->texts[source].modules = modules;
    read_uses(r, source, path, tree_get(root, "use"));
    if (modules) read_modules(r, source, modules);
    note_unread(r, "modules", modules);
    check_library_names(r, modules);
}

/* ---- what a name in `use:` stands for ---------------------------------------------------------------------------- */

typedef struct {
    const char *name, *key;
    const char *path; /* of a file; NULL: a part of the recipe */
    Tree *part;
} Library;

static void not_found(ParsedRecipe *r, const char *from, const Tree *item) {
    const char *slash = strrchr(from, '/'), *models = r->options->models_dir;
    diag_error(r->diags, item->loc, "cannot read '%s' (looked in %.*s%s%s)", item->text,
               slash ? (int)(slash - from) : 1, slash ? from : ".", models ? " and " : "",
               models ? models : "");
    miss_library(r);
}

/* False after an error. */
static bool find_library(ParsedRecipe *r, const char *from, const Tree *item, Library *out) {
    *out = (Library){.name = item->text};
    if (r->libraries && (out->part = tree_get(r->libraries, item->text))) {
        out->key = arena_printf(r->arena, "libraries: %s", item->text);
        return true;
    }
    const char *paths[2];
    source_candidates(r->arena, from, item->text, r->options->models_dir, paths);
    for (int i = 0; i < 2; i++) {
        char *real = paths[i] ? realpath(paths[i], NULL) : NULL;
        if (!real && paths[i] && errno == ENOMEM) arena_must(NULL);
        if (!real) continue;
        out->key = arena_strdup(r->arena, real);
        out->path = paths[i];
        free(real);
        return true;
    }
    not_found(r, from, item);
    return false;
}

/* Reads what was found. A part of the recipe is a text of its own to messages, which tell libraries from recipes. */
static void open_library(ParsedRecipe *r, const Library *library, const char *from, uint32_t source,
                         Loc loc) {
    size_t size = r->own_size;
    const char *text = library->part ? r->own_text : source_read(r->arena, library->key, &size);
    if (!text) {
        diag_error(r->diags, loc, "cannot read '%s': %s", library->key, strerror(errno));
        miss_library(r);
        return;
    }
    text = tree_skip_mark(text, &size);
    const char *path = library->part ? from : library->path;
    uint32_t file = diags_add_source(r->diags, path, text, size);
    if (library->part) tree_set_file(library->part, file);
    read_library(r, source, path,
                 library->part ? library->part : tree_parse(r->arena, r->diags, file, text, size));
}

/* The number of the library's text, which is read if it was not; -1 after an error. */
static int64_t use_library(ParsedRecipe *r, const char *from, const Tree *item) {
    Library library;
    if (!find_library(r, from, item, &library)) return -1;
    for (size_t i = 0; i < r->n_open; i++) {
        if (strcmp(r->open_files[i], library.key) != 0) continue;
        diag_error(r->diags, item->loc, "'%s' uses itself, by way of %zu file%s", item->text, r->n_open,
                   r->n_open == 1 ? "" : "s");
        return -1;
    }
    for (size_t i = 1; i < r->n_texts; i++)
        if (strcmp(r->texts[i].key, library.key) == 0) return (int64_t)i;
    if (r->n_open >= MAX_OPEN_FILES || r->n_texts > MAX_FILES) {
        diag_error(r->diags, item->loc, "more than %d files use each other, or %d in all", MAX_OPEN_FILES,
                   MAX_FILES);
        return -1;
    }
    uint32_t source = add_text(r, library.name, library.key, NULL);
    ARENA_PUSH(r->arena, r->open_files, r->n_open, r->open_capacity, library.key);
    open_library(r, &library, from, source, item->loc);
    r->n_open--;
    return source;
}

void read_use(ParsedRecipe *r, uint32_t source, const char *path, const Tree *item) {
    int64_t used = use_library(r, path, item);
    SourceText *text = &r->texts[source]; /* which reading moves */
    for (size_t i = 0; i < text->n_uses; i++)
        if (text->uses[i] == used) return;
    if (used >= 0) ARENA_PUSH(r->arena, text->uses, text->n_uses, text->uses_capacity, (uint32_t)used);
}

void read_uses(ParsedRecipe *r, uint32_t source, const char *path, const Tree *uses) {
    if (!uses) return;
    bool list = uses->kind == TREE_LIST, word = uses->kind == TREE_SCALAR && uses->size;
    if (!list)
        diag_error(r->diags, uses->loc, "`use` is a list of file names: [%s]",
                   word ? uses->text : "lib/nn.yaml");
    if (!list && !word) miss_library(r);
    for (size_t i = 0; i < (list ? uses->count : word); i++) {
        const Tree *item = list ? uses->items[i].value : uses;
        if (item->kind != TREE_SCALAR) {
            diag_error(r->diags, item->loc, "`use` is a list of file names");
            continue;
        }
        int64_t used = use_library(r, path, item);
        if (used < 0) continue;
        SourceText *text = &r->texts[source]; /* which reading moves */
        ARENA_PUSH(r->arena, text->uses, text->n_uses, text->uses_capacity, (uint32_t)used);
    }
}
