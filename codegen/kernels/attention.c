/* Attention: see attention.h. */
#include "codegen/kernels/attention.h"
#include "codegen/emit/bf16.h"
#include "codegen/gemm/panels.h"
#include "codegen/emit/vecmath.h"

/* Lines of a turned piece that an epilogue gets at a time; bytes that a block of queries' probabilities may take. */
enum { CHUNK = 64, MOST_VECTORS = 4, BLOCK_BYTES = 256 << 10 };

/* Where things lie in the scratch, in units of four bytes; `rest`: distance from a region's first part to its second, and to its third. */
typedef struct {
    int64_t at, rest;
} Region;

/* A side A of tokens: packed, or where it lies; line: its units from token to token then. */
typedef struct {
    LLVMValueRef at;
    int64_t rest, line;
} Tokens;

typedef struct Attention {
    FunctionBuilder *fb;
    const AttentionShape *s;
    Panels p;
    int64_t mr, nr, keys, dims; /* n and d up to whole panels of A */
    int64_t queries;            /* of a block whose probabilities are kept (gradients) */
    int64_t matrices;           /* of the result, or of each of three */
    int64_t rows;               /* queries in work, at most */
    int lanes, vectors;
    bool straight; /* results are made as they lie, not turned: side A of tile registers wants blocks */
    LLVMTypeRef vector;
    LLVMValueRef scratch;
    Region k, v, kt, vt;     /* A: lines are keys; keys; dims; dims */
    Region q1, dy1;          /* B: nr queries */
    Region qx, dyx;          /* B: lines are dims, along the block's queries */
    Region pa, sa;           /* A: lines are keys, along the block's queries: p and ds */
    Region t1, t2, bias, b2; /* [keys][nr]: scores, then p; dp, then ds; the bias; t1 or t2 as B */
    Region factors;          /* of each query: 1 / total */
    Region out, turned,
        sums; /* [dims][nr]; [nr][CHUNK]; tiles of dk, dv, or [queries/nr][keys][nr] of the bias's gradient */
    Tokens k_side, v_side;
    int64_t size;
    LLVMValueRef matrix, block, row; /* in work; the first query of the block, and of those in work */
    LLVMValueRef key;                /* of the softmax */
    LLVMValueRef gathered;           /* where the bias's gradient of this block of queries is summed */
    LLVMValueRef most[MOST_VECTORS], total[MOST_VECTORS],
        dot[MOST_VECTORS]; /* a query each lane; on the stack */
    void (*ask)(struct Attention *t, LLVMValueRef from,
                LLVMValueRef to); /* or NULL: while a product is made */
    GemmEpilogue epilogue;
    GemmPrefetch prefetch; /* or NULL */
    void *user;
} Attention;

static int64_t round_up(int64_t x, int64_t to) {
    return (x + to - 1) / to * to;
}

/* ---- scratch ------------------------------------------------------------------------------------------------------ */

