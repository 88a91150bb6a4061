/* Elementary functions in vector IR against the C library in double, in ulp, on every target row of this machine. The
 * points are floats of every exponent and sign, infinities and NaNs among them, and a fine grid where the function
 * bends or where its pieces meet. */
#include "codegen/emit/vecmath.h"
#include "tests/codegen/unit.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

enum { EVERYWHERE = 1 << 19, GRID = 1 << 18, POINTS = EVERYWHERE + GRID };

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

/* `limit`: the ulp that vecmath.h promises; `domain`: for |x| up to it; `from`, `to`: the fine grid. `of_one`: the
 * error is counted in ulp of 1. */
static const struct {
    const char *name;
    LLVMValueRef (*emit)(FunctionBuilder *, LLVMValueRef);
    double (*exact)(double);
    double limit, domain, from, to;
    bool of_one;
} FUNCTIONS[] = {
    {"exp", vecmath_exp, exp, 1.2, INFINITY, -104, 89, false},
    {"log", vecmath_log, log, 0.9, INFINITY, 0.25, 4, false},
    {"tanh", vecmath_tanh, tanh, 1.4, INFINITY, -10, 10, false},
    {"erf", vecmath_erf, erf, 2.5, INFINITY, -4.5, 4.5, false},
    {"sigmoid", vecmath_sigmoid, sigmoid, 2.3, INFINITY, -104, 20, false},
    {"sin", vecmath_sin, sin, 0.8, 1e4, -8, 8, true},
    {"cos", vecmath_cos, cos, 0.8, 1e4, -8, 8, true},
    {"erf16", vecmath_erf_bf16, erf, 218, INFINITY, -4.5, 4.5, true},
    {"exp16", vecmath_exp_bf16, exp, 100, 86, -86, 86, false}, /* saturates beyond */
};
enum { N_FUNCTIONS = sizeof FUNCTIONS / sizeof *FUNCTIONS };

static float points[POINTS], vectors[POINTS], scalars[POINTS];

static void make_points(int function) {
    for (uint32_t i = 0; i < EVERYWHERE; i++) {
        uint32_t bits = i * 8191; /* odd: every exponent, no two alike */
        memcpy(&points[i], &bits, 4);
    }
    static const float special[] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 1, -1, 0x1p-149f, -0x1p-149f};
    memcpy(points, special, sizeof special);
    double from = FUNCTIONS[function].from, to = FUNCTIONS[function].to;
    for (int i = 0; i < GRID; i++) points[EVERYWHERE + i] = (float)(from + (to - from) * i / (GRID - 1));
}

/* kernel(x, y): y = function(x) for all points, `width` at a time (1: scalars). */
static void emit_map(Unit *unit, const char *name, int function, int width) {
    FunctionBuilder *fb = &unit->fb;
    unit_kernel(unit, name);
    LLVMTypeRef f32 = LLVMFloatTypeInContext(fb->context);
    LLVMTypeRef type = width == 1 ? f32 : LLVMVectorType(f32, (unsigned)width);
    LLVMValueRef x = unit_arg(unit, 0), y = unit_arg(unit, 1);
    Loop loop = build_loop_begin(fb, build_i64(fb, 0), build_i64(fb, POINTS), width, "i");
    LLVMValueRef in =
        LLVMBuildLoad2(fb->builder, type, LLVMBuildGEP2(fb->builder, f32, x, &loop.counter, 1, ""), "");
    LLVMSetAlignment(in, 4);
    LLVMValueRef out = LLVMBuildStore(fb->builder, FUNCTIONS[function].emit(fb, in),
                                      LLVMBuildGEP2(fb->builder, f32, y, &loop.counter, 1, ""));
    LLVMSetAlignment(out, 4);
    build_loop_end(fb, &loop);
    unit_kernel_end(unit);
}

/* Distance of y from the exact value in ulp of the float next to it; 0 where both are the same infinity or NaN. */
static double ulp_error(float y, double exact, bool of_one) {
    if (isnan(exact)) return isnan(y) ? 0 : INFINITY;
    if (isinf((float)exact) && isinf(y)) return (exact < 0) == (y < 0) ? 0 : INFINITY;
    int exponent = of_one || exact == 0 || isinf(exact) ? 1 : ilogb(exact) + 1;
    if (!of_one && exact == 0) return y == 0 ? 0 : INFINITY;
    if (isinf(exact)) return INFINITY;
    double unit = ldexp(1, exponent < -125 ? -149 : exponent - 24);
    double y_wide = isinf(y) ? copysign(0x1p128, y) : y;
    return isnan(y) ? INFINITY : fabs(y_wide - exact) / unit;
}

