/* From the arguments of main() to a verb. */
#include "command/command.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

const Verb *command_verbs, *command_verb;
int command_n_verbs;

size_t verb_flags(const Verb *verb, Flag *out) {
    size_t n = 0;
    for (int t = 0; t < MOST_TABLES && verb->flags[t]; t++)
        for (size_t i = 0; i < verb->flags[t]->count; i++) {
            assert(n < MOST_VERB_FLAGS);
            out[n++] = (Flag){.row = &verb->flags[t]->rows[i]};
        }
    return n;
}

/* What is opened later may not become standard input, output or error: a missing one is a /dev/null that cannot be used
 * the way it would be, so that it still is an error to do so. */
static bool hold_standard_descriptors(void) {
    static const int modes[] = {O_WRONLY, O_RDONLY, O_RDWR};
    for (int i = 0; i < 3; i++)
        if (fcntl(i, F_GETFD) < 0 && open("/dev/null", modes[i]) != i) return false;
    return true;
}

/* What verbs keep on the stack is below this. A lower limit is raised; false after telling that it may not be. */
static bool hold_stack(void) {
    enum { NEEDED = 1 << 20 };
    struct rlimit limit;
    if (getrlimit(RLIMIT_STACK, &limit) != 0 || limit.rlim_cur >= NEEDED) return true;
    if (limit.rlim_max >= NEEDED) {
        limit.rlim_cur = NEEDED;
        return setrlimit(RLIMIT_STACK, &limit) == 0 || fail(1, "ulimit -s: %s", strerror(errno)) < 0;
    }
    return fail(1, "the stack may be %lld kB here (ulimit -s): %d are needed",
                (long long)limit.rlim_max / 1024, NEEDED / 1024) < 0;
}

static bool is_help(const char *arg) {
    return strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0;
}

static bool is_target_list(const char *arg, const char *next) {
    return strcmp(arg, "--target=list") == 0 ||
           (strcmp(arg, "--target") == 0 && next && strcmp(next, "list") == 0);
}

/* What may stand behind any verb and ends it. */
static bool wants_targets(int argc, char **argv) {
    for (int a = 2; a < argc && strcmp(argv[a], "--") != 0; a++)
        if (is_target_list(argv[a], argv[a + 1])) return true;
    return false;
}

static bool wants_help(int argc, char **argv) {
    for (int a = 2; a < argc && strcmp(argv[a], "--") != 0; a++)
        if (is_help(argv[a])) return true;
    return false;
}

static int run_verb(int argc, char **argv) {
    enum { MOST = 64 };
    const char *names[MOST];
    int n = 0;
    char *help_alone[] = {argv[0], "help", NULL, NULL};
    if (argc < 2 || is_help(argv[1])) return run_verb(2, help_alone), argc < 2 ? 2 : 0;
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        command->print_version(stdout);
        return 0;
    }
    for (int i = 0; i < command_n_verbs; i++) {
        if (command_verbs[i].group && n + 4 < MOST) names[n++] = command_verbs[i].name;
        if (strcmp(argv[1], command_verbs[i].name) != 0) continue;
        command_verb = &command_verbs[i];
        help_alone[2] = argv[1];
        if (wants_help(argc, argv) && command_verb->group) return run_verb(3, help_alone);
        if (wants_targets(argc, argv)) return command->print_targets(stdout), 0;
        return command->fit && !command->fit(argv[1]) ? 1 : command_verb->run(argc - 2, argv + 2);
    }
    static const char *const flags[] = {"--help", "--version", "-h", "-V"};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) names[n++] = flags[i];
    char help[128];
    snprintf(help, sizeof help, "%s help", command->name);
    return unknown_word("unknown verb", argv[1], names, (size_t)n, help);
}

int command_main(const Verb *verbs, int n, int argc, char **argv) {
    command_verbs = verbs;
    command_n_verbs = n;
    if (!hold_standard_descriptors() || !hold_stack()) return 1;
    int code = run_verb(argc, argv);
    errno = 0;
    bool lost = ferror(stdout), closed = fclose(stdout) == 0;
    if ((lost || !closed) && code == 0)
        return fail(1, "standard output could not be written%s%s", errno ? ": " : "",
                    errno ? strerror(errno) : "");
    return code;
}
