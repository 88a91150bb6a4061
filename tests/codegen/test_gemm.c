/* The packed matrix product against a loop in double, on every target row of this machine, with tile registers and
 * blocks of two by two imitated: all precisions and forms, sizes that fill no tile, strides beyond the matrix, batches,
 * K beyond what is summed at once. First numbers of so few bits that sums are exact and any difference is a mistake;
 * then random ones, whose error is bounded, and whose results must not depend on the number of threads by a single bit.
 */
#include "codegen/gemm/gemm.h"
#include "tests/codegen/rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
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
    const char *name;
    Precision precision;
    DType a, b;
    int bits_a, bits_b; /* of numbers whose product is exact */
    double error;       /* of a random product, relative to the sum of its terms' sizes */
} Variant;

static const Variant VARIANTS[] = {
    {"f32", PRECISION_FP32, DT_F32, DT_F32, 4, 4, 1e-6},
    {"f32 of bf16 and f32", PRECISION_FP32, DT_BF16, DT_F32, 4, 4, 1e-6},
    {"bf16 of f32", PRECISION_BF16, DT_F32, DT_F32, 4, 4, 0x1p-7},
    {"bf16", PRECISION_BF16, DT_BF16, DT_BF16, 4, 4, 1e-6}, /* what rounding costs is not the product's */
    {"bf16 of f32 and bf16", PRECISION_BF16, DT_F32, DT_BF16, 4, 4, 0x1p-8},
    {"split bf16, long A", PRECISION_BF16X3, DT_F32, DT_F32, 12, 4, 4e-5},
    {"split bf16, long B", PRECISION_BF16X3, DT_F32, DT_F32, 4, 12, 4e-5},
};
enum { N_VARIANTS = sizeof VARIANTS / sizeof *VARIANTS };

typedef struct {
    GemmShape shape;
    int64_t a_size, b_size, c_size;
} Layout;

static Layout layout_of(const Case *c, const Variant *v) {
    Layout l = {.shape = {.a_dtype = v->a,
                          .b_dtype = v->b,
                          .precision = v->precision,
                          .m = c->m,
                          .n = c->n,
                          .k = c->k,
                          .n_batch = c->batch > 1}};
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

/* An operand: what it is worth, and how it lies in memory, exactly as long as needed, so that the sanitizer sees a step
 * beyond. */
typedef struct {
    float *value;
    void *memory;
} Operand;

static Operand operand(int64_t n, DType dtype, uint32_t seed, int bits) {
    Operand x = {malloc((size_t)n * sizeof *x.value), malloc((size_t)n * dtype_size(dtype))};
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        int whole = (int)(seed >> 16) % (1 << bits);
        float value = bits ? (float)(whole - (1 << (bits - 1))) / 8 : (float)((double)seed / 0x1p31 - 1);
        if (dtype == DT_BF16) {
            uint32_t word;
            memcpy(&word, &value, sizeof word);
            uint16_t upper = (uint16_t)(word >> 16);
            memcpy((uint16_t *)x.memory + i, &upper, sizeof upper);
            word &= 0xffff0000u;
            memcpy(&value, &word, sizeof word);
        } else
            memcpy((float *)x.memory + i, &value, sizeof value);
        x.value[i] = value;
    }
    return x;
}

static void drop(Operand *x) {
    free(x->value);
    free(x->memory);
}

/* bound 0: exact. */
static void assert_product(const Case *c, const Layout *l, const float *a, const float *b, const float *got,
                           double bound) {
    const GemmShape *s = &l->shape;
    for (int64_t z = 0; z < c->batch; z++)
        for (int64_t i = 0; i < c->m; i++)
            for (int64_t j = 0; j < c->n; j++) {
                double want = 0, size = 0, is = (double)got[(z * c->m + i) * c->n + j];
                for (int64_t k = 0; k < c->k; k++) {
                    double term = (double)a[s->a_offset + z * s->a_batch[0] + i * s->a_row + k * s->a_col] *
                                  (double)b[s->b_offset + z * s->b_batch[0] + k * s->b_row + j * s->b_col];
                    want += term;
                    size += fabs(term);
                }
                if (!(fabs(is - want) <= bound * size))
                    fail_msg("%lldx[%lldx%lldx%lld]: element %lld,%lld,%lld is %.9g, not %.9g",
                             (long long)c->batch, (long long)c->m, (long long)c->n, (long long)c->k,
                             (long long)z, (long long)i, (long long)j, is, want);
            }
}

