/* Bodies of loop kernels: rows shared among threads, reductions along a row, a vector loop over its elements. */
#include "codegen/kernels/block_reduction.h"
#include "codegen/kernels/kernels.h"
#include "codegen/kernels/packing.h"
#include "codegen/kernels/reduction.h"
#include "codegen/kernels/stores.h"

enum {
    ROWS_TO_PACK = 16
}; /* rows that are packed at a time after they were stored: they are still in the cache */

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
    int first; /* the first loop of the nest that runs along a row; those before it count rows */
    int phase; /* the one being emitted */
} RowPlan;

/* ---- what a row computes ----------------------------------------------------------------------------------------- */

/* A reduction's phase is the most reductions on a path below it (members are visited from operands to users). */
static void plan_phases(Emitter *e, RowPlan *plan) {
    const Kernel *kernel = e->kernel;
    ValueId last = kernel->members[0].value;
    for (size_t m = 0; m < kernel->n_members; m++)
        if (kernel->members[m].value > last) last = kernel->members[m].value;
    int *depth = ARENA_ARRAY(e->arena, int, last - e->called->first + 1); /* of node first + i */
    for (size_t m = kernel->n_members; m-- > 0;) {
        ValueId value = kernel->members[m].value;
        const Node *node = func_node(e->func, value);
        int d = 0;
        for (int o = 0; o < node->n_operands; o++) {
            ValueId x = node->operands[o];
            if (emit_is_inside(e, x) && depth[x - e->called->first] > d) d = depth[x - e->called->first];
        }
        depth[value - e->called->first] = d + op_is_reduce(node->op);
        if (!op_is_reduce(node->op)) continue;
        RowReduction reduction = {.member = &kernel->members[m], .phase = d};
        DomainSplit split;
        access_reduced(e->func, node, &kernel->domain, kernel->first_inner, &kernel->members[m].access,
                       &reduction.of_operand, &split);
        plan->reductions[plan->n_reductions++] = reduction;
        if (d + 1 > plan->n_phases) plan->n_phases = d + 1;
    }
}

/* The first loop of the row: the reductions' loops, else the last loop. */
static int first_loop_of_row(const Emitter *e) {
    const Kernel *kernel = e->kernel;
    if (e->nest.vector < 0) return 1;
    if (kernel->rows && kernel->first_inner < kernel->domain.rank) return e->nest.of[kernel->first_inner];
    return e->nest.n - 1;
}

static RowPlan plan_row(Emitter *e) {
    const Kernel *kernel = e->kernel;
    RowPlan plan = {.reductions = ARENA_ARRAY(e->arena, RowReduction, kernel->n_members + 1),
                    .stores = ARENA_ARRAY(e->arena, const KernelMember *, kernel->n_members + 1),
                    .first = first_loop_of_row(e)};
    plan_phases(e, &plan);
    for (int r = 0; r < plan.n_reductions; r++) {
        const Node *node = func_node(e->func, plan.reductions[r].member->value);
        plan.reductions[r].accumulator =
            build_stack_slot(e->fb, reduction_vector(e->fb, node), "accumulator");
    }
    for (size_t m = 0; m < kernel->n_members; m++) {
        const KernelMember *member = &kernel->members[m];
        if (!emit_is_stored(e, member->value)) continue;
        plan.stores[plan.n_stores++] = member;
        plan.has_vector_stores = plan.has_vector_stores || !emit_is_uniform(e, &member->access);
    }
    return plan;
}

/* Whether the vector loop is the only loop of a row: what does not depend on it is then computed before it. */
static bool is_one_loop(const Emitter *e, const RowPlan *plan) {
    return plan->first == e->nest.n - 1;
}

/* ---- loops of a row ---------------------------------------------------------------------------------------------- */

/* Opens the row's loops but the last, for a row of several. */
static int open_middle_loops(Emitter *e, int first, Loop *loops) {
    int n = 0;
    for (int g = first; g < e->nest.n - 1; g++) {
        loops[n] =
            build_loop_begin(e->fb, build_i64(e->fb, 0), build_i64(e->fb, e->nest.extent[g]), 1, "middle");
        e->nest.index[g] = loops[n++].counter;
    }
    return n;
}

