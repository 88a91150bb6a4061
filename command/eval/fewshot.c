/* eval fewshot: classifiers that learn from a few images of each class, drawn several times; how often they are right
 * on the test images, on average, with the 95 % interval of that. */
#include "command/eval/judge.h"
#include "command/eval/protocol.h"
#include "runtime/evaluation/interval.h"
#include "runtime/evaluation/knn.h"

#include <assert.h>
#include <stdlib.h>

enum { USUAL_K = 20, LEAST_BATCH = 256 };
static const Numbers USUAL_DECAYS = {{1}, 1};

typedef struct {
    const EvalRequest *request;
    const VtFeatures *train, *test;
    int classes;
    const Numbers *decays;
    Judge judge;       /* of the logistic regressions */
    int64_t batch;     /* that it was compiled for; 0: it was not */
    Progress progress; /* over draws of all amounts */
    int64_t done;
    int count; /* of classifiers: decays, or ks */
    int ks[MOST_NUMBERS];
    double top1[MOST_NUMBERS][MOST_DRAWS], top5[MOST_NUMBERS][MOST_DRAWS]; /* by classifier and draw */
} FewShot;

/* "5", "10 %" */
static const char *amount_text(VtAmount amount, char out[32]) {
    snprintf(out, 32, amount.percent ? "%g %%" : "%g", amount.value);
    return out;
}

/* ---- classifiers ------------------------------------------------------------------------------------------------- */

/* The program takes all images at once, so one of more images is another program. */
static bool open_judge(FewShot *s, int64_t images, VtError *error) {
    int64_t batch = images < LEAST_BATCH ? LEAST_BATCH : images;
    JudgeSettings settings = {.n = 0};
    if (s->batch == batch) return true;
    judge_close(&s->judge);
    s->batch = batch;
    judge_set(&settings, "width=%lld", (long long)s->train->dim);
    judge_set(&settings, "classes=%d", s->classes);
    judge_set(&settings, "batch=%lld", (long long)batch);
    judge_set_list(&settings, "decays", s->decays);
    if (!judge_open(s->request, "logistic", &settings, s->classes, "", &s->judge, error)) return false;
    s->judge.probe.tell = NULL;
    return true;
}

static bool regress(FewShot *s, const VtFeatures *part, int64_t images, int draw, VtError *error) {
    VtProbeResult results[MOST_NUMBERS];
    if (!open_judge(s, images, error)) return false;
    const VtProbe *probe = &s->judge.probe;
    if (!vt_instance_init(probe->instance, 0, error) || !vt_probe_train(probe, part, error) ||
        !vt_probe_judge(probe, s->test, results, error))
        return false;
    for (int i = 0; i < s->count; i++) {
        if (results[i].diverged)
            return vt_fail(error, 1,
                           "a logistic regression of decay %g is not finite: whiten the features, or "
                           "take a larger decay",
                           s->decays->values[i]);
        s->top1[i][draw] = results[i].top1;
        s->top5[i][draw] = results[i].top5;
    }
    return true;
}

static bool vote(FewShot *s, const VtFeatures *part, int draw, VtError *error) {
    VtKnnResult results[MOST_NUMBERS];
    const Frozen *f = &s->request->frozen;
    VtKnn votes = {
        .ks = s->ks, .n_ks = s->count, .temperatures = s->request->temperatures.values, .n_temperatures = 1};
    if (!vt_knn(f->instance, f->made->program, part, s->test, &votes, results, error)) return false;
    for (int i = 0; i < s->count; i++) {
        s->top1[i][draw] = results[i].top1;
        s->top5[i][draw] = results[i].top5;
    }
    return true;
}

/* The ks that so many images allow. */
static bool choose_ks(FewShot *s, int64_t images, VtError *error) {
    const EvalRequest *r = s->request;
    bool given = r->frozen.own[EVAL_K].given;
    s->count = 0;
    for (int i = 0; given && i < r->ks.n; i++) {
        if (r->ks.values[i] > (double)images)
            return vt_fail(error, 2, "--k %.0f: there are %lld training images in a draw", r->ks.values[i],
                           (long long)images);
        s->ks[s->count++] = (int)r->ks.values[i];
    }
    if (!given) s->ks[s->count++] = images < USUAL_K ? (int)images : USUAL_K;
    return true;
}

/* ---- draws ------------------------------------------------------------------------------------------------------- */

/* Of images of the training split, one amount and draw; *images: how many. */
static bool judge_draw(FewShot *s, VtAmount amount, int draw, int32_t *labels, int64_t *images,
                       VtError *error) {
    const EvalRequest *r = s->request;
    VtSubset subset = {.stream = "few-shot", .seed = (uint64_t)r->seed, .draw = (uint64_t)draw, .least = 1};
    VtFeatures part = *s->train;
    part.labels = labels;
    *images = vt_subset_draw(s->train, amount, &subset, labels, NULL, error);
    if (*images < 0) return false;
    if (r->classifier == CLASSIFIER_LOGISTIC) return regress(s, &part, *images, draw, error);
    return choose_ks(s, *images, error) && vote(s, &part, draw, error);
}

