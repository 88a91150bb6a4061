/* Bodies of loop kernels: rows shared among threads, reductions along a row, a vector loop over its elements. */
#include "codegen/emit/emit.h"
#include "codegen/kernels/partial.h"
#include "codegen/kernels/prepack.h"

#include <string.h>

enum { ROWS_TO_PACK = 16 }; /* so many are in the cache still */

/* ---- loops in LLVM IR -------------------------------------------------------------------------------------------- */

LLVMBasicBlockRef emit_new_block(Emitter *e, const char *name) {
    return LLVMAppendBasicBlockInContext(e->context, e->function, name);
}

Loop emit_loop_begin(Emitter *e, LLVMValueRef from, LLVMValueRef to, int64_t step, const char *name) {
    Loop loop = {.end = to};
    LLVMBasicBlockRef before = LLVMGetInsertBlock(e->builder);
    loop.head = emit_new_block(e, name);
    loop.body = emit_new_block(e, "body");
    loop.exit = emit_new_block(e, "exit");
    LLVMBuildBr(e->builder, loop.head);
    LLVMPositionBuilderAtEnd(e->builder, loop.head);
    loop.counter = LLVMBuildPhi(e->builder, LLVMInt64TypeInContext(e->context), name);
    LLVMAddIncoming(loop.counter, &from, &before, 1);
    /* A whole step must fit: the rest, if any, is the caller's. */
    loop.next = LLVMBuildNSWAdd(e->builder, loop.counter, emit_i64(e, step), "");
    LLVMValueRef more = LLVMBuildICmp(e->builder, LLVMIntSLE, loop.next, to, "");
    LLVMBuildCondBr(e->builder, more, loop.body, loop.exit);
    LLVMPositionBuilderAtEnd(e->builder, loop.body);
    return loop;
}

void emit_loop_end(Emitter *e, Loop *loop) {
    LLVMBasicBlockRef last = LLVMGetInsertBlock(e->builder);
    LLVMBuildBr(e->builder, loop->head);
    LLVMAddIncoming(loop->counter, &loop->next, &last, 1);
    LLVMPositionBuilderAtEnd(e->builder, loop->exit);
}

Loop emit_block_loop(Emitter *e, LLVMValueRef from, LLVMValueRef to, int64_t step, const char *name,
                     LLVMValueRef *size) {
    LLVMValueRef padded = LLVMBuildAdd(e->builder, to, emit_i64(e, step - 1), "");
    Loop loop = emit_loop_begin(e, from, padded, step, name);
    LLVMValueRef left = LLVMBuildSub(e->builder, to, loop.counter, "");
    *size = emit_intrinsic(e, "llvm.smin", LLVMInt64TypeInContext(e->context),
                           (LLVMValueRef[]){left, emit_i64(e, step)}, 2);
    return loop;
}

void emit_vector_loop(Emitter *e, LLVMValueRef from, LLVMValueRef to, int64_t extent,
                      void (*body)(Emitter *e, void *user), void *user) {
    size_t scope = e->n_emitted;
    int width = e->lanes;
    LLVMValueRef rest = from;
    e->width = width;
    e->mask = NULL;
    if (extent >= width) {
        Loop loop = emit_loop_begin(e, from, to, width, "vector");
        e->index[e->vector_group] = loop.counter;
        body(e, user);
        e->n_emitted = scope;
        emit_loop_end(e, &loop);
        rest = loop.counter;
    }
    if (extent % width != 0) {
        LLVMBasicBlockRef tail = emit_new_block(e, "tail"), done = emit_new_block(e, "done");
        LLVMValueRef left = LLVMBuildICmp(e->builder, LLVMIntSLT, rest, to, "");
        LLVMBuildCondBr(e->builder, left, tail, done);
        LLVMPositionBuilderAtEnd(e->builder, tail);
        e->index[e->vector_group] = rest;
        e->mask = emit_lanes_below(e, 0, LLVMBuildSub(e->builder, to, rest, ""));
        body(e, user);
        e->n_emitted = scope;
        e->mask = NULL;
        LLVMBuildBr(e->builder, done);
        LLVMPositionBuilderAtEnd(e->builder, done);
    }
    e->width = 1;
}

