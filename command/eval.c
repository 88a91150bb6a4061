/* eval: protocols that judge a frozen encoder. */
#include "command/eval.h"

#include <errno.h>
#include <string.h>

static const struct {
    const char *name;
    bool (*judge)(const Frozen *frozen, const VtFeatures *train, const VtFeatures *test, VtError *error);
    bool compiles;   /* a program of its own: for vitc alone */
    bool normalised; /* it looks at directions alone */
    unsigned flags;  /* bits of those of EVAL_FLAGS that say something to it */
} PROTOCOLS[] = {
    {"knn", eval_knn, false, true, 1u << EVAL_K | 1u << EVAL_TEMPERATURE | 1u << EVAL_LIMIT},
    {"linear", eval_linear, true, false,
     1u << EVAL_LIMIT | 1u << EVAL_EPOCHS | 1u << EVAL_RATES | 1u << EVAL_DECAYS | 1u << EVAL_FORM}};
enum { N_PROTOCOLS = sizeof PROTOCOLS / sizeof *PROTOCOLS };

static void print_used(const Frozen *f, const VtFeatures *features, bool normalised) {
    const VtProgram *p = f->made->program;
    int counter = vt_instance_counter(f->instance);
    printf("features: %s, %lld dimensions%s", command->features ? command->features(f->made) : "features",
           (long long)features->dim, normalised ? ", L2-normalised" : "");
    const VtFunction *embed = vt_find_function(p, "embed");
    for (int i = 0; embed && i < embed->n_inputs; i++) {
        const VtInput *input = &p->inputs[embed->inputs[i]];
        if (input->source == VT_SOURCE_VIEW)
            printf("; view: %s, %d px", input->tensor.name, p->pipelines[input->index].size);
    }
    if (counter >= 0 && !f->weights.open)
        printf("; checkpoint: step %.0f", *(const double *)vt_instance_state(f->instance, counter));
    putchar('\n');
}

/* What can be seen before hours of features. */
static bool check_request(const Frozen *f, int64_t limit, double k, const VtDataset *train,
                          const VtDataset *test, const char *protocol, VtError *error) {
    const VtDataset *sets[] = {train, test};
    for (int i = 0; i < 2; i++) {
        int64_t n = vt_dataset_size(sets[i]);
        if (vt_dataset_labelled(sets[i]) == 0)
            return vt_fail(error, 2, "'%s': none of its %lld %s images has a label: %s needs them", f->data,
                           (long long)n, i ? "test" : "training", protocol);
    }
    int64_t n = vt_dataset_size(train);
    if (limit > 0 && limit < n) n = limit;
    return k <= (double)n ||
           vt_fail(error, 2, "--k %.0f: there are %lld training images: a number from 1 to %lld", k,
                   (long long)n, (long long)n);
}

static void tell_broken(const VtFeatures *train, const VtFeatures *test) {
    const VtFeatures *sets[] = {train, test};
    for (int i = 0; i < 2; i++)
        if (sets[i]->broken)
            fprintf(stderr, "%s: skipped: %lld of the %s images, the first: %s\n", command->name,
                    (long long)sets[i]->broken, i ? "test" : "training", sets[i]->first_broken.message);
}

static int judge(const Frozen *f, int protocol, int64_t limit, double k) {
    const VtProgram *program = f->made->program;
    const char *name = strcmp(PROTOCOLS[protocol].name, "knn") == 0 ? "k-NN" : PROTOCOLS[protocol].name;
    VtError error = {.code = 2};
    VtFeatures a = {0}, b = {0};
    VtDataset *train = frozen_data(f, "train", &error), *test = train ? frozen_data(f, "test", &error) : NULL;
    bool good = test && check_request(f, limit, k, train, test, name, &error) &&
                vt_features(f->instance, program, train, limit, f->max_broken, &a, &error) &&
                vt_features(f->instance, program, test, limit, f->max_broken, &b, &error);
    if (good) print_used(f, &a, PROTOCOLS[protocol].normalised);
    good = good && PROTOCOLS[protocol].judge(f, &a, &b, &error);
    if (good) tell_broken(&a, &b);
    vt_features_free(&a);
    vt_features_free(&b);
    vt_dataset_close(train);
    vt_dataset_close(test);
    if (!good) return error.message[0] ? fail(error.code, "%s", error.message) : error.code;
    return fflush(stdout) == 0 ? 0 : fail(1, "cannot write the results: %s", strerror(errno));
}

