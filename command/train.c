/* train, resume: from the command line to a training run, new or continued. */
#include "command/train.h"
#include "command/weights.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    DATA,
    PREVIOUS,
    EXTEND,
    FORCE,
    STEPS,
    MINUTES,
    THREADS,
    WORKERS,
    MAX_BROKEN,
    PLAIN,
    TARGET,
    N_RESUME_FLAGS, /* `resume` has no more */
    OUT = N_RESUME_FLAGS,
    RESUME,
    INIT,
    RENAME,
    ONLY,
    N_FLAGS
};

/* A run as it was asked for. */
typedef struct {
    Flag flags[N_FLAGS + MOST_COMMAND_FLAGS];
    Arguments args;
    const char *recipe, *out; /* recipe NULL: the saved one, or the program's own */
    double minutes;
    VtRunSettings settings;
    VtRunFolder *folder;
    Weights weights;
} Request;

static const FlagRow FLAGS[N_FLAGS] = {
    [DATA] = {"data", FLAG_LIST, "[NAME=]PATH", COMPLETE_DATA,
              "the images: a folder, an archive, or synthetic[:N]; NAME: of a source of the recipe, once for "
              "each"},
    [OUT] = {"out", FLAG_VALUE, "DIR", COMPLETE_FOLDER,
             "the folder of the run: recipe, checkpoints, metrics"},
    [RESUME] = {"resume", FLAG_BARE, NULL, COMPLETE_NONE, "go on with the run in --out, or begin it"},
    [PREVIOUS] = {"previous", FLAG_BARE, NULL, COMPLETE_NONE,
                  "go on from the checkpoint before the last one"},
    [EXTEND] = {"extend", FLAG_BARE, NULL, COMPLETE_NONE,
                "take another number of epochs or another batch than the run has"},
    [FORCE] = {"force", FLAG_BARE, NULL, COMPLETE_NONE, "go on whatever of the recipe has changed"},
    [STEPS] = {"steps", FLAG_VALUE, "N", COMPLETE_NONE, "stop, saved, after step N"},
    [MINUTES] = {"minutes", FLAG_VALUE, "M", COMPLETE_NONE, "stop, saved, after M minutes"},
    [THREADS] = {"threads", FLAG_VALUE, "N", COMPLETE_NONE,
                 "compute on N threads; on all processors unless given"},
    [WORKERS] = {"workers", FLAG_VALUE, "N", COMPLETE_NONE, "decode and augment images on N threads"},
    [MAX_BROKEN] = {"max-broken", FLAG_VALUE, "N", COMPLETE_NONE,
                    "end after more than N images that cannot be decoded (100)"},
    [PLAIN] = {"plain", FLAG_BARE, NULL, COMPLETE_NONE, "one line a report, without a line that is redrawn"},
    [TARGET] = {"target", FLAG_VALUE, "NAME", COMPLETE_TARGET,
                "processors to compile for; `list` tells which there are"},
    [INIT] = {"init", FLAG_VALUE, "FILE.safetensors", COMPLETE_FILE, "begin with the weights of this file"},
    [RENAME] = {"rename", FLAG_VALUE, "NAMES.yaml", COMPLETE_FILE,
                "rules by which the file of --init calls tensors"},
    [ONLY] = {"only", FLAG_VALUE, "PATTERNS", COMPLETE_NONE,
              "take only these tensors from the file of --init, with commas between: encoder.*,head.*"}};
const FlagTable TRAIN_FLAGS = {FLAGS, N_FLAGS, "the run"}, RESUME_FLAGS = {FLAGS, N_RESUME_FLAGS, "the run"};

/* ---- what is asked for ------------------------------------------------------------------------------------------- */

static bool number(const Flag *flag, double low, double high, int64_t *out) {
    double value = (double)*out;
    if (!whole_flag(flag, low, high, &value)) return false;
    *out = (int64_t)value;
    return true;
}

