/* `data:`, the sources of images: which streams they make. */
#include "frontend/read/read.h"

#include <string.h>

enum { MAX_SOURCE_NAME = 60 };

typedef struct {
    const char *name;
    const Tree *form; /* NULL: nothing is said of it */
    Loc loc;
    double weight; /* 0: it makes a stream of its own */
    int64_t batch, repeat;
    const Tree *pair; /* the name of another source; NULL */
} SourceForm;

/* What is wrong is told, and left out: the source is there all the same. */
static void read_source_form(ParsedRecipe *r, const Tree *key, const Tree *form, SourceForm *out) {
    static const char *const keys[] = {"batch", "weight", "pair", "repeat"};
    *out = (SourceForm){.name = key->text, .loc = key->loc, .batch = r->train.batch, .repeat = r->repeat};
    if (strlen(key->text) > MAX_SOURCE_NAME)
        diag_error(r->diags, key->loc, "'%.40s…' is too long for the name of a source: at most %d letters",
                   key->text, MAX_SOURCE_NAME);
    bool number = form->kind == TREE_SCALAR && !tree_is_null(form); /* short for {batch: NUMBER} */
    if (!number && (tree_is_null(form) || !check_keys(r, form, "a source of data", keys, COUNT(keys))))
        return;
    const Tree *batch = number ? form : tree_get(form, "batch"), *weight = tree_get(form, "weight"),
               *repeat = number ? NULL : tree_get(form, "repeat");
    out->pair = tree_get(form, "pair");
    if (out->pair && (batch || weight || repeat))
        diag_error(
            r->diags,
            (batch    ? batch
             : weight ? weight
                      : repeat)
                ->loc,
            "source '%s' takes the images that go with those of the source it is paired with: it has no "
            "batch, weight or repeat of its own",
            out->name);
    else if (weight && repeat)
        diag_error(r->diags, repeat->loc,
                   "source '%s' is mixed with others, whose images are repeated as `train.repeat` says",
                   out->name);
    else if (batch && weight)
        diag_error(r->diags, batch->loc,
                   "source '%s' has a weight, so it shares the step's batch with the others that have one: "
                   "leave out `batch`, or the weight for a batch of its own",
                   out->name);
    else if (batch && !read_int(r, batch, "batch", 1, 1 << 20, &out->batch))
        out->batch = r->train.batch;
    else if (repeat && !read_int(r, repeat, "repeat", 1, MAX_REPEAT, &out->repeat))
        out->repeat = 1;
    else if (weight && !read_real(r, weight, "weight", 1e-6, 1e6, &out->weight))
        out->weight = 1;
}

/* The form that `pair:` names; NULL after an error. */
static const SourceForm *find_pair(ParsedRecipe *r, const SourceForm *of, const SourceForm *forms, size_t n) {
    const char *names[VT_MAX_SOURCES], *wanted = tree_word(r->diags, of->pair, "pair");
    if (!wanted) return NULL;
    for (size_t i = 0; i < n; i++) {
        names[i] = forms[i].name;
        if (strcmp(forms[i].name, wanted) != 0) continue;
        if (&forms[i] != of && !forms[i].pair && forms[i].weight == 0) return &forms[i];
        diag_error(r->diags, of->pair->loc,
                   "'%s' cannot be paired with '%s', which %s: pair it with a source that has a batch",
                   of->name, wanted,
                   &forms[i] == of   ? "is itself"
                   : forms[i].weight ? "is mixed with others"
                                     : "is paired already");
        return NULL;
    }
    diag_error(r->diags, of->pair->loc, "there is no source '%s' to pair with%s", wanted,
               suggestion(r, wanted, names, n));
    return NULL;
}

/* repeat: of each image; what is paired is repeated as its leader is. */
static int add_stream(ParsedRecipe *r, VtStream stream, int64_t repeat, Loc loc) {
    stream.first_source = r->n_sources;
    stream.repeat = (int32_t)repeat;
    r->stream_locs[r->n_streams] = loc;
    r->streams[r->n_streams] = stream;
    return r->n_streams++;
}

static void add_source(ParsedRecipe *r, int stream, const char *name, double weight) {
    r->streams[stream].n_sources++;
    r->sources[r->n_sources++] = (VtSource){name, weight};
}

/* The mixture first, then those with a batch, then those that are paired with one. */
static void make_streams(ParsedRecipe *r, const SourceForm *forms, size_t n) {
    int mixture = -1, of[VT_MAX_SOURCES];
    for (size_t i = 0; i < n; i++) {
        if (forms[i].weight == 0) continue;
        if (mixture < 0)
            mixture = add_stream(r, (VtStream){.name = "", .batch = r->train.batch, .pair = -1}, r->repeat,
                                 forms[i].loc);
        add_source(r, mixture, forms[i].name, forms[i].weight);
    }
    for (size_t i = 0; i < n; i++) {
        if (forms[i].weight || forms[i].pair) continue;
        of[i] = add_stream(r, (VtStream){.name = forms[i].name, .batch = forms[i].batch, .pair = -1},
                           forms[i].repeat, forms[i].loc);
        add_source(r, of[i], forms[i].name, 1);
    }
    for (size_t i = 0; i < n; i++) {
        if (!forms[i].pair) continue;
        const SourceForm *with = find_pair(r, &forms[i], forms, n);
        VtStream stream = {.name = forms[i].name, .batch = forms[i].batch, .pair = -1};
        if (with) stream.pair = of[with - forms];
        if (with) stream.batch = r->streams[stream.pair].batch;
        of[i] = add_stream(r, stream, with ? r->streams[stream.pair].repeat : 1, forms[i].loc);
        add_source(r, of[i], forms[i].name, 1);
    }
    r->default_stream = mixture >= 0 || r->n_streams == 1 ? 0 : -1;
}

void read_data(ParsedRecipe *r, const Tree *map) {
    SourceForm forms[VT_MAX_SOURCES], unnamed = {.name = "", .batch = r->train.batch, .repeat = r->repeat};
    size_t n = 0;
    bool good = !map || check_map(r, map, "data");
    if (!good) r->names_missing = true;
    if (good && map && map->count == 0)
        diag_error(r->diags, map->loc, "`data` names no source: `data: {NAME: {}}`");
    if (good && map && map->count > VT_MAX_SOURCES)
        diag_error(r->diags, map->loc, "%zu sources of data, at most %d", map->count, VT_MAX_SOURCES);
    for (size_t i = 0; good && map && i < map->count && i < VT_MAX_SOURCES; i++)
        read_source_form(r, map->items[i].key, map->items[i].value, &forms[n++]);
    make_streams(r, n ? forms : &unnamed, n ? n : 1);
    if (n == 0) r->streams[0].name = "";
}
