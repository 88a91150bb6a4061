/* A table from names to numbers: see names.h. */
#include "ir/base/names.h"

#include <string.h>

enum { FIRST_SLOTS = 16 };

static uint64_t hash_name(const char *name) { /* FNV-1a, its high bits folded in */
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *name; name++) hash = (hash ^ (unsigned char)*name) * 0x100000001b3u;
    return hash ^ hash >> 29;
}

/* The slot that holds the name, or the free one where it belongs. */
static struct NameSlot *find(const Names *names, const char *name, uint64_t hash) {
    for (size_t at = hash;; at++) {
        struct NameSlot *slot = &names->slots[at & (names->n_slots - 1)];
        if (!slot->name || (slot->hash == hash && strcmp(slot->name, name) == 0)) return slot;
    }
}

uint32_t names_find(const Names *names, const char *name) {
    if (!names->count) return NAMES_NONE;
    const struct NameSlot *slot = find(names, name, hash_name(name));
    return slot->name ? slot->value : NAMES_NONE;
}

static void grow(Arena *arena, Names *names) {
    Names larger = {.count = names->count, .n_slots = names->n_slots ? names->n_slots * 2 : FIRST_SLOTS};
    larger.slots = ARENA_ARRAY(arena, struct NameSlot, larger.n_slots);
    for (size_t i = 0; i < names->n_slots; i++)
        if (names->slots[i].name)
            *find(&larger, names->slots[i].name, names->slots[i].hash) = names->slots[i];
    *names = larger;
}

bool names_set(Arena *arena, Names *names, const char *name, uint32_t value) {
    if (names->count * 2 >= names->n_slots) grow(arena, names);
    uint64_t hash = hash_name(name);
    struct NameSlot *slot = find(names, name, hash);
    bool is_new = !slot->name;
    if (is_new) {
        slot->name = name;
        slot->hash = hash;
        names->count++;
    }
    slot->value = value;
    return is_new;
}
