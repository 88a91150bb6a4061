/* YAML into a tree: libyaml's events, with positions and limits. */
#include "frontend/tree.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { MAX_DEPTH = 64, MAX_NODES = 1000000, MAX_BYTES = 16 << 20 };

typedef struct {
    Arena *arena;
    Diags *diags;
    uint32_t file;
    const char *text;
    size_t size;
    yaml_parser_t yaml;
    struct Anchor {
        const char *name;
        Tree *tree;
        size_t nodes;
        struct Anchor *next;
    } *anchors;
    size_t nodes;
    bool failed;
} Reader;

static Loc loc_of(const Reader *r, yaml_mark_t mark) {
    return (Loc){r->file, (uint32_t)mark.line + 1, (uint32_t)mark.column + 1};
}

static Tree *fail(Reader *r, yaml_mark_t mark, const char *message) {
    if (!r->failed) diag_error(r->diags, loc_of(r, mark), "%s", message);
    r->failed = true;
    return NULL;
}

static bool next_event(Reader *r, yaml_event_t *event) {
    if (r->failed) return false;
    if (yaml_parser_parse(&r->yaml, event)) return true;
    yaml_mark_t mark = r->yaml.problem_mark;
    const char *problem = r->yaml.problem ? r->yaml.problem : "malformed";
    if (r->yaml.error == YAML_READER_ERROR) { /* bad UTF-8: a byte offset */
        memset(&mark, 0, sizeof mark);
        for (size_t i = 0; i < r->yaml.problem_offset && i < r->size; i++) {
            mark.column++;
            if (r->text[i] == '\n') mark.line++, mark.column = 0;
        }
    }
    diag_error(r->diags, loc_of(r, mark), "YAML: %s%s%s", problem, r->yaml.context ? " " : "",
               r->yaml.context ? r->yaml.context : "");
    r->failed = true;
    return false;
}

static Tree *new_tree(Reader *r, TreeKind kind, yaml_mark_t mark) {
    if (++r->nodes > MAX_NODES)
        return fail(r, mark, "too many values (aliases expanded); a recipe may hold a million");
    Tree *tree = ARENA_NEW(r->arena, Tree);
    tree->kind = kind;
    tree->loc = loc_of(r, mark);
    return tree;
}

/* Start of source line `line` (from 1). */
static const char *line_start(const Reader *r, uint32_t line, size_t *left) {
    const char *at = r->text, *end = r->text + r->size;
    for (uint32_t i = 1; i < line && at; i++) {
        at = memchr(at, '\n', (size_t)(end - at));
        if (at) at++;
    }
    if (!at) at = end;
    *left = (size_t)(end - at);
    return at;
}

static Tree *read_scalar(Reader *r, const yaml_event_t *event) {
    Tree *tree = new_tree(r, TREE_SCALAR, event->start_mark);
    if (!tree) return NULL;
    tree->text = arena_strndup(r->arena, (const char *)event->data.scalar.value, event->data.scalar.length);
    tree->size = event->data.scalar.length;
    tree->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    if (memchr(tree->text, 0, tree->size)) return fail(r, event->start_mark, "a NUL character in a value");
    if (event->data.scalar.style ==
        YAML_LITERAL_SCALAR_STYLE) { /* text begins on the next line that is not blank */
        tree->block = true;
        tree->loc.line++;
        size_t left, indent = 0;
        const char *at = line_start(r, tree->loc.line, &left);
        const char *first = tree->text;
        while (*first == '\n') first++; /* leading blank lines are part of the text */
        size_t skipped = (size_t)(first - tree->text);
        at = line_start(r, tree->loc.line + (uint32_t)skipped, &left);
        while (indent < left && at[indent] == ' ') indent++;
        size_t own = 0;
        while (first[own] == ' ') own++;
        tree->indent = (uint32_t)(indent - own);
        tree->loc.col = 1;
    } else if (tree->quoted && event->data.scalar.style != YAML_FOLDED_SCALAR_STYLE)
        tree->loc.col++;
    return tree;
}

static Tree *read_value(Reader *r, yaml_event_t *event, int depth);

static void add_anchor(Reader *r, const yaml_char_t *name, Tree *tree, size_t nodes) {
    if (!name || !tree) return;
    struct Anchor *anchor = arena_alloc(r->arena, sizeof *anchor);
    *anchor = (struct Anchor){arena_strdup(r->arena, (const char *)name), tree, nodes, r->anchors};
    r->anchors = anchor;
}

static Tree *read_alias(Reader *r, const yaml_event_t *event) {
    for (struct Anchor *anchor = r->anchors; anchor; anchor = anchor->next) {
        if (strcmp(anchor->name, (const char *)event->data.alias.anchor) != 0) continue;
        r->nodes += anchor->nodes;
        if (r->nodes > MAX_NODES)
            return fail(r, event->start_mark, "aliases expand to over a million values: refused");
        return anchor->tree;
    }
    return fail(r, event->start_mark, "an alias to an anchor that was not defined before");
}

static bool duplicate_key(Reader *r, const Tree *map, const Tree *key) {
    for (size_t i = 0; i < map->count; i++) {
        if (strcmp(map->items[i].key->text, key->text) != 0) continue;
        diag_error(r->diags, key->loc, "key '%s' is given twice", key->text);
        diag_note(r->diags, map->items[i].key->loc, "first here");
        return true;
    }
    return false;
}

