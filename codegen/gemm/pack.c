/* Packers: see pack.h. Each is an internal function, made once a module. */
#include "codegen/gemm/pack.h"
#include "codegen/emit/bf16.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { MOST_LANES = 64 };

static LLVMTypeRef i32_type(const FunctionBuilder *fb) {
    return LLVMInt32TypeInContext(fb->context);
}

static LLVMTypeRef source_type(const FunctionBuilder *fb, const PackSpec *s) {
    return s->source == DT_BF16 ? LLVMInt16TypeInContext(fb->context) : LLVMFloatTypeInContext(fb->context);
}

static bool is_pair(const PackSpec *s) {
    return s->unit == UNIT_BF16_PAIR;
}

/* An element as it lies in memory, as f32. */
static LLVMValueRef to_f32(FunctionBuilder *fb, const PackSpec *s, LLVMValueRef x) {
    if (s->source == DT_BF16) return bf16_from_memory(fb, x);
    return s->unit == UNIT_F32_ROUNDED ? bf16_rounded(fb, x) : x;
}

/* Where unit u of line `line` lies. */
static LLVMValueRef place_of(FunctionBuilder *fb, const PackSpec *s, const PackArgs *p, LLVMValueRef u,
                             LLVMValueRef line) {
    LLVMValueRef width = build_i64(fb, s->width), index;
    if (s->block > 1) {
        LLVMValueRef inside = LLVMBuildAnd(fb->builder, u, build_i64(fb, s->block - 1), "");
        LLVMValueRef block = LLVMBuildSub(fb->builder, u, inside, "");
        inside = build_add(fb, build_mul(fb, line, build_i64(fb, s->block)), inside);
        index = build_add(fb, build_mul(fb, block, width), inside);
    } else
        index = build_add(fb, build_mul(fb, u, width), line);
    return build_element(fb, i32_type(fb), p->to, index);
}

/* What remains of f32 values after the earlier terms are subtracted. */
static LLVMValueRef left_of(FunctionBuilder *fb, const PackSpec *s, LLVMValueRef x) {
    for (int term = 0; term < s->term; term++) x = LLVMBuildFSub(fb->builder, x, bf16_rounded(fb, x), "");
    return x;
}

/* The spec's bf16 term of f32 values, in the upper halves of i32s. */
static LLVMValueRef upper_half(FunctionBuilder *fb, const PackSpec *s, LLVMValueRef x) {
    x = left_of(fb, s, x);
    return bf16_round(fb, x);
}

static LLVMValueRef sixteen(FunctionBuilder *fb, const PackSpec *s, bool vector) {
    LLVMValueRef shift = LLVMConstInt(i32_type(fb), 16, false), shifts[MOST_LANES];
    if (!vector) return shift;
    for (int i = 0; i < s->lanes; i++) shifts[i] = shift;
    return LLVMConstVector(shifts, (unsigned)s->lanes);
}

/* Units from the first and the second elements of pairs. */
static LLVMValueRef pair_up(FunctionBuilder *fb, const PackSpec *s, LLVMValueRef early, LLVMValueRef late) {
    bool vector = LLVMGetTypeKind(LLVMTypeOf(early)) == LLVMVectorTypeKind;
    LLVMValueRef shift = sixteen(fb, s, vector);
    if (s->source == DT_BF16) { /* rounded already: it is the first term itself */
        LLVMTypeRef units = vector ? build_vector_type(i32_type(fb), s->lanes) : i32_type(fb);
        if (s->term > 0) return LLVMConstNull(units);
        late = LLVMBuildShl(fb->builder, LLVMBuildZExt(fb->builder, late, units, ""), shift, "");
        return LLVMBuildOr(fb->builder, LLVMBuildZExt(fb->builder, early, units, ""), late, "");
    }
    early = LLVMBuildLShr(fb->builder, upper_half(fb, s, early), shift, "");
    return LLVMBuildOr(fb->builder, early, upper_half(fb, s, late), "");
}

