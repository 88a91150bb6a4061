/* One element, or one vector of elements, of a value inside a kernel's loops: addresses, loads, stores, arithmetic. */
#include "codegen/emit/bf16.h"
#include "codegen/emit/emit.h"
#include "codegen/emit/vecmath.h"
#include "ir/plan/blocks.h"
#include "ir/plan/canonical.h"

#include <string.h>

/* ---- types and small helpers --------------------------------------------------------------------------------- */

LLVMTypeRef emit_type(const Emitter *e, DType dtype) {
    switch (dtype) {
    case DT_F32:
    case DT_BF16: return LLVMFloatTypeInContext(e->context); /* the f32 that it stands for */
    case DT_F64: return LLVMDoubleTypeInContext(e->context);
    case DT_I32: return LLVMInt32TypeInContext(e->context);
    case DT_I64: return LLVMInt64TypeInContext(e->context);
    default: return LLVMInt1TypeInContext(e->context);
    }
}

static LLVMTypeRef memory_type(const Emitter *e, DType dtype) {
    if (dtype == DT_BF16) return LLVMInt16TypeInContext(e->context);
    return dtype == DT_BOOL ? LLVMInt8TypeInContext(e->context) : emit_type(e, dtype);
}

LLVMValueRef emit_i64(const Emitter *e, int64_t value) {
    return LLVMConstInt(LLVMInt64TypeInContext(e->context), (unsigned long long)value, true);
}

static bool is_vector(LLVMValueRef value) {
    return LLVMGetTypeKind(LLVMTypeOf(value)) == LLVMVectorTypeKind;
}

LLVMValueRef emit_splat(Emitter *e, LLVMValueRef scalar) {
    if (is_vector(scalar) || e->width == 1) return scalar;
    LLVMTypeRef type = LLVMVectorType(LLVMTypeOf(scalar), (unsigned)e->width);
    LLVMTypeRef i32 = LLVMInt32TypeInContext(e->context);
    LLVMValueRef one =
        LLVMBuildInsertElement(e->builder, LLVMGetPoison(type), scalar, LLVMConstInt(i32, 0, false), "");
    LLVMValueRef zeros = LLVMConstNull(LLVMVectorType(i32, (unsigned)e->width));
    return LLVMBuildShuffleVector(e->builder, one, LLVMGetPoison(type), zeros, "");
}

LLVMValueRef emit_intrinsic(Emitter *e, const char *name, LLVMTypeRef overload, LLVMValueRef *args,
                            unsigned n) {
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    LLVMValueRef callee = LLVMGetIntrinsicDeclaration(e->module, id, &overload, overload ? 1 : 0);
    LLVMTypeRef type = LLVMIntrinsicGetType(e->context, id, &overload, overload ? 1 : 0);
    return LLVMBuildCall2(e->builder, type, callee, args, n, "");
}

LLVMValueRef emit_maximum(Emitter *e, LLVMValueRef a, LLVMValueRef b, bool largest) {
    LLVMTypeRef type = LLVMTypeOf(a), scalar = is_vector(a) ? LLVMGetElementType(type) : type;
    LLVMTypeKind kind = LLVMGetTypeKind(scalar);
    bool is_float = kind == LLVMFloatTypeKind || kind == LLVMDoubleTypeKind;
    const char *name =
        is_float ? (largest ? "llvm.maximum" : "llvm.minimum") : (largest ? "llvm.smax" : "llvm.smin");
    return emit_intrinsic(e, name, type, (LLVMValueRef[]){a, b}, 2);
}

/* ---- machine loops ---------------------------------------------------------------------------------------------- */

static bool needs_single_loops(const Emitter *e) {
    for (size_t i = 0; i < e->kernel->n_members; i++) {
        int op = func_node(e->func, e->kernel->members[i].value)->op;
        if (op == OP_pad || op == OP_concat || op == OP_iota || op == OP_pack) return true;
    }
    return false;
}

/* Whether loops i and i+1 act as one in the address of a value. */
static bool merges(const Emitter *e, ValueId value, const Access *access, int i) {
    const Domain *domain = &e->kernel->domain;
    int64_t offset, coef[DOMAIN_MAX];
    access_linear(func_type(e->func, value), access, domain, &offset, coef);
    return coef[i] == coef[i + 1] * domain->extent[i + 1];
}

/* Whether loops i and i+1 run along the same dimension of a product, whose tiles say where the loops are. */
static bool same_dimension(const Emitter *e, int i) {
    const Access *core = &kernel_member(e->kernel, e->kernel->core)->access;
    for (int k = 0; k < core->rank; k++)
        if ((core->coef[k][i] != 0) != (core->coef[k][i + 1] != 0)) return false;
    return true;
}

static bool can_merge(const Emitter *e, int i) {
    const Kernel *kernel = e->kernel;
    if (kernel->rows && i + 1 == kernel->first_inner) return false;
    if (kernel->kind == KERNEL_MATMUL && !same_dimension(e, i)) return false;
    for (size_t m = 0; m < kernel->n_members; m++) /* stored values; others harmlessly too */
        if (!merges(e, kernel->members[m].value, &kernel->members[m].access, i)) return false;
    for (size_t u = 0; u < kernel->n_uses; u++)
        if (!kernel->uses[u].in_memory && !merges(e, kernel->uses[u].value, &kernel->uses[u].access, i))
            return false;
    return true;
}

