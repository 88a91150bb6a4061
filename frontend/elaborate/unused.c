/* Warnings of what a recipe defines and nobody needs: most often a name that was meant elsewhere, and misspelt. What is
 * mentioned in a branch that is not taken, or in a module that is not called, is needed. */
#include "frontend/elaborate/step.h"
#include "frontend/recipe/own_names.h"

#include <string.h>

static bool has(const Names *names, const char *name) {
    return names_find(names, name) != NAMES_NONE;
}

/* ---- networks ---------------------------------------------------------------------------------------------------- */

/* One that is applied, or that such a one follows. */
static bool *needed_networks(Evaluator *e) {
    const ParsedRecipe *r = e->recipe;
    bool *needed = ARENA_ARRAY(e->arena, bool, r->n_networks + 1);
    for (size_t i = 0; i < r->n_networks; i++) {
        const Definition *network = &r->networks[i];
        if (!has(&r->mentions->read, network->signature.name)) continue;
        for (; network && !needed[network - r->networks];
             network = network->ema_of ? network_named(e->recipe, network->ema_of) : NULL)
            needed[network - r->networks] = true;
    }
    return needed;
}

static void warn_networks(Evaluator *e) {
    const ParsedRecipe *r = e->recipe;
    const bool *needed = needed_networks(e);
    for (size_t i = 0; i < r->n_networks; i++) {
        const Definition *network = &r->networks[i];
        const char *name = network->signature.name;
        if (!needed[i] && network->ema_of)
            diag_warning(e->diags, network->loc,
                         "nobody needs network '%s', an EMA of '%s': it is not applied, and none that is "
                         "applied follows it",
                         name, network->ema_of);
        else if (!needed[i])
            diag_warning(e->diags, network->loc,
                         "network '%s' is applied nowhere, so that it is neither trained nor saved", name);
    }
}

/* ---- states ------------------------------------------------------------------------------------------------------ */

/* Whether a file says how the state begins: that is enough. */
static bool from_file(const ParsedRecipe *r, const char *state) {
    for (size_t i = 0; i < r->n_weights; i++)
        if (r->weights[i].target && strcmp(r->weights[i].target, state) == 0) return true;
    return false;
}

static void warn_states(Evaluator *e, const Names *meant) {
    const ParsedRecipe *r = e->recipe;
    for (size_t i = 0; i < r->state.count; i++) {
        const Entry *entry = &r->state.items[i];
        int64_t s = module_find_state(e->module, entry->name);
        bool set = has(&r->mentions->set, entry->name) || (s >= 0 && state_value(e, (uint32_t)s)->updated);
        if (set || has(meant, entry->name) || from_file(r, entry->name)) continue;
        if (!has(&r->mentions->read, entry->name))
            diag_warning(e->diags, entry->loc, "state '%s' is used nowhere", entry->name);
        else
            diag_warning(e->diags, entry->loc,
                         "state '%s' is never set, and keeps its initial value: `%s := …` in a loss or an "
                         "update sets it",
                         entry->name, entry->name);
    }
}

/* Names that an update assigns: perhaps states were meant. Returns those. */
static Names warn_assigned(Evaluator *e) {
    const ParsedRecipe *r = e->recipe;
    Names meant = {0};
    const char **states = ARENA_ARRAY(e->arena, const char *, r->state.count + 1);
    for (size_t i = 0; i < r->state.count; i++) states[i] = r->state.items[i].name;
    for (size_t i = 0; i < r->mentions->n_unread; i++) {
        const AssignedName *assigned = &r->mentions->unread[i];
        if (has(&r->mentions->fields, assigned->name)) continue;
        const char *near = diag_nearest(assigned->name, states, r->state.count);
        diag_warning(e->diags, assigned->loc, "'%s' is given a value that nothing reads%s", assigned->name,
                     near ? arena_printf(e->arena, "; did you mean `%s := …`, which sets the state?", near)
                          : "");
        if (near) names_set(e->arena, &meant, near, 0);
    }
    return meant;
}

/* ---- the rest ---------------------------------------------------------------------------------------------------- */

static void warn_knobs(Evaluator *e) {
    for (size_t i = 0; i < e->recipe->n_knobs; i++)
        if (!has(&e->recipe->mentions->read, e->recipe->knobs[i].name))
            diag_warning(e->diags, e->recipe->knobs[i].loc,
                         "knob '%s' is read nowhere: setting it changes nothing", e->recipe->knobs[i].name);
}

static void warn_modules(Evaluator *e) {
    for (size_t i = 0; i < e->recipe->n_modules; i++) {
        const Definition *module = &e->recipe->modules[i];
        if (module->text == 0 && !has(&e->recipe->mentions->read, module->signature.name))
            diag_warning(e->diags, module->loc, "module '%s' is called nowhere", module->signature.name);
    }
}

void warn_unused(Step *step) {
    Evaluator *e = &step->e;
    const ParsedRecipe *r = e->recipe;
    warn_knobs(e);
    for (size_t i = 0; i < r->n_views; i++)
        if (!has(&r->mentions->read, r->views[i].name))
            diag_warning(e->diags, r->views[i].loc,
                         "view '%s' is used nowhere: no loss and no `embed` sees it", r->views[i].name);
    for (size_t i = 0; i < r->n_draws; i++)
        if (!has(&r->mentions->read, r->draws[i].name))
            diag_warning(e->diags, r->draws[i].loc, "%s '%s' is used nowhere",
                         r->draws[i].given ? "input" : "draw", r->draws[i].name);
    warn_modules(e);
    warn_networks(e);
    if (r->objectives.count == 0) return; /* nothing could set a state */
    Names meant = warn_assigned(e);
    warn_states(e, &meant);
}
