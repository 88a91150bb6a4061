/* A tree as YAML, without loss: what is read back is the same tree. */
#include "frontend/text/tree.h"
#include "ir/base/stream.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

/* The length of the character at s (valid UTF-8) if libyaml writes it as it is, else 0. */
static size_t printable(const unsigned char *s, size_t left) {
    if (s[0] < 0x80) return s[0] >= ' ' && s[0] < 0x7f;
    unsigned length = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4, code = s[0] & (0x7fu >> length);
    if (left < length || length == 4) return 0;
    for (unsigned i = 1; i < length; i++) code = code << 6 | (s[i] & 0x3fu);
    bool good = code >= 0xa0 && code != 0x2028 && code != 0x2029 && code != 0xfeff && code < 0xfffe;
    return good ? length : 0;
}

/* Whether the emitter has the style that the scalar was read from. It takes double quotes in place of a block with
 * spaces before the end of a line, or where a character is not printed as it is, and in place of a plain word of
 * several lines. */
static bool has_style(const Tree *tree) {
    const unsigned char *s = (const unsigned char *)tree->text;
    if (tree->quoted && !tree->block) return true;
    if (tree->block && (tree->size == 0 || s[0] == ' ' || s[0] == '\n' || s[tree->size - 1] == ' '))
        return false;
    for (size_t i = 0, n; i < tree->size; i += n) {
        n = printable(s + i, tree->size - i);
        if (s[i] == '\n' && tree->block && s[i - 1] != ' ') n = 1;
        if (!n) return false;
    }
    return true;
}

static bool emit_scalar(yaml_emitter_t *emitter, const Tree *tree) {
    yaml_event_t event;
    yaml_scalar_style_t style = tree->block    ? YAML_LITERAL_SCALAR_STYLE
                                : tree->quoted ? YAML_DOUBLE_QUOTED_SCALAR_STYLE
                                               : YAML_ANY_SCALAR_STYLE;
    const char *tag = NULL;
    if (!has_style(tree)) {
        tag = tree->block ? "!block" : "!plain";
        style = YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    }
    return yaml_scalar_event_initialize(&event, NULL, (const yaml_char_t *)tag,
                                        (const yaml_char_t *)tree->text, (int)tree->size, !tag, !tag,
                                        style) &&
           yaml_emitter_emit(emitter, &event);
}

static bool emit_tree(yaml_emitter_t *emitter, const Tree *tree) {
    yaml_event_t event;
    bool list = tree->kind == TREE_LIST;
    if (tree->kind == TREE_SCALAR) return emit_scalar(emitter, tree);
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

static bool emit_document(FILE *stream, const Tree *tree) {
    yaml_emitter_t emitter;
    yaml_event_t event;
    if (!yaml_emitter_initialize(&emitter)) arena_must(NULL);
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
    /* An event that is not made has but one reason. */
    if (!good && (emitter.error == YAML_NO_ERROR || emitter.error == YAML_MEMORY_ERROR)) arena_must(NULL);
    yaml_emitter_delete(&emitter);
    return good;
}

/* The first part of `a` that `b` does not have alike, or NULL. */
static const Tree *first_difference(const Tree *a, const Tree *b) {
    if (a->kind != b->kind || a->count != b->count) return a;
    if (a->kind == TREE_SCALAR) {
        bool same = a->block == b->block && a->quoted == b->quoted && a->size == b->size &&
                    memcmp(a->text, b->text, a->size) == 0;
        return same ? NULL : a;
    }
    for (size_t i = 0; i < a->count; i++) {
        const Tree *part = a->items[i].key ? first_difference(a->items[i].key, b->items[i].key) : NULL;
        if (!part) part = first_difference(a->items[i].value, b->items[i].value);
        if (part) return part;
    }
    return NULL;
}

/* Reads the text back, with diagnostics of its own. */
static bool check(Arena *arena, Diags *diags, const Tree *tree, const char *text, size_t size) {
    Diags *aside = diags_new(arena);
    const Tree *back = tree_parse(arena, aside, diags_add_source(aside, "saved", text, size), text, size);
    const Tree *part = back ? first_difference(tree, back) : NULL;
    if (!back)
        diag_error(diags, tree->loc, "the recipe cannot be saved as YAML that is read back: %s",
                   diags_count(aside) ? diags_message(aside, 0, NULL, NULL) : "no reason known");
    if (part) diag_error(diags, part->loc, "this cannot be saved as YAML that is read back as it is");
    return back && !part;
}

char *tree_print(Arena *arena, Diags *diags, const Tree *tree) {
    TextStream stream;
    size_t size;
    bool good = emit_document(stream_begin(&stream), tree);
    char *text = stream_end(&stream, &size);
    char *copy = good ? arena_strndup(arena, text, size) : NULL;
    free(text);
    if (!copy) diag_error(diags, tree->loc, "the recipe cannot be written as YAML");
    return copy && check(arena, diags, tree, copy, size) ? copy : NULL;
}
