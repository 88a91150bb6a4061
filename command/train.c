/* vitc train, vitc resume: from the command line to a training run, new or continued. */
#include "driver/changes.h"
#include "driver/trace.h"
#include "command/weights.h"
#include "ir/base/stream.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    DATA,
    OUT,
    RESUME,
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
    TIMING,
    PRECISION,
    NO_CACHE,
    STRICT,
    INIT,
    RENAME,
    ONLY,
    N_FLAGS
};

/* A run as it was asked for. */
typedef struct {
    Flag flags[N_FLAGS];
    Arguments args;
    const char *recipe, *out; /* recipe NULL: the saved one */
    double minutes;
    VtRunSettings settings;
    VtRunFolder *folder;
    const char *resolved; /* the recipe to save */
    Weights weights;
} Request;

static const Flag FLAGS[N_FLAGS] = {[DATA] = {"data", FLAG_LIST, false, NULL},
                                    [OUT] = {"out", true, false, NULL},
                                    [RESUME] = {"resume", false, false, NULL},
                                    [PREVIOUS] = {"previous", false, false, NULL},
                                    [EXTEND] = {"extend", false, false, NULL},
                                    [FORCE] = {"force", false, false, NULL},
                                    [STEPS] = {"steps", true, false, NULL},
                                    [MINUTES] = {"minutes", true, false, NULL},
                                    [THREADS] = {"threads", true, false, NULL},
                                    [WORKERS] = {"workers", true, false, NULL},
                                    [MAX_BROKEN] = {"max-broken", true, false, NULL},
                                    [PLAIN] = {"plain", false, false, NULL},
                                    [TARGET] = {"target-features", true, false, NULL},
                                    [TIMING] = {"timing", false, false, NULL},
                                    [PRECISION] = {"precision", FLAG_VALUE, false, NULL},
                                    [NO_CACHE] = {"no-cache", false, false, NULL},
                                    [STRICT] = {"strict", false, false, NULL},
                                    [INIT] = {"init", true, false, NULL},
                                    [RENAME] = {"rename", true, false, NULL},
                                    [ONLY] = {"only", true, false, NULL}};

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
        return fail(2, "--target-features: too long") < 0;
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
        return fail(2, "'%s' has no recipe.yaml to continue with: vitc train RECIPE --resume --out %s",
                    q->out, q->out) < 0;
    return settle(q);
}

/* ---- whether it continues what is there -------------------------------------------------------------------------- */

/* NULL with *why, "" where the diagnostics say it. */
static Tree *parse_saved(Session *s, const char *path, const char **why) {
    size_t size;
    const char *text = stream_read_file(s->arena, path, (size_t)16 << 20, &size);
    *why = text ? "" : strerror(errno);
    return text ? tree_parse(s->arena, s->diags, diags_add_source(s->diags, path, text, size), text, size)
                : NULL;
}

static bool judge(const Request *q, const Change *changes, size_t n) {
    enum { SHOWN = 20 };
    bool force = q->flags[FORCE].given, extend = q->flags[EXTEND].given || force;
    size_t refused = 0, extents = 0;
    for (size_t i = 0; i < n; i++) {
        refused += changes[i].kind == CHANGE_MEANING && !force;
        extents += changes[i].kind == CHANGE_EXTENT && !extend;
    }
    FILE *out = refused + extents ? stderr : stdout;
    if (n)
        fprintf(out, "%s%s: the recipe is not that of this run:\n", refused + extents ? "vitc: " : "",
                q->out);
    for (size_t i = 0; i < n && i < SHOWN; i++)
        fprintf(out, "  %s: %s -> %s\n", changes[i].key, changes[i].before, changes[i].after);
    if (n > SHOWN) fprintf(out, "  and %zu more\n", n - SHOWN);
    if (refused)
        fprintf(stderr,
                "vitc resume %s continues the saved recipe; --force takes these changes all the same\n",
                q->out);
    else if (extents)
        fprintf(
            stderr,
            "--extend takes another number of epochs and another batch: schedules go by the new ones from "
            "here on\n");
    return refused + extents == 0;
}

