/* From a recipe's file to a program that runs. */
#include "driver/cache.h"
#include "driver/driver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

RecipeOptions recipe_options(const Arguments *args, const Flag *strict) {
    return (RecipeOptions){.models_dir = models_dir(),
                           .overrides = args->overrides,
                           .n_overrides = args->n_overrides,
                           .warnings = strict->given ? WARNINGS_STRICT : WARNINGS_TOLD};
}

/* Prints what is new; each stage may add to it. */
static bool told(Session *s) {
    if (s->strict) diags_make_warnings_errors(s->diags);
    diags_print_from(s->diags, s->told, stderr, vt_terminal(stderr).colour);
    s->told = diags_count(s->diags);
    return diags_errors(s->diags) == 0;
}

/* Whether a file may be a recipe: a folder, or a program that was built of one, may be called as it is. */
static bool may_be_recipe(const char *path) {
    struct stat status;
    char magic[4] = "";
    if (stat(path, &status) != 0 || S_ISDIR(status.st_mode)) return false;
    if (!S_ISREG(status.st_mode)) return true; /* a pipe is read once */
    FILE *file = fopen(path, "re");
    bool program = file && fread(magic, 1, sizeof magic, file) == sizeof magic &&
                   memcmp(magic, "\177ELF", sizeof magic) == 0;
    if (file) fclose(file);
    return !program;
}

const char *find_recipe(Arena *arena, const char *path) {
    static const char *const folders[] = {"", "paper/"};
    bool there = may_be_recipe(path);
    if (there || path[0] == '/' || path[0] == '.') return path;
    for (int i = 0; i < 2; i++) {
        char *known = arena_printf(arena, "%s/%s%s%s", models_dir(), folders[i], path,
                                   strstr(path, ".yaml") ? "" : ".yaml");
        if (access(known, F_OK) == 0) return known;
    }
    return path;
}

static void session_begin(Session *s) {
    memset(s, 0, sizeof *s);
    s->arena = arena_new();
    s->diags = diags_new(s->arena);
}

static bool elaborate_recipe(Session *s, const char *path, const RecipeOptions *options) {
    double start = seconds_now();
    const char *file = find_recipe(s->arena, path);
    s->strict = options->warnings == WARNINGS_STRICT;
    if (access(file, F_OK) != 0 && errno == ENOENT) return refuse_recipe(path);
    bool good = recipe_load(s->arena, s->diags, file, options, &s->recipe);
    s->resolved = s->recipe.resolved;
    s->elaborate_seconds = seconds_now() - start;
    if (good) timing_add_module(&s->timing, "elaborate", s->elaborate_seconds, s->recipe.module);
    return told(s) && good;
}

bool session_load(Session *s, const char *path, const RecipeOptions *options) {
    session_begin(s);
    return elaborate_recipe(s, path, options);
}

bool session_passes(Session *s, const char *list, const char *target_features) {
    double start = seconds_now();
    char error[512];
    Module *module = s->recipe.module;
    if (!codegen_machine(target_features, &module->machine, error, sizeof error))
        return fail(2, "%s", error) < 0;
    PassOptions options = {
        .verify = s->verify || getenv("VITC_VERIFY"), .after = timing_pass, .user = &s->timing};
    bool good = passes_run(module, list, &options, s->diags);
    s->passes_seconds = seconds_now() - start;
    return told(s) && good;
}

bool session_inspect(Session *s, InspectionRun run, Inspection *inspection) {
    char error[512];
    if (!codegen_target_name(run.target, error, sizeof error)) return fail(2, "%s", error) < 0;
    double start = seconds_now();
    PassOptions hooks = {.after = timing_pass, .user = &s->timing};
    run.hooks = &hooks;
    run.verify = s->verify || getenv("VITC_VERIFY");
    bool good = inspection_run(inspection, s->arena, s->recipe.module, &run);
    s->passes_seconds = seconds_now() - start;
    return told(s) && good;
}

/* What of the code the environment asks to see. */
static CodegenPrint wanted_print(void) {
    if (getenv("VITC_LLVM")) return PRINT_LLVM;
    return getenv("VITC_ASM") ? PRINT_ASSEMBLY : PRINT_NONE;
}

