/* Features of both splits: see encoded.h. */
#include "command/eval/cache.h"
#include "command/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const ENCODERS[N_ENCODERS] = {"trained", "untrained", "pixels"};

bool data_check(const EvalProtocol *protocol, const VtDataset *data, const char *path, const char *split,
                VtError *error) {
    return vt_dataset_labelled(data) > 0 ||
           vt_fail(error, 2, "'%s': none of its %lld %s images has a label: %s needs them", path,
                   (long long)vt_dataset_size(data), strcmp(split, "test") == 0 ? "test" : "training",
                   protocol->title);
}

bool classes_check(const EvalProtocol *protocol, int classes, VtError *error) {
    return !protocol->classifies || classes >= 2 ||
           vt_fail(error, 2, "a classifier needs two classes or more among the labels");
}

/* How many images of a split are judged. */
static int64_t taken(const EvalRequest *r, const VtDataset *data, const char *split) {
    int64_t all = vt_dataset_size(data), limit = request_limit(r, split);
    return limit > 0 && limit < all ? limit : all;
}

bool data_open(const EvalRequest *r, EvalData *out, VtError *error) {
    const Frozen *f = &r->frozen;
    out->train = frozen_data(f, "train", error);
    out->test = out->train ? frozen_data(f, "test", error) : NULL;
    if (!out->test || !data_check(r->protocol, out->train, f->data, "train", error) ||
        !data_check(r->protocol, out->test, f->data, "test", error))
        return false;
    int classes = vt_dataset_classes(out->train), others = vt_dataset_classes(out->test);
    if (!classes_check(r->protocol, classes > others ? classes : others, error)) return false;
    return !r->protocol->check ||
           r->protocol->check(r, taken(r, out->train, "train"), taken(r, out->test, "test"), error);
}

