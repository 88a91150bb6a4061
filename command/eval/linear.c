/* eval linear: linear classifiers on frozen features, for a grid of rates and decays at once. Which of them counts is
 * chosen by held-out training images: classifiers are trained without these and then, for the test images, with all. */
#include "command/eval/judge.h"
#include "command/eval/protocol.h"

#include <stdlib.h>
#include <string.h>

/* By FORM_…: what holds unless flags say other. */
typedef struct {
    const char *name, *recipe;
    bool learns; /* by steps: rates, epochs and batches say something to it */
    Numbers rates, decays;
    double epochs;
} Form;
static const Form FORMS[] = {
    [FORM_COSINE] = {"cosine", "linear", true, {{0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1}, 7}, {{0}, 1}, 100},
    [FORM_STEPS] = {"steps", "linear", true, {{0.3, 1, 3, 10, 30}, 5}, {{0}, 1}, 100},
    [FORM_NORMALIZED] = {"normalized", "linear", true, {{0.01, 0.03, 0.1, 0.3, 1}, 5}, {{0}, 1}, 90},
    [FORM_RIDGE] = {"ridge", "ridge", false, {{0}, 1}, {{1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1}, 6}, 0}};

enum { MOST_CLASSIFIERS = MOST_NUMBERS * MOST_NUMBERS };
typedef struct {
    const EvalRequest *request;
    const Form *form;
    const Numbers *rates, *decays;
    double epochs;
    int count;      /* of classifiers, those of a rate side by side */
    int64_t chosen; /* by so many held-out images; 0: by the test images */
    VtProbeResult held_out[MOST_CLASSIFIERS], test[MOST_CLASSIFIERS];
} Linear;

/* ---- results ----------------------------------------------------------------------------------------------------- */

enum { NUMBERS = 8 };
typedef EvalNumber RowNumbers[NUMBERS];

/* Settings and scores of one classifier. */
static void fill_row(const Linear *l, int i, RowNumbers row) {
    int n = 0;
    const VtProbeResult *test = &l->test[i], *held = &l->held_out[i];
    if (l->form->learns) row[n++] = (EvalNumber){"rate", l->rates->values[i / l->decays->n]};
    row[n++] = (EvalNumber){"decay", l->decays->values[i % l->decays->n]};
    if (l->chosen && !held->diverged) row[n++] = (EvalNumber){"held_out", held->top1};
    if (!test->diverged) row[n++] = (EvalNumber){"top1", test->top1};
    if (!test->diverged) row[n++] = (EvalNumber){"top5", test->top5};
    row[n].name = NULL;
}

/* "rate 0.1, decay 0" */
static const char *describe(const Linear *l, int i, char out[96]) {
    char rate[48] = "";
    if (l->form->learns) snprintf(rate, sizeof rate, "rate %g, ", l->rates->values[i / l->decays->n]);
    snprintf(out, 96, "%sdecay %g", rate, l->decays->values[i % l->decays->n]);
    return out;
}

/* The best by one of the two; a classifier that has diverged is none. -1: all have. */
static int best_of(const Linear *l, const VtProbeResult *results) {
    int best = -1;
    for (int i = 0; i < l->count; i++)
        if (!l->test[i].diverged && !results[i].diverged &&
            (best < 0 || results[i].top1 > results[best].top1))
            best = i;
    return best;
}

static void tell_headline(const Linear *l, int chosen, int best, EvalReport *report) {
    char note[320], mine[96], other[96];
    RowNumbers row;
    fill_row(l, chosen, row);
    long long images = (long long)l->test[chosen].images;
    if (l->count == 1)
        snprintf(note, sizeof note, " (%lld test images)", images);
    else if (!l->chosen)
        snprintf(note, sizeof note, " (the best of %d on the %lld test images: %s)", l->count, images,
                 describe(l, best, mine));
    else
        snprintf(
            note, sizeof note,
            " (%s, chosen by %lld held-out training images; the best on the %lld test images: %.2f %%, %s)",
            describe(l, chosen, mine), (long long)l->chosen, images, l->test[best].top1,
            describe(l, best, other));
    eval_headline(report, "linear", note, row);
}

static bool tell_results(const Linear *l, EvalReport *report, VtError *error) {
    const EvalRequest *r = l->request;
    char text[96];
    RowNumbers row;
    int best = best_of(l, l->test), chosen = l->chosen ? best_of(l, l->held_out) : best;
    if (best < 0)
        return vt_fail(error, 1, "all of %d classifiers have diverged: %s", l->count,
                       l->form->learns ? "a rate is too high" : "a decay is too small");
    eval_text(report, "settings", "form", l->form->name);
    if (l->form->learns) {
        eval_numbers(report, "settings", "rates", l->rates->values, l->rates->n);
        eval_number(report, "settings", "epochs", l->epochs);
        eval_number(report, "settings", "batch", r->batch);
        eval_number(report, "settings", "seed", r->seed);
    }
    eval_numbers(report, "settings", "decays", l->decays->values, l->decays->n);
    eval_number(report, "settings", "held_out_images", (double)l->chosen);
    for (int i = 0; i < l->count; i++) {
        fill_row(l, i, row);
        eval_row(report, describe(l, i, text), l->test[i].diverged ? ": diverged" : NULL, row);
    }
    tell_headline(l, chosen < 0 ? best : chosen, best, report);
    return true;
}

