/* The vitc command: one file a verb. Each verb gets the arguments after its name and returns the exit code. */
#ifndef VITC_DRIVER_DRIVER_H
#define VITC_DRIVER_DRIVER_H

#include "codegen/codegen.h"
#include "frontend/frontend.h"
#include "passes/passes.h"
#include "runtime/runtime.h"

int verb_train(int argc, char **argv);
int verb_run(int argc, char **argv);
int verb_eval(int argc, char **argv);
int verb_check(int argc, char **argv);
int verb_inspect(int argc, char **argv);
int verb_opt(int argc, char **argv);
int verb_bench(int argc, char **argv);
int verb_help(int argc, char **argv);

/* ---- options.c: flags "--name value" or "--name=value"; key=value overrides; the rest are words ------------------- */
typedef struct {
    const char *name; /* without dashes */
    bool takes_value, given;
    const char *value;
} Flag;
typedef struct {
    const char *words[16];
    int n_words;
    const char *overrides[256];
    int n_overrides;
    char settings[8][64]; /* made of flags that are short for key=value: --precision */
    int n_settings;
} Arguments;
/* False after telling what is wrong (unknown flag: did you mean …). */
bool parse_arguments(int argc, char **argv, Flag *flags, size_t n_flags, Arguments *out);
bool number_flag(const Flag *flag, double low, double high, double *out); /* leaves *out if not given */

/* ---- session.c: a recipe from file to program ---------------------------------------------------------------------- */
typedef struct {
    Arena *arena;
    Diags *diags;
    Recipe recipe;
    Compiled *compiled;
    const VtProgram *program;
    double elaborate_seconds, passes_seconds, compile_seconds;
} Session;
/* Reads and elaborates; prints diagnostics. */
bool session_load(Session *session, const char *path, const RecipeOptions *options);
bool session_passes(Session *session, const char *list);
bool session_compile(Session *session, const char *target_features);
void session_close(Session *session);
const char *models_dir(void);
int fail(int code, const char *format, ...)
    __attribute__((format(printf, 2, 3))); /* "vitc: …" to stderr; returns code */
double seconds_now(void);

#endif
