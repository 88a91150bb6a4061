/* Surroundings that fail: memory, files and threads that are refused, one call after another (inject.c), under every
 * verb.
 *
 * Whatever call fails: no signal, no hang; exit 0 only with the results of an undisturbed run; else one message, exit 1
 * or 2, and no half of a file under its final name. Some calls of each kind are tried, ever farther apart. By hand:
 * FAULTS=1 tries all calls and lists what is wrong, FAULTS=7 every seventh, FAULTS=1:train those of one scenario;
 * FAULT_FIRST=600 begins there, FAULT_TRACE=1 shows who made the call. */
#include "tests/runtime/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

enum { FEW = 7, HANG_SECONDS = 60, N_SEEN = 8 };

typedef struct {
    const char *name;
    const char *command[24]; /* after "vitc", or of a program, run in a copy of the pristine folder */
    const char *results[4];  /* files that an exit code of 0 vouches for */
    bool prints;             /* so does it for standard output */
    const char *cache;
} Scenario;

#define TRAIN "train", "tiny.yaml", "--data", "images", "--plain", "--threads", "2", "--workers", "1"
#define BUILT "./vitc"
static const Scenario SCENARIOS[] = {
    {"check", {"check", "tiny.yaml"}, {0}, true, "off"},
    {"init", {"init", "mine", "--from", "tiny.yaml"}, {"mine.yaml"}, true, "off"},
    {"help", {"help", "train"}, {0}, true, "off"},
    {"manual", {"help", "--man=."}, {"vitc.1", "vitc-train.1"}, true, "off"},
    {"inspect", {"inspect", "tiny.yaml", "--after", "fuse"}, {0}, true, "off"},
    {"diff", {"inspect", "tiny.yaml", "--diff", "fuse"}, {0}, true, "off"},
    {"graph", {"inspect", "tiny.yaml", "--format=json"}, {0}, true, "off"},
    {"picture", {"inspect", "tiny.yaml", "--memory", "plan.svg"}, {"plan.svg"}, true, "off"},
    {"drawing", {"inspect", "tiny.yaml", "--format=svg", "-o", "step.svg"}, {"step.svg"}, true, "off"},
    {"json", {"inspect", "tiny.yaml", "--memory", "--cost", "--format=json"}, {0}, true, "off"},
    {"profile",
     {"bench", "tiny.yaml", "--steps", "1", "--threads", "2", "--profile=p.json", "--trace=t.json"},
     {0},
     false,
     "off"},
    {"measured", {"inspect", "tiny.yaml", "--cost", "--profile=measured.json"}, {0}, true, "off"},
    {"opt", {"opt", "--passes", "simplify,autodiff,expand", "tiny.ir"}, {0}, true, "off"},
    {"run",
     {"run", "tiny.yaml", "--in", "in.safetensors", "--out", "out.safetensors", "--rename", "names.yaml"},
     {"out.safetensors"},
     false,
     "off"},
    {"interpret",
     {"run", "tiny.yaml", "--in", "in.safetensors", "--out", "out.safetensors", "--interpret"},
     {"out.safetensors"},
     false,
     "off"},
    {"train",
     {TRAIN, "--out", "fresh", "--steps", "2"},
     {"fresh/checkpoint.safetensors", "fresh/recipe.yaml", "fresh/metrics.jsonl"},
     false,
     "cache"},
    {"cold",
     {TRAIN, "--out", "fresh", "--steps", "1"},
     {"fresh/checkpoint.safetensors", "fresh/recipe.yaml", "fresh/metrics.jsonl"},
     false,
     "cold"},
    {"watched",
     {"train", "words.yaml", "--data", "images", "--plain", "--threads", "2", "--workers", "1", "--out",
      "fresh", "--init", "in.safetensors", "--only", "net.*"},
     {"fresh/checkpoint.safetensors", "fresh/metrics.jsonl", "fresh/images/step_000001.png"},
     false,
     "cache"},
    {"resume",
     {TRAIN, "--out", "run", "--resume", "--steps", "4"},
     {"run/checkpoint.safetensors", "run/recipe.yaml", "run/metrics.jsonl"},
     false,
     "cache"},
    {"build", {"build", "tiny.yaml", "--emit=obj", "-o", "tiny.o"}, {"tiny.o"}, true, "off"},
    {"data", {"data", "check", "images"}, {0}, true, "off"},
    {"tar", {"data", "check", "images.tar"}, {0}, true, "off"},
    {"eval", {"eval", "knn", "run", "--data", "images", "--k", "2"}, {0}, true, "cache"},
    {"retrieval", {"eval", "retrieval", "run", "--data", "images", "--within"}, {0}, true, "cache"},
    {"linear",
     {"eval", "linear", "run", "--data", "images", "--epochs", "2", "--rates", "0.1", "--threads", "2"},
     {"run/eval.json"},
     false,
     "cache"},
    {"finetune",
     {"eval", "finetune", "run", "preset=tiny", "batch=4", "--epochs", "1", "--data", "images", "--threads",
      "2"},
     {"run/finetune/checkpoint.safetensors", "run/eval.json"},
     false,
     "cache"},
    {"embed",
     {"embed", "run", "--data", "images", "--out", "a.safetensors", "--names", "a.txt", "--normalize"},
     {"a.safetensors", "a.txt"},
     true,
     "cache"},
    /* A built program, which calls itself vitc. */
    {"built",
     {BUILT, "train", "--data", "images", "--plain", "--threads", "2", "--workers", "1", "--out", "fresh",
      "--steps", "2", "train.seed=3"},
     {"fresh/checkpoint.safetensors", "fresh/recipe.yaml", "fresh/metrics.jsonl"},
     false,
     "off"},
    {"goes on",
     {BUILT, "resume", "run", "--steps", "4", "--threads", "2", "--workers", "1", "--plain"},
     {"run/checkpoint.safetensors", "run/recipe.yaml", "run/metrics.jsonl"},
     false,
     "off"},
    {"info", {BUILT, "info", "--json"}, {0}, true, "off"},
};
enum { N_SCENARIOS = sizeof SCENARIOS / sizeof *SCENARIOS };
static const char *const KINDS[] = {"memory", "open", "read", "write", "thread"};
enum { N_KINDS = sizeof KINDS / sizeof *KINDS };

