/* Reports as data: what the makers of driver/report/ say of a small function whose numbers are known, and how the
 * renderers show numbers that were written by hand. */
#include "inspect/report/cost_json.h"
#include "inspect/report/cost_text.h"
#include "driver/report/data_text.h"
#include "inspect/report/memory_json.h"
#include "inspect/report/memory_svg.h"
#include "inspect/report/memory_text.h"
#include "inspect/report/profile_json.h"
#include "inspect/report/profile_text.h"
#include "inspect/report/report_json.h"
#include "ir/base/stream.h"
#include "passes/passes.h"
#include "tests/driver/folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Three products of one shape, two of them alike to the code; the gradient of the last weight needs what came
 * before. */
static const char STEP[] =
    "module @small target(batch = 64) {\n"
    "  state %a : f32[256x256] = trunc_normal(mean = 0, std = 0.02), role = param, decay\n"
    "  state %b : f32[256x256] = trunc_normal(mean = 0, std = 0.02), role = param, decay\n"
    "  state %c : f32[256x256] = trunc_normal(mean = 0, std = 0.02), role = param, decay\n"
    "  state %step : f64 = constant(value = 0), role = counter\n"
    "  func @step(%x : f32[64x256]) {\n"
    "    %0 = matmul %x, %a : f32[64x256]\n"
    "    %1 = matmul %0, %b : f32[64x256]\n"
    "    %2 = matmul %1, %c : f32[64x256]\n"
    "    %3 = mul %2, %2 : f32[64x256]\n"
    "    %4 = sum %3 {axes = [0, 1]} : f32\n"
    "    %5 = grad %4, %c : f32[256x256]\n"
    "    %6 = sub %c, %5 : f32[256x256]\n"
    "    %7 = constant {value = 1, dtype = f64} : f64\n"
    "    %8 = add %step, %7 : f64\n"
    "    output loss = %4\n"
    "    update c = %6\n"
    "    update step = %8\n"
    "  }\n"
    "}\n";

static const double PRODUCT = 2.0 * 64 * 256 * 256; /* FLOPs of each, that of the gradient too */

static const Func *planned(Arena *arena, const char *text) {
    Diags *diags = diags_new(arena);
    Module *module = module_parse(arena, diags, "test", arena_strdup(arena, text), strlen(text));
    if (!module || !passes_run(module, PASSES_ALL, &(PassOptions){.verify = true}, diags))
        fail_msg("%s", diags_text(diags));
    return module_find_func(module, "step");
}

/* What `put` writes; free it. */
#define WRITTEN(put, report) (stream_begin(&stream), put(report, stream.out), stream_end(&stream, NULL))

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static void check_values(const MemoryReport *r) {
    int64_t *live = calloc(r->n_kernels + 1, sizeof *live);
    for (size_t i = 0; i < r->n_values; i++) {
        const MemoryValue *x = &r->values[i];
        assert_true(x->born <= x->died && x->died < r->n_kernels);
        assert_true(x->offset >= 0 && x->bytes > 0 && x->offset + x->bytes <= r->arena);
        for (uint32_t k = x->born; k <= x->died; k++) live[k] += x->bytes;
        for (size_t j = 0; j < i; j++) { /* at no time two in one place */
            const MemoryValue *y = &r->values[j];
            bool together = x->born <= y->died && y->born <= x->died;
            assert_false(together && x->offset < y->offset + y->bytes && y->offset < x->offset + x->bytes);
        }
    }
    for (size_t k = 0; k < r->n_kernels; k++) {
        assert_int_equal(live[k], r->live[k]);
        assert_true(live[k] <= r->most_live && (k >= r->peak || live[k] < r->most_live));
    }
    free(live);
}

