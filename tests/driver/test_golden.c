/* Whole training steps against the official implementations: tests/golden/NAME_step.safetensors through `vitc run`,
 * compiled and interpreted, within the tolerances of an fp32 implementation; and the error of their gradients in the
 * other precisions. */
#include "codegen/codegen.h"
#include "runtime/runtime.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    const char *got, *want; /* one * in each, or none */
} Pair;

typedef struct {
    const char *name, *arguments;
    Pair pairs[10];
    /* Of steps whose gradients fp32 cannot give to the tolerance (BatchNorms of six rows that are nearly the same, one
     * behind the other): ‖g - g64‖ / ‖g64‖ of PyTorch 2.15 in fp32. Else 0. */
    double fp32;
    double autocast; /* ‖g - g64‖ / ‖g64‖ of PyTorch 2.15's bf16 autocast (bench/peers/gradients) */
} Case;

static const Case CASES[] = {
    {"dino_step",
     "dino image=16 local_size=8 patch=4 width=24 depth=2 heads=3 locals=2 batch=3 out_dim=40 hidden=48 "
     "bottleneck=16 drop_path=0 epochs=10 "
     "warmup_teacher_temp_epochs=3 ema=0.99 clip=0.3 ema_end=0.99 base_lr=0.08533333333333333 min_lr=0.001 "
     "warmup=0 wd=0.05 wd_end=0.05 --step 1",
     {{"loss", "loss"},
      {"out.student", "out.student"},
      {"out.teacher", "out.teacher"},
      {"after.center", "center.after"},
      {"grad.student.*", "grad.*"},
      {"after.student.*", "student_after.*"},
      {"after.teacher.*", "teacher_after.*"}},
     .autocast = 3.19e-2},
    {"simmim_step",
     "simmim image=16 patch=4 width=24 depth=2 heads=3 batch=3 mask_patch=8 drop_path=0",
     {{"loss", "loss"}, {"pred", "pred"}, {"grad.*", "grad.*"}},
     .autocast = 2.28e-2},
    {"mocov3_step",
     "mocov3 image=16 patch=4 width=24 depth=2 heads=3 batch=6 hidden=32 out_dim=16",
     {{"loss", "loss"},
      {"grad.*", "grad.*"},
      {"after.momentum_encoder.*", "after.momentum_encoder.*"},
      {"after.*running_mean", "after.*running_mean"},
      {"after.*running_var", "after.*running_var"},
      {"after.*num_batches_tracked", "after.*num_batches_tracked"}},
     .autocast = 1.92e-1},
    {"mae_step",
     "mae image=16 patch=4 width=24 depth=2 heads=3 decoder_dim=16 decoder_depth=1 decoder_heads=2 batch=3",
     {{"loss", "loss"},
      {"pred", "pred"},
      {"mask", "mask"},
      {"grad.decoder.decoder_*", "grad.decoder_*"},
      {"grad.decoder.mask_token", "grad.mask_token"},
      {"grad.encoder.blocks.*", "grad.blocks.*"},
      {"grad.encoder.patch_embed.*", "grad.patch_embed.*"},
      {"grad.encoder.norm.*", "grad.norm.*"},
      {"grad.encoder.cls_token", "grad.cls_token"}},
     .autocast = 5.59e-3},
    {"sit_step",
     "sit image=32 patch=4 width=24 depth=2 heads=3 batch=3 hidden=32 out_dim=16 drop_path=0 alpha=5 "
     "replaced=0 blur=false",
     {{"loss", "loss"},
      {"loss.reconstruct", "loss.recons"},
      {"loss.contrast", "loss.contrastive"},
      {"out.student_cls", "out.student_cls"},
      {"out.teacher_cls", "out.teacher_cls"},
      {"out.recons", "out.recons"},
      {"grad.student.*", "grad.*"},
      {"after.student.*running_mean", "student_after.*running_mean"},
      {"after.student.*running_var", "student_after.*running_var"}},
     .fp32 = 1.41e-5},
    {"timm_vit", "@", {{"tokens", "tokens"}, {"logits", "logits"}}, 0, 0}, /* @: the recipe beside the file */
    {"timm_variants", "@", {{"out.*", "out.*"}}, 0, 0},
    {"mixing", "@", {{"*.x", "*.x"}, {"*.wanted", "*.wanted"}}, 0, 0},
    {"evals",
     "@",
     {{"attention_distance", "attention_distance"},
      {"nmi", "nmi"},
      {"fourier", "fourier"},
      {"singular_log", "singular_log"},
      {"token_cosine", "token_cosine"}},
     0,
     0},
    {"losses",
     "@",
     {{"loss.barlow", "barlow.loss"},
      {"loss.vicreg", "vicreg.loss"},
      {"loss.simclr", "simclr.loss"},
      {"loss.byol", "byol.loss"},
      {"loss.queue", "moco_queue.loss"},
      {"barlow.dx*", "barlow.dx*"},
      {"vicreg.dx*", "vicreg.dx*"},
      {"simclr.dx*", "simclr.dx*"},
      {"byol.dx0", "byol.dx0"},
      {"moco_queue.dx0", "moco_queue.dx0"}},
     0,
     0},
};

