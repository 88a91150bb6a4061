/* Arena memory: see arena.h. Blocks grow geometrically; large requests get a block of their own. */
#include "ir/base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Block {
    struct Block *next;
    size_t size, used;
    _Alignas(16) char bytes[];
} Block;

struct Arena {
    Block *blocks;
    size_t next_size;
};

enum { FIRST_BLOCK = 64 << 10, LARGEST_BLOCK = 64 << 20 };

/* Other threads may be at work, inside LLVM too: nothing is torn down under them. */
void *arena_must(void *memory) {
    if (memory) return memory;
    fputs("vitc: out of memory\n", stderr);
    _exit(1);
}

Arena *arena_new(void) {
    Arena *arena = arena_must(calloc(1, sizeof *arena));
    arena->next_size = FIRST_BLOCK;
    return arena;
}

void arena_free(Arena *arena) {
    if (!arena) return;
    for (Block *block = arena->blocks; block;) {
        Block *next = block->next;
        free(block);
        block = next;
    }
    free(arena);
}

void *arena_alloc(Arena *arena, size_t bytes) {
    if (bytes > SIZE_MAX / 2) arena_must(NULL);
    bytes = (bytes + 15) & ~(size_t)15;
    Block *block = arena->blocks;
    if (!block || block->size - block->used < bytes) {
        size_t size = bytes > arena->next_size ? bytes : arena->next_size;
        if (arena->next_size < LARGEST_BLOCK) arena->next_size *= 2;
        block = arena_must(calloc(1, sizeof *block + size));
        block->size = size;
        block->next = arena->blocks;
        arena->blocks = block;
    }
    void *memory = block->bytes + block->used;
    block->used += bytes;
    return memory;
}

char *arena_strndup(Arena *arena, const char *s, size_t n) {
    char *copy = arena_alloc(arena, n + 1);
    memcpy(copy, s, n);
    return copy;
}

char *arena_strdup(Arena *arena, const char *s) {
    return arena_strndup(arena, s, strlen(s));
}

char *arena_vprintf(Arena *arena, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    char *text = arena_alloc(arena, (size_t)(n < 0 ? 0 : n) + 1);
    vsnprintf(text, (size_t)(n < 0 ? 0 : n) + 1, format, again);
    va_end(again);
    return text;
}

char *arena_printf(Arena *arena, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *text = arena_vprintf(arena, format, args);
    va_end(args);
    return text;
}

void *arena_grow(Arena *arena, void *old, size_t *capacity, size_t need, size_t element) {
    size_t n = *capacity ? *capacity * 2 : element >= 256 ? 2 : 8;
    if (n < need) n = need;
    if (n > SIZE_MAX / 2 / element) arena_must(NULL);
    void *array = arena_alloc(arena, n * element);
    if (*capacity) memcpy(array, old, *capacity * element);
    *capacity = n;
    return array;
}
