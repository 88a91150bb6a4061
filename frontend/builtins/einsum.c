/* Einstein's summation: einsum('bhnd,bhmd->bhnm', q, k). Operands are contracted in pairs, each time the pair with the
 * fewest products; a pair is a matrix product, or a product of elements where no free axis is left beside the sum.
 * Letters are axes; those of an ellipsis are numbered from behind and broadcast. */
#include "frontend/builtins/builtins.h"

#include <ctype.h>
#include <string.h>

enum { LETTERS = 128, LABELS = LETTERS + IR_MAX_RANK, MAX_TERMS = 16 };

/* An operand, or what became of several. */
typedef struct {
    ValueId id;
    int rank;
    int label[2 *
              IR_MAX_RANK]; /* of each axis: a letter, or LETTERS + the place in the ellipsis from behind */
} Term;

typedef struct {
    Evaluator *e;
    Loc loc;
    Term terms[MAX_TERMS];
    int n;
    int64_t size[LABELS]; /* of each label; 0: it is in no operand */
    int seen[LABELS];     /* on how many axes */
    int ellipsis;         /* axes that the ellipses stand for, at most */
    Term out;
} Einsum;

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* Labels of one operand's part of the text, [text, end); `axes`: those there are, -1: of the result. */
static bool read_labels(Einsum *s, const char *text, const char *end, int axes, Term *out) {
    int letters = 0, dots = 0;
    for (const char *c = text; c < end; c++) {
        letters += isalpha((unsigned char)*c) != 0;
        dots += *c == '.';
        if (isalpha((unsigned char)*c) || *c == ' ' || *c == '.') continue;
        eval_error(s->e, s->loc, "einsum: '%c' in \"%.*s\": letters name axes, and '...' the others", *c,
                   (int)(end - text), text);
        return false;
    }
    const char *ellipsis = strstr(text, "...");
    bool has = ellipsis && ellipsis + 3 <= end;
    if (dots != (has ? 3 : 0)) {
        eval_error(s->e, s->loc, "einsum: \"%.*s\" has dots that are no '...'", (int)(end - text), text);
        return false;
    }
    int open = axes < 0 ? s->ellipsis : axes - letters;
    if (axes >= 0 && (has ? open < 0 : open != 0)) {
        eval_error(s->e, s->loc, "einsum: \"%.*s\" names %d ax%s of %s", (int)(end - text), text, letters,
                   letters == 1 ? "is" : "es", type_text(s->e->arena, func_type(s->e->func, out->id)));
        return false;
    }
    if (letters + (has ? open : 0) > IR_MAX_RANK) {
        eval_error(s->e, s->loc, "einsum: \"%.*s\" has more than %d axes", (int)(end - text), text,
                   IR_MAX_RANK);
        return false;
    }
    out->rank = 0;
    for (const char *c = text; c < end; c++) {
        if (isalpha((unsigned char)*c)) out->label[out->rank++] = *c;
        if (has && c == ellipsis)
            for (int k = open; k-- > 0;) out->label[out->rank++] = LETTERS + k;
    }
    return true;
}

/* The sizes of an operand's axes; a letter has one size, an axis of an ellipsis may have 1 as well. */
static bool note_sizes(Einsum *s, Term *term, int number) {
    const Type *type = func_type(s->e->func, term->id);
    for (int k = 0; k < term->rank; k++) {
        int label = term->label[k];
        int64_t size = type->dim[k], known = s->size[label];
        bool fits = known == 0 || known == size || (label >= LETTERS && (known == 1 || size == 1));
        if (!fits && label < LETTERS)
            eval_error(s->e, s->loc, "einsum: '%c' is %lld in operand %d, %s, and %lld before", label,
                       (long long)size, number + 1, type_text(s->e->arena, type), (long long)known);
        else if (!fits)
            eval_error(s->e, s->loc,
                       "einsum: the axes of '...' do not broadcast: %lld in operand %d, %s, and %lld before",
                       (long long)size, number + 1, type_text(s->e->arena, type), (long long)known);
        if (!fits) return false;
        if (size > known) s->size[label] = size;
        s->seen[label]++;
        if (label >= LETTERS && label - LETTERS >= s->ellipsis) s->ellipsis = label - LETTERS + 1;
    }
    return true;
}

/* Without "->": the axes of the ellipsis, then the letters that occur once, by the alphabet. */
static bool implied_result(Einsum *s) {
    s->out.rank = 0;
    for (int k = s->ellipsis; k-- > 0;) s->out.label[s->out.rank++] = LETTERS + k;
    for (int letter = 0; letter < LETTERS && s->out.rank < 2 * IR_MAX_RANK; letter++)
        if (s->seen[letter] == 1) s->out.label[s->out.rank++] = letter;
    return true;
}

