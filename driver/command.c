/* What the verbs of command/ ask vitc for: a program that is compiled of a recipe, and what the recipe's text tells. */
#include "codegen/target.h"
#include "driver/changes.h"
#include "driver/recipe_weights.h"
#include "driver/trace.h"
#include "ir/base/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { TIMING, PRECISION, NO_CACHE, STRICT, N_FLAGS };
static const FlagRow FLAGS[N_FLAGS] = {
    [TIMING] = TIMING_FLAG, [PRECISION] = PRECISION_FLAG, [NO_CACHE] = NO_CACHE_FLAG, [STRICT] = STRICT_FLAG};
const FlagTable VITC_FLAGS = {FLAGS, N_FLAGS, "compiling"};

static MadeOfRecipe *of_recipe(Made *made) {
    return (MadeOfRecipe *)made; /* its first member */
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

static void unmake(Made *made) {
    if (!made) return;
    session_close(&of_recipe(made)->session);
    free(made);
}

/* What a run's settings call a target that was named: its name now, if it has another. */
static const char *name_of(const char *text) {
    const Target *target = text ? target_find(text) : NULL;
    return target ? target->name : NULL;
}

/* A run may have begun on a machine that does more, or other things: it goes on for this one, and that is told. */
static const char *target_of(const MakeRequest *request) {
    char why[512];
    if (!request->target || request->target_given || codegen_runs_here(request->target, why, sizeof why))
        return request->target;
    printf("target: %s -> native (%s)\n", request->target, why);
    return NULL;
}

static Made *make(const MakeRequest *request) {
    MadeOfRecipe *m = arena_must(calloc(1, sizeof *m));
    Session *s = &m->session;
    m->options = recipe_options(request->args, &request->flags[STRICT]);
    m->options.also_uses = request->also_uses;
    m->path = request->recipe ? request->recipe : request->saved;
    m->target = target_of(request);
    m->timing = request->flags[TIMING].given;
    if (!session_program(s, m->path, &m->options, m->target, request->flags[NO_CACHE].given)) {
        unmake(&m->made);
        return NULL;
    }
    if (request->run) m->saved = arena_printf(s->arena, "%s/recipe.yaml", request->run);
    m->made = (Made){.program = s->program,
                     .resolved = s->resolved,
                     .origin = session_origin(s),
                     .target = name_of(m->target)};
    return &m->made;
}

static void tell(Made *made) {
    if (of_recipe(made)->timing) timing_print(&of_recipe(made)->session.timing);
}

static bool find_file(const char *word, char *out, size_t size) {
    struct stat status;
    Arena *arena = arena_new();
    const char *path = find_recipe(arena, word);
    bool there = stat(path, &status) == 0 && S_ISREG(status.st_mode);
    there = there && snprintf(out, size, "%s", path) < (int)size;
    arena_free(arena);
    return there;
}

/* ---- what the recipe tells --------------------------------------------------------------------------------------- */

/* NULL with *why, "" where the diagnostics say it. */
static Tree *parse_saved(Session *s, const char *path, const char **why) {
    size_t size;
    const char *text = stream_read_file(s->arena, path, (size_t)16 << 20, &size);
    *why = text ? "" : strerror(errno);
    return text ? tree_parse(s->arena, s->diags, diags_add_source(s->diags, path, text, size), text, size)
                : NULL;
}

/* The recipe that was compiled against the saved one. */
static bool check_saved(Made *made, const MakeRequest *request) {
    Session *s = &of_recipe(made)->session;
    const Change *changes;
    const char *why;
    if (!request->saved || !request->continues) return true;
    Tree *before = parse_saved(s, request->saved, &why);
    if (!before && request->recipe && request->force) return true;
    if (!before)
        return fail(2,
                    "'%s' cannot be read%s%s: so it is not known what this run is; --force continues it with "
                    "RECIPE",
                    request->saved, *why ? ", " : "", why) < 0;
    made->resolved = weights_resolved(s, NULL, before);
    if (!made->resolved) return false;
    uint32_t file = diags_add_source(s->diags, "(the recipe)", made->resolved, strlen(made->resolved));
    Tree *after = tree_parse(s->arena, s->diags, file, made->resolved, strlen(made->resolved));
    if (!after) return false;
    size_t n = recipe_changes(s->arena, before, after, &changes);
    return judge_changes(request, changes, n);
}

static bool rules_of_file(Made *made, const char *path, VtWeights *w) {
    Session *s = &of_recipe(made)->session;
    Renames rules;
    if (!read_renames(s->arena, s->diags, path, &rules)) return false;
    w->rules = rules.items;
    w->n_rules = rules.count;
    return true;
}

static bool resolve_weights(Made *made, const Weights *weights) {
    made->resolved = weights_resolved(&of_recipe(made)->session, weights, NULL);
    return made->resolved != NULL;
}

static const Tree *recipe_at(Made *made, const char *path) {
    Session *s = &of_recipe(made)->session;
    size_t size = strlen(s->resolved);
    const Tree *at = tree_parse(
        s->arena, s->diags, diags_add_source(s->diags, "recipe.yaml", s->resolved, size), s->resolved, size);
    char *rest = arena_strdup(s->arena, path);
    for (const char *name; at && (name = strsep(&rest, "."));) at = tree_get(at, name);
    return at;
}

/* A scalar of the recipe on one line, or a list of such. */
static const char *recipe_text(Made *made, const char *path) {
    Arena *arena = of_recipe(made)->session.arena;
    const Tree *at = recipe_at(made, path);
    if (at && at->kind == TREE_LIST) {
        const char *list = "";
        for (size_t i = 0; i < at->count; i++) {
            const Tree *item = at->items[i].value;
            if (item->kind == TREE_SCALAR)
                list = arena_printf(arena, "%s%s%s", list, i ? ", " : "", item->text);
        }
        return arena_printf(arena, "[%s]", list);
    }
    if (!at || at->kind != TREE_SCALAR) return NULL;
    char *text = arena_alloc(arena, 2 * strlen(at->text) + 1);
    size_t n = 0;
    for (const char *c = at->text; *c; c++) {
        if (*c != '\n')
            text[n++] = *c;
        else if (c[1])
            n += (size_t)sprintf(text + n, "; ");
    }
    text[n] = '\0';
    return text;
}

static const char *recipe_key(Made *made, const char *path, size_t i) {
    const Tree *at = recipe_at(made, path);
    return at && at->kind == TREE_MAP && i < at->count ? at->items[i].key->text : NULL;
}

/* ---- when training asks ------------------------------------------------------------------------------------------ */

/* Training diverged: the line of the recipe where it began. */
static void explain(void *user, VtInstance *instance, void *const *inputs, int64_t step) {
    const MadeOfRecipe *m = user;
    TraceRequest trace = {.path = m->path,
                          .options = &m->options,
                          .resolved = m->session.resolved,
                          .target_features = m->target,
                          .function = "step",
                          .program = m->session.program,
                          .instance = instance,
                          .inputs = inputs};
    printf("step %lld again, every value looked at\n", (long long)step);
    fflush(stdout);
    TraceResult result = trace_nonfinite(&trace);
    if (result == TRACE_CHANGED) { /* the recipe is; the run has its own */
        RecipeOptions plain = {.models_dir = models_dir()};
        trace.path = m->saved;
        trace.options = &plain;
        trace.resolved = NULL;
        result = trace_nonfinite(&trace);
    }
    if (result == TRACE_FINITE)
        puts("all values are finite when each is computed on its own: the step overflows by how it rounds");
}

/* Schedules that are finite for a usual length of an epoch may not be so for that of the data. */
static bool check_schedules(void *user, double steps_per_epoch, int64_t first, int64_t steps,
                            VtError *error) {
    const MadeOfRecipe *m = user;
    RecipeOptions options = m->options;
    Session now;
    options.steps_per_epoch = steps_per_epoch;
    options.first_step = first;
    options.steps = steps;
    options.warnings = WARNINGS_IGNORED; /* told at the first elaboration */
    bool good = session_load(&now, m->path, &options);
    session_close(&now);
    if (good) return true;
    fprintf(stderr, "the run does not begin: an epoch of it has %.0f steps\n", steps_per_epoch);
    *error = (VtError){.code = 2}; /* the diagnostics were the message */
    return false;
}

const Command VITC = {.name = "vitc",
                      .compiles = true,
                      .print_version = print_version,
                      .summary = "vitc: compiler for self-supervised training of Vision Transformers",
                      .flags = &VITC_FLAGS,
                      .flag_settings = FLAG_SETTINGS,
                      .n_flag_settings = N_FLAG_SETTINGS,
                      .hint = hint_setting,
                      .find_recipe = find_file,
                      .print_targets = print_targets,
                      .make = make,
                      .unmake = unmake,
                      .check_saved = check_saved,
                      .read_renames = rules_of_file,
                      .resolve_weights = resolve_weights,
                      .recipe_text = recipe_text,
                      .recipe_key = recipe_key,
                      .tell = tell,
                      .explain = explain,
                      .begin = check_schedules};
