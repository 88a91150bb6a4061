/* Epilogues of products: see epilogue.h. */
#include "codegen/kernels/epilogue.h"
#include "codegen/kernels/partial.h"
#include "codegen/kernels/prepack.h"

enum { MOST_VECTORS = 16 }; /* of a tile's columns */

struct Epilogue {
    const KernelMember *core;
    const KernelMember **stores;
    int n_stores;
    const KernelMember *moments; /* of the stores; or NULL */
    const KernelMember *sums;    /* sum_rows of the stores whose blocks are tiles; or NULL */
    int n_sums;                  /* operands of it */
    LLVMValueRef *sum;           /* a stack slot for each vector of a tile's columns and each operand */
    int64_t batch[IR_MAX_RANK];
    int n_batch;
    LLVMValueRef core_buffer; /* of the product itself, if it is stored; or NULL */
    const Target *target;
    int tile_rows, tile_columns; /* 0: tiles are of any shape */
};

/* Sets the indices of the kernel's loops from those of the product. */
static void set_indices(Emitter *e, const Epilogue *epilogue, LLVMValueRef batch, LLVMValueRef row,
                        LLVMValueRef col) {
    const Access *access = &epilogue->core->access;
    int rank = access->rank;
    LLVMValueRef at[IR_MAX_RANK];
    for (int i = epilogue->n_batch - 1; i >= 0; i--) {
        LLVMValueRef extent = emit_i64(e, epilogue->batch[i]);
        at[i] = LLVMBuildURem(e->builder, batch, extent, "");
        batch = LLVMBuildUDiv(e->builder, batch, extent, "");
    }
    at[rank - 2] = row;
    at[rank - 1] = col;
    const Type *type = func_type(e->func, epilogue->core->value);
    for (int g = 0; g < e->n_groups; g++)
        for (int k = 0; k < rank; k++) {
            int64_t coef = access->coef[k][e->last_of[g]], extent = e->group_extent[g];
            if (coef == 0) continue;
            LLVMValueRef index = at[k];
            if (coef > 1) index = LLVMBuildUDiv(e->builder, index, emit_i64(e, coef), "");
            if (coef * extent < type->dim[k])
                index = LLVMBuildURem(e->builder, index, emit_i64(e, extent), "");
            e->index[g] = index;
        }
}

/* Whether a whole tile of the member's operand is packed at once: it is that of the product. */
static bool packs_tile(Emitter *e, const Epilogue *epilogue, const KernelMember *member) {
    const Type *core = func_type(e->func, epilogue->core->value);
    return epilogue->core->access.rank == 2 && core->dim[1] % epilogue->tile_columns == 0 &&
           access_equal(&member->access, &epilogue->core->access, e->kernel->domain.rank) &&
           emit_packs_blocks(e, epilogue->target, member, epilogue->tile_columns);
}

static void pack_tiles(Emitter *e, const Epilogue *epilogue, LLVMValueRef row, LLVMValueRef rows,
                       LLVMValueRef col) {
    for (int s = 0; s < epilogue->n_stores; s++) {
        const KernelMember *member = epilogue->stores[s];
        if (emit_is_packed(e, member) && packs_tile(e, epilogue, member))
            emit_packed_block(e, epilogue->target, member, row, rows, col, epilogue->tile_columns,
                              epilogue->tile_rows);
    }
}

typedef struct {
    LLVMValueRef batch, row, col; /* of the tile's row, and its first column */
    LLVMValueRef tile_row;        /* the same row in the tile's buffer */
    LLVMValueRef tile;
} TileRow;

/* The epilogue of a vector of the row, from its column `at` on. */
static void emit_epilogue_vector(Emitter *e, Epilogue *epilogue, const TileRow *row, LLVMValueRef at) {
    LLVMTypeRef f32 = LLVMFloatTypeInContext(e->context), vector = LLVMVectorType(f32, (unsigned)e->lanes);
    set_indices(e, epilogue, row->batch, row->row, LLVMBuildAdd(e->builder, row->col, at, ""));
    LLVMValueRef offset = LLVMBuildAdd(e->builder, row->tile_row, at, "");
    LLVMValueRef sum =
        LLVMBuildLoad2(e->builder, vector, LLVMBuildGEP2(e->builder, f32, row->tile, &offset, 1, ""), "");
    LLVMSetAlignment(sum, 4);
    emit_remember(e, epilogue->core->value, &epilogue->core->access, sum);
    for (int s = 0; s < epilogue->n_stores; s++) {
        const KernelMember *member = epilogue->stores[s];
        if (emit_is_partial(e, member)) {
            if (func_node(e->func, member->value)->op == OP_sum_rows && epilogue->n_sums == 0)
                emit_sum_rows(e, member);
            continue;
        }
        if (emit_is_packed(e, member)) {
            if (!packs_tile(e, epilogue, member)) emit_packed(e, member);
            continue;
        }
        LLVMValueRef value = emit_value(e, member->value, &member->access, NULL);
        emit_store(e, emit_buffer(e, member->value, true), &member->access, value);
    }
}

