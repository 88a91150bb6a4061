/* Cutting kernels into blocks: see blocks.h. */
#include "ir/plan/blocks.h"

int domain_cut(const Domain *domain, int64_t n) {
    int64_t rounds = 1;
    for (int i = 0; i < domain->rank; i++) {
        rounds *= domain->extent[i];
        if (rounds % n == 0) return i;
    }
    return -1;
}

/* Whether unit i of the loops touches, of `total` elements at indices offset + coef · loops, only the i-th of n equal
 * parts. */
static bool in_step(const Cut *cut, const int64_t coef[DOMAIN_MAX], int64_t offset, int64_t total) {
    const Domain *domain = &cut->kernel->domain;
    int64_t part = total / cut->n, along = coef[cut->last], farthest = offset;
    if (total % cut->n || offset < 0 || along * cut->per != part) return false;
    int64_t step = along * domain->extent[cut->last]; /* the loops that are cut act as one */
    for (int i = cut->last - 1; i >= 0; i--) {
        if (domain->extent[i] == 1) continue;
        if (coef[i] != step) return false;
        step *= domain->extent[i];
    }
    farthest += along * (cut->per - 1);
    for (int i = cut->last + 1; i < domain->rank; i++) {
        if (coef[i] < 0) return false;
        farthest += coef[i] * (domain->extent[i] - 1);
    }
    return farthest < part;
}

static bool access_in_step(const Cut *cut, ValueId value, const Access *access) {
    int64_t offset, coef[DOMAIN_MAX];
    const Type *type = func_type(cut->func, value);
    access_linear(type, access, &cut->kernel->domain, &offset, coef);
    return in_step(cut, coef, offset, type_elements(type));
}

/* The dimension of a product's result that is cut into units: rows of a matrix product, the first batch axis (images)
 * of an attention; -1: none can be. */
static int shared_dimension(const Node *node) {
    int rank = node->type.rank;
    if (node->op == OP_attention || node->op == OP_attention_query_grad) return rank > 2 ? 0 : -1;
    if (node->op == OP_attention_grad || node->op == OP_attention_key_grad) return rank > 3 ? 1 : -1;
    if (node->op != OP_matmul || matmul_attrs(node)->symmetric ||
        type_elements(&node->type) != node->type.dim[rank - 2] * node->type.dim[rank - 1])
        return -1;
    return rank - 2;
}

static bool cut_product(Cut *cut) {
    const KernelMember *core = kernel_member(cut->kernel, cut->kernel->core);
    const Node *node = func_node(cut->func, cut->kernel->core);
    int dim = shared_dimension(node);
    if (dim < 0 || !core || node->type.dim[dim] % cut->n) return false;
    return in_step(cut, core->access.coef[dim], core->access.offset[dim], node->type.dim[dim]);
}

/* If the kernel sums blocks of rows (sum_rows): whether each block lies in one unit. */
static bool sums_within_units(const Cut *cut) {
    ValueId reduction = kernel_block_reduction(cut->func, cut->kernel);
    const Node *node = reduction == IR_NONE ? NULL : func_node(cut->func, reduction);
    if (!node || node->op != OP_sum_rows) return true;
    const Type *x = func_type(cut->func, node->operands[0]);
    int64_t rows = type_elements(x) / x->dim[x->rank - 1];
    return rows % cut->n == 0 && rows / cut->n % sum_rows_attrs(node)->rows == 0;
}

bool kernel_cut(const Func *func, const Kernel *kernel, int64_t n, Cut *cut) {
    const Domain *domain = &kernel->domain;
    int64_t rounds = 1;
    int last = domain_cut(domain, n);
    if (kernel->kind == KERNEL_OTHER || kernel->kind == KERNEL_PACK || last < 0) return false;
    for (int i = 0; i <= last; i++) rounds *= domain->extent[i];
    *cut = (Cut){func, kernel, n, last, rounds / n};
    if (!sums_within_units(cut)) return false;
    Cut made;
    if (kernel->prologue && !kernel_cut(func, kernel->prologue, n, &made)) return false;
    if (kernel->kind == KERNEL_MATMUL) return cut_product(cut);
    if (kernel->rows) return last < kernel->first_inner;
    int inner = 0; /* loops inside the cut ones, which vectors run along */
    for (int i = last + 1; i < domain->rank; i++) inner += domain->extent[i] > 1;
    if (kernel->kind == KERNEL_LOOP) return inner > 0;
    for (int i = 0; i <= last; i++) /* a column's sums run down the other loops */
        if (domain->extent[i] > 1 && !access_uses_loop(&kernel->members[0].access, i)) return false;
    return inner > 0;
}

/* The operand of a product, in memory: A's rows, or the images of an attention's q, k, v and dy. */
static bool operand_in_step(const Cut *cut, const Node *node, int operand, const Strided *strided) {
    const Type *type = func_type(cut->func, node->operands[operand]);
    int rank = type->rank, dim = 0;
    if (strided->n_loops) return false; /* windows may reach into the next part */
    if (node->op == OP_matmul) {
        if (operand != 0) return false;
        dim = matmul_attrs(node)->ta ? rank - 1 : rank - 2;
    } else if (operand >= product_factors(node))
        return false;
    int64_t part = type_elements(func_type(cut->func, strided->base)) / cut->n, per = type->dim[dim] / cut->n;
    int64_t farthest = strided->offset + strided->stride[dim] * (per - 1);
    if (type->dim[dim] % cut->n || strided->stride[dim] * per != part || strided->offset < 0) return false;
    for (int k = 0; k < rank; k++) {
        if (k == dim) continue;
        if (strided->stride[k] < 0) return false;
        farthest += strided->stride[k] * (type->dim[k] - 1);
    }
    return farthest < part;
}

static bool product_keeps(const Cut *cut, ValueId value) {
    const Node *node = func_node(cut->func, cut->kernel->core);
    for (int o = 0; o < node->n_operands; o++) {
        ValueId views[KERNEL_VIEWS];
        int n_views;
        Strided strided = kernel_operand(cut->func, node, o, views, &n_views);
        if (strided.base == value && !operand_in_step(cut, node, o, &strided)) return false;
    }
    return true;
}

bool cut_is_local(const Cut *cut, ValueId value) {
    const Kernel *kernel = cut->kernel;
    if (type_elements(func_type(cut->func, value)) % cut->n) return false;
    const KernelMember *member = kernel_member(kernel, value);
    if (member && !access_in_step(cut, value, &member->access)) return false;
    for (size_t u = 0; u < kernel->n_uses; u++) {
        const KernelUse *use = &kernel->uses[u];
        if (use->value != value || member) continue; /* a member is computed where it is used */
        if (use->in_memory ? kernel->kind != KERNEL_MATMUL : !access_in_step(cut, value, &use->access))
            return false;
    }
    Cut made; /* unit i of a prologue makes the rows that unit i of its product multiplies */
    if (kernel->prologue &&
        !(kernel_cut(cut->func, kernel->prologue, cut->n, &made) && cut_is_local(&made, value)))
        return false;
    return kernel->kind != KERNEL_MATMUL || product_keeps(cut, value);
}
