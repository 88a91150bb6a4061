/* What `eval` is asked for: all flags, read once. A new flag is a member of the enum, a row of FLAGS and of VALUES
 * (request.c), a field here, and EVAL_USES in the protocols that it says something to. */
#ifndef VITC_COMMAND_EVAL_REQUEST_H
#define VITC_COMMAND_EVAL_REQUEST_H

#include "command/frozen.h"
#include "runtime/evaluation/subset.h"

enum {
    EVAL_K, /* by protocol, and in the end what holds for all */
    EVAL_TEMPERATURE,
    EVAL_EPOCHS,
    EVAL_RATES,
    EVAL_DECAYS,
    EVAL_FORM,
    EVAL_BATCH,
    EVAL_HELD_OUT,
    EVAL_SHOTS,
    EVAL_DRAWS,
    EVAL_CLASSIFIER,
    EVAL_WHITEN,
    EVAL_WHITEN_EPS,
    EVAL_SEED,
    EVAL_WITHIN,
    EVAL_LIMIT,
    EVAL_BASELINES,
    EVAL_JSON,
    EVAL_NO_CACHE,
    EVAL_OUT,
    EVAL_LABELS,
    EVAL_LAYER_DECAY,
    N_EVAL_FLAGS
};
#define EVAL_USES(flag) (UINT64_C(1) << EVAL_##flag)
/* Those of every protocol over features. */
#define EVAL_ANY                                                                                             \
    (EVAL_USES(LIMIT) | EVAL_USES(BASELINES) | EVAL_USES(JSON) | EVAL_USES(NO_CACHE) | EVAL_USES(WHITEN) |   \
     EVAL_USES(WHITEN_EPS))
enum { MOST_DRAWS = 1000 };

/* Images, each a number or a percentage, in the same way: "1,5,10%". */
typedef struct {
    VtAmount values[MOST_NUMBERS];
    int n;
} Amounts;

enum { WHITEN_NONE, WHITEN_ZCA, WHITEN_PCA };                  /* the words of --whiten, */
enum { FORM_COSINE, FORM_STEPS, FORM_NORMALIZED, FORM_RIDGE }; /* of --form, */
enum { CLASSIFIER_LOGISTIC, CLASSIFIER_KNN };                  /* and of --classifier */

typedef struct EvalProtocol EvalProtocol;
typedef struct {
    Frozen frozen; /* the encoder, and its flags; frozen.own[EVAL_…].given: whether the user said so */
    const EvalProtocol *protocol;
    const char *word; /* the run or recipe; NULL: a built program's own */

    Numbers limits;   /* images of the training and of the test split, or one number for each; none: all */
    bool baselines;   /* judge the untrained encoder and raw pixels too */
    bool within;      /* test images are sought among each other */
    bool no_cache;    /* features are computed, and not kept */
    const char *json; /* the file of entries; NULL: that of the run */
    Numbers ks;       /* whole */
    Numbers temperatures;  /* of votes */
    double epochs;         /* over features; 0: as usual */
    Numbers rates, decays; /* that are tried, rates of a batch of 256; none: the usual */
    int form;              /* FORM_… */
    double batch;          /* of features */
    Amounts held_out;      /* one: training images of each class by which is chosen; 0: none */
    Amounts shots;         /* training images of each class */
    double draws;          /* of them */
    int classifier;        /* CLASSIFIER_… */
    int whiten;            /* WHITEN_… */
    double whiten_eps;     /* is added to variances, in units of their mean */
    double seed;           /* of orders and draws */
    const char *out;       /* the folder of a run of the protocol's own; NULL: in that of the run */
    const char *labels;    /* share of the labelled images, "10%"; NULL: all */
    double layer_decay;    /* of the rate, a layer */
} EvalRequest;

/* Reads flags and words; the rows of `protocols` are those that there are. False after telling what is wrong. */
bool request_read(EvalRequest *request, const EvalProtocol *const *protocols, int n, int argc, char **argv);
/* How many images of a split, "train" or "test", are taken; 0: all. */
int64_t request_limit(const EvalRequest *request, const char *split);

#endif
