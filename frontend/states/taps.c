/* Reading inside an application of a network: `encoder(x).at('blocks.3')`. Every labelled call leaves its value behind;
 * what of it nobody reads is dropped as any unused value is. */
#include "frontend/states/states.h"
#include "ir/base/pattern.h"

#include <ctype.h>
#include <string.h>

enum { MAX_SHAPES = 16 }; /* of labels that an error lists */

void keep_tap(Evaluator *e, const Expr *at, const MadeCall *call, const Value *value) {
    States *states = e->states;
    const Application *application = states->application;
    if (!application) return;
    const char *network = application->definition->signature.name;
    Tap tap = {.scope = e->scope,
               .call = *call,
               .application = *application,
               .recipe = e->recipe,
               .value = *value,
               .loc = at->loc,
               .body = e->body};
    ARENA_PUSH(e->arena, states->taps, states->n_taps, states->taps_capacity, tap);
    bool readable = e->body == application->body; /* not within a loop of the network's */
    if (!readable || !names_set(e->arena, &states->label_names, e->scope, 0)) return;
    RecipeLabel label = {network, e->scope + strlen(network) + 1, show_value(e, value)};
    ARENA_PUSH(e->arena, states->labels, states->n_labels, states->labels_capacity, label);
}

/* Behind the network's name: "blocks.0.attn". Of a network that is an encoder, with the name of its own network before
 * it. */
static const char *label_of(const Applied *applied, const Tap *tap) {
    return tap->scope + strlen(applied->scope) + 1;
}

/* ---- finding a label --------------------------------------------------------------------------------------------- */

/* "blocks.3.attn" as "blocks.*.attn". */
static const char *shape_of(Evaluator *e, const char *label) {
    char *shape = arena_strdup(e->arena, label), *to = shape;
    for (const char *at = label; *at;) {
        size_t part = strcspn(at, "."), digits = strspn(at, "0123456789");
        if (part == digits)
            *to++ = '*';
        else
            memmove(to, at, part), to += part;
        at += part;
        if (*at) *to++ = *at++;
    }
    *to = '\0';
    return shape;
}

static void list_labels(Evaluator *e, const Applied *applied) {
    const char *all = "";
    Names known = {0};
    for (size_t i = 0; i < applied->n_taps && known.count < MAX_SHAPES; i++) {
        const char *shape = shape_of(e, label_of(applied, &e->states->taps[applied->first_tap + i]));
        if (!names_set(e->arena, &known, shape, 0)) continue;
        bool last = known.count == MAX_SHAPES;
        all = arena_printf(e->arena, "%s%s%s", all, *all ? ", " : "", last ? "…" : shape);
    }
    diag_note(e->diags, applied->network->loc, "labels of %s are %s (`vitc check RECIPE --labels` lists all)",
              applied->network->signature.name, *all ? all : "none: label a call, `name: module(…)`");
}

static Value unknown_label(Evaluator *e, Loc loc, const Applied *applied, const char *label) {
    const char **labels = ARENA_ARRAY(e->arena, const char *, applied->n_taps + 1);
    for (size_t i = 0; i < applied->n_taps; i++)
        labels[i] = label_of(applied, &e->states->taps[applied->first_tap + i]);
    name_error(e, loc, "network %s has no label '%s' here%s", applied->network->signature.name, label,
               did_you_mean(e, label, labels, applied->n_taps));
    list_labels(e, applied);
    return (Value){0};
}

/* A label that was met once; *found: NULL after an error. */
static const Tap *find_tap(Evaluator *e, Loc loc, const Applied *applied, const char *label) {
    const Tap *found = NULL;
    for (size_t i = 0; i < applied->n_taps; i++) {
        const Tap *tap = &e->states->taps[applied->first_tap + i];
        if (strcmp(label_of(applied, tap), label) != 0) continue;
        if (!found) {
            found = tap;
            continue;
        }
        name_error(e, loc, "label '%s' stands for several calls of one application: label them apart", label);
        diag_note(e->diags, found->loc, "one here");
        diag_note(e->diags, tap->loc, "another here");
        return NULL;
    }
    if (!found) unknown_label(e, loc, applied, label);
    return found;
}

static bool add_tap(Evaluator *e, Loc loc, const Applied *applied, const Tap *tap, Value *list,
                    size_t *capacity) {
    if (!known_in_loop(e->body, tap->body)) {
        name_error(e, loc, "'%s' is called in a `%s`: what it gives is known there alone",
                   label_of(applied, tap), tap->body->word);
        diag_note(e->diags, tap->loc, "here");
        return false;
    }
    ARENA_PUSH(e->arena, list->items, list->count, *capacity, tap->value);
    return true;
}

static bool has_wildcard(const char *label) {
    return strpbrk(label, "*?") != NULL;
}

/* Adds what a label, or all that a pattern fits, gave. False after an error. */
static bool add_taps(Evaluator *e, Loc loc, const Applied *applied, const char *label, Value *list,
                     size_t *capacity) {
    size_t before = list->count;
    if (!spend(e, loc, applied->n_taps / 8 + 1)) return false;
    if (!has_wildcard(label)) {
        const Tap *tap = find_tap(e, loc, applied, label);
        return tap && add_tap(e, loc, applied, tap, list, capacity);
    }
    for (size_t i = 0; i < applied->n_taps; i++) {
        const Tap *tap = &e->states->taps[applied->first_tap + i];
        if (!pattern_matches_parts(label, label_of(applied, tap), strlen(label_of(applied, tap)))) continue;
        if (list->count == MAX_LIST || ++e->elements > MAX_ELEMENTS) /* an error: too long */
            return value_list(e, loc, V_LIST, MAX_LIST + 1).kind != V_POISON;
        if (!add_tap(e, loc, applied, tap, list, capacity)) return false;
    }
    if (list->count > before) return true;
    unknown_label(e, loc, applied, label);
    return false;
}

