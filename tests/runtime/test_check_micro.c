/* The check of micro-kernels: right ones of every form pass; each way of being wrong is found. Kernels here are plain
 * C, one for each kind of units, with mistakes that can be switched on. */
#include "runtime/machine/check_micro.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

typedef enum {
    RIGHT,
    LAST_UNIT_MISSING,
    LAST_UNIT_TWICE, /* only from 100 units on */
    ROWS_SWAPPED,
    SETS_INSTEAD_OF_ADDING,
    WRITES_A_COLUMN_MORE,
    WRITES_A_ROW_MORE,
    READS_A_COLUMN_MORE, /* NaN times zero is NaN */
    HALVES_SWAPPED,      /* of pairs: as K is odd, or bf16 of another byte order */
    SECOND_HALF_UNCUT,   /* the first element's bits stay below the second's: wrong by a bf16's last bit */
    SUMS_IN_BF16,
    N_MISTAKES
} Mistake;
static const char *const MISTAKES[] = {
    "right",         "last unit missing", "last unit twice", "rows swapped",   "sets instead of adding",
    "writes column", "writes row",        "reads column",    "halves swapped", "second half uncut",
    "sums in bf16"};

static Mistake mistake;
static const VtMicro *running; /* the kernel's function gets no description */

static float value(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static float product(uint32_t a, uint32_t b) {
    if (running->unit_elements == 1) return value(a) * value(b);
    uint32_t cut = mistake == SECOND_HALF_UNCUT ? 0xffffffffu : 0xffff0000u;
    if (mistake == HALVES_SWAPPED) a = a << 16 | a >> 16;
    return value(a << 16) * value(b << 16) + value(a & cut) * value(b & cut);
}

static float in_bf16(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return value((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u);
}

static void kernel(const void *panel_a, const void *panel_b, int64_t units, float *tile) {
    const VtMicro *m = running;
    const uint32_t *a = panel_a, *b = panel_b;
    int rows = m->rows + (mistake == WRITES_A_ROW_MORE),
        columns = m->columns + (mistake == WRITES_A_COLUMN_MORE);
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) {
            float *to = &tile[r * m->tile_columns + c], sum = 0;
            int of = mistake == ROWS_SWAPPED && m->rows > 1 ? r ^ 1 : r;
            if (of >= m->rows) of = 0;
            if (m->accumulate && mistake != SETS_INSTEAD_OF_ADDING) sum = *to;
            for (int64_t u = 0; u < units; u++) {
                if (mistake == LAST_UNIT_MISSING && u == units - 1 && units > 1) continue;
                int64_t at = of * m->line + u / m->block * m->block * m->step + u % m->block;
                float term = product(a[at], b[u * m->tile_columns + (c < m->columns ? c : 0)]);
                if (mistake == LAST_UNIT_TWICE && u == units - 1 && units >= 100) term *= 2;
                if (mistake == READS_A_COLUMN_MORE) term += 0 * value(b[u * m->tile_columns + m->columns]);
                sum += term;
                if (mistake == SUMS_IN_BF16) sum = in_bf16(sum);
            }
            *to = sum;
        }
}

/* Of f32 and of pairs; from a panel, from a panel in blocks, from lines in memory. */
static const VtMicro KERNELS[] = {
    {"f32", kernel, 6, 12, 16, 1, 1, 1, 6, 1, 0},
    {"f32 adding", kernel, 4, 8, 16, 1, 1, 1, 6, 1, 1},
    {"f32 lines", kernel, 6, 8, 16, 1, 1, 72, 1, 1, 0},
    {"pairs", kernel, 12, 8, 16, 2, 1, 1, 12, 1, 0},
    {"pairs adding", kernel, 12, 8, 16, 2, 1, 1, 12, 1, 1},
    {"blocks of 2", kernel, 4, 8, 12, 2, 2, 2, 8, 2, 1},
    {"blocks of 16", kernel, 32, 16, 32, 2, 16, 16, 32, 16, 1},
};
enum { N_KERNELS = sizeof KERNELS / sizeof *KERNELS };

static bool found(const VtMicro *micro, Mistake made) {
    mistake = made;
    running = micro;
    VtMicroCheck check = vt_check_micro(micro);
    if (made == RIGHT && check.wrong[0]) fail_msg("%s: %s", micro->name, check.wrong);
    if (made == RIGHT && !(check.worst > 0 && check.worst <= 1))
        fail_msg("%s: off by %g", micro->name, check.worst);
    return check.wrong[0] != '\0';
}

static void test_right_kernels(void **state) {
    (void)state;
    for (int i = 0; i < N_KERNELS; i++) assert_false(found(&KERNELS[i], RIGHT));
}

/* Whether a kernel that makes the mistake computes anything else. */
static bool matters(const VtMicro *m, Mistake made) {
    switch (made) {
    case SETS_INSTEAD_OF_ADDING: return m->accumulate;
    case LAST_UNIT_TWICE: return m->unit_step * 33 >= 100;
    case HALVES_SWAPPED:
    case SECOND_HALF_UNCUT: return m->unit_elements == 2;
    case WRITES_A_COLUMN_MORE:
    case READS_A_COLUMN_MORE: return m->columns < m->tile_columns;
    default: return true;
    }
}

static void test_wrong_kernels(void **state) {
    (void)state;
    int seen[N_MISTAKES] = {0};
    for (Mistake made = RIGHT + 1; made < N_MISTAKES; made++)
        for (int i = 0; i < N_KERNELS; i++) {
            if (!matters(&KERNELS[i], made)) continue;
            seen[made]++;
            if (!found(&KERNELS[i], made)) fail_msg("%s: %s is not found", KERNELS[i].name, MISTAKES[made]);
        }
    for (Mistake made = RIGHT + 1; made < N_MISTAKES; made++) assert_true(seen[made] > 0);
}

static void test_report(void **state) {
    (void)state;
    char text[2048] = "";
    FILE *out = fmemopen(text, sizeof text, "w");
    running = &KERNELS[0];
    mistake = RIGHT;
    assert_int_equal(vt_check_micros(KERNELS, 1, out), 0);
    mistake = LAST_UNIT_MISSING;
    assert_int_equal(vt_check_micros(KERNELS, 1, out), 1);
    assert_int_equal(vt_check_micros(KERNELS, 1, NULL), 1);
    fclose(out);
    assert_non_null(strstr(text, "f32                      right, off by "));
    assert_non_null(strstr(text, "f32                      WRONG: row "));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_right_kernels),
                                       cmocka_unit_test(test_wrong_kernels), cmocka_unit_test(test_report)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
