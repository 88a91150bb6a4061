/* Attention and its gradients against loops in double, on every target row of this machine: token counts that fill no
 * block, several blocks, fewer and more queries than keys, head sizes, a bias repeated along some axes, operands
 * interleaved as a qkv product leaves them, bf16 operands. Results must not depend on the number of threads by a single
 * bit. */
#include "codegen/kernels/attention.h"
#include "tests/codegen/rows.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

typedef struct {
    int64_t images, heads, m, n, d;
    bool bias, bias_per_image;
} Case;

static const Case CASES[] = {
    {1, 1, 1, 1, 1, false, false},      {2, 3, 5, 5, 8, false, false},     {2, 2, 17, 17, 20, true, false},
    {1, 3, 65, 65, 64, false, false},   {2, 1, 50, 50, 96, true, true},    {1, 2, 197, 197, 64, true, false},
    {1, 1, 530, 530, 33, false, false}, {1, 2, 64, 64, 48, true, false},   {2, 2, 1, 65, 64, false, false},
    {1, 2, 1, 197, 24, true, false},    {2, 1, 147, 197, 32, true, false}, {1, 2, 40, 3, 20, true, true},
    {2, 1, 7, 1, 8, false, false},      {1, 1, 3, 500, 33, false, false},
};
enum { N_CASES = sizeof CASES / sizeof *CASES, MOST_THREADS = 3, N_KINDS = 5 };

/* One gradient of all three is there for as many queries as keys alone, and two are tried where it is not. */
static bool is_made(const Case *c, AttentionKind kind) {
    if (kind == ATTENTION_BIAS_GRAD) return c->bias;
    if (kind == ATTENTION_GRAD) return c->m == c->n;
    return kind == ATTENTION || c->m != c->n || c->m == 17;
}

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

/* q, k and v interleaved [images, n, 3, heads, d], or, where m is not n, q alike, [images, m, 3, heads, d], behind
 * them; dy [images, heads, m, d]; the bias [1 or images, heads, m, n]. */
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

/* Where q begins among q, k and v. */
static int64_t queries_at(const Case *c) {
    return c->m == c->n ? 0 : c->images * c->n * 3 * c->heads * c->d;
}

static int64_t qkv_size(const Case *c) {
    return queries_at(c) + c->images * c->m * 3 * c->heads * c->d;
}

static int64_t rows_of(const Case *c, AttentionKind kind) {
    return kind == ATTENTION_KEY_GRAD ? c->n : c->m;
}

static int64_t result_size(const Case *c, AttentionKind kind) {
    int64_t all = c->images * c->heads, part = all * rows_of(c, kind) * c->d;
    if (kind == ATTENTION_BIAS_GRAD) return (c->bias_per_image ? all : c->heads) * c->m * c->n;
    return kind == ATTENTION_GRAD ? 3 * part : kind == ATTENTION_KEY_GRAD ? 2 * part : part;
}

