/* Attention and its gradients against loops in double, on every target row of this machine: token counts that fill no
 * block, several blocks, head sizes, a bias repeated along some axes, operands interleaved as a qkv product leaves
 * them, bf16 operands. Results must not depend on the number of threads by a single bit. */
#include "codegen/kernels/attention.h"
#include "tests/codegen/rows.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

typedef struct {
    int64_t images, heads, n, d;
    bool bias, bias_per_image;
} Case;

static const Case CASES[] = {
    {1, 1, 1, 1, false, false},    {2, 3, 5, 8, false, false},  {2, 2, 17, 20, true, false},
    {1, 3, 65, 64, false, false},  {2, 1, 50, 96, true, true},  {1, 2, 197, 64, true, false},
    {1, 1, 530, 33, false, false}, {1, 2, 64, 48, true, false},
};
enum { N_CASES = sizeof CASES / sizeof *CASES, MOST_THREADS = 3, N_KINDS = 3 };

typedef struct {
    const char *name;
    Precision precision;
    DType dtype;
    double error; /* of a result, relative to the largest */
} Variant;

static const Variant VARIANTS[] = {{"f32", PRECISION_FP32, DT_F32, 2e-5},
                                   {"bf16", PRECISION_BF16, DT_BF16, 3e-2},
                                   {"bf16 of f32", PRECISION_BF16, DT_F32, 3e-2},
                                   {"split bf16", PRECISION_BF16X3, DT_F32, 1e-4}};
enum { N_VARIANTS = sizeof VARIANTS / sizeof *VARIANTS };

/* q, k and v interleaved [images, n, 3, heads, d]; dy [images, heads, n, d]; the bias [1 or images, heads, n, n]. */
typedef struct {
    float *qkv, *dy, *bias; /* what the operands are worth */
    void *qkv_memory, *dy_memory;
} Data;

static float *numbers(int64_t n, uint32_t seed, float size) {
    float *x = malloc((size_t)(n + 1) * sizeof *x);
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = size * (float)((double)seed / 0x1p31 - 1);
    }
    return x;
}

static void *in_memory(float *x, int64_t n, DType dtype) {
    uint8_t *memory = malloc((size_t)n * dtype_size(dtype));
    for (int64_t i = 0; i < n; i++) {
        uint32_t word;
        memcpy(&word, &x[i], 4);
        if (dtype == DT_BF16) {
            word &= 0xffff0000u;
            memcpy(&x[i], &word, 4);
            uint16_t half = (uint16_t)(word >> 16);
            memcpy(memory + 2 * i, &half, 2);
        } else
            memcpy(memory + 4 * i, &word, 4);
    }
    return memory;
}

static int64_t matrices_of(const Case *c, AttentionKind kind) {
    int64_t all = c->images * c->heads;
    if (kind == ATTENTION_GRAD) return 3 * all;
    return kind == ATTENTION_BIAS_GRAD && !c->bias_per_image ? c->heads : all;
}

static int64_t result_size(const Case *c, AttentionKind kind) {
    return matrices_of(c, kind) * c->n * (kind == ATTENTION_BIAS_GRAD ? c->n : c->d);
}

static AttentionShape shape_of(const Case *c, const Variant *v, AttentionKind kind) {
    AttentionShape s = {.kind = kind,
                        .precision = v->precision,
                        .scale = 0.6,
                        .n = c->n,
                        .d = c->d,
                        .n_batch = 2,
                        .batch = {c->images, c->heads},
                        .bias_batch = {c->bias_per_image ? c->images : 1, c->heads},
                        .has_bias = c->bias};
    AttentionOperand *qkv[] = {&s.q, &s.k, &s.v};
    int64_t row = 3 * c->heads * c->d;
    for (int i = 0; i < 3; i++)
        *qkv[i] = (AttentionOperand){.dtype = v->dtype,
                                     .batch = {c->n * row, c->d},
                                     .row = row,
                                     .col = 1,
                                     .offset = i * c->heads * c->d};
    s.dy = (AttentionOperand){
        .dtype = v->dtype, .batch = {c->heads * c->n * c->d, c->n * c->d}, .row = c->d, .col = 1};
    s.bias = (AttentionOperand){.dtype = DT_F32,
                                .batch = {c->bias_per_image ? c->heads * c->n * c->n : 0, c->n * c->n},
                                .row = c->n,
                                .col = 1};
    return s;
}

/* ---- the emitted kernel ------------------------------------------------------------------------------------------ */

