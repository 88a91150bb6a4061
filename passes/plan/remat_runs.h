/* What `remat` works on: runs of kernels in their order, each the first or another, and the instances of values that
 * they make. */
#ifndef VITC_PASSES_REMAT_RUNS_H
#define VITC_PASSES_REMAT_RUNS_H

#include "passes/plan/layout.h"

#define NEARLY_FULL 0.75 /* of the peak: where memory is worth freeing */

/* What a run reads by the name of `value`: the instance itself, or another that it is made from by a cast. */
typedef struct {
    ValueId value;
    uint32_t instance;
} Source;

/* One run of a kernel, the first or another. */
typedef struct {
    uint32_t kernel, next, before; /* linked in order */
    int64_t key;                   /* grows along the order */
    uint32_t at;                   /* its number, at the start of the round */
    bool again, gone;
    bool *part; /* of a run again: the nodes of the kernel it computes; NULL: all */
    Source *sources;
    size_t n_sources, sources_capacity;
    uint32_t *made; /* instances */
    size_t n_made, made_capacity;
} Run;

/* A value in the arena, once for each run that makes it. */
typedef struct {
    ValueId value;
    uint32_t run;
    int64_t bytes;
    bool to_end;
    uint32_t *users; /* runs; they may have turned to another instance or be gone: see remat_next_use */
    size_t n_users, users_capacity;
} Instance;

typedef struct {
    bool known, uncontracted, rows_or_product, irregular, whole, in_arena;
    int n_stored;
} Nature;

typedef struct {
    Arena *arena;
    Func *func;
    const Plan *plan;
    Machine machine;
    Run *runs;
    size_t n_runs, runs_capacity;
    uint32_t first; /* run */
    Instance *instances;
    size_t n_instances, instances_capacity;
    uint32_t **of; /* instances of each value: a list ... */
    uint32_t *n_of, *of_capacity;
    uint32_t *updater; /* of each state: the run that writes it in place, IR_NONE: none */
    Nature *natures;   /* of kernels */
    bool *carries;     /* of values: for a walk through one kernel */
    int64_t *live;     /* by position */
    double *worth;     /* sums of what a byte is worth before each position */
    size_t n_positions, peak;
    int64_t most;
    uint32_t *stack; /* of runs */
    size_t stack_capacity;
} Remat;

/* ---- the order, and who lives when ------------------------------------------------------------------------------- */

/* The last run that touches an instance; with `until`, of those before that key. */
uint32_t remat_last_touch(const Remat *r, uint32_t instance, int64_t until);
/* The first run that uses an instance, of those after that key; IR_NONE: none. */
uint32_t remat_next_use(const Remat *r, uint32_t instance, int64_t after);
/* The instance of a value that lives when `run` begins, or IR_NONE. */
uint32_t remat_living(const Remat *r, ValueId value, uint32_t run);
/* The same, or one that was read for the last time between the peak and the run: it can be held until then. */
uint32_t remat_at_hand(const Remat *r, ValueId value, uint32_t run);
/* Numbers and keys of the runs, anew, for a round; then what lives at each, and the peak. */
void remat_number_runs(Remat *r);
void remat_sum_lives(Remat *r);
/* The bytes of the arena that `memory` would make. */
int64_t remat_arena(Remat *r);

/* ---- changes to it ----------------------------------------------------------------------------------------------- */

/* Takes a run out of the order; puts one in, before run `at`. */
void remat_unlink(Remat *r, uint32_t run);
void remat_link(Remat *r, uint32_t run, uint32_t at);
/* Whether as many runs still find keys between it and the one before. */
bool remat_has_room(const Remat *r, uint32_t at, int n);
/* Another instance of a value, made by `run`; that a run reads one. */
uint32_t remat_new_instance(Remat *r, ValueId value, uint32_t run, bool to_end);
void remat_add_source(Remat *r, uint32_t run, ValueId value, uint32_t instance);
/* Later users of a value turn to a new instance of it. */
void remat_redirect(Remat *r, uint32_t to);

#endif
