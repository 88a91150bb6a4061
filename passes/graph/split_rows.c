/* Splitting wide rows. A *region* is grown from a product with wide rows: all that is computed row by row from its wide
 * values, up to where rows become narrow (a product of the backward pass, a row's loss) or are summed over (the
 * gradient of a weight, the gradient of a bias, a mean over the batch). Its nodes are made again for each of K pieces
 * of the rows, one piece after another: narrow results of the pieces are concatenated, sums are added up in the order
 * of the pieces. As nothing of a piece needs another piece, its wide values are dead before those of the next are made.
 * A region whose rows need each other (a mean over the batch that goes into the logits) stays as it is.
 *
 * Views of the same images often lie one after another along the rows, and meet where one is sliced: so rows are seen
 * as blocks of equal length, every slice takes whole blocks, and a piece holds the same part of every block. */
#include "passes/graph/split_rows.h"
#include "ir/remarks.h"

#include <string.h>

typedef enum {
    NEED_NONE, /* the node cannot be computed by rows */
    NEED_ROWS, /* rows of the operand */
    NEED_ALL,  /* the same operand in every piece */
} Need;

typedef struct {
    Func *func;
    const Node *nodes;
    size_t n;
    Arena *arena;
    const SplitLimits *limits;
    bool *in;       /* the region */
    bool *depends;  /* on the region, without being in it */
    bool *sum;      /* in the region: the result is the sum of the pieces' results */
    int64_t *block; /* rows of a block, of values whose rows are split; 0: others */
    int64_t pieces;
    int64_t widest;  /* bytes of the largest wide value */
    ValueId blocker; /* what keeps the region whole; IR_NONE: no value ... */
    const char *why; /* ... and why */
} Region;

/* Notes what keeps the region whole. */
static bool refuse(Region *r, ValueId blocker, const char *why) {
    r->blocker = blocker;
    r->why = why;
    return false;
}

/* ---- what an operator needs to be computed by rows --------------------------------------------------------------- */

static Need by_rows(const Region *r, const Node *node, ValueId x) {
    const Type *type = &r->nodes[x].type;
    bool same = type->rank == node->type.rank && type->dim[0] == node->type.dim[0];
    return same && type->dim[0] > 1 ? NEED_ROWS : NEED_ALL;
}

static bool reduces_rows(const Node *node) {
    const Ints *axes = &reduce_attrs(node)->axes;
    for (int i = 0; i < axes->n; i++)
        if (axes->v[i] == 0) return true;
    return false;
}

/* A sum over the rows, perhaps among other axes. */
static bool sums_rows(const Region *r, const Node *node) {
    if (node->op == OP_matmul)
        return node->type.rank == 2 && matmul_attrs(node)->ta && !matmul_attrs(node)->tb;
    if (node->op != OP_sum || r->nodes[node->operands[0]].type.rank == 0) return false;
    return reduces_rows(node);
}

/* Of operand o, for rows of the result or, if sums_rows, for their sum. */
static Need need_of(const Region *r, const Node *node, int o) {
    if (sums_rows(r, node)) return NEED_ROWS;
    if (node->type.rank == 0) return NEED_NONE;
    const Node *x = &r->nodes[node->operands[o]];
    if (op_info(node->op)->loop == LOOP_ELEMENTWISE) return by_rows(r, node, node->operands[o]);
    switch ((OpKind)node->op) {
    case OP_amax: return reduces_rows(node) ? NEED_NONE : NEED_ROWS;
    case OP_sum: return NEED_ROWS;
    case OP_argmax:
        return axis_from_front(along_attrs(node)->axis, x->type.rank) == 0 ? NEED_NONE : NEED_ROWS;
    case OP_argsort:
        return axis_from_front(order_attrs(node)->axis, x->type.rank) == 0 ? NEED_NONE : NEED_ROWS;
    case OP_cumsum: return axis_from_front(scan_attrs(node)->axis, x->type.rank) == 0 ? NEED_NONE : NEED_ROWS;
    case OP_matmul:
        if (node->type.rank > 2) return NEED_ROWS;
        return matmul_attrs(node)->ta ? NEED_NONE : o == 0 ? NEED_ROWS : NEED_ALL;
    case OP_reshape: return x->type.rank > 0 ? NEED_ROWS : NEED_NONE;
    case OP_transpose: return transpose_attrs(node)->perm.v[0] == 0 ? NEED_ROWS : NEED_NONE;
    case OP_broadcast: return by_rows(r, node, node->operands[o]);
    case OP_slice: return slice_attrs(node)->step.v[0] == 1 ? NEED_ROWS : NEED_NONE;
    case OP_pad:
    case OP_concat: return NEED_ROWS;
    case OP_gather:
    case OP_scatter:
    case OP_scatter_add: return indexed_attrs(node)->batch > 0 ? NEED_ROWS : NEED_NONE;
    default: return NEED_NONE;
    }
}

