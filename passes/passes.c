/* The pass manager: the table, and running lists of its rows. */
#include "passes/passes.h"
#include "ir/base/clock.h"
#include "ir/plan/kernel.h"
#include "ir/plan/plan.h"
#include "ir/remarks.h"
#include "passes/graph/attention.h"
#include "passes/graph/autodiff.h"
#include "passes/graph/batch_views.h"
#include "passes/plan/barriers.h"
#include "passes/plan/chain.h"
#include "passes/graph/demand.h"
#include "passes/graph/expand.h"
#include "passes/graph/factor.h"
#include "passes/plan/fuse.h"
#include "passes/plan/memory.h"
#include "passes/graph/pack_weights.h"
#include "passes/plan/precision.h"
#include "passes/plan/prologue.h"
#include "passes/graph/reductions.h"
#include "passes/plan/remat.h"
#include "passes/plan/schedule.h"
#include "passes/graph/simplify.h"
#include "passes/graph/sink_sums.h"
#include "passes/graph/split_rows.h"
#include "passes/graph/symmetric.h"
#include "passes/graph/tile_sums.h"
#include "passes/graph/zeros.h"

#include <string.h>

static const Pass TABLE[] = {
    {"simplify", "fold constants, apply algebra, merge equal nodes, drop unused ones", WANTS_GRAPH,
     pass_simplify},
    {"factor", "multiply once by what several products of a sum have in common", WANTS_GRAPH, pass_factor},
    {"sink-sums", "take sums over rows of products before the products", WANTS_GRAPH, pass_sink_sums},
    {"demand", "compute of each value only what is read", WANTS_GRAPH, pass_demand},
    {"batch-views", "apply a network once to all its inputs", WANTS_GRAPH, pass_batch_views},
    {"attention", "make softmax of scaled products times values one operator", WANTS_GRAPH, pass_attention},
    {"autodiff", "replace grad nodes by reverse-mode gradients", WANTS_GRAPH, pass_autodiff},
    {"zeros", "compute of what is zero but for a part that part alone", WANTS_GRADIENTS, pass_zeros},
    {"expand",
     "write softmax, log_softmax and layernorm as elementwise operators and reductions, convolutions and "
     "pools as "
     "products and elementwise operators over windows",
     WANTS_GRAPH, pass_expand},
    {"split-rows", "compute what is wide for some rows at a time", WANTS_GRAPH, pass_split_rows},
    {"symmetric", "compute half of products whose result is symmetric, and mirror it", WANTS_GRAPH,
     pass_symmetric},
    {"tile-sums", "begin sums over rows and columns of a product's result in its tiles", WANTS_GRADIENTS,
     pass_tile_sums},
    {"reductions", "bring every reduction into the form of a row or a column kernel", WANTS_GRAPH,
     pass_reductions},
    {"pack-weights", "keep weights packed as products read them, across steps", WANTS_GRADIENTS,
     pass_pack_weights},
    {"fuse", "group nodes into kernels and decide what reaches memory", WANTS_REDUCED, pass_fuse},
    {"precision", "products of bf16, and which values between kernels are stored so", WANTS_KERNELS,
     pass_precision},
    {"schedule", "order the kernels so that values live short", WANTS_KERNELS, pass_schedule},
    {"remat",
     "compute values again instead of keeping them: what is nearly free, or what a limit of memory asks for",
     WANTS_KERNELS, pass_remat},
    {"prologue", "make what a product reads first, element by element, as the product packs it",
     WANTS_KERNELS, pass_prologue},
    {"chain", "run kernels that feed each other block by block, so that values stay in the cache",
     WANTS_KERNELS, pass_chain},
    {"memory", "lay the values between kernels into one arena", WANTS_FUSED, pass_memory},
    {"barriers", "find where all threads must wait for each other", WANTS_LAYOUT, pass_barriers},
};
enum { N_PASSES = sizeof TABLE / sizeof *TABLE };

