/* The loops around the micro-kernel, from the outermost in; see gemm.h. They bear BLIS's names: jc, pc and ic are
 * over blocks of N, K and M, jr and ir over the tiles of a block. */
#include "codegen/gemm/gemm.h"
#include "codegen/gemm/blocking.h"
#include "codegen/gemm/nests.h"
#include "codegen/gemm/panels.h"
#include "codegen/gemm/symmetric.h"
#include "ir/plan/prologue.h"

typedef struct {
    FunctionBuilder *fb;
    const GemmShape *shape;
    Blocking blocking;
    LLVMValueRef a, b, c;            /* of the matrix in work */
    LLVMValueRef packed_a, packed_b; /* the scratch: see Blocking */
    LLVMValueRef tile, made, sums;   /* sums: NULL: they wait in C, or K is one block */
    LLVMValueRef batch, first_row,
        first_col;                  /* the matrix; this call's first row; the block's first column */
    LLVMValueRef first_k, k, units; /* of the block of K */
    LLVMValueRef is_first, is_last; /* i1: of the blocks of K */
    Ahead ahead;                    /* what a tile asks for; units 0: nothing */
    LLVMValueRef asked;             /* stack slot: rows of the next block of K that were asked for */
    LLVMValueRef next_a, next_b;    /* its first elements */
    LLVMValueRef bytes_a, bytes_b;  /* i64: of its rows */
    GemmEpilogue epilogue;
    GemmPrefetch prefetch;
    void *user;
    Mirror mirror;          /* of symmetric products */
    LLVMValueRef block_row; /* the first row of the block of A */
} Gemm;

/* A tile of C: its first row and column, and how many of them are there. */
typedef struct {
    LLVMValueRef row, rows, col, columns;
} TilePlace;

static LLVMValueRef i64(const Gemm *g, int64_t value) {
    return build_i64(g->fb, value);
}

/* Element (row, col) of a matrix with strides. */
static LLVMValueRef element_at(Gemm *g, LLVMValueRef row, int64_t row_stride, LLVMValueRef col,
                               int64_t col_stride) {
    LLVMValueRef down = build_scaled(g->fb, row, row_stride), across = build_scaled(g->fb, col, col_stride);
    return build_add(g->fb, down, across);
}

/* ---- packing ----------------------------------------------------------------------------------------------------- */

static void pack_nests(Gemm *g, bool side_b, LLVMValueRef line, LLVMValueRef lines) {
    const GemmShape *s = g->shape;
    NestedPart part = {.dtype = side_b ? s->b_dtype : s->a_dtype,
                       .from = side_b ? g->b : g->a,
                       .line = line,
                       .lines = lines,
                       .first = g->first_k,
                       .k = g->k,
                       .to = side_b ? g->packed_b : g->packed_a,
                       .made = g->made,
                       .term_stride = side_b ? g->blocking.term_stride_b : g->blocking.term_stride_a,
                       .k_block = g->blocking.kc};
    nests_pack(g->fb, &g->blocking.panels, side_b, side_b ? s->b_nests : s->a_nests, &part);
}

static void pack_b(Gemm *g, LLVMValueRef columns) {
    const GemmShape *s = g->shape;
    if (s->b_packed) return;
    if (s->b_nests) {
        pack_nests(g, true, g->first_col, columns);
        return;
    }
    Lines lines = {s->b_dtype, s->b_col, s->b_row};
    LLVMValueRef from = element_at(g, g->first_k, s->b_row, g->first_col, s->b_col);
    from = build_element(g->fb, panels_element(g->fb, s->b_dtype), g->b, from);
    panels_pack(g->fb, &g->blocking.panels, true, &lines, from, columns, g->k, g->packed_b,
                g->blocking.term_stride_b);
}

