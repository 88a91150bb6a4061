/* vitc info: what a file made by `vitc build` is, without running it, also for another processor. The program itself
 * tells more. */
#include "driver/driver.h"
#include "runtime/files/program_file.h"

#include <string.h>

/* "key: value" as two columns. */
static void print_about(char *about) {
    char *save = NULL;
    for (char *line = strtok_r(about, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *colon = strstr(line, ": ");
        if (!colon) continue;
        *colon = '\0';
        printf("  %-14s ", line);
        diag_put_text(colon + 2, stdout); /* the file may be anyone's */
        putchar('\n');
    }
}

int verb_info(int argc, char **argv) {
    Arguments args;
    VtProgramFile file;
    VtError error;
    if (!parse_arguments(argc, argv, NULL, 0, &args)) return 2;
    if (args.n_words != 1) return fail(2, "info wants one file that vitc build wrote");
    const char *path = args.words[0];
    if (!vt_program_file_read(path, &file, &error)) return fail(error.code, "%s", error.message);
    int code = file.damage[0] ? 1 : 0;
    if (!file.ours)
        code = fail(2, "'%s' is no program or library that vitc build wrote, or it ends before it says so",
                    path);
    else if (code == 0)
        printf("%s: made by vitc build, whole\n", path);
    if (file.about) print_about(file.about);
    if (code == 1) fail(1, "'%s' is damaged: %s", path, file.damage);
    vt_program_file_free(&file);
    return code;
}