static bool make_code(Session *s, const char *target_features, bool linked) {
    char error[1024];
    if (!tools_asked(&s->code)) return false;
    CodegenOptions options = s->code;
    options.target_features = target_features;
    options.print = wanted_print();
    options.unlinked = !linked;
    double start = seconds_now();
    s->compiled = codegen_compile(s->recipe.module, &s->recipe.plan, &options, error, sizeof error);
    s->compile_seconds = seconds_now() - start;
    if (!s->compiled) return fail(2, "%s", error) < 0;
    if (linked) s->program = compiled_program(s->compiled);
    CompileTimes times = compiled_times(s->compiled);
    timing_add(&s->timing, "calls", times.calls, 0, NULL);
    timing_add(&s->timing, "LLVM IR", times.emit, (size_t)compiled_kernels(s->compiled), "kernels");
    timing_add(&s->timing, "LLVM passes", times.optimize, 0, NULL);
    timing_add(&s->timing, "object code", times.object, 0, NULL);
    if (linked) timing_add(&s->timing, "link", times.link, 0, NULL);
    return true;
}

bool session_code(Session *s, const char *target_features) {
    return make_code(s, target_features, true);
}

/* Said before anything is compiled, and before code for another machine comes from the cache. */
static bool runs_here(const char *target_features) {
    char error[512];
    return codegen_runs_here(target_features, error, sizeof error) || fail(2, "%s", error) < 0;
}

bool session_compile(Session *s, const char *target_features) {
    return runs_here(target_features) && session_passes(s, PASSES_ALL, target_features) &&
           session_code(s, target_features);
}

/* ---- by way of the cache ----------------------------------------------------------------------------------------- */

/* Everything that a program depends on. False: it is not to be cached. */
static bool key_of(Arena *arena, const char *path, const RecipeOptions *options, const char *target_features,
                   const CodegenOptions *code, uint8_t out[CACHE_KEY]) {
    RecipeSources sources;
    char error[1024], choices[] = {(char)options->with_gradients, (char)options->with_values,
                                   (char)code->lines, (char)code->frames};
    const char *target = codegen_target_text(arena, target_features, error, sizeof error);
    if (!target || !recipe_sources(arena, path, options, &sources)) return false;
    CacheKey *key = cache_key_new();
    if (!key) return false;
    cache_key_add(key, VITC_VERSION, strlen(VITC_VERSION));
    cache_key_add(key, target, strlen(target));
    cache_key_add(key, choices, sizeof choices);
    cache_key_add(key, &options->n_overrides, sizeof options->n_overrides);
    for (int i = 0; i < options->n_overrides; i++)
        cache_key_add(key, options->overrides[i], strlen(options->overrides[i]));
    for (size_t i = 0; i < sources.count; i++) {
        cache_key_add(key, sources.items[i].path, strlen(sources.items[i].path));
        cache_key_add(key, sources.items[i].text, sources.items[i].size);
    }
    cache_key_end(key, out);
    return true;
}

/* An entry: the resolved recipe and the warnings, both with their NUL, and the program's image. */
enum { RECIPE, WARNINGS, IMAGE };

static bool is_text(const CacheBlob *blob) {
    return blob->size && !((const char *)blob->bytes)[blob->size - 1];
}

/* Fails where warnings would be errors: they are told by compiling. */
static bool take_cached(Session *s, const char *folder, const uint8_t key[CACHE_KEY], bool strict) {
    CacheBlob blobs[CACHE_BLOBS];
    char error[1024];
    double start = seconds_now();
    s->cached = cache_read(folder, key, blobs);
    if (!s->cached) return false;
    double read = seconds_now();
    bool good = is_text(&blobs[RECIPE]) && is_text(&blobs[WARNINGS]) && !(strict && blobs[WARNINGS].size > 1);
    if (good)
        s->compiled = codegen_load(blobs[IMAGE].bytes, blobs[IMAGE].size, s->code.tell, error, sizeof error);
    if (!s->compiled) {
        free(s->cached);
        s->cached = NULL;
        return false;
    }
    s->program = compiled_program(s->compiled);
    s->resolved = blobs[RECIPE].bytes;
    fputs(blobs[WARNINGS].bytes, stderr);
    timing_add(&s->timing, "cache", read - start, blobs[RECIPE].size + blobs[IMAGE].size, "bytes");
    timing_add(&s->timing, "link", seconds_now() - read, (size_t)compiled_kernels(s->compiled), "kernels");
    return true;
}

