/* eval finetune: the encoder is trained with labels, by the recipe models/eval/finetune.yaml in a run of its own, which
 * goes on when it is asked for again; its logits are judged in the end.
 *
 * Of that recipe this file knows the knobs `encoder`, `classes`, `epochs` and `layer_decay`, and the networks
 * `backbone` and `classifier`. */
#include "command/eval/encoded.h"
#include "command/eval/protocol.h"
#include "command/progress.h"
#include "command/train.h"
#include "runtime/evaluation/probe.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- what is trained --------------------------------------------------------------------------------------------- */

enum { MOST_TEXTS = 12, TEXT = 4352 };

typedef struct {
    EvalRequest *request;
    const char *run; /* that is judged; NULL: a recipe */
    int classes;
    char weights[4096];  /* that it begins with */
    char (*texts)[TEXT]; /* settings of the recipe */
    int n;
} Finetune;

/* A setting that one of the user's, which come later, may change. */
static void set(Finetune *f, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(f->texts[f->n++], TEXT, format, arguments);
    va_end(arguments);
}

/* A file of the command line, which the recipe would look for beside itself. False after telling. */
static bool set_path(Finetune *f, const char *key, const char *path, const char *flag) {
    char absolute[4096];
    if (!absolute_path(path, flag, absolute, sizeof absolute)) return false;
    set(f, "%s='%s'", key, absolute);
    return true;
}

/* Whose encoder it is, and what it begins with. False after telling. */
static bool set_encoder(Finetune *f, Encoder encoder) {
    const EvalRequest *r = f->request;
    const InitFlags *init = &r->frozen.init;
    bool trained = encoder == ENCODER_TRAINED;
    char path[4096];
    if (f->run)
        snprintf(path, sizeof path, "%s%s", f->run, trained && !init->path ? "" : "/recipe.yaml");
    else
        command->find_recipe(r->word, path, sizeof path); /* there is one */
    if (!set_path(f, "encoder", path, "RECIPE")) return false;
    if (!trained) return true;
    bool previous = !init->path && r->frozen.flags[FROZEN_PREVIOUS].given;
    if (init->path)
        snprintf(f->weights, sizeof f->weights, "%s", init->path);
    else
        snprintf(f->weights, sizeof f->weights, "%s/checkpoint%s.safetensors", f->run,
                 previous ? ".previous" : "");
    if (previous) return set_path(f, "networks.backbone.from", f->weights, "previous");
    if (!init->path) return true;
    if (init->only) set(f, "networks.backbone.only=[%s]", init->only);
    return set_path(f, "networks.backbone.from", init->path, "init") &&
           (!init->rename || set_path(f, "networks.backbone.rename", init->rename, "rename"));
}

static bool set_all(Finetune *f, Encoder encoder) {
    const EvalRequest *r = f->request;
    f->n = 0;
    set(f, "classes=%d", f->classes);
    if (r->frozen.own[EVAL_EPOCHS].given) set(f, "epochs=%.9g", r->epochs);
    if (r->frozen.own[EVAL_LAYER_DECAY].given) set(f, "layer_decay=%.9g", r->layer_decay);
    if (r->frozen.own[EVAL_BATCH].given) set(f, "batch=%.0f", r->batch);
    if (r->frozen.own[EVAL_SEED].given) set(f, "train.seed=%.0f", r->seed);
    if (r->labels) set(f, "train.labels=%s", r->labels);
    if (r->frozen.read.given) {
        char setting[1024];
        readout_setting(&r->frozen.read, false, setting, sizeof setting);
        set(f, "networks.backbone.use=%s", READOUT_LIBRARY);
        set(f, "networks.backbone.set.%s", setting);
    }
    return set_encoder(f, encoder);
}

