/* A built program: `vitc build` links this with a compiled recipe, and it is then a command of its own. Its verbs over
 * the program are those of command/. */
#ifndef VITC_STANDALONE_STANDALONE_H
#define VITC_STANDALONE_STANDALONE_H

#include "command/command.h"
#include "runtime/built.h"
#include "standalone/saved.h"

extern const VtBuilt vt_built; /* the linker names the object's NAME_program so */

/* made.c: what the verbs of command/ ask a built program for */
typedef struct {
    Made made;
    const VtVariant *variant;
    VtProgram program;   /* with settings of its own */
    SettingText *values; /* of each setting */
    char *recipe;        /* made.resolved */
    char origin[128];
    VtRename *rules; /* of files that were read */
    char **rule_texts;
    int n_texts;
} BuiltProgram;
extern const Command BUILT; /* but for its name */

/* names.c: settings and knobs by the names that people give them */
/* The key of the setting, or the name of the fixed knob, that a word means: peak-lr, seed; NULL: there is none. */
const char *find_key(const char *word);
int find_setting(const char *key); /* -1: no setting has just this key */
/* Tells that there is no such setting, that it is fixed, or that its value is no number. */
bool refuse_key(const char *key);
void hint_key(int argc, char **argv, const Flag *flags, size_t n, const char *word, SettingHint *out);
void complete_key(Completer *c, Completion kind);

/* rules.c: a file of rules by which tensors are called, a line each: from: to */
bool read_rules(Made *made, const char *path, VtWeights *weights);

/* damage.c: what is wrong with the file that runs (runtime/files/program_file.h); "": nothing, or it cannot be told. */
void find_damage(char *out, size_t size);

int verb_own_info(int argc, char **argv); /* info.c */
extern const FlagTable OWN_INFO_FLAGS;
void print_about(FILE *out); /* its name, and what built it: a line */

#endif
