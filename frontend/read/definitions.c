/* Modules, networks, states. */
#include "frontend/read/read.h"

#include <string.h>

static void add_definition(ParsedRecipe *r, Definition **list, size_t *count, size_t *capacity,
                           Definition definition, const char *what) {
    for (size_t i = 0; i < *count; i++) {
        if ((*list)[i].text != definition.text ||
            strcmp((*list)[i].signature.name, definition.signature.name) != 0)
            continue;
        diag_error(r->diags, definition.loc, "%s '%s' is defined twice", what, definition.signature.name);
        diag_note(r->diags, (*list)[i].loc, "first here");
        return;
    }
    ARENA_PUSH(r->arena, *list, *count, *capacity, definition);
}

void read_modules(ParsedRecipe *r, uint32_t text, const Tree *map) {
    for (size_t i = 0; map->kind == TREE_MAP && i < map->count; i++) {
        const Tree *key = map->items[i].key;
        Definition definition = {.loc = key->loc, .text = text};
        if (!expr_parse_signature(r->arena, r->diags, key->loc, key->text, key->size, &definition.signature))
            continue;
        definition.body = read_block(r, map->items[i].value,
                                     arena_printf(r->arena, "module '%s'", definition.signature.name), true);
        if (definition.body)
            add_definition(r, &r->modules, &r->n_modules, &r->modules_capacity, definition, "module");
    }
    if (map->kind != TREE_MAP)
        diag_error(r->diags, map->loc, "modules must be a map of signatures to bodies");
}

static void read_ema(ParsedRecipe *r, const Tree *form, Definition *definition) {
    static const char *const keys[] = {"ema", "momentum", "when"};
    if (!check_keys_and_weights(r, form, "an EMA network", keys, COUNT(keys))) return;
    const Tree *of = tree_get(form, "ema"), *momentum = tree_get(form, "momentum"),
               *when = tree_get(form, "when");
    if (!of || !momentum) {
        diag_error(r->diags, form->loc, "an EMA network wants `ema: NETWORK` and `momentum: expression`");
        return;
    }
    definition->ema_of = tree_word(r->diags, of, "ema");
    definition->ema_loc = of->loc;
    definition->momentum = read_expr(r, momentum, "momentum");
    const char *moment = !when ? "after" : when->kind == TREE_SCALAR ? when->text : "";
    definition->before = strcmp(moment, "before") == 0;
    if (!definition->before && strcmp(moment, "after") != 0)
        diag_error(r->diags, when->loc, "`when` is before or after (the optimiser's step)");
}

/* Whether the map has a network of that name, which perhaps could not be read. */
static bool names_network(const Tree *map, const char *name) {
    for (size_t i = 0; i < map->count; i++)
        if (strcspn(map->items[i].key->text, "( ") == strlen(name) &&
            strncmp(map->items[i].key->text, name, strlen(name)) == 0)
            return true;
    return false;
}

static void no_network(ParsedRecipe *r, const Definition *network) {
    const char **names = ARENA_ARRAY(r->arena, const char *, r->n_networks + 1);
    size_t n = 0;
    for (size_t i = 0; i < r->n_networks; i++)
        if (&r->networks[i] != network) names[n++] = r->networks[i].signature.name;
    diag_error(r->diags, network->ema_loc, "'%s' is no network%s", network->ema_of,
               suggestion(r, network->ema_of, names, n));
}

/* The network that another follows; NULL: it follows none, or none that could be read. */
static const Definition *followed(const ParsedRecipe *r, const Names *numbers, const Definition *network) {
    uint32_t next = network->ema_of ? names_find(numbers, network->ema_of) : NAMES_NONE;
    return next == NAMES_NONE ? NULL : &r->networks[next];
}

static void tell_circle(ParsedRecipe *r, const Names *numbers, const Definition *first) {
    diag_error(r->diags, first->ema_loc, "'%s' follows itself: none of these networks is trained",
               first->signature.name);
    for (const Definition *at = followed(r, numbers, first); at != first; at = followed(r, numbers, at))
        diag_note(r->diags, at->ema_loc, "by way of '%s'", at->signature.name);
}

