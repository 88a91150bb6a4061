/* Bodies of matrix product kernels: the product (gemm.c) with the kernel's loops as its epilogue. */
#include "codegen/product.h"
#include "codegen/attention.h"
#include "codegen/gemm.h"
#include "codegen/micro.h"
#include "codegen/partial.h"
#include "codegen/prepack.h"
#include "codegen/prologue.h"

enum { MOST_VECTORS = 16 }; /* of a tile's columns */

typedef struct {
    const KernelMember *core;
    const KernelMember **stores;
    int n_stores;
    const KernelMember *moments; /* of the stores; or NULL */
    const KernelMember *sums;    /* sum_rows of the stores whose blocks are tiles; or NULL */
    int n_sums;                  /* operands of it */
    LLVMValueRef *sum;           /* a stack slot for each vector of a tile's columns and each operand */
    int64_t batch[IR_MAX_RANK];
    int n_batch;
    const Target *target;
    int tile_rows, tile_columns;
} Epilogue;

static GemmShape shape_of(Emitter *e, const Node *node, ValueId *a_base, ValueId *b_base) {
    ValueId views[16];
    int n_views, rank = node->type.rank;
    Strided a = kernel_strided(e->func, node->operands[0], views, &n_views);
    Strided b = kernel_strided(e->func, node->operands[1], views, &n_views);
    bool ta = node->attrs[0].b, tb = node->attrs[1].b;
    const Type *ta_type = func_type(e->func, node->operands[0]);
    GemmShape shape = {.m = node->type.dim[rank - 2], .n = node->type.dim[rank - 1], .n_batch = rank - 2};
    shape.k = ta_type->dim[ta ? rank - 2 : rank - 1];
    for (int i = 0; i < rank - 2; i++) {
        shape.batch[i] = node->type.dim[i];
        shape.a_batch[i] = a.stride[i];
        shape.b_batch[i] = b.stride[i];
    }
    shape.a_row = a.stride[ta ? rank - 1 : rank - 2];
    shape.a_col = a.stride[ta ? rank - 2 : rank - 1];
    shape.b_packed = node->attrs[3].i > 0;
    shape.b_row = b.stride[tb ? rank - 1 : rank - 2];
    shape.b_col = b.stride[tb ? rank - 2 : rank - 1];
    shape.a_dtype = func_type(e->func, a.base)->dtype;
    shape.b_dtype = func_type(e->func, b.base)->dtype;
    shape.products = (int)node->attrs[2].i;
    shape.a_offset = a.offset;
    shape.b_offset = b.offset;
    if (e->chain) shape.block = chain_share(e->chain, shape.m);
    shape.grain = emit_partial_grain(e);
    *a_base = a.base;
    *b_base = b.base;
    return shape;
}

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

