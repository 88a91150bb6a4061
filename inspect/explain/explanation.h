/* The answer to "why is this so", as data: of a value, a state or input, a kernel, or all that a line of the recipe or
 * a module made. explain_text.h and explain_json.h show it. Everything lies in inspection->arena.
 *
 * Kernels are numbered from 1, as the printed IR and reports do. Costs are estimates by the roofline model. */
#ifndef VITC_INSPECT_EXPLAIN_EXPLANATION_H
#define VITC_INSPECT_EXPLAIN_EXPLANATION_H

#include "inspect/explain/history.h"
#include "inspect/explain/lines.h"

/* ---- parts ------------------------------------------------------------------------------------------------------- */

/* A value in a list. */
typedef struct {
    uint32_t number;
    const char *op, *type, *scope; /* scope: "" where there is none */
    const char *at;                /* "lib/nn.yaml:7"; "" */
    uint32_t kernel;               /* 0: none, it is gone */
    double seconds;                /* its share of that kernel */
} ValueLine;

/* A position with the line that stands there. */
typedef struct {
    const char *at, *text;
} QuotedLine;

/* What a pass did with a value, or did not do. */
typedef struct {
    int stage;
    const char *pass; /* "simplify.2" */
    const char *rule; /* ir/rules.def; NULL: found by comparing the stages */
    Outcome outcome;
    const char *text;      /* a sentence */
    uint32_t value, other; /* numbers; other: IR_NONE: none */
} Event;

typedef struct {
    uint32_t number;
    const char *name, *kind; /* "matmul f32[520x768] blocks.0.mlp.fc1", "product" */
    const char *runs;        /* "once a step", "once for each of 20 blocks of 64 images …" */
    double times;            /* that it runs a step: blocks of a chain, iterations of loops */
    bool again, single, barrier;
    uint32_t after;                      /* behind a barrier: of which kernel threads wait for the end */
    uint32_t n_values;                   /* that it computes */
    double flops, bytes, seconds, share; /* share: of the function's seconds */
    const char *limit;                   /* "compute", "memory" */
} KernelFacts;

/* Where a value lies. */
typedef struct {
    const char *kind;      /* "registers", "view", "arena", "state", "output", "input", "block", "stage" */
    const char *name;      /* of the state, output or input; NULL */
    int64_t offset, bytes; /* offset: in the arena; -1: not there */
    uint32_t born, died;   /* kernels, from 1; 0: not in the arena */
    const ValueLine
        *sharing; /* whose bytes in the arena are some of the same, at other times; in order of birth */
    size_t n_sharing;
} PlaceFacts;

/* ---- what is explained ------------------------------------------------------------------------------------------- */

typedef struct ValueExplanation {
    ValueLine value;       /* of one that is gone: as it was last */
    const char *attrs;     /* "{tb = true}"; "" */
    const char *precision; /* "fp32", "bf16x3": of a product; else that of its type */
    const char *phase;     /* "forward"; of one that is gone NULL */
    bool gone;
    const struct ValueExplanation *heir; /* of what stands for one that is gone; NULL: nothing does */
    const char *made_by, *gone_by;       /* stages: "frontend", "autodiff"; gone_by: NULL: it is there */
    const QuotedLine *lines;             /* its own position, then those of the calls around it, outwards */
    size_t n_lines;
    const ValueLine *made_for; /* whose sake a pass made it for; then for whose sake that was made, … */
    size_t n_made_for;
    const Event *events, *missed; /* in the order of the passes; missed: those of outcome MISSED */
    size_t n_events, n_missed;
    const ValueLine *merged; /* gone values that it stands for */
    size_t n_merged;
    const ValueLine *copies; /* that compute the same once more, in kernels of their own */
    size_t n_copies;
    KernelFacts kernel; /* not of one that is gone */
    PlaceFacts place;
    double flops, bytes;       /* its own; bytes: of its result */
    const ValueLine *gradient; /* NULL: none is known */
    const ValueLine *partners; /* made by differentiating it, or for that */
    size_t n_partners;
    const ValueLine *operands, *readers;
    const char *const *sources; /* states and inputs that it reads: "student.norm.weight" */
    size_t n_operands, n_readers, n_sources;
    const char *const *results; /* "output loss", "new value of student.norm.weight" */
    size_t n_results;
} ValueExplanation;

