/* The packed matrix product: see gemm.h. Packing and micro-kernels are internal functions made once a module. */
#include "codegen/gemm.h"

#include <stdio.h>
#include <string.h>

/* Sizes of the blocks that are packed: kc of K, nc of N, mc of M. */
typedef struct {
    int64_t kc, nc, mc;
    int mr, nr, lanes;
} Blocking;

static int64_t round_up(int64_t x, int64_t to) {
    return (x + to - 1) / to * to;
}
static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static Blocking choose_blocking(const Target *target, const GemmShape *shape) {
    const TargetRow *row = target->row;
    Blocking blocking = {.mr = row->mr, .nr = row->lanes * row->nv, .lanes = row->lanes};
    blocking.kc = shape->k <= GEMM_WHOLE_K ? shape->k : 512;
    int64_t b_budget = target->l2_bytes * 5 / 8, a_budget = target->l2_bytes / 5;
    int64_t nc = b_budget / (4 * blocking.kc) / blocking.nr * blocking.nr,
            n = round_up(shape->n, blocking.nr);
    if (nc < blocking.nr) nc = blocking.nr;
    int64_t parts = (n + nc - 1) / nc;
    blocking.nc = round_up((n + parts - 1) / parts, blocking.nr);
    int64_t mc = a_budget / (4 * blocking.kc) / blocking.mr * blocking.mr;
    blocking.mc = smaller(mc < blocking.mr ? blocking.mr : mc, round_up(shape->m, blocking.mr));
    return blocking;
}

static int64_t packed_a_floats(const Blocking *b) {
    return round_up(b->mc * b->kc + 64, 16);
}
static int64_t packed_b_floats(const Blocking *b) {
    return round_up(b->nc * b->kc + 64, 16);
}

int64_t gemm_scratch_bytes(const Target *target, const GemmShape *shape) {
    Blocking b = choose_blocking(target, shape);
    return 4 * (packed_a_floats(&b) + packed_b_floats(&b) + round_up(b.mr * b.nr, 16));
}

/* ---- internal functions --------------------------------------------------------------------------------------- */

typedef struct {
    LLVMValueRef function;
    LLVMBasicBlockRef here;
    LLVMValueRef outer;
} Detour;

/* Starts an internal function; the emitter works in it until detour_end. */
static Detour detour_begin(Emitter *e, const char *name, LLVMTypeRef type) {
    Detour detour = {.here = LLVMGetInsertBlock(e->builder), .outer = e->function};
    detour.function = LLVMAddFunction(e->module, name, type);
    LLVMSetLinkage(detour.function, LLVMInternalLinkage);
    unsigned kind = LLVMGetEnumAttributeKindForName("noinline", 8);
    LLVMAddAttributeAtIndex(detour.function, LLVMAttributeFunctionIndex,
                            LLVMCreateEnumAttribute(e->context, kind, 0));
    e->function = detour.function;
    LLVMPositionBuilderAtEnd(e->builder, LLVMAppendBasicBlockInContext(e->context, detour.function, "entry"));
    return detour;
}

static void detour_end(Emitter *e, const Detour *detour) {
    LLVMBuildRetVoid(e->builder);
    e->function = detour->outer;
    LLVMPositionBuilderAtEnd(e->builder, detour->here);
}

static LLVMTypeRef float_type(const Emitter *e) {
    return LLVMFloatTypeInContext(e->context);
}
static LLVMTypeRef pointer_type(const Emitter *e) {
    return LLVMPointerTypeInContext(e->context, 0);
}

static LLVMValueRef at(Emitter *e, LLVMValueRef base, LLVMValueRef index) {
    return LLVMBuildGEP2(e->builder, float_type(e), base, &index, 1, "");
}

static LLVMValueRef mul(Emitter *e, LLVMValueRef a, LLVMValueRef b) {
    return LLVMBuildMul(e->builder, a, b, "");
}
static LLVMValueRef add(Emitter *e, LLVMValueRef a, LLVMValueRef b) {
    return LLVMBuildAdd(e->builder, a, b, "");
}

static LLVMValueRef load_vector(Emitter *e, LLVMTypeRef vector, LLVMValueRef from) {
    LLVMValueRef load = LLVMBuildLoad2(e->builder, vector, from, "");
    LLVMSetAlignment(load, 4);
    return load;
}

static void store_vector(Emitter *e, LLVMValueRef value, LLVMValueRef to) {
    LLVMSetAlignment(LLVMBuildStore(e->builder, value, to), 4);
}