static bool read_result(Einsum *s, const char *text) {
    if (!read_labels(s, text, text + strlen(text), -1, &s->out)) return false;
    bool met[LABELS] = {false};
    for (int k = 0; k < s->out.rank; k++) {
        int label = s->out.label[k];
        if (label < LETTERS && (s->size[label] == 0 || met[label])) {
            eval_error(s->e, s->loc, "einsum: '%c' of the result is %s", label,
                       met[label] ? "there twice" : "in no operand");
            return false;
        }
        met[label] = true;
    }
    return true;
}

static bool read_spec(Einsum *s, const char *spec) {
    const char *arrow = strstr(spec, "->"), *end = arrow ? arrow : spec + strlen(spec), *at = spec;
    int given = 1;
    for (const char *c = spec; c < end; c++) given += *c == ',';
    if (given != s->n) {
        eval_error(s->e, s->loc, "einsum: '%s' is of %d operand%s, and there %s %d", spec, given,
                   given == 1 ? "" : "s", s->n == 1 ? "is" : "are", s->n);
        return false;
    }
    for (int i = 0; i < s->n; i++) {
        const char *comma = memchr(at, ',', (size_t)(end - at)), *stop = comma ? comma : end;
        Term *term = &s->terms[i];
        if (!read_labels(s, at, stop, func_type(s->e->func, term->id)->rank, term) || !note_sizes(s, term, i))
            return false;
        at = stop + 1;
    }
    return arrow ? read_result(s, arrow + 2) : implied_result(s);
}

/* ---- one operand ------------------------------------------------------------------------------------------------- */

static int axis_with(const Term *t, int label) {
    for (int k = 0; k < t->rank; k++)
        if (t->label[k] == label) return k;
    return -1;
}

static void drop_axis(Term *t, int axis) {
    for (int k = axis; k + 1 < t->rank; k++) t->label[k] = t->label[k + 1];
    t->rank--;
}

/* Axes put in the order of `labels`, which are those of the term. */
static void order_axes(Einsum *s, Term *t, const int *labels) {
    int64_t perm[IR_MAX_RANK];
    bool same = true;
    for (int k = 0; k < t->rank; k++) {
        perm[k] = axis_with(t, labels[k]);
        same = same && perm[k] == k;
    }
    if (!same) t->id = ir_transpose(s->e->func, t->id, perm);
    memcpy(t->label, labels, sizeof *labels * (size_t)t->rank);
}

static void reshape_to(Einsum *s, Term *t, int rank, const int64_t *shape) {
    t->id = ir_reshape(s->e->func, t->id, rank, shape);
}

/* Axes a < b with one label become one, the diagonal. */
static void take_diagonal(Einsum *s, Term *t, int a, int b) {
    Func *func = s->e->func;
    int64_t perm[IR_MAX_RANK], zero[IR_MAX_RANK] = {0}, one[IR_MAX_RANK];
    int n = 0, label = t->label[a];
    for (int k = 0; k < t->rank; k++)
        if (k != a && k != b) perm[n++] = k;
    perm[n] = a;
    perm[n + 1] = b;
    t->id = ir_transpose(func, t->id, perm);
    Type type = *func_type(func, t->id);
    type.dim[n] *= type.dim[n + 1];
    t->id = ir_reshape(func, t->id, n + 1, type.dim);
    for (int k = 0; k <= n; k++) one[k] = 1;
    one[n] = type.dim[n + 1] + 1;
    t->id = ir_slice(func, t->id, zero, type.dim, one);
    drop_axis(t, b);
    drop_axis(t, a);
    t->label[t->rank++] = label;
}

/* Axes of an ellipsis that are 1 here and longer elsewhere are left out: products repeat what has them not. */
static void drop_repeated(Einsum *s, Term *t) {
    Type type = *func_type(s->e->func, t->id);
    int kept = 0;
    for (int k = 0; k < t->rank; k++) {
        if (type.dim[k] == 1 && s->size[t->label[k]] > 1) continue;
        type.dim[kept] = type.dim[k];
        t->label[kept++] = t->label[k];
    }
    if (kept < t->rank) reshape_to(s, t, kept, type.dim);
    t->rank = kept;
}