static int64_t least_of(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static Region take(Attention *t, int64_t units) {
    Region region = {t->size, 0};
    t->size += round_up(units, 16);
    return region;
}

/* Panels of keys along the block's queries are filled a few queries at a time, and a packer writes up to a vector beyond what it
 * fills: each panel has room for that. */
enum { SLACK = 64 };

/* Read straight: [keys][queries]; units of a line. */
static int64_t kept_line(const Attention *t) {
    return micro_units(&t->p.micro, t->queries);
}

static int64_t kept_panel(const Attention *t) {
    return micro_units(&t->p.micro, t->queries) * t->mr + SLACK;
}

static Region take_kept(Attention *t) {
    if (t->straight) return take(t, t->keys * kept_line(t));
    int64_t room = t->keys / t->mr * kept_panel(t);
    Region region = take(t, t->p.parts * room);
    region.rest = room;
    return region;
}

/* Room for `lines` lines of a side of a product, k elements each. */
static Region take_panels(Attention *t, int64_t lines, int64_t width, int64_t k) {
    int64_t room = panels_room(&t->p, round_up(lines, width), k);
    Region region = take(t, room);
    region.rest = room / t->p.parts;
    return region;
}

static void plan_gradient(Attention *t) {
    const AttentionShape *s = t->s;
    t->v = take_panels(t, s->n, t->mr, s->d);
    t->dy1 = take_panels(t, t->nr, t->nr, s->d);
    t->t2 = take(t, t->keys * t->nr);
    if (s->kind == ATTENTION_BIAS_GRAD) {
        t->sums = take(t, t->queries / t->nr * t->keys * t->nr);
        return;
    }
    t->kt = take_panels(t, s->d, t->straight ? t->nr : t->mr, s->n);
    t->qx = take_panels(t, s->d, t->nr, t->queries);
    t->dyx = take_panels(t, s->d, t->nr, t->queries);
    t->pa = take_kept(t);
    t->sa = take_kept(t);
    t->sums = take(t, 2 * t->keys * round_up(s->d, t->nr));
}

static Attention plan(const Target *target, const AttentionShape *s) {
    Attention t = {.s = s, .p = panels_choose(target, s->precision)};
    t.mr = t.p.micro.mr;
    t.nr = t.p.micro.nr;
    t.lanes = t.p.micro.lanes;
    t.vectors = (int)(t.nr / t.lanes);
    t.rows = t.nr;
    t.straight = t.p.micro.kind != MICRO_TILE;
    t.keys = round_up(s->n, t.mr);
    t.dims = round_up(s->d, t.mr);
    int64_t blocks = round_up(s->n, t.nr) / t.nr, most = BLOCK_BYTES / (4 * t.keys * t.nr);
    if (most < 1) most = 1;
    if (blocks > most) blocks = (blocks + (blocks + most - 1) / most - 1) / ((blocks + most - 1) / most);
    t.queries = blocks * t.nr;
    t.k = take_panels(&t, s->n, t.mr, s->d);
    t.q1 = take_panels(&t, t.nr, t.nr, s->d);
    t.t1 = take(&t, t.keys * t.nr);
    t.b2 = take_panels(&t, t.nr, t.nr, s->n);
    if (s->has_bias) t.bias = take(&t, t.keys * t.nr + t.nr);
    t.factors = take(&t, t.nr);
    t.out = take(&t, (t.dims > t.nr ? t.dims : t.nr) * t.nr);
    t.turned = take(&t, t.nr * CHUNK + CHUNK);
    if (s->kind == ATTENTION)
        t.vt = take_panels(&t, s->d, t.straight ? t.nr : t.mr, s->n);
    else
        plan_gradient(&t);
    return t;
}

int64_t attention_scratch_bytes(const Target *target, const AttentionShape *shape) {
    return 4 * plan(target, shape).size;
}

/* ---- short forms ----------------------------------------------------------------------------------------------------- */

static LLVMValueRef region(const Attention *t, const Region *r) {
    return build_f32_at(t->fb, t->scratch, build_i64(t->fb, r->at));
}

static LLVMValueRef load(Attention *t, LLVMValueRef from) {
    LLVMValueRef x = LLVMBuildLoad2(t->fb->builder, t->vector, from, "");
    LLVMSetAlignment(x, 4);
    return x;
}

static void store(Attention *t, LLVMValueRef x, LLVMValueRef to) {
    LLVMSetAlignment(LLVMBuildStore(t->fb->builder, x, to), 4);
}

static LLVMValueRef real(Attention *t, double value) {
    return build_splat(t->fb, t->lanes, LLVMConstReal(LLVMFloatTypeInContext(t->fb->context), value));
}

/* Element (row, 0) of the operand's matrix; row may be NULL. */
static LLVMValueRef row_of(Attention *t, const AttentionOperand *x, LLVMValueRef matrix, LLVMValueRef row) {
    FunctionBuilder *fb = t->fb;
    LLVMValueRef from = build_batch_offset(fb, matrix, t->s->n_batch, t->s->batch, x->batch, x->offset);
    if (row) from = build_add(fb, from, build_scaled(fb, row, x->row));
    return build_element(fb, panels_element(fb, x->dtype), x->pointer, from);
}

/* ---- memory asked for early ------------------------------------------------------------------------------------------ */

/* Rows from..to-1 of an operand of the next matrix, into L2. */
static void ask_operand(Attention *t, const AttentionOperand *x, LLVMValueRef from, LLVMValueRef to) {
    FunctionBuilder *fb = t->fb;
    if (x->col != 1) return;
    LLVMValueRef next =
        build_smaller(fb, build_add(fb, t->matrix, build_i64(fb, 1)), build_i64(fb, t->matrices - 1));
    Loop loop = build_loop_begin(fb, from, to, 1, "ask");
    build_prefetch(fb, row_of(t, x, next, loop.counter), t->s->d * (int64_t)dtype_size(x->dtype),
                   PREFETCH_L2);
    build_loop_end(fb, &loop);
}

/* Of result number `result` of this matrix, to be written. */
static void ask_result(Attention *t, int result, LLVMValueRef from, LLVMValueRef to) {
    FunctionBuilder *fb = t->fb;
    if (!t->prefetch) return;
    LLVMValueRef batch = build_add(fb, t->matrix, build_i64(fb, result * t->matrices));
    t->prefetch(t->user, batch, from, LLVMBuildSub(fb->builder, to, from, ""), build_i64(fb, 0), t->s->d);
}

/* What is asked for while the scores are made, and while dp is. */
static void ask_first(Attention *t, LLVMValueRef from, LLVMValueRef to) {
    ask_operand(t, &t->s->q, from, to);
    ask_operand(t, &t->s->k, from, to);
    if (t->s->kind == ATTENTION) ask_operand(t, &t->s->v, from, to);
    ask_result(t, 0, from, to);
}

static void ask_second(Attention *t, LLVMValueRef from, LLVMValueRef to) {
    ask_operand(t, &t->s->v, from, to);
    ask_operand(t, &t->s->dy, from, to);
    ask_result(t, 1, from, to);
    ask_result(t, 2, from, to);
}

/* Rows lie far apart, where no prefetcher of the hardware finds them, and a core waits for few at a time: with each panel of keys a
 * product asks for its share of as many rows as there are queries in work. */
static void ask_share(Attention *t, LLVMValueRef key) {
    FunctionBuilder *fb = t->fb;
    int64_t panels = t->s->n / t->mr, rows = (t->nr + panels - 1) / panels;
    LLVMValueRef panel = LLVMBuildUDiv(fb->builder, key, build_i64(fb, t->mr), "");
    LLVMValueRef from = build_add(fb, t->row, build_scaled(fb, panel, rows)), n = build_i64(fb, t->s->n);
    t->ask(t, build_smaller(fb, from, n), build_smaller(fb, build_add(fb, from, build_i64(fb, rows)), n));
}

/* ---- packing and products ------------------------------------------------------------------------------------------------ */

/* Whole matrices: lines are rows (tokens), or columns (dims). */
static void pack_tokens(Attention *t, bool side_b, const AttentionOperand *x, LLVMValueRef from,
                        LLVMValueRef count, const Region *to) {
    Lines lines = {x->dtype, x->row, x->col};
    panels_pack(t->fb, &t->p, side_b, &lines, from, count, build_i64(t->fb, t->s->d), region(t, to),
                to->rest);
}

static void pack_dims(Attention *t, bool side_b, const AttentionOperand *x, LLVMValueRef from,
                      LLVMValueRef tokens, const Region *to) {
    Lines lines = {x->dtype, x->col, x->row};
    panels_pack(t->fb, &t->p, side_b, &lines, from, build_i64(t->fb, t->s->d), tokens, region(t, to),
                to->rest);
}

/* A [keys][nr] array as B along the keys; it may be so already. */
static Panel as_b(Attention *t, const Region *array) {
    if (t->p.unit == UNIT_F32) return (Panel){region(t, array), 0};
    Lines lines = {DT_F32, 1, t->nr};
    panels_pack_one(t->fb, &t->p, true, &lines, region(t, array), build_i64(t->fb, t->nr),
                    build_i64(t->fb, t->s->n), region(t, &t->b2), t->b2.rest);
    return (Panel){region(t, &t->b2), t->b2.rest};
}

/* Tokens of k or v can be read as a side A where they lie: they are units along the dims already. */
static bool lies_as_units(const Attention *t, const AttentionOperand *x) {
    const AttentionShape *s = t->s;
    if (!t->straight || x->col != 1) return false;
    if (t->p.unit == UNIT_F32) return x->dtype == DT_F32;
    bool even = t->p.unit == UNIT_PAIR && x->dtype == DT_BF16 && s->d % 2 == 0 && x->row % 2 == 0 &&
                x->offset % 2 == 0;
    for (int k = 0; k < s->n_batch; k++) even = even && x->batch[k] % 2 == 0;
    return even;
}

static Tokens tokens_side(Attention *t, const AttentionOperand *x, LLVMValueRef matrix,
                          const Region *packed) {
    LLVMValueRef from = row_of(t, x, matrix, NULL);
    if (lies_as_units(t, x)) return (Tokens){from, 0, t->p.unit == UNIT_PAIR ? x->row / 2 : x->row};
    pack_tokens(t, false, x, from, build_i64(t->fb, t->s->n), packed);
    return (Tokens){region(t, packed), packed->rest, 0};
}

/* to[lines][nr] = A·b for a side A of `lines` lines along k. */
static void multiply(Attention *t, const Tokens *a, int64_t lines, int64_t k, Panel b, const Region *to) {
    FunctionBuilder *fb = t->fb;
    int64_t units = micro_units(&t->p.micro, k), whole = lines / t->mr * t->mr,
            step = a->line ? a->line : units;
    LLVMValueRef n_units = build_i64(fb, units);
    Panels p = t->p;
    if (a->line) {
        p.micro.a_line = (int)a->line;
        p.micro.a_step = 1;
    }
    if (whole) {
        Loop loop = build_loop_begin(fb, build_i64(fb, 0), build_i64(fb, whole), t->mr, "panel");
        if (t->ask) ask_share(t, loop.counter);
        Panel panel = {build_f32_at(fb, a->at, build_scaled(fb, loop.counter, step)), a->rest};
        panels_multiply(fb, &p, (int)t->mr, t->vectors, panel, b, n_units,
                        build_f32_at(fb, region(t, to), build_scaled(fb, loop.counter, t->nr)), false);
        build_loop_end(fb, &loop);
    }
    if (whole == lines) return;
    Panel panel = {build_f32_at(fb, a->at, build_i64(fb, whole * step)), a->rest};
    panels_multiply(fb, &p, (int)(lines - whole), t->vectors, panel, b, n_units,
                    build_f32_at(fb, region(t, to), build_i64(fb, whole * t->nr)), false);
}

/* out[query][dim] *= factor, or by the query's own where factor is 0. */
static void scale_rows(Attention *t, double factor, LLVMValueRef count, int vectors) {
    FunctionBuilder *fb = t->fb;
    Loop loop = build_loop_begin(fb, build_i64(fb, 0), count, 1, "row");
    LLVMTypeRef f32 = LLVMFloatTypeInContext(fb->context);
    LLVMValueRef by =
        factor != 0 ? real(t, factor)
                    : build_splat(fb, t->lanes,
                                  LLVMBuildLoad2(fb->builder, f32,
                                                 build_f32_at(fb, region(t, &t->factors), loop.counter), ""));
    for (int v = 0; v < vectors; v++) {
        LLVMValueRef place =
            build_add(fb, build_scaled(fb, loop.counter, t->nr), build_i64(fb, (int64_t)v * t->lanes));
        LLVMValueRef slot = build_f32_at(fb, region(t, &t->out), place);
        store(t, LLVMBuildFMul(fb->builder, load(t, slot), by, ""), slot);
    }
    build_loop_end(fb, &loop);
}

/* Hands dims of the queries from `row` to the epilogue: those of an array [keys][a_step] times a side B of dims along the keys, times
 * `factor`, or, where that is 0, the query's own. The array is read as a side A as it lies: its product needs no turning, and
 * queries that are not there leave no lanes empty. */
static void finish_straight(Attention *t, LLVMValueRef array, int64_t a_step, const Region *b, double factor,
                            LLVMValueRef row, LLVMValueRef count) {
    FunctionBuilder *fb = t->fb;
    Panels p = t->p;
    p.micro.a_step = (int)a_step;
    int64_t units = micro_units(&t->p.micro, t->s->n);
    for (int64_t j = 0; j * t->nr < t->s->d; j++) {
        int64_t left = least_of(t->s->d - j * t->nr, t->nr);
        int vectors = (int)((left + t->lanes - 1) / t->lanes);
        Panel of_b = {build_f32_at(fb, region(t, b), build_i64(fb, j * t->nr * units)), b->rest};
        for (int64_t r = 0; r < t->rows; r += t->mr)
            panels_multiply(fb, &p, (int)least_of(t->rows - r, t->mr), vectors,
                            (Panel){build_f32_at(fb, array, build_i64(fb, r)), 0}, of_b, build_i64(fb, units),
                            build_f32_at(fb, region(t, &t->out), build_i64(fb, r * t->nr)), false);
        scale_rows(t, factor, count, vectors);
        t->epilogue(t->user, t->matrix, row, count, build_i64(fb, j * t->nr), build_i64(fb, left),
                    region(t, &t->out), t->nr);
    }
}

/* Hands lines 0..lines-1 of an array [lines][nr], turned, to the epilogue as columns of rows `row`.. of matrix `batch`. */
static void finish_turned(Attention *t, LLVMValueRef from, int64_t lines, LLVMValueRef batch,
                          LLVMValueRef row, LLVMValueRef rows) {
    FunctionBuilder *fb = t->fb;
    LLVMValueRef count;
    Loop loop = build_block_loop(fb, build_i64(fb, 0), build_i64(fb, lines), CHUNK, "chunk", &count);
    PackSpec spec = {DT_F32, UNIT_F32, PACK_ALONG, false, CHUNK, t->lanes};
    PackArgs args = {.from = build_f32_at(fb, from, build_scaled(fb, loop.counter, t->nr)),
                     .across = build_i64(fb, t->nr),
                     .along = build_i64(fb, 1),
                     .count = count,
                     .k = build_i64(fb, t->nr),
                     .units = build_i64(fb, t->nr),
                     .to = region(t, &t->turned)};
    pack_call(fb, &spec, &args);
    t->epilogue(t->user, batch, row, rows, loop.counter, count, region(t, &t->turned), CHUNK);
    build_loop_end(fb, &loop);
}

/* ---- the softmax --------------------------------------------------------------------------------------------------------- */

typedef void (*KeyBody)(Attention *t, LLVMValueRef place, int vector);

/* Runs `body` for every key and every vector of queries; place: element of a [keys][nr] array. */
static void over_keys(Attention *t, KeyBody body) {
    FunctionBuilder *fb = t->fb;
    Loop loop = build_loop_begin(fb, build_i64(fb, 0), build_i64(fb, t->s->n), 1, "key");
    t->key = loop.counter;
    for (int v = 0; v < t->vectors; v++)
        body(t, build_add(fb, build_scaled(fb, loop.counter, t->nr), build_i64(fb, (int64_t)v * t->lanes)),
             v);
    build_loop_end(fb, &loop);
}

static void accumulate(Attention *t, LLVMValueRef slot, LLVMValueRef x) {
    store(t, LLVMBuildFAdd(t->fb->builder, load(t, slot), x, ""), slot);
}

/* The largest score; with a bias, scores are scaled and it is added first. A NaN needs no care: the sum will be one. */
static void find_most(Attention *t, LLVMValueRef place, int v) {
    LLVMBuilderRef b = t->fb->builder;
    LLVMValueRef slot = build_f32_at(t->fb, region(t, &t->t1), place), x = load(t, slot),
                 most = load(t, t->most[v]);
    if (t->s->has_bias) {
        LLVMValueRef bias = load(t, build_f32_at(t->fb, region(t, &t->bias), place));
        x = build_intrinsic(t->fb, "llvm.fmuladd", t->vector, (LLVMValueRef[]){x, real(t, t->s->scale), bias},
                            3);
        store(t, x, slot);
    }
    LLVMValueRef larger = LLVMBuildFCmp(b, LLVMRealOGT, x, most, "");
    store(t, LLVMBuildSelect(b, larger, x, most, ""), t->most[v]);
}

static void exponentials(Attention *t, LLVMValueRef place, int v) {
    LLVMBuilderRef b = t->fb->builder;
    LLVMValueRef slot = build_f32_at(t->fb, region(t, &t->t1), place);
    LLVMValueRef x = LLVMBuildFSub(b, load(t, slot), load(t, t->most[v]), "");
    if (!t->s->has_bias) x = LLVMBuildFMul(b, x, real(t, t->s->scale), "");
    x = t->s->precision == PRECISION_BF16 ? vecmath_exp_bf16(t->fb, x) : vecmath_exp(t->fb, x);
    store(t, x, slot);
    accumulate(t, t->total[v], x);
    if (t->s->kind == ATTENTION) return;
    LLVMValueRef dp = load(t, build_f32_at(t->fb, region(t, &t->t2), place));
    LLVMValueRef args[] = {x, dp, load(t, t->dot[v])};
    store(t, build_intrinsic(t->fb, "llvm.fmuladd", t->vector, args, 3), t->dot[v]);
}

/* Keeps a vector of p or ds for the sums over queries, in units of side A. */
static void keep_vector(Attention *t, const Region *side, int v, LLVMValueRef x) {
    FunctionBuilder *fb = t->fb;
    bool pairs = t->p.unit == UNIT_PAIR;
    LLVMValueRef at_query = LLVMBuildSub(fb->builder, t->row, t->block, "");
    LLVMValueRef place = build_add(fb, build_scaled(fb, t->key, t->queries),
                                   build_add(fb, at_query, build_i64(fb, (int64_t)v * t->lanes)));
    if (t->p.unit == UNIT_ROUNDED) x = bf16_rounded(fb->builder, fb->native_bf16, x);
    if (!pairs) {
        store(t, x, build_f32_at(fb, region(t, side), place));
        return;
    }
    x = bf16_to_memory(fb->builder, fb->native_bf16, x);
    LLVMValueRef to = build_element(fb, LLVMInt16TypeInContext(fb->context), region(t, side), place);
    LLVMSetAlignment(LLVMBuildStore(fb->builder, x, to), 2);
}

/* p = e / total and ds = p·(dp - dot / total), to t1 and t2 or where they are kept. `total` holds 1/total, `dot` is divided already. */
static void score_gradients(Attention *t, LLVMValueRef place, int v) {
    LLVMBuilderRef b = t->fb->builder;
    LLVMValueRef slot = build_f32_at(t->fb, region(t, &t->t1), place),
                 to = build_f32_at(t->fb, region(t, &t->t2), place);
    LLVMValueRef p = LLVMBuildFMul(b, load(t, slot), load(t, t->total[v]), "");
    LLVMValueRef ds = LLVMBuildFMul(b, p, LLVMBuildFSub(b, load(t, to), load(t, t->dot[v]), ""), "");
    bool kept = t->straight && t->s->kind == ATTENTION_GRAD;
    if (!kept) store(t, p, slot);
    if (!kept || t->p.unit != UNIT_F32) store(t, ds, to);
    if (!kept) return;
    keep_vector(t, &t->pa, v, p);
    keep_vector(t, &t->sa, v, ds);
}

/* t1: exponentials of the block of queries from `row`; most, total and dot of each. */
static void softmax(Attention *t, LLVMValueRef matrix, LLVMValueRef row, LLVMValueRef count) {
    FunctionBuilder *fb = t->fb;
    const AttentionOperand *bias = &t->s->bias;
    if (t->s->has_bias) {
        PackSpec spec = {DT_F32, UNIT_F32, pack_kind(bias->row, bias->col), false, (int)t->nr, t->lanes};
        PackArgs args = {.from = row_of(t, bias, matrix, row),
                         .across = build_i64(fb, bias->row),
                         .along = build_i64(fb, bias->col),
                         .count = count,
                         .k = build_i64(fb, t->s->n),
                         .units = build_i64(fb, t->s->n),
                         .to = region(t, &t->bias)};
        pack_call(fb, &spec, &args);
    }
    for (int v = 0; v < t->vectors; v++) {
        store(t, real(t, -__builtin_inf()), t->most[v]);
        store(t, real(t, 0), t->total[v]);
        store(t, real(t, 0), t->dot[v]);
    }
    over_keys(t, find_most);
    over_keys(t, exponentials);
    for (int v = 0; v < t->vectors; v++) {
        LLVMValueRef inverse = LLVMBuildFDiv(fb->builder, real(t, 1), load(t, t->total[v]), "");
        store(t, inverse, t->total[v]);
        store(t, inverse, build_f32_at(fb, region(t, &t->factors), build_i64(fb, (int64_t)v * t->lanes)));
        store(t, LLVMBuildFMul(fb->builder, load(t, t->dot[v]), inverse, ""), t->dot[v]);
    }
}

/* out[line][query] *= factor, or divided by the query's sum where factor is 0. */
static void scale_out(Attention *t, double factor) {
    FunctionBuilder *fb = t->fb;
    Loop loop = build_loop_begin(fb, build_i64(fb, 0), build_i64(fb, t->s->d), 1, "line");
    for (int v = 0; v < t->vectors; v++) {
        LLVMValueRef place =
            build_add(fb, build_scaled(fb, loop.counter, t->nr), build_i64(fb, (int64_t)v * t->lanes));
        LLVMValueRef slot = build_f32_at(fb, region(t, &t->out), place);
        LLVMValueRef by = factor != 0 ? real(t, factor) : load(t, t->total[v]);
        store(t, LLVMBuildFMul(fb->builder, load(t, slot), by, ""), slot);
    }
    build_loop_end(fb, &loop);
}

/* ---- blocks of queries ------------------------------------------------------------------------------------------------- */

typedef void (*QueryBody)(Attention *t, LLVMValueRef row, LLVMValueRef count);

/* Runs `body` for nr queries at a time from `from` to `to`. The last ones may leave vectors empty: they have code of their own,
 * which computes fewer. */
static void over_queries(Attention *t, LLVMValueRef from, LLVMValueRef to, QueryBody body) {
    FunctionBuilder *fb = t->fb;
    LLVMValueRef count;
    int all = t->vectors, edge = (int)((t->s->n % t->nr + t->lanes - 1) / t->lanes);
    Loop loop = build_block_loop(fb, from, to, t->nr, "queries", &count);
    if (edge > 0 && edge < all) {
        Fork fork = build_if_else(
            fb, LLVMBuildICmp(fb->builder, LLVMIntSLE, count, build_i64(fb, edge * t->lanes), ""));
        t->vectors = edge;
        t->rows = t->s->n % t->nr;
        body(t, loop.counter, count);
        build_else(fb, &fork);
        t->vectors = all;
        t->rows = t->nr;
        body(t, loop.counter, count);
        build_end_if(fb, &fork);
    } else
        body(t, loop.counter, count);
    build_loop_end(fb, &loop);
}

/* ---- forward ------------------------------------------------------------------------------------------------------------- */

static void scores(Attention *t, LLVMValueRef matrix, LLVMValueRef row, LLVMValueRef count) {
    pack_tokens(t, true, &t->s->q, row_of(t, &t->s->q, matrix, row), count, &t->q1);
    t->ask = t->s->kind == ATTENTION_BIAS_GRAD ? NULL : ask_first;
    t->row = row;
    multiply(t, &t->k_side, t->s->n, t->s->d, (Panel){region(t, &t->q1), t->q1.rest}, &t->t1);
    t->ask = NULL;
}

static void forward_queries(Attention *t, LLVMValueRef row, LLVMValueRef count) {
    const AttentionShape *s = t->s;
    scores(t, t->matrix, row, count);
    softmax(t, t->matrix, row, count);
    if (t->straight) {
        finish_straight(t, as_b(t, &t->t1).at, t->nr, &t->vt, 0, row, count);
        return;
    }
    multiply(t, &(Tokens){region(t, &t->vt), t->vt.rest, 0}, s->d, s->n, as_b(t, &t->t1), &t->out);
    scale_out(t, 0);
    finish_turned(t, region(t, &t->out), s->d, t->matrix, row, count);
}

static void forward(Attention *t, LLVMValueRef matrix) {
    FunctionBuilder *fb = t->fb;
    const AttentionShape *s = t->s;
    LLVMValueRef n = build_i64(fb, s->n);
    t->k_side = tokens_side(t, &s->k, matrix, &t->k);
    pack_dims(t, t->straight, &s->v, row_of(t, &s->v, matrix, NULL), n, &t->vt);
    t->matrix = matrix;
    over_queries(t, build_i64(fb, 0), n, forward_queries);
}

/* ---- gradients ------------------------------------------------------------------------------------------------------------- */

/* t1: p, t2: ds (not scaled) of the queries from `row`. */
static void probabilities(Attention *t, LLVMValueRef matrix, LLVMValueRef row, LLVMValueRef count) {
    const AttentionShape *s = t->s;
    scores(t, matrix, row, count);
    pack_tokens(t, true, &s->dy, row_of(t, &s->dy, matrix, row), count, &t->dy1);
    t->ask = s->kind == ATTENTION_BIAS_GRAD ? NULL : ask_second;
    multiply(t, &t->v_side, s->n, s->d, (Panel){region(t, &t->dy1), t->dy1.rest}, &t->t2);
    t->ask = NULL;
    softmax(t, matrix, row, count);
    over_keys(t, score_gradients);
}

/* Element 0 of panel number key / mr of a kept side. */
static LLVMValueRef kept_at(Attention *t, const Region *side, LLVMValueRef key) {
    LLVMValueRef number = LLVMBuildUDiv(t->fb->builder, key, build_i64(t->fb, t->mr), "");
    return build_f32_at(t->fb, region(t, side), build_scaled(t->fb, number, kept_panel(t)));
}

/* Adds a [keys][nr] array, queries `at_query`.. of the block, to a side A whose lines are keys. */
static void keep(Attention *t, const Region *array, const Region *side, LLVMValueRef at_query,
                 LLVMValueRef count) {
    FunctionBuilder *fb = t->fb;
    LLVMValueRef rows, before = build_scaled(fb, micro_units_of(fb, &t->p.micro, at_query), t->mr);
    Loop loop = build_block_loop(fb, build_i64(fb, 0), build_i64(fb, t->s->n), t->mr, "panel", &rows);
    Lines lines = {DT_F32, t->nr, 1};
    panels_pack_one(fb, &t->p, false, &lines,
                    build_f32_at(fb, region(t, array), build_scaled(fb, loop.counter, t->nr)), rows, count,
                    build_f32_at(fb, kept_at(t, side, loop.counter), before), side->rest);
    build_loop_end(fb, &loop);
}

/* Tiles [keys, dims] of dk (half 0) or dv (half 1): panel number i of keys and j of dims. */
static LLVMValueRef sums_at(Attention *t, int half, LLVMValueRef key, int64_t j) {
    FunctionBuilder *fb = t->fb;
    int64_t wide = round_up(t->s->d, t->nr);
    LLVMValueRef tile =
        build_add(fb, build_scaled(fb, key, wide), build_i64(fb, half * t->keys * wide + j * t->mr * t->nr));
    return build_f32_at(fb, region(t, &t->sums), tile);
}

/* Tiles of `rows` keys from `key`: += those lines of p or ds, along the block's queries, times B (dy or q along them). */
static void add_tiles(Attention *t, int half, const Region *a, const Region *b, LLVMValueRef units,
                      LLVMValueRef key, int64_t rows) {
    FunctionBuilder *fb = t->fb;
    Panels p = t->p;
    Panel of_a = {NULL, a->rest};
    if (t->straight) {
        p.micro.a_line = (int)kept_line(t);
        p.micro.a_step = 1;
        of_a.at = build_f32_at(fb, region(t, a), build_scaled(fb, key, kept_line(t)));
    } else
        of_a.at = kept_at(t, a, key);
    for (int64_t j = 0; j * t->nr < t->s->d; j++) {
        int64_t left = t->s->d - j * t->nr;
        int vectors = left < t->nr ? (int)((left + t->lanes - 1) / t->lanes) : t->vectors;
        Panel of_b = {build_f32_at(fb, region(t, b), build_scaled(fb, units, j * t->nr)), b->rest};
        panels_multiply(fb, &p, (int)rows, vectors, of_a, of_b, units, sums_at(t, half, key, j), true);
    }
}

static void add_sums(Attention *t, int half, const Region *a, const Region *b, LLVMValueRef units) {
    FunctionBuilder *fb = t->fb;
    int64_t whole = t->s->n / t->mr * t->mr;
    if (whole) {
        Loop loop = build_loop_begin(fb, build_i64(fb, 0), build_i64(fb, whole), t->mr, "panel");
        add_tiles(t, half, a, b, units, loop.counter, t->mr);
        build_loop_end(fb, &loop);
    }
    if (whole < t->s->n) add_tiles(t, half, a, b, units, build_i64(fb, whole), t->s->n - whole);
}

static void clear_sums(Attention *t, int64_t units) {
    FunctionBuilder *fb = t->fb;
    LLVMBuildMemSet(fb->builder, region(t, &t->sums), LLVMConstNull(LLVMInt8TypeInContext(fb->context)),
                    build_i64(fb, 4 * units), 4);
}

static void finish_sums(Attention *t, int half, LLVMValueRef batch) {
    FunctionBuilder *fb = t->fb;
    LLVMValueRef rows;
    Loop loop = build_block_loop(fb, build_i64(fb, 0), build_i64(fb, t->s->n), t->mr, "panel", &rows);
    for (int64_t j = 0; j * t->nr < t->s->d; j++) {
        int64_t left = t->s->d - j * t->nr;
        t->epilogue(t->user, batch, loop.counter, rows, build_i64(fb, j * t->nr),
                    build_i64(fb, left < t->nr ? left : t->nr), sums_at(t, half, loop.counter, j), t->nr);
    }
    build_loop_end(fb, &loop);
}

static void gradient_queries(Attention *t, LLVMValueRef row, LLVMValueRef count) {
    const AttentionShape *s = t->s;
    probabilities(t, t->matrix, row, count);
    LLVMValueRef at_query = LLVMBuildSub(t->fb->builder, row, t->block, "");
    if (t->straight) {
        bool as_kept = t->p.unit == UNIT_F32;
        LLVMValueRef ds = as_kept ? build_f32_at(t->fb, region(t, &t->sa), at_query) : as_b(t, &t->t2).at;
        finish_straight(t, ds, as_kept ? t->queries : t->nr, &t->kt, s->scale, row, count);
        return;
    }
    keep(t, &t->t1, &t->pa, at_query, count);
    keep(t, &t->t2, &t->sa, at_query, count);
    multiply(t, &(Tokens){region(t, &t->kt), t->kt.rest, 0}, s->d, s->n, as_b(t, &t->t2), &t->out);
    scale_out(t, s->scale);
    finish_turned(t, region(t, &t->out), s->d, t->matrix, row, count);
}

static void gradient(Attention *t, LLVMValueRef matrix) {
    FunctionBuilder *fb = t->fb;
    const AttentionShape *s = t->s;
    LLVMValueRef n = build_i64(fb, s->n), in_block;
    t->k_side = tokens_side(t, &s->k, matrix, &t->k);
    t->v_side = tokens_side(t, &s->v, matrix, &t->v);
    pack_dims(t, t->straight, &s->k, row_of(t, &s->k, matrix, NULL), n, &t->kt);
    clear_sums(t, 2 * t->keys * round_up(s->d, t->nr));
    Loop block = build_block_loop(fb, build_i64(fb, 0), n, t->queries, "block", &in_block);
    LLVMValueRef units = micro_units_of(fb, &t->p.micro, in_block),
                 end = build_add(fb, block.counter, in_block);
    pack_dims(t, true, &s->q, row_of(t, &s->q, matrix, block.counter), in_block, &t->qx);
    pack_dims(t, true, &s->dy, row_of(t, &s->dy, matrix, block.counter), in_block, &t->dyx);
    t->matrix = matrix;
    t->block = block.counter;
    over_queries(t, block.counter, end, gradient_queries);
    add_sums(t, 0, &t->sa, &t->qx, units);
    add_sums(t, 1, &t->pa, &t->dyx, units);
    build_loop_end(fb, &block);
    Loop keys = build_loop_begin(fb, build_i64(fb, 0), build_i64(fb, t->keys * round_up(s->d, t->nr)),
                                 t->lanes, "scale");
    LLVMValueRef slot = build_f32_at(fb, region(t, &t->sums), keys.counter); /* dk alone: dv has no factor */
    store(t, LLVMBuildFMul(fb->builder, load(t, slot), real(t, s->scale), ""), slot);
    build_loop_end(fb, &keys);
    for (int half = 0; half < 2; half++)
        finish_sums(t, half, build_add(fb, matrix, build_i64(fb, (half + 1) * t->matrices)));
}

static void add_bias_gradient(Attention *t, LLVMValueRef place, int v) {
    (void)v;
    LLVMValueRef x = load(t, build_f32_at(t->fb, region(t, &t->t2), place));
    accumulate(t, build_f32_at(t->fb, t->gathered, place), x);
}

static void bias_queries(Attention *t, LLVMValueRef row, LLVMValueRef count) {
    probabilities(t, t->matrix, row, count);
    LLVMValueRef at_query = LLVMBuildSub(t->fb->builder, row, t->block, "");
    t->gathered = build_f32_at(t->fb, region(t, &t->sums), build_scaled(t->fb, at_query, t->keys));
    over_keys(t, add_bias_gradient);
}

/* The gradient of one matrix of the bias, summed over the matrices it is added to, a block of queries after another. */
static void bias_gradient(Attention *t, LLVMValueRef bias_matrix, LLVMValueRef from, LLVMValueRef to) {
    FunctionBuilder *fb = t->fb;
    const AttentionShape *s = t->s;
    /* The matrices: the bias's own axes as they are, the repeated ones counted through. */
    int64_t own_stride[IR_MAX_RANK], repeats[IR_MAX_RANK], repeat_stride[IR_MAX_RANK], step = 1, times = 1;
    for (int k = s->n_batch - 1; k >= 0; k--) {
        repeats[k] = s->bias_batch[k] == 1 ? s->batch[k] : 1;
        own_stride[k] = repeat_stride[k] = step;
        step *= s->batch[k];
        times *= repeats[k];
    }
    LLVMValueRef in_block, count;
    LLVMValueRef base = build_batch_offset(fb, bias_matrix, s->n_batch, s->bias_batch, own_stride, 0);
    Loop block = build_block_loop(fb, from, to, t->queries, "block", &in_block);
    LLVMValueRef end = build_add(fb, block.counter, in_block);
    clear_sums(t, t->queries / t->nr * t->keys * t->nr);
    Loop again = build_loop_begin(fb, build_i64(fb, 0), build_i64(fb, times), 1, "again");
    LLVMValueRef matrix =
        build_add(fb, base, build_batch_offset(fb, again.counter, s->n_batch, repeats, repeat_stride, 0));
    t->k_side = tokens_side(t, &s->k, matrix, &t->k);
    t->v_side = tokens_side(t, &s->v, matrix, &t->v);
    t->matrix = matrix;
    t->block = block.counter;
    over_queries(t, block.counter, end, bias_queries);
    build_loop_end(fb, &again);
    Loop out = build_block_loop(fb, block.counter, end, t->nr, "queries", &count);
    LLVMValueRef at_query = LLVMBuildSub(fb->builder, out.counter, block.counter, "");
    finish_turned(t, build_f32_at(fb, region(t, &t->sums), build_scaled(fb, at_query, t->keys)), s->n,
                  bias_matrix, out.counter, count);
    build_loop_end(fb, &out);
    build_loop_end(fb, &block);
}

/* ---- the door -------------------------------------------------------------------------------------------------------------- */

static void make_slots(Attention *t) {
    FunctionBuilder *fb = t->fb;
    for (int v = 0; v < t->vectors; v++) {
        t->most[v] = build_stack_slot(fb, t->vector, "most");
        t->total[v] = build_stack_slot(fb, t->vector, "total");
        t->dot[v] = build_stack_slot(fb, t->vector, "dot");
    }
}

void attention_emit(FunctionBuilder *fb, const Target *target, const AttentionShape *shape,
                    LLVMValueRef scratch, GemmEpilogue epilogue, GemmPrefetch prefetch, void *user) {
    Attention t = plan(target, shape);
    t.fb = fb;
    t.scratch = scratch;
    t.epilogue = epilogue;
    t.prefetch = prefetch;
    t.user = user;
    t.vector = LLVMVectorType(LLVMFloatTypeInContext(fb->context), (unsigned)t.lanes);
    make_slots(&t);
    bool of_bias = shape->kind == ATTENTION_BIAS_GRAD;
    int64_t blocks = of_bias ? (shape->n + t.queries - 1) / t.queries : 1;
    t.matrices = 1;
    for (int k = 0; k < shape->n_batch; k++) t.matrices *= of_bias ? shape->bias_batch[k] : shape->batch[k];
    LLVMValueRef from, to;
    micro_begin(fb, &t.p.micro);
    build_share(fb, t.matrices * blocks, 1, &from, &to);
    Loop loop = build_loop_begin(fb, from, to, 1, "matrix");
    if (of_bias) {
        LLVMValueRef number = build_i64(fb, blocks);
        LLVMValueRef first =
            build_scaled(fb, LLVMBuildURem(fb->builder, loop.counter, number, ""), t.queries);
        LLVMValueRef last =
            build_smaller(fb, build_add(fb, first, build_i64(fb, t.queries)), build_i64(fb, shape->n));
        bias_gradient(&t, LLVMBuildUDiv(fb->builder, loop.counter, number, ""), first, last);
    } else if (shape->kind == ATTENTION_GRAD)
        gradient(&t, loop.counter);
    else
        forward(&t, loop.counter);
    build_loop_end(fb, &loop);
    micro_end(fb, &t.p.micro);
}