/* The exit code. */
static int train(Finetune *f, Encoder encoder, const char *out) {
    const Frozen *frozen = &f->request->frozen;
    char recipe[4096];
    TrainAsked asked = {.recipe = recipe,
                        .out = out,
                        .args = frozen->args,
                        .threads = frozen->flags[FROZEN_THREADS],
                        .max_broken = frozen->flags[FROZEN_MAX_BROKEN],
                        .target = frozen->flags[FROZEN_TARGET],
                        .made = frozen->flags + N_FROZEN_FLAGS};
    if (!command->find_recipe("eval/finetune", recipe, sizeof recipe))
        return fail(1, "there is no recipe eval/finetune in vitc's models");
    if (!set_all(f, encoder)) return 2;
    int room = (int)(sizeof asked.args.overrides / sizeof *asked.args.overrides);
    if (frozen->args.n_overrides + f->n > room) return fail(2, "too many settings");
    asked.args.n_overrides = 0;
    for (int i = 0; i < f->n; i++) asked.args.overrides[asked.args.n_overrides++] = f->texts[i];
    for (int i = 0; i < frozen->args.n_overrides; i++)
        asked.args.overrides[asked.args.n_overrides++] = frozen->args.overrides[i];
    return train_recipe(&asked);
}

/* ---- what it has learned ----------------------------------------------------------------------------------------- */

typedef struct {
    int64_t images;
    double top1, top5;
} Scores;

static Scores score(const VtFeatures *logits) {
    enum { TOP = 5 };
    Scores scores = {0};
    for (int64_t i = 0; i < logits->n; i++) {
        int32_t label = logits->labels[i];
        if (label < 0 || label >= logits->dim) continue;
        int64_t rank = vt_rank_of_truth(logits->values + i * logits->dim, logits->dim, label);
        scores.images++;
        scores.top1 += rank == 0;
        scores.top5 += rank < TOP;
    }
    scores.top1 *= 100.0 / (double)scores.images;
    scores.top5 *= 100.0 / (double)scores.images;
    return scores;
}

static void tell(void *user, int64_t done, int64_t all) {
    progress_tell(user, done, all, NULL);
}

/* What the numbers depend on. */
static void tell_features(const Frozen *f, EvalReport *report) {
    const VtProgram *p = f->made->program;
    const char *precision = command->recipe_text(f->made, "train.precision");
    int view;
    const char *readout = command->recipe_text(f->made, "encoders.backbone.embed.readout");
    eval_text(report, "features", "expression",
              readout ? readout : command->recipe_text(f->made, "encoders.backbone.embed.features"));
    for (int i = 0; i < p->n_states; i++)
        if (strcmp(p->states[i].tensor.name, "classifier.head.weight") == 0)
            eval_number(report, "features", "dim", (double)p->states[i].tensor.dim[1]);
    eval_text(report, "features", "normalised", NULL);
    if (vt_find_embed(p, &view, NULL)) {
        eval_text(report, "features", "view", command->recipe_text(f->made, "encoders.backbone.embed.view"));
        eval_number(report, "features", "size", vt_embedder_size(p, false));
    }
    eval_text(report, "features", "precision", precision ? precision : "fp32");
    eval_text(report, "features", "target", f->made->target ? f->made->target : "native");
}

static void tell_weights(const Frozen *f, Encoder encoder, EvalReport *report) {
    const VtProgram *p = f->made->program;
    eval_text(report, "weights", "recipe", command->recipe_text(f->made, "encoders.backbone.recipe"));
    if (encoder == ENCODER_UNTRAINED) eval_number(report, "weights", "seed", (double)p->train.seed);
    if (encoder == ENCODER_UNTRAINED || !p->n_weights) return;
    eval_text(report, "weights", "file", p->weights[0].path);
    if (p->weights[0].hash) eval_text(report, "weights", "hash", p->weights[0].hash);
}