/* What EMA networks follow are networks, and in the end one that is trained. */
static void check_emas(ParsedRecipe *r, const Tree *map) {
    Names numbers = {0};
    size_t *met = ARENA_ARRAY(r->arena, size_t, r->n_networks + 1); /* on the way from network met - 1 */
    for (size_t i = 0; i < r->n_networks; i++)
        names_set(r->arena, &numbers, r->networks[i].signature.name, (uint32_t)i);
    for (size_t i = 0; i < r->n_networks; i++) {
        const Definition *network = &r->networks[i], *at = network;
        if (!network->ema_of) continue;
        if (!followed(r, &numbers, network) && !names_network(map, network->ema_of)) no_network(r, network);
        for (; at && !met[at - r->networks]; at = followed(r, &numbers, at)) met[at - r->networks] = i + 1;
        if (at && met[at - r->networks] == i + 1) tell_circle(r, &numbers, at);
    }
}

/* The encoder of another recipe, which was read before (encoder.c). */
static void read_recipe_network(ParsedRecipe *r, const Tree *form, Definition *definition) {
    for (size_t i = 0; i < r->n_encoders; i++)
        if (r->encoders[i].recipe_form == form) definition->recipe = r->encoders[i].recipe;
    definition->recipe_form = form;
    const Tree *thaw = tree_get(form, "thaw");
    definition->thaw = thaw && thaw->kind == TREE_SCALAR && is_truth(thaw) && thaw->text[0] == 't';
    if (thaw && (thaw->kind != TREE_SCALAR || !is_truth(thaw)))
        diag_error(r->diags, thaw->loc,
                   "`thaw` is true or false: whether what the recipe keeps fixed is trained");
    if (definition->signature.count == 0)
        diag_error(r->diags, definition->loc, "a recipe's encoder has a parameter, what it sees: `%s(x)`",
                   definition->signature.name);
}

/* `{ema: …}`, `{recipe: …}` or `{body: …}`; with `from: FILE` its initial values. */
static void read_network_map(ParsedRecipe *r, const Tree *form, Definition *definition) {
    static const char *const keys[] = {"body"};
    const Tree *body = tree_get(form, "body");
    if (tree_get(form, "ema"))
        read_ema(r, form, definition);
    else if (tree_get(form, "recipe"))
        read_recipe_network(r, form, definition);
    else if (check_keys_and_weights(r, form, "a network", keys, COUNT(keys)) && body)
        definition->body =
            read_block(r, body, arena_printf(r->arena, "network '%s'", definition->signature.name), true);
    else if (!body)
        diag_error(r->diags, form->loc, "a network is its body, or a map with `body:`, `ema:` or `recipe:`");
    if (definition->body || definition->ema_of || definition->recipe)
        read_weights(r, definition->signature.name, form);
}

void read_networks(ParsedRecipe *r, const Tree *map) {
    if (!check_map(r, map, "networks")) return;
    for (size_t i = 0; map->kind == TREE_MAP && i < map->count; i++) {
        const Tree *key = map->items[i].key, *value = map->items[i].value;
        Definition definition = {.loc = key->loc};
        if (!expr_parse_signature(r->arena, r->diags, key->loc, key->text, key->size, &definition.signature))
            continue;
        if (!strchr(key->text, '(')) { /* `encoder: |` stands for encoder(x) */
            definition.signature.parameters = ARENA_NEW(r->arena, Parameter);
            definition.signature.parameters[0].name = "x";
            definition.signature.count = 1;
        }
        if (value->kind == TREE_MAP)
            read_network_map(r, value, &definition);
        else
            definition.body =
                read_block(r, value, arena_printf(r->arena, "network '%s'", definition.signature.name), true);
        if (definition.body || definition.ema_of || definition.recipe)
            add_definition(r, &r->networks, &r->n_networks, &r->networks_capacity, definition, "network");
    }
    check_emas(r, map);
}

void read_states(ParsedRecipe *r, const Tree *map) {
    static const char *const keys[] = {"value"};
    if (!check_map(r, map, "state")) return;
    for (size_t i = 0; map->kind == TREE_MAP && i < map->count; i++) {
        const Tree *form = map->items[i].value, *value = form;
        Entry entry = {.name = map->items[i].key->text, .loc = map->items[i].key->loc};
        if (form->kind == TREE_MAP) {
            if (!check_keys_and_weights(r, form, "a state", keys, COUNT(keys))) continue;
            if (!(value = tree_get(form, "value"))) {
                diag_error(r->diags, form->loc, "state '%s' has no value: `{value: zeros(…), from: FILE}`",
                           entry.name);
                continue;
            }
            read_weights(r, entry.name, form);
        }
        if ((entry.value = read_expr(r, value, "a state's initial value")))
            ARENA_PUSH(r->arena, r->state.items, r->state.count, r->state.capacity, entry);
    }
}
