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

static LLVMTypeRef float_type(const Emitter *e) {
    return LLVMFloatTypeInContext(e->context);
}

static LLVMValueRef at_type(Emitter *e, LLVMTypeRef type, LLVMValueRef base, LLVMValueRef index) {
    return LLVMBuildGEP2(e->builder, type, base, &index, 1, "");
}

static LLVMValueRef at(Emitter *e, LLVMValueRef base, LLVMValueRef index) {
    return at_type(e, float_type(e), base, index);
}

static LLVMValueRef mul(Emitter *e, LLVMValueRef a, LLVMValueRef b) {
    return LLVMBuildMul(e->builder, a, b, "");
}
static LLVMValueRef add(Emitter *e, LLVMValueRef a, LLVMValueRef b) {
    return LLVMBuildAdd(e->builder, a, b, "");
}

typedef struct {
    Emitter *e;
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
    Emitter *e = g->e;
    if (g->partial) {
        *stride = g->blocking.nc;
        row = LLVMBuildSub(e->builder, row, g->m0, "");
        col = LLVMBuildSub(e->builder, col, g->column, "");
        return at(e, g->partial, add(e, mul(e, row, emit_i64(e, *stride)), col));
    }
    *stride = g->shape->n;
    row = add(e, mul(e, g->batch, emit_i64(e, g->shape->m)), row);
    return at(e, g->c, add(e, mul(e, row, emit_i64(e, *stride)), col));
}

typedef struct {
    LLVMValueRef row, rows, col, columns;
} TilePlace;

/* to[r][c] = tile[r][c] + (old[r][c] unless `fresh`), of the tile's rows and columns that are there. */
static void add_tile(Gemm *g, const TilePlace *place, LLVMValueRef fresh, LLVMValueRef old,
                     int64_t old_stride, LLVMValueRef to, int64_t to_stride) {
    Emitter *e = g->e;
    const Blocking *b = &g->blocking;
    LLVMTypeRef vector = LLVMVectorType(float_type(e), (unsigned)b->lanes);
    Loop loop = emit_loop_begin(e, emit_i64(e, 0), place->rows, 1, "r");
    int width = e->width;
    e->width = b->lanes;
    for (int v = 0; v < b->nr; v += b->lanes) {
        LLVMValueRef real = emit_lanes_below(e, v, place->columns);
        LLVMValueRef from = at(e, g->tile, add(e, mul(e, loop.counter, emit_i64(e, b->nr)), emit_i64(e, v)));
        LLVMValueRef x = LLVMBuildLoad2(e->builder, vector, from, "");
        LLVMSetAlignment(x, 4);
        LLVMValueRef again =
            LLVMBuildAnd(e->builder, real, emit_splat(e, LLVMBuildNot(e->builder, fresh, "")), "");
        LLVMValueRef before =
            at(e, old, add(e, mul(e, loop.counter, emit_i64(e, old_stride)), emit_i64(e, v)));
        before = emit_masked_load(e, vector, before, 4, again);
        x = LLVMBuildFAdd(e->builder, x, before, "");
        LLVMValueRef there = at(e, to, add(e, mul(e, loop.counter, emit_i64(e, to_stride)), emit_i64(e, v)));
        emit_masked_store(e, x, there, 4, real);
    }
    e->width = width;
    emit_loop_end(e, &loop);
}

static void call_micro(Gemm *g, int rows, int vectors, LLVMValueRef a, LLVMValueRef b, LLVMValueRef units) {
    const Blocking *bl = &g->blocking;
    panels_multiply(g->e, &bl->panels, rows, vectors, (Panel){a, bl->rest_a}, (Panel){b, bl->rest_b}, units,
                    g->tile, false);
}

typedef struct {
    LLVMBasicBlockRef yes, no, after;
} Fork;