/* `lanes` units of one line from element pointer `from`, which lie along it. */
static LLVMValueRef load_along(FunctionBuilder *fb, const PackSpec *s, LLVMValueRef from) {
    bool pairs = is_pair(s);
    LLVMTypeRef units = build_vector_type(i32_type(fb), s->lanes);
    int n = pairs ? 2 * s->lanes : s->lanes;
    LLVMValueRef x = LLVMBuildLoad2(fb->builder, build_vector_type(source_type(fb, s), n), from, "");
    LLVMSetAlignment(x, s->source == DT_BF16 ? 2 : 4);
    if (!pairs) return LLVMBuildBitCast(fb->builder, to_f32(fb, s, x), units, "");
    if (s->source == DT_BF16)
        return s->term == 0 ? LLVMBuildBitCast(fb->builder, x, units, "") : LLVMConstNull(units);
    x = left_of(fb, s, x);
    return LLVMBuildBitCast(fb->builder, bf16_to_memory(fb, x), units, "");
}

/* `lanes` elements across the lines, masked. */
static LLVMValueRef load_row(FunctionBuilder *fb, const PackSpec *s, LLVMValueRef from, LLVMValueRef mask) {
    return build_masked_load(fb, build_vector_type(source_type(fb, s), s->lanes), from,
                             s->source == DT_BF16 ? 2 : 4, mask);
}

/* Which of the lines first.. are there. */
static LLVMValueRef lines_there(FunctionBuilder *fb, const PackSpec *s, const PackArgs *p, int first) {
    return build_lanes_below(fb, s->lanes, first, p->count);
}

/* The mask, or nothing where `there` (i1) is false. */
static LLVMValueRef mask_if(FunctionBuilder *fb, LLVMValueRef there, LLVMValueRef mask) {
    return LLVMBuildSelect(fb->builder, there, mask, LLVMConstNull(LLVMTypeOf(mask)), "");
}

/* Unit u of the lines first.., which lie side by side; `whole`: both elements of a pair are there. */
static LLVMValueRef load_across(FunctionBuilder *fb, const PackSpec *s, const PackArgs *p, LLVMValueRef u,
                                int first, bool whole) {
    LLVMValueRef mask = lines_there(fb, s, p, first), line = build_i64(fb, first);
    LLVMTypeRef type = source_type(fb, s);
    LLVMValueRef value;
    if (!is_pair(s)) {
        LLVMValueRef x = load_row(
            fb, s, build_element(fb, type, p->from, build_add(fb, build_mul(fb, u, p->along), line)), mask);
        value = to_f32(fb, s, x);
    } else {
        LLVMValueRef rows[2];
        for (int i = 0; i < 2; i++) {
            LLVMValueRef k = build_add(fb, build_mul(fb, u, build_i64(fb, 2)), build_i64(fb, i));
            LLVMValueRef there = LLVMBuildICmp(fb->builder, LLVMIntSLT, k, p->k, "");
            LLVMValueRef from =
                build_element(fb, type, p->from, build_add(fb, build_mul(fb, k, p->along), line));
            rows[i] = load_row(fb, s, from, whole ? mask : mask_if(fb, there, mask));
        }
        value = pair_up(fb, s, rows[0], rows[1]);
    }
    return LLVMBuildBitCast(fb->builder, value, build_vector_type(i32_type(fb), s->lanes), "");
}

/* x[i][j] <-> x[j][i] of `lanes` vectors: in step s, bit s of the row number changes places with that of the lane. */
static void transpose_vectors(FunctionBuilder *fb, LLVMValueRef *x, int lanes) {
    for (int s = 1; s < lanes; s *= 2)
        for (int i = 0; i < lanes; i++) {
            if (i & s) continue;
            LLVMValueRef low[MOST_LANES], high[MOST_LANES], a = x[i], b = x[i + s];
            for (int j = 0; j < lanes; j++) {
                low[j] = LLVMConstInt(i32_type(fb), (unsigned)(j & s ? lanes + j - s : j), false);
                high[j] = LLVMConstInt(i32_type(fb), (unsigned)(j & s ? lanes + j : j + s), false);
            }
            x[i] = LLVMBuildShuffleVector(fb->builder, a, b, LLVMConstVector(low, (unsigned)lanes), "");
            x[i + s] = LLVMBuildShuffleVector(fb->builder, a, b, LLVMConstVector(high, (unsigned)lanes), "");
        }
}

