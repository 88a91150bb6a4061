/* Blocking: see blocking.h. A block of A stays in the core's own cache while all panels of a block of B, which the
 * shared cache holds, pass by: A is packed once for C as wide as that. */
#include "codegen/gemm/blocking.h"
#include "codegen/gemm/nests.h"
#include "codegen/gemm/symmetric.h"
#include "ir/plan/prologue.h"

static int64_t round_up(int64_t x, int64_t to) {
    return (x + to - 1) / to * to;
}

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* The longest K that is one block, and about how long blocks of a longer one are: with units of f32, and of pairs of
 * bf16. */
enum { WHOLE_K = 2048, BLOCK_K = 512, BLOCK_K_PAIRS = 1024 };
enum { K_STEP = 32 }; /* a whole number of units of every micro-kernel */

/* Equal blocks of K: a short last block would cost as much traffic to C as a whole one. */
static int64_t block_of_k(int64_t k, const MicroKernel *kernel) {
    int64_t about = kernel->unit_elements > 1 ? BLOCK_K_PAIRS : BLOCK_K;
    if (k <= WHOLE_K) return k;
    int64_t blocks = (k + about / 2) / about;
    return round_up((k + blocks - 1) / blocks, K_STEP);
}

/* Equal blocks of columns, of whole panels. */
static int64_t block_of_n(int64_t n, int64_t most, int nr) {
    int64_t blocks;
    n = round_up(n, nr);
    most = most < nr ? nr : most / nr * nr;
    blocks = (n + most - 1) / most;
    return round_up((n + blocks - 1) / blocks, nr);
}

static int64_t block_of_m(int64_t m, int64_t most, int mr) {
    return smaller(most < mr ? mr : most / mr * mr, round_up(m, mr));
}

/* Whether A, which is in memory, can be read there. Tiles must end with the rows of A: at the lower edge of C a tile
 * has as many rows as the highest of the lowest tiles of all blocks. */
static bool reads_a_in_place(const GemmShape *shape, const Panels *panels) {
    Lines lines = {shape->a_dtype, shape->a_row, shape->a_col};
    int64_t mr = panels->kernel->mr, of_block = blocking_rows(shape) % mr,
            of_last = shape->m % blocking_rows(shape) % mr;
    bool whole_units = shape->a_offset % 2 == 0, same = !of_block || !of_last || of_block == of_last;
    for (int i = 0; i < shape->n_batch; i++) whole_units = whole_units && shape->a_batch[i] % 2 == 0;
    return !shape->prologue && !shape->a_nests && same && (whole_units || shape->a_dtype == DT_F32) &&
           panels_read_in_place(panels, &lines, shape->k);
}

Blocking blocking_of(const FunctionBuilder *fb, const GemmShape *shape, bool epilogue) {
    Panels panels = panels_choose(fb->target, shape->precision);
    const MicroKernel *kernel = panels.kernel;
    Blocking b = {.panels = panels, .mr = kernel->mr, .nr = kernel->nr, .lanes = kernel->lanes};
    b.kc = block_of_k(shape->k, kernel);
    int64_t cache = fb->machine->own_cache, line = 4 * panels.terms * micro_units(kernel, b.kc); /* bytes */
    b.nc = block_of_n(shape->n, product_columns_at_once(cache, line), b.nr);
    b.mc = block_of_m(blocking_rows(shape), cache * 3 / 8 / line, b.mr);
    b.term_stride_a = panels_room(&panels, b.mc, b.kc) / panels.terms;
    b.term_stride_b = shape->b_packed ? 0 : panels_room(&panels, b.nc, b.kc) / panels.terms;
    b.a_in_place = reads_a_in_place(shape, &panels);
    b.a_units = b.a_in_place ? 0 : panels.terms * b.term_stride_a;
    b.b_units = panels.terms * b.term_stride_b;
    b.tile_units = round_up(b.mr * b.nr, 16);
    b.made_stride =
        round_up(b.kc, 16) + 16; /* no power of two, so that rows do not share sets of the cache */
    if (shape->prologue)
        b.made_units = round_up(b.mr * b.made_stride * (int64_t)dtype_size(shape->a_dtype) / 4, 16);
    for (int side = 0; side < 2; side++) {
        const GemmNests *nests = side ? shape->b_nests : shape->a_nests;
        int64_t room = nests ? round_up(nests_room(&panels, side, nests, b.kc), 16) : 0;
        if (room > b.made_units) b.made_units = room;
    }
    if (epilogue && blocking_cuts_k(&b, shape)) b.sum_units = round_up(blocking_rows(shape), b.mr) * b.nc;
    if (shape->symmetric) b.mirror_units = symmetric_units(b.mc, b.nr);
    return b;
}

int64_t gemm_scratch_bytes(const FunctionBuilder *fb, const GemmShape *shape, bool epilogue) {
    Blocking b = blocking_of(fb, shape, epilogue);
    return 4 * (b.b_units + b.a_units + b.tile_units + b.made_units + b.sum_units + b.mirror_units);
}
