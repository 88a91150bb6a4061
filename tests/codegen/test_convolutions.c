/* Convolutions and pools, compiled, with their gradients, against the interpreter: on every target row and in every
 * precision, filters of 1 to 7, strides of 1 to 4, padding, sizes that fill no tile. No value that has all windows side
 * by side is stored: products read windows where the image lies. */
#include "tests/codegen/against.h"
#include "tests/codegen/rows.h"

#include <string.h>

typedef struct {
    int64_t batch, channels, height, width, outputs, kernel[2], stride[2], padding[2];
} Size;

static const Size SIZES[] = {
    {2, 3, 9, 7, 20, {3, 3}, {2, 2}, {1, 1}},   {3, 16, 8, 8, 24, {3, 3}, {1, 1}, {1, 1}},
    {2, 8, 11, 13, 12, {2, 2}, {1, 1}, {0, 0}}, {2, 5, 13, 10, 7, {5, 3}, {2, 3}, {2, 0}},
    {2, 6, 14, 15, 9, {7, 7}, {2, 2}, {3, 3}},  {2, 33, 8, 9, 17, {1, 1}, {2, 1}, {0, 0}},
    {1, 4, 21, 18, 40, {3, 2}, {4, 4}, {1, 1}}, {2, 4, 16, 16, 8, {4, 4}, {2, 2}, {1, 1}},
    {2, 6, 12, 12, 18, {4, 4}, {4, 4}, {0, 0}}, {2, 40, 7, 7, 48, {3, 3}, {2, 2}, {1, 1}},
    {2, 4, 9, 9, 6, {2, 2}, {3, 3}, {0, 0}},    {4, 250, 5, 5, 9, {3, 3}, {1, 1}, {1, 1}},
};
enum { N_SIZES = sizeof SIZES / sizeof *SIZES, STEP = SANITIZED ? 8 : 4 };

