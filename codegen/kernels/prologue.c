/* Prologues of products: see prologue.h.
 *
 * The loops are those that the kernel would have if it stood alone (loops.c), so that its bits stay: what depends on no loop is computed
 * before all of them, what does not depend on the vector loop before that. Only which rows and columns they run over is the product's
 * choice, and that the results go to a buffer of a panel's rows. */
#include "codegen/kernels/prologue.h"
#include "codegen/gemm/panels.h"
#include "ir/plan/prologue.h"

struct Prologue {
    Emitter inner; /* the emitter while the loops are being emitted */
    const KernelMember *made;
    int first_along; /* group; those before it make up the rows */
    LLVMTypeRef element;
};

/* What the inner emitter shares with the outer one is what the function has only one of: its buffers. */
static Emitter enter(Emitter *e, const Prologue *prologue) {
    Emitter outer = *e;
    *e = prologue->inner;
    e->buffers = outer.buffers;
    e->n_buffers = outer.n_buffers;
    e->buffers_capacity = outer.buffers_capacity;
    return outer;
}

static void leave(Emitter *e, Prologue *prologue, Emitter outer) {
    outer.buffers = e->buffers;
    outer.n_buffers = e->n_buffers;
    outer.buffers_capacity = e->buffers_capacity;
    prologue->inner = *e;
    *e = outer;
}

Prologue *prologue_begin(Emitter *e) {
    Prologue *prologue = ARENA_NEW(e->arena, Prologue);
    ValueId core = e->kernel->core;
    prologue->inner = *e;
    prologue->inner.kernel = e->kernel->prologue;
    prologue->inner.emitted = NULL;
    prologue->inner.n_emitted = prologue->inner.emitted_capacity = 0;
    prologue->inner.met = NULL;
    prologue->inner.width = 1;
    prologue->inner.mask = NULL;
    const Type *operand = func_type(e->func, func_node(e->func, core)->operands[0]);
    Emitter outer = enter(e, prologue);
    emit_group_loops(e, operand->dim[operand->rank - 2]);
    int last_row = prologue_last_row(e->func, core, e->kernel);
    prologue->first_along = last_row < 0 ? 0 : e->group[last_row] + 1;
    prologue->made = &e->kernel->members[0];
    prologue->element = panels_element(e, func_type(e->func, prologue->made->value)->dtype);
    emit_hoist_kernel(e, prologue->made->value, &prologue->made->access);
    leave(e, prologue, outer);
    return prologue;
}

typedef struct {
    const Prologue *prologue;
    LLVMValueRef
        row; /* where the whole value would begin for the row's elements to lie where they are wanted */
} RowPlace;

static void store_elements(Emitter *e, void *user) {
    const RowPlace *place = user;
    const KernelMember *made = place->prologue->made;
    Buffer buffer = {.value = made->value, .stored = true, .pointer = place->row};
    LLVMValueRef value = emit_value(e, made->value, &made->access, NULL);
    emit_store(e, &buffer, &made->access, value);
}

static LLVMValueRef nearest(Emitter *e, const char *which, LLVMValueRef a, LLVMValueRef b) {
    return emit_intrinsic(e, which, LLVMInt64TypeInContext(e->context), (LLVMValueRef[]){a, b}, 2);
}

/* Columns [column, end) of the row that the indices say, of pieces of `piece` columns: in runs of the vector loop. */
static void emit_columns(Emitter *e, RowPlace *place, LLVMValueRef column, LLVMValueRef end, int64_t piece) {
    LLVMBuilderRef b = e->builder;
    const KernelMember *made = place->prologue->made;
    int first = place->prologue->first_along, vector = e->vector_group;
    int64_t length = e->group_extent[vector], extent = length;
    if (piece % length && piece % e->lanes) extent = length / e->lanes * e->lanes + 1; /* it has a tail */
    if (first == vector) {
        emit_hoist(e, made->value, &made->access);
        emit_vector_loop(e, column, end, extent, store_elements, place);
        return;
    }
    LLVMValueRef size = emit_i64(e, length), from = emit_i64(e, 0), to = size;
    LLVMValueRef runs = LLVMBuildUDiv(b, LLVMBuildAdd(b, end, emit_i64(e, length - 1), ""), size, "");
    Loop run = emit_loop_begin(e, LLVMBuildUDiv(b, column, size, ""), runs, 1, "run");
    size_t scope = e->n_emitted;
    emit_unflatten(e, run.counter, first, vector);
    if (piece % length) {
        LLVMValueRef before = LLVMBuildMul(b, run.counter, size, "");
        from = nearest(e, "llvm.smax", LLVMBuildSub(b, column, before, ""), from);
        to = nearest(e, "llvm.smin", LLVMBuildSub(b, end, before, ""), to);
    }
    emit_hoist(e, made->value, &made->access);
    emit_vector_loop(e, from, to, extent, store_elements, place);
    e->n_emitted = scope;
    emit_loop_end(e, &run);
}

void prologue_emit(Emitter *e, void *user, LLVMValueRef row, LLVMValueRef rows, LLVMValueRef column,
                   LLVMValueRef columns, int64_t piece, LLVMValueRef to, int64_t stride) {
    Prologue *prologue = user;
    Emitter outer = enter(e, prologue);
    LLVMBuilderRef b = e->builder;
    int64_t k = 1;
    for (int g = prologue->first_along; g < e->n_groups; g++) k *= e->group_extent[g];
    Loop loop = emit_loop_begin(e, emit_i64(e, 0), rows, 1, "row");
    size_t scope = e->n_emitted;
    LLVMValueRef at_row = LLVMBuildAdd(b, row, loop.counter, "");
    emit_unflatten(e, at_row, 0, prologue->first_along);
    /* Element (r, c) of the whole value is number r·k + c. */
    LLVMValueRef before = LLVMBuildAdd(b, LLVMBuildMul(b, at_row, emit_i64(e, k), ""), column, "");
    LLVMValueRef offset = LLVMBuildMul(b, loop.counter, emit_i64(e, stride), "");
    offset = LLVMBuildSub(b, offset, before, "");
    RowPlace place = {prologue, LLVMBuildGEP2(b, prologue->element, to, &offset, 1, "")};
    if (piece >= k) {
        piece = k;
        column = emit_i64(e, 0);
        columns = emit_i64(e, k);
    }
    emit_columns(e, &place, column, LLVMBuildAdd(b, column, columns, ""), piece);
    e->n_emitted = scope;
    emit_loop_end(e, &loop);
    leave(e, prologue, outer);
}