/* Whether a label is wanted besides in terms i and j: by the result or by another term. */
static bool wanted(const Einsum *s, int label, int i, int j) {
    if (axis_with(&s->out, label) >= 0) return true;
    for (int k = 0; k < s->n; k++)
        if (k != i && k != j && axis_with(&s->terms[k], label) >= 0) return true;
    return false;
}

/* Sums over the axes that nobody else wants. */
static void sum_alone(Einsum *s, int i) {
    Term *t = &s->terms[i];
    int64_t axes[IR_MAX_RANK];
    int n = 0, kept = 0;
    for (int k = 0; k < t->rank; k++)
        if (wanted(s, t->label[k], i, i))
            t->label[kept++] = t->label[k];
        else
            axes[n++] = k;
    if (n) t->id = ir_reduce(s->e->func, OP_sum, t->id, n, axes, false);
    t->rank = kept;
}

static bool ready(Einsum *s, int i) {
    Term *t = &s->terms[i];
    for (int a = 0; a < t->rank; a++)
        for (int b = a + 1; b < t->rank; b++)
            if (t->label[a] == t->label[b]) {
                take_diagonal(s, t, a, b);
                a = -1;
                break;
            }
    drop_repeated(s, t);
    sum_alone(s, i);
    return t->id != IR_NONE;
}

/* ---- pairs ------------------------------------------------------------------------------------------------------- */

/* Labels of a pair by what becomes of them. */
typedef struct {
    int both[IR_MAX_RANK], summed[IR_MAX_RANK], left[IR_MAX_RANK], right[IR_MAX_RANK];
    int n_both, n_summed, n_left, n_right;
} Roles;

static Roles roles_of(const Einsum *s, int i, int j) {
    const Term *a = &s->terms[i], *b = &s->terms[j];
    Roles r = {.n_both = 0};
    for (int k = 0; k < a->rank; k++) {
        int label = a->label[k];
        if (axis_with(b, label) < 0)
            r.left[r.n_left++] = label;
        else if (wanted(s, label, i, j))
            r.both[r.n_both++] = label;
        else
            r.summed[r.n_summed++] = label;
    }
    for (int k = 0; k < b->rank; k++)
        if (axis_with(a, b->label[k]) < 0) r.right[r.n_right++] = b->label[k];
    return r;
}

static double product_of(const Einsum *s, const int *labels, int n) {
    double size = 1;
    for (int k = 0; k < n; k++) size *= (double)s->size[labels[k]];
    return size;
}

static double cost_of(const Einsum *s, const Roles *r) {
    return product_of(s, r->both, r->n_both) * product_of(s, r->summed, r->n_summed) *
           product_of(s, r->left, r->n_left) * product_of(s, r->right, r->n_right);
}

/* Labels behind the n there are; how many there are then. */
static int append(int *out, int n, const int *labels, int count) {
    for (int k = 0; k < count; k++) out[n++] = labels[k];
    return n;
}

/* The term as matrices [both, rows, summed], or with `*turned` [both, summed, rows] where it lies so already. */
static void as_matrices(Einsum *s, Term *t, const Roles *r, const int *rows, int n_rows, bool rows_last,
                        bool *turned) {
    int straight[2 * IR_MAX_RANK], other[2 * IR_MAX_RANK], *first = rows_last ? other : straight;
    int n = append(straight, append(straight, 0, r->both, r->n_both), rows, n_rows);
    append(straight, n, r->summed, r->n_summed);
    n = append(other, append(other, 0, r->both, r->n_both), r->summed, r->n_summed);
    append(other, n, rows, n_rows);
    int *second = rows_last ? straight : other;
    bool lies = memcmp(second, t->label, sizeof *second * (size_t)t->rank) == 0;
    *turned = lies;
    order_axes(s, t, lies ? second : first);
    int64_t shape[IR_MAX_RANK];
    n = 0;
    if (r->n_both <= IR_MAX_RANK - 2) /* as they are: other passes know products of such */
        for (; n < r->n_both; n++) shape[n] = s->size[r->both[n]];
    else
        shape[n++] = (int64_t)product_of(s, r->both, r->n_both);
    bool rows_first = rows_last == lies;
    shape[n + !rows_first] = (int64_t)product_of(s, rows, n_rows);
    shape[n + rows_first] = (int64_t)product_of(s, r->summed, r->n_summed);
    reshape_to(s, t, n + 2, shape);
}