/* All knobs of the recipe but which encoder it is, and what is set beside them. */
static void tell_settings(const Frozen *f, EvalReport *report) {
    const VtProgram *p = f->made->program;
    char path[256];
    const char *knob, *value;
    for (size_t i = 0; (knob = command->recipe_key(f->made, "knobs", i)); i++) {
        double number;
        snprintf(path, sizeof path, "knobs.%s.default", knob);
        if (strcmp(knob, "encoder") == 0 || !(value = command->recipe_text(f->made, path))) continue;
        if (read_decimal(value, &number))
            eval_number(report, "settings", knob, number);
        else
            eval_text(report, "settings", knob, value);
    }
    eval_number(report, "settings", "seed", (double)p->train.seed);
    eval_number(report, "settings", "labels", p->train.labels > 0 ? p->train.labels : 1);
    if (f->step >= 0) eval_number(report, "settings", "steps", f->step);
}

static void tell_data(const Finetune *f, const Frozen *frozen, const char *out, const VtFeatures *logits,
                      EvalReport *report) {
    char path[4200];
    VtRunSettings *saved = calloc(1, sizeof *saved);
    VtError error = {0};
    snprintf(path, sizeof path, "%s/run.json", out);
    int64_t images = 0;
    if (saved && vt_run_settings_read(path, saved, &error) && saved->n_data) images = saved->data[0].images;
    free(saved);
    eval_text(report, "data", "path", frozen->data);
    eval_number(report, "data", "classes", f->classes);
    eval_number(report, "data", "train_images", (double)images);
    split_tell(logits, "test", report);
}

