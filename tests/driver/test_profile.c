/* vitc bench --profile=FILE.json and --trace=FILE.json: that their times add up, that the trace keeps to the rules of
 * the format, and that vitc inspect --profile=FILE.json takes what is of its recipe and refuses all else with a
 * reason. */
#include "tests/driver/runs.h"
#include "tests/driver/schema.h"

#include <math.h>
#include <sys/stat.h>

#define RECIPE "dino preset=tiny batch=8"
enum { STEPS = 4, THREADS = 2 };

static json_t *load(const char *name) {
    json_error_t problem;
    json_t *value = json_load_file(path_of(name), JSON_REJECT_DUPLICATES, &problem);
    if (!value) fail_msg("%s:%d: %s", name, problem.line, problem.text);
    return value;
}

static double number(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

static const char *text(const json_t *object, const char *key) {
    const char *value = json_string_value(json_object_get(object, key));
    assert_non_null(value);
    return value;
}

static double sum(const json_t *array) {
    double all = 0;
    for (size_t i = 0; i < json_array_size(array); i++) all += json_number_value(json_array_get(array, i));
    return all;
}

static void measure(const char *recipe, const char *flags) {
    int code = run_command("cd %s && %s bench %s --steps %d --threads %d %s", folder, VITC_BINARY, recipe,
                           STEPS, THREADS, flags);
    if (code) said("");
    assert_int_equal(code, 0);
}

/* ---- the profile ------------------------------------------------------------------------------------------------- */

static double thread_seconds(const json_t *call, size_t thread) {
    return json_number_value(json_array_get(json_object_get(call, "thread_seconds"), thread));
}

/* Of each step, the calls' parts are no more than the step; kernels are numbered in order. */
static void check_profile(const json_t *profile) {
    const json_t *calls = json_object_get(profile, "calls"), *seconds = json_object_get(profile, "seconds"),
                 *call;
    const char *function = text(profile, "function");
    size_t i;
    double last = 0;
    assert_schema_of("profile", profile);
    assert_int_equal(json_array_size(seconds), STEPS);
    for (size_t s = 0; s < STEPS; s++) {
        double parts = 0, step = json_number_value(json_array_get(seconds, s));
        json_array_foreach(calls, i, call) {
            assert_int_equal(json_array_size(json_object_get(call, "seconds")), STEPS);
            parts += json_number_value(json_array_get(json_object_get(call, "seconds"), s));
        }
        assert_true(parts <= step + 1e-6 && parts > 0);
    }
    json_array_foreach(calls, i, call) {
        double kernel = number(call, "kernel"), outer = number(call, "outer");
        assert_int_equal(json_array_size(json_object_get(call, "thread_seconds")), THREADS);
        if (json_is_true(json_object_get(call, "single")))
            assert_true(thread_seconds(call, 0) == 0 || thread_seconds(call, 1) == 0);
        if (outer == 0) continue; /* copies come last */
        assert_true(outer == last || outer == last + 1);
        last = outer;
        if (strcmp(text(call, "function"), function) == 0 && kernel > 0) assert_true(kernel == outer);
    }
    assert_true(last > 10 || strcmp(text(profile, "recipe"), "whitening") == 0);
}

static void test_profile(void **state) {
    (void)state;
    measure(RECIPE, "--profile=p.json");
    assert_true(said("  kernel\n")); /* the table too */
    json_t *profile = load("p.json");
    check_profile(profile);
    assert_string_equal(text(profile, "recipe"), "dino");
    assert_int_equal(number(profile, "batch"), 8);
    json_decref(profile);
    /* A recipe with a loop: calls of its body say in which kernel they run. */
    measure(TEST_DIR "/driver/whitening.yaml", "--profile=loop.json --format=json");
    profile = load("loop.json");
    check_profile(profile);
    size_t i, bodies = 0;
    const json_t *call;
    json_array_foreach(json_object_get(profile, "calls"), i, call) bodies +=
        strcmp(text(call, "function"), "step") != 0;
    assert_true(bodies > 0);
    json_decref(profile);
}

/* ---- the trace --------------------------------------------------------------------------------------------------- */

/* Slices of a track follow each other: none begins before the one before it has ended. */
static void check_slices(const json_t *trace, const json_t *profile) {
    double ends[THREADS + 1] = {0}, in_calls[THREADS] = {0};
    const json_t *calls = json_object_get(profile, "calls"), *event, *call;
    int *seen = calloc(json_array_size(calls) + 1, sizeof *seen);
    size_t i, c;
    json_array_foreach(json_object_get(trace, "traceEvents"), i, event) {
        if (strcmp(text(event, "ph"), "X") != 0) continue;
        int track = (int)number(event, "tid");
        assert_true(track >= 0 && track <= THREADS);
        assert_true(number(event, "ts") >= ends[track] - 1e-5); /* to the nanosecond */
        ends[track] = number(event, "ts") + number(event, "dur");
        if (track == 0) continue;
        in_calls[track - 1] += number(event, "dur") * 1e-6;
        const json_t *args = json_object_get(event, "args");
        json_array_foreach(calls, c, call) if (strcmp(text(call, "name"), text(event, "name")) == 0 &&
                                               number(call, "kernel") == number(args, "kernel")) {
            seen[c]++;
            assert_true(number(call, "flops") == number(args, "flops"));
            if (json_object_get(args, "position"))
                assert_string_equal(text(args, "position"), text(call, "position"));
            assert_non_null(strstr(text(event, "cat"), text(call, "phase")));
        }
    }
    json_array_foreach(calls, c, call) assert_true(seen[c] >= STEPS);
    for (int t = 0; t < THREADS; t++) { /* all of each thread's time in calls is there */
        double all = 0;
        json_array_foreach(calls, c, call) all +=
            STEPS * json_number_value(json_array_get(json_object_get(call, "thread_seconds"), (size_t)t));
        assert_true(fabs(all - in_calls[t]) < 1e-3 * all + 1e-6 * (double)json_array_size(calls));
    }
    free(seen);
}

/* Every track that has slices has a name; the counter's most is what the memory plan says. */
static void check_tracks(const json_t *trace) {
    const json_t *event;
    int named[THREADS + 1] = {0}, steps = 0;
    double most = 0;
    size_t i;
    json_array_foreach(json_object_get(trace, "traceEvents"), i, event) {
        const json_t *args = json_object_get(event, "args");
        if (strcmp(text(event, "name"), "thread_name") == 0) named[(int)number(event, "tid")]++;
        if (strcmp(text(event, "ph"), "C") == 0) most = fmax(most, number(args, "bytes"));
        if (strcmp(text(event, "ph"), "X") == 0 && number(event, "tid") == 0)
            assert_int_equal(number(args, "step"), ++steps);
    }
    assert_int_equal(steps, STEPS);
    for (int t = 0; t <= THREADS; t++) assert_int_equal(named[t], 1);
    assert_int_equal(run_command("%s inspect " RECIPE " --memory --format=json", VITC_BINARY), 0);
    json_t *memory = load("log");
    const json_t *arena = json_object_get(json_object_get(memory, "memory"), "arena");
    assert_true(most == number(arena, "most_live"));
    json_decref(memory);
}

static void test_trace(void **state) {
    (void)state;
    measure(RECIPE, "--profile=p.json --trace=t.json");
    json_t *trace = load("t.json"), *profile = load("p.json");
    assert_schema_of("trace", trace);
    check_slices(trace, profile);
    check_tracks(trace);
    json_decref(trace);
    json_decref(profile);
    measure(RECIPE, "--trace=t.json"); /* alone, and over the old one */
    assert_true(said("  kernel\n"));
}

/* ---- inspect --profile ------------------------------------------------------------------------------------------- */

static void test_taken(void **state) {
    (void)state;
    measure(RECIPE, "--profile=p.json");
    assert_int_equal(run_command("%s inspect " RECIPE " --cost --profile=%s", VITC_BINARY, path_of("p.json")),
                     0);
    assert_true(said("  model ms   measured  x model  share  calls "));
    assert_true(said("medians over 4 steps"));
    assert_int_equal(run_command("%s inspect " RECIPE " --cost --format=json --profile=%s", VITC_BINARY,
                                 path_of("p.json")),
                     0);
    json_t *report = load("log"), *profile = load("p.json");
    assert_schema_of("inspect-report", report);
    const json_t *cost = json_object_get(report, "cost"), *measured = json_object_get(cost, "measured"), *row;
    double kernels = 0, scopes = 0, least = 0;
    size_t i;
    json_array_foreach(json_object_get(cost, "kernels"), i, row) kernels += number(row, "measured");
    json_array_foreach(json_object_get(cost, "scopes"), i, row) scopes += number(row, "measured");
    json_array_foreach(json_object_get(profile, "calls"), i, row) {
        double fastest = INFINITY;
        for (size_t s = 0; s < STEPS; s++)
            fastest = fmin(fastest, json_number_value(json_array_get(json_object_get(row, "seconds"), s)));
        least += fastest;
    }
    assert_true(fabs(kernels - number(measured, "seconds")) < 1e-9);
    assert_true(fabs(scopes - kernels) < 1e-9 && kernels >= least);
    assert_true(sum(json_object_get(profile, "seconds")) >= STEPS * 0.5 * least);
    json_decref(report);
    json_decref(profile);
}

/* A profile in which a text was replaced by another of any length. */
static void write_changed(const char *from, const char *to) {
    char *log = calloc(1, 1 << 22);
    FILE *in = fopen(path_of("p.json"), "r"), *out = fopen(path_of("q.json"), "w");
    size_t n = fread(log, 1, (1 << 22) - 1, in);
    char *at = strstr(log, from);
    assert_true(n > 0 && at);
    fwrite(log, 1, (size_t)(at - log), out);
    fputs(to, out);
    fputs(at + strlen(from), out);
    fclose(in);
    fclose(out);
    free(log);
}

static void test_refused(void **state) {
    static const struct {
        const char *recipe, *from, *to, *message;
    } cases[] = {
        {"mae preset=tiny batch=8", "", "", "is of another recipe: 'dino', here it is 'mae'"},
        {"dino preset=tiny batch=16", "", "", "is of another batch: '8', here it is '16'"},
        {"dino preset=tiny batch=8 train.precision=bf16", "", "",
         "is of another precision: 'fp32', here it is 'bf16'"},
        {"dino preset=tiny batch=8 --target=generic", "", "", "is of another target: '"},
        {"dino preset=tiny batch=8 --function=embed", "", "",
         "is of another function: 'step', here it is 'embed'"},
        {"dino preset=tiny batch=8 depth=1", "", "", "is of other kernels: number "},
        {RECIPE, "\"xxh3:", "\"xxh3:0", "is of other kernels: other settings, another version of vitc"},
        {RECIPE, "{", "[", "is no profile that vitc bench wrote: line 2: "},
        {RECIPE, "vitc-profile-1", "vitc-profile-2", "its format is 'vitc-profile-2', not 'vitc-profile-1'"},
        {RECIPE, "\"format\"", "\"fromat\"", "there is no \"format\""},
        {RECIPE, "\"steps\": 4", "\"steps\": 5",
         "\"seconds\" is no list of 5 numbers from 0 on, one for each step"},
        {RECIPE, "\"steps\": 4", "\"steps\": 0", "\"steps\" is no whole number from 1 to "},
        {RECIPE, "\"threads\": 2", "\"threads\": 3", "calls[0]: \"thread_seconds\" is no list of 3 numbers"},
        {RECIPE, "\"kind\": ", "\"kind\": 7, \"kin\": ", "calls[0]: \"kind\" is no text"},
        {RECIPE, "\"flops\": ", "\"flops\": -1, \"flop\": ", "calls[0]: \"flops\" is no number from 0 on"},
        {RECIPE, "\"kernel\": 1", "\"kernel\": 1.5", "calls[0]: \"kernel\" is no whole number from 0 to "},
        {RECIPE, "\"kernel\": 1,", "\"kernel\": 99999,",
         "is damaged: calls[0] is of no kernel of @step, which has "},
        {RECIPE, "\"outer\": 1,", "\"outer\": 99999,",
         "is damaged: calls[0] is of no kernel of @step, which has "},
        {RECIPE, "\"kernel\": 1,\n   \"outer\": 1,", "\"kernel\": 2,\n   \"outer\": 2,",
         "is damaged: kernel 1 has no call"},
        {RECIPE, "\"calls\": [", "\"calls\": [3, ", "calls[0] is no object"},
        {RECIPE, "\"single\": true", "\"single\": true, \"single\": true", "line "}, /* a key twice */
    };
    (void)state;
    measure(RECIPE, "--profile=p.json");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_changed(cases[i].from, cases[i].to);
        int code =
            run_command("%s inspect %s --cost --profile=%s", VITC_BINARY, cases[i].recipe, path_of("q.json"));
        if (code != 2 || !log_holds(cases[i].message)) {
            said("");
            fail_msg("%s: %s", cases[i].recipe, cases[i].message);
        }
    }
    assert_int_equal(
        run_command("%s inspect " RECIPE " --cost --profile=%s", VITC_BINARY, path_of("none.json")), 2);
    assert_true(said("cannot read '") && said("none.json': No such file or directory"));
    assert_int_equal(run_command("%s inspect " RECIPE " --cost --profile=%s", VITC_BINARY, folder), 2);
    assert_true(said("cannot read '") && said("Is a directory"));
}

