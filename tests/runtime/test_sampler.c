/* Samplers: what every row of catalog.def promises, and that a draw is a function of seed, name and step. */
#include "runtime/runtime.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum {
#define SAMPLER(name, ...) KIND_##name,
#include "runtime/catalog.def"
#undef SAMPLER
};

static float reals[1 << 18];
static int32_t integers[1 << 16];

static VtTensor shape(int rank, int64_t a, int64_t b, int64_t c) {
    return (VtTensor){.dtype = VT_F32, .rank = rank, .dim = {a, b, c}};
}

static void test_uniform(void **state) {
    enum { N = 1 << 18 };
    VtDraw draw = {"u", KIND_uniform, {-1, 3}};
    VtTensor t = shape(2, N / 8, 8, 0);
    double sum = 0;
    (void)state;
    vt_draw_fill(&draw, &t, 1, 2, reals);
    for (int i = 0; i < N; i++) {
        assert_true(reals[i] >= -1 && reals[i] < 3);
        sum += reals[i];
    }
    assert_true(fabs(sum / N - 1) < 5 * sqrt(16 / 12. / N));
    /* between neighbouring floats there is nothing but the lower one */
    draw.params[0] = 1;
    draw.params[1] = nextafterf(1, 2);
    vt_draw_fill(&draw, &t, 1, 3, reals);
    for (int i = 0; i < 1000; i++) assert_true(reals[i] == 1);
}

static void test_normal(void **state) {
    enum { N = 1 << 18 };
    VtDraw draw = {"n", KIND_normal, {2, 0.5}};
    VtTensor t = shape(1, N, 0, 0);
    double sum = 0, squares = 0;
    (void)state;
    vt_draw_fill(&draw, &t, 1, 2, reals);
    for (int i = 0; i < N; i++) {
        sum += reals[i];
        squares += (reals[i] - 2) * (reals[i] - 2);
    }
    assert_true(fabs(sum / N - 2) < 5 * 0.5 / sqrt(N));
    assert_true(fabs(squares / N - 0.25) < 5 * 0.25 * sqrt(2. / N));
}

static void test_bernoulli(void **state) {
    enum { N = 1 << 16 };
    static const double rates[] = {0, 0.1, 1};
    VtTensor t = shape(1, N, 0, 0);
    (void)state;
    for (int k = 0; k < 3; k++) {
        VtDraw draw = {"b", KIND_bernoulli, {rates[k]}};
        int ones = 0;
        vt_draw_fill(&draw, &t, 1, 2, reals);
        for (int i = 0; i < N; i++) {
            assert_true(reals[i] == 0 || reals[i] == 1);
            ones += reals[i] == 1;
        }
        assert_true(fabs((double)ones / N - rates[k]) <= 5 * sqrt(rates[k] * (1 - rates[k]) / N));
    }
}

static void test_randint(void **state) {
    enum { N = 1 << 16 };
    VtDraw draw = {"i", KIND_randint, {-2, 3}};
    VtTensor t = shape(1, N, 0, 0);
    int seen[5] = {0};
    (void)state;
    vt_draw_fill(&draw, &t, 1, 2, integers);
    for (int i = 0; i < N; i++) {
        assert_true(integers[i] >= -2 && integers[i] < 3);
        seen[integers[i] + 2]++;
    }
    for (int k = 0; k < 5; k++) assert_true(fabs(seen[k] - N / 5.) < 5 * sqrt(N * 0.16));
}

static void test_permutation(void **state) {
    VtDraw draw = {"p", KIND_permutation, {0}};
    VtTensor t = shape(2, 50, 40, 0);
    int moved = 0;
    (void)state;
    vt_draw_fill(&draw, &t, 1, 2, integers);
    for (int row = 0; row < 50; row++) {
        uint64_t seen = 0;
        for (int i = 0; i < 40; i++) seen |= (uint64_t)1 << integers[row * 40 + i];
        assert_true(seen == ((uint64_t)1 << 40) - 1);
        moved += row > 0 && memcmp(integers, integers + row * 40, 40 * sizeof *integers) != 0;
    }
    assert_int_equal(moved, 49);
}

