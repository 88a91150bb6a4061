/* Which value of a function is the first that is not finite, by the line of the recipe that computes it. */
#ifndef VITC_DRIVER_TRACE_H
#define VITC_DRIVER_TRACE_H

#include "driver/driver.h"

/* A function on given states and inputs, as the program that runs it knows them. */
typedef struct {
    const char *path; /* of the recipe, and how it was read */
    const RecipeOptions *options;
    const char *resolved; /* what it was then; NULL: any */
    const char *target_features;
    const char *function;
    const VtProgram *program;
    const VtInstance *instance; /* its states, as they are before the function runs */
    void *const *inputs;        /* by program->inputs */
} TraceRequest;

typedef enum {
    TRACE_FAILED,  /* a message was printed */
    TRACE_CHANGED, /* the recipe is not what it was, or is gone */
    TRACE_FINITE,  /* every value that an output or a state depends on */
    TRACE_FOUND    /* it was printed: the line, what it computed, and of what */
} TraceResult;

/* Compiles the function anew with the largest |value| of all that it computes as outputs, runs it, and walks from what
 * is not finite among outputs and new states back to where that began: a value that is not finite of operands that
 * are. */
TraceResult trace_nonfinite(const TraceRequest *request);

#endif