typedef struct {
    FunctionBuilder *fb;
    LLVMValueRef result;
    int64_t rows, columns;
} Store;

/* result[batch][row][col] = tile, element by element. */
static void store_tile(void *user, LLVMValueRef batch, LLVMValueRef row, LLVMValueRef rows, LLVMValueRef col,
                       LLVMValueRef columns, LLVMValueRef tile, int64_t stride) {
    const Store *s = user;
    FunctionBuilder *fb = s->fb;
    LLVMBuilderRef b = fb->builder;
    LLVMTypeRef f32 = LLVMFloatTypeInContext(fb->context);
    Loop r = build_loop_begin(fb, build_i64(fb, 0), rows, 1, "r");
    Loop c = build_loop_begin(fb, build_i64(fb, 0), columns, 1, "c");
    LLVMValueRef from = LLVMBuildAdd(b, LLVMBuildMul(b, r.counter, build_i64(fb, stride), ""), c.counter, "");
    LLVMValueRef to = LLVMBuildAdd(b, LLVMBuildMul(b, batch, build_i64(fb, s->rows), ""),
                                   LLVMBuildAdd(b, row, r.counter, ""), "");
    to = LLVMBuildAdd(b, LLVMBuildMul(b, to, build_i64(fb, s->columns), ""),
                      LLVMBuildAdd(b, col, c.counter, ""), "");
    LLVMValueRef x = LLVMBuildLoad2(b, f32, LLVMBuildGEP2(b, f32, tile, &from, 1, ""), "");
    LLVMBuildStore(b, x, LLVMBuildGEP2(b, f32, s->result, &to, 1, ""));
    build_loop_end(fb, &c);
    build_loop_end(fb, &r);
}

static int64_t emit(Unit *unit, const Case *c, const Variant *v, AttentionKind kind, const char *name) {
    AttentionShape s = shape_of(c, v, kind);
    unit_kernel(unit, name);
    s.q.pointer = s.k.pointer = s.v.pointer = unit_arg(unit, 0);
    s.dy.pointer = unit_arg(unit, 1);
    s.bias.pointer = unit_arg(unit, 2);
    Store store = {&unit->fb, unit_arg(unit, 3), c->n, kind == ATTENTION_BIAS_GRAD ? c->n : c->d};
    attention_emit(&unit->fb, &s, unit_arg(unit, 4), store_tile, NULL, &store);
    unit_kernel_end(unit);
    return attention_scratch_bytes(&unit->fb, &s);
}

/* ---- the reference ----------------------------------------------------------------------------------------------- */

static double *reference(const Case *c, const Data *x, AttentionKind kind, double scale) {
    int64_t n = c->n, d = c->d, part = c->images * c->heads * n * d;
    double *y = calloc((size_t)result_size(c, kind) + 1, sizeof *y), *p = malloc(sizeof *p * (size_t)(2 * n));
    double *dp = p + n;
    for (int64_t m = 0; m < c->images * c->heads; m++) {
        int64_t image = m / c->heads, head = m % c->heads, row = 3 * c->heads * d;
        int64_t bias_matrix = c->bias_per_image ? m : head;
        const float *q = x->qkv + image * n * row + head * d, *k = q + c->heads * d, *v = k + c->heads * d;
        const float *dy = x->dy + m * n * d;
        for (int64_t i = 0; i < n; i++) {
            double most = -INFINITY, total = 0, sum = 0;
            for (int64_t j = 0; j < n; j++) {
                p[j] = dp[j] = 0;
                for (int64_t t = 0; t < d; t++) {
                    p[j] += scale * (double)q[i * row + t] * (double)k[j * row + t];
                    dp[j] += (double)dy[i * d + t] * (double)v[j * row + t];
                }
                if (c->bias) p[j] += (double)x->bias[(bias_matrix * n + i) * n + j];
                most = fmax(most, p[j]);
            }
            for (int64_t j = 0; j < n; j++) total += p[j] = exp(p[j] - most);
            for (int64_t j = 0; j < n; j++) sum += (p[j] /= total) * dp[j];
            for (int64_t j = 0; j < n; j++) {
                double ds = p[j] * (dp[j] - sum);
                if (kind == ATTENTION_BIAS_GRAD) y[(bias_matrix * n + i) * n + j] += ds;
                for (int64_t t = 0; t < d && kind != ATTENTION_BIAS_GRAD; t++) {
                    double *at = y + (m * n + i) * d + t, *at_key = y + (m * n + j) * d + t;
                    if (kind == ATTENTION)
                        *at += p[j] * (double)v[j * row + t];
                    else {
                        *at += scale * ds * (double)k[j * row + t];
                        at_key[part] += scale * ds * (double)q[i * row + t];
                        at_key[2 * part] += p[j] * (double)dy[i * d + t];
                    }
                }
            }
        }
    }
    free(p);
    return y;
}

