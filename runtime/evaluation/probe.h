/* Classifiers on frozen features, by a program that was compiled for them: its function "step" takes a batch of
 * features, f32[batch, dim], and their classes `truth`, i32[batch], and trains; its function "embed" takes features and
 * gives the logits of n classifiers that were trained at once, f32[batch, n · classes], classifier by classifier. */
#ifndef VITC_RUNTIME_EVALUATION_PROBE_H
#define VITC_RUNTIME_EVALUATION_PROBE_H

#include "runtime/evaluation/features.h"

typedef struct {
    VtInstance *instance; /* with initial values */
    const VtProgram *program;
    int classes; /* labels are below it */
    double epochs;
    uint64_t seed;                                                      /* of the order of images */
    void (*tell)(void *user, int64_t step, int64_t total, double loss); /* after each step; may be NULL */
    void *user;
} VtProbe;

/* Rows without a label take no part. Each epoch has its own order; its last batch is filled up with rows of its first.
 * Refused: no labels, a label that is no class, inputs of other sizes. Polls vt_stop_signal(). */
bool vt_probe_train(const VtProbe *probe, const VtFeatures *train, VtError *error);

typedef struct {
    double top1, top5; /* percent of the labelled rows */
    int64_t images;    /* these */
} VtProbeResult;
/* How many classifiers there are; 0, with an error, if the program is no such one. */
int vt_probe_count(const VtProbe *probe, VtError *error);
/* `results`: one for each classifier. A class of the highest logit is right; of equal ones the first. */
bool vt_probe_judge(const VtProbe *probe, const VtFeatures *test, VtProbeResult *results, VtError *error);

#endif
