/* Micro-kernels against plain C: see check_micro.h.
 *
 * Two kinds of numbers. Small whole ones have exact sums in any order, so that any difference is a mistake. Others,
 * from -1 to 1, have sums that rounding bounds: where n terms are added one after another, in any order, each addition
 * (and in f32 each product, unless it is fused) is off by u of a partial sum, which is at most the sum S of the terms'
 * magnitudes; so a result is off by at most (n + 1)·u·S (Higham, Accuracy and Stability of Numerical Algorithms,
 * section 3.1). u is 2^-24 in f32. Products of bf16 are exact in f32, but some processors round their sums to odd,
 * which is off by up to 2^-23, and flush what is below 2^-126 to zero. */
#include "runtime/machine/check_micro.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Lengths, in the kernel's steps along K. */
static const int STEPS[] = {1, 2, 3, 4, 7, 16, 33};
enum { N_STEPS = sizeof STEPS / sizeof *STEPS, SLACK = 64 };

/* A kernel, its operands in memory, and what they are worth. */
typedef struct {
    const VtMicro *micro;
    int64_t units, k, a_units, b_units, tile_size;
    bool whole;      /* numbers */
    uint32_t *a, *b; /* units */
    float *tile, *before;
} Trial;

static bool is_bf16(const VtMicro *m) {
    return m->unit_elements == 2;
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

static uint32_t bits_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float value_of(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* The nearest bf16, ties to even. */
static uint32_t to_bf16(float x) {
    uint32_t bits = bits_of(x);
    return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

/* splitmix64 (Steele et al. 2014); this folder stands alone. */
static uint64_t random_bits(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static float draw(const Trial *t, uint64_t *state) {
    int64_t bits = (int64_t)random_bits(state);
    return t->whole ? (float)(bits >> 60) : (float)((double)bits * 0x1p-63);
}

/* A unit of elements from number `element` along K on; they are zero beyond k. */
static uint32_t draw_unit(const Trial *t, uint64_t *state, int64_t element) {
    float first = draw(t, state), second = is_bf16(t->micro) ? draw(t, state) : 0;
    if (element >= t->k) first = 0;
    if (element + 1 >= t->k) second = 0;
    return is_bf16(t->micro) ? to_bf16(first) | to_bf16(second) << 16 : bits_of(first);
}

static double element_of(const VtMicro *m, uint32_t unit, int i) {
    return is_bf16(m) ? (double)value_of(i ? unit & 0xffff0000u : unit << 16) : (double)value_of(unit);
}

/* ---- operands ---------------------------------------------------------------------------------------------------- */

static int64_t place_of_a(const VtMicro *m, int64_t row, int64_t unit) {
    return row * m->line + unit / m->block * m->block * m->step + unit % m->block;
}

static int64_t place_of_b(const VtMicro *m, int64_t column, int64_t unit) {
    return unit * m->tile_columns + column;
}

static bool is_in_tile(const VtMicro *m, int64_t i) {
    return i / m->tile_columns < m->rows && i % m->tile_columns < m->columns;
}

/* Everything that a kernel must not read, or must write, is NaN, and what it must leave alone a number. Lines of A may
 * go on where K ends, as those in memory do, and then overlap: B is zero there. */
static void fill(Trial *t) {
    const VtMicro *m = t->micro;
    uint64_t state = (uint64_t)t->units;
    memset(t->a, 0xff, (size_t)t->a_units * sizeof *t->a);
    memset(t->b, 0xff, (size_t)t->b_units * sizeof *t->b);
    for (int64_t i = 0; i < t->tile_size; i++)
        t->tile[i] = is_in_tile(m, i) && !m->accumulate ? NAN : draw(t, &state);
    for (int64_t u = 0; u < t->units; u++) {
        for (int row = 0; row < m->rows; row++) t->a[place_of_a(m, row, u)] = draw_unit(t, &state, 0);
        for (int column = 0; column < m->columns; column++)
            t->b[place_of_b(m, column, u)] = draw_unit(t, &state, u * m->unit_elements);
    }
    memcpy(t->before, t->tile, (size_t)t->tile_size * sizeof *t->tile);
}

/* ---- results ----------------------------------------------------------------------------------------------------- */

/* False, with *check told, if the element is wrong. */
static bool check_element(const Trial *t, int row, int column, VtMicroCheck *check) {
    const VtMicro *m = t->micro;
    int64_t at = (int64_t)row * m->tile_columns + column, n = t->units * m->unit_elements + 1;
    double sum = m->accumulate ? (double)t->before[at] : 0, size = fabs(sum), is = (double)t->tile[at];
    for (int64_t u = 0; u < t->units; u++)
        for (int i = 0; i < m->unit_elements; i++) {
            double term = element_of(m, t->a[place_of_a(m, row, u)], i) *
                          element_of(m, t->b[place_of_b(m, column, u)], i);
            sum += term;
            size += fabs(term);
        }
    double bound = (double)(n + 1) * (is_bf16(m) ? size * 0x1p-23 + 0x1p-126 : size * 0x1p-24);
    if (t->whole) bound = 0;
    double error = fabs(is - sum);
    if (bound > 0 && error / bound > check->worst) check->worst = error / bound;
    if (error <= bound) return true; /* not so of NaN */
    snprintf(check->wrong, sizeof check->wrong, "row %d, column %d of %lld units: %.9g instead of %.9g", row,
             column, (long long)t->units, is, sum);
    return false;
}

/* What is not the kernel's tile has not been written. */
static bool check_rest(const Trial *t, VtMicroCheck *check) {
    const VtMicro *m = t->micro;
    for (int64_t i = 0; i < t->tile_size; i++) {
        if (is_in_tile(m, i) || bits_of(t->tile[i]) == bits_of(t->before[i])) continue;
        snprintf(check->wrong, sizeof check->wrong, "wrote row %d, column %d, beyond its %dx%d",
                 (int)(i / m->tile_columns), (int)(i % m->tile_columns), m->rows, m->columns);
        return false;
    }
    return true;
}

static bool run_trial(Trial *t, VtMicroCheck *check) {
    const VtMicro *m = t->micro;
    fill(t);
    m->run(t->a, t->b, t->units, t->tile);
    for (int row = 0; row < m->rows; row++)
        for (int column = 0; column < m->columns; column++)
            if (!check_element(t, row, column, check)) return false;
    return check_rest(t, check);
}

/* ---- the door ---------------------------------------------------------------------------------------------------- */

VtMicroCheck vt_check_micro(const VtMicro *micro) {
    VtMicroCheck check = {0};
    int64_t most = (int64_t)STEPS[N_STEPS - 1] * micro->unit_step;
    Trial t = {.micro = micro,
               .a_units = place_of_a(micro, micro->rows, most) + SLACK,
               .b_units = most * micro->tile_columns + SLACK,
               .tile_size = (int64_t)(micro->rows + 1) * micro->tile_columns};
    t.a = calloc((size_t)t.a_units, sizeof *t.a);
    t.b = calloc((size_t)t.b_units, sizeof *t.b);
    t.tile = calloc((size_t)t.tile_size, sizeof *t.tile);
    t.before = calloc((size_t)t.tile_size, sizeof *t.before);
    bool good = t.a && t.b && t.tile && t.before;
    if (!good) snprintf(check.wrong, sizeof check.wrong, "not checked: out of memory");
    for (int i = 0; good && i < 2 * N_STEPS; i++) {
        t.whole = i % 2 == 0;
        t.units = (int64_t)STEPS[i / 2] * micro->unit_step;
        t.k = t.units * micro->unit_elements; /* or fewer: one of those of the last step alone */
        if (i / 2 % 2) t.k -= micro->unit_step * micro->unit_elements - 1;
        good = run_trial(&t, &check);
    }
    free(t.a), free(t.b), free(t.tile), free(t.before);
    return check;
}

int vt_check_micros(const VtMicro *micros, int n, FILE *out) {
    int wrong = 0;
    for (int i = 0; i < n; i++) {
        VtMicroCheck check = vt_check_micro(&micros[i]);
        wrong += check.wrong[0] != '\0';
        if (!out) continue;
        if (check.wrong[0])
            fprintf(out, "  %-24s WRONG: %s\n", micros[i].name, check.wrong);
        else
            fprintf(out, "  %-24s right, off by %.0f %% of what rounding allows\n", micros[i].name,
                    100 * check.worst);
    }
    return wrong;
}
