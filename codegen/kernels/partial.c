/* Partial reductions: see partial.h. */
#include "codegen/kernels/partial.h"

bool emit_is_partial(const Emitter *e, const KernelMember *member) {
    return op_is_partial(func_node(e->func, member->value)->op);
}

int64_t emit_partial_grain(const Emitter *e) {
    ValueId partial = kernel_partial(e->func, e->kernel);
    const Node *node = partial == IR_NONE ? NULL : func_node(e->func, partial);
    return node && node->op == OP_sum_rows ? node->attrs[0].i : 1;
}

static int64_t columns_of(const Emitter *e, const Node *node) {
    const Type *x = func_type(e->func, node->operands[0]);
    return x->dim[x->rank - 1];
}

/* The row, or the column, of n, where the loops are. */
static LLVMValueRef place(Emitter *e, int64_t n, bool column) {
    LLVMValueRef sum = emit_i64(e, 0);
    for (int g = 0; g < e->n_groups; g++) {
        int64_t stride = domain_stride(&e->kernel->domain, e->last_of[g]);
        if ((stride < n) != column) continue;
        LLVMValueRef step = emit_i64(e, column ? stride : stride / n);
        sum = LLVMBuildAdd(e->builder, sum, LLVMBuildMul(e->builder, e->index[g], step, ""), "");
    }
    return sum;
}

static LLVMValueRef at(Emitter *e, LLVMValueRef base, LLVMValueRef index) {
    return LLVMBuildGEP2(e->builder, LLVMFloatTypeInContext(e->context), base, &index, 1, "");
}

LLVMValueRef emit_partial_operand(Emitter *e, const KernelMember *member, int operand) {
    const Node *node = func_node(e->func, member->value);
    const Access *access = kernel_partial_operand(e->func, e->kernel, operand);
    return emit_splat(e, emit_value(e, node->operands[operand], access, NULL));
}

static LLVMValueRef sums_place(Emitter *e, const KernelMember *member, int operand, LLVMValueRef block,
                               LLVMValueRef column) {
    const Node *node = func_node(e->func, member->value);
    LLVMValueRef line = LLVMBuildMul(e->builder, block, emit_i64(e, node->n_operands), "");
    line = LLVMBuildAdd(e->builder, line, emit_i64(e, operand), "");
    line = LLVMBuildMul(e->builder, line, emit_i64(e, columns_of(e, node)), "");
    return at(e, emit_buffer(e, member->value, true)->pointer, LLVMBuildAdd(e->builder, line, column, ""));
}

static void store_sums(Emitter *e, LLVMValueRef sums, LLVMValueRef to) {
    if (e->mask)
        emit_masked_store(e, sums, to, 4, e->mask);
    else
        LLVMSetAlignment(LLVMBuildStore(e->builder, sums, to), 4);
}

void emit_block_sums(Emitter *e, const KernelMember *member, int operand, LLVMValueRef row,
                     LLVMValueRef column, LLVMValueRef sums) {
    LLVMValueRef rows = emit_i64(e, func_node(e->func, member->value)->attrs[0].i);
    LLVMValueRef block = LLVMBuildUDiv(e->builder, row, rows, "");
    store_sums(e, sums, sums_place(e, member, operand, block, column));
}

void emit_sum_rows(Emitter *e, const KernelMember *member) {
    const Node *node = func_node(e->func, member->value);
    int64_t n = columns_of(e, node);
    LLVMTypeRef vector = LLVMVectorType(LLVMFloatTypeInContext(e->context), (unsigned)e->width);
    LLVMValueRef row = place(e, n, false), column = place(e, n, true), rows = emit_i64(e, node->attrs[0].i);
    LLVMValueRef in_block = LLVMBuildURem(e->builder, row, rows, "");
    LLVMValueRef fresh = LLVMBuildICmp(e->builder, LLVMIntEQ, in_block, emit_i64(e, 0), "");
    LLVMValueRef block = LLVMBuildUDiv(e->builder, row, rows, "");
    for (int o = 0; o < node->n_operands; o++) {
        LLVMValueRef x = emit_partial_operand(e, member, o), before;
        LLVMValueRef to = sums_place(e, member, o, block, column);
        if (e->mask)
            before = emit_masked_load(e, vector, to, 4, e->mask);
        else
            LLVMSetAlignment(before = LLVMBuildLoad2(e->builder, vector, to, ""), 4);
        before = LLVMBuildSelect(e->builder, fresh, LLVMConstNull(vector), before, "");
        store_sums(e, LLVMBuildFAdd(e->builder, before, x, ""), to);
    }
}

/* ---- moments ----------------------------------------------------------------------------------------------------- */