void emit_share(Emitter *e, int64_t n, int64_t grain, LLVMValueRef *from, LLVMValueRef *to) {
    LLVMTypeRef i64 = LLVMInt64TypeInContext(e->context);
    LLVMValueRef thread = LLVMBuildSExt(e->builder, e->thread, i64, ""),
                 threads = LLVMBuildSExt(e->builder, e->threads, i64, "");
    if (e->chain) {
        int64_t block = chain_share(e->chain, n);
        *from = LLVMBuildMul(e->builder, thread, emit_i64(e, block), "");
        *to = LLVMBuildAdd(e->builder, *from, emit_i64(e, block), "");
        *to = emit_intrinsic(e, "llvm.smin", i64, (LLVMValueRef[]){*to, emit_i64(e, n)}, 2);
        return;
    }
    int64_t grains = (n + grain - 1) / grain;
    LLVMValueRef next = LLVMBuildAdd(e->builder, thread, emit_i64(e, 1), "");
    LLVMValueRef bounds[2] = {thread, next};
    for (int i = 0; i < 2; i++) {
        LLVMValueRef at = LLVMBuildMul(e->builder, bounds[i], emit_i64(e, grains), "");
        at = LLVMBuildSDiv(e->builder, at, threads, "");
        at = LLVMBuildMul(e->builder, at, emit_i64(e, grain), "");
        bounds[i] = emit_intrinsic(e, "llvm.smin", i64, (LLVMValueRef[]){at, emit_i64(e, n)}, 2);
    }
    *from = bounds[0];
    *to = bounds[1];
}

LLVMValueRef emit_batch_offset(Emitter *e, LLVMValueRef batch, int n, const int64_t *extent,
                               const int64_t *stride, int64_t offset) {
    LLVMValueRef sum = emit_i64(e, offset);
    for (int i = n - 1; i >= 0; i--) {
        LLVMValueRef size = emit_i64(e, extent[i]), step = emit_i64(e, stride[i]);
        LLVMValueRef index = LLVMBuildURem(e->builder, batch, size, "");
        sum = LLVMBuildAdd(e->builder, sum, LLVMBuildMul(e->builder, index, step, ""), "");
        batch = LLVMBuildUDiv(e->builder, batch, size, "");
    }
    return sum;
}

void emit_unflatten(Emitter *e, LLVMValueRef row, int first, int end) {
    for (int g = end - 1; g > first; g--) {
        LLVMValueRef extent = emit_i64(e, e->group_extent[g]);
        e->index[g] = LLVMBuildURem(e->builder, row, extent, "");
        row = LLVMBuildUDiv(e->builder, row, extent, "");
    }
    if (end > first) e->index[first] = row;
}

/* ---- what a row computes -------------------------------------------------------------------------------------------- */

/* A reduction along the row. It belongs to a phase: it can run once all reductions of earlier phases are known. */
typedef struct {
    const KernelMember *member;
    Access of_operand;
    int phase;
    LLVMValueRef accumulator; /* a stack slot of one vector */
} RowReduction;

typedef struct {
    RowReduction *reductions;
    int n_reductions, n_phases;
    const KernelMember **stores; /* members that reach memory */
    int n_stores;
    bool has_vector_stores;
    const Target *target;
    int phase; /* running */
} RowPlan;

static bool is_stored(const Emitter *e, ValueId value) {
    for (size_t i = 0; i < e->n_buffers; i++)
        if (e->buffers[i].value == value && e->buffers[i].stored) return true;
    return false;
}

/* The number of reductions one after another below each member: consumers come first in `members`. */
static void plan_phases(Emitter *e, RowPlan *plan) {
    Kernel *kernel = e->kernel;
    ValueId last = kernel->members[0].value;
    for (size_t m = 0; m < kernel->n_members; m++)
        if (kernel->members[m].value > last) last = kernel->members[m].value;
    int *depth = ARENA_ARRAY(e->arena, int, last - e->first + 1); /* of node first + i */
    for (size_t m = kernel->n_members; m-- > 0;) {
        ValueId value = kernel->members[m].value;
        const Node *node = func_node(e->func, value);
        int d = 0;
        for (int o = 0; o < node->n_operands; o++) {
            ValueId x = node->operands[o];
            if (func_node(e->func, x)->cluster == e->cluster && depth[x - e->first] > d)
                d = depth[x - e->first];
        }
        depth[value - e->first] = d + op_is_reduce(node->op);
        if (!op_is_reduce(node->op)) continue;
        RowReduction reduction = {.member = &kernel->members[m], .phase = d};
        DomainSplit split;
        access_reduced(e->func, node, &kernel->domain, kernel->first_inner, &kernel->members[m].access,
                       &reduction.of_operand, &split);
        plan->reductions[plan->n_reductions++] = reduction;
        if (d + 1 > plan->n_phases) plan->n_phases = d + 1;
    }
}

