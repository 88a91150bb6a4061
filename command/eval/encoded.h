/* Features of the training and of the test split, as an encoder gives them. */
#ifndef VITC_COMMAND_EVAL_ENCODED_H
#define VITC_COMMAND_EVAL_ENCODED_H

#include "command/eval/protocol.h"

/* The splits, opened and found to have labels. Zeroed ones before it. */
typedef struct {
    VtDataset *train, *test;
} EvalData;
bool data_open(const EvalRequest *request, EvalData *out, VtError *error);
void data_close(EvalData *data);
/* Whether the images of a split, opened, have what the protocol needs of all. */
bool data_check(const EvalProtocol *protocol, const VtDataset *data, const char *path, const char *split,
                VtError *error);
/* Whether a protocol can do with so many classes. */
bool classes_check(const EvalProtocol *protocol, int classes, VtError *error);

/* Whose features: of the weights that were asked for; of the same network with its initial values; of none, but the
 * pixels that it would see. */
typedef enum { ENCODER_TRAINED, ENCODER_UNTRAINED, ENCODER_PIXELS, N_ENCODERS } Encoder;
extern const char *const ENCODERS[N_ENCODERS];

typedef struct {
    Encoder encoder;
    int parts;              /* layers that were asked for one by one; 1 of all else */
    VtFeatures train, test; /* rows of all parts, one behind the other */
} Encoded;
/* ENCODER_UNTRAINED overwrites the weights of the request. */
bool encoded_make(EvalRequest *request, const EvalData *data, Encoder encoder, Encoded *out, VtError *error);
void encoded_free(Encoded *encoded);
/* The features of one part, to be freed by encoded_free; of one alone these move there. */
bool encoded_part(Encoded *encoded, int part, Encoded *out, VtError *error);
/* Prints what a part is, and begins an entry of the report with all that numbers of it depend on. */
void encoded_tell(const EvalRequest *request, const Encoded *encoded, int part, EvalReport *report);

/* Into the report's entry: how many images of a split had features, were broken, or have no label. */
void split_tell(const VtFeatures *features, const char *split, EvalReport *report);

#endif