static void over_row(Emitter *e, RowPlan *plan, LLVMValueRef from, LLVMValueRef to,
                     void (*body)(Emitter *, void *)) {
    Loop loops[DOMAIN_MAX];
    Scope scope = emit_scope_begin(e);
    int n = open_middle_loops(e, plan->first, loops);
    emit_vector_loop(e, from, to, e->nest.extent[e->nest.vector], body, plan);
    while (n > 0) build_loop_end(e->fb, &loops[--n]);
    emit_scope_end(e, scope);
}

/* ---- reductions -------------------------------------------------------------------------------------------------- */

/* The body of one phase's vector loop: every reduction of the phase takes a vector. */
static void accumulate(Emitter *e, void *user) {
    RowPlan *plan = user;
    FunctionBuilder *fb = e->fb;
    for (int r = 0; r < plan->n_reductions; r++) {
        RowReduction *reduction = &plan->reductions[r];
        if (reduction->phase != plan->phase) continue;
        const Node *node = func_node(e->func, reduction->member->value);
        LLVMValueRef x = emit_splat(e, emit_value(e, node->operands[0], &reduction->of_operand, NULL));
        LLVMValueRef start = emit_splat(e, reduction_identity(fb, node));
        if (e->lanes.mask) x = LLVMBuildSelect(fb->builder, e->lanes.mask, x, start, "");
        LLVMValueRef sum =
            LLVMBuildLoad2(fb->builder, reduction_vector(fb, node), reduction->accumulator, "");
        LLVMBuildStore(fb->builder, reduction_combine(fb, node, sum, x), reduction->accumulator);
    }
}

static void run_phase(Emitter *e, RowPlan *plan, LLVMValueRef from, LLVMValueRef to) {
    FunctionBuilder *fb = e->fb;
    for (int r = 0; r < plan->n_reductions; r++) {
        RowReduction *reduction = &plan->reductions[r];
        if (reduction->phase != plan->phase) continue;
        const Node *node = func_node(e->func, reduction->member->value);
        LLVMBuildStore(fb->builder, build_splat(fb, fb->lanes, reduction_identity(fb, node)),
                       reduction->accumulator);
        if (is_one_loop(e, plan)) emit_hoist(e, node->operands[0], &reduction->of_operand);
    }
    over_row(e, plan, from, to, accumulate);
    for (int r = 0; r < plan->n_reductions; r++) {
        RowReduction *reduction = &plan->reductions[r];
        if (reduction->phase != plan->phase) continue;
        const Node *node = func_node(e->func, reduction->member->value);
        LLVMValueRef sum =
            LLVMBuildLoad2(fb->builder, reduction_vector(fb, node), reduction->accumulator, "");
        emit_remember(e, reduction->member->value, &reduction->member->access,
                      reduction_fold_lanes(fb, node, sum));
    }
}

/* ---- stores ------------------------------------------------------------------------------------------------------ */

/* Whether the member packs a matrix whose rows are the kernel's rows, so that it can be done some rows at a time. */
static bool packs_rows(const Emitter *e, const KernelMember *member) {
    const Access *access = &member->access;
    return e->nest.n == 2 && access->coef[0][e->nest.last[0]] == 1 && access->coef[1][e->nest.last[1]] == 1 &&
           emit_can_pack_block(e, member, e->nest.extent[1]);
}

/* After row `row` of [from, to) was stored: packs the rows since the last time, if these are ROWS_TO_PACK or `row` is
 * the last. */