/* Vectors x[unit][line], as many as a block has units, become x[line][unit]: the block's units of each line follow each
 * other. */
static void interleave(FunctionBuilder *fb, const PackSpec *s, LLVMValueRef *x) {
    if (s->block == s->lanes) {
        transpose_vectors(fb, x, s->lanes);
        return;
    }
    LLVMValueRef order[2][MOST_LANES], zipped[MOST_LANES];
    for (int i = 0; i < 2 * s->lanes; i++) /* of two vectors, lane about lane */
        order[i / s->lanes][i % s->lanes] =
            LLVMConstInt(i32_type(fb), (unsigned)(i / 2 + i % 2 * s->lanes), false);
    for (int round = 1; round < s->block; round *= 2) {
        for (int i = 0; i < s->block; i++)
            zipped[i] = LLVMBuildShuffleVector(fb->builder, x[i / 2], x[i / 2 + s->block / 2],
                                               LLVMConstVector(order[i % 2], (unsigned)s->lanes), "");
        memcpy(x, zipped, (size_t)s->block * sizeof *x);
    }
}

/* Stores what interleave has made of units u.. of lines line.. */
static void store_interleaved(FunctionBuilder *fb, const PackSpec *s, const PackArgs *p, LLVMValueRef u,
                              LLVMValueRef line, LLVMValueRef *x) {
    for (int i = 0; i < s->block; i++) {
        LLVMValueRef of = build_add(fb, line, build_i64(fb, (int64_t)i * s->lanes / s->block));
        build_store(fb, x[i], place_of(fb, s, p, u, of));
    }
}

/* ---- bodies ------------------------------------------------------------------------------------------------------ */

/* One element as a scalar, zero beyond k; upper half of an i32 for pairs. */
static LLVMValueRef load_single(FunctionBuilder *fb, const PackSpec *s, const PackArgs *p, LLVMValueRef line,
                                LLVMValueRef k) {
    LLVMValueRef there = LLVMBuildICmp(fb->builder, LLVMIntSLT, k, p->k, "");
    LLVMValueRef safe = LLVMBuildSelect(fb->builder, there, k, build_i64(fb, 0), "");
    LLVMTypeRef type = source_type(fb, s);
    LLVMValueRef x =
        LLVMBuildLoad2(fb->builder, type, build_element(fb, type, line, build_mul(fb, safe, p->along)), "");
    return LLVMBuildSelect(fb->builder, there, x, LLVMConstNull(type), "");
}

/* Packs units [from, units) of each line one by one. Lines beyond `count` repeat the first: results for them are not
 * stored. */
static void pack_singly(FunctionBuilder *fb, const PackSpec *s, const PackArgs *p, LLVMValueRef from) {
    Loop lines = build_loop_begin(fb, build_i64(fb, 0), build_i64(fb, s->width), 1, "line");
    LLVMValueRef there = LLVMBuildICmp(fb->builder, LLVMIntSLT, lines.counter, p->count, "");
    LLVMValueRef number = LLVMBuildSelect(fb->builder, there, lines.counter, build_i64(fb, 0), "");
    LLVMValueRef line = build_element(fb, source_type(fb, s), p->from, build_mul(fb, number, p->across));
    Loop loop = build_loop_begin(fb, from, p->units, 1, "u");
    LLVMValueRef value;
    if (!is_pair(s))
        value = to_f32(fb, s, load_single(fb, s, p, line, loop.counter));
    else {
        LLVMValueRef k = build_mul(fb, loop.counter, build_i64(fb, 2));
        LLVMValueRef first = load_single(fb, s, p, line, k);
        value = pair_up(fb, s, first, load_single(fb, s, p, line, build_add(fb, k, build_i64(fb, 1))));
    }
    value = LLVMBuildBitCast(fb->builder, value, i32_type(fb), "");
    build_store(fb, value, place_of(fb, s, p, loop.counter, lines.counter));
    build_loop_end(fb, &loop);
    build_loop_end(fb, &lines);
}

