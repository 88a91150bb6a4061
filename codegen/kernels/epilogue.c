/* Epilogues of products: see epilogue.h. */
#include "codegen/kernels/epilogue.h"
#include "codegen/kernels/block_reduction.h"
#include "codegen/kernels/packing.h"
#include "codegen/kernels/stores.h"

enum { MOST_VECTORS = 16 }; /* of a tile's columns */

struct Epilogue {
    Emitter *e;
    const KernelMember *core;
    const KernelMember **stores;
    int n_stores;
    const KernelMember *moments; /* the member `moments` among the stores; NULL: none */
    const KernelMember
        *sums;         /* the member `sum_rows` among them, if its blocks are as high as tiles; or NULL */
    int n_sums;        /* its operands */
    LLVMValueRef *sum; /* for each of these and each vector of a tile's columns a stack slot with the sums */
    int64_t batch[IR_MAX_RANK];
    int n_batch;
    int64_t columns;             /* of the whole product */
    int tile_rows, tile_columns; /* 0: tiles are of any shape */
    bool mirrored;               /* of symmetric products: parts of rows, of any length and at any place */
};

/* Sets the indices of the kernel's loops from those of the product. */
static void set_indices(const Epilogue *epilogue, LLVMValueRef batch, LLVMValueRef row, LLVMValueRef col) {
    Emitter *e = epilogue->e;
    FunctionBuilder *fb = e->fb;
    LLVMBuilderRef b = fb->builder;
    const Access *access = &epilogue->core->access;
    int rank = access->rank;
    LLVMValueRef at[IR_MAX_RANK];
    for (int i = epilogue->n_batch - 1; i >= 0; i--) {
        LLVMValueRef extent = build_i64(fb, epilogue->batch[i]);
        at[i] = LLVMBuildURem(b, batch, extent, "");
        batch = LLVMBuildUDiv(b, batch, extent, "");
    }
    at[rank - 2] = row;
    at[rank - 1] = col;
    const Type *type = func_type(e->func, epilogue->core->value);
    for (int g = 0; g < e->nest.n; g++)
        for (int k = 0; k < rank; k++) {
            int64_t coef = access->coef[k][e->nest.last[g]], extent = e->nest.extent[g];
            if (coef == 0) continue;
            LLVMValueRef index = at[k];
            if (coef > 1) index = LLVMBuildUDiv(b, index, build_i64(fb, coef), "");
            if (coef * extent < type->dim[k]) index = LLVMBuildURem(b, index, build_i64(fb, extent), "");
            e->nest.index[g] = index;
        }
}

/* ---- packed weights ---------------------------------------------------------------------------------------------- */

/* Whether the member is a `pack` of which a whole tile is packed at once: its operand's elements are those of the
 * product. */
static bool packs_tile(const Epilogue *epilogue, const KernelMember *member) {
    const Emitter *e = epilogue->e;
    return emit_is_pack(e, member) && !epilogue->mirrored && epilogue->core->access.rank == 2 &&
           epilogue->columns % epilogue->tile_columns == 0 &&
           access_equal(&member->access, &epilogue->core->access, e->kernel->domain.rank) &&
           emit_can_pack_block(e, member, epilogue->tile_columns);
}

static void pack_tiles(const Epilogue *epilogue, LLVMValueRef row, LLVMValueRef rows, LLVMValueRef col) {
    for (int s = 0; s < epilogue->n_stores; s++)
        if (packs_tile(epilogue, epilogue->stores[s]))
            emit_pack_block(epilogue->e, epilogue->stores[s], row, rows, col, epilogue->tile_columns,
                            epilogue->tile_rows);
}

/* ---- rows of a tile ---------------------------------------------------------------------------------------------- */

typedef struct {
    LLVMValueRef batch, row, col; /* of the tile's row, and its first column */
    LLVMValueRef tile_row;        /* the same row in the tile's buffer */
    LLVMValueRef tile;
} TileRow;

/* Whether a member is not stored element by element but for a whole tile or a whole row of it. */
static bool is_stored_later(const Epilogue *epilogue, const KernelMember *member) {
    return member == epilogue->moments || member == epilogue->sums || packs_tile(epilogue, member);
}

/* The epilogue of a vector of the row, from its column `at` on. */
static void emit_epilogue_vector(const Epilogue *epilogue, const TileRow *row, LLVMValueRef at) {
    Emitter *e = epilogue->e;
    FunctionBuilder *fb = e->fb;
    set_indices(epilogue, row->batch, row->row, build_add(fb, row->col, at));
    LLVMValueRef from = build_f32_at(fb, row->tile, build_add(fb, row->tile_row, at));
    emit_remember(e, epilogue->core->value, &epilogue->core->access,
                  build_load(fb, build_f32_vector(fb), from));
    for (int s = 0; s < epilogue->n_stores; s++)
        if (!is_stored_later(epilogue, epilogue->stores[s])) emit_store_member(e, epilogue->stores[s]);
}

