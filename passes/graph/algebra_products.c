/* The local rules of `simplify` for matrix products of which something is known: an operand is its own transpose, has
 * equal elements, or a diagonal alone; the product is there already, transposed. */
#include "passes/graph/algebra.h"
#include "passes/graph/symmetry.h"

enum { LEAST_K = 32 }; /* of a product that takes longer than to read another transposed */

static int64_t terms_of(const Simplify *s, const Node *product) {
    const Type *a = func_type(s->func, product->operands[0]);
    return a->dim[matmul_attrs(product)->ta ? a->rank - 2 : a->rank - 1];
}

static bool is_plain(const Node *product) {
    return !matmul_attrs(product)->panel && !matmul_attrs(product)->symmetric;
}

/* A symmetric operand need not be transposed. Both parts of the gradient of z·zᵀ, (g + gᵀ)·z, are then one product. */
static ValueId symmetric_operand(Simplify *s, const Node *node) {
    MatmulAttrs attrs = *matmul_attrs(node);
    if (!is_plain(node)) return IR_NONE;
    bool a = attrs.ta && is_symmetric(s->func, node->operands[0]);
    bool b = attrs.tb && is_symmetric(s->func, node->operands[1]);
    if (!a && !b) return IR_NONE;
    attrs.ta = attrs.ta && !a;
    attrs.tb = attrs.tb && !b;
    return by(s, "a symmetric matrix is its own transpose",
              simplify_make(s, OP_matmul, node->operands, 2, &attrs));
}

static ValueId transpose_last(Simplify *s, ValueId x) {
    int64_t perm[IR_MAX_RANK];
    int n = func_type(s->func, x)->rank;
    for (int k = 0; k < n; k++) perm[k] = k < n - 2 ? k : 2 * n - 3 - k;
    return simplify_make(s, OP_transpose, &x, 1, &(TransposeAttrs){.perm = ints(n, perm)});
}

/* b·a where (b·a)ᵀ = aᵀ·bᵀ has been computed: both directions of a contrastive loss take one product. Only of what fits
 * the core's own cache: columns of a larger matrix take longer to read than to compute (with K = 256 and 1024 rows 1.1
 * times, with 2048 rows 1.6 times). */
static ValueId product_turned_round(Simplify *s, const Node *node) {
    const MatmulAttrs *attrs = matmul_attrs(node);
    Machine machine = machine_with_usual(&s->func->module->machine);
    if (!is_plain(node) || terms_of(s, node) < LEAST_K || node->operands[0] == node->operands[1] ||
        type_bytes(&node->type) > machine.own_cache)
        return IR_NONE;
    MatmulAttrs turned = {.ta = !attrs->tb, .tb = !attrs->ta, .precision = attrs->precision};
    ValueId operands[] = {node->operands[1], node->operands[0]};
    ValueId other = simplify_find(s, OP_matmul, operands, 2, &turned);
    return other == IR_NONE ? IR_NONE : by(s, "the transpose of another product", transpose_last(s, other));
}

/* ---- equal elements ---------------------------------------------------------------------------------------------- */

/* Sums of x along the axis of a product's terms, as column [M, 1] or row [1, N] of its result. */
static ValueId sums_of_terms(Simplify *s, ValueId x, bool terms_last, bool as_column) {
    Type type = *func_type(s->func, x);
    int64_t axis = type.rank - (terms_last ? 1 : 2), n = type.dim[type.rank - (terms_last ? 2 : 1)];
    x = simplify_make(s, OP_sum, &x, 1, &(ReduceAttrs){.axes = ints(1, &axis), .keep = true});
    type.dim[type.rank - 2] = as_column ? n : 1;
    type.dim[type.rank - 1] = as_column ? 1 : n;
    return reshape_to(s, x, type.rank, type.dim);
}

