/* Values and gradients of ../../golden/ops.safetensors: single operators, and composites built from primitives as
 * recipes build them. Each is checked as differentiated, and again after simplify, expand and reductions. */
#include "tests/passes/golden.h"
#include "passes/graph/autodiff.h"
#include "passes/graph/expand.h"
#include "passes/graph/reductions.h"
#include "passes/graph/simplify.h"

typedef ValueId (*Composite)(Func *func, const ValueId *x);

/* ---- short forms ------------------------------------------------------------------------------------------------ */

static ValueId number(Func *f, double value) {
    return ir_constant(f, value, DT_F64);
}
static ValueId add(Func *f, ValueId a, ValueId b) {
    return ir_binary(f, OP_add, a, b);
}
static ValueId sub(Func *f, ValueId a, ValueId b) {
    return ir_binary(f, OP_sub, a, b);
}
static ValueId mul(Func *f, ValueId a, ValueId b) {
    return ir_binary(f, OP_mul, a, b);
}
static ValueId divide(Func *f, ValueId a, ValueId b) {
    return ir_binary(f, OP_div, a, b);
}

static ValueId mean(Func *f, ValueId x, int n_axes, const int64_t *axes, bool keep) {
    double n = 1;
    for (int i = 0; i < n_axes; i++) n *= (double)func_type(f, x)->dim[axes[i]];
    return divide(f, ir_reduce(f, OP_sum, x, n_axes, axes, keep), number(f, n));
}

static ValueId row_sum(Func *f, ValueId x) {
    int64_t last = func_type(f, x)->rank - 1;
    return ir_reduce(f, OP_sum, x, 1, &last, true);
}

/* The mean of all of a matrix, as a tensor of one element. */
static ValueId mean_of_all(Func *f, ValueId x) {
    return ir_reshape(f, mean(f, x, 2, (int64_t[]){0, 1}, false), 1, (int64_t[]){1});
}

static ValueId swapped(Func *f, ValueId x) {
    int64_t perm[IR_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7}, n = func_type(f, x)->rank;
    perm[n - 2] = n - 1;
    perm[n - 1] = n - 2;
    return ir_transpose(f, x, perm);
}

/* ---- the composites ---------------------------------------------------------------------------------------------- */

static ValueId attention(Func *f, const ValueId *x) {
    ValueId logits = mul(f, ir_matmul(f, x[0], swapped(f, x[1]), false, false), number(f, 1 / sqrt(8)));
    return ir_matmul(f, ir_unary(f, OP_softmax, logits), x[2], false, false);
}

static ValueId batchnorm_plain(Func *f, const ValueId *x) {
    int64_t axis = 0;
    ValueId centred = sub(f, x[0], mean(f, x[0], 1, &axis, true));
    ValueId variance = mean(f, mul(f, centred, centred), 1, &axis, true);
    return divide(f, centred, ir_unary(f, OP_sqrt, add(f, variance, number(f, 1e-5))));
}

static ValueId batchnorm(Func *f, const ValueId *x) {
    return add(f, mul(f, batchnorm_plain(f, x), x[1]), x[2]);
}

static ValueId conv3x3_s2(Func *f, const ValueId *x) {
    UnfoldAttrs attrs = {.kernel = {2, {3, 3}}, .stride = {2, {2, 2}}, .padding = {2, {1, 1}}};
    ValueId rows = ir_reshape(f, func_emit(f, OP_unfold, x, 1, &attrs), 2, (int64_t[]){50, 27});
    ValueId y = ir_matmul(f, rows, ir_reshape(f, x[1], 2, (int64_t[]){6, 27}), false, true);
    y = ir_transpose(f, ir_reshape(f, y, 3, (int64_t[]){2, 25, 6}), (int64_t[]){0, 2, 1});
    return ir_reshape(f, y, 4, (int64_t[]){2, 6, 5, 5});
}

