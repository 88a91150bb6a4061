/* The packed matrix product: see gemm.h. */
#include "codegen/gemm/gemm.h"
#include "codegen/gemm/panels.h"
#include "ir/plan/prologue.h"

#include <string.h>

/* Sizes of the blocks that are packed: kc of K, nc of N, mc of M. */
typedef struct {
    int64_t kc, nc, mc;
    int mr, nr, lanes;
    Panels panels;
    int64_t rest_a, rest_b; /* from a panel to its second part, and to its third */
} Blocking;

static int64_t round_up(int64_t x, int64_t to) {
    return (x + to - 1) / to * to;
}
static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* The longest K that is not cut, and the pieces of a longer one: of f32 and of bf16 products. */
enum { WHOLE_K = 2048, CUT_K = 512, WHOLE_K_BF16 = 2048, CUT_K_BF16 = 1024 };
enum { PIECE_STEP = 32 }; /* a whole number of units of every micro-kernel */

/* Rows of C that a call is for, at most. */
static int64_t most_rows(const GemmShape *shape) {
    return shape->block ? shape->block : shape->m;
}

/* Equal pieces of K of about `cut`: a short rest at the end would cost as many passes over C as a whole one. */
static int64_t piece_of(int64_t k, int64_t cut) {
    int64_t pieces = (k + cut / 2) / cut;
    return round_up((k + pieces - 1) / pieces, PIECE_STEP);
}

/* A block of A stays in L2 while all panels of a block of B, which L3 holds, pass by: A is then packed once for C as wide as that. */
static Blocking choose_blocking(const Target *target, const GemmShape *shape) {
    Panels panels = panels_choose(target, shape->precision);
    const Micro *micro = &panels.micro;
    Blocking b = {.mr = micro->mr, .nr = micro->nr, .lanes = micro->lanes, .panels = panels};
    bool pairs = micro->kind != MICRO_FMA;
    b.kc = shape->k <= (pairs ? WHOLE_K_BF16 : WHOLE_K) ? shape->k
                                                        : piece_of(shape->k, pairs ? CUT_K_BF16 : CUT_K);
    int64_t line = 4 * panels.parts * micro_units(micro, b.kc);
    int64_t cache = machine_with_usual(&target->host).own_cache;
    int64_t n = round_up(shape->n, b.nr), nc = product_columns_at_once(cache, line) / b.nr * b.nr;
    if (nc < b.nr) nc = b.nr;
    int64_t blocks = (n + nc - 1) / nc;
    b.nc = round_up((n + blocks - 1) / blocks, b.nr);
    int64_t mc = cache * 3 / 8 / line / b.mr * b.mr;
    b.mc = smaller(mc < b.mr ? b.mr : mc, round_up(most_rows(shape), b.mr));
    b.rest_a = panels_room(&panels, b.mc, b.kc) / panels.parts;
    b.rest_b = shape->b_packed ? 0 : panels_room(&panels, b.nc, b.kc) / panels.parts;
    return b;
}

/* A long sum with an epilogue keeps its parts here: all rows of a block of columns. */
static int64_t partial_units(const Blocking *b, const GemmShape *shape, bool epilogue) {
    return epilogue && b->kc < shape->k ? round_up(most_rows(shape), b->mr) * b->nc : 0;
}

/* From row to row of what a prologue makes: not so that rows meet in the same lines of the cache. */
static int64_t made_stride(const Blocking *b) {
    return round_up(b->kc, 16) + 16;
}

/* A panel's rows of it, before they are packed. */
static int64_t made_units(const Blocking *b, const GemmShape *shape) {
    if (!shape->prologue) return 0;
    return round_up(b->mr * made_stride(b) * (int64_t)dtype_size(shape->a_dtype) / 4, 16);
}

int64_t gemm_scratch_bytes(const Target *target, const GemmShape *shape, bool epilogue) {
    Blocking b = choose_blocking(target, shape);
    return 4 * (b.panels.parts * (b.rest_a + b.rest_b) + round_up(b.mr * b.nr, 16) + made_units(&b, shape) +
                partial_units(&b, shape, epilogue));
}

static LLVMTypeRef float_type(const FunctionBuilder *fb) {
    return LLVMFloatTypeInContext(fb->context);
}