static void test_memory(void **state) {
    (void)state;
    Arena *arena = arena_new();
    MemoryReport r = memory_report(arena, planned(arena, STEP));
    assert_string_equal(r.recipe, "small");
    assert_string_equal(r.function, "step");
    assert_int_equal(r.batch, 64);
    assert_int_equal(r.n_roles, 2);
    assert_string_equal(r.roles[0].name, "param");
    assert_int_equal(r.roles[0].tensors, 3);
    assert_int_equal(r.roles[0].bytes, 3 * 256 * 256 * 4);
    assert_int_equal(r.states, 3 * 256 * 256 * 4 + 8);
    assert_int_equal(r.n_inputs, 1);
    assert_string_equal(r.inputs[0].type, "f32[64x256]");
    assert_int_equal(r.outputs[0].bytes, 4);
    assert_int_equal(r.limit, 0);
    check_values(&r);
    assert_true(r.n_values > 0 && r.peak_name && r.most_live > 0 && r.most_live <= r.arena);
    int64_t sum = 0, kept = 0;
    for (MemoryUse use = 0; use < N_USES; use++) sum += r.at_peak_for[use];
    for (size_t i = 0; i < r.n_values; i++) kept += r.values[i].use == USE_KEPT;
    assert_int_equal(sum, r.most_live);
    assert_int_equal(kept, 2); /* what came before the last product, and its result */
    for (size_t i = 1; i < r.n_at_peak; i++) assert_true(r.at_peak[i - 1]->bytes >= r.at_peak[i]->bytes);
    arena_free(arena);
}

static MemoryReport by_hand(void) {
    static MemoryRole roles[] = {{"param", 400, 2}};
    static MemoryTensor input = {"x", "f32[8]", 32};
    static MemoryValue values[] = {{0, "%0 add <f32>", {0}, 128, 64, 0, 1, USE_KEPT},
                                   {1, "%1", {0}, 64, 0, 1, 2, USE_RESULT}};
    static const MemoryValue *at_peak[] = {&values[0], &values[1]};
    static int64_t live[] = {128, 192, 64};
    static RematKind kind = {"add f32[8]", 2, 64, 16};
    return (MemoryReport){.recipe = "r & d",
                          .function = "step",
                          .batch = 8,
                          .roles = roles,
                          .n_roles = 1,
                          .states = 400,
                          .inputs = &input,
                          .n_inputs = 1,
                          .limit = 1000,
                          .taken = 688,
                          .arena = 256,
                          .values = values,
                          .n_values = 2,
                          .live = live,
                          .n_kernels = 3,
                          .peak = 1,
                          .peak_name = "sub f32[8]",
                          .most_live = 192,
                          .at_peak = at_peak,
                          .n_at_peak = 2,
                          .at_peak_for = {[USE_KEPT] = 128, [USE_RESULT] = 64},
                          .remat = {2, 64, 16, 116, &kind, 1}};
}

static void test_memory_text(void **state) {
    (void)state;
    static const char expected[] =
        "r & d @step: memory in bytes, batch 8; kernels are numbered as in the printed IR\n"
        "states\n"
        "  param                   400  2 tensors\n"
        "  all                     400\n"
        "inputs\n"
        "  x                        32  f32[8]\n"
        "outputs\n"
        "limit\n"
        "  asked                  1000  states, inputs, outputs and arena\n"
        "  taken                   688\n"
        "arena, 2 values between 3 kernels\n"
        "  planned                 256\n"
        "  most live               192  no plan takes less\n"
        "  waste                25.00%\n"
        "  peak kernel               2  sub f32[8]\n"
        "\n"
        "live at the peak, 2 values\n"
        "  kept                    128  of the loss, and read again past it: kept for the backward pass\n"
        "  result                   64  an output or update, held to the end\n"
        "\n"
        "         bytes   born   died  for       the largest of them\n"
        "           128      1      2  kept      %0 add <f32>\n"
        "            64      2      3  result    %1\n"
        "\n"
        "computed again, 2 kernels\n"
        "  bytes                    64  not kept\n"
        "  FLOPs                    16  16.00% of what the step computes otherwise\n"
        "     2 x                   64             16  add f32[8]\n";
    TextStream stream;
    MemoryReport r = by_hand();
    char *text = WRITTEN(memory_text, &r);
    assert_string_equal(text, expected);
    free(text);
    r = (MemoryReport){.recipe = "empty", .function = "init"};
    text = WRITTEN(memory_text, &r);
    assert_non_null(strstr(text, "arena, 0 values between 0 kernels\n"));
    assert_null(strstr(text, "peak"));
    free(text);
}

