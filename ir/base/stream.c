/* Text written into memory: see stream.h. */
#include "ir/base/stream.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

FILE *stream_begin(TextStream *stream) {
    *stream = (TextStream){0};
    stream->out = open_memstream(&stream->text, &stream->size);
    return arena_must(stream->out);
}

char *stream_end(TextStream *stream, size_t *size) {
    bool whole = fflush(stream->out) == 0 && !ferror(stream->out);
    whole = fclose(stream->out) == 0 && whole;
    if (!whole) arena_must(NULL);
    if (size) *size = stream->size;
    return arena_must(stream->text);
}

char *stream_read(Arena *arena, FILE *in, size_t most, size_t *size) {
    char *text = NULL, buffer[65536];
    size_t capacity = 0;
    *size = 0;
    errno = 0;
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, in)) > 0;) {
        if (*size + n > most) {
            errno = EFBIG;
            return NULL;
        }
        if (*size + n >= capacity) text = arena_grow(arena, text, &capacity, *size + n + 1, 1);
        memcpy(text + *size, buffer, n);
        *size += n;
    }
    if (ferror(in)) {
        if (!errno) errno = EIO;
        return NULL;
    }
    if (!text) text = arena_alloc(arena, 1);
    text[*size] = '\0';
    return text;
}

char *stream_read_file(Arena *arena, const char *path, size_t most, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    char *text = stream_read(arena, file, most, size);
    int problem = errno;
    fclose(file);
    errno = problem;
    return text;
}