static LLVMValueRef at_type(FunctionBuilder *fb, LLVMTypeRef type, LLVMValueRef base, LLVMValueRef index) {
    return LLVMBuildGEP2(fb->builder, type, base, &index, 1, "");
}

static LLVMValueRef at(FunctionBuilder *fb, LLVMValueRef base, LLVMValueRef index) {
    return at_type(fb, float_type(fb), base, index);
}

static LLVMValueRef mul(FunctionBuilder *fb, LLVMValueRef a, LLVMValueRef b) {
    return LLVMBuildMul(fb->builder, a, b, "");
}
static LLVMValueRef add(FunctionBuilder *fb, LLVMValueRef a, LLVMValueRef b) {
    return LLVMBuildAdd(fb->builder, a, b, "");
}

typedef struct {
    FunctionBuilder *fb;
    const GemmShape *shape;
    Blocking blocking;
    LLVMValueRef a, b, c, packed_a, packed_b, tile, made, batch;
    LLVMValueRef partial;    /* parts of sums: row r, column j of this thread's block at partial[r·nc + j] */
    LLVMValueRef m0, column; /* its first row; first column of the block */
    LLVMValueRef first_k;    /* of the piece of K */
    GemmEpilogue epilogue;
    GemmPrefetch prefetch;
    void *user;
} Gemm;

/* Where the sums of the tile at (row, col) lie between two pieces of K, and their row stride. */
static LLVMValueRef sums_of(Gemm *g, LLVMValueRef row, LLVMValueRef col, int64_t *stride) {
    FunctionBuilder *fb = g->fb;
    if (g->partial) {
        *stride = g->blocking.nc;
        row = LLVMBuildSub(fb->builder, row, g->m0, "");
        col = LLVMBuildSub(fb->builder, col, g->column, "");
        return at(fb, g->partial, add(fb, mul(fb, row, build_i64(fb, *stride)), col));
    }
    *stride = g->shape->n;
    row = add(fb, mul(fb, g->batch, build_i64(fb, g->shape->m)), row);
    return at(fb, g->c, add(fb, mul(fb, row, build_i64(fb, *stride)), col));
}

typedef struct {
    LLVMValueRef row, rows, col, columns;
} TilePlace;

/* to[r][c] = tile[r][c] + (old[r][c] unless `fresh`), of the tile's rows and columns that are there. */
static void add_tile(Gemm *g, const TilePlace *place, LLVMValueRef fresh, LLVMValueRef old,
                     int64_t old_stride, LLVMValueRef to, int64_t to_stride) {
    FunctionBuilder *fb = g->fb;
    const Blocking *b = &g->blocking;
    LLVMTypeRef vector = LLVMVectorType(float_type(fb), (unsigned)b->lanes);
    Loop loop = build_loop_begin(fb, build_i64(fb, 0), place->rows, 1, "r");
    for (int v = 0; v < b->nr; v += b->lanes) {
        LLVMValueRef real = build_lanes_below(fb, b->lanes, v, place->columns);
        LLVMValueRef from =
            at(fb, g->tile, add(fb, mul(fb, loop.counter, build_i64(fb, b->nr)), build_i64(fb, v)));
        LLVMValueRef x = LLVMBuildLoad2(fb->builder, vector, from, "");
        LLVMSetAlignment(x, 4);
        LLVMValueRef again = LLVMBuildAnd(
            fb->builder, real, build_splat(fb, b->lanes, LLVMBuildNot(fb->builder, fresh, "")), "");
        LLVMValueRef before =
            at(fb, old, add(fb, mul(fb, loop.counter, build_i64(fb, old_stride)), build_i64(fb, v)));
        before = build_masked_load(fb, vector, before, 4, again);
        x = LLVMBuildFAdd(fb->builder, x, before, "");
        LLVMValueRef there =
            at(fb, to, add(fb, mul(fb, loop.counter, build_i64(fb, to_stride)), build_i64(fb, v)));
        build_masked_store(fb, x, there, 4, real);
    }
    build_loop_end(fb, &loop);
}

static void call_micro(Gemm *g, int rows, int vectors, LLVMValueRef a, LLVMValueRef b, LLVMValueRef units) {
    const Blocking *bl = &g->blocking;
    panels_multiply(g->fb, &bl->panels, rows, vectors, (Panel){a, bl->rest_a}, (Panel){b, bl->rest_b}, units,
                    g->tile, false);
}

