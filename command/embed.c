/* embed: the features of images, a row each, in a file: .npy or safetensors. */
#include "command/embed_file.h"
#include "command/frozen.h"
#include "command/progress.h"
#include "runtime/images/npy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { OUT, NAMES, LABELS, SPLIT, NORMALIZE, SKIP_BROKEN, N_FLAGS };
static const FlagRow FLAGS[N_FLAGS] = {
    [OUT] = {"out", FLAG_VALUE, "FILE.npy|FILE.safetensors", COMPLETE_FILE,
             "where the features go, a row an image"},
    [NAMES] = {"names", FLAG_VALUE, "FILE", COMPLETE_FILE, "also write the names of the images, a line each"},
    [LABELS] = {"labels", FLAG_VALUE, "FILE.npy", COMPLETE_FILE,
                "also write their labels, i32[n]; -1: none (a FILE.safetensors has them)"},
    [SPLIT] = {"split", FLAG_VALUE, "train|test", COMPLETE_EXAMPLES,
               "embed this split alone; all images unless given"},
    [NORMALIZE] = {"normalize", FLAG_BARE, NULL, COMPLETE_NONE, "scale each row to length 1"},
    [SKIP_BROKEN] = {"skip-broken", FLAG_BARE, NULL, COMPLETE_NONE,
                     "leave out images that cannot be decoded, whose rows are NaN otherwise"}};
const FlagTable EMBED_FLAGS = {FLAGS, N_FLAGS, "what is written"};

typedef struct {
    Frozen frozen;
    VtDataset *data;
    VtEmbedder *embedder;
    EmbedFile *file;
    VtReplacement *names;  /* NULL: not asked for */
    VtReplacement *labels; /* the same, and how many it has */
    int64_t n_labels;
    Progress progress;
    char read[1100]; /* layers and readout, as the file tells them */
} Embed;

/* To length 1; what is 0 stays. */
static void normalize(float *row, int64_t dim) {
    double sum = 0;
    for (int64_t d = 0; d < dim; d++) sum += (double)row[d] * row[d];
    double scale = sum > 0 ? 1 / sqrt(sum) : 0;
    for (int64_t d = 0; d < dim; d++) row[d] = (float)(row[d] * scale);
}

static void put_name(Embed *e, int64_t image) {
    char name[4096 + 2];
    vt_show_name(vt_dataset_name(e->data, image), name, sizeof name - 1);
    strcat(name, "\n");
    vt_replace_write(e->names, name, strlen(name));
}

static void put_label(Embed *e, int32_t label) {
    vt_replace_write(e->labels, &label, sizeof label);
    e->n_labels++;
}

/* A header has the same length whatever it says. */
static void put_labels_header(Embed *e, int64_t n, bool again) {
    char header[NPY_HEADER];
    npy_write_header(header, "<i4", &n, 1);
    if (again)
        vt_replace_write_at(e->labels, header, sizeof header, 0);
    else
        vt_replace_write(e->labels, header, sizeof header);
}

/* The rows of a batch; a broken image has one of NaN, or none. */
static void put_batch(Embed *e, const VtEmbedded *batch, float *row) {
    const Flag *flags = e->frozen.own;
    int64_t dim = vt_embedder_dim(e->embedder);
    for (int64_t i = 0; i < batch->count; i++) {
        int64_t image = batch->first + i;
        if (!batch->good[i] && flags[SKIP_BROKEN].given) continue;
        for (int64_t d = 0; d < dim; d++) row[d] = batch->good[i] ? batch->rows[i * dim + d] : NAN;
        if (flags[NORMALIZE].given && batch->good[i]) normalize(row, dim);
        embed_file_put(e->file, row, vt_dataset_label(e->data, image), vt_dataset_name(e->data, image));
        if (e->labels) put_label(e, vt_dataset_label(e->data, image));
        if (e->names) put_name(e, image);
    }
}

