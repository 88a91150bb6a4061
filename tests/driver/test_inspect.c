/* What `vitc inspect` tells of memory and cost is true of the IR it prints: sums are made again here from the text
 * form, which knows nothing of the code that reports. Also --timing, bench --profile, and what is refused. */
#include "ir/plan/plan.h"
#include "ir/ir.h"
#include "tests/driver/folder.h"
#include "runtime/runtime.h"

#include <ctype.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAE "mae preset=tiny batch=8"

static const char *const RECIPES[] = {
    MAE,
    SOURCE_DIR "/models/moco.yaml preset=tiny batch=8",
    SOURCE_DIR "/models/paper/swav.yaml preset=tiny batch=8",
};
enum { N_RECIPES = sizeof RECIPES / sizeof *RECIPES };

static char *read_all(const char *name) {
    char path[256], *text = NULL;
    size_t size = 0;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb"), *out = open_memstream(&text, &size);
    assert_non_null(file);
    for (int c; (c = fgetc(file)) != EOF;) fputc(c, out);
    fclose(file);
    fclose(out);
    return text;
}

/* Runs vitc in the folder; its output is then in the files `out` and `err`. Returns the exit code. */
static int vitc(const char *format, ...) {
    char arguments[1024], command[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(arguments, sizeof arguments, format, args);
    va_end(args);
    snprintf(command, sizeof command, "cd %s && %s %s >out 2>err", folder, VITC_BINARY, arguments);
    int status = system(command);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* The standard output of a run that must succeed; the caller frees it. */
#define GOOD(...) (assert_int_equal(vitc(__VA_ARGS__), 0), read_all("out"))

/* The number after the first line that starts with `label`, blanks before it aside. */
static double number_after(const char *text, const char *label) {
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += strspn(line, " \n");
        if (strncmp(line, label, strlen(label)) == 0) return strtod(line + strlen(label), NULL);
    }
    fail_msg("no line '%s' in:\n%s", label, text);
    return 0;
}

/* A function of a recipe after all passes, by way of its text. */
static const Func *load(Arena *arena, const char *recipe, const char *name) {
    char *text = GOOD("inspect %s --full", recipe);
    Module *module =
        module_parse(arena, diags_new(arena), "printed", arena_strdup(arena, text), strlen(text));
    free(text);
    assert_non_null(module);
    const Func *func = module_find_func(module, name);
    assert_non_null(func);
    return func;
}

static bool is_planned(const Func *func, ValueId id) {
    PlaceKind kind = func->plan->places[id].kind;
    return kind == PLACE_ARENA || kind == PLACE_BLOCK;
}

static int64_t planned_bytes(const Func *func, ValueId id) {
    return (type_bytes(func_type(func, id)) + 63) / 64 * 64;
}

/* Kernels of printed IR are numbered from 1 in order of execution. */
static uint32_t number_of_kernel(const Func *func, ValueId id) {
    return func->plan->kernel_of[id] + 1;
}

/* The last kernel that needs a value. */
static uint32_t last_need(const Func *func, ValueId value, uint32_t n_kernels) {
    uint32_t last = number_of_kernel(func, value);
    for (ValueId id = value; id < func->count; id++)
        for (int o = 0; o < func_node(func, id)->n_operands; o++)
            if (func_node(func, id)->operands[o] == value) last = number_of_kernel(func, id);
    for (size_t i = 0; i < func->n_outputs; i++)
        if (func->outputs[i].value == value) last = n_kernels;
    for (size_t i = 0; i < func->n_updates; i++)
        if (func->updates[i].value == value) last = n_kernels;
    return last;
}

static uint32_t count_kernels(const Func *func) {
    return (uint32_t)func->plan->n_kernels;
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

/* The largest live sum and the first kernel that has it. */
static int64_t find_peak(const Func *func, uint32_t *kernel) {
    uint32_t n = count_kernels(func);
    int64_t *live = calloc(n + 2, sizeof *live), most = 0;
    for (ValueId id = 0; id < func->count; id++) {
        if (!is_planned(func, id)) continue;
        uint32_t last = last_need(func, id, n);
        for (uint32_t k = number_of_kernel(func, id); k <= last; k++) live[k] += planned_bytes(func, id);
    }
    for (uint32_t k = 1; k <= n; k++)
        if (live[k] > most) most = live[ *kernel = k];
    free(live);
    return most;
}

/* Node of a printed number. */
static ValueId numbered(const Func *func, uint32_t number) {
    for (ValueId id = 0; id < func->count; id++)
        if (func_node(func, id)->number == number) return id;
    fail_msg("no such value");
    return IR_NONE;
}

/* The rows "bytes born died use %N name" are the 15 largest values of those that live at the peak, in order. */
static void check_largest(const Func *func, const char *table, uint32_t peak) {
    long long bytes, before = INT64_MAX;
    unsigned born, died, number, n_kernels = count_kernels(func), rows = 0, live = 0;
    bool *shown = calloc(func->count, sizeof *shown);
    const char *line = strstr(table, "the largest of them\n");
    assert_non_null(line);
    for (; (line = strchr(line, '\n')) && line[1]; rows++) {
        line++;
        assert_int_equal(sscanf(line, "%lld %u %u %*s %%%u ", &bytes, &born, &died, &number), 4);
        ValueId id = numbered(func, number);
        assert_true(is_planned(func, id) && !shown[id] && bytes <= before);
        assert_int_equal(bytes, planned_bytes(func, id));
        assert_int_equal(born, number_of_kernel(func, id));
        assert_int_equal(died, last_need(func, id, n_kernels));
        before = bytes;
        shown[id] = true;
    }
    for (ValueId id = 0; id < func->count; id++) {
        bool lives = is_planned(func, id) && number_of_kernel(func, id) <= peak &&
                     last_need(func, id, n_kernels) >= peak;
        live += lives;
        assert_true(lives ? shown[id] || planned_bytes(func, id) <= before : !shown[id]);
    }
    assert_int_equal(rows, live < 15 ? live : 15);
    free(shown);
}

static void check_memory(const char *recipe, const char *name) {
    Arena *arena = arena_new();
    const Func *func = load(arena, recipe, name);
    uint32_t kernel = 0;
    int64_t most = find_peak(func, &kernel), states = 0, kinds = 0;
    char *table = GOOD("inspect %s --memory --function %s", recipe, name);
    assert_true(number_after(table, "most live") == (double)most);
    assert_true(number_after(table, "planned") == (double)func->plan->arena_bytes);
    assert_true(most <= func->plan->arena_bytes && most > 0);
    assert_true(number_after(table, "peak kernel") == kernel);
    assert_true(fabs(number_after(table, "waste") - 100 * (double)(func->plan->arena_bytes - most) /
                                                        (double)func->plan->arena_bytes) < 0.006);
    for (size_t s = 0; s < func->module->n_states; s++) states += type_bytes(&func->module->states[s].type);
    assert_true(number_after(table, "all") == (double)states);
    const char *uses[] = {"forward ", "kept ", "backward ", "result "};
    char *at_peak = strstr(table, "\nlive at the peak") + 1;
    char *end = strstr(at_peak, "\n\n");
    *end = '\0'; /* the sums by use end before the table of values */
    for (int u = 0; u < 4; u++)
        if (strstr(at_peak, arena_printf(arena, "\n  %s", uses[u])))
            kinds += (int64_t)number_after(at_peak, uses[u]);
    *end = '\n';
    assert_true(kinds == most);
    check_largest(func, table, kernel);
    free(table);
    arena_free(arena);
}

static void test_memory(void **state) {
    (void)state;
    for (int r = 0; r < N_RECIPES; r++) check_memory(RECIPES[r], "step");
    check_memory(MAE, "embed");
}

/* Tags are closed in order, attributes are quoted, text and attributes are escaped. Returns how many `tag` there
 * are. */
static int check_xml(const char *text, const char *tag) {
    char open[32][32];
    int depth = 0, found = 0, roots = 0;
    for (const char *c = text; *c;) {
        assert_true((unsigned char)*c >= 0x20 || *c == '\n');
        if (*c == '&') {
            size_t n = strcspn(c, ";");
            assert_true(n <= 5 && (strncmp(c, "&lt;", n) == 0 || strncmp(c, "&gt;", n) == 0 ||
                                   strncmp(c, "&amp;", n) == 0 || strncmp(c, "&quot;", n) == 0));
            c += n;
            continue;
        }
        assert_true(*c != '>');
        if (*c != '<') {
            assert_true(depth > 0 || isspace((unsigned char)*c));
            c++;
            continue;
        }
        bool closes = c[1] == '/';
        const char *name = c + 1 + closes;
        size_t n = strcspn(name, " />\n");
        assert_true(n > 0 && n < 32);
        for (c = name + n; *c != '>' && strncmp(c, "/>", 2) != 0;) {
            assert_true(*c == ' ' && isalpha((unsigned char)c[1]));
            c += strcspn(c, "=");
            assert_true(c[0] == '=' && c[1] == '"');
            size_t value = strcspn(c + 2, "\"<&");
            assert_true(c[2 + value] == '"');
            c += 3 + value;
        }
        if (closes) {
            assert_true(depth > 0 && strlen(open[depth - 1]) == n && strncmp(open[depth - 1], name, n) == 0);
            depth--;
        } else {
            found += strlen(tag) == n && strncmp(name, tag, n) == 0;
            roots += depth == 0;
            if (*c == '>') snprintf(open[depth++], 32, "%.*s", (int)n, name);
        }
        assert_true(depth < 32);
        c += *c == '/' ? 2 : 1;
    }
    assert_int_equal(depth, 0);
    assert_int_equal(roots, 1);
    return found;
}

/* Names that XML would misread: of the recipe, and of its file, which values without a scope are named after. */
static const char HOSTILE[] =
    "recipe: 'a <b> & \"c\"'\n"
    "use: [lib/vit.yaml, lib/optimizers.yaml]\n"
    "views:\n  view: {count: 2, size: 16, augment: [normalize]}\n"
    "networks:\n  encoder: \"vit(x, 8, 16, 1, 1, image=16)[:, 0]\"\n"
    "objectives:\n  near:\n    loss: |\n"
    "      d = normalize(encoder(view[0])) - normalize(encoder(view[1]))\n"
    "      return mean(sum(d ** 2, 1)) + mean(exp(view[0] @ transpose(view[1], [0, 1, 3, 2])))\n"
    "train: {batch: 4, epochs: 1, optimizer: \"adamw(param, grad, 0.001, 0.0)\"}\n";

static int count(const char *text, const char *word) {
    int n = 0;
    for (; (text = strstr(text, word)); text++) n++;
    return n;
}

static void check_picture(const char *recipe) {
    Arena *arena = arena_new();
    const Func *func = load(arena, recipe, "step");
    int planned = 0;
    for (ValueId id = 0; id < func->count; id++) planned += is_planned(func, id);
    free(GOOD("inspect %s --memory plan.svg", recipe));
    char *svg = read_all("plan.svg");
    assert_int_equal(check_xml(svg, "rect"), planned);
    assert_int_equal(count(svg, " bytes at "), planned);
    free(svg);
    arena_free(arena);
}

static void test_picture(void **state) {
    (void)state;
    char path[256];
    snprintf(path, sizeof path, "%s/a<&>b.yaml", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(HOSTILE, file);
    fclose(file);
    for (int r = 0; r < N_RECIPES; r++) check_picture(RECIPES[r]);
    check_picture("'a<&>b.yaml'");
    char *svg = read_all("plan.svg");
    assert_non_null(strstr(svg, "a &lt;b&gt; &amp; &quot;c&quot; @step"));
    assert_non_null(strstr(svg, "(a&lt;&amp;&gt;b.yaml:"));
    free(svg);
    free(GOOD("inspect --memory=plan.xml " MAE));
    svg = read_all("plan.xml");
    assert_true(check_xml(svg, "title") > 10);
    free(svg);
}

/* ---- cost -------------------------------------------------------------------------------------------------------- */

/* Sums of the columns of one table of --cost. */
typedef struct {
    double ms, calls, mflop, megabytes;
    int rows;
} Columns;

static Columns sum_columns(const char *text, const char *heading) {
    Columns sums = {0};
    const char *line = strstr(text, heading);
    assert_non_null(line);
    while ((line = strchr(line, '\n')) && line[1] && line[1] != '\n') {
        double ms, share, calls, mflop, megabytes, before = sums.rows ? sums.ms : 0;
        line++;
        assert_int_equal(sscanf(line, "%lf %lf%% %lf %lf %lf", &ms, &share, &calls, &mflop, &megabytes), 5);
        int kernels = 1; /* the last row may be "and 12 others" */
        const char *others = strstr(line, "  and "), *end = strchr(line, '\n');
        if (others && others < end) assert_int_equal(sscanf(others, " and %d others", &kernels), 1);
        sums = (Columns){before + ms, sums.calls + calls, sums.mflop + mflop, sums.megabytes + megabytes,
                         sums.rows + kernels};
    }
    return sums;
}

static void check_columns(Columns sums, const char *text, double flops) {
    double slack = 0.0006 * sums.rows; /* of figures with three decimals */
    assert_true(fabs(sums.ms - number_after(text, "time")) <= slack);
    assert_true(fabs(sums.mflop - flops / 1e6) <= slack);
    assert_true(fabs(sums.megabytes - number_after(text, "bytes") / 1e6) <= slack);
}

/* Lines of a recipe that it begins with are the recipe's, and stand above those of libraries. */
static void test_cost_of_base(void **state) {
    (void)state;
    char *text = GOOD("inspect gram preset=tiny --cost");
    const char *base = strstr(text, " models/dino.yaml:"), *library = strstr(text, " lib/vit.yaml:");
    assert_non_null(strstr(text, " gram.yaml:"));
    assert_true(base && library && base < library);
    free(text);
}

static void test_cost(void **state) {
    (void)state;
    for (int r = 0; r < N_RECIPES; r++) {
        Arena *arena = arena_new();
        const Func *func = load(arena, RECIPES[r], "step");
        double flops = 0;
        int kernels;
        for (ValueId id = 0; id < func->count; id++) flops += node_flops(func, func_node(func, id));
        char *text = GOOD("inspect %s --cost", RECIPES[r]);
        assert_true(number_after(text, "FLOPs") == flops);
        assert_non_null(strstr(text, "assumed (--peak"));
        assert_non_null(strstr(text, "assumed (--bandwidth"));
        Columns by_kernel = sum_columns(text, "  kernel\n"), by_scope = sum_columns(text, "  scope\n");
        check_columns(by_kernel, text, flops);
        check_columns(by_scope, text, flops);
        assert_true(by_kernel.calls == by_scope.calls && by_kernel.calls >= count_kernels(func));
        assert_int_equal(sscanf(strstr(text, "calls of "), "calls of %d", &kernels), 1);
        assert_int_equal(kernels, by_kernel.rows);
        free(text);
        /* With one of the two limits out of reach the other tells the time. */
        text = GOOD("inspect %s --cost --peak 2 --bandwidth 1e9", RECIPES[r]);
        assert_true(fabs(number_after(text, "time") - flops / 2e6) < 0.001 + 1e-6 * flops / 2e6);
        assert_null(strstr(text, "assumed"));
        free(text);
        text = GOOD("inspect %s --cost --peak 1e9 --bandwidth 4", RECIPES[r]);
        double bytes = number_after(text, "bytes");
        assert_true(fabs(number_after(text, "time") - bytes / 4e6) < 0.001 + 1e-6 * bytes / 4e6);
        free(text);
        arena_free(arena);
    }
}

/* ---- timing, profiles -------------------------------------------------------------------------------------------- */

/* The table of --timing in `err`: all stages named, the total their sum. */
static void check_timing(const char *const *stages) {
    char *text = read_all("err");
    double all = 0;
    int rows = 0;
    for (; *stages; stages++) number_after(text, *stages);
    const char *line = strstr(text, "stage ");
    assert_non_null(line);
    while ((line = strchr(line, '\n')) && strncmp(line, "\ntotal", 6) != 0) {
        const char *at = line + 1;
        while (strncmp(at, "  ", 2) != 0) at++; /* stages may be of two words */
        all += strtod(at, NULL);
        line++;
        rows++;
    }
    assert_true(fabs(all - number_after(text, "total")) <= 0.006 * (rows + 1));
    free(text);
}

static void test_timing(void **state) {
    (void)state;
    const char *passes[] = {"elaborate", "simplify", "autodiff", "expand", "reductions",
                            "fuse",      "memory",   "total",    NULL};
    const char *all[] = {"elaborate", "fuse", "LLVM IR", "LLVM passes", "object code", "link", "total", NULL};
    free(GOOD("inspect " MAE " --timing"));
    check_timing(passes);
    free(GOOD("inspect " MAE " --cost --memory --timing"));
    check_timing(passes);
    free(GOOD("bench " MAE " --steps 1 --timing"));
    check_timing(all);
    free(GOOD("train " MAE " --data synthetic:640 --plain --out run --steps 1 --timing train.knn.every=0"));
    check_timing(all);
    static float zeros[64];
    char path[256];
    VtError error;
    VtNamedTensor tensors[] = {{{.name = "model.p0", .dtype = VT_F32, .rank = 2, .dim = {8, 8}}, zeros},
                               {{.name = "model.p1", .dtype = VT_F32, .rank = 1, .dim = {8}}, zeros},
                               {{.name = "g0", .dtype = VT_F32, .rank = 2, .dim = {8, 8}}, zeros},
                               {{.name = "g1", .dtype = VT_F32, .rank = 1, .dim = {8}}, zeros}};
    snprintf(path, sizeof path, "%s/in.safetensors", folder);
    assert_true(vt_tensors_write(path, tensors, 4, NULL, &error));
    free(GOOD("run " TEST_DIR "/golden/optim.yaml --in in.safetensors --out out.safetensors --timing"));
    check_timing(all);
}

static void test_profile(void **state) {
    (void)state;
    char *text = GOOD("bench " MAE " --steps 1 --profile --peak 123 --bandwidth 45");
    assert_non_null(strstr(text, "peak 123.0 GFLOP/s: given"));
    assert_non_null(strstr(text, "bandwidth 45.0 GB/s: given"));
    assert_non_null(strstr(text, "memory"));
    free(text);
    text = GOOD("bench " MAE " --steps 1 --profile");
    assert_non_null(strstr(text, "GFLOP/s: the fastest kernel (--peak GFLOPS)"));
    assert_non_null(strstr(text, "100.0%")); /* the fastest is at its peak */
    free(text);
}

/* What `text` says after `key` in JSON. */
static double json_number(const char *text, const char *key) {
    const char *found = strstr(text, key);
    assert_non_null(found);
    return strtod(found + strlen(key), NULL);
}

static void test_json(void **state) {
    (void)state;
    char *text = GOOD("inspect " MAE " --memory --cost"),
         *json = GOOD("inspect " MAE " --memory --cost --format=json");
    assert_true(strncmp(json, "{\n \"memory\": {", 14) == 0 && strstr(json, "\n \"cost\": {"));
    assert_true(json_number(json, "\"most_live\": ") == number_after(text, "most live"));
    assert_true(json_number(json, "\"planned\": ") == number_after(text, "planned"));
    free(text), free(json);
    json = GOOD("bench " MAE " --steps 1 --profile --format json");
    assert_true(strncmp(json, "{\n \"bench\": {", 13) == 0 && strstr(json, "\n \"profile\": {"));
    free(json);
}

/* ---- refusals ---------------------------------------------------------------------------------------------------- */

static void assert_refused(int code, const char *message, const char *arguments) {
    int got = vitc("%s", arguments);
    char *text = read_all("err"), *out = read_all("out");
    if (got != code || !strstr(text, message))
        fail_msg("'%s' ended with %d and said: %s", arguments, got, text);
    assert_string_equal(out, "");
    free(text), free(out);
}

static void test_refusals(void **state) {
    (void)state;
    assert_refused(2, "did you mean --memory?", "inspect " MAE " --memry");
    assert_refused(1, "cannot write '/proc/no/plan.svg'", "inspect " MAE " --memory /proc/no/plan.svg");
    assert_refused(2, "cannot write '/dev/full'", "inspect " MAE " --memory=/dev/full");
    assert_refused(2, "cannot write 'err/plan.svg'",
                   "inspect nonesuch --memory err/plan.svg"); /* looked at first */
    free(GOOD("inspect " MAE " --memory new/folder/plan.svg"));
    assert_refused(2, "one recipe", "inspect " MAE " plan.svg");
    assert_refused(2, "one recipe", "inspect " MAE " --memory a.svg b.svg");
    assert_refused(2, "one recipe", "inspect --memory plan.svg");
    assert_refused(2, "has no function 'stop'", "inspect " MAE " --memory --function stop");
    assert_refused(2, "did you mean 'step'?", "inspect " MAE " --function stp");
    assert_refused(2, "--after does not go with --cost", "inspect " MAE " --cost --after fuse");
    assert_refused(2, "go with --cost", "inspect " MAE " --memory --peak 100");
    assert_refused(2, "--peak 0: a number", "inspect " MAE " --cost --peak 0");
    assert_refused(2, "--bandwidth fast: a number", "inspect " MAE " --cost --bandwidth fast");
    assert_refused(2, "go with --profile", "bench " MAE " --peak 100");
    assert_refused(2, "takes no value", "inspect " MAE " --cost=3");
    assert_refused(2, "text, json, html, svg or dot was expected", "inspect " MAE " --cost --format=xml");
    assert_refused(2, "there are text, json", "inspect " MAE " --cost --format=svg");
    assert_refused(2, "did you mean 'json'?", "inspect " MAE " --cost --format=jsn");
}

static bool is_there(const char *name) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

static void write_text(const char *name, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

/* Pages and pictures go to files that are vitc's own, or to whoever reads the output. */
static void test_files(void **state) {
    static const char *const formats[][2] = {{"svg", "<svg "}, {"dot", "// vitc inspect\n"}};
    (void)state;
    for (int i = 0; i < 2; i++) {
        char name[64], *written, *printed = GOOD("inspect " MAE " --format=%s", formats[i][0]);
        for (int again = 0; again < 2; again++)
            free(GOOD("inspect " MAE " --format=%s -o new/step.%s", formats[i][0], formats[i][0]));
        snprintf(name, sizeof name, "new/step.%s", formats[i][0]);
        written = read_all(name);
        assert_int_equal(strncmp(printed, formats[i][1], strlen(formats[i][1])), 0);
        assert_string_equal(written, printed);
        free(written), free(printed);
    }
    write_text("mine.svg", "<svg/>");
    assert_refused(2, "'mine.svg' is no file that vitc inspect wrote: --force",
                   "inspect " MAE " --format=svg -o mine.svg");
    free(GOOD("inspect " MAE " --format=svg --after=autodiff --depth 2 --force -o mine.svg"));
    char *picture = read_all("mine.svg");
    assert_non_null(strstr(picture, "step after autodiff"));
    free(picture);
    assert_refused(1, "cannot write '/proc/no/step.html'",
                   "inspect " MAE " --format=html -o /proc/no/step.html");
    assert_refused(2, "--depth goes with --format=svg or --format=dot", "inspect " MAE " --depth 2");
    assert_refused(2, "-o goes with --format=html or --format=svg", "inspect " MAE " -o step");
    assert_refused(2, "--depth 0: a whole number", "inspect " MAE " --format=svg --depth 0");
    assert_refused(2, "shows one function", "inspect " MAE " --format=html --function=all");
    assert_refused(2, "did you mean 'html'?", "inspect " MAE " --format=htm");
}

/* A page takes the times of a run of the same program alone. */
static void test_page_profile(void **state) {
    (void)state;
    free(GOOD("bench " MAE " --steps 1 --profile=run.json"));
    free(GOOD("inspect " MAE " --format=html -o step.html"));
    free(GOOD("inspect " MAE " --format=html --profile=run.json -o step.html"));
    char *page = read_all("step.html");
    assert_int_equal(strncmp(page, "<!doctype html>", 15), 0);
    free(page);
    assert_refused(2, "of another batch",
                   "inspect " MAE " batch=4 --format=html --profile=run.json -o no.html");
    assert_refused(2, "of another recipe", "inspect quickstart --format=html --profile=run.json -o no.html");
    assert_refused(2, "cannot read 'nonesuch.json'",
                   "inspect " MAE " --format=html --profile=nonesuch.json -o no.html");
    assert_false(is_there("no.html"));
}

/* What `.at` can read, with shapes; without the flag it is not told. */
static void test_labels(void **state) {
    (void)state;
    char *text = GOOD("check " SOURCE_DIR "/models/paper/layerwise.yaml preset=tiny batch=8 --labels");
    assert_non_null(strstr(text, "\n  label        encoder blocks.2.attn.probs : f32[8x3x17x17]\n"));
    assert_non_null(strstr(text, "\n  label        projector 0 : f32[8x64]\n"));
    free(text);
    text = GOOD("check " SOURCE_DIR "/models/paper/layerwise.yaml preset=tiny batch=8");
    assert_null(strstr(text, "label"));
    free(text);
}

/* Which knobs a built program takes other values of, and the line that fixes another. */
static void test_knobs(void **state) {
    (void)state;
    char *text = GOOD("check " SOURCE_DIR "/models/quickstart.yaml batch=8 --knobs");
    assert_non_null(strstr(text, "\n  settings     epochs, peak_lr, wd, train.seed, "));
    assert_non_null(strstr(text, "\n  knob         peak_lr = 0.002: a setting\n"));
    assert_non_null(strstr(text, "\n  knob         image = 32: fixed by "));
    assert_non_null(strstr(text, "models/quickstart.yaml:28: size: $image\n"));
    assert_null(strstr(text, "setting."));
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory), cmocka_unit_test(test_picture),
        cmocka_unit_test(test_cost),   cmocka_unit_test(test_cost_of_base),
        cmocka_unit_test(test_timing), cmocka_unit_test(test_profile),
        cmocka_unit_test(test_json),   cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_labels), cmocka_unit_test(test_knobs),
        cmocka_unit_test(test_files),  cmocka_unit_test(test_page_profile),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