/* Computes a panel's rows by the prologue, then packs them, while they are in L1. */
static void make_and_pack_a(Gemm *g, LLVMValueRef row, LLVMValueRef rows) {
    FunctionBuilder *fb = g->fb;
    const Blocking *b = &g->blocking;
    const GemmShape *s = g->shape;
    Lines lines = {s->a_dtype, b->made_stride, 1};
    LLVMValueRef units = micro_units_of(fb, b->panels.kernel, g->k), count;
    Loop panel = build_block_loop(fb, i64(g, 0), rows, b->mr, "panel", &count);
    LLVMValueRef first = build_add(fb, row, panel.counter);
    s->prologue(s->prologue_user, first, count, g->first_k, g->k, b->kc, g->made, lines.across);
    LLVMValueRef to = build_f32_at(fb, g->packed_a, build_mul(fb, panel.counter, units));
    panels_pack_one(fb, &b->panels, false, &lines, g->made, count, g->k, to, b->term_stride_a);
    build_loop_end(fb, &panel);
}

/* Where row `row` of A lies, from the block of K on. */
static LLVMValueRef row_of_a(Gemm *g, LLVMValueRef row) {
    const GemmShape *s = g->shape;
    LLVMValueRef at = element_at(g, row, s->a_row, g->first_k, s->a_col);
    return build_element(g->fb, panels_element(g->fb, s->a_dtype), g->a, at);
}

/* Rows [row, row + rows) of A along the block of K. */
static void pack_a(Gemm *g, LLVMValueRef row, LLVMValueRef rows) {
    const GemmShape *s = g->shape;
    if (g->blocking.a_in_place) return;
    if (s->prologue) {
        make_and_pack_a(g, row, rows);
        return;
    }
    if (s->a_nests) {
        pack_nests(g, false, row, rows);
        return;
    }
    Lines lines = {s->a_dtype, s->a_row, s->a_col};
    panels_pack(g->fb, &g->blocking.panels, false, &lines, row_of_a(g, row), rows, g->k, g->packed_a,
                g->blocking.term_stride_a);
}

/* The panel of A whose rows begin at `row` of C, `down` of the block. */
static Panel panel_of_a(Gemm *g, LLVMValueRef down, LLVMValueRef row) {
    const Blocking *b = &g->blocking;
    if (b->a_in_place)
        return (Panel){
            .at = row_of_a(g, row), .line = g->shape->a_row / b->panels.kernel->unit_elements, .step = 1};
    LLVMValueRef at = build_f32_at(g->fb, g->packed_a, build_mul(g->fb, down, g->units));
    return (Panel){.at = at, .term_stride = b->term_stride_a};
}

/* The panel of B whose columns begin at `col` of C, `across` of the block. */
static Panel panel_of_b(Gemm *g, LLVMValueRef across, LLVMValueRef col) {
    FunctionBuilder *fb = g->fb;
    const MicroKernel *kernel = g->blocking.panels.kernel;
    LLVMValueRef base = g->shape->b_packed ? g->b : g->packed_b, at = build_mul(fb, across, g->units);
    if (g->shape->b_packed) {
        LLVMValueRef panel = build_scaled(fb, col, micro_units(kernel, g->shape->k));
        at = build_add(fb, panel, build_scaled(fb, micro_units_of(fb, kernel, g->first_k), kernel->nr));
    }
    return (Panel){.at = build_f32_at(fb, base, at), .term_stride = g->blocking.term_stride_b};
}

/* ---- sums of several blocks of K --------------------------------------------------------------------------------- */

/* Where the sums so far of the tile at (row, col) lie, and their row stride. */
static LLVMValueRef sums_of(Gemm *g, LLVMValueRef row, LLVMValueRef col, int64_t *stride) {
    FunctionBuilder *fb = g->fb;
    if (g->sums) {
        *stride = g->blocking.nc;
        row = LLVMBuildSub(fb->builder, row, g->first_row, "");
        col = LLVMBuildSub(fb->builder, col, g->first_col, "");
        return build_f32_at(fb, g->sums, build_add(fb, build_scaled(fb, row, *stride), col));
    }
    *stride = g->shape->n;
    row = build_add(fb, build_scaled(fb, g->batch, g->shape->m), row);
    return build_f32_at(fb, g->c, build_add(fb, build_scaled(fb, row, *stride), col));
}

