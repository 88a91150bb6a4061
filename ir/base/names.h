/* A table from names to numbers: open addressing, in an arena, grown by doubling. What is looked up by name among many
 * is looked up here, so that no recipe makes a compiler slow by its number of names. */
#ifndef VITC_IR_BASE_NAMES_H
#define VITC_IR_BASE_NAMES_H

#include "ir/base/arena.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    struct NameSlot {
        const char *name; /* the caller's; NULL: free */
        uint64_t hash;
        uint32_t value;
    } *slots;
    size_t count, n_slots;
} Names; /* empty when zero */

#define NAMES_NONE UINT32_MAX

uint32_t names_find(const Names *names, const char *name); /* its value, or NAMES_NONE */
/* Adds `name`, which has to live as long as the table, or gives it another value. False if it was there. */
bool names_set(Arena *arena, Names *names, const char *name, uint32_t value);

#endif
