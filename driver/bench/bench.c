/* vitc bench: the compiled step on random input, timed; with --profile each kernel. */
#include "driver/bench/profile.h"
#include "driver/driver.h"
#include "inspect/report/profile_json.h"
#include "inspect/report/profile_text.h"
#include "inspect/report/report_json.h"
#include "runtime/base/clock.h"
#include "runtime/program/normals.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    float *out;
    int64_t n;
    uint64_t first; /* of the normal numbers, which take two of the counter's each */
} Noise;

static void fill_noise(void *user, int thread, int threads) {
    const Noise *noise = user;
    int64_t begin = noise->n * thread / threads, end = noise->n * (thread + 1) / threads;
    VtRng rng = {.seed = 1, .index = 2 * (noise->first + (uint64_t)begin)};
    vt_normals(&rng, end - begin, 0, 1, INFINITY, noise->out + begin);
}

static void **random_inputs(const VtProgram *p) {
    void **inputs = arena_must(calloc((size_t)p->n_inputs + 1, sizeof(void *)));
    uint64_t drawn = 0;
    for (int i = 0; i < p->n_inputs; i++) {
        const VtInput *input = &p->inputs[i];
        if (posix_memalign(&inputs[i], 64, vt_bytes(&input->tensor) + 64) != 0) arena_must(NULL);
        if (input->source != VT_SOURCE_VIEW) memset(inputs[i], 0, vt_bytes(&input->tensor));
        if (input->source == VT_SOURCE_DRAW)
            vt_draw_fill(&p->draws[input->index], &input->tensor, 1, 1, inputs[i]);
        const double *scalar = vt_feed_scalar(p, i, &(double){100});
        if (scalar) *(double *)inputs[i] = *scalar;
        if (input->source != VT_SOURCE_VIEW) continue;
        Noise noise = {inputs[i], vt_elements(&input->tensor), drawn};
        vt_parallel(fill_noise, &noise);
        drawn += (uint64_t)noise.n;
    }
    return inputs;
}

static void free_inputs(const VtProgram *p, void **inputs) {
    for (int i = 0; i < p->n_inputs; i++) free(inputs[i]);
    free(inputs);
}

/* A program that is timed. */
typedef struct {
    Session *session;
    VtInstance *instance;
    const VtFunction *step; /* NULL: the recipe has none */
    void **inputs;
    double *seconds; /* of each run of the step; the first is not like the others */
    int steps;       /* after the first */
    Profile profile;
} Bench;

/* Memory, inputs and initial values; each has its line of --timing. */
static bool prepare(Bench *b, VtError *error) {
    Session *s = b->session;
    double start = seconds_now();
    b->step = vt_find_function(s->program, "step");
    b->instance = vt_instance_new(s->program, error);
    if (!b->instance) return false;
    timing_add(&s->timing, "memory", seconds_now() - start, 0, NULL);
    start = seconds_now();
    b->inputs = random_inputs(s->program);
    timing_add(&s->timing, "inputs", seconds_now() - start, 0, NULL);
    start = seconds_now();
    bool good = vt_instance_init(b->instance, 0, error);
    timing_add(&s->timing, "initial values", seconds_now() - start, (size_t)s->program->n_states, "states");
    return good;
}

static void print_origin(Session *s) {
    if (s->cached)
        printf("%s: %s\n", s->program->name, session_origin(s));
    else
        printf("%s: %.0f ms to elaborate, %.0f ms in passes, %.0f ms to compile %d kernels for %s\n",
               s->program->name, s->elaborate_seconds * 1e3, s->passes_seconds * 1e3,
               s->compile_seconds * 1e3, compiled_kernels(s->compiled), compiled_target(s->compiled));
}

static bool run_steps(Bench *b, VtError *error) {
    b->seconds = ARENA_ARRAY(b->session->arena, double, (size_t)b->steps + 1);
    for (int i = 0; i <= b->steps; i++) {
        double start = vt_now();
        if (!vt_instance_run(b->instance, "step", b->inputs, error)) return false;
        double end = vt_now();
        b->seconds[i] = end - start;
        if (i > 0) profile_note(&b->profile, i - 1, start, end);
    }
    return true;
}

static void print_results(Bench *b, Roofline given, bool json) {
    Session *s = b->session;
    bool profile = b->profile.asked.kernels;
    double first = b->seconds[0], *sorted = ARENA_ARRAY(s->arena, double, (size_t)b->steps);
    memcpy(sorted, b->seconds + 1, sizeof *sorted * (size_t)b->steps);
    BenchReport report = bench_report(s->program, b->step, sorted, b->steps, vt_threads());
    /* What is the step's own, and what only the first has: pages that are touched, cold caches. */
    timing_add(&s->timing, "step", report.best, (size_t)b->step->n_calls, "calls");
    timing_add(&s->timing, "its first time", first - report.best, 0, NULL);
    report.target = compiled_target(s->compiled);
    ProfileReport kernels = {0};
    int shown = 0; /* the median step */
    while (b->seconds[shown + 1] != report.median) shown++;
    if (profile)
        kernels = profile_report(s->arena, b->step, b->profile.times[shown], given,
                                 (double)sysconf(_SC_LEVEL2_CACHE_SIZE));
    if (!json) {
        bench_text(&report, stdout);
        if (profile) profile_text(&kernels, stdout);
        return;
    }
    json_t *all = report_object();
    report_put(all, "bench", bench_json(&report));
    if (profile) report_put(all, "profile", profile_json(&kernels));
    report_write(all, stdout);
}