/* to[r][c] = tile[r][c] + (old[r][c] unless `fresh`), of the tile's rows and columns that are there. */
static void add_tile(Gemm *g, const TilePlace *place, LLVMValueRef fresh, LLVMValueRef old,
                     int64_t old_stride, LLVMValueRef to, int64_t to_stride) {
    FunctionBuilder *fb = g->fb;
    const Blocking *b = &g->blocking;
    LLVMTypeRef vector = build_vector_type(LLVMFloatTypeInContext(fb->context), b->lanes);
    Loop loop = build_loop_begin(fb, i64(g, 0), place->rows, 1, "r");
    for (int v = 0; v < b->nr; v += b->lanes) {
        LLVMValueRef real = build_lanes_below(fb, b->lanes, v, place->columns), at = i64(g, v);
        LLVMValueRef x = build_add(fb, build_scaled(fb, loop.counter, b->nr), at);
        x = build_load(fb, vector, build_f32_at(fb, g->tile, x));
        LLVMValueRef again = build_splat(fb, b->lanes, LLVMBuildNot(fb->builder, fresh, ""));
        again = LLVMBuildAnd(fb->builder, real, again, "");
        LLVMValueRef before = build_add(fb, build_scaled(fb, loop.counter, old_stride), at);
        before = build_masked_load(fb, vector, build_f32_at(fb, old, before), 4, again);
        x = LLVMBuildFAdd(fb->builder, x, before, "");
        LLVMValueRef there = build_add(fb, build_scaled(fb, loop.counter, to_stride), at);
        build_masked_store(fb, x, build_f32_at(fb, to, there), 4, real);
    }
    build_loop_end(fb, &loop);
}

static void hand_over(Gemm *g, const TilePlace *p) {
    g->epilogue(g->user, g->batch, p->row, p->rows, p->col, p->columns, g->tile, g->blocking.nr);
    if (!g->shape->symmetric) return;
    symmetric_keep(g->fb, &g->mirror, g->tile, LLVMBuildSub(g->fb->builder, p->row, g->block_row, ""));
}

/* What becomes of a tile of sums over one block of K. With a single block it goes to the epilogue, or to C. With
 * several the accumulated sums are added; they are stored, and after the last block they go to the epilogue. */
static void finish_tile(Gemm *g, const TilePlace *p) {
    FunctionBuilder *fb = g->fb;
    bool cut = blocking_cuts_k(&g->blocking, g->shape);
    int64_t stride;
    if (g->epilogue && !cut) {
        hand_over(g, p);
        return;
    }
    LLVMValueRef sums = sums_of(g, p->row, p->col, &stride),
                 fresh = cut ? g->is_first : LLVMConstInt(LLVMInt1TypeInContext(fb->context), 1, false);
    if (!g->epilogue) {
        add_tile(g, p, fresh, sums, stride, sums, stride);
        return;
    }
    Fork fork = build_if_else(fb, g->is_last);
    add_tile(g, p, fresh, sums, stride, g->tile, g->blocking.nr);
    hand_over(g, p);
    build_else(fb, &fork);
    add_tile(g, p, fresh, sums, stride, sums, stride);
    build_end_if(fb, &fork);
}

/* Prefetches what will be needed when the tile's sums are done: what the epilogue reads and writes, C, or the
 * accumulated sums. */
