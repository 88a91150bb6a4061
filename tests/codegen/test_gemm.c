/* The packed matrix product against a loop in double, on every target row of this machine: all forms, sizes that fill no tile, strides
 * beyond the matrix, batches, K beyond what is summed at once. The numbers are small multiples of 1/8, so that sums are exact and any
 * difference is a mistake; then random numbers, whose results must not depend on the number of threads by a single bit. */
#include "codegen/gemm.h"
#include "tests/codegen/unit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

typedef struct {
    int64_t batch, m, n, k;
    bool ta, tb;
    int64_t pad; /* elements between the rows of A and of B */
} Case;

static const Case CASES[] = {
    {1, 1, 1, 1, false, false, 0},     {1, 2, 5, 3, false, true, 0},       {1, 17, 63, 65, false, true, 0},
    {1, 17, 63, 65, true, false, 0},   {1, 12, 32, 16, false, false, 0},   {1, 400, 5, 197, false, true, 0},
    {1, 5, 400, 197, true, true, 0},   {1, 197, 197, 64, false, true, 0},  {1, 61, 47, 33, false, false, 7},
    {1, 61, 47, 33, true, true, 7},    {1, 64, 64, 1000, false, true, 24}, {1, 30, 40, 2049, true, false, 0},
    {1, 30, 40, 2500, false, true, 0}, {6, 17, 17, 9, false, true, 0},     {6, 17, 9, 17, false, false, 0},
    {6, 17, 9, 17, true, false, 3},    {1, 33, 1, 1024, false, true, 0},   {1, 1, 33, 1024, true, false, 0},
    {3, 1, 1, 7, false, false, 0},     {1, 49, 70, 20, true, true, 1004},  {1, 49, 70, 20, false, true, 1004},
};
enum { N_CASES = sizeof CASES / sizeof *CASES, MOST_THREADS = 5 };

typedef struct {
    GemmShape shape;
    int64_t a_size, b_size, c_size;
} Layout;

static Layout layout_of(const Case *c) {
    Layout l = {.shape = {.m = c->m, .n = c->n, .k = c->k, .n_batch = c->batch > 1}};
    int64_t a_step = (c->ta ? c->m : c->k) + c->pad, b_step = (c->tb ? c->k : c->n) + c->pad;
    l.shape.batch[0] = c->batch;
    l.shape.a_row = c->ta ? 1 : a_step;
    l.shape.a_col = c->ta ? a_step : 1;
    l.shape.b_row = c->tb ? 1 : b_step;
    l.shape.b_col = c->tb ? b_step : 1;
    l.shape.a_batch[0] = (c->ta ? c->k : c->m) * a_step;
    l.shape.b_batch[0] = (c->tb ? c->n : c->k) * b_step;
    l.shape.a_offset = 3;
    l.shape.b_offset = 5;
    l.a_size = l.shape.a_offset + c->batch * l.shape.a_batch[0];
    l.b_size = l.shape.b_offset + c->batch * l.shape.b_batch[0];
    l.c_size = c->batch * c->m * c->n;
    return l;
}

/* Exactly as long as needed, so that the sanitizer sees a step beyond. */
static float *numbers(int64_t n, uint32_t seed, bool exact) {
    float *x = malloc((size_t)n * sizeof *x);
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = exact ? (float)((int)(seed >> 24) % 9 - 4) / 8 : (float)((double)seed / 0x1p31 - 1);
    }
    return x;
}

static void assert_exact(const Case *c, const Layout *l, const float *a, const float *b, const float *got) {
    const GemmShape *s = &l->shape;
    for (int64_t z = 0; z < c->batch; z++)
        for (int64_t i = 0; i < c->m; i++)
            for (int64_t j = 0; j < c->n; j++) {
                double want = 0;
                for (int64_t k = 0; k < c->k; k++)
                    want += (double)a[s->a_offset + z * s->a_batch[0] + i * s->a_row + k * s->a_col] *
                            b[s->b_offset + z * s->b_batch[0] + k * s->b_row + j * s->b_col];
                if (got[(z * c->m + i) * c->n + j] != want)
                    fail_msg("%lldx[%lldx%lldx%lld]: element %lld,%lld,%lld is %g, not %g",
                             (long long)c->batch, (long long)c->m, (long long)c->n, (long long)c->k,
                             (long long)z, (long long)i, (long long)j, (double)got[(z * c->m + i) * c->n + j],
                             want);
            }
}

static void run(VtKernel kernel, int64_t scratch_bytes, float *a, float *b, float *c, int threads) {
    for (int t = 0; t < threads; t++) {
        void *scratch = aligned_alloc(64, (size_t)(scratch_bytes + 63) / 64 * 64);
        kernel((void *[]){a, b, c, scratch}, t, threads);
        free(scratch);
    }
}

static void check_case(const Case *c, VtKernel kernel, int64_t scratch_bytes) {
    Layout l = layout_of(c);
    for (int exact = 0; exact < 2; exact++) {
        float *a = numbers(l.a_size, 1, exact), *b = numbers(l.b_size, 2, exact), *first = NULL;
        for (int threads = 1; threads <= MOST_THREADS; threads++) {
            float *out = malloc((size_t)l.c_size * sizeof *out);
            memset(out, 0xff, (size_t)l.c_size * sizeof *out); /* NaN: every element must be written */
            run(kernel, scratch_bytes, a, b, out, threads);
            if (first)
                assert_memory_equal(out, first, (size_t)l.c_size * sizeof *out);
            else if (exact)
                assert_exact(c, &l, a, b, out);
            if (first) free(out);
            if (!first) first = out;
        }
        free(first), free(a), free(b);
    }
}

static void test_row(void **state) {
    const TargetRow *row = *state;
    if (!target_host_has(row)) skip();
    Unit unit;
    unit_begin(&unit, row->name);
    int64_t scratch[N_CASES];
    char name[16];
    for (int i = 0; i < N_CASES; i++) {
        Layout l = layout_of(&CASES[i]);
        snprintf(name, sizeof name, "gemm_%d", i);
        unit_kernel(&unit, name);
        gemm_emit(&unit.e, &unit.target, &l.shape, unit_arg(&unit, 0), unit_arg(&unit, 1), unit_arg(&unit, 2),
                  unit_arg(&unit, 3), NULL, NULL);
        unit_kernel_end(&unit);
        scratch[i] = gemm_scratch_bytes(&unit.target, &l.shape);
    }
    unit_load(&unit);
    for (int i = 0; i < N_CASES; i++) {
        snprintf(name, sizeof name, "gemm_%d", i);
        check_case(&CASES[i], unit_address(&unit, name), scratch[i]);
    }
    unit_free(&unit);
}

int main(void) {
    int n;
    const TargetRow *rows = target_rows(&n);
    struct CMUnitTest tests[8];
    for (int i = 0; i < n; i++)
        tests[i] = (struct CMUnitTest){rows[i].name, test_row, NULL, NULL, (void *)&rows[i]};
    return _cmocka_run_group_tests("matrix products", tests, (size_t)n, NULL, NULL);
}