static LLVMValueRef sum_lanes(Emitter *e, LLVMValueRef vector) {
    LLVMValueRef args[] = {LLVMConstReal(LLVMFloatTypeInContext(e->context), -0.0), vector};
    LLVMValueRef sum = emit_intrinsic(e, "llvm.vector.reduce.fadd", LLVMTypeOf(vector), args, 2);
    LLVMSetFastMathFlags(sum, LLVMFastMathAllowReassoc); /* as a tree, of a form that the target fixes */
    return sum;
}

/* Of the number v of a row's vectors of `columns`, the lanes that are there; NULL: all. */
static LLVMValueRef lanes_there(Emitter *e, int64_t columns, int v) {
    return (v + 1) * e->lanes <= columns ? NULL
                                         : emit_lanes_below(e, (int64_t)v * e->lanes, emit_i64(e, columns));
}

void emit_moments(Emitter *e, const KernelMember *member, LLVMValueRef first, const LLVMValueRef *x) {
    const Node *node = func_node(e->func, member->value);
    int64_t columns = node->attrs[0].i, n = columns_of(e, node);
    int vectors = (int)((columns + e->lanes - 1) / e->lanes), width = e->width;
    LLVMTypeRef vector = LLVMVectorType(LLVMFloatTypeInContext(e->context), (unsigned)e->lanes);
    LLVMValueRef zero = LLVMConstNull(vector), sum = zero, squares = zero;
    LLVMBuilderRef b = e->builder;
    e->width = e->lanes;
    for (int v = 0; v < vectors; v++) {
        LLVMValueRef there = lanes_there(e, columns, v);
        sum = LLVMBuildFAdd(b, sum, there ? LLVMBuildSelect(b, there, x[v], zero, "") : x[v], "");
    }
    sum = sum_lanes(e, sum);
    LLVMValueRef size = LLVMConstReal(LLVMFloatTypeInContext(e->context), (double)columns);
    LLVMValueRef mean = emit_splat(e, LLVMBuildFDiv(b, sum, size, ""));
    for (int v = 0; v < vectors; v++) {
        LLVMValueRef there = lanes_there(e, columns, v), d = LLVMBuildFSub(b, x[v], mean, "");
        d = LLVMBuildFMul(b, d, d, "");
        squares = LLVMBuildFAdd(b, squares, there ? LLVMBuildSelect(b, there, d, zero, "") : d, "");
    }
    squares = sum_lanes(e, squares);
    LLVMValueRef panel = LLVMBuildUDiv(b, first, emit_i64(e, columns), "");
    LLVMValueRef index = LLVMBuildMul(b, place(e, n, false), emit_i64(e, n / columns), "");
    index = LLVMBuildMul(b, LLVMBuildAdd(b, index, panel, ""), emit_i64(e, 2), "");
    LLVMValueRef out = emit_buffer(e, member->value, true)->pointer;
    LLVMSetAlignment(LLVMBuildStore(b, sum, at(e, out, index)), 4);
    index = LLVMBuildAdd(b, index, emit_i64(e, 1), "");
    LLVMSetAlignment(LLVMBuildStore(b, squares, at(e, out, index)), 4);
    e->width = width;
}

void emit_row_moments(Emitter *e, const KernelMember *member) {
    const Node *node = func_node(e->func, member->value);
    int64_t columns = node->attrs[0].i, n = columns_of(e, node);
    int vectors = (int)((columns + e->lanes - 1) / e->lanes);
    LLVMValueRef *x = ARENA_ARRAY(e->arena, LLVMValueRef, vectors);
    size_t scope = e->n_emitted;
    Loop loop = emit_loop_begin(e, emit_i64(e, 0), emit_i64(e, n), columns, "panel");
    e->width = e->lanes;
    for (int v = 0; v < vectors; v++) {
        e->mask = lanes_there(e, columns, v);
        e->index[e->vector_group] = LLVMBuildAdd(e->builder, loop.counter, emit_i64(e, v * e->lanes), "");
        x[v] = emit_partial_operand(e, member, 0);
        e->n_emitted = scope;
    }
    e->mask = NULL;
    emit_moments(e, member, loop.counter, x);
    e->width = 1;
    emit_loop_end(e, &loop);
}

/* ---- before the loops -------------------------------------------------------------------------------------------- */

static void hoist_stored(Emitter *e, const KernelMember *member,
                         void (*hoist)(Emitter *e, ValueId value, const Access *access)) {
    const Node *node = func_node(e->func, member->value);
    if (!op_is_partial(node->op)) {
        hoist(e, node->op == OP_pack ? node->operands[0] : member->value, &member->access);
        return;
    }
    for (int o = 0; o < node->n_operands; o++)
        hoist(e, node->operands[o], kernel_partial_operand(e->func, e->kernel, o));
}

void emit_hoist_stored(Emitter *e, const KernelMember *member) {
    hoist_stored(e, member, emit_hoist);
}

void emit_hoist_stored_kernel(Emitter *e, const KernelMember *member) {
    hoist_stored(e, member, emit_hoist_kernel);
}
