/* Selections, and how they relate: see selection.h. */
#include "passes/graph/selection.h"

#include <string.h>

const Selection SELECTION_NOTHING = {0};

/* ---- asking ------------------------------------------------------------------------------------------------------ */

int64_t factor_count(const Factor *factor) {
    int64_t count = 0;
    for (int i = 0; i < factor->n; i++) count += factor->segments[i].limit - factor->segments[i].start;
    return factor->n ? count : factor->size;
}

int64_t selection_axis_count(const Selection *s, int axis) {
    int64_t count = 1;
    for (int f = s->first[axis]; f < s->first[axis + 1]; f++) count *= factor_count(&s->factors[f]);
    return count;
}

int64_t selection_count(const Selection *s, const Type *type) {
    if (!s) return type_elements(type);
    int64_t count = 1;
    for (int f = 0; f < s->n; f++) count *= factor_count(&s->factors[f]);
    return count;
}

static bool equal_rows(const SelectedRows *a, const SelectedRows *b) {
    if (a == b) return true;
    return a && b && a->index == b->index && a->count == b->count && a->offset == b->offset &&
           a->n_along == b->n_along && memcmp(a->along, b->along, (size_t)a->n_along) == 0 &&
           selection_equal(a->part, b->part);
}

static bool equal_segments(const Segment *a, const Segment *b) {
    return a->start == b->start && a->limit == b->limit && equal_rows(a->rows, b->rows);
}

static bool equal_factors(const Factor *a, const Factor *b) {
    if (a->size != b->size || a->n != b->n) return false;
    for (int i = 0; i < a->n; i++)
        if (!equal_segments(&a->segments[i], &b->segments[i])) return false;
    return true;
}

bool selection_equal(const Selection *a, const Selection *b) {
    if (a == b) return true;
    if (!a || !b || a->rank != b->rank || a->n != b->n) return false;
    if (memcmp(a->first, b->first, (size_t)a->rank + 1) != 0) return false;
    for (int f = 0; f < a->n; f++)
        if (!equal_factors(&a->factors[f], &b->factors[f])) return false;
    return true;
}

bool selection_axis_is_whole(const Selection *s, int axis) {
    for (int f = s->first[axis]; f < s->first[axis + 1]; f++)
        if (s->factors[f].n) return false;
    return true;
}

const Factor *selection_only_factor(const Selection *s, int axis) {
    return s->first[axis + 1] - s->first[axis] == 1 ? &s->factors[s->first[axis]] : NULL;
}

/* Rows stand behind all intervals. */
bool factor_has_rows(const Factor *factor) {
    return factor->n && factor->segments[factor->n - 1].rows;
}

bool selection_has_rows(const Selection *s) {
    for (int f = 0; s && f < s->n; f++)
        if (factor_has_rows(&s->factors[f])) return true;
    return false;
}

