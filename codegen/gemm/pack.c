/* Packers: see pack.h. Each is an internal function, made once a module. */
#include "codegen/gemm/pack.h"
#include "codegen/emit/bf16.h"

#include <stdio.h>

enum { MOST_LANES = 64, BLOCK_UNITS = 16 };

static LLVMTypeRef i32_type(const Emitter *e) {
    return LLVMInt32TypeInContext(e->context);
}

static LLVMTypeRef vector_of(LLVMTypeRef type, int lanes) {
    return LLVMVectorType(type, (unsigned)lanes);
}

static LLVMTypeRef source_type(const Emitter *e, const PackSpec *s) {
    return s->source == DT_BF16 ? LLVMInt16TypeInContext(e->context) : LLVMFloatTypeInContext(e->context);
}

static LLVMValueRef mul(Emitter *e, LLVMValueRef a, LLVMValueRef b) {
    return LLVMBuildMul(e->builder, a, b, "");
}

static LLVMValueRef add(Emitter *e, LLVMValueRef a, LLVMValueRef b) {
    return LLVMBuildAdd(e->builder, a, b, "");
}

static LLVMValueRef at(Emitter *e, LLVMTypeRef type, LLVMValueRef base, LLVMValueRef index) {
    return LLVMBuildGEP2(e->builder, type, base, &index, 1, "");
}

static void store(Emitter *e, LLVMValueRef value, LLVMValueRef to) {
    LLVMSetAlignment(LLVMBuildStore(e->builder, value, to), 4);
}

static bool is_pair(const PackSpec *s) {
    return s->unit >= UNIT_PAIR;
}

/* An element as it lies in memory, as f32. */
static LLVMValueRef to_f32(Emitter *e, const PackSpec *s, LLVMValueRef x) {
    if (s->source == DT_BF16) return bf16_from_memory(e->builder, x);
    return s->unit == UNIT_ROUNDED ? bf16_rounded(e->builder, e->native_bf16, x) : x;
}

/* Where unit u of line `line` lies. */
static LLVMValueRef place_of(Emitter *e, const PackSpec *s, const PackArgs *p, LLVMValueRef u,
                             LLVMValueRef line) {
    LLVMValueRef width = emit_i64(e, s->width), index;
    if (s->blocked) {
        LLVMValueRef inside = LLVMBuildAnd(e->builder, u, emit_i64(e, BLOCK_UNITS - 1), "");
        LLVMValueRef block = LLVMBuildSub(e->builder, u, inside, "");
        index = add(e, mul(e, block, width), add(e, mul(e, line, emit_i64(e, BLOCK_UNITS)), inside));
    } else
        index = add(e, mul(e, u, width), line);
    return at(e, i32_type(e), p->to, index);
}

/* What the units before this one have left of f32 values. */
static LLVMValueRef left_of(Emitter *e, const PackSpec *s, LLVMValueRef x) {
    for (int part = UNIT_PAIR; part < (int)s->unit; part++)
        x = LLVMBuildFSub(e->builder, x, bf16_rounded(e->builder, e->native_bf16, x), "");
    return x;
}

/* The bf16 of f32 values that the unit asks for, in the upper halves of i32s. */
static LLVMValueRef upper_half(Emitter *e, const PackSpec *s, LLVMValueRef x) {
    x = left_of(e, s, x);
    return bf16_round(e->builder, e->native_bf16, x);
}

static LLVMValueRef sixteen(Emitter *e, const PackSpec *s, bool vector) {
    LLVMValueRef shift = LLVMConstInt(i32_type(e), 16, false), shifts[MOST_LANES];
    if (!vector) return shift;
    for (int i = 0; i < s->lanes; i++) shifts[i] = shift;
    return LLVMConstVector(shifts, (unsigned)s->lanes);
}