static bool embed_all(Embed *e, VtError *error) {
    int64_t all = vt_dataset_size(e->data);
    float *row = malloc(sizeof *row * (size_t)vt_embedder_dim(e->embedder) + 64);
    VtEmbedded batch = {.count = 1};
    bool good = row || vt_fail(error, 1, "out of memory");
    while (good && batch.count > 0) {
        good = vt_embedder_next(e->embedder, &batch, error);
        if (good) put_batch(e, &batch, row);
        if (good && batch.count) progress_tell(&e->progress, batch.first + batch.count, all, NULL);
    }
    free(row);
    VtError first;
    if (good && vt_embedder_broken(e->embedder, &first) == all)
        good = vt_fail(error, 1, "no image of '%s' can be embedded; the first: %s", e->frozen.data,
                       first.message);
    return good && vt_embedder_finite(e->embedder, error);
}

/* What is written is opened before hours of work. */
static bool open_all(Embed *e, VtError *error) {
    const Flag *flags = e->frozen.own;
    Frozen *f = &e->frozen;
    e->data = frozen_data(f, flags[SPLIT].value, error);
    if (!e->data) return false;
    int64_t n = vt_dataset_size(e->data);
    e->embedder = vt_embedder_new(f->instance, f->made->program, e->data, NULL, n, f->max_broken, error);
    if (!e->embedder || !vt_embedder_crops(e->embedder, f->crops, error)) return false;
    char layers[1024];
    readout_layer_text(&f->read, -1, layers, sizeof layers);
    snprintf(e->read, sizeof e->read, "%s%s%s", layers, f->read.readout ? ", " : "",
             f->read.readout ? f->read.readout : "");
    EmbedAbout about = {.program = f->made->program,
                        .data = e->data,
                        .path = f->data,
                        .split = flags[SPLIT].value,
                        .normalized = flags[NORMALIZE].given,
                        .expression =
                            command->recipe_text ? command->recipe_text(f->made, "embed.features") : NULL,
                        .read = e->read,
                        .crops = f->crops,
                        .step = f->step};
    e->file = embed_file_begin(flags[OUT].value, n, vt_embedder_dim(e->embedder), &about, error);
    if (!e->file) return false;
    if (flags[NAMES].given && !(e->names = vt_replace_begin(flags[NAMES].value, 0666, error))) return false;
    if (!flags[LABELS].given) return true;
    if (!(e->labels = vt_replace_begin(flags[LABELS].value, 0666, error))) return false;
    put_labels_header(e, n, false);
    return true;
}

/* All files, or none: the features come last. */
static bool end_all(Embed *e, int64_t *rows, VtError *error) {
    EmbedFile *file = e->file;
    if (e->labels) put_labels_header(e, e->n_labels, true);
    VtReplacement **const beside[] = {&e->names, &e->labels};
    for (int i = 0; i < 2; i++) {
        VtReplacement *ended = *beside[i];
        *beside[i] = NULL;
        if (ended && !vt_replace_end(ended, error)) return false;
    }
    e->file = NULL;
    return embed_file_end(file, rows, error);
}

static void tell_done(const Embed *e, int64_t rows, int64_t dim) {
    const Flag *flags = e->frozen.own;
    VtError first;
    int64_t broken = vt_embedder_broken(e->embedder, &first);
    char name[4096];
    printf("%s: %lld rows of %lld features%s\n", vt_show_name(flags[OUT].value, name, sizeof name),
           (long long)rows, (long long)dim, flags[NORMALIZE].given ? ", of length 1" : "");
    if (broken)
        fprintf(stderr, "%s: %lld broken image%s %s, the first: %s\n", command->name, (long long)broken,
                broken == 1 ? "" : "s",
                flags[SKIP_BROKEN].given ? "left out"
                : broken == 1            ? "has a row of NaN"
                                         : "have rows of NaN",
                vt_show_text(first.message, name, sizeof name));
}

