/* Reading a recipe: the door of this folder, and what its files share. */
#ifndef VITC_FRONTEND_READ_READ_H
#define VITC_FRONTEND_READ_READ_H

#include "frontend/recipe/catalog.h"
#include "frontend/recipe/knob.h"
#include "frontend/recipe/recipe.h"

/* Fills a recipe of which arena, diags and options are set. After errors in parts of it the others are read all the
 * same; false if the whole is no recipe. */
bool recipe_read(ParsedRecipe *recipe, const char *path, const char *text, size_t size);

/* ---- sections.c: parts of reading one, of which encoder.c makes another */
/* Its tree, with known keys; part: the text's, if that is another recipe in which it stands, else NULL. False: no
 * recipe. */
bool recipe_begin(ParsedRecipe *recipe, const char *path, const char *text, size_t size, Tree *part);
void read_definitions(ParsedRecipe *recipe, const char *path, Tree *root); /* modules, of libraries too */
void read_name(ParsedRecipe *recipe, const Tree *root);
void read_check(ParsedRecipe *recipe, const Tree *at); /* whether the knobs go together */
void read_embed(ParsedRecipe *recipe, const Tree *root);

/* ---- encoder.c: networks that are the encoders of other recipes */
void read_encoders(ParsedRecipe *recipe, const Tree *root);

/* ---- encoders.c: these by name */
/* The recipe whose encoder the network is that a scalar names; NULL after an error. */
const ParsedRecipe *encoder_named(ParsedRecipe *recipe, const Tree *of);
/* What the encoder of a recipe sees; NULL: it has none. */
const View *encoder_view(const ParsedRecipe *recipe);

/* The recipe as YAML with overrides applied and libraries written into it, so that it can be loaded on its own. */
char *recipe_resolved(const ParsedRecipe *recipe);
/* Where in that text n settings have their values (`at` and `length`). */
void recipe_locate_settings(Arena *arena, const char *text, VtSetting *settings, int n);

enum { MAX_REPEAT = 1024 }; /* times that an image is taken running */

/* ---- keys.c: the keys and names of maps */
#define COUNT(array) (sizeof(array) / sizeof *(array))
/* "; did you mean 'x'?", or "" */
const char *suggestion(ParsedRecipe *recipe, const char *word, const char *const *names, size_t n);
/* Errors of a tree that is no map, or has keys other than these. */
bool check_keys(ParsedRecipe *recipe, const Tree *map, const char *what, const char *const *keys, size_t n);
bool check_map(ParsedRecipe *recipe, const Tree *map, const char *what); /* any keys; or nothing at all */
size_t names_in(const Tree *map, const char **names, size_t most);       /* its keys; NULL or no map: none */

/* ---- names.c: what is given names */
/* Errors of names that are no identifiers, are names of the language or of every step, or that two things have. */
void check_names(ParsedRecipe *recipe, const Tree *root);
/* Notes the knobs that scalars `$knob` name. */
void note_knobs(ParsedRecipe *recipe, const Tree *root);
void check_library_names(ParsedRecipe *recipe, const Tree *modules);
void check_outputs(ParsedRecipe *recipe, const Tree *root); /* errors of names that would be logged twice */

/* ---- constants.c: what knobs and numbers alone give; false after an error */
bool evaluate_constant(ParsedRecipe *recipe, const Expr *expr, double *value, bool *is_int);
bool run_check(ParsedRecipe *recipe, const Block *check); /* the statements of `check:` */

/* ---- numbers.c: scalars of the tree as numbers: literals, $knob, $(expression); false after an error */
bool tree_number(ParsedRecipe *recipe, const Tree *tree, double *value, bool *is_int);
bool literal_number(const char *text, double *value, bool *is_int); /* whether it is one, without a word */
bool is_formula(const Tree *scalar);                                /* $knob, $(expression) */
bool is_truth(const Tree *scalar);                                  /* true or false, unquoted */
/* What was perhaps meant by a text that is no number, behind a message: " (…)"; or "". */
const char *number_hint(ParsedRecipe *recipe, const Tree *scalar);
bool is_odd_number(const char *text); /* as YAML, C and Python write what is no finite number */
bool read_int(ParsedRecipe *recipe, const Tree *tree, const char *what, int64_t low, int64_t high,
              int64_t *out);