/* Pairs from the earlier and the later elements, as they lie in memory. */
static LLVMValueRef pair_up(Emitter *e, const PackSpec *s, LLVMValueRef early, LLVMValueRef late) {
    bool vector = LLVMGetTypeKind(LLVMTypeOf(early)) == LLVMVectorTypeKind;
    LLVMValueRef shift = sixteen(e, s, vector);
    if (s->source == DT_BF16) { /* rounded already, and without a rest */
        LLVMTypeRef units = vector ? vector_of(i32_type(e), s->lanes) : i32_type(e);
        if (s->unit != UNIT_PAIR) return LLVMConstNull(units);
        late = LLVMBuildShl(e->builder, LLVMBuildZExt(e->builder, late, units, ""), shift, "");
        return LLVMBuildOr(e->builder, LLVMBuildZExt(e->builder, early, units, ""), late, "");
    }
    early = LLVMBuildLShr(e->builder, upper_half(e, s, early), shift, "");
    return LLVMBuildOr(e->builder, early, upper_half(e, s, late), "");
}

/* `lanes` units of one line from element pointer `from`, which lie along it. */
static LLVMValueRef load_along(Emitter *e, const PackSpec *s, LLVMValueRef from) {
    bool pairs = is_pair(s);
    LLVMTypeRef units = vector_of(i32_type(e), s->lanes);
    int n = pairs ? 2 * s->lanes : s->lanes;
    LLVMValueRef x = LLVMBuildLoad2(e->builder, vector_of(source_type(e, s), n), from, "");
    LLVMSetAlignment(x, s->source == DT_BF16 ? 2 : 4);
    if (!pairs) return LLVMBuildBitCast(e->builder, to_f32(e, s, x), units, "");
    if (s->source == DT_BF16)
        return s->unit == UNIT_PAIR ? LLVMBuildBitCast(e->builder, x, units, "") : LLVMConstNull(units);
    x = left_of(e, s, x);
    return LLVMBuildBitCast(e->builder, bf16_to_memory(e->builder, e->native_bf16, x), units, "");
}

/* `lanes` elements across the lines, masked. */
static LLVMValueRef load_row(Emitter *e, const PackSpec *s, LLVMValueRef from, LLVMValueRef mask) {
    return emit_masked_load(e, vector_of(source_type(e, s), s->lanes), from, s->source == DT_BF16 ? 2 : 4,
                            mask);
}

/* Which of the lines first.. are there. */
static LLVMValueRef lines_there(Emitter *e, const PackSpec *s, const PackArgs *p, int first) {
    int before = e->width;
    e->width = s->lanes;
    LLVMValueRef there = emit_lanes_below(e, first, p->count);
    e->width = before;
    return there;
}

/* The mask, or nothing where `there` (i1) is false. */
static LLVMValueRef mask_if(Emitter *e, LLVMValueRef there, LLVMValueRef mask) {
    return LLVMBuildSelect(e->builder, there, mask, LLVMConstNull(LLVMTypeOf(mask)), "");
}

/* Unit u of the lines first.., which lie side by side; `whole`: both elements of a pair are there. */
static LLVMValueRef load_across(Emitter *e, const PackSpec *s, const PackArgs *p, LLVMValueRef u, int first,
                                bool whole) {
    LLVMValueRef mask = lines_there(e, s, p, first), line = emit_i64(e, first);
    LLVMTypeRef type = source_type(e, s);
    LLVMValueRef value;
    if (!is_pair(s)) {
        LLVMValueRef x = load_row(e, s, at(e, type, p->from, add(e, mul(e, u, p->along), line)), mask);
        value = to_f32(e, s, x);
    } else {
        LLVMValueRef rows[2];
        for (int i = 0; i < 2; i++) {
            LLVMValueRef k = add(e, mul(e, u, emit_i64(e, 2)), emit_i64(e, i));
            LLVMValueRef there = LLVMBuildICmp(e->builder, LLVMIntSLT, k, p->k, "");
            rows[i] = load_row(e, s, at(e, type, p->from, add(e, mul(e, k, p->along), line)),
                               whole ? mask : mask_if(e, there, mask));
        }
        value = pair_up(e, s, rows[0], rows[1]);
    }
    return LLVMBuildBitCast(e->builder, value, vector_of(i32_type(e), s->lanes), "");
}

