/* Strassen's products: see strassen.h. The loops are those of gemm.c; what is there a panel is here one of each of seven
 * sums, and what is there a tile of C four, one of each quarter. */
#include "codegen/gemm/strassen.h"
#include "codegen/gemm/pack.h"
#include "codegen/gemm/panels.h"
#include "codegen/gemm/strassen_pack.h"
#include "ir/plan/strassen.h"

/* A product is a sum of quarters of A times one of quarters of B; quarters are numbered in rows. `makes`: the quarter of
 * C whose tile it makes, to which others add; -1: none. It is added to `to`, or subtracted or copied, unless that is
 * -1. `ends`: the quarter of C that has all its sums after it; -1: none. */
typedef enum { COPY, ADD, SUBTRACT } How;
typedef struct {
    StrassenSum a, b;
    int makes, to[2];
    How how[2];
    int ends;
} Product;

static const Product PRODUCTS[STRASSEN_PRODUCTS] = {
    {{0, 3, 1}, {0, 3, 1}, 0, {3, -1}, {COPY}, -1},         /* (A11 + A22)(B11 + B22) = C11 = C22 */
    {{2, 3, 1}, {0, 0, 0}, 2, {3, -1}, {SUBTRACT}, -1},     /* (A21 + A22) B11 = C21, -C22 */
    {{0, 0, 0}, {1, 3, -1}, 1, {3, -1}, {ADD}, -1},         /* A11 (B12 - B22) = C12, +C22 */
    {{3, 3, 0}, {2, 0, -1}, -1, {0, 2}, {ADD, ADD}, 2},     /* A22 (B21 - B11): +C11, +C21 */
    {{0, 1, 1}, {3, 3, 0}, -1, {0, 1}, {SUBTRACT, ADD}, 1}, /* (A11 + A12) B22: -C11, +C12 */
    {{2, 0, -1}, {0, 1, 1}, -1, {3, -1}, {ADD}, 3},         /* (A21 - A11)(B11 + B12): +C22 */
    {{1, 3, -1}, {2, 3, 1}, -1, {0, -1}, {ADD}, 0},         /* (A12 - A22)(B21 + B22): +C11 */
};

/* Sums of B along half a block of K should fill no more of the shared cache: of the columns that one of two threads has,
 * where they share columns. LEAST_K, MOST_K: elements of such a half, whatever the columns. */
enum { B_BYTES = 10 << 20, LEAST_K = 400, MOST_K = 800 };
enum { PAD = 48 }; /* between panels of B, whose places would share few sets of the cache */

typedef struct {
    FunctionBuilder *fb;
    const GemmShape *shape;
    Panels panels;
    int mr, nr, lanes;
    int64_t grain, m, n, k,
        mc; /* m: rows of the upper half; n, k: columns of a half, terms of half a block of K */
    bool cuts_k;
    int64_t a_part, b_part; /* units from a panel of one sum to that of the next */
    LLVMValueRef a, b, c, packed_a, packed_b, tiles, tile, sums; /* sums: of blocks of K, with an epilogue */
    LLVMValueRef first_k, is_first, is_last;
    GemmEpilogue epilogue;
    GemmPrefetch prefetch;
    void *user;
} Strassen;

/* A tile of each quarter: rows of the upper half from `row` on, columns of the left one from `col` on; at: the place of
 * its first row among the tiles. */
typedef struct {
    LLVMValueRef row, rows, col, at;
} TilePlace;

static LLVMValueRef i64(const Strassen *t, int64_t value) {
    return build_i64(t->fb, value);
}

static int64_t round_up(int64_t x, int64_t to) {
    return (x + to - 1) / to * to;
}

