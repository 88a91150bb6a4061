/* A set of strings, numbered from 0 in the order in which they were added; finding one takes the same time however many
 * there are. */
#ifndef VITC_RUNTIME_BASE_TEXT_SET_H
#define VITC_RUNTIME_BASE_TEXT_SET_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    char **text; /* `count` of them, owned */
    int32_t count, capacity;
    int32_t *slots; /* numbers + 1 by hash; 0: free */
    int32_t n_slots;
} TextSet; /* all zeros: the empty set */

int32_t text_set_find(const TextSet *set, const char *text, size_t length); /* -1: it is not there */
/* The text's number, whether it was there or is added; -1: no memory. */
int32_t text_set_add(TextSet *set, const char *text, size_t length);
void text_set_free(TextSet *set);

int text_order(const void *a, const void *b); /* of elements char *, for qsort and bsearch: that of strcmp */
uint64_t text_hash(const char *text, size_t length); /* FNV-1a, 64 bits */

#endif
