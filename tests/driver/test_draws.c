/* Draws of modules: numbers made by compiled code are those of the samplers, on every target and in the interpreter;
 * each application and step has its own; dropout trains to the same bits on any number of threads. */
#include "codegen/target/select.h"
#include "tests/driver/built.h"

#include <math.h>

static const char RECIPE[] =
    "recipe: t\nuse: [lib/nn.yaml, lib/optimizers.yaml]\n"
    "views: {view: {count: 2, size: 8, augment: [normalize]}}\n"
    "networks:\n"
    "  f: |\n"
    "    y = linear(reshape(x, dim(x, 0), -1), 4)\n"
    "    u = draw('uniform', 5, 7)\n"
    "    return record(y=y, u=u)\n"
    "objectives:\n"
    "  o:\n"
    "    loss: |\n"
    "      a, b = [f(v) for v in view]\n"
    "      wide = draw('uniform', 33, 5, low=-3, high=1)\n"
    "      coin = draw('bernoulli', 1000, p=0.3)\n"
    "      none = draw('bernoulli', 9, p=0)\n"
    "      all = draw('bernoulli', 9, p=1)\n"
    "      bell = draw('normal', 64, 65, mean=2, std=3)\n"
    "      die = draw('randint', 4000, low=-2, high=4)\n"
    "      order = draw('permutation', 30, 11)\n"
    "      mask = draw('shuffle_mask', 30, 20, ratio=0.75)\n"
    "      rows = zeros(6, 4)\n"
    "      repeat i in 3:\n"
    "        repeat j in 2:\n"
    "          inner = draw('uniform', 4)\n"
    "          rows = where(iota((6, 1)) == 2 * i + j, inner, rows)\n"
    "      branch = drop_path(ones(400, 3), 0.25)\n"
    "      whole = ones(64, 50) + 0 * a.y[0, 0]\n"
    "      kept = dropout(whole, 0.25)\n"
    "      slope = grad(sum(kept * kept) / 2, whole)\n"
    "      return mean(dropout(a.y + b.y, 0.5)) + mean(wide)\n"
    "values: {u0: o.a.u, u1: o.b.u, wide: o.wide, coin: o.coin, none: o.none, all: o.all,\n"
    "         bell: o.bell, die: \"cast(o.die, 'f32')\", order: \"cast(o.order, 'f32')\",\n"
    "         mask: o.mask, rows: o.rows, branch: o.branch, kept: o.kept, slope: o.slope}\n"
    "train: {batch: 4, epochs: 1, optimizer: \"sgd(param, grad, 0.1)\"}\n";

typedef struct {
    Built built;
    VtInstance *instance;
    void **inputs;
    uint64_t seed, step;
} Drawn;

static void fill(Drawn *d, const VtProgram *p) {
    d->inputs = ARENA_ARRAY(d->built.arena, void *, p->n_inputs + 1);
    for (int i = 0; i < p->n_inputs; i++) {
        const VtInput *input = &p->inputs[i];
        size_t bytes = vt_bytes(&input->tensor);
        d->inputs[i] = (void *)(((uintptr_t)arena_alloc(d->built.arena, bytes + 128) + 63) & ~(uintptr_t)63);
        memset(d->inputs[i], 0, bytes);
        if (input->source == VT_SOURCE_DRAW)
            vt_draw_fill(&p->draws[input->index], &input->tensor, d->seed, d->step, d->inputs[i]);
        const double *scalar = vt_feed_scalar(p, i, &(double){10});
        if (scalar) *(double *)d->inputs[i] = *scalar;
    }
}

