/* Errors of evaluation, what they call a value, and the budgets. */
#include "frontend/evaluate/evaluator.h"
#include "frontend/recipe/knob.h"

#include <stdarg.h>

enum { MAX_BLAMES = 20, MAX_TOLD_CALLS = 4 }; /* errors that name knobs; calls that an error names */

static bool same_place(Loc a, Loc b) {
    return a.line == b.line && a.col == b.col && a.file == b.file;
}

static bool is_told(const Evaluator *e, Loc loc) {
    for (size_t i = 0; i < e->n_told; i++)
        if (same_place(e->told[i], loc)) return true;
    return false;
}

/* The innermost running call that stands in the recipe's own text, if `loc` does not; n_calls: none. */
static size_t own_call(const Evaluator *e, Loc loc) {
    if (recipe_text_of(e->recipe, loc.file)) return e->n_calls;
    for (size_t i = e->n_calls; i-- > 0;)
        if (recipe_text_of(e->recipe, e->calls[i]->loc.file)) return i;
    return e->n_calls;
}

static const char *callee(const Expr *call) {
    return call->a && call->a->kind == EXPR_NAME ? call->a->text : "a module";
}

static void tell_calls(Evaluator *e, size_t own, Loc place) {
    for (size_t i = e->n_calls, told = 0; i-- > 0 && told < MAX_TOLD_CALLS;) {
        if (i == own || same_place(e->calls[i]->loc, place)) continue; /* the error is told there itself */
        diag_note(e->diags, e->calls[i]->loc, "in %s, called here", callee(e->calls[i]));
        told++;
    }
}

/* Where the variable was given its value that the outermost call is refused for. */
static void tell_variable(Evaluator *e) {
    const Expr *argument = e->n_calls ? blame_argument(e, 0) : NULL;
    if (!argument || argument->kind != EXPR_NAME) return;
    const Variable *variable = frame_variable(e->callers[0], argument->text);
    if (variable && variable->loc.line)
        diag_note(e->diags, variable->loc, "'%s' is given its value here", variable->name);
}

static Value tell(Evaluator *e, Loc loc, const char *message) {
    const Knob *knobs[MAX_BLAMED];
    size_t own = own_call(e, loc);
    Loc place = loc;
    if (own < e->n_calls) {
        const Expr *argument = blame_argument(e, own);
        place = argument ? argument->loc : e->calls[own]->loc;
    }
    e->failures++;
    if (is_told(e, place)) {
        diags_drop_notes(e->diags);
        return (Value){0};
    }
    ARENA_PUSH(e->arena, e->told, e->n_told, e->told_capacity, place);
    size_t n = diags_errors(e->diags) < MAX_BLAMES ? blame_knobs(e, knobs) : 0;
    diag_error(e->diags, place, "%s%s", message, knobs_text(e->recipe, knobs, n));
    knobs_notes(e->recipe, knobs, n);
    if (own < e->n_calls) diag_note(e->diags, loc, "%s refuses it here", callee(e->calls[e->n_calls - 1]));
    tell_calls(e, own, place);
    tell_variable(e);
    return (Value){0};
}

/* Formats as printf does. */
#define FORMAT(message)                                                                                      \
    va_list list;                                                                                            \
    va_start(list, format);                                                                                  \
    const char *message = arena_vprintf(e->arena, format, list);                                             \
    va_end(list)

Value eval_error(Evaluator *e, Loc loc, const char *format, ...) {
    FORMAT(message);
    return tell(e, loc, message);
}

Value empty_error(Evaluator *e, Loc loc, const char *message) {
    e->failures++;
    if (e->empty_told) {
        diags_drop_notes(e->diags);
        return (Value){0};
    }
    e->empty_told = true;
    return tell(e, loc, message);
}

Value name_error(Evaluator *e, Loc loc, const char *format, ...) {
    FORMAT(message);
    const Expr *at = e->at;
    e->at = NULL;
    tell(e, loc, message);
    e->at = at;
    return (Value){0};
}

/* What gave the running builtin the value: of one of several, in a list or as the last arguments, itself. */
static const Expr *argument_of(const Evaluator *e, const Value *value) {
    const Arguments *given = e->arguments;
    for (size_t p = 0; given && p < given->n; p++) {
        const Value *v = &given->values[p];
        const Expr *expr = given->exprs[p], *call = given->call;
        if (v == value) return expr;
        if (!is_list(v) || value < v->items || value >= v->items + v->count) continue;
        size_t k = (size_t)(value - v->items), positional = 0;
        if (expr) return expr->kind == EXPR_LIST && expr->n_args == v->count ? expr->args[k] : expr;
        for (size_t i = 0; i < call->n_args; i++) positional += !call->args[i]->keyword;
        size_t wanted = positional - v->count + k; /* they are the last ones */
        for (size_t i = 0, at = 0; i < call->n_args; i++)
            if (!call->args[i]->keyword && at++ == wanted) return call->args[i];
    }
    return NULL;
}

Value value_error(Evaluator *e, Loc loc, const Value *value, const char *format, ...) {
    FORMAT(message);
    const Expr *at = e->at, *argument = argument_of(e, value);
    if (argument) e->at = argument;
    tell(e, argument ? argument->loc : loc, message);
    e->at = at;
    return (Value){0};
}

const char *show_value(Evaluator *e, const Value *v) {
    switch (v->kind) {
    case V_NONE: return "none";
    case V_INT:
    case V_REAL: return arena_printf(e->arena, "%g", v->number);
    case V_BOOL: return v->number ? "true" : "false";
    case V_STRING: return arena_printf(e->arena, "'%s'", v->text);
    case V_LIST:
    case V_TUPLE: return arena_printf(e->arena, "a list of %zu", v->count);
    case V_RECORD: return "a record";
    case V_TENSOR: return type_text(e->arena, func_type(v->func, v->id));
    case V_STATE: return type_text(e->arena, &e->module->states[v->state].type);
    case V_POISON: return "an error";
    case V_ELLIPSIS: return "'...'";
    case V_INIT: return "an initialiser";
    case V_MODULE: return arena_printf(e->arena, "module %s", v->definition->signature.name);
    case V_NETWORK: return arena_printf(e->arena, "network %s", v->definition->signature.name);
    case V_BUILTIN: return arena_printf(e->arena, "function %s", v->builtin->name);
    default: return "a slice";
    }
}

void overdraw(Evaluator *e, Loc loc, const char *what, int limit) {
    const Expr *at = e->at;
    if (e->exhausted) return;
    e->at = NULL; /* where a budget ends says nothing of the knobs */
    eval_error(e, loc, what, limit);
    e->at = at;
    if (e->loop) diag_note(e->diags, e->loop->loc, "in this loop");
    e->exhausted = true;
}

bool spend(Evaluator *e, Loc loc, size_t steps) {
    e->steps += steps;
    if (e->func->count > MAX_OPERATORS)
        overdraw(e, loc, "this recipe unrolls to over %d operators", MAX_OPERATORS);
    else if (e->steps > MAX_STEPS)
        overdraw(e, loc, "this recipe unrolls to over %d steps of evaluation", MAX_STEPS);
    return !e->exhausted;
}

const char *did_you_mean(Evaluator *e, const char *word, const char *const *names, size_t n) {
    const char *near = diag_nearest(word, names, n);
    return near ? arena_printf(e->arena, "; did you mean '%s'?", near) : "";
}