bool read_real(ParsedRecipe *recipe, const Tree *tree, const char *what, double low, double high,
               double *out);

/* ---- knobs.c, overrides.c */
void read_knobs(ParsedRecipe *recipe, const Tree *map);
/* Presets and settings of the command line take the place of the tree's values. */
void apply_overrides(ParsedRecipe *recipe, Tree *root);
/* The same of a map: `preset` first, then values by their paths. */
void apply_settings(ParsedRecipe *recipe, Tree *root, const Tree *map);
/* Warnings of what a preset sets and the recipe has not; errors if it is the one chosen were told before. */
void check_preset(ParsedRecipe *recipe, const char *name, const Tree *preset);
/* The place that a path such as "train.epochs", or a knob's bare name, names in the tree; NULL: none. */
Tree **find_place(Tree *root, const char *path);

/* ---- unread.c: notes the names of a section that could not be read */
void note_unread(ParsedRecipe *recipe, const char *section, const Tree *map);
/* ---- files.c: the libraries that a recipe uses */
/* key: what tells it from others. Returns its number. */
uint32_t add_text(ParsedRecipe *recipe, const char *name, const char *key, const Tree *modules);
/* Reads libraries that a text names, and those they use. path: of the text, which others are looked for beside. */
/* Text `source` uses one more file, if it does not yet. */
void read_use(ParsedRecipe *r, uint32_t source, const char *path, const Tree *item);
void read_uses(ParsedRecipe *recipe, uint32_t source, const char *path, const Tree *uses);

/* ---- syntax.c: texts of the expression language; NULL after an error */
/* returns: it has to, on every way. `what` begins messages: "module 'f'". */
Block *read_block(ParsedRecipe *recipe, const Tree *tree, const char *what, bool returns);
Expr *read_expr(ParsedRecipe *recipe, const Tree *tree, const char *what);
void read_entries(ParsedRecipe *recipe, const Tree *map, const char *what, Entries *out);

/* ---- watch.c: what is said while training goes on */
void read_metrics(ParsedRecipe *recipe, const Tree *map);
void read_log_images(ParsedRecipe *recipe, const Tree *map);
void read_stop(ParsedRecipe *recipe, const Tree *tree);

/* ---- weights.c: initial values from files */
/* check_keys, with the keys of read_weights too. */
bool check_keys_and_weights(ParsedRecipe *recipe, const Tree *form, const char *what, const char *const *keys,
                            size_t n);
/* `from`, `rename`, `only` and `hash` of a network or state, if the map has them. */
void read_weights(ParsedRecipe *recipe, const char *target, const Tree *form);

/* ---- data.c, feeding.c, params.c, train.c, definitions.c: sections */
void read_data(ParsedRecipe *recipe, const Tree *map); /* map NULL: there is one source without a name */
void read_views(ParsedRecipe *recipe, const Tree *map);
void read_draws(ParsedRecipe *recipe, const Tree *map);
void read_inputs(ParsedRecipe *recipe, const Tree *map);
void read_train(ParsedRecipe *recipe, const Tree *map);
void offer_options(ParsedRecipe *recipe, const Tree *map); /* as settings; map NULL: there is no `train` */
bool is_train_option(const char *path);                    /* "train.epochs", "train.knn.k" */
void read_modules(ParsedRecipe *recipe, uint32_t text, const Tree *map); /* text: that they stand in */
void read_networks(ParsedRecipe *recipe, const Tree *map);
void read_states(ParsedRecipe *recipe, const Tree *map);
typedef struct {
    int copy, copies; /* which element of an `each:` list to take */
    int channels;     /* of the view */
} ParamsOf;
/* Fills the VT_MAX_PARAMS parameters of a row from a map, which may be NULL. loc: of the row's name. passed: keys of
 * the map that are no parameters, then NULL; or NULL. */
bool read_params(ParsedRecipe *recipe, const CatalogRow *row, Loc loc, const Tree *map,
                 const char *const *passed, ParamsOf of, double *params);
/* Whether they go together, and with the type of a draw if that is known. */
bool check_params(ParsedRecipe *recipe, const CatalogRow *row, const Tree *map, const double *params,
                  const Type *type);

#endif
