/* Bodies of column kernels: sums (or the largest) over the middle axis of [outer, R, inner]. Threads share the results;
 * a thread takes a block of columns and runs down their rows with the sums in registers. */
#include "codegen/emit.h"

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

/* Runs down the rows for one block of `column->blocks` vectors; `tail`: some lanes are out of range. */
static void sum_block(Emitter *e, Column *column, bool tail) {
    const Node *node = func_node(e->func, column->core->value);
    size_t scope = e->n_emitted;
    bool is_float = dtype_is_float(node->type.dtype), largest = node->op == OP_amax;
    LLVMTypeRef type = emit_type(e, node->type.dtype);
    LLVMValueRef start = LLVMConstNull(type);
    if (largest)
        start = is_float ? LLVMConstReal(type, -__builtin_inf())
                         : LLVMConstInt(type, 1ull << (8 * dtype_size(node->type.dtype) - 1), false);
    e->width = e->lanes;
    for (int v = 0; v < column->blocks; v++)
        LLVMBuildStore(e->builder, emit_splat(e, start), column->accumulator[v]);
    Loop loops[DOMAIN_MAX];
    int n = 0;
    for (; n < column->n_down; n++) {
        int g = column->down[n];
        loops[n] = emit_loop_begin(e, emit_i64(e, 0), emit_i64(e, e->group_extent[g]), 1, "down");
        e->index[g] = loops[n].counter;
    }
    for (int v = 0; v < column->blocks; v++) {
        set_column(e, column, v, tail);
        LLVMValueRef x = emit_splat(e, emit_value(e, node->operands[0], &column->of_operand, NULL));
        LLVMValueRef sum = LLVMBuildLoad2(e->builder, column->vector, column->accumulator[v], "");
        if (largest)
            sum = emit_maximum(e, sum, x, true);
        else
            sum = is_float ? LLVMBuildFAdd(e->builder, sum, x, "") : LLVMBuildAdd(e->builder, sum, x, "");
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

void emit_column_kernel(Emitter *e) {
    Column column = {.core = &e->kernel->members[0]};
    const Node *node = func_node(e->func, column.core->value);
    column.of_operand = e->kernel->uses[0].access;
    column.vector = LLVMVectorType(emit_type(e, node->type.dtype), (unsigned)e->lanes);
    LLVMBasicBlockRef here = LLVMGetInsertBlock(e->builder), entry = LLVMGetEntryBasicBlock(e->function);
    LLVMPositionBuilderBefore(e->builder, LLVMGetBasicBlockTerminator(entry));
    for (int v = 0; v < BLOCK; v++) column.accumulator[v] = LLVMBuildAlloca(e->builder, column.vector, "sum");
    LLVMPositionBuilderAtEnd(e->builder, here);

    int64_t outer_size = 1, columns = e->group_extent[e->vector_group], wide = (int64_t)BLOCK * e->lanes;
    for (int g = 0; g < e->vector_group; g++) {
        bool kept = access_uses_loop(&column.core->access, e->last_of[g]);
        if (kept)
            outer_size *= e->group_extent[column.kept[column.n_kept++] = g];
        else
            column.down[column.n_down++] = g;
    }
    int64_t blocks = (columns + wide - 1) / wide;
    LLVMValueRef from, to;
    e->width = 1;
    emit_share(e, outer_size * blocks, 1, &from, &to);
    Loop loop = emit_loop_begin(e, from, to, 1, "block");
    LLVMValueRef count = emit_i64(e, blocks);
    column.first_column =
        LLVMBuildMul(e->builder, LLVMBuildURem(e->builder, loop.counter, count, ""), emit_i64(e, wide), "");
    LLVMValueRef row = LLVMBuildUDiv(e->builder, loop.counter, count, "");
    for (int i = column.n_kept; i-- > 0;) {
        LLVMValueRef extent = emit_i64(e, e->group_extent[column.kept[i]]);
        e->index[column.kept[i]] = LLVMBuildURem(e->builder, row, extent, "");
        row = LLVMBuildUDiv(e->builder, row, extent, "");
    }
    LLVMBasicBlockRef whole = emit_new_block(e, "whole");
    LLVMBasicBlockRef part = emit_new_block(e, "part");
    LLVMBasicBlockRef done = emit_new_block(e, "next");
    LLVMValueRef end = LLVMBuildAdd(e->builder, column.first_column, emit_i64(e, wide), "");
    LLVMBuildCondBr(e->builder, LLVMBuildICmp(e->builder, LLVMIntSLE, end, emit_i64(e, columns), ""), whole,
                    part);
    LLVMPositionBuilderAtEnd(e->builder, whole);
    column.blocks = BLOCK;
    if (columns >= wide) sum_block(e, &column, false);
    LLVMBuildBr(e->builder, done);
    LLVMPositionBuilderAtEnd(e->builder, part);
    column.blocks = (int)((columns % wide + e->lanes - 1) / e->lanes);
    if (column.blocks > 0) sum_block(e, &column, columns % e->lanes != 0);
    LLVMBuildBr(e->builder, done);
    LLVMPositionBuilderAtEnd(e->builder, done);
    emit_loop_end(e, &loop);
}
