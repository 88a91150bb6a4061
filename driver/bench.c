/* vitc bench: the compiled step on random input, timed; with --profile each kernel. */
#include "driver/driver.h"
#include "inspect/report/report_json.h"
#include "inspect/report/profile_json.h"
#include "inspect/report/profile_text.h"
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

static bool run_steps(Bench *b, bool profile, VtError *error) {
    b->seconds = ARENA_ARRAY(b->session->arena, double, (size_t)b->steps + 1);
    vt_instance_profile(b->instance, profile);
    for (int i = 0; i <= b->steps; i++) {
        double start = seconds_now();
        if (!vt_instance_run(b->instance, "step", b->inputs, error)) return false;
        b->seconds[i] = seconds_now() - start;
    }
    return true;
}

static void print_results(Bench *b, bool profile, Roofline given, bool json) {
    Session *s = b->session;
    BenchReport report = bench_report(s->program, b->step, b->seconds + 1, b->steps, vt_threads());
    /* What is the step's own, and what only the first has: pages that are touched, cold caches. */
    timing_add(&s->timing, "step", report.best, (size_t)b->step->n_calls, "calls");
    timing_add(&s->timing, "its first time", b->seconds[0] - report.best, 0, NULL);
    report.target = compiled_target(s->compiled);
    ProfileReport kernels = {0};
    if (profile)
        kernels = profile_report(s->arena, b->step, vt_instance_times(b->instance, "step"), given,
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

enum { STEPS, PROFILE, PEAK, BANDWIDTH, THREADS, TARGET, TIMING, PRECISION, NO_CACHE, FORMAT, STRICT, N };
static const FlagRow FLAGS[N] = {
    [STEPS] = {"steps", FLAG_VALUE, "N", COMPLETE_NONE, "time N steps after the first (5)"},
    [PROFILE] = {"profile", FLAG_BARE, NULL, COMPLETE_NONE, "time each kernel, as a share of what limits it"},
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

int verb_bench(int argc, char **argv) {
    Flag flags[N];
    Arguments args;
    bool json;
    double steps = 5, threads = 0;
    Roofline roofline = {0};
    if (!parse_arguments(argc, argv, flags, N, &args)) return 2;
    if (args.n_words != 1) return fail(2, "bench wants one recipe");
    if (!flags[PROFILE].given && (flags[PEAK].given || flags[BANDWIDTH].given))
        return fail(2, "--peak and --bandwidth go with --profile");
    if (!json_flag(&flags[FORMAT], &json) || !roofline_flags(&flags[PEAK], &flags[BANDWIDTH], &roofline))
        return 2;
    if (!whole_flag(&flags[STEPS], 1, 1e6, &steps) || !whole_flag(&flags[THREADS], 1, 1024, &threads))
        return 2;
    vt_set_threads((int)threads);
    Session s;
    VtError error = {0};
    RecipeOptions options = recipe_options(&args, &flags[STRICT]);
    Bench bench = {.session = &s, .steps = (int)steps};
    bool good = session_program(&s, args.words[0], &options, flags[TARGET].value, flags[NO_CACHE].given),
         profile = flags[PROFILE].given;
    good = good && prepare(&bench, &error);
    if (good && !json) print_origin(&s);
    if (good && bench.step) {
        good = run_steps(&bench, profile, &error);
        if (good) print_results(&bench, profile, roofline, json);
    }
    if (good && flags[TIMING].given) timing_print(&s.timing);
    if (error.message[0]) fail(error.code, "%s", error.message);
    if (bench.inputs) free_inputs(s.program, bench.inputs);
    vt_instance_free(bench.instance);
    session_close(&s);
    return good ? 0 : error.message[0] ? error.code : 2;
}