static const char RECIPE[] =
    "recipe: tiny\n"
    "views:\n"
    "  view: {count: 2, size: 6, augment: [random_resized_crop: {scale: [0.4, 1]}, color_jitter: {}, blur: "
    "{}, normalize]}\n"
    "  image: {size: 6, augment: [center_crop, normalize]}\n"
    "draws:\n"
    "  mask: {sampler: block_mask, shape: [4, 6, 6]}\n"
    "modules:\n"
    "  momentum(param, grad): |\n"
    "    m = buffer(zeros(shape(param)))\n"
    "    m := 0.9 * m + grad\n"
    "    return param - 0.1 * m\n"
    "networks:\n"
    "  net: |\n"
    "    weight = param(108, 5, init=normal(0.1))\n"
    "    return reshape(x, dim(x, 0), -1) @ weight\n"
    "objectives:\n"
    "  agree:\n"
    "    loss: |\n"
    "      a, b = [normalize(net(v)) for v in (view[0] * reshape(mask, 4, 1, 6, 6), view[1])]\n"
    "      return cross_entropy(a @ transpose(b), cast(arange(4), 'i32'))\n"
    "embed: {view: image, features: net(image)}\n"
    "train: {batch: 4, epochs: 2, optimizer: \"momentum(param, grad)\"}\n";

/* ---- processes --------------------------------------------------------------------------------------------------- */

static char *read_whole(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    *size = 0;
    if (!file) return NULL;
    size_t room = 1 << 20;
    char *bytes = malloc(room + 1);
    assert_non_null(bytes);
    for (size_t n; (n = fread(bytes + *size, 1, room - *size, file)) > 0;) {
        *size += n;
        if (*size == room) assert_non_null(bytes = realloc(bytes, (room *= 2) + 1));
    }
    bytes[*size] = '\0';
    fclose(file);
    return bytes;
}