/* A state that belongs to another. */
typedef struct {
    const char *name, *type, *role, *how; /* how: "follows it", "packed copy", "updated by the same kernel" */
    int64_t bytes;
} Companion;

typedef struct {
    const char *name, *kind, *type; /* kind: "parameter", "state of the optimiser", "input" … */
    const char *init;               /* "trunc_normal(mean = 0, std = 0.02)"; of an input NULL */
    int64_t bytes;
    bool trained, frozen, decay, updated;
    QuotedLine declared; /* at "" of an input */
    const ValueLine *readers;
    size_t n_readers;
    const ValueLine *gradient, *update; /* NULL: it has none */
    KernelFacts gradient_kernel, update_kernel;
    const char *update_place; /* "in place", "by a copy after all kernels" */
    const Companion *companions;
    size_t n_companions;
} SourceExplanation;

typedef struct {
    const char *name, *type, *place; /* "%12" or a state; place: "arena at 64, kernels 3 to 9" */
    int64_t bytes;
} KernelPointer;

typedef struct {
    KernelFacts kernel;
    const ValueLine *values; /* in the order in which they stand */
    size_t n_values;
    const KernelPointer *reads, *stores;
    size_t n_reads, n_stores;
    const char *phase;    /* of the value that it is named after */
    const char *prologue; /* "the first operand is computed as it is packed"; NULL */
    const Event *events;  /* of its values: those of the passes on the plan */
    size_t n_events;
    const QuotedLine *lines; /* of the value that it is named after */
    size_t n_lines;
} KernelExplanation;

/* A part of a group: the kernels of one name but for numbers of blocks, or the lines that values were made on. */
typedef struct {
    const char *name, *text; /* text: of a line, as it stands there; else NULL */
    uint32_t first;          /* kernel; 0: of a line */
    uint32_t count;          /* kernels, or values */
    const char *phase;       /* NULL: of several */
    const char *limit;
    double seconds; /* of the group's values alone */
} GroupPart;

typedef struct {
    const char *what, *title; /* "line", "module", "operator"; "recipe.yaml:83" */
    QuotedLine line;          /* of a line; at: NULL */
    bool library;
    const char *bodies;   /* of loops, in which others of its values are: "@step.repeat.1"; NULL: none */
    size_t n_made, n_now; /* values that the frontend made of it; values of it now */
    double seconds, flops, phase[N_PHASES], share, step_seconds;
    double compute_seconds;           /* in kernels that compute limits */
    Roofline roofline;                /* of which costs are estimates */
    const GroupPart *kernels, *lines; /* the slowest first */
    size_t n_kernels, n_lines;
    const QuotedLine *callers; /* of a line: those of calls in which it was run, with most time first */
    const double *caller_seconds;
    size_t n_callers;
    const ValueLine *values; /* the costliest first */
    size_t n_values;
} GroupExplanation;

typedef enum { EXPLAINS_VALUE, EXPLAINS_SOURCE, EXPLAINS_KERNEL, EXPLAINS_GROUP } Explains;

typedef struct {
    Explains kind;
    const char *recipe, *function;
    union {
        ValueExplanation value;
        SourceExplanation source;
        KernelExplanation kernel;
        GroupExplanation group;
    } u;
} Explanation;

/* ---- making them ------------------------------------------------------------------------------------------------- */

/* What all explanations of an inspection are made of. */
typedef struct {
    const Inspection *inspection;
    Arena *arena;
    Positions positions;
    const History *history;
    const ValueCosts *costs;
    const uint8_t *phases; /* by value */
} Explainer;
Explainer explainer_make(const Inspection *inspection);

/* The values of a group: those now of which `chosen` is not 0, by ValueId. */
typedef struct {
    const char *what, *title;
    Loc line; /* of a line; file 0: none */
    const uint8_t *chosen;
    const double
        *part; /* by ValueId: how much of it belongs, 1 but for a loop of which some of the body does */
    const char *bodies; /* those bodies, "@step.repeat.1"; NULL: none */
    size_t n_made;
} GroupRequest;

ValueExplanation explain_value(const Explainer *x, uint32_t number);   /* one that was there at some stage */
SourceExplanation explain_state(const Explainer *x, uint32_t state);   /* Module.states */
SourceExplanation explain_input(const Explainer *x, uint32_t input);   /* Func.inputs */
KernelExplanation explain_kernel(const Explainer *x, uint32_t kernel); /* from 0 */
GroupExplanation explain_group(const Explainer *x, const GroupRequest *request);

#endif