static void run(VtKernel kernel, int64_t scratch_bytes, void *a, void *b, void *c, int threads) {
    for (int t = 0; t < threads; t++) {
        void *scratch = aligned_alloc(64, (size_t)(scratch_bytes + 63) / 64 * 64);
        kernel((void *[]){a, b, c, scratch}, t, threads);
        free(scratch);
    }
}

static void check_case(const Case *c, const Variant *v, VtKernel kernel, int64_t scratch_bytes) {
    Layout l = layout_of(c, v);
    for (int exact = 0; exact < 2; exact++) {
        Operand a = operand(l.a_size, v->a, 1, exact ? v->bits_a : 0),
                b = operand(l.b_size, v->b, 2, exact ? v->bits_b : 0);
        float *first = NULL;
        for (int threads = 1; threads <= MOST_THREADS; threads++) {
            float *out = malloc((size_t)l.c_size * sizeof *out);
            memset(out, 0xff, (size_t)l.c_size * sizeof *out); /* NaN: every element must be written */
            run(kernel, scratch_bytes, a.memory, b.memory, out, threads);
            if (first)
                assert_memory_equal(out, first, (size_t)l.c_size * sizeof *out);
            else
                assert_product(c, &l, a.value, b.value, out, exact ? 0 : v->error);
            if (first) free(out);
            if (!first) first = out;
        }
        free(first), drop(&a), drop(&b);
    }
}

static void test_products(void **state) {
    const Run *r = *state;
    const Variant *v = r->variant;
    Unit unit;
    run_begin(&unit, r);
    int64_t scratch[N_CASES];
    char name[16];
    for (int i = 0; i < N_CASES; i++) {
        Layout l = layout_of(&CASES[i], v);
        snprintf(name, sizeof name, "gemm_%d", i);
        unit_kernel(&unit, name);
        gemm_emit(&unit.fb, &l.shape, unit_arg(&unit, 0), unit_arg(&unit, 1), unit_arg(&unit, 2),
                  unit_arg(&unit, 3), NULL, NULL, NULL);
        unit_kernel_end(&unit);
        scratch[i] = gemm_scratch_bytes(&unit.fb, &l.shape, false);
    }
    unit_load(&unit);
    for (int i = 0; i < N_CASES; i++) {
        snprintf(name, sizeof name, "gemm_%d", i);
        check_case(&CASES[i], v, unit_address(&unit, name), scratch[i]);
    }
    unit_free(&unit);
}

/* Code for tile registers is made on any machine, even one that cannot run it. */
static void test_tile_code(void **state) {
    (void)state;
    Unit unit;
    char *message = NULL;
    unit_begin(&unit, "amx");
    Layout l = layout_of(&CASES[2], &VARIANTS[2]);
    unit_kernel(&unit, "gemm");
    gemm_emit(&unit.fb, &l.shape, unit_arg(&unit, 0), unit_arg(&unit, 1), unit_arg(&unit, 2),
              unit_arg(&unit, 3), NULL, NULL, NULL);
    unit_kernel_end(&unit);
    LLVMMemoryBufferRef text = NULL;
    assert_false(LLVMTargetMachineEmitToMemoryBuffer(unit.target.llvm, unit.fb.module, LLVMAssemblyFile,
                                                     &message, &text));
    static const char *const wanted[] = {"ldtilecfg", "tilezero",   "tileloadd",
                                         "tdpbf16ps", "tilestored", "tilerelease"};
    for (int i = 0; i < 6; i++)
        if (!strstr(LLVMGetBufferStart(text), wanted[i])) fail_msg("no %s in the code for AMX", wanted[i]);
    LLVMDisposeMemoryBuffer(text);
    LLVMDisposeBuilder(unit.fb.builder);
    LLVMDisposeModule(unit.fb.module);
    LLVMContextDispose(unit.fb.context);
    unit_free(&unit);
}

int main(void) {
    static struct CMUnitTest tests[MOST_RUNS + 1];
    size_t count = run_rows(tests, test_products, VARIANTS, sizeof *VARIANTS, N_VARIANTS);
    run_row(tests, &count, &blocks_model, test_products, VARIANTS, sizeof *VARIANTS, N_VARIANTS);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_tile_code);
    return _cmocka_run_group_tests("matrix products", tests, count, NULL, NULL);
}
