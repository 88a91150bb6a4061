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

/* The shape of one tile: rows and vectors of columns that are computed; steps of the packed panels along K. */
typedef struct {
    int rows, vectors, lanes, mr, nr;
} Tile;

/* micro(a, b, k, tile): tile[rows][nr] = sum over k of a[k][mr] outer b[k][nr], of the tile's rows and vectors alone. */
static LLVMValueRef micro_kernel(Emitter *e, const Tile *t, LLVMTypeRef *type_out) {
    LLVMTypeRef pointer = pointer_type(e), i64 = LLVMInt64TypeInContext(e->context);
    LLVMTypeRef params[] = {pointer, pointer, i64, pointer};
    LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(e->context), params, 4, false);
    char name[64];
    snprintf(name, sizeof name, "micro_%dx%dx%d", t->rows, t->vectors, t->lanes);
    *type_out = type;
    LLVMValueRef known = LLVMGetNamedFunction(e->module, name);
    if (known) return known;
    Detour detour = detour_begin(e, name, type);
    LLVMValueRef a = LLVMGetParam(detour.function, 0), b = LLVMGetParam(detour.function, 1);
    LLVMValueRef k = LLVMGetParam(detour.function, 2), tile = LLVMGetParam(detour.function, 3);
    LLVMTypeRef vector = LLVMVectorType(float_type(e), (unsigned)t->lanes);
    LLVMBasicBlockRef entry = LLVMGetInsertBlock(e->builder);
    LLVMBasicBlockRef body = LLVMAppendBasicBlockInContext(e->context, detour.function, "k");
    LLVMBasicBlockRef done = LLVMAppendBasicBlockInContext(e->context, detour.function, "done");
    LLVMBuildBr(e->builder, body);
    LLVMPositionBuilderAtEnd(e->builder, body);
    LLVMValueRef i = LLVMBuildPhi(e->builder, i64, "i"), sums[64], next[64], zero = LLVMConstNull(vector);
    LLVMValueRef start = emit_i64(e, 0);
    LLVMAddIncoming(i, &start, &entry, 1);
    int n = t->rows * t->vectors;
    for (int s = 0; s < n; s++) {
        sums[s] = LLVMBuildPhi(e->builder, vector, "");
        LLVMAddIncoming(sums[s], &zero, &entry, 1);
    }
    LLVMValueRef ak = at(e, a, mul(e, i, emit_i64(e, t->mr))), bk = at(e, b, mul(e, i, emit_i64(e, t->nr)));
    LLVMValueRef bv[8];
    for (int v = 0; v < t->vectors; v++) bv[v] = load_vector(e, vector, at(e, bk, emit_i64(e, v * t->lanes)));
    int width = e->width;
    e->width = t->lanes;
    for (int r = 0; r < t->rows; r++) {
        LLVMValueRef x = LLVMBuildLoad2(e->builder, float_type(e), at(e, ak, emit_i64(e, r)), "");
        x = emit_splat(e, x);
        for (int v = 0; v < t->vectors; v++) {
            int s = r * t->vectors + v;
            next[s] = emit_intrinsic(e, "llvm.fmuladd", vector, (LLVMValueRef[]){x, bv[v], sums[s]}, 3);
        }
    }
    e->width = width;
    LLVMValueRef following = add(e, i, emit_i64(e, 1));
    LLVMAddIncoming(i, &following, &body, 1);
    for (int s = 0; s < n; s++) LLVMAddIncoming(sums[s], &next[s], &body, 1);
    LLVMBuildCondBr(e->builder, LLVMBuildICmp(e->builder, LLVMIntSLT, following, k, ""), body, done);
    LLVMPositionBuilderAtEnd(e->builder, done);
    for (int s = 0; s < n; s++)
        store_vector(e, next[s],
                     at(e, tile, emit_i64(e, (int64_t)(s / t->vectors * t->nr + s % t->vectors * t->lanes))));
    detour_end(e, &detour);
    return detour.function;
}

/* How the elements of a panel lie: side by side across it, along it, or neither. */
typedef enum { PACK_ACROSS, PACK_ALONG, PACK_STRIDED } PackKind;

typedef struct {
    LLVMValueRef from, across, along, count, k, to; /* parameters of a packer */
} PackArgs;