/* Begins work on vector v of a tile's columns; lanes beyond the matrix are masked off. */
static Scope begin_vector(const Epilogue *epilogue, LLVMValueRef columns, int64_t stride, int v) {
    FunctionBuilder *fb = epilogue->e->fb;
    bool all = epilogue->columns % stride == 0;
    return emit_vectors_begin(epilogue->e,
                              all ? NULL : build_lanes_below(fb, fb->lanes, (int64_t)v * fb->lanes, columns));
}

/* Emits all vectors of a row without a loop: `moments` needs them together, and sums stay in registers. */
static void emit_whole_row(const Epilogue *epilogue, const TileRow *row, LLVMValueRef columns,
                           int64_t stride) {
    Emitter *e = epilogue->e;
    FunctionBuilder *fb = e->fb;
    LLVMValueRef x[MOST_VECTORS];
    int n = (int)(stride / fb->lanes), a = 0;
    for (int v = 0; v < n; v++) {
        Scope scope = begin_vector(epilogue, columns, stride, v);
        emit_epilogue_vector(epilogue, row, build_i64(fb, v * fb->lanes));
        if (epilogue->moments) x[v] = emit_block_operand(e, epilogue->moments, 0);
        for (int o = 0; o < epilogue->n_sums; o++, a++) {
            LLVMValueRef sum = LLVMBuildLoad2(fb->builder, build_f32_vector(fb), epilogue->sum[a], "");
            sum = LLVMBuildFAdd(fb->builder, sum, emit_block_operand(e, epilogue->sums, o), "");
            LLVMBuildStore(fb->builder, sum, epilogue->sum[a]);
        }
        emit_scope_end(e, scope);
    }
    if (epilogue->moments) emit_moments(e, epilogue->moments, row->col, x);
}

/* The only element of the row, of a product of one column: no loop runs along it, so that nothing is hoisted, which the
 * product would be too. */
static void emit_element(const Epilogue *epilogue, const TileRow *row) {
    Emitter *e = epilogue->e;
    LLVMTypeRef f32 = LLVMFloatTypeInContext(e->fb->context);
    emit_remember(e, epilogue->core->value, &epilogue->core->access,
                  build_load(e->fb, f32, build_f32_at(e->fb, row->tile, row->tile_row)));
    for (int s = 0; s < epilogue->n_stores; s++)
        if (!is_stored_later(epilogue, epilogue->stores[s])) emit_store_member(e, epilogue->stores[s]);
}

static void emit_vectors(const Epilogue *epilogue, const TileRow *row, LLVMValueRef columns) {
    Emitter *e = epilogue->e;
    FunctionBuilder *fb = e->fb;
    LLVMValueRef padded = build_add(fb, columns, build_i64(fb, fb->lanes - 1)), mask = NULL;
    Loop inner = build_loop_begin(fb, build_i64(fb, 0), padded, fb->lanes, "v");
    if (epilogue->columns % fb->lanes || epilogue->mirrored)
        mask = build_lanes_below(fb, fb->lanes, 0, LLVMBuildSub(fb->builder, columns, inner.counter, ""));
    Scope scope = emit_vectors_begin(e, mask);
    emit_epilogue_vector(epilogue, row, inner.counter);
    emit_scope_end(e, scope);
    build_loop_end(fb, &inner);
}

/* ---- tiles ------------------------------------------------------------------------------------------------------- */

/* Before and after the rows of a tile: sets the sums to zero, and stores them. */
static void clear_sums(const Epilogue *epilogue, int64_t stride) {
    FunctionBuilder *fb = epilogue->e->fb;
    for (int a = 0; a < epilogue->n_sums * (int)(stride / fb->lanes); a++)
        LLVMBuildStore(fb->builder, LLVMConstNull(build_f32_vector(fb)), epilogue->sum[a]);
}

static void store_sums(const Epilogue *epilogue, LLVMValueRef row, LLVMValueRef col, LLVMValueRef columns,
                       int64_t stride) {
    Emitter *e = epilogue->e;
    FunctionBuilder *fb = e->fb;
    for (int v = 0, a = 0; v < (int)(stride / fb->lanes); v++)
        for (int o = 0; o < epilogue->n_sums; o++, a++) {
            Scope scope = begin_vector(epilogue, columns, stride, v);
            LLVMValueRef sum = LLVMBuildLoad2(fb->builder, build_f32_vector(fb), epilogue->sum[a], "");
            emit_block_sums(e, epilogue->sums, o, row, build_add(fb, col, build_i64(fb, v * fb->lanes)), sum);
            emit_scope_end(e, scope);
        }
}

