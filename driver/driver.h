/* The vitc command: one file a verb. Each verb gets the arguments after its name and returns the exit code. */
#ifndef VITC_DRIVER_DRIVER_H
#define VITC_DRIVER_DRIVER_H

#include "codegen/codegen.h"
#include "driver/report/roofline.h"
#include "frontend/frontend.h"
#include "ir/base/clock.h"
#include "passes/passes.h"
#include "runtime/runtime.h"

int verb_train(int argc, char **argv);
int verb_resume(int argc, char **argv);
int verb_run(int argc, char **argv);
int verb_eval(int argc, char **argv);
int verb_check(int argc, char **argv);
int verb_data(int argc, char **argv);
int verb_inspect(int argc, char **argv);
int verb_opt(int argc, char **argv);
int verb_bench(int argc, char **argv);
int verb_build(int argc, char **argv); /* build/build.c */
int verb_help(int argc, char **argv);

/* ---- options.c: flags "--name value" or "--name=value"; key=value overrides; the rest are words, as is all after
 * "--". What is given twice holds as it was given last. */
typedef enum {
    FLAG_BARE = false,
    FLAG_VALUE = true,
    FLAG_MAYBE, /* a value only as "--name=value" */
    FLAG_LIST   /* given as often as one likes: Arguments.values */
} FlagKind;
typedef struct {
    const char *name; /* without dashes */
    FlagKind takes_value;
    bool given;
    const char *value;
} Flag;
typedef struct {
    const char *words[16];
    int n_words;
    const char *overrides[256];
    int n_overrides;
    const char *values[64]; /* of the verb's FLAG_LIST */
    int n_values;
    char settings[8][64]; /* made of flags that are short for key=value: --precision */
    int n_settings;
} Arguments;
/* False after telling what is wrong (unknown flag: did you mean …). */
bool parse_arguments(int argc, char **argv, Flag *flags, size_t n_flags, Arguments *out);
bool number_flag(const Flag *flag, double low, double high, double *out); /* leaves *out if not given */
bool whole_flag(const Flag *flag, double low, double high, double *out);  /* a whole number */
bool json_flag(const Flag *format, bool *json); /* --format text or json; text if not given */
/* Flags --peak GFLOPS and --bandwidth GBS; leaves what is not given. False after telling what is wrong. */
bool roofline_flags(const Flag *peak, const Flag *bandwidth, Roofline *roofline);
/* ---- hints.c: tells that no such flag exists, and what may have been meant: another flag, or a setting of the recipe
 * that `argv` names. `value`: what was given with it, or NULL. Returns false. */
bool unknown_flag(int argc, char **argv, const char *name, const char *value, const Flag *flags, size_t n);

/* ---- sources.c: --data PATH, or NAME=PATH for each source of images that a recipe names */
/* A relative path means the same from any folder, today and when a run is resumed. flag: whose it is, for messages. */
bool absolute_path(const char *path, const char *flag, char *out, size_t size);
/* Which source a value of --data is for, and its path; -1 after telling what is wrong. */
int find_source(const VtProgram *program, const char *text, const char **path);
/* The paths of the program's sources: as given in Arguments.values, else as saved; what differs is told. False after
 * telling what is wrong. */
bool choose_data(const VtProgram *program, const Arguments *args, const VtRunSettings *saved,
                 VtRunSettings *out);

/* ---- timing.c: stages and how long they took, to stderr ---------------------------------------------------------- */
typedef struct {
    const char *stage, *unit; /* unit: of `count`; NULL: there is none */
    double seconds;
    size_t count;
} TimingRow;
typedef struct {
    TimingRow rows[64];
    size_t count;
} Timing;
void timing_add(Timing *timing, const char *stage, double seconds, size_t count, const char *unit);
void timing_add_module(Timing *timing, const char *stage, double seconds, const Module *module);
/* For PassOptions.after: a row for each pass that has run; `timing` is a Timing. */
void timing_pass(void *timing, const Pass *pass, const Module *module, double seconds);
void timing_print(const Timing *timing);

/* ---- session.c: a recipe from file to program -------------------------------------------------------------------- */
typedef struct {
    Arena *arena;
    Diags *diags;
    Recipe recipe; /* not from the cache: without a module then */
    Compiled *compiled;
    const VtProgram *program;
    const char *resolved; /* the recipe as YAML */
    void *cached;         /* the entry of the cache that holds the program; NULL: it was compiled */
    double elaborate_seconds, passes_seconds, compile_seconds, cache_seconds;
    Timing timing;
    int told;    /* diagnostics printed so far */
    bool strict; /* a warning is an error */
    bool verify; /* after each pass; VITC_VERIFY in the environment asks for it too */
} Session;
/* Settings of the command line; strict: a flag under which warnings are errors. */
RecipeOptions recipe_options(const Arguments *args, const Flag *strict);
/* Reads and elaborates; prints diagnostics. */
bool session_load(Session *session, const char *path, const RecipeOptions *options);
/* The file of a recipe, which may be given by the name of one in models/ or models/paper/. */
const char *find_recipe(Arena *arena, const char *path);
/* target_features: whose panels weights are packed for, as CodegenOptions have it. */
bool session_passes(Session *session, const char *list, const char *target_features);
/* Compiles a planned module: passes from `fuse` to `memory` have run. */
bool session_code(Session *session, const char *target_features);
bool session_compile(Session *session, const char *target_features); /* both */
/* All of it, for who needs no module: the program comes from the object cache (cache.h) if it is there, else it is
 * compiled and kept there. Prints diagnostics. */
bool session_program(Session *session, const char *path, const RecipeOptions *options,
                     const char *target_features, bool no_cache);
/* "compiled for TARGET in S s (N kernels)", or that it is from the cache; in the session's arena. */
const char *session_origin(Session *session);
void session_close(Session *session);
/* ---- places.c ---------------------------------------------------------------------------------------------------- */
const char *own_folder(void); /* in which this program's file is; NULL: it cannot be told */
/* $VITC_MODELS, else those installed with this program, else those of the source that it was built from. */
const char *models_dir(void);

int fail(int code, const char *format, ...)
    __attribute__((format(printf, 2, 3))); /* "vitc: …" to stderr; returns code */

#endif