/* SimMIM: a 6 x 6 grid of cells of 2 x 2 tokens, ceil(0.6 * 36) = 22 of them. */
static void test_block_mask(void **state) {
    enum { B = 200, G = 12 };
    VtDraw draw = {"m", KIND_block_mask, {2, 0.6}};
    VtTensor t = shape(3, B, G, G);
    int often[36] = {0};
    (void)state;
    vt_draw_fill(&draw, &t, 1, 2, reals);
    for (int b = 0; b < B; b++) {
        int cells = 0;
        for (int cell = 0; cell < 36; cell++) {
            const float *corner = reals + b * G * G + cell / 6 * 2 * G + cell % 6 * 2;
            assert_true(corner[0] == 0 || corner[0] == 1);
            assert_true(corner[1] == corner[0] && corner[G] == corner[0] && corner[G + 1] == corner[0]);
            cells += corner[0] == 1;
            often[cell] += corner[0] == 1;
        }
        assert_int_equal(cells, 22);
    }
    for (int cell = 0; cell < 36; cell++) assert_true(abs(often[cell] - B * 22 / 36) < 40);
}

/* Ratios that are whole numbers of cells but for rounding, none and all of the cells, and a grid that cells do not
 * tile. */
static void test_block_mask_counts(void **state) {
    static const struct {
        int64_t h, w, cell;
        double ratio;
        int ones;
    } cases[] = {{10, 10, 1, 0.55, 55}, {10, 10, 1, 0.07, 7}, {4, 4, 1, 0, 0}, {4, 4, 2, 1, 16},
                 {4, 4, 2, 0.01, 4},    {5, 5, 8, 0.5, 25},   {3, 5, 2, 1, 15}};
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        VtDraw draw = {"m", KIND_block_mask, {(double)cases[k].cell, cases[k].ratio}};
        VtTensor t = shape(3, 3, cases[k].h, cases[k].w);
        vt_draw_fill(&draw, &t, 1, 2, reals);
        for (int b = 0; b < 3; b++) {
            int ones = 0;
            for (int64_t i = 0; i < cases[k].h * cases[k].w; i++)
                ones += reals[b * cases[k].h * cases[k].w + i] == 1;
            assert_int_equal(ones, cases[k].ones);
        }
    }
}

/* MAE: int(n * (1 - ratio)) kept. */
static void test_shuffle_mask(void **state) {
    static const struct {
        int64_t n;
        double ratio;
        int kept;
    } cases[] = {{196, 0.75, 49}, {64, 0.6, 25}, {7, 0.5, 3}, {10, 0, 10}, {10, 1, 0}};
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        VtDraw draw = {"s", KIND_shuffle_mask, {cases[k].ratio}};
        VtTensor t = shape(2, 5, cases[k].n, 0);
        vt_draw_fill(&draw, &t, 1, 2, reals);
        for (int b = 0; b < 5; b++) {
            int kept = 0;
            for (int64_t i = 0; i < cases[k].n; i++) {
                float x = reals[b * cases[k].n + i];
                assert_true(x == 0 || x == 1);
                kept += x == 0;
            }
            assert_int_equal(kept, cases[k].kept);
        }
    }
}

/* The first two of these are the same draw; each of the others differs from them in one thing. */
static void test_pure(void **state) {
    static const struct {
        const char *name;
        uint64_t seed, step;
    } draws[] = {{"mask", 1, 5}, {"mask", 1, 5}, {"mask", 2, 5}, {"mask", 1, 6}, {"noise", 1, 5}};
    (void)state;
    uint32_t first[256], other[256];
    for (int kind = 0; kind <= KIND_shuffle_mask; kind++)
        for (int k = 0; k < 5; k++) {
            VtDraw draw = {draws[k].name, kind, {0.25, 0.75}};
            if (kind == KIND_randint) draw.params[1] = 1000000;
            if (kind == KIND_block_mask) draw.params[0] = 1;
            VtTensor t = shape(3, 1, 16, 16);
            vt_draw_fill(&draw, &t, draws[k].seed, draws[k].step, k ? other : first);
            if (k) assert_int_equal(memcmp(first, other, sizeof first) == 0, k == 1);
        }
}

