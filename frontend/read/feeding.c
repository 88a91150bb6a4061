/* Views and draws: what feeds a step. */
#include "frontend/read/read.h"

#include <string.h>

enum { MAX_VIEW_SIZE = 4096, MAX_COPIES = 64 };

/* One augmentation: a bare name, or {name: {parameters}}. */
static bool read_augment(ParsedRecipe *r, const Tree *item, int copy, int copies, VtAugment *out) {
    const Tree *name = item, *params = NULL;
    if (item->kind == TREE_MAP && item->count == 1) {
        name = item->items[0].key;
        params = item->items[0].value;
    }
    size_t n;
    const char *const *names = catalog_names(AUGMENTATIONS, &n);
    if (name->kind != TREE_SCALAR || (out->kind = catalog_find(AUGMENTATIONS, name->text)) < 0) {
        diag_error(r->diags, name->loc, "unknown augmentation '%s'%s",
                   name->kind == TREE_SCALAR ? name->text : "…",
                   name->kind == TREE_SCALAR ? suggestion(r, name->text, names, n) : "");
        return false;
    }
    if (params && params->kind != TREE_MAP && !tree_is_null(params)) {
        diag_error(r->diags, params->loc, "the parameters of %s are a map: `%s: {name: value}`", name->text,
                   name->text);
        return false;
    }
    return read_params(r, catalog_row(AUGMENTATIONS, out->kind), params, NULL, copy, copies, out->params);
}

static bool read_pipeline(ParsedRecipe *r, const View *view, const Tree *augment, int copy) {
    int copies = view->count ? view->count : 1;
    VtPipeline pipeline = {.size = view->size};
    pipeline.name = view->count ? arena_printf(r->arena, "%s.%d", view->name, copy) : view->name;
    VtAugment *augments = ARENA_ARRAY(r->arena, VtAugment, (augment ? augment->count : 0) + 1);
    bool good = true;
    for (size_t i = 0; augment && i < augment->count; i++)
        good =
            read_augment(r, augment->items[i].value, copy, copies, &augments[pipeline.n_augments++]) && good;
    for (int i = 0; good && i + 1 < pipeline.n_augments; i++)
        if (augments[i].kind == catalog_find(AUGMENTATIONS, "normalize")) {
            diag_error(r->diags, augment->items[i].value->loc, "normalize comes last in a pipeline");
            good = false;
        }
    pipeline.augments = augments;
    ARENA_PUSH(r->arena, r->pipelines, r->n_pipelines, r->pipelines_capacity, pipeline);
    return good;
}

/* Whether one copy of an input can exist. */
static bool fits(ParsedRecipe *r, const Tree *at, const Type *type, const char *name) {
    if (type_fits(type)) return true;
    tree_error(r, at, "'%s' is %s: too large, at most 2^%d elements are allowed", name,
               type_text(r->arena, type), IR_MAX_ELEMENTS_LOG2);
    return false;
}

/* The stream that `from:` names, or the one of views without it; -1 after an error. */
static int read_from(ParsedRecipe *r, const View *view, const Tree *form) {
    const Tree *from = tree_get(form, "from");
    const char *names[VT_MAX_SOURCES], *wanted = from ? tree_word(r->diags, from, "from") : NULL;
    if (from && !wanted) return -1;
    if (!from && r->default_stream < 0)
        diag_error(r->diags, view->loc, "view '%s' names no source of data: `from: %s`, or another of the %d",
                   view->name, r->streams[0].name, r->n_streams);
    if (!from) return r->default_stream;
    for (int s = 0; s < r->n_streams; s++)
        if (r->streams[s].name[0] && strcmp(r->streams[s].name, wanted) == 0) return s;
    for (int i = 0; i < r->n_sources; i++) names[i] = r->sources[i].name;
    for (int i = 0; i < r->n_sources; i++) {
        if (strcmp(names[i], wanted) != 0 || !*wanted) continue;
        diag_error(r->diags, from->loc,
                   "'%s' has a weight: it is mixed with others. A view without `from` sees the mixture",
                   wanted);
        return -1;
    }
    bool unnamed = r->n_sources == 1 && !names[0][0];
    diag_error(r->diags, from->loc, "there is no source '%s'%s%s", wanted,
               unnamed ? ": `data: {NAME: {}}` names those there are" : "",
               unnamed ? "" : suggestion(r, wanted, names, (size_t)r->n_sources));
    return -1;
}

/* How many images of the stream's batch the view has. */
static bool read_batch(ParsedRecipe *r, View *view, const Tree *form) {
    const Tree *batch = tree_get(form, "batch");
    const VtStream *stream = &r->streams[view->stream];
    view->batch = stream->batch;
    if (!batch) return true;
    if (!read_int(r, batch, "batch", 1, 1 << 20, &view->batch)) return false;
    if (view->batch <= stream->batch) return true;
    if (stream->name[0])
        tree_error(r, batch, "batch = %lld is more than the %lld images a step takes of source '%s'",
                   (long long)view->batch, (long long)stream->batch, stream->name);
    else
        tree_error(r, batch,
                   "batch = %lld is more than the step's %lld: a view has the first images of its batch",
                   (long long)view->batch, (long long)stream->batch);
    return false;
}