const Pass *pass_table(int *n) {
    *n = N_PASSES;
    return TABLE;
}

const Pass *pass_find(const char *name) {
    for (int i = 0; i < N_PASSES; i++)
        if (strcmp(TABLE[i].name, name) == 0) return &TABLE[i];
    return NULL;
}

static void refuse_unknown(Diags *diags, const char *name) {
    const char *names[N_PASSES];
    for (int i = 0; i < N_PASSES; i++) names[i] = TABLE[i].name;
    const char *near = diag_nearest(name, names, N_PASSES);
    diag_error(diags, (Loc){0, 0, 0}, "unknown pass '%s'%s%s%s", name, near ? "; did you mean '" : "",
               near ? near : "", near ? "'?" : " (vitc help passes lists them)");
}

/* The next name of a comma-separated list, spaces around it dropped; NULL at the end. */
static const char *next_name(const char **list, char *name, size_t size) {
    while (**list == ',' || **list == ' ') ++*list;
    size_t n = strcspn(*list, ", ");
    if (n == 0) return NULL;
    snprintf(name, size, "%.*s", (int)n, *list);
    *list += n;
    return name;
}

/* Whether a function is as the pass wants it; else why not. */
static const char *unmet(PassWants wants, const Func *func) {
    const Plan *plan = func->plan;
    switch (wants) {
    case WANTS_GRAPH:
    case WANTS_GRADIENTS:
    case WANTS_REDUCED:
        if (plan) return "wants no kernels: run it before 'fuse'";
        for (ValueId id = 0; id < func->count; id++) {
            const Node *node = func_node(func, id);
            if (wants == WANTS_GRADIENTS && node->op == OP_grad)
                return "makes what has no gradient: run 'autodiff' before it";
            if (wants == WANTS_REDUCED && op_is_reduce(node->op) && !kernel_reduces(func, node))
                return "wants reductions as kernels have them: run 'reductions' before it";
        }
        return NULL;
    case WANTS_KERNELS:
        if (plan && plan->n_chains) return "wants no chains of kernels: run it before 'chain'";
        return plan ? NULL : "wants kernels: run 'fuse' before it";
    case WANTS_FUSED: return plan ? NULL : "wants kernels: run 'fuse' before it";
    case WANTS_LAYOUT: return plan && plan->laid_out ? NULL : "wants offsets: run 'memory' before it";
    }
    return NULL;
}

static bool gets_what_it_wants(const Pass *pass, const Module *module, Diags *diags) {
    for (size_t f = 0; f < module->n_funcs; f++) {
        const char *why = unmet(pass->wants, module->funcs[f]);
        if (!why) continue;
        diag_error(diags, (Loc){0, 0, 0}, "pass '%s' %s (@%s)", pass->name, why, module->funcs[f]->name);
        return false;
    }
    return true;
}

static bool run_pass(const Pass *pass, Module *module, const PassOptions *options, Diags *diags) {
#ifdef NDEBUG
    bool verify = options && options->verify;
#else
    bool verify = true;
#endif
    if (!gets_what_it_wants(pass, module, diags)) return false;
    if (module->remarks) module->remarks->pass++;
    double start = seconds_now();
    if (!pass->run(module, diags)) return false;
    double took = seconds_now() - start;
    if (verify && !module_verify(module, diags)) {
        diag_note(diags, (Loc){0, 0, 0}, "this is a bug of pass '%s'", pass->name);
        return false;
    }
    if (options && options->after) options->after(options->user, pass, module, took);
    return true;
}

bool passes_run(Module *module, const char *list, const PassOptions *options, Diags *diags) {
    char name[64];
    for (const char *rest = list; next_name(&rest, name, sizeof name);)
        if (!pass_find(name)) {
            refuse_unknown(diags, name);
            return false;
        }
    if (!module_sizes(module, diags)) return false;
    for (const char *rest = list; next_name(&rest, name, sizeof name);)
        if (!run_pass(pass_find(name), module, options, diags)) return false;
    return true;
}