/* Drops loops of extent 1: they matter to no address. */
static void drop_unit_loops(Kernel *kernel) {
    Domain *domain = &kernel->domain;
    for (int i = domain->rank - 1; i >= 0; i--) {
        if (domain->extent[i] != 1) continue;
        for (int j = i; j + 1 < domain->rank; j++) domain->extent[j] = domain->extent[j + 1];
        for (size_t m = 0; m < kernel->n_members + kernel->n_uses; m++) {
            Access *access = m < kernel->n_members ? &kernel->members[m].access
                                                   : &kernel->uses[m - kernel->n_members].access;
            for (int k = 0; k < IR_MAX_RANK; k++) {
                for (int j = i; j + 1 < DOMAIN_MAX; j++) access->coef[k][j] = access->coef[k][j + 1];
                access->coef[k][DOMAIN_MAX - 1] = 0;
            }
        }
        domain->rank--;
        if (i < kernel->first_inner) kernel->first_inner--;
    }
}

void emit_group_loops(Emitter *e, int64_t rounds) {
    drop_unit_loops(e->kernel);
    const Domain *domain = &e->kernel->domain;
    bool merging = e->kernel->kind == KERNEL_LOOP || e->kernel->kind == KERNEL_MATMUL,
         single = !merging || needs_single_loops(e);
    int cut = rounds ? domain_cut(domain, rounds) : -1;
    e->n_groups = 0;
    for (int i = 0; i < domain->rank; i++) {
        bool merged = i > 0 && i - 1 != cut && !single && can_merge(e, i - 1);
        if (!merged) e->group_extent[e->n_groups++] = 1;
        e->group[i] = e->n_groups - 1;
        e->group_extent[e->n_groups - 1] *= domain->extent[i];
        e->last_of[e->n_groups - 1] = i;
    }
    e->vector_group = e->n_groups - 1;
}

static bool depends_on_group(const Emitter *e, const Access *access, int group) {
    for (int i = 0; i < e->kernel->domain.rank; i++)
        if (e->group[i] == group && access_uses_loop(access, i)) return true;
    return false;
}

