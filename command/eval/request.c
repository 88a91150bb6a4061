/* What `eval` is asked for: see request.h. */
#include "command/eval/protocol.h"

#include <math.h>
#include <string.h>

static const FlagRow FLAGS[N_EVAL_FLAGS] = {
    [EVAL_K] = {"k", FLAG_VALUE, "A,B,…", COMPLETE_NONE,
                "knn: neighbours that vote; 10, 20, 100 and 200 unless given"},
    [EVAL_TEMPERATURE] = {"temperature", FLAG_VALUE, "A,B,…", COMPLETE_NONE,
                          "knn: temperatures of their votes (0.07)"},
    [EVAL_LIMIT] = {"limit", FLAG_VALUE, "N", COMPLETE_NONE,
                    "take only N training and test images, spread over each split"},
    [EVAL_BASELINES] = {"baselines", FLAG_BARE, NULL, COMPLETE_NONE,
                        "judge the untrained encoder and raw pixels too, by the same images"},
    [EVAL_JSON] = {"json", FLAG_VALUE, "FILE", COMPLETE_FILE,
                   "where results are kept for programs; eval.json of the run unless given"},
    [EVAL_NO_CACHE] = {"no-feature-cache", FLAG_BARE, NULL, COMPLETE_NONE,
                       "compute all features, and keep none"},
    [EVAL_EPOCHS] = {"epochs", FLAG_VALUE, "N", COMPLETE_NONE, "linear: passes over the features (100)"},
    [EVAL_RATES] = {"rates", FLAG_VALUE, "A,B,…", COMPLETE_NONE,
                    "linear: rates of learning that are tried, for a batch of 256 (0.001 to 1)"},
    [EVAL_DECAYS] = {"decays", FLAG_VALUE, "A,B,…", COMPLETE_NONE,
                     "linear: weight decays that are tried (0)"},
    [EVAL_FORM] = {"form", FLAG_VALUE, "plain|normed", COMPLETE_WORDS,
                   "linear: plain, or normed: behind a BatchNorm, and steps as long as weights are (plain)"}};
const FlagTable EVAL_FLAGS = {FLAGS, N_EVAL_FLAGS, "the protocol"};

/* How the value of a flag is read: into a bool, a text, a double, a Numbers or an int. */
typedef enum {
    READ_BARE,
    READ_TEXT,
    READ_WHOLE,
    READ_NUMBER,
    READ_WHOLES,
    READ_NUMBERS,
    READ_CHOICE
} Reading;
typedef struct {
    Reading reading;
    size_t at; /* of the field in an EvalRequest */
    double low, high;
    const char *usual; /* what holds if the flag is not given; NULL: the field stays 0 */
    bool above;        /* numbers: low itself is not allowed */
} ValueRow;
#define AT(field) offsetof(EvalRequest, field)
static const ValueRow VALUES[N_EVAL_FLAGS] = {
    [EVAL_K] = {READ_WHOLES, AT(ks), 1, 1e5, "10,20,100,200", false},
    [EVAL_TEMPERATURE] = {READ_NUMBERS, AT(temperatures), 1e-4, 1e4, "0.07", false},
    [EVAL_LIMIT] = {READ_WHOLE, AT(limit), 1, 1e12, NULL, false},
    [EVAL_BASELINES] = {READ_BARE, AT(baselines), 0, 0, NULL, false},
    [EVAL_JSON] = {READ_TEXT, AT(json), 0, 0, NULL, false},
    [EVAL_NO_CACHE] = {READ_BARE, AT(no_cache), 0, 0, NULL, false},
    [EVAL_EPOCHS] = {READ_NUMBER, AT(epochs), 1e-3, 1e6, "100", false},
    [EVAL_RATES] = {READ_NUMBERS, AT(rates), 0, INFINITY, "0.001,0.003,0.01,0.03,0.1,0.3,1", true},
    [EVAL_DECAYS] = {READ_NUMBERS, AT(decays), 0, INFINITY, "0", false},
    [EVAL_FORM] = {READ_CHOICE, AT(form), 0, 0, NULL, false}};

static bool read_value(EvalRequest *r, int i) {
    const Flag *flag = &r->frozen.own[i];
    const ValueRow *row = &VALUES[i];
    void *field = (char *)r + row->at;
    if (row->reading == READ_WHOLES || row->reading == READ_NUMBERS) {
        NumberRange range = {row->low, row->high, row->above, row->reading == READ_WHOLES};
        return numbers_flag(flag, row->usual, &range, field);
    }
    if (row->reading == READ_BARE) return *(bool *)field = flag->given, true;
    if (row->reading == READ_TEXT) return *(const char **)field = flag->value, true;
    if (row->reading == READ_CHOICE) return *(int *)field = flag_choice(flag), true;
    if (row->usual) read_decimal(row->usual, field);
    return (row->reading == READ_WHOLE ? whole_flag : number_flag)(flag, row->low, row->high, field);
}

/* Flags of another protocol would change nothing. */
static bool check_flags(const EvalRequest *r) {
    uint64_t uses = r->protocol->flags | EVAL_ANY;
    for (int i = 0; i < N_EVAL_FLAGS; i++)
        if (r->frozen.own[i].given && !(uses & UINT64_C(1) << i))
            return fail(2, "--%s says nothing to eval %s", FLAGS[i].name, r->protocol->name) < 0;
    return true;
}

/* Which one the first word names; NULL after telling. The parser knows the words. */
static const EvalProtocol *find_protocol(const EvalRequest *r, const EvalProtocol *const *protocols, int n) {
    const Arguments *args = &r->frozen.args;
    for (int i = 0; args->n_words && i < n; i++) {
        if (strcmp(args->words[0], protocols[i]->name) != 0) continue;
        if (command->compiles || !protocols[i]->compiles) return protocols[i];
        fail(2, "eval %s compiles a program for it: vitc does", protocols[i]->name);
        return NULL;
    }
    fail(2, "%s eval knn RUN --data PATH", command->name);
    return NULL;
}

bool request_read(EvalRequest *r, const EvalProtocol *const *protocols, int n, int argc, char **argv) {
    *r = (EvalRequest){.word = NULL};
    Frozen *f = &r->frozen;
    if (!frozen_arguments(f, argc, argv, N_EVAL_FLAGS)) return false;
    r->protocol = find_protocol(r, protocols, n);
    if (!r->protocol) return false;
    int words = f->args.n_words;
    bool enough = words == 2 || (words == 1 && !command->compiles && f->init.path);
    if (!enough || !f->flags[FROZEN_DATA].given)
        return fail(2, "%s eval %s RUN --data PATH", command->name, r->protocol->name) < 0;
    r->word = words == 2 ? f->args.words[1] : NULL;
    if (!check_flags(r)) return false;
    for (int i = 0; i < N_EVAL_FLAGS; i++)
        if (!read_value(r, i)) return false;
    return true;
}