/* A tile of all rows, whole or at the right edge of C. */
static void call_across(Gemm *g, int rows, LLVMValueRef columns, LLVMValueRef a, LLVMValueRef b,
                        LLVMValueRef units) {
    FunctionBuilder *fb = g->fb;
    int lanes = g->blocking.lanes, all = g->blocking.nr / lanes;
    int edge = (int)((g->shape->n % g->blocking.nr + lanes - 1) / lanes);
    if (edge == 0 || edge == all) {
        call_micro(g, rows, all, a, b, units);
        return;
    }
    LLVMValueRef few = LLVMBuildICmp(fb->builder, LLVMIntSLE, columns, build_i64(fb, edge * lanes), "");
    Fork fork = build_if_else(fb, few);
    call_micro(g, rows, edge, a, b, units);
    build_else(fb, &fork);
    call_micro(g, rows, all, a, b, units);
    build_end_if(fb, &fork);
}

/* Rows of the lowest tile of a block, at most; 0: it is whole. */
static int edge_rows(const GemmShape *shape, int mr) {
    int64_t of_block = most_rows(shape) % mr, of_last = shape->m % most_rows(shape) % mr;
    return (int)(of_block > of_last ? of_block : of_last);
}

/* Tiles at the edges of C have kernels of their own, so that little is computed in vain. */
static void call_tile(Gemm *g, LLVMValueRef rows, LLVMValueRef columns, LLVMValueRef a, LLVMValueRef b,
                      LLVMValueRef units) {
    FunctionBuilder *fb = g->fb;
    int mr = g->blocking.mr, edge = edge_rows(g->shape, mr);
    if (edge == 0) {
        call_across(g, mr, columns, a, b, units);
        return;
    }
    Fork fork = build_if_else(fb, LLVMBuildICmp(fb->builder, LLVMIntSLT, rows, build_i64(fb, mr), ""));
    call_across(g, edge, columns, a, b, units);
    build_else(fb, &fork);
    call_across(g, mr, columns, a, b, units);
    build_end_if(fb, &fork);
}

/* What becomes of a finished tile. K in one piece: the epilogue, or C. In several: the sum so far is added, and kept until
 * the last piece, which is the epilogue's. */
static void finish_tile(Gemm *g, const TilePlace *p, LLVMValueRef first, LLVMValueRef last) {
    FunctionBuilder *fb = g->fb;
    const Blocking *b = &g->blocking;
    bool cut = b->kc < g->shape->k;
    int64_t stride;
    if (!g->epilogue || cut) {
        LLVMValueRef sums = sums_of(g, p->row, p->col, &stride),
                     fresh = cut ? first : LLVMConstInt(LLVMInt1TypeInContext(fb->context), 1, false);
        if (!g->epilogue) {
            add_tile(g, p, fresh, sums, stride, sums, stride);
            return;
        }
        Fork fork = build_if_else(fb, last);
        add_tile(g, p, fresh, sums, stride, g->tile, b->nr);
        g->epilogue(g->user, g->batch, p->row, p->rows, p->col, p->columns, g->tile, b->nr);
        build_else(fb, &fork);
        add_tile(g, p, fresh, sums, stride, sums, stride);
        build_end_if(fb, &fork);
        return;
    }
    g->epilogue(g->user, g->batch, p->row, p->rows, p->col, p->columns, g->tile, b->nr);
}

/* The panel of B whose columns begin at `col` of C, `across` of the block; `units` of K in the block. */
static LLVMValueRef panel_of_b(Gemm *g, LLVMValueRef across, LLVMValueRef col, LLVMValueRef units) {
    FunctionBuilder *fb = g->fb;
    const Micro *micro = &g->blocking.panels.micro;
    if (!g->shape->b_packed) return at(fb, g->packed_b, mul(fb, across, units));
    LLVMValueRef panel = mul(fb, col, build_i64(fb, micro_units(micro, g->shape->k)));
    LLVMValueRef before = mul(fb, micro_units_of(fb, micro, g->first_k), build_i64(fb, micro->nr));
    return at(fb, g->b, add(fb, panel, before));
}

/* Asks for the lines of memory that the tile will need when its sums are made: C, the sums so far, what the epilogue reads and
 * writes. */
