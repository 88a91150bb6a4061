/* Elements in memory: see emit.h. */
#include "codegen/emit/bf16.h"
#include "codegen/emit/emit.h"

LLVMValueRef emit_splat(Emitter *e, LLVMValueRef scalar) {
    return build_splat(e->fb, e->lanes.width, scalar);
}

/* Lanes that are in range and guarded true; NULL: all. */
static LLVMValueRef active_lanes(Emitter *e, LLVMValueRef guard) {
    if (!guard) return e->lanes.mask;
    guard = emit_splat(e, guard);
    return e->lanes.mask ? LLVMBuildAnd(e->fb->builder, e->lanes.mask, guard, "") : guard;
}

static LLVMValueRef from_memory(Emitter *e, DType dtype, LLVMValueRef loaded) {
    if (dtype == DT_BF16) return bf16_from_memory(e->fb, loaded);
    if (dtype != DT_BOOL) return loaded;
    return LLVMBuildICmp(e->fb->builder, LLVMIntNE, loaded, LLVMConstNull(LLVMTypeOf(loaded)), "");
}

/* The same element for all lanes. Where no lane wants it, element 0 is loaded in its place. */
static LLVMValueRef load_scalar(Emitter *e, LLVMTypeRef element, LLVMValueRef base, LLVMValueRef index,
                                unsigned size, LLVMValueRef guard) {
    FunctionBuilder *fb = e->fb;
    if (guard && build_is_vector(guard))
        guard = build_intrinsic(fb, "llvm.vector.reduce.or", LLVMTypeOf(guard), &guard, 1);
    if (guard) index = LLVMBuildSelect(fb->builder, guard, index, build_i64(fb, 0), "");
    LLVMValueRef load = LLVMBuildLoad2(fb->builder, element, build_element(fb, element, base, index), "");
    LLVMSetAlignment(load, size);
    return load;
}

static LLVMValueRef load_vector(Emitter *e, LLVMTypeRef element, LLVMValueRef base, LLVMValueRef index,
                                int64_t step, unsigned size, LLVMValueRef lanes) {
    FunctionBuilder *fb = e->fb;
    int width = e->lanes.width;
    LLVMTypeRef vector = LLVMVectorType(element, (unsigned)width);
    if (step != 1) {
        LLVMValueRef offsets =
            build_add(fb, build_splat(fb, width, index), build_lane_numbers(fb, width, 0, step));
        return build_gather(fb, vector, base, offsets, size, lanes);
    }
    LLVMValueRef from = build_element(fb, element, base, index);
    if (lanes) return build_masked_load(fb, vector, from, size, lanes);
    LLVMValueRef load = LLVMBuildLoad2(fb->builder, vector, from, "");
    LLVMSetAlignment(load, size);
    return load;
}

LLVMValueRef emit_load(Emitter *e, ValueId value, const Type *as, const Access *access, LLVMValueRef guard) {
    const Type *type = func_type(e->func, value);
    LLVMTypeRef element = build_memory_type(e->fb, type->dtype);
    LLVMValueRef base = emit_pointer(e, value, false);
    unsigned size = (unsigned)dtype_size(type->dtype);
    int64_t step;
    LLVMValueRef index = emit_linear_index(e, as, access, &step);
    LLVMValueRef loaded = step == 0 || e->lanes.width == 1
                              ? load_scalar(e, element, base, index, size, guard)
                              : load_vector(e, element, base, index, step, size, active_lanes(e, guard));
    return from_memory(e, type->dtype, loaded);
}

/* Whether a value of bf16 is rounded where it is computed, by a cast. */
static bool is_rounded(const Emitter *e, ValueId value) {
    const Node *node = func_node(e->func, value);
    while (op_is_view(node->op)) node = func_node(e->func, node->operands[0]);
    return node->op == OP_cast;
}

static LLVMValueRef to_memory(Emitter *e, ValueId value, LLVMValueRef result) {
    FunctionBuilder *fb = e->fb;
    DType dtype = (DType)func_type(e->func, value)->dtype;
    if (dtype == DT_BF16)
        return is_rounded(e, value) ? bf16_rounded_to_memory(fb, result) : bf16_to_memory(fb, result);
    if (dtype != DT_BOOL) return result;
    LLVMTypeRef i8 = LLVMInt8TypeInContext(fb->context);
    int lanes = build_is_vector(result) ? (int)LLVMGetVectorSize(LLVMTypeOf(result)) : 1;
    return LLVMBuildZExt(fb->builder, result, build_vector_type(i8, lanes), "");
}

void emit_store_to(Emitter *e, LLVMValueRef base, ValueId value, const Access *access, LLVMValueRef result) {
    FunctionBuilder *fb = e->fb;
    const Type *type = func_type(e->func, value);
    unsigned size = (unsigned)dtype_size(type->dtype);
    int width = e->lanes.width;
    int64_t step;
    LLVMValueRef index = emit_linear_index(e, type, access, &step);
    bool scalar = step == 0 || width == 1;
    result = to_memory(e, value, scalar ? result : emit_splat(e, result));
    if (!scalar && step != 1) {
        index = build_add(fb, emit_splat(e, index), build_lane_numbers(fb, width, 0, step));
        build_scatter(fb, result, base, index, size, e->lanes.mask);
        return;
    }
    LLVMValueRef to = build_element(fb, build_memory_type(fb, type->dtype), base, index);
    if (scalar || !e->lanes.mask)
        LLVMSetAlignment(LLVMBuildStore(fb->builder, result, to), size);
    else
        build_masked_store(fb, result, to, size, e->lanes.mask);
}

void emit_store(Emitter *e, ValueId value, const Access *access, LLVMValueRef result) {
    emit_store_to(e, emit_pointer(e, value, true), value, access, result);
}

void emit_prefetch_value(Emitter *e, ValueId value, bool stored, const Access *access, int64_t lanes) {
    const LoopNest *nest = &e->nest;
    const Type *type = func_type(e->func, value);
    int64_t step, size = (int64_t)dtype_size(type->dtype);
    bool varies = false;
    for (int g = 0; g < nest->n; g++)
        varies = varies || (g != nest->vector && nest->extent[g] > 1 && emit_uses_loop(e, access, g));
    if (!varies) return;
    LLVMValueRef index = emit_linear_index(e, type, access, &step);
    if (step != 1) return;
    LLVMValueRef base = emit_pointer(e, value, stored);
    build_prefetch(e->fb, build_element(e->fb, build_memory_type(e->fb, type->dtype), base, index),
                   lanes * size, stored ? PREFETCH_WRITE : PREFETCH_READ);
}