/* A vector of all columns of the tile, number v, of those that are there. */
static void set_vector(Emitter *e, const Epilogue *epilogue, LLVMValueRef columns, int64_t stride, int v) {
    int64_t n = func_type(e->func, epilogue->core->value)->dim[epilogue->core->access.rank - 1];
    e->width = e->lanes;
    e->mask = n % stride ? emit_lanes_below(e, (int64_t)v * e->lanes, columns) : NULL;
}

/* A row's columns all at once: for their moments, of which there are as many in every tile, and for sums that stay in registers. */
static void emit_whole_row(Emitter *e, Epilogue *epilogue, const TileRow *row, LLVMValueRef columns,
                           int64_t stride) {
    LLVMValueRef x[MOST_VECTORS];
    LLVMTypeRef vector = LLVMVectorType(LLVMFloatTypeInContext(e->context), (unsigned)e->lanes);
    size_t scope = e->n_emitted;
    int n = (int)(stride / e->lanes), a = 0;
    for (int v = 0; v < n; v++) {
        set_vector(e, epilogue, columns, stride, v);
        emit_epilogue_vector(e, epilogue, row, emit_i64(e, v * e->lanes));
        if (epilogue->moments) x[v] = emit_partial_operand(e, epilogue->moments, 0);
        for (int o = 0; o < epilogue->n_sums; o++, a++) {
            LLVMValueRef sum = LLVMBuildLoad2(e->builder, vector, epilogue->sum[a], "");
            sum = LLVMBuildFAdd(e->builder, sum, emit_partial_operand(e, epilogue->sums, o), "");
            LLVMBuildStore(e->builder, sum, epilogue->sum[a]);
        }
        e->n_emitted = scope;
    }
    e->mask = NULL;
    if (epilogue->moments) emit_moments(e, epilogue->moments, row->col, x);
    e->width = 1;
}

static void emit_vectors(Emitter *e, Epilogue *epilogue, const TileRow *row, LLVMValueRef columns) {
    int64_t n = func_type(e->func, epilogue->core->value)->dim[epilogue->core->access.rank - 1];
    LLVMValueRef padded = LLVMBuildAdd(e->builder, columns, emit_i64(e, e->lanes - 1), "");
    Loop inner = emit_loop_begin(e, emit_i64(e, 0), padded, e->lanes, "v");
    size_t scope = e->n_emitted;
    e->width = e->lanes;
    e->mask = NULL;
    if (n % e->lanes) e->mask = emit_lanes_below(e, 0, LLVMBuildSub(e->builder, columns, inner.counter, ""));
    emit_epilogue_vector(e, epilogue, row, inner.counter);
    e->n_emitted = scope;
    e->mask = NULL;
    e->width = 1;
    emit_loop_end(e, &inner);
}

/* Sums of the tile's rows, before and after they are met. */
static void clear_sums(Emitter *e, const Epilogue *epilogue, int64_t stride) {
    LLVMTypeRef vector = LLVMVectorType(LLVMFloatTypeInContext(e->context), (unsigned)e->lanes);
    for (int a = 0; a < epilogue->n_sums * (int)(stride / e->lanes); a++)
        LLVMBuildStore(e->builder, LLVMConstNull(vector), epilogue->sum[a]);
}

static void store_sums(Emitter *e, const Epilogue *epilogue, LLVMValueRef row, LLVMValueRef col,
                       LLVMValueRef columns, int64_t stride) {
    LLVMTypeRef vector = LLVMVectorType(LLVMFloatTypeInContext(e->context), (unsigned)e->lanes);
    for (int v = 0, a = 0; v < (int)(stride / e->lanes); v++)
        for (int o = 0; o < epilogue->n_sums; o++, a++) {
            set_vector(e, epilogue, columns, stride, v);
            emit_block_sums(e, epilogue->sums, o, row,
                            LLVMBuildAdd(e->builder, col, emit_i64(e, v * e->lanes), ""),
                            LLVMBuildLoad2(e->builder, vector, epilogue->sum[a], ""));
        }
    e->mask = NULL;
    e->width = 1;
}

void epilogue_emit(Emitter *e, void *user, LLVMValueRef batch, LLVMValueRef row, LLVMValueRef rows,
                   LLVMValueRef col, LLVMValueRef columns, LLVMValueRef tile, int64_t stride) {
    Epilogue *epilogue = user;
    clear_sums(e, epilogue, stride);
    Loop loop = emit_loop_begin(e, emit_i64(e, 0), rows, 1, "r");
    TileRow at = {batch, LLVMBuildAdd(e->builder, row, loop.counter, ""), col,
                  LLVMBuildMul(e->builder, loop.counter, emit_i64(e, stride), ""), tile};
    size_t row_scope = e->n_emitted;
    set_indices(e, epilogue, batch, at.row, col);
    for (int s = 0; s < epilogue->n_stores; s++) emit_hoist_stored(e, epilogue->stores[s]);
    if (epilogue->moments || epilogue->n_sums)
        emit_whole_row(e, epilogue, &at, columns, stride);
    else
        emit_vectors(e, epilogue, &at, columns);
    e->n_emitted = row_scope;
    emit_loop_end(e, &loop);
    store_sums(e, epilogue, row, col, columns, stride);
    pack_tiles(e, epilogue, row, rows, col);
}

