/* What the lines of the recipe and its libraries cost: each value is charged to the line that it was made on, and to
 * those of the calls in which it was made (Node.site). So a line's cost has that of what it calls, as a profiler's
 * inclusive time, and lines of libraries are charged beside those that call them. */
#ifndef VITC_INSPECT_EXPLAIN_LINES_H
#define VITC_INSPECT_EXPLAIN_LINES_H

#include "inspect/explain/value_costs.h"
#include "inspect/phases.h"
#include "inspect/positions.h"

typedef struct {
    Loc loc;          /* file and line */
    const char *at;   /* "recipe.yaml:83" */
    const char *text; /* the line, without blanks around it */
    bool library;
    double seconds, flops;  /* of what was made on the line, and in calls from it */
    double phase[N_PHASES]; /* seconds of each phase; their sum */
    double own_seconds;     /* of what was made on the line itself */
    size_t values;
} LineCost;

typedef struct {
    LineCost *lines; /* the recipe's own first; the slowest first */
    size_t count, n_own;
    double seconds, flops; /* of the whole function */
    double placed;         /* seconds of values that have a line */
    bool measured;         /* seconds are those of a profile */
} LineCosts;

/* Of inspection->func, after all passes; in inspection->arena. */
const LineCosts *line_costs(const Inspection *inspection, const Positions *positions,
                            const ValueCosts *costs);

/* The positions of a value: its own, then those of the calls around it, outwards. Calls `visit` with each. */
void value_positions(const Module *module, const Node *node, void (*visit)(void *user, Loc loc), void *user);
/* Whether one of them is in that line; with loc.col also in that column. */
bool value_is_of_line(const Module *module, const Node *node, Loc loc);
/* Whether the file is a library, not the recipe's own. */
bool is_library_file(const Positions *positions, uint32_t file);
/* The line without blanks around it; "" if there is none. */
const char *line_text(Arena *arena, const Positions *positions, Loc loc);

#endif
