/* A judge: a recipe models/eval/NAME.yaml over frozen features, compiled for the features at hand
 * (runtime/evaluation/probe.h says what its functions take and give). */
#ifndef VITC_COMMAND_EVAL_JUDGE_H
#define VITC_COMMAND_EVAL_JUDGE_H

#include "command/eval/request.h"
#include "command/progress.h"
#include "runtime/evaluation/probe.h"

/* Settings of the recipe. */
typedef struct {
    char texts[16][1280];
    int n;
} JudgeSettings;
void judge_set(JudgeSettings *settings, const char *format, ...) __attribute__((format(printf, 2, 3)));
void judge_set_list(JudgeSettings *settings, const char *key, const Numbers *numbers); /* "KEY=[1,2]" */

typedef struct {
    Made *made;
    VtProbe probe; /* with the epochs and the seed of the recipe; its states have their initial values */
    int count;     /* of classifiers: their outputs over the classes; 0: it gives none */
    Progress progress;
} Judge;
/* False with an error, or with none where it was told. Progress of training is told as "WHAT: step 1 of 20". */
bool judge_open(const EvalRequest *request, const char *name, const JudgeSettings *settings, int classes,
                const char *what, Judge *out, VtError *error);
void judge_close(Judge *judge); /* zeroed ones too */

#endif