enum {
    STEPS,
    PROFILE,
    TRACE,
    PEAK,
    BANDWIDTH,
    THREADS,
    TARGET,
    TIMING,
    PRECISION,
    NO_CACHE,
    FORMAT,
    STRICT,
    N
};
static const FlagRow FLAGS[N] = {
    [STEPS] = {"steps", FLAG_VALUE, "N", COMPLETE_NONE, "time N steps after the first (5)"},
    [PROFILE] = {"profile", FLAG_MAYBE, "FILE.json", COMPLETE_FILE,
                 "time each kernel, as a share of what limits it; write the times of all calls"},
    [TRACE] = {"trace", FLAG_VALUE, "FILE.json", COMPLETE_FILE,
               "write what each thread does when, as events that Perfetto opens"},
    [PEAK] = PEAK_FLAG,
    [BANDWIDTH] = BANDWIDTH_FLAG,
    [THREADS] = THREADS_FLAG,
    [TARGET] = TARGET_FLAG,
    [TIMING] = TIMING_FLAG,
    [PRECISION] = PRECISION_FLAG,
    [NO_CACHE] = NO_CACHE_FLAG,
    [FORMAT] = {"format", FLAG_VALUE, "text|json", COMPLETE_WORDS, "what is printed (text)"},
    [STRICT] = STRICT_FLAG};
const FlagTable BENCH_FLAGS = {FLAGS, N, NULL};

/* A program from the cache, or compiled; where files are wanted it is compiled of a module that tells what its kernels
 * are. */
static bool make_program(Session *s, const Arguments *args, const Flag *flags, bool inspected,
                         Inspection *inspection) {
    RecipeOptions options = recipe_options(args, &flags[STRICT]);
    const char *recipe = args->words[0], *target = flags[TARGET].value;
    if (!inspected) return session_program(s, recipe, &options, target, flags[NO_CACHE].given);
    return session_load(s, recipe, &options) &&
           session_inspect(s, (InspectionRun){.target = target, .function = "step"}, inspection) &&
           session_code(s, target);
}

/* Runs and times the step, prints and writes what is asked for. */
static bool bench_step(Bench *b, const ProfileAsked *asked, const Inspection *inspection, Roofline roofline,
                       bool json, VtError *error) {
    if (!b->step)
        return !asked->kernels ||
               vt_fail(error, 2, "recipe '%s' has no step to profile", b->session->program->name);
    if (!profile_open(&b->profile, asked, b->session, inspection, b->instance, b->steps, error) ||
        !run_steps(b, error))
        return false;
    print_results(b, roofline, json);
    return profile_write(&b->profile, error);
}

int verb_bench(int argc, char **argv) {
    Flag flags[N];
    Arguments args;
    bool json;
    double steps = 5, threads = 0;
    Roofline roofline = {0};
    ProfileAsked asked;
    if (!parse_arguments(argc, argv, flags, N, &args)) return 2;
    if (args.n_words != 1) return fail(2, "bench wants one recipe");
    if (!flags[PROFILE].given && (flags[PEAK].given || flags[BANDWIDTH].given))
        return fail(2, "--peak and --bandwidth go with --profile");
    json = flag_choice(&flags[FORMAT]) == 1;
    if (!roofline_flags(&flags[PEAK], &flags[BANDWIDTH], &roofline)) return 2;
    if (!whole_flag(&flags[STEPS], 1, 1e6, &steps) || !whole_flag(&flags[THREADS], 1, 1024, &threads))
        return 2;
    if (!profile_asked(&flags[PROFILE], &flags[TRACE], steps, &asked)) return 2;
    vt_set_threads((int)threads);
    Session s;
    VtError error = {0};
    Inspection inspection;
    Bench bench = {.session = &s, .steps = (int)steps};
    bool inspected = asked.file || asked.events,
         good = make_program(&s, &args, flags, inspected, &inspection) && prepare(&bench, &error);
    if (good && !json) print_origin(&s);
    if (good) good = bench_step(&bench, &asked, inspected ? &inspection : NULL, roofline, json, &error);
    if (good && flags[TIMING].given) timing_print(&s.timing);
    if (error.message[0]) fail(error.code, "%s", error.message);
    if (bench.inputs) free_inputs(s.program, bench.inputs);
    vt_instance_free(bench.instance);
    session_close(&s);
    return good ? 0 : error.message[0] ? error.code : 2;
}
