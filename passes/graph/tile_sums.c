/* Sums that begin in a product's tiles, as block reductions: see tile_sums.h. */
#include "passes/graph/tile_sums.h"
#include "ir/remarks.h"

#include <string.h>

enum {
    FEW_TILES = 4,  /* only if there are rows for at least so many tiles */
    MOST_SEEN = 64, /* the search for the product visits at most so many values ... */
    FAR = 4096,     /* ... and goes at most so many nodes back */
};

typedef struct {
    Func *func;
    const Node *nodes;
    size_t n;
    TileShape tile;
    Arena *arena;
    ValueId *product; /* by sum over rows that begins in tiles: the product (product_of); else IR_NONE */
    ValueId *moments; /* by value: the `moments` of it that was emitted; IR_NONE: not yet */
    bool *squares;    /* by value: whether a sum of its squared distances from some m is wanted */
    char *state;      /* scratch of needs_other_places */
    ValueId *stack;   /* scratch of bring */
    size_t stack_capacity;
} TileSums;

/* ---- the product that a value is computed from, element by element ----------------------------------------------- */

static int64_t last_dim(const Type *type) {
    return type->rank ? type->dim[type->rank - 1] : 1;
}

static bool same_matrix(const Type *a, const Type *b) {
    return last_dim(a) == last_dim(b) && type_elements(a) == type_elements(b);
}

/* A node that computes each element of `matrix` from elements of operands in the same place. */
static bool keeps_places(const Node *node, const Type *matrix) {
    return (op_info(node->op)->loop == LOOP_ELEMENTWISE || node->op == OP_reshape) &&
           same_matrix(&node->type, matrix);
}

static bool is_tiled(const Node *node, const Type *matrix) {
    return node->op == OP_matmul && !matmul_attrs(node)->symmetric && node->type.rank == 2 &&
           node->type.dtype == DT_F32 && same_matrix(&node->type, matrix);
}

/* The last product from whose tiles `value` can be computed; IR_NONE: none. The search visits later nodes first. */
static ValueId last_product(const TileSums *t, ValueId value) {
    const Type *matrix = &t->nodes[value].type;
    ValueId open[MOST_SEEN + 4] = {value};
    int n = 1;
    for (int seen = 0; n > 0 && seen < MOST_SEEN; seen++) {
        int latest = 0;
        for (int i = 1; i < n; i++)
            if (open[i] > open[latest]) latest = i;
        ValueId id = open[latest];
        const Node *node = &t->nodes[id];
        open[latest] = open[--n];
        if (is_tiled(node, matrix)) return id;
        if (!keeps_places(node, matrix)) continue;
        for (int o = 0; o < node->n_operands; o++) {
            bool known = false;
            for (int i = 0; i < n; i++) known = known || open[i] == node->operands[o];
            if (!known && n < MOST_SEEN && same_matrix(&t->nodes[node->operands[o]].type, matrix))
                open[n++] = node->operands[o];
        }
    }
    return IR_NONE;
}

/* Whether an element of `value` depends on other elements of the product than the one in its place, which are not known
 * while its tile is computed. */
static bool needs_other_places(const TileSums *t, ValueId value, ValueId product) {
    enum { FREE, ELEMENT, OTHER };
    const Type *matrix = &t->nodes[value].type;
    if (value - product > FAR) return true;
    t->state[0] = ELEMENT;
    for (ValueId id = product + 1; id <= value; id++) {
        const Node *node = &t->nodes[id];
        char state = FREE;
        for (int o = 0; o < node->n_operands; o++) {
            if (node->operands[o] < product) continue;
            char of_operand = t->state[node->operands[o] - product];
            if (of_operand != FREE && !keeps_places(node, matrix)) of_operand = OTHER;
            if (of_operand > state) state = of_operand;
        }
        t->state[id - product] = state;
    }
    return t->state[value - product] == OTHER;
}

/* The product whose tiles become `value`, in *product. NULL: there is one; else why not. */
static const char *find_product(const TileSums *t, ValueId value, ValueId *product) {
    const Type *type = &t->nodes[value].type;
    int64_t columns = last_dim(type), rows = type_elements(type) / columns;
    if (type->dtype != DT_F32) return "it is not of f32";
    if (rows < FEW_TILES * t->tile.rows || columns < t->tile.columns) return "there are few rows or columns";
    *product = last_product(t, value);
    if (*product == IR_NONE)
        return "no product of its shape is near, from which it is computed element by element";
    return needs_other_places(t, value, *product) ? "an element depends on others of the product" : NULL;
}

/* Tells of a sum that could not begin in tiles. */
static bool tell_missed(const TileSums *t, ValueId sum, const char *why) {
    if (why) remark(t->func, RULE_tile_sums_missed, t->nodes[sum].number, IR_NONE, 0, 0, why);
    return why;
}