void data_close(EvalData *data) {
    vt_dataset_close(data->train);
    vt_dataset_close(data->test);
    *data = (EvalData){0};
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

static void tell(void *user, int64_t done, int64_t all) {
    progress_tell(user, done, all, NULL);
}

static bool encode(const EvalRequest *r, const VtDataset *data, Encoder encoder, const char *split,
                   VtFeatures *out, VtError *error) {
    const Frozen *f = &r->frozen;
    Progress progress = {.what = strcmp(split, "test") == 0 ? "features of test images"
                                                            : "features of training images"};
    FeatureCache cache;
    feature_cache_find(r, encoder, data, split, &cache);
    if (feature_cache_read(&cache, f->max_broken, out)) return true;
    VtEncode encode = {.instance = encoder == ENCODER_PIXELS ? NULL : f->instance,
                       .program = f->made->program,
                       .dataset = data,
                       .limit = request_limit(r, split),
                       .max_broken = f->max_broken,
                       .crops = f->crops,
                       .tell = tell,
                       .user = &progress};
    if (!vt_encode(&encode, out, error)) return false;
    feature_cache_write(&cache, out);
    return true;
}

bool encoded_make(EvalRequest *r, const EvalData *data, Encoder encoder, Encoded *out, VtError *error) {
    const Frozen *f = &r->frozen;
    out->encoder = encoder;
    out->parts = encoder == ENCODER_PIXELS ? 1 : readout_parts(&f->read);
    if (encoder == ENCODER_UNTRAINED) {
        vt_instance_initial_weights(f->instance, NULL);
        if (!vt_instance_init(f->instance, (uint64_t)f->made->program->train.seed, error)) return false;
    }
    return encode(r, data->train, encoder, "train", &out->train, error) &&
           encode(r, data->test, encoder, "test", &out->test, error);
}

void encoded_free(Encoded *encoded) {
    vt_features_free(&encoded->train);
    vt_features_free(&encoded->test);
}

static bool copy_part(const VtFeatures *all, int64_t part, int64_t parts, VtFeatures *out, VtError *error) {
    int64_t dim = all->dim / parts;
    *out = *all;
    out->dim = dim;
    out->values = malloc(sizeof *out->values * (size_t)(all->n * dim) + 64);
    out->labels = malloc(sizeof *out->labels * (size_t)all->n + 64);
    if (!out->values || !out->labels) {
        vt_features_free(out);
        return vt_fail(error, 1, "out of memory for the features of a layer");
    }
    for (int64_t i = 0; i < all->n; i++)
        memcpy(out->values + i * dim, all->values + i * all->dim + part * dim, sizeof(float) * (size_t)dim);
    memcpy(out->labels, all->labels, sizeof *out->labels * (size_t)all->n);
    return true;
}

bool encoded_part(Encoded *encoded, int part, Encoded *out, VtError *error) {
    *out = (Encoded){.encoder = encoded->encoder, .parts = encoded->parts};
    if (encoded->parts == 1) {
        *out = *encoded;
        encoded->train = encoded->test = (VtFeatures){0};
        return true;
    }
    return copy_part(&encoded->train, part, encoded->parts, &out->train, error) &&
           copy_part(&encoded->test, part, encoded->parts, &out->test, error);
}

/* ---- telling ----------------------------------------------------------------------------------------------------- */

static const char *expression_of(const EvalRequest *r) {
    const char *text = command->recipe_text ? command->recipe_text(r->frozen.made, "embed.features") : NULL;
    return text ? text : "features";
}

/* What the weights are; the end of the line for people. */
static void tell_weights(const EvalRequest *r, Encoder encoder, EvalReport *report) {
    const Frozen *f = &r->frozen;
    const VtProgram *p = f->made->program;
    eval_text(report, "weights", "recipe", p->name);
    if (encoder == ENCODER_UNTRAINED) {
        eval_number(report, "weights", "seed", (double)p->train.seed);
        printf("; initial values of seed %lld", (long long)p->train.seed);
    }
    for (int i = 0; encoder == ENCODER_TRAINED && i < f->weights.count; i++) {
        eval_text(report, "weights", i ? "and_file" : "file", f->weights.items[i].path);
        eval_text(report, "weights", i ? "and_hash" : "hash", f->weights.items[i].hash);
    }
    if (encoder != ENCODER_TRAINED || !f->checkpoint[0]) return;
    eval_text(report, "weights", "file", f->checkpoint);
    eval_text(report, "weights", "hash", f->hash);
    if (f->step < 0) return;
    eval_number(report, "weights", "step", f->step);
    printf("; checkpoint: step %.0f", f->step);
}

void split_tell(const VtFeatures *features, const char *split, EvalReport *report) {
    char name[64];
    int64_t labelled = 0;
    for (int64_t i = 0; i < features->n; i++) labelled += features->labels[i] >= 0;
    snprintf(name, sizeof name, "%s_images", split);
    eval_number(report, "data", name, (double)features->n);
    snprintf(name, sizeof name, "%s_unlabelled", split);
    eval_number(report, "data", name, (double)(features->n - labelled));
    snprintf(name, sizeof name, "%s_broken", split);
    eval_number(report, "data", name, (double)features->broken);
}

static void tell_features(const EvalRequest *r, const Encoded *encoded, const char *layer,
                          EvalReport *report) {
    const VtProgram *p = r->frozen.made->program;
    const Readout *read = &r->frozen.read;
    bool pixels = encoded->encoder == ENCODER_PIXELS;
    const char *expression = pixels ? "the view's pixels" : expression_of(r);
    int view;
    eval_text(report, "features", "expression", expression);
    eval_number(report, "features", "dim", (double)encoded->train.dim);
    if (!pixels && read->given) {
        eval_text(report, "features", "layer", layer);
        eval_text(report, "features", "readout", read->readout ? read->readout : "cls or mean");
        expression = read->readout ? read->readout : "cls, or mean without one";
    }
    printf("features%s: %s%s%s, %lld dimensions%s",
           encoded->encoder == ENCODER_UNTRAINED ? ", untrained" : "", pixels ? "" : layer,
           !pixels && layer[0] ? ", " : "", expression, (long long)encoded->train.dim,
           r->protocol->normalised ? ", L2-normalised" : "");
    eval_text(report, "features", "normalised", r->protocol->normalised ? "l2" : NULL);
    if (!vt_find_embed(p, &view, NULL)) return;
    int size = vt_embedder_size(p, pixels);
    eval_text(report, "features", "view", p->inputs[view].tensor.name);
    eval_number(report, "features", "size", size);
    printf("; view: %s, %d px", p->inputs[view].tensor.name, size);
    eval_number(report, "features", "crops", r->frozen.crops);
    if (r->frozen.crops > 1) printf(", the mean of %d crops", r->frozen.crops);
}

/* The images, and how the encoder saw them. */
static void tell_images(const EvalRequest *r, const Encoded *encoded, EvalReport *report) {
    const Frozen *f = &r->frozen;
    const char *precision = command->recipe_text ? command->recipe_text(f->made, "train.precision") : NULL,
               *target = f->made->target ? f->made->target : "native";
    int classes = vt_features_classes(&encoded->train, &encoded->test);
    char augment[2048] = "";
    int view;
    if (!precision && command->recipe_text) precision = "fp32"; /* of a built program it is not known */
    if (vt_find_embed(f->made->program, &view, NULL))
        vt_pipeline_describe(&f->made->program->pipelines[f->made->program->inputs[view].index], augment,
                             sizeof augment);
    eval_text(report, "features", "augment", augment);
    eval_text(report, "data", "path", f->data);
    eval_number(report, "data", "classes", classes);
    if (r->limits.n > 1)
        eval_numbers(report, "data", "limit", r->limits.values, r->limits.n);
    else if (r->limits.n)
        eval_number(report, "data", "limit", r->limits.values[0]);
    split_tell(&encoded->train, "train", report);
    split_tell(&encoded->test, "test", report);
    printf("images: %lld to train on, %lld to test on, %d classes, of %s; view: %s",
           (long long)encoded->train.n, (long long)encoded->test.n, classes, f->data,
           augment[0] ? augment : "as it is");
    if (encoded->encoder != ENCODER_PIXELS) {
        eval_text(report, "features", "precision", precision);
        eval_text(report, "features", "target", target);
        printf("; %s%s%s", precision ? precision : "", precision ? ", " : "", target);
    }
    putchar('\n');
}

void encoded_tell(const EvalRequest *r, const Encoded *encoded, int part, EvalReport *report) {
    const Frozen *f = &r->frozen;
    char layer[1024], title[1100];
    readout_layer_text(&f->read, part, layer, sizeof layer);
    snprintf(title, sizeof title, "%s%s%s", ENCODERS[encoded->encoder],
             layer[0] && encoded->encoder != ENCODER_PIXELS ? ", " : "",
             encoded->encoder != ENCODER_PIXELS ? layer : "");
    eval_begin(report, r->protocol->name, ENCODERS[encoded->encoder], title);
    tell_features(r, encoded, layer, report);
    tell_weights(r, encoded->encoder, report);
    putchar('\n');
    tell_images(r, encoded, report);
}