/* All sums of a block of A fill about half of the core's own cache. */
static Strassen plan(const FunctionBuilder *fb, const GemmShape *shape) {
    Strassen t = {.shape = shape, .panels = panels_choose(fb->target, PRECISION_FP32)};
    t.mr = t.panels.kernel->mr;
    t.nr = t.panels.kernel->nr;
    t.lanes = t.panels.kernel->lanes;
    t.grain = t.mr;
    while (shape->grain && t.grain % shape->grain) t.grain += t.mr;
    t.m = round_up((shape->m + 1) / 2, t.grain);
    t.n = shape->n / 2;
    int64_t columns = t.m < t.n ? t.n / 2 : t.n, most = B_BYTES / (4 * STRASSEN_PRODUCTS * columns + 1);
    t.k = strassen_half_of_k(shape->k, most < LEAST_K ? LEAST_K : most > MOST_K ? MOST_K : most);
    t.cuts_k = 2 * t.k < shape->k;
    int64_t rows = t.k ? fb->machine->own_cache / 2 / (4 * STRASSEN_PRODUCTS * t.k) : 0;
    t.mc = rows / t.mr < 3 ? 3 * t.mr : rows / t.mr * t.mr;
    if (t.mc > t.m) t.mc = round_up(t.m, t.mr);
    t.a_part = panels_room(&t.panels, t.mc, t.k);
    t.b_part = t.k * t.nr + PAD;
    return t;
}

bool strassen_fits(const FunctionBuilder *fb, const GemmShape *s) {
    Strassen t = plan(fb, s);
    return s->precision == PRECISION_FP32FAST && s->a_dtype == DT_F32 && s->b_dtype == DT_F32 &&
           s->n_batch == 0 && !s->a_nests && !s->b_nests && !s->block && !s->b_packed && !s->symmetric &&
           !s->prologue && t.k > 0 && s->n % (2 * t.nr) == 0 && t.m < s->m;
}

/* The scratch, in f32s: four quarters' tiles of a block of rows and one more, packed A, packed B, sums. */
static int64_t tiles_size(const Strassen *t) {
    return round_up((4 * t->mc + t->mr) * t->nr, 16);
}

static int64_t packed_b_size(const Strassen *t) {
    return round_up(STRASSEN_PRODUCTS * t->b_part * (t->n / t->nr), 16);
}

int64_t strassen_scratch_bytes(const FunctionBuilder *fb, const GemmShape *shape, bool epilogue) {
    Strassen t = plan(fb, shape);
    int64_t sums = epilogue && t.cuts_k ? shape->m * shape->n : 0;
    return 4 * (tiles_size(&t) + STRASSEN_PRODUCTS * t.a_part + packed_b_size(&t) + sums);
}

/* ---- packing ----------------------------------------------------------------------------------------------------- */

static StrassenSide side_of(const Strassen *t, bool b) {
    const GemmShape *s = t->shape;
    StrassenSide side = {.b = b,
                         .across = b ? s->b_col : s->a_row,
                         .along = b ? s->b_row : s->a_col,
                         .part = b ? t->b_part : t->a_part,
                         .width = b ? t->nr : t->mr,
                         .lanes = t->lanes};
    for (int i = 0; i < STRASSEN_PRODUCTS; i++) side.sums[i] = b ? PRODUCTS[i].b : PRODUCTS[i].a;
    for (int q = 0; q < 4; q++) { /* along K the second half is that of columns of A, of rows of B */
        bool later = b ? q & 2 : q & 1;
        side.lower[q] = b ? q & 1 : q & 2;
        side.at[q] = (side.lower[q] ? (b ? t->n : t->m) * side.across : 0) + (later ? t->k * side.along : 0);
    }
    return side;
}

/* Asks for the lines that the next panel packs, which lie along K. */
static void prefetch_lines(Strassen *t, const StrassenSide *side, LLVMValueRef from) {
    FunctionBuilder *fb = t->fb;
    if (side->along != 1) return;
    for (int q = 0; q < 4; q++) {
        Loop loop = build_loop_begin(fb, i64(t, side->width), i64(t, 2 * side->width), 1, "ask");
        LLVMValueRef at = build_add(fb, build_scaled(fb, loop.counter, side->across), i64(t, side->at[q]));
        build_prefetch(fb, build_f32_at(fb, from, at), 4 * t->k, PREFETCH_L2);
        build_loop_end(fb, &loop);
    }
}

/* Packs all sums of lines from `line` on, `upper` of one half and `lower` of the other. `panel`: units from panel to
 * panel. */
