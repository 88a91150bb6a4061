/* Which module a name means in which text: see modules.h. */
#include "frontend/recipe/modules.h"

#include <string.h>

#define AMBIGUOUS (NAMES_NONE - 1)

/* Texts in the order of their distance from one of them. */
typedef struct {
    uint32_t *texts, *distance; /* distance: by the text's number; UINT32_MAX: out of reach */
    size_t count;
} Reach;

static Reach reach_from(const ParsedRecipe *r, uint32_t text) {
    Reach reach = {.texts = ARENA_ARRAY(r->arena, uint32_t, r->n_texts),
                   .distance = ARENA_ARRAY(r->arena, uint32_t, r->n_texts)};
    for (size_t i = 0; i < r->n_texts; i++) reach.distance[i] = UINT32_MAX;
    reach.texts[reach.count++] = text;
    reach.distance[text] = 0;
    for (size_t i = 0; i < reach.count; i++) {
        const SourceText *text = &r->texts[reach.texts[i]];
        for (size_t u = 0; u < text->n_uses; u++) {
            uint32_t used = text->uses[u];
            if (reach.distance[used] != UINT32_MAX) continue;
            reach.distance[used] = reach.distance[reach.texts[i]] + 1;
            reach.texts[reach.count++] = used;
        }
    }
    return reach;
}

void find_modules(ParsedRecipe *r) {
    uint32_t *first =
        ARENA_ARRAY(r->arena, uint32_t, r->n_texts + 1); /* a text's modules follow each other */
    for (uint32_t m = (uint32_t)r->n_modules; m-- > 0;) first[r->modules[m].text] = m;
    for (uint32_t s = 0; s < r->n_texts; s++) {
        Reach reach = reach_from(r, s);
        Names *seen = &r->texts[s].seen;
        for (size_t i = 0; i < reach.count; i++)
            for (uint32_t m = first[reach.texts[i]]; m < r->n_modules && r->modules[m].text == reach.texts[i];
                 m++) {
                const char *name = r->modules[m].signature.name;
                uint32_t known = names_find(seen, name);
                if (known == NAMES_NONE)
                    names_set(r->arena, seen, name, m);
                else if (known != AMBIGUOUS &&
                         reach.distance[r->modules[known].text] == reach.distance[reach.texts[i]])
                    names_set(r->arena, seen, name, AMBIGUOUS);
            }
    }
}

const Definition *module_seen(const ParsedRecipe *r, uint32_t text, const char *name,
                              const Definition **other) {
    uint32_t found = text < r->n_texts ? names_find(&r->texts[text].seen, name) : NAMES_NONE;
    *other = NULL;
    if (found == NAMES_NONE) return NULL;
    if (found != AMBIGUOUS) return &r->modules[found];
    Reach reach = reach_from(r, text);
    const Definition *best = NULL;
    for (size_t m = 0; m < r->n_modules; m++) {
        const Definition *d = &r->modules[m];
        if (reach.distance[d->text] == UINT32_MAX || strcmp(d->signature.name, name) != 0) continue;
        if (!best || reach.distance[d->text] < reach.distance[best->text]) {
            best = d;
            *other = NULL;
        } else if (reach.distance[d->text] == reach.distance[best->text])
            *other = d;
    }
    return best;
}