/* micro(a, b, k, tile): tile[mr][nr] = sum over k of a[k][mr] outer b[k][nr]. */
static LLVMValueRef micro_kernel(Emitter *e, int mr, int nv, int lanes, LLVMTypeRef *type_out) {
    LLVMTypeRef pointer = pointer_type(e), i64 = LLVMInt64TypeInContext(e->context);
    LLVMTypeRef params[] = {pointer, pointer, i64, pointer};
    LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(e->context), params, 4, false);
    char name[64];
    snprintf(name, sizeof name, "micro_%dx%dx%d", mr, nv, lanes);
    *type_out = type;
    LLVMValueRef known = LLVMGetNamedFunction(e->module, name);
    if (known) return known;
    Detour detour = detour_begin(e, name, type);
    LLVMValueRef a = LLVMGetParam(detour.function, 0), b = LLVMGetParam(detour.function, 1);
    LLVMValueRef k = LLVMGetParam(detour.function, 2), tile = LLVMGetParam(detour.function, 3);
    LLVMTypeRef vector = LLVMVectorType(float_type(e), (unsigned)lanes);
    LLVMBasicBlockRef entry = LLVMGetInsertBlock(e->builder);
    LLVMBasicBlockRef body = LLVMAppendBasicBlockInContext(e->context, detour.function, "k");
    LLVMBasicBlockRef done = LLVMAppendBasicBlockInContext(e->context, detour.function, "done");
    LLVMBuildBr(e->builder, body);
    LLVMPositionBuilderAtEnd(e->builder, body);
    LLVMValueRef i = LLVMBuildPhi(e->builder, i64, "i"), sums[64], next[64], zero = LLVMConstNull(vector);
    LLVMValueRef start = emit_i64(e, 0);
    LLVMAddIncoming(i, &start, &entry, 1);
    for (int t = 0; t < mr * nv; t++) {
        sums[t] = LLVMBuildPhi(e->builder, vector, "");
        LLVMAddIncoming(sums[t], &zero, &entry, 1);
    }
    LLVMValueRef ak = at(e, a, mul(e, i, emit_i64(e, mr))), bk = at(e, b, mul(e, i, emit_i64(e, nv * lanes)));
    LLVMValueRef bv[8];
    for (int v = 0; v < nv; v++) bv[v] = load_vector(e, vector, at(e, bk, emit_i64(e, v * lanes)));
    int width = e->width;
    e->width = lanes;
    for (int r = 0; r < mr; r++) {
        LLVMValueRef x = LLVMBuildLoad2(e->builder, float_type(e), at(e, ak, emit_i64(e, r)), "");
        x = emit_splat(e, x);
        for (int v = 0; v < nv; v++)
            next[r * nv + v] =
                emit_intrinsic(e, "llvm.fmuladd", vector, (LLVMValueRef[]){x, bv[v], sums[r * nv + v]}, 3);
    }
    e->width = width;
    LLVMValueRef following = add(e, i, emit_i64(e, 1));
    LLVMAddIncoming(i, &following, &body, 1);
    for (int t = 0; t < mr * nv; t++) LLVMAddIncoming(sums[t], &next[t], &body, 1);
    LLVMBuildCondBr(e->builder, LLVMBuildICmp(e->builder, LLVMIntSLT, following, k, ""), body, done);
    LLVMPositionBuilderAtEnd(e->builder, done);
    for (int t = 0; t < mr * nv; t++)
        store_vector(e, next[t], at(e, tile, emit_i64(e, (int64_t)(t / nv * nv + t % nv) * lanes)));
    detour_end(e, &detour);
    return detour.function;
}

/* pack(from, across, along, count, k, to): a panel of `width` (count of them real, the rest zero) by k elements,
 * to[i·width + p] = from[p·across + i·along]. `contiguous`: across is 1. */
