/* What training looks at beside the loss: the frozen encoder at intervals (k-NN, spread and rank of its features), and
 * signs of collapse, each said once. Used inside runtime/ only. */
#ifndef VITC_RUNTIME_TRAINING_MONITOR_H
#define VITC_RUNTIME_TRAINING_MONITOR_H

#include "runtime/base/error.h"
#include "runtime/datasets/dataset.h"
#include "runtime/program/instance.h"
#include "runtime/training/metrics.h"
#include "runtime/training/progress.h"

typedef struct { /* the caller sets the first part */
    VtInstance *instance;
    const VtProgram *program;
    const VtDataset *train, *test; /* test may be NULL */
    int64_t max_broken;            /* of a set, in one evaluation */
    double steps_per_epoch;
    Progress *progress;
    VtMetrics *metrics;

    bool knn, embeds;             /* what can be evaluated */
    double every;                 /* epochs */
    int64_t evaluated_at;         /* the last step; -1: none */
    double first_std, first_rank; /* of the first evaluation; below 0: there was none */
    bool told_broken[2];
    bool *warned; /* of VtProgram.warnings; owned */
    bool told;    /* of a collapse, by the recipe's own metrics or by what is seen here: once is enough */
    struct MonitorScalar *scalars; /* as those of a step; owned */
} Monitor;

/* Sees what can be evaluated and says what cannot; refuses settings that do not suit the data. monitor_end in any
 * case. */
bool monitor_begin(Monitor *monitor, const StepScalars *scalars, VtError *error);
void monitor_end(Monitor *monitor);
/* Whether an evaluation falls on `step`; monitor_evaluate also does the first and, if none was due, the last. */
bool monitor_due(const Monitor *monitor, int64_t step);
/* Runs one. Its results go to the metrics and the progress. */
bool monitor_evaluate(Monitor *monitor, int64_t step, VtError *error);
/* Warns of a value that the recipe has bounds for. */
void monitor_warn(Monitor *monitor, int64_t step, const char *name, double value);
/* Looks at the scalars of a step that was made. */
void monitor_step(Monitor *monitor, int64_t step, const StepScalars *scalars);

#endif