static bool within_limit(const char *row, int function) {
    double worst = 0;
    float where = 0;
    for (int i = 0; i < POINTS; i++) {
        bool saturates = FUNCTIONS[function].emit == vecmath_exp_bf16;
        if (fabs((double)points[i]) > FUNCTIONS[function].domain && (saturates || !isinf(points[i])))
            continue;
        double exact = FUNCTIONS[function].exact(points[i]);
        double error = ulp_error(vectors[i], exact, FUNCTIONS[function].of_one);
        if (error > worst) {
            worst = error;
            where = points[i];
        }
    }
    print_message("  %-8s %-8s %.2f ulp, at %a\n", row, FUNCTIONS[function].name, worst, (double)where);
    for (int i = 0; i < POINTS; i++)
        if (memcmp(&scalars[i], &vectors[i], 4) != 0 && !(isnan(scalars[i]) && isnan(vectors[i])))
            fail_msg("a vector's lane differs from the scalar at %a: %a, %a", (double)points[i],
                     (double)vectors[i], (double)scalars[i]);
    return worst <= FUNCTIONS[function].limit;
}

static void test_ulp(void **state) {
    (void)state;
    bool good = true;
    int n_rows;
    const Target *const *rows = target_all(&n_rows);
    for (int r = 0; r < n_rows; r++) {
        if (!target_runs_here(rows[r], NULL)) {
            print_message("  %s: skipped, this machine lacks it\n", rows[r]->name);
            continue;
        }
        Unit unit;
        unit_begin(&unit, rows[r]->name);
        char name[64];
        for (int f = 0; f < N_FUNCTIONS; f++)
            for (int wide = 0; wide < 2; wide++) {
                snprintf(name, sizeof name, "%s_%d", FUNCTIONS[f].name, wide);
                emit_map(&unit, name, f, wide ? rows[r]->lanes : 1);
            }
        unit_load(&unit);
        for (int f = 0; f < N_FUNCTIONS; f++) {
            make_points(f);
            snprintf(name, sizeof name, "%s_0", FUNCTIONS[f].name);
            unit_address(&unit, name)((void *[]){points, scalars}, 0, 1);
            snprintf(name, sizeof name, "%s_1", FUNCTIONS[f].name);
            unit_address(&unit, name)((void *[]){points, vectors}, 0, 1);
            good &= within_limit(rows[r]->name, f);
        }
        unit_free(&unit);
    }
    if (!good) fail_msg("errors beyond those that vecmath.h states");
}

/* Signs of zeros, and bounds that callers count on: |tanh|, |erf| and sigmoid never pass 1. */
static void test_bounds(void **state) {
    (void)state;
    Unit unit;
    unit_begin(&unit, NULL);
    for (int f = 0; f < N_FUNCTIONS; f++) emit_map(&unit, FUNCTIONS[f].name, f, unit.fb.target->lanes);
    unit_load(&unit);
    for (int f = 0; f < N_FUNCTIONS; f++) {
        bool odd = FUNCTIONS[f].exact(-1) == -FUNCTIONS[f].exact(1),
             log_like = FUNCTIONS[f].emit == vecmath_log;
        make_points(f);
        unit_address(&unit, FUNCTIONS[f].name)((void *[]){points, vectors}, 0, 1);
        for (int i = 0; i < POINTS; i++) {
            if (odd && points[i] == 0) assert_true(!signbit(vectors[i]) == !signbit(points[i]));
            if (log_like || FUNCTIONS[f].exact == exp || isnan(vectors[i])) continue;
            if (fabs((double)points[i]) <= FUNCTIONS[f].domain)
                assert_true(vectors[i] <= 1 && vectors[i] >= -1);
        }
    }
    unit_free(&unit);
}

/* A function of the C library on the lanes of a vector of doubles. */
static void test_libm(void **state) {
    (void)state;
    Unit unit;
    unit_begin(&unit, NULL);
    FunctionBuilder *fb = &unit.fb;
    unit_kernel(&unit, "cbrt4");
    LLVMTypeRef vector = LLVMVectorType(LLVMDoubleTypeInContext(fb->context), 4);
    LLVMValueRef x = LLVMBuildLoad2(fb->builder, vector, unit_arg(&unit, 0), "");
    LLVMSetAlignment(x, 8);
    LLVMSetAlignment(LLVMBuildStore(fb->builder, vecmath_libm(fb, "cbrt", x), unit_arg(&unit, 1)), 8);
    unit_kernel_end(&unit);
    unit_load(&unit);
    double in[4] = {8, -27, 0.001, 2}, out[4];
    unit_address(&unit, "cbrt4")((void *[]){in, out}, 0, 1);
    for (int i = 0; i < 4; i++) assert_true(out[i] == cbrt(in[i]));
    unit_free(&unit);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ulp), cmocka_unit_test(test_bounds),
                                       cmocka_unit_test(test_libm)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
