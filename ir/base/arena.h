/* An arena: everything a compilation allocates, freed at once. Memory is zeroed. Running out of memory ends
 * the process with a message: no caller can do better. */
#ifndef VITC_IR_BASE_ARENA_H
#define VITC_IR_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

typedef struct Arena Arena;

/* Memory that was asked for elsewhere: itself, or the end of the process with the same message. */
void *arena_must(void *memory);

Arena *arena_new(void);
void arena_free(Arena *arena);
void *arena_alloc(Arena *arena, size_t bytes); /* aligned to 16 */
char *arena_strdup(Arena *arena, const char *s);
char *arena_strndup(Arena *arena, const char *s, size_t n);
char *arena_printf(Arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(Arena *arena, const char *format, va_list args);

#define ARENA_NEW(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, n) ((type *)arena_alloc((arena), sizeof(type) * (size_t)(n)))

/* Growth of an arena array by doubling: returns an array that holds at least `need` elements, the old content
 * copied. */
void *arena_grow(Arena *arena, void *old, size_t *capacity, size_t need, size_t element);
#define ARENA_PUSH(arena, array, count, capacity, value)                                                     \
    do {                                                                                                     \
        if ((size_t)(count) == (capacity))                                                                   \
            (array) = arena_grow((arena), (array), &(capacity), (size_t)(count) + 1, sizeof *(array));       \
        (array)[(count)++] = (value);                                                                        \
    } while (0)

#endif
