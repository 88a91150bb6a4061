/* YAML into a tree: libyaml's events, with positions and limits. */
#include "frontend/text/tree.h"
#include "frontend/text/traps.h"
#include "ir/base/names.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { MAX_DEPTH = 64, MAX_NODES = 1000000, MAX_KEYS = 10000, MAX_BYTES = 4 << 20, FEW_KEYS = 8 };

typedef struct {
    Arena *arena;
    Diags *diags;
    uint32_t file;
    const char *text;
    size_t size;
    yaml_parser_t yaml;
    struct Anchor {
        const Tree *tree;
        size_t nodes, bytes;
    } *anchors;
    size_t n_anchors, anchors_capacity;
    Names anchor_names;
    size_t nodes, bytes; /* so far, with aliases written out */
    const char *line;    /* of source line `line_number` */
    uint32_t line_number;
    LastScalar last;
    Mends *mends;
    char *mended; /* the text to be read instead, after an error that was told */
    bool failed;
} Reader;

static Loc loc_of(const Reader *r, yaml_mark_t mark) {
    return trap_loc(r->mends, r->file, mark);
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
    if (r->yaml.error == YAML_MEMORY_ERROR) arena_must(NULL);
    const char *problem = r->yaml.problem ? r->yaml.problem : "malformed";
    if (r->yaml.error == YAML_READER_ERROR) { /* bad UTF-8: a byte offset */
        memset(&mark, 0, sizeof mark);
        for (size_t i = 0; i < r->yaml.problem_offset && i < r->size; i++) {
            mark.column++;
            if (r->text[i] == '\n') mark.line++, mark.column = 0;
        }
    }
    if (r->yaml.error == YAML_READER_ERROR)
        diag_error(r->diags, loc_of(r, mark), "YAML: %s", problem);
    else
        r->mended = trap_tell(r->arena, r->diags, r->file, r->text, r->size, &r->yaml, &r->last, r->mends);
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

/* Start of source line `line` (from 1), which is not before any that was asked for. */
static const char *line_start(Reader *r, uint32_t line) {
    const char *end = r->text + r->size;
    while (r->line_number < line && r->line < end) {
        const char *stop = memchr(r->line, '\n', (size_t)(end - r->line));
        r->line = stop ? stop + 1 : end;
        r->line_number++;
    }
    return r->line;
}

/* Text of a literal block begins on the next line; how far it is indented tells its first line that is not blank. */
static void place_block(Reader *r, Tree *tree) {
    const char *first = tree->text, *end = r->text + r->size;
    size_t indent = 0, own = 0;
    tree->loc.line++;
    tree->loc.col = 1;
    while (*first == '\n') first++; /* leading blank lines are part of the text */
    const char *at = line_start(r, tree->loc.line + (uint32_t)(first - tree->text));
    while (at + indent < end && at[indent] == ' ') indent++;
    while (first[own] == ' ') own++;
    tree->indent = indent > own ? (uint32_t)(indent - own) : 0;
}

/* Of a scalar: what its style says, unless it is tagged (see tree_print). False: a tag that means nothing here. */
static bool scalar_kind(const yaml_event_t *event, Tree *tree) {
    yaml_scalar_style_t style = event->data.scalar.style;
    const char *tag = (const char *)event->data.scalar.tag;
    tree->block = style == YAML_LITERAL_SCALAR_STYLE;
    tree->quoted = style != YAML_PLAIN_SCALAR_STYLE;
    if (!tag) return true;
    if (strcmp(tag, "!block") == 0)
        tree->block = tree->quoted = true;
    else if (strcmp(tag, "!plain") == 0)
        tree->block = tree->quoted = false;
    else if (strcmp(tag, YAML_STR_TAG) == 0 || strcmp(tag, "!") == 0)
        tree->quoted = true;
    else
        return false;
    return true;
}

static Tree *read_scalar(Reader *r, const yaml_event_t *event) {
    Tree *tree = new_tree(r, TREE_SCALAR, event->start_mark);
    if (!tree) return NULL;
    yaml_scalar_style_t style = event->data.scalar.style;
    tree->text = arena_strndup(r->arena, (const char *)event->data.scalar.value, event->data.scalar.length);
    tree->size = event->data.scalar.length;
    r->bytes += tree->size;
    if (memchr(tree->text, 0, tree->size)) return fail(r, event->start_mark, "a NUL character in a value");
    if (!scalar_kind(event, tree))
        return fail(r, event->start_mark,
                    "a value cannot begin with `!`: put it in quotes (vitc writes `not a`)");
    r->last = (LastScalar){tree, event->start_mark, event->end_mark};
    tree->lines = style == YAML_FOLDED_SCALAR_STYLE || event->end_mark.line > event->start_mark.line;
    if (style == YAML_LITERAL_SCALAR_STYLE)
        place_block(r, tree);
    else if (style != YAML_PLAIN_SCALAR_STYLE && style != YAML_FOLDED_SCALAR_STYLE)
        tree->loc.col += !trap_is_mend(r->mends, event->start_mark);
    return tree;
}

static Tree *read_value(Reader *r, yaml_event_t *event, int depth);

static void add_anchor(Reader *r, const yaml_char_t *name, const Tree *tree, size_t nodes, size_t bytes) {
    if (!name || !tree) return;
    struct Anchor anchor = {tree, nodes, bytes};
    names_set(r->arena, &r->anchor_names, arena_strdup(r->arena, (const char *)name), (uint32_t)r->n_anchors);
    ARENA_PUSH(r->arena, r->anchors, r->n_anchors, r->anchors_capacity, anchor);
}

static Tree *read_alias(Reader *r, const yaml_event_t *event, int depth) {
    uint32_t index = names_find(&r->anchor_names, (const char *)event->data.alias.anchor);
    if (index == NAMES_NONE)
        return fail(r, event->start_mark,
                    "an alias to an anchor that was not defined before: a value that begins with `*` is put "
                    "in quotes");
    const struct Anchor *anchor = &r->anchors[index];
    r->nodes += anchor->nodes;
    r->bytes += anchor->bytes;
    if (r->nodes > MAX_NODES)
        return fail(r, event->start_mark, "aliases expand to over a million values: refused");
    if (r->bytes > MAX_BYTES)
        return fail(r, event->start_mark, "aliases expand to over 4 MiB of text: refused");
    if (depth + (int)anchor->tree->height > MAX_DEPTH)
        return fail(r, event->start_mark, "nested more than 64 deep, with what the alias stands for");
    return tree_copy(r->arena, anchor->tree);
}

/* Whether the map has the key already; `names` once it has more than a few. */
static bool duplicate_key(Reader *r, const Tree *map, const Tree *key, Names *names) {
    size_t known = map->count;
    if (map->count > FEW_KEYS) {
        uint32_t found = names_find(names, key->text);
        if (found != NAMES_NONE) known = found;
    } else
        for (size_t i = 0; i < map->count && known == map->count; i++)
            if (strcmp(map->items[i].key->text, key->text) == 0) known = i;
    if (known == map->count) return false;
    diag_error(r->diags, key->loc, "key '%s' is given twice", key->text);
    diag_note(r->diags, map->items[known].key->loc, "first here");
    return true;
}

/* After the item was added. */
static void note_key(Reader *r, const Tree *map, Names *names) {
    if (map->count <= FEW_KEYS) return;
    for (size_t i = names->count ? map->count - 1 : 0; i < map->count; i++)
        names_set(r->arena, names, map->items[i].key->text, (uint32_t)i);
}

static Tree *read_collection(Reader *r, const yaml_event_t *start, bool is_map, int depth) {
    if (depth > MAX_DEPTH) return fail(r, start->start_mark, "nested more than 64 deep");
    Tree *tree = new_tree(r, is_map ? TREE_MAP : TREE_LIST, start->start_mark);
    size_t capacity = 0;
    Names names = {0};
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
            item.value->key = first->loc;
            bool flow = start->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
            TreeItem *before = tree->count ? &tree->items[tree->count - 1] : NULL;
            if (flow && before && tree_is_null(item.value) &&
                trap_join(r->arena, r->diags, before->value, first, before->key->text))
                continue;
            if (duplicate_key(r, tree, first, &names)) continue;
            if (tree->count == MAX_KEYS) return fail(r, mark, "more than 10,000 keys in one map");
        }
        bool row = !is_map && start->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
        if (row && tree->count &&
            trap_join(r->arena, r->diags, tree->items[tree->count - 1].value, first, NULL))
            continue;
        ARENA_PUSH(r->arena, tree->items, tree->count, capacity, item);
        if (is_map) note_key(r, tree, &names);
        if (item.value->height >= tree->height) tree->height = item.value->height + 1;
    }
    return NULL;
}

