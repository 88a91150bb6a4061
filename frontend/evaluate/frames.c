/* Frames: the names of a running body with their values, and those of the recipe around it. */
#include "frontend/evaluate/evaluator.h"

#include <string.h>

enum { FEW_NAMES = 12 };

Variable *frame_variable(Frame *frame, const char *name) {
    if (!frame) return NULL;
    if (frame->count > FEW_NAMES) {
        uint32_t found = names_find(&frame->names, name);
        bool there = found < frame->count && strcmp(frame->variables[found].name, name) == 0; /* not gone */
        return there ? &frame->variables[found] : NULL;
    }
    for (size_t i = 0; i < frame->count; i++) {
        const char *known = frame->variables[i].name; /* most differ in the first letter */
        if (known[0] == name[0] && strcmp(known, name) == 0) return &frame->variables[i];
    }
    return NULL;
}

Value *frame_find(Frame *frame, const char *name) {
    Variable *variable = frame_variable(frame, name);
    return variable ? &variable->value : NULL;
}

Frame *assigned_frame(Evaluator *e) {
    return e->frame ? e->frame : e->globals;
}

void define(Evaluator *e, Frame *frame, const char *name, Value value) {
    Value *known = frame_find(frame, name);
    if (known) {
        *known = value;
        return;
    }
    Variable variable = {.name = name, .value = value};
    ARENA_PUSH(e->arena, frame->variables, frame->count, frame->capacity, variable);
    if (frame->count <= FEW_NAMES) return;
    for (; frame->n_named < frame->count; frame->n_named++)
        names_set(e->arena, &frame->names, frame->variables[frame->n_named].name, (uint32_t)frame->n_named);
}

static void hide_target(Evaluator *e, Frame *frame, const Expr *target, HiddenNames *hidden,
                        size_t *capacity) {
    for (size_t i = 0; target->kind != EXPR_NAME && i < target->n_args; i++)
        hide_target(e, frame, target->args[i], hidden, capacity);
    const Variable *known = target->kind == EXPR_NAME ? frame_variable(frame, target->text) : NULL;
    if (known) ARENA_PUSH(e->arena, hidden->variables, hidden->n, *capacity, *known);
}

HiddenNames hide_names(Evaluator *e, Frame *frame, const Expr *comprehension) {
    HiddenNames hidden = {.count = frame->count};
    size_t capacity = 0;
    for (size_t i = 0; i < comprehension->n_clauses; i++)
        hide_target(e, frame, comprehension->clauses[i].target, &hidden, &capacity);
    return hidden;
}

/* What a comprehension adds to a frame are its own variables: they stand last. */
void show_names(Frame *frame, const HiddenNames *hidden) {
    for (size_t i = 0; i < hidden->n; i++)
        *frame_variable(frame, hidden->variables[i].name) = hidden->variables[i];
    frame->count = hidden->count;
    if (frame->n_named > frame->count) frame->n_named = frame->count;
}

Value *lookup(Evaluator *e, const char *name) {
    Value *found = frame_find(e->frame, name);
    if (!found && !(e->frame && e->frame->module)) found = frame_find(e->own, name);
    return found ? found : frame_find(e->globals, name);
}

const Builtin *builtin_find(const Evaluator *e, const char *name) {
    for (size_t i = 0; i < e->n_builtins; i++) {
        const char *known = e->builtins[i].name;
        if (known[0] == name[0] && strcmp(known, name) == 0) return &e->builtins[i];
    }
    return NULL;
}