/* Vector v of a row of units, whole or what the panel has of it. */
static void store_row(FunctionBuilder *fb, const PackSpec *s, const PackArgs *p, LLVMValueRef u, int v,
                      bool whole) {
    LLVMValueRef x = load_across(fb, s, p, u, v, whole), to = place_of(fb, s, p, u, build_i64(fb, v));
    if (s->width - v >= s->lanes) {
        build_store(fb, x, to);
        return;
    }
    LLVMValueRef lanes[MOST_LANES];
    for (int i = 0; i < s->lanes; i++)
        lanes[i] = LLVMConstInt(LLVMInt1TypeInContext(fb->context), i < s->width - v, false);
    build_masked_store(fb, x, to, 4, LLVMConstVector(lanes, (unsigned)s->lanes));
}

/* Units whose elements are all there. */
static LLVMValueRef full_units(FunctionBuilder *fb, const PackSpec *s, const PackArgs *p) {
    return is_pair(s) ? LLVMBuildAShr(fb->builder, p->k, build_i64(fb, 1), "") : p->k;
}

/* The same place of a row of the source that will be packed later: rows lie far apart, no prefetcher of the hardware
 * finds them. */
static void prefetch_rows(FunctionBuilder *fb, const PackSpec *s, const PackArgs *p, LLVMValueRef u) {
    int64_t size = s->source == DT_BF16 ? 2 : 4;
    for (int i = 0; i < (is_pair(s) ? 2 : 1); i++) {
        LLVMValueRef k = is_pair(s) ? build_add(fb, build_mul(fb, u, build_i64(fb, 2)), build_i64(fb, i)) : u;
        k = build_add(fb, k, build_i64(fb, PACK_ROWS_AT_ONCE));
        build_prefetch(fb, build_element(fb, source_type(fb, s), p->from, build_mul(fb, k, p->along)),
                       size * s->width, PREFETCH_READ);
    }
}

/* Rows of units are copied, and nothing beyond them. */
static void pack_rows(FunctionBuilder *fb, const PackSpec *s, const PackArgs *p) {
    LLVMValueRef full = full_units(fb, s, p), bounds[] = {build_i64(fb, 0), full, p->units};
    for (int end = 0; end < (is_pair(s) ? 2 : 1); end++) { /* full units, then what is left */
        Loop loop = build_loop_begin(fb, bounds[end], bounds[end + 1], 1, "u");
        if (end == 0) prefetch_rows(fb, s, p, loop.counter);
        for (int v = 0; v < s->width; v += s->lanes) store_row(fb, s, p, loop.counter, v, end == 0);
        build_loop_end(fb, &loop);
    }
}

/* The same in blocks. units is a multiple of a block's, and the panel as wide as whole vectors. */
static void pack_rows_in_blocks(FunctionBuilder *fb, const PackSpec *s, const PackArgs *p) {
    Loop loop = build_loop_begin(fb, build_i64(fb, 0), p->units, s->block, "u");
    for (int v = 0; v < s->width; v += s->lanes) {
        LLVMValueRef x[MOST_LANES];
        for (int i = 0; i < s->block; i++)
            x[i] = load_across(fb, s, p, build_add(fb, loop.counter, build_i64(fb, i)), v, false);
        interleave(fb, s, x);
        store_interleaved(fb, s, p, loop.counter, build_i64(fb, v), x);
    }
    build_loop_end(fb, &loop);
}