static Tree *read_value(Reader *r, yaml_event_t *event, int depth) {
    size_t before = r->nodes, bytes = r->bytes;
    Tree *tree = NULL;
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        tree = read_scalar(r, event);
        add_anchor(r, event->data.scalar.anchor, tree, 1, r->bytes - bytes);
        return tree;
    case YAML_SEQUENCE_START_EVENT:
        tree = read_collection(r, event, false, depth);
        add_anchor(r, event->data.sequence_start.anchor, tree, r->nodes - before, r->bytes - bytes);
        return tree;
    case YAML_MAPPING_START_EVENT:
        tree = read_collection(r, event, true, depth);
        add_anchor(r, event->data.mapping_start.anchor, tree, r->nodes - before, r->bytes - bytes);
        return tree;
    case YAML_ALIAS_EVENT: return read_alias(r, event, depth);
    default: return fail(r, event->start_mark, "a value is missing here");
    }
}

static Tree *read_text(Reader *r) {
    r->line = r->text;
    r->line_number = 1;
    if (!yaml_parser_initialize(&r->yaml)) arena_must(NULL);
    yaml_parser_set_input_string(&r->yaml, (const unsigned char *)r->text, r->size);
    yaml_parser_set_encoding(&r->yaml, YAML_UTF8_ENCODING);
    Tree *root = NULL;
    yaml_event_t event;
    while (next_event(r, &event)) {
        yaml_event_type_t type = event.type;
        if (type != YAML_STREAM_START_EVENT && type != YAML_DOCUMENT_START_EVENT &&
            type != YAML_STREAM_END_EVENT && type != YAML_DOCUMENT_END_EVENT) {
            if (root)
                fail(r, event.start_mark, "a second document: a recipe is one");
            else
                root = read_value(r, &event, 0);
        }
        yaml_event_delete(&event);
        if (type == YAML_STREAM_END_EVENT) break;
    }
    yaml_parser_delete(&r->yaml);
    if (!r->failed && !root)
        diag_error(r->diags, (Loc){r->file, 0, 0}, "empty: a recipe begins with `recipe: NAME`");
    return r->failed ? NULL : root;
}

