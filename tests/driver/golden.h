/* For tests: what `vitc run` gives for the inputs of a golden file, tests/golden/NAME.safetensors, compared with what
 * the file says it is. */
#ifndef VITC_TESTS_DRIVER_GOLDEN_H
#define VITC_TESTS_DRIVER_GOLDEN_H

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

static inline bool star(const char *pattern, const char *name, char *captured) {
    const char *at = strchr(pattern, '*');
    captured[0] = '\0';
    if (!at) return strcmp(pattern, name) == 0;
    size_t before = (size_t)(at - pattern), after = strlen(at + 1), n = strlen(name);
    if (n < before + after || strncmp(pattern, name, before) || strcmp(at + 1, name + n - after))
        return false;
    sprintf(captured, "%.*s", (int)(n - before - after), name + before);
    return true;
}

static inline double *read_tensor(VtTensorFile *file, int i, int64_t *n) {
    VtTensor shape;
    VtError error;
    vt_tensors_type(file, i, &shape);
    *n = vt_elements(&shape);
    double *data = malloc(sizeof *data * (size_t)(*n + 1));
    assert_true(vt_tensors_read(file, i, VT_F64, data, &error));
    return data;
}

static inline double largest(const double *x, int64_t n) {
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
static inline int compare(const char *name, const double *got, const double *want, int64_t n, bool gradient,
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
static inline void name_of(const Pair *pair, const char *captured, char name[512]) {
    const char *at = strchr(pair->got, '*');
    if (at)
        sprintf(name, "%.*s%s%s", (int)(at - pair->got), pair->got, captured, at + 1);
    else
        strcpy(name, pair->got);
}

static inline int compare_pair(const Pair *pair, VtTensorFile *got, VtTensorFile *want, bool exact,
                               double slack, int *count) {
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
static inline void add_errors(const Pair *pair, VtTensorFile *got, VtTensorFile *want, double sums[2]) {
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

static inline Results run(const Case *c, const char *flags) {
    char command[4096], golden[1024];
    Results r = {.out = "/tmp/vitc-golden-XXXXXX"};
    VtError error = {0};
    close(mkstemp(r.out));
    snprintf(golden, sizeof golden, "%s/golden/%s.safetensors", TEST_DIR, c->name);
    char recipe[1024], rename[1024];
    snprintf(recipe, sizeof recipe, "%s/golden/%s.yaml", TEST_DIR, c->name);
    snprintf(rename, sizeof rename, "%s/golden/%s.rename.yaml", TEST_DIR, c->name);
    bool renamed = access(rename, R_OK) == 0;
    snprintf(command, sizeof command, "%s run %s --in %s --out %s %s%s %s", VITC_BINARY,
             strcmp(c->arguments, "@") == 0 ? recipe : c->arguments, golden, r.out,
             renamed ? "--rename " : "", renamed ? rename : "", flags);
    assert_int_equal(system(command), 0);
    r.want = vt_tensors_open(golden, &error);
    r.got = vt_tensors_open(r.out, &error);
    assert_non_null(r.want);
    assert_non_null(r.got);
    return r;
}

static inline void drop(Results *r) {
    vt_tensors_close(r->want);
    vt_tensors_close(r->got);
    unlink(r->out);
}

/* ‖g - g64‖ / ‖g64‖ over all gradients. */
static inline double gradient_error_of(const Case *c, const Results *r) {
    double sums[2] = {0};
    for (size_t p = 0; p < sizeof c->pairs / sizeof *c->pairs && c->pairs[p].got; p++)
        add_errors(&c->pairs[p], r->got, r->want, sums);
    assert_true(sums[1] > 0);
    return sqrt(sums[0] / sums[1]);
}

static inline void check(const Case *c, const char *flags) {
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

#endif
