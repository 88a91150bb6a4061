/* eval linear: linear classifiers on frozen features, for a grid of rates and decays at once. */
#include "command/eval.h"
#include "runtime/base/clock.h"
#include "runtime/evaluation/probe.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_VALUES = 32, BATCH = 256 };

/* Numbers with commas between, as a flag gives them. */
typedef struct {
    double values[MOST_VALUES];
    int n;
} Numbers;

/* What is tried unless the flags say other. */
static const char RATES[] = "0.001,0.003,0.01,0.03,0.1,0.3,1", DECAYS[] = "0";

static bool read_numbers(const Flag *flag, const char *usual, bool above_zero, Numbers *out) {
    char text[1024], *rest = text;
    snprintf(text, sizeof text, "%s", flag->given ? flag->value : usual);
    out->n = 0;
    for (char *word; (word = strtok_r(rest, ",", &rest));) {
        double x;
        if (out->n == MOST_VALUES || !read_decimal(word, &x) || x < 0 || (above_zero && x == 0))
            return fail(2, "--%s %s: numbers %s were expected, at most %d, with commas between",
                        flag->row->name, flag->value, above_zero ? "above 0" : "from 0", MOST_VALUES) < 0;
        out->values[out->n++] = x;
    }
    return out->n > 0 || fail(2, "--%s: there is no number", flag->row->name) < 0;
}

/* "KEY=[1,2]" */
static void list_override(const char *key, const Numbers *numbers, char *out, size_t size) {
    size_t used = (size_t)snprintf(out, size, "%s=[", key);
    for (int i = 0; i < numbers->n && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%.9g", i ? "," : "", numbers->values[i]);
    if (used < size) snprintf(out + used, size - used, "]");
}

typedef struct {
    const Frozen *frozen;
    Numbers rates, decays;
    int classes;
    double told; /* when progress was told last */
} Linear;

static void tell(void *user, int64_t step, int64_t total, double loss) {
    Linear *l = user;
    double now = vt_now();
    if (!vt_terminal(stderr).terminal || (now - l->told < 1 && step < total)) return;
    l->told = now;
    fprintf(stderr, "\rclassifiers: step %lld of %lld, mean loss %.4f%s", (long long)step, (long long)total,
            loss / (l->rates.n * l->decays.n), step == total ? "\n" : " ");
}

/* The program of the classifiers. NULL after telling. */
static Made *make_classifiers(const Linear *l, int64_t width) {
    static char overrides[6][1024];
    const Frozen *f = l->frozen;
    Arguments args = {.n_words = 0};
    char path[4096];
    if (!command->find_recipe("eval/linear", path, sizeof path)) {
        fail(1, "there is no recipe eval/linear in vitc's models");
        return NULL;
    }
    snprintf(overrides[0], sizeof overrides[0], "width=%lld", (long long)width);
    snprintf(overrides[1], sizeof overrides[1], "classes=%d", l->classes);
    list_override("rates", &l->rates, overrides[2], sizeof overrides[2]);
    list_override("decays", &l->decays, overrides[3], sizeof overrides[3]);
    snprintf(overrides[4], sizeof overrides[4], "form=%s",
             flag_choice(&f->own[EVAL_FORM]) ? "normed" : "plain");
    snprintf(overrides[5], sizeof overrides[5], "epochs=%s",
             f->own[EVAL_EPOCHS].given ? f->own[EVAL_EPOCHS].value : "100");
    for (int i = 0; i < 6; i++) args.overrides[args.n_overrides++] = overrides[i];
    return command->make(&(MakeRequest){.recipe = path,
                                        .args = &args,
                                        .flags = f->flags + N_FROZEN_FLAGS,
                                        .target = f->flags[FROZEN_TARGET].value,
                                        .target_given = true});
}

static void print_results(const Linear *l, const VtProbeResult *results, int n) {
    int best = 0;
    for (int i = 0; i < n; i++) {
        double rate = l->rates.values[i / l->decays.n], decay = l->decays.values[i % l->decays.n];
        printf("rate %g, decay %g: top-1 %.2f %%, top-5 %.2f %%\n", rate, decay, results[i].top1,
               results[i].top5);
        if (results[i].top1 > results[best].top1) best = i;
    }
    printf(
        "linear: top-1 %.2f %%, top-5 %.2f %% (the best of %d on the %lld test images: rate %g, decay %g)\n",
        results[best].top1, results[best].top5, n, (long long)results[best].images,
        l->rates.values[best / l->decays.n], l->decays.values[best % l->decays.n]);
}

static bool classify(Linear *l, const VtFeatures *train, const VtFeatures *test, VtError *error) {
    Made *made = make_classifiers(l, train->dim);
    if (!made) return false;
    VtInstance *instance = vt_instance_new(made->program, error);
    VtProbe probe = {.instance = instance,
                     .program = made->program,
                     .classes = l->classes,
                     .epochs = made->program->train.epochs,
                     .seed = (uint64_t)made->program->train.seed,
                     .tell = tell,
                     .user = l};
    VtProbeResult results[MOST_VALUES * MOST_VALUES];
    bool good = instance && vt_instance_init(instance, probe.seed, error) &&
                vt_probe_train(&probe, train, error) && vt_probe_judge(&probe, test, results, error);
    if (good) print_results(l, results, vt_probe_count(&probe, error));
    vt_instance_free(instance);
    command->unmake(made);
    return good;
}

static int classes_of(const VtFeatures *a, const VtFeatures *b) {
    int most = 0;
    for (int64_t i = 0; i < a->n; i++) most = a->labels[i] >= most ? a->labels[i] + 1 : most;
    for (int64_t i = 0; i < b->n; i++) most = b->labels[i] >= most ? b->labels[i] + 1 : most;
    return most;
}

bool eval_linear(const Frozen *f, const VtFeatures *train, const VtFeatures *test, VtError *error) {
    Linear l = {.frozen = f, .classes = classes_of(train, test)};
    if (!read_numbers(&f->own[EVAL_RATES], RATES, true, &l.rates) ||
        !read_numbers(&f->own[EVAL_DECAYS], DECAYS, false, &l.decays))
        return false;
    if (l.classes < 2) return vt_fail(error, 2, "a classifier needs two classes or more among the labels");
    return classify(&l, train, test, error);
}
