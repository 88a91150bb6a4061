/* Bodies of column kernels: sums (or the largest) over the middle axis of [outer, R, inner]. Threads share the results;
 * a thread takes a block of columns and runs down their rows with the sums in registers. */
#include "codegen/emit/emit.h"

enum { BLOCK = 4 }; /* vectors of columns at a time */

typedef struct {
    const KernelMember *core;
    Access of_operand;
    LLVMValueRef accumulator[BLOCK];
    LLVMTypeRef vector;
    int blocks;                   /* vectors in this block */
    int n_kept, kept[DOMAIN_MAX]; /* loops that the result runs along, the columns' left out */
    int n_down, down[DOMAIN_MAX]; /* loops that are summed over */
    LLVMValueRef first_column;
} Column;

static void set_column(Emitter *e, Column *column, int v, bool tail) {
    int g = e->vector_group;
    e->index[g] = LLVMBuildAdd(e->builder, column->first_column, emit_i64(e, (int64_t)v * e->lanes), "");
    e->mask = NULL;
    if (!tail) return;
    LLVMValueRef left = LLVMBuildSub(e->builder, emit_i64(e, e->group_extent[g]), e->index[g], "");
    e->mask = emit_lanes_below(e, 0, left);
}

static LLVMValueRef neutral(Emitter *e, const Node *node) {
    LLVMTypeRef type = emit_type(e, node->type.dtype);
    if (node->op != OP_amax) return LLVMConstNull(type);
    if (dtype_is_float(node->type.dtype)) return LLVMConstReal(type, -__builtin_inf());
    return LLVMConstInt(type, 1ull << (8 * dtype_size(node->type.dtype) - 1), false);
}

static LLVMValueRef combine(Emitter *e, const Node *node, LLVMValueRef a, LLVMValueRef b) {
    if (node->op == OP_amax) return emit_maximum(e, a, b, true);
    return dtype_is_float(node->type.dtype) ? LLVMBuildFAdd(e->builder, a, b, "")
                                            : LLVMBuildAdd(e->builder, a, b, "");
}

/* Opens the loops that are summed over. */
static int open_down(Emitter *e, const Column *column, Loop *loops) {
    for (int n = 0; n < column->n_down; n++) {
        int g = column->down[n];
        loops[n] = emit_loop_begin(e, emit_i64(e, 0), emit_i64(e, e->group_extent[g]), 1, "down");
        e->index[g] = loops[n].counter;
    }
    return column->n_down;
}

/* Runs down the rows for one block of `column->blocks` vectors; `tail`: some lanes are out of range. */
static void sum_block(Emitter *e, Column *column, bool tail) {
    const Node *node = func_node(e->func, column->core->value);
    size_t scope = e->n_emitted;
    e->width = e->lanes;
    for (int v = 0; v < column->blocks; v++)
        LLVMBuildStore(e->builder, emit_splat(e, neutral(e, node)), column->accumulator[v]);
    Loop loops[DOMAIN_MAX];
    int n = open_down(e, column, loops);
    for (int v = 0; v < column->blocks; v++) {
        set_column(e, column, v, tail);
        LLVMValueRef x = emit_splat(e, emit_value(e, node->operands[0], &column->of_operand, NULL));
        LLVMValueRef sum = LLVMBuildLoad2(e->builder, column->vector, column->accumulator[v], "");
        sum = combine(e, node, sum, x);
        LLVMBuildStore(e->builder, sum, column->accumulator[v]);
        e->n_emitted = scope;
    }
    while (n > 0) emit_loop_end(e, &loops[--n]);
    for (int v = 0; v < column->blocks; v++) {
        set_column(e, column, v, tail);
        LLVMValueRef sum = LLVMBuildLoad2(e->builder, column->vector, column->accumulator[v], "");
        emit_store(e, emit_buffer(e, column->core->value, true), &column->core->access, sum);
    }
    e->mask = NULL;
    e->width = 1;
    e->n_emitted = scope;
}

/* The indices of the result's outer axes from their number counted through. */
static void set_kept(Emitter *e, const Column *column, LLVMValueRef number) {
    for (int i = column->n_kept; i-- > 0;) {
        LLVMValueRef extent = emit_i64(e, e->group_extent[column->kept[i]]);
        e->index[column->kept[i]] = LLVMBuildURem(e->builder, number, extent, "");
        number = LLVMBuildUDiv(e->builder, number, extent, "");
    }
}

/* Blocks of columns, which threads share. */
static void sum_blocks(Emitter *e, Column *column, int64_t outer_size) {
    int64_t columns = e->group_extent[e->vector_group], wide = (int64_t)BLOCK * e->lanes;
    int64_t blocks = (columns + wide - 1) / wide;
    LLVMValueRef from, to;
    emit_share(e, outer_size * blocks, 1, &from, &to);
    Loop loop = emit_loop_begin(e, from, to, 1, "block");
    LLVMValueRef count = emit_i64(e, blocks);
    column->first_column =
        LLVMBuildMul(e->builder, LLVMBuildURem(e->builder, loop.counter, count, ""), emit_i64(e, wide), "");
    set_kept(e, column, LLVMBuildUDiv(e->builder, loop.counter, count, ""));
    LLVMBasicBlockRef whole = emit_new_block(e, "whole");
    LLVMBasicBlockRef part = emit_new_block(e, "part");
    LLVMBasicBlockRef done = emit_new_block(e, "next");
    LLVMValueRef end = LLVMBuildAdd(e->builder, column->first_column, emit_i64(e, wide), "");
    LLVMBuildCondBr(e->builder, LLVMBuildICmp(e->builder, LLVMIntSLE, end, emit_i64(e, columns), ""), whole,
                    part);
    LLVMPositionBuilderAtEnd(e->builder, whole);
    column->blocks = BLOCK;
    if (columns >= wide) sum_block(e, column, false);
    LLVMBuildBr(e->builder, done);
    LLVMPositionBuilderAtEnd(e->builder, part);
    column->blocks = (int)((columns % wide + e->lanes - 1) / e->lanes);
    if (column->blocks > 0) sum_block(e, column, columns % e->lanes != 0);
    LLVMBuildBr(e->builder, done);
    LLVMPositionBuilderAtEnd(e->builder, done);
    emit_loop_end(e, &loop);
}

