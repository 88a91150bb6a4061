/* Running commands: see process.h. */
#include "driver/build/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

void words_add(Arena *arena, Words *words, const char *word) {
    if (words->count + 2 > words->capacity)
        words->items =
            arena_grow(arena, words->items, &words->capacity, words->count + 2, sizeof *words->items);
    words->items[words->count++] = word;
    words->items[words->count] = NULL;
}

void words_add_text(Arena *arena, Words *words, const char *text) {
    static const char blanks[] = " \t\n";
    for (text += strspn(text, blanks); *text; text += strspn(text, blanks)) {
        size_t n = strcspn(text, blanks);
        words_add(arena, words, arena_strndup(arena, text, n));
        text += n;
    }
}

void words_add_all(Arena *arena, Words *words, const Words *more) {
    for (size_t i = 0; i < more->count; i++) words_add(arena, words, more->items[i]);
}

/* Quoted where a shell would take it for something else. */
static char *quoted(Arena *arena, const char *word) {
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+=:,./-";
    if (*word && !word[strspn(word, plain)]) return arena_strdup(arena, word);
    char *text = "'";
    for (; *word; word += *word == '\'') {
        size_t n = strcspn(word, "'");
        text = arena_printf(arena, "%s%.*s%s", text, (int)n, word, word[n] ? "'\\''" : "");
        word += n;
    }
    return arena_printf(arena, "%s'", text);
}

char *words_shown(Arena *arena, const Words *words) {
    char *text = "";
    for (size_t i = 0; i < words->count; i++)
        text = arena_printf(arena, "%s%s%s", text, i ? " " : "", quoted(arena, words->items[i]));
    return text;
}

/* The environment, in the C locale: messages are looked at. */
static char **english(Arena *arena) {
    size_t n = 0;
    while (environ[n]) n++;
    char **out = ARENA_ARRAY(arena, char *, n + 2);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (strncmp(environ[i], "LC_ALL=", 7) != 0) out[kept++] = environ[i];
    out[kept] = arena_strdup(arena, "LC_ALL=C");
    return out;
}

static int start(Arena *arena, const Words *command, int output, int said, pid_t *child) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    int why = posix_spawn_file_actions_init(&files);
    if (why) return why;
    if ((why = posix_spawnattr_init(&attributes)) == 0) {
        posix_spawnattr_setsigdefault(&attributes, &defaults);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
        if (!(why = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0)) &&
            !(why = posix_spawn_file_actions_adddup2(&files, output, 1)) &&
            !(why = posix_spawn_file_actions_adddup2(&files, said, 2)))
            why = posix_spawnp(child, command->items[0], &files, &attributes, (char **)command->items,
                               english(arena));
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&files);
    return why;
}

/* What was written into a file in memory, without the last newline. */
static char *read_output(Arena *arena, int file) {
    enum { MOST = 64 << 20 };
    off_t size = lseek(file, 0, SEEK_END);
    if (size < 0 || size > MOST) size = size < 0 ? 0 : MOST;
    char *text = arena_alloc(arena, (size_t)size + 1);
    size_t n = 0;
    for (ssize_t got; n < (size_t)size; n += (size_t)got)
        if ((got = pread(file, text + n, (size_t)size - n, (off_t)n)) <= 0) break;
    while (n && text[n - 1] == '\n') n--;
    text[n] = '\0';
    return text;
}

static void run_to_end(Arena *arena, const Words *command, int output, int said, ProcessResult *out) {
    pid_t child;
    int status;
    out->why = start(arena, command, output, said, &child);
    if (out->why) return;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) {
            out->why = errno;
            return;
        }
    out->started = true;
    out->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    out->output = read_output(arena, output);
    out->said = read_output(arena, said);
}

ProcessResult process_run(Arena *arena, const Words *command) {
    ProcessResult result = {.output = "", .said = ""};
    int output = memfd_create("output", MFD_CLOEXEC), said = memfd_create("said", MFD_CLOEXEC);
    if (output < 0 || said < 0)
        result.why = errno;
    else
        run_to_end(arena, command, output, said, &result);
    if (output >= 0) close(output);
    if (said >= 0) close(said);
    return result;
}
