/* The door of passes/: graph to graph, each a row of one table. */
#ifndef VITC_PASSES_PASSES_H
#define VITC_PASSES_PASSES_H

#include "ir/ir.h"

/* What a pass needs of a module; it is refused where that does not hold. */
typedef enum {
    WANTS_GRAPH,     /* no plan */
    WANTS_GRADIENTS, /* nor any `grad` node left: what the pass makes has no gradient */
    WANTS_KERNELS,   /* a plan without chains */
    WANTS_FUSED,     /* with chains or without */
    WANTS_LAYOUT     /* and with the offsets of values */
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

/* Runs a comma-separated list, in any order, as far as passes get what they want. With an unknown name in it nothing is
 * run. False: an error is in the diags. */
bool passes_run(Module *module, const char *list, const PassOptions *options, Diags *diags);

/* What turns a fresh module into one that codegen takes. */
#define PASSES_ALL                                                                                           \
    "simplify,batch-views,attention,autodiff,expand,simplify,split-rows,tile-sums,reductions,pack-weights,"  \
    "fuse,precision,schedule,remat,prologue,chain,memory,barriers"
/* What the reference interpreter needs. */
#define PASSES_INTERPRET "autodiff"

#endif