static int64_t windows_along(const Size *s, int i) {
    return ((i ? s->width : s->height) + 2 * s->padding[i] - s->kernel[i]) / s->stride[i] + 1;
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* The most elements of images, results and weights, each with a border; what is beyond has windows side by side. */
static int64_t most_elements(const Size *s) {
    int64_t image = s->batch * s->channels, result = s->batch * s->outputs;
    for (int i = 0; i < 2; i++) {
        image *= (i ? s->width : s->height) + 2 * s->padding[i] + s->stride[i];
        result *= windows_along(s, i) + 2 * (s->kernel[i] - 1);
    }
    return larger(larger(image, result), s->outputs * s->channels * s->kernel[0] * s->kernel[1]);
}

static const Size *looked_at;

static void look(const Func *func) {
    for (ValueId id = 0; id < func->count; id++)
        if (func->plan->places[id].kind != PLACE_LOOPS &&
            type_elements(func_type(func, id)) > most_elements(looked_at))
            fail_msg("windows are stored:\n%s", module_print(func->module, NULL));
    for (size_t k = 0; k < func->plan->n_kernels; k++)
        if (func->plan->kernels[k].kind == KERNEL_OTHER) fail_msg("a convolution is a C function");
}

static const struct {
    const char *name, *target;
    double error; /* relative to the largest a sum of so many terms may be */
} PRECISIONS[] = {{"fp32", "", 1e-6},
                  {"bf16", " target(precision = bf16)", 8e-3},
                  {"bf16x3", " target(precision = bf16x3)", 1e-6}};

static const char *text_of(Arena *arena, const Size *s, const char *target) {
    long long oh = windows_along(s, 0), ow = windows_along(s, 1);
    return arena_printf(
        arena,
        "module @m%s {\n"
        "  func @f(%%x : f32[%lldx%lldx%lldx%lld], %%w : f32[%lldx%lldx%lldx%lld], %%b : f32[%lldx1x1], "
        "%%v : f32[%lldx%lldx%lldx%lld]) {\n"
        "    %%s = sin %%x\n"
        "    %%y = conv2d %%s, %%w {stride = [%lld, %lld], padding = [%lld, %lld]}\n"
        "    %%z = add %%y, %%b\n    %%t = mul %%z, %%v\n    %%u = mul %%t, %%z\n"
        "    %%l = sum %%u {axes = [0, 1, 2, 3]}\n"
        "    %%dx = grad %%l, %%x\n    %%dw = grad %%l, %%w\n    %%db = grad %%l, %%b\n"
        "    output y = %%z\n    output dx = %%dx\n    output dw = %%dw\n    output db = %%db\n  }\n}\n",
        target, (long long)s->batch, (long long)s->channels, (long long)s->height, (long long)s->width,
        (long long)s->outputs, (long long)s->channels, (long long)s->kernel[0], (long long)s->kernel[1],
        (long long)s->outputs, (long long)s->batch, (long long)s->outputs, oh, ow, (long long)s->stride[0],
        (long long)s->stride[1], (long long)s->padding[0], (long long)s->padding[1]);
}

static void test_convolutions(void **state) {
    const Run *run = *state;
    if (!target_runs_here(run->row, NULL)) skip();
    static int first; /* every run tries other sizes */
    size_t p = 0;
    while (strcmp(PRECISIONS[p].name, *(const char *const *)run->variant) != 0) p++;
    for (int i = first++ % STEP; i < N_SIZES; i += STEP) {
        const Size *s = &SIZES[i];
        Arena *arena = arena_new();
        double terms = (double)(s->channels * s->kernel[0] * s->kernel[1]);
        double sums = (double)(s->batch * windows_along(s, 0) * windows_along(s, 1));
        Against against = {.text = text_of(arena, s, PRECISIONS[p].target),
                           .features = run->row->name,
                           .shapes = true,
                           .tolerance = PRECISIONS[p].error * terms * (sums > 30 ? sums : 30),
                           .look = look,
                           .gradients = true};
        looked_at = s;
        check_compiled(&against);
        arena_free(arena);
    }
}

/* Pools of what conv2d gives, and of an image as it is, of few numbers: what is equally large shares the gradient. */
static void test_pools(void **state) {
    (void)state;
    static const char *const pools[] = {"kernel = [3, 3], stride = [2, 2], padding = [1, 1]",
                                        "kernel = [2, 2], stride = [2, 2], padding = [0, 0]",
                                        "kernel = [2, 3], stride = [1, 2], padding = [1, 0]",
                                        "kernel = [2, 2], stride = [3, 4], padding = [0, 1]"};
    for (int i = 0; i < 4; i += SANITIZED ? 3 : 1) {
        Arena *arena = arena_new();
        Against against = {
            .text = arena_printf(
                arena,
                "module @m {\n"
                "  func @f(%%x : f32[2x5x9x7], %%w : f32[18x5x1x1]) {\n"
                "    %%n = constant {value = 4}\n    %%s = mul %%x, %%n\n    %%t = floor %%s\n"
                "    %%d = sub %%s, %%t\n    %%e = stop_grad %%d\n    %%q = sub %%s, %%e\n"
                "    %%c = conv2d %%q, %%w {stride = [1, 1], padding = [0, 0]}\n"
                "    %%y = max_pool %%c {%s}\n    %%z = max_pool %%q {%s}\n"
                "    %%yy = mul %%y, %%y\n    %%zz = mul %%z, %%z\n"
                "    %%a = sum %%yy {axes = [0, 1, 2, 3]}\n    %%b = sum %%zz {axes = [0, 1, 2, 3]}\n"
                "    %%l = add %%a, %%b\n    %%dx = grad %%l, %%x\n    %%dw = grad %%l, %%w\n"
                "    output y = %%y\n    output z = %%z\n    output dx = %%dx\n"
                "    output dw = %%dw\n  }\n}\n",
                pools[i], pools[i]),
            .shapes = true,
            .tolerance = 2e-3,
            .gradients = true};
        check_compiled(&against);
        arena_free(arena);
    }
}

int main(void) {
    static struct CMUnitTest tests[MOST_RUNS];
    size_t n = run_rows(tests, test_convolutions, PRECISIONS, sizeof *PRECISIONS, 3);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_pools);
    return _cmocka_run_group_tests("convolutions", tests, n, NULL, NULL);
}