static void pack_rows(Emitter *e, const RowPlan *plan, LLVMValueRef row, LLVMValueRef from, LLVMValueRef to) {
    FunctionBuilder *fb = e->fb;
    LLVMBuilderRef b = fb->builder;
    for (int s = 0; s < plan->n_stores; s++) {
        const KernelMember *member = plan->stores[s];
        if (!emit_is_pack(e, member) || !packs_rows(e, member)) continue;
        LLVMValueRef next = LLVMBuildAdd(b, row, build_i64(fb, 1), "");
        LLVMValueRef last = LLVMBuildURem(b, LLVMBuildSub(b, row, from, ""), build_i64(fb, ROWS_TO_PACK), "");
        LLVMValueRef full = LLVMBuildICmp(b, LLVMIntEQ, last, build_i64(fb, ROWS_TO_PACK - 1), "");
        Fork fork = build_if(fb, LLVMBuildOr(b, full, LLVMBuildICmp(b, LLVMIntEQ, next, to, ""), ""));
        LLVMValueRef first = LLVMBuildSub(b, row, last, ""),
                     count = LLVMBuildAdd(b, last, build_i64(fb, 1), "");
        emit_pack_block(e, member, first, count, build_i64(fb, 0), e->nest.extent[1], ROWS_TO_PACK);
        build_end_if(fb, &fork);
    }
}

static void store_vectors(Emitter *e, void *user) {
    RowPlan *plan = user;
    for (int s = 0; s < plan->n_stores; s++) {
        const KernelMember *member = plan->stores[s];
        bool rows_at_once = emit_is_pack(e, member) && packs_rows(e, member);
        if (!emit_is_uniform(e, &member->access) && !rows_at_once) emit_store_member(e, member);
    }
}

/* Stores what is one value for the row; for the others computes what they need before the vector loop. */
static void store_scalars(Emitter *e, const RowPlan *plan) {
    for (int s = 0; s < plan->n_stores; s++) {
        const KernelMember *member = plan->stores[s];
        bool uniform = emit_is_uniform(e, &member->access), of_blocks = emit_is_block_reduction(e, member);
        if (is_one_loop(e, plan) && (of_blocks || !uniform)) emit_hoist_member(e, member);
        if (uniform && of_blocks)
            emit_row_moments(e, member);
        else if (uniform)
            emit_store_member(e, member);
    }
}

/* ---- the kernel -------------------------------------------------------------------------------------------------- */

/* Everything of one row; [from, to) bounds the vector loop. */
static void emit_row(Emitter *e, RowPlan *plan, LLVMValueRef from, LLVMValueRef to) {
    for (plan->phase = 0; plan->phase < plan->n_phases; plan->phase++) run_phase(e, plan, from, to);
    store_scalars(e, plan);
    if (plan->has_vector_stores) over_row(e, plan, from, to, store_vectors);
}

/* Rows that a thread must have together; a row of a block reduction's operand may be several of them. */
static int64_t grain_of_rows(const Emitter *e, int64_t rows) {
    int64_t grain = emit_block_grain(e);
    if (grain == 1) return 1;
    const Node *node = func_node(e->func, kernel_block_reduction(e->func, e->kernel));
    const Type *x = func_type(e->func, node->operands[0]);
    return grain * (x->dim[x->rank - 1] / (domain_size(&e->kernel->domain) / rows));
}

void emit_row_kernel(Emitter *e) {
    FunctionBuilder *fb = e->fb;
    RowPlan plan = plan_row(e);
    int64_t rows = 1;
    for (int g = 0; g < plan.first; g++) rows *= e->nest.extent[g];
    LLVMValueRef from, to;
    for (int s = 0; plan.n_reductions == 0 && s < plan.n_stores; s++)
        emit_hoist_member_kernel(e, plan.stores[s]);
    if (rows == 1 && e->nest.vector >= 0 && plan.n_reductions == 0 && e->nest.n == 1) {
        build_share(fb, e->nest.extent[0], 4 * fb->lanes, &from, &to);
        emit_row(e, &plan, from, to);
        return;
    }
    build_share(fb, rows, grain_of_rows(e, rows), &from, &to);
    Loop loop = build_loop_begin(fb, from, to, 1, "row");
    Scope scope = emit_scope_begin(e);
    emit_unflatten(e, loop.counter, 0, plan.first);
    int64_t extent = e->nest.vector < 0 ? 1 : e->nest.extent[e->nest.vector];
    emit_row(e, &plan, build_i64(fb, 0), build_i64(fb, extent));
    emit_scope_end(e, scope);
    if (plan.first == 1) pack_rows(e, &plan, loop.counter, from, to);
    build_loop_end(fb, &loop);
}
