/* Text that is written piece by piece into memory. Running out of memory ends the process with a message, as in an
 * arena: a text is never cut short. */
#ifndef VITC_IR_BASE_STREAM_H
#define VITC_IR_BASE_STREAM_H

#include "ir/base/arena.h"

#include <stddef.h>
#include <stdio.h>

typedef struct {
    FILE *out;
    char *text;
    size_t size;
} TextStream;

FILE *stream_begin(TextStream *stream);             /* to write to; stays at its place until the end */
char *stream_end(TextStream *stream, size_t *size); /* malloc'ed, with a NUL after it; size may be NULL */

/* All of a text that is read: a stream to its end, or a file; in the arena, with a NUL after it. NULL with errno, EFBIG
 * if there are more than `most` bytes: what is read is whole. */
char *stream_read(Arena *arena, FILE *in, size_t most, size_t *size);
char *stream_read_file(Arena *arena, const char *path, size_t most, size_t *size);

#endif
