/* Initial weights as a recipe or the command line asks for them: rules by which files name tensors, and what the files
 * are. */
#ifndef VITC_COMMAND_WEIGHTS_H
#define VITC_COMMAND_WEIGHTS_H

#include "command/command.h"

#include <stdio.h>

typedef struct {
    const char *path, *rename,
        *only;        /* --init, --rename, --only; NULL: not given. only: patterns with commas between */
    const char *hash; /* that the file must have, or NULL */
} InitFlags;
bool init_flags(const Flag *init, const Flag *rename, const Flag *only,
                InitFlags *out); /* false after telling */

bool hash_file(const char *path, char out[VT_HASH_TEXT]); /* "sha256:…" of its bytes; false after telling */

/* All files that initial values come from: those of the recipe, then the command line's. */
struct Weights {
    VtWeights *items; /* with all their rules, and with the hashes that the files have */
    int count;
    VtInitialWeights *open; /* NULL: there is no file */
    char (*hashes)[VT_HASH_TEXT];
    char *only_text;
    const char **only;
};
/* Reads rules, hashes the files and finds what of them is for what. of_recipe: also those that the recipe names. made:
 * for Command.read_renames. False after telling. The caller closes it in either case. */
bool weights_open(const VtProgram *program, Made *made, const InitFlags *init, bool of_recipe, Weights *out);
void weights_close(Weights *weights);                 /* zeroed ones too */
void weights_tell(const Weights *weights, FILE *out); /* a line a file */

#endif