static void emit_epilogue(Emitter *e, void *user, LLVMValueRef batch, LLVMValueRef row, LLVMValueRef rows,
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

static void prefetch_epilogue(Emitter *e, void *user, LLVMValueRef batch, LLVMValueRef row, LLVMValueRef rows,
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

static AttentionOperand attention_operand(Emitter *e, const Node *node, int operand, const Type *result) {
    AttentionOperand x = {.dtype = DT_F32};
    ValueId views[16];
    int n_views, rank = result->rank;
    if (operand >= node->n_operands) return x;
    Strided strided = kernel_strided(e->func, node->operands[operand], views, &n_views);
    const Type *type = func_type(e->func, node->operands[operand]);
    for (int k = 0; k < rank - 2; k++) x.batch[k] = type->dim[k] == 1 ? 0 : strided.stride[k];
    x.row = strided.stride[rank - 2];
    x.col = strided.stride[rank - 1];
    x.offset = strided.offset;
    x.dtype = func_type(e->func, strided.base)->dtype;
    x.pointer = emit_buffer(e, strided.base, false)->pointer;
    return x;
}

static AttentionShape attention_shape(Emitter *e, const Node *node) {
    const Type *q = func_type(e->func, node->operands[0]);
    AttentionShape s = {.kind = node->op == OP_attention        ? ATTENTION
                                : node->op == OP_attention_grad ? ATTENTION_GRAD
                                                                : ATTENTION_BIAS_GRAD,
                        .products = (int)node->attrs[1].i,
                        .scale = node->attrs[0].f,
                        .n = q->dim[q->rank - 2],
                        .d = q->dim[q->rank - 1],
                        .n_batch = q->rank - 2};
    int bias = product_factors(node);
    s.has_bias = node->n_operands > bias;
    for (int k = 0; k < s.n_batch; k++) {
        s.batch[k] = q->dim[k];
        s.bias_batch[k] = s.has_bias ? func_type(e->func, node->operands[bias])->dim[k] : 1;
    }
    s.q = attention_operand(e, node, 0, q);
    s.k = attention_operand(e, node, 1, q);
    s.v = attention_operand(e, node, 2, q);
    if (s.kind != ATTENTION) s.dy = attention_operand(e, node, 3, q);
    if (s.has_bias) s.bias = attention_operand(e, node, bias, q);
    return s;
}

/* The kernel's stored values in the epilogue; *core_buffer: the core's, if it is one of them. */
static Epilogue make_epilogue(Emitter *e, const Node *node, Buffer **core_buffer) {
    Epilogue epilogue = {.core = kernel_member(e->kernel, e->kernel->core), .n_batch = node->type.rank - 2};
    epilogue.stores = ARENA_ARRAY(e->arena, const KernelMember *, e->kernel->n_members + 1);
    for (int i = 0; i < epilogue.n_batch; i++) epilogue.batch[i] = node->type.dim[i];
    for (size_t i = 0; i < e->n_buffers; i++) {
        const KernelMember *member = kernel_member(e->kernel, e->buffers[i].value);
        if (!e->buffers[i].stored || !member) continue;
        epilogue.stores[epilogue.n_stores++] = member;
        if (func_node(e->func, member->value)->op == OP_moments) epilogue.moments = member;
        if (member == epilogue.core) *core_buffer = &e->buffers[i];
    }
    e->vector_group = -1;
    for (int g = 0; g < e->n_groups; g++)
        if (epilogue.core->access.coef[node->type.rank - 1][e->last_of[g]]) e->vector_group = g;
    e->width = 1;
    for (int s = 0; s < epilogue.n_stores; s++) emit_hoist_stored_kernel(e, epilogue.stores[s]);
    return epilogue;
}

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

static int64_t emit_matmul(Emitter *e, const Target *target, const Node *node) {
    Buffer *core_buffer = NULL;
    Epilogue epilogue = make_epilogue(e, node, &core_buffer);
    Micro micro = micro_choose(target, (int)node->attrs[2].i);
    epilogue.target = target;
    epilogue.tile_rows = micro.mr;
    epilogue.tile_columns = micro.nr;
    keep_sums(e, &epilogue);
    bool plain = epilogue.n_stores == 1 && core_buffer && e->kernel->members[0].value == e->kernel->core;
    LLVMValueRef c = plain ? core_buffer->pointer : NULL;
    ValueId a, b;
    GemmShape shape = shape_of(e, node, &a, &b);
    LLVMValueRef b_pointer = emit_buffer(e, b, false)->pointer, a_pointer = NULL;
    if (e->kernel->prologue) {
        shape.prologue = prologue_emit;
        shape.prologue_user = prologue_begin(e);
    } else
        a_pointer = emit_buffer(e, a, false)->pointer;
    LLVMValueRef scratch = emit_buffer(e, IR_NONE, true)->pointer;
    gemm_emit(e, target, &shape, a_pointer, b_pointer, c, scratch, plain ? NULL : emit_epilogue,
              plain ? NULL : prefetch_epilogue, &epilogue);
    return gemm_scratch_bytes(target, &shape, !plain);
}

int64_t emit_product_kernel(Emitter *e, const Target *target) {
    const Node *node = func_node(e->func, e->kernel->core);
    if (node->op == OP_matmul) return emit_matmul(e, target, node);
    Buffer *core_buffer = NULL;
    Epilogue epilogue = make_epilogue(e, node, &core_buffer);
    AttentionShape shape = attention_shape(e, node);
    LLVMValueRef scratch = emit_buffer(e, IR_NONE, true)->pointer;
    attention_emit(e, target, &shape, scratch, emit_epilogue, prefetch_epilogue, &epilogue);
    return attention_scratch_bytes(target, &shape);
}
