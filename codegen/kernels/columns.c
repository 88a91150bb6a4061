/* Bodies of column kernels: sums (or the largest) over the middle axis of [outer, R, inner]. Threads share the results;
 * a thread takes a block of columns and runs down their rows with the sums in registers. */
#include "codegen/kernels/kernels.h"
#include "codegen/kernels/reduction.h"

enum { BLOCK = 4 }; /* vectors of columns at a time */

typedef struct {
    const KernelMember *core;
    const Node *node; /* of the core */
    Access of_operand;
    LLVMValueRef accumulator[BLOCK]; /* stack slots */
    LLVMTypeRef vector;
    int blocks;                   /* vectors in this block */
    int n_kept, kept[DOMAIN_MAX]; /* loops that the result depends on, other than that of the columns */
    int n_down, down[DOMAIN_MAX]; /* loops that are summed over */
    LLVMValueRef first_column;
} Column;

/* Opens the loops that are summed over. */
static int open_down(Emitter *e, const Column *column, Loop *loops) {
    for (int n = 0; n < column->n_down; n++) {
        int g = column->down[n];
        loops[n] =
            build_loop_begin(e->fb, build_i64(e->fb, 0), build_i64(e->fb, e->nest.extent[g]), 1, "down");
        e->nest.index[g] = loops[n].counter;
    }
    return column->n_down;
}

/* The vector of the operand where the loops are. */
static LLVMValueRef operand(Emitter *e, const Column *column) {
    return emit_splat(e, emit_value(e, column->node->operands[0], &column->of_operand, NULL));
}

/* ---- blocks of columns ------------------------------------------------------------------------------------------- */

/* Vector v of the block is worked on until the scope ends; `tail`: some lanes are out of range. */
static Scope begin_vector(Emitter *e, const Column *column, int v, bool tail) {
    FunctionBuilder *fb = e->fb;
    int g = e->nest.vector;
    LLVMValueRef mask = NULL;
    e->nest.index[g] = build_add(fb, column->first_column, build_i64(fb, (int64_t)v * fb->lanes));
    if (tail) {
        LLVMValueRef left = LLVMBuildSub(fb->builder, build_i64(fb, e->nest.extent[g]), e->nest.index[g], "");
        mask = build_lanes_below(fb, fb->lanes, 0, left);
    }
    return emit_vectors_begin(e, mask);
}

/* Runs down the rows for one block of `column->blocks` vectors. */
static void sum_block(Emitter *e, Column *column, bool tail) {
    FunctionBuilder *fb = e->fb;
    Scope block = emit_scope_begin(e);
    for (int v = 0; v < column->blocks; v++)
        LLVMBuildStore(fb->builder, build_splat(fb, fb->lanes, reduction_identity(fb, column->node)),
                       column->accumulator[v]);
    Loop loops[DOMAIN_MAX];
    int n = open_down(e, column, loops);
    for (int v = 0; v < column->blocks; v++) {
        Scope scope = begin_vector(e, column, v, tail);
        LLVMValueRef x = operand(e, column);
        LLVMValueRef sum = LLVMBuildLoad2(fb->builder, column->vector, column->accumulator[v], "");
        sum = reduction_combine(fb, column->node, sum, x);
        LLVMBuildStore(fb->builder, sum, column->accumulator[v]);
        emit_scope_end(e, scope);
    }
    while (n > 0) build_loop_end(fb, &loops[--n]);
    for (int v = 0; v < column->blocks; v++) {
        Scope scope = begin_vector(e, column, v, tail);
        LLVMValueRef sum = LLVMBuildLoad2(fb->builder, column->vector, column->accumulator[v], "");
        emit_store(e, column->core->value, &column->core->access, sum);
        emit_scope_end(e, scope);
    }
    emit_scope_end(e, block);
}

/* The indices of the result's outer axes from their number counted through. */
static void set_kept(Emitter *e, const Column *column, LLVMValueRef number) {
    for (int i = column->n_kept; i-- > 0;) {
        LLVMValueRef extent = build_i64(e->fb, e->nest.extent[column->kept[i]]);
        e->nest.index[column->kept[i]] = LLVMBuildURem(e->fb->builder, number, extent, "");
        number = LLVMBuildUDiv(e->fb->builder, number, extent, "");
    }
}

