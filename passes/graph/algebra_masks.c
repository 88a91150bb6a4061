/* The rule of `simplify` for products that are masked by what is known when compiling: triangles, blocks, bands. Rows
 * of the result are cut into bands, and of each band only the columns that the mask leaves are computed. Gradients
 * follow: what a band's columns give is a product of these alone. Which blocks of a mask are zero is told by ranges
 * (ir/range/range.h), from those of the indices in it; no mask is evaluated. */
#include "passes/graph/algebra.h"
#include "ir/range/range.h"

enum {
    MOST_BANDS = 8,
    LEAST_ROWS = 32, /* of a band; the columns that it leaves are whole multiples of so many */
    MOST_NODES = 64, /* in a mask */
};

/* ---- blocks of a mask -------------------------------------------------------------------------------------------- */

typedef struct {
    const Func *func;
    int64_t first[2], last[2]; /* rows and columns of the block, inclusive */
    int nodes;
    bool known; /* false: something in the mask is no index or constant */
} Block;

static Range indices(const Block *b, const Node *iota, bool turned) {
    int axis = axis_from_front(iota_attrs(iota)->axis, iota->type.rank), from_back = iota->type.rank - axis;
    Range all = {.low = 0, .high = (double)(iota->type.dim[axis] - 1)};
    if (from_back > 2 || iota->type.dim[axis] == 1) return all;
    int along = from_back == 2 || turned ? 0 : 1;
    return (Range){.low = (double)b->first[along], .high = (double)b->last[along]};
}

/* The range of a mask's elements within the block. turned: x is a vector that lies down the rows. */
static Range range_in_block(Block *b, ValueId x, bool turned) {
    const Node *node = func_node(b->func, x);
    Range operands[ELEMENTWISE_MAX] = {{0}};
    if (b->nodes++ > MOST_NODES) b->known = false;
    if (!b->known || node->op == OP_constant) return range_of_node(b->func, node, operands);
    if (node->op == OP_iota) return indices(b, node, turned);
    if (node->op == OP_broadcast && !turned) return range_in_block(b, node->operands[0], false);
    if (node->op == OP_reshape) {
        const Type *base = func_type(b->func, node->operands[0]), *type = &node->type;
        bool row = type->dim[type->rank - 1] == base->dim[0],
             column = type->rank > 1 && type->dim[type->rank - 1] == 1;
        b->known = b->known && base->rank == 1 && type_elements(base) > 1 && (row || column) && !turned;
        return b->known ? range_in_block(b, node->operands[0], column) : operands[0];
    }
    b->known =
        b->known && op_info((OpKind)node->op)->loop == LOOP_ELEMENTWISE && op_is_pure((OpKind)node->op);
    for (int o = 0; b->known && o < node->n_operands; o++)
        operands[o] = range_in_block(b, node->operands[o], turned);
    return b->known ? range_of_node(b->func, node, operands) : operands[0];
}

/* ---- bands ------------------------------------------------------------------------------------------------------- */

typedef struct {
    int64_t row, rows, col, columns; /* columns: 0: the mask leaves none */
} Band;

typedef struct {
    Simplify *s;
    ValueId mask;
    double gone; /* the mask's value where the product does not matter */
    Band bands[MOST_BANDS];
    int n;
    int64_t computed; /* elements */
} Bands;

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* The columns from the first to the last block that the mask leaves; false: the mask is none of indices. */
static bool columns_left(const Bands *b, Band *band, int64_t n) {
    int64_t end = 0;
    band->col = n;
    for (int64_t col = 0; col < n; col += LEAST_ROWS) {
        Block block = {.func = b->s->func, .known = true};
        block.first[0] = band->row;
        block.last[0] = band->row + band->rows - 1;
        block.first[1] = col;
        block.last[1] = smaller(col + LEAST_ROWS, n) - 1;
        Range range = range_in_block(&block, b->mask, false);
        if (!block.known) return false;
        if (range_is_number(&range) && range.low == b->gone) continue;
        if (band->col == n) band->col = col;
        end = block.last[1] + 1;
    }
    band->columns = end > band->col ? end - band->col : 0;
    return true;
}

static bool find_bands(Bands *b, const Type *type) {
    int64_t m = type->dim[type->rank - 2], n = type->dim[type->rank - 1];
    int64_t rows = (m + MOST_BANDS - 1) / MOST_BANDS;
    rows = (rows + LEAST_ROWS - 1) / LEAST_ROWS * LEAST_ROWS;
    for (int64_t row = 0; row < m; row += rows) {
        Band band = {.row = row, .rows = smaller(rows, m - row)};
        if (!columns_left(b, &band, n)) return false;
        b->computed += band.rows * band.columns;
        Band *before = b->n ? &b->bands[b->n - 1] : NULL;
        if (before && before->columns == band.columns && (band.columns == 0 || before->col == band.col))
            before->rows += band.rows;
        else
            b->bands[b->n++] = band;
    }
    return true;
}

