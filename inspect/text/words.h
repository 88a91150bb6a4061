/* Short texts, one after another, of what writes to a stream: one buffer for all of them. */
#ifndef VITC_INSPECT_TEXT_WORDS_H
#define VITC_INSPECT_TEXT_WORDS_H

#include "ir/base/arena.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
    FILE *stream;
    char *text;
    size_t size;
} Words;

static inline void words_open(Words *words) {
    *words = (Words){0};
    words->stream = (FILE *)arena_must(open_memstream(&words->text, &words->size));
}
static inline FILE *words_begin(Words *words) {
    rewind(words->stream);
    return words->stream;
}
/* What was written since; until the next text begins. */
static inline const char *words_end(Words *words) {
    bool whole = fputc('\0', words->stream) == 0 && fflush(words->stream) == 0 && !ferror(words->stream);
    return (const char *)arena_must(whole ? words->text : NULL);
}
static inline void words_close(Words *words) {
    fclose(words->stream);
    free(words->text);
}

#endif