static bool star(const char *pattern, const char *name, char *captured) {
    const char *at = strchr(pattern, '*');
    captured[0] = '\0';
    if (!at) return strcmp(pattern, name) == 0;
    size_t before = (size_t)(at - pattern), after = strlen(at + 1), n = strlen(name);
    if (n < before + after || strncmp(pattern, name, before) || strcmp(at + 1, name + n - after))
        return false;
    sprintf(captured, "%.*s", (int)(n - before - after), name + before);
    return true;
}

static double *read_tensor(VtTensorFile *file, int i, int64_t *n) {
    VtTensor shape;
    VtError error;
    vt_tensors_type(file, i, &shape);
    *n = vt_elements(&shape);
    double *data = malloc(sizeof *data * (size_t)(*n + 1));
    assert_true(vt_tensors_read(file, i, VT_F64, data, &error));
    return data;
}

static double largest(const double *x, int64_t n) {
    double most = 0;
    for (int64_t k = 0; k < n; k++) most = fmax(most, fabs(x[k]));
    return most;
}

/* |got - want| <= 1e-5 + 1e-4 |want|, for gradients 1e-5 max|want| + 1e-3 |want|. A gradient that is zero but for
 * rounding (below 1e-12) must be below 1e-6. `slope`: a compiled step's parameter moves by lr·g / (|g| + 1e-8), so
 * where the exact gradient is zero (attention does not see a bias of the keys) fp32 rounding decides; there it may move
 * by up to lr. The interpreted step has no such allowance. slack: what the tolerance is multiplied with, above 1 where
 * gradients are looked at as a whole (Case.fp32). */
#define LR 1e-3
static int compare(const char *name, const double *got, const double *want, int64_t n, bool gradient,
                   double slack, const double *slope) {
    double most = largest(want, n);
    for (int64_t k = 0; k < n; k++) {
        double tolerance = gradient ? 1e-5 * most + 1e-3 * fabs(want[k]) : 1e-5 + 1e-4 * fabs(want[k]);
        if (gradient && most < 1e-12) tolerance = 1e-6;
        if (slope && fabs(slope[k]) < 1e-9) tolerance = LR;
        if (fabs(got[k] - want[k]) <= slack * tolerance) continue;
        print_error("%s[%lld]: got %.9g, want %.9g\n", name, (long long)k, got[k], want[k]);
        return 1;
    }
    return 0;
}

/* The result that a golden tensor is compared with. */
static void name_of(const Pair *pair, const char *captured, char name[512]) {
    const char *at = strchr(pair->got, '*');
    if (at)
        sprintf(name, "%.*s%s%s", (int)(at - pair->got), pair->got, captured, at + 1);
    else
        strcpy(name, pair->got);
}

