/* Initial weights: see weights.h. */
#include "command/weights.h"
#include "ir/base/stream.h"

#include <errno.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HASH_TEXT = 80 };
#define MOST_RULES ((size_t)16 << 20) /* bytes, as of a recipe */

bool read_renames(Arena *arena, Diags *diags, const char *path, Renames *out) {
    size_t size;
    char *text = stream_read_file(arena, path, MOST_RULES, &size);
    if (!text) return fail(2, "cannot read '%s': %s", path, strerror(errno)) < 0;
    const Tree *map = tree_parse(arena, diags, diags_add_source(diags, path, text, size), text, size);
    bool good = map && map->kind == TREE_MAP;
    for (size_t i = 0; good && i < map->count; i++) good = map->items[i].value->kind == TREE_SCALAR;
    if (!good) {
        if (map)
            diag_error(diags, map->loc, "a map of foreign names (one * allowed) to names here was expected");
        diags_print(diags, stderr, false);
        return false;
    }
    VtRename *rules = ARENA_ARRAY(arena, VtRename, map->count + 1);
    for (size_t i = 0; i < map->count; i++)
        rules[i] = (VtRename){map->items[i].key->text, map->items[i].value->text};
    *out = (Renames){rules, (int)map->count};
    return true;
}

/* "sha256:…" of a file's bytes. False after telling. */
static bool hash_file(const char *path, char out[HASH_TEXT]) {
    static uint8_t chunk[1 << 20];
    uint8_t sum[SHA256_DIGEST_SIZE];
    struct sha256_ctx sha;
    struct stat status;
    bool there = stat(path, &status) == 0, regular = there && S_ISREG(status.st_mode);
    FILE *file = regular ? fopen(path, "re") : NULL; /* a FIFO would wait for its writer */
    if (!file)
        return fail(2, "cannot read '%s': %s", path,
                    there && !regular ? "no regular file" : strerror(errno)) < 0;
    sha256_init(&sha);
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, file)) > 0;) sha256_update(&sha, n, chunk);
    int problem = ferror(file) ? errno : 0;
    fclose(file);
    if (problem) return fail(1, "cannot read '%s': %s", path, strerror(problem)) < 0;
    sha256_digest(&sha, sizeof sum, sum);
    size_t n = (size_t)sprintf(out, "sha256:");
    for (size_t i = 0; i < sizeof sum; i++) n += (size_t)sprintf(out + n, "%02x", sum[i]);
    return true;
}

bool init_flags(const Flag *init, const Flag *rename, const Flag *only, InitFlags *out) {
    *out = (InitFlags){.path = init->value, .rename = rename->value, .only = only->value};
    if (init->given || (!rename->given && !only->given)) return true;
    return fail(2, "--rename and --only go with --init FILE.safetensors") < 0;
}

/* ---- the files --------------------------------------------------------------------------------------------------- */

/* "a.*,b.*" */
static void split_patterns(Arena *arena, const char *text, VtWeights *w) {
    const char **only = ARENA_ARRAY(arena, const char *, strlen(text) + 1);
    while (*text) {
        size_t n = strcspn(text, ",");
        if (n) only[w->n_only++] = arena_strndup(arena, text, n);
        text += n + (text[n] == ',');
    }
    w->only = only;
}

/* Rules and hash. */
static bool settle(Session *s, VtWeights *w) {
    char hash[HASH_TEXT];
    Renames rules;
    if (w->rename) {
        if (!read_renames(s->arena, s->diags, w->rename, &rules)) return false;
        w->rules = rules.items;
        w->n_rules = rules.count;
    }
    if (!hash_file(w->path, hash)) return false;
    if (w->hash && strcmp(w->hash, hash) != 0)
        return fail(2, "'%s' is another file than it was: it has %s, the recipe wants %s", w->path, hash,
                    w->hash) < 0;
    w->hash = arena_strdup(s->arena, hash);
    return true;
}

/* The states of a recipe of which no program was made, as far as weights are concerned. */
static const VtProgram *program_of(const Session *s) {
    const Module *module = s->recipe.module;
    VtProgram *p = ARENA_NEW(s->arena, VtProgram);
    VtState *states = ARENA_ARRAY(s->arena, VtState, module->n_states + 1);
    for (size_t i = 0; i < module->n_states; i++) {
        const State *from = &module->states[i];
        VtTensor tensor = {.name = from->name, .dtype = from->type.dtype, .rank = from->type.rank};
        memcpy(tensor.dim, from->type.dim, sizeof tensor.dim);
        states[i] = (VtState){.tensor = tensor,
                              .role = from->role,
                              .init = from->init,
                              .grid = from->grid,
                              .before = (int32_t)from->before,
                              .after = (int32_t)from->after};
    }
    *p = s->recipe.plan;
    p->states = states;
    p->n_states = (int32_t)module->n_states;
    return p;
}

bool weights_open(Session *s, const InitFlags *init, bool of_recipe, Weights *out) {
    const VtProgram *p = s->program ? s->program : program_of(s);
    VtError error = {0};
    *out = (Weights){.items = ARENA_ARRAY(s->arena, VtWeights, p->n_weights + 1)};
    for (int i = 0; of_recipe && i < p->n_weights; i++) out->items[out->count++] = p->weights[i];
    if (init->path) {
        VtWeights w = {.path = init->path, .rename = init->rename, .hash = init->hash};
        if (init->only) split_patterns(s->arena, init->only, &w);
        out->items[out->count++] = w;
    }
    for (int i = 0; i < out->count; i++)
        if (!settle(s, &out->items[i])) return false;
    if (!out->count) return true;
    out->open = vt_weights_open(p->states, p->n_states, out->items, out->count, &error);
    return out->open || fail(error.code, "%s", error.message) < 0;
}

