/* What an evaluator begins with. */
#include "frontend/evaluate/evaluator.h"

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