static Fork fork_begin(Emitter *e, LLVMValueRef condition) {
    Fork fork = {emit_new_block(e, "edge"), emit_new_block(e, "inside"), emit_new_block(e, "after")};
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
                        LLVMValueRef units) {
    Emitter *e = g->e;
    int lanes = g->blocking.lanes, all = g->blocking.nr / lanes;
    int edge = (int)((g->shape->n % g->blocking.nr + lanes - 1) / lanes);
    if (edge == 0 || edge == all) {
        call_micro(g, rows, all, a, b, units);
        return;
    }
    LLVMValueRef few = LLVMBuildICmp(e->builder, LLVMIntSLE, columns, emit_i64(e, edge * lanes), "");
    Fork fork = fork_begin(e, few);
    call_micro(g, rows, edge, a, b, units);
    fork_else(e, &fork);
    call_micro(g, rows, all, a, b, units);
    fork_end(e, &fork);
}

/* Rows of the lowest tile of a block, at most; 0: it is whole. */
static int edge_rows(const GemmShape *shape, int mr) {
    int64_t of_block = most_rows(shape) % mr, of_last = shape->m % most_rows(shape) % mr;
    return (int)(of_block > of_last ? of_block : of_last);
}

/* Tiles at the edges of C have kernels of their own, so that little is computed in vain. */
static void call_tile(Gemm *g, LLVMValueRef rows, LLVMValueRef columns, LLVMValueRef a, LLVMValueRef b,
                      LLVMValueRef units) {
    Emitter *e = g->e;
    int mr = g->blocking.mr, edge = edge_rows(g->shape, mr);
    if (edge == 0) {
        call_across(g, mr, columns, a, b, units);
        return;
    }
    Fork fork = fork_begin(e, LLVMBuildICmp(e->builder, LLVMIntSLT, rows, emit_i64(e, mr), ""));
    call_across(g, edge, columns, a, b, units);
    fork_else(e, &fork);
    call_across(g, mr, columns, a, b, units);
    fork_end(e, &fork);
}

/* What becomes of a finished tile. K in one piece: the epilogue, or C. In several: the sum so far is added, and kept until
 * the last piece, which is the epilogue's. */
static void finish_tile(Gemm *g, const TilePlace *p, LLVMValueRef first, LLVMValueRef last) {
    Emitter *e = g->e;
    const Blocking *b = &g->blocking;
    bool cut = b->kc < g->shape->k;
    int64_t stride;
    if (!g->epilogue || cut) {
        LLVMValueRef sums = sums_of(g, p->row, p->col, &stride),
                     fresh = cut ? first : LLVMConstInt(LLVMInt1TypeInContext(e->context), 1, false);
        if (!g->epilogue) {
            add_tile(g, p, fresh, sums, stride, sums, stride);
            return;
        }
        Fork fork = fork_begin(e, last);
        add_tile(g, p, fresh, sums, stride, g->tile, b->nr);
        g->epilogue(e, g->user, g->batch, p->row, p->rows, p->col, p->columns, g->tile, b->nr);
        fork_else(e, &fork);
        add_tile(g, p, fresh, sums, stride, sums, stride);
        fork_end(e, &fork);
        return;
    }
    g->epilogue(e, g->user, g->batch, p->row, p->rows, p->col, p->columns, g->tile, b->nr);
}

/* The panel of B whose columns begin at `col` of C, `across` of the block; `units` of K in the block. */
static LLVMValueRef panel_of_b(Gemm *g, LLVMValueRef across, LLVMValueRef col, LLVMValueRef units) {
    Emitter *e = g->e;
    const Micro *micro = &g->blocking.panels.micro;
    if (!g->shape->b_packed) return at(e, g->packed_b, mul(e, across, units));
    LLVMValueRef panel = mul(e, col, emit_i64(e, micro_units(micro, g->shape->k)));
    LLVMValueRef before = mul(e, micro_units_of(e, micro, g->first_k), emit_i64(e, micro->nr));
    return at(e, g->b, add(e, panel, before));
}

/* Asks for the lines of memory that the tile will need when its sums are made: C, the sums so far, what the epilogue reads and
 * writes. */
