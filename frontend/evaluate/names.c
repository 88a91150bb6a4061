/* Names: the frames that hold them, and which are seen where. */
#include "frontend/evaluate/evaluator.h"
#include "frontend/recipe/modules.h"
#include "frontend/recipe/own_names.h"
#include "frontend/text/foreign.h"

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

/* The module of that name that the running text sees; false: there is none, or several. */
static bool find_module(Evaluator *e, const Expr *expr, Value *out) {
    const Definition *other,
        *module = module_seen(e->recipe, e->frame ? e->frame->text : 0, expr->text, &other);
    *out = (Value){.kind = V_MODULE, .definition = module};
    if (!other) return module != NULL;
    *out = name_error(e, expr->loc,
                      "two libraries have a module '%s': define the one that is meant under `modules:`",
                      expr->text);
    diag_note(e->diags, module->loc, "one is here");
    diag_note(e->diags, other->loc, "another here");
    return true;
}

/* Whether the recipe's own text has two meanings of the name, which was told where it is given. */
static bool clashes(const Evaluator *e, const char *name) {
    return (!e->frame || e->frame->text == 0) && (names_find(&e->recipe->clashes, name) != NAMES_NONE ||
                                                  names_find(&e->clashes, name) != NAMES_NONE);
}

/* A name of the recipe, or of its module, that stands in the recipe's own text. */
static void mention(Evaluator *e, const char *name) {
    if (e->mentions && (!e->frame || e->frame->text == 0)) names_set(e->arena, &e->mentions->read, name, 0);
}

/* Inside a module the modules of its text come first: no schedule changes what a library means. */
Value value_of_name(Evaluator *e, const Expr *expr) {
    const char *name = expr->text;
    bool inside = e->frame && e->frame->module;
    Value value, *found;
    if (strcmp(name, "true") == 0 || strcmp(name, "false") == 0) return value_bool(name[0] == 't');
    if (strcmp(name, "none") == 0) return value_none();
    if ((found = frame_find(e->frame, name))) return *found;
    if (clashes(e, name)) return (Value){0};
    mention(e, name);
    if (inside && find_module(e, expr, &value)) return value;
    if ((found = lookup(e, name))) return *found;
    if (!inside && find_module(e, expr, &value)) return value;
    const Builtin *builtin = builtin_find(e, name);
    if (builtin) return (Value){.kind = V_BUILTIN, .builtin = builtin};
    return e->recipe->names_missing || (e->frame && e->frame->skipped) ? (Value){0} : unknown_name(e, expr);
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