/* Tensors of fewer axes than a sampler speaks of hold one row, or one entry, of them. */
static void test_few_axes(void **state) {
    (void)state;
    for (int kind = 0; kind <= KIND_shuffle_mask; kind++)
        for (int rank = 0; rank < 2; rank++) {
            VtDraw draw = {"f", kind, {1, 1}};
            VtTensor t = shape(rank, 4, 0, 0);
            memset(reals, 0x7f, 5 * sizeof *reals);
            vt_draw_fill(&draw, &t, 1, 2, reals);
            float untouched;
            memset(&untouched, 0x7f, sizeof untouched);
            assert_memory_equal(&reals[rank ? 4 : 1], &untouched, sizeof untouched);
            assert_memory_not_equal(&reals[rank ? 3 : 0], &untouched, sizeof untouched);
        }
}

/* Mean and variance of gamma and beta against theory, within 6 deviations of what is drawn. */
static void test_gamma_beta(void **state) {
    (void)state;
    enum { N = 1 << 16 };
    static const double shapes[] = {0.05, 0.3, 1, 2.5, 40};
    VtTensor t = shape(1, N, 0, 0);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        double alpha = shapes[i], scale = 3, sum = 0, squares = 0;
        VtDraw gamma = {"g", KIND_gamma, {alpha, scale}};
        vt_draw_fill(&gamma, &t, 1, 2, reals);
        for (int k = 0; k < N; k++) {
            assert_true(reals[k] >= 0 && isfinite(reals[k]));
            sum += reals[k];
            squares += pow(reals[k] - alpha * scale, 2);
        }
        double variance = alpha * scale * scale, kurtosis = 3 + 6 / alpha;
        assert_true(fabs(sum / N - alpha * scale) < 6 * sqrt(variance / N));
        assert_true(fabs(squares / N - variance) < 6 * variance * sqrt((kurtosis - 1) / N));
        for (size_t j = 0; j < sizeof shapes / sizeof *shapes; j++) {
            double a = alpha, b = shapes[j], mean = a / (a + b),
                   spread = a * b / ((a + b) * (a + b) * (a + b + 1));
            VtDraw beta = {"b", KIND_beta, {a, b}};
            vt_draw_fill(&beta, &t, 1, 3, reals);
            sum = squares = 0;
            for (int k = 0; k < N; k++) {
                assert_true(reals[k] >= 0 && reals[k] <= 1);
                sum += reals[k];
                squares += pow(reals[k] - mean, 2);
            }
            assert_true(fabs(sum / N - mean) < 6 * sqrt(spread / N));
            assert_true(fabs(squares / N - spread) < 6 * sqrt(spread / N)); /* |x - mean| ≤ 1 */
        }
    }
}

/* Boxes around any entry, less what is outside, with sides of whole entries at the grid's aspect; the share of them is
 * that of timm's. */
static void test_cut_box(void **state) {
    enum { H = 32, W = 16, N = 4000 };
    VtDraw draw = {"box", KIND_cut_box, {1, 1}};
    VtTensor t = shape(2, H, W, 0);
    int covered[H * W] = {0}, whole = 0;
    double area = 0;
    (void)state;
    for (int step = 0; step < N; step++) {
        int top = H, bottom = -1, left = W, right = -1, ones = 0;
        vt_draw_fill(&draw, &t, 1, (uint64_t)step, reals);
        for (int i = 0; i < H * W; i++) {
            assert_true(reals[i] == 0 || reals[i] == 1);
            if (reals[i] == 0) continue;
            top = i / W < top ? i / W : top;
            bottom = i / W;
            left = i % W < left ? i % W : left;
            right = i % W > right ? i % W : right;
            ones++;
            covered[i]++;
        }
        int height = bottom - top + 1, width = right - left + 1;
        assert_int_equal(ones, ones ? height * width : 0);
        if (ones && top > 0 && bottom < H - 1 && left > 0 && right < W - 1) { /* all of it is there */
            assert_true(height == 2 * width || height == 2 * width + 1);
            whole++;
        }
        area += ones / (double)(H * W) / N;
    }
    assert_true(whole > N / 10);
    assert_true(fabs(area - 0.3045) < 0.02); /* timm's cutmix_bbox_and_lam, on this grid */
    assert_true(covered[H / 2 * W + W / 2] > covered[0]);
    draw.params[0] = 1e6, draw.params[1] = 0.001; /* the share that stays is 1 */
    vt_draw_fill(&draw, &t, 1, 2, reals);
    for (int i = 0; i < H * W; i++) assert_true(reals[i] == 0);
}