static void test_memory_svg(void **state) {
    (void)state;
    TextStream stream;
    MemoryReport r = by_hand();
    char *svg = WRITTEN(memory_svg, &r);
    assert_int_equal(strncmp(svg, "<svg ", 5), 0);
    assert_non_null(strstr(svg, ">r &amp; d @step: arena of 256 bytes</text>"));
    assert_non_null(strstr(svg, "<title>%0 add &lt;f32&gt;\n128 bytes at 64, kernels 1 to 2, kept</title>"));
    assert_string_equal(svg + strlen(svg) - 7, "</svg>\n");
    free(svg);
}

/* ---- cost -------------------------------------------------------------------------------------------------------- */

static void test_cost(void **state) {
    (void)state;
    Arena *arena = arena_new();
    const Func *step = planned(arena, STEP);
    CostReport r = cost_report(arena, step, (Roofline){1e9, INFINITY}, NULL);
    double flops = 0, calls = 0;
    for (size_t i = 0; i < r.n_kernels; i++) {
        flops += r.kernels[i].flops;
        calls += r.kernels[i].count;
        assert_true(i == 0 || r.kernels[i - 1].seconds >= r.kernels[i].seconds);
    }
    assert_true(flops == r.flops && calls == (double)r.calls);
    assert_true(fabs(r.seconds - r.flops / 1e9) < 1e-12 && r.compute_seconds > 0.99 * r.seconds);
    assert_false(r.peak_assumed || r.bandwidth_assumed);
    assert_true(r.flops >= 4 * PRODUCT && r.flops < 4.1 * PRODUCT);
    assert_int_equal(r.kernels[0].count, 2); /* %0 and %1 are one kernel */
    assert_true(r.kernels[0].flops == 2 * PRODUCT);
    r = cost_report(arena, step, (Roofline){0, 1e9}, NULL);
    assert_true(r.peak_assumed && !r.bandwidth_assumed && r.roofline.flops > 0);
    arena_free(arena);
}

static void test_cost_text(void **state) {
    (void)state;
    static const char expected[] =
        "r @step: 3 calls of 1 kernels, estimated, not timed\n"
        "  peak         2 GFLOP/s\n"
        "  bandwidth    1 GB/s, assumed (--bandwidth GBS; vitc doctor)\n"
        "  FLOPs        4000000\n"
        "  bytes        1000000\n"
        "  time         2.000 ms at least: 100.0% limited by compute, 0.0% by memory\n"
        "\n"
        "        ms  share  calls       MFLOP          MB FLOP/byte limit    first  kernel\n"
        "     2.000 100.0%      3       4.000       1.000      4.00 compute      7  matmul f32[8x8]\n"
        "\n"
        "        ms  share  calls       MFLOP          MB FLOP/byte  scope\n"
        "\n"
        " count kernels  blocks   KB each   ms saved   ms spent  chain, from the first kernel on\n"
        "     2       3      64       1.5      2.000      1.000  add f32[8]\n";
    CostSum kernel = {.key = "key",
                      .name = "matmul f32[8x8]",
                      .first = 7,
                      .count = 3,
                      .seconds = 0.002,
                      .flops = 4e6,
                      .bytes = 1e6};
    CostChain chain = {"add f32[8]", 2, 3, 64, 1500, 0.002, 0.001};
    CostReport r = {.recipe = "r",
                    .function = "step",
                    .roofline = {2e9, 1e9},
                    .bandwidth_assumed = true,
                    .calls = 3,
                    .flops = 4e6,
                    .bytes = 1e6,
                    .seconds = 0.002,
                    .compute_seconds = 0.002,
                    .kernels = &kernel,
                    .n_kernels = 1,
                    .chains = &chain,
                    .n_chains = 1};
    TextStream stream;
    char *text = WRITTEN(cost_text, &r);
    assert_string_equal(text, expected);
    free(text);
}