static int compare_pair(const Pair *pair, VtTensorFile *got, VtTensorFile *want, bool exact, double slack,
                        int *count) {
    int wrong = 0;
    for (int i = 0; i < vt_tensors_count(want); i++) {
        char captured[256], name[512];
        if (!star(pair->want, vt_tensors_name(want, i), captured)) continue;
        name_of(pair, captured, name);
        int j = vt_tensors_find(got, name);
        if (j < 0) {
            print_error("%s is missing from the result\n", name);
            wrong++;
            continue;
        }
        int64_t n, m;
        double *a = read_tensor(got, j, &n), *b = read_tensor(want, i, &m);
        assert_int_equal(n, m);
        char gradient[512];
        snprintf(gradient, sizeof gradient, "grad.%s", captured);
        int of =
            !exact && strncmp(pair->want, "student_after.", 14) == 0 ? vt_tensors_find(want, gradient) : -1;
        double *slope = of >= 0 ? read_tensor(want, of, &m) : NULL;
        wrong += compare(name, a, b, n, strncmp(pair->want, "grad.", 5) == 0, slack, slope);
        (*count)++;
        free(slope);
        free(a);
        free(b);
    }
    return wrong;
}

/* The sums of |got - want|² and |want|² over the gradients of a pair. */
static void add_errors(const Pair *pair, VtTensorFile *got, VtTensorFile *want, double sums[2]) {
    for (int i = 0; i < vt_tensors_count(want); i++) {
        char captured[256], name[512];
        if (strncmp(pair->want, "grad.", 5) != 0 || !star(pair->want, vt_tensors_name(want, i), captured))
            continue;
        name_of(pair, captured, name);
        int64_t n, m;
        int j = vt_tensors_find(got, name);
        assert_true(j >= 0);
        double *a = read_tensor(got, j, &n), *b = read_tensor(want, i, &m);
        for (int64_t k = 0; k < n; k++) {
            sums[0] += (a[k] - b[k]) * (a[k] - b[k]);
            sums[1] += b[k] * b[k];
        }
        free(a);
        free(b);
    }
}

typedef struct {
    char out[32];
    VtTensorFile *want, *got;
} Results;

static Results run(const Case *c, const char *flags) {
    char command[4096], golden[1024];
    Results r = {.out = "/tmp/vitc-golden-XXXXXX"};
    VtError error = {0};
    close(mkstemp(r.out));
    snprintf(golden, sizeof golden, "%s/golden/%s.safetensors", TEST_DIR, c->name);
    char recipe[1024];
    snprintf(recipe, sizeof recipe, "%s/golden/%s.yaml", TEST_DIR, c->name);
    snprintf(command, sizeof command, "%s run %s --in %s --out %s --rename %s/golden/%s.rename.yaml %s",
             VITC_BINARY, strcmp(c->arguments, "@") == 0 ? recipe : c->arguments, golden, r.out, TEST_DIR,
             c->name, flags);
    assert_int_equal(system(command), 0);
    r.want = vt_tensors_open(golden, &error);
    r.got = vt_tensors_open(r.out, &error);
    assert_non_null(r.want);
    assert_non_null(r.got);
    return r;
}

static void drop(Results *r) {
    vt_tensors_close(r->want);
    vt_tensors_close(r->got);
    unlink(r->out);
}

/* ‖g - g64‖ / ‖g64‖ over all gradients. */
static double gradient_error_of(const Case *c, const Results *r) {
    double sums[2] = {0};
    for (size_t p = 0; p < sizeof c->pairs / sizeof *c->pairs && c->pairs[p].got; p++)
        add_errors(&c->pairs[p], r->got, r->want, sums);
    assert_true(sums[1] > 0);
    return sqrt(sums[0] / sums[1]);
}

