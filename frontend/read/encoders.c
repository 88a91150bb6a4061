/* The encoders of other recipes, once they were read (encoder.c), by the names of their networks. */
#include "frontend/read/read.h"

#include <string.h>

const View *encoder_view(const ParsedRecipe *r) {
    for (size_t i = 0; r->embed_view && i < r->n_views; i++)
        if (strcmp(r->views[i].name, r->embed_view) == 0 && r->views[i].count == 0) return &r->views[i];
    return NULL;
}

const ParsedRecipe *encoder_named(ParsedRecipe *r, const Tree *of) {
    const char *name = tree_word(r->diags, of, "of"),
               **names = ARENA_ARRAY(r->arena, const char *, r->n_encoders + 1);
    for (size_t i = 0; name && i < r->n_encoders; i++) {
        if (strcmp(r->encoders[i].signature.name, name) == 0) return r->encoders[i].recipe;
        names[i] = r->encoders[i].signature.name;
    }
    if (name)
        diag_error(r->diags, of->loc, "'%s' is no network that is a recipe's encoder%s", name,
                   suggestion(r, name, names, r->n_encoders));
    return NULL;
}