static ValueId conv_transpose(Func *f, const ValueId *x) {
    ValueId tokens = swapped(f, ir_reshape(f, x[0], 3, (int64_t[]){2, 24, 9}));
    ValueId weight = ir_reshape(f, x[1], 2, (int64_t[]){24, 48});
    ValueId y = ir_matmul(f, ir_reshape(f, tokens, 2, (int64_t[]){18, 24}), weight, false, false);
    y = ir_reshape(f, y, 3, (int64_t[]){2, 9, 48});
    FoldAttrs attrs = {
        .size = {2, {12, 12}}, .kernel = {2, {4, 4}}, .stride = {2, {4, 4}}, .padding = {2, {0, 0}}};
    return add(f, func_emit(f, OP_fold, &y, 1, &attrs), ir_reshape(f, x[2], 3, (int64_t[]){3, 1, 1}));
}

static ValueId patch_embed(Func *f, const ValueId *x) {
    ValueId patches = ir_reshape(f, x[0], 6, (int64_t[]){2, 3, 3, 4, 4, 4});
    patches = ir_transpose(f, patches, (int64_t[]){0, 2, 4, 1, 3, 5});
    ValueId weight = ir_reshape(f, x[1], 2, (int64_t[]){24, 48});
    ValueId y =
        ir_matmul(f, ir_reshape(f, patches, 2, (int64_t[]){24, 48}), swapped(f, weight), false, false);
    return ir_reshape(f, add(f, y, x[2]), 3, (int64_t[]){2, 12, 24});
}

static ValueId pixel_shuffle(Func *f, const ValueId *x) {
    ValueId y = ir_reshape(f, x[0], 6, (int64_t[]){2, 3, 4, 4, 3, 3});
    y = ir_transpose(f, y, (int64_t[]){0, 1, 4, 2, 5, 3});
    return ir_reshape(f, y, 4, (int64_t[]){2, 3, 12, 12});
}

static ValueId linear(Func *f, const ValueId *x) {
    return add(f, ir_matmul(f, x[0], x[1], false, true), x[2]);
}

/* Rows of ones at the labels. */
static ValueId one_hot(Func *f, ValueId labels) {
    ValueId classes = ir_iota(f, 2, (int64_t[]){9, 24}, 1, DT_I64);
    return ir_cast(f, ir_binary(f, OP_eq, classes, ir_reshape(f, labels, 2, (int64_t[]){9, 1})), DT_F64);
}

static ValueId cross_entropy_of(Func *f, ValueId logits, ValueId target) {
    ValueId each = row_sum(f, mul(f, target, ir_unary(f, OP_log_softmax, logits)));
    return ir_unary(f, OP_neg, mean_of_all(f, each));
}

static ValueId cross_entropy(Func *f, const ValueId *x) {
    return cross_entropy_of(f, x[0], one_hot(f, x[1]));
}

static ValueId cross_entropy_smooth(Func *f, const ValueId *x) {
    ValueId target = mul(f, one_hot(f, x[1]), number(f, 0.9));
    return cross_entropy_of(f, x[0], add(f, target, number(f, 0.1 / 24)));
}

/* ½d² up to a distance, then a line. */
static ValueId rounded_distance(Func *f, const ValueId *x, double knee) {
    ValueId d = ir_unary(f, OP_abs, sub(f, x[0], x[1]));
    ValueId line = mul(f, number(f, knee), sub(f, d, number(f, knee / 2)));
    ValueId bowl = mul(f, mul(f, d, d), number(f, 0.5));
    return mean_of_all(f, ir_select(f, ir_binary(f, OP_lt, d, number(f, knee)), bowl, line));
}

static ValueId huber(Func *f, const ValueId *x) {
    return rounded_distance(f, x, 0.7);
}

static ValueId smooth_l1(Func *f, const ValueId *x) {
    return mul(f, rounded_distance(f, x, 0.5), number(f, 2));
}

static ValueId l1(Func *f, const ValueId *x) {
    return mean_of_all(f, ir_unary(f, OP_abs, sub(f, x[0], x[1])));
}

static ValueId mse(Func *f, const ValueId *x) {
    return mean_of_all(f, ir_binary(f, OP_pow, sub(f, x[0], x[1]), number(f, 2)));
}

static ValueId l2normalize(Func *f, const ValueId *x) {
    ValueId norm = ir_unary(f, OP_sqrt, row_sum(f, mul(f, x[0], x[0])));
    return divide(f, x[0], ir_binary(f, OP_max, norm, number(f, 1e-12)));
}

