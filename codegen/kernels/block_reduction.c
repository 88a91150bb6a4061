/* Reductions of blocks: see block_reduction.h. */
#include "codegen/kernels/block_reduction.h"

bool emit_is_block_reduction(const Emitter *e, const KernelMember *member) {
    return op_is_block_reduction(func_node(e->func, member->value)->op);
}

int64_t emit_block_grain(const Emitter *e) {
    ValueId reduction = kernel_block_reduction(e->func, e->kernel);
    const Node *node = reduction == IR_NONE ? NULL : func_node(e->func, reduction);
    return node && node->op == OP_sum_rows ? sum_rows_attrs(node)->rows : 1;
}

static int64_t columns_of(const Emitter *e, const Node *node) {
    const Type *x = func_type(e->func, node->operands[0]);
    return x->dim[x->rank - 1];
}

/* The row, or the column, of n, where the loops are. */
static LLVMValueRef place(Emitter *e, int64_t n, bool column) {
    LLVMValueRef sum = build_i64(e->fb, 0);
    for (int g = 0; g < e->nest.n; g++) {
        int64_t stride = domain_stride(&e->kernel->domain, e->nest.last[g]);
        if ((stride < n) != column) continue;
        LLVMValueRef step = build_i64(e->fb, column ? stride : stride / n);
        sum = LLVMBuildAdd(e->fb->builder, sum, LLVMBuildMul(e->fb->builder, e->nest.index[g], step, ""), "");
    }
    return sum;
}

LLVMValueRef emit_block_operand(Emitter *e, const KernelMember *member, int operand) {
    const Node *node = func_node(e->func, member->value);
    const Access *access = kernel_block_operand(e->func, e->kernel, operand);
    return emit_splat(e, emit_value(e, node->operands[operand], access, NULL));
}

static LLVMValueRef sums_place(Emitter *e, const KernelMember *member, int operand, LLVMValueRef block,
                               LLVMValueRef column) {
    FunctionBuilder *fb = e->fb;
    const Node *node = func_node(e->func, member->value);
    LLVMValueRef line = build_scaled(fb, block, node->n_operands);
    line = build_add(fb, line, build_i64(fb, operand));
    line = build_add(fb, build_scaled(fb, line, columns_of(e, node)), column);
    return build_f32_at(fb, emit_pointer(e, member->value, true), line);
}

static void store_sums(Emitter *e, LLVMValueRef sums, LLVMValueRef to) {
    if (e->lanes.mask)
        build_masked_store(e->fb, sums, to, 4, e->lanes.mask);
    else
        build_store(e->fb, sums, to);
}

void emit_block_sums(Emitter *e, const KernelMember *member, int operand, LLVMValueRef row,
                     LLVMValueRef column, LLVMValueRef sums) {
    LLVMValueRef rows = build_i64(e->fb, sum_rows_attrs(func_node(e->func, member->value))->rows);
    LLVMValueRef block = LLVMBuildUDiv(e->fb->builder, row, rows, "");
    store_sums(e, sums, sums_place(e, member, operand, block, column));
}

void emit_sum_rows(Emitter *e, const KernelMember *member) {
    FunctionBuilder *fb = e->fb;
    const Node *node = func_node(e->func, member->value);
    int64_t n = columns_of(e, node);
    LLVMTypeRef vector = build_vector_type(LLVMFloatTypeInContext(fb->context), e->lanes.width);
    LLVMValueRef row = place(e, n, false), column = place(e, n, true),
                 rows = build_i64(fb, sum_rows_attrs(node)->rows);
    LLVMValueRef in_block = LLVMBuildURem(fb->builder, row, rows, "");
    LLVMValueRef fresh = LLVMBuildICmp(fb->builder, LLVMIntEQ, in_block, build_i64(fb, 0), "");
    LLVMValueRef block = LLVMBuildUDiv(fb->builder, row, rows, "");
    for (int o = 0; o < node->n_operands; o++) {
        LLVMValueRef x = emit_block_operand(e, member, o);
        LLVMValueRef to = sums_place(e, member, o, block, column);
        LLVMValueRef before =
            e->lanes.mask ? build_masked_load(fb, vector, to, 4, e->lanes.mask) : build_load(fb, vector, to);
        before = LLVMBuildSelect(fb->builder, fresh, LLVMConstNull(vector), before, "");
        store_sums(e, LLVMBuildFAdd(fb->builder, before, x, ""), to);
    }
}

