/* Selections: which elements of a value are wanted, axis by axis. An axis is a list of *factors*, whose sizes multiply
 * to its own (row-major), so that a reshape that merges or splits axes regroups factors. Of each factor all is
 * selected, or *segments* of it: intervals, sorted and apart, and behind them rows that an index names. A selection is
 * the product of what its factors select; the value that holds only that, each axis as long as the number selected of
 * it, segments in order, is its *compact* value. NULL stands for all of a value. Selections are never changed once they
 * are made. */
#ifndef VITC_PASSES_GRAPH_SELECTION_H
#define VITC_PASSES_GRAPH_SELECTION_H

#include "passes/graph/simplifier.h"

enum { SELECTION_FACTORS = 16, ROWS_ALONG = 2 };

typedef struct Selection Selection;

/* Rows named by an index: index[B…, K…] selects of the factor, for each b of the factors `along`, the rows
 * index[b, k] + offset. */
typedef struct {
    ValueId index;         /* a value of the function as it was */
    const Selection *part; /* of the index, which has these elements alone */
    int64_t count, offset; /* of K… together, as far as selected */
    int n_along;
    uint8_t along[ROWS_ALONG]; /* factors of the same selection, by number: those of B…, in this order */
} SelectedRows;

typedef struct {
    int64_t start, limit;     /* of rows: 0 and their count */
    const SelectedRows *rows; /* NULL: an interval */
} Segment;

typedef struct {
    int64_t size;
    int n;                   /* segments; 0: all is selected */
    const Segment *segments; /* in the arena */
    uint8_t tag; /* while selections are made: the factor's former number + 1, where rows lie along it */
} Factor;

struct Selection {
    int rank, n;                    /* axes, factors */
    uint8_t first[IR_MAX_RANK + 1]; /* of each axis, its first factor; an axis of size 1 has none */
    bool full;                      /* more factors were pushed than there is room for */
    Factor factors[SELECTION_FACTORS];
};

/* Stands for a need of nothing: the value is not read at all. */
extern const Selection SELECTION_NOTHING;

/* ---- asking --------------------------------------------------------------------------------------------------- */

int64_t factor_count(const Factor *factor);
int64_t selection_axis_count(const Selection *s, int axis);
/* Elements selected of a value of that type. */
int64_t selection_count(const Selection *s, const Type *type);
bool selection_equal(const Selection *a, const Selection *b);
bool selection_axis_is_whole(const Selection *s, int axis);
/* The one factor of an axis, if it has no other; NULL: it has none or several. */
const Factor *selection_only_factor(const Selection *s, int axis);
bool factor_has_rows(const Factor *factor);
bool selection_has_rows(const Selection *s);
/* The type of the compact value of a value of `type`. */
Type selection_type(const Selection *s, const Type *type);

/* ---- making: begin, push the factors axis by axis, end --------------------------------------------------------- */

/* A copy of `from` whose factors are tagged, so that they can be pushed elsewhere in any order. */
Selection selection_tagged(const Selection *from, const Type *type);
void selection_push(Arena *arena, Selection *s, Factor factor);
void selection_end_axis(Selection *s);
/* The axis of another, tagged selection; an axis of which all is selected. */
void selection_copy_axis(Arena *arena, Selection *s, const Selection *from, int axis);
void selection_push_all(Arena *arena, Selection *s, int64_t size);
/* What was pushed, in the arena; NULL: it is all. Rows along factors that were not pushed are widened to all. */
const Selection *selection_make(Arena *arena, Selection *s);

/* ---- relations ------------------------------------------------------------------------------------------------ */

/* The selection of the same elements of a value reshaped to `to`; where that is none, of as few more as may be, and
 * *exact is false. */
const Selection *selection_reshape(Arena *arena, const Selection *s, const Type *from, const Type *to,
                                   bool *exact);
/* The same with all of the factors of which an index names rows. */
const Selection *selection_without_rows(Arena *arena, const Selection *s, const Type *type);
/* The least selection of both, or a greater one. */
const Selection *selection_hull(Arena *arena, const Selection *a, const Selection *b, const Type *type);
/* Whether `part` can be taken out of the compact value of `s` (selection_take). */
bool selection_covers(Arena *arena, const Selection *s, const Selection *part, const Type *type);
/* Both selections' factors of an axis, split alike: how many; 0: they cannot be (or the axis is of size 1). */
int selection_align(Arena *arena, const Selection *s, const Selection *part, int axis, Factor *of_s,
                    Factor *of_part);
/* Where a segment begins among what a factor selects; -1: the factor does not have it as it is. */
int64_t factor_position(const Factor *in, const Segment *segment);

/* ---- values --------------------------------------------------------------------------------------------------- */

/* The new value of an index, of which a part is selected. */
typedef struct {
    ValueId (*value)(void *user, const SelectedRows *rows);
    void *user;
} IndexValues;

/* The index of rows of `part`: [a size for each factor along which they lie, count]. */
ValueId selection_index(Simplify *simplify, const Selection *part, const SelectedRows *rows,
                        const IndexValues *indices);
/* The compact value of `part`, out of that of `s`, which covers it. `type`: of the whole value. */
ValueId selection_take(Simplify *simplify, ValueId x, const Selection *s, const Selection *part,
                       const Type *type, const IndexValues *indices);

#endif
