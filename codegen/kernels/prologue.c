/* Prologues of products: see prologue.h.
 *
 * The loops are those that the kernel would have if it stood alone (rows.c), so that its bits stay: what depends on no
 * loop is computed before all of them, what does not depend on the vector loop before that. Only which rows and columns
 * they run over is the product's choice, and that the results go to a buffer of a panel's rows. */
#include "codegen/kernels/prologue.h"
#include "ir/plan/prologue.h"

struct Prologue {
    Emitter inner; /* of the kernel that makes the operand */
    const KernelMember *made;
    int first_along; /* loop; those before it make up the rows */
    LLVMTypeRef element;
};

Prologue *prologue_begin(Emitter *e) {
    Prologue *prologue = ARENA_NEW(e->arena, Prologue);
    Emitter *inner = &prologue->inner;
    ValueId core = e->kernel->core;
    const Type *operand = func_type(e->func, func_node(e->func, core)->operands[0]);
    *inner = emitter_inside(e, e->kernel->prologue, operand->dim[operand->rank - 2]);
    int last_row = prologue_last_row(inner->func, core, inner->kernel);
    prologue->first_along = last_row < 0 ? 0 : inner->nest.of[last_row] + 1;
    prologue->made = &inner->kernel->members[0];
    prologue->element = build_memory_type(e->fb, func_type(e->func, prologue->made->value)->dtype);
    emit_hoist_kernel(inner, prologue->made->value, &prologue->made->access);
    return prologue;
}

typedef struct {
    const KernelMember *made;
    /* Where the whole value would begin for the row's elements to lie where they are wanted. */
    LLVMValueRef row;
} RowPlace;

static void store_elements(Emitter *e, void *user) {
    const RowPlace *place = user;
    const KernelMember *made = place->made;
    LLVMValueRef result = emit_value(e, made->value, &made->access, NULL);
    emit_store_to(e, place->row, made->value, &made->access, result);
}

/* Columns [column, end) of the row that the indices say, of blocks of `k_block` columns: in runs of the vector loop. */
static void emit_columns(Prologue *prologue, RowPlace *place, LLVMValueRef column, LLVMValueRef end,
                         int64_t k_block) {
    Emitter *e = &prologue->inner;
    FunctionBuilder *fb = e->fb;
    LLVMBuilderRef b = fb->builder;
    const KernelMember *made = prologue->made;
    int first = prologue->first_along, vector = e->nest.vector;
    int64_t length = e->nest.extent[vector], extent = length;
    if (k_block % length && k_block % fb->lanes)
        extent = length / fb->lanes * fb->lanes + 1; /* it has a tail */
    if (first == vector) {
        emit_hoist(e, made->value, &made->access);
        emit_vector_loop(e, column, end, extent, store_elements, place);
        return;
    }
    LLVMValueRef size = build_i64(fb, length), from = build_i64(fb, 0), to = size;
    LLVMValueRef runs = LLVMBuildUDiv(b, LLVMBuildAdd(b, end, build_i64(fb, length - 1), ""), size, "");
    Loop run = build_loop_begin(fb, LLVMBuildUDiv(b, column, size, ""), runs, 1, "run");
    Scope scope = emit_scope_begin(e);
    emit_unflatten(e, run.counter, first, vector);
    if (k_block % length) {
        LLVMValueRef before = build_mul(fb, run.counter, size);
        from = build_larger(fb, LLVMBuildSub(b, column, before, ""), from);
        to = build_smaller(fb, LLVMBuildSub(b, end, before, ""), to);
    }
    emit_hoist(e, made->value, &made->access);
    emit_vector_loop(e, from, to, extent, store_elements, place);
    emit_scope_end(e, scope);
    build_loop_end(fb, &run);
}

void prologue_emit(void *user, LLVMValueRef row, LLVMValueRef rows, LLVMValueRef column, LLVMValueRef columns,
                   int64_t k_block, LLVMValueRef to, int64_t stride) {
    Prologue *prologue = user;
    Emitter *e = &prologue->inner;
    FunctionBuilder *fb = e->fb;
    int64_t k = 1;
    for (int g = prologue->first_along; g < e->nest.n; g++) k *= e->nest.extent[g];
    Loop loop = build_loop_begin(fb, build_i64(fb, 0), rows, 1, "row");
    Scope scope = emit_scope_begin(e);
    LLVMValueRef at_row = build_add(fb, row, loop.counter);
    emit_unflatten(e, at_row, 0, prologue->first_along);
    /* Element (r, c) of the whole value is number r·k + c. */
    LLVMValueRef before = build_add(fb, build_scaled(fb, at_row, k), column);
    LLVMValueRef offset = build_scaled(fb, loop.counter, stride);
    offset = LLVMBuildSub(fb->builder, offset, before, "");
    RowPlace place = {prologue->made, build_element(fb, prologue->element, to, offset)};
    if (k_block >= k) {
        k_block = k;
        column = build_i64(fb, 0);
        columns = build_i64(fb, k);
    }
    emit_columns(prologue, &place, column, build_add(fb, column, columns), k_block);
    emit_scope_end(e, scope);
    build_loop_end(fb, &loop);
}
