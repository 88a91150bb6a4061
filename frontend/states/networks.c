/* Networks that are applied: the same network to the same arguments once. */
#include "frontend/states/states.h"

#include <string.h>

enum { MAX_APPLICATIONS = 10000 };

static bool same_value(Evaluator *e, const Value *a, const Value *b) {
    if (a->kind != b->kind || a->count != b->count || a->application != b->application) return false;
    e->steps += a->count;
    switch (a->kind) {
    case V_TENSOR: return a->id == b->id && a->func == b->func;
    case V_STATE: return a->state == b->state;
    case V_INT:
    case V_REAL:
    case V_BOOL: return a->number == b->number;
    case V_STRING: return strcmp(a->text, b->text) == 0;
    case V_MODULE:
    case V_NETWORK: return a->definition == b->definition;
    case V_BUILTIN: return a->builtin == b->builtin;
    case V_INIT:
        if (a->init != b->init || a->a != b->a || a->b != b->b) return false;
        break;
    default: break;
    }
    for (size_t i = 0; i < a->count; i++) {
        if (a->kind == V_RECORD && strcmp(a->names[i], b->names[i]) != 0) return false;
        if (a->items != b->items && !same_value(e, &a->items[i], &b->items[i])) return false;
    }
    return true;
}

/* The parameter that each argument is for; "": none. */
static const char **parameters_of(Evaluator *e, const Signature *signature, const char **keywords, size_t n) {
    const char **names = ARENA_ARRAY(e->arena, const char *, n + 1);
    size_t positional = 0;
    for (size_t i = 0; i < n; i++) {
        bool more = positional < signature->count;
        names[i] = keywords[i] ? keywords[i] : more ? signature->parameters[positional++].name : "";
    }
    return names;
}

static bool same_arguments(Evaluator *e, const Applied *applied, const Value *args, const char **parameters,
                           size_t n) {
    if (applied->n_arguments != n) return false;
    for (size_t a = 0; a < n; a++) {
        if (strcmp(applied->parameters[a], parameters[a]) != 0) return false;
        if (!same_value(e, &applied->arguments[a], &args[a])) return false;
    }
    return true;
}

/* The network that a chain of moving averages follows in the end; NULL: none, as was told where they are defined. */
static const Definition *source_of(Evaluator *e, const Definition *network) {
    for (size_t hops = 0; network && network->ema_of; hops++)
        network = hops <= e->recipe->n_networks ? network_named(e->recipe, network->ema_of) : NULL;
    return network;
}

typedef struct {
    const Application *application;
    const char *scope;
} Outside;

/* What is made from here on is a part of `here`, in a scope of it. */
static Outside enter_network(Evaluator *e, const Application *here, const char *scope) {
    Outside outside = {e->states->application, e->scope};
    e->states->application = here;
    e->func->scope = e->scope = scope;
    e->states->stamp++;
    return outside;
}

static void leave_network(Evaluator *e, const Outside *outside) {
    e->states->application = outside->application;
    e->func->scope = e->scope = outside->scope;
}

/* Arguments with those that are passed on, where the network has such a parameter and the call does not give it. */
static size_t take_passed(Evaluator *e, const Passed *passed, const Signature *signature,
                          const char **parameters, Value **args, const char ***keywords, size_t n) {
    size_t most = n + passed->frame.count;
    Value *values = ARENA_ARRAY(e->arena, Value, most + 1);
    const char **names = ARENA_ARRAY(e->arena, const char *, most + 1);
    if (n) memcpy(values, *args, sizeof *values * n);
    if (n) memcpy(names, *keywords, sizeof *names * n);
    size_t count = n;
    for (size_t i = 0; i < passed->frame.count; i++) {
        const Variable *variable = &passed->frame.variables[i];
        bool has = false, given = false;
        for (size_t p = 0; p < signature->count; p++)
            has = has || strcmp(signature->parameters[p].name, variable->name) == 0;
        for (size_t k = 0; k < n; k++) given = given || strcmp(parameters[k], variable->name) == 0;
        if (!has || given) continue;
        values[count] = variable->value;
        names[count++] = variable->name;
        passed->taken[i]++;
    }
    *args = values;
    *keywords = names;
    return count;
}

static Value run_network(Evaluator *e, const Definition *network, const Definition *source, const Expr *at,
                         Value *args, const char **keywords, size_t n, int application, const char *name) {
    Application here = {.definition = network,
                        .recipe = e->recipe,
                        .number = application,
                        .ema = network->ema_of != NULL,
                        .thaw = source->thaw};
    const Application *before = e->states->application;
    if (before) { /* a network of an encoder is a part of the one that is applied */
        here = *before;
        here.passed = NULL;
    }
    here.body = e->body;
    here.scope = name;
    Outside outside = enter_network(e, &here, name);
    Value result = source->recipe ? e->states->run_encoder(e, source, at, args, keywords, n)
                                  : call_definition(e, source, true, at, args, keywords, n);
    leave_network(e, &outside);
    return result;
}