/* ---- moments ----------------------------------------------------------------------------------------------------- */

static LLVMValueRef sum_lanes(FunctionBuilder *fb, LLVMValueRef vector) {
    LLVMValueRef args[] = {LLVMConstReal(LLVMFloatTypeInContext(fb->context), -0.0), vector};
    LLVMValueRef sum = build_intrinsic(fb, "llvm.vector.reduce.fadd", LLVMTypeOf(vector), args, 2);
    LLVMSetFastMathFlags(sum, LLVMFastMathAllowReassoc); /* as a tree, of a form that the target fixes */
    return sum;
}

/* Of the number v of a row's vectors of `columns`, the lanes that are there; NULL: all. */
static LLVMValueRef lanes_there(FunctionBuilder *fb, int64_t columns, int v) {
    if ((v + 1) * fb->lanes <= columns) return NULL;
    return build_lanes_below(fb, fb->lanes, (int64_t)v * fb->lanes, build_i64(fb, columns));
}

/* The lanes that are there of vector v, zeros in the others. */
static LLVMValueRef only_there(FunctionBuilder *fb, int64_t columns, int v, LLVMValueRef x) {
    LLVMValueRef there = lanes_there(fb, columns, v);
    return there ? LLVMBuildSelect(fb->builder, there, x, LLVMConstNull(LLVMTypeOf(x)), "") : x;
}

static int vectors_of(FunctionBuilder *fb, int64_t columns) {
    return (int)((columns + fb->lanes - 1) / fb->lanes);
}

void emit_moments(Emitter *e, const KernelMember *member, LLVMValueRef first, const LLVMValueRef *x) {
    FunctionBuilder *fb = e->fb;
    LLVMBuilderRef b = fb->builder;
    const Node *node = func_node(e->func, member->value);
    int64_t columns = moments_attrs(node)->columns, n = columns_of(e, node);
    LLVMValueRef zero = LLVMConstNull(build_f32_vector(fb)), sum = zero, squares = zero;
    for (int v = 0; v < vectors_of(fb, columns); v++)
        sum = LLVMBuildFAdd(b, sum, only_there(fb, columns, v, x[v]), "");
    sum = sum_lanes(fb, sum);
    LLVMValueRef size = LLVMConstReal(LLVMFloatTypeInContext(fb->context), (double)columns);
    LLVMValueRef mean = build_splat(fb, fb->lanes, LLVMBuildFDiv(b, sum, size, ""));
    for (int v = 0; v < vectors_of(fb, columns); v++) {
        LLVMValueRef d = LLVMBuildFSub(b, x[v], mean, "");
        squares = LLVMBuildFAdd(b, squares, only_there(fb, columns, v, LLVMBuildFMul(b, d, d, "")), "");
    }
    squares = sum_lanes(fb, squares);
    LLVMValueRef panel = LLVMBuildUDiv(b, first, build_i64(fb, columns), "");
    LLVMValueRef index = build_scaled(fb, place(e, n, false), n / columns);
    index = build_scaled(fb, build_add(fb, index, panel), 2);
    LLVMValueRef out = emit_pointer(e, member->value, true);
    build_store(fb, sum, build_f32_at(fb, out, index));
    build_store(fb, squares, build_f32_at(fb, out, build_add(fb, index, build_i64(fb, 1))));
}

void emit_row_moments(Emitter *e, const KernelMember *member) {
    FunctionBuilder *fb = e->fb;
    const Node *node = func_node(e->func, member->value);
    int64_t columns = moments_attrs(node)->columns, n = columns_of(e, node);
    int vectors = vectors_of(fb, columns);
    LLVMValueRef *x = ARENA_ARRAY(e->arena, LLVMValueRef, vectors);
    Loop loop = build_loop_begin(fb, build_i64(fb, 0), build_i64(fb, n), columns, "panel");
    for (int v = 0; v < vectors; v++) {
        Scope scope = emit_vectors_begin(e, lanes_there(fb, columns, v));
        e->nest.index[e->nest.vector] = build_add(fb, loop.counter, build_i64(fb, v * fb->lanes));
        x[v] = emit_block_operand(e, member, 0);
        emit_scope_end(e, scope);
    }
    emit_moments(e, member, loop.counter, x);
    build_loop_end(fb, &loop);
}