/* Whether what is not computed takes longer than to bring the bands together. */
static bool saves(const Bands *b, const Node *product, double *flops) {
    const Module *module = b->s->func->module;
    Machine machine = machine_with_usual(&module->machine);
    double elements =
        (double)(product->type.dim[product->type.rank - 2] * product->type.dim[product->type.rank - 1]);
    *flops = node_flops(b->s->func, product) * (1 - (double)b->computed / elements);
    double moved = 2 * (double)type_bytes(&product->type) / machine.bandwidth + b->n * machine.call;
    return *flops / machine_core_peak(&machine, module->precision) > moved;
}

/* ---- products of bands ------------------------------------------------------------------------------------------- */

/* Some of a matrix' rows or columns. */
static ValueId part_of(Simplify *s, ValueId x, int axis_from_back, int64_t start, int64_t size) {
    const Type *type = func_type(s->func, x);
    SliceAttrs attrs = {.start.n = type->rank, .limit.n = type->rank, .step.n = type->rank};
    for (int k = 0; k < type->rank; k++) {
        bool cut = type->rank - k == axis_from_back;
        attrs.start.v[k] = cut ? start : 0;
        attrs.limit.v[k] = cut ? start + size : type->dim[k];
        attrs.step.v[k] = 1;
    }
    return simplify_make(s, OP_slice, &x, 1, &attrs);
}

static ValueId make_band(Simplify *s, const Node *product, const Band *band) {
    Type type = product->type;
    int rank = type.rank;
    int64_t behind = type.dim[rank - 1] - band->col - band->columns;
    type.dim[rank - 2] = band->rows;
    if (band->columns == 0) return filled(s, 0, &type);
    const MatmulAttrs *attrs = matmul_attrs(product);
    ValueId x[] = {part_of(s, product->operands[0], attrs->ta ? 1 : 2, band->row, band->rows),
                   part_of(s, product->operands[1], attrs->tb ? 2 : 1, band->col, band->columns)};
    ValueId y = simplify_make(s, OP_matmul, x, 2, attrs);
    PadAttrs pad = {.low.n = rank, .high.n = rank};
    pad.low.v[rank - 1] = band->col;
    pad.high.v[rank - 1] = behind;
    return simplify_make(s, OP_pad, &y, 1, &pad);
}

static ValueId masked_product(Simplify *s, ValueId product, ValueId mask, double gone) {
    Node node = *at(s, product); /* emitting may move nodes */
    double flops;
    if (node.op != OP_matmul || matmul_attrs(&node)->panel || !simplify_single_use(s, product))
        return IR_NONE;
    if (node.type.dim[node.type.rank - 2] < 2 * LEAST_ROWS) return IR_NONE;
    Bands b = {.s = s, .mask = mask, .gone = gone};
    if (!find_bands(&b, &node.type) || !saves(&b, &node, &flops)) return IR_NONE;
    ValueId made[MOST_BANDS];
    for (int i = 0; i < b.n; i++) made[i] = make_band(s, &node, &b.bands[i]);
    return simplify_make(s, OP_concat, made, b.n, &(ConcatAttrs){.axis = node.type.rank - 2});
}

/* a·b * mask */
static ValueId multiplied_by_mask(Simplify *s, const Node *node) {
    for (int o = 0; o < 2; o++) {
        ValueId mask = node->operands[1 - o], product = node->operands[o];
        if (!type_equal(func_type(s->func, product), &node->type)) continue;
        product = masked_product(s, product, mask, 0);
        if (product != IR_NONE)
            return by(s, "a masked product: what the mask leaves", binary(s, OP_mul, product, mask));
    }
    return IR_NONE;
}

/* mask ? a·b : c, and the other way round */
static ValueId selected_by_mask(Simplify *s, const Node *node) {
    ValueId x[] = {node->operands[0], node->operands[1], node->operands[2]};
    for (int o = 1; o < 3; o++) {
        if (!type_equal(func_type(s->func, x[o]), &node->type)) continue;
        ValueId product = masked_product(s, x[o], x[0], o == 1 ? 0 : 1);
        if (product == IR_NONE) continue;
        x[o] = product;
        return by(s, "a masked product: what the mask leaves", simplify_make(s, OP_select, x, 3, NULL));
    }
    return IR_NONE;
}

const AlgebraRule MASK_RULES[] = {
    {OP_mul, multiplied_by_mask},
    {OP_select, selected_by_mask},
};
const size_t MASK_RULE_COUNT = sizeof MASK_RULES / sizeof *MASK_RULES;
