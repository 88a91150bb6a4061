/* vitc inspect: the IR, and what is known of it. */
#include "driver/inspect/inspect.h"
#include "driver/driver.h"
#include "driver/inspect/against.h"
#include "inspect/report/cost_json.h"
#include "inspect/report/cost_text.h"
#include "inspect/report/report_json.h"
#include "inspect/report/memory_json.h"
#include "inspect/report/memory_svg.h"
#include "inspect/report/memory_text.h"
#include "ir/base/stream.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { AFTER, TIMING, MEMORY, COST, AGAINST, ALL, FUNCTION, PEAK, BANDWIDTH, FORMAT, TARGET, STRICT, N };
static const FlagRow FLAGS[N] = {
    [AFTER] = {"after", FLAG_VALUE, "PASS", COMPLETE_PASS,
               "show the module after this pass; after all unless given"},
    [TIMING] = TIMING_FLAG,
    [MEMORY] = {"memory", FLAG_MAYBE, "FILE.svg", COMPLETE_FILE, "the plan of memory, as a picture too"},
    [COST] = {"cost", FLAG_BARE, NULL, COMPLETE_NONE, "what its kernels should cost by the roofline model"},
    [AGAINST] =
        {"against", FLAG_VALUE, "RECIPE|KEY=VALUE", COMPLETE_RECIPE,
         "what differs from this recipe, or from the same with other settings; settings behind it are "
         "the second's"},
    [ALL] = {"all", FLAG_BARE, NULL, COMPLETE_NONE, "with --against: every row of its tables"},
    [FUNCTION] = {"function", FLAG_VALUE, "NAME", COMPLETE_FUNCTION, "the function; `step` unless given"},
    [PEAK] = PEAK_FLAG,
    [BANDWIDTH] = BANDWIDTH_FLAG,
    [FORMAT] = {"format", FLAG_VALUE, "text|json", COMPLETE_WORDS, "what is printed (text)"},
    [TARGET] = TARGET_FLAG,
    [STRICT] = STRICT_FLAG};
const FlagTable INSPECT_FLAGS = {FLAGS, N};

/* The passes up to and with the last one called `after`; all when NULL, none for "frontend". */
static char *passes_until(Arena *arena, const char *after) {
    if (!after) return arena_strdup(arena, PASSES_ALL);
    if (strcmp(after, "frontend") == 0) return arena_strdup(arena, "");
    char *list = arena_strdup(arena, PASSES_ALL), *found = NULL;
    size_t n = strlen(after);
    for (char *at = list; *at; at += strcspn(at, ","), at += *at == ',')
        if (strncmp(at, after, n) == 0 && (at[n] == ',' || !at[n])) found = at + n;
    if (found) *found = '\0';
    return found ? list : NULL;
}

/* The words of `inspect`: a recipe, and a file for --memory. False: there is something else. */
static bool sort_words(const Arguments *args, const Flag *memory, const char **recipe, const char **picture) {
    *recipe = NULL;
    *picture = memory->value;
    for (int i = 0; i < args->n_words; i++) {
        size_t n = strlen(args->words[i]);
        bool svg = memory->given && !*picture && n > 4 && strcmp(args->words[i] + n - 4, ".svg") == 0;
        const char **word = svg ? picture : recipe;
        if (*word) return false;
        *word = args->words[i];
    }
    return *recipe != NULL;
}

/* The arena over time as a picture; false after a message. */
static bool write_picture(const MemoryReport *report, const char *path) {
    TextStream stream;
    VtError error;
    size_t size;
    memory_svg(report, stream_begin(&stream));
    char *text = stream_end(&stream, &size);
    bool good = vt_replace_with(path, 0666, text, size, &error);
    free(text);
    return good || fail(error.code, "%s", error.message) < 0;
}

/* What the reports of `inspect` are asked to be. */
typedef struct {
    bool memory, cost, json;
    const char *picture; /* NULL: none */
    Roofline roofline;
} Reports;