static void check(const Case *c, const char *flags) {
    Results r = run(c, flags);
    int wrong = 0;
    bool exact = strcmp(flags, "--interpret") == 0, as_a_whole = c->fp32 > 0 && !exact;
    for (size_t p = 0; p < sizeof c->pairs / sizeof *c->pairs && c->pairs[p].got; p++) {
        int count = 0;
        if (as_a_whole && strncmp(c->pairs[p].want, "grad.", 5) == 0) continue;
        wrong += compare_pair(&c->pairs[p], r.got, r.want, exact, as_a_whole ? 2 : 1, &count);
        assert_true(count > 0);
    }
    if (as_a_whole) assert_true(gradient_error_of(c, &r) <= c->fp32);
    drop(&r);
    assert_int_equal(wrong, 0);
}

static double gradient_error(const Case *c, const char *flags) {
    Results r = run(c, flags);
    double error = gradient_error_of(c, &r);
    drop(&r);
    return error;
}

static void test_compiled(void **state) {
    check(*state, "");
}
static void test_interpreted(void **state) {
    check(*state, "--interpret");
}
/* Generated code has no sanitizers: with them one target is enough. */
static void test_generic(void **state) {
    if (SANITIZED) skip();
    check(*state, "--target x86-64");
}
static void test_avx2(void **state) {
    char why[512];
    if (SANITIZED || !codegen_runs_here("x86-64-v3", why, sizeof why)) skip();
    check(*state, "--target x86-64-v3");
}
static void test_one_thread(void **state) {
    if (SANITIZED) skip();
    check(*state, "--threads 1");
}

/* bf16: no worse than PyTorch's autocast, on real bf16 units, on rounded f32, on (a model of) tile registers. bf16x3:
 * within 4 times the error of fp32, where it is not fp32 itself. The IR is verified after each pass. */
static void test_precisions(void **state) {
    static const char *const targets[] = {"", "--target x86-64", "--target amx-model"};
    const Case *c = *state;
    if (c->autocast == 0) skip();
    setenv("VITC_VERIFY", "1", 1);
    double fp32 = gradient_error(c, "--precision fp32");
    for (int t = 0; t < (SANITIZED ? 1 : 3); t++) {
        char flags[64];
        snprintf(flags, sizeof flags, "--precision bf16 %s", targets[t]);
        double bf16 = gradient_error(c, flags);
        print_message("  %s %s: fp32 %.2g, bf16 %.2g (autocast %.2g)\n", c->name, targets[t], fp32, bf16,
                      c->autocast);
        assert_true(bf16 > 1e-4); /* it is bf16 */
        assert_true(bf16 <= c->autocast);
        if (strstr(targets[t], "x86-64")) continue; /* has no units for it: bf16x3 is fp32 there */
        snprintf(flags, sizeof flags, "--precision bf16x3 %s", targets[t]);
        double split = gradient_error(c, flags);
        print_message("  %s %s: bf16x3 %.2g\n", c->name, targets[t], split);
        assert_true(split <= 4 * fp32);
    }
}

int main(void) {
    enum { N = sizeof CASES / sizeof *CASES, WAYS = 6 };
    static const struct {
        const char *name;
        void (*test)(void **state);
    } ways[] = {{"compiled", test_compiled},      {"interpreted", test_interpreted},
                {"generic target", test_generic}, {"AVX2 target", test_avx2},
                {"one thread", test_one_thread},  {"precisions", test_precisions}};
    struct CMUnitTest tests[N * WAYS];
    char names[N * WAYS][64];
    for (int i = 0; i < N * WAYS; i++) {
        snprintf(names[i], sizeof names[i], "%s, %s", CASES[i / WAYS].name, ways[i % WAYS].name);
        tests[i] = (struct CMUnitTest){names[i], ways[i % WAYS].test, NULL, NULL, (void *)&CASES[i / WAYS]};
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