static int embed(Embed *e) {
    VtError error = {0};
    int64_t rows;
    vt_stop_listen();
    bool good = open_all(e, &error) && embed_all(e, &error) && end_all(e, &rows, &error);
    if (good) tell_done(e, rows, vt_embedder_dim(e->embedder));
    embed_file_drop(e->file);
    vt_replace_drop(e->names);
    vt_replace_drop(e->labels);
    vt_embedder_free(e->embedder);
    vt_dataset_close(e->data);
    vt_stop_unlisten();
    if (error.stopped) return vt_stop_end(vt_stop_signal());
    return good ? 0 : fail(error.code, "%s", error.message);
}

/* What can be refused before the program is made. */
static bool check_flags(const Flag *flags) {
    VtError error;
    if (!embed_file_kind(flags[OUT].value))
        return fail(2, "--out %s: a file .npy or .safetensors was expected", flags[OUT].value) < 0;
    static const int files[] = {OUT, NAMES, LABELS};
    for (int i = 0; i < 3; i++) {
        const Flag *flag = &flags[files[i]];
        if (flag->given && !vt_output_check(flag->value, &error))
            return fail(error.code, "%s", error.message) < 0;
        for (int k = 0; flag->given && k < i; k++)
            if (flags[files[k]].given && strcmp(flag->value, flags[files[k]].value) == 0)
                return fail(2, "--%s and --%s are the same file", flag->row->name,
                            flags[files[k]].row->name) < 0;
    }
    const Flag *labels = &flags[LABELS];
    size_t n = labels->given ? strlen(labels->value) : 0;
    return !labels->given || (n > 4 && strcmp(labels->value + n - 4, ".npy") == 0) ||
           fail(2, "--labels %s: a file .npy was expected", labels->value) < 0;
}

static bool same_file(const char *a, const char *b) {
    struct stat left, right;
    return a && b && stat(a, &left) == 0 && stat(b, &right) == 0 && left.st_dev == right.st_dev &&
           left.st_ino == right.st_ino;
}

/* Whether it would write over what it reads, or another file of the run; told. */
static bool check_inputs(const Frozen *f, const char *run, const char *out) {
    static const char *const files[] = {"checkpoint.safetensors",
                                        "checkpoint.previous.safetensors",
                                        "recipe.yaml",
                                        "run.json",
                                        "metrics.jsonl",
                                        "eval.json",
                                        "lock"};
    bool taken = same_file(out, f->flags[FROZEN_DATA].value) || same_file(out, f->init.path);
    for (size_t i = 0; run && i < sizeof files / sizeof *files; i++) {
        char path[4096];
        taken = taken || (snprintf(path, sizeof path, "%s/%s", run, files[i]) < (int)sizeof path &&
                          same_file(out, path));
    }
    return !taken ||
           fail(2, "'%s' is the data, or a file of the run: features would take its place", out) < 0;
}

int verb_embed(int argc, char **argv) {
    Embed e = {.progress = {.what = "images"}};
    Frozen *f = &e.frozen;
    int code;
    if (!frozen_arguments(f, argc, argv, N_FLAGS)) return 2;
    int words = f->args.n_words;
    bool enough = words == 1 || (words == 0 && !command->compiles && f->init.path);
    if (!enough || !f->flags[FROZEN_DATA].given || !f->own[OUT].given)
        return fail(2, "%s embed RUN --data PATH --out FILE.npy|FILE.safetensors", command->name);
    const char *run = words ? f->args.words[0] : NULL;
    if (!check_flags(f->own) || !check_inputs(f, run, f->own[OUT].value) ||
        (f->own[NAMES].given && !check_inputs(f, run, f->own[NAMES].value)) ||
        (f->own[LABELS].given && !check_inputs(f, run, f->own[LABELS].value)))
        return 2;
    if (frozen_open(f, run, &code)) code = embed(&e);
    frozen_close(f);
    return code;
}
