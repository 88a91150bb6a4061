/* Whitening of features: see whiten.h. */
#include "command/eval/whiten.h"
#include "command/eval/judge.h"

#include <stdio.h>

static const char *const KINDS[] = {[WHITEN_ZCA] = "zca", [WHITEN_PCA] = "pca"};

bool whiten(const EvalRequest *r, Encoded *encoded, EvalReport *report, VtError *error) {
    JudgeSettings settings = {.n = 0};
    Judge judge = {.made = NULL};
    judge_set(&settings, "width=%lld", (long long)encoded->train.dim);
    judge_set(&settings, "kind=%s", KINDS[r->whiten]);
    judge_set(&settings, "eps=%.9g", r->whiten_eps);
    bool good = judge_open(r, "whiten", &settings, 0, "whitening, step", &judge, error) &&
                vt_probe_train(&judge.probe, &encoded->train, error) &&
                vt_probe_map(&judge.probe, &encoded->train, error) &&
                vt_probe_map(&judge.probe, &encoded->test, error);
    judge_close(&judge);
    if (!good) return false;
    eval_text(report, "features", "whitening", KINDS[r->whiten]);
    eval_number(report, "features", "whitening_eps", r->whiten_eps);
    printf("(whitened by %lld training images: %s, eps %g of the mean variance)\n",
           (long long)encoded->train.n, KINDS[r->whiten], r->whiten_eps);
    return true;
}