Type selection_type(const Selection *s, const Type *type) {
    Type compact = *type;
    for (int k = 0; s && k < type->rank; k++) compact.dim[k] = selection_axis_count(s, k);
    return compact;
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

static Selection all_of(const Type *type) {
    Selection s = {.rank = type->rank};
    for (int k = 0; k < type->rank; k++) {
        s.first[k] = (uint8_t)s.n;
        if (type->dim[k] > 1) s.factors[s.n++] = (Factor){.size = type->dim[k]};
    }
    s.first[type->rank] = (uint8_t)s.n;
    return s;
}

Selection selection_tagged(const Selection *from, const Type *type) {
    if (!from) return all_of(type);
    Selection s = *from;
    for (int f = 0; f < s.n; f++) s.factors[f].tag = 0;
    for (int f = 0; f < s.n; f++)
        for (int i = 0; i < s.factors[f].n; i++) {
            const SelectedRows *rows = s.factors[f].segments[i].rows;
            for (int j = 0; rows && j < rows->n_along; j++)
                s.factors[rows->along[j]].tag = (uint8_t)(rows->along[j] + 1);
        }
    return s;
}

static Segment *segments_new(Arena *arena, int n) {
    return ARENA_ARRAY(arena, Segment, n);
}

/* The factor as two of one: its intervals times an inner factor of which all is selected. */
static void scale(Arena *arena, Factor *factor, int64_t by) {
    Segment *segments = segments_new(arena, factor->n);
    for (int i = 0; i < factor->n; i++) {
        const Segment *old = &factor->segments[i];
        segments[i] = (Segment){old->start * by, old->limit * by, NULL};
    }
    factor->size *= by;
    factor->segments = segments;
}

/* The factor's single element, and intervals of an inner factor. */
static void enter(Arena *arena, Factor *factor, const Factor *inner) {
    int64_t base = factor->segments[0].start * inner->size;
    Segment *segments = segments_new(arena, inner->n);
    for (int i = 0; i < inner->n; i++) {
        const Segment *old = &inner->segments[i];
        segments[i] = (Segment){base + old->start, base + old->limit, NULL};
    }
    *factor = (Factor){.size = factor->size * inner->size, .n = inner->n, .segments = segments};
}

/* Makes the factor part of the one before it where both are one. */
static bool merge_factors(Arena *arena, Factor *before, const Factor *factor) {
    if (before->tag || factor->tag || factor_has_rows(before) || factor_has_rows(factor)) return false;
    if (!before->n && !factor->n)
        before->size *= factor->size;
    else if (before->n && !factor->n)
        scale(arena, before, factor->size);
    else if (before->n && factor_count(before) == 1)
        enter(arena, before, factor);
    else
        return false;
    return true;
}

void selection_push(Arena *arena, Selection *s, Factor factor) {
    if (factor.size == 1 || s->full) return;
    if (factor.n && factor_count(&factor) >= factor.size)
        factor = (Factor){.size = factor.size, .tag = factor.tag};
    if (s->n > s->first[s->rank] && merge_factors(arena, &s->factors[s->n - 1], &factor)) return;
    if (s->n == SELECTION_FACTORS)
        s->full = true;
    else
        s->factors[s->n++] = factor;
}

void selection_end_axis(Selection *s) {
    s->first[++s->rank] = (uint8_t)s->n;
}

void selection_copy_axis(Arena *arena, Selection *s, const Selection *from, int axis) {
    for (int f = from->first[axis]; f < from->first[axis + 1]; f++)
        selection_push(arena, s, from->factors[f]);
    selection_end_axis(s);
}

void selection_push_all(Arena *arena, Selection *s, int64_t size) {
    selection_push(arena, s, (Factor){.size = size});
    selection_end_axis(s);
}

static int factor_tagged(const Selection *s, int tag) {
    for (int f = 0; f < s->n; f++)
        if (s->factors[f].tag == tag) return f;
    return -1;
}

/* Rows by the numbers that the factors have now; false: one of them is not there. */
static bool renumber_rows(Arena *arena, const Selection *s, Factor *factor) {
    Segment *segments = segments_new(arena, factor->n);
    for (int i = 0; i < factor->n; i++) {
        segments[i] = factor->segments[i];
        if (!segments[i].rows) continue;
        SelectedRows *rows = arena_alloc(arena, sizeof *rows);
        *rows = *segments[i].rows;
        for (int j = 0; j < rows->n_along; j++) {
            int at = factor_tagged(s, rows->along[j] + 1);
            if (at < 0) return false;
            rows->along[j] = (uint8_t)at;
        }
        segments[i].rows = rows;
    }
    factor->segments = segments;
    return true;
}

/* Once more from the factors, of which some have become others: so that neighbours are one where they can be. */
static Selection pushed_again(Arena *arena, const Selection *s) {
    Selection again = {0};
    for (int k = 0; k < s->rank; k++) selection_copy_axis(arena, &again, s, k);
    return again;
}

/* Tags that no rows lie along go, so that their factors can be merged. */
static void drop_idle_tags(Selection *s) {
    uint64_t used = 0; /* by tag; 0 is none */
    for (int f = 0; f < s->n; f++)
        for (int i = 0; i < s->factors[f].n; i++) {
            const SelectedRows *rows = s->factors[f].segments[i].rows;
            for (int j = 0; rows && j < rows->n_along; j++) used |= (uint64_t)2 << rows->along[j];
        }
    for (int f = 0; f < s->n; f++)
        if (!(used >> s->factors[f].tag & 1)) s->factors[f].tag = 0;
}

const Selection *selection_make(Arena *arena, Selection *s) {
    if (s->full) return NULL;
    for (int f = 0; f < s->n; f++) { /* rows whose axes are gone */
        Factor *factor = &s->factors[f];
        bool there = true;
        for (int i = 0; i < factor->n; i++)
            for (int j = 0; factor->segments[i].rows && j < factor->segments[i].rows->n_along; j++)
                there = there && factor_tagged(s, factor->segments[i].rows->along[j] + 1) >= 0;
        if (!there) *factor = (Factor){.size = factor->size, .tag = factor->tag};
    }
    drop_idle_tags(s);
    Selection made = pushed_again(arena, s);
    bool whole = true;
    for (int f = 0; f < made.n; f++) whole = whole && !made.factors[f].n;
    if (whole || made.full) return NULL;
    for (int f = 0; f < made.n; f++)
        if (factor_has_rows(&made.factors[f]) && !renumber_rows(arena, &made, &made.factors[f])) return NULL;
    for (int f = 0; f < made.n; f++) made.factors[f].tag = 0;
    Selection *kept = arena_alloc(arena, sizeof *kept);
    *kept = made;
    return kept;
}

/* ---- other factors ----------------------------------------------------------------------------------------------- */

/* A factor as an outer one and an inner one of size `inner`. False: no two select the same, and these select more. */
static bool split(Arena *arena, const Factor *factor, int64_t inner, Factor *head, Factor *tail) {
    *head = (Factor){.size = factor->size / inner};
    *tail = (Factor){.size = inner};
    if (!factor->n) return true;
    bool aligned = true;
    for (int i = 0; i < factor->n; i++)
        aligned = aligned && factor->segments[i].start % inner == 0 && factor->segments[i].limit % inner == 0;
    int64_t first = factor->segments[0].start / inner,
            last = (factor->segments[factor->n - 1].limit - 1) / inner;
    Segment *heads = segments_new(arena, factor->n);
    if (!aligned && first == last) {
        Segment *tails = segments_new(arena, factor->n);
        for (int i = 0; i < factor->n; i++) {
            tails[i] = factor->segments[i];
            tails[i].start -= first * inner;
            tails[i].limit -= first * inner;
        }
        heads[0] = (Segment){first, first + 1, NULL};
        *head = (Factor){.size = head->size, .n = 1, .segments = heads};
        *tail = (Factor){.size = inner, .n = factor->n, .segments = tails};
        return true;
    }
    int n = 0;
    for (int i = 0; i < factor->n; i++) {
        int64_t start = factor->segments[i].start / inner,
                limit = (factor->segments[i].limit + inner - 1) / inner;
        if (n && heads[n - 1].limit >= start)
            heads[n - 1].limit = limit;
        else
            heads[n++] = (Segment){start, limit, NULL};
    }
    *head = (Factor){.size = head->size, .n = n, .segments = heads};
    return aligned;
}

/* Deals factors out to groups of the given sizes, in order, splitting them where a group ends. False: they cannot be
 * split so; *culprit is then the factor in the way. Not exact: the groups select more. */
static bool deal(Arena *arena, const Factor *factors, int n, const int64_t *sizes, int n_sizes, Selection *to,
                 bool *exact, int *culprit) {
    Factor left = {.size = 1};
    int next = 0;
    for (int g = 0; g < n_sizes; g++) {
        for (int64_t need = sizes[g]; need > 1;) {
            if (left.size == 1) {
                *culprit = next;
                if (next == n) return false;
                left = factors[next++];
            }
            if (need % left.size == 0) {
                need /= left.size;
                selection_push(arena, to, left);
                left = (Factor){.size = 1};
                continue;
            }
            bool splits = left.size % need == 0 && !left.tag && !factor_has_rows(&left);
            if (!splits) return false;
            Factor head, tail;
            *exact = split(arena, &left, left.size / need, &head, &tail) && *exact;
            selection_push(arena, to, head);
            left = tail;
            need = 1;
        }
        selection_end_axis(to);
    }
    return true;
}

/* Factors in a row, neighbours of which all is selected as one. */
static int flat_factors(const Factor *factors, int n, Factor *flat) {
    int count = 0;
    for (int f = 0; f < n; f++) {
        bool joins = count && !flat[count - 1].n && !factors[f].n && !flat[count - 1].tag && !factors[f].tag;
        if (joins)
            flat[count - 1].size *= factors[f].size;
        else
            flat[count++] = factors[f];
    }
    return count;
}

const Selection *selection_reshape(Arena *arena, const Selection *s, const Type *from, const Type *to,
                                   bool *exact) {
    *exact = true;
    if (!s) return NULL;
    Selection tagged = selection_tagged(s, from);
    Factor flat[SELECTION_FACTORS];
    int n = flat_factors(tagged.factors, tagged.n, flat), culprit = 0;
    for (int tries = 0; tries <= 2 * SELECTION_FACTORS; tries++) {
        Selection made = {0};
        bool dealt_exactly = true;
        if (deal(arena, flat, n, to->dim, to->rank, &made, &dealt_exactly, &culprit)) {
            *exact = *exact && dealt_exactly;
            return selection_make(arena, &made);
        }
        *exact = false;
        bool widened = false;
        for (int f = culprit; f >= 0 && !widened; f--) { /* the one in the way, or one before it */
            widened = f < n && (flat[f].n || flat[f].tag);
            if (widened) flat[f] = (Factor){.size = flat[f].size};
        }
        for (int f = culprit; f < n && !widened; f++) {
            widened = flat[f].n || flat[f].tag;
            if (widened) flat[f] = (Factor){.size = flat[f].size};
        }
        if (!widened) break;
        n = flat_factors(flat, n, flat);
    }
    *exact = false;
    return NULL;
}

/* Sizes of factors that are finer than those of both lists; 0: there are none. */
static int common_sizes(const Factor *a, int n_a, const Factor *b, int n_b, int64_t *sizes) {
    int64_t inner_a = 1, inner_b = 1, last = 1, found[2 * SELECTION_FACTORS];
    int n = 0;
    while (n_a > 0 || n_b > 0) { /* from the innermost on: where a factor of either ends */
        int64_t next_a = n_a > 0 ? inner_a * a[n_a - 1].size : INT64_MAX,
                next_b = n_b > 0 ? inner_b * b[n_b - 1].size : INT64_MAX;
        int64_t next = next_a < next_b ? next_a : next_b;
        if (next % last != 0) return 0;
        if (next > last) found[n++] = next / last;
        last = next;
        if (next_a == next) inner_a = next, n_a--;
        if (next_b == next) inner_b = next, n_b--;
    }
    for (int i = 0; i < n; i++) sizes[i] = found[n - 1 - i];
    return n <= SELECTION_FACTORS ? n : 0;
}

/* The factors of one axis, as single factors of the given sizes. */
static bool refine(Arena *arena, const Factor *factors, int n, const int64_t *sizes, int n_sizes, Factor *out,
                   bool *exact) {
    Factor left = {.size = 1};
    for (int g = 0, next = 0; g < n_sizes; g++) {
        if (left.size == 1) {
            if (next == n) return false;
            left = factors[next++];
        }
        if (left.size == sizes[g]) {
            out[g] = left;
            left = (Factor){.size = 1};
            continue;
        }
        if (left.size % sizes[g] != 0 || left.tag || factor_has_rows(&left)) return false;
        Factor tail;
        *exact = split(arena, &left, left.size / sizes[g], &out[g], &tail) && *exact;
        left = tail;
    }
    return true;
}

/* ---- hulls ------------------------------------------------------------------------------------------------------- */

static int by_start(const Segment *a, const Segment *b) {
    return (a->start > b->start) - (a->start < b->start);
}

static Factor union_of(Arena *arena, const Factor *a, const Factor *b) {
    Factor all = {.size = a->size, .tag = a->tag ? a->tag : b->tag}, made = all;
    if (!a->n || !b->n) return all;
    Segment *segments = segments_new(arena, a->n + b->n);
    int n = 0, i = 0, j = 0;
    while ((i < a->n && !a->segments[i].rows) || (j < b->n && !b->segments[j].rows)) {
        bool first = j >= b->n || b->segments[j].rows ||
                     (i < a->n && !a->segments[i].rows && by_start(&a->segments[i], &b->segments[j]) <= 0);
        Segment next = first ? a->segments[i++] : b->segments[j++];
        if (n && segments[n - 1].limit >= next.start)
            segments[n - 1].limit = next.limit > segments[n - 1].limit ? next.limit : segments[n - 1].limit;
        else
            segments[n++] = next;
    }
    for (; i < a->n; i++) segments[n++] = a->segments[i];
    for (int first = n - 0; j < b->n; j++) {
        bool there = false;
        for (int k = 0; k < first; k++) there = there || equal_segments(&segments[k], &b->segments[j]);
        if (!there) segments[n++] = b->segments[j];
    }
    made.n = n;
    made.segments = segments;
    return factor_count(&made) >= made.size ? all : made;
}

/* Both selections' factors of an axis, split alike; 0 if they cannot be. */
static int align(Arena *arena, const Selection *a, const Selection *b, int axis, Factor *of_a, Factor *of_b,
                 bool *exact_a, bool *exact_b) {
    const Factor *x = &a->factors[a->first[axis]], *y = &b->factors[b->first[axis]];
    int n_x = a->first[axis + 1] - a->first[axis], n_y = b->first[axis + 1] - b->first[axis];
    int64_t sizes[2 * SELECTION_FACTORS];
    int n = common_sizes(x, n_x, y, n_y, sizes);
    *exact_a = *exact_b = true;
    if (!n || !refine(arena, x, n_x, sizes, n, of_a, exact_a) ||
        !refine(arena, y, n_y, sizes, n, of_b, exact_b))
        return 0;
    return n;
}

/* Numbers of factors mean the same only where the factors are the same: tags of b by the factors of a. False: rows lie
 * along factors that differ. */
static bool same_factors(const Selection *a, const Selection *b) {
    if (a->n != b->n) return false;
    for (int f = 0; f < a->n; f++)
        if (a->factors[f].size != b->factors[f].size) return false;
    return true;
}

static Selection all_rows(Arena *arena, const Selection *s, const Type *type) {
    Selection made = selection_tagged(s, type);
    for (int f = 0; f < made.n; f++)
        if (factor_has_rows(&made.factors[f])) made.factors[f] = (Factor){.size = made.factors[f].size};
    for (int f = 0; f < made.n; f++) made.factors[f].tag = 0;
    return pushed_again(arena, &made);
}

const Selection *selection_without_rows(Arena *arena, const Selection *s, const Type *type) {
    if (!selection_has_rows(s)) return s;
    Selection made = all_rows(arena, s, type);
    return selection_make(arena, &made);
}

/* `s` split at the ends of the factors of `by`, which numbers its factors then; false: it cannot be. */
static bool split_as(Arena *arena, const Selection *s, const Selection *by, Selection *made) {
    *made = (Selection){.rank = s->rank};
    for (int k = 0; k < s->rank; k++) {
        int64_t sizes[SELECTION_FACTORS];
        int n = by->first[k + 1] - by->first[k];
        bool exact = true;
        for (int i = 0; i < n; i++) sizes[i] = by->factors[by->first[k] + i].size;
        made->first[k] = (uint8_t)made->n;
        if (!refine(arena, &s->factors[s->first[k]], s->first[k + 1] - s->first[k], sizes, n,
                    &made->factors[made->n], &exact) ||
            !exact)
            return false;
        made->n += n;
    }
    made->first[s->rank] = (uint8_t)made->n;
    return true;
}

/* Whether the factors along which rows lie are selected alike in both: their indices have them so. */
static bool lie_alike(const Selection *a, const Selection *b) {
    if (!same_factors(a, b)) return true; /* no rows are left */
    for (int f = 0; f < a->n; f++)
        for (int i = 0; i < a->factors[f].n + b->factors[f].n; i++) {
            int n = a->factors[f].n;
            const Segment *segment = i < n ? &a->factors[f].segments[i] : &b->factors[f].segments[i - n];
            for (int j = 0; segment->rows && j < segment->rows->n_along; j++) {
                int along = segment->rows->along[j];
                if (!equal_factors(&a->factors[along], &b->factors[along])) return false;
            }
        }
    return true;
}

const Selection *selection_hull(Arena *arena, const Selection *a, const Selection *b, const Type *type) {
    if (!a || !b) return NULL;
    Selection x = selection_tagged(a, type), y = selection_tagged(b, type), other;
    bool rows = selection_has_rows(a) || selection_has_rows(b);
    if (rows && !same_factors(a, b)) { /* a selection without rows may have others' factors */
        if (!selection_has_rows(b) && split_as(arena, &y, &x, &other))
            y = other;
        else if (!selection_has_rows(a) && split_as(arena, &x, &y, &other))
            x = other;
        else {
            x = all_rows(arena, a, type);
            y = all_rows(arena, b, type);
        }
    }
    if (rows && !lie_alike(&x, &y)) {
        x = all_rows(arena, a, type);
        y = all_rows(arena, b, type);
    }
    for (int f = 0; rows && same_factors(&x, &y) && f < x.n; f++)
        x.factors[f].tag = y.factors[f].tag = (uint8_t)(f + 1);
    Selection made = {0};
    for (int k = 0; k < type->rank; k++) {
        Factor p[SELECTION_FACTORS], q[SELECTION_FACTORS];
        bool exact_p, exact_q;
        int n = align(arena, &x, &y, k, p, q, &exact_p, &exact_q);
        if (!n) selection_push(arena, &made, (Factor){.size = type->dim[k]});
        for (int i = 0; i < n; i++) selection_push(arena, &made, union_of(arena, &p[i], &q[i]));
        selection_end_axis(&made);
    }
    return selection_make(arena, &made);
}

/* ---- parts of selections ----------------------------------------------------------------------------------------- */

int64_t factor_position(const Factor *in, const Segment *segment) {
    int64_t at = 0;
    for (int i = 0; i < in->n; i++) {
        const Segment *have = &in->segments[i];
        bool same = have->rows && equal_segments(have, segment);
        if (same) return at;
        if (!have->rows && !segment->rows && have->start <= segment->start && segment->limit <= have->limit)
            return at + segment->start - have->start;
        at += have->limit - have->start;
    }
    return in->n || segment->rows ? -1 : segment->start;
}

static bool covers_factor(const Factor *s, const Factor *part) {
    if (!s->n) return true;
    if (!part->n) return false;
    for (int i = 0; i < part->n; i++)
        if (factor_position(s, &part->segments[i]) < 0) return false;
    return true;
}

int selection_align(Arena *arena, const Selection *s, const Selection *part, int axis, Factor *p, Factor *q) {
    bool exact_p, exact_q;
    int n = align(arena, s, part, axis, p, q, &exact_p, &exact_q);
    return exact_p && exact_q ? n : 0;
}

static bool equal_axes(const Selection *a, const Selection *b, int axis) {
    int n = a->first[axis + 1] - a->first[axis];
    if (n != b->first[axis + 1] - b->first[axis]) return false;
    for (int i = 0; i < n; i++)
        if (!equal_factors(&a->factors[a->first[axis] + i], &b->factors[b->first[axis] + i])) return false;
    return true;
}

bool selection_covers(Arena *arena, const Selection *s, const Selection *part, const Type *type) {
    if (!s || selection_equal(s, part)) return true;
    if (!part) return false;
    if (selection_has_rows(part) && !same_factors(s, part)) return false; /* rows go by numbers of factors */
    for (int k = 0; k < type->rank; k++) {
        Factor p[SELECTION_FACTORS], q[SELECTION_FACTORS];
        if (equal_axes(s, part, k)) continue;
        int n = selection_align(arena, s, part, k, p, q);
        if (!n && type->dim[k] > 1) return false;
        for (int i = 0; i < n; i++)
            if (!covers_factor(&p[i], &q[i])) return false;
    }
    return true;
}