/* x[i][j] <-> x[j][i] of `lanes` vectors: in step s, bit s of the row number changes places with that of the lane. */
static void transpose_vectors(Emitter *e, LLVMValueRef *x, int lanes) {
    for (int s = 1; s < lanes; s *= 2)
        for (int i = 0; i < lanes; i++) {
            if (i & s) continue;
            LLVMValueRef low[MOST_LANES], high[MOST_LANES], a = x[i], b = x[i + s];
            for (int j = 0; j < lanes; j++) {
                low[j] = LLVMConstInt(i32_type(e), (unsigned)(j & s ? lanes + j - s : j), false);
                high[j] = LLVMConstInt(i32_type(e), (unsigned)(j & s ? lanes + j : j + s), false);
            }
            x[i] = LLVMBuildShuffleVector(e->builder, a, b, LLVMConstVector(low, (unsigned)lanes), "");
            x[i + s] = LLVMBuildShuffleVector(e->builder, a, b, LLVMConstVector(high, (unsigned)lanes), "");
        }
}

/* ---- bodies ------------------------------------------------------------------------------------------------------ */

/* One element as a scalar, zero beyond k; upper half of an i32 for pairs. */
static LLVMValueRef load_single(Emitter *e, const PackSpec *s, const PackArgs *p, LLVMValueRef line,
                                LLVMValueRef k) {
    LLVMValueRef there = LLVMBuildICmp(e->builder, LLVMIntSLT, k, p->k, "");
    LLVMValueRef safe = LLVMBuildSelect(e->builder, there, k, emit_i64(e, 0), "");
    LLVMTypeRef type = source_type(e, s);
    LLVMValueRef x = LLVMBuildLoad2(e->builder, type, at(e, type, line, mul(e, safe, p->along)), "");
    return LLVMBuildSelect(e->builder, there, x, LLVMConstNull(type), "");
}

/* Units [from, units) of each line one by one; lines that are missing repeat the first: what is computed of them is
 * not stored. */
static void pack_singly(Emitter *e, const PackSpec *s, const PackArgs *p, LLVMValueRef from) {
    Loop lines = emit_loop_begin(e, emit_i64(e, 0), emit_i64(e, s->width), 1, "line");
    LLVMValueRef there = LLVMBuildICmp(e->builder, LLVMIntSLT, lines.counter, p->count, "");
    LLVMValueRef number = LLVMBuildSelect(e->builder, there, lines.counter, emit_i64(e, 0), "");
    LLVMValueRef line = at(e, source_type(e, s), p->from, mul(e, number, p->across));
    Loop loop = emit_loop_begin(e, from, p->units, 1, "u");
    LLVMValueRef value;
    if (!is_pair(s))
        value = to_f32(e, s, load_single(e, s, p, line, loop.counter));
    else {
        LLVMValueRef k = mul(e, loop.counter, emit_i64(e, 2));
        value = pair_up(e, s, load_single(e, s, p, line, k),
                        load_single(e, s, p, line, add(e, k, emit_i64(e, 1))));
    }
    store(e, LLVMBuildBitCast(e->builder, value, i32_type(e), ""),
          place_of(e, s, p, loop.counter, lines.counter));
    emit_loop_end(e, &loop);
    emit_loop_end(e, &lines);
}

/* Vector v of a row of units, whole or what the panel has of it. */
static void store_row(Emitter *e, const PackSpec *s, const PackArgs *p, LLVMValueRef u, int v, bool whole) {
    LLVMValueRef x = load_across(e, s, p, u, v, whole), to = place_of(e, s, p, u, emit_i64(e, v));
    if (s->width - v >= s->lanes) {
        store(e, x, to);
        return;
    }
    LLVMValueRef lanes[MOST_LANES];
    for (int i = 0; i < s->lanes; i++)
        lanes[i] = LLVMConstInt(LLVMInt1TypeInContext(e->context), i < s->width - v, false);
    emit_masked_store(e, x, to, 4, LLVMConstVector(lanes, (unsigned)s->lanes));
}

