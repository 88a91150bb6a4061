/* eval: protocols that judge a frozen encoder. */
#include "command/frozen.h"

#include <errno.h>
#include <string.h>

typedef struct {
    const Frozen *frozen;
    int k; /* 0: those of the literature that fit */
    double temperature;
    int64_t limit;
} KnnRequest;

static void print_used(const Frozen *f, const VtFeatures *features) {
    const VtProgram *p = f->made->program;
    int counter = vt_instance_counter(f->instance);
    printf("features: %s, %lld dimensions, L2-normalised",
           command->features ? command->features(f->made) : "features", (long long)features->dim);
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

/* The ks of the request, or those of the literature that n training images allow. */
static int choose_ks(const KnnRequest *request, int64_t n, int ks[4]) {
    static const int usual[] = {10, 20, 100, 200};
    int count = 0;
    if (request->k > 0) return ks[0] = request->k, 1;
    for (int i = 0; i < 4; i++)
        if (usual[i] <= n) ks[count++] = usual[i];
    if (n == 0) return ks[0] = 1, 1; /* vt_knn says why there are none */
    if (count < 4)
        printf("(of k = 10, 20, 100, 200 those that %lld training images allow%s)\n", (long long)n,
               count ? "" : ": none; k is their number");
    if (count == 0) ks[count++] = (int)n;
    return count;
}

static void print_results(const KnnRequest *request, const VtFeatures *train, const VtFeatures *test,
                          const int *ks, const VtKnnResult *results, int n) {
    for (int i = 0; i < n; i++)
        printf("%d-NN: top-1 %.2f %%, top-5 %.2f %%, T %g\n", ks[i], results[i].top1, results[i].top5,
               request->temperature);
    printf("(%lld training and %lld test images, %d classes, %lld features, temperature %g; skipped: %lld "
           "broken, %lld unlabelled, %lld with features 0)\n",
           (long long)results->train, (long long)results->test, results->classes, (long long)train->dim,
           request->temperature, (long long)(train->broken + test->broken), (long long)results->unlabelled,
           (long long)results->zero);
    const VtFeatures *sets[] = {train, test};
    for (int i = 0; i < 2; i++)
        if (sets[i]->broken)
            fprintf(stderr, "%s: skipped: %lld of the %s images, the first: %s\n", command->name,
                    (long long)sets[i]->broken, i ? "test" : "training", sets[i]->first_broken.message);
}

/* What can be seen before hours of features. */
static bool check_request(const KnnRequest *request, const VtDataset *train, const VtDataset *test,
                          VtError *error) {
    const VtDataset *sets[] = {train, test};
    for (int i = 0; i < 2; i++) {
        int64_t n = vt_dataset_size(sets[i]);
        if (vt_dataset_labelled(sets[i]) == 0)
            return vt_fail(error, 2, "'%s': none of its %lld %s images has a label: k-NN needs them",
                           request->frozen->data, (long long)n, i ? "test" : "training");
    }
    int64_t n = vt_dataset_size(train);
    if (request->limit > 0 && request->limit < n) n = request->limit;
    return request->k <= n ||
           vt_fail(error, 2, "--k %d: there are %lld training images: a number from 1 to %lld", request->k,
                   (long long)n, (long long)n);
}

static bool judge(const KnnRequest *request, const VtFeatures *train, const VtFeatures *test,
                  VtError *error) {
    int ks[4];
    VtKnnResult results[4];
    print_used(request->frozen, train);
    int n = choose_ks(request, vt_features_usable(train), ks);
    if (!vt_knn(train, test, &(VtKnn){ks, n, request->temperature}, results, error)) return false;
    print_results(request, train, test, ks, results, n);
    return true;
}

static int eval_knn(const KnnRequest *request) {
    const Frozen *f = request->frozen;
    const VtProgram *program = f->made->program;
    VtError error = {0};
    VtFeatures a = {0}, b = {0};
    VtDataset *train = frozen_data(f, "train", &error), *test = train ? frozen_data(f, "test", &error) : NULL;
    bool good = test && check_request(request, train, test, &error) &&
                vt_features(f->instance, program, train, request->limit, f->max_broken, &a, &error) &&
                vt_features(f->instance, program, test, request->limit, f->max_broken, &b, &error) &&
                judge(request, &a, &b, &error);
    vt_features_free(&a);
    vt_features_free(&b);
    vt_dataset_close(train);
    vt_dataset_close(test);
    if (!good) return fail(error.code, "%s", error.message);
    return fflush(stdout) == 0 ? 0 : fail(1, "cannot write the results: %s", strerror(errno));
}

enum { K, TEMPERATURE, LIMIT, N };
static const FlagRow FLAGS[N] = {
    [K] = {"k", FLAG_VALUE, "N", COMPLETE_NONE, "neighbours that vote; 10, 20, 100 and 200 unless given"},
    [TEMPERATURE] = {"temperature", FLAG_VALUE, "T", COMPLETE_NONE, "temperature of their votes (0.07)"},
    [LIMIT] = {"limit", FLAG_VALUE, "N", COMPLETE_NONE, "take only the first N training and test images"}};
const FlagTable EVAL_FLAGS = {FLAGS, N, "the protocol"};

int verb_eval(int argc, char **argv) {
    Frozen f = {.run = NULL};
    double k = 0, temperature = 0.07, limit = 0;
    if (!frozen_arguments(&f, argc, argv, N)) return 2;
    int words = f.args.n_words;
    bool enough = words == 2 || (words == 1 && !command->compiles && f.init.path);
    if (!enough || !f.flags[FROZEN_DATA].given) return fail(2, "%s eval knn RUN --data PATH", command->name);
    if (!whole_flag(&f.own[K], 1, 1e5, &k) || !number_flag(&f.own[TEMPERATURE], 1e-4, 1e4, &temperature) ||
        !whole_flag(&f.own[LIMIT], 1, 1e12, &limit))
        return 2;
    KnnRequest request = {.frozen = &f, .k = (int)k, .temperature = temperature, .limit = (int64_t)limit};
    int code;
    if (frozen_open(&f, words == 2 ? f.args.words[1] : NULL, &code)) code = eval_knn(&request);
    frozen_close(&f);
    return code;
}
