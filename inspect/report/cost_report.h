/* What the kernels of a function should cost by the roofline model, as data, and beside it what was measured.
 * cost_text.h shows it. */
#ifndef VITC_INSPECT_REPORT_COST_REPORT_H
#define VITC_INSPECT_REPORT_COST_REPORT_H

#include "inspect/positions.h"
#include "inspect/report/profile_file.h"
#include "inspect/report/roofline.h"
#include "ir/ir.h"

/* The calls of one distinct kernel, or those of one scope. */
typedef struct {
    const char *key;  /* equal kernels have equal keys */
    const char *name; /* "matmul f32[520x768] blocks.0.mlp.fc1"; of a scope, its first part: "student" */
    uint32_t first;   /* number of the first kernel, from 1; 0: a copy after all kernels, or a scope */
    uint32_t value;   /* Node.number of the value that kernel is named after; IR_NONE: none */
    Loc loc;          /* of that value; file 0: none */
    int count;        /* calls */
    double seconds, flops, bytes;
    double measured; /* seconds, of a profile; 0 without */
} CostSum;

/* Chains that follow each other and are alike. */
typedef struct {
    const char *name; /* of the first kernel */
    size_t count;     /* chains */
    uint32_t kernels; /* of each */
    int64_t blocks;
    int64_t footprint;   /* bytes that one block hands on */
    double saved, spent; /* seconds that each chain is thought to save, and to cost */
} CostChain;

/* Everything lies in the arena that the maker was given. */
typedef struct {
    const char *recipe, *function;
    Positions positions; /* what sources are called */
    Roofline roofline;
    bool peak_assumed, bandwidth_assumed; /* usual values: neither the caller nor the machine says */
    size_t calls;
    double flops, bytes, seconds;
    double compute_seconds; /* of the calls that compute limits */
    /* A measured run; NULL: nothing is measured. Its times are those of the steps' medians. */
    const ProfileFile *profile;
    double measured;           /* of all calls */
    CostSum *kernels, *scopes; /* the slowest first, as measured if they are */
    size_t n_kernels, n_scopes;
    CostChain *chains; /* in the order of execution */
    size_t n_chains;
} CostReport;

/* The machine that costs are for: what is given, else what the module knows of it, else usual values, which `assumed`
 * (it may be NULL) tells of peak and bandwidth. */
Roofline cost_roofline(const Module *module, Roofline given, bool assumed[2]);
/* Of a function after all passes. What is not given (0) is as the module's machine has it. profile: of this very
 * function (profile_file_fits), or NULL. */
CostReport cost_report(Arena *arena, const Func *func, Roofline given, const ProfileFile *profile);

#endif
