/* eval knn: features of the training split vote on the classes of the test split. */
#include "command/eval/protocol.h"
#include "runtime/evaluation/knn.h"

#include <stdlib.h>

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
    const VtKnnResult *best = results;
    char text[32], note[32], among[64], headline[128];
    for (int i = 0; i < votes->n_ks * votes->n_temperatures; i++) {
        const VtKnnResult *result = &results[i];
        snprintf(text, sizeof text, "%d-NN", result->k);
        snprintf(note, sizeof note, ", T %g", result->temperature);
        eval_row(report, text, note,
                 (EvalNumber[]){{"k", result->k},
                                {"temperature", result->temperature},
                                {"top1", result->top1},
                                {"top5", result->top5},
                                {NULL, 0}});
        if (result->top1 > best->top1) best = result;
    }
    int variants = votes->n_ks * votes->n_temperatures;
    snprintf(among, sizeof among, ", the best of %d on the test images", variants);
    snprintf(headline, sizeof headline, " (%d-NN, T %g%s)", best->k, best->temperature,
             variants > 1 ? among : "");
    eval_headline(report, NULL, headline,
                  (EvalNumber[]){{"k", best->k},
                                 {"temperature", best->temperature},
                                 {"top1", best->top1},
                                 {"top5", best->top5},
                                 {NULL, 0}});
    printf("(%lld training and %lld test images, %d classes, %lld features, temperature ",
           (long long)results->train, (long long)results->test, results->classes, (long long)train->dim);
    for (int t = 0; t < votes->n_temperatures; t++) printf(t ? ", %g" : "%g", votes->temperatures[t]);
    printf("; skipped: %lld broken, %lld unlabelled, %lld with features 0)\n",
           (long long)(train->broken + test->broken), (long long)results->unlabelled,
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
    VtKnnResult *results = malloc(sizeof *results * MOST_NUMBERS * MOST_NUMBERS);
    VtKnn votes = {.ks = ks,
                   .n_ks = choose_ks(r, vt_features_usable(train), ks),
                   .temperatures = r->temperatures.values,
                   .n_temperatures = r->temperatures.n};
    double asked[MOST_NUMBERS];
    for (int i = 0; i < votes.n_ks; i++) asked[i] = ks[i];
    eval_numbers(report, "settings", "ks", asked, votes.n_ks);
    eval_numbers(report, "settings", "temperatures", r->temperatures.values, r->temperatures.n);
    bool good = results || vt_fail(error, 1, "out of memory in k-NN");
    good = good && vt_knn(r->frozen.instance, r->frozen.made->program, train, test, &votes, results, error);
    if (good) tell_results(&votes, train, test, results, report);
    free(results);
    return good;
}

const EvalProtocol EVAL_KNN = {.name = "knn",
                               .title = "k-NN",
                               .normalised = true,
                               .flags = EVAL_USES(K) | EVAL_USES(TEMPERATURE),
                               .check = check,
                               .judge = judge};
