/* Whole values made of compact ones: pads, concatenations with zeros, and rows added to zeros. */
#include "passes/graph/algebra.h"
#include "passes/graph/zeros_rules.h"

typedef struct {
    Simplify *simplify;
    const IndexValues *indices;
    const Selection *of;
    int64_t size[SELECTION_FACTORS]; /* of each factor in the value so far */
} Fill;

static ValueId zeros_of(Fill *f, ValueId like, int rank, const int64_t *dim) {
    Type type = type_make((DType)func_type(f->simplify->func, like)->dtype, rank, dim);
    return filled(f->simplify, 0, &type);
}

/* `low` zeros before and `high` behind along axis 1 of [outer, n, inner]. */
static ValueId pad_middle(Fill *f, ValueId x, int64_t low, int64_t high) {
    PadAttrs attrs = {.low = {3, {0, low, 0}}, .high = {3, {0, high, 0}}};
    return simplify_make(f->simplify, OP_pad, &x, 1, &attrs);
}

static ValueId slice_middle(Fill *f, ValueId x, int64_t start, int64_t limit) {
    const Type *type = func_type(f->simplify->func, x);
    SliceAttrs attrs = {.start = {3, {0, start, 0}},
                        .limit = {3, {type->dim[0], limit, type->dim[2]}},
                        .step = {3, {1, 1, 1}}};
    return simplify_make(f->simplify, OP_slice, &x, 1, &attrs);
}

/* Factor k alone: its intervals, with zeros between them. */
static ValueId fill_factor(Fill *f, ValueId x, int k) {
    const Factor *factor = &f->of->factors[k];
    int64_t shape[3] = {1, f->size[k], 1}, at = 0;
    for (int g = 0; g < f->of->n; g++)
        if (g != k) shape[g < k ? 0 : 2] *= f->size[g];
    x = reshape_to(f->simplify, x, 3, shape);
    f->size[k] = factor->size;
    if (factor->n == 1)
        return pad_middle(f, x, factor->segments[0].start, factor->size - factor->segments[0].limit);
    ValueId *pieces = ARENA_ARRAY(f->simplify->scratch, ValueId, 2 * (size_t)factor->n + 1);
    int64_t end = 0;
    int n = 0;
    for (int i = 0; i <= factor->n; i++) {
        int64_t next = i < factor->n ? factor->segments[i].start : factor->size;
        int64_t gap[3] = {shape[0], next - end, shape[2]};
        if (next > end) pieces[n++] = zeros_of(f, x, 3, gap);
        if (i == factor->n) break;
        end = factor->segments[i].limit;
        pieces[n++] = slice_middle(f, x, at, at + end - next);
        at += end - next;
    }
    return simplify_make(f->simplify, OP_concat, pieces, n, &(ConcatAttrs){.axis = 1});
}

/* Rows of factor k added to zeros: the factors along which the index lies first, then k, then the rest; and back. */
static ValueId scatter_rows(Fill *f, ValueId x, int k) {
    Simplify *s = f->simplify;
    const SelectedRows *rows = f->of->factors[k].segments[0].rows;
    bool apart[SELECTION_FACTORS] = {false};
    int at[SELECTION_FACTORS];
    Type shape = {.rank = 0}, index = {.rank = 0};
    apart[k] = true;
    for (int j = 0; j < rows->n_along; j++) apart[rows->along[j]] = true;
    for (int g = 0; g < f->of->n; g++) { /* the others in runs */
        if (g == 0 || apart[g] || apart[g - 1]) shape.dim[shape.rank++] = 1;
        shape.dim[at[g] = shape.rank - 1] *= f->size[g];
    }
    int64_t perm[IR_MAX_RANK], back[IR_MAX_RANK], dim[IR_MAX_RANK], n = 0;
    bool moved[IR_MAX_RANK] = {false};
    for (int j = 0; j <= rows->n_along; j++) {
        int axis = at[j < rows->n_along ? rows->along[j] : k];
        moved[axis] = true;
        index.dim[index.rank++] = shape.dim[axis];
        perm[n++] = axis;
    }
    for (int a = 0; a < shape.rank; a++)
        if (!moved[a]) perm[n++] = a;
    for (int a = 0; a < n; a++) {
        back[perm[a]] = a;
        dim[a] = perm[a] == at[k] ? f->of->factors[k].size : shape.dim[perm[a]];
    }
    x = reshape_to(s, x, shape.rank, shape.dim);
    x = simplify_make(s, OP_transpose, &x, 1, &(TransposeAttrs){.perm = ints((int)n, perm)});
    ValueId i = reshape_to(s, f->indices->value(f->indices->user, rows), index.rank, index.dim);
    if (rows->offset)
        i = binary(s, OP_add, i, constant(s, (double)rows->offset, (DType)func_type(s->func, i)->dtype));
    ValueId operands[] = {zeros_of(f, x, (int)n, dim), i, x};
    x = simplify_make(s, OP_scatter_add, operands, 3, &(IndexedAttrs){.batch = rows->n_along});
    f->size[k] = f->of->factors[k].size;
    return simplify_make(s, OP_transpose, &x, 1, &(TransposeAttrs){.perm = ints((int)n, back)});
}

/* Each narrowed axis is one interval: one pad. */
static bool is_box(const Selection *of) {
    for (int k = 0; k < of->rank; k++) {
        const Factor *only = selection_only_factor(of, k);
        if (!selection_axis_is_whole(of, k) && (!only || only->n > 1 || factor_has_rows(only))) return false;
    }
    return true;
}

static ValueId pad_box(Fill *f, ValueId x) {
    PadAttrs attrs = {.low = {.n = f->of->rank}, .high = {.n = f->of->rank}};
    for (int k = 0; k < f->of->rank; k++) {
        const Factor *only = selection_only_factor(f->of, k);
        if (!only || !only->n) continue;
        attrs.low.v[k] = only->segments[0].start;
        attrs.high.v[k] = only->size - only->segments[0].limit;
    }
    return simplify_make(f->simplify, OP_pad, &x, 1, &attrs);
}

ValueId support_fill(Simplify *simplify, ValueId compact, const Selection *of, const Type *type,
                     const IndexValues *indices) {
    Fill fill = {.simplify = simplify, .indices = indices, .of = of};
    if (!of) return compact;
    if (is_box(of)) return pad_box(&fill, compact);
    for (int k = 0; k < of->n; k++) fill.size[k] = factor_count(&of->factors[k]);
    for (int rows = 1; rows >= 0; rows--) /* first, where their indices' axes are as they were */
        for (int k = 0; k < of->n; k++)
            if (of->factors[k].n && factor_has_rows(&of->factors[k]) == rows)
                compact = rows ? scatter_rows(&fill, compact, k) : fill_factor(&fill, compact, k);
    return reshape_to(simplify, compact, type->rank, type->dim);
}
