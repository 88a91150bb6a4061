/* A frozen encoder: see frozen.h. */
#include "command/frozen.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const FlagRow FLAGS[N_FROZEN_FLAGS] = {
    [FROZEN_DATA] = {"data", FLAG_LIST, "PATH", COMPLETE_DATA,
                     "the data set: a folder, an archive, or synthetic[:N]"},
    [FROZEN_LAYER] = {"layer", FLAG_VALUE, "A,B,…", COMPLETE_NONE,
                      "features of these layers, from 0, or below 0 from the end"},
    [FROZEN_LAST] = {"last", FLAG_VALUE, "N", COMPLETE_NONE, "features of the last N layers side by side"},
    [FROZEN_READOUT] = {"readout", FLAG_VALUE, "cls|mean|cls+mean|pooled", COMPLETE_WORDS,
                        "of their tokens: the class token, the mean of patches, both, or of each quarter"},
    [FROZEN_CROPS] = {"crops", FLAG_VALUE, "1|5|10", COMPLETE_WORDS,
                      "the mean over crops of each image: corners and centre (5), mirrored ones too (10)"},
    [FROZEN_PREVIOUS] = {"previous", FLAG_BARE, NULL, COMPLETE_NONE,
                         "take the checkpoint before the last one"},
    [FROZEN_INIT] = {"init", FLAG_VALUE, "FILE.safetensors", COMPLETE_FILE, "take weights from this file"},
    [FROZEN_RENAME] = {"rename", FLAG_VALUE, "NAMES.yaml", COMPLETE_FILE,
                       "rules by which the file of --init calls tensors"},
    [FROZEN_ONLY] =
        {"only", FLAG_VALUE, "PATTERNS", COMPLETE_NONE,
         "take only these tensors from the file of --init, with commas between: encoder.*,head.*"},
    [FROZEN_THREADS] = {"threads", FLAG_VALUE, "N", COMPLETE_NONE,
                        "use N threads; all processors unless given"},
    [FROZEN_MAX_BROKEN] = {"max-broken", FLAG_VALUE, "N", COMPLETE_NONE,
                           "end after more than N images that cannot be decoded (100)"},
    [FROZEN_TARGET] = {"target", FLAG_VALUE, "NAME", COMPLETE_TARGET,
                       "processors to compile for; `list` tells which there are"},
    [FROZEN_FORCE] = {"force", FLAG_BARE, NULL, COMPLETE_NONE,
                      "take the checkpoint of a run with another recipe all the same"}};
const FlagTable FROZEN_FLAGS = {FLAGS, FROZEN_FORCE, "encoder and data"},
                FORCE_FLAG = {FLAGS + FROZEN_FORCE, 1, "encoder and data"};

bool frozen_arguments(Frozen *f, int argc, char **argv, size_t n_own) {
    Flag all[MOST_VERB_FLAGS];
    size_t n_shared = command->compiles ? FROZEN_FORCE : N_FROZEN_FLAGS, n = n_own + n_shared;
    double threads = 0, broken = 100;
    if (!parse_arguments(argc, argv, all, n + command->flags->count, &f->args)) return false;
    memcpy(f->own, all, sizeof *all * n_own);
    memcpy(f->flags, all + n_own, sizeof *all * n_shared);
    memcpy(f->flags + N_FROZEN_FLAGS, all + n, sizeof *all * command->flags->count);
    const Flag *flags = f->flags;
    if (!whole_flag(&flags[FROZEN_MAX_BROKEN], 0, 1e12, &broken) ||
        !whole_flag(&flags[FROZEN_THREADS], 1, 1024, &threads) ||
        !readout_flags(&flags[FROZEN_LAYER], &flags[FROZEN_LAST], &flags[FROZEN_READOUT], &f->read) ||
        !init_flags(&flags[FROZEN_INIT], &flags[FROZEN_RENAME], &flags[FROZEN_ONLY], &f->init))
        return false;
    f->max_broken = (int64_t)broken;
    f->crops = flags[FROZEN_CROPS].given ? atoi(flags[FROZEN_CROPS].value) : 1;
    vt_set_threads((int)threads);
    return true;
}

/* Whether the word is a run, whose recipe is then known, or a recipe. False after telling. */
static bool find(Frozen *f, const char *word) {
    struct stat status;
    f->run = NULL;
    if (!word) return true;
    bool folder = stat(word, &status) == 0 && S_ISDIR(status.st_mode);
    if (!folder && command->find_recipe && command->find_recipe(word, f->recipe, sizeof f->recipe))
        return true;
    f->run = word;
    snprintf(f->recipe, sizeof f->recipe, "%s/recipe.yaml", word);
    if (stat(f->recipe, &status) == 0 && S_ISREG(status.st_mode))
        return true; /* a FIFO would wait for its writer */
    return fail(2, "'%s' is no run: %s '%s'", word,
                access(f->recipe, F_OK) == 0 ? "no regular file:" : "there is no", f->recipe) < 0;
}

