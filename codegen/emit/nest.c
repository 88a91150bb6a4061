/* The loops of a kernel: see emit.h. */
#include "codegen/emit/nest.h"
#include "ir/plan/blocks.h"

/* ---- making it --------------------------------------------------------------------------------------------------- */

/* Loops of extent 1 matter to no address. */
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

/* Whether a member needs the index along one of its own axes (emit_axis_index), as choices, `pack` and iota do. */
static bool needs_single_loops(const Emitter *e) {
    for (size_t i = 0; i < e->kernel->n_members; i++) {
        OpKind op = func_node(e->func, e->kernel->members[i].value)->op;
        if (op_is_choice(op) || op == OP_iota || op == OP_pack) return true;
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

static void add_loop(LoopNest *nest, int domain_loop, int64_t extent) {
    nest->extent[nest->n] = extent;
    nest->last[nest->n] = domain_loop;
    nest->of[domain_loop] = nest->n++;
}

/* Adds loops of extent 1 that rows.c relies on: one for a kernel of scalars, and a vector loop for rows of one element.
 */
static void complete(LoopNest *nest, Kernel *kernel) {
    if (nest->n == 0) {
        add_loop(nest, 0, 1);
        nest->vector = -1;
    } else if (kernel->rows && kernel->first_inner == kernel->domain.rank) {
        kernel->domain.extent[kernel->domain.rank] = 1;
        nest->vector = nest->n;
        add_loop(nest, kernel->domain.rank++, 1);
    }
}

void nest_make(Emitter *e, const Kernel *kernel, int64_t apart) {
    Kernel *own = ARENA_NEW(e->arena, Kernel);
    *own = kernel_copy(e->arena, kernel);
    LoopNest *nest = &e->nest;
    drop_unit_loops(own);
    e->kernel = own;
    const Domain *domain = &own->domain;
    bool merging = own->kind == KERNEL_LOOP || own->kind == KERNEL_MATMUL || own->kind == KERNEL_COLUMN,
         single = !merging || needs_single_loops(e);
    int cut = apart ? domain_cut(domain, apart) : -1;
    nest->n = 0;
    for (int i = 0; i < domain->rank; i++) {
        if (i > 0 && i - 1 != cut && !single && can_merge(e, i - 1)) {
            nest->of[i] = nest->n - 1;
            nest->extent[nest->n - 1] *= domain->extent[i];
            nest->last[nest->n - 1] = i;
        } else
            add_loop(nest, i, domain->extent[i]);
    }
    nest->vector = nest->n - 1;
    if (own->kind == KERNEL_LOOP) complete(nest, own);
}

/* ---- questions --------------------------------------------------------------------------------------------------- */

bool emit_uses_loop(const Emitter *e, const Access *access, int loop) {
    for (int i = 0; i < e->kernel->domain.rank; i++)
        if (e->nest.of[i] == loop && access_uses_loop(access, i)) return true;
    return false;
}

bool emit_is_uniform(const Emitter *e, const Access *access) {
    return e->nest.vector < 0 || !emit_uses_loop(e, access, e->nest.vector);
}

/* ---- indices ----------------------------------------------------------------------------------------------------- */

LLVMValueRef emit_linear_index(Emitter *e, const Type *type, const Access *access, int64_t *step) {
    const LoopNest *nest = &e->nest;
    int64_t offset, coef[DOMAIN_MAX];
    access_linear(type, access, &e->kernel->domain, &offset, coef);
    LLVMValueRef index = build_i64(e->fb, offset);
    *step = 0;
    for (int g = 0; g < nest->n; g++) {
        int64_t c = coef[nest->last[g]];
        if (c == 0) continue;
        if (g == nest->vector) *step = c;
        index = build_add(e->fb, index, c == 1 ? nest->index[g] : build_scaled(e->fb, nest->index[g], c));
    }
    return index;
}

LLVMValueRef emit_axis_index(Emitter *e, const Access *access, int k) {
    FunctionBuilder *fb = e->fb;
    const LoopNest *nest = &e->nest;
    LLVMValueRef index = build_i64(fb, access->offset[k]);
    int64_t step = 0;
    for (int i = 0; i < e->kernel->domain.rank; i++) {
        int64_t c = access->coef[k][i];
        if (c == 0) continue;
        if (nest->of[i] == nest->vector) step = c;
        index = build_add(fb, index, build_scaled(fb, nest->index[nest->of[i]], c));
    }
    int width = e->lanes.width;
    if (step == 0 || width == 1) return index;
    return build_add(fb, build_splat(fb, width, index), build_lane_numbers(fb, width, 0, step));
}

void emit_unflatten(Emitter *e, LLVMValueRef row, int first, int end) {
    LLVMBuilderRef b = e->fb->builder;
    for (int g = end - 1; g > first; g--) {
        LLVMValueRef extent = build_i64(e->fb, e->nest.extent[g]);
        e->nest.index[g] = LLVMBuildURem(b, row, extent, "");
        row = LLVMBuildUDiv(b, row, extent, "");
    }
    if (end > first) e->nest.index[first] = row;
}

/* ---- the vector loop --------------------------------------------------------------------------------------------- */

static void emit_vector(Emitter *e, LLVMValueRef index, LLVMValueRef mask,
                        void (*body)(Emitter *e, void *user), void *user) {
    Scope scope = emit_vectors_begin(e, mask);
    e->nest.index[e->nest.vector] = index;
    body(e, user);
    emit_scope_end(e, scope);
}

void emit_vector_loop(Emitter *e, LLVMValueRef from, LLVMValueRef to, int64_t extent,
                      void (*body)(Emitter *e, void *user), void *user) {
    FunctionBuilder *fb = e->fb;
    LLVMValueRef rest = from;
    if (extent >= fb->lanes) {
        Loop loop = build_loop_begin(fb, from, to, fb->lanes, "vector");
        emit_vector(e, loop.counter, NULL, body, user);
        build_loop_end(fb, &loop);
        rest = loop.counter;
    }
    if (extent % fb->lanes == 0) return;
    Fork tail = build_if(fb, LLVMBuildICmp(fb->builder, LLVMIntSLT, rest, to, ""));
    LLVMValueRef left = LLVMBuildSub(fb->builder, to, rest, "");
    emit_vector(e, rest, build_lanes_below(fb, fb->lanes, 0, left), body, user);
    build_end_if(fb, &tail);
}