static LLVMValueRef packer(Emitter *e, int width, int lanes, bool contiguous, LLVMTypeRef *type_out) {
    LLVMTypeRef pointer = pointer_type(e), i64 = LLVMInt64TypeInContext(e->context);
    LLVMTypeRef params[] = {pointer, i64, i64, i64, i64, pointer};
    LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(e->context), params, 6, false);
    char name[64];
    snprintf(name, sizeof name, "pack_%d_%s", width, contiguous ? "rows" : "columns");
    *type_out = type;
    LLVMValueRef known = LLVMGetNamedFunction(e->module, name);
    if (known) return known;
    Detour detour = detour_begin(e, name, type);
    LLVMValueRef p[6];
    for (unsigned i = 0; i < 6; i++) p[i] = LLVMGetParam(detour.function, i);
    LLVMTypeRef vector = LLVMVectorType(float_type(e), (unsigned)lanes);
    int width_before = e->width;
    if (contiguous) {
        Loop loop = emit_loop_begin(e, emit_i64(e, 0), p[4], 1, "k");
        LLVMValueRef from = at(e, p[0], mul(e, loop.counter, p[2])),
                     to = at(e, p[5], mul(e, loop.counter, emit_i64(e, width)));
        e->width = lanes;
        for (int v = 0; v < width;
             v += lanes) { /* the last vector may run over: the next row overwrites it */
            LLVMValueRef numbers[64];
            for (int i = 0; i < lanes; i++) numbers[i] = emit_i64(e, v + i);
            LLVMValueRef real = LLVMBuildICmp(
                e->builder, LLVMIntSLT, LLVMConstVector(numbers, (unsigned)lanes), emit_splat(e, p[3]), "");
            LLVMTypeRef types[] = {vector, pointer};
            unsigned id = LLVMLookupIntrinsicID("llvm.masked.load", 16);
            LLVMValueRef args[] = {at(e, from, emit_i64(e, v)),
                                   LLVMConstInt(LLVMInt32TypeInContext(e->context), 4, false), real,
                                   LLVMConstNull(vector)};
            LLVMValueRef x =
                LLVMBuildCall2(e->builder, LLVMIntrinsicGetType(e->context, id, types, 2),
                               LLVMGetIntrinsicDeclaration(e->module, id, types, 2), args, 4, "");
            store_vector(e, x, at(e, to, emit_i64(e, v)));
        }
        e->width = width_before;
        emit_loop_end(e, &loop);
    } else {
        Loop rows = emit_loop_begin(e, emit_i64(e, 0), p[3], 1, "p");
        LLVMValueRef from = at(e, p[0], mul(e, rows.counter, p[1])), to = at(e, p[5], rows.counter);
        Loop loop = emit_loop_begin(e, emit_i64(e, 0), p[4], 1, "k");
        LLVMValueRef x =
            LLVMBuildLoad2(e->builder, float_type(e), at(e, from, mul(e, loop.counter, p[2])), "");
        LLVMBuildStore(e->builder, x, at(e, to, mul(e, loop.counter, emit_i64(e, width))));
        emit_loop_end(e, &loop);
        emit_loop_end(e, &rows);
        Loop rest = emit_loop_begin(e, p[3], emit_i64(e, width), 1, "zero");
        to = at(e, p[5], rest.counter);
        Loop zeros = emit_loop_begin(e, emit_i64(e, 0), p[4], 1, "k");
        LLVMBuildStore(e->builder, LLVMConstNull(float_type(e)),
                       at(e, to, mul(e, zeros.counter, emit_i64(e, width))));
        emit_loop_end(e, &zeros);
        emit_loop_end(e, &rest);
    }
    detour_end(e, &detour);
    return detour.function;
}

/* ---- the loops around ------------------------------------------------------------------------------------------- */

typedef struct {
    Emitter *e;
    const GemmShape *shape;
    Blocking blocking;
    LLVMValueRef a, b, c, packed_a, packed_b, tile, batch;
    GemmEpilogue epilogue;
    void *user;
} Gemm;

static LLVMValueRef least(Emitter *e, LLVMValueRef a, LLVMValueRef b) {
    return emit_intrinsic(e, "llvm.smin", LLVMInt64TypeInContext(e->context), (LLVMValueRef[]){a, b}, 2);
}

/* A loop whose last step may be partial; *size: elements of this step. */
static Loop block_loop(Emitter *e, LLVMValueRef from, LLVMValueRef to, int64_t step, const char *name,
                       LLVMValueRef *size) {
    LLVMValueRef padded = add(e, to, emit_i64(e, step - 1));
    Loop loop = emit_loop_begin(e, from, padded, step, name);
    *size = least(e, LLVMBuildSub(e->builder, to, loop.counter, ""), emit_i64(e, step));
    return loop;
}

/* Packs panels of `width` out of `count` rows (or columns) beginning at element pointer `from`. */
static void pack_panels(Gemm *g, LLVMValueRef from, int64_t across, int64_t along, LLVMValueRef count,
                        LLVMValueRef k, int width, LLVMValueRef to) {
    Emitter *e = g->e;
    LLVMValueRef size;
    Loop loop = block_loop(e, emit_i64(e, 0), count, width, "panel", &size);
    LLVMTypeRef type;
    LLVMValueRef pack = packer(e, width, g->blocking.lanes, across == 1, &type);
    LLVMValueRef args[] = {at(e, from, mul(e, loop.counter, emit_i64(e, across))),
                           emit_i64(e, across),
                           emit_i64(e, along),
                           size,
                           k,
                           at(e, to, mul(e, loop.counter, k))};
    LLVMBuildCall2(e->builder, type, pack, args, 6, "");
    emit_loop_end(e, &loop);
}

