/* Running commands: see process.h. */
#include "driver/build/process.h"
#include "ir/base/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
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

static int start(Arena *arena, const Words *command, const char *output, const char *said, pid_t *child) {
    enum { MODE = O_WRONLY | O_CREAT | O_TRUNC };
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
            !(why = posix_spawn_file_actions_addopen(&files, 1, output, MODE, 0600)) &&
            !(why = posix_spawn_file_actions_addopen(&files, 2, said, MODE, 0600)))
            why = posix_spawnp(child, command->items[0], &files, &attributes, (char **)command->items,
                               english(arena));
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&files);
    return why;
}

static char *read_output(Arena *arena, const char *path) {
    size_t size = 0;
    char *text = stream_read_file(arena, path, (size_t)64 << 20, &size);
    if (!text) return "";
    while (size && text[size - 1] == '\n') text[--size] = '\0';
    return text;
}

ProcessResult process_run(Arena *arena, const Words *command, const char *scratch) {
    ProcessResult result = {.output = "", .said = ""};
    const char *output = arena_printf(arena, "%s/stdout", scratch),
               *said = arena_printf(arena, "%s/stderr", scratch);
    pid_t child;
    int status;
    result.why = start(arena, command, output, said, &child);
    if (result.why) return result;
    while (waitpid(child, &status, 0) < 0) {
        if (errno == EINTR) continue;
        result.why = errno;
        return result;
    }
    result.started = true;
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    result.output = read_output(arena, output);
    result.said = read_output(arena, said);
    return result;
}