static void assert_near(const Case *c, AttentionKind kind, const float *got, const double *want,
                        double error) {
    static const char *const names[] = {"attention", "gradient", "bias gradient"};
    int64_t n = result_size(c, kind), parts = kind == ATTENTION_GRAD ? 3 : 1;
    for (int64_t part = 0; part < parts; part++) {
        double most = 1e-3;
        for (int64_t i = part * n / parts; i < (part + 1) * n / parts; i++) most = fmax(most, fabs(want[i]));
        for (int64_t i = part * n / parts; i < (part + 1) * n / parts; i++)
            if (!(fabs((double)got[i] - want[i]) <= error * most))
                fail_msg("%s of %lldx%lld [%lldx%lld], element %lld: %.9g, not %.9g", names[kind],
                         (long long)c->images, (long long)c->heads, (long long)c->n, (long long)c->d,
                         (long long)i, (double)got[i], want[i]);
    }
}

static void check(const Case *c, const Variant *v, AttentionKind kind, VtKernel kernel,
                  int64_t scratch_bytes) {
    int64_t tokens = c->images * c->n, size = result_size(c, kind);
    int64_t n_qkv = tokens * 3 * c->heads * c->d, n_dy = tokens * c->heads * c->d;
    Data x = {numbers(n_qkv, 1, 1.5f), numbers(n_dy, 2, 1), numbers(c->images * c->heads * c->n * c->n, 3, 2),
              NULL, NULL};
    x.qkv_memory = in_memory(x.qkv, n_qkv, v->dtype);
    x.dy_memory = in_memory(x.dy, n_dy, v->dtype);
    double *want = reference(c, &x, kind, 0.6);
    float *first = NULL;
    for (int threads = 1; threads <= MOST_THREADS; threads++) {
        float *out = malloc((size_t)size * sizeof *out);
        memset(out, 0xff, (size_t)size * sizeof *out); /* NaN: every element must be written */
        for (int t = 0; t < threads; t++) {
            void *scratch = aligned_alloc(64, (size_t)(scratch_bytes + 63) / 64 * 64);
            memset(scratch, 0xff, (size_t)scratch_bytes);
            kernel((void *[]){x.qkv_memory, x.dy_memory, x.bias, out, scratch}, t, threads);
            free(scratch);
        }
        if (first)
            assert_memory_equal(out, first, (size_t)size * sizeof *out);
        else
            assert_near(c, kind, out, want, v->error);
        if (first) free(out);
        if (!first) first = out;
    }
    free(first), free(want), free(x.qkv), free(x.dy), free(x.bias), free(x.qkv_memory), free(x.dy_memory);
}

static void test_attention(void **state) {
    const Run *r = *state;
    const Variant *v = r->variant;
    Unit unit;
    run_begin(&unit, r);
    int64_t scratch[N_CASES][N_KINDS];
    char name[32];
    for (int i = 0; i < N_CASES * N_KINDS; i++) {
        snprintf(name, sizeof name, "attention_%d", i);
        if (i % N_KINDS == ATTENTION_BIAS_GRAD && !CASES[i / N_KINDS].bias) continue;
        scratch[i / N_KINDS][i % N_KINDS] =
            emit(&unit, &CASES[i / N_KINDS], v, (AttentionKind)(i % N_KINDS), name);
    }
    unit_load(&unit);
    for (int i = 0; i < N_CASES * N_KINDS; i++) {
        snprintf(name, sizeof name, "attention_%d", i);
        if (i % N_KINDS == ATTENTION_BIAS_GRAD && !CASES[i / N_KINDS].bias) continue;
        check(&CASES[i / N_KINDS], v, (AttentionKind)(i % N_KINDS), unit_address(&unit, name),
              scratch[i / N_KINDS][i % N_KINDS]);
    }
    unit_free(&unit);
}

int main(void) {
    static struct CMUnitTest tests[MOST_RUNS + 1];
    size_t count = run_rows(tests, test_attention, VARIANTS, sizeof *VARIANTS, N_VARIANTS);
    run_row(tests, &count, &blocks_model, test_attention, VARIANTS, sizeof *VARIANTS, N_VARIANTS);
    return _cmocka_run_group_tests("attention", tests, count, NULL, NULL);
}
