/* Prologues of matrix products: see prologue.h. */
#include "ir/plan/prologue.h"
#include "ir/plan/blocks.h"

/* Rows and columns of the product's first operand. */
static void operand_size(const Func *func, ValueId core, int64_t *rows, int64_t *columns) {
    const Type *type = func_type(func, func_node(func, core)->operands[0]);
    *rows = type->dim[type->rank - 2];
    *columns = type->dim[type->rank - 1];
}

int prologue_last_row(const Func *func, ValueId core, const Kernel *prologue) {
    int64_t rows, columns, rounds = 1;
    operand_size(func, core, &rows, &columns);
    int last = domain_cut(&prologue->domain, rows);
    for (int i = 0; i <= last; i++) rounds *= prologue->domain.extent[i];
    return rounds == rows && domain_size(&prologue->domain) == rows * columns ? last : -1;
}

const char *prologue_fault(const Func *func, ValueId core, const Kernel *prologue) {
    const Node *node = func_node(func, core);
    ValueId views[KERNEL_VIEWS], made = prologue->members[0].value;
    int n_views, rank = node->type.rank;
    int64_t rows, columns;
    if (node->op != OP_matmul ||
        type_elements(&node->type) != node->type.dim[rank - 2] * node->type.dim[rank - 1])
        return "is no product of one matrix";
    if (matmul_attrs(node)->symmetric) return "computes a symmetric result";
    if (prologue->kind != KERNEL_LOOP || prologue->rows || kernel_block_reduction(func, prologue) != IR_NONE)
        return "has a prologue that is not elementwise";
    for (size_t u = 0; u < prologue->n_uses; u++) /* its own values are not in memory */
        if (prologue->uses[u].in_memory && kernel_has(prologue, prologue->uses[u].value))
            return "has a prologue that reads its own values in memory";
    operand_size(func, core, &rows, &columns);
    Strided a = kernel_operand(func, node, 0, views, &n_views);
    const Type *type = func_type(func, node->operands[0]);
    bool plain = a.base == made && a.n_loops == 0 && a.offset == 0 && !matmul_attrs(node)->ta &&
                 columns > 1 && a.stride[type->rank - 1] == 1 &&
                 (rows == 1 || a.stride[type->rank - 2] == columns) &&
                 type_elements(func_type(func, made)) == rows * columns;
    if (!plain || prologue_last_row(func, core, prologue) < 0)
        return "has a prologue that does not make its first operand row by row";
    return NULL;
}

bool prologue_read_alone(const Func *func, ValueId core, ValueId made, ValueId first, ValueId last) {
    ValueId views[KERNEL_VIEWS];
    int n_views;
    kernel_operand(func, func_node(func, core), 0, views, &n_views);
    for (ValueId id = first; id <= last; id++) {
        const Node *node = func_node(func, id);
        bool is_view = false;
        for (int v = 0; v < n_views; v++) is_view = is_view || views[v] == id;
        for (int o = 0; o < node->n_operands; o++) {
            bool carries = node->operands[o] == made;
            for (int v = 0; v < n_views; v++) carries = carries || views[v] == node->operands[o];
            if (carries && !is_view && (id != core || o != 0)) return false;
        }
    }
    return true;
}

bool product_shares_rows(int64_t m, int64_t n) {
    return m >= n;
}

/* As much of a packed second operand as the cache that cores share holds: it is taken to be a few times as large as
 * a core's own. */
int64_t product_columns_at_once(int64_t cache_bytes, int64_t line) {
    return cache_bytes * 5 / 2 / line;
}
