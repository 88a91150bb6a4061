/* Positions as people read them: "recipe.yaml:78", "lib/nn.yaml:7". A source file is called by as much of the end of
 * its path as tells it from the other sources, a library's file with its folder. */
#ifndef VITC_INSPECT_POSITIONS_H
#define VITC_INSPECT_POSITIONS_H

#include "ir/base/diag.h"

typedef struct {
    const Diags *diags;
    const char **names; /* by file, from 1; "" for 0 */
    uint32_t count;     /* files */
} Positions;

Positions positions_make(Arena *arena, const Diags *diags);
/* "lib/nn.yaml"; "" for no place. */
const char *positions_file(const Positions *positions, uint32_t file);
/* "lib/nn.yaml:7"; "" for no place. */
const char *positions_text(Arena *arena, const Positions *positions, Loc loc);
/* The text of a line without its end, and its length; NULL: no such line. */
const char *positions_line(const Positions *positions, Loc loc, size_t *length);
/* What "lib/nn.yaml:7", "nn.yaml:7" or "7" (of the recipe) names: file and line, col 0; file 0: nothing. A path names
 * a file by any end of it. */
Loc positions_find(const Positions *positions, const char *text);

#endif
