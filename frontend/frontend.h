/* The door of frontend/: a recipe file in, a module and its feeding plan out (docs/language.md).
 *
 * Everything is allocated in the caller's arena. All problems are diagnostics with positions; on any error
 * the functions return false and the output is not to be used. */
#ifndef VITC_FRONTEND_FRONTEND_H
#define VITC_FRONTEND_FRONTEND_H

#include "ir/ir.h"
#include "runtime/program.h"

/* What becomes of warnings: they are diagnostics that stop nothing, or errors, or are not told. */
typedef enum { WARNINGS_TOLD, WARNINGS_STRICT, WARNINGS_IGNORED } RecipeWarnings;

typedef struct {
    const char *models_dir;       /* where `use:` looks after the recipe's own folder; may be NULL */
    const char *const *overrides; /* "key=value" from the command line, n_overrides of them */
    int n_overrides;
    const char
        *also_uses;      /* a library that the recipe uses beside its own: "lib/readouts.yaml"; may be NULL */
    bool with_gradients; /* outputs grad.PARAM of every trained parameter, before clipping (vitc run) */
    bool with_values;    /* outputs of the recipe's `values:` (vitc run) */
    bool check_values;   /* errors in `values:` are told, but nothing of them is computed (vitc check) */
    bool draws_fed;      /* what modules draw is an input that is given (vitc run), not made by the device */
    RecipeWarnings warnings;
    /* The run that schedules are looked at for: steps of an epoch (0: a usual number), those done, and how many steps
     * there are (0: those of all epochs). */
    double steps_per_epoch;
    int64_t first_step, steps;
} RecipeOptions;

/* A fact that a module tells of itself, `note('tokens', n)`, which `vitc check` shows. network: the one that was being
 * applied, or NULL. */
typedef struct {
    const char *network, *name;
    double value;
} RecipeNote;

/* What `.at` can read in an application of a network: a labelled call, "blocks.0.attn", and what its value is in the
 * first application that has it, "f32[8x17x24]". */
typedef struct {
    const char *network, *label, *value;
} RecipeLabel;

/* A knob, and whether a program has its value as it is (`why`: what needs that; "" where it is a setting). */
typedef struct {
    const char *name, *value, *help;
    bool fixed;
    const char *why;
} RecipeKnob;

/* An elaborated recipe. Its module has up to six functions:
 *
 *   step   a training step. Inputs by name; outputs `loss`, `loss.OBJECTIVE`, and schedules and metrics by their names;
 *          updates of states. Gradients are operators `grad` until pass `autodiff` replaces them.
 *   embed  features for evaluation, if the recipe has `embed:`. One view as input; output `features`, f32[batch, dim].
 *   validate, images, stop   what is looked at beside the step (elaborate/watch.c): metrics of held-out images, each a
 *          scalar output; images to show; output `stop`, a bool, of logged scalars.
 *   init   the initial values that are computed, if there are any: no inputs, an output for each INIT_FUNCTION state.
 *
 * `plan` says how the inputs of all functions are fed, in the types of program.h; its functions, states and constants
 * are left to codegen. */
typedef struct {
    Module *module;
    VtProgram plan; /* name, inputs, pipelines, draws, warnings, settings, train */
    const char *about;
    const RecipeNote *notes; /* each once */
    size_t n_notes;
    const RecipeLabel *labels; /* each once, in the order made */
    size_t n_labels;
    const RecipeKnob *knobs;
    size_t n_knobs;
    /* the recipe as YAML, with overrides and libraries in it: it can be loaded on its own */
    const char *resolved;
} Recipe;

bool recipe_load(Arena *arena, Diags *diags, const char *path, const RecipeOptions *options, Recipe *out);

/* All texts that a recipe is made of: its own, then those of recipes that it begins with and of files it uses. */
typedef struct {
    const char *path, *text;
    size_t size;
} RecipeSource;
typedef struct {
    RecipeSource *items;
    size_t count, capacity;
} RecipeSources;
/* Reads them without elaborating anything, so errors in what they say are not found. False, without a message, if a
 * file is missing or is no YAML. */
bool recipe_sources(Arena *arena, const char *path, const RecipeOptions *options, RecipeSources *out);

/* What of a recipe can be set by a bare key or as train.KEY: "batch", "train.epochs", … Returns how many there are;
 * 0, without a message, if the recipe cannot be read. */
size_t recipe_settings(Arena *arena, const char *path, const char *models_dir, const char *const **out);
/* The same with what the recipe says of each, after `preset` where it has presets. */
typedef struct {
    const char *name, *value, *help; /* value: as it is written; "": none is. help: "" */
    const char *const *choices; /* all that it may be, as far as the recipe tells: words, true and false */
    size_t n_choices;
} RecipeSetting;
size_t recipe_setting_rows(Arena *arena, const char *path, const char *models_dir, const RecipeSetting **out);
/* The one of n settings that `word` may have meant, or NULL: one that differs in case and dashes alone, an option of
 * train (seed for train.seed), one that ends in the word (lr for base_lr), or one that is spelled nearly so. */
const char *recipe_setting_near(Arena *arena, const char *word, const char *const *names, size_t n);

/* recipe_load of a text in memory. `path` names it in messages; files that it uses are looked for beside that path. */
bool recipe_load_text(Arena *arena, Diags *diags, const char *path, const char *text, size_t size,
                      const RecipeOptions *options, Recipe *out);

#endif