/* Blocks of columns, which threads share. */
static void sum_blocks(Emitter *e, Column *column, int64_t outer_size) {
    FunctionBuilder *fb = e->fb;
    LLVMBuilderRef b = fb->builder;
    int64_t columns = e->nest.extent[e->nest.vector], wide = (int64_t)BLOCK * fb->lanes;
    int64_t blocks = (columns + wide - 1) / wide;
    LLVMValueRef from, to;
    build_share(fb, outer_size * blocks, 1, &from, &to);
    Loop loop = build_loop_begin(fb, from, to, 1, "block");
    LLVMValueRef count = build_i64(fb, blocks);
    column->first_column = build_scaled(fb, LLVMBuildURem(b, loop.counter, count, ""), wide);
    set_kept(e, column, LLVMBuildUDiv(b, loop.counter, count, ""));
    LLVMValueRef end = build_add(fb, column->first_column, build_i64(fb, wide));
    Fork whole = build_if_else(fb, LLVMBuildICmp(b, LLVMIntSLE, end, build_i64(fb, columns), ""));
    column->blocks = BLOCK;
    if (columns >= wide) sum_block(e, column, false);
    build_else(fb, &whole);
    column->blocks = (int)((columns % wide + fb->lanes - 1) / fb->lanes);
    if (column->blocks > 0) sum_block(e, column, columns % fb->lanes != 0);
    build_end_if(fb, &whole);
    build_loop_end(fb, &loop);
}

/* ---- whole rows -------------------------------------------------------------------------------------------------- */

/* So many results along the outer axes are enough to share; so many columns have their sums in L1. */
enum { ENOUGH = 16, MOST_COLUMNS = 4096 };

typedef struct {
    Column *column;
    LLVMValueRef sums; /* of all columns, on the stack */
    bool finish;
} Rows;

static LLVMValueRef sum_at(Emitter *e, const Rows *rows, LLVMValueRef column) {
    return build_element(e->fb, build_type(e->fb, rows->column->node->type.dtype), rows->sums, column);
}

static void row_vector(Emitter *e, void *user) {
    Rows *rows = user;
    FunctionBuilder *fb = e->fb;
    const KernelMember *core = rows->column->core;
    LLVMValueRef at = sum_at(e, rows, e->nest.index[e->nest.vector]);
    LLVMValueRef sum = LLVMBuildLoad2(fb->builder, rows->column->vector, at, "");
    if (rows->finish)
        emit_store(e, core->value, &core->access, sum);
    else
        LLVMBuildStore(fb->builder, reduction_combine(fb, rows->column->node, sum, operand(e, rows->column)),
                       at);
}

/* Reads rows from end to end, as memory likes it, and keeps the sums of all columns in L1. */
static void sum_rows(Emitter *e, Column *column, LLVMValueRef sums) {
    FunctionBuilder *fb = e->fb;
    int64_t columns = e->nest.extent[e->nest.vector];
    Scope scope = emit_scope_begin(e);
    Rows rows = {.column = column, .sums = sums};
    Loop clear =
        build_loop_begin(fb, build_i64(fb, 0), build_i64(fb, columns + fb->lanes - 1), fb->lanes, "clear");
    LLVMValueRef none = build_splat(fb, fb->lanes, reduction_identity(fb, column->node));
    LLVMBuildStore(fb->builder, none, sum_at(e, &rows, clear.counter));
    build_loop_end(fb, &clear);
    Loop loops[DOMAIN_MAX];
    int n = open_down(e, column, loops);
    emit_hoist(e, column->node->operands[0], &column->of_operand);
    emit_vector_loop(e, build_i64(fb, 0), build_i64(fb, columns), columns, row_vector, &rows);
    while (n > 0) build_loop_end(fb, &loops[--n]);
    emit_scope_end(e, scope);
    rows.finish = true;
    emit_vector_loop(e, build_i64(fb, 0), build_i64(fb, columns), columns, row_vector, &rows);
}

/* ---- the kernel -------------------------------------------------------------------------------------------------- */

void emit_column_kernel(Emitter *e) {
    FunctionBuilder *fb = e->fb;
    Column column = {.core = &e->kernel->members[0]};
    column.node = func_node(e->func, column.core->value);
    column.of_operand = e->kernel->uses[0].access;
    column.vector = reduction_vector(fb, column.node);
    int64_t outer_size = 1, columns = e->nest.extent[e->nest.vector];
    for (int g = 0; g < e->nest.vector; g++) {
        bool kept = access_uses_loop(&column.core->access, e->nest.last[g]);
        if (kept)
            outer_size *= e->nest.extent[column.kept[column.n_kept++] = g];
        else
            column.down[column.n_down++] = g;
    }
    bool whole_rows = outer_size >= ENOUGH && columns <= MOST_COLUMNS && columns > fb->lanes;
    if (!whole_rows) {
        for (int v = 0; v < BLOCK; v++) column.accumulator[v] = build_stack_slot(fb, column.vector, "sum");
        sum_blocks(e, &column, outer_size);
        return;
    }
    LLVMValueRef sums = build_stack_array(fb, column.vector, (columns + fb->lanes - 1) / fb->lanes, "sums");
    LLVMValueRef from, to;
    build_share(fb, outer_size, 1, &from, &to);
    Loop loop = build_loop_begin(fb, from, to, 1, "outer");
    set_kept(e, &column, loop.counter);
    sum_rows(e, &column, sums);
    build_loop_end(fb, &loop);
}
