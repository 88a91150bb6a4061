/* Errors of evaluation, what they call a value, and the budgets. */
#include "frontend/evaluate/evaluator.h"
#include "frontend/recipe/knob.h"

#include <stdarg.h>

enum { MAX_BLAMES = 20, MAX_TOLD_CALLS = 4 }; /* errors that name knobs; calls that an error names */

Value eval_error(Evaluator *e, Loc loc, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *message = arena_vprintf(e->arena, format, args);
    va_end(args);
    const Knob *knobs[MAX_BLAMED];
    size_t n = diags_errors(e->diags) < MAX_BLAMES ? blame_knobs(e, knobs) : 0;
    diag_error(e->diags, loc, "%s%s", message, knobs_text(e->recipe, knobs, n));
    knobs_notes(e->recipe, knobs, n);
    for (size_t i = e->n_calls, told = 0; i-- > 0 && told < MAX_TOLD_CALLS; told++) {
        const Expr *call = e->calls[i];
        diag_note(e->diags, call->loc, "in %s, called here",
                  call->a && call->a->kind == EXPR_NAME ? call->a->text : "a module");
    }
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