/* The data set, which may be named after the source that the features' view has. */
static bool find_data(Frozen *f) {
    if (f->args.n_values > 1) return fail(2, "one data set is wanted: --data PATH once") < 0;
    const char *path = f->args.values[0];
    f->data = path;
    bool plain = !strchr(path, '=') || access(path, F_OK) == 0;
    return plain || find_source(f->made->program, path, &f->data) >= 0;
}

/* Runs are taken by their checkpoint, or by the file of --init alone; recipes by all their initial weights. */
static bool find_weights(Frozen *f) {
    if (f->run && !f->init.path) return true;
    if (!weights_open(f->made->program, f->made, &f->init, f->run == NULL, &f->weights)) return false;
    weights_tell(&f->weights, stdout);
    return f->weights.open || fail(2,
                                   "%s alone has no weights that could be used: --init "
                                   "FILE.safetensors, or the folder of "
                                   "a run",
                                   command->compiles ? "a recipe" : "a program") < 0;
}

static bool load(Frozen *f, VtError *error) {
    const VtProgram *program = f->made->program;
    char previous[4096];
    bool before = f->flags[FROZEN_PREVIOUS].given;
    f->step = -1;
    if (f->weights.open) {
        vt_instance_initial_weights(f->instance, f->weights.open);
        return vt_instance_init(f->instance, (uint64_t)program->train.seed, error);
    }
    snprintf(f->checkpoint, sizeof f->checkpoint, "%s/checkpoint%s.safetensors", f->run,
             before ? ".previous" : "");
    snprintf(previous, sizeof previous, "%s/checkpoint.previous.safetensors", f->run);
    if (!vt_checkpoint_load(f->instance, program, f->checkpoint, error)) {
        if (!before) vt_checkpoint_offer(previous, "--previous takes it", error);
        return false;
    }
    int counter = vt_instance_counter(f->instance);
    if (counter >= 0) f->step = *(const double *)vt_instance_state(f->instance, counter);
    return vt_file_hash(f->checkpoint, f->hash, error);
}

bool frozen_open(Frozen *f, const char *word, int *code) {
    VtError error = {0};
    char setting[1024];
    *code = 2;
    if (!find(f, word)) return false;
    readout_setting(&f->read, f->apart, setting, sizeof setting);
    if (f->read.given) f->args.overrides[f->args.n_overrides++] = setting;
    MakeRequest request = {.recipe = f->run         ? NULL
                                     : f->recipe[0] ? f->recipe
                                                    : command->name,
                           .run = f->run,
                           .saved = f->run ? f->recipe : NULL,
                           .args = &f->args,
                           .flags = f->flags + N_FROZEN_FLAGS,
                           .target = f->flags[FROZEN_TARGET].value,
                           .target_given = true,
                           .also_uses = f->read.given ? READOUT_LIBRARY : NULL,
                           .force = f->flags[FROZEN_FORCE].given};
    f->made = command->make(&request);
    if (!f->made) return false;
    if (command->tell) command->tell(f->made);
    if (!find_data(f) || !find_weights(f)) return false;
    f->instance = vt_instance_new(f->made->program, &error);
    if (f->instance && load(f, &error)) return true;
    *code = error.code;
    fail(*code, "%s", error.message);
    return false;
}

void frozen_close(Frozen *f) {
    vt_instance_free(f->instance);
    weights_close(&f->weights);
    if (f->made) command->unmake(f->made);
}

/* What the view of the features wants. */
static int channels_of(const VtProgram *p) {
    const VtFunction *embed = vt_find_function(p, "embed");
    for (int i = 0; embed && i < embed->n_inputs; i++) {
        const VtInput *input = &p->inputs[embed->inputs[i]];
        if (input->source == VT_SOURCE_VIEW) return vt_pipeline_reads(&p->pipelines[input->index]);
    }
    return 3;
}

VtDataset *frozen_data(const Frozen *f, const char *split, VtError *error) {
    VtDataset *set = vt_dataset_open(f->data, split, error);
    if (set && vt_dataset_set_channels(set, channels_of(f->made->program), error)) return set;
    vt_dataset_close(set);
    return NULL;
}
