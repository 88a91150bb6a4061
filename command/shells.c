/* completion: the script that a shell reads. It knows nothing of verbs and flags, but asks the program (complete.h).
 * The scripts lie in shells/; PROGRAM in them is the program's name. */
#include "command/complete.h"

#include <string.h>

extern const char completion_bash[], completion_zsh[], completion_fish[];

int verb_completion(int argc, char **argv) {
    static const char *const names[] = {"bash", "zsh", "fish"};
    static const char *const scripts[] = {completion_bash, completion_zsh, completion_fish};
    enum { N = sizeof names / sizeof *names };
    const char *script = NULL; /* other names were refused as they were parsed */
    Arguments args;
    if (!parse_arguments(argc, argv, NULL, 0, &args)) return 2;
    if (args.n_words != 1) return fail(2, "completion wants one shell: bash, zsh or fish");
    for (int i = 0; i < N; i++)
        if (strcmp(args.words[0], names[i]) == 0) script = scripts[i];
    for (const char *name; (name = strstr(script, "PROGRAM")); script = name + strlen("PROGRAM"))
        printf("%.*s%s", (int)(name - script), script, command->name);
    fputs(script, stdout);
    return 0;
}