void weights_tell(const Weights *weights, FILE *out) {
    char text[2048], shown[2048];
    for (int i = 0; weights->open && i < vt_weights_files(weights->open); i++) {
        vt_weights_describe(weights->open, i, text, sizeof text);
        fprintf(out, "%s\n", vt_show_text(text, shown, sizeof shown));
    }
}

/* ---- the recipe -------------------------------------------------------------------------------------------------- */

/* The map of the network or state of that name, or NULL. */
static Tree *map_of(const Tree *recipe, const char *target) {
    static const char *const sections[] = {"networks", "state"};
    for (int i = 0; i < 2; i++) {
        const Tree *section = tree_get(recipe, sections[i]);
        for (size_t k = 0; section && section->kind == TREE_MAP && k < section->count; k++) {
            const char *key = section->items[k].key->text;
            size_t n = strcspn(key, "( ");
            if (strlen(target) == n && strncmp(key, target, n) == 0) return section->items[k].value;
        }
    }
    return NULL;
}

static void set_key(Arena *arena, Tree *map, const char *key, Tree *value) {
    for (size_t i = 0; i < map->count; i++)
        if (strcmp(map->items[i].key->text, key) == 0) {
            map->items[i].value = value;
            return;
        }
    Tree *name = ARENA_NEW(arena, Tree);
    *name = (Tree){.kind = TREE_SCALAR, .text = key, .size = strlen(key)};
    TreeItem *items = ARENA_ARRAY(arena, TreeItem, map->count + 1);
    if (map->count) memcpy(items, map->items, sizeof *items * map->count);
    items[map->count] = (TreeItem){name, value};
    map->items = items;
    map->count++;
}

static Tree *text_tree(Arena *arena, const char *text) {
    Tree *tree = ARENA_NEW(arena, Tree);
    *tree = (Tree){.kind = TREE_SCALAR, .text = text, .size = strlen(text), .quoted = true};
    return tree;
}

static Tree *rules_tree(Arena *arena, const VtWeights *w) {
    Tree *map = ARENA_NEW(arena, Tree);
    *map = (Tree){.kind = TREE_MAP, .items = ARENA_ARRAY(arena, TreeItem, (size_t)w->n_rules + 1)};
    for (int i = 0; i < w->n_rules; i++)
        map->items[map->count++] =
            (TreeItem){text_tree(arena, w->rules[i].from), text_tree(arena, w->rules[i].to)};
    return map;
}

/* NULL after telling. */
static const char *absolute(Arena *arena, const char *path) {
    char joined[4096], *real = realpath(path, NULL); /* NULL: it is gone, and not needed any more */
    if (!real && !absolute_path(path, "from", joined, sizeof joined)) return NULL;
    const char *copy = arena_strdup(arena, real ? real : joined);
    free(real);
    return copy;
}

static bool has_text(const Tree *tree, const char *text) {
    return tree && tree->kind == TREE_SCALAR && strcmp(tree->text, text) == 0;
}

/* A run that goes on: the file, if it is there, is that of the beginning wherever it lies now. */
static void keep_saved(Arena *arena, Tree *map, const Tree *was, const char *path) {
    char hash[HASH_TEXT];
    Tree *from = tree_get(was, "from"), *sum = tree_get(was, "hash"), *rules = tree_get(was, "rename"),
         *rename = tree_get(map, "rename");
    bool moved = from && sum && !has_text(from, path) && access(path, R_OK) == 0 && hash_file(path, hash) &&
                 has_text(sum, hash);
    if (moved) set_key(arena, map, "from", from);
    if (!moved && !has_text(from, path)) return;
    if (sum) set_key(arena, map, "hash", sum);
    if (rules && rename && rename->kind == TREE_SCALAR) set_key(arena, map, "rename", rules);
}

const char *weights_resolved(Session *s, const Weights *weights, const Tree *saved) {
    const VtProgram *p = s->program;
    if (!p->n_weights) return s->resolved;
    size_t size = strlen(s->resolved);
    Tree *root = tree_parse(s->arena, s->diags, diags_add_source(s->diags, "(the recipe)", s->resolved, size),
                            s->resolved, size);
    for (int i = 0; root && i < p->n_weights; i++) {
        const VtWeights *w = weights ? &weights->items[i] : &p->weights[i];
        Tree *map = map_of(root, w->target), *was = saved ? map_of(saved, w->target) : NULL;
        const char *path = absolute(s->arena, w->path);
        if (!path) return NULL;
        if (!map || map->kind != TREE_MAP) continue;
        set_key(s->arena, map, "from", text_tree(s->arena, path));
        if (weights) set_key(s->arena, map, "hash", text_tree(s->arena, w->hash));
        if (weights && w->rename) set_key(s->arena, map, "rename", rules_tree(s->arena, w));
        if (!weights && was) keep_saved(s->arena, map, was, path);
    }
    const char *text = root ? tree_print(s->arena, s->diags, root) : NULL;
    if (!text) diags_print(s->diags, stderr, false);
    return text;
}