void epilogue_prefetch(Emitter *e, void *user, LLVMValueRef batch, LLVMValueRef row, LLVMValueRef rows,
                       LLVMValueRef col, int64_t columns) {
    Epilogue *epilogue = user;
    const Kernel *kernel = e->kernel;
    Loop loop = emit_loop_begin(e, emit_i64(e, 0), rows, 1, "r");
    set_indices(e, epilogue, batch, LLVMBuildAdd(e->builder, row, loop.counter, ""), col);
    for (size_t u = 0; u < kernel->n_uses; u++) {
        const KernelUse *use = &kernel->uses[u];
        if (!use->in_memory && func_node(e->func, use->value)->cluster != e->cluster)
            emit_prefetch_value(e, use->value, false, &use->access, columns);
    }
    for (int s = 0; s < epilogue->n_stores; s++)
        if (!emit_is_partial(e, epilogue->stores[s]) && !emit_is_packed(e, epilogue->stores[s]))
            emit_prefetch_value(e, epilogue->stores[s]->value, true, &epilogue->stores[s]->access, columns);
    emit_loop_end(e, &loop);
    for (int s = 0; s < epilogue->n_stores; s++) {
        const KernelMember *member = epilogue->stores[s];
        if (emit_is_packed(e, member) && packs_tile(e, epilogue, member))
            emit_prefetch_packed(e, member, row, col, epilogue->tile_columns, epilogue->tile_rows);
    }
}

/* ---- before the product -------------------------------------------------------------------------------------------- */

/* Sums of blocks that are a tile's rows stay in registers. */
static void keep_sums(Emitter *e, Epilogue *epilogue) {
    for (int s = 0; s < epilogue->n_stores; s++) {
        const Node *node = func_node(e->func, epilogue->stores[s]->value);
        if (node->op != OP_sum_rows || node->attrs[0].i != epilogue->tile_rows) continue;
        epilogue->sums = epilogue->stores[s];
        epilogue->n_sums = node->n_operands;
    }
    int n = epilogue->n_sums * epilogue->tile_columns / e->lanes;
    epilogue->sum = ARENA_ARRAY(e->arena, LLVMValueRef, n + 1);
    LLVMTypeRef vector = LLVMVectorType(LLVMFloatTypeInContext(e->context), (unsigned)e->lanes);
    LLVMBasicBlockRef here = LLVMGetInsertBlock(e->builder), entry = LLVMGetEntryBasicBlock(e->function);
    LLVMPositionBuilderBefore(e->builder, LLVMGetBasicBlockTerminator(entry));
    for (int a = 0; a < n; a++) epilogue->sum[a] = LLVMBuildAlloca(e->builder, vector, "sum");
    LLVMPositionBuilderAtEnd(e->builder, here);
}

Epilogue *epilogue_begin(Emitter *e, const Target *target, int tile_rows, int tile_columns) {
    Epilogue *epilogue = ARENA_NEW(e->arena, Epilogue);
    const Node *node = func_node(e->func, e->kernel->core);
    *epilogue = (Epilogue){.core = kernel_member(e->kernel, e->kernel->core),
                           .n_batch = node->type.rank - 2,
                           .target = target,
                           .tile_rows = tile_rows,
                           .tile_columns = tile_columns};
    epilogue->stores = ARENA_ARRAY(e->arena, const KernelMember *, e->kernel->n_members + 1);
    for (int i = 0; i < epilogue->n_batch; i++) epilogue->batch[i] = node->type.dim[i];
    for (size_t i = 0; i < e->n_buffers; i++) {
        const KernelMember *member = kernel_member(e->kernel, e->buffers[i].value);
        if (!e->buffers[i].stored || !member) continue;
        epilogue->stores[epilogue->n_stores++] = member;
        if (func_node(e->func, member->value)->op == OP_moments) epilogue->moments = member;
        if (member == epilogue->core) epilogue->core_buffer = e->buffers[i].pointer;
    }
    e->vector_group = -1;
    for (int g = 0; g < e->n_groups; g++)
        if (epilogue->core->access.coef[node->type.rank - 1][e->last_of[g]]) e->vector_group = g;
    e->width = 1;
    for (int s = 0; s < epilogue->n_stores; s++) emit_hoist_stored_kernel(e, epilogue->stores[s]);
    keep_sums(e, epilogue);
    return epilogue;
}

LLVMValueRef epilogue_plain(const Emitter *e, const Epilogue *epilogue) {
    bool plain = epilogue->n_stores == 1 && e->kernel->members[0].value == e->kernel->core;
    return plain ? epilogue->core_buffer : NULL;
}