static bool judge(const Finetune *f, Frozen *frozen, Encoder encoder, const char *out, EvalReport *report,
                  VtError *error) {
    Progress progress = {.what = "logits of test images"};
    VtFeatures logits = {0};
    VtDataset *test = frozen_data(frozen, "test", error);
    VtEncode encode = {.instance = frozen->instance,
                       .program = frozen->made->program,
                       .dataset = test,
                       .max_broken = frozen->max_broken,
                       .tell = tell,
                       .user = &progress};
    bool good = test && vt_encode(&encode, &logits, error);
    Scores scores = {0};
    if (good) scores = score(&logits);
    if (good && !scores.images)
        good = vt_fail(error, 2, "no test image has a label of the %d classes", f->classes);
    if (good) {
        char note[256];
        eval_begin(report, "finetune", ENCODERS[encoder], ENCODERS[encoder]);
        tell_features(frozen, report);
        tell_weights(frozen, encoder, report);
        tell_data(f, frozen, out, &logits, report);
        tell_settings(frozen, report);
        snprintf(note, sizeof note, " (%lld test images%s)", (long long)scores.images,
                 encoder == ENCODER_UNTRAINED ? "; from initial values" : "");
        eval_headline(report, "finetune", note,
                      (EvalNumber[]){{"top1", scores.top1}, {"top5", scores.top5}, {NULL, 0}});
    }
    vt_features_free(&logits);
    vt_dataset_close(test);
    return good;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

/* Weights that have changed since would be judged by what was trained from those before. */
static bool check_begin(const Finetune *f, const Frozen *frozen, const char *out, VtError *error) {
    const VtProgram *p = frozen->made->program;
    char hash[VT_HASH_TEXT];
    const char *began = p->n_weights ? p->weights[0].hash : NULL;
    if (!began || !vt_file_hash(f->weights, hash, error)) {
        error->message[0] = '\0'; /* the file is gone, and not needed */
        return true;
    }
    return strcmp(began, hash) == 0 ||
           vt_fail(error, 2, "'%s' began with other weights than '%s' has now: --out DIR trains another run",
                   out, f->weights);
}

/* Trains in `out`, or goes on there, and judges what came of it. The exit code. */
static int train_and_judge(Finetune *f, Encoder encoder, const char *out, EvalReport *report) {
    const Frozen *asked = &f->request->frozen;
    VtError error = {0};
    Frozen *frozen = calloc(1, sizeof *frozen);
    if (!frozen) return fail(1, "out of memory");
    int code = train(f, encoder, out);
    bool trained = code == 0;
    if (trained) {
        memcpy(frozen->flags, asked->flags, sizeof frozen->flags);
        frozen->flags[FROZEN_PREVIOUS].given = false;
        frozen->max_broken = asked->max_broken;
        memcpy(frozen->args.values, asked->args.values, sizeof frozen->args.values);
        frozen->args.n_values = asked->args.n_values;
        trained = frozen_open(frozen, out, &code);
    }
    if (trained) {
        bool good = check_begin(f, frozen, out, &error) && judge(f, frozen, encoder, out, report, &error);
        code = good ? 0 : error.code;
        if (!good && error.message[0]) fail(code, "%s", error.message);
    }
    frozen_close(frozen);
    free(frozen);
    return code;
}

/* What both splits are is looked at before hours of training. */
static bool look_at_data(Finetune *f, VtError *error) {
    const Arguments *args = &f->request->frozen.args;
    if (args->n_values > 1) return vt_fail(error, 2, "one data set is wanted: --data PATH once");
    static const char *const splits[] = {"train", "test"};
    bool good = true;
    for (int i = 0; good && i < 2; i++) {
        VtDataset *set = vt_dataset_open(args->values[0], splits[i], error);
        good = set != NULL;
        good = good && data_check(&EVAL_FINETUNE, set, args->values[0], splits[i], error);
        if (good && vt_dataset_classes(set) > f->classes) f->classes = vt_dataset_classes(set);
        vt_dataset_close(set);
    }
    return good && classes_check(&EVAL_FINETUNE, f->classes, error);
}

static bool find_out(const Finetune *f, char out[4096]) {
    const EvalRequest *r = f->request;
    char recipe[4096];
    if (!f->run && !command->find_recipe(r->word, recipe, sizeof recipe))
        return fail(2, "'%s' is no run, and no recipe", r->word) < 0;
    if (!f->run && !r->frozen.init.path)
        return fail(2, "a recipe alone has no weights that could be used: --init FILE.safetensors, or the "
                       "folder of a run") < 0;
    if (!f->run && !r->out)
        return fail(2, "eval finetune RECIPE wants --out DIR: it trains a run of its own") < 0;
    snprintf(out, 4096, "%s%s", r->out ? r->out : f->run, r->out ? "" : "/finetune");
    return true;
}

static int finetune(Finetune *f, EvalReport *report) {
    const EvalRequest *r = f->request;
    char out[4096], untrained[4200], json[4096];
    VtError error = {.code = 2};
    if (!find_out(f, out)) return 2;
    if (!eval_report_find(r->json, f->run ? f->run : out, json, &error) || !look_at_data(f, &error))
        return fail(error.code, "%s", error.message);
    snprintf(untrained, sizeof untrained, "%s-untrained", out);
    int code = train_and_judge(f, ENCODER_TRAINED, out, report);
    if (!code && r->baselines) code = train_and_judge(f, ENCODER_UNTRAINED, untrained, report);
    if (code) return code;
    eval_report_summary(report);
    if (json[0] && !eval_report_write(report, json, &error)) return fail(error.code, "%s", error.message);
    if (json[0]) printf("(%s has them too)\n", json);
    return fflush(stdout) == 0 ? 0 : fail(1, "cannot write the results: %s", strerror(errno));
}

static int run(EvalRequest *request) {
    struct stat status;
    bool folder = stat(request->word, &status) == 0 && S_ISDIR(status.st_mode);
    Finetune f = {
        .request = request, .run = folder ? request->word : NULL, .texts = calloc(MOST_TEXTS, TEXT)};
    EvalReport *report = eval_report_new();
    int code = report && f.texts ? finetune(&f, report) : fail(1, "out of memory");
    eval_report_free(report);
    free(f.texts);
    return code;
}

const EvalProtocol EVAL_FINETUNE = {.name = "finetune",
                                    .title = "finetune",
                                    .compiles = true,
                                    .classifies = true,
                                    .flags = EVAL_USES(EPOCHS) | EVAL_USES(BATCH) | EVAL_USES(SEED) |
                                             EVAL_USES(OUT) | EVAL_USES(LABELS) | EVAL_USES(LAYER_DECAY) |
                                             EVAL_USES(BASELINES) | EVAL_USES(JSON),
                                    .run = run};