static RowPlan plan_row(Emitter *e) {
    Kernel *kernel = e->kernel;
    RowPlan plan = {.reductions = ARENA_ARRAY(e->arena, RowReduction, kernel->n_members + 1),
                    .stores = ARENA_ARRAY(e->arena, const KernelMember *, kernel->n_members + 1)};
    plan_phases(e, &plan);
    for (size_t m = 0; m < kernel->n_members; m++) {
        const KernelMember *member = &kernel->members[m];
        if (!is_stored(e, member->value)) continue;
        plan.stores[plan.n_stores++] = member;
        plan.has_vector_stores = plan.has_vector_stores || !emit_is_uniform(e, &member->access);
    }
    return plan;
}

static LLVMValueRef neutral(Emitter *e, const Node *node) {
    LLVMTypeRef type = emit_type(e, node->type.dtype);
    if (node->op == OP_sum) return LLVMConstNull(type);
    if (dtype_is_float(node->type.dtype)) return LLVMConstReal(type, -__builtin_inf());
    return LLVMConstInt(type, 1ull << (8 * dtype_size(node->type.dtype) - 1), false);
}

static LLVMValueRef combine(Emitter *e, const Node *node, LLVMValueRef a, LLVMValueRef b) {
    if (node->op == OP_amax) return emit_maximum(e, a, b, true);
    if (!dtype_is_float(node->type.dtype)) return LLVMBuildAdd(e->builder, a, b, "");
    return LLVMBuildFAdd(e->builder, a, b, "");
}

/* The body of one phase's vector loop: every reduction of the phase takes a vector. */
static void accumulate(Emitter *e, void *user) {
    RowPlan *plan = user;
    for (int r = 0; r < plan->n_reductions; r++) {
        RowReduction *reduction = &plan->reductions[r];
        if (reduction->phase != plan->phase) continue;
        const Node *node = func_node(e->func, reduction->member->value);
        LLVMValueRef x = emit_splat(e, emit_value(e, node->operands[0], &reduction->of_operand, NULL));
        LLVMTypeRef vector = LLVMVectorType(emit_type(e, node->type.dtype), (unsigned)e->lanes);
        LLVMValueRef start = emit_splat(e, neutral(e, node));
        if (e->mask) x = LLVMBuildSelect(e->builder, e->mask, x, start, "");
        LLVMValueRef sum = LLVMBuildLoad2(e->builder, vector, reduction->accumulator, "");
        LLVMBuildStore(e->builder, combine(e, node, sum, x), reduction->accumulator);
    }
}

/* One vector's lanes into one number: halves onto halves, so that the order is that of a tree. */
static LLVMValueRef fold_lanes(Emitter *e, const Node *node, LLVMValueRef vector) {
    LLVMTypeRef i32 = LLVMInt32TypeInContext(e->context);
    for (int half = e->lanes / 2; half >= 1; half /= 2) {
        LLVMValueRef low[64], high[64];
        for (int i = 0; i < half; i++) {
            low[i] = LLVMConstInt(i32, (unsigned)i, false);
            high[i] = LLVMConstInt(i32, (unsigned)(i + half), false);
        }
        LLVMValueRef undefined = LLVMGetPoison(LLVMTypeOf(vector));
        LLVMValueRef a =
            LLVMBuildShuffleVector(e->builder, vector, undefined, LLVMConstVector(low, (unsigned)half), "");
        LLVMValueRef b =
            LLVMBuildShuffleVector(e->builder, vector, undefined, LLVMConstVector(high, (unsigned)half), "");
        vector = combine(e, node, a, b);
    }
    return LLVMBuildExtractElement(e->builder, vector, LLVMConstInt(i32, 0, false), "");
}

/* Opens the row's loops but the last, for a row of several. */
static int open_middle_loops(Emitter *e, int first, Loop *loops) {
    int n = 0;
    for (int g = first; g < e->n_groups - 1; g++) {
        loops[n] = emit_loop_begin(e, emit_i64(e, 0), emit_i64(e, e->group_extent[g]), 1, "middle");
        e->index[g] = loops[n++].counter;
    }
    return n;
}

