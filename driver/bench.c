/* vitc bench: the compiled step on random input, timed; with --profile each kernel. */
#include "driver/driver.h"
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
        if (input->source == VT_SOURCE_STEPS_PER_EPOCH) *(double *)inputs[i] = 100;
        if (input->source != VT_SOURCE_VIEW) continue;
        Noise noise = {inputs[i], vt_elements(&input->tensor), drawn};
        vt_parallel(fill_noise, &noise);
        drawn += (uint64_t)noise.n;
    }
    return inputs;
}

/* Calls of one kernel: twelve equal blocks are one line of the profile. */
typedef struct {
    const VtCall *first;
    int count;
    double seconds, flops, bytes;
} Line;

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int by_time(const void *a, const void *b) {
    double x = ((const Line *)a)->seconds, y = ((const Line *)b)->seconds;
    return (x < y) - (x > y);
}

/* The line of the greatest FLOP/s or byte/s, of those that carry 1 % of the step's. What fits a core's own cache says
 * nothing of memory. */
static const Line *fastest(const Line *lines, int n, bool bytes) {
    const Line *best = NULL;
    double all = 0, most = 0, cache = bytes ? (double)sysconf(_SC_LEVEL2_CACHE_SIZE) : 0;
    for (int i = 0; i < n; i++) all += bytes ? lines[i].bytes : lines[i].flops;
    for (int i = 0; i < n; i++) {
        double amount = bytes ? lines[i].bytes : lines[i].flops, speed = amount / lines[i].seconds;
        if (amount < 0.01 * all || amount / lines[i].count < cache || !(speed > most)) continue;
        most = speed;
        best = &lines[i];
    }
    return best;
}

/* What is not given is the most that a kernel of this very step reaches. */
static void complete_roofline(Roofline *roofline, const Line *lines, int n) {
    const Line *compute = roofline->flops > 0 ? NULL : fastest(lines, n, false),
               *memory = roofline->bytes > 0 ? NULL : fastest(lines, n, true);
    if (!(roofline->flops > 0)) roofline->flops = compute ? compute->flops / compute->seconds : INFINITY;
    if (!(roofline->bytes > 0)) roofline->bytes = memory ? memory->bytes / memory->seconds : INFINITY;
    printf("peak %.1f GFLOP/s: %s%s\n", roofline->flops / 1e9,
           compute ? "the fastest kernel (--peak GFLOPS), " : "given", compute ? compute->first->name : "");
    printf("bandwidth %.1f GB/s: %s%s\n", roofline->bytes / 1e9,
           memory ? "the fastest kernel (--bandwidth GBS), " : "given", memory ? memory->first->name : "");
}

/* Kernels by time; calls in C (copies, gathers) are one line a name. */
static void print_profile(VtInstance *instance, const VtFunction *step, Roofline roofline) {
    const double *times = vt_instance_times(instance, "step");
    Line *lines = arena_must(calloc((size_t)step->n_calls + 1, sizeof *lines));
    int n = 0;
    double all = 0;
    for (int c = 0; c < step->n_calls; c++) {
        const VtCall *call = &step->calls[c];
        int i = 0;
        while (i < n && lines[i].first->kernel != call->kernel) i++;
        if (i == n) lines[n++].first = call;
        lines[i].count++;
        lines[i].seconds += times[c];
        lines[i].flops += call->flops;
        lines[i].bytes += call->bytes;
        all += times[c];
    }
    qsort(lines, (size_t)n, sizeof *lines, by_time);
    complete_roofline(&roofline, lines, n);
    printf("%9s %6s %5s %9s %6s %8s %7s %9s  kernel\n", "ms", "share", "calls", "GFLOP/s", "peak", "GB/s",
           "limit", "of limit");
    for (int i = 0; i < n; i++) {
        const Line *l = &lines[i];
        printf("%9.3f %5.1f%% %5d %9.1f %5.1f%% %8.1f %7s %8.1f%%  %s\n", l->seconds * 1e3,
               100 * l->seconds / all, l->count, l->flops / l->seconds / 1e9,
               100 * l->flops / l->seconds / roofline.flops, l->bytes / l->seconds / 1e9,
               roofline_limit(&roofline, l->flops, l->bytes),
               100 * roofline_seconds(&roofline, l->flops, l->bytes) / l->seconds, l->first->name);
    }
    free(lines);
}