static void prefetch_tile(Gemm *g, const TilePlace *p) {
    FunctionBuilder *fb = g->fb;
    const Blocking *b = &g->blocking;
    if (g->prefetch) {
        Fork fork = build_if(fb, g->is_last);
        g->prefetch(g->user, g->batch, p->row, p->rows, p->col, b->nr);
        build_end_if(fb, &fork);
    }
    if (g->epilogue && !blocking_cuts_k(b, g->shape)) return;
    int64_t stride;
    LLVMValueRef from = sums_of(g, p->row, p->col, &stride);
    Loop loop = build_loop_begin(fb, i64(g, 0), p->rows, 1, "r");
    LLVMValueRef at = build_f32_at(fb, from, build_scaled(fb, loop.counter, stride));
    build_prefetch(fb, at, (int64_t)4 * b->nr, PREFETCH_WRITE);
    build_loop_end(fb, &loop);
}

/* ---- the micro-kernel, at the edges of C too --------------------------------------------------------------------- */

/* The panels of A and B that are multiplied for a tile. */
typedef struct {
    Panel a, b;
} PanelPair;

static void call_micro(Gemm *g, int rows, int vectors, const PanelPair *panels) {
    panels_multiply(g->fb, &g->blocking.panels, rows, vectors, panels->a, panels->b, g->units, g->tile, false,
                    g->ahead.units ? &g->ahead : NULL);
}

/* A tile of `rows` rows, of full width or of that of the last tile in a row. */
static void call_across(Gemm *g, int rows, LLVMValueRef columns, const PanelPair *panels) {
    FunctionBuilder *fb = g->fb;
    int lanes = g->blocking.lanes, all = g->blocking.nr / lanes;
    int edge = (int)((g->shape->n % g->blocking.nr + lanes - 1) / lanes);
    if (edge == 0 || edge == all) {
        call_micro(g, rows, all, panels);
        return;
    }
    LLVMValueRef few = LLVMBuildICmp(fb->builder, LLVMIntSLE, columns, i64(g, (int64_t)edge * lanes), "");
    Fork fork = build_if_else(fb, few);
    call_micro(g, rows, edge, panels);
    build_else(fb, &fork);
    call_micro(g, rows, all, panels);
    build_end_if(fb, &fork);
}

/* Rows of the lowest tile of a block, at most; 0: it is whole. */
static int edge_rows(const GemmShape *shape, int mr) {
    int64_t of_block = blocking_rows(shape) % mr, of_last = shape->m % blocking_rows(shape) % mr;
    return (int)(of_block > of_last ? of_block : of_last);
}

/* Tiles at the edges of C have smaller micro-kernels, so that little is computed and thrown away. */
static void call_tile(Gemm *g, const TilePlace *place, const PanelPair *panels) {
    FunctionBuilder *fb = g->fb;
    int mr = g->blocking.mr, edge = edge_rows(g->shape, mr);
    if (edge == 0) {
        call_across(g, mr, place->columns, panels);
        return;
    }
    Fork fork = build_if_else(fb, LLVMBuildICmp(fb->builder, LLVMIntSLT, place->rows, i64(g, mr), ""));
    call_across(g, edge, place->columns, panels);
    build_else(fb, &fork);
    call_across(g, mr, place->columns, panels);
    build_end_if(fb, &fork);
}

/* ---- what is packed next --------------------------------------------------------------------------------------- */

/* Operands whose rows lie along M and N (the product that makes a weight's gradient) are packed a few hundred rows at a
 * time, and come from memory, since K is long. While the tiles of one block of K are computed, they ask for the rows of
 * the next. */

static int64_t element_bytes(DType dtype) {
    return (int64_t)dtype_size(dtype);
}

/* In how many units along K a tile asks for a row, so that all of a block ask for all rows of A and B; 0: they do not
 * ask. Vectors of fewer lanes than AVX-512's leave no slots for it. */