static void over_row(Emitter *e, int first, LLVMValueRef from, LLVMValueRef to,
                     void (*body)(Emitter *, void *), void *user) {
    Loop loops[DOMAIN_MAX];
    size_t scope = e->n_emitted;
    int n = open_middle_loops(e, first, loops);
    emit_vector_loop(e, from, to, e->group_extent[e->vector_group], body, user);
    while (n > 0) emit_loop_end(e, &loops[--n]);
    e->n_emitted = scope;
}

/* Whether the rows of the member's operand are those of the kernel, to be packed when some are there. */
static bool packs_rows(const Emitter *e, const Target *target, const KernelMember *member) {
    const Access *access = &member->access;
    return e->n_groups == 2 && access->coef[0][e->last_of[0]] == 1 && access->coef[1][e->last_of[1]] == 1 &&
           emit_packs_blocks(e, target, member, e->group_extent[1]);
}

/* After row `row` of [from, to): if ROWS_TO_PACK of them are stored, or the last is. */
static void pack_rows(Emitter *e, const RowPlan *plan, LLVMValueRef row, LLVMValueRef from, LLVMValueRef to) {
    LLVMBuilderRef b = e->builder;
    for (int s = 0; s < plan->n_stores; s++) {
        const KernelMember *member = plan->stores[s];
        if (!emit_is_packed(e, member) || !packs_rows(e, plan->target, member)) continue;
        LLVMBasicBlockRef yes = emit_new_block(e, "some"), no = emit_new_block(e, "next");
        LLVMValueRef next = LLVMBuildAdd(b, row, emit_i64(e, 1), "");
        LLVMValueRef last = LLVMBuildURem(b, LLVMBuildSub(b, row, from, ""), emit_i64(e, ROWS_TO_PACK), "");
        LLVMValueRef full = LLVMBuildICmp(b, LLVMIntEQ, last, emit_i64(e, ROWS_TO_PACK - 1), "");
        LLVMValueRef some = LLVMBuildOr(b, full, LLVMBuildICmp(b, LLVMIntEQ, next, to, ""), "");
        LLVMBuildCondBr(b, some, yes, no);
        LLVMPositionBuilderAtEnd(b, yes);
        emit_packed_block(e, plan->target, member, LLVMBuildSub(b, row, last, ""),
                          LLVMBuildAdd(b, last, emit_i64(e, 1), ""), emit_i64(e, 0), e->group_extent[1],
                          ROWS_TO_PACK);
        LLVMBuildBr(b, no);
        LLVMPositionBuilderAtEnd(b, no);
    }
}

static void store_elements(Emitter *e, void *user) {
    RowPlan *plan = user;
    for (int s = 0; s < plan->n_stores; s++) {
        const KernelMember *member = plan->stores[s];
        if (emit_is_uniform(e, &member->access)) continue;
        if (emit_is_partial(e, member)) {
            emit_sum_rows(e, member);
            continue;
        }
        if (emit_is_packed(e, member)) {
            if (!packs_rows(e, plan->target, member)) emit_packed(e, member);
            continue;
        }
        LLVMValueRef value = emit_value(e, member->value, &member->access, NULL);
        emit_store(e, emit_buffer(e, member->value, true), &member->access, value);
    }
}

static void run_phase(Emitter *e, RowPlan *plan, int first, LLVMValueRef from, LLVMValueRef to) {
    for (int r = 0; r < plan->n_reductions; r++) {
        RowReduction *reduction = &plan->reductions[r];
        if (reduction->phase != plan->phase) continue;
        const Node *node = func_node(e->func, reduction->member->value);
        e->width = e->lanes;
        LLVMBuildStore(e->builder, emit_splat(e, neutral(e, node)), reduction->accumulator);
        e->width = 1;
        if (first == e->n_groups - 1) emit_hoist(e, node->operands[0], &reduction->of_operand);
    }
    over_row(e, first, from, to, accumulate, plan);
    for (int r = 0; r < plan->n_reductions; r++) {
        RowReduction *reduction = &plan->reductions[r];
        if (reduction->phase != plan->phase) continue;
        const Node *node = func_node(e->func, reduction->member->value);
        LLVMTypeRef vector = LLVMVectorType(emit_type(e, node->type.dtype), (unsigned)e->lanes);
        LLVMValueRef sum = LLVMBuildLoad2(e->builder, vector, reduction->accumulator, "");
        emit_remember(e, reduction->member->value, &reduction->member->access, fold_lanes(e, node, sum));
    }
}