/* Stores vectors x[line][unit] of as many lines, from `line` on, and units, from `u` on, as there are lanes. */
static void store_lines(FunctionBuilder *fb, const PackSpec *s, const PackArgs *p, LLVMValueRef u,
                        LLVMValueRef line, LLVMValueRef *x) {
    if (s->block == s->lanes) { /* as they are */
        store_interleaved(fb, s, p, u, line, x);
        return;
    }
    transpose_vectors(fb, x, s->lanes);
    for (int i = 0; i < s->lanes; i += s->block) {
        interleave(fb, s, x + i);
        store_interleaved(fb, s, p, build_add(fb, u, build_i64(fb, i)), line, x + i);
    }
}

/* Whole vectors of units of the lines group..group + n - 1, up to unit `whole`. */
static void pack_group(FunctionBuilder *fb, const PackSpec *s, const PackArgs *p, LLVMValueRef group, int n,
                       LLVMValueRef whole) {
    LLVMValueRef line[MOST_LANES], x[MOST_LANES];
    for (int i = 0; i < n; i++) {
        LLVMValueRef number = build_add(fb, group, build_i64(fb, i));
        LLVMValueRef there = LLVMBuildICmp(fb->builder, LLVMIntSLT, number, p->count, "");
        number = LLVMBuildSelect(fb->builder, there, number, build_i64(fb, 0), "");
        line[i] = build_element(fb, source_type(fb, s), p->from, build_mul(fb, number, p->across));
    }
    Loop loop = build_loop_begin(fb, build_i64(fb, 0), whole, s->lanes, "u");
    LLVMValueRef element = !is_pair(s) ? loop.counter : build_mul(fb, loop.counter, build_i64(fb, 2));
    for (int i = 0; i < s->lanes; i++)
        x[i] = i < n ? load_along(fb, s, build_element(fb, source_type(fb, s), line[i], element))
                     : LLVMGetPoison(build_vector_type(i32_type(fb), s->lanes));
    store_lines(fb, s, p, loop.counter, group, x);
    build_loop_end(fb, &loop);
}

/* Lines of consecutive elements: whole vectors of units, turned a square at a time; the last units singly. Groups of
 * lines are a loop: squares are much code. */
static void pack_lines(FunctionBuilder *fb, const PackSpec *s, const PackArgs *p) {
    LLVMValueRef whole = LLVMBuildAnd(fb->builder, full_units(fb, s, p), build_i64(fb, -s->lanes), "");
    int rest = s->width % s->lanes, groups = s->width - rest;
    if (groups) {
        Loop loop = build_loop_begin(fb, build_i64(fb, 0), build_i64(fb, groups), s->lanes, "group");
        pack_group(fb, s, p, loop.counter, s->lanes, whole);
        build_loop_end(fb, &loop);
    }
    if (rest) pack_group(fb, s, p, build_i64(fb, groups), rest, whole);
    pack_singly(fb, s, p, whole);
}

PackKind pack_kind(int64_t across, int64_t along) {
    if (across == 1) return PACK_ACROSS;
    return along == 1 ? PACK_ALONG : PACK_STRIDED;
}

/* ---- blocks ------------------------------------------------------------------------------------------------------ */

/* Vectors of one unit each of the block's lines; lines beyond the last repeat it. */
static void load_block(FunctionBuilder *fb, const PackSpec *s, const PackBlock *b, LLVMValueRef unit,
                       LLVMValueRef *x) {
    LLVMTypeRef f32 = LLVMFloatTypeInContext(fb->context), i64 = LLVMInt64TypeInContext(fb->context);
    LLVMValueRef last = LLVMBuildSub(fb->builder, b->count, build_i64(fb, 1), "");
    LLVMValueRef along = build_mul(fb, unit, build_i64(fb, is_pair(s) ? 2 : 1));
    for (int i = 0; i < s->lanes; i++) {
        LLVMValueRef line =
            build_intrinsic(fb, "llvm.smin", i64, (LLVMValueRef[]){build_i64(fb, i), last}, 2);
        x[i] = load_along(
            fb, s, build_element(fb, f32, b->from, build_add(fb, build_mul(fb, line, b->across), along)));
    }
    transpose_vectors(fb, x, s->lanes);
}

