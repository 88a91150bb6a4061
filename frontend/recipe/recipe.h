/* A recipe as read: structure checked, expressions parsed, nothing evaluated but knobs. Between recipe.c, which fills it, and
 * the elaborator, which turns it into IR. */
#ifndef VITC_FRONTEND_RECIPE_H
#define VITC_FRONTEND_RECIPE_H

#include "frontend/text/expr.h"
#include "frontend/frontend.h"
#include "frontend/text/tree.h"
#include "ir/base/names.h"

typedef struct { /* a module, or a network */
    Signature signature;
    Block *body;
    Loc loc;
    /* networks only */
    const char *ema_of; /* NULL: trained */
    Loc ema_loc;
    Expr *momentum;
    bool before;
} Definition;

typedef struct {
    const char *name;
    Loc loc;
    Expr *value;  /* of a schedule, state, metric, value, freeze pattern */
    Expr *weight; /* of an objective; NULL: 1 */
    Block *loss, *update;
} Entry;

typedef struct {
    Entry *items;
    size_t count, capacity;
} Entries;

typedef enum { KNOB_INT, KNOB_REAL, KNOB_BOOL, KNOB_STRING, KNOB_LIST } KnobType;
typedef struct {
    const char *name;
    KnobType type;
    Loc loc, set; /* set: of its value, in the recipe or the command line */
    double number;
    bool truth;
    const char *text;
    double *list;
    size_t count;
    bool list_is_int;
} Knob;

typedef struct {
    const char *name;
    Loc loc;
    int count; /* 0: a single tensor */
    int size;
    int first_pipeline;
} View;

typedef struct {
    const char *name;
    Loc loc;
    int count; /* 0: a single tensor */
    int index; /* VtProgram.draws: the first copy */
    Type type;
} Draw;

typedef struct {
    Arena *arena;
    Diags *diags;
    const RecipeOptions *options;
    const char *name, *about;
    Tree *tree; /* with overrides applied */
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
    VtDraw *samplers; /* of `draws:` and of draw() calls */
    size_t n_samplers, samplers_capacity;
    VtWarning *warnings;
    size_t n_warnings, warnings_capacity;
    Entries state, schedules, objectives, metrics, values, freeze;
    const char *embed_view;
    Expr *embed_features;
    Expr *optimizer, *clip;
    VtTrain train;
    Precision precision;
    int64_t memory_limit; /* bytes; 0: any */
    Loc memory_loc;
    /* files being read, for `use:` cycles */
    const char **open_files, **read_files;
    size_t n_open, open_capacity, n_read, read_capacity;
    struct Elaborator *constants; /* that evaluates `$(…)`; made at the first */
    const Tree **library_modules; /* the `modules` of each file used */
    size_t n_library_modules, library_modules_capacity;
} ParsedRecipe;

bool recipe_read(ParsedRecipe *recipe, const char *path, const char *text, size_t size);
const Knob *recipe_knob(const ParsedRecipe *recipe, const char *name);

/* blame.c: knobs in messages. Lists have room for MAX_BLAMED, and keep each knob once. */
enum { MAX_BLAMED = 4 };
/* Adds the knobs that the scalars `$knob` and `$(expression)` of a tree name to the n there are; returns how many there are then. */
size_t knobs_in(const ParsedRecipe *recipe, const Tree *tree, const Knob **knobs, size_t n);
const char *knob_text(ParsedRecipe *recipe, const Knob *knob); /* "heads=5" */
const char *knobs_text(ParsedRecipe *recipe, const Knob *const *knobs,
                       size_t n); /* " (knobs heads=5, dim=192)", or "" */
void knobs_notes(ParsedRecipe *recipe, const Knob *const *knobs, size_t n); /* where each was set */
/* An error about a value of the tree; the knobs it was made of are named. */
void tree_error(ParsedRecipe *recipe, const Tree *tree, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* eval.c: an expression over knobs alone, for `$(…)`. False after an error. */
bool evaluate_constant(ParsedRecipe *recipe, const Expr *expr, double *value, bool *is_int);
/* elaborate.c: the statements of `check:`, over knobs alone. False after an error. */
bool run_check(ParsedRecipe *recipe, const Block *check);
bool elaborate(ParsedRecipe *recipe, Recipe *out);

/* resolved.c: the recipe as YAML with overrides applied and libraries written into it, loadable again on its own. */
char *recipe_resolved(ParsedRecipe *recipe);

/* ---- reading, shared by recipe.c, knobs.c and feeding.c */
#define COUNT(array) (sizeof(array) / sizeof *(array))
/* "; did you mean 'x'?", or "" */
const char *suggestion(ParsedRecipe *recipe, const char *word, const char *const *names, size_t n);
/* Errors of a tree that is no map, or has keys other than these. */
bool check_keys(ParsedRecipe *recipe, const Tree *map, const char *what, const char *const *keys, size_t n);
bool check_map(ParsedRecipe *recipe, const Tree *map, const char *what); /* any keys; or nothing at all */
size_t names_in(const Tree *map, const char **names, size_t most);       /* its keys; NULL or no map: none */
bool read_int(ParsedRecipe *recipe, const Tree *tree, const char *what, int64_t low, int64_t high,
              int64_t *out);
bool read_real(ParsedRecipe *recipe, const Tree *tree, const char *what, double low, double high,
               double *out);
void read_knobs(ParsedRecipe *recipe, const Tree *map);
void apply_overrides(ParsedRecipe *recipe, Tree *root);
void read_views(ParsedRecipe *recipe, const Tree *map);
void read_draws(ParsedRecipe *recipe, const Tree *map);

/* catalog.c: the rows of runtime/catalog.def. Each fills params (VT_MAX_PARAMS of them) from a map of keys; the keys `size`,
 * `sampler` and `shape` are passed over. `copy`: which element of an `each:` list to take. */
int catalog_augment(const char *name); /* row, or -1 */
int catalog_sampler(const char *name);
const char *const *catalog_names(bool samplers, size_t *n);
bool catalog_params(ParsedRecipe *recipe, bool sampler, int row, const Tree *map, int copy, int copies,
                    double *params);
/* One parameter from a number, by keyword, for draw(). Returns what is wrong: no such parameter, or out of range; NULL: nothing. */
const char *catalog_set(ParsedRecipe *recipe, bool sampler, int row, const char *key, double value,
                        double *params);
/* What is wrong with the parameters together, and with a draw's type if it is known; NULL: nothing. keys: the two it is about. */
const char *catalog_problem(ParsedRecipe *recipe, bool sampler, int row, const double *params,
                            const Type *type, const char *keys[2]);
/* The same for those of a map; false after telling it. */
bool catalog_check(ParsedRecipe *recipe, bool sampler, int row, const Tree *map, const double *params,
                   const Type *type);
void catalog_defaults(bool sampler, int row, double *params);

/* A scalar of the tree as a number: a literal, $knob or $(expression). False after an error. */
bool tree_number(ParsedRecipe *recipe, const Tree *tree, double *value, bool *is_int);

#endif