static ValueId logsumexp(Func *f, const ValueId *x) {
    int64_t axis = 1;
    ValueId largest = ir_unary(f, OP_stop_grad, ir_reduce(f, OP_amax, x[0], 1, &axis, true));
    ValueId sum = row_sum(f, ir_unary(f, OP_exp, sub(f, x[0], largest)));
    return ir_reshape(f, add(f, ir_unary(f, OP_log, sum), largest), 1, (int64_t[]){9});
}

static ValueId relu(Func *f, const ValueId *x) {
    return ir_binary(f, OP_max, x[0], number(f, 0));
}

static ValueId silu(Func *f, const ValueId *x) {
    return mul(f, x[0], ir_unary(f, OP_sigmoid, x[0]));
}

static ValueId rms_norm(Func *f, const ValueId *x) {
    int64_t axis = 1;
    ValueId square = mean(f, mul(f, x[0], x[0]), 1, &axis, true);
    return mul(f, mul(f, x[0], ir_unary(f, OP_rsqrt, add(f, square, number(f, 1e-6)))), x[1]);
}

static ValueId var_unbiased(Func *f, const ValueId *x) {
    int64_t axis = 1;
    ValueId centred = sub(f, x[0], mean(f, x[0], 1, &axis, true));
    ValueId sum = ir_reduce(f, OP_sum, mul(f, centred, centred), 1, &axis, false);
    return divide(f, sum, number(f, 23));
}

static ValueId weight_norm(Func *f, const ValueId *x) {
    ValueId norm = ir_unary(f, OP_sqrt, row_sum(f, mul(f, x[1], x[1])));
    return ir_matmul(f, x[0], mul(f, divide(f, x[1], norm), x[2]), false, true);
}

static ValueId layernorm(Func *f, const ValueId *x) {
    return ir_layernorm(f, x[0], x[1], x[2], 1e-6);
}
static ValueId softmax(Func *f, const ValueId *x) {
    return ir_unary(f, OP_softmax, x[0]);
}
static ValueId log_softmax(Func *f, const ValueId *x) {
    return ir_unary(f, OP_log_softmax, x[0]);
}
static ValueId gelu_erf(Func *f, const ValueId *x) {
    return ir_gelu(f, x[0], false);
}
static ValueId gelu_tanh(Func *f, const ValueId *x) {
    return ir_gelu(f, x[0], true);
}

/* ---- bicubic: x W from both sides, W built of numbers ------------------------------------------------------------ */

/* Keys' cubic convolution with a = -0.75, at distance d. */
static double cubic(double d) {
    const double a = -0.75;
    d = fabs(d);
    if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? a * (((d - 5) * d + 8) * d - 4) : 0;
}

/* The [to, 5] matrix that resamples 5 places at (i + ½)/scale - ½, the border repeated. */
static ValueId resampling(Func *f, int64_t to, double scale) {
    ValueId rows[16];
    for (int64_t i = 0; i < to; i++) {
        double at = ((double)i + 0.5) / scale - 0.5, weight[5] = {0};
        for (int t = -1; t <= 2; t++) {
            int64_t place = (int64_t)floor(at) + t, clamped = place < 0 ? 0 : place > 4 ? 4 : place;
            weight[clamped] += cubic(at - (double)place);
        }
        ValueId columns[5];
        for (int k = 0; k < 5; k++) columns[k] = ir_reshape(f, number(f, weight[k]), 2, (int64_t[]){1, 1});
        rows[i] = ir_concat(f, 5, columns, 1);
    }
    return ir_broadcast(f, ir_concat(f, (int)to, rows, 0), 4, (int64_t[]){1, 4, to, 5});
}

static ValueId resample(Func *f, ValueId x, int64_t h, int64_t w, double scale_h, double scale_w) {
    ValueId tall = ir_matmul(f, resampling(f, h, scale_h), x, false, false);
    return ir_matmul(f, tall, resampling(f, w, scale_w), false, true);
}

static ValueId bicubic(Func *f, const ValueId *x) {
    return resample(f, x[0], 7, 3, 7.1 / 5, 3.1 / 5);
}

