/* The door of passes/: graph → graph, each a row of one table, run by name.
 *
 * A pass rewrites every function of a module and leaves it valid; what it cannot do is an error in the diags.
 * Between any two passes the module can be printed, read back, verified and interpreted. */
#ifndef VITC_PASSES_PASSES_H
#define VITC_PASSES_PASSES_H

#include "ir/ir.h"

typedef struct {
    const char *name, *doc;
    bool (*run)(Module *module, Diags *diags); /* false: refused, with errors in the diags */
} Pass;

extern const Pass PASSES[];
extern const size_t PASS_COUNT;

/* From a freshly elaborated module to what codegen compiles. */
#define PASSES_DEFAULT "simplify,autodiff,expand,simplify,reductions,simplify,fuse,memory"

const Pass *pass_find(const char *name); /* NULL: none */

/* What to do around passes; all may be left zero. */
typedef struct {
    bool verify; /* check the module after each pass; debug builds always do */
    void (*after)(const Pass *pass, const Module *module, double seconds, void *user); /* NULL: nothing */
    void *user;
} PassHooks;

/* Runs a comma-separated list ("simplify, autodiff"; empty: nothing). hooks may be NULL. False with an error in
 * the diags: an unknown name (nothing is run), a pass that refused, or one that broke the module. */
bool passes_run(Module *module, const char *list, Diags *diags, const PassHooks *hooks);

/* Whether a gradient flows from `loss` to `leaf`: some path between them meets neither `stop_grad` nor an operator
 * whose gradient is zero. */
bool autodiff_reaches(const Func *func, ValueId loss, ValueId leaf);

bool pass_autodiff(Module *module, Diags *diags);
bool pass_expand(Module *module, Diags *diags);
bool pass_simplify(Module *module, Diags *diags);

#endif