static AttentionShape shape_of(const Case *c, const Variant *v, AttentionKind kind) {
    AttentionShape s = {.kind = kind,
                        .precision = v->precision,
                        .scale = 0.6,
                        .m = c->m,
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
                                     .batch = {(i ? c->n : c->m) * row, c->d},
                                     .row = row,
                                     .col = 1,
                                     .offset = i * c->heads * c->d + (i ? 0 : queries_at(c))};
    s.dy = (AttentionOperand){
        .dtype = v->dtype, .batch = {c->heads * c->m * c->d, c->m * c->d}, .row = c->d, .col = 1};
    s.bias = (AttentionOperand){.dtype = DT_F32,
                                .batch = {c->bias_per_image ? c->heads * c->m * c->n : 0, c->m * c->n},
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
    Store store = {&unit->fb, unit_arg(unit, 3), rows_of(c, kind), kind == ATTENTION_BIAS_GRAD ? c->n : c->d};
    attention_emit(&unit->fb, &s, unit_arg(unit, 4), store_tile, NULL, &store);
    unit_kernel_end(unit);
    return attention_scratch_bytes(&unit->fb, &s);
}

/* ---- the reference ----------------------------------------------------------------------------------------------- */

/* Where the parts of a result lie; NULL: it has no such part. */
typedef struct {
    double *y, *dq, *dk, *dv, *dbias;
} Parts;

static Parts parts_of(const Case *c, AttentionKind kind, double *to) {
    int64_t keys = c->images * c->heads * c->n * c->d;
    switch (kind) {
    case ATTENTION: return (Parts){.y = to};
    case ATTENTION_GRAD: return (Parts){.dq = to, .dk = to + keys, .dv = to + 2 * keys};
    case ATTENTION_QUERY_GRAD: return (Parts){.dq = to};
    case ATTENTION_KEY_GRAD: return (Parts){.dk = to, .dv = to + keys};
    default: return (Parts){.dbias = to};
    }
}

/* to[d] += factor·x[d], where there is such a part. */
static void add_to(double *part, int64_t row, int64_t d, double factor, const float *x) {
    for (int64_t t = 0; part && t < d; t++) part[row * d + t] += factor * (double)x[t];
}

static double dot(const float *a, const float *b, int64_t d) {
    double sum = 0;
    for (int64_t t = 0; t < d; t++) sum += (double)a[t] * (double)b[t];
    return sum;
}

static double *reference(const Case *c, const Data *x, AttentionKind kind, double scale) {
    int64_t m = c->m, n = c->n, d = c->d, row = 3 * c->heads * d;
    double *result = calloc((size_t)result_size(c, kind) + 1, sizeof *result),
           *p = malloc(sizeof *p * (size_t)(2 * n));
    double *dp = p + n;
    Parts to = parts_of(c, kind, result);
    for (int64_t matrix = 0; matrix < c->images * c->heads; matrix++) {
        int64_t image = matrix / c->heads, head = matrix % c->heads;
        int64_t bias_matrix = c->bias_per_image ? matrix : head;
        const float *k = x->qkv + image * n * row + (c->heads + head) * d, *v = k + c->heads * d;
        for (int64_t i = 0; i < m; i++) {
            const float *q = x->qkv + queries_at(c) + (image * m + i) * row + head * d,
                        *dy = x->dy + (matrix * m + i) * d;
            int64_t of_bias = (bias_matrix * m + i) * n;
            double most = -INFINITY, total = 0, sum = 0;
            for (int64_t j = 0; j < n; j++) {
                p[j] = scale * dot(q, k + j * row, d) + (c->bias ? (double)x->bias[of_bias + j] : 0);
                dp[j] = dot(dy, v + j * row, d);
                most = fmax(most, p[j]);
            }
            for (int64_t j = 0; j < n; j++) total += p[j] = exp(p[j] - most);
            for (int64_t j = 0; j < n; j++) sum += (p[j] /= total) * dp[j];
            for (int64_t j = 0; j < n; j++) {
                double ds = p[j] * (dp[j] - sum);
                if (to.dbias) to.dbias[of_bias + j] += ds;
                add_to(to.y, matrix * m + i, d, p[j], v + j * row);
                add_to(to.dq, matrix * m + i, d, scale * ds, k + j * row);
                add_to(to.dk, matrix * n + j, d, scale * ds, q);
                add_to(to.dv, matrix * n + j, d, p[j], dy);
            }
        }
    }
    free(p);
    return result;
}

static void assert_near(const Case *c, AttentionKind kind, const float *got, const double *want,
                        double error) {
    static const char *const names[] = {"attention", "gradient", "gradient of queries", "gradient of keys",
                                        "bias gradient"};
    static const int parts_of_kind[] = {1, 3, 1, 2, 1};
    int64_t n = result_size(c, kind), parts = parts_of_kind[kind];
    for (int64_t part = 0; part < parts; part++) {
        double most = 1e-3;
        for (int64_t i = part * n / parts; i < (part + 1) * n / parts; i++) most = fmax(most, fabs(want[i]));
        for (int64_t i = part * n / parts; i < (part + 1) * n / parts; i++)
            if (!(fabs((double)got[i] - want[i]) <= error * most))
                fail_msg("%s of %lldx%lld [%lldx%lldx%lld], element %lld: %.9g, not %.9g", names[kind],
                         (long long)c->images, (long long)c->heads, (long long)c->m, (long long)c->n,
                         (long long)c->d, (long long)i, (double)got[i], want[i]);
    }
}

static void check(const Case *c, const Variant *v, AttentionKind kind, VtKernel kernel,
                  int64_t scratch_bytes) {
    int64_t size = result_size(c, kind), n_qkv = qkv_size(c), n_dy = c->images * c->m * c->heads * c->d;
    Data x = {numbers(n_qkv, 1, 1.5f), numbers(n_dy, 2, 1), numbers(c->images * c->heads * c->m * c->n, 3, 2),
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
        if (!is_made(&CASES[i / N_KINDS], (AttentionKind)(i % N_KINDS))) continue;
        scratch[i / N_KINDS][i % N_KINDS] =
            emit(&unit, &CASES[i / N_KINDS], v, (AttentionKind)(i % N_KINDS), name);
    }
    unit_load(&unit);
    for (int i = 0; i < N_CASES * N_KINDS; i++) {
        snprintf(name, sizeof name, "attention_%d", i);
        if (!is_made(&CASES[i / N_KINDS], (AttentionKind)(i % N_KINDS))) continue;
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