void epilogue_emit(void *user, LLVMValueRef batch, LLVMValueRef row, LLVMValueRef rows, LLVMValueRef col,
                   LLVMValueRef columns, LLVMValueRef tile, int64_t stride) {
    const Epilogue *epilogue = user;
    Emitter *e = epilogue->e;
    FunctionBuilder *fb = e->fb;
    clear_sums(epilogue, stride);
    Loop loop = build_loop_begin(fb, build_i64(fb, 0), rows, 1, "r");
    TileRow at = {batch, build_add(fb, row, loop.counter), col, build_scaled(fb, loop.counter, stride), tile};
    Scope scope = emit_scope_begin(e);
    set_indices(epilogue, batch, at.row, col);
    bool vectors = e->nest.vector >= 0;
    for (int s = 0; vectors && s < epilogue->n_stores; s++) emit_hoist_member(e, epilogue->stores[s]);
    if (!vectors)
        emit_element(epilogue, &at);
    else if (epilogue->moments || epilogue->sums)
        emit_whole_row(epilogue, &at, columns, stride);
    else
        emit_vectors(epilogue, &at, columns);
    emit_scope_end(e, scope);
    build_loop_end(fb, &loop);
    store_sums(epilogue, row, col, columns, stride);
    pack_tiles(epilogue, row, rows, col);
}

void epilogue_prefetch(void *user, LLVMValueRef batch, LLVMValueRef row, LLVMValueRef rows, LLVMValueRef col,
                       int64_t columns) {
    const Epilogue *epilogue = user;
    Emitter *e = epilogue->e;
    FunctionBuilder *fb = e->fb;
    const Kernel *kernel = e->kernel;
    Loop loop = build_loop_begin(fb, build_i64(fb, 0), rows, 1, "r");
    set_indices(epilogue, batch, build_add(fb, row, loop.counter), col);
    for (size_t u = 0; u < kernel->n_uses; u++) {
        const KernelUse *use = &kernel->uses[u];
        if (!use->in_memory && !emit_is_inside(e, use->value))
            emit_prefetch_value(e, use->value, false, &use->access, columns);
    }
    for (int s = 0; s < epilogue->n_stores; s++) {
        const KernelMember *member = epilogue->stores[s];
        if (!emit_is_block_reduction(e, member) && !emit_is_pack(e, member))
            emit_prefetch_value(e, member->value, true, &member->access, columns);
    }
    build_loop_end(fb, &loop);
    for (int s = 0; s < epilogue->n_stores; s++)
        if (packs_tile(epilogue, epilogue->stores[s]))
            emit_prefetch_pack(e, epilogue->stores[s], row, col, epilogue->tile_columns, epilogue->tile_rows);
}

/* ---- before the product ------------------------------------------------------------------------------------------ */

/* Sums of blocks that are a tile's rows stay in registers. */
static void keep_sums(Epilogue *epilogue) {
    Emitter *e = epilogue->e;
    FunctionBuilder *fb = e->fb;
    for (int s = 0; s < epilogue->n_stores; s++) {
        const Node *node = func_node(e->func, epilogue->stores[s]->value);
        if (node->op != OP_sum_rows || sum_rows_attrs(node)->rows != epilogue->tile_rows) continue;
        epilogue->sums = epilogue->stores[s];
        epilogue->n_sums = node->n_operands;
    }
    int n = epilogue->n_sums * epilogue->tile_columns / fb->lanes;
    epilogue->sum = ARENA_ARRAY(e->arena, LLVMValueRef, n + 1);
    for (int a = 0; a < n; a++) epilogue->sum[a] = build_stack_slot(fb, build_f32_vector(fb), "sum");
}

Epilogue *epilogue_begin(Emitter *e, int tile_rows, int tile_columns) {
    Epilogue *epilogue = ARENA_NEW(e->arena, Epilogue);
    const Node *node = func_node(e->func, e->kernel->core);
    int rank = node->type.rank;
    *epilogue = (Epilogue){.e = e,
                           .core = kernel_member(e->kernel, e->kernel->core),
                           .n_batch = rank - 2,
                           .columns = node->type.dim[rank - 1],
                           .tile_rows = tile_rows,
                           .tile_columns = tile_columns,
                           .mirrored = node->op == OP_matmul && matmul_attrs(node)->symmetric};
    epilogue->stores = ARENA_ARRAY(e->arena, const KernelMember *, e->kernel->n_members + 1);
    for (int i = 0; i < epilogue->n_batch; i++) epilogue->batch[i] = node->type.dim[i];
    for (size_t i = 0; i < e->called->n_stores; i++) {
        const KernelMember *member = kernel_member(e->kernel, e->called->stores[i]);
        if (!member) continue;
        epilogue->stores[epilogue->n_stores++] = member;
        if (func_node(e->func, member->value)->op == OP_moments) epilogue->moments = member;
    }
    e->nest.vector = -1;
    for (int g = 0; g < e->nest.n; g++)
        if (epilogue->core->access.coef[rank - 1][e->nest.last[g]]) e->nest.vector = g;
    for (int s = 0; e->nest.vector >= 0 && s < epilogue->n_stores; s++)
        emit_hoist_member_kernel(e, epilogue->stores[s]);
    keep_sums(epilogue);
    return epilogue;
}

LLVMValueRef epilogue_plain(const Epilogue *epilogue) {
    Emitter *e = epilogue->e;
    ValueId core = e->kernel->core;
    bool plain = epilogue->n_stores == 1 && e->kernel->members[0].value == core && emit_is_stored(e, core);
    return plain ? emit_pointer(e, core, true) : NULL;
}
