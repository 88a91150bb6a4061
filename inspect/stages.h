/* A module after each pass: how large it was, whether the pass changed it, and a copy where one is wanted. The passes
 * tell of themselves by a hook (PassOptions.after) and by remarks (ir/remarks.h).
 *
 * A value has the same number in all stages (Node.number), so that stages are compared by numbers. */
#ifndef VITC_INSPECT_STAGES_H
#define VITC_INSPECT_STAGES_H

#include "ir/remarks.h"
#include "passes/passes.h"
#include "passes/written.h"

typedef struct {
    const char *label; /* "frontend", "fuse"; of a pass that runs more than once "simplify.1", "simplify.2" */
    const Pass *pass;  /* NULL: the frontend */
    double seconds;    /* that the pass took; 0 for the frontend */
    size_t nodes;      /* of all functions, without inputs and states */
    uint64_t hash;     /* of all functions and their plans */
    bool changed;      /* the pass left another module than it got; true for the frontend */
    const Module
        *module; /* a copy in the stages' arena, the one before where nothing changed; NULL: not kept */
    const uint32_t
        *next_numbers;      /* by function of the module: Func.next_number, so that it is known which pass
                                   * made a value */
    const FlopCount *flops; /* by function of the module */
    size_t n_funcs;
} Stage;

/* A value that was a `grad` node, by number. */
typedef struct {
    uint32_t func, number;
} GradValue;

typedef struct {
    Arena *arena;
    const char *list; /* of passes, with commas: those that run, and perhaps more behind them */
    uint64_t keep;    /* bit i: a copy of stage i is wanted */
    Stage *stages;    /* stage 0 is what the frontend made; Remark.pass is the number of a stage */
    size_t count, capacity;
    GradValue *grads; /* of any stage; one may be there more than once */
    size_t n_grads, grads_capacity;
} Stages;

#define STAGES_ALL UINT64_MAX

/* Of a fresh module, before passes_run(module, list): begins with stage 0, and has remarks kept. */
Stages *stages_begin(Arena *arena, Module *module, const char *list, uint64_t keep);
/* PassOptions.after, with the Stages. */
void stages_add(void *stages, const Pass *pass, const Module *module, double seconds);

/* The stage in which value `number` of a function (Module.funcs) is first there. */
int stages_first(const Stages *stages, uint32_t func, uint32_t number);

/* The number of the stage that `name` means in a list of passes: "frontend", a pass (the last of that name), or
 * "simplify.1"; -1: none. */
int stage_number(const char *list, const char *name);
/* Why there is no stage of that name: "no pass 'fus'; did you mean 'fuse'?" */
const char *stage_refusal(Arena *arena, const char *list, const char *name);
/* The label of stage i of a list, in the arena. */
const char *stage_label(Arena *arena, const char *list, int i);
int stages_in(const char *list); /* with the frontend */

#endif