/* ---- sums -------------------------------------------------------------------------------------------------------- */

/* Over all axes but the last. */
static bool sums_all_rows(const Node *node, const Type *x) {
    bool last = false;
    if (node->op != OP_sum) return false;
    const Ints *axes = &reduce_attrs(node)->axes;
    for (int i = 0; i < axes->n; i++) last = last || axes->v[i] == x->rank - 1;
    return x->rank > 1 && axes->n == x->rank - 1 && !last;
}

static bool sums_row(const Node *node, const Type *x) {
    return node->op == OP_sum && reduce_attrs(node)->axes.n == 1 &&
           reduce_attrs(node)->axes.v[0] == x->rank - 1;
}

/* x and m of a sum over rows of (x - m)², m one number a row; x IR_NONE: it is none. */
static ValueId squared(const TileSums *t, const Node *sum, ValueId *m) {
    const Node *square = &t->nodes[sum->operands[0]];
    if (square->op != OP_mul || square->operands[0] != square->operands[1]) return IR_NONE;
    const Node *distance = &t->nodes[square->operands[0]];
    if (distance->op != OP_sub) return IR_NONE;
    const Type *x = &t->nodes[distance->operands[0]].type, *of_m = &t->nodes[distance->operands[1]].type;
    *m = distance->operands[1];
    bool good = type_equal(x, &distance->type) && of_m->rank == x->rank && last_dim(of_m) == 1;
    for (int k = 0; good && k < x->rank - 1; k++) good = of_m->dim[k] == x->dim[k];
    return good ? distance->operands[0] : IR_NONE;
}

static void find_sums(TileSums *t) {
    for (ValueId id = 0; id < t->n; id++) {
        const Node *node = &t->nodes[id];
        t->product[id] = t->moments[id] = IR_NONE;
        if (node->op != OP_sum) continue;
        ValueId x = node->operands[0], m, product;
        const Type *type = &t->nodes[x].type;
        if (sums_all_rows(node, type) && !tell_missed(t, id, find_product(t, x, &product)))
            t->product[id] = product;
        if (!sums_row(node, type) || (x = squared(t, node, &m)) == IR_NONE) continue;
        const char *why = last_dim(type) % t->tile.columns       ? "its columns are no whole number of panels"
                          : t->nodes[x].type.rank >= IR_MAX_RANK ? "it has too many axes"
                                                                 : find_product(t, x, &product);
        if (!tell_missed(t, id, why)) t->squares[x] = true;
    }
}

/* ---- the new nodes ----------------------------------------------------------------------------------------------- */

/* The new value of an old one, made now with all that it needs if it is not there yet. */
static ValueId bring(TileSums *t, Rewrite *rewrite, ValueId id) {
    size_t count = 0;
    ARENA_PUSH(t->arena, t->stack, count, t->stack_capacity, id);
    while (count > 0) {
        ValueId x = t->stack[count - 1];
        size_t before = count;
        for (int o = rewrite->old[x].n_operands; rewrite->map[x] == IR_NONE && o-- > 0;)
            if (rewrite->map[rewrite->old[x].operands[o]] == IR_NONE)
                ARENA_PUSH(t->arena, t->stack, count, t->stack_capacity, rewrite->old[x].operands[o]);
        if (count > before) continue; /* they come first */
        rewrite_copy(rewrite, x);
        count--;
    }
    return rewrite->map[id];
}

/* Emits this sum over rows and all others that begin in tiles of the same product as one sum_rows. */
static void make_sums(TileSums *t, Rewrite *rewrite, ValueId first) {
    Func *func = t->func;
    ValueId product = t->product[first], *sums = NULL, *values = NULL;
    size_t n = 0, capacity = 0, n_values = 0, values_capacity = 0;
    const Type *matrix = &t->nodes[t->nodes[first].operands[0]].type;
    int64_t columns = last_dim(matrix), rows = type_elements(matrix) / columns;
    for (ValueId id = first; id < t->n && id - product <= FAR; id++)
        if (t->product[id] == product) ARENA_PUSH(t->arena, sums, n, capacity, id);
    for (size_t i = 0; i < n; i++) {
        ValueId x = bring(t, rewrite, t->nodes[sums[i]].operands[0]);
        ARENA_PUSH(t->arena, values, n_values, values_capacity,
                   ir_reshape(func, x, 2, (int64_t[]){rows, columns}));
    }
    func_made_for(func, &t->nodes[first]);
    ValueId parts = func_emit(func, OP_sum_rows, values, (int)n, &(SumRowsAttrs){.rows = t->tile.rows});
    ValueId all = ir_reduce(func, OP_sum, parts, 1, (int64_t[]){0}, false);
    for (size_t i = 0; i < n; i++) {
        const Node *node = &t->nodes[sums[i]];
        remark(func, RULE_tile_sums, node->number, t->nodes[product].number, (double)n, 0, NULL);
        int64_t at = (int64_t)i, step[] = {1, 1};
        ValueId sum =
            n == 1 ? all : ir_slice(func, all, (int64_t[]){at, 0}, (int64_t[]){at + 1, columns}, step);
        rewrite->map[sums[i]] = ir_reshape(func, sum, node->type.rank, node->type.dim);
    }
}

