/* What a training run tells while it goes on: lines, or on a terminal a bar. Used inside runtime/ and library/ only. */
#ifndef VITC_RUNTIME_TRAINING_PROGRESS_H
#define VITC_RUNTIME_TRAINING_PROGRESS_H

#include "runtime/base/clock.h"
#include "runtime/training/step.h"

#include <stdio.h>

typedef struct {
    FILE *log; /* NULL: nothing is told */
    bool terminal;
    double started, last_line; /* seconds of vt_now */
    int64_t first_step, batch; /* of this process; images a step */
    bool closed;               /* nobody reads any more: training goes on in silence */
    int problem;               /* errno of a write that failed otherwise; 0: none */
} Progress;

typedef struct {
    int64_t step, total;
    double epoch, data_wait;    /* the share of the step's time that it waited for its batch */
    const StepScalars *scalars; /* of which the losses are shown, and what the recipe asks for */
} ProgressStep;

void progress_open(Progress *p, FILE *log, bool plain);
void progress_start(Progress *p, int64_t first_step, int64_t batch); /* the clock of images a second begins */
/* A line of its own. Any thread may say. */
void progress_say(Progress *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A step was made; shown now and then, and when it is the first or the last. */
void progress_step(Progress *p, const ProgressStep *step);

#endif
