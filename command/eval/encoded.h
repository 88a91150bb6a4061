/* Features of the training and of the test split, as an encoder gives them. */
#ifndef VITC_COMMAND_EVAL_ENCODED_H
#define VITC_COMMAND_EVAL_ENCODED_H

#include "command/eval/protocol.h"

/* The data set, opened and found to have labels. Zeroed ones before it. */
typedef struct {
    VtDataset *train, *test;
} EvalData;
bool data_open(const EvalRequest *request, EvalData *out, VtError *error);
void data_close(EvalData *data);

typedef struct {
    VtFeatures train, test;
} Encoded;
bool encoded_make(const EvalRequest *request, const EvalData *data, Encoded *out, VtError *error);
void encoded_free(Encoded *encoded);
/* Prints what they are, and begins an entry of the report with everything that judges' numbers depend on. */
void encoded_tell(const EvalRequest *request, const Encoded *encoded, EvalReport *report);

#endif