static int units_of_ahead(const Gemm *g) {
    const GemmShape *s = g->shape;
    const Blocking *b = &g->blocking;
    const MicroKernel *kernel = b->panels.kernel;
    enum { LEAST = 16, MOST = 64 };
    bool plain = !s->b_packed && !s->prologue && !s->a_nests && !s->b_nests;
    bool side_by_side = plain && s->a_row == 1 && s->b_col == 1;
    if (!blocking_cuts_k(b, s) || !side_by_side || !kernel->multiply_add || kernel->lanes < 16) return 0;
    int64_t tiles = s->m / b->mr * (s->n / b->nr) / (g->fb->machine->cores > 1 ? g->fb->machine->cores : 1),
            units = MOST;
    while (units > LEAST && tiles * (micro_units(kernel, b->kc) / units) < 2 * b->kc) units /= 2;
    return (int)units;
}

/* Before the tiles of a block of K, whose next is at `next_k`, of the rows of C from `row` on and the columns from
 * `col` on. */
static void begin_ahead(Gemm *g, LLVMValueRef next_k, LLVMValueRef row, LLVMValueRef rows, LLVMValueRef col,
                        LLVMValueRef columns) {
    FunctionBuilder *fb = g->fb;
    const GemmShape *s = g->shape;
    if (!g->ahead.units) return;
    build_store(fb, i64(g, 0), g->asked);
    g->next_a = element_at(g, row, s->a_row, next_k, s->a_col);
    g->next_a = build_element(fb, panels_element(fb, s->a_dtype), g->a, g->next_a);
    g->next_b = element_at(g, next_k, s->b_row, col, s->b_col);
    g->next_b = build_element(fb, panels_element(fb, s->b_dtype), g->b, g->next_b);
    g->bytes_a = build_scaled(fb, rows, element_bytes(s->a_dtype));
    g->bytes_b = build_scaled(fb, columns, element_bytes(s->b_dtype));
}

/* Sets what the next tile asks for: rows of A, one after the other, and when there are no more, of B. After the last
 * block of K there is nothing: they ask for the tile. */
static void choose_ahead(Gemm *g) {
    FunctionBuilder *fb = g->fb;
    LLVMBuilderRef b = fb->builder;
    const GemmShape *s = g->shape;
    LLVMTypeRef i8 = LLVMInt8TypeInContext(fb->context);
    if (!g->ahead.units) return;
    int64_t runs = micro_units(g->blocking.panels.kernel, g->blocking.kc) / g->ahead.units,
            stride_a = s->a_col * element_bytes(s->a_dtype), stride_b = s->b_row * element_bytes(s->b_dtype);
    LLVMValueRef zero = i64(g, 0), k = i64(g, g->blocking.kc),
                 run = LLVMBuildLoad2(b, LLVMTypeOf(zero), g->asked, "");
    build_store(fb, build_add(fb, run, i64(g, runs)), g->asked);
    LLVMValueRef of_a = LLVMBuildICmp(b, LLVMIntSLT, run, k, ""),
                 of_b = build_smaller(fb, LLVMBuildSub(b, run, k, ""), k);
    LLVMValueRef from_a = build_element(fb, i8, g->next_a, build_scaled(fb, run, stride_a)),
                 from_b = build_element(fb, i8, g->next_b, build_scaled(fb, of_b, stride_b)),
                 from = LLVMBuildSelect(b, of_a, from_a, from_b, "");
    LLVMValueRef stride = LLVMBuildSelect(b, of_a, i64(g, stride_a), i64(g, stride_b), ""),
                 bytes = LLVMBuildSelect(b, of_a, g->bytes_a, g->bytes_b, "");
    g->ahead.from = LLVMBuildSelect(b, g->is_last, g->tile, from, "");
    g->ahead.stride = LLVMBuildSelect(b, g->is_last, zero, stride, "");
    g->ahead.bytes = LLVMBuildSelect(b, g->is_last, zero, bytes, "");
}

/* ---- loops ------------------------------------------------------------------------------------------------------- */

/* Of rows from `row` on the first whose tile at column `col` is computed. */
static LLVMValueRef first_row_of(Gemm *g, LLVMValueRef row, LLVMValueRef col) {
    if (!g->shape->symmetric) return row;
    return build_larger(g->fb, row, symmetric_first_row(g->fb, col, g->blocking.mr));
}