static void store_block(FunctionBuilder *fb, const PackSpec *s, LLVMValueRef *x, LLVMValueRef to,
                        LLVMValueRef mask) {
    for (int j = 0; j < s->lanes; j++)
        build_masked_store(
            fb, x[j], build_element(fb, i32_type(fb), to, build_i64(fb, (int64_t)j * s->width)), 4, mask);
}

static void pack_block(FunctionBuilder *fb, const PackSpec *s, const PackBlock *b) {
    LLVMValueRef x[MOST_LANES];
    LLVMTypeRef i64 = LLVMInt64TypeInContext(fb->context);
    LLVMValueRef here = build_intrinsic(fb, "llvm.smin", i64, (LLVMValueRef[]){b->count, b->room}, 2);
    LLVMValueRef first = build_lanes_below(fb, s->lanes, 0, here),
                 all = build_lanes_below(fb, s->lanes, 0, b->count);
    LLVMValueRef others = LLVMBuildAnd(fb->builder, all, LLVMBuildNot(fb->builder, first, ""), "");
    LLVMValueRef crosses = LLVMBuildICmp(fb->builder, LLVMIntSGT, b->count, b->room, "");
    Loop loop = build_loop_begin(fb, build_i64(fb, 0), b->units, s->lanes, "unit");
    load_block(fb, s, b, loop.counter, x);
    LLVMValueRef to =
        build_element(fb, i32_type(fb), b->to, build_mul(fb, loop.counter, build_i64(fb, s->width)));
    store_block(fb, s, x, to, first);
    Fork fork = build_if(fb, crosses);
    store_block(fb, s, x, build_element(fb, i32_type(fb), to, b->jump), others);
    build_end_if(fb, &fork);
    build_loop_end(fb, &loop);
}

/* ---- functions --------------------------------------------------------------------------------------------------- */

static void pack_body(FunctionBuilder *fb, const LLVMValueRef *p, const void *user) {
    const PackSpec *s = user;
    PackArgs args = {p[0], p[1], p[2], p[3], p[4], p[5], p[6]};
    if (s->kind == PACK_ACROSS && s->block > 1)
        pack_rows_in_blocks(fb, s, &args);
    else if (s->kind == PACK_ACROSS)
        pack_rows(fb, s, &args);
    else if (s->kind == PACK_ALONG)
        pack_lines(fb, s, &args);
    else
        pack_singly(fb, s, &args, build_i64(fb, 0));
}

static void pack_block_body(FunctionBuilder *fb, const LLVMValueRef *p, const void *user) {
    pack_block(fb, user, &(PackBlock){p[0], p[1], p[2], p[3], p[4], p[5], p[6]});
}

/* The function's name contains everything in the spec. */
static void call(FunctionBuilder *fb, const char *what, const PackSpec *s, LLVMValueRef *args, unsigned n,
                 FunctionBody body) {
    char name[64];
    snprintf(name, sizeof name, "%s_%d_%d_%d%d%d%d_%d", what, s->width, s->lanes, s->source, s->unit, s->term,
             s->kind, s->block);
    build_call_internal(fb, name, args, n, body, s);
}

void pack_call(FunctionBuilder *fb, const PackSpec *spec, const PackArgs *p) {
    assert(spec->width % spec->lanes == 0 || (spec->width < spec->lanes && spec->block == 1));
    LLVMValueRef args[] = {p->from, p->across, p->along, p->count, p->k, p->units, p->to};
    call(fb, "pack", spec, args, 7, pack_body);
}

void pack_block_call(FunctionBuilder *fb, const PackSpec *spec, const PackBlock *p) {
    LLVMValueRef args[] = {p->from, p->across, p->count, p->units, p->to, p->room, p->jump};
    call(fb, "pack_block", spec, args, 7, pack_block_body);
}
