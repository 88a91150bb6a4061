/* What a recipe amounts to once it is elaborated and planned, as data: parameters, work, memory. recipe_text.h shows
 * it. */
#ifndef VITC_DRIVER_REPORT_RECIPE_REPORT_H
#define VITC_DRIVER_REPORT_RECIPE_REPORT_H

#include "inspect/report/remat_report.h"
#include "frontend/frontend.h"
#include "passes/written.h"

/* A view's or draw's tensor. */
typedef struct {
    const char *name, *type;
} RecipeInput;

/* The values a recipe notes of itself under one name, such as the tokens of each network. */
typedef struct {
    const char *name;
    const RecipeNote **notes; /* in their order */
    size_t count;
} RecipeNotes;

/* Everything lies in the arena, or is the recipe's own. */
typedef struct {
    const char *name, *about;               /* about NULL: none */
    double trained, frozen, ema, optimizer; /* elements of states */
    int64_t batch, repeat;                  /* times that an image is taken running, of the first stream */
    double epochs;
    const char **data; /* a text for each stream of images, where the recipe names sources */
    int n_data;
    RecipeNotes *notes;
    size_t n_notes;
    RecipeInput *inputs;
    int n_inputs;
    const char **settings; /* keys of what a built program takes other values of */
    int n_settings;
    bool has_step;        /* else what follows is 0 */
    FlopCount flops;      /* of a step, as it was compiled */
    FlopCount written;    /* as the recipe wrote it (flops_as_written) */
    const char *left_out; /* amount_left_out of them */
    double states, arena; /* bytes */
    int64_t memory_limit; /* 0: none */
    RematReport remat;
    size_t operators; /* of the step after all passes */
} RecipeReport;

/* After all passes; `written` was counted before them. */
RecipeReport recipe_report(Arena *arena, const Recipe *recipe, FlopCount written);

#endif
