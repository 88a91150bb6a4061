/* The product of matrices, `x @ y`: of their last two axes, with NumPy's rules for fewer and for more. */
#include "frontend/evaluate/evaluator.h"

/* In place of an operand whose last two axes were just transposed the one before that, and *flag. */
static ValueId untransposed(Evaluator *e, ValueId id, bool *flag) {
    const Node *node = func_node(e->func, id);
    int n = node->type.rank;
    if (node->op != OP_transpose) return id;
    const int64_t *perm = transpose_attrs(node)->perm.v;
    for (int k = 0; k < n - 2; k++)
        if (perm[k] != k) return id;
    if (perm[n - 1] != n - 2) return id;
    *flag = true;
    return node->operands[0];
}

static ValueId swap_last(Evaluator *e, ValueId id) {
    const Type *type = func_type(e->func, id);
    int64_t perm[IR_MAX_RANK];
    int n = type->rank;
    for (int k = 0; k < n; k++) perm[k] = k;
    perm[n - 1] = n - 2;
    perm[n - 2] = n - 1;
    return ir_transpose(e->func, id, perm);
}

/* [L…, k] @ [k, n]: all rows of x in one product. */
static ValueId rows_by_matrix(Evaluator *e, ValueId x, ValueId y) {
    Type type = *func_type(e->func, x);
    bool tb = false;
    y = untransposed(e, y, &tb);
    int64_t k = type.dim[type.rank - 1], rows = type_elements(&type) / k;
    ValueId product = ir_matmul(e->func, ir_reshape(e->func, x, 2, (int64_t[]){rows, k}), y, false, tb);
    if (product == IR_NONE) return product;
    type.dim[type.rank - 1] = func_type(e->func, product)->dim[1];
    return ir_reshape(e->func, product, type.rank, type.dim);
}

/* [m, k] @ [L…, k, n] is (yᵀ xᵀ)ᵀ: one product of all columns of y, so that x is not repeated and its gradient is one
 * product too. */
static ValueId matrix_by_batch(Evaluator *e, ValueId x, ValueId y) {
    bool swapped = false;
    ValueId z = untransposed(e, y, &swapped);
    if (!swapped) z = swap_last(e, y);
    ValueId columns = rows_by_matrix(e, z, swap_last(e, x));
    return columns == IR_NONE ? columns : swap_last(e, columns);
}

/* Of matrices in the same leading axes, after those of size 1, or missing, are repeated. */
static ValueId batch_by_batch(Evaluator *e, ValueId x, ValueId y) {
    Type tx = *func_type(e->func, x), ty = *func_type(e->func, y);
    int rank = tx.rank > ty.rank ? tx.rank : ty.rank;
    Type *types[] = {&tx, &ty};
    ValueId *ids[] = {&x, &y};
    for (int i = 0; i < 2; i++) {
        const Type own = *types[i], *other = types[1 - i];
        int64_t shape[IR_MAX_RANK];
        bool repeats = own.rank < rank;
        for (int k = 0; k < rank; k++) {
            int mine = k - (rank - own.rank), its = k - (rank - other->rank);
            int64_t size = mine < 0 ? 1 : own.dim[mine];
            bool matrix = k >= rank - 2;
            shape[k] = !matrix && size == 1 && its >= 0 ? other->dim[its] : size;
            repeats = repeats || shape[k] != size;
        }
        if (repeats) *ids[i] = ir_broadcast(e->func, *ids[i], rank, shape);
        if (*ids[i] == IR_NONE) return IR_NONE;
    }
    bool ta = false, tb = false;
    y = untransposed(e, y, &tb);
    x = untransposed(e, x, &ta);
    return ir_matmul(e->func, x, y, ta, tb);
}

static bool check_inner(Evaluator *e, Loc loc, const Type *x, const Type *y) {
    if (x->rank == 0 || y->rank == 0) {
        eval_error(e, loc, "@ wants matrices: %s @ %s", type_text(e->arena, x), type_text(e->arena, y));
        return false;
    }
    int64_t k = x->dim[x->rank - 1], l = y->dim[y->rank < 2 ? 0 : y->rank - 2];
    if (k == l) return true;
    bool turned = y->rank >= 2 && y->dim[y->rank - 1] == k;
    eval_error(e, loc, "matmul: inner sizes differ (%lld and %lld): %s @ %s%s", (long long)k, (long long)l,
               type_text(e->arena, x), type_text(e->arena, y),
               turned ? "; transpose(…) of the second fits" : "");
    return false;
}

Value value_matmul(Evaluator *e, Loc loc, const Value *a, const Value *b) {
    ValueId x = tensor_of(e, loc, a, DT_F32), y = tensor_of(e, loc, b, DT_F32), product;
    if (x == IR_NONE || y == IR_NONE) return (Value){0};
    const Type tx = *func_type(e->func, x), ty = *func_type(e->func, y);
    if (!check_inner(e, loc, &tx, &ty)) return (Value){0};
    e->func->error[0] = '\0';
    bool row = tx.rank == 1 && ty.rank > 2,
         column = ty.rank == 1; /* vectors are matrices of one row or column */
    if (row) x = ir_reshape(e->func, x, 2, (int64_t[]){1, tx.dim[0]});
    if (column) y = ir_reshape(e->func, y, 2, (int64_t[]){ty.dim[0], 1});
    int rank_x = func_type(e->func, x)->rank, rank_y = func_type(e->func, y)->rank;
    if (rank_y == 2 && rank_x != 2)
        product = rows_by_matrix(e, x, y);
    else if (rank_x == 2 && rank_y > 2)
        product = matrix_by_batch(e, x, y);
    else
        product = batch_by_batch(e, x, y);
    if (product == IR_NONE || !(row || column)) return value_tensor(e, loc, product);
    Type type = *func_type(e->func, product);
    if (row) type.dim[type.rank - 2] = type.dim[type.rank - 1];
    return value_tensor(e, loc, ir_reshape(e->func, product, type.rank - 1, type.dim));
}