Tree *tree_parse(Arena *arena, Diags *diags, uint32_t file, const char *text, size_t size) {
    if (size > MAX_BYTES) {
        diag_error(diags, (Loc){file, 0, 0}, "larger than 4 MiB: not a recipe");
        return NULL;
    }
    if (size >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0)) {
        diag_error(diags, (Loc){file, 0, 0}, "this is UTF-16: save the file as UTF-8");
        return NULL;
    }
    text = tree_skip_mark(text, &size);
    Mends mends = {0};
    Tree *root = NULL;
    while (text) {
        Reader r = {
            .arena = arena, .diags = diags, .file = file, .text = text, .size = size, .mends = &mends};
        root = read_text(&r);
        text = r.mended;
        size = text ? strlen(text) : 0;
    }
    return root;
}

const char *tree_skip_mark(const char *text, size_t *size) {
    if (*size < 3 || memcmp(text, "\xef\xbb\xbf", 3) != 0) return text;
    *size -= 3;
    return text + 3;
}

void tree_set_file(Tree *tree, uint32_t file) {
    tree->loc.file = file;
    if (tree->key.line) tree->key.file = file;
    for (size_t i = 0; i < tree->count; i++) {
        if (tree->items[i].key) tree_set_file(tree->items[i].key, file);
        tree_set_file(tree->items[i].value, file);
    }
}

Tree *tree_copy(Arena *arena, const Tree *tree) {
    Tree *copy = ARENA_NEW(arena, Tree);
    *copy = *tree;
    if (tree->count) copy->items = ARENA_ARRAY(arena, TreeItem, tree->count);
    for (size_t i = 0; i < tree->count; i++) {
        copy->items[i].key = tree->items[i].key ? tree_copy(arena, tree->items[i].key) : NULL;
        copy->items[i].value = tree_copy(arena, tree->items[i].value);
    }
    return copy;
}

Tree *tree_get(const Tree *map, const char *key) {
    for (size_t i = 0; map && map->kind == TREE_MAP && i < map->count; i++)
        if (strcmp(map->items[i].key->text, key) == 0) return map->items[i].value;
    return NULL;
}

bool tree_is_null(const Tree *tree) {
    return tree->kind == TREE_SCALAR && !tree->quoted &&
           (tree->size == 0 || strcmp(tree->text, "~") == 0 || strcmp(tree->text, "null") == 0);
}

const char *tree_word(Diags *diags, const Tree *tree, const char *what) {
    if (tree->kind == TREE_SCALAR && !tree_is_null(tree)) return tree->text;
    diag_error(diags, tree->loc, "%s must be a word, not %s", what,
               tree->kind == TREE_LIST  ? "a list"
               : tree->kind == TREE_MAP ? "a map"
                                        : "empty");
    return NULL;
}