bool emit_is_uniform(const Emitter *e, const Access *access) {
    return e->vector_group < 0 || !depends_on_group(e, access, e->vector_group);
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

Buffer *emit_buffer(Emitter *e, ValueId value, bool stored) {
    for (size_t i = 0; i < e->n_buffers; i++)
        if (e->buffers[i].value == value && e->buffers[i].stored == stored) return &e->buffers[i];
    LLVMTypeRef pointer = LLVMPointerTypeInContext(e->context, 0);
    Buffer buffer = {.value = value, .stored = stored, .arg = (int)e->n_buffers};
    LLVMBasicBlockRef here = LLVMGetInsertBlock(e->builder);
    LLVMBasicBlockRef entry = LLVMGetEntryBasicBlock(e->function);
    LLVMPositionBuilderBefore(e->builder, LLVMGetBasicBlockTerminator(entry));
    LLVMValueRef number = emit_i64(e, buffer.arg);
    LLVMValueRef slot = LLVMBuildGEP2(e->builder, pointer, e->args, &number, 1, "");
    buffer.pointer = LLVMBuildLoad2(e->builder, pointer, slot, stored ? "out" : "in");
    LLVMPositionBuilderAtEnd(e->builder, here);
    ARENA_PUSH(e->arena, e->buffers, e->n_buffers, e->buffers_capacity, buffer);
    return &e->buffers[e->n_buffers - 1];
}

/* A linear index over the machine loops; *step: its coefficient along the vector loop. */
static LLVMValueRef linear_index(Emitter *e, const Type *type, const Access *access, int64_t *step) {
    int64_t offset, coef[DOMAIN_MAX];
    access_linear(type, access, &e->kernel->domain, &offset, coef);
    LLVMValueRef index = emit_i64(e, offset);
    *step = 0;
    for (int g = 0; g < e->n_groups; g++) {
        int64_t c = coef[e->last_of[g]];
        if (c == 0) continue;
        if (g == e->vector_group) *step = c;
        LLVMValueRef term = c == 1 ? e->index[g] : LLVMBuildMul(e->builder, e->index[g], emit_i64(e, c), "");
        index = LLVMBuildAdd(e->builder, index, term, "");
    }
    return index;
}

static LLVMValueRef lane_numbers(Emitter *e, int64_t step) {
    LLVMValueRef lanes[64];
    for (int i = 0; i < e->width; i++) lanes[i] = emit_i64(e, i * step);
    return LLVMConstVector(lanes, (unsigned)e->width);
}

static LLVMValueRef all_lanes(Emitter *e) {
    return LLVMConstAllOnes(LLVMVectorType(LLVMInt1TypeInContext(e->context), (unsigned)e->width));
}

/* Lanes that are in range and guarded true; NULL: all. */
static LLVMValueRef active_lanes(Emitter *e, LLVMValueRef guard) {
    if (!guard) return e->mask;
    guard = emit_splat(e, guard);
    return e->mask ? LLVMBuildAnd(e->builder, e->mask, guard, "") : guard;
}

static LLVMValueRef masked_call(Emitter *e, const char *name, LLVMTypeRef *types, LLVMValueRef *args,
                                unsigned n) {
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    LLVMValueRef callee = LLVMGetIntrinsicDeclaration(e->module, id, types, 2);
    LLVMTypeRef type = LLVMIntrinsicGetType(e->context, id, types, 2);
    return LLVMBuildCall2(e->builder, type, callee, args, n, "");
}

LLVMValueRef emit_masked_load(Emitter *e, LLVMTypeRef vector, LLVMValueRef from, unsigned align,
                              LLVMValueRef mask) {
    LLVMTypeRef types[] = {vector, LLVMPointerTypeInContext(e->context, 0)};
    LLVMValueRef args[] = {from, LLVMConstInt(LLVMInt32TypeInContext(e->context), align, false), mask,
                           LLVMConstNull(vector)};
    return masked_call(e, "llvm.masked.load", types, args, 4);
}

void emit_masked_store(Emitter *e, LLVMValueRef value, LLVMValueRef to, unsigned align, LLVMValueRef mask) {
    LLVMTypeRef types[] = {LLVMTypeOf(value), LLVMPointerTypeInContext(e->context, 0)};
    LLVMValueRef args[] = {value, to, LLVMConstInt(LLVMInt32TypeInContext(e->context), align, false), mask};
    masked_call(e, "llvm.masked.store", types, args, 4);
}

LLVMValueRef emit_lanes_below(Emitter *e, int64_t first, LLVMValueRef count) {
    LLVMValueRef numbers[64];
    for (int i = 0; i < e->width; i++) numbers[i] = emit_i64(e, first + i);
    return LLVMBuildICmp(e->builder, LLVMIntSLT, LLVMConstVector(numbers, (unsigned)e->width),
                         emit_splat(e, count), "");
}

static LLVMValueRef from_memory(Emitter *e, DType dtype, LLVMValueRef loaded) {
    if (dtype == DT_BF16) return bf16_from_memory(e->builder, loaded);
    if (dtype != DT_BOOL) return loaded;
    return LLVMBuildICmp(e->builder, LLVMIntNE, loaded, LLVMConstNull(LLVMTypeOf(loaded)), "");
}

static LLVMValueRef element_pointer(Emitter *e, LLVMTypeRef type, LLVMValueRef base, LLVMValueRef index) {
    return LLVMBuildGEP2(e->builder, type, base, &index, 1, "");
}

static LLVMValueRef load_element(Emitter *e, ValueId value, const Type *as, const Access *access,
                                 LLVMValueRef guard) {
    const Type *type = func_type(e->func, value);
    LLVMTypeRef element = memory_type(e, type->dtype);
    LLVMValueRef base = emit_buffer(e, value, false)->pointer;
    unsigned size = (unsigned)dtype_size(type->dtype);
    int64_t step;
    LLVMValueRef index = linear_index(e, as, access, &step);
    LLVMTypeRef i32 = LLVMInt32TypeInContext(e->context), pointer = LLVMPointerTypeInContext(e->context, 0);
    if (step == 0 || e->width == 1) {
        if (guard &&
            is_vector(guard)) { /* varies over lanes, the element does not: guard the address by any lane */
            guard = emit_intrinsic(e, "llvm.vector.reduce.or", LLVMTypeOf(guard), &guard, 1);
        }
        if (guard) index = LLVMBuildSelect(e->builder, guard, index, emit_i64(e, 0), "");
        LLVMValueRef load = LLVMBuildLoad2(e->builder, element, element_pointer(e, element, base, index), "");
        LLVMSetAlignment(load, size);
        return from_memory(e, type->dtype, load);
    }
    LLVMTypeRef vector = LLVMVectorType(element, (unsigned)e->width);
    LLVMValueRef lanes = active_lanes(e, guard);
    if (step == 1) {
        LLVMValueRef from = element_pointer(e, element, base, index), load;
        if (lanes) {
            load = emit_masked_load(e, vector, from, size, lanes);
        } else {
            load = LLVMBuildLoad2(e->builder, vector, from, "");
            LLVMSetAlignment(load, size);
        }
        return from_memory(e, type->dtype, load);
    }
    LLVMTypeRef pointers = LLVMVectorType(pointer, (unsigned)e->width);
    LLVMValueRef offsets = LLVMBuildAdd(e->builder, emit_splat(e, index), lane_numbers(e, step), "");
    LLVMValueRef from = element_pointer(e, element, base, offsets);
    LLVMValueRef args[] = {from, LLVMConstInt(i32, size, false), lanes ? lanes : all_lanes(e),
                           LLVMConstNull(vector)};
    return from_memory(e, type->dtype,
                       masked_call(e, "llvm.masked.gather", (LLVMTypeRef[]){vector, pointers}, args, 4));
}

void emit_scatter(Emitter *e, LLVMValueRef value, LLVMValueRef base, LLVMValueRef index, LLVMValueRef mask) {
    LLVMTypeRef vector = LLVMTypeOf(value), element = LLVMGetElementType(vector),
                pointer = LLVMPointerTypeInContext(e->context, 0), i32 = LLVMInt32TypeInContext(e->context);
    unsigned lanes = LLVMGetVectorSize(vector), size = LLVMGetTypeKind(element) == LLVMIntegerTypeKind
                                                           ? LLVMGetIntTypeWidth(element) / 8
                                                       : LLVMGetTypeKind(element) == LLVMFloatTypeKind ? 4
                                                                                                       : 8;
    if (!mask) mask = LLVMConstAllOnes(LLVMVectorType(LLVMInt1TypeInContext(e->context), lanes));
    LLVMTypeRef types[] = {vector, LLVMVectorType(pointer, lanes)};
    LLVMValueRef args[] = {value, element_pointer(e, element, base, index), LLVMConstInt(i32, size, false),
                           mask};
    masked_call(e, "llvm.masked.scatter", types, args, 4);
}

void emit_store(Emitter *e, const Buffer *buffer, const Access *access, LLVMValueRef value) {
    const Type *type = func_type(e->func, buffer->value);
    LLVMTypeRef element = memory_type(e, type->dtype);
    unsigned size = (unsigned)dtype_size(type->dtype);
    int64_t step;
    LLVMValueRef index = linear_index(e, type, access, &step);
    bool scalar = step == 0 || e->width == 1;
    if (!scalar) value = emit_splat(e, value);
    if (type->dtype == DT_BOOL) {
        LLVMTypeRef i8 = LLVMInt8TypeInContext(e->context);
        value = LLVMBuildZExt(e->builder, value, scalar ? i8 : LLVMVectorType(i8, (unsigned)e->width), "");
    }
    if (type->dtype == DT_BF16) value = bf16_to_memory(e->builder, e->native_bf16, value);
    LLVMValueRef to = element_pointer(e, element, buffer->pointer, index);
    if (scalar || (step == 1 && !e->mask)) {
        LLVMSetAlignment(LLVMBuildStore(e->builder, value, to), size);
        return;
    }
    if (step == 1) {
        emit_masked_store(e, value, to, size, e->mask ? e->mask : all_lanes(e));
        return;
    }
    index = LLVMBuildAdd(e->builder, emit_splat(e, index), lane_numbers(e, step), "");
    emit_scatter(e, value, buffer->pointer, index, e->mask);
}

enum { CACHE_LINE = 64 };

void emit_prefetch(Emitter *e, LLVMValueRef from, int64_t bytes, Prefetch kind) {
    LLVMTypeRef i8 = LLVMInt8TypeInContext(e->context), i32 = LLVMInt32TypeInContext(e->context);
    LLVMValueRef near = LLVMConstInt(i32, kind == PREFETCH_L2 ? 2 : 3, false),
                 data = LLVMConstInt(i32, 1, false);
    for (int64_t at = 0; at < bytes; at += CACHE_LINE) {
        LLVMValueRef args[] = {element_pointer(e, i8, from, emit_i64(e, at)),
                               LLVMConstInt(i32, kind == PREFETCH_WRITE, false), near, data};
        emit_intrinsic(e, "llvm.prefetch", LLVMTypeOf(from), args, 4);
    }
}

void emit_prefetch_value(Emitter *e, ValueId value, bool stored, const Access *access, int64_t lanes) {
    const Type *type = func_type(e->func, value);
    int64_t step, size = (int64_t)dtype_size(type->dtype);
    bool varies = false;
    for (int g = 0; g < e->n_groups; g++)
        varies = varies || (g != e->vector_group && e->group_extent[g] > 1 && depends_on_group(e, access, g));
    if (!varies) return;
    LLVMValueRef index = linear_index(e, type, access, &step);
    if (step != 1) return;
    LLVMValueRef base = emit_buffer(e, value, stored)->pointer;
    emit_prefetch(e, element_pointer(e, memory_type(e, type->dtype), base, index), lanes * size,
                  stored ? PREFETCH_WRITE : PREFETCH_READ);
}

/* ---- values -------------------------------------------------------------------------------------------------------- */

static void remember(Emitter *e, ValueId value, const Access *access, LLVMValueRef guard,
                     LLVMValueRef result) {
    Emitted entry = {value, *access, guard, result};
    ARENA_PUSH(e->arena, e->emitted, e->n_emitted, e->emitted_capacity, entry);
}

void emit_remember(Emitter *e, ValueId value, const Access *access, LLVMValueRef result) {
    remember(e, value, access, NULL, result);
}

static LLVMValueRef recall(const Emitter *e, ValueId value, const Access *access, LLVMValueRef guard) {
    for (size_t i = e->n_emitted; i-- > 0;)
        if (e->emitted[i].value == value && (!e->emitted[i].guard || e->emitted[i].guard == guard) &&
            access_equal(&e->emitted[i].access, access, e->kernel->domain.rank))
            return e->emitted[i].result;
    return NULL;
}

/* The index along axis k of a value, as an i64 or a vector of them. */
LLVMValueRef emit_axis_index(Emitter *e, const Access *access, int k) {
    LLVMValueRef index = emit_i64(e, access->offset[k]);
    int64_t step = 0;
    for (int i = 0; i < e->kernel->domain.rank; i++) {
        int64_t c = access->coef[k][i];
        if (c == 0) continue;
        if (e->group[i] == e->vector_group) step = c;
        index = LLVMBuildAdd(e->builder, index,
                             LLVMBuildMul(e->builder, e->index[e->group[i]], emit_i64(e, c), ""), "");
    }
    if (step == 0 || e->width == 1) return index;
    return LLVMBuildAdd(e->builder, emit_splat(e, index), lane_numbers(e, step), "");
}

static LLVMValueRef both(Emitter *e, LLVMValueRef a, LLVMValueRef b) {
    if (!a || !b) return a ? a : b;
    if (is_vector(a) != is_vector(b)) a = emit_splat(e, a), b = emit_splat(e, b);
    return LLVMBuildAnd(e->builder, a, b, "");
}

static LLVMValueRef choose(Emitter *e, LLVMValueRef condition, LLVMValueRef a, LLVMValueRef b) {
    if (is_vector(condition) || is_vector(a) || is_vector(b)) {
        a = emit_splat(e, a);
        b = emit_splat(e, b);
    }
    return LLVMBuildSelect(e->builder, condition, a, b, "");
}

/* Whether the index along axis k lies in [low, high). */
static LLVMValueRef in_range(Emitter *e, const Access *access, int k, int64_t low, int64_t high,
                             int64_t size) {
    LLVMValueRef index = emit_axis_index(e, access, k), inside = NULL;
    LLVMValueRef at_low = emit_i64(e, low), at_high = emit_i64(e, high);
    if (is_vector(index)) at_low = emit_splat(e, at_low), at_high = emit_splat(e, at_high);
    if (low > 0) inside = LLVMBuildICmp(e->builder, LLVMIntSGE, index, at_low, "");
    if (high < size) inside = both(e, inside, LLVMBuildICmp(e->builder, LLVMIntSLT, index, at_high, ""));
    return inside;
}

static LLVMValueRef constant_of(Emitter *e, double value, DType dtype) {
    LLVMTypeRef type = emit_type(e, dtype);
    LLVMValueRef real = dtype_is_float(dtype) ? LLVMConstReal(type, value) : NULL;
    if (dtype == DT_BF16) return bf16_rounded(e->builder, e->native_bf16, real);
    return real ? real : LLVMConstInt(type, (unsigned long long)(int64_t)value, true);
}

/* A literal (ir/plan/canonical.h), loaded once before all loops. */
static LLVMValueRef literal_of(Emitter *e, ValueId value) {
    LLVMTypeRef f32 = LLVMFloatTypeInContext(e->context);
    int64_t number = 0;
    for (ValueId id = e->first; id < value; id++) number += node_is_literal(func_node(e->func, id));
    LLVMValueRef from = emit_buffer(e, IR_NONE, false)->pointer, index = emit_i64(e, number);
    LLVMBasicBlockRef here = LLVMGetInsertBlock(e->builder), entry = LLVMGetEntryBasicBlock(e->function);
    LLVMPositionBuilderBefore(e->builder, LLVMGetBasicBlockTerminator(entry));
    LLVMValueRef load =
        LLVMBuildLoad2(e->builder, f32, LLVMBuildGEP2(e->builder, f32, from, &index, 1, ""), "literal");
    LLVMSetAlignment(load, 4);
    LLVMPositionBuilderAtEnd(e->builder, here);
    return load;
}

static LLVMValueRef emit_operand(Emitter *e, const Node *node, int operand, const Access *access,
                                 LLVMValueRef guard) {
    DomainSplit split;
    Access of_operand;
    AccessResult result =
        access_operand(e->func, node, operand, &e->kernel->domain, access, &of_operand, &split);
    if (result == ACCESS_OK) return emit_value(e, node->operands[operand], &of_operand, guard);
    /* A reshape that is no index map over these loops: the same linear index, in memory. */
    return load_element(e, node->operands[operand], &node->type, access, guard);
}

/* A choice that is the same for all lanes is made by branches: only what is chosen is computed. What a branch leaves behind is
 * forgotten with it. */
enum { MOST_BRANCHES = 64 };
typedef struct {
    LLVMBasicBlockRef after, ends[MOST_BRANCHES];
    LLVMValueRef values[MOST_BRANCHES];
    unsigned n;
    bool uniform; /* of the value chosen */
    size_t scope; /* what was emitted before */
} Branches;

static void add_branch(Emitter *e, Branches *b, LLVMValueRef value) {
    b->values[b->n] = b->uniform ? value : emit_splat(e, value);
    b->ends[b->n++] = LLVMGetInsertBlock(e->builder);
    LLVMBuildBr(e->builder, b->after);
}

static LLVMValueRef end_branches(Emitter *e, Branches *b) {
    LLVMMoveBasicBlockAfter(b->after, LLVMGetInsertBlock(e->builder));
    LLVMPositionBuilderAtEnd(e->builder, b->after);
    LLVMValueRef phi = LLVMBuildPhi(e->builder, LLVMTypeOf(b->values[0]), "");
    LLVMAddIncoming(phi, b->values, b->ends, b->n);
    e->n_emitted = b->scope;
    return phi;
}

/* Operand `operand` where the condition holds, in a branch of its own; the builder is then where it does not. */
static void branch_for(Emitter *e, Branches *b, const Node *node, int operand, const Access *access,
                       LLVMValueRef guard, LLVMValueRef condition) {
    LLVMBasicBlockRef yes = emit_new_block(e, "inside"), no = emit_new_block(e, "outside");
    LLVMBuildCondBr(e->builder, condition, yes, no);
    LLVMPositionBuilderAtEnd(e->builder, yes);
    add_branch(e, b, emit_operand(e, node, operand, access, guard));
    e->n_emitted = b->scope;
    LLVMPositionBuilderAtEnd(e->builder, no);
}

static LLVMValueRef emit_pad(Emitter *e, const Node *node, const Access *access, LLVMValueRef guard) {
    const Type *x = func_type(e->func, node->operands[0]);
    LLVMValueRef inside = NULL, border = constant_of(e, node->attrs[2].f, node->type.dtype);
    for (int k = 0; k < x->rank; k++) {
        int64_t low = node->attrs[0].ints.v[k];
        if (x->dim[k] != node->type.dim[k])
            inside = both(e, inside, in_range(e, access, k, low, low + x->dim[k], node->type.dim[k]));
    }
    if (!inside) return emit_operand(e, node, 0, access, guard);
    if (is_vector(inside)) {
        LLVMValueRef value = emit_operand(e, node, 0, access, both(e, guard, inside));
        return choose(e, inside, value, border);
    }
    Branches b = {
        .after = emit_new_block(e, "padded"), .uniform = emit_is_uniform(e, access), .scope = e->n_emitted};
    branch_for(e, &b, node, 0, access, guard, inside);
    add_branch(e, &b, border);
    return end_branches(e, &b);
}

static LLVMValueRef emit_concat(Emitter *e, const Node *node, const Access *access, LLVMValueRef guard) {
    int axis = (int)node->attrs[0].i, n = node->n_operands;
    if (axis < 0) axis += node->type.rank;
    int64_t start = 0, size = node->type.dim[axis];
    LLVMValueRef value = NULL;
    Branches b = {.uniform = emit_is_uniform(e, access), .scope = e->n_emitted};
    for (int o = 0; o < n; o++) {
        int64_t end = start + func_type(e->func, node->operands[o])->dim[axis];
        LLVMValueRef inside = in_range(e, access, axis, start, end, size);
        bool branches = n <= MOST_BRANCHES && (b.after || (inside && !is_vector(inside)));
        if (branches && !b.after) b.after = emit_new_block(e, "joined");
        if (branches && o + 1 < n)
            branch_for(e, &b, node, o, access, guard, inside);
        else if (branches)
            add_branch(e, &b, emit_operand(e, node, o, access, guard));
        else {
            LLVMValueRef part = emit_operand(e, node, o, access, both(e, guard, inside));
            value = value ? choose(e, inside, part, value) : part;
        }
        start = end;
    }
    return b.after ? end_branches(e, &b) : value;
}

/* ---- arithmetic ------------------------------------------------------------------------------------------------------ */

static LLVMValueRef contract(LLVMValueRef value) {
    if (LLVMIsAInstruction(value) && LLVMCanValueUseFastMathFlags(value))
        LLVMSetFastMathFlags(value, LLVMFastMathAllowContract);
    return value;
}

static LLVMValueRef like(LLVMValueRef value, double number) {
    LLVMTypeRef type = LLVMTypeOf(value);
    if (!is_vector(value)) return LLVMConstReal(type, number);
    LLVMValueRef lanes[64];
    unsigned n = LLVMGetVectorSize(type);
    for (unsigned i = 0; i < n; i++) lanes[i] = LLVMConstReal(LLVMGetElementType(type), number);
    return LLVMConstVector(lanes, n);
}

static LLVMValueRef unary_intrinsic(Emitter *e, const char *name, LLVMValueRef x) {
    return emit_intrinsic(e, name, LLVMTypeOf(x), &x, 1);
}

/* Functions of one real: the polynomial for f32, the C library's for f64. */
static LLVMValueRef math(Emitter *e, OpKind op, LLVMValueRef x, DType dtype, bool rounded) {
    bool single = dtype != DT_F64;
    LLVMBuilderRef b = e->builder;
    if (single && rounded && op == OP_exp) return vecmath_exp_bf16(e, x);
    if (single && rounded && op == OP_erf) return vecmath_erf_bf16(e, x);
    switch (op) {
    case OP_exp: return single ? vecmath_exp(e, x) : unary_intrinsic(e, "llvm.exp", x);
    case OP_log: return single ? vecmath_log(e, x) : unary_intrinsic(e, "llvm.log", x);
    case OP_sin: return single ? vecmath_sin(e, x) : unary_intrinsic(e, "llvm.sin", x);
    case OP_cos: return single ? vecmath_cos(e, x) : unary_intrinsic(e, "llvm.cos", x);
    case OP_tanh: return single ? vecmath_tanh(e, x) : vecmath_libm(e, "tanh", x);
    case OP_erf: return single ? vecmath_erf(e, x) : vecmath_libm(e, "erf", x);
    default: { /* sigmoid */
        if (single) return vecmath_sigmoid(e, x);
        LLVMValueRef t = unary_intrinsic(e, "llvm.exp", LLVMBuildFNeg(b, x, ""));
        return LLVMBuildFDiv(b, like(x, 1), LLVMBuildFAdd(b, like(x, 1), t, ""), "");
    }
    }
}

/* x·Φ(x), or its approximation 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))). */
static LLVMValueRef gelu(Emitter *e, const Node *node, LLVMValueRef x, bool rounded) {
    LLVMBuilderRef b = e->builder;
    LLVMValueRef t;
    if (node->attrs[0].b) {
        LLVMValueRef cubic = LLVMBuildFMul(b, LLVMBuildFMul(b, x, x, ""), x, "");
        LLVMValueRef sum = LLVMBuildFAdd(b, x, LLVMBuildFMul(b, cubic, like(x, 0.044715), ""), "");
        t = math(e, OP_tanh, LLVMBuildFMul(b, sum, like(x, 0.79788456080286535588), ""), node->type.dtype,
                 rounded);
    } else
        t = math(e, OP_erf, LLVMBuildFMul(b, x, like(x, 0.70710678118654752440), ""), node->type.dtype,
                 rounded);
    LLVMValueRef half = LLVMBuildFMul(b, x, like(x, 0.5), "");
    return LLVMBuildFAdd(b, half, LLVMBuildFMul(b, half, t, ""), "");
}

static LLVMValueRef cast_value(Emitter *e, LLVMValueRef x, DType from, DType to) {
    LLVMBuilderRef b = e->builder;
    LLVMTypeRef type = emit_type(e, to);
    if (is_vector(x)) type = LLVMVectorType(type, LLVMGetVectorSize(LLVMTypeOf(x)));
    if (from == to) return x;
    if (to == DT_BOOL) {
        LLVMValueRef zero = LLVMConstNull(LLVMTypeOf(x));
        return dtype_is_float(from) ? LLVMBuildFCmp(b, LLVMRealUNE, x, zero, "")
                                    : LLVMBuildICmp(b, LLVMIntNE, x, zero, "");
    }
    if (dtype_is_float(from) && dtype_is_float(to)) x = LLVMBuildFPCast(b, x, type, "");
    if (to == DT_BF16)
        return bf16_rounded(b, e->native_bf16, dtype_is_float(from) ? x : LLVMBuildSIToFP(b, x, type, ""));
    if (dtype_is_float(from) && dtype_is_float(to)) return x;
    if (dtype_is_float(from)) /* fptosi alone is poison out of range */
        return masked_call(e, "llvm.fptosi.sat", (LLVMTypeRef[]){type, LLVMTypeOf(x)}, &x, 1);
    if (dtype_is_float(to))
        return from == DT_BOOL ? LLVMBuildUIToFP(b, x, type, "") : LLVMBuildSIToFP(b, x, type, "");
    return LLVMBuildIntCast2(b, x, type, from != DT_BOOL, "");
}

static LLVMValueRef sign_of(Emitter *e, LLVMValueRef x, DType dtype) {
    LLVMBuilderRef b = e->builder;
    LLVMValueRef zero = LLVMConstNull(LLVMTypeOf(x));
    if (!dtype_is_float(dtype)) {
        LLVMValueRef up = LLVMBuildZExt(b, LLVMBuildICmp(b, LLVMIntSGT, x, zero, ""), LLVMTypeOf(x), "");
        LLVMValueRef down = LLVMBuildZExt(b, LLVMBuildICmp(b, LLVMIntSLT, x, zero, ""), LLVMTypeOf(x), "");
        return LLVMBuildSub(b, up, down, "");
    }
    LLVMValueRef one = emit_intrinsic(e, "llvm.copysign", LLVMTypeOf(x), (LLVMValueRef[]){like(x, 1), x}, 2);
    return LLVMBuildSelect(b, LLVMBuildFCmp(b, LLVMRealONE, x, zero, ""), one, LLVMBuildFMul(b, x, zero, ""),
                           "");
}

static LLVMValueRef unary(Emitter *e, const Node *node, LLVMValueRef x, DType from, bool rounded) {
    LLVMBuilderRef b = e->builder;
    bool is_float = dtype_is_float(from);
    switch ((OpKind)node->op) {
    case OP_neg: return is_float ? LLVMBuildFNeg(b, x, "") : LLVMBuildNeg(b, x, "");
    case OP_abs:
        if (is_float) return unary_intrinsic(e, "llvm.fabs", x);
        return LLVMBuildSelect(b, LLVMBuildICmp(b, LLVMIntSLT, x, LLVMConstNull(LLVMTypeOf(x)), ""),
                               LLVMBuildNeg(b, x, ""), x, "");
    case OP_sign: return sign_of(e, x, from);
    case OP_sqrt: return unary_intrinsic(e, "llvm.sqrt", x);
    case OP_rsqrt: return LLVMBuildFDiv(b, like(x, 1), unary_intrinsic(e, "llvm.sqrt", x), "");
    case OP_floor: return unary_intrinsic(e, "llvm.floor", x);
    case OP_not: return LLVMBuildNot(b, x, "");
    case OP_gelu: return gelu(e, node, x, rounded);
    case OP_cast: return cast_value(e, x, from, node->type.dtype);
    case OP_stop_grad: return x;
    default: return math(e, node->op, x, from, rounded);
    }
}

/* Integer division and remainder towards minus infinity; by 0 both are 0. The machine traps there, and where the smallest integer is
 * divided by -1, also in lanes that are not used: it divides by 1 instead. */
static LLVMValueRef floor_division(Emitter *e, LLVMValueRef x, LLVMValueRef y, bool remainder) {
    LLVMBuilderRef b = e->builder;
    LLVMTypeRef type = LLVMTypeOf(x);
    LLVMValueRef zero = LLVMConstNull(type), minus_one = LLVMConstAllOnes(type);
    LLVMValueRef one = LLVMConstNeg(minus_one), negative = LLVMBuildICmp(b, LLVMIntEQ, y, minus_one, ""),
                 nothing = LLVMBuildICmp(b, LLVMIntEQ, y, zero, "");
    x = LLVMBuildSelect(b, nothing, zero, LLVMBuildSelect(b, negative, LLVMBuildNeg(b, x, ""), x, ""), "");
    y = LLVMBuildSelect(b, LLVMBuildOr(b, nothing, negative, ""), one, y, "");
    LLVMValueRef quotient = LLVMBuildSDiv(b, x, y, ""), rest = LLVMBuildSRem(b, x, y, "");
    LLVMValueRef inexact = LLVMBuildICmp(b, LLVMIntNE, rest, zero, "");
    LLVMValueRef differ = LLVMBuildICmp(b, LLVMIntSLT, LLVMBuildXor(b, rest, y, ""), zero, "");
    LLVMValueRef down = LLVMBuildAnd(b, inexact, differ, "");
    if (remainder) return LLVMBuildSelect(b, down, LLVMBuildAdd(b, rest, y, ""), rest, "");
    return LLVMBuildAdd(b, quotient, LLVMBuildSExt(b, down, LLVMTypeOf(x), ""), "");
}

static LLVMValueRef compare(Emitter *e, OpKind op, LLVMValueRef x, LLVMValueRef y, bool is_float,
                            bool is_bool) {
    static const struct {
        LLVMRealPredicate real;
        LLVMIntPredicate integer, boolean;
    } of[] = {{LLVMRealOEQ, LLVMIntEQ, LLVMIntEQ},   {LLVMRealUNE, LLVMIntNE, LLVMIntNE},
              {LLVMRealOLT, LLVMIntSLT, LLVMIntULT}, {LLVMRealOLE, LLVMIntSLE, LLVMIntULE},
              {LLVMRealOGT, LLVMIntSGT, LLVMIntUGT}, {LLVMRealOGE, LLVMIntSGE, LLVMIntUGE}};
    int row = (int)op - OP_eq;
    if (is_float) return LLVMBuildFCmp(e->builder, of[row].real, x, y, "");
    return LLVMBuildICmp(e->builder, is_bool ? of[row].boolean : of[row].integer, x, y, "");
}

static LLVMValueRef binary(Emitter *e, const Node *node, LLVMValueRef x, LLVMValueRef y, DType from) {
    LLVMBuilderRef b = e->builder;
    bool f = dtype_is_float(from);
    switch ((OpKind)node->op) {
    case OP_add: return f ? contract(LLVMBuildFAdd(b, x, y, "")) : LLVMBuildAdd(b, x, y, "");
    case OP_sub: return f ? contract(LLVMBuildFSub(b, x, y, "")) : LLVMBuildSub(b, x, y, "");
    case OP_mul: return f ? contract(LLVMBuildFMul(b, x, y, "")) : LLVMBuildMul(b, x, y, "");
    case OP_div: return f ? LLVMBuildFDiv(b, x, y, "") : floor_division(e, x, y, false);
    case OP_rem: {
        if (!f) return floor_division(e, x, y, true);
        LLVMValueRef quotient = unary_intrinsic(e, "llvm.floor", LLVMBuildFDiv(b, x, y, ""));
        return LLVMBuildFSub(b, x, LLVMBuildFMul(b, quotient, y, ""), "");
    }
    case OP_pow: return emit_intrinsic(e, "llvm.pow", LLVMTypeOf(x), (LLVMValueRef[]){x, y}, 2);
    case OP_max: return emit_maximum(e, x, y, true);
    case OP_min: return emit_maximum(e, x, y, false);
    case OP_and: return LLVMBuildAnd(b, x, y, "");
    case OP_or: return LLVMBuildOr(b, x, y, "");
    default: return compare(e, node->op, x, y, f, from == DT_BOOL);
    }
}

static LLVMValueRef emit_elementwise(Emitter *e, ValueId value, const Access *access, LLVMValueRef guard) {
    const Node *node = func_node(e->func, value);
    LLVMValueRef x[3];
    bool vector = false;
    for (int o = 0; o < node->n_operands; o++) {
        x[o] = emit_operand(e, node, o, access, guard);
        vector = vector || is_vector(x[o]);
    }
    for (int o = 0; vector && o < node->n_operands; o++) x[o] = emit_splat(e, x[o]);
    DType from = func_type(e->func, node->operands[0])->dtype;
    if (node->n_operands == 1) return unary(e, node, x[0], from, emit_is_rounded(e, value));
    if (node->n_operands == 2) return binary(e, node, x[0], x[1], from);
    return LLVMBuildSelect(e->builder, x[0], x[1], x[2], "");
}

LLVMValueRef emit_value(Emitter *e, ValueId value, const Access *access, LLVMValueRef guard) {
    LLVMValueRef known = recall(e, value, access, guard);
    if (known) return known;
    const Node *node = func_node(e->func, value);
    LLVMValueRef result;
    if (node->cluster != e->cluster)
        result = load_element(e, value, &node->type, access, guard);
    else if (node_is_literal(node))
        result = literal_of(e, value);
    else if (node->op == OP_constant)
        result = constant_of(e, node->attrs[0].f, node->type.dtype);
    else if (node->op == OP_iota) {
        int axis = (int)node->attrs[1].i;
        if (axis < 0) axis += node->type.rank;
        result = cast_value(e, emit_axis_index(e, access, axis), DT_I64, node->type.dtype);
    } else if (node->op == OP_pad)
        result = emit_pad(e, node, access, guard);
    else if (node->op == OP_concat)
        result = emit_concat(e, node, access, guard);
    else if (op_is_view(node->op))
        result = emit_operand(e, node, 0, access, guard);
    else
        result = emit_elementwise(e, value, access, guard);
    remember(e, value, access, guard, result);
    return result;
}

/* Whether the value is the same all over the kernel. */
static bool is_same_everywhere(const Emitter *e, const Access *access) {
    for (int i = 0; i < e->kernel->domain.rank; i++)
        if (e->kernel->domain.extent[i] > 1 && access_uses_loop(access, i)) return false;
    return true;
}

/* That walk number `walk` met a node at an access. */
typedef struct Met {
    struct Met *next;
    uint32_t walk;
    Access access;
} Met;

static void begin_walk(Emitter *e) {
    size_t n = 0;
    while (e->first + n < e->func->count && func_node(e->func, e->first + (ValueId)n)->cluster == e->cluster)
        n++;
    if (!e->met) e->met = ARENA_ARRAY(e->arena, Met *, n + 1);
    e->walk++;
}

/* Whether this walk was at a node of the kernel before: there may be as many ways to a node as two to the power of its depth. */
static bool meet_again(Emitter *e, ValueId value, const Access *access) {
    Met **at = &e->met[value - e->first];
    for (; *at && (*at)->walk == e->walk; at = &(*at)->next)
        if (access_equal(&(*at)->access, access, e->kernel->domain.rank)) return true;
    if (!*at) *at = ARENA_NEW(e->arena, Met); /* else one of an earlier walk serves again */
    (*at)->walk = e->walk;
    (*at)->access = *access;
    return false;
}

static void hoist(Emitter *e, ValueId value, const Access *access,
                  bool (*fixed)(const Emitter *e, const Access *access)) {
    const Node *node = func_node(e->func, value);
    if (recall(e, value, access, NULL)) return;
    if (fixed(e, access)) {
        emit_value(e, value, access, NULL);
        return;
    }
    /* Below a choice the operand may be out of range: it is not for loading early. */
    if (node->cluster != e->cluster || node->op == OP_pad || node->op == OP_concat ||
        op_is_reduce(node->op) || op_is_product(node->op) || meet_again(e, value, access))
        return;
    for (int o = 0; o < node->n_operands; o++) {
        DomainSplit split;
        Access of_operand;
        if (access_operand(e->func, node, o, &e->kernel->domain, access, &of_operand, &split) == ACCESS_OK)
            hoist(e, node->operands[o], &of_operand, fixed);
    }
}

void emit_hoist(Emitter *e, ValueId value, const Access *access) {
    begin_walk(e);
    hoist(e, value, access, emit_is_uniform);
}

void emit_hoist_kernel(Emitter *e, ValueId value, const Access *access) {
    if (domain_size(&e->kernel->domain) == 1) return; /* then the loops' own results are such values too */
    begin_walk(e);
    hoist(e, value, access, is_same_everywhere);
}
