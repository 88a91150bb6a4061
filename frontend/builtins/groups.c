/* Builtins of names: which parameters an optimiser treats alike. */
#include "frontend/builtins/builtins.h"
#include "frontend/states/states.h"
#include "ir/base/pattern.h"

#include <string.h>

/* The text in a call, if it stands there as a string. */
static Loc loc_of_text(const Expr *at, const char *text) {
    if (at->kind == EXPR_STRING && strcmp(at->text, text) == 0) return at->loc;
    for (size_t i = 0; (at->kind == EXPR_CALL || at->kind == EXPR_LIST) && i < at->n_args; i++) {
        Loc loc = loc_of_text(at->args[i], text);
        if (loc.line) return loc;
    }
    return (Loc){0, 0, 0};
}

/* Patterns that the optimiser compares names with, each once: one that fits no parameter is told in the end. */
static void keep_pattern(Evaluator *e, const Expr *at, const char *text) {
    States *states = e->states;
    for (size_t i = 0; i < states->n_patterns; i++)
        if (strcmp(states->patterns[i].text, text) == 0) return;
    NamePattern pattern = {text, loc_of_text(at, text)};
    if (!pattern.loc.line) pattern.loc = at->loc;
    ARENA_PUSH(e->arena, states->patterns, states->n_patterns, states->patterns_capacity, pattern);
}

FUNCTION(b_matches) {
    UNUSED;
    const Value *one = &args[1], *patterns = is_list(one) ? one->items : one;
    size_t count = is_list(one) ? one->count : 1;
    bool found = false;
    if (args[0].kind != V_STRING)
        return eval_error(e, at->loc, "matches(name, pattern): a name is a string, not %s",
                          show_value(e, &args[0]));
    if (!spend(e, at->loc, count)) return (Value){0};
    for (size_t i = 0; i < count; i++) {
        if (patterns[i].kind != V_STRING)
            return eval_error(e, at->loc,
                              "matches(name, pattern): a pattern is a string or a list of them, not %s",
                              show_value(e, &patterns[i]));
        if (e->states && e->states->names_parameters) keep_pattern(e, at, patterns[i].text);
        found = found || pattern_matches(patterns[i].text, args[0].text);
    }
    return value_bool(found);
}

static Value layer_value(Evaluator *e, const Expr *at, Value *args, const char *function, bool last) {
    int64_t layer[2];
    if (args[0].kind != V_STRING || (args[1].kind != V_STRING && args[1].kind != V_NONE))
        return eval_error(e, at->loc, "%s(name, units): a parameter's name, a string, was expected, not %s",
                          function, show_value(e, &args[args[0].kind == V_STRING]));
    if (!e->states)
        return eval_error(e, at->loc, "%s() is for the optimizer: no parameter is known here", function);
    const char *units = args[1].kind == V_STRING ? args[1].text : NULL;
    if (!layer_of(e, at->loc, args[0].text, units, &layer[0], &layer[1])) return (Value){0};
    return value_number((double)layer[last], true);
}

FUNCTION(b_layer) {
    UNUSED;
    return layer_value(e, at, args, "layer", false);
}
FUNCTION(b_last_layer) {
    UNUSED;
    return layer_value(e, at, args, "last_layer", true);
}