/* The recipe that was compiled against the saved one. */
static bool check_recipe(Request *q, Session *s) {
    const char *path = vt_run_recipe(q->folder);
    const Change *changes;
    q->resolved = s->resolved;
    if (!path || !vt_run_continues(q->folder)) return true;
    const char *why;
    Tree *before = parse_saved(s, path, &why);
    if (!before && q->recipe && q->flags[FORCE].given) return true;
    if (!before)
        return fail(2,
                    "'%s' cannot be read%s%s: so it is not known what this run is; --force continues it with "
                    "RECIPE",
                    path, *why ? ", " : "", why) < 0;
    q->resolved = weights_resolved(s, NULL, before);
    if (!q->resolved) return false;
    uint32_t file = diags_add_source(s->diags, "(the recipe)", q->resolved, strlen(q->resolved));
    Tree *after = tree_parse(s->arena, s->diags, file, q->resolved, strlen(q->resolved));
    if (!after) return false;
    size_t n = recipe_changes(s->arena, before, after, &changes);
    return judge(q, changes, n);
}

/* What a run that begins takes its first values from. */
static bool open_weights(Request *q, Session *s) {
    VtRunSettings *settings = &q->settings;
    if (vt_run_continues(q->folder)) {
        if (q->flags[INIT].given) printf("--init: the checkpoint has the weights already\n");
        return true;
    }
    InitFlags init = {.path = settings->init[0] ? settings->init : NULL,
                      .rename = settings->init_rename[0] ? settings->init_rename : NULL,
                      .only = settings->init_only[0] ? settings->init_only : NULL,
                      .hash = settings->init_hash[0] ? settings->init_hash : NULL};
    if (!weights_open(s, &init, true, &q->weights)) return false;
    if (init.path)
        snprintf(settings->init_hash, sizeof settings->init_hash, "%s",
                 q->weights.items[q->weights.count - 1].hash);
    q->resolved = weights_resolved(s, &q->weights, NULL);
    return q->resolved != NULL;
}

/* ---- the verbs --------------------------------------------------------------------------------------------------- */

static const char *target_of(const Request *q) {
    return q->settings.target_features[0] ? q->settings.target_features : NULL;
}

typedef struct {
    const Session *session;
    const char *saved; /* the recipe in the run's folder */
    TraceRequest trace;
} Explained;

/* Training diverged: the line of the recipe where it began. */
static void explain(void *user, VtInstance *instance, void *const *inputs, int64_t step) {
    Explained *e = user;
    e->trace.program = e->session->program;
    e->trace.instance = instance;
    e->trace.inputs = inputs;
    printf("step %lld again, every value looked at\n", (long long)step);
    fflush(stdout);
    TraceResult result = trace_nonfinite(&e->trace);
    if (result == TRACE_CHANGED) { /* the recipe is; the run has its own */
        RecipeOptions plain = {.models_dir = models_dir()};
        e->trace.path = e->saved;
        e->trace.options = &plain;
        e->trace.resolved = NULL;
        result = trace_nonfinite(&e->trace);
    }
    if (result == TRACE_FINITE)
        puts("all values are finite when each is computed on its own: the step overflows by how it rounds");
}

/* Schedules that are finite for a usual length of an epoch may not be so for that of the data. */
static bool check_schedules(void *user, double steps_per_epoch, int64_t first, int64_t steps,
                            VtError *error) {
    const Explained *e = user;
    RecipeOptions options = *e->trace.options;
    Session now;
    options.steps_per_epoch = steps_per_epoch;
    options.first_step = first;
    options.steps = steps;
    options.warnings = WARNINGS_IGNORED; /* told at the first elaboration */
    bool good = session_load(&now, e->trace.path, &options);
    session_close(&now);
    if (good) return true;
    fprintf(stderr, "the run does not begin: an epoch of it has %.0f steps\n", steps_per_epoch);
    *error = (VtError){.code = 2}; /* the diagnostics were the message */
    return false;
}