static void pack_side(Strassen *t, const StrassenSide *side, LLVMValueRef from, LLVMValueRef upper,
                      LLVMValueRef lower, int64_t panel, LLVMValueRef to) {
    FunctionBuilder *fb = t->fb;
    LLVMValueRef rows = i64(t, t->k), before = i64(t, 0), count;
    bool side_by_side = side->across == 1;
    Loop along;
    if (side_by_side) {
        along = build_block_loop(fb, i64(t, 0), rows, PACK_ROWS_AT_ONCE, "rows", &rows);
        from = build_f32_at(fb, from, build_scaled(fb, along.counter, side->along));
        before = build_scaled(fb, along.counter, side->width);
    }
    Loop loop = build_block_loop(fb, i64(t, 0), upper, side->width, "panel", &count);
    LLVMValueRef lines = build_f32_at(fb, from, build_scaled(fb, loop.counter, side->across));
    LLVMValueRef number = LLVMBuildUDiv(fb->builder, loop.counter, i64(t, side->width), "");
    prefetch_lines(t, side, lines);
    strassen_pack(fb, side, lines, count, LLVMBuildSub(fb->builder, lower, loop.counter, ""), rows,
                  build_f32_at(fb, to, build_add(fb, build_scaled(fb, number, panel), before)));
    build_loop_end(fb, &loop);
    if (side_by_side) build_loop_end(fb, &along);
}

/* Rows that the lower half has from `row` of the upper one on; may be negative. */
static LLVMValueRef lower_rows(Strassen *t, LLVMValueRef row) {
    return LLVMBuildSub(t->fb->builder, i64(t, t->shape->m - t->m), row, "");
}

static void pack_a(Strassen *t, LLVMValueRef row, LLVMValueRef rows) {
    StrassenSide side = side_of(t, false);
    LLVMValueRef from =
        build_add(t->fb, build_scaled(t->fb, row, side.across), build_scaled(t->fb, t->first_k, side.along));
    pack_side(t, &side, build_f32_at(t->fb, t->a, from), rows, lower_rows(t, row), t->k * t->mr, t->packed_a);
}

static void pack_b(Strassen *t, LLVMValueRef col, LLVMValueRef columns) {
    StrassenSide side = side_of(t, true);
    LLVMValueRef from =
        build_add(t->fb, build_scaled(t->fb, col, side.across), build_scaled(t->fb, t->first_k, side.along));
    pack_side(t, &side, build_f32_at(t->fb, t->b, from), columns, columns, STRASSEN_PRODUCTS * t->b_part,
              t->packed_b);
}

/* ---- tiles ------------------------------------------------------------------------------------------------------- */

static LLVMTypeRef vector_type(const Strassen *t) {
    return build_vector_type(LLVMFloatTypeInContext(t->fb->context), t->lanes);
}

static LLVMValueRef tile_of(Strassen *t, int quarter, const TilePlace *p) {
    LLVMValueRef at = build_add(t->fb, i64(t, quarter * t->mc * t->nr), build_scaled(t->fb, p->at, t->nr));
    return build_f32_at(t->fb, t->tiles, at);
}

static void add_tile(Strassen *t, const Product *product, LLVMValueRef tile, const TilePlace *p) {
    FunctionBuilder *fb = t->fb;
    LLVMTypeRef vector = vector_type(t);
    Loop loop = build_loop_begin(fb, i64(t, 0), i64(t, (int64_t)t->mr * t->nr), t->nr, "r");
    for (int v = 0; v < t->nr; v += t->lanes) {
        LLVMValueRef at = build_add(fb, loop.counter, i64(t, v)),
                     x = build_load(fb, vector, build_f32_at(fb, tile, at));
        for (int i = 0; i < 2 && product->to[i] >= 0; i++) {
            LLVMValueRef to = build_f32_at(fb, tile_of(t, product->to[i], p), at), sum = x;
            if (product->how[i] == ADD) sum = LLVMBuildFAdd(fb->builder, build_load(fb, vector, to), x, "");
            if (product->how[i] == SUBTRACT)
                sum = LLVMBuildFSub(fb->builder, build_load(fb, vector, to), x, "");
            build_store(fb, sum, to);
        }
    }
    build_loop_end(fb, &loop);
}