/* ---- whole rows ------------------------------------------------------------------------------------------------- */

/* So many results along the outer axes are enough to share; so many columns have their sums in L1. */
enum { ENOUGH = 16, MOST_COLUMNS = 4096 };

typedef struct {
    Column *column;
    LLVMValueRef sums; /* of all columns, on the stack */
    bool finish;
} Rows;

static void row_vector(Emitter *e, void *user) {
    Rows *rows = user;
    const KernelMember *core = rows->column->core;
    const Node *node = func_node(e->func, core->value);
    LLVMTypeRef type = emit_type(e, node->type.dtype);
    LLVMValueRef at = LLVMBuildGEP2(e->builder, type, rows->sums, &e->index[e->vector_group], 1, "");
    LLVMValueRef sum = LLVMBuildLoad2(e->builder, rows->column->vector, at, "");
    if (rows->finish) {
        emit_store(e, emit_buffer(e, core->value, true), &core->access, sum);
        return;
    }
    LLVMValueRef x = emit_splat(e, emit_value(e, node->operands[0], &rows->column->of_operand, NULL));
    LLVMBuildStore(e->builder, combine(e, node, sum, x), at);
}

/* Reads rows from end to end, as memory likes it, and keeps the sums of all columns in L1. */
static void sum_rows(Emitter *e, Column *column, LLVMValueRef sums) {
    const Node *node = func_node(e->func, column->core->value);
    int64_t columns = e->group_extent[e->vector_group];
    size_t scope = e->n_emitted;
    Rows rows = {.column = column, .sums = sums};
    LLVMTypeRef type = emit_type(e, node->type.dtype);
    Loop clear = emit_loop_begin(e, emit_i64(e, 0), emit_i64(e, columns + e->lanes - 1), e->lanes, "clear");
    e->width = e->lanes;
    LLVMBuildStore(e->builder, emit_splat(e, neutral(e, node)),
                   LLVMBuildGEP2(e->builder, type, sums, &clear.counter, 1, ""));
    e->width = 1;
    emit_loop_end(e, &clear);
    Loop loops[DOMAIN_MAX];
    int n = open_down(e, column, loops);
    emit_hoist(e, node->operands[0], &column->of_operand);
    emit_vector_loop(e, emit_i64(e, 0), emit_i64(e, columns), columns, row_vector, &rows);
    while (n > 0) emit_loop_end(e, &loops[--n]);
    e->n_emitted = scope;
    rows.finish = true;
    emit_vector_loop(e, emit_i64(e, 0), emit_i64(e, columns), columns, row_vector, &rows);
}

/* ---- the kernel -------------------------------------------------------------------------------------------------- */

void emit_column_kernel(Emitter *e) {
    Column column = {.core = &e->kernel->members[0]};
    const Node *node = func_node(e->func, column.core->value);
    column.of_operand = e->kernel->uses[0].access;
    column.vector = LLVMVectorType(emit_type(e, node->type.dtype), (unsigned)e->lanes);
    int64_t outer_size = 1, columns = e->group_extent[e->vector_group];
    for (int g = 0; g < e->vector_group; g++) {
        bool kept = access_uses_loop(&column.core->access, e->last_of[g]);
        if (kept)
            outer_size *= e->group_extent[column.kept[column.n_kept++] = g];
        else
            column.down[column.n_down++] = g;
    }
    LLVMBasicBlockRef here = LLVMGetInsertBlock(e->builder), entry = LLVMGetEntryBasicBlock(e->function);
    LLVMPositionBuilderBefore(e->builder, LLVMGetBasicBlockTerminator(entry));
    bool whole_rows = outer_size >= ENOUGH && columns <= MOST_COLUMNS && columns > e->lanes;
    LLVMValueRef sums = NULL;
    if (whole_rows)
        sums = LLVMBuildArrayAlloca(e->builder, column.vector,
                                    emit_i64(e, (columns + e->lanes - 1) / e->lanes), "sums");
    for (int v = 0; !whole_rows && v < BLOCK; v++)
        column.accumulator[v] = LLVMBuildAlloca(e->builder, column.vector, "sum");
    LLVMPositionBuilderAtEnd(e->builder, here);
    e->width = 1;
    if (!whole_rows) {
        sum_blocks(e, &column, outer_size);
        return;
    }
    LLVMValueRef from, to;
    emit_share(e, outer_size, 1, &from, &to);
    Loop loop = emit_loop_begin(e, from, to, 1, "outer");
    set_kept(e, &column, loop.counter);
    sum_rows(e, &column, sums);
    emit_loop_end(e, &loop);
}