/* Beside what was measured: twice as long as the model says. */
static void test_cost_measured(void **state) {
    (void)state;
    double steps[] = {0.009, 0.005, 0.004};
    ProfileFile profile = {.path = "p.json", .processor = "AMD", .threads = 2, .steps = 3, .seconds = steps};
    CostSum kernel = {.key = "key",
                      .name = "matmul f32[8x8]",
                      .first = 7,
                      .count = 3,
                      .seconds = 0.002,
                      .flops = 4e6,
                      .bytes = 1e6,
                      .measured = 0.004};
    CostReport r = {.recipe = "r",
                    .function = "step",
                    .roofline = {2e9, 1e9},
                    .seconds = 0.002,
                    .profile = &profile,
                    .measured = 0.016,
                    .kernels = &kernel,
                    .n_kernels = 1};
    TextStream stream;
    char *text = WRITTEN(cost_text, &r);
    assert_non_null(strstr(text, ", estimated, and measured\n"));
    assert_non_null(
        strstr(text, "  measured     16.000 ms, the sum of kernels' medians over 3 steps; that of steps is "
                     "5.000 ms; 2 threads of AMD, p.json\n"));
    assert_non_null(strstr(text, "  model ms   measured  x model  share  calls "));
    assert_non_null(strstr(text, "\n     2.000      4.000     2.00  25.0%      3 "));
    free(text);
}

/* ---- bench ------------------------------------------------------------------------------------------------------- */

static void kernel_a(void *const *args, int32_t thread, int32_t threads) {
    (void)args, (void)thread, (void)threads;
}

static void kernel_b(void *const *args, int32_t thread, int32_t threads) {
    (void)args, (void)thread;
    assert_true(threads >= 0);
}

static const VtCall CALLS[] = {
    {.kernel = kernel_a, .product = 1, .name = "matmul one", .flops = 8e9, .bytes = 1e6},
    {.kernel = kernel_b, .name = "add", .flops = 1e6, .bytes = 4e9},
    {.kernel = kernel_a, .product = 1, .name = "matmul two", .flops = 8e9, .bytes = 1e6},
};
static const VtFunction TIMED = {.name = "step", .n_calls = 3, .calls = CALLS};

/* Two kernels, of which the second is a loop with a call in its body, and a copy. */
#define PROFILED(kernel, outer, times)                                                                       \
    "{\"function\": \"step\", \"kernel\": " kernel ", \"outer\": " outer                                     \
    ", \"name\": \"add\", \"kind\": \"loops\", \"phase\": \"update\", \"position\": \"\", \"flops\": 1, "    \
    "\"bytes\": 2, \"single\": false, \"seconds\": " times ", \"thread_seconds\": [0]}"
static const char PROFILE[] =
    "{\"format\": \"vitc-profile-1\", \"version\": \"0\", \"recipe\": \"r\", \"function\": \"step\", "
    "\"target\": \"t\", \"precision\": \"fp32\", \"batch\": 8, \"digest\": \"d\", \"processor\": \"\", "
    "\"threads\": 1, \"steps\": 3, \"seconds\": [9, 7, 8], \"calls\": [" PROFILED(
        "1", "1",
        "[3, 1, 2]") ", " PROFILED("1", "2",
                                   "[1, 1, 1]") ", " PROFILED("0", "2",
                                                              "[0.5, 0, 0.5]") ", " PROFILED("0", "0",
                                                                                             "[4, 4, 5]") "]"
                                                                                                          "}";

static void test_profile_file(void **state) {
    (void)state;
    Arena *arena = arena_new();
    char error[256] = "";
    ProfileFile *p = profile_file_parse(arena, "p", PROFILE, strlen(PROFILE), error, sizeof error);
    if (!p) fail_msg("%s", error);
    assert_int_equal(p->n_calls, 4);
    assert_true(profile_step_seconds(p) == 8 && profile_call_seconds(p, &p->calls[0]) == 2);
    const double *seconds = profile_kernel_seconds(arena, p, 2);
    assert_true(seconds[0] == 2 && seconds[1] == 1.5 && seconds[2] == 4);
    assert_null(profile_file_parse(arena, "p", PROFILE, strlen(PROFILE) - 1, error, sizeof error));
    assert_non_null(strstr(error, "'p' is no profile that vitc bench wrote: line 1: "));
    arena_free(arena);
}