/* Units whose elements are all there. */
static LLVMValueRef full_units(Emitter *e, const PackSpec *s, const PackArgs *p) {
    return is_pair(s) ? LLVMBuildAShr(e->builder, p->k, emit_i64(e, 1), "") : p->k;
}

/* The same place of a row of the source that will be packed later: rows lie far apart, no prefetcher of the hardware finds them. */
static void prefetch_rows(Emitter *e, const PackSpec *s, const PackArgs *p, LLVMValueRef u) {
    int64_t size = s->source == DT_BF16 ? 2 : 4;
    for (int i = 0; i < (is_pair(s) ? 2 : 1); i++) {
        LLVMValueRef k = is_pair(s) ? add(e, mul(e, u, emit_i64(e, 2)), emit_i64(e, i)) : u;
        k = add(e, k, emit_i64(e, PACK_ROWS_AT_ONCE));
        emit_prefetch(e, at(e, source_type(e, s), p->from, mul(e, k, p->along)), size * s->width,
                      PREFETCH_READ);
    }
}

/* Rows of units are copied, and nothing beyond them. */
static void pack_rows(Emitter *e, const PackSpec *s, const PackArgs *p) {
    LLVMValueRef full = full_units(e, s, p), bounds[] = {emit_i64(e, 0), full, p->units};
    for (int part = 0; part < (is_pair(s) ? 2 : 1); part++) {
        Loop loop = emit_loop_begin(e, bounds[part], bounds[part + 1], 1, "u");
        if (part == 0) prefetch_rows(e, s, p, loop.counter);
        for (int v = 0; v < s->width; v += s->lanes) store_row(e, s, p, loop.counter, v, part == 0);
        emit_loop_end(e, &loop);
    }
}

/* The same turned: squares of lanes × lanes units become lines. units is a multiple of lanes. */
static void pack_rows_turned(Emitter *e, const PackSpec *s, const PackArgs *p) {
    Loop loop = emit_loop_begin(e, emit_i64(e, 0), p->units, s->lanes, "u");
    for (int v = 0; v < s->width; v += s->lanes) {
        LLVMValueRef x[MOST_LANES];
        for (int i = 0; i < s->lanes; i++)
            x[i] = load_across(e, s, p, add(e, loop.counter, emit_i64(e, i)), v, false);
        transpose_vectors(e, x, s->lanes);
        for (int i = 0; i < s->lanes && v + i < s->width; i++)
            store(e, x[i], place_of(e, s, p, loop.counter, emit_i64(e, v + i)));
    }
    emit_loop_end(e, &loop);
}

/* Whole vectors of units of the lines group..group + n - 1, up to unit `whole`. */
static void pack_group(Emitter *e, const PackSpec *s, const PackArgs *p, LLVMValueRef group, int n,
                       LLVMValueRef whole) {
    LLVMValueRef line[MOST_LANES], x[MOST_LANES];
    for (int i = 0; i < n; i++) {
        LLVMValueRef number = add(e, group, emit_i64(e, i));
        LLVMValueRef there = LLVMBuildICmp(e->builder, LLVMIntSLT, number, p->count, "");
        number = LLVMBuildSelect(e->builder, there, number, emit_i64(e, 0), "");
        line[i] = at(e, source_type(e, s), p->from, mul(e, number, p->across));
    }
    Loop loop = emit_loop_begin(e, emit_i64(e, 0), whole, s->lanes, "u");
    LLVMValueRef element = !is_pair(s) ? loop.counter : mul(e, loop.counter, emit_i64(e, 2));
    for (int i = 0; i < s->lanes; i++)
        x[i] = i < n ? load_along(e, s, at(e, source_type(e, s), line[i], element))
                     : LLVMGetPoison(vector_of(i32_type(e), s->lanes));
    if (!s->blocked) transpose_vectors(e, x, s->lanes);
    for (int i = 0; i < (s->blocked ? n : s->lanes); i++) {
        LLVMValueRef to = s->blocked ? place_of(e, s, p, loop.counter, add(e, group, emit_i64(e, i)))
                                     : place_of(e, s, p, add(e, loop.counter, emit_i64(e, i)), group);
        store(e, x[i], to);
    }
    emit_loop_end(e, &loop);
}