static const FlagRow FLAGS[N_EVAL_FLAGS] = {
    [EVAL_K] = {"k", FLAG_VALUE, "N", COMPLETE_NONE,
                "knn: neighbours that vote; 10, 20, 100 and 200 unless given"},
    [EVAL_TEMPERATURE] = {"temperature", FLAG_VALUE, "T", COMPLETE_NONE,
                          "knn: temperature of their votes (0.07)"},
    [EVAL_LIMIT] = {"limit", FLAG_VALUE, "N", COMPLETE_NONE,
                    "take only the first N training and test images"},
    [EVAL_EPOCHS] = {"epochs", FLAG_VALUE, "N", COMPLETE_NONE, "linear: passes over the features (100)"},
    [EVAL_RATES] = {"rates", FLAG_VALUE, "A,B,…", COMPLETE_NONE,
                    "linear: rates of learning that are tried, for a batch of 256 (0.001 to 1)"},
    [EVAL_DECAYS] = {"decays", FLAG_VALUE, "A,B,…", COMPLETE_NONE,
                     "linear: weight decays that are tried (0)"},
    [EVAL_FORM] = {"form", FLAG_VALUE, "plain|normed", COMPLETE_WORDS,
                   "linear: plain, or normed: behind a BatchNorm, and steps as long as weights are (plain)"}};
const FlagTable EVAL_FLAGS = {FLAGS, N_EVAL_FLAGS, "the protocol"};

/* Flags of another protocol would change nothing. */
static bool check_flags(const Frozen *f, int protocol) {
    for (int i = 0; i < N_EVAL_FLAGS; i++)
        if (f->own[i].given && !(PROTOCOLS[protocol].flags & 1u << i))
            return fail(2, "--%s says nothing to eval %s", FLAGS[i].name, PROTOCOLS[protocol].name) < 0;
    return true;
}

/* Which one the first word names; -1 after telling. The parser knows the words. */
static int find_protocol(const Frozen *f) {
    for (int i = 0; f->args.n_words && i < N_PROTOCOLS; i++) {
        if (strcmp(f->args.words[0], PROTOCOLS[i].name) != 0) continue;
        if (command->compiles || !PROTOCOLS[i].compiles) return i;
        fail(2, "eval %s compiles a program for it: vitc does", PROTOCOLS[i].name);
        return -1;
    }
    fail(2, "%s eval knn RUN --data PATH", command->name);
    return -1;
}

int verb_eval(int argc, char **argv) {
    Frozen f = {.run = NULL};
    double k = 0, temperature = 0.07, limit = 0, epochs = 100;
    if (!frozen_arguments(&f, argc, argv, N_EVAL_FLAGS)) return 2;
    int protocol = find_protocol(&f), words = f.args.n_words;
    if (protocol < 0) return 2;
    bool enough = words == 2 || (words == 1 && !command->compiles && f.init.path);
    if (!enough || !f.flags[FROZEN_DATA].given)
        return fail(2, "%s eval %s RUN --data PATH", command->name, PROTOCOLS[protocol].name);
    if (!check_flags(&f, protocol) || !whole_flag(&f.own[EVAL_K], 1, 1e5, &k) ||
        !number_flag(&f.own[EVAL_TEMPERATURE], 1e-4, 1e4, &temperature) ||
        !whole_flag(&f.own[EVAL_LIMIT], 1, 1e12, &limit) ||
        !number_flag(&f.own[EVAL_EPOCHS], 1e-3, 1e6, &epochs))
        return 2;
    int code;
    if (frozen_open(&f, words == 2 ? f.args.words[1] : NULL, &code))
        code = judge(&f, protocol, (int64_t)limit, k);
    frozen_close(&f);
    return code;
}
