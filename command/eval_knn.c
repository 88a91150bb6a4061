/* eval knn: features of the training split vote on the classes of the test split. */
#include "command/eval.h"
#include "runtime/evaluation/knn.h"

/* The ks of the request, or those of the literature that n training images allow. */
static int choose_ks(int asked, int64_t n, int ks[4]) {
    static const int usual[] = {10, 20, 100, 200};
    int count = 0;
    if (asked > 0) return ks[0] = asked, 1;
    for (int i = 0; i < 4; i++)
        if (usual[i] <= n) ks[count++] = usual[i];
    if (n == 0) return ks[0] = 1, 1; /* vt_knn says why there are none */
    if (count < 4)
        printf("(of k = 10, 20, 100, 200 those that %lld training images allow%s)\n", (long long)n,
               count ? "" : ": none; k is their number");
    if (count == 0) ks[count++] = (int)n;
    return count;
}

static void print_results(double temperature, const VtFeatures *train, const VtFeatures *test, const int *ks,
                          const VtKnnResult *results, int n) {
    for (int i = 0; i < n; i++)
        printf("%d-NN: top-1 %.2f %%, top-5 %.2f %%, T %g\n", ks[i], results[i].top1, results[i].top5,
               temperature);
    printf("(%lld training and %lld test images, %d classes, %lld features, temperature %g; skipped: %lld "
           "broken, %lld unlabelled, %lld with features 0)\n",
           (long long)results->train, (long long)results->test, results->classes, (long long)train->dim,
           temperature, (long long)(train->broken + test->broken), (long long)results->unlabelled,
           (long long)results->zero);
}

bool eval_knn(const Frozen *f, const VtFeatures *train, const VtFeatures *test, VtError *error) {
    int ks[4];
    VtKnnResult results[4];
    double k = 0, temperature = 0.07; /* checked by the verb */
    if (f->own[EVAL_K].given) read_decimal(f->own[EVAL_K].value, &k);
    if (f->own[EVAL_TEMPERATURE].given) read_decimal(f->own[EVAL_TEMPERATURE].value, &temperature);
    int n = choose_ks((int)k, vt_features_usable(train), ks);
    if (!vt_knn(train, test, &(VtKnn){ks, n, temperature}, results, error)) return false;
    print_results(temperature, train, test, ks, results, n);
    return true;
}
