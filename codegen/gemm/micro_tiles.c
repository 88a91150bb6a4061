/* Micro-kernels of tile registers: see micro_body.h. */
#include "codegen/gemm/micro_body.h"

/* Sums are in registers 0..3, two by two; rows of A in 4 and 5, columns of B in 6 and 7. */
typedef struct {
    const Micro *m;
    const TileRegisters *registers;
    LLVMValueRef tile[N_TILES];
    int rows, columns; /* of tiles, that are wanted */
} Tiles;

static LLVMValueRef sum_at(const Tiles *t, int i, int j) {
    FunctionBuilder *fb = t->m->fb;
    return build_f32_at(fb, t->m->tile, build_i64(fb, (int64_t)(i * t->m->kernel->nr + j) * TILE_EDGE));
}

static void begin_sums(const Tiles *t) {
    for (int j = 0; j < t->columns; j++)
        for (int i = 0; i < t->rows; i++) {
            LLVMValueRef sum = t->tile[2 * i + j];
            if (t->m->spec.accumulate)
                t->registers->load(t->m->fb, sum, sum_at(t, i, j), t->m->kernel->nr);
            else
                t->registers->zero(t->m->fb, sum);
        }
}

/* Adds the products of 16 units from unit `u` on. */
static void add_tiles(const Tiles *t, LLVMValueRef u) {
    FunctionBuilder *fb = t->m->fb;
    for (int i = 0; i < t->rows; i++) {
        LLVMValueRef block = build_scaled(fb, u, t->m->kernel->mr);
        block = build_add(fb, block, build_i64(fb, (int64_t)i * TILE_UNITS));
        t->registers->load(fb, t->tile[4 + i], build_f32_at(fb, t->m->a, block), TILE_EDGE);
    }
    for (int j = 0; j < t->columns; j++) {
        LLVMValueRef row = build_scaled(fb, u, t->m->kernel->nr);
        row = build_add(fb, row, build_i64(fb, (int64_t)j * TILE_EDGE));
        t->registers->load(fb, t->tile[6 + j], build_f32_at(fb, t->m->b, row), t->m->kernel->nr);
        for (int i = 0; i < t->rows; i++)
            t->registers->dot(fb, t->tile[2 * i + j], t->tile[4 + i], t->tile[6 + j]);
    }
}

void micro_tiles(const Micro *m) {
    Tiles t = {
        .m = m, .registers = m->kernel->tiles, .rows = m->spec.rows / TILE_EDGE, .columns = m->spec.vectors};
    for (int i = 0; i < N_TILES; i++) t.tile[i] = t.registers->tile(m->fb, i);
    begin_sums(&t);
    Loop loop = build_loop_begin(m->fb, build_i64(m->fb, 0), m->units, TILE_EDGE, "u");
    add_tiles(&t, loop.counter);
    build_loop_end(m->fb, &loop);
    for (int i = 0; i < t.rows; i++)
        for (int j = 0; j < t.columns; j++)
            t.registers->store(m->fb, t.tile[2 * i + j], sum_at(&t, i, j), m->kernel->nr);
}
