/* The door of inspect/: what every show of a recipe is given. Filled in once, by inspection_run, for the command and
 * for tests; shows read it and change nothing. */
#ifndef VITC_INSPECT_INSPECT_H
#define VITC_INSPECT_INSPECT_H

#include "inspect/report/roofline.h"
#include "inspect/stages.h"

typedef struct {
    Arena *arena;         /* all of it lies here, and what shows make of it */
    const Diags *diags;   /* the sources: diags_source_text, inspect/positions.h */
    const char *recipe;   /* as it calls itself: "small" */
    const Stages *stages; /* one for each pass that ran, and the frontend's before them */
    const Module *module; /* after all of them; module->remarks has what they told */
    FlopCount written;    /* of `func`: flops_as_written; zeros unless wanted */
    const Func *func;   /* the function that is asked about, of `module`; shows of all functions ignore it */
    const char *target; /* features that code is for: "x86-64-v4" */
    Roofline roofline;  /* what was given; 0: not */
    /* A measured run of this very program (inspect/report/profile_file.h); NULL: none. */
    const struct ProfileFile *profile;
} Inspection;

typedef struct {
    const char *passes;       /* NULL: PASSES_ALL */
    const char *until;        /* the last stage, as stage_number takes it; NULL: after all of them */
    const char *target;       /* --target; NULL: the best that this machine has */
    const char *function;     /* NULL: "step", else the first that is no body */
    bool written;             /* FLOPs as written are wanted */
    uint64_t keep;            /* stages of which copies are wanted: STAGES_ALL, or bits */
    bool verify;              /* after each pass */
    const PassOptions *hooks; /* .after is told of passes too; NULL: none */
} InspectionRun;

/* Runs passes over a fresh module, and fills in *inspection but for roofline and profile. False, with errors in the
 * module's diags: a pass failed, or there is no such target or function (with the nearest name). */
bool inspection_run(Inspection *inspection, Arena *arena, Module *module, const InspectionRun *run);

/* "recipe 'quickstart' has no function 'stp'; did you mean 'step'?", or which it has. */
const char *function_refusal(Arena *arena, const Module *module, const char *name);

/* The function `inspection->func` as it was at a stage; NULL: no copy was kept, or it was not there. */
const Func *inspection_func(const Inspection *inspection, int stage);
/* The module at a stage; NULL: no copy was kept. The last is always there. */
const Module *inspection_module(const Inspection *inspection, int stage);

#endif