/* Rows of the panel are copied, whole vectors; the last one may run over: the next row overwrites it. */
static void pack_rows(Emitter *e, const PackArgs *p, int width, int lanes) {
    LLVMTypeRef vector = LLVMVectorType(float_type(e), (unsigned)lanes), types[] = {vector, pointer_type(e)};
    int before = e->width;
    Loop loop = emit_loop_begin(e, emit_i64(e, 0), p->k, 1, "k");
    LLVMValueRef from = at(e, p->from, mul(e, loop.counter, p->along)),
                 to = at(e, p->to, mul(e, loop.counter, emit_i64(e, width)));
    e->width = lanes;
    for (int v = 0; v < width; v += lanes) {
        LLVMValueRef numbers[64];
        for (int i = 0; i < lanes; i++) numbers[i] = emit_i64(e, v + i);
        LLVMValueRef real = LLVMBuildICmp(e->builder, LLVMIntSLT, LLVMConstVector(numbers, (unsigned)lanes),
                                          emit_splat(e, p->count), "");
        unsigned id = LLVMLookupIntrinsicID("llvm.masked.load", 16);
        LLVMValueRef args[] = {at(e, from, emit_i64(e, v)),
                               LLVMConstInt(LLVMInt32TypeInContext(e->context), 4, false), real,
                               LLVMConstNull(vector)};
        LLVMValueRef x = LLVMBuildCall2(e->builder, LLVMIntrinsicGetType(e->context, id, types, 2),
                                        LLVMGetIntrinsicDeclaration(e->module, id, types, 2), args, 4, "");
        store_vector(e, x, at(e, to, emit_i64(e, v)));
    }
    e->width = before;
    emit_loop_end(e, &loop);
}

/* x[i][j] <-> x[j][i] of `lanes` vectors: in step s, bit s of the row number changes places with that of the lane. */
static void transpose_vectors(Emitter *e, LLVMValueRef *x, int lanes) {
    LLVMTypeRef i32 = LLVMInt32TypeInContext(e->context);
    for (int s = 1; s < lanes; s *= 2)
        for (int i = 0; i < lanes; i++) {
            if (i & s) continue;
            LLVMValueRef low[64], high[64], a = x[i], b = x[i + s];
            for (int j = 0; j < lanes; j++) {
                low[j] = LLVMConstInt(i32, (unsigned)(j & s ? lanes + j - s : j), false);
                high[j] = LLVMConstInt(i32, (unsigned)(j & s ? lanes + j : j + s), false);
            }
            x[i] = LLVMBuildShuffleVector(e->builder, a, b, LLVMConstVector(low, (unsigned)lanes), "");
            x[i + s] = LLVMBuildShuffleVector(e->builder, a, b, LLVMConstVector(high, (unsigned)lanes), "");
        }
}

/* Elements [from_k, k) of each line one by one; lines that are missing repeat the first: what is computed of them is
 * not stored. */
static void pack_singly(Emitter *e, const PackArgs *p, int width, LLVMValueRef from_k) {
    Loop lines = emit_loop_begin(e, emit_i64(e, 0), emit_i64(e, width), 1, "line");
    LLVMValueRef there = LLVMBuildICmp(e->builder, LLVMIntSLT, lines.counter, p->count, "");
    LLVMValueRef line = LLVMBuildSelect(e->builder, there, lines.counter, emit_i64(e, 0), "");
    LLVMValueRef from = at(e, p->from, mul(e, line, p->across)), to = at(e, p->to, lines.counter);
    Loop loop = emit_loop_begin(e, from_k, p->k, 1, "k");
    LLVMValueRef x =
        LLVMBuildLoad2(e->builder, float_type(e), at(e, from, mul(e, loop.counter, p->along)), "");
    LLVMBuildStore(e->builder, x, at(e, to, mul(e, loop.counter, emit_i64(e, width))));
    emit_loop_end(e, &loop);
    emit_loop_end(e, &lines);
}

/* Lines of consecutive elements become columns, a square of lanes × lanes at a time, the last elements singly. */
static void pack_transposed(Emitter *e, const PackArgs *p, int width, int lanes) {
    LLVMTypeRef vector = LLVMVectorType(float_type(e), (unsigned)lanes);
    LLVMValueRef whole = LLVMBuildAnd(e->builder, p->k, emit_i64(e, -lanes), "");
    for (int group = 0; group < width; group += lanes) {
        LLVMValueRef line[64], x[64];
        int n = width - group < lanes ? width - group : lanes;
        for (int i = 0; i < n; i++) {
            LLVMValueRef number = emit_i64(e, group + i);
            LLVMValueRef there = LLVMBuildICmp(e->builder, LLVMIntSLT, number, p->count, "");
            line[i] = at(e, p->from,
                         mul(e, LLVMBuildSelect(e->builder, there, number, emit_i64(e, 0), ""), p->across));
        }
        Loop loop = emit_loop_begin(e, emit_i64(e, 0), whole, lanes, "k");
        for (int i = 0; i < lanes; i++)
            x[i] = i < n ? load_vector(e, vector, at(e, line[i], loop.counter)) : LLVMGetPoison(vector);
        transpose_vectors(e, x, lanes);
        LLVMValueRef to = at(e, p->to, add(e, mul(e, loop.counter, emit_i64(e, width)), emit_i64(e, group)));
        for (int i = 0; i < lanes; i++) store_vector(e, x[i], at(e, to, emit_i64(e, (int64_t)i * width)));
        emit_loop_end(e, &loop);
    }
    pack_singly(e, p, width, whole);
}