int verb_bench(int argc, char **argv) {
    enum { STEPS, PROFILE, PEAK, BANDWIDTH, THREADS, TARGET, TIMING, PRECISION, NO_CACHE, N };
    Flag flags[N] = {
        [STEPS] = {"steps", true, false, NULL},       [PROFILE] = {"profile", false, false, NULL},
        [PEAK] = {"peak", true, false, NULL},         [BANDWIDTH] = {"bandwidth", true, false, NULL},
        [THREADS] = {"threads", true, false, NULL},   [TARGET] = {"target-features", true, false, NULL},
        [TIMING] = {"timing", false, false, NULL},    [PRECISION] = {"precision", FLAG_VALUE, false, NULL},
        [NO_CACHE] = {"no-cache", false, false, NULL}};
    Arguments args;
    double steps = 5, threads = 0;
    Roofline roofline = {0};
    if (!parse_arguments(argc, argv, flags, N, &args)) return 2;
    if (args.n_words != 1) return fail(2, "bench wants one recipe");
    if (!flags[PROFILE].given && (flags[PEAK].given || flags[BANDWIDTH].given))
        return fail(2, "--peak and --bandwidth go with --profile");
    if (!roofline_flags(&flags[PEAK], &flags[BANDWIDTH], &roofline)) return 2;
    if (!whole_flag(&flags[STEPS], 1, 1e6, &steps) || !whole_flag(&flags[THREADS], 1, 1024, &threads))
        return 2;
    vt_set_threads((int)threads);
    Session s;
    VtError error = {0};
    RecipeOptions options = {
        .models_dir = models_dir(), .overrides = args.overrides, .n_overrides = args.n_overrides};
    bool good = session_program(&s, args.words[0], &options, flags[TARGET].value, flags[NO_CACHE].given);
    double start = seconds_now();
    VtInstance *instance = good ? vt_instance_new(s.program, &error) : NULL;
    if (instance) {
        const VtFunction *step = NULL;
        for (int f = 0; f < s.program->n_functions; f++)
            if (strcmp(s.program->functions[f].name, "step") == 0) step = &s.program->functions[f];
        timing_add(&s.timing, "memory", seconds_now() - start, 0, NULL);
        start = seconds_now();
        void **inputs = random_inputs(s.program);
        timing_add(&s.timing, "inputs", seconds_now() - start, 0, NULL);
        start = seconds_now();
        double flops = 0, best = INFINITY, first = 0,
               *times = arena_must(calloc((size_t)steps + 1, sizeof *times));
        good = vt_instance_init(instance, 0, &error);
        timing_add(&s.timing, "initial values", seconds_now() - start, (size_t)s.program->n_states, "states");
        for (int c = 0; step && c < step->n_calls; c++)
            flops += strncmp(step->calls[c].name, "matmul", 6) == 0 ||
                             strncmp(step->calls[c].name, "attention", 9) == 0
                         ? step->calls[c].flops
                         : 0;
        vt_instance_profile(instance, flags[PROFILE].given);
        if (s.cached)
            printf("%s: %s\n", s.program->name, session_origin(&s));
        else
            printf("%s: %.0f ms to elaborate, %.0f ms in passes, %.0f ms to compile %d kernels for %s\n",
                   s.program->name, s.elaborate_seconds * 1e3, s.passes_seconds * 1e3,
                   s.compile_seconds * 1e3, compiled_kernels(s.compiled), compiled_target(s.compiled));
        for (int i = 0; good && step && i <= (int)steps; i++) {
            start = seconds_now();
            good = vt_instance_run(instance, "step", inputs, &error);
            times[i] = seconds_now() - start;
            if (i == 0) first = times[0];
            if (i > 0 && times[i] < best) best = times[i];
        }
        qsort(times + 1, (size_t)steps, sizeof *times, by_value);
        if (step) { /* what is the step's own, and what only the first has: pages that are touched, cold caches */
            timing_add(&s.timing, "step", best, (size_t)step->n_calls, "calls");
            timing_add(&s.timing, "its first time", first - best, 0, NULL);
        }
        if (good && step)
            printf("step: %.1f ms (fastest of %g, median %.1f), %.1f images/s, %.1f GFLOP/s in matrix "
                   "products, %d threads\n",
                   best * 1e3, steps, times[((int)steps + 1) / 2] * 1e3,
                   (double)s.program->train.batch / best, flops / best / 1e9, vt_threads());
        if (good && step && flags[PROFILE].given) print_profile(instance, step, roofline);
        for (int i = 0; i < s.program->n_inputs; i++) free(inputs[i]);
        free(inputs);
        free(times);
    }
    if (good && flags[TIMING].given) timing_print(&s.timing);
    if (good && !instance) good = false;
    if (error.message[0]) fail(error.code, "%s", error.message);
    vt_instance_free(instance);
    session_close(&s);
    return good ? 0 : error.message[0] ? error.code : 2;
}