static void prefetch_tile(Gemm *g, const TilePlace *p, LLVMValueRef last) {
    Emitter *e = g->e;
    const Blocking *b = &g->blocking;
    bool sums = !g->epilogue || b->kc < g->shape->k;
    if (g->prefetch) {
        Fork fork = fork_begin(e, last);
        g->prefetch(e, g->user, g->batch, p->row, p->rows, p->col, b->nr);
        fork_else(e, &fork);
        fork_end(e, &fork);
    }
    if (!sums) return;
    int64_t stride;
    LLVMValueRef from = sums_of(g, p->row, p->col, &stride);
    Loop loop = emit_loop_begin(e, emit_i64(e, 0), p->rows, 1, "r");
    emit_prefetch(e, at(e, from, mul(e, loop.counter, emit_i64(e, stride))), 4 * b->nr, PREFETCH_WRITE);
    emit_loop_end(e, &loop);
}

/* The tiles of one packed block of A against one packed block of B. */
static void emit_tiles(Gemm *g, LLVMValueRef row, LLVMValueRef rows, LLVMValueRef col, LLVMValueRef columns,
                       LLVMValueRef k, LLVMValueRef first, LLVMValueRef last) {
    Emitter *e = g->e;
    const Blocking *b = &g->blocking;
    TilePlace place;
    LLVMValueRef units = micro_units_of(e, &b->panels.micro, k);
    Loop across = emit_block_loop(e, emit_i64(e, 0), columns, b->nr, "jr", &place.columns);
    place.col = add(e, col, across.counter);
    LLVMValueRef panel_b = panel_of_b(g, across.counter, place.col, units);
    Loop down = emit_block_loop(e, emit_i64(e, 0), rows, b->mr, "ir", &place.rows);
    LLVMValueRef panel_a = at(e, g->packed_a, mul(e, down.counter, units));
    place.row = add(e, row, down.counter);
    prefetch_tile(g, &place, last);
    call_tile(g, place.rows, place.columns, panel_a, panel_b, units);
    finish_tile(g, &place, first, last);
    emit_loop_end(e, &down);
    emit_loop_end(e, &across);
}

/* Packs rows [row, row + rows) of A, k elements from g->first_k on. What a prologue makes is packed while the cache next to the core holds
 * it. */
static void pack_a(Gemm *g, LLVMValueRef row, LLVMValueRef rows, LLVMValueRef k) {
    Emitter *e = g->e;
    const Blocking *b = &g->blocking;
    const GemmShape *s = g->shape;
    if (s->prologue) {
        Lines of_made = {s->a_dtype, made_stride(b), 1};
        LLVMValueRef units = micro_units_of(e, &b->panels.micro, k), lines;
        Loop panel = emit_block_loop(e, emit_i64(e, 0), rows, b->mr, "panel", &lines);
        s->prologue(e, s->prologue_user, add(e, row, panel.counter), lines, g->first_k, k, b->kc, g->made,
                    of_made.across);
        panels_pack_one(e, &b->panels, false, &of_made, g->made, lines, k,
                        at(e, g->packed_a, mul(e, panel.counter, units)), b->rest_a);
        emit_loop_end(e, &panel);
        return;
    }
    Lines of_a = {s->a_dtype, s->a_row, s->a_col};
    LLVMValueRef from = add(e, mul(e, row, emit_i64(e, s->a_row)), mul(e, g->first_k, emit_i64(e, s->a_col)));
    panels_pack(e, &b->panels, false, &of_a, at_type(e, panels_element(e, s->a_dtype), g->a, from), rows, k,
                g->packed_a, b->rest_a);
}

