/* A set of strings by open addressing, at most half full. */
#include "runtime/base/text_set.h"

#include <stdlib.h>
#include <string.h>

uint64_t text_hash(const char *text, size_t length) {
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < length; i++) h = (h ^ (uint8_t)text[i]) * 0x100000001b3u;
    return h;
}

int text_order(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Where the text is, or where it would go. */
static int32_t slot_of(const TextSet *n, const char *text, size_t length) {
    uint64_t mask = (uint64_t)n->n_slots - 1, hash = text_hash(text, length);
    uint64_t at = (hash ^ hash >> 32) & mask;
    for (; n->slots[at]; at = (at + 1) & mask) {
        const char *there = n->text[n->slots[at] - 1];
        if (strncmp(there, text, length) == 0 && !there[length]) break;
    }
    return (int32_t)at;
}

static int grow_slots(TextSet *n) {
    int32_t *old = n->slots, size = n->n_slots ? 2 * n->n_slots : 64;
    int32_t *slots = size > 0 ? calloc((size_t)size, sizeof *slots) : NULL;
    if (!slots) return 0;
    n->slots = slots;
    n->n_slots = size;
    for (int32_t i = 0; i < n->count; i++) slots[slot_of(n, n->text[i], strlen(n->text[i]))] = i + 1;
    free(old);
    return 1;
}

int32_t text_set_find(const TextSet *n, const char *text, size_t length) {
    return n->n_slots ? n->slots[slot_of(n, text, length)] - 1 : -1;
}

int32_t text_set_add(TextSet *n, const char *text, size_t length) {
    int32_t known = text_set_find(n, text, length);
    if (known >= 0) return known;
    if (n->count >= n->n_slots / 2 && !grow_slots(n)) return -1;
    if (n->count == n->capacity) {
        int32_t capacity = n->capacity ? 2 * n->capacity : 32;
        char **grown = realloc(n->text, sizeof *grown * (size_t)capacity);
        if (!grown) return -1;
        n->text = grown;
        n->capacity = capacity;
    }
    char *copy = strndup(text, length);
    if (!copy) return -1;
    n->text[n->count] = copy;
    n->slots[slot_of(n, text, length)] = n->count + 1;
    return n->count++;
}

void text_set_free(TextSet *n) {
    for (int32_t i = 0; i < n->count; i++) free(n->text[i]);
    free(n->text);
    free(n->slots);
    *n = (TextSet){0};
}