/* Product i of a tile. The micro-kernel adds to a tile by itself where it is added to no other. */
static void multiply_tile(Strassen *t, int i, const TilePlace *p, LLVMValueRef panel_of_b) {
    FunctionBuilder *fb = t->fb;
    const Product *product = &PRODUCTS[i];
    bool adds = product->makes < 0 && product->to[1] < 0;
    LLVMValueRef tile = product->makes >= 0 ? tile_of(t, product->makes, p)
                        : adds              ? tile_of(t, product->to[0], p)
                                            : t->tile;
    LLVMValueRef panel_of_a = build_add(fb, build_scaled(fb, p->at, t->k), i64(t, i * t->a_part));
    panels_multiply(fb, &t->panels, t->mr, t->nr / t->lanes,
                    (Panel){.at = build_f32_at(fb, t->packed_a, panel_of_a)}, (Panel){.at = panel_of_b},
                    i64(t, t->k), tile, adds, NULL);
    if (!adds) add_tile(t, product, tile, p);
}

/* ---- finished tiles ---------------------------------------------------------------------------------------------- */

/* A quarter's tile in C. */
static TilePlace in_c(Strassen *t, int quarter, const TilePlace *p) {
    FunctionBuilder *fb = t->fb;
    TilePlace is = *p;
    if (quarter & 2) {
        is.row = build_add(fb, p->row, i64(t, t->m));
        is.rows = build_larger(fb, build_smaller(fb, p->rows, lower_rows(t, p->row)), i64(t, 0));
    }
    if (quarter & 1) is.col = build_add(fb, p->col, i64(t, t->n));
    return is;
}

/* Where the sums so far of a tile in C lie. */
static LLVMValueRef sums_of(Strassen *t, const TilePlace *p) {
    LLVMValueRef at = build_add(t->fb, build_scaled(t->fb, p->row, t->shape->n), p->col);
    return build_f32_at(t->fb, t->c ? t->c : t->sums, at);
}

/* Adds the sums of earlier blocks of K to a tile's, there or to the tile. */
static void add_sums(Strassen *t, LLVMValueRef tile, const TilePlace *p, bool there) {
    FunctionBuilder *fb = t->fb;
    LLVMTypeRef vector = vector_type(t);
    LLVMValueRef sums = sums_of(t, p),
                 again = build_splat(fb, t->lanes, LLVMBuildNot(fb->builder, t->is_first, ""));
    Loop loop = build_loop_begin(fb, i64(t, 0), p->rows, 1, "r");
    LLVMValueRef from = build_f32_at(fb, tile, build_scaled(fb, loop.counter, t->nr)),
                 old = build_f32_at(fb, sums, build_scaled(fb, loop.counter, t->shape->n));
    for (int v = 0; v < t->nr; v += t->lanes) {
        LLVMValueRef before = build_f32_at(fb, old, i64(t, v)), now = build_f32_at(fb, from, i64(t, v)),
                     x = build_load(fb, vector, now);
        if (t->cuts_k) x = LLVMBuildFAdd(fb->builder, x, build_masked_load(fb, vector, before, 4, again), "");
        build_store(fb, x, there ? before : now);
    }
    build_loop_end(fb, &loop);
}

static void finish_tile(Strassen *t, int quarter, const TilePlace *upper) {
    FunctionBuilder *fb = t->fb;
    LLVMValueRef tile = tile_of(t, quarter, upper);
    TilePlace p = in_c(t, quarter, upper);
    Fork some = build_if(fb, LLVMBuildICmp(fb->builder, LLVMIntSGT, p.rows, i64(t, 0), ""));
    if (!t->epilogue)
        add_sums(t, tile, &p, true);
    else {
        Fork last;
        if (t->cuts_k) {
            last = build_if_else(fb, t->is_last);
            add_sums(t, tile, &p, false);
        }
        t->epilogue(t->user, i64(t, 0), p.row, p.rows, p.col, i64(t, t->nr), tile, t->nr);
        if (t->cuts_k) {
            build_else(fb, &last);
            add_sums(t, tile, &p, true);
            build_end_if(fb, &last);
        }
    }
    build_end_if(fb, &some);
}

/* Asks for what will be read and written when the tile is finished. */
static void prefetch_tile(Strassen *t, int quarter, const TilePlace *upper) {
    FunctionBuilder *fb = t->fb;
    TilePlace p = in_c(t, quarter, upper);
    if (t->prefetch) {
        Fork fork = build_if(fb, t->is_last);
        t->prefetch(t->user, i64(t, 0), p.row, p.rows, p.col, t->nr);
        build_end_if(fb, &fork);
    }
    if (t->epilogue && !t->cuts_k) return;
    LLVMValueRef sums = sums_of(t, &p);
    Loop loop = build_loop_begin(fb, i64(t, 0), p.rows, 1, "r");
    LLVMValueRef at = build_f32_at(fb, sums, build_scaled(fb, loop.counter, t->shape->n));
    build_prefetch(fb, at, (int64_t)4 * t->nr, PREFETCH_WRITE);
    build_loop_end(fb, &loop);
}

