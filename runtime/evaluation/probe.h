/* Judges of frozen features: a program that was compiled for them. Its function "step" takes a batch of features,
 * f32[batch, dim], and trains, or gathers what "embed" needs; "embed" takes features and gives the logits of n
 * classifiers that were trained at once, f32[batch, n · classes], classifier by classifier; or other features,
 * f32[batch, any].
 *
 * Inputs of "step" are called `features`, and, where it has them, `truth` i32[batch], the classes, and `counted`
 * f32[batch]. The last batch of an epoch is filled up with rows of its first, for which truth is -1 and counted 0. */
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

/* Rows without a label take no part where the program reads `truth`. Each epoch has its own order. Refused: no labels,
 * a label that is no class, inputs of other sizes. Polls vt_stop_signal(). */
bool vt_probe_train(const VtProbe *probe, const VtFeatures *train, VtError *error);

typedef struct {
    double top1, top5; /* percent of the labelled rows */
    int64_t images;    /* these */
    bool diverged;     /* some logit is NaN or infinite: both are 0 then */
} VtProbeResult;
/* How many classifiers there are; 0, with an error, if the program is no such one. */
int vt_probe_count(const VtProbe *probe, VtError *error);
/* `results`: one for each classifier. A class of the highest logit is right; of equal ones the first. */
bool vt_probe_judge(const VtProbe *probe, const VtFeatures *test, VtProbeResult *results, VtError *error);
/* Replaces the rows by what "embed" makes of them; labels and what else there is stay. Features that are NaN or
 * infinite are an error. */
bool vt_probe_map(const VtProbe *probe, VtFeatures *features, VtError *error);
/* How many classes come before the true one: of higher logits, of equal ones those before it. */
int64_t vt_rank_of_truth(const float *logits, int64_t classes, int64_t truth);

#endif
