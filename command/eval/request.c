/* What `eval` is asked for: see request.h. */
#include "command/eval/protocol.h"

#include <math.h>
#include <string.h>

static const FlagRow FLAGS[N_EVAL_FLAGS] = {
    [EVAL_K] = {"k", FLAG_VALUE, "A,B,…", COMPLETE_NONE,
                "knn: neighbours that vote; 10, 20, 100 and 200 unless given"},
    [EVAL_TEMPERATURE] = {"temperature", FLAG_VALUE, "A,B,…", COMPLETE_NONE,
                          "knn: temperatures of their votes (0.07)"},
    [EVAL_WITHIN] = {"within", FLAG_BARE, NULL, COMPLETE_NONE,
                     "retrieval: among the other test images, not the training images"},
    [EVAL_LIMIT] = {"limit", FLAG_VALUE, "N[,M]", COMPLETE_NONE,
                    "take only N training images and M (or N) test images, spread over each split"},
    [EVAL_BASELINES] = {"baselines", FLAG_BARE, NULL, COMPLETE_NONE,
                        "judge the untrained encoder and raw pixels too, by the same images"},
    [EVAL_JSON] = {"json", FLAG_VALUE, "FILE", COMPLETE_FILE,
                   "where results are kept for programs; eval.json of the run unless given"},
    [EVAL_NO_CACHE] = {"no-feature-cache", FLAG_BARE, NULL, COMPLETE_NONE,
                       "compute all features, and keep none"},
    [EVAL_EPOCHS] =
        {"epochs", FLAG_VALUE, "N", COMPLETE_NONE,
         "linear: passes over the features (100; normalized: 90); finetune: over the images (100)"},
    [EVAL_OUT] = {"out", FLAG_VALUE, "DIR", COMPLETE_FOLDER,
                  "finetune: the folder of its run; RUN/finetune unless given"},
    [EVAL_LABELS] = {"labels", FLAG_VALUE, "SHARE", COMPLETE_NONE,
                     "finetune: train on this share of the labelled images, as 10%"},
    [EVAL_LAYER_DECAY] = {"layer-decay", FLAG_VALUE, "D", COMPLETE_NONE,
                          "finetune: each layer learns by D times the rate of the next (0.75)"},
    [EVAL_RATES] = {"rates", FLAG_VALUE, "A,B,…", COMPLETE_NONE,
                    "linear: rates of learning that are tried, for a batch of 256 (of each form others)"},
    [EVAL_DECAYS] = {"decays", FLAG_VALUE, "A,B,…", COMPLETE_NONE,
                     "linear: weight decays that are tried (0; ridge: 1e-5 to 1, of the mean variance); "
                     "fewshot: of the logistic regression, 1/C (1)"},
    [EVAL_FORM] = {"form", FLAG_VALUE, "cosine|steps|normalized|ridge", COMPLETE_WORDS,
                   "linear: how the rate falls; normalized: behind a BatchNorm, steps as long as weights "
                   "are; ridge: in closed form (cosine)"},
    [EVAL_BATCH] = {"batch", FLAG_VALUE, "N", COMPLETE_NONE,
                    "linear: features of a step (256); finetune: images (256)"},
    [EVAL_HELD_OUT] = {"held-out", FLAG_VALUE, "N|P%", COMPLETE_NONE,
                       "linear: by how many training images of a class rate and decay are chosen; 0: by the "
                       "test images (10%)"},
    [EVAL_SHOTS] = {"shots", FLAG_VALUE, "A,B,P%,…", COMPLETE_NONE,
                    "fewshot: training images of each class (1,5,10,20,1%,10%)"},
    [EVAL_DRAWS] = {"draws", FLAG_VALUE, "N", COMPLETE_NONE, "fewshot: how often they are drawn (10)"},
    [EVAL_CLASSIFIER] = {"classifier", FLAG_VALUE, "logistic|knn", COMPLETE_WORDS,
                         "fewshot: logistic regression, or nearest neighbours (logistic)"},
    [EVAL_WHITEN] = {"whiten", FLAG_VALUE, "none|zca|pca", COMPLETE_WORDS,
                     "whiten features by the training images first (none)"},
    [EVAL_WHITEN_EPS] = {"whiten-eps", FLAG_VALUE, "E", COMPLETE_NONE,
                         "what is added to variances, in units of their mean (0.1)"},
    [EVAL_SEED] = {"seed", FLAG_VALUE, "N", COMPLETE_NONE,
                   "linear, fewshot, finetune: of orders, draws and initial values (0)"}};
const FlagTable EVAL_FLAGS = {FLAGS, N_EVAL_FLAGS, "the protocol"};

