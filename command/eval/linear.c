/* eval linear: linear classifiers on frozen features, for a grid of rates and decays at once. */
#include "command/eval/judge.h"
#include "command/eval/protocol.h"

static void tell_results(const EvalRequest *r, const VtProbeResult *results, int n, EvalReport *report) {
    char text[96], note[192];
    int best = 0;
    for (int i = 0; i < n; i++) {
        double rate = r->rates.values[i / r->decays.n], decay = r->decays.values[i % r->decays.n];
        snprintf(text, sizeof text, "rate %g, decay %g", rate, decay);
        eval_row(report, text, NULL,
                 (EvalNumber[]){{"rate", rate},
                                {"decay", decay},
                                {"top1", results[i].top1},
                                {"top5", results[i].top5},
                                {NULL, 0}});
        if (results[i].top1 > results[best].top1) best = i;
    }
    double rate = r->rates.values[best / r->decays.n], decay = r->decays.values[best % r->decays.n];
    snprintf(note, sizeof note, " (the best of %d on the %lld test images: rate %g, decay %g)", n,
             (long long)results[best].images, rate, decay);
    eval_headline(report, "linear", note,
                  (EvalNumber[]){{"rate", rate},
                                 {"decay", decay},
                                 {"top1", results[best].top1},
                                 {"top5", results[best].top5},
                                 {NULL, 0}});
}

static bool judge(const EvalRequest *r, const VtFeatures *train, const VtFeatures *test, EvalReport *report,
                  VtError *error) {
    JudgeSettings settings = {.n = 0};
    Judge judge = {.made = NULL};
    VtProbeResult results[MOST_NUMBERS * MOST_NUMBERS];
    int classes = eval_classes(train, test);
    if (classes < 2) return vt_fail(error, 2, "a classifier needs two classes or more among the labels");
    judge_set(&settings, "width=%lld", (long long)train->dim);
    judge_set(&settings, "classes=%d", classes);
    judge_set_list(&settings, "rates", &r->rates);
    judge_set_list(&settings, "decays", &r->decays);
    judge_set(&settings, "form=%s", r->form ? "normed" : "plain");
    judge_set(&settings, "epochs=%.9g", r->epochs);
    bool good = judge_open(r, "linear", &settings, classes, "classifiers, step", &judge, error) &&
                vt_probe_train(&judge.probe, train, error) &&
                vt_probe_judge(&judge.probe, test, results, error);
    if (good) {
        eval_text(report, "settings", "form", r->form ? "normed" : "plain");
        eval_number(report, "settings", "epochs", r->epochs);
        eval_number(report, "settings", "seed", (double)judge.probe.seed);
        eval_numbers(report, "settings", "rates", r->rates.values, r->rates.n);
        eval_numbers(report, "settings", "decays", r->decays.values, r->decays.n);
        tell_results(r, results, vt_probe_count(&judge.probe, error), report);
    }
    judge_close(&judge);
    return good;
}

const EvalProtocol EVAL_LINEAR = {.name = "linear",
                                  .title = "linear",
                                  .compiles = true,
                                  .flags = EVAL_USES(EPOCHS) | EVAL_USES(RATES) | EVAL_USES(DECAYS) |
                                           EVAL_USES(FORM),
                                  .judge = judge};
