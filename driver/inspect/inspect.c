/* vitc inspect: the IR, and what is known of it. */
#include "driver/inspect/request.h"
#include "driver/pager.h"
#include "inspect/report/profile_file.h"

#include <string.h>

/* The words of `inspect`: a recipe, and a file for --memory. False: there is something else. */
static bool sort_words(InspectRequest *request) {
    const Arguments *args = &request->args;
    const Flag *memory = &request->flags[INSPECT_MEMORY];
    request->picture = memory->value;
    for (int i = 0; i < args->n_words; i++) {
        size_t n = strlen(args->words[i]);
        bool svg = memory->given && !request->picture && n > 4 && strcmp(args->words[i] + n - 4, ".svg") == 0;
        const char **word = svg ? &request->picture : &request->recipe;
        if (*word) return false;
        *word = args->words[i];
    }
    return request->recipe != NULL;
}

/* The stage that flags name; false after telling that there is none. */
static bool find_stage(InspectRequest *request) {
    static const InspectFlag NAMES[] = {INSPECT_AFTER, INSPECT_BEFORE, INSPECT_DIFF};
    const Flag *named = NULL;
    request->stage = stages_in(PASSES_ALL) - 1;
    for (int i = 0; i < 3; i++) {
        const Flag *flag = &request->flags[NAMES[i]];
        if (!flag->given) continue;
        if (named)
            return fail(2, "--%s and --%s name two stages: one at a time", named->row->name,
                        flag->row->name) < 0;
        named = flag;
        request->stage = stage_number(PASSES_ALL, flag->value);
        if (request->stage < 0) {
            Arena *arena = arena_new();
            fail(2, "--%s: %s", flag->row->name, stage_refusal(arena, PASSES_ALL, flag->value));
            arena_free(arena);
            return false;
        }
        bool first = request->stage == 0 && NAMES[i] != INSPECT_AFTER;
        if (first) return fail(2, "--%s frontend: nothing is before it", flag->row->name) < 0;
        request->stage -= NAMES[i] == INSPECT_BEFORE;
    }
    return true;
}

static bool read_request(InspectRequest *request, int argc, char **argv) {
    if (!parse_arguments(argc, argv, request->flags, N_INSPECT_FLAGS, &request->args)) return false;
    if (!sort_words(request)) return fail(2, "inspect wants one recipe") < 0;
    request->show = inspect_choose(request);
    return request->show && find_stage(request) && (!request->show->check || request->show->check(request)) &&
           roofline_flags(&request->flags[INSPECT_PEAK], &request->flags[INSPECT_BANDWIDTH],
                          &request->roofline);
}

/* The profile that was given, of this very function; *profile: NULL without. False after telling what is wrong. */
static bool take_profile(const Inspection *inspection, const char *path, const ProfileFile **profile) {
    char error[1024];
    *profile = path ? profile_file_read(inspection->arena, path, error, sizeof error) : NULL;
    if (!path) return true;
    if (*profile && profile_file_fits(*profile, inspection, error, sizeof error)) return true;
    return fail(2, "%s", error) < 0;
}

static int show_recipe(Session *s, const InspectRequest *request) {
    const Flag *function = &request->flags[INSPECT_FUNCTION];
    const InspectShow *what = request->show;
    InspectionRun run = {.until = stage_label(s->arena, PASSES_ALL, request->stage),
                         .target = request->flags[INSPECT_TARGET].value,
                         .written = what->written,
                         .keep = what->keep};
    if (function->given && strcmp(function->value, "all") != 0) run.function = function->value;
    if (what->keep == KEEP_BEFORE) run.keep = (uint64_t)1 << (request->stage - 1);
    Inspection inspection;
    s->verify = true;
    if (!session_inspect(s, run, &inspection)) return 2;
    inspection.roofline = request->roofline;
    if (!take_profile(&inspection, request->flags[INSPECT_PROFILE].value, &inspection.profile)) return 2;
    Pager pager = pager_open(!request->flags[INSPECT_OUT].given);
    int code = what->show(request, &inspection, pager.out, &pager.terminal);
    pager_close(&pager);
    return code;
}

static int show_alone(const InspectRequest *request) {
    Pager pager = pager_open(true);
    int code = request->show->alone(request, pager.out, &pager.terminal);
    pager_close(&pager);
    return code;
}

int verb_inspect(int argc, char **argv) {
    InspectRequest request = {.argc = argc, .argv = argv};
    if (!read_request(&request, argc, argv)) return 2;
    if (request.show->alone) return show_alone(&request);
    Session s;
    RecipeOptions options = recipe_options(&request.args, &request.flags[INSPECT_STRICT]);
    int code = session_load(&s, request.recipe, &options) ? show_recipe(&s, &request) : 2;
    if (code == 0 && request.flags[INSPECT_TIMING].given) timing_print(&s.timing);
    session_close(&s);
    return code;
}