/* The term with axes of size 1 where it lacks one of `labels`. */
static void spread(Einsum *s, Term *t, const int *labels, int n) {
    int own[2 * IR_MAX_RANK], count = 0;
    int64_t shape[2 * IR_MAX_RANK];
    for (int k = 0; k < n; k++) {
        bool has = axis_with(t, labels[k]) >= 0;
        if (has) own[count++] = labels[k];
        shape[k] = has ? s->size[labels[k]] : 1;
    }
    order_axes(s, t, own);
    reshape_to(s, t, n, shape);
}

/* Terms i < j become one, at i. */
static bool contract(Einsum *s, int i, int j) {
    Func *func = s->e->func;
    Term *a = &s->terms[i], *b = &s->terms[j];
    Roles r = roles_of(s, i, j);
    int labels[4 * IR_MAX_RANK], n = append(labels, 0, r.both, r.n_both);
    n = append(labels, append(labels, n, r.left, r.n_left), r.right, r.n_right);
    bool products = r.n_summed > 0 && r.n_left + r.n_right > 0;
    int met = n + (products ? 0 : r.n_summed);
    if (met > IR_MAX_RANK) {
        eval_error(s->e, s->loc, "einsum: operands %d and %d meet on %d axes, more than %d", i + 1, j + 1,
                   met, IR_MAX_RANK);
        return false;
    }
    if (products) {
        int64_t shape[IR_MAX_RANK];
        bool ta, tb;
        as_matrices(s, a, &r, r.left, r.n_left, false, &ta);
        as_matrices(s, b, &r, r.right, r.n_right, true, &tb);
        a->id = ir_matmul(func, a->id, b->id, ta, tb);
        for (int k = 0; k < n; k++) shape[k] = s->size[labels[k]];
        reshape_to(s, a, n, shape);
    } else {
        append(labels, n, r.summed, r.n_summed);
        spread(s, a, labels, met);
        spread(s, b, labels, met);
        a->id = ir_binary(func, OP_mul, a->id, b->id);
        int64_t axes[IR_MAX_RANK];
        for (int k = 0; k < r.n_summed; k++) axes[k] = n + k;
        if (r.n_summed) a->id = ir_reduce(func, OP_sum, a->id, r.n_summed, axes, false);
    }
    a->rank = n;
    memcpy(a->label, labels, sizeof *labels * (size_t)n);
    s->n--;
    for (int k = j; k < s->n; k++) s->terms[k] = s->terms[k + 1];
    return a->id != IR_NONE;
}

static bool contract_cheapest(Einsum *s) {
    int best[2] = {0, 1};
    double least = -1;
    for (int i = 0; i < s->n; i++)
        for (int j = i + 1; j < s->n; j++) {
            Roles r = roles_of(s, i, j);
            double cost = cost_of(s, &r);
            if (least >= 0 && cost >= least) continue;
            least = cost;
            best[0] = i;
            best[1] = j;
        }
    return spend(s->e, s->loc, 1) && contract(s, best[0], best[1]);
}

/* The last term as the result: axes in order, repeated where an ellipsis' axis is 1 everywhere it is. */
static ValueId result_of(Einsum *s) {
    order_axes(s, &s->terms[0], s->out.label);
    return s->terms[0].id;
}

/* Operands as reals of one type. */
static bool take_operands(Einsum *s, const Value *list) {
    bool all_f64 = true;
    for (int i = 0; i < s->n; i++) {
        Type type;
        if (!reals_of(s->e, s->loc, &list->items[i], &s->terms[i].id, &type)) return false;
        all_f64 = all_f64 && type.dtype == DT_F64;
    }
    for (int i = 0; !all_f64 && i < s->n; i++) s->terms[i].id = ir_cast(s->e->func, s->terms[i].id, DT_F32);
    return true;
}

FUNCTION(b_einsum) {
    UNUSED;
    if (args[0].kind != V_STRING)
        return eval_error(e, at->loc, "einsum wants the names of the axes first: einsum('ij,jk->ik', a, b)");
    if (args[1].count < 1 || args[1].count > MAX_TERMS)
        return eval_error(e, at->loc, "einsum of %zu operands: 1 to %d", args[1].count, MAX_TERMS);
    Einsum *s = ARENA_NEW(e->arena, Einsum);
    *s = (Einsum){.e = e, .loc = at->loc, .n = (int)args[1].count};
    if (!take_operands(s, &args[1]) || !read_spec(s, args[0].text)) return (Value){0};
    for (int i = 0; i < s->n; i++)
        if (!ready(s, i)) return value_tensor(e, at->loc, IR_NONE);
    while (s->n > 1)
        if (!contract_cheapest(s)) return value_tensor(e, at->loc, IR_NONE);
    return value_tensor(e, at->loc, result_of(s));
}