/* ---- loops ------------------------------------------------------------------------------------------------------- */

/* Rows [row, row + rows) of both halves and columns [n0, n1): one product after another of as many tiles as the rows have,
 * so that a panel of B is read by all of them from the first cache. */
static void block_of_rows(Strassen *t, LLVMValueRef row, LLVMValueRef rows, LLVMValueRef n0,
                          LLVMValueRef n1) {
    FunctionBuilder *fb = t->fb;
    pack_a(t, row, rows);
    Loop jr = build_loop_begin(fb, n0, n1, t->nr, "jr");
    LLVMValueRef panel = LLVMBuildSub(fb->builder, jr.counter, n0, "");
    panel = LLVMBuildUDiv(fb->builder, panel, i64(t, t->nr), "");
    panel = build_f32_at(fb, t->packed_b, build_scaled(fb, panel, STRASSEN_PRODUCTS * t->b_part));
    for (int i = 0; i < STRASSEN_PRODUCTS; i++) {
        LLVMValueRef of_b = build_f32_at(fb, panel, i64(t, i * t->b_part));
        TilePlace p = {.col = jr.counter};
        Loop ir = build_block_loop(fb, i64(t, 0), rows, t->mr, "ir", &p.rows);
        p.at = ir.counter;
        p.row = build_add(fb, row, ir.counter);
        int next = i + 1 < STRASSEN_PRODUCTS ? PRODUCTS[i + 1].ends : -1;
        if (next >= 0) prefetch_tile(t, next, &p);
        multiply_tile(t, i, &p, of_b);
        if (PRODUCTS[i].ends >= 0) finish_tile(t, PRODUCTS[i].ends, &p);
        build_loop_end(fb, &ir);
    }
    build_loop_end(fb, &jr);
}

void strassen_emit(FunctionBuilder *fb, const GemmShape *shape, LLVMValueRef a, LLVMValueRef b,
                   LLVMValueRef c, LLVMValueRef scratch, GemmEpilogue epilogue, GemmPrefetch prefetch,
                   void *user) {
    Strassen t = plan(fb, shape);
    t.fb = fb;
    t.a = build_f32_at(fb, a, i64(&t, shape->a_offset));
    t.b = build_f32_at(fb, b, i64(&t, shape->b_offset));
    t.c = c;
    t.epilogue = epilogue;
    t.prefetch = prefetch;
    t.user = user;
    t.tiles = scratch;
    t.tile = build_f32_at(fb, scratch, i64(&t, 4 * t.mc * t.nr));
    t.packed_a = build_f32_at(fb, scratch, i64(&t, tiles_size(&t)));
    t.packed_b = build_f32_at(fb, t.packed_a, i64(&t, STRASSEN_PRODUCTS * t.a_part));
    t.sums = build_f32_at(fb, t.packed_b, i64(&t, packed_b_size(&t)));
    LLVMValueRef m0 = i64(&t, 0), m1 = i64(&t, t.m), n0 = m0, n1 = i64(&t, t.n), rows;
    if (t.m < t.n) /* what threads do not share each of them packs: the smaller side */
        build_share(fb, t.n, t.nr, &n0, &n1);
    else
        build_share(fb, t.m, t.grain, &m0, &m1);
    Loop pc = build_loop_begin(fb, i64(&t, 0), i64(&t, shape->k), 2 * t.k, "pc");
    t.first_k = pc.counter;
    t.is_first = LLVMBuildICmp(fb->builder, LLVMIntEQ, pc.counter, i64(&t, 0), "");
    t.is_last = LLVMBuildICmp(fb->builder, LLVMIntEQ, pc.counter, i64(&t, shape->k - 2 * t.k), "");
    pack_b(&t, n0, LLVMBuildSub(fb->builder, n1, n0, ""));
    Loop ic = build_block_loop(fb, m0, m1, t.mc, "ic", &rows);
    block_of_rows(&t, ic.counter, rows, n0, n1);
    build_loop_end(fb, &ic);
    build_loop_end(fb, &pc);
}