/* How the value of a flag is read: into a bool, a text, a double, a Numbers, an Amounts or an int. */
typedef enum {
    READ_BARE,
    READ_TEXT,
    READ_WHOLE,
    READ_NUMBER,
    READ_WHOLES,
    READ_SPLITS, /* of the training and of the test split, whole */
    READ_NUMBERS,
    READ_AMOUNT, /* one, or several, into an Amounts */
    READ_AMOUNTS,
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
    [EVAL_WITHIN] = {READ_BARE, AT(within), 0, 0, NULL, false},
    [EVAL_LIMIT] = {READ_SPLITS, AT(limits), 1, 1e12, NULL, false},
    [EVAL_BASELINES] = {READ_BARE, AT(baselines), 0, 0, NULL, false},
    [EVAL_JSON] = {READ_TEXT, AT(json), 0, 0, NULL, false},
    [EVAL_NO_CACHE] = {READ_BARE, AT(no_cache), 0, 0, NULL, false},
    [EVAL_EPOCHS] = {READ_NUMBER, AT(epochs), 1e-3, 1e6, NULL, false},
    [EVAL_OUT] = {READ_TEXT, AT(out), 0, 0, NULL, false},
    [EVAL_LABELS] = {READ_TEXT, AT(labels), 0, 0, NULL, false},
    [EVAL_LAYER_DECAY] = {READ_NUMBER, AT(layer_decay), 1e-3, 1, "0.75", false},
    [EVAL_RATES] = {READ_NUMBERS, AT(rates), 0, INFINITY, NULL, true},
    [EVAL_DECAYS] = {READ_NUMBERS, AT(decays), 0, INFINITY, NULL, false},
    [EVAL_FORM] = {READ_CHOICE, AT(form), 0, 0, NULL, false},
    [EVAL_BATCH] = {READ_WHOLE, AT(batch), 2, 1e6, "256", false},
    [EVAL_HELD_OUT] = {READ_AMOUNT, AT(held_out), 0, 1e12, "10%", false},
    [EVAL_SHOTS] = {READ_AMOUNTS, AT(shots), 0, 1e12, "1,5,10,20,1%,10%", true},
    [EVAL_DRAWS] = {READ_WHOLE, AT(draws), 1, MOST_DRAWS, "10", false},
    [EVAL_CLASSIFIER] = {READ_CHOICE, AT(classifier), 0, 0, NULL, false},
    [EVAL_WHITEN] = {READ_CHOICE, AT(whiten), 0, 0, NULL, false},
    [EVAL_WHITEN_EPS] = {READ_NUMBER, AT(whiten_eps), 1e-12, 1e6, "0.1", false},
    [EVAL_SEED] = {READ_WHOLE, AT(seed), 0, 1e15, "0", false}};

static bool refuse_amount(const Flag *flag, const ValueRow *row) {
    return fail(2, "--%s %s: %s expected, whole, or as percent of those of each class: %s", flag->row->name,
                flag->value,
                row->reading == READ_AMOUNTS ? "numbers of images of each class, with commas between, were"
                                             : "a number of images of each class was",
                row->above ? "5, or 10%" : "5, 10%, or 0") < 0;
}

/* Whole numbers, or percentages up to 100. */
static bool read_amounts(const Flag *flag, const ValueRow *row, Amounts *out) {
    char text[1024], *rest = text;
    int most = row->reading == READ_AMOUNT ? 1 : MOST_NUMBERS;
    snprintf(text, sizeof text, "%s", flag->given ? flag->value : row->usual);
    out->n = 0;
    for (char *word; (word = strtok_r(rest, ",", &rest));) {
        VtAmount amount = {.percent = word[strlen(word) - 1] == '%'};
        if (amount.percent) word[strlen(word) - 1] = '\0';
        if (out->n == most || !read_decimal(word, &amount.value) || !(amount.value >= row->low) ||
            (row->above && amount.value == row->low) || amount.value > (amount.percent ? 100 : row->high) ||
            (!amount.percent && amount.value != floor(amount.value)))
            return refuse_amount(flag, row);
        out->values[out->n++] = amount;
    }
    return out->n > 0 || refuse_amount(flag, row);
}

static bool read_value(EvalRequest *r, int i) {
    const Flag *flag = &r->frozen.own[i];
    const ValueRow *row = &VALUES[i];
    void *field = (char *)r + row->at;
    bool splits = row->reading == READ_SPLITS;
    if (splits || row->reading == READ_WHOLES || row->reading == READ_NUMBERS) {
        NumberRange range = {row->low, row->high, row->above, row->reading != READ_NUMBERS, splits ? 2 : 0};
        return numbers_flag(flag, row->usual, &range, field);
    }
    if (row->reading == READ_AMOUNT || row->reading == READ_AMOUNTS) return read_amounts(flag, row, field);
    if (row->reading == READ_BARE) return *(bool *)field = flag->given, true;
    if (row->reading == READ_TEXT) return *(const char **)field = flag->value, true;
    if (row->reading == READ_CHOICE) return *(int *)field = flag_choice(flag), true;
    if (row->usual) read_decimal(row->usual, field);
    return (row->reading == READ_WHOLE ? whole_flag : number_flag)(flag, row->low, row->high, field);
}

int64_t request_limit(const EvalRequest *r, const char *split) {
    bool own = strcmp(split, "test") == 0 && r->limits.n > 1;
    return r->limits.n ? (int64_t)r->limits.values[own ? 1 : 0] : 0;
}

/* Flags of another protocol would change nothing. */
static bool check_flags(const EvalRequest *r) {
    uint64_t uses = r->protocol->flags | (r->protocol->run ? 0 : EVAL_ANY);
    for (int i = 0; i < N_EVAL_FLAGS; i++)
        if (r->frozen.own[i].given && !(uses & UINT64_C(1) << i))
            return fail(2, "--%s says nothing to eval %s", FLAGS[i].name, r->protocol->name) < 0;
    if (r->frozen.own[EVAL_WHITEN].given && !command->compiles)
        return fail(2, "--whiten compiles a program for it: vitc does") < 0;
    if (r->frozen.own[EVAL_WHITEN_EPS].given && !r->frozen.own[EVAL_WHITEN].given)
        return fail(2, "--whiten-eps says nothing without --whiten zca or pca") < 0;
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