/* Adds the tile to C, or writes it there when `first`. */
static void store_plain(Gemm *g, LLVMValueRef first, LLVMValueRef row, LLVMValueRef rows, LLVMValueRef col,
                        LLVMValueRef columns) {
    Emitter *e = g->e;
    const Blocking *b = &g->blocking;
    int64_t n = g->shape->n;
    LLVMTypeRef vector = LLVMVectorType(float_type(e), (unsigned)b->lanes), pointer = pointer_type(e);
    LLVMTypeRef types[] = {vector, pointer};
    LLVMValueRef align = LLVMConstInt(LLVMInt32TypeInContext(e->context), 4, false);
    LLVMValueRef base =
        add(e, mul(e, add(e, mul(e, g->batch, emit_i64(e, g->shape->m)), row), emit_i64(e, n)), col);
    Loop loop = emit_loop_begin(e, emit_i64(e, 0), rows, 1, "r");
    LLVMValueRef to = at(e, g->c, add(e, base, mul(e, loop.counter, emit_i64(e, n))));
    LLVMValueRef from = at(e, g->tile, mul(e, loop.counter, emit_i64(e, b->nr)));
    int width = e->width;
    e->width = b->lanes;
    for (int v = 0; v < b->nr; v += b->lanes) {
        LLVMValueRef numbers[64];
        for (int i = 0; i < b->lanes; i++) numbers[i] = emit_i64(e, v + i);
        LLVMValueRef real = LLVMBuildICmp(
            e->builder, LLVMIntSLT, LLVMConstVector(numbers, (unsigned)b->lanes), emit_splat(e, columns), "");
        LLVMValueRef x = load_vector(e, vector, at(e, from, emit_i64(e, v))),
                     to_v = at(e, to, emit_i64(e, v));
        LLVMValueRef again =
            LLVMBuildAnd(e->builder, real, emit_splat(e, LLVMBuildNot(e->builder, first, "")), "");
        unsigned id = LLVMLookupIntrinsicID("llvm.masked.load", 16);
        LLVMValueRef args[] = {to_v, align, again, LLVMConstNull(vector)};
        LLVMValueRef old = LLVMBuildCall2(e->builder, LLVMIntrinsicGetType(e->context, id, types, 2),
                                          LLVMGetIntrinsicDeclaration(e->module, id, types, 2), args, 4, "");
        x = LLVMBuildFAdd(e->builder, x, old, "");
        id = LLVMLookupIntrinsicID("llvm.masked.store", 17);
        LLVMValueRef store_args[] = {x, to_v, align, real};
        LLVMBuildCall2(e->builder, LLVMIntrinsicGetType(e->context, id, types, 2),
                       LLVMGetIntrinsicDeclaration(e->module, id, types, 2), store_args, 4, "");
    }
    e->width = width;
    emit_loop_end(e, &loop);
}

static void call_micro(Gemm *g, int mr, LLVMValueRef a, LLVMValueRef b, LLVMValueRef k) {
    Emitter *e = g->e;
    LLVMTypeRef type;
    LLVMValueRef micro = micro_kernel(e, mr, g->blocking.nr / g->blocking.lanes, g->blocking.lanes, &type);
    LLVMBuildCall2(e->builder, type, micro, (LLVMValueRef[]){a, b, k, g->tile}, 4, "");
}

/* The tiles of one packed block of A against one packed block of B. */
static void emit_tiles(Gemm *g, LLVMValueRef row, LLVMValueRef rows, LLVMValueRef col, LLVMValueRef columns,
                       LLVMValueRef k, LLVMValueRef first) {
    Emitter *e = g->e;
    const Blocking *b = &g->blocking;
    LLVMValueRef tile_columns, tile_rows;
    Loop across = block_loop(e, emit_i64(e, 0), columns, b->nr, "jr", &tile_columns);
    LLVMValueRef panel_b = at(e, g->packed_b, mul(e, across.counter, k));
    Loop down = block_loop(e, emit_i64(e, 0), rows, b->mr, "ir", &tile_rows);
    LLVMValueRef panel_a = at(e, g->packed_a, mul(e, down.counter, k));
    call_micro(g, b->mr, panel_a, panel_b, k);
    LLVMValueRef tile_row = add(e, row, down.counter), tile_col = add(e, col, across.counter);
    if (g->epilogue)
        g->epilogue(e, g->user, g->batch, tile_row, tile_rows, tile_col, tile_columns, g->tile, b->nr);
    else
        store_plain(g, first, tile_row, tile_rows, tile_col, tile_columns);
    emit_loop_end(e, &down);
    emit_loop_end(e, &across);
}