/* A product with a matrix of which all elements are c: sums of the other's rows or columns, times c. */
static ValueId filled_operand(Simplify *s, const Node *node) {
    double value;
    if (!is_plain(node)) return IR_NONE;
    for (int o = 0; o < 2; o++) {
        ValueId x = node->operands[1 - o];
        if (!is_filled(s, node->operands[o], &value) || func_type(s->func, x)->dtype != node->type.dtype)
            continue;
        bool terms_last = o == 1 ? !matmul_attrs(node)->ta : matmul_attrs(node)->tb;
        ValueId sums = sums_of_terms(s, x, terms_last, o == 1);
        sums = binary(s, OP_mul, sums, constant(s, value, (DType)node->type.dtype));
        return by(s, "a product with equal elements: sums", in_type_of(s, node, sums));
    }
    return IR_NONE;
}

/* ---- diagonals --------------------------------------------------------------------------------------------------- */

/* i = j, over a square matrix. */
static bool is_diagonal_mask(const Simplify *s, ValueId id) {
    const Node *node = at(s, id);
    if (node->op != OP_eq || node->type.rank != 2 || node->type.dim[0] != node->type.dim[1]) return false;
    int64_t sum = 0;
    for (int o = 0; o < 2; o++) {
        const Node *x = at(s, node->operands[o]);
        if (x->op != OP_iota || !type_equal(func_type(s->func, node->operands[1 - o]), &x->type))
            return false;
        sum += axis_from_front(iota_attrs(x)->axis, 2);
    }
    return sum == 1;
}

/* Whether the matrix is 0 beside its diagonal, which *diagonal is then broadcast to; IR_NONE: it has ones. */
static bool is_diagonal(Simplify *s, ValueId id, ValueId *diagonal) {
    const Node *node = at(s, id);
    *diagonal = IR_NONE;
    if (node->op == OP_cast) return is_diagonal_mask(s, node->operands[0]);
    if (node->op == OP_select && is_diagonal_mask(s, node->operands[0]) && is_number(s, node->operands[2], 0))
        *diagonal = node->operands[1];
    ValueId ignored;
    for (int o = 0; o < 2 && node->op == OP_mul; o++)
        if (is_op(s, node->operands[o], OP_cast) && is_diagonal(s, node->operands[o], &ignored))
            *diagonal = node->operands[1 - o];
    return *diagonal != IR_NONE;
}

/* The elements d[i, i] of what is broadcast to [n, n], as column [n, 1] or row [1, n]; IR_NONE: it has all n·n. */
static ValueId along_diagonal(Simplify *s, ValueId d, int64_t n, bool as_column) {
    d = broadcast_base(s, d);
    const Type *type = func_type(s->func, d);
    int64_t size[] = {as_column ? n : 1, as_column ? 1 : n};
    if (type_elements(type) == 1) return reshape_to(s, d, 0, NULL);
    return type_elements(type) == n ? reshape_to(s, d, 2, size) : IR_NONE;
}

/* diag(d)·x = d * x, row by row; x·diag(d) column by column. */
static ValueId diagonal_operand(Simplify *s, const Node *node) {
    const MatmulAttrs *attrs = matmul_attrs(node);
    if (!is_plain(node) || node->type.rank != 2) return IR_NONE;
    for (int o = 0; o < 2; o++) {
        ValueId d, x = node->operands[1 - o];
        bool turned = o == 0 ? attrs->tb : attrs->ta;
        if (func_type(s->func, x)->dtype != node->type.dtype || !is_diagonal(s, node->operands[o], &d))
            continue;
        if (turned) x = transpose_last(s, x);
        if (d == IR_NONE) return by(s, "a product with the identity", x);
        d = along_diagonal(s, d, node->type.dim[o], o == 0);
        if (d != IR_NONE)
            return by(s, "a product with a diagonal, element by element", binary(s, OP_mul, x, d));
    }
    return IR_NONE;
}

const AlgebraRule PRODUCT_RULES[] = {
    {OP_matmul, filled_operand},
    {OP_matmul, diagonal_operand},
    {OP_matmul, symmetric_operand},
    {OP_matmul, product_turned_round},
};
const size_t PRODUCT_RULE_COUNT = sizeof PRODUCT_RULES / sizeof *PRODUCT_RULES;