/* ---- .at --------------------------------------------------------------------------------------------------------- */

/* The application that returned a value; NULL after an error. */
static const Applied *application_of(Evaluator *e, Loc loc, const char *method, const Value *base) {
    States *states = e->states;
    const Applied *applied = base->application ? &states->applied[base->application - 1] : NULL;
    if (applied && base->application <= states->n_applied && applied->func == e->func) return applied;
    if (base->kind == V_NETWORK)
        name_error(e, loc, "`.%s` reads inside an application: apply the network first, as %s(x).%s(…)",
                   method, base->definition->signature.name, method);
    else if (is_list(base) && base->count && base->items[0].application)
        name_error(
            e, loc,
            "`.%s` reads inside one application: `[r.%s(…) for r in list]` reads inside each of a list",
            method, method);
    else
        name_error(
            e, loc,
            "`.%s` reads inside an application of a network, but %s was not returned by one: call it on the "
            "network's result itself, before anything is computed of that",
            method, show_value(e, base));
    return NULL;
}

static Value at_labels(Evaluator *e, const Expr *at, const Applied *applied, const Value *args, size_t n) {
    Loc loc = n ? at->args[0]->loc : at->loc;
    if (n != 1) return name_error(e, at->loc, "`.at(label)` takes one label, a pattern, or a list of them");
    const Value *labels = is_list(args) ? args->items : args;
    size_t count = is_list(args) ? args->count : 1, capacity = 0;
    Value list = {.kind = V_LIST};
    for (size_t i = 0; i < count; i++) {
        if (labels[i].kind != V_STRING)
            return name_error(e, loc, "a label is a string, as 'blocks.3', not %s",
                              show_value(e, &labels[i]));
        if (!add_taps(e, loc, applied, labels[i].text, &list, &capacity)) return (Value){0};
    }
    if (!is_list(args) && !has_wildcard(args->text)) return list.items[0];
    return close_list(e, loc, list);
}

/* ---- .labels ----------------------------------------------------------------------------------------------------- */

/* "**." in front stands for any number of parts, which may be none. */
static bool fits(const char *pattern, const char *label) {
    bool deep = strncmp(pattern, "**.", 3) == 0;
    if (deep) pattern += 3;
    for (;;) {
        if (pattern_matches_parts(pattern, label, strlen(label))) return true;
        const char *dot = deep ? strchr(label, '.') : NULL;
        if (!dot) return false;
        label = dot + 1;
    }
}

static bool takes(const Tap *tap, const Value *value) {
    const Value *first = tap->call.n ? &tap->call.args[0] : NULL;
    return first && first->kind == V_TENSOR && value->kind == V_TENSOR && first->id == value->id &&
           first->func == value->func;
}

static Value list_of_labels(Evaluator *e, const Expr *at, const Applied *applied, const Value *args,
                            size_t n) {
    Value list = {.kind = V_LIST};
    size_t capacity = 0;
    if ((n != 1 && n != 2) || args[0].kind != V_STRING)
        return name_error(e, at->loc,
                          "`.labels(pattern)` takes a pattern, as '**.blocks.*', and perhaps a value "
                          "that what they label takes");
    if (!spend(e, at->loc, applied->n_taps / 8 + 1)) return (Value){0};
    for (size_t i = 0; i < applied->n_taps; i++) {
        const Tap *tap = &e->states->taps[applied->first_tap + i];
        if (!fits(args[0].text, label_of(applied, tap)) || (n == 2 && !takes(tap, &args[1]))) continue;
        if (list.count == MAX_LIST || ++e->elements > MAX_ELEMENTS) break; /* the list's end tells */
        Value label = {.kind = V_STRING, .text = label_of(applied, tap)};
        ARENA_PUSH(e->arena, list.items, list.count, capacity, label);
    }
    return close_list(e, at->loc, list);
}

/* ---- .again ------------------------------------------------------------------------------------------------------ */

static Value call_again(Evaluator *e, const Expr *at, const Applied *applied, const Value *args, size_t n) {
    if (n != 2 || args[0].kind != V_STRING)
        return name_error(e, at->loc, "`.again(label, x)` takes a label, and the first argument of its call");
    const Tap *tap = find_tap(e, at->args[0]->loc, applied, args[0].text);
    if (!tap) return (Value){0};
    if (tap->call.callee.kind != V_MODULE || tap->call.n == 0 || tap->call.keywords[0])
        return name_error(e, at->args[0]->loc,
                          "what '%s' labels is no call of a module with a first argument", args[0].text);
    Value *values = ARENA_ARRAY(e->arena, Value, tap->call.n);
    memcpy(values, tap->call.args, sizeof *values * tap->call.n);
    values[0] = args[1];
    MadeCall call = tap->call;
    call.args = values;
    return call_in_network(e, applied, tap, at, &call);
}

/* ---- methods ----------------------------------------------------------------------------------------------------- */

Value read_taps(Evaluator *e, const Expr *at, const Value *base, const Value *args, const char **keywords,
                size_t n) {
    const char *method = at->a->text;
    const Applied *known = application_of(e, at->a->loc, method, base);
    if (!known) return (Value){0};
    Applied applied = *known; /* which applications that follow move */
    for (size_t i = 0; i < n; i++)
        if (keywords[i]) return name_error(e, at->args[i]->loc, "`.%s` takes no argument by name", method);
    if (strcmp(method, "labels") == 0) return list_of_labels(e, at, &applied, args, n);
    if (strcmp(method, "again") == 0) return call_again(e, at, &applied, args, n);
    return at_labels(e, at, &applied, args, n);
}