Value apply_network(Evaluator *e, const Definition *network, const Expr *at, Value *args,
                    const char **keywords, size_t n) {
    const Definition *source = source_of(e, network);
    if (!source) return (Value){0}; /* that was told where it is defined */
    const Application *around = e->states->application;
    if (around && !around->passed)
        return name_error(e, at->loc, "a network is not applied inside another; use a module");
    States *states = e->states;
    const char **parameters = parameters_of(e, &source->signature, keywords, n);
    if (around && around->passed->frame.count) {
        n = take_passed(e, around->passed, &source->signature, parameters, &args, &keywords, n);
        parameters = parameters_of(e, &source->signature, keywords, n);
    }
    const Definition *within = around ? around->definition : NULL;
    int application = 0;
    if (states->n_applied >= MAX_APPLICATIONS)
        return eval_error(e, at->loc, "networks are applied more than %d times", MAX_APPLICATIONS);
    for (size_t i = 0; i < states->n_applied && spend(e, at->loc, 0); i++) {
        Applied *applied = &states->applied[i];
        if (applied->network != network || applied->func != e->func || applied->within != within) continue;
        application++;
        if (!known_in_loop(e->body, applied->body))
            continue; /* what a loop's body computed is not known outside */
        if (same_arguments(e, applied, args, parameters, n)) return applied->result;
    }
    Applied applied = {.network = network,
                       .arguments = args,
                       .parameters = parameters,
                       .n_arguments = n,
                       .func = e->func,
                       .within = within,
                       .body = e->body};
    applied.scope = around ? join_scope(e, around->scope, network->signature.name) : network->signature.name;
    applied.first_tap = states->n_taps;
    applied.result = run_network(e, network, source, at, args, keywords, n, application, applied.scope);
    applied.result = mark_application(e, applied.result, states->n_applied + 1);
    applied.n_taps = states->n_taps - applied.first_tap;
    ARENA_PUSH(e->arena, states->applied, states->n_applied, states->applied_capacity, applied);
    return applied.result;
}

Value call_in_network(Evaluator *e, const Applied *like, const Tap *tap, const Expr *at,
                      const MadeCall *call) {
    States *states = e->states;
    const Application *around = states->application;
    if (around && !around->passed)
        return name_error(e, at->loc, "`.again` calls a part of a network: that is not done inside another");
    Applied applied = *like;
    applied.n_arguments = SIZE_MAX; /* equal to those of no application */
    applied.body = e->body;
    applied.first_tap = states->n_taps;
    Application here = tap->application;
    here.body = e->body;
    here.passed = NULL;
    here.number = 0;
    for (size_t i = 0; i < states->n_applied; i++)
        here.number += states->applied[i].network == like->network && states->applied[i].func == e->func &&
                       states->applied[i].within == like->within;
    bool theirs = tap->recipe != e->recipe;
    Evaluator left = theirs ? enter_recipe(e, tap->recipe) : (Evaluator){0};
    Outside outside = enter_network(e, &here, tap->scope);
    applied.result =
        call_definition(e, call->callee.definition, false, at, call->args, call->keywords, call->n);
    leave_network(e, &outside);
    if (theirs) leave_recipe(e, &left);
    applied.n_taps = states->n_taps - applied.first_tap;
    ARENA_PUSH(e->arena, states->applied, states->n_applied, states->applied_capacity, applied);
    return applied.result;
}

Value read_out(Evaluator *e, const Value *features, size_t first) {
    const States *states = e->states;
    const Expr *expr = e->recipe->embed_readout;
    if (!expr || features->kind == V_POISON) return *features;
    const Definition *within = states->application ? states->application->definition : NULL;
    Value list = value_list(e, value_loc(e, expr), V_LIST, states->n_applied - first);
    size_t n = 0;
    for (size_t i = first; i < states->n_applied; i++)
        if (states->applied[i].within == within && states->applied[i].func == e->func)
            list.items[n++] = states->applied[i].result;
    list.count = n;
    Frame frame = {0}, *before = e->frame;
    define(e, &frame, "features", *features);
    define(e, &frame, "applied", close_list(e, value_loc(e, expr), list));
    const char *place = e->place;
    e->frame = &frame;
    if (!within) e->states->place = e->place = "a readout";
    Value value = eval(e, expr);
    e->states->place = e->place = place;
    e->frame = before;
    return value;
}