static int print_reports(Arena *arena, const Func *func, const Reports *asked) {
    json_t *all = asked->json ? report_object() : NULL;
    int code = 0;
    if (asked->memory) {
        MemoryReport report = memory_report(arena, func);
        if (asked->picture && !write_picture(&report, asked->picture)) code = 1;
        if (code == 0 && all) report_put(all, "memory", memory_json(&report));
        if (code == 0 && !all) memory_text(&report, stdout);
    }
    if (code == 0 && asked->cost) {
        CostReport report = cost_report(arena, func, asked->roofline);
        if (all) report_put(all, "cost", cost_json(&report));
        if (!all) cost_text(&report, stdout);
    }
    if (code == 0 && all)
        report_write(all, stdout);
    else
        json_decref(all);
    return code;
}

/* Flags that go with others; false after telling what is wrong. */
static bool reports_asked(const Flag *flags, Reports *asked) {
    *asked = (Reports){.memory = flags[MEMORY].given, .cost = flags[COST].given};
    bool any = asked->memory || asked->cost;
    if (any && flags[AFTER].given)
        return fail(2, "--memory and --cost show what all passes made; no --after") < 0;
    if (!any && flags[FUNCTION].given) return fail(2, "--function goes with --memory or --cost") < 0;
    if (!any && flags[FORMAT].given) return fail(2, "--format goes with --memory or --cost") < 0;
    if (!asked->cost && (flags[PEAK].given || flags[BANDWIDTH].given))
        return fail(2, "--peak and --bandwidth go with --cost") < 0;
    return json_flag(&flags[FORMAT], &asked->json) &&
           roofline_flags(&flags[PEAK], &flags[BANDWIDTH], &asked->roofline);
}

/* --against, and what goes with it. */
static int two_recipes(int argc, char **argv, const Flag *flags, const Arguments *args, const char *recipe) {
    AgainstAsked asked = {.argc = argc,
                          .argv = argv,
                          .args = args,
                          .first = recipe,
                          .second = flags[AGAINST].value,
                          .function = flags[FUNCTION].value,
                          .target = flags[TARGET].value,
                          .strict = &flags[STRICT],
                          .all = flags[ALL].given};
    if (flags[MEMORY].given || flags[COST].given || flags[AFTER].given)
        return fail(2, "--against compares two recipes after all passes; no --memory, --cost or --after");
    if (!json_flag(&flags[FORMAT], &asked.json) ||
        !roofline_flags(&flags[PEAK], &flags[BANDWIDTH], &asked.roofline))
        return 2;
    asked.color = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
    return inspect_against(&asked);
}

int verb_inspect(int argc, char **argv) {
    Flag flags[N];
    Arguments args;
    const char *recipe, *picture;
    Reports asked;
    if (!parse_arguments(argc, argv, flags, N, &args)) return 2;
    if (!sort_words(&args, &flags[MEMORY], &recipe, &picture)) return fail(2, "inspect wants one recipe");
    if (flags[AGAINST].given) return two_recipes(argc, argv, flags, &args, recipe);
    if (flags[ALL].given) return fail(2, "--all goes with --against");
    if (!reports_asked(flags, &asked)) return 2;
    asked.picture = picture;
    bool report = asked.memory || asked.cost;
    VtError unwritable;
    if (picture && !vt_output_check(picture, &unwritable))
        return fail(unwritable.code, "%s", unwritable.message);
    Session s;
    RecipeOptions options = recipe_options(&args, &flags[STRICT]);
    int code = 2;
    if (session_load(&s, recipe, &options)) {
        char *list = passes_until(s.arena, flags[AFTER].value);
        const char *name = flags[FUNCTION].given ? flags[FUNCTION].value : "step";
        const Func *func = NULL;
        s.verify = true;
        if (!list)
            fail(2, "--after %s: one of frontend,%s", flags[AFTER].value, PASSES_ALL);
        else if (session_passes(&s, list, flags[TARGET].value))
            code = 0;
        if (code == 0 && report && !(func = module_find_func(s.recipe.module, name)))
            code = fail(2, "recipe '%s' has no function '%s'", s.recipe.plan.name, name);
        if (code == 0 && report) code = print_reports(s.arena, func, &asked);
        if (code == 0 && !report) inspect_module(s.recipe.module);
        if (code == 0 && flags[TIMING].given) timing_print(&s.timing);
    }
    session_close(&s);
    return code;
}