/* Runs vitc in a folder; its output lands in files beside it. `fault`: for inject.c, or NULL. The status of waitpid. */
static int vitc(const char *folder, const char *const *command, const char *cache, const char *fault) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char cache_folder[600];
        snprintf(cache_folder, sizeof cache_folder, "%s/%s", in_folder("caches"), cache);
        setenv("VITC_CACHE", strcmp(cache, "off") == 0 ? "off" : cache_folder, 1);
        setenv("OMP_NUM_THREADS", "2", 1);
        if (fault) {
            setenv("LD_PRELOAD", FAULT_LIBRARY, 1);
            setenv("FAULT", fault, 1);
            setenv("FAULT_LOG", in_folder("fault.log"), 1);
        }
        const char *argv[32] = {VITC_BINARY};
        int own = strcmp(command[0], BUILT) == 0;
        for (int i = 0; command[i]; i++) argv[i + 1 - own] = command[i];
        alarm(HANG_SECONDS);
        int out = open(in_folder("stdout"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        int error = open(in_folder("stderr"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (chdir(folder) != 0 || dup2(out, 1) < 0 || dup2(error, 2) < 0) _exit(99);
        close(out);
        close(error);
        execv(argv[0], (char **)argv);
        _exit(99);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

static void must(int status) {
    size_t size;
    if (status == 0) return;
    char *text = read_whole(in_folder("stderr"), &size);
    fail_msg("vitc without faults: status %d: %s", status, text ? text : "");
}

static void copy_folder(const char *from, const char *to) {
    char command[1100];
    snprintf(command, sizeof command, "rm -rf '%s' && cp -a '%s' '%s'", to, from, to);
    assert_int_equal(system(command), 0);
}

/* ---- what runs start from ---------------------------------------------------------------------------------------- */

static void make_pristine(void) {
    static const char IR[] =
        "module @m {\n  state %w : f32[3x4] = normal(mean = 0, std = 1), role = param\n"
        "  func @step(%x : f32[2x3]) {\n    %0 = matmul %x, %w : f32[2x4]\n    %1 = softmax %0 : f32[2x4]\n"
        "    %2 = sum %1 {axes = [0, 1]} : f32\n    %3 = grad %2, %w : f32[3x4]\n    output loss = %2\n"
        "    update w = %3\n  }\n}\n";
    static const char NAMES[] = "\"view.*\": \"view.*\"\n";
    static const char WORDS[] = "metrics: {held: {value: \"mean(net(image) ** 2)\", on: test, every: 0.5}}\n"
                                "log_images: {views: [view], count: 2, shown: \"view[0] * 0.5\"}\n";
    char name[64], words[4096];
    for (int i = 0; i < 24; i++) {
        snprintf(name, sizeof name, "pristine/images/%s/%d/%d.png", i % 3 ? "train" : "test", i % 2, i);
        write_png(name, 9, 8, i);
    }
    char command[300];
    snprintf(command, sizeof command, "tar -C '%s/pristine' -cf '%s/pristine/images.tar' images", folder_root,
             folder_root);
    assert_int_equal(system(command), 0);
    write_file("caches/", "", 0);
    write_file("pristine/tiny.yaml", RECIPE, strlen(RECIPE));
    snprintf(words, sizeof words, "%s%s", RECIPE, WORDS);
    write_file("pristine/words.yaml", words, strlen(words));
    write_file("pristine/tiny.ir", IR, strlen(IR));
    write_file("pristine/names.yaml", NAMES, strlen(NAMES));
    static float values[4 * 108];
    for (int i = 0; i < 4 * 108; i++) values[i] = (float)(i % 17) / 8 - 1;
    const VtNamedTensor tensors[] = {
        {{.name = "view.0", .dtype = VT_F32, .rank = 4, .dim = {4, 3, 6, 6}}, values},
        {{.name = "view.1", .dtype = VT_F32, .rank = 4, .dim = {4, 3, 6, 6}}, values + 3},
        {{.name = "mask", .dtype = VT_F32, .rank = 3, .dim = {4, 6, 6}}, values},
        {{.name = "net.weight", .dtype = VT_F32, .rank = 2, .dim = {108, 5}}, values},
    };
    VtError error;
    if (!vt_tensors_write(in_folder("pristine/in.safetensors"), tensors, 4, NULL, &error))
        fail_msg("%s", error.message);
    static const char *const start[] = {TRAIN, "--out", "run", "--steps", "2", NULL};
    must(vitc(in_folder("pristine"), start, "cache", NULL));
    static const char *const build[] = {"build", "tiny.yaml", "-o", "vitc", NULL};
    must(vitc(in_folder("pristine"), build, "off", NULL));
    static const char *const bench[] = {"bench", "tiny.yaml", "--steps", "2", "--profile=measured.json",
                                        NULL};
    must(vitc(in_folder("pristine"), bench, "off", NULL));
}

/* ---- what is right ----------------------------------------------------------------------------------------------- */

typedef struct {
    char *bytes;
    size_t size;
} Bytes;
typedef struct {
    Bytes files[4], printed;
} Results;

/* Lines of metrics without what the clock says, which is all after the loss. */
static void forget_time(Bytes *b) {
    char *out = b->bytes;
    for (char *line = b->bytes, *end; line && (end = strchr(line, '\n')); line = end + 1) {
        char *time = strstr(line, "\"seconds\"");
        if (!time || time > end) time = strstr(line, "\"images_per_second\"");
        size_t n = time && time < end ? (size_t)(time - line) : (size_t)(end - line);
        memmove(out, line, n);
        out += n;
        *out++ = '\n';
    }
    if (b->bytes) b->size = (size_t)(out - b->bytes);
}

static Results results_of(const Scenario *s, const char *folder) {
    Results r = {0};
    char path[700];
    for (int i = 0; s->results[i]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, s->results[i]);
        r.files[i].bytes = read_whole(path, &r.files[i].size);
        if (strstr(path, "metrics.jsonl")) forget_time(&r.files[i]);
    }
    r.printed.bytes = read_whole(in_folder("stdout"), &r.printed.size);
    return r;
}

static void free_results(Results *r) {
    for (int i = 0; i < 4; i++) free(r->files[i].bytes);
    free(r->printed.bytes);
}

static bool same(const Bytes *a, const Bytes *b) {
    return !a->bytes == !b->bytes && a->size == b->size &&
           (!a->bytes || memcmp(a->bytes, b->bytes, a->size) == 0);
}

static char problem[2048];
#define WRONG(...) (snprintf(problem, sizeof problem, __VA_ARGS__), false)

static bool success_is_right(const Scenario *s, const Results *good, const char *folder) {
    Results now = results_of(s, folder);
    bool right = true;
    for (int i = 0; right && s->results[i]; i++)
        if (!same(&good->files[i], &now.files[i])) right = WRONG("exit 0, but %s differs", s->results[i]);
    if (right && s->prints && !same(&good->printed, &now.printed)) right = WRONG("exit 0, but other output");
    free_results(&now);
    return right;
}

/* A file under its final name is as before, or whole. */
static bool failure_is_right(const Scenario *s, const Results *before, const Results *good,
                             const char *folder) {
    static const char *const reasons[] = {
        "memory",   "Too many open files",     "Input/output error", "No space left",
        "Resource", "temporarily unavailable", "Cannot allocate"};
    size_t size, messages = 0;
    char *text = read_whole(in_folder("stderr"), &size), path[700], command[700];
    bool named = false, right = true;
    for (size_t i = 0; text && i < sizeof reasons / sizeof *reasons; i++)
        named |= strstr(text, reasons[i]) != NULL;
    for (char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        messages += strncmp(line, "vitc: ", 6) == 0 || strstr(line, "error: ") != NULL;
    bool progress =
        text && strstr(text, "progress cannot be written"); /* said when it happens, and at the end */
    named |= text && strstr(text, "standard output");       /* whose first error nobody keeps */
    if (!named || messages != 1 + (size_t)progress)
        right = WRONG("%zu messages%s: %.900s", messages, named ? "" : ", no reason", text ? text : "");
    free(text);
    Results now = results_of(s, folder);
    for (int i = 0; right && s->results[i]; i++) {
        const Bytes *file = &now.files[i];
        if (same(file, &before->files[i]) || same(file, &good->files[i])) continue;
        snprintf(path, sizeof path, "%s/%s", folder, s->results[i]);
        VtError error;
        VtTensorFile *tensors = strstr(path, ".safetensors") ? vt_tensors_open(path, &error) : NULL;
        if (!tensors && !strstr(path, "metrics.jsonl")) right = WRONG("half of %s", s->results[i]);
        vt_tensors_close(tensors);
    }
    free_results(&now);
    snprintf(command, sizeof command, "test -z \"$(find '%s' -name '*tmp*')\"", folder);
    if (right && system(command) != 0) right = WRONG("a temporary file is left");
    return right;
}

static bool is_right(const Scenario *s, int status, const Results *before, const Results *good) {
    const char *folder = in_folder("work");
    if (WIFSIGNALED(status))
        return WRONG(WTERMSIG(status) == SIGALRM ? "hangs" : "signal %d", WTERMSIG(status));
    int code = WEXITSTATUS(status);
    if (code == 0) return success_is_right(s, good, folder);
    if (code != 1 && code != 2) return WRONG("exit %d", code);
    return failure_is_right(s, before, good, folder);
}

/* ---- all calls, or some ------------------------------------------------------------------------------------------ */

static int findings;
static long stride; /* 0: some calls, and the first finding ends the test */

/* False: the run has fewer calls of the kind than that. */
static bool try(const Scenario *s, const char *kind, long number, bool stays, const Results *before,
                const Results *good) {
    char fault[64];
    size_t size;
    snprintf(fault, sizeof fault, "%s:%ld%s", kind, number, stays ? "+" : "");
    unlink(in_folder("fault.log"));
    copy_folder(in_folder("pristine"), in_folder("work"));
    if (strcmp(s->cache, "cold") == 0) copy_folder(in_folder("caches/empty"), in_folder("caches/cold"));
    int status = vitc(in_folder("work"), s->command, s->cache, fault);
    char *log = read_whole(in_folder("fault.log"), &size);
    if (!log) return false;
    if (!getenv("FAULT_TRACE")) log[strcspn(log, "\n")] = '\0';
    if (!is_right(s, status, before, good)) {
        findings++;
        if (!stride) fail_msg("%s, FAULT=%s (%s): %s", s->name, fault, log, problem);
        printf("%s, FAULT=%s (%s): %s\n", s->name, fault, log, problem);
        fflush(stdout);
    }
    free(log);
    return true;
}

/* All numbers, or a few: the first, then ever farther apart. */
static void try_kind(const Scenario *s, const char *kind, bool stays, const Results *before,
                     const Results *good) {
    long step = 1, number = getenv("FAULT_FIRST") ? atol(getenv("FAULT_FIRST")) : 1;
    for (int i = 0; (stride || i < FEW) && try(s, kind, number, stays, before, good); i++) {
        number += stride ? stride : step;
        step *= 3;
    }
}

static void test_scenario(void **state) {
    const Scenario *s = *state;
    findings = 0;
    copy_folder(in_folder("pristine"), in_folder("work"));
    mkdir(in_folder("caches/empty"), 0700);
    Results before = results_of(s, in_folder("work"));
    must(vitc(in_folder("work"), s->command, s->cache, NULL));
    Results good = results_of(s, in_folder("work"));
    for (int k = 0; k < N_KINDS; k++) {
        try_kind(s, KINDS[k], false, &before, &good);
        if (stride || k == 0) try_kind(s, KINDS[k], true, &before, &good);
    }
    free_results(&before);
    free_results(&good);
    assert_int_equal(findings, 0);
}

static int prepare(void **state) {
    if (folder_make(state) != 0) return -1;
    make_pristine();
    return 0;
}

int main(void) {
    const char *asked = getenv("FAULTS");
    struct CMUnitTest tests[N_SCENARIOS];
    size_t n = 0;
    stride = asked ? atol(asked) : 0;
    for (int i = 0; i < N_SCENARIOS; i++) {
        if (asked && strchr(asked, ':') && strcmp(strchr(asked, ':') + 1, SCENARIOS[i].name) != 0) continue;
        tests[n++] = (struct CMUnitTest){
            .name = SCENARIOS[i].name, .test_func = test_scenario, .initial_state = (void *)&SCENARIOS[i]};
    }
    return _cmocka_run_group_tests("faults", tests, n, prepare, folder_remove);
}
