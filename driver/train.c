/* vitc train */
#include "driver/trace.h"

typedef struct {
    const Session *session;
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
    if (trace_nonfinite(&e->trace) == TRACE_FINITE)
        puts("all values are finite when each is computed on its own: the step overflows by how it rounds");
}

int verb_train(int argc, char **argv) {
    enum {
        DATA,
        OUT,
        RESUME,
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
        N
    };
    Flag flags[N] = {
        [DATA] = {"data", true, false, NULL},         [OUT] = {"out", true, false, NULL},
        [RESUME] = {"resume", false, false, NULL},    [STEPS] = {"steps", true, false, NULL},
        [MINUTES] = {"minutes", true, false, NULL},   [THREADS] = {"threads", true, false, NULL},
        [WORKERS] = {"workers", true, false, NULL},   [MAX_BROKEN] = {"max-broken", true, false, NULL},
        [PLAIN] = {"plain", false, false, NULL},      [TARGET] = {"target-features", true, false, NULL},
        [TIMING] = {"timing", false, false, NULL},    [PRECISION] = {"precision", FLAG_VALUE, false, NULL},
        [NO_CACHE] = {"no-cache", false, false, NULL}};
    Arguments args;
    double steps = 0, minutes = 0, threads = 0, workers = 0, broken = 100;
    if (!parse_arguments(argc, argv, flags, N, &args)) return 2;
    if (args.n_words != 1) return fail(2, "train wants one recipe: vitc train RECIPE --data PATH --out DIR");
    if (!flags[DATA].given || !flags[OUT].given) return fail(2, "train wants --data PATH and --out DIR");
    if (!whole_flag(&flags[STEPS], 1, 1e12, &steps) || !number_flag(&flags[MINUTES], 0.001, 1e6, &minutes) ||
        !whole_flag(&flags[THREADS], 1, 1024, &threads) || !whole_flag(&flags[WORKERS], 1, 1024, &workers) ||
        !whole_flag(&flags[MAX_BROKEN], 0, 1e12, &broken))
        return 2;
    vt_set_threads((int)threads);
    Session session;
    RecipeOptions options = {
        .models_dir = models_dir(), .overrides = args.overrides, .n_overrides = args.n_overrides};
    int code = 2;
    if (session_program(&session, args.words[0], &options, flags[TARGET].value, flags[NO_CACHE].given)) {
        VtError error = {0};
        Explained explained = {.session = &session,
                               .trace = {.path = args.words[0],
                                         .options = &options,
                                         .resolved = session.resolved,
                                         .target_features = flags[TARGET].value,
                                         .function = "step"}};
        VtTrainOptions train = {.explain = explain,
                                .user = &explained,
                                .data = flags[DATA].value,
                                .out = flags[OUT].value,
                                .resolved = session.resolved,
                                .resume = flags[RESUME].given,
                                .plain = flags[PLAIN].given,
                                .max_steps = (int64_t)steps,
                                .max_seconds = 60 * minutes,
                                .workers = (int)workers,
                                .max_broken = (int64_t)broken,
                                .log = stdout};
        printf("%s: %s, %d threads\n", session.program->name, session_origin(&session), vt_threads());
        if (flags[TIMING].given) timing_print(&session.timing);
        code = vt_train(session.program, &train, &error);
        if (code) fail(code, "%s", error.message);
    }
    session_close(&session);
    return code;
}