static void tell_rows(const FewShot *s, VtAmount amount, int64_t images, EvalReport *report) {
    const EvalRequest *r = s->request;
    bool logistic = r->classifier == CLASSIFIER_LOGISTIC;
    char text[96], with[48], note[64], shots[32], headline[100];
    int draws = (int)r->draws;
    for (int i = 0; i < s->count; i++) {
        VtInterval top1 = vt_interval(s->top1[i], draws), top5 = vt_interval(s->top5[i], draws);
        double setting = logistic ? s->decays->values[i] : s->ks[i];
        EvalNumber row[] = {{amount.percent ? "percent" : "shots", amount.value},
                            {"images", (double)images},
                            {logistic ? "decay" : "k", setting},
                            {"top1", top1.mean},
                            {"top5", top5.mean},
                            {draws > 1 ? "top1_interval" : NULL, top1.half},
                            {"top5_interval", top5.half},
                            {NULL, 0}};
        with[0] = '\0';
        if (!logistic || s->count > 1)
            snprintf(with, sizeof with, logistic ? ", decay %g" : ", %g-NN", setting);
        snprintf(text, sizeof text, "%s of each class%s", amount_text(amount, shots), with);
        snprintf(note, sizeof note, " (%lld images, %d draw%s)", (long long)images, draws,
                 draws == 1 ? "" : "s");
        eval_row(report, text, note, row);
        snprintf(headline, sizeof headline, " (%s)", text);
        eval_headline(report, NULL, headline, row); /* the last one stays */
    }
}

/* Whether the classes have as many images; amounts that nobody asked for are left out, with a word, where they have
 * not. */
static bool has_images(const FewShot *s, VtAmount amount, int32_t *labels) {
    VtError error;
    char text[32];
    if (s->request->frozen.own[EVAL_SHOTS].given) return true;
    VtSubset subset = {.stream = "few-shot", .least = 1};
    if (vt_subset_draw(s->train, amount, &subset, labels, NULL, &error) >= 0) return true;
    printf("(%s of each class: there are fewer)\n", amount_text(amount, text));
    return false;
}

static bool judge_amounts(FewShot *s, int32_t *labels, EvalReport *report, VtError *error) {
    const EvalRequest *r = s->request;
    int64_t images = 0;
    int draws = (int)r->draws;
    for (int a = 0; a < r->shots.n; a++) {
        VtAmount amount = r->shots.values[a];
        if (!has_images(s, amount, labels)) continue;
        for (int draw = 0; draw < draws; draw++) {
            if (!judge_draw(s, amount, draw, labels, &images, error)) return false;
            progress_tell(&s->progress, ++s->done, (int64_t)r->shots.n * draws, NULL);
        }
        tell_rows(s, amount, images, report);
    }
    return true;
}

static bool judge(const EvalRequest *r, const VtFeatures *train, const VtFeatures *test, EvalReport *report,
                  VtError *error) {
    FewShot *s = calloc(1, sizeof *s);
    int32_t *labels = malloc(sizeof *labels * (size_t)train->n + 64);
    bool logistic = r->classifier == CLASSIFIER_LOGISTIC;
    bool good = (s && labels) || vt_fail(error, 1, "out of memory");
    if (good) {
        *s = (FewShot){.request = r, .train = train, .test = test, .progress = {.what = "draws"}};
        s->classes = vt_features_classes(train, test);
        s->decays = r->decays.n ? &r->decays : &USUAL_DECAYS;
        s->count = s->decays->n;
        eval_text(report, "settings", "classifier", logistic ? "logistic" : "knn");
        eval_number(report, "settings", "draws", r->draws);
        eval_number(report, "settings", "seed", r->seed);
        if (!logistic) {
            eval_text(report, "features", "normalised", "l2");
            eval_number(report, "settings", "temperature", r->temperatures.values[0]);
        }
    }
    good = good && judge_amounts(s, labels, report, error);
    if (s) judge_close(&s->judge);
    free(labels);
    free(s);
    return good;
}

/* What says nothing to the other classifier. */
static bool check(const EvalRequest *r, int64_t train, int64_t test, VtError *error) {
    const Flag *own = r->frozen.own;
    (void)train, (void)test;
    bool logistic = r->classifier == CLASSIFIER_LOGISTIC;
    if (logistic && (own[EVAL_K].given || own[EVAL_TEMPERATURE].given))
        return vt_fail(error, 2, "--k and --temperature are for --classifier knn");
    if (!logistic && own[EVAL_DECAYS].given)
        return vt_fail(error, 2, "--decays says nothing to --classifier knn");
    if (r->temperatures.n > 1) return vt_fail(error, 2, "eval fewshot takes one --temperature");
    for (int i = 0; i < r->decays.n; i++)
        if (r->decays.values[i] <= 0)
            return vt_fail(error, 2, "--decays %g: of logistic regressions they are above 0",
                           r->decays.values[i]);
    return true;
}

const EvalProtocol EVAL_FEWSHOT = {.name = "fewshot",
                                   .title = "few-shot",
                                   .compiles = true,
                                   .classifies = true,
                                   .flags = EVAL_USES(SHOTS) | EVAL_USES(DRAWS) | EVAL_USES(CLASSIFIER) |
                                            EVAL_USES(DECAYS) | EVAL_USES(K) | EVAL_USES(TEMPERATURE) |
                                            EVAL_USES(SEED),
                                   .check = check,
                                   .judge = judge};