/* Blocks up to a count: exact, or not above it; every entry is as often masked as symmetry asks for. */
static void test_area_mask(void **state) {
    (void)state;
    enum { B = 1000, H = 14, W = 14 };
    VtTensor t = shape(3, B, H, W);
    for (int exact = 0; exact < 2; exact++) {
        VtDraw draw = {"m", KIND_area_mask, {0.4, 16, 1 << 20, 0.3, 1 / 0.3, exact}};
        vt_draw_fill(&draw, &t, 1, 2, reals);
        double all = 0, upper = 0, neighbours = 0;
        for (int b = 0; b < B; b++) {
            const float *mask = reals + (size_t)b * H * W;
            int n = 0;
            for (int i = 0; i < H * W; i++) {
                assert_true(mask[i] == 0 || mask[i] == 1);
                n += mask[i] > 0;
                if (i < H * W / 2) upper += mask[i];
                if (i % W) neighbours += mask[i] == mask[i - 1];
            }
            assert_true(exact ? n == 78 : n <= 78 && n > 40);
            all += n;
        }
        assert_true(fabs(upper / all - 0.5) < 0.02);
        assert_true(neighbours / (B * H * (W - 1)) > 0.8); /* single entries: about 0.52 */
    }
    VtDraw full = {"m", KIND_area_mask, {1, 16, 32, 0.3, 1 / 0.3, 1}};
    vt_draw_fill(&full, &t, 1, 2, reals);
    for (int i = 0; i < B * H * W; i++) assert_true(reals[i] == 1);
    VtDraw own = {
        "o", KIND_area_mask, {0.1, 4, 1 << 20, 0.3, 1 / 0.3, 1, 0.5}}; /* a ratio of each mask's own */
    vt_draw_fill(&own, &t, 1, 2, reals);
    double mean = 0, square = 0;
    for (int b = 0; b < B; b++) {
        double n = 0;
        for (int i = 0; i < H * W; i++) n += reals[b * H * W + i];
        assert_true(n >= 19 && n <= 98);
        mean += n / B;
        square += n * n / B;
    }
    assert_true(fabs(mean - 0.3 * H * W) < 3);
    assert_true(fabs(sqrt(square - mean * mean) - 0.4 * H * W / sqrt(12)) < 2);
}

/* One block each, of the sizes asked for, anywhere. */
static void test_random_block(void **state) {
    (void)state;
    enum { B = 1000, H = 14, W = 12 };
    VtTensor t = shape(3, B, H, W);
    for (int same = 0; same < 2; same++) {
        VtDraw draw = {"r", KIND_random_block, {0.15, 0.2, 0.75, 1.5, same}};
        vt_draw_fill(&draw, &t, 1, 2, reals);
        int first_h = 0, first_w = 0, sizes = 0, edges = 0;
        for (int b = 0; b < B; b++) {
            const float *mask = reals + (size_t)b * H * W;
            int low_y = H, high_y = -1, low_x = W, high_x = -1, n = 0;
            for (int i = 0; i < H * W; i++) {
                if (mask[i] == 0) continue;
                n++;
                if (i / W < low_y) low_y = i / W;
                if (i / W > high_y) high_y = i / W;
                if (i % W < low_x) low_x = i % W;
                if (i % W > high_x) high_x = i % W;
            }
            int h = high_y - low_y + 1, w = high_x - low_x + 1;
            assert_int_equal(n, h * w);
            assert_in_range(n, 0.15 * H * W - H, 0.2 * H * W + H); /* sides are rounded */
            assert_true((h + 0.5) / (w - 0.5) > 0.75 && (h - 0.5) / (w + 0.5) < 1.5);
            if (b == 0) first_h = h, first_w = w;
            sizes += h != first_h || w != first_w;
            edges |= (low_y == 0) | (high_y == H - 1) << 1 | (low_x == 0) << 2 | (high_x == W - 1) << 3;
        }
        assert_true(same ? sizes == 0 : sizes > B / 2);
        assert_int_equal(edges, 15);
    }
    VtDraw whole = {"r", KIND_random_block, {1, 1, 1, 1, 0}};
    VtTensor square = shape(3, 4, 8, 8);
    vt_draw_fill(&whole, &square, 1, 2, reals);
    for (int i = 0; i < 4 * 64; i++) assert_true(reals[i] == 1);
}