/* Initial weights of the command line. They are those of the run's first step, whatever comes later. */
static bool settle_init(Request *q) {
    const VtRunSettings *saved = vt_run_settings(q->folder);
    const Flag *flags = q->flags;
    VtRunSettings *s = &q->settings;
    InitFlags given;
    if (!init_flags(&flags[INIT], &flags[RENAME], &flags[ONLY], &given)) return false;
    if (given.path) {
        s->init_hash[0] = s->init_rename[0] = s->init_only[0] = '\0';
        if (!absolute_path(given.path, "init", s->init, sizeof s->init) ||
            (given.rename && !absolute_path(given.rename, "rename", s->init_rename, sizeof s->init_rename)) ||
            (given.only &&
             snprintf(s->init_only, sizeof s->init_only, "%s", given.only) >= (int)sizeof s->init_only &&
             fail(2, "--only: too long")))
            return false;
    }
    if (!vt_run_continues(q->folder)) return true;
    bool same = strcmp(s->init, saved->init) == 0;
    if (!same && !flags[FORCE].given)
        return fail(
                   2,
                   "--init %s: this run began with %s, and goes on from its checkpoint; another --out begins "
                   "anew, --force goes on all the same",
                   given.path, saved->init[0] ? saved->init : "weights of its own") < 0;
    memcpy(s->init_hash, saved->init_hash, sizeof s->init_hash);
    return true;
}

/* What is not given is as it was saved, but for --steps beside a RECIPE: that command says all of the run anew. */
static bool settle(Request *q) {
    const VtRunSettings *saved = vt_run_settings(q->folder);
    const Flag *flags = q->flags;
    VtRunSettings *s = &q->settings;
    *s = *saved;
    if (q->recipe) s->steps = 0;
    if (s->max_broken < 0) s->max_broken = 100;
    if (!number(&flags[STEPS], 1, 1e12, &s->steps) || !number(&flags[THREADS], 1, 1024, &s->threads) ||
        !number(&flags[WORKERS], 1, 1024, &s->workers) ||
        !number(&flags[MAX_BROKEN], 0, 1e12, &s->max_broken) ||
        !number_flag(&flags[MINUTES], 0.001, 1e6, &q->minutes))
        return false;
    if (flags[TARGET].given && snprintf(s->target_features, sizeof s->target_features, "%s",
                                        flags[TARGET].value) >= (int)sizeof s->target_features)
        return fail(2, "--target: too long") < 0;
    return settle_init(q);
}

static bool open_run(Request *q) {
    const Flag *flags = q->flags;
    VtError error;
    VtRunMode mode = !flags[RESUME].given    ? VT_RUN_NEW
                     : flags[PREVIOUS].given ? VT_RUN_PREVIOUS
                                             : VT_RUN_RESUME;
    if (mode == VT_RUN_NEW && (flags[PREVIOUS].given || flags[EXTEND].given || flags[FORCE].given))
        return fail(2, "--previous, --extend and --force go with --resume") < 0;
    q->folder = vt_run_open(q->out, mode, &error);
    if (!q->folder) return fail(error.code, "%s", error.message) < 0;
    if (!q->recipe && !vt_run_recipe(q->folder))
        return fail(2, "'%s' has no recipe.yaml to continue with: %s train %s--resume --out %s", q->out,
                    command->name, command->compiles ? "RECIPE " : "", q->out) < 0;
    return settle(q);
}

/* What a run that begins takes its first values from. */
static bool open_weights(Request *q, Made *made) {
    VtRunSettings *settings = &q->settings;
    if (vt_run_continues(q->folder)) {
        if (q->flags[INIT].given) printf("--init: the checkpoint has the weights already\n");
        return true;
    }
    InitFlags init = {.path = settings->init[0] ? settings->init : NULL,
                      .rename = settings->init_rename[0] ? settings->init_rename : NULL,
                      .only = settings->init_only[0] ? settings->init_only : NULL,
                      .hash = settings->init_hash[0] ? settings->init_hash : NULL};
    if (!weights_open(made->program, made, &init, true, &q->weights)) return false;
    if (init.path)
        snprintf(settings->init_hash, sizeof settings->init_hash, "%s",
                 q->weights.items[q->weights.count - 1].hash);
    return !command->resolve_weights || command->resolve_weights(made, &q->weights);
}

/* ---- the verbs --------------------------------------------------------------------------------------------------- */

static const char *target_of(const Request *q) {
    return q->settings.target_features[0] ? q->settings.target_features : NULL;
}