/* One matrix of the batch: this thread's rows [m0, m1) and columns [n0, n1). */
static void emit_matrix(Gemm *g, LLVMValueRef m0, LLVMValueRef m1, LLVMValueRef n0, LLVMValueRef n1) {
    Emitter *e = g->e;
    const Blocking *b = &g->blocking;
    const GemmShape *s = g->shape;
    Lines of_b = {s->b_dtype, s->b_col, s->b_row};
    LLVMValueRef k, columns, rows;
    Loop jc = emit_block_loop(e, n0, n1, b->nc, "jc", &columns);
    g->m0 = m0;
    g->column = jc.counter;
    Loop pc = emit_block_loop(e, emit_i64(e, 0), emit_i64(e, s->k), b->kc, "pc", &k);
    LLVMValueRef first = LLVMBuildICmp(e->builder, LLVMIntEQ, pc.counter, emit_i64(e, 0), "");
    LLVMValueRef last = LLVMBuildICmp(e->builder, LLVMIntSGE, pc.next, emit_i64(e, s->k), "");
    g->first_k = pc.counter;
    if (!s->b_packed) {
        LLVMValueRef from_b =
            add(e, mul(e, pc.counter, emit_i64(e, s->b_row)), mul(e, jc.counter, emit_i64(e, s->b_col)));
        panels_pack(e, &b->panels, true, &of_b, at_type(e, panels_element(e, s->b_dtype), g->b, from_b),
                    columns, k, g->packed_b, b->rest_b);
    }
    Loop ic = emit_block_loop(e, m0, m1, b->mc, "ic", &rows);
    pack_a(g, ic.counter, rows, k);
    emit_tiles(g, ic.counter, rows, jc.counter, columns, k, first, last);
    emit_loop_end(e, &ic);
    emit_loop_end(e, &pc);
    emit_loop_end(e, &jc);
}

/* Rows of which a thread has whole multiples: tiles, and what the caller keeps together. */
static int64_t grain_of(const Gemm *g) {
    int64_t grain = g->blocking.mr, rest = g->shape->grain ? g->shape->grain : 1;
    while (grain % rest) grain += g->blocking.mr;
    return grain;
}

void gemm_emit(Emitter *e, const Target *target, const GemmShape *shape, LLVMValueRef a, LLVMValueRef b,
               LLVMValueRef c, LLVMValueRef scratch, GemmEpilogue epilogue, GemmPrefetch prefetch,
               void *user) {
    Gemm g = {.e = e,
              .shape = shape,
              .blocking = choose_blocking(target, shape),
              .c = c,
              .epilogue = epilogue,
              .prefetch = prefetch,
              .user = user};
    const Blocking *bl = &g.blocking;
    g.packed_b = scratch;
    g.packed_a = at(e, scratch, emit_i64(e, bl->panels.parts * bl->rest_b));
    g.tile = at(e, g.packed_a, emit_i64(e, bl->panels.parts * bl->rest_a));
    g.made = at(e, g.tile, emit_i64(e, round_up(bl->mr * bl->nr, 16)));
    if (partial_units(bl, shape, epilogue != NULL))
        g.partial = at(e, g.made, emit_i64(e, made_units(bl, shape)));
    LLVMTypeRef type_a = panels_element(e, shape->a_dtype), type_b = panels_element(e, shape->b_dtype);
    micro_begin(e, &bl->panels.micro);
    int64_t batch = 1;
    for (int i = 0; i < shape->n_batch; i++) batch *= shape->batch[i];
    LLVMValueRef from, to, zero = emit_i64(e, 0), m = emit_i64(e, shape->m), n = emit_i64(e, shape->n);
    if (batch > 1) {
        emit_share(e, batch, 1, &from, &to);
        Loop loop = emit_loop_begin(e, from, to, 1, "matrix");
        g.batch = loop.counter;
        g.a = at_type(e, type_a, a,
                      emit_batch_offset(e, loop.counter, shape->n_batch, shape->batch, shape->a_batch,
                                        shape->a_offset));
        g.b = at_type(e, type_b, b,
                      emit_batch_offset(e, loop.counter, shape->n_batch, shape->batch, shape->b_batch,
                                        shape->b_offset));
        emit_matrix(&g, zero, m, zero, n);
        emit_loop_end(e, &loop);
        micro_end(e, &bl->panels.micro);
        return;
    }
    g.batch = zero;
    if (!shape->prologue) g.a = at_type(e, type_a, a, emit_i64(e, shape->a_offset));
    g.b = at_type(e, type_b, b, emit_i64(e, shape->b_offset));
    bool by_rows = shape->block || product_shares_rows(shape->m, shape->n) || shape->n < 16 * g.blocking.nr;
    emit_share(e, by_rows ? shape->m : shape->n, by_rows ? grain_of(&g) : g.blocking.nr, &from, &to);
    if (by_rows)
        emit_matrix(&g, from, to, zero, n);
    else
        emit_matrix(&g, zero, m, from, to);
    micro_end(e, &bl->panels.micro);
}