static void prefetch_tile(Gemm *g, const TilePlace *p, LLVMValueRef last) {
    FunctionBuilder *fb = g->fb;
    const Blocking *b = &g->blocking;
    bool sums = !g->epilogue || b->kc < g->shape->k;
    if (g->prefetch) {
        Fork fork = build_if_else(fb, last);
        g->prefetch(g->user, g->batch, p->row, p->rows, p->col, b->nr);
        build_else(fb, &fork);
        build_end_if(fb, &fork);
    }
    if (!sums) return;
    int64_t stride;
    LLVMValueRef from = sums_of(g, p->row, p->col, &stride);
    Loop loop = build_loop_begin(fb, build_i64(fb, 0), p->rows, 1, "r");
    build_prefetch(fb, at(fb, from, mul(fb, loop.counter, build_i64(fb, stride))), 4 * b->nr, PREFETCH_WRITE);
    build_loop_end(fb, &loop);
}

/* The tiles of one packed block of A against one packed block of B. */
static void emit_tiles(Gemm *g, LLVMValueRef row, LLVMValueRef rows, LLVMValueRef col, LLVMValueRef columns,
                       LLVMValueRef k, LLVMValueRef first, LLVMValueRef last) {
    FunctionBuilder *fb = g->fb;
    const Blocking *b = &g->blocking;
    TilePlace place;
    LLVMValueRef units = micro_units_of(fb, &b->panels.micro, k);
    Loop across = build_block_loop(fb, build_i64(fb, 0), columns, b->nr, "jr", &place.columns);
    place.col = add(fb, col, across.counter);
    LLVMValueRef panel_b = panel_of_b(g, across.counter, place.col, units);
    Loop down = build_block_loop(fb, build_i64(fb, 0), rows, b->mr, "ir", &place.rows);
    LLVMValueRef panel_a = at(fb, g->packed_a, mul(fb, down.counter, units));
    place.row = add(fb, row, down.counter);
    prefetch_tile(g, &place, last);
    call_tile(g, place.rows, place.columns, panel_a, panel_b, units);
    finish_tile(g, &place, first, last);
    build_loop_end(fb, &down);
    build_loop_end(fb, &across);
}

/* Packs rows [row, row + rows) of A, k elements from g->first_k on. What a prologue makes is packed while the cache next to the core holds
 * it. */
static void pack_a(Gemm *g, LLVMValueRef row, LLVMValueRef rows, LLVMValueRef k) {
    FunctionBuilder *fb = g->fb;
    const Blocking *b = &g->blocking;
    const GemmShape *s = g->shape;
    if (s->prologue) {
        Lines of_made = {s->a_dtype, made_stride(b), 1};
        LLVMValueRef units = micro_units_of(fb, &b->panels.micro, k), lines;
        Loop panel = build_block_loop(fb, build_i64(fb, 0), rows, b->mr, "panel", &lines);
        s->prologue(s->prologue_user, add(fb, row, panel.counter), lines, g->first_k, k, b->kc, g->made,
                    of_made.across);
        panels_pack_one(fb, &b->panels, false, &of_made, g->made, lines, k,
                        at(fb, g->packed_a, mul(fb, panel.counter, units)), b->rest_a);
        build_loop_end(fb, &panel);
        return;
    }
    Lines of_a = {s->a_dtype, s->a_row, s->a_col};
    LLVMValueRef from =
        add(fb, mul(fb, row, build_i64(fb, s->a_row)), mul(fb, g->first_k, build_i64(fb, s->a_col)));
    panels_pack(fb, &b->panels, false, &of_a, at_type(fb, panels_element(fb, s->a_dtype), g->a, from), rows,
                k, g->packed_a, b->rest_a);
}

