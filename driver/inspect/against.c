/* Two recipes side by side: vitc inspect A [key=value …] --against B [key=value …]. */
#include "driver/inspect/request.h"
#include "driver/changes.h"
#include "inspect/against/against_json.h"
#include "inspect/against/against_text.h"
#include "inspect/report/report_json.h"

#include <string.h>

typedef struct {
    int argc;
    char **argv;           /* the verb's: settings behind --against are the second's */
    const Arguments *args; /* as they were parsed */
    const char *first;     /* a recipe */
    /* Another recipe; or key=value: the first recipe with its settings, that one and those behind it. */
    const char *second;
    const char *function; /* NULL: step */
    const char *target;
    const Flag *strict;
} AgainstAsked;

enum { MOST_ROWS = 16 }; /* of a table, unless all are asked for */

/* Where --against stands among the arguments. */
static int place_of_flag(const AgainstAsked *asked) {
    for (int i = 0; i < asked->argc; i++)
        if (strncmp(asked->argv[i], "--against", strlen("--against")) == 0) return i;
    return asked->argc;
}

/* Whether an override was given behind --against. Those that flags stand for (--precision) are no arguments. */
static bool is_behind(const AgainstAsked *asked, const char *override) {
    for (int i = place_of_flag(asked) + 1; i < asked->argc; i++)
        if (asked->argv[i] == override) return true;
    return false;
}

static bool is_argument(const AgainstAsked *asked, const char *override) {
    for (int i = 0; i < asked->argc; i++)
        if (asked->argv[i] == override) return true;
    return false;
}

static bool names_setting(const char *second) {
    return strchr(second, '=') && !strchr(second, '/');
}

/* What one of the two is: a recipe with overrides. */
typedef struct {
    const char *recipe, *name; /* name: "small depth=6" */
    const char *overrides[257];
    int n;
} Side;

static Side side(Arena *arena, const AgainstAsked *asked, bool second) {
    bool setting = second && names_setting(asked->second);
    Side s = {.recipe = second && !setting ? asked->second : asked->first};
    s.name = s.recipe;
    for (int i = 0; i < asked->args->n_overrides; i++) {
        const char *override = asked->args->overrides[i];
        bool behind = is_behind(asked, override), flag = !is_argument(asked, override);
        if (!flag && behind != second && !(setting && !behind)) continue;
        s.overrides[s.n++] = override;
    }
    if (setting) s.overrides[s.n++] = asked->second;
    for (int i = 0; i < s.n; i++) s.name = arena_printf(arena, "%s %s", s.name, s.overrides[i]);
    return s;
}

/* Loads and plans one; false after telling what is wrong. */
static bool plan(Session *session, const AgainstAsked *asked, const Side *s) {
    RecipeOptions options = recipe_options(asked->args, asked->strict);
    options.overrides = s->overrides;
    options.n_overrides = s->n;
    return session_load(session, s->recipe, &options) && session_passes(session, PASSES_ALL, asked->target);
}

static const Func *function_of(const Session *session, const AgainstAsked *asked) {
    const char *name = asked->function ? asked->function : "step";
    const Module *module = session->recipe.module;
    const Func *func = module_find_func(module, name);
    if (!func) fail(2, "%s", function_refusal(session->arena, module, name));
    return func;
}

static const Tree *parse(Session *session) {
    const char *text = session->recipe.resolved;
    uint32_t file = diags_add_source(session->diags, "(the recipe)", text, strlen(text));
    return tree_parse(session->arena, session->diags, file, text, strlen(text));
}

/* Of presets that were not chosen, and of what recipes say of themselves, nothing depends. */
static bool says_nothing(const char *key) {
    static const char *const roots[] = {"recipe", "about", "presets"};
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
        size_t n = strlen(roots[i]);
        if (strncmp(key, roots[i], n) == 0 && (!key[n] || key[n] == '.')) return true;
    }
    return false;
}

static void add_settings(Arena *arena, AgainstReport *report, Session sessions[2]) {
    const Tree *first = parse(&sessions[0]), *second = parse(&sessions[1]);
    const Change *changes;
    if (!first || !second) return;
    size_t n = recipe_changes(arena, first, second, &changes);
    AgainstSetting *settings = ARENA_ARRAY(arena, AgainstSetting, n + 1);
    report->settings = settings;
    for (size_t i = 0; i < n; i++)
        if (!says_nothing(changes[i].key))
            settings[report->n_settings++] =
                (AgainstSetting){changes[i].key, {changes[i].before, changes[i].after}};
}

int inspect_against(const InspectRequest *request, FILE *out, const VtTerminal *terminal) {
    const Flag *flags = request->flags;
    const AgainstAsked given = {.argc = request->argc,
                                .argv = request->argv,
                                .args = &request->args,
                                .first = request->recipe,
                                .second = flags[INSPECT_AGAINST].value,
                                .function = flags[INSPECT_FUNCTION].value,
                                .target = flags[INSPECT_TARGET].value,
                                .strict = &flags[INSPECT_STRICT]};
    const AgainstAsked *asked = &given;
    Arena *arena = arena_new();
    Side sides[2] = {side(arena, asked, false), side(arena, asked, true)};
    const char *names[2] = {sides[0].name, sides[1].name};
    Session sessions[2] = {{0}};
    const Func *funcs[2] = {NULL, NULL};
    bool good = true;
    for (int i = 0; i < 2 && good; i++)
        good = plan(&sessions[i], asked, &sides[i]) && (funcs[i] = function_of(&sessions[i], asked));
    if (good) {
        AgainstReport report = against_report(arena, funcs[0], funcs[1], request->roofline);
        add_settings(arena, &report, sessions);
        if (strcmp(request->show->format, "json") == 0)
            report_write(against_json(&report, names), out);
        else
            against_text(&report, names, terminal->colour, flags[INSPECT_ALL].given ? 0 : MOST_ROWS, out);
    }
    for (int i = 0; i < 2; i++)
        if (sessions[i].arena) session_close(&sessions[i]);
    arena_free(arena);
    return good ? 0 : 2;
}
