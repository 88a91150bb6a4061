/* The matrix products of ViT blocks, each form of them, as shares of the FMA peak measured between them: bench_gemm
 * [WIDTH [TOKENS [BATCH [PRECISION]]]]; PRECISION bf16: its operands so in memory, of the bf16 peak; bf16x3: split
 * bf16. Forward Y = X·Wᵀ, backward dX = dY·W (both also with W packed beforehand) and dW = dYᵀ·X, and attention's
 * products by head. */
#include "bench/median.h"
#include "bench/peak.h"
#include "codegen/gemm/gemm.h"
#include "tests/codegen/unit.h"

#include <string.h>

enum { MOST = 32, REPEATS = 9, HEAD = 64 };

typedef struct {
    char name[48];
    GemmShape shape;
    double flops, speed[REPEATS];
    VtKernel kernel;
    int64_t scratch_bytes;
    float *a, *b, *c;
    char *scratch;
} Case;

typedef struct {
    Case cases[MOST];
    int count;
    Precision precision;
    double peak[REPEATS];
} Bench;

static void add(Bench *bench, const char *name, int64_t batch, int64_t m, int64_t n, int64_t k, bool ta,
                bool tb) {
    Case *c = &bench->cases[bench->count++];
    snprintf(c->name, sizeof c->name, "%s", name);
    c->shape = (GemmShape){.m = m, .n = n, .k = k, .n_batch = batch > 1};
    c->shape.precision = bench->precision;
    c->shape.a_dtype = c->shape.b_dtype = bench->precision == PRECISION_BF16 ? DT_BF16 : DT_F32;
    c->shape.batch[0] = batch;
    c->shape.a_batch[0] = m * k;
    c->shape.b_batch[0] = k * n;
    c->shape.a_row = ta ? 1 : k;
    c->shape.a_col = ta ? m : 1;
    c->shape.b_row = tb ? 1 : n;
    c->shape.b_col = tb ? k : 1;
    c->flops = 2.0 * (double)(batch * m) * (double)(n * k);
}

/* The same product with a B that is packed already, where it fills panels on any target. */
static void add_packed(Bench *bench, const char *name, int64_t m, int64_t n, int64_t k) {
    if (n % 32 || k % 32) return;
    add(bench, name, 1, m, n, k, false, true);
    bench->cases[bench->count - 1].shape.b_packed = true;
}

static void add_linear(Bench *bench, const char *name, int64_t rows, int64_t in, int64_t out) {
    char full[48];
    snprintf(full, sizeof full, "%s  Y = X.Wt", name);
    add(bench, full, 1, rows, out, in, false, true);
    snprintf(full, sizeof full, "%s  Y = X.Wt, packed", name);
    add_packed(bench, full, rows, out, in);
    snprintf(full, sizeof full, "%s  dX = dY.W", name);
    add(bench, full, 1, rows, in, out, false, false);
    snprintf(full, sizeof full, "%s  dX = dY.W, packed", name);
    add_packed(bench, full, rows, in, out);
    snprintf(full, sizeof full, "%s  dW = dYt.X", name);
    add(bench, full, 1, out, in, rows, true, false);
}

/* Of bf16, pairs of one. */
static float *filled(int64_t n, DType dtype) {
    float *x = aligned_alloc(64, (size_t)(n * 4 + 127) / 64 * 64);
    for (int64_t i = 0; i < n; i++) x[i] = dtype == DT_F32 ? (float)((i * 7 + 3) % 13 - 6) / 8 : 1.00195312f;
    return x;
}

static void prepare(Unit *unit, Case *c, int number) {
    char name[16];
    snprintf(name, sizeof name, "gemm_%d", number);
    unit_kernel(unit, name);
    gemm_emit(&unit->fb, &c->shape, unit_arg(unit, 0), unit_arg(unit, 1), unit_arg(unit, 2),
              unit_arg(unit, 3), NULL, NULL, NULL);
    unit_kernel_end(unit);
    int64_t batch = c->shape.n_batch ? c->shape.batch[0] : 1;
    c->scratch_bytes = (gemm_scratch_bytes(&unit->fb, &c->shape, false) + 4096) / 4096 * 4096 + 256;
    c->a = filled(batch * c->shape.m * c->shape.k, c->shape.a_dtype);
    c->b = filled(batch * c->shape.k * c->shape.n, c->shape.b_dtype);
    c->c = filled(batch * c->shape.m * c->shape.n, DT_F32);
    c->scratch = aligned_alloc(4096, ((size_t)c->scratch_bytes * (size_t)vt_threads() + 4095) / 4096 * 4096);
}

