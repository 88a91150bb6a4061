/* The door of frontend/: a recipe file in, a module and its feeding plan out (docs/language.md).
 *
 * Everything is allocated in the caller's arena. All problems are diagnostics with positions; on any error
 * the functions return false and the output is not to be used. */
#ifndef VITC_FRONTEND_FRONTEND_H
#define VITC_FRONTEND_FRONTEND_H

#include "ir/ir.h"
#include "runtime/program.h"

typedef struct {
    const char *models_dir;       /* where `use:` looks after the recipe's own folder; may be NULL */
    const char *const *overrides; /* "key=value" from the command line, n_overrides of them */
    int n_overrides;
    bool with_gradients; /* outputs grad.PARAM of every trained parameter, before clipping (vitc run) */
    bool with_values;    /* outputs of the recipe's `values:` (vitc run) */
} RecipeOptions;

/* A fact that a module tells of itself (`note('tokens', n)`), for `vitc check`. `network`: the one being applied, or NULL. */
typedef struct {
    const char *network, *name;
    double value;
} RecipeNote;

/* A recipe, elaborated. Functions of the module:
 *   step   inputs by name; outputs `loss`, `loss.OBJECTIVE`, schedules and metrics by name; updates of all
 * state embed  one view input; output `features` f32[batch, dim] (only if the recipe has `embed:`) init   no
 * inputs; one output per INIT_FUNCTION state (only if there are any) `grad` placeholders are still in it
 * (pass autodiff). The plan's arrays use program.h's types; inputs lists every input of every function, by
 * tensor name. functions, states and constants of the program are codegen's to fill. */
typedef struct {
    Module *module;
    VtProgram plan; /* name, inputs, pipelines, draws, warnings, train */
    const char *about;
    const RecipeNote *notes; /* each once */
    size_t n_notes;
    const char *
        resolved; /* the recipe as YAML, overrides applied and libraries written into it: loadable on its own */
} Recipe;

bool recipe_load(Arena *arena, Diags *diags, const char *path, const RecipeOptions *options, Recipe *out);

/* All texts that a recipe is made of: its own, then those of the files it uses, in the order they are read. */
typedef struct {
    const char *path, *text;
    size_t size;
} RecipeSource;
typedef struct {
    RecipeSource *items;
    size_t count, capacity;
} RecipeSources;
/* Reads them and nothing more: a recipe that elaborates has them, one that has them may not elaborate. False, without a
 * word, if a file is missing or is no YAML. */
bool recipe_sources(Arena *arena, const char *path, const RecipeOptions *options, RecipeSources *out);

/* What of a recipe can be set by a bare key or as train.KEY: "batch", "train.epochs", … Returns how many there are; 0 without a word
 * if it cannot be read. */
size_t recipe_settings(Arena *arena, const char *path, const char *const **out);
/* The one of n settings that `word` may have meant: the same but for case and dashes, an option of train (seed: train.seed), one whose
 * last part it is (lr: base_lr), or one that is spelled alike; NULL: none. */
const char *recipe_setting_near(Arena *arena, const char *word, const char *const *names, size_t n);

/* recipe_load from memory; `path` names it in messages and anchors `use:`. */
bool recipe_load_text(Arena *arena, Diags *diags, const char *path, const char *text, size_t size,
                      const RecipeOptions *options, Recipe *out);

#endif
