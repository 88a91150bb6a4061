/* What is told of a name that means nothing where it stands, or no function where it is called: why, and which name may
 * have been meant. */
#include "frontend/evaluate/evaluator.h"
#include "frontend/recipe/modules.h"
#include "frontend/recipe/own_names.h"
#include "frontend/text/foreign.h"

#include <string.h>

enum { MANY_ERRORS = 100 };

/* ---- which name may have been meant ------------------------------------------------------------------------------ */

typedef struct {
    Evaluator *e;
    const char **names;
    size_t count, capacity;
} Candidates;

static void add(Candidates *c, const char *name) {
    ARENA_PUSH(c->e->arena, c->names, c->count, c->capacity, name);
}

static bool is_callable(ValueKind kind) {
    return kind == V_MODULE || kind == V_NETWORK || kind == V_BUILTIN;
}

static bool assigns(const Expr *target, const char *name) {
    if (target->kind == EXPR_NAME) return strcmp(target->text, name) == 0;
    for (size_t i = 0; i < target->n_args; i++)
        if (assigns(target->args[i], name)) return true;
    return false;
}

static void add_frame(Candidates *c, const Frame *frame, bool called) {
    for (size_t i = 0; frame && i < frame->count; i++) {
        const Variable *v = &frame->variables[i];
        bool here = c->e->assigning && v->value.count == 1 && assigns(c->e->assigning, v->name);
        if (here) continue; /* what the line itself makes, and nothing else does */
        if (v->value.kind == V_POISON || is_callable(v->value.kind) == called) add(c, v->name);
    }
}

/* Modules of the running text itself, or those that it sees elsewhere. */
static void add_modules(Candidates *c, bool own) {
    uint32_t text = c->e->frame ? c->e->frame->text : 0;
    const ParsedRecipe *r = c->e->recipe;
    for (size_t m = 0; m < r->n_modules; m++) {
        const Definition *other, *module = &r->modules[m];
        if ((module->text == text) != own) continue;
        if (own || module_seen(r, text, module->signature.name, &other)) add(c, module->signature.name);
    }
}

/* What the text at hand made itself. */
static const char *nearest_own(Evaluator *e, const char *name, bool called) {
    Candidates c = {.e = e};
    add_frame(&c, e->frame, called);
    if (!e->frame || !e->frame->module) add_frame(&c, e->own, called);
    add_frame(&c, e->globals, called);
    if (called) add_modules(&c, true);
    return diag_nearest(name, c.names, c.count);
}

/* What the language and libraries have. Their names are many and short: one of three letters is near too many. */
static const char *nearest_known(Evaluator *e, const char *name, bool called) {
    enum { SHORT = 3 };
    Candidates c = {.e = e};
    if (called) add_modules(&c, false);
    for (size_t i = 0; i < e->n_builtins; i++)
        if (called || e->builtins[i].initial) add(&c, e->builtins[i].name);
    static const char *const values[] = {"true", "false", "none"};
    for (size_t i = 0; !called && i < sizeof values / sizeof *values; i++) add(&c, values[i]);
    return strlen(name) > SHORT ? diag_nearest(name, c.names, c.count) : NULL;
}

static const char *suggest(Evaluator *e, const char *name, bool called) {
    const char *near = nearest_own(e, name, called);
    if (!near) near = nearest_known(e, name, called);
    if (!near && !called) near = nearest_own(e, name, true); /* a network may be passed as a value */
    return near ? arena_printf(e->arena, "; did you mean '%s'?", near) : "";
}

/* ---- names that are known elsewhere ------------------------------------------------------------------------------ */

static const Expr *assignment_in(Expr *const *statements, size_t n, const char *name);

static const Expr *assignment_of(const Expr *s, const char *name) {
    for (;; s = s->orelse[0]) { /* a chain of elif nests as deep as it is long */
        bool binds = s->kind == STMT_ASSIGN || s->kind == STMT_FOR || (s->kind == STMT_REPEAT && s->a);
        if (binds && assigns(s->a, name)) return s;
        const Expr *inside = assignment_in(s->body, s->n_body, name);
        if (inside) return inside;
        if (s->n_orelse != 1 || s->orelse[0]->kind != STMT_IF)
            return assignment_in(s->orelse, s->n_orelse, name);
    }
}

/* The first statement of a body that gives the name a value; NULL: none does. */
static const Expr *assignment_in(Expr *const *statements, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++) {
        const Expr *found = assignment_of(statements[i], name);
        if (found) return found;
    }
    return NULL;
}

/* The `repeat` or `when` that a statement stands in, or NULL. */
static const Expr *loop_in(Expr *const *statements, size_t n, const Expr *wanted, const Expr *around) {
    for (size_t i = 0; i < n; i++) {
        const Expr *s = statements[i];
        if (s == wanted) return around;
        const Expr *loop = s->kind == STMT_REPEAT || s->kind == STMT_WHEN ? s : around;
        const Expr *found = loop_in(s->body, s->n_body, wanted, loop);
        if (!found) found = loop_in(s->orelse, s->n_orelse, wanted, loop);
        if (found) return found;
    }
    return NULL;
}

