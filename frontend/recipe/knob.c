/* Knobs by name, and in messages. */
#include "frontend/recipe/knob.h"

#include <stdarg.h>
#include <string.h>

const Knob *knob_find(const ParsedRecipe *recipe, const char *name) {
    uint32_t knob = names_find(&recipe->knob_names, name);
    return knob == NAMES_NONE ? NULL : &recipe->knobs[knob];
}

size_t knob_add(const Knob **knobs, size_t n, const Knob *knob) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(knobs[i]->name, knob->name) == 0) return n;
    if (n < MAX_BLAMED) knobs[n++] = knob;
    return n;
}

const char *knob_value_text(const ParsedRecipe *r, const Knob *knob) {
    const char *list = "";
    switch (knob->type) {
    case KNOB_BOOL: return knob->truth ? "true" : "false";
    case KNOB_STRING: return knob->text;
    case KNOB_LIST:
        for (size_t i = 0; i < knob->count; i++)
            list = arena_printf(r->arena, "%s%s%g", list, i ? "," : "", knob->list[i]);
        return arena_printf(r->arena, "[%s]", list);
    default: return arena_printf(r->arena, "%g", knob->number);
    }
}

static const char *knob_text(const ParsedRecipe *r, const Knob *knob) {
    return arena_printf(r->arena, "%s=%s", knob->name, knob_value_text(r, knob));
}

const char *knobs_text(const ParsedRecipe *r, const Knob *const *knobs, size_t n) {
    const char *text = "", *kind = n == 1 ? "knob " : "knobs ";
    for (size_t i = 0; i < n; i++) {
        if (strchr(knobs[i]->name, '.')) kind = ""; /* a value of the recipe, set by its path */
        text = arena_printf(r->arena, "%s%s%s", text, i ? ", " : "", knob_text(r, knobs[i]));
    }
    return n ? arena_printf(r->arena, " (%s%s)", kind, text) : "";
}

void knobs_notes(const ParsedRecipe *r, const Knob *const *knobs, size_t n) {
    for (size_t i = 0; i < n; i++)
        diag_note(r->diags, knobs[i]->set, "%s is set here", knob_text(r, knobs[i]));
}

size_t knobs_in(const ParsedRecipe *r, const Tree *tree, const Knob **knobs, size_t n) {
    char name[64];
    for (size_t i = 0; i < tree->count; i++) n = knobs_in(r, tree->items[i].value, knobs, n);
    if (tree->kind != TREE_SCALAR || !tree->text || tree->text[0] != '$') return n;
    for (const char *at = tree->text; *at;) {
        size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
        if (length && length < sizeof name) {
            memcpy(name, at, length);
            name[length] = '\0';
            const Knob *knob = knob_find(r, name);
            if (knob) n = knob_add(knobs, n, knob);
        }
        at += length ? length : 1;
    }
    return n;
}

void tree_error(const ParsedRecipe *r, const Tree *tree, const char *format, ...) {
    const Knob *knobs[MAX_BLAMED];
    size_t n = knobs_in(r, tree, knobs, 0);
    va_list args;
    va_start(args, format);
    const char *message = arena_vprintf(r->arena, format, args);
    va_end(args);
    diag_error(r->diags, tree->loc, "%s%s", message, knobs_text(r, knobs, n));
    knobs_notes(r, knobs, n);
}
