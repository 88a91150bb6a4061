/* Commands that vitc runs: started directly, never by a shell, with standard input closed to them and messages in
 * English. */
#ifndef VITC_DRIVER_BUILD_PROCESS_H
#define VITC_DRIVER_BUILD_PROCESS_H

#include "ir/base/arena.h"
#include <stdbool.h>
#include <stddef.h>

/* Arguments of a command, in an arena. */
typedef struct {
    const char **items; /* a NULL follows */
    size_t count, capacity;
} Words;
void words_add(Arena *arena, Words *words, const char *word);
void words_add_text(Arena *arena, Words *words, const char *text); /* the words of a text, between blanks */
void words_add_all(Arena *arena, Words *words, const Words *more);
/* As one would type it. */
char *words_shown(Arena *arena, const Words *words);

typedef struct {
    bool started;
    int why;    /* errno, where it was not */
    int status; /* 0: it succeeded; else the exit code, or 128 + the signal that ended it */
    char *output,
        *said; /* its standard output and its standard error, in the arena, without the last newline */
} ProcessResult;
/* Runs a command to its end. */
ProcessResult process_run(Arena *arena, const Words *command);

#endif