static ValueId bicubic_size(Func *f, const ValueId *x) {
    return resample(f, x[0], 9, 4, 9.0 / 5, 4.0 / 5);
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

#define CASE(name) {#name, name}
static const struct {
    const char *name;
    Composite build;
} CASES[] = {
    CASE(attention),
    CASE(batchnorm),
    CASE(batchnorm_plain),
    CASE(bicubic),
    CASE(bicubic_size),
    CASE(conv3x3_s2),
    CASE(conv_transpose),
    CASE(cross_entropy),
    CASE(cross_entropy_smooth),
    CASE(gelu_erf),
    CASE(gelu_tanh),
    CASE(huber),
    CASE(l1),
    CASE(l2normalize),
    CASE(layernorm),
    CASE(linear),
    CASE(log_softmax),
    CASE(logsumexp),
    CASE(mse),
    CASE(patch_embed),
    CASE(pixel_shuffle),
    CASE(relu),
    CASE(rms_norm),
    CASE(silu),
    CASE(smooth_l1),
    CASE(softmax),
    CASE(var_unbiased),
    CASE(weight_norm),
};
enum { N_CASES = sizeof CASES / sizeof *CASES };

static void check_output(const Golden *golden, const char *name, const Tensor *got, bool gradient, int stage,
                         Arena *arena) {
    Tensor want = golden_read(golden, name, arena);
    double largest = 0;
    for (int64_t i = 0; i < type_elements(&want.type); i++) largest = fmax(largest, fabs(want.data[i]));
    assert_true(type_equal(&got->type, &want.type));
    /* The golden README's tolerances, though both sides computed in float64: the files hold float32. */
    assert_tensor_near(got, &want, gradient ? 1e-5 * largest : 1e-5, gradient ? 1e-3 : 1e-4, "%s, stage %d",
                       name, stage);
}

static void check_case(const Golden *golden, const char *name, Composite build) {
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    Module *module = module_new(arena, diags, "m");
    Func *func = module_add_func(module, name);
    Tensor inputs[4];
    ValueId x[4];
    char key[64], names[8][64];
    int n = 0, outputs = 0;
    for (; snprintf(key, sizeof key, "%s.x%d", name, n), golden_has(golden, key); n++) {
        inputs[n] = golden_read(golden, key, arena);
        x[n] = func_add_input(func, key, inputs[n].type);
    }
    ValueId y = build(func, x);
    if (y == IR_NONE) fail_msg("%s: %s", name, func->error);
    snprintf(key, sizeof key, "%s.dy", name);
    inputs[n] = golden_read(golden, key, arena);
    ValueId loss = weighed(func, y, func_add_input(func, key, inputs[n].type));
    snprintf(names[outputs], sizeof *names, "%s.y", name);
    func_add_output(func, names[outputs++], y);
    for (int o = 0; o < n; o++) {
        snprintf(names[outputs], sizeof *names, "%s.dx%d", name, o);
        if (golden_has(golden, names[outputs]))
            func_add_output(func, names[outputs++], emit_grad(func, loss, x[o]));
    }
    assert_true(outputs > 1);
    bool (*const stages[])(Module *, Diags *) = {pass_autodiff, pass_simplify,   pass_expand,
                                                 pass_simplify, pass_reductions, pass_simplify};
    for (int stage = 0; stage < (int)(sizeof stages / sizeof *stages); stage++) {
        assert_true(stages[stage](module, diags));
        Tensor *got = run_func(func, inputs, arena);
        for (int i = 0; i < outputs; i++) check_output(golden, names[i], &got[i], i > 0, stage, arena);
    }
    arena_free(arena);
}

static void test_golden(void **state) {
    (void)state;
    Golden golden = golden_open(TEST_DIR "/golden/ops.safetensors");
    for (int i = 0; i < N_CASES; i++) check_case(&golden, CASES[i].name, CASES[i].build);
    golden_close(&golden);
}

static void test_every_golden_operator_has_a_case(void **state) {
    (void)state;
    Golden golden = golden_open(TEST_DIR "/golden/ops.safetensors");
    const char *key;
    json_t *value;
    json_object_foreach(golden.header, key, value) {
        size_t n = strcspn(key, ".");
        bool found = strcmp(key, "__metadata__") == 0;
        for (int i = 0; i < N_CASES; i++)
            found = found || (strlen(CASES[i].name) == n && strncmp(CASES[i].name, key, n) == 0);
        if (!found) fail_msg("%s is not tested", key);
    }
    golden_close(&golden);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_golden_operator_has_a_case),
        cmocka_unit_test(test_golden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
