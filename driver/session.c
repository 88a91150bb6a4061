/* From a recipe's file to a program that runs. */
#include "driver/driver.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *models_dir(void) {
    const char *set = getenv("VITC_MODELS");
    return set ? set : VITC_MODELS_DIR;
}

/* Prints what is new; each stage may add to it. */
static bool told(Session *s) {
    int count = diags_count(s->diags);
    if (count > s->told) diags_print(s->diags, stderr, isatty(STDERR_FILENO));
    s->told = count;
    return diags_errors(s->diags) == 0;
}

/* A recipe may be given by file, or by the name of one in models/. */
static const char *find_recipe(Session *s, const char *path) {
    if (access(path, F_OK) == 0 || strchr(path, '/')) return path;
    char *known = arena_printf(s->arena, "%s/%s%s", models_dir(), path, strstr(path, ".yaml") ? "" : ".yaml");
    return access(known, F_OK) == 0 ? known : path;
}

bool session_load(Session *s, const char *path, const RecipeOptions *options) {
    memset(s, 0, sizeof *s);
    s->arena = arena_new();
    s->diags = diags_new(s->arena);
    double start = seconds_now();
    bool good = recipe_load(s->arena, s->diags, find_recipe(s, path), options, &s->recipe);
    s->elaborate_seconds = seconds_now() - start;
    if (good) timing_add_module(&s->timing, "elaborate", s->elaborate_seconds, s->recipe.module);
    return told(s) && good;
}

bool session_passes(Session *s, const char *list) {
    double start = seconds_now();
    PassOptions options = {
        .verify = s->verify || getenv("VITC_VERIFY"), .after = timing_pass, .user = &s->timing};
    bool good = passes_run(s->recipe.module, list, &options, s->diags);
    s->passes_seconds = seconds_now() - start;
    return told(s) && good;
}

bool session_compile(Session *s, const char *target_features) {
    char error[1024];
    CodegenOptions options = {.target_features = target_features, .print_llvm = getenv("VITC_LLVM") != NULL};
    if (!session_passes(s, PASSES_ALL)) return false;
    double start = seconds_now();
    s->compiled = codegen_compile(s->recipe.module, &s->recipe.plan, &options, error, sizeof error);
    s->compile_seconds = seconds_now() - start;
    if (!s->compiled) return fail(2, "%s", error) < 0;
    s->program = compiled_program(s->compiled);
    CompileTimes times = compiled_times(s->compiled);
    timing_add(&s->timing, "calls", times.calls, 0, NULL);
    timing_add(&s->timing, "LLVM IR", times.emit, (size_t)compiled_kernels(s->compiled), "kernels");
    timing_add(&s->timing, "LLVM passes", times.optimize, 0, NULL);
    timing_add(&s->timing, "object code", times.object, 0, NULL);
    timing_add(&s->timing, "link", times.link, 0, NULL);
    return true;
}

void session_close(Session *s) {
    compiled_free(s->compiled);
    arena_free(s->arena);
}