/* ---- training ---------------------------------------------------------------------------------------------------- */

static bool train_on(Judge *judge, const VtFeatures *train, const char *what, const VtFeatures *test,
                     VtProbeResult *results, VtError *error) {
    judge->progress = (Progress){.what = what};
    return vt_instance_init(judge->probe.instance, judge->probe.seed, error) &&
           vt_probe_train(&judge->probe, train, error) && vt_probe_judge(&judge->probe, test, results, error);
}

/* Without held-out images, by which is chosen, where there are any. */
static bool hold_out(Linear *l, Judge *judge, const VtFeatures *train, VtError *error) {
    VtSubset subset = {.stream = "held-out", .seed = judge->probe.seed};
    VtFeatures held = *train, others = *train;
    held.labels = malloc(sizeof *held.labels * (size_t)train->n + 64);
    others.labels = malloc(sizeof *others.labels * (size_t)train->n + 64);
    bool good = (held.labels && others.labels) || vt_fail(error, 1, "out of memory");
    if (good)
        l->chosen =
            vt_subset_draw(train, l->request->held_out.values[0], &subset, held.labels, others.labels, error);
    good = good && l->chosen >= 0;
    if (good && l->chosen == 0) printf("(too few training images to hold any out)\n");
    if (good && l->chosen > 0)
        good =
            train_on(judge, &others, "classifiers without held-out images, step", &held, l->held_out, error);
    free(held.labels);
    free(others.labels);
    return good;
}

static void choose_settings(const Linear *l, int64_t width, int classes, JudgeSettings *settings) {
    const EvalRequest *r = l->request;
    judge_set(settings, "width=%lld", (long long)width);
    judge_set(settings, "classes=%d", classes);
    judge_set_list(settings, "decays", l->decays);
    if (!l->form->learns) return;
    judge_set_list(settings, "rates", l->rates);
    judge_set(settings, "form=%s", l->form->name);
    judge_set(settings, "epochs=%.9g", l->epochs);
    judge_set(settings, "batch=%.0f", r->batch);
}

static bool judge(const EvalRequest *r, const VtFeatures *train, const VtFeatures *test, EvalReport *report,
                  VtError *error) {
    const Form *form = &FORMS[r->form];
    Linear *l = calloc(1, sizeof *l);
    JudgeSettings settings = {.n = 0};
    Judge judge = {.made = NULL};
    int classes = vt_features_classes(train, test);
    if (!l) return vt_fail(error, 1, "out of memory");
    *l = (Linear){.request = r,
                  .form = form,
                  .rates = r->rates.n && form->learns ? &r->rates : &form->rates,
                  .decays = r->decays.n ? &r->decays : &form->decays,
                  .epochs = r->epochs > 0 ? r->epochs : form->epochs};
    l->count = l->rates->n * l->decays->n;
    choose_settings(l, train->dim, classes, &settings);
    bool good = judge_open(r, form->recipe, &settings, classes, "classifiers, step", &judge, error);
    judge.probe.seed = (uint64_t)r->seed;
    bool chooses = l->count > 1 && r->held_out.values[0].value > 0;
    good = good && (!chooses || hold_out(l, &judge, train, error)) &&
           train_on(&judge, train, "classifiers, step", test, l->test, error) &&
           tell_results(l, report, error);
    judge_close(&judge);
    free(l);
    return good;
}

/* What says nothing to a closed form. */
static bool check(const EvalRequest *r, int64_t train, int64_t test, VtError *error) {
    static const struct {
        int flag;
        const char *name;
    } steps[] = {{EVAL_RATES, "rates"}, {EVAL_EPOCHS, "epochs"}, {EVAL_BATCH, "batch"}};
    (void)train, (void)test;
    for (size_t i = 0; !FORMS[r->form].learns && i < sizeof steps / sizeof *steps; i++)
        if (r->frozen.own[steps[i].flag].given)
            return vt_fail(error, 2, "--%s says nothing to --form %s", steps[i].name, FORMS[r->form].name);
    for (int i = 0; !FORMS[r->form].learns && i < r->decays.n; i++)
        if (r->decays.values[i] <= 0)
            return vt_fail(error, 2, "--decays %g: of --form %s they are above 0", r->decays.values[i],
                           FORMS[r->form].name);
    return true;
}

const EvalProtocol EVAL_LINEAR = {.name = "linear",
                                  .title = "linear",
                                  .compiles = true,
                                  .classifies = true,
                                  .flags = EVAL_USES(EPOCHS) | EVAL_USES(RATES) | EVAL_USES(DECAYS) |
                                           EVAL_USES(FORM) | EVAL_USES(BATCH) | EVAL_USES(HELD_OUT) |
                                           EVAL_USES(SEED),
                                  .check = check,
                                  .judge = judge};