/* What the tiles of a panel of columns hold, on the other side of the diagonal. */
static void mirror_panel(Gemm *g, const TilePlace *panel, LLVMValueRef rows) {
    FunctionBuilder *fb = g->fb;
    Fork fork = build_if(fb, g->is_last);
    symmetric_hand_over(fb, &g->mirror, g->batch, panel->col, panel->columns, g->block_row, rows, g->epilogue,
                        g->user);
    build_end_if(fb, &fork);
}

/* The macro-kernel: tiles of one packed block of A, from `row` on, against one packed block of B. */
static void macro_kernel(Gemm *g, LLVMValueRef row, LLVMValueRef rows, LLVMValueRef columns) {
    FunctionBuilder *fb = g->fb;
    const Blocking *b = &g->blocking;
    TilePlace place;
    PanelPair panels;
    g->units = micro_units_of(fb, b->panels.kernel, g->k);
    g->block_row = row;
    Loop jr = build_block_loop(fb, i64(g, 0), columns, b->nr, "jr", &place.columns);
    place.col = build_add(fb, g->first_col, jr.counter);
    panels.b = panel_of_b(g, jr.counter, place.col);
    LLVMValueRef first = LLVMBuildSub(fb->builder, first_row_of(g, row, place.col), row, "");
    Loop ir = build_block_loop(fb, first, rows, b->mr, "ir", &place.rows);
    place.row = build_add(fb, row, ir.counter);
    panels.a = panel_of_a(g, ir.counter, place.row);
    prefetch_tile(g, &place);
    choose_ahead(g);
    call_tile(g, &place, &panels);
    finish_tile(g, &place);
    build_loop_end(fb, &ir);
    if (g->shape->symmetric) mirror_panel(g, &place, rows);
    build_loop_end(fb, &jr);
}

/* One matrix: this call's rows [m0, m1) and columns [n0, n1). */
static void multiply(Gemm *g, LLVMValueRef m0, LLVMValueRef m1, LLVMValueRef n0, LLVMValueRef n1) {
    FunctionBuilder *fb = g->fb;
    const Blocking *b = &g->blocking;
    LLVMValueRef columns, rows, all_k = i64(g, g->shape->k);
    Loop jc = build_block_loop(fb, n0, n1, b->nc, "jc", &columns);
    g->first_row = m0;
    g->first_col = jc.counter;
    Loop pc = build_block_loop(fb, i64(g, 0), all_k, b->kc, "pc", &g->k);
    g->first_k = pc.counter;
    g->is_first = LLVMBuildICmp(fb->builder, LLVMIntEQ, pc.counter, i64(g, 0), "");
    g->is_last = LLVMBuildICmp(fb->builder, LLVMIntSGE, pc.next, all_k, "");
    pack_b(g, columns);
    begin_ahead(g, pc.next, m0, LLVMBuildSub(fb->builder, m1, m0, ""), jc.counter, columns);
    Loop ic = build_block_loop(fb, first_row_of(g, m0, g->first_col), m1, b->mc, "ic", &rows);
    pack_a(g, ic.counter, rows);
    macro_kernel(g, ic.counter, rows, columns);
    build_loop_end(fb, &ic);
    build_loop_end(fb, &pc);
    build_loop_end(fb, &jc);
}

/* ---- shares of the work ------------------------------------------------------------------------------------------ */

/* A thread's rows are a multiple of this: of the rows of a tile, and of shape->grain. */
static int64_t grain_of(const Gemm *g) {
    int64_t grain = g->blocking.mr, together = g->shape->grain ? g->shape->grain : 1;
    while (grain % together) grain += g->blocking.mr;
    return grain;
}

