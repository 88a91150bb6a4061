/* The vitc command: one file a verb. Each verb gets the arguments after its name and returns the exit code. Verbs over
 * a program are those of command/. */
#ifndef VITC_DRIVER_DRIVER_H
#define VITC_DRIVER_DRIVER_H

#include "codegen/codegen.h"
#include "command/command.h"
#include "inspect/inspect.h"
#include "frontend/frontend.h"
#include "ir/base/clock.h"
#include "passes/passes.h"
#include "runtime/runtime.h"

int verb_run(int argc, char **argv);
int verb_init(int argc, char **argv);
int verb_check(int argc, char **argv);
int verb_data(int argc, char **argv);
int verb_inspect(int argc, char **argv);
int verb_opt(int argc, char **argv);
int verb_bench(int argc, char **argv);
int verb_build(int argc, char **argv); /* build/build.c */
int verb_info(int argc, char **argv);
int verb_doctor(int argc, char **argv);
int verb_help(int argc, char **argv);

/* The flags of each verb, as main.c lists them. */
extern const FlagTable INIT_FLAGS, RUN_FLAGS, CHECK_FLAGS, DATA_FLAGS, INSPECT_GRAPH_FLAGS,
    INSPECT_SHOW_FLAGS, INSPECT_FORM_FLAGS, INSPECT_COMPILE_FLAGS, OPT_FLAGS, BENCH_FLAGS, BUILD_FLAGS,
    DOCTOR_FLAGS, HELP_FLAGS;
extern const FlagTable VITC_FLAGS; /* command.c: of each verb of command/ */

/* ---- recipes.c --------------------------------------------------------------------------------------------------- */
typedef struct {
    const char *name, *about; /* name: as vitc can be told it, of models/paper/ with its folder */
} InstalledRecipe;
/* Those of models_dir(); `first`: those that `vitc init` begins with instead. How many. */
size_t installed_recipes(Arena *arena, bool first, const InstalledRecipe **out);
/* Tells that there is no such recipe, and which may have been meant: an installed one, or a file beside. False. */
bool refuse_recipe(const char *word);

/* ---- options.c: flags that only vitc has ------------------------------------------------------------------------ */
/* Rows that several verbs have. */
#define TARGET_FLAG                                                                                          \
    {"target", FLAG_VALUE, "NAME", COMPLETE_TARGET, "processors to compile for; `list` tells which there are"}
#define TIMING_FLAG                                                                                          \
    {"timing", FLAG_BARE, NULL, COMPLETE_NONE, "tell on standard error how long each stage took"}
#define STRICT_FLAG {"strict", FLAG_BARE, NULL, COMPLETE_NONE, "warnings of the recipe are errors"}
#define PRECISION_FLAG                                                                                       \
    {"precision", FLAG_VALUE, "fp32|bf16|bf16x3", COMPLETE_WORDS, "short for train.precision="}
#define NO_CACHE_FLAG {"no-cache", FLAG_BARE, NULL, COMPLETE_NONE, "compile anew, and keep nothing"}
#define THREADS_FLAG {"threads", FLAG_VALUE, "N", COMPLETE_NONE, "use N threads; all processors unless given"}
#define PEAK_FLAG                                                                                            \
    {"peak", FLAG_VALUE, "GFLOPS", COMPLETE_NONE,                                                            \
     "what the roofline takes this machine to compute, 10^9 FLOP/s"}
#define BANDWIDTH_FLAG                                                                                       \
    {"bandwidth", FLAG_VALUE, "GBS", COMPLETE_NONE,                                                          \
     "what the roofline takes its memory to move, 10^9 bytes/s"}

enum { N_FLAG_SETTINGS = 1 };
extern const FlagSetting FLAG_SETTINGS[N_FLAG_SETTINGS];
/* Flags --peak GFLOPS and --bandwidth GBS; leaves what is not given. False after telling what is wrong. */
bool roofline_flags(const Flag *peak, const Flag *bandwidth, Roofline *roofline);
/* ---- hints.c: Command.hint: a setting of the recipe that `argv` names */
void hint_setting(int argc, char **argv, const Flag *flags, size_t n, const char *word, SettingHint *out);

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

/* ---- tools.c: tell, lines and frames as perf and debuggers want them; false after telling what is wrong */
bool tools_asked(CodegenOptions *options);

/* ---- session.c: a recipe from file to program -------------------------------------------------------------------- */
typedef struct {
    Arena *arena;
    Diags *diags;
    Recipe recipe; /* without a module where session_program made the program */
    Compiled *compiled;
    const VtProgram *program;
    const char *resolved; /* the recipe as YAML */
    void *cached;         /* the entry of the cache that holds the program; NULL: it was compiled */
    void *image;          /* what session_program compiled, once nothing else of the compilation is kept */
    double elaborate_seconds, passes_seconds, compile_seconds, cache_seconds;
    Timing timing;
    int told;            /* diagnostics printed so far */
    bool strict;         /* a warning is an error */
    CodegenOptions code; /* what tools want of it (tools.c) */
    bool verify;         /* after each pass; VITC_VERIFY in the environment asks for it too */
} Session;
/* Settings of the command line; strict: a flag under which warnings are errors. */
RecipeOptions recipe_options(const Arguments *args, const Flag *strict);
/* Reads and elaborates; prints diagnostics. */
bool session_load(Session *session, const char *path, const RecipeOptions *options);
/* The file of a recipe, which may be given by the name of one in models/ or models/paper/. */
const char *find_recipe(Arena *arena, const char *path);
/* target_features: whose panels weights are packed for, as CodegenOptions have it. */
bool session_passes(Session *session, const char *list, const char *target_features);
/* Runs passes as `run` says (its hooks and `verify` are the session's) and keeps their stages; prints diagnostics. */
bool session_inspect(Session *session, InspectionRun run, Inspection *inspection);
/* Compiles a planned module: passes from `fuse` to `memory` have run. */
bool session_code(Session *session, const char *target_features);
bool session_compile(Session *session, const char *target_features); /* both */
/* All of it, for who needs no module: the program comes from the object cache (cache.h) if it is there, else it is
 * compiled and kept there. Of a compilation nothing stays in memory but the program. Prints diagnostics. */
bool session_program(Session *session, const char *path, const RecipeOptions *options,
                     const char *target_features, bool no_cache);
/* "compiled for TARGET in S s (N kernels)", or that it is from the cache; in the session's arena. */
const char *session_origin(Session *session);
void session_close(Session *session);
/* ---- places.c ---------------------------------------------------------------------------------------------------- */
const char *own_folder(void); /* in which this program's file is; NULL: it cannot be told */
/* $VITC_MODELS, else those installed with this program, else those of the source that it was built from. */
const char *models_dir(void);

/* ---- version.c --------------------------------------------------------------------------------------------------- */
const char *version_name(void); /* "vitc 0.1.0 (abcdef1)" */
void print_version(FILE *out);  /* it, and a line each of LLVM, targets, and which this machine is */

/* ---- targets.c --------------------------------------------------------------------------------------------------- */
void print_targets(FILE *out); /* a line each: its name; whether it runs here, and why not */
void print_targets_indented(FILE *out, const char *indent);

/* ---- command.c: what the verbs of command/ ask vitc for ---------------------------------------------------------- */
extern const Command VITC;
/* A program that they work on. */
typedef struct {
    Made made;
    Session session;
    RecipeOptions options;
    const char *path;   /* of the recipe */
    const char *saved;  /* the recipe in the run's folder, now or later */
    const char *target; /* as MakeRequest has it */
    bool timing;
} MadeOfRecipe;

#endif