static void keep(Session *s, const char *folder, const uint8_t key[CACHE_KEY], size_t image_size) {
    double start = seconds_now();
    const char *warnings = diags_text(s->diags);
    CacheBlob blobs[CACHE_BLOBS] = {[RECIPE] = {s->resolved, strlen(s->resolved) + 1},
                                    [WARNINGS] = {warnings, strlen(warnings) + 1},
                                    [IMAGE] = {s->image, image_size}};
    cache_write(folder, key, blobs);
    timing_add(&s->timing, "cache", seconds_now() - start, 0, NULL);
}

/* The program as it was compiled, linked from its image; the module, its passes' memory, diagnostics and what LLVM made
 * of it all go before the program gets memory of its own. */
static bool link_image(Session *s, size_t image_size) {
    char error[1024];
    double start = seconds_now();
    Arena *all = s->arena;
    s->arena = arena_new();
    s->diags = diags_new(s->arena);
    s->told = 0;
    s->resolved = arena_strdup(s->arena, s->resolved);
    s->recipe = (Recipe){0};
    compiled_free(s->compiled);
    arena_free(all);
    s->compiled = codegen_load(s->image, image_size, s->code.tell, error, sizeof error);
    if (!s->compiled) return fail(1, "%s", error) < 0;
    s->program = compiled_program(s->compiled);
    timing_add(&s->timing, "link", seconds_now() - start, (size_t)compiled_kernels(s->compiled), "kernels");
    return true;
}

bool session_program(Session *s, const char *path, const RecipeOptions *options, const char *target_features,
                     bool no_cache) {
    char folder[4096];
    uint8_t key[CACHE_KEY];
    int64_t limit;
    session_begin(s);
    double start = seconds_now();
    if (!runs_here(target_features) || !tools_asked(&s->code)) return false;
    if (!cache_limit(&limit))
        return fail(2, "VITC_CACHE_LIMIT='%s' is no number of bytes", getenv("VITC_CACHE_LIMIT")) < 0;
    /* Who asks to see or to check the compilation wants one. */
    bool use = !no_cache && wanted_print() == PRINT_NONE && !getenv("VITC_VERIFY") &&
               cache_folder(folder, sizeof folder) &&
               key_of(s->arena, find_recipe(s->arena, path), options, target_features, &s->code, key);
    if (use) {
        timing_add(&s->timing, "key", seconds_now() - start, 0, NULL);
        if (take_cached(s, folder, key, options->warnings == WARNINGS_STRICT)) {
            s->cache_seconds = seconds_now() - start;
            return true;
        }
    }
    size_t size;
    if (!elaborate_recipe(s, path, options) || !session_passes(s, PASSES_ALL, target_features) ||
        !make_code(s, target_features, false))
        return false;
    if (!(s->image = compiled_image(s->compiled, &size))) return fail(1, "out of memory") < 0;
    if (use) keep(s, folder, key, size);
    return link_image(s, size);
}

const char *session_origin(Session *s) {
    int kernels = compiled_kernels(s->compiled);
    const char *target = compiled_target(s->compiled);
    if (s->cached)
        return arena_printf(s->arena, "from the cache in %.3f s, compiled for %s (%d kernels)",
                            s->cache_seconds, target, kernels);
    return arena_printf(s->arena, "compiled for %s in %.2f s (%d kernels)", target,
                        s->elaborate_seconds + s->passes_seconds + s->compile_seconds, kernels);
}

void session_close(Session *s) {
    compiled_free(s->compiled);
    free(s->cached);
    free(s->image);
    arena_free(s->arena);
}
