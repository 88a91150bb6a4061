/* Masks of blocks: see block_masks.h. */
#include "runtime/program/block_masks.h"

#include <math.h>
#include <string.h>

static double between(VtRng *rng, double low, double high) {
    return low + (high - low) * vt_rng_uniform(rng);
}

typedef struct {
    int64_t y, x;
    BlockSize size;
} Block;

static int64_t count_set(const float *out, int64_t w, const Block *b) {
    int64_t n = 0;
    for (int64_t y = b->y; y < b->y + b->size.h; y++)
        for (int64_t x = b->x; x < b->x + b->size.w; x++) n += out[y * w + x] > 0;
    return n;
}

static void set(float *out, int64_t w, const Block *b) {
    for (int64_t y = b->y; y < b->y + b->size.h; y++)
        for (int64_t x = b->x; x < b->x + b->size.w; x++) out[y * w + x] = 1;
}

static Block place(VtRng *rng, int64_t h, int64_t w, BlockSize size) {
    Block b = {.size = size};
    b.y = vt_rng_below(rng, h - size.h + 1);
    b.x = vt_rng_below(rng, w - size.w + 1);
    return b;
}

/* One block that sets 1 to `room` new entries; how many it set, 0 where ten tries found none. */
static int64_t add_block(const AreaMask *m, VtRng *rng, int64_t room, float *out) {
    enum { TRIES = 10 };
    double most = (double)(m->most < room ? m->most : room), low = log(m->aspect[0]),
           high = log(m->aspect[1]);
    for (int t = 0; t < TRIES; t++) {
        double area = between(rng, fmin((double)m->least, most), most), aspect = exp(between(rng, low, high));
        BlockSize size = {llround(sqrt(area * aspect)), llround(sqrt(area / aspect))};
        if (size.h < 1 || size.w < 1 || size.h > m->h || size.w > m->w) continue;
        Block block = place(rng, m->h, m->w, size);
        int64_t new = size.h *size.w - count_set(out, m->w, &block);
        if (new < 1 || new > room) continue;
        set(out, m->w, &block);
        return new;
    }
    return 0;
}

/* `n` of the entries that are 0, each as likely, become 1 (Knuth's algorithm S). */
static void add_singles(VtRng *rng, int64_t entries, int64_t zeros, int64_t n, float *out) {
    for (int64_t i = 0; i < entries && n > 0; i++) {
        if (out[i] > 0) continue;
        if (vt_rng_below(rng, zeros--) >= n) continue;
        out[i] = 1;
        n--;
    }
}

void area_mask(const AreaMask *m, VtRng *rng, float *out) {
    int64_t entries = m->h * m->w, left = m->wanted < entries ? m->wanted : entries, zeros = entries;
    memset(out, 0, sizeof *out * (size_t)entries);
    while (left > 0) {
        int64_t new = add_block(m, rng, left, out);
        if (new == 0) break;
        left -= new;
        zeros -= new;
    }
    if (m->exact) add_singles(rng, entries, zeros, left, out);
}

static int64_t clamped(double x, int64_t most) {
    return x<1 ? 1 : x>(double) most ? most : (int64_t)x;
}

BlockSize block_size(VtRng *rng, int64_t h, int64_t w, const double scale[2], const double aspect[2]) {
    double area = between(rng, scale[0], scale[1]) * (double)(h * w),
           ratio = between(rng, aspect[0], aspect[1]);
    return (BlockSize){clamped(round(sqrt(area * ratio)), h), clamped(round(sqrt(area / ratio)), w)};
}

void random_block(VtRng *rng, int64_t h, int64_t w, BlockSize size, float *out) {
    memset(out, 0, sizeof *out * (size_t)(h * w));
    Block block = place(rng, h, w, size);
    set(out, w, &block);
}

/* What lies in 0 … n - 1 of `length` entries around `centre`. */
static void cut(int64_t centre, int64_t length, int64_t n, int64_t *first, int64_t *size) {
    int64_t low = centre - length / 2, high = low + length;
    if (low < 0) low = 0;
    if (high > n) high = n;
    *first = low;
    *size = high - low;
}

void cut_box(VtRng *rng, int64_t h, int64_t w, double share, float *out) {
    double ratio = sqrt(share);
    int64_t y = vt_rng_below(rng, h), x = vt_rng_below(rng, w);
    Block box;
    cut(y, (int64_t)((double)h * ratio), h, &box.y, &box.size.h);
    cut(x, (int64_t)((double)w * ratio), w, &box.x, &box.size.w);
    memset(out, 0, sizeof *out * (size_t)(h * w));
    set(out, w, &box);
}

/* ---- covers ------------------------------------------------------------------------------------------------------ */

/* Where a block begins along an axis of n cells, and how many it has. */
static int64_t corner(const Cover *c, VtRng *rng, int64_t n) {
    return n > 1 ? vt_rng_below(rng, (n - 1) * c->cell) / c->cell : 0;
}

static int64_t side(const Cover *c, VtRng *rng, int64_t n, int64_t from) {
    int64_t most = (int64_t)((double)(n * c->cell) * c->largest), left = (n - from) * c->cell;
    int64_t pixels = c->cell + (most > c->cell ? vt_rng_below(rng, most - c->cell) : 0);
    return clamped(nearbyint((double)(pixels < left ? pixels : left) / (double)c->cell), n - from);
}

static int64_t origin(const Cover *c, VtRng *rng, int64_t n, int64_t size) {
    return n > size ? vt_rng_below(rng, (n - size) * c->cell) / c->cell : 0;
}

/* Copies what `from` has to `to`, of the same size, which may overlap. How many cells it covers anew. */
static int64_t cover_block(const Cover *c, const Block *to, const Block *from, int32_t *out) {
    int64_t new = 0;
    for (int64_t i = 0; i < to->size.h; i++) {
        int64_t row = to->y > from->y ? to->size.h - 1 - i : i; /* none is read after it was written */
        for (int64_t k = 0; k < to->size.w; k++) {
            int64_t column = to->x > from->x ? to->size.w - 1 - k : k;
            int64_t source = (from->y + row) * c->w + from->x + column;
            int32_t *target = &out[(to->y + row) * c->w + to->x + column];
            new += *target == 0;
            *target = out[source] ? out[source] : (int32_t)source + 1;
        }
    }
    return new;
}

void cover_blocks(const Cover *c, VtRng *rng, bool moved, int32_t *out) {
    enum { TRIES = 16 }; /* blocks a cell that cover nothing new: there is nothing left to cover */
    int64_t cells = c->h * c->w, covered = 0, idle = 0;
    double wanted = between(rng, c->least, c->most) * (double)cells;
    memset(out, 0, sizeof *out * (size_t)cells);
    while ((double)covered < wanted && idle < TRIES * cells) {
        Block to = {.y = corner(c, rng, c->h), .x = corner(c, rng, c->w)};
        to.size = (BlockSize){side(c, rng, c->h, to.y), side(c, rng, c->w, to.x)};
        Block from = to;
        if (moved) {
            from.y = origin(c, rng, c->h, to.size.h);
            from.x = origin(c, rng, c->w, to.size.w);
        }
        int64_t new = cover_block(c, &to, &from, out);
        covered += new;
        idle = new ? 0 : idle + 1;
    }
}
