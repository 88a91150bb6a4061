/* Whitening of features, which any protocol may judge then. */
#ifndef VITC_COMMAND_EVAL_WHITEN_H
#define VITC_COMMAND_EVAL_WHITEN_H

#include "command/eval/encoded.h"

/* Fits models/eval/whiten.yaml to the training features, labelled or not, and replaces those of both splits by what it
 * makes of them. Says so, in the report's entry too. False with an error, or with none where it was told. */
bool whiten(const EvalRequest *request, Encoded *encoded, EvalReport *report, VtError *error);

#endif