static int train_compiled(Request *q, Session *s, const char *recipe, const RecipeOptions *options) {
    VtError error = {0};
    Explained explained = {.session = s,
                           .saved = arena_printf(s->arena, "%s/recipe.yaml", q->out),
                           .trace = {.path = recipe,
                                     .options = options,
                                     .resolved = s->resolved,
                                     .target_features = target_of(q),
                                     .function = "step"}};
    VtTrainOptions train = {.explain = explain,
                            .begin = check_schedules,
                            .user = &explained,
                            .folder = q->folder,
                            .resolved = q->resolved,
                            .weights = q->weights.open,
                            .settings = q->settings,
                            .extend = q->flags[EXTEND].given || q->flags[FORCE].given,
                            .force = q->flags[FORCE].given,
                            .plain = q->flags[PLAIN].given,
                            .max_seconds = 60 * q->minutes,
                            .log = stdout};
    printf("%s: %s, %d threads\n", s->program->name, session_origin(s), vt_threads());
    if (q->flags[TIMING].given) timing_print(&s->timing);
    weights_tell(&q->weights, stdout);
    int code = vt_train(s->program, &train, &error);
    if ((code == 1 || code == 2) && error.message[0]) fail(code, "%s", error.message);
    return code;
}

static int train(Request *q) {
    int code = 2;
    Session session;
    RecipeOptions options = recipe_options(&q->args, &q->flags[STRICT]);
    signal(SIGPIPE, SIG_IGN); /* `| head` ends no training */
    if (!open_run(q)) {
        vt_run_close(q->folder);
        return code;
    }
    vt_set_threads((int)q->settings.threads);
    const char *recipe = q->recipe ? q->recipe : vt_run_recipe(q->folder);
    if (session_program(&session, recipe, &options, target_of(q), q->flags[NO_CACHE].given) &&
        check_recipe(q, &session) && open_weights(q, &session) &&
        choose_data(session.program, &q->args, vt_run_settings(q->folder), &q->settings))
        code = train_compiled(q, &session, recipe, &options);
    vt_weights_close(q->weights.open);
    session_close(&session);
    vt_run_close(q->folder);
    return code > 128 ? vt_stop_end(code - 128) : code;
}

int verb_train(int argc, char **argv) {
    Request q = {0};
    memcpy(q.flags, FLAGS, sizeof FLAGS);
    if (!parse_arguments(argc, argv, q.flags, N_FLAGS, &q.args)) return 2;
    bool resume = q.flags[RESUME].given;
    if (q.args.n_words > 1 || (q.args.n_words == 0 && !resume))
        return fail(2, "train wants one recipe: vitc train RECIPE --data PATH --out DIR");
    if (!q.flags[OUT].given || (!q.flags[DATA].given && !resume))
        return fail(2, "train wants --data PATH and --out DIR");
    q.recipe = q.args.n_words ? q.args.words[0] : NULL;
    q.out = q.flags[OUT].value;
    return train(&q);
}

int verb_resume(int argc, char **argv) {
    Request q = {0};
    struct stat status;
    memcpy(q.flags, FLAGS, sizeof FLAGS);
    if (!parse_arguments(argc, argv, q.flags, N_FLAGS, &q.args)) return 2;
    if (q.args.n_words != 1 || q.flags[OUT].given)
        return fail(2, "resume wants the folder of one run: vitc resume DIR");
    q.out = q.args.words[0];
    if (stat(q.out, &status) != 0 || !S_ISDIR(status.st_mode)) return fail(2, "there is no run '%s'", q.out);
    q.flags[RESUME].given = true;
    return train(&q);
}
