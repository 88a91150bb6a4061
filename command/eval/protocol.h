/* Protocols of `eval`: each is a file, which defines its EvalProtocol, and a row of PROTOCOLS (eval.c). */
#ifndef VITC_COMMAND_EVAL_PROTOCOL_H
#define VITC_COMMAND_EVAL_PROTOCOL_H

#include "command/eval/report.h"
#include "command/eval/request.h"
#include "runtime/evaluation/embedder.h"
#include "runtime/evaluation/features.h"

struct EvalProtocol {
    const char *name, *title; /* the word on the command line; how messages call it */
    bool compiles;            /* programs of its own: for vitc alone */
    bool normalised;          /* it looks at the directions of features alone */
    bool classifies;          /* it trains classifiers, so that there must be two classes */
    uint64_t flags;           /* EVAL_USES of all that say something to it, beside EVAL_ANY */

    /* What can be refused before hours of features; may be NULL. train, test: how many images there will be, at most,
     * of which none may have features in the end. */
    bool (*check)(const EvalRequest *request, int64_t train, int64_t test, VtError *error);
    /* Judges features, and reports settings, rows and a headline. Images without a label have -1. False with an
     * error, or with none where it was told already. */
    bool (*judge)(const EvalRequest *request, const VtFeatures *train, const VtFeatures *test,
                  EvalReport *report, VtError *error);
    /* Instead of both, where it is no matter of frozen features: all from the request on. The exit code. */
    int (*run)(EvalRequest *request);
};

extern const EvalProtocol EVAL_KNN, EVAL_LINEAR, EVAL_FEWSHOT, EVAL_FINETUNE, EVAL_RETRIEVAL;

#endif