/* Everything of one row; [from, to) bounds the vector loop. */
static void emit_row(Emitter *e, RowPlan *plan, int first, LLVMValueRef from, LLVMValueRef to) {
    for (plan->phase = 0; plan->phase < plan->n_phases; plan->phase++) run_phase(e, plan, first, from, to);
    for (int s = 0; s < plan->n_stores; s++) {
        const KernelMember *member = plan->stores[s];
        if (emit_is_partial(e, member)) {
            if (first == e->n_groups - 1) emit_hoist_stored(e, member);
            if (emit_is_uniform(e, &member->access)) emit_row_moments(e, member);
        } else if (emit_is_uniform(e, &member->access)) {
            LLVMValueRef value = emit_value(e, member->value, &member->access, NULL);
            emit_store(e, emit_buffer(e, member->value, true), &member->access, value);
        } else if (first == e->n_groups - 1)
            emit_hoist(e, member->value, &member->access);
    }
    if (plan->has_vector_stores) over_row(e, first, from, to, store_elements, plan);
}

/* The first group of the row: the reductions' loops, else the last loop. */
static int first_row_group(const Emitter *e) {
    const Kernel *kernel = e->kernel;
    if (kernel->rows && kernel->first_inner < kernel->domain.rank) return e->group[kernel->first_inner];
    return e->n_groups - 1;
}

static void make_accumulators(Emitter *e, RowPlan *plan) {
    LLVMBasicBlockRef here = LLVMGetInsertBlock(e->builder), entry = LLVMGetEntryBasicBlock(e->function);
    LLVMPositionBuilderBefore(e->builder, LLVMGetBasicBlockTerminator(entry));
    for (int r = 0; r < plan->n_reductions; r++) {
        DType dtype = func_type(e->func, plan->reductions[r].member->value)->dtype;
        LLVMTypeRef vector = LLVMVectorType(emit_type(e, dtype), (unsigned)e->lanes);
        plan->reductions[r].accumulator = LLVMBuildAlloca(e->builder, vector, "accumulator");
    }
    LLVMPositionBuilderAtEnd(e->builder, here);
}

void emit_loop_kernel(Emitter *e, const Target *target) {
    if (e->n_groups == 0) { /* scalars: one loop of one round */
        e->group_extent[0] = 1;
        e->n_groups = 1;
        e->vector_group = -1;
        e->last_of[0] = 0;
    } else if (e->kernel->rows &&
               e->kernel->first_inner == e->kernel->domain.rank) { /* rows of one element */
        e->kernel->domain.extent[e->kernel->domain.rank] = 1;
        e->group[e->kernel->domain.rank] = e->n_groups;
        e->last_of[e->n_groups] = e->kernel->domain.rank++;
        e->group_extent[e->n_groups] = 1;
        e->vector_group = e->n_groups++;
    }
    RowPlan plan = plan_row(e);
    plan.target = target;
    make_accumulators(e, &plan);
    int first = e->vector_group < 0 ? 1 : first_row_group(e);
    int64_t rows = 1;
    for (int g = 0; g < first; g++) rows *= e->group_extent[g];
    LLVMValueRef from, to;
    e->width = 1;
    for (int s = 0; plan.n_reductions == 0 && s < plan.n_stores; s++)
        emit_hoist_stored_kernel(e, plan.stores[s]);
    if (rows == 1 && e->vector_group >= 0 && plan.n_reductions == 0 && e->n_groups == 1) {
        emit_share(e, e->group_extent[0], 4 * e->lanes, &from, &to);
        emit_row(e, &plan, 0, from, to);
        return;
    }
    /* A row of a partial reduction may be several of these. */
    int64_t n = domain_size(&e->kernel->domain) / rows, grain = emit_partial_grain(e);
    if (grain > 1) {
        const Type *x =
            func_type(e->func, func_node(e->func, kernel_partial(e->func, e->kernel))->operands[0]);
        grain *= x->dim[x->rank - 1] / n;
    }
    emit_share(e, rows, grain, &from, &to);
    Loop loop = emit_loop_begin(e, from, to, 1, "row");
    size_t scope = e->n_emitted;
    emit_unflatten(e, loop.counter, 0, first);
    int64_t extent = e->vector_group < 0 ? 1 : e->group_extent[e->vector_group];
    emit_row(e, &plan, first, emit_i64(e, 0), emit_i64(e, extent));
    e->n_emitted = scope;
    if (first == 1) pack_rows(e, &plan, loop.counter, from, to);
    emit_loop_end(e, &loop);
}
