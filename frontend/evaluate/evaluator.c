/* What an evaluator begins with. */
#include "frontend/evaluate/evaluator.h"

Value knob_value(Evaluator *e, const Knob *knob) {
    Value list;
    switch (knob->type) {
    case KNOB_INT:
    case KNOB_REAL: {
        Value number = value_number(knob->number, knob->type == KNOB_INT);
        number.scalar = knob->scalar;
        return number;
    }
    case KNOB_BOOL: return value_bool(knob->truth);
    case KNOB_STRING: return (Value){.kind = V_STRING, .text = knob->text};
    default:
        list = value_list(e, knob->loc, V_LIST, knob->count);
        for (size_t i = 0; i < list.count; i++)
            list.items[i] = value_number(knob->list[i], knob->list_is_int);
        return close_list(e, knob->loc, list);
    }
}

void evaluator_start(Evaluator *e, const ParsedRecipe *recipe, Module *module, const Builtin *builtins,
                     size_t n_builtins) {
    *e = (Evaluator){.recipe = recipe,
                     .arena = recipe->arena,
                     .diags = recipe->diags,
                     .module = module,
                     .builtins = builtins,
                     .n_builtins = n_builtins,
                     .repeat = run_repeat,
                     .when = run_when};
    e->globals = ARENA_NEW(e->arena, Frame);
    e->own = ARENA_NEW(e->arena, Frame);
    define_knobs(e);
}

void define_definitions(Evaluator *e) {
    for (size_t i = 0; i < e->recipe->n_networks; i++) {
        const Definition *d = &e->recipe->networks[i];
        define(e, e->own, d->signature.name, (Value){.kind = V_NETWORK, .definition = d});
    }
}

/* Encoders of other recipes are known by what they are before all networks are read. */
void define_knobs(Evaluator *e) {
    for (; e->n_knobs < e->recipe->n_knobs; e->n_knobs++)
        define(e, e->own, e->recipe->knobs[e->n_knobs].name, knob_value(e, &e->recipe->knobs[e->n_knobs]));
    for (size_t i = 0; i < e->recipe->n_unread; i++)
        define(e, e->recipe->unread[i].everywhere ? e->globals : e->own, e->recipe->unread[i].name,
               (Value){0});
    for (size_t i = 0; i < e->recipe->n_encoders; i++) {
        const Definition *d = &e->recipe->encoders[i];
        define(e, e->own, d->signature.name,
               d->recipe ? (Value){.kind = V_NETWORK, .definition = d} : (Value){0});
    }
}
