/* Protocols that judge a frozen encoder by its features of a training and of a test split; a file eval_NAME.c each. */
#ifndef VITC_COMMAND_EVAL_H
#define VITC_COMMAND_EVAL_H

#include "command/frozen.h"
#include "runtime/evaluation/features.h"

/* Frozen.own of `eval`. */
enum { EVAL_K, EVAL_TEMPERATURE, EVAL_LIMIT, EVAL_EPOCHS, EVAL_RATES, EVAL_DECAYS, EVAL_FORM, N_EVAL_FLAGS };

/* Each judges and prints. False with an error, or with none where it was told. */
bool eval_knn(const Frozen *frozen, const VtFeatures *train, const VtFeatures *test, VtError *error);
bool eval_linear(const Frozen *frozen, const VtFeatures *train, const VtFeatures *test, VtError *error);

#endif