static Tree *read_collection(Reader *r, const yaml_event_t *start, bool is_map, int depth) {
    if (depth > MAX_DEPTH) return fail(r, start->start_mark, "nested more than 64 deep");
    Tree *tree = new_tree(r, is_map ? TREE_MAP : TREE_LIST, start->start_mark);
    size_t capacity = 0;
    while (tree && !r->failed) {
        yaml_event_t event;
        if (!next_event(r, &event)) break;
        if (event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&event);
            return tree;
        }
        TreeItem item = {0};
        Tree *first = read_value(r, &event, depth + 1);
        yaml_mark_t mark = event.start_mark;
        yaml_event_delete(&event);
        if (!first) break;
        item.value = first;
        if (is_map) {
            if (first->kind != TREE_SCALAR) return fail(r, mark, "a key must be a plain word");
            item.key = first;
            if (!next_event(r, &event)) break;
            item.value = read_value(r, &event, depth + 1);
            yaml_event_delete(&event);
            if (!item.value) break;
            if (duplicate_key(r, tree, first)) continue;
        }
        ARENA_PUSH(r->arena, tree->items, tree->count, capacity, item);
    }
    return NULL;
}

static Tree *read_value(Reader *r, yaml_event_t *event, int depth) {
    size_t before = r->nodes;
    Tree *tree = NULL;
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        tree = read_scalar(r, event);
        add_anchor(r, event->data.scalar.anchor, tree, 1);
        return tree;
    case YAML_SEQUENCE_START_EVENT:
        tree = read_collection(r, event, false, depth);
        add_anchor(r, event->data.sequence_start.anchor, tree, r->nodes - before);
        return tree;
    case YAML_MAPPING_START_EVENT:
        tree = read_collection(r, event, true, depth);
        add_anchor(r, event->data.mapping_start.anchor, tree, r->nodes - before);
        return tree;
    case YAML_ALIAS_EVENT: return read_alias(r, event);
    default: return fail(r, event->start_mark, "a value is missing here");
    }
}

Tree *tree_parse(Arena *arena, Diags *diags, uint32_t file, const char *text, size_t size) {
    if (size > MAX_BYTES) {
        diag_error(diags, (Loc){file, 0, 0}, "larger than 16 MiB: not a recipe");
        return NULL;
    }
    Reader r = {.arena = arena, .diags = diags, .file = file, .text = text, .size = size};
    if (!yaml_parser_initialize(&r.yaml)) return NULL;
    yaml_parser_set_input_string(&r.yaml, (const unsigned char *)text, size);
    yaml_parser_set_encoding(&r.yaml, YAML_UTF8_ENCODING);
    Tree *root = NULL;
    yaml_event_t event;
    while (next_event(&r, &event)) {
        yaml_event_type_t type = event.type;
        if (type != YAML_STREAM_START_EVENT && type != YAML_DOCUMENT_START_EVENT &&
            type != YAML_STREAM_END_EVENT && type != YAML_DOCUMENT_END_EVENT) {
            if (root)
                fail(&r, event.start_mark, "a second document: a recipe is one");
            else
                root = read_value(&r, &event, 0);
        }
        yaml_event_delete(&event);
        if (type == YAML_STREAM_END_EVENT) break;
    }
    yaml_parser_delete(&r.yaml);
    if (!r.failed && !root)
        diag_error(diags, (Loc){file, 0, 0}, "empty: a recipe begins with `recipe: NAME`");
    return r.failed ? NULL : root;
}

Tree *tree_get(const Tree *map, const char *key) {
    for (size_t i = 0; map && map->kind == TREE_MAP && i < map->count; i++)
        if (strcmp(map->items[i].key->text, key) == 0) return map->items[i].value;
    return NULL;
}

static bool emit_tree(yaml_emitter_t *emitter, const Tree *tree) {
    yaml_event_t event;
    bool list = tree->kind == TREE_LIST;
    if (tree->kind == TREE_SCALAR) {
        yaml_scalar_style_t style = tree->block    ? YAML_LITERAL_SCALAR_STYLE
                                    : tree->quoted ? YAML_DOUBLE_QUOTED_SCALAR_STYLE
                                                   : YAML_ANY_SCALAR_STYLE;
        return yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)tree->text,
                                            (int)tree->size, 1, 1, style) &&
               yaml_emitter_emit(emitter, &event);
    }
    bool good = list ? yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE)
                     : yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE);
    good = good && yaml_emitter_emit(emitter, &event);
    for (size_t i = 0; good && i < tree->count; i++)
        good = (list || emit_tree(emitter, tree->items[i].key)) && emit_tree(emitter, tree->items[i].value);
    good = good &&
           (list ? yaml_sequence_end_event_initialize(&event) : yaml_mapping_end_event_initialize(&event));
    return good && yaml_emitter_emit(emitter, &event);
}

static int write_memory(void *stream, unsigned char *bytes, size_t size) {
    return fwrite(bytes, 1, size, stream) == size;
}

char *tree_print(Arena *arena, const Tree *tree) {
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    yaml_emitter_t emitter;
    yaml_event_t event;
    yaml_emitter_initialize(&emitter);
    yaml_emitter_set_output(&emitter, write_memory, stream);
    yaml_emitter_set_unicode(&emitter, 1);
    yaml_emitter_set_width(&emitter, 110);
    bool good =
        yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) && yaml_emitter_emit(&emitter, &event);
    good = good && yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) &&
           yaml_emitter_emit(&emitter, &event);
    good = good && emit_tree(&emitter, tree);
    good = good && yaml_document_end_event_initialize(&event, 1) && yaml_emitter_emit(&emitter, &event);
    good = good && yaml_stream_end_event_initialize(&event) && yaml_emitter_emit(&emitter, &event);
    yaml_emitter_delete(&emitter);
    fclose(stream);
    char *copy = good ? arena_strndup(arena, text, size) : NULL;
    free(text);
    return copy;
}