static void run_case(void *user, int thread, int threads) {
    Case *c = user;
    void *args[] = {c->a, c->b, c->c, c->scratch + c->scratch_bytes * thread};
    c->kernel(args, thread, threads);
}

static double measure(Case *c) {
    int times = (int)(2e9 / c->flops) + 1;
    double start = bench_now();
    for (int i = 0; i < times; i++) vt_parallel(run_case, c);
    return c->flops * times / (bench_now() - start) / 1e9;
}

int main(int argc, char **argv) {
    int64_t width = argc > 1 ? atol(argv[1]) : 384, tokens = argc > 2 ? atol(argv[2]) : 197,
            batch = argc > 3 ? atol(argv[3]) : 16;
    static Bench bench;
    bool known = precision_find(argc > 4 ? argv[4] : "fp32", &bench.precision);
    if (width < HEAD || tokens < 1 || batch < 1 || !known) {
        fprintf(
            stderr,
            "bench_gemm [WIDTH [TOKENS [BATCH [PRECISION]]]]: width of at least %d; fp32, bf16 or bf16x3\n",
            HEAD);
        return 2;
    }
    int64_t rows = batch * tokens, heads = batch * (width / HEAD);
    add_linear(&bench, "qkv ", rows, width, 3 * width);
    add_linear(&bench, "proj", rows, width, width);
    add_linear(&bench, "fc1 ", rows, width, 4 * width);
    add_linear(&bench, "fc2 ", rows, 4 * width, width);
    add(&bench, "attention  Q.Kt", heads, tokens, tokens, HEAD, false, true);
    add(&bench, "attention  P.V", heads, tokens, HEAD, tokens, false, false);
    add(&bench, "attention  Pt.dY", heads, tokens, HEAD, tokens, true, false);
    PeakKind kinds[2];
    if (peak_kinds(kinds) == 0) {
        fprintf(stderr, "no peak to compare with on this machine\n");
        return 1;
    }
    PeakKind bf16;
    bool pairs = precision_terms(bench.precision) > 0;
    if (pairs && !peak_bf16_kind(&bf16))
        fprintf(stderr, "no bf16 peak here: shares of the FMA peak\n");
    else if (pairs && peak_gflops(&bf16, 200000) > peak_gflops(&kinds[0], 200000))
        kinds[0] = bf16;
    Unit unit;
    unit_begin(&unit, getenv("VITC_TARGET"));
    for (int i = 0; i < bench.count; i++) prepare(&unit, &bench.cases[i], i);
    unit_load(&unit);
    for (int i = 0; i < bench.count; i++) {
        char name[16];
        snprintf(name, sizeof name, "gemm_%d", i);
        bench.cases[i].kernel = unit_address(&unit, name);
        measure(&bench.cases[i]);
    }
    for (int r = 0; r < REPEATS; r++) {
        bench.peak[r] = peak_gflops(&kinds[0], kinds[0].lanes > 64 ? 200000 : 2000000);
        for (int i = 0; i < bench.count; i++) bench.cases[i].speed[r] = measure(&bench.cases[i]);
    }
    double peak = median(bench.peak, REPEATS), least = 1;
    printf("width %lld, %lld tokens, batch %lld, %d threads, %s: %s peak %.0f GFLOP/s\n", (long long)width,
           (long long)tokens, (long long)batch, vt_threads(), unit.fb.target->name, kinds[0].name, peak);
    for (int i = 0; i < bench.count; i++) {
        Case *c = &bench.cases[i];
        double speed = median(c->speed, REPEATS);
        printf("  %-20s %4lldx [%5lld x %5lld x %5lld] %7.1f GFLOP/s %5.1f %%\n", c->name,
               (long long)(c->shape.n_batch ? c->shape.batch[0] : 1), (long long)c->shape.m,
               (long long)c->shape.n, (long long)c->shape.k, speed, 100 * speed / peak);
        if (!c->shape.n_batch && speed / peak < least) least = speed / peak;
        free(c->a), free(c->b), free(c->c), free(c->scratch);
    }
    printf("least of the linear layers: %.1f %%\n", 100 * least);
    unit_free(&unit);
    return 0;
}
