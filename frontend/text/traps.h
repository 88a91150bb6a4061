/* What YAML makes of texts that were meant otherwise: its errors in words of recipes, and expressions that it cuts in
 * pieces because they are not quoted. */
#ifndef VITC_FRONTEND_TEXT_TRAPS_H
#define VITC_FRONTEND_TEXT_TRAPS_H

#include "frontend/text/tree.h"
#include <yaml.h>

/* The scalar that was read last, before an error. */
typedef struct {
    const Tree *tree;
    yaml_mark_t start, end;
} LastScalar;

/* A value that should have been quoted is, in a copy of the text that is read again, so that what follows is read too.
 * Each of the quotes put in stands at a mark of that copy; places are told as if they were not there. */
enum { MAX_MENDS = 64 };
typedef struct {
    yaml_mark_t quotes[MAX_MENDS];
    int n;
} Mends;
Loc trap_loc(const Mends *mends, uint32_t file, yaml_mark_t mark);
bool trap_is_mend(const Mends *mends, yaml_mark_t mark);

/* Tells what libyaml complains of. Returns a mended copy of the text, and adds to mends; or NULL: it cannot be read. */
char *trap_tell(Arena *arena, Diags *diags, uint32_t file, const char *text, size_t size,
                const yaml_parser_t *yaml, const LastScalar *last, Mends *mends);

/* Inside { } and [ ] a comma ends a value: whether `piece`, which follows `value`, belongs to it, because that has a (
 * left open. Then value is mended, and told once it is whole. */
bool trap_join(Arena *arena, Diags *diags, Tree *value, const Tree *piece, const char *key);

#endif
