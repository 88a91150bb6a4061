/* Views, draws and inputs: what feeds a step. */
#include "frontend/read/read.h"

#include <string.h>

enum { MAX_VIEW_SIZE = 4096, MAX_COPIES = 64 };

/* One augmentation: a bare name, or {name: {parameters}}. */
static bool read_augment(ParsedRecipe *r, const Tree *item, ParamsOf of, VtAugment *out) {
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
    return read_params(r, catalog_row(AUGMENTATIONS, out->kind), name->loc, params, NULL, of, out->params);
}

/* Whether `augment:` is a list, or one list for each copy of the view. */
static bool check_augment(ParsedRecipe *r, const Tree *augment, int64_t copies) {
    size_t lists = 0;
    if (augment->kind != TREE_LIST) {
        diag_error(r->diags, augment->loc, "augment must be a list");
        return false;
    }
    for (size_t i = 0; i < augment->count; i++) lists += augment->items[i].value->kind == TREE_LIST;
    for (size_t i = 0; lists && i < augment->count; i++)
        if (augment->items[i].value->kind != TREE_LIST) {
            diag_error(r->diags, augment->items[i].value->loc,
                       "augment is a list of augmentations, or one such list for each copy: not both");
            return false;
        }
    if (lists == 0 || (int64_t)lists == copies) return true;
    tree_error(r, augment, "augment has %zu lists, and the view %lld cop%s: one for each", lists,
               (long long)copies, copies == 1 ? "y" : "ies");
    return false;
}

/* Pixels come first, then normalize makes numbers of them, then what is of numbers. */
static bool check_order(ParsedRecipe *r, const Tree *augment, const VtAugment *augments, int n) {
    int normalize = catalog_find(AUGMENTATIONS, "normalize");
    for (int i = 0; i + 1 < n; i++) {
        int kind = augments[i].kind, next = augments[i + 1].kind;
        if (kind < normalize || next > normalize) continue;
        if (kind == normalize)
            diag_error(r->diags, augment->items[i].value->loc,
                       "normalize comes last in a pipeline, or before random_erasing");
        else
            diag_error(r->diags, augment->items[i].value->loc,
                       "%s comes behind normalize and all that changes pixels: it is of normalised numbers",
                       catalog_row(AUGMENTATIONS, kind)->name);
        return false;
    }
    return true;
}

/* `normalize: {of: NETWORK}`: as the encoder of that recipe sees images, which may be without. False: it is another
 * augmentation. *n: of augments. */
static bool read_normalize_of(ParsedRecipe *r, const Tree *item, const View *view, VtAugment *augments,
                              int *n, bool *good) {
    const Tree *params = item->kind == TREE_MAP ? tree_get(item, "normalize") : NULL,
               *of = tree_get(params, "of");
    if (!of) return false;
    const ParsedRecipe *recipe = encoder_named(r, of);
    const View *seen = recipe ? encoder_view(recipe) : NULL;
    *good = *good && seen;
    if (!seen) return true;
    if (params->count > 1)
        diag_error(r->diags, of->loc, "`of` says all of it: no other parameter goes with it");
    if (seen->channels != view->channels)
        diag_error(r->diags, of->loc, "'%s' sees %d channels, view '%s' has %d", of->text, seen->channels,
                   view->name, view->channels);
    const VtPipeline *pipeline = &recipe->pipelines[seen->first_pipeline];
    for (int i = 0; i < pipeline->n_augments; i++)
        if (pipeline->augments[i].kind == catalog_find(AUGMENTATIONS, "normalize"))
            augments[(*n)++] = pipeline->augments[i];
    return true;
}