void read_views(ParsedRecipe *r, const Tree *map) {
    static const char *const keys[] = {"count", "size", "augment", "from", "batch"};
    if (!check_map(r, map, "views")) return;
    for (size_t i = 0; map->kind == TREE_MAP && i < map->count; i++) {
        const Tree *form = map->items[i].value;
        View view = {.name = map->items[i].key->text,
                     .loc = map->items[i].key->loc,
                     .first_pipeline = (int)r->n_pipelines};
        int64_t count = 0, size = 0;
        if (!check_keys(r, form, "a view", keys, COUNT(keys))) continue;
        const Tree *augment = tree_get(form, "augment");
        if (!tree_get(form, "size")) {
            diag_error(r->diags, view.loc, "view '%s' has no size", view.name);
            continue;
        }
        if (tree_get(form, "count") && !read_int(r, tree_get(form, "count"), "count", 0, MAX_COPIES, &count))
            continue;
        if (!read_int(r, tree_get(form, "size"), "size", 1, MAX_VIEW_SIZE, &size)) continue;
        if (augment && augment->kind != TREE_LIST) {
            diag_error(r->diags, augment->loc, "augment must be a list");
            continue;
        }
        if ((view.stream = read_from(r, &view, form)) < 0 || !read_batch(r, &view, form)) continue;
        const Type type = type_make(DT_F32, 4, (int64_t[]){view.batch, 3, size, size});
        if (!fits(r, tree_get(form, "size"), &type, view.name)) continue;
        view.count = (int)count;
        view.size = (int)size;
        bool empty = tree_get(form, "count") && count == 0; /* a list without elements */
        if (empty) view.count = -1;
        for (int copy = 0; !empty && copy < (count ? count : 1); copy++)
            if (!read_pipeline(r, &view, augment, copy)) break;
        ARENA_PUSH(r->arena, r->views, r->n_views, r->views_capacity, view);
    }
}

/* The sizes of a draw; false after an error. */
static bool read_shape(ParsedRecipe *r, const Tree *shape, Type *out) {
    bool good = true;
    for (size_t k = 0; k < shape->count; k++) {
        int64_t size;
        good = read_int(r, shape->items[k].value, "a size", 1, 1 << 30, &size) && good;
        if (good) out->dim[out->rank++] = size;
    }
    return good;
}

static void read_draw(ParsedRecipe *r, const Tree *key, const Tree *form) {
    static const char *const keys[] = {"sampler", "shape", "count", NULL};
    const Tree *sampler = tree_get(form, "sampler"), *shape = tree_get(form, "shape"),
               *count = tree_get(form, "count");
    Draw draw = {.name = key->text, .loc = key->loc, .index = (int)r->n_samplers};
    int64_t copies = 0;
    size_t n;
    const char *const *names = catalog_names(SAMPLERS, &n);
    if (!sampler || sampler->kind != TREE_SCALAR || !shape || shape->kind != TREE_LIST ||
        shape->count > IR_MAX_RANK) {
        diag_error(r->diags, draw.loc, "draw '%s' wants `sampler: NAME` and `shape: [sizes]`", draw.name);
        return;
    }
    int row = catalog_find(SAMPLERS, sampler->text);
    if (row < 0) {
        diag_error(r->diags, sampler->loc, "unknown sampler '%s'%s", sampler->text,
                   suggestion(r, sampler->text, names, n));
        return;
    }
    const CatalogRow *kind = catalog_row(SAMPLERS, row);
    VtDraw out = {.name = draw.name, .kind = row};
    draw.type.dtype = (uint8_t)kind->dtype;
    if (!read_params(r, kind, form, keys, 0, 1, out.params) || !read_shape(r, shape, &draw.type) ||
        !fits(r, shape, &draw.type, draw.name) ||
        (count && !read_int(r, count, "count", 1, MAX_COPIES, &copies)) ||
        !check_params(r, kind, form, out.params, &draw.type))
        return;
    draw.count = (int)copies;
    for (int copy = 0; copy < (copies ? copies : 1); copy++) {
        if (copies) out.name = arena_printf(r->arena, "%s.%d", draw.name, copy);
        ARENA_PUSH(r->arena, r->samplers, r->n_samplers, r->samplers_capacity, out);
    }
    ARENA_PUSH(r->arena, r->draws, r->n_draws, r->draws_capacity, draw);
}

void read_draws(ParsedRecipe *r, const Tree *map) {
    if (!check_map(r, map, "draws")) return;
    for (size_t i = 0; map->kind == TREE_MAP && i < map->count; i++)
        read_draw(r, map->items[i].key, map->items[i].value);
}