/* ---- what cannot be done ----------------------------------------------------------------------------------------- */

/* Said before anything runs: no file is there afterwards. */
static void test_bad_requests(void **state) {
    static const char *const cases[][2] = {
        {"--profile=p.yaml", "--profile=p.yaml: a file that ends in .json was expected"},
        {"--trace=out", "--trace=out: a file that ends in .json was expected"},
        {"--profile=x.json --trace=x.json", "are to write the same file, 'x.json'"},
        {"--profile=p.json --steps=20000", "a profile has at most 10000 steps"},
        {"--profile=file/x.json", "file"},
        {"--trace=folder.json", "folder.json"},
    };
    (void)state;
    assert_int_equal(mkdir(path_of("folder.json"), 0777), 0);
    fclose(fopen(path_of("file"), "w"));
    remove(path_of("p.json"));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int code = run_command("cd %s && %s bench " RECIPE " %s", folder, VITC_BINARY, cases[i][0]);
        if (code == 0 || !log_holds(cases[i][1]) || log_holds("step: ")) {
            said("");
            fail_msg("%s: %s", cases[i][0], cases[i][1]);
        }
        assert_true(access(path_of("p.json"), F_OK) != 0);
    }
    static const char *const asked[][2] = {
        {"VITC_PERF=maps", "VITC_PERF=maps: map, dump or off was expected"},
        {"VITC_GDB=1", "VITC_GDB=1: names, lines or off was expected"}};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(run_command("%s %s bench " RECIPE " --steps 1", asked[i][0], VITC_BINARY), 2);
        assert_true(said(asked[i][1]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_profile), cmocka_unit_test(test_trace),        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_bad_requests),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