static void test_profile(void **state) {
    (void)state;
    Arena *arena = arena_new();
    const double times[] = {1, 3, 1};
    ProfileReport r = profile_report(arena, &TIMED, times, (Roofline){0}, 1e6);
    assert_int_equal(r.n_kernels, 2);
    assert_true(r.seconds == 5);
    assert_string_equal(r.kernels[0].name, "add"); /* the slowest first */
    assert_string_equal(r.kernels[1].name, "matmul one");
    assert_true(r.kernels[1].calls == 2 && r.kernels[1].seconds == 2 && r.kernels[1].flops == 16e9);
    assert_true(r.peak == ROOF_MEASURED && r.roofline.flops == 8e9);
    assert_string_equal(r.peak_of, "matmul one");
    assert_true(r.bandwidth == ROOF_MEASURED && r.roofline.bytes == 4e9 / 3);
    assert_string_equal(r.bandwidth_of, "add");
    r = profile_report(arena, &TIMED, times, (Roofline){.flops = 1e12}, 1e12); /* all of it fits the cache */
    assert_true(r.peak == ROOF_GIVEN && r.roofline.flops == 1e12);
    assert_true(r.bandwidth == ROOF_UNKNOWN && r.roofline.bytes == INFINITY && !r.bandwidth_of);
    TextStream stream;
    char *text = WRITTEN(profile_text, &r);
    assert_non_null(strstr(text, "peak 1000.0 GFLOP/s: given\nbandwidth inf GB/s: no kernel tells\n"));
    free(text);
    arena_free(arena);
}

static void test_bench(void **state) {
    (void)state;
    VtProgram program = {.train = {.batch = 6}};
    double seconds[] = {4, 2, 3, 9};
    BenchReport r = bench_report(&program, &TIMED, seconds, 4, 2);
    assert_true(r.best == 2 && r.median == 3 && r.images == 3 && r.flops == 8e9);
    TextStream stream;
    char *text = WRITTEN(bench_text, &r);
    assert_string_equal(text, "step: 2000.0 ms (fastest of 4, median 3000.0), 3.0 images/s, 8.0 GFLOP/s in "
                              "matrix products, 2 threads\n");
    free(text);
}

/* ---- data sets --------------------------------------------------------------------------------------------------- */

