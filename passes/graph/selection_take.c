/* The values of selections: parts taken out of compact values, as slices, gathers and, of several segments,
 * concatenations. */
#include "passes/graph/algebra.h"
#include "passes/graph/selection.h"

typedef struct {
    Simplify *simplify;
    const IndexValues *indices;
    const Selection *part;
    /* The factors of both, split alike, in order of axes: what x has of each now, and what is wanted. */
    int n;
    Factor have[3 * SELECTION_FACTORS], want[3 * SELECTION_FACTORS];
    int axis[3 * SELECTION_FACTORS];     /* of each */
    int64_t size[3 * SELECTION_FACTORS]; /* elements along it in the value so far */
} Take;

static Arena *scratch(const Take *t) {
    return t->simplify->scratch;
}

static const Type *type_of(const Take *t, ValueId x) {
    return func_type(t->simplify->func, x);
}

static ValueId shaped(Simplify *s, ValueId x, int rank, const int64_t *dim) {
    Type type = *func_type(s->func, x), to = type_make((DType)type.dtype, rank, dim);
    return type_equal(&type, &to) ? x : reshape_to(s, x, rank, dim);
}

static ValueId transposed(Simplify *s, ValueId x, int rank, const int64_t *perm) {
    bool moves = false;
    for (int k = 0; k < rank; k++) moves = moves || perm[k] != k;
    return moves ? simplify_make(s, OP_transpose, &x, 1, &(TransposeAttrs){.perm = ints(rank, perm)}) : x;
}

/* [start, limit) of an axis. */
static ValueId slice_axis(Take *t, ValueId x, int axis, int64_t start, int64_t limit) {
    Type type = *type_of(t, x);
    if (start == 0 && limit == type.dim[axis]) return x;
    SliceAttrs attrs = {
        .start = {.n = type.rank}, .limit = ints(type.rank, type.dim), .step = {.n = type.rank}};
    for (int k = 0; k < type.rank; k++) attrs.step.v[k] = 1;
    attrs.start.v[axis] = start;
    attrs.limit.v[axis] = limit;
    return simplify_make(t->simplify, OP_slice, &x, 1, &attrs);
}

/* The wanted segments as runs of what there is: those that follow each other as one. */
static int runs_of(const Factor *have, const Factor *want, Segment *runs) {
    int n = 0;
    for (int i = 0; i < want->n; i++) {
        const Segment *segment = &want->segments[i];
        int64_t at = factor_position(have, segment), count = segment->limit - segment->start;
        if (at < 0)
            runs[n++] = *segment; /* rows that are still to be gathered */
        else if (n && !runs[n - 1].rows && runs[n - 1].limit == at)
            runs[n - 1].limit = at + count;
        else
            runs[n++] = (Segment){at, at + count, NULL};
    }
    return n;
}

/* Axes of which one interval is wanted are sliced at once. */
static ValueId slice_together(Take *t, ValueId x, const Selection *s, int rank) {
    SliceAttrs attrs = {.start = {.n = rank}, .limit = ints(rank, type_of(t, x)->dim), .step = {.n = rank}};
    bool moves = false;
    for (int k = 0; k < rank; k++) attrs.step.v[k] = 1;
    for (int f = 0; f < t->n; f++) {
        bool only =
            (f == 0 || t->axis[f - 1] != t->axis[f]) && (f + 1 == t->n || t->axis[f + 1] != t->axis[f]);
        if (!only || !t->want[f].n || (s && selection_only_factor(s, t->axis[f]) == NULL)) continue;
        Segment *runs = ARENA_ARRAY(scratch(t), Segment, t->want[f].n);
        if (runs_of(&t->have[f], &t->want[f], runs) != 1 || runs[0].rows) continue;
        attrs.start.v[t->axis[f]] = runs[0].start;
        attrs.limit.v[t->axis[f]] = runs[0].limit;
        t->size[f] = runs[0].limit - runs[0].start;
        t->have[f] = t->want[f];
        moves = true;
    }
    return !moves ? x : simplify_make(t->simplify, OP_slice, &x, 1, &attrs);
}

ValueId selection_index(Simplify *s, const Selection *part, const SelectedRows *rows,
                        const IndexValues *indices) {
    ValueId index = indices->value(indices->user, rows);
    Type shape = {0};
    for (int j = 0; j < rows->n_along; j++)
        shape.dim[shape.rank++] = factor_count(&part->factors[rows->along[j]]);
    shape.dim[shape.rank++] = rows->count;
    index = shaped(s, index, shape.rank, shape.dim);
    if (rows->offset == 0) return index;
    DType dtype = (DType)func_type(s->func, index)->dtype;
    return binary(s, OP_add, index, constant(s, (double)rows->offset, dtype));
}

/* Which of the split factors is that with a number of the selection. */
static int split_factor(const Take *t, int number) {
    int64_t before = 1, sizes = 1;
    for (int f = 0; f < number; f++) before *= t->part->factors[f].size;
    for (int f = 0; f < t->n; f++) {
        if (sizes == before) return f;
        sizes *= t->want[f].size;
    }
    return t->n;
}

