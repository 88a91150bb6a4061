/* The door of passes/: transformations of a module, each a row of one table. Those in graph/ rewrite the graph; `fuse`
 * makes the plan (ir/plan/plan.h), and those behind it in plan/ rewrite both. */
#ifndef VITC_PASSES_PASSES_H
#define VITC_PASSES_PASSES_H

#include "ir/ir.h"

/* What a pass requires of a module; otherwise it ends with an error. */
typedef enum {
    WANTS_GRAPH,     /* no plan */
    WANTS_GRADIENTS, /* no plan, and no `grad` node left, since what the pass makes has no gradient */
    WANTS_REDUCED,   /* no plan, and reductions only as kernels have them (kernel_reduces) */
    WANTS_KERNELS,   /* a plan without chains */
    WANTS_FUSED,     /* a plan, with chains or without */
    WANTS_LAYOUT     /* a plan with the offsets of values (after `memory`) */
} PassWants;

typedef struct {
    const char *name, *doc;
    PassWants wants;
    bool (*run)(Module *module, Diags *diags); /* false: an error is in the diags */
} Pass;

const Pass *pass_table(int *n);
const Pass *pass_find(const char *name);

typedef struct {
    bool verify; /* after each pass; debug builds always do */
    void (*after)(void *user, const Pass *pass, const Module *module, double seconds); /* may be NULL */
    void *user;
} PassOptions;

/* Runs a comma-separated list of passes, in the order given. False, with an error in `diags`: a pass failed, or its
 * requirement did not hold; the module is then as the passes before it left it. If a name is unknown no pass is run. */
bool passes_run(Module *module, const char *list, const PassOptions *options, Diags *diags);

/* What turns a fresh module into one that codegen takes. */
#define PASSES_ALL                                                                                           \
    "simplify,factor,sink-sums,demand,batch-views,attention,autodiff,zeros,expand,simplify,split-rows,"      \
    "symmetric,tile-sums,reductions,pack-weights,fuse,precision,schedule,remat,prologue,chain,memory,"       \
    "barriers"
/* What makes of a fresh module the work as it was written: gradients taken, in the operators that PASSES_ALL counts in,
 * and nothing left out but what is known at compile time. */
#define PASSES_WRITTEN "simplify,attention,autodiff,expand,simplify"
/* What the reference interpreter needs. */
#define PASSES_INTERPRET "autodiff"

#endif