static bool read_pipeline(ParsedRecipe *r, const View *view, const Tree *augment, int copy) {
    ParamsOf of = {.copy = copy, .copies = view->count ? view->count : 1, .channels = view->channels};
    VtPipeline pipeline = {.size = view->size, .channels = view->channels};
    pipeline.name = view->count ? arena_printf(r->arena, "%s.%d", view->name, copy) : view->name;
    pipeline.random = pipeline.name;
    if (augment && augment->count && augment->items[0].value->kind == TREE_LIST)
        augment = augment->items[copy].value;
    VtAugment *augments = ARENA_ARRAY(r->arena, VtAugment, (augment ? augment->count : 0) + 1);
    bool good = true;
    for (size_t i = 0; augment && i < augment->count; i++)
        if (!read_normalize_of(r, augment->items[i].value, view, augments, &pipeline.n_augments, &good))
            good = read_augment(r, augment->items[i].value, of, &augments[pipeline.n_augments++]) && good;
    good = good && check_order(r, augment, augments, pipeline.n_augments);
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
    if (unnamed && tree_get(r->tree, "data")) return 0; /* what is wrong with it was told */
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

/* Images are read with one number of channels: RGB, of which views of 3 and 1 are made, or another. */
static bool check_channels(ParsedRecipe *r, const View *view, Loc loc) {
    for (size_t i = 0; i < r->n_views; i++) {
        const View *other = &r->views[i];
        bool rgb = view->channels == 3 || view->channels == 1,
             other_rgb = other->channels == 3 || other->channels == 1;
        if (other->stream != view->stream || view->channels == other->channels || (rgb && other_rgb))
            continue;
        diag_error(r->diags, loc,
                   "views '%s' and '%s' of the same images have %d and %d channels: only 1 and 3 go "
                   "together; a part "
                   "of the channels is a slice, `x[:, :3]`",
                   other->name, view->name, other->channels, view->channels);
        return false;
    }
    return true;
}

/* `{of: NETWORK}`: what the encoder of that recipe sees, as it sees it. */
static void read_view_of(ParsedRecipe *r, const Tree *key, const Tree *form) {
    static const char *const keys[] = {"of", "from", "batch"};
    if (!check_keys(r, form, "a view of what an encoder sees", keys, COUNT(keys))) return;
    const ParsedRecipe *recipe = encoder_named(r, tree_get(form, "of"));
    const View *seen = recipe ? encoder_view(recipe) : NULL;
    if (!seen) return;
    View view = {.name = key->text,
                 .loc = key->loc,
                 .size = seen->size,
                 .channels = seen->channels,
                 .first_pipeline = (int)r->n_pipelines};
    if ((view.stream = read_from(r, &view, form)) < 0 || !read_batch(r, &view, form)) return;
    if (!check_channels(r, &view, view.loc)) return;
    VtPipeline pipeline = recipe->pipelines[seen->first_pipeline];
    pipeline.name = pipeline.random = view.name;
    ARENA_PUSH(r->arena, r->pipelines, r->n_pipelines, r->pipelines_capacity, pipeline);
    ARENA_PUSH(r->arena, r->views, r->n_views, r->views_capacity, view);
}

static void read_view(ParsedRecipe *r, const Tree *key, const Tree *form) {
    static const char *const keys[] = {"count", "size", "augment", "from", "batch", "channels", "random_as"};
    if (tree_get(form, "of")) {
        read_view_of(r, key, form);
        return;
    }
    View view = {.name = key->text, .loc = key->loc, .first_pipeline = (int)r->n_pipelines};
    int64_t count = 0, size = 0, channels = 3;
    if (!check_keys(r, form, "a view", keys, COUNT(keys))) return;
    const Tree *augment = tree_get(form, "augment"), *n = tree_get(form, "count"),
               *c = tree_get(form, "channels");
    if (!tree_get(form, "size")) {
        diag_error(r->diags, view.loc, "view '%s' has no size", view.name);
        return;
    }
    if (n && !read_int(r, n, "count", 0, MAX_COPIES, &count)) return;
    if (!read_int(r, tree_get(form, "size"), "size", 1, MAX_VIEW_SIZE, &size)) return;
    if (c && !read_int(r, c, "channels", 1, VT_MAX_CHANNELS, &channels)) return;
    if (augment && !check_augment(r, augment, n ? count : 1)) return;
    view.count = (int)count;
    view.size = (int)size;
    view.channels = (int)channels;
    view.random_as = tree_get(form, "random_as");
    if ((view.stream = read_from(r, &view, form)) < 0 || !read_batch(r, &view, form)) return;
    if (!check_channels(r, &view, c ? c->loc : view.loc)) return;
    const Type type = type_make(DT_F32, 4, (int64_t[]){view.batch, channels, size, size});
    if (!fits(r, tree_get(form, "size"), &type, view.name)) return;
    bool empty = n && count == 0; /* a list without elements */
    if (empty) view.count = -1;
    for (int copy = 0; !empty && copy < (count ? count : 1); copy++)
        if (!read_pipeline(r, &view, augment, copy))
            augment = NULL; /* told once; the copies are there all the same */
    ARENA_PUSH(r->arena, r->views, r->n_views, r->views_capacity, view);
}

static int leader_of(const ParsedRecipe *r, int stream) {
    return r->streams[stream].pair < 0 ? stream : r->streams[stream].pair;
}

/* `random_as: OTHER`: each copy takes the random numbers of OTHER's copy, or of all there is of it. */
static void take_random(ParsedRecipe *r, const View *view) {
    const char *wanted = tree_word(r->diags, view->random_as, "random_as"), *problem = NULL;
    const char **names = ARENA_ARRAY(r->arena, const char *, r->n_views + 1);
    const View *other = NULL;
    if (!wanted) return;
    for (size_t i = 0; i < r->n_views; i++) {
        names[i] = r->views[i].name;
        if (strcmp(names[i], wanted) == 0) other = &r->views[i];
    }
    if (!other)
        problem = arena_printf(r->arena, "there is no view '%s'%s", wanted,
                               suggestion(r, wanted, names, r->n_views));
    else if (other == view || other->random_as)
        problem = "it has to be another view, with random numbers of its own";
    else if (leader_of(r, other->stream) != leader_of(r, view->stream))
        problem = arena_printf(r->arena, "view '%s' is of other images", wanted);
    else if (other->count > 0 && other->count != view->count)
        problem = arena_printf(r->arena, "view '%s' has another number of copies", wanted);
    if (problem) {
        diag_error(r->diags, view->random_as->loc, "random_as: %s", problem);
        return;
    }
    for (int copy = 0; copy < (view->count > 0 ? view->count : 1) && view->count >= 0 && other->count >= 0;
         copy++)
        r->pipelines[view->first_pipeline + copy].random =
            r->pipelines[other->first_pipeline + (other->count > 0 ? copy : 0)].name;
}

void read_views(ParsedRecipe *r, const Tree *map) {
    if (!check_map(r, map, "views")) return;
    for (size_t i = 0; map->kind == TREE_MAP && i < map->count; i++)
        read_view(r, map->items[i].key, map->items[i].value);
    for (size_t i = 0; i < r->n_views; i++)
        if (r->views[i].random_as) take_random(r, &r->views[i]);
}

/* The sizes of a draw or an input; false after an error. */
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
    if (!read_params(r, kind, key->loc, form, keys, (ParamsOf){.copies = 1, .channels = 3}, out.params) ||
        !read_shape(r, shape, &draw.type) || !fits(r, shape, &draw.type, draw.name) ||
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

static void read_input(ParsedRecipe *r, const Tree *key, const Tree *form) {
    static const char *const keys[] = {"shape", "type"};
    static const struct {
        const char *name;
        DType dtype;
    } types[] = {{"f32", DT_F32}, {"i32", DT_I32}};
    Draw input = {.name = key->text, .loc = key->loc, .given = true, .type = {.dtype = DT_F32}};
    if (!check_keys(r, form, "an input", keys, COUNT(keys))) return;
    const Tree *shape = tree_get(form, "shape"), *type = tree_get(form, "type");
    if (!shape || shape->kind != TREE_LIST || shape->count > IR_MAX_RANK) {
        diag_error(r->diags, input.loc, "input '%s' wants `shape: [sizes]`", input.name);
        return;
    }
    const char *word = type ? tree_word(r->diags, type, "type") : "f32";
    bool known = false;
    for (size_t i = 0; word && i < COUNT(types); i++) {
        if (strcmp(types[i].name, word) != 0) continue;
        input.type.dtype = types[i].dtype;
        known = true;
    }
    if (word && !known) diag_error(r->diags, type->loc, "the type of an input is f32 or i32, not '%s'", word);
    if (!known || !read_shape(r, shape, &input.type) || !fits(r, shape, &input.type, input.name)) return;
    ARENA_PUSH(r->arena, r->draws, r->n_draws, r->draws_capacity, input);
}

void read_inputs(ParsedRecipe *r, const Tree *map) {
    if (!check_map(r, map, "inputs")) return;
    for (size_t i = 0; map->kind == TREE_MAP && i < map->count; i++)
        read_input(r, map->items[i].key, map->items[i].value);
}

void read_draws(ParsedRecipe *r, const Tree *map) {
    if (!check_map(r, map, "draws")) return;
    for (size_t i = 0; map->kind == TREE_MAP && i < map->count; i++)
        read_draw(r, map->items[i].key, map->items[i].value);
}