/* Rows of factor f gathered: the factors along which the index lies first, then f, then the rest; and back. */
static ValueId gather_rows(Take *t, ValueId x, int f, const SelectedRows *rows) {
    Simplify *s = t->simplify;
    bool apart[3 * SELECTION_FACTORS] = {false};
    int first[ROWS_ALONG + 1], at[3 * SELECTION_FACTORS];
    apart[f] = true;
    for (int j = 0; j < rows->n_along; j++) apart[first[j] = split_factor(t, rows->along[j])] = true;
    first[rows->n_along] = f;
    Type shape = {.rank = 0}; /* the others in runs */
    for (int g = 0; g < t->n; g++) {
        bool joins = g > 0 && !apart[g] && !apart[g - 1];
        if (!joins) shape.dim[shape.rank++] = 1;
        at[g] = shape.rank - 1;
        shape.dim[at[g]] *= t->size[g];
    }
    int64_t perm[IR_MAX_RANK], back[IR_MAX_RANK], n = 0;
    for (int j = 0; j <= rows->n_along; j++) perm[n++] = at[first[j]];
    for (int k = 0; k < shape.rank; k++) {
        bool moved = false;
        for (int j = 0; j <= rows->n_along; j++) moved = moved || at[first[j]] == k;
        if (!moved) perm[n++] = k;
    }
    for (int k = 0; k < n; k++) back[perm[k]] = k;
    x = shaped(s, x, shape.rank, shape.dim);
    x = transposed(s, x, (int)n, perm);
    x = simplify_make(s, OP_gather, (ValueId[]){x, selection_index(s, t->part, rows, t->indices)}, 2,
                      &(IndexedAttrs){.batch = rows->n_along});
    return transposed(s, x, (int)n, back);
}

/* Factor f alone: x as [what lies before it, it, what lies behind]. */
static ValueId take_factor(Take *t, ValueId x, int f) {
    Simplify *s = t->simplify;
    Segment *runs = ARENA_ARRAY(scratch(t), Segment, t->want[f].n);
    int n = runs_of(&t->have[f], &t->want[f], runs);
    ValueId *pieces = ARENA_ARRAY(scratch(t), ValueId, n);
    int64_t shape[3] = {1, t->size[f], 1};
    for (int g = 0; g < t->n; g++)
        if (g != f) shape[g < f ? 0 : 2] *= t->size[g];
    for (int i = 0; i < n; i++) {
        if (runs[i].rows)
            pieces[i] = gather_rows(t, x, f, runs[i].rows);
        else
            pieces[i] = slice_axis(t, shaped(s, x, 3, shape), 1, runs[i].start, runs[i].limit);
        int64_t piece[3] = {shape[0], runs[i].limit - runs[i].start, shape[2]};
        pieces[i] = shaped(s, pieces[i], 3, piece);
    }
    t->size[f] = factor_count(&t->want[f]);
    t->have[f] = t->want[f];
    return n == 1 ? pieces[0] : simplify_make(s, OP_concat, pieces, n, &(ConcatAttrs){.axis = 1});
}

/* The factors of both selections, split alike. */
static void line_up(Take *t, const Selection *s, const Selection *part, const Type *type) {
    Selection all = selection_tagged(s, type);
    for (int f = 0; f < all.n; f++) all.factors[f].tag = 0;
    for (int k = 0; k < type->rank; k++) {
        int n = selection_align(scratch(t), &all, part, k, t->have + t->n, t->want + t->n);
        for (int i = t->n; i < t->n + n; i++) {
            t->axis[i] = k;
            t->size[i] = factor_count(&t->have[i]);
        }
        t->n += n;
    }
}

static bool same_segments(const Factor *have, const Factor *want) {
    if (have->n != want->n) return false;
    for (int i = 0; i < want->n; i++) {
        const Segment *segment = &want->segments[i];
        if (have->segments[i].start != segment->start || have->segments[i].limit != segment->limit ||
            factor_position(have, segment) < 0)
            return false;
    }
    return true;
}

ValueId selection_take(Simplify *simplify, ValueId x, const Selection *s, const Selection *part,
                       const Type *type, const IndexValues *indices) {
    if (selection_equal(s, part)) return x;
    Take *t = arena_alloc(simplify->scratch, sizeof *t);
    *t = (Take){.simplify = simplify, .indices = indices, .part = part};
    line_up(t, s, part, type);
    x = slice_together(t, x, s, type->rank);
    for (int rows = 0; rows < 2; rows++) /* rows last: their indices have the other factors' parts */
        for (int f = 0; f < t->n; f++)
            if (factor_has_rows(&t->want[f]) == rows && !same_segments(&t->have[f], &t->want[f]))
                x = take_factor(t, x, f);
    Type compact = selection_type(part, type);
    return shaped(simplify, x, compact.rank, compact.dim);
}