/* One matrix of the batch: this thread's rows [m0, m1) and columns [n0, n1). */
static void emit_matrix(Gemm *g, LLVMValueRef m0, LLVMValueRef m1, LLVMValueRef n0, LLVMValueRef n1) {
    Emitter *e = g->e;
    const Blocking *b = &g->blocking;
    const GemmShape *s = g->shape;
    LLVMValueRef k, columns, rows;
    Loop pc = block_loop(e, emit_i64(e, 0), emit_i64(e, s->k), b->kc, "pc", &k);
    LLVMValueRef first = LLVMBuildICmp(e->builder, LLVMIntEQ, pc.counter, emit_i64(e, 0), "");
    Loop jc = block_loop(e, n0, n1, b->nc, "jc", &columns);
    LLVMValueRef from_b =
        add(e, mul(e, pc.counter, emit_i64(e, s->b_row)), mul(e, jc.counter, emit_i64(e, s->b_col)));
    pack_panels(g, at(e, g->b, from_b), s->b_col, s->b_row, columns, k, b->nr, g->packed_b);
    Loop ic = block_loop(e, m0, m1, b->mc, "ic", &rows);
    LLVMValueRef from_a =
        add(e, mul(e, ic.counter, emit_i64(e, s->a_row)), mul(e, pc.counter, emit_i64(e, s->a_col)));
    pack_panels(g, at(e, g->a, from_a), s->a_row, s->a_col, rows, k, b->mr, g->packed_a);
    emit_tiles(g, ic.counter, rows, jc.counter, columns, k, first);
    emit_loop_end(e, &ic);
    emit_loop_end(e, &jc);
    emit_loop_end(e, &pc);
}

/* Offset of batch number `batch` along its axes. */
static LLVMValueRef batch_offset(Emitter *e, LLVMValueRef batch, const GemmShape *s, const int64_t *stride,
                                 int64_t offset) {
    LLVMValueRef sum = emit_i64(e, offset);
    for (int i = s->n_batch - 1; i >= 0; i--) {
        LLVMValueRef extent = emit_i64(e, s->batch[i]);
        sum = add(e, sum, mul(e, LLVMBuildURem(e->builder, batch, extent, ""), emit_i64(e, stride[i])));
        batch = LLVMBuildUDiv(e->builder, batch, extent, "");
    }
    return sum;
}

void gemm_emit(Emitter *e, const Target *target, const GemmShape *shape, LLVMValueRef a, LLVMValueRef b,
               LLVMValueRef c, LLVMValueRef scratch, GemmEpilogue epilogue, void *user) {
    Gemm g = {.e = e,
              .shape = shape,
              .blocking = choose_blocking(target, shape),
              .c = c,
              .epilogue = epilogue,
              .user = user};
    g.packed_b = scratch;
    g.packed_a = at(e, scratch, emit_i64(e, packed_b_floats(&g.blocking)));
    g.tile = at(e, g.packed_a, emit_i64(e, packed_a_floats(&g.blocking)));
    int64_t batch = 1;
    for (int i = 0; i < shape->n_batch; i++) batch *= shape->batch[i];
    LLVMValueRef from, to, zero = emit_i64(e, 0), m = emit_i64(e, shape->m), n = emit_i64(e, shape->n);
    if (batch > 1) {
        emit_share(e, batch, 1, &from, &to);
        Loop loop = emit_loop_begin(e, from, to, 1, "matrix");
        g.batch = loop.counter;
        g.a = at(e, a, batch_offset(e, loop.counter, shape, shape->a_batch, shape->a_offset));
        g.b = at(e, b, batch_offset(e, loop.counter, shape, shape->b_batch, shape->b_offset));
        emit_matrix(&g, zero, m, zero, n);
        emit_loop_end(e, &loop);
        return;
    }
    g.batch = zero;
    g.a = at(e, a, emit_i64(e, shape->a_offset));
    g.b = at(e, b, emit_i64(e, shape->b_offset));
    bool by_rows = shape->m >= 16 * g.blocking.mr || shape->m >= shape->n;
    emit_share(e, by_rows ? shape->m : shape->n, by_rows ? g.blocking.mr : g.blocking.nr, &from, &to);
    if (by_rows)
        emit_matrix(&g, from, to, zero, n);
    else
        emit_matrix(&g, zero, m, from, to);
}