/* Number `which` of x's moments: [R…, panels]. */
static ValueId moment(TileSums *t, Rewrite *rewrite, ValueId x, int which) {
    Func *func = t->func;
    if (t->moments[x] == IR_NONE)
        t->moments[x] =
            func_emit(func, OP_moments, &rewrite->map[x], 1, &(MomentsAttrs){.columns = t->tile.columns});
    Type type = *func_type(func, t->moments[x]);
    int64_t start[IR_MAX_RANK] = {0}, step[IR_MAX_RANK];
    for (int k = 0; k < type.rank; k++) step[k] = 1;
    type.dim[type.rank - 1] = which + 1;
    start[type.rank - 1] = which;
    ValueId part = ir_slice(func, t->moments[x], start, type.dim, step);
    return ir_reshape(func, part, type.rank - 1, type.dim);
}

static ValueId number(Func *func, double value) {
    return ir_constant(func, value, DT_F32);
}

static ValueId two(Func *func, OpKind op, ValueId a, ValueId b) {
    return func_emit(func, op, (ValueId[]){a, b}, 2, NULL);
}

static ValueId row_sum(Func *func, ValueId x, const Node *like) {
    int64_t last = func_type(func, x)->rank - 1;
    return ir_reduce(func, OP_sum, x, 1, &last, reduce_attrs(like)->keep);
}

/* Squares of distances from m, from those of distances from each part's mean. */
static ValueId make_squares(TileSums *t, Rewrite *rewrite, const Node *node, ValueId x, ValueId m) {
    Func *func = t->func;
    double columns = t->tile.columns;
    ValueId mean = moment(t, rewrite, x, 0);
    mean = two(func, OP_mul, mean, number(func, 1 / columns));
    ValueId distance = two(func, OP_sub, mean, rewrite->map[m]),
            squares = two(func, OP_mul, distance, distance);
    squares = two(func, OP_mul, squares, number(func, columns));
    return row_sum(func, two(func, OP_add, moment(t, rewrite, x, 1), squares), node);
}

static void tell_moments(const TileSums *t, ValueId sum, ValueId of) {
    remark(t->func, RULE_tile_moments, t->nodes[sum].number, t->nodes[of].number, 0, 0, NULL);
}

static void rewrite_func(TileSums *t, Rewrite *rewrite) {
    for (ValueId id = 0; id < t->n; id++) {
        const Node *node = &t->nodes[id];
        if (rewrite->map[id] != IR_NONE) continue;
        ValueId x = node->op == OP_sum ? node->operands[0] : IR_NONE, m = IR_NONE;
        bool row = x != IR_NONE && sums_row(node, &t->nodes[x].type);
        ValueId of_squares = row ? squared(t, node, &m) : IR_NONE;
        func_made_for(t->func, node);
        if (t->product[id] != IR_NONE)
            make_sums(t, rewrite, id);
        else if (of_squares != IR_NONE && t->squares[of_squares]) {
            rewrite->map[id] = make_squares(t, rewrite, node, of_squares, m);
            tell_moments(t, id, of_squares);
        } else if (row && t->squares[x]) {
            rewrite->map[id] = row_sum(t->func, moment(t, rewrite, x, 0), node);
            tell_moments(t, id, x);
        } else
            rewrite_copy(rewrite, id);
    }
}

bool pass_tile_sums(Module *module, Diags *diags) {
    (void)diags;
    TileShape tile = module->machine.tile[module->precision];
    for (size_t f = 0; tile.rows && f < module->n_funcs; f++) {
        Func *func = module->funcs[f];
        Arena *arena = arena_new();
        size_t n = func->count;
        TileSums t = {.func = func, .nodes = func->nodes, .n = n, .tile = tile, .arena = arena};
        t.product = ARENA_ARRAY(arena, ValueId, n + 1);
        t.moments = ARENA_ARRAY(arena, ValueId, n + 1);
        t.squares = ARENA_ARRAY(arena, bool, n + 1);
        t.state = ARENA_ARRAY(arena, char, FAR + 1);
        find_sums(&t);
        Rewrite rewrite = rewrite_begin(func);
        rewrite_func(&t, &rewrite);
        rewrite_end(&rewrite);
        arena_free(arena);
    }
    return true;
}