static bool is_separable(const Region *r, const Node *node) {
    if (!op_is_pure(node->op)) return false;
    if (node->op == OP_iota)
        return node->type.rank > 1 && axis_from_front(iota_attrs(node)->axis, node->type.rank) > 0;
    for (int o = 0; o < node->n_operands; o++)
        if (need_of(r, node, o) == NEED_NONE) return false;
    return node->n_operands > 0;
}

/* Whether a row, or what stands at an index of the first axis, is too large to be kept of all. */
static bool is_wide(const Region *r, ValueId x) {
    const Type *type = &r->nodes[x].type;
    return type->rank > 1 && type_elements(type) / type->dim[0] >= r->limits->columns;
}

/* ---- the region -------------------------------------------------------------------------------------------------- */

static bool add(Region *r, ValueId x) {
    if (r->in[x]) return true;
    if (!is_separable(r, &r->nodes[x])) return refuse(r, x, "cannot be computed for some rows at a time");
    r->in[x] = true;
    r->sum[x] = sums_rows(r, &r->nodes[x]);
    return true;
}

/* An operand whose rows are split comes from outside, in slices, if it is narrow and known before the region. */
static bool take_rows(Region *r, ValueId x) {
    const char *sum = "needs all rows before any row is done";
    if (r->in[x]) return !r->sum[x] || refuse(r, x, sum);
    if (!r->depends[x] && (!is_wide(r, x) || r->nodes[x].n_operands == 0) && r->nodes[x].op != OP_iota)
        return true;
    return add(r, x) && (!r->sum[x] || refuse(r, x, sum));
}

/* One round over all nodes: what uses wide values of the region, and what the region needs, joins it. False: it
 * cannot. */
static bool grow(Region *r, bool *changed) {
    for (ValueId id = 0; id < r->n; id++) {
        const Node *node = &r->nodes[id];
        bool uses = false, depends = false;
        for (int o = 0; o < node->n_operands; o++) {
            ValueId x = node->operands[o];
            bool rows = r->in[x] && !r->sum[x];
            uses = uses || (rows && is_wide(r, x));
            depends = depends || r->in[x] || r->depends[x];
        }
        if (uses && !r->in[id]) {
            if (!add(r, id)) return false;
            *changed = true;
        }
        *changed = *changed || (depends && !r->depends[id] && !r->in[id]);
        r->depends[id] = depends && !r->in[id];
    }
    for (ValueId id = (ValueId)r->n; id-- > 0;) {
        const Node *node = &r->nodes[id];
        for (int o = 0; r->in[id] && o < node->n_operands; o++) {
            ValueId x = node->operands[o];
            bool was_in = r->in[x];
            bool rows = need_of(r, node, o) == NEED_ROWS;
            if (rows && !take_rows(r, x)) return false;
            if (!rows && (r->in[x] || r->depends[x]))
                return refuse(r, x, "needs all rows before any row is done");
            *changed = *changed || was_in != r->in[x];
        }
    }
    return true;
}