/* Threads share the matrices of a batch. */
static void multiply_batch(Gemm *g, int64_t matrices, LLVMValueRef a, LLVMValueRef b) {
    FunctionBuilder *fb = g->fb;
    const GemmShape *s = g->shape;
    LLVMValueRef from, to, zero = i64(g, 0);
    build_share(fb, matrices, 1, &from, &to);
    Loop matrix = build_loop_begin(fb, from, to, 1, "matrix");
    g->batch = matrix.counter;
    LLVMValueRef at = build_batch_offset(fb, g->batch, s->n_batch, s->batch, s->a_batch, s->a_offset);
    g->a = build_element(fb, panels_element(fb, s->a_dtype), a, at);
    at = build_batch_offset(fb, g->batch, s->n_batch, s->batch, s->b_batch, s->b_offset);
    g->b = build_element(fb, panels_element(fb, s->b_dtype), b, at);
    multiply(g, zero, i64(g, s->m), zero, i64(g, s->n));
    build_loop_end(fb, &matrix);
}

/* Threads share the rows of one matrix, or its columns. */
static void multiply_one(Gemm *g, LLVMValueRef a, LLVMValueRef b) {
    FunctionBuilder *fb = g->fb;
    const GemmShape *s = g->shape;
    LLVMValueRef from, to, zero = i64(g, 0);
    int64_t nr = g->blocking.nr;
    g->batch = zero;
    if (!s->prologue) g->a = build_element(fb, panels_element(fb, s->a_dtype), a, i64(g, s->a_offset));
    g->b = build_element(fb, panels_element(fb, s->b_dtype), b, i64(g, s->b_offset));
    if (s->symmetric) {
        symmetric_share(fb, s->m, grain_of(g), &from, &to);
        LLVMValueRef columns =
            build_add(fb, to, i64(g, nr)); /* those of tiles that reach below the diagonal */
        multiply(g, from, to, zero, build_smaller(fb, columns, i64(g, s->n)));
    } else if (s->block || product_shares_rows(s->m, s->n) || s->n < 16 * nr) {
        build_share(fb, s->m, grain_of(g), &from, &to);
        multiply(g, from, to, zero, i64(g, s->n));
    } else {
        build_share(fb, s->n, nr, &from, &to);
        multiply(g, zero, i64(g, s->m), from, to);
    }
}

void gemm_emit(FunctionBuilder *fb, const GemmShape *shape, LLVMValueRef a, LLVMValueRef b, LLVMValueRef c,
               LLVMValueRef scratch, GemmEpilogue epilogue, GemmPrefetch prefetch, void *user) {
    Gemm g = {.fb = fb,
              .shape = shape,
              .blocking = blocking_of(fb, shape, epilogue != NULL),
              .c = c,
              .packed_b = scratch,
              .epilogue = epilogue,
              .prefetch = prefetch,
              .user = user};
    const Blocking *blocking = &g.blocking;
    g.packed_a = build_f32_at(fb, scratch, build_i64(fb, blocking->b_units));
    g.tile = build_f32_at(fb, g.packed_a, build_i64(fb, blocking->a_units));
    g.made = build_f32_at(fb, g.tile, build_i64(fb, blocking->tile_units));
    g.mirror = (Mirror){blocking->mr, blocking->nr, symmetric_stride(blocking->mc), NULL};
    g.mirror.buffer = build_f32_at(fb, g.made, build_i64(fb, blocking->made_units + blocking->sum_units));
    if (blocking->sum_units) g.sums = build_f32_at(fb, g.made, build_i64(fb, blocking->made_units));
    g.ahead.units = units_of_ahead(&g);
    if (g.ahead.units) g.asked = build_stack_slot(fb, LLVMInt64TypeInContext(fb->context), "asked");
    micro_begin(fb, blocking->panels.kernel);
    int64_t matrices = 1;
    for (int i = 0; i < shape->n_batch; i++) matrices *= shape->batch[i];
    if (matrices > 1)
        multiply_batch(&g, matrices, a, b);
    else
        multiply_one(&g, a, b);
    micro_end(fb, blocking->panels.kernel);
}