/* Lines of consecutive elements: whole vectors of units, turned a square at a time unless `blocked`; the last units singly.
 * Groups of lines are a loop: squares are much code. */
static void pack_lines(Emitter *e, const PackSpec *s, const PackArgs *p) {
    LLVMValueRef whole = LLVMBuildAnd(e->builder, full_units(e, s, p), emit_i64(e, -s->lanes), "");
    int rest = s->width % s->lanes, groups = s->width - rest;
    if (groups) {
        Loop loop = emit_loop_begin(e, emit_i64(e, 0), emit_i64(e, groups), s->lanes, "group");
        pack_group(e, s, p, loop.counter, s->lanes, whole);
        emit_loop_end(e, &loop);
    }
    if (rest) pack_group(e, s, p, emit_i64(e, groups), rest, whole);
    pack_singly(e, s, p, whole);
}

PackKind pack_kind(int64_t across, int64_t along) {
    if (across == 1) return PACK_ACROSS;
    return along == 1 ? PACK_ALONG : PACK_STRIDED;
}

/* ---- functions ---------------------------------------------------------------------------------------------------- */

enum { N_PARAMS = 7 };

static LLVMValueRef make_packer(Emitter *e, const PackSpec *s, LLVMTypeRef type) {
    char name[64];
    snprintf(name, sizeof name, "pack_%d_%d_%d%d%d%d", s->width, s->lanes, s->source, s->unit, s->kind,
             s->blocked);
    LLVMValueRef known = LLVMGetNamedFunction(e->module, name);
    if (known) return known;
    Detour detour = emit_detour_begin(e, name, type);
    LLVMValueRef p[N_PARAMS];
    for (unsigned i = 0; i < N_PARAMS; i++) p[i] = LLVMGetParam(detour.function, i);
    PackArgs args = {p[0], p[1], p[2], p[3], p[4], p[5], p[6]};
    if (s->kind == PACK_ACROSS && s->blocked)
        pack_rows_turned(e, s, &args);
    else if (s->kind == PACK_ACROSS)
        pack_rows(e, s, &args);
    else if (s->kind == PACK_ALONG)
        pack_lines(e, s, &args);
    else
        pack_singly(e, s, &args, emit_i64(e, 0));
    emit_detour_end(e, &detour);
    return detour.function;
}

void pack_call(Emitter *e, const PackSpec *spec, const PackArgs *args) {
    LLVMTypeRef pointer = LLVMPointerTypeInContext(e->context, 0), i64 = LLVMInt64TypeInContext(e->context);
    LLVMTypeRef params[N_PARAMS] = {pointer, i64, i64, i64, i64, i64, pointer};
    LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(e->context), params, N_PARAMS, false);
    LLVMValueRef values[N_PARAMS] = {args->from, args->across, args->along, args->count,
                                     args->k,    args->units,  args->to};
    LLVMBuildCall2(e->builder, type, make_packer(e, spec, type), values, N_PARAMS, "");
}

/* ---- blocks ------------------------------------------------------------------------------------------------------- */