/* Wide values of the region must not be wanted whole. */
static bool leaves_wide(Region *r) {
    const char *why = "is wanted whole, as an output or new state";
    for (size_t i = 0; i < r->func->n_outputs; i++) {
        ValueId x = r->func->outputs[i].value;
        if (r->in[x] && !r->sum[x] && is_wide(r, x)) return !refuse(r, x, why);
    }
    for (size_t i = 0; i < r->func->n_updates; i++) {
        ValueId x = r->func->updates[i].value;
        if (r->in[x] && !r->sum[x] && is_wide(r, x)) return !refuse(r, x, why);
    }
    return false;
}

/* ---- blocks of rows ---------------------------------------------------------------------------------------------- */

static int64_t common(int64_t a, int64_t b) {
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static bool set_block(Region *r, ValueId x, int64_t block) {
    bool changed = r->block[x] != block;
    r->block[x] = block;
    return changed;
}

/* A row of one side of a reshape holds some rows of the other. */
static bool reshape_block(Region *r, ValueId id, ValueId x, bool *changed) {
    int64_t from = r->nodes[x].type.dim[0], to = r->nodes[id].type.dim[0];
    bool merges = from >= to;
    ValueId few = merges ? id : x, many = merges ? x : id;
    if (r->nodes[many].type.dim[0] % r->nodes[few].type.dim[0]) return false;
    int64_t n = r->nodes[many].type.dim[0] / r->nodes[few].type.dim[0];
    if (r->block[many] % n) return false;
    int64_t block = common(r->block[few], r->block[many] / n);
    if (set_block(r, few, block)) *changed = true;
    if (set_block(r, many, block * n)) *changed = true;
    return true;
}

static void node_block(Region *r, ValueId id, bool *changed) {
    const Node *node = &r->nodes[id];
    int64_t block = r->sum[id] ? 0 : r->block[id];
    for (int o = 0; o < node->n_operands; o++)
        if (need_of(r, node, o) == NEED_ROWS) block = common(block, r->block[node->operands[o]]);
    if (node->op == OP_slice)
        block = common(common(block, slice_attrs(node)->start.v[0]), slice_attrs(node)->limit.v[0]);
    if (node->op == OP_pad)
        block = common(common(block, pad_attrs(node)->low.v[0]), pad_attrs(node)->high.v[0]);
    if (!r->sum[id] && set_block(r, id, block)) *changed = true;
    for (int o = 0; o < node->n_operands; o++)
        if (need_of(r, node, o) == NEED_ROWS && set_block(r, node->operands[o], block)) *changed = true;
}

static bool find_blocks(Region *r) {
    for (ValueId id = 0; id < r->n; id++) {
        if (!r->in[id]) continue;
        if (!r->sum[id]) r->block[id] = r->nodes[id].type.dim[0];
        for (int o = 0; o < r->nodes[id].n_operands; o++) {
            ValueId x = r->nodes[id].operands[o];
            if (need_of(r, &r->nodes[id], o) == NEED_ROWS) r->block[x] = r->nodes[x].type.dim[0];
        }
    }
    for (bool changed = true; changed;) {
        changed = false;
        for (ValueId id = 0; id < r->n; id++) {
            if (!r->in[id]) continue;
            if (r->nodes[id].op != OP_reshape)
                node_block(r, id, &changed);
            else if (!reshape_block(r, id, r->nodes[id].operands[0], &changed))
                return refuse(r, id, "has rows that are no whole number of those before it");
        }
    }
    return true;
}

/* As many pieces as bring the largest value below limits->piece, but not too few rows in each: the gradient of a weight
 * is read and written once a piece. */
static int64_t choose_pieces(Region *r) {
    int64_t blocks = 0, bytes = 0, rows = 0;
    for (ValueId id = 0; id < r->n; id++) {
        if (r->block[id]) blocks = common(blocks, r->block[id]);
        if (!r->in[id] || r->sum[id] || !is_wide(r, id)) continue;
        const Type *type = &r->nodes[id].type;
        if (type_bytes(type) > bytes) bytes = type_bytes(type);
        if (r->nodes[id].op == OP_matmul && type->dim[0] > rows) rows = type->dim[0];
    }
    int64_t best = 1;
    r->widest = bytes;
    if (bytes < r->limits->bytes) return 1;
    for (int64_t k = 2; k <= r->limits->pieces && rows / k >= r->limits->rows; k++)
        if (blocks % k == 0 && bytes / best > r->limits->piece) best = k;
    return best;
}

/* A wide value from outside can be cut only where its pieces are slices as they lie. */
static bool cuts_in_place(Region *r) {
    for (ValueId id = 0; id < r->n; id++)
        if (r->block[id] && !r->in[id] && is_wide(r, id) && r->block[id] != r->nodes[id].type.dim[0])
            return refuse(r, id, "comes from outside and would have to be copied for each piece");
    return true;
}

/* The region that a product belongs to; false: there is none, or it must stay whole. */
static bool find_region(Region *r, ValueId seed) {
    memset(r->in, 0, r->n * sizeof *r->in);
    memset(r->depends, 0, r->n * sizeof *r->depends);
    memset(r->sum, 0, r->n * sizeof *r->sum);
    memset(r->block, 0, r->n * sizeof *r->block);
    if (!add(r, seed) || r->sum[seed]) return refuse(r, seed, "sums over the rows");
    for (bool changed = true; changed;) {
        changed = false;
        if (!grow(r, &changed)) return false;
    }
    if (leaves_wide(r) || !find_blocks(r) || !cuts_in_place(r)) return false;
    r->pieces = choose_pieces(r);
    return r->pieces > 1 || refuse(r, IR_NONE, "is small, or has few rows for each piece");
}

/* ---- the pieces -------------------------------------------------------------------------------------------------- */

typedef struct {
    Region *r;
    Rewrite rewrite;
    ValueId *piece;  /* of each value: its rows in the current piece */
    ValueId **parts; /* of rows that the outside wants: every piece; NULL: others */
    bool *wanted;    /* by the outside */
    bool *before;    /* what the region needs of the outside */
} Emission;

/* The rows of piece k. Of several blocks they are a copy, so that what reads them is one kernel whatever the piece. */
static ValueId rows_of(Emission *e, ValueId x, int64_t k) {
    Region *r = e->r;
    if (e->piece[x] != IR_NONE) return e->piece[x];
    Type piece = r->nodes[x].type;
    int64_t blocks = piece.dim[0] / r->block[x], part = type_elements(&piece) / (blocks * r->pieces);
    ValueId y = ir_reshape(r->func, e->rewrite.map[x], 3, (int64_t[]){blocks, r->pieces, part});
    y = ir_slice(r->func, y, (int64_t[]){0, k, 0}, (int64_t[]){blocks, k + 1, part}, (int64_t[]){1, 1, 1});
    piece.dim[0] /= r->pieces;
    return e->piece[x] = ir_reshape(r->func, y, piece.rank, piece.dim);
}

/* The node for a part of its rows, one of `pieces`: slices and pads are of whole blocks. */
static ValueId emit_for_piece(Func *func, const Node *node, const ValueId *operands, int64_t pieces) {
    AnyAttrs own;
    switch ((OpKind)node->op) {
    case OP_slice:
        own.slice = *slice_attrs(node);
        own.slice.start.v[0] /= pieces;
        own.slice.limit.v[0] /= pieces;
        break;
    case OP_pad:
        own.pad = *pad_attrs(node);
        own.pad.low.v[0] /= pieces;
        own.pad.high.v[0] /= pieces;
        break;
    case OP_reshape:
    case OP_broadcast:
        own.shape = *shape_attrs(node);
        own.shape.shape.v[0] /= pieces;
        break;
    case OP_iota:
        own.iota = *iota_attrs(node);
        own.iota.shape.v[0] /= pieces;
        break;
    default: return func_emit(func, (OpKind)node->op, operands, node->n_operands, node->attrs);
    }
    return func_emit(func, (OpKind)node->op, operands, node->n_operands, &own);
}

static void emit_node(Emission *e, ValueId id, int64_t k) {
    Region *r = e->r;
    Func *func = r->func;
    const Node *node = &r->nodes[id];
    ValueId *operands = ARENA_ARRAY(r->arena, ValueId, node->n_operands + 1);
    func_made_for(func, node);
    for (int o = 0; o < node->n_operands; o++) {
        ValueId x = node->operands[o];
        operands[o] = need_of(r, node, o) == NEED_ROWS ? rows_of(e, x, k) : e->rewrite.map[x];
    }
    ValueId y = emit_for_piece(func, node, operands, r->pieces);
    if (r->sum[id])
        e->rewrite.map[id] = k ? ir_binary(func, OP_add, e->rewrite.map[id], y) : y;
    else if (e->wanted[id])
        e->parts[id][k] = y;
    e->piece[id] = y;
}

/* The pieces one after another, then the parts of every block together. */
static ValueId join_parts(Emission *e, ValueId id) {
    Region *r = e->r;
    const Type type = r->nodes[id].type;
    int64_t blocks = type.dim[0] / r->block[id], part = type_elements(&type) / (blocks * r->pieces);
    ValueId y = ir_concat(r->func, (int)r->pieces, e->parts[id], 0);
    if (blocks == 1) return y;
    y = ir_reshape(r->func, y, 3, (int64_t[]){r->pieces, blocks, part});
    y = ir_transpose(r->func, y, (int64_t[]){1, 0, 2});
    return ir_reshape(r->func, y, type.rank, type.dim);
}

static void emit_pieces(Emission *e) {
    Region *r = e->r;
    for (int64_t k = 0; k < r->pieces; k++) {
        for (ValueId id = 0; id < r->n; id++) e->piece[id] = IR_NONE;
        for (ValueId id = 0; id < r->n; id++)
            if (r->in[id]) emit_node(e, id, k);
    }
    for (ValueId id = 0; id < r->n; id++) {
        if (!r->in[id] || r->sum[id] || !e->wanted[id]) continue;
        func_made_for(r->func, &r->nodes[id]);
        e->rewrite.map[id] = join_parts(e, id);
    }
    func_made_for(r->func, NULL);
}

static void look_around(Emission *e) {
    Region *r = e->r;
    for (ValueId id = (ValueId)r->n; id-- > 0;)
        for (int o = 0; o < r->nodes[id].n_operands; o++) {
            ValueId x = r->nodes[id].operands[o];
            if (!r->in[x] && (r->in[id] || e->before[id])) e->before[x] = true;
            if (r->in[x] && !r->in[id]) e->wanted[x] = true;
        }
    for (size_t i = 0; i < r->func->n_outputs; i++) e->wanted[r->func->outputs[i].value] = true;
    for (size_t i = 0; i < r->func->n_updates; i++) e->wanted[r->func->updates[i].value] = true;
    for (ValueId id = 0; id < r->n; id++)
        if (r->in[id] && e->wanted[id]) e->parts[id] = ARENA_ARRAY(r->arena, ValueId, r->pieces);
}

/* The region takes the place of its first node; what it needs comes before. Returns the map of old values to new. */
static const ValueId *emit_region(Region *r) {
    Emission e = {.r = r,
                  .piece = ARENA_ARRAY(r->arena, ValueId, r->n),
                  .parts = ARENA_ARRAY(r->arena, ValueId *, r->n),
                  .wanted = ARENA_ARRAY(r->arena, bool, r->n),
                  .before = ARENA_ARRAY(r->arena, bool, r->n)};
    look_around(&e);
    e.rewrite = rewrite_begin(r->func);
    ValueId first = 0;
    while (!r->in[first]) rewrite_copy(&e.rewrite, first++);
    for (ValueId id = first; id < r->n; id++)
        if (e.before[id]) rewrite_copy(&e.rewrite, id);
    emit_pieces(&e);
    for (ValueId id = first; id < r->n; id++)
        if (!r->in[id]) rewrite_copy(&e.rewrite, id);
    rewrite_end(&e.rewrite);
    return e.rewrite.map;
}

/* ---- the pass ---------------------------------------------------------------------------------------------------- */

static bool is_seed(const Func *func, ValueId id, const SplitLimits *limits) {
    const Node *node = func_node(func, id);
    return node->op == OP_matmul && node->type.dim[node->type.rank - 1] >= limits->columns &&
           type_bytes(&node->type) >= limits->bytes && node->type.dim[0] >= 2 * limits->rows;
}

/* ---- what is told ------------------------------------------------------------------------------------------------ */

static void tell_region(const Region *r, ValueId seed) {
    uint32_t number = r->nodes[seed].number;
    double pieces = (double)r->pieces;
    remark(r->func, RULE_split_rows, number, IR_NONE, pieces, (double)r->widest, NULL);
    for (ValueId id = 0; id < r->n && remarks_wanted(r->func); id++)
        if (r->in[id] && id != seed)
            remark(r->func, RULE_split_part, r->nodes[id].number, number, pieces, 0, NULL);
}

static void tell_missed(const Func *func, const Node *seed, const Node *blocker, const char *why) {
    bool blocked = blocker && blocker != seed && blocker->number != IR_NONE;
    remark(func, blocked ? RULE_split_blocked : RULE_split_missed, seed->number,
           blocked ? blocker->number : IR_NONE, (double)type_bytes(&seed->type), 0, why);
}

/* Products with wide rows that are no seeds, nor `done`: parts of others' regions. */
static void tell_small(const Func *func, const SplitLimits *limits, const bool *done) {
    for (ValueId id = 0; id < func->count && remarks_wanted(func); id++) {
        const Node *node = func_node(func, id);
        if (node->op != OP_matmul || node->type.dim[node->type.rank - 1] < limits->columns) continue;
        if (!done[id] && !is_seed(func, id, limits))
            tell_missed(func, node, NULL, "is small, or has few rows");
    }
}

/* Splits the first region of a seed that is not yet `done`. */
static bool split_one(Func *func, const SplitLimits *limits, bool **done, Arena *arena) {
    size_t n = func->count;
    Region r = {.func = func, .nodes = func->nodes, .n = n, .arena = arena, .limits = limits};
    for (ValueId id = 0; id < n; id++) {
        if ((*done)[id] || !is_seed(func, id, limits)) continue;
        (*done)[id] = true;
        if (!r.in) {
            r.in = ARENA_ARRAY(arena, bool, n);
            r.depends = ARENA_ARRAY(arena, bool, n);
            r.sum = ARENA_ARRAY(arena, bool, n);
            r.block = ARENA_ARRAY(arena, int64_t, n);
        }
        if (!find_region(&r, id)) {
            tell_missed(func, func_node(func, id), r.blocker == IR_NONE ? NULL : &r.nodes[r.blocker], r.why);
            continue;
        }
        tell_region(&r, id);
        const ValueId *map = emit_region(&r);
        bool *now = ARENA_ARRAY(arena, bool, func->count);
        memset(now, true, func->count * sizeof *now); /* the pieces are small enough */
        for (ValueId old = 0; old < n; old++)
            if (!r.in[old]) now[map[old]] = (*done)[old];
        *done = now;
        return true;
    }
    return false;
}

int split_rows(Func *func, const SplitLimits *limits) {
    Arena *arena = arena_new();
    bool *done = ARENA_ARRAY(arena, bool, func->count + 1);
    int count = 0;
    while (split_one(func, limits, &done, arena)) count++;
    tell_small(func, limits, done);
    arena_free(arena);
    return count;
}

/* Pieces of a few megabytes, as caches hold. With fewer rows, adding up the gradient of the weight takes as long as the
 * products. */
static const SplitLimits LIMITS = {
    .columns = 8192, .bytes = 16 << 20, .piece = 8 << 20, .rows = 128, .pieces = 16};

bool pass_split_rows(Module *module, Diags *diags) {
    (void)diags;
    for (size_t f = 0; f < module->n_funcs; f++) split_rows(module->funcs[f], &LIMITS);
    return true;
}