/* One matrix of the batch: this thread's rows [m0, m1) and columns [n0, n1). */
static void emit_matrix(Gemm *g, LLVMValueRef m0, LLVMValueRef m1, LLVMValueRef n0, LLVMValueRef n1) {
    FunctionBuilder *fb = g->fb;
    const Blocking *b = &g->blocking;
    const GemmShape *s = g->shape;
    Lines of_b = {s->b_dtype, s->b_col, s->b_row};
    LLVMValueRef k, columns, rows;
    Loop jc = build_block_loop(fb, n0, n1, b->nc, "jc", &columns);
    g->m0 = m0;
    g->column = jc.counter;
    Loop pc = build_block_loop(fb, build_i64(fb, 0), build_i64(fb, s->k), b->kc, "pc", &k);
    LLVMValueRef first = LLVMBuildICmp(fb->builder, LLVMIntEQ, pc.counter, build_i64(fb, 0), "");
    LLVMValueRef last = LLVMBuildICmp(fb->builder, LLVMIntSGE, pc.next, build_i64(fb, s->k), "");
    g->first_k = pc.counter;
    if (!s->b_packed) {
        LLVMValueRef from_b = add(fb, mul(fb, pc.counter, build_i64(fb, s->b_row)),
                                  mul(fb, jc.counter, build_i64(fb, s->b_col)));
        panels_pack(fb, &b->panels, true, &of_b, at_type(fb, panels_element(fb, s->b_dtype), g->b, from_b),
                    columns, k, g->packed_b, b->rest_b);
    }
    Loop ic = build_block_loop(fb, m0, m1, b->mc, "ic", &rows);
    pack_a(g, ic.counter, rows, k);
    emit_tiles(g, ic.counter, rows, jc.counter, columns, k, first, last);
    build_loop_end(fb, &ic);
    build_loop_end(fb, &pc);
    build_loop_end(fb, &jc);
}

/* Rows of which a thread has whole multiples: tiles, and what the caller keeps together. */
static int64_t grain_of(const Gemm *g) {
    int64_t grain = g->blocking.mr, rest = g->shape->grain ? g->shape->grain : 1;
    while (grain % rest) grain += g->blocking.mr;
    return grain;
}

void gemm_emit(FunctionBuilder *fb, const Target *target, const GemmShape *shape, LLVMValueRef a,
               LLVMValueRef b, LLVMValueRef c, LLVMValueRef scratch, GemmEpilogue epilogue,
               GemmPrefetch prefetch, void *user) {
    Gemm g = {.fb = fb,
              .shape = shape,
              .blocking = choose_blocking(target, shape),
              .c = c,
              .epilogue = epilogue,
              .prefetch = prefetch,
              .user = user};
    const Blocking *bl = &g.blocking;
    g.packed_b = scratch;
    g.packed_a = at(fb, scratch, build_i64(fb, bl->panels.parts * bl->rest_b));
    g.tile = at(fb, g.packed_a, build_i64(fb, bl->panels.parts * bl->rest_a));
    g.made = at(fb, g.tile, build_i64(fb, round_up(bl->mr * bl->nr, 16)));
    if (partial_units(bl, shape, epilogue != NULL))
        g.partial = at(fb, g.made, build_i64(fb, made_units(bl, shape)));
    LLVMTypeRef type_a = panels_element(fb, shape->a_dtype), type_b = panels_element(fb, shape->b_dtype);
    micro_begin(fb, &bl->panels.micro);
    int64_t batch = 1;
    for (int i = 0; i < shape->n_batch; i++) batch *= shape->batch[i];
    LLVMValueRef from, to, zero = build_i64(fb, 0), m = build_i64(fb, shape->m), n = build_i64(fb, shape->n);
    if (batch > 1) {
        build_share(fb, batch, 1, &from, &to);
        Loop loop = build_loop_begin(fb, from, to, 1, "matrix");
        g.batch = loop.counter;
        g.a = at_type(fb, type_a, a,
                      build_batch_offset(fb, loop.counter, shape->n_batch, shape->batch, shape->a_batch,
                                         shape->a_offset));
        g.b = at_type(fb, type_b, b,
                      build_batch_offset(fb, loop.counter, shape->n_batch, shape->batch, shape->b_batch,
                                         shape->b_offset));
        emit_matrix(&g, zero, m, zero, n);
        build_loop_end(fb, &loop);
        micro_end(fb, &bl->panels.micro);
        return;
    }
    g.batch = zero;
    if (!shape->prologue) g.a = at_type(fb, type_a, a, build_i64(fb, shape->a_offset));
    g.b = at_type(fb, type_b, b, build_i64(fb, shape->b_offset));
    bool by_rows = shape->block || product_shares_rows(shape->m, shape->n) || shape->n < 16 * g.blocking.nr;
    build_share(fb, by_rows ? shape->m : shape->n, by_rows ? grain_of(&g) : g.blocking.nr, &from, &to);
    if (by_rows)
        emit_matrix(&g, from, to, zero, n);
    else
        emit_matrix(&g, zero, m, from, to);
    micro_end(fb, &bl->panels.micro);
}
