/* What is said while training goes on: metrics, `log_images:`, `stop`. */
#include "frontend/read/read.h"

#include <math.h>
#include <string.h>

enum { MAX_IMAGES = 64 };
#define MOST_EPOCHS 1e6

/* ---- metrics ----------------------------------------------------------------------------------------------------- */

static void read_warning(ParsedRecipe *r, const Tree *form, const char *metric) {
    VtWarning warning = {
        .metric = metric, .below = NAN, .above = NAN, .message = "the features may have collapsed"};
    bool is_int;
    if (tree_get(form, "warn_below")) tree_number(r, tree_get(form, "warn_below"), &warning.below, &is_int);
    if (tree_get(form, "warn_above")) tree_number(r, tree_get(form, "warn_above"), &warning.above, &is_int);
    if (tree_get(form, "message"))
        warning.message = tree_word(r->diags, tree_get(form, "message"), "message");
    if (warning.below == warning.below || warning.above == warning.above)
        ARENA_PUSH(r->arena, r->warnings, r->n_warnings, r->warnings_capacity, warning);
}

/* The word of a key, one of two; `first` where it is not given. False after an error. */
static bool read_choice(ParsedRecipe *r, const Tree *form, const char *key, const char *first,
                        const char *second, bool *is_second) {
    const Tree *at = tree_get(form, key);
    *is_second = at && at->kind == TREE_SCALAR && strcmp(at->text, second) == 0;
    if (!at || *is_second || (at->kind == TREE_SCALAR && strcmp(at->text, first) == 0)) return true;
    diag_error(r->diags, at->loc, "`%s` is %s or %s", key, first, second);
    return false;
}

/* `on: test`, `every` and `best`: of a metric that is taken of held-out images. */
static bool read_held_out(ParsedRecipe *r, const Tree *form, Entry *entry) {
    const Tree *every = tree_get(form, "every"), *best = tree_get(form, "best"),
               *alone = every ? every : best;
    VtHeldOut held_out = {.name = entry->name, .every = 1};
    bool highest;
    if (!read_choice(r, form, "on", "train", "test", &entry->held_out)) return false;
    if (!entry->held_out && alone) {
        diag_error(
            r->diags, alone->loc,
            "every and best go with `on: test`, the held-out images: other metrics are logged each step");
        return false;
    }
    if (!read_choice(r, form, "best", "min", "max", &highest)) return false;
    if (every && !read_real(r, every, "every", 1e-6, MOST_EPOCHS, &held_out.every)) return false;
    held_out.highest = highest;
    if (entry->held_out) ARENA_PUSH(r->arena, r->held_out, r->n_held_out, r->held_out_capacity, held_out);
    return true;
}

void read_metrics(ParsedRecipe *r, const Tree *map) {
    static const char *const keys[] = {"value", "warn_below", "warn_above", "message", "on", "every", "best"};
    if (!check_map(r, map, "metrics")) return;
    for (size_t i = 0; map->kind == TREE_MAP && i < map->count; i++) {
        const Tree *form = map->items[i].value, *value = form;
        Entry entry = {.name = map->items[i].key->text, .loc = map->items[i].key->loc};
        if (form->kind == TREE_MAP) {
            if (!check_keys(r, form, "a metric", keys, COUNT(keys))) continue;
            if (!(value = tree_get(form, "value"))) {
                diag_error(r->diags, form->loc, "metric '%s' has no value", entry.name);
                continue;
            }
            read_warning(r, form, entry.name);
            if (!read_held_out(r, form, &entry)) continue;
        }
        entry.value = read_expr(r, value, "a metric");
        if (entry.value) ARENA_PUSH(r->arena, r->metrics.items, r->metrics.count, r->metrics.capacity, entry);
    }
}

/* ---- images ------------------------------------------------------------------------------------------------------ */

/* All copies of a view. */
static void add_view(ParsedRecipe *r, const Tree *name) {
    const char *wanted = tree_word(r->diags, name, "a view"), **names;
    size_t n = 0;
    if (!wanted) return;
    names = ARENA_ARRAY(r->arena, const char *, r->n_views + 1);
    for (size_t i = 0; i < r->n_views; i++) {
        const View *view = &r->views[i];
        names[n++] = view->name;
        if (strcmp(view->name, wanted) != 0) continue;
        int copies = view->count < 0 ? 0 : view->count ? view->count : 1;
        for (int k = 0; k < copies; k++) {
            ShownView shown = {view->first_pipeline + k, name->loc};
            ARENA_PUSH(r->arena, r->shown, r->n_shown, r->shown_capacity, shown);
        }
        return;
    }
    bool unread = r->names_missing; /* there is one, with an error that was told */
    for (size_t i = 0; i < r->n_unread; i++) unread = unread || strcmp(r->unread[i].name, wanted) == 0;
    if (!unread)
        diag_error(r->diags, name->loc, "log_images: there is no view '%s'%s", wanted,
                   suggestion(r, wanted, names, n));
}

void read_log_images(ParsedRecipe *r, const Tree *map) {
    int64_t count = 8;
    if (map->kind != TREE_MAP) {
        diag_error(r->diags, map->loc,
                   "log_images is a map: `{every: EPOCHS, count: N, views: [NAME], NAME: images}`");
        return;
    }
    r->images_every = 1;
    for (size_t i = 0; i < map->count; i++) {
        const Tree *value = map->items[i].value;
        Entry entry = {.name = map->items[i].key->text, .loc = map->items[i].key->loc};
        if (strcmp(entry.name, "every") == 0) {
            read_real(r, value, "every", 1e-6, MOST_EPOCHS, &r->images_every);
        } else if (strcmp(entry.name, "count") == 0) {
            read_int(r, value, "count", 1, MAX_IMAGES, &count);
        } else if (strcmp(entry.name, "views") == 0) {
            if (value->kind != TREE_LIST) add_view(r, value);
            for (size_t k = 0; value->kind == TREE_LIST && k < value->count; k++)
                add_view(r, value->items[k].value);
        } else if ((entry.value = read_expr(r, value, "an image")))
            ARENA_PUSH(r->arena, r->images.items, r->images.count, r->images.capacity, entry);
    }
    r->images_count = (int)count;
    if (!r->n_shown && !r->images.count && diags_errors(r->diags) == 0)
        diag_error(r->diags, map->loc, "log_images shows nothing: `views: [NAME]`, or `NAME: expression`");
}

/* ---- stop -------------------------------------------------------------------------------------------------------- */

void read_stop(ParsedRecipe *r, const Tree *tree) {
    if (tree_is_null(tree) || !(r->stop = read_expr(r, tree, "stop"))) return;
    size_t n = 0;
    char *text = arena_strdup(r->arena, tree->text);
    for (const char *c = tree->text; *c; c++) /* on one line */
        if (*c != '\n')
            text[n++] = *c;
        else if (c[1])
            text[n++] = ';';
    text[n] = '\0';
    r->stop_text = text;
}
