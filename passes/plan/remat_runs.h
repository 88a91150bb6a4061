/* What `remat` works on: a list of *runs* of kernels in order of execution, where a kernel may occur several times, and
 * the *instances* of values: one for each run that computes the value into the arena. */
#ifndef VITC_PASSES_REMAT_RUNS_H
#define VITC_PASSES_REMAT_RUNS_H

#include "ir/remarks.h"
#include "passes/plan/layout.h"

#define NEARLY_FULL 0.75 /* share of the peak's bytes from which on freeing memory counts */

/* The instance that a run reads where its kernel reads `value`: one of `value`, or of its bf16 form, cast back. */
typedef struct {
    ValueId value;
    uint32_t instance;
} Source;

/* One run of a kernel, the first or another. */
typedef struct {
    uint32_t kernel;
    uint32_t next, before; /* the runs after and before it in the list */
    int64_t key;           /* grows along the list; with gaps, for runs that are inserted */
    uint32_t at;           /* position in the list at the start of the round */
    bool again;            /* not the first run of its kernel */
    bool gone;             /* removed from the list */
    bool *part;            /* if only a part runs: by node of the kernel, from its first; NULL: all of it */
    Source *sources;
    size_t n_sources, sources_capacity;
    uint32_t *made; /* the instances that it computes */
    size_t n_made, made_capacity;
} Run;

/* A value in the arena, once for each run that makes it. */
typedef struct {
    ValueId value;
    uint32_t run;
    int64_t bytes;
    bool to_end; /* an output or a new state: it lives to the end */
    /* Runs that read it; some may since read another instance or be gone: see remat_next_use. */
    uint32_t *users;
    size_t n_users, users_capacity;
} Instance;

/* What running a kernel again depends on. */
typedef struct {
    bool known;           /* the rest is filled in */
    bool uncontracted;    /* no multiplication in it can be contracted with an addition */
    bool rows_or_product; /* it has a reduction, a product, or is no loop nest at all */
    bool whole;           /* it may run again as it is */
    bool in_arena;        /* all it stores lies in the arena */
    int n_stored;
} Nature;

typedef struct {
    Arena *arena;
    Func *func;
    const Plan *plan;
    Machine machine;
    Run *runs;
    size_t n_runs, runs_capacity;
    uint32_t first; /* run of the list */
    Instance *instances;
    size_t n_instances, instances_capacity;
    uint32_t **of; /* by value: its instances, n_of of them */
    uint32_t *n_of, *of_capacity;
    Verdict *verdicts; /* by value that lives across the peak: what was decided last; no rule: nothing yet */
    uint32_t *verdict_before; /* by value that is computed again: the kernel that reads it next */
    uint32_t *updater;        /* by state: the run that writes it in place; IR_NONE: none */
    Nature *natures;          /* by kernel */
    bool *carries;            /* by value: scratch for a walk through one kernel (remat_slice.c) */
    int64_t *live;            /* by position in the list: bytes live */
    double *worth; /* by position: the sum over earlier positions of what freeing a byte there is worth */
    size_t n_positions, peak;
    int64_t most;    /* bytes live at the peak */
    uint32_t *stack; /* scratch: of runs */
    size_t stack_capacity;
} Remat;

/* ---- the order, and who lives when ------------------------------------------------------------------------------- */

/* The last run before key `until` that computes or reads an instance. */
uint32_t remat_last_touch(const Remat *r, uint32_t instance, int64_t until);
/* The first run after key `after` that reads an instance; IR_NONE: none. */
uint32_t remat_next_use(const Remat *r, uint32_t instance, int64_t after);
/* The instance of a value that is live when `run` begins, or IR_NONE. */
uint32_t remat_living(const Remat *r, ValueId value, uint32_t run);
/* The same, or one that was read for the last time between the peak and the run and can be kept until then. */
uint32_t remat_at_hand(const Remat *r, ValueId value, uint32_t run);
/* At the start of a round: positions and keys of all runs; then live bytes, worth and the peak. */
void remat_number_runs(Remat *r);
void remat_sum_lives(Remat *r);
/* The bytes of the arena that `memory` would make. */
int64_t remat_arena(Remat *r);

/* ---- changes to it ----------------------------------------------------------------------------------------------- */

/* Takes a run out of the order; puts one in, before run `at`. */
void remat_unlink(Remat *r, uint32_t run);
void remat_link(Remat *r, uint32_t run, uint32_t at);
/* Whether n runs can still be given keys between run `at` and the one before. */
bool remat_has_room(const Remat *r, uint32_t at, int n);
/* Adds an instance of a value, computed by `run`; adds a source to a run. */
uint32_t remat_new_instance(Remat *r, ValueId value, uint32_t run, bool to_end);
void remat_add_source(Remat *r, uint32_t run, ValueId value, uint32_t instance);
/* Later runs that read the value of instance `to` read that instance from now on. */
void remat_redirect(Remat *r, uint32_t to);

#endif