static void drawn_open(Drawn *d, const char *features, uint64_t seed, uint64_t step) {
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    VtError error;
    RecipeOptions options = {.models_dir = SOURCE_DIR "/models", .with_values = true};
    *d = (Drawn){.built = {.arena = arena}, .seed = seed, .step = step};
    if (!recipe_load_text(arena, diags, "t.yaml", RECIPE, strlen(RECIPE), &options, &d->built.recipe) ||
        !passes_run(d->built.recipe.module, PASSES_ALL, &(PassOptions){.verify = true}, diags))
        fail_msg("%s", diags_text(diags));
    d->built.module = d->built.recipe.module;
    built_compile(&d->built, features);
    const VtProgram *p = compiled_program(d->built.compiled);
    d->instance = vt_instance_new(p, &error);
    assert_non_null(d->instance);
    assert_true(vt_instance_init(d->instance, 3, &error));
    fill(d, p);
    assert_true(vt_instance_run(d->instance, "step", d->inputs, &error));
}

static void drawn_close(Drawn *d) {
    vt_instance_free(d->instance);
    built_drop(&d->built);
}

static const float *value_of(const Drawn *d, const char *name, int64_t *n) {
    VtTensor type;
    const void *data = vt_instance_output(d->instance, "step", name, &type);
    assert_non_null(data);
    assert_int_equal(type.dtype, VT_F32);
    *n = vt_elements(&type);
    return data;
}

/* What the sampler of the runtime makes. */
static void sampled(const Drawn *d, const char *name, int64_t n, int kind, double a, double b, float *out) {
    VtDraw draw = {.name = name, .kind = kind, .params = {a, b}};
    VtTensor type = {.dtype = VT_F32, .rank = 1, .dim = {n}};
    vt_draw_fill(&draw, &type, d->seed, d->step, out);
}

enum { UNIFORM, NORMAL, BERNOULLI }; /* the first rows of the catalogue */
static const struct {
    const char *value, *draw;
    int kind;
    double a, b, tolerance;
} SAME[] = {{"u0", "f.u", UNIFORM, 0, 1, 0},        {"u1", "f.u.1", UNIFORM, 0, 1, 0},
            {"wide", "wide", UNIFORM, -3, 1, 1e-6}, {"coin", "coin", BERNOULLI, 0.3, 0, 0},
            {"none", "none", BERNOULLI, 0, 0, 0},   {"all", "all", BERNOULLI, 1, 0, 0},
            {"bell", "bell", NORMAL, 2, 3, 2e-5}};

static void test_same_as_sampler(void **state) {
    (void)state;
    int n_targets;
    const Target *const *targets = target_all(&n_targets);
    float want[5000];
    for (int t = 0; t < n_targets; t++) {
        if (!target_runs_here(targets[t], NULL)) continue;
        Drawn d;
        drawn_open(&d, targets[t]->name, 0x123456789abcdefu, 0x100000007u);
        for (size_t i = 0; i < sizeof SAME / sizeof *SAME; i++) {
            int64_t n;
            const float *got = value_of(&d, SAME[i].value, &n);
            sampled(&d, SAME[i].draw, n, SAME[i].kind, SAME[i].a, SAME[i].b, want);
            for (int64_t k = 0; k < n; k++)
                if (!(fabs((double)got[k] - want[k]) <= SAME[i].tolerance * (1 + fabs((double)want[k]))))
                    fail_msg("%s, %s[%lld]: %.9g, the sampler makes %.9g", targets[t]->name, SAME[i].value,
                             (long long)k, (double)got[k], (double)want[k]);
        }
        drawn_close(&d);
    }
}

/* Whole numbers, orders and masks: other numbers than the samplers', of the same kind. */
static void test_others(void **state) {
    (void)state;
    Drawn d;
    int64_t n;
    drawn_open(&d, NULL, 5, 6);
    int count[6] = {0};
    const float *die = value_of(&d, "die", &n);
    for (int64_t k = 0; k < n; k++) {
        assert_true(die[k] >= -2 && die[k] < 4 && die[k] == floorf(die[k]));
        count[(int)die[k] + 2]++;
    }
    for (int k = 0; k < 6; k++) assert_in_range(count[k], n / 6 - 120, n / 6 + 120); /* 5 deviations */
    const float *order = value_of(&d, "order", &n);
    for (int row = 0; row < 30; row++) {
        unsigned seen = 0;
        for (int k = 0; k < 11; k++) seen |= 1u << (int)order[row * 11 + k];
        assert_int_equal(seen, (1u << 11) - 1);
    }
    assert_memory_not_equal(order, order + 11, 11 * sizeof *order);
    const float *mask = value_of(&d, "mask", &n);
    for (int row = 0; row < 30; row++) {
        float sum = 0;
        for (int k = 0; k < 20; k++) sum += mask[row * 20 + k];
        assert_true(sum == 15);
    }
    drawn_close(&d);
}