/* pack(from, across, along, count, k, to): a panel of `width` lines, count of them real, by k elements:
 * to[i·width + p] = from[p·across + i·along]. A panel may be written up to a vector beyond its end. */
static LLVMValueRef packer(Emitter *e, int width, int lanes, PackKind kind, LLVMTypeRef *type_out) {
    static const char *const names[] = {"rows", "transposed", "strided"};
    LLVMTypeRef pointer = pointer_type(e), i64 = LLVMInt64TypeInContext(e->context);
    LLVMTypeRef params[] = {pointer, i64, i64, i64, i64, pointer};
    LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(e->context), params, 6, false);
    char name[64];
    snprintf(name, sizeof name, "pack_%d_%s", width, names[kind]);
    *type_out = type;
    LLVMValueRef known = LLVMGetNamedFunction(e->module, name);
    if (known) return known;
    Detour detour = detour_begin(e, name, type);
    PackArgs p = {LLVMGetParam(detour.function, 0), LLVMGetParam(detour.function, 1),
                  LLVMGetParam(detour.function, 2), LLVMGetParam(detour.function, 3),
                  LLVMGetParam(detour.function, 4), LLVMGetParam(detour.function, 5)};
    if (kind == PACK_ACROSS)
        pack_rows(e, &p, width, lanes);
    else if (kind == PACK_ALONG)
        pack_transposed(e, &p, width, lanes);
    else
        pack_singly(e, &p, width, emit_i64(e, 0));
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
    PackKind kind = across == 1 ? PACK_ACROSS : along == 1 ? PACK_ALONG : PACK_STRIDED;
    LLVMValueRef pack = packer(e, width, g->blocking.lanes, kind, &type);
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

static void call_micro(Gemm *g, int rows, int vectors, LLVMValueRef a, LLVMValueRef b, LLVMValueRef k) {
    Emitter *e = g->e;
    const Blocking *blocking = &g->blocking;
    LLVMTypeRef type;
    Tile tile = {rows, vectors, blocking->lanes, blocking->mr, blocking->nr};
    LLVMValueRef micro = micro_kernel(e, &tile, &type);
    LLVMBuildCall2(e->builder, type, micro, (LLVMValueRef[]){a, b, k, g->tile}, 4, "");
}

typedef struct {
    LLVMBasicBlockRef yes, no, after;
} Fork;

static Fork fork_begin(Emitter *e, LLVMValueRef condition) {
    Fork fork = {LLVMAppendBasicBlockInContext(e->context, e->function, "edge"),
                 LLVMAppendBasicBlockInContext(e->context, e->function, "inside"),
                 LLVMAppendBasicBlockInContext(e->context, e->function, "after")};
    LLVMBuildCondBr(e->builder, condition, fork.yes, fork.no);
    LLVMPositionBuilderAtEnd(e->builder, fork.yes);
    return fork;
}

static void fork_else(Emitter *e, const Fork *fork) {
    LLVMBuildBr(e->builder, fork->after);
    LLVMPositionBuilderAtEnd(e->builder, fork->no);
}

static void fork_end(Emitter *e, const Fork *fork) {
    LLVMBuildBr(e->builder, fork->after);
    LLVMPositionBuilderAtEnd(e->builder, fork->after);
}

/* A tile of all rows, whole or at the right edge of C. */
static void call_across(Gemm *g, int rows, LLVMValueRef columns, LLVMValueRef a, LLVMValueRef b,
                        LLVMValueRef k) {
    Emitter *e = g->e;
    int lanes = g->blocking.lanes, all = g->blocking.nr / lanes;
    int edge = (int)((g->shape->n % g->blocking.nr + lanes - 1) / lanes);
    if (edge == 0 || edge == all) {
        call_micro(g, rows, all, a, b, k);
        return;
    }
    LLVMValueRef few = LLVMBuildICmp(e->builder, LLVMIntSLE, columns, emit_i64(e, edge * lanes), "");
    Fork fork = fork_begin(e, few);
    call_micro(g, rows, edge, a, b, k);
    fork_else(e, &fork);
    call_micro(g, rows, all, a, b, k);
    fork_end(e, &fork);
}

/* Tiles at the edges of C have kernels of their own, so that little is computed in vain. */
static void call_tile(Gemm *g, LLVMValueRef rows, LLVMValueRef columns, LLVMValueRef a, LLVMValueRef b,
                      LLVMValueRef k) {
    Emitter *e = g->e;
    int mr = g->blocking.mr, edge = (int)(g->shape->m % mr);
    if (edge == 0) {
        call_across(g, mr, columns, a, b, k);
        return;
    }
    Fork fork = fork_begin(e, LLVMBuildICmp(e->builder, LLVMIntSLT, rows, emit_i64(e, mr), ""));
    call_across(g, edge, columns, a, b, k);
    fork_else(e, &fork);
    call_across(g, mr, columns, a, b, k);
    fork_end(e, &fork);
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
    call_tile(g, tile_rows, tile_columns, panel_a, panel_b, k);
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