static const Expr *loop_around(const Evaluator *e, const Expr *statement) {
    const Block *block = e->n_running ? e->running[e->n_running - 1]->body : e->block;
    return block ? loop_in(block->statements, block->count, statement, NULL) : NULL;
}

static const Expr *assigned_later(const Evaluator *e, const char *name) {
    const Block *block = e->n_running ? e->running[e->n_running - 1]->body : e->block;
    return block ? assignment_in(block->statements, block->count, name) : NULL;
}

static Value known_elsewhere(Evaluator *e, const Expr *expr, const OwnName *own) {
    if (e->frame && e->frame->module)
        name_error(e, expr->loc, "'%s' is %s, which is not seen inside a module: pass it as an argument",
                   own->name, own->kind);
    else if (e->sees)
        name_error(e, expr->loc, "'%s' is %s of the step: %s", own->name, own->kind, e->sees);
    else
        name_error(e, expr->loc, "'%s' is %s, which has no value yet %s%s", own->name, own->kind,
                   e->place ? "in " : "here", e->place ? e->place : "");
    diag_note(e->diags, own->loc, "it is defined here");
    return (Value){0};
}

static bool is_entry(const Entries *entries, const char *name) {
    for (size_t i = 0; i < entries->count; i++)
        if (strcmp(entries->items[i].name, name) == 0) return true;
    return false;
}

Value unknown_name(Evaluator *e, const Expr *expr) {
    if (diags_errors(e->diags) >= MANY_ERRORS) return (Value){0}; /* no more are told */
    const char *name = expr->text, *foreign = foreign_name(name, e->callee == expr);
    OwnName own;
    if (foreign) return name_error(e, expr->loc, "unknown name '%s': %s", name, foreign);
    if (own_name_find(e->recipe, name, &own)) return known_elsewhere(e, expr, &own);
    if (strcmp(name, "labels") == 0 || strcmp(name, "index") == 0) {
        if (e->frame && e->frame->module)
            return name_error(e, expr->loc, "'%s' is not seen inside a module: pass it as an argument", name);
        if (e->sees) return name_error(e, expr->loc, "'%s' is an input of the step: %s", name, e->sees);
        if (e->recipe->default_stream < 0)
            return name_error(e, expr->loc, "'%s' of which source? '%s.%s', or that of another", name,
                              e->recipe->streams[0].name, name);
    }
    if (is_entry(&e->recipe->metrics, name) || is_entry(&e->recipe->values, name))
        return name_error(e, expr->loc,
                          "'%s' is logged, and seen by no expression: a value that others read is "
                          "assigned in a loss, as `%s = …`, and read as `OBJECTIVE.%s`",
                          name, name, name);
    const Expr *later = assigned_later(e, name);
    if (later) {
        const Expr *loop = loop_around(e, later);
        name_error(e, expr->loc, "'%s' has no value here", name);
        if (loop)
            diag_note(e->diags, later->loc,
                      "it is given one here alone, in the body of `%s`: give it one before that, too",
                      loop->kind == STMT_WHEN ? "when" : "repeat");
        else
            diag_note(e->diags, later->loc, "it is given one here, which did not run before");
        return (Value){0};
    }
    enum { MAX_LOOKED_FOR = 20 };
    bool looks = e->callee == expr && e->n_told < MAX_LOOKED_FOR;
    const char *library = looks ? library_with(e->recipe, name) : NULL;
    if (library)
        return name_error(e, expr->loc, "unknown name '%s': a module of %s, which `use:` does not list", name,
                          library);
    return name_error(e, expr->loc, "unknown name '%s'%s", name, suggest(e, name, e->callee == expr));
}

/* ---- names that are called --------------------------------------------------------------------------------------- */

/* Whether the language or a library has a function of the name, which a variable hides. */
static bool hides_function(Evaluator *e, const char *name) {
    const Definition *other;
    return builtin_find(e, name) || module_seen(e->recipe, e->frame ? e->frame->text : 0, name, &other);
}

Value not_callable(Evaluator *e, const Expr *call, const Value *callee) {
    const char *value = show_value(e, callee);
    if (call->a->kind != EXPR_NAME) return name_error(e, call->loc, "%s cannot be called", value);
    const char *name = call->a->text;
    const Variable *local = frame_variable(e->frame, name);
    OwnName own;
    name_error(e, call->loc, "'%s' is %s%s, which cannot be called%s", name, value, local ? " here" : "",
               local && hides_function(e, name) ? ": this hides the function of that name" : "");
    if (local && local->loc.line)
        diag_note(e->diags, local->loc, "it is given this value here");
    else if (!local && own_name_find(e->recipe, name, &own))
        diag_note(e->diags, own.loc, "it is %s, defined here", own.kind);
    return (Value){0};
}
