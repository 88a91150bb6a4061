/* eval knn: features of the training split vote on the classes of the test split. */
#include "command/eval/protocol.h"
#include "runtime/evaluation/knn.h"

/* The ks of the request, or those of the literature that n training images allow. */
static int choose_ks(const EvalRequest *r, int64_t n, int ks[MOST_NUMBERS]) {
    int count = 0;
    for (int i = 0; i < r->ks.n; i++)
        if (r->frozen.own[EVAL_K].given || n == 0 || r->ks.values[i] <= (double)n)
            ks[count++] = (int)r->ks.values[i]; /* of n = 0 vt_knn says why */
    if (count < r->ks.n)
        printf("(of k = 10, 20, 100, 200 those that %lld training images allow%s)\n", (long long)n,
               count ? "" : ": none; k is their number");
    if (count == 0) ks[count++] = (int)n;
    return count;
}

static void tell_results(const VtKnn *votes, const VtFeatures *train, const VtFeatures *test,
                         const VtKnnResult *results, EvalReport *report) {
    char text[32], note[32];
    int best = 0;
    for (int i = 0; i < votes->n_ks; i++) {
        snprintf(text, sizeof text, "%d-NN", votes->ks[i]);
        snprintf(note, sizeof note, ", T %g", votes->temperature);
        eval_row(report, text, note,
                 (EvalNumber[]){{"k", votes->ks[i]},
                                {"temperature", votes->temperature},
                                {"top1", results[i].top1},
                                {"top5", results[i].top5},
                                {NULL, 0}});
        if (results[i].top1 > results[best].top1) best = i;
    }
    eval_headline(report, NULL, NULL,
                  (EvalNumber[]){{"k", votes->ks[best]},
                                 {"temperature", votes->temperature},
                                 {"top1", results[best].top1},
                                 {"top5", results[best].top5},
                                 {NULL, 0}});
    printf("(%lld training and %lld test images, %d classes, %lld features, temperature %g; skipped: %lld "
           "broken, %lld unlabelled, %lld with features 0)\n",
           (long long)results->train, (long long)results->test, results->classes, (long long)train->dim,
           votes->temperature, (long long)(train->broken + test->broken), (long long)results->unlabelled,
           (long long)results->zero);
}

static bool check(const EvalRequest *r, int64_t train, int64_t test, VtError *error) {
    (void)test;
    for (int i = 0; r->frozen.own[EVAL_K].given && i < r->ks.n; i++)
        if (r->ks.values[i] > (double)train)
            return vt_fail(error, 2, "--k %.0f: there are %lld training images: a number from 1 to %lld",
                           r->ks.values[i], (long long)train, (long long)train);
    return true;
}

static bool judge(const EvalRequest *r, const VtFeatures *train, const VtFeatures *test, EvalReport *report,
                  VtError *error) {
    int ks[MOST_NUMBERS];
    VtKnnResult results[MOST_NUMBERS];
    double asked[MOST_NUMBERS];
    VtKnn votes = {.ks = ks, .n_ks = choose_ks(r, vt_features_usable(train), ks)};
    for (int i = 0; i < votes.n_ks; i++) asked[i] = ks[i];
    eval_numbers(report, "settings", "ks", asked, votes.n_ks);
    eval_numbers(report, "settings", "temperatures", r->temperatures.values, r->temperatures.n);
    for (int t = 0; t < r->temperatures.n; t++) {
        votes.temperature = r->temperatures.values[t];
        if (!vt_knn(train, test, &votes, results, error)) return false;
        tell_results(&votes, train, test, results, report);
    }
    return true;
}

const EvalProtocol EVAL_KNN = {.name = "knn",
                               .title = "k-NN",
                               .normalised = true,
                               .flags = EVAL_USES(K) | EVAL_USES(TEMPERATURE),
                               .check = check,
                               .judge = judge};