/* No two iterations draw the same. */
static void test_iterations(void **state) {
    (void)state;
    Drawn d;
    int64_t n;
    drawn_open(&d, NULL, 5, 6);
    const float *rows = value_of(&d, "rows", &n);
    assert_int_equal(n, 24);
    for (int i = 0; i < 24; i++) {
        assert_true(rows[i] > 0 && rows[i] < 1);
        for (int j = 0; j < i; j++) assert_true(rows[i] != rows[j]);
    }
    drawn_close(&d);
}

/* No two steps, seeds or applications draw the same. */
static void test_fresh(void **state) {
    (void)state;
    Drawn d[3];
    const float *u[6];
    int64_t n;
    for (int i = 0; i < 3; i++) {
        drawn_open(&d[i], NULL, i == 2, i == 1);
        u[2 * i] = value_of(&d[i], "u0", &n);
        u[2 * i + 1] = value_of(&d[i], "u1", &n);
    }
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < i; j++) assert_memory_not_equal(u[i], u[j], (size_t)n * sizeof(float));
    for (int i = 0; i < 3; i++) drawn_close(&d[i]);
}

/* Drop path takes whole rows, dropout elements; what stays is scaled up by as much as went, and the gradient has the
 * same places and scale. */
static void test_dropped(void **state) {
    (void)state;
    Drawn d;
    int64_t n;
    drawn_open(&d, NULL, 5, 6);
    const float *branch = value_of(&d, "branch", &n);
    int gone = 0;
    assert_int_equal(n, 1200);
    for (int i = 0; i < 400; i++) {
        for (int k = 0; k < 3; k++) assert_true(branch[3 * i + k] == branch[3 * i]);
        assert_true(branch[3 * i] == 0 || fabsf(branch[3 * i] - 4.f / 3) < 1e-6f);
        gone += branch[3 * i] == 0;
    }
    assert_true(abs(gone - 100) < 44); /* five standard deviations */
    const float *kept = value_of(&d, "kept", &n), *slope = value_of(&d, "slope", &n);
    gone = 0;
    for (int64_t i = 0; i < n; i++) {
        assert_true(kept[i] == 0 || fabsf(kept[i] - 4.f / 3) < 1e-6f);
        assert_true(fabsf(slope[i] - kept[i] * 4 / 3) < 1e-6f);
        gone += kept[i] == 0;
    }
    assert_true(n == 3200 && abs(gone - 800) < 123);
    drawn_close(&d);
}

/* Fed, a draw is an input of its own shape. */
static void test_fed(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    Recipe recipe;
    RecipeOptions options = {.models_dir = SOURCE_DIR "/models", .with_values = true, .draws_fed = true};
    assert_true(recipe_load_text(arena, diags, "t.yaml", RECIPE, strlen(RECIPE), &options, &recipe));
    const Func *step = module_find_func(recipe.module, "step");
    const Type *type = func_type(step, func_find_input(step, "f.u.1"));
    assert_true(type->rank == 2 && type->dim[0] == 5 && type->dim[1] == 7 && type->dtype == DT_F32);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_as_sampler),
                                       cmocka_unit_test(test_others),
                                       cmocka_unit_test(test_iterations),
                                       cmocka_unit_test(test_fresh),
                                       cmocka_unit_test(test_fed),
                                       cmocka_unit_test(test_dropped)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