/* Vectors of one unit each of the block's lines; lines beyond the last repeat it. */
static void load_block(Emitter *e, const PackSpec *s, const PackBlock *b, LLVMValueRef unit,
                       LLVMValueRef *x) {
    LLVMTypeRef f32 = LLVMFloatTypeInContext(e->context), i64 = LLVMInt64TypeInContext(e->context);
    LLVMValueRef last = LLVMBuildSub(e->builder, b->count, emit_i64(e, 1), "");
    LLVMValueRef along = mul(e, unit, emit_i64(e, is_pair(s) ? 2 : 1));
    for (int i = 0; i < s->lanes; i++) {
        LLVMValueRef line = emit_intrinsic(e, "llvm.smin", i64, (LLVMValueRef[]){emit_i64(e, i), last}, 2);
        x[i] = load_along(e, s, at(e, f32, b->from, add(e, mul(e, line, b->across), along)));
    }
    transpose_vectors(e, x, s->lanes);
}

static void store_block(Emitter *e, const PackSpec *s, LLVMValueRef *x, LLVMValueRef to, LLVMValueRef mask) {
    for (int j = 0; j < s->lanes; j++)
        emit_masked_store(e, x[j], at(e, i32_type(e), to, emit_i64(e, (int64_t)j * s->width)), 4, mask);
}

static void pack_block(Emitter *e, const PackSpec *s, const PackBlock *b) {
    LLVMValueRef x[MOST_LANES];
    LLVMTypeRef i64 = LLVMInt64TypeInContext(e->context);
    e->width = s->lanes;
    LLVMValueRef here = emit_intrinsic(e, "llvm.smin", i64, (LLVMValueRef[]){b->count, b->room}, 2);
    LLVMValueRef first = emit_lanes_below(e, 0, here), all = emit_lanes_below(e, 0, b->count);
    LLVMValueRef rest = LLVMBuildAnd(e->builder, all, LLVMBuildNot(e->builder, first, ""), "");
    LLVMValueRef crosses = LLVMBuildICmp(e->builder, LLVMIntSGT, b->count, b->room, "");
    Loop loop = emit_loop_begin(e, emit_i64(e, 0), b->units, s->lanes, "unit");
    load_block(e, s, b, loop.counter, x);
    LLVMValueRef to = at(e, i32_type(e), b->to, mul(e, loop.counter, emit_i64(e, s->width)));
    store_block(e, s, x, to, first);
    LLVMBasicBlockRef yes = emit_new_block(e, "crosses"), no = emit_new_block(e, "stored");
    LLVMBuildCondBr(e->builder, crosses, yes, no);
    LLVMPositionBuilderAtEnd(e->builder, yes);
    store_block(e, s, x, at(e, i32_type(e), to, b->jump), rest);
    LLVMBuildBr(e->builder, no);
    LLVMPositionBuilderAtEnd(e->builder, no);
    emit_loop_end(e, &loop);
}

void pack_block_call(Emitter *e, const PackSpec *spec, const PackBlock *b) {
    enum { N_BLOCK_PARAMS = 7 };
    LLVMTypeRef pointer = LLVMPointerTypeInContext(e->context, 0), i64 = LLVMInt64TypeInContext(e->context);
    LLVMTypeRef params[N_BLOCK_PARAMS] = {pointer, i64, i64, i64, pointer, i64, i64};
    LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(e->context), params, N_BLOCK_PARAMS, false);
    char name[64];
    snprintf(name, sizeof name, "pack_block_%d_%d_%d", spec->width, spec->lanes, spec->unit);
    LLVMValueRef function = LLVMGetNamedFunction(e->module, name);
    if (!function) {
        Detour detour = emit_detour_begin(e, name, type);
        LLVMValueRef p[N_BLOCK_PARAMS];
        int width = e->width;
        for (unsigned i = 0; i < N_BLOCK_PARAMS; i++) p[i] = LLVMGetParam(detour.function, i);
        pack_block(e, spec, &(PackBlock){p[0], p[1], p[2], p[3], p[4], p[5], p[6]});
        e->width = width;
        emit_detour_end(e, &detour);
        function = detour.function;
    }
    LLVMValueRef values[] = {b->from, b->across, b->count, b->units, b->to, b->room, b->jump};
    LLVMBuildCall2(e->builder, type, function, values, N_BLOCK_PARAMS, "");
}