static int train_made(Request *q, Made *made) {
    VtError error = {0};
    if (made->target)
        snprintf(q->settings.target_features, sizeof q->settings.target_features, "%s", made->target);
    VtTrainOptions train = {.explain = command->explain,
                            .begin = command->begin,
                            .user = made,
                            .folder = q->folder,
                            .resolved = made->resolved,
                            .weights = q->weights.open,
                            .settings = q->settings,
                            .extend = q->flags[EXTEND].given || q->flags[FORCE].given,
                            .force = q->flags[FORCE].given,
                            .plain = q->flags[PLAIN].given,
                            .max_seconds = 60 * q->minutes,
                            .log = stdout};
    printf("%s: %s, %d threads\n", made->program->name, made->origin, vt_threads());
    if (command->tell) command->tell(made);
    weights_tell(&q->weights, stdout);
    int code = vt_train(made->program, &train, &error);
    if ((code == 1 || code == 2) && error.message[0]) fail(code, "%s", error.message);
    return code;
}

static int train(Request *q) {
    int code = 2;
    signal(SIGPIPE, SIG_IGN); /* `| head` ends no training */
    if (!open_run(q)) {
        vt_run_close(q->folder);
        return code;
    }
    vt_set_threads((int)q->settings.threads);
    MakeRequest request = {.recipe = q->recipe,
                           .run = q->out,
                           .saved = vt_run_recipe(q->folder),
                           .args = &q->args,
                           .flags = q->flags + N_FLAGS,
                           .target = target_of(q),
                           .target_given = q->flags[TARGET].given,
                           .trains = true,
                           .continues = vt_run_continues(q->folder),
                           .extend = q->flags[EXTEND].given,
                           .force = q->flags[FORCE].given};
    Made *made = command->make(&request);
    if (made && command->check_saved(made, &request) && open_weights(q, made) &&
        choose_data(made->program, &q->args, vt_run_settings(q->folder), &q->settings))
        code = train_made(q, made);
    weights_close(&q->weights);
    command->unmake(made);
    vt_run_close(q->folder);
    return code > 128 ? vt_stop_end(code - 128) : code;
}

int train_recipe(const TrainAsked *asked) {
    Request q = {.args = asked->args, .recipe = asked->recipe, .out = asked->out};
    for (size_t i = 0; i < N_FLAGS; i++) q.flags[i] = (Flag){.row = &FLAGS[i]};
    const struct {
        int row;
        const Flag *given;
    } taken[] = {{THREADS, &asked->threads}, {MAX_BROKEN, &asked->max_broken}, {TARGET, &asked->target}};
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        q.flags[taken[i].row].given = taken[i].given->given;
        q.flags[taken[i].row].value = taken[i].given->value;
    }
    q.flags[RESUME].given = true;
    memcpy(q.flags + N_FLAGS, asked->made, sizeof *asked->made * command->flags->count);
    return train(&q);
}

/* n: of the flags above those that the verb has. */
static bool read_flags(Request *q, int argc, char **argv, size_t n) {
    Flag all[MOST_VERB_FLAGS];
    if (!parse_arguments(argc, argv, all, n + command->flags->count, &q->args)) return false;
    for (size_t i = 0; i < N_FLAGS; i++) q->flags[i] = i < n ? all[i] : (Flag){.row = &FLAGS[i]};
    memcpy(q->flags + N_FLAGS, all + n, sizeof *all * command->flags->count);
    return true;
}

int verb_train(int argc, char **argv) {
    Request q = {0};
    if (!read_flags(&q, argc, argv, N_FLAGS)) return 2;
    bool resume = q.flags[RESUME].given;
    int words = q.args.n_words;
    if (command->compiles && (words > 1 || (words == 0 && !resume)))
        return fail(2, "train wants one recipe: %s train RECIPE --data PATH --out DIR", command->name);
    if (!command->compiles && words > 0)
        return fail(2, "train: '%s' is no flag, and no setting key=value; this program has its recipe in it",
                    q.args.words[0]);
    if (!q.flags[OUT].given || (!q.flags[DATA].given && !resume))
        return fail(2, "train wants --data PATH and --out DIR");
    q.recipe = !command->compiles ? command->name : words ? q.args.words[0] : NULL;
    q.out = q.flags[OUT].value;
    return train(&q);
}

int verb_resume(int argc, char **argv) {
    Request q = {0};
    struct stat status;
    if (!read_flags(&q, argc, argv, N_RESUME_FLAGS)) return 2;
    if (q.args.n_words != 1)
        return fail(2, "resume wants the folder of one run: %s resume DIR", command->name);
    q.out = q.args.words[0];
    if (stat(q.out, &status) != 0 || !S_ISDIR(status.st_mode)) return fail(2, "there is no run '%s'", q.out);
    q.flags[RESUME].given = true;
    return train(&q);
}