/* A grey image, whole or cut short, in the test's folder. */
static void write_image(const char *split, const char *class, const char *name, int grey, int width,
                        bool whole) {
    char path[512];
    VtError error;
    snprintf(path, sizeof path, "%s/set/%s/%s", folder, split, class);
    assert_true(vt_make_folders(path, 0777, &error));
    snprintf(path, sizeof path, "%s/set/%s/%s/%s.pgm", folder, split, class, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fprintf(file, "P5 %d 9 255\n", width);
    for (int i = 0; i < (whole ? 9 * width : 5); i++) fputc(grey, file);
    assert_int_equal(fclose(file), 0);
}

static void test_data(void **state) {
    (void)state;
    char path[256];
    VtError error;
    write_image("train", "a", "one", 10, 12, true);
    write_image("train", "a", "two", 20, 12, true);
    write_image("train", "b", "same", 20, 12, true);
    write_image("train", "b", "broken", 30, 12, false);
    write_image("test", "a", "same", 10, 12, true);
    write_image("test", "a", "other", 40, 8, true);
    snprintf(path, sizeof path, "%s/set", folder);
    Arena *arena = arena_new();
    DataReport r;
    assert_true(data_report_open(&r, arena, path, &error));
    assert_int_equal(r.n_images, 6);
    assert_true(r.splits[0].labelled == 4 && r.splits[0].fewest == 2 && r.splits[0].most == 2);
    assert_true(r.splits[1].labelled == 2 && r.splits[1].n_empty == 1 && r.splits[1].per_class[0] == 2);
    assert_null(r.splits[2].set);
    assert_true(data_report_decode(&r, NULL, &error));
    assert_true(r.n_whole == 5 && r.n_broken == 1 && strstr(r.broken[0], "b/broken.pgm"));
    assert_true(r.shorter_low == 8 && r.shorter_high == 9 && r.widest == 12 && r.highest == 9);
    assert_true(r.n_pairs == 2 && r.n_across == 1 && r.n_conflicts == 1);
    assert_true(r.pairs[0].across && !r.pairs[0].conflict && r.pairs[0].first->split == 0);
    assert_true(!r.pairs[1].across && r.pairs[1].conflict);
    TextStream stream;
    char *text = WRITTEN(data_findings_text, &r);
    assert_non_null(
        strstr(text, "duplicates: 1 in one split, 1 across splits\n5 images decoded, 1 broken\n"));
    free(text);
    data_report_close(&r);
    arena_free(arena);
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

/* The value at a path of keys and numbers of elements: "arena.live.1"; it has to be there. */
static const json_t *at(const json_t *value, const char *path) {
    while (value && *path) {
        size_t n = strcspn(path, ".");
        char key[64];
        snprintf(key, sizeof key, "%.*s", (int)n, path);
        value = json_is_array(value) ? json_array_get(value, strtoul(key, NULL, 10))
                                     : json_object_get(value, key);
        path += n + (path[n] == '.');
    }
    assert_non_null(value);
    return value;
}

/* The report as it is written, read again. */
static json_t *read_back(json_t *value) {
    TextStream stream;
    report_write(value, stream_begin(&stream));
    char *text = stream_end(&stream, NULL);
    json_t *read = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(read);
    free(text);
    return read;
}

#define INTEGER(value, path) json_integer_value(at(value, path))
#define TEXT(value, path) json_string_value(at(value, path))

static void test_json(void **state) {
    (void)state;
    MemoryReport memory = by_hand();
    memory.recipe = "caf\xe9"; /* no UTF-8 */
    json_t *json = read_back(memory_json(&memory));
    assert_string_equal(TEXT(json, "recipe"), "caf?");
    assert_int_equal(INTEGER(json, "states.0.tensors"), 2);
    assert_int_equal(INTEGER(json, "limit.taken"), 688);
    assert_int_equal(INTEGER(json, "arena.most_live"), 192);
    assert_int_equal(INTEGER(json, "arena.peak.kernel"), 2); /* as the IR is printed: from 1 */
    assert_int_equal(INTEGER(json, "arena.live.1"), 192);
    assert_int_equal(INTEGER(json, "values.0.offset"), 64);
    assert_string_equal(TEXT(json, "values.1.use"), "result");
    assert_int_equal(INTEGER(json, "rematerialized.kinds.0.count"), 2);
    json_decref(json);

    Arena *arena = arena_new();
    CostReport cost = cost_report(arena, planned(arena, STEP), (Roofline){.flops = 1e9}, NULL);
    json = read_back(cost_json(&cost));
    assert_int_equal(INTEGER(json, "kernels.0.calls"), 2);
    assert_string_equal(TEXT(json, "kernels.0.limit"), "compute");
    assert_int_equal(INTEGER(json, "flops"), (long long)cost.flops);
    assert_true(json_is_false(at(json, "roofline.flops_assumed")));
    assert_true(json_is_true(at(json, "roofline.bytes_assumed")));
    json_decref(json);

    const double times[] = {1, 3, 1};
    ProfileReport profile = profile_report(arena, &TIMED, times, (Roofline){.flops = 1e12}, 1e12);
    json = read_back(profile_json(&profile));
    assert_true(json_is_null(at(json, "roofline.bytes"))); /* infinite */
    assert_string_equal(TEXT(json, "roofline.bytes_from"), "unknown");
    assert_string_equal(TEXT(json, "kernels.1.name"), "matmul one");
    assert_int_equal(INTEGER(json, "kernels.1.calls"), 2);
    json_decref(json);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory),     cmocka_unit_test(test_memory_text),
        cmocka_unit_test(test_memory_svg), cmocka_unit_test(test_cost),
        cmocka_unit_test(test_cost_text),  cmocka_unit_test(test_cost_measured),
        cmocka_unit_test(test_profile),    cmocka_unit_test(test_profile_file),
        cmocka_unit_test(test_bench),      cmocka_unit_test(test_json),
        cmocka_unit_test(test_data),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
