/* Names: the frames that hold them, and which are seen where. */
#include "frontend/evaluate/evaluator.h"
#include "frontend/text/foreign.h"

#include <string.h>

enum { FEW_NAMES = 12 };

Variable *frame_variable(Frame *frame, const char *name) {
    if (!frame) return NULL;
    if (frame->count > FEW_NAMES) {
        uint32_t found = names_find(&frame->names, name);
        return found == NAMES_NONE ? NULL : &frame->variables[found];
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
    for (size_t i = frame->names.count; i < frame->count; i++)
        names_set(e->arena, &frame->names, frame->variables[i].name, (uint32_t)i);
}

Value *lookup(Evaluator *e, const char *name) {
    Value *found = frame_find(e->frame, name);
    if (!found && !(e->frame && e->frame->module)) found = frame_find(e->own, name);
    return found ? found : frame_find(e->globals, name);
}

const char *join_scope(Evaluator *e, const char *a, const char *b) {
    if (!a || !*a) return b;
    if (!b || !*b) return a;
    if (strlen(a) + strlen(b) < MAX_NAME) return arena_printf(e->arena, "%s.%s", a, b);
    eval_error(e, e->func->loc, "a name of over %d letters: %.40s…", MAX_NAME, a);
    return a;
}

const Builtin *builtin_find(const Evaluator *e, const char *name) {
    for (size_t i = 0; i < e->n_builtins; i++) {
        const char *known = e->builtins[i].name;
        if (known[0] == name[0] && strcmp(known, name) == 0) return &e->builtins[i];
    }
    return NULL;
}

Value value_of_name(Evaluator *e, const Expr *expr) {
    const char *name = expr->text;
    if (strcmp(name, "true") == 0 || strcmp(name, "false") == 0) return value_bool(name[0] == 't');
    if (strcmp(name, "none") == 0) return value_none();
    Value *found = lookup(e, name);
    if (found) return *found;
    const Builtin *builtin = builtin_find(e, name);
    if (builtin) return (Value){.kind = V_BUILTIN, .builtin = builtin};
    if (e->recipe->names_missing || (e->frame && e->frame->skipped)) return (Value){0};
    const char *foreign = foreign_name(name, e->callee == expr);
    if (foreign) return name_error(e, expr->loc, "unknown name '%s': %s", name, foreign);
    if (frame_find(e->own, name))
        return name_error(e, expr->loc, "'%s' is not seen inside a module: pass it as an argument", name);
    if (e->recipe->default_stream < 0 && (strcmp(name, "labels") == 0 || strcmp(name, "index") == 0))
        return name_error(e, expr->loc, "'%s' of which source? '%s.%s', or that of another", name,
                          e->recipe->streams[0].name, name);
    size_t n = 0, most = e->n_builtins + (e->frame ? e->frame->count : 0) + e->globals->count;
    const char **names = ARENA_ARRAY(e->arena, const char *, most);
    for (size_t i = 0; e->frame && i < e->frame->count; i++) names[n++] = e->frame->variables[i].name;
    for (size_t i = 0; i < e->globals->count; i++) names[n++] = e->globals->variables[i].name;
    for (size_t i = 0; i < e->n_builtins; i++) names[n++] = e->builtins[i].name;
    return name_error(e, expr->loc, "unknown name '%s'%s", name, did_you_mean(e, name, names, n));
}

bool name_of_package(Evaluator *e, const Expr *attribute) {
    const Expr *base = attribute->a;
    bool package = base->kind == EXPR_NAME && foreign_package(base->text) && !lookup(e, base->text) &&
                   !builtin_find(e, base->text) && !(e->frame && e->frame->skipped);
    if (package)
        name_error(
            e, base->loc, "unknown name '%s': %s", base->text,
            foreign_member(e->arena, base->text, attribute->text, builtin_find(e, attribute->text) != NULL));
    return package;
}
