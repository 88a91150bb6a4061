/* What `eval` is asked for: all flags, read once. A new flag is a member of the enum, a row of FLAGS and of VALUES
 * (request.c), a field here, and EVAL_USES in the protocols that it says something to. */
#ifndef VITC_COMMAND_EVAL_REQUEST_H
#define VITC_COMMAND_EVAL_REQUEST_H

#include "command/frozen.h"

enum {
    EVAL_K, /* by protocol, and in the end what holds for all */
    EVAL_TEMPERATURE,
    EVAL_EPOCHS,
    EVAL_RATES,
    EVAL_DECAYS,
    EVAL_FORM,
    EVAL_LIMIT,
    EVAL_BASELINES,
    EVAL_JSON,
    EVAL_NO_CACHE,
    N_EVAL_FLAGS
};
#define EVAL_USES(flag) (UINT64_C(1) << EVAL_##flag)
/* Those of every protocol over features. */
#define EVAL_ANY (EVAL_USES(LIMIT) | EVAL_USES(BASELINES) | EVAL_USES(JSON) | EVAL_USES(NO_CACHE))

typedef struct EvalProtocol EvalProtocol;
typedef struct {
    Frozen frozen; /* the encoder, and its flags; frozen.own[EVAL_…].given: whether the user said so */
    const EvalProtocol *protocol;
    const char *word; /* the run or recipe; NULL: a built program's own */

    double limit;          /* images of each split; 0: all */
    bool baselines;        /* judge the untrained encoder and raw pixels too */
    bool no_cache;         /* features are computed, and not kept */
    const char *json;      /* the file of entries; NULL: that of the run */
    Numbers ks;            /* whole */
    Numbers temperatures;  /* of votes */
    double epochs;         /* over features */
    Numbers rates, decays; /* that are tried, of a batch of 256 */
    int form;              /* which of the words of --form */
} EvalRequest;

/* Reads flags and words; the rows of `protocols` are those that there are. False after telling what is wrong. */
bool request_read(EvalRequest *request, const EvalProtocol *const *protocols, int n, int argc, char **argv);

#endif