/* Shares as drawn: between the bounds, and above them by less than one block; blocks of whole cells, no larger than
 * asked for. */
static void test_cover_mask(void **state) {
    (void)state;
    enum { B = 60, N = 56, CELL = 4, CELLS = N / CELL, MOST_SIDE = 4 /* cells in 15 pixels, rounded */ };
    VtTensor t = shape(3, B, N, N);
    VtDraw draw = {"c", KIND_cover_mask, {0.5, 0.7, 0.3, CELL}};
    vt_draw_fill(&draw, &t, 1, 2, reals);
    double shares = 0;
    for (int b = 0; b < B; b++) {
        int n = 0;
        for (int y = 0; y < N; y++)
            for (int x = 0; x < N; x++) {
                const float *mask = reals + (size_t)b * N * N;
                assert_true(mask[y * N + x] == 0 || mask[y * N + x] == 1);
                assert_true(mask[y * N + x] == mask[y / CELL * CELL * N + x / CELL * CELL]);
                n += mask[y * N + x] > 0;
            }
        assert_in_range(n, N * N / 2, 7 * N * N / 10 + MOST_SIDE * MOST_SIDE * CELL * CELL);
        shares += (double)n / (N * N);
    }
    assert_true(shares / B > 0.59 && shares / B < 0.65); /* 0.6, and on average half a block */
    draw.params[0] = draw.params[1] = 1e-6;              /* one block each */
    vt_draw_fill(&draw, &t, 1, 2, reals);
    int sizes[MOST_SIDE + 1] = {0};
    for (int b = 0; b < B; b++) {
        int h = 0, n = 0;
        for (int y = 0; y < N; y += CELL) {
            int w = 0;
            for (int x = 0; x < N; x += CELL) w += reals[(b * N + y) * N + x] > 0;
            h += w > 0;
            n += w;
        }
        assert_true(h >= 1 && h <= MOST_SIDE && n % h == 0 && n / h <= MOST_SIDE);
        sizes[h]++;
    }
    for (int h = 1; h <= MOST_SIDE; h++) assert_true(sizes[h] > 0);
}

/* What moves to an entry is the one at its place in another cell; blocks of one cell that cannot cover all come to an
 * end. */
static void test_cover_moves(void **state) {
    (void)state;
    enum { B = 50, N = 32, CELL = 4 };
    VtTensor t = shape(3, B, N, N);
    VtDraw draw = {"c", KIND_cover_moves, {0.5, 0.7, 0.3, CELL}};
    static int32_t moves[B * N * N];
    vt_draw_fill(&draw, &t, 1, 2, moves);
    int covered = 0, own = 0;
    for (int i = 0; i < B * N * N; i++) {
        if (moves[i] == 0) continue;
        int from = moves[i] - 1, at = i % (N * N);
        assert_in_range(from, 0, N * N - 1);
        assert_int_equal(from % CELL, at % CELL);
        assert_int_equal(from / N % CELL, at / N % CELL);
        covered++;
        own += from == at;
    }
    assert_in_range(covered, B * N * N / 2, B * N * N * 3 / 4);
    assert_true(own < covered / 8);
    VtTensor small = shape(3, B, 8, 8);
    VtDraw all = {"c", KIND_cover_mask, {1, 1, 0.1, 1}};
    vt_draw_fill(&all, &small, 1, 2, reals);
    for (int i = 0; i < B * 64; i++)
        assert_true(reals[i] == (i % 8 < 7 && i / 8 % 8 < 7)); /* no corner lies in the last row or column */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gamma_beta),
        cmocka_unit_test(test_cover_mask),
        cmocka_unit_test(test_cover_moves),
        cmocka_unit_test(test_cut_box),
        cmocka_unit_test(test_area_mask),
        cmocka_unit_test(test_random_block),

        cmocka_unit_test(test_uniform),
        cmocka_unit_test(test_normal),
        cmocka_unit_test(test_bernoulli),
        cmocka_unit_test(test_randint),
        cmocka_unit_test(test_permutation),
        cmocka_unit_test(test_block_mask),
        cmocka_unit_test(test_block_mask_counts),
        cmocka_unit_test(test_shuffle_mask),
        cmocka_unit_test(test_pure),
        cmocka_unit_test(test_few_axes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
