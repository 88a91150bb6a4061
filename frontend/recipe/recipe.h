/* A recipe as it was read: plain data. Its structure is checked and its expressions are parsed, but only knobs, and
 * numbers that are made of knobs alone, have values. Folder read/ fills it, elaborate/ turns it into IR. */
#ifndef VITC_FRONTEND_RECIPE_RECIPE_H
#define VITC_FRONTEND_RECIPE_RECIPE_H

#include "frontend/frontend.h"
#include "frontend/text/base.h"
#include "frontend/text/expr.h"
#include "frontend/text/tree.h"
#include "ir/base/names.h"

typedef struct { /* a module, or a network */
    Signature signature;
    Block *body;
    Loc loc;
    uint32_t text; /* it stands in this one: a number in ParsedRecipe.texts */
    /* networks only */
    const char *ema_of; /* NULL: trained */
    Loc ema_loc;
    Expr *momentum;
    bool before;                       /* it moves before the step, not after the optimiser */
    const struct ParsedRecipe *recipe; /* it is the encoder of this one: applies its `embed`; or NULL */
    bool thaw;                         /* of such a one: parameters that its recipe keeps fixed are trained */
    const Tree *recipe_form;           /* the map that says so */
} Definition;

typedef struct { /* a text that modules stand in: the recipe, or a library that it uses */
    const char *name,
        *key; /* a library's name in `use:`, no two alike; and what tells it from others: its file */
    const Tree *modules; /* or NULL */
    uint32_t *uses;      /* numbers of libraries */
    size_t n_uses, uses_capacity;
    Names seen; /* names of modules that its text sees: modules.c has the numbers */
} SourceText;

typedef struct {
    const char *name;
    Loc loc;
    Expr *value;  /* of a schedule, state, metric, value, freeze pattern */
    Expr *weight; /* of an objective; NULL: 1 */
    Block *loss, *update;
    bool held_out; /* of a metric: it is taken of held-out images */
} Entry;

typedef struct {
    Entry *items;
    size_t count, capacity;
} Entries;

typedef enum { KNOB_INT, KNOB_REAL, KNOB_BOOL, KNOB_STRING, KNOB_LIST } KnobType;
typedef struct {
    const char *name, *help; /* help: NULL: none */
    KnobType type;
    Loc loc, set; /* set: of its value, in the recipe or the command line */
    double number;
    uint32_t scalar; /* of a number: that may be another when the program runs (scalars.h) */
    uint32_t made;   /* the scalar that its default is made of; 0: none */
    bool truth;
    const char *text;
    double *list;
    size_t count;
    bool list_is_int;
} Knob;

typedef struct {
    const char *name;
    Loc loc;
    int count; /* of copies; 0: a single tensor, -1: an empty list */
    int size, channels;
    int stream;            /* of VtProgram.streams */
    int64_t batch;         /* the first images of the stream's batch */
    int first_pipeline;    /* of its copies, which follow each other */
    const Tree *random_as; /* the view whose random numbers it takes; NULL: it has its own */
} View;

typedef struct { /* a copy of a view that `log_images` shows */
    int pipeline;
    Loc loc;
} ShownView;

typedef struct {
    const char *name;
    Loc loc;
    int count;  /* as of a view */
    int index;  /* of its first copy among the samplers */
    bool given; /* of `inputs:`: whoever runs the step gives it, no sampler */
    Type type;
} Draw;

typedef struct { /* a name of which nothing could be read, after an error */
    const char *name;
    bool everywhere; /* modules see it too */
} Unread;

typedef struct ParsedRecipe {
    Arena *arena;
    Diags *diags;
    const RecipeOptions *options;
    const char *path; /* of the recipe's file, as it was given */
    const char *name, *about;
    Tree *tree; /* with overrides applied */
    Unread *unread;
    size_t n_unread, unread_capacity;
    struct Mentions *mentions; /* recipe/own_names.h */
    Names clashes; /* names that hide others, after an error: the recipe's own text has no value of them */
    bool names_missing; /* a section or library could not be read: names that nothing has are no errors */
    bool no_values;     /* after an error that all values depend on: names alone are looked at further */
    uint32_t file;      /* its own source, among those of diags; the others are its bases and libraries */
    const char *own_text;
    size_t own_size;
    RecipeBases bases;     /* recipes that it begins with */
    const Tree *libraries; /* of a saved recipe: those it uses, by name; or NULL */
    Definition *encoders;  /* networks that are encoders of other recipes: read before all else */
    size_t n_encoders, encoders_capacity;
    const struct ParsedRecipe *taken_by; /* the recipe that this one is the encoder in, or NULL */
    size_t *n_taken;                     /* how many were taken in all; NULL: none yet */
    Definition *modules, *networks;
    size_t n_modules, modules_capacity, n_networks, networks_capacity;
    Knob *knobs;
    size_t n_knobs, knobs_capacity;
    Names knob_names;
    View *views;
    size_t n_views, views_capacity;
    Draw *draws;
    size_t n_draws, draws_capacity;
    VtPipeline *pipelines;
    size_t n_pipelines, pipelines_capacity;
    VtDraw *samplers; /* of `draws:` */
    size_t n_samplers, samplers_capacity;
    VtSource sources[VT_MAX_SOURCES];
    VtStream streams[VT_MAX_SOURCES];
    int64_t repeat; /* of streams that say nothing else */
    Loc stream_locs[VT_MAX_SOURCES];
    int n_sources, n_streams;
    int default_stream; /* of views that name no source; -1: each has to */
    VtWarning *warnings;
    size_t n_warnings, warnings_capacity;
    VtHeldOut *held_out;
    size_t n_held_out, held_out_capacity;
    ShownView *shown;
    size_t n_shown, shown_capacity;
    double images_every; /* epochs; 0: no images are logged */
    int images_count;    /* of each */
    Entries images;      /* expressions that `log_images` shows */
    Expr *stop;          /* of `train`; NULL: none */
    const char *stop_text;
    VtWeights *weights;
    size_t n_weights, weights_capacity;
    Entries state, schedules, objectives, metrics, values, freeze;
    const char *embed_view;
    Loc embed_loc; /* of embed_view, or of `embed` where it names none */
    Expr *embed_features;
    Expr *
        embed_readout; /* what takes the place of the features, made of them and of `applied`; NULL: they stay */
    Expr *optimizer, *clip;
    VtTrain train;
    uint32_t epochs_scalar; /* of train.epochs (scalars.h) */
    Precision precision;
    int64_t memory_limit; /* bytes; 0: any */
    Loc memory_loc;
    /* files being read, for circles of `use:` */
    const char **open_files;
    size_t n_open, open_capacity;
    SourceText *texts; /* the recipe, then libraries in the order in which they are first used */
    size_t n_texts, texts_capacity;
    struct Scalars *scalars;     /* recipe/scalars.h */
    struct Evaluator *constants; /* that evaluates `$(…)` (read/constants.c); NULL before the first */
} ParsedRecipe;

/* The text of a source that the recipe itself stands in, or one that it begins with; NULL: it is a library, or none. */
static inline const char *recipe_text_of(const ParsedRecipe *recipe, uint32_t file) {
    if (file == recipe->file) return recipe->own_text;
    for (size_t i = 0; i < recipe->bases.count; i++)
        if (file == recipe->bases.items[i].file) return recipe->bases.items[i].text;
    return NULL;
}

#endif
