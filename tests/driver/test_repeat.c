/* Loops of the language that run when a step does: steps of a recipe that has one leave the same states as those of a
 * recipe in which it is unrolled, decided by where(), or written in full. */
#include "ir/plan/plan.h"
#include "tests/driver/built.h"

#include <math.h>
#include <stdio.h>

enum { STEPS = 5 };

/* Statements of a loss that end with a value y, and the same without loops. z: f32[4x6], a parameter applied to a view;
 * s and c are states. */
typedef struct {
    const char *name, *loops, *plain;
} Case;

#define UNROLLED(n, body) "      for i in range(" #n "):\n" body
#define SINKHORN                                                                                             \
    "        y = y / sum(y, 0, keep=true)\n"                                                                 \
    "        y = y / sum(y, 1, keep=true)\n"

static const Case CASES[] = {
    {"read twice", "      y = z\n      repeat 7:\n        y = y * 0.9 + 0.1 * tanh(y)\n",
     "      y = z\n" UNROLLED(7, "        y = y * 0.9 + 0.1 * tanh(y)\n")},
    {"in segments", "      y = z\n      repeat 90:\n        y = y * 0.99 + 0.01 * tanh(y)\n",
     "      y = z\n" UNROLLED(90, "        y = y * 0.99 + 0.01 * tanh(y)\n")},
    {"Sinkhorn", "      y = exp(z)\n      repeat 30:\n" SINKHORN "      y = y * z\n",
     "      y = exp(z)\n" UNROLLED(30, SINKHORN) "      y = y * z\n"},
    {"inverse by Newton and Schulz",
     "      a = transpose(z) @ z + 2 * eye(6)\n      q = a / sum(a ** 2)\n      repeat 20:\n"
     "        q = q @ (2 * eye(6) - a @ q)\n      y = z @ q\n",
     "      a = transpose(z) @ z + 2 * eye(6)\n      q = a / sum(a ** 2)\n      for i in range(20):\n"
     "        q = q @ (2 * eye(6) - a @ q)\n      y = z @ q\n"},
    {"numbers and lists",
     "      s1 = 0\n      l = [z, 2 * z]\n      repeat 5:\n        a, b = l\n        l = [b, sin(a + b)]\n"
     "        s1 += mean(b)\n      y = l[1] * s1 + l[0]\n",
     "      s1 = 0\n      l = [z, 2 * z]\n      for i in range(5):\n        a, b = l\n        l = [b, sin(a "
     "+ b)]\n"
     "        s1 += mean(b)\n      y = l[1] * s1 + l[0]\n"},
    {"the number of the iteration",
     "      y = z\n      repeat i in 6:\n        y = y + cast(i, 'f32') * sin(z * 0.1)\n",
     "      y = z\n      for i in range(6):\n        y = y + i * sin(z * 0.1)\n"},
    {"a state",
     "      y = z\n      repeat 4:\n        s := 0.9 * s + mean(y)\n        y = y * (1 + 0.1 * s)\n",
     "      y = z\n      for i in range(4):\n        s := 0.9 * s + mean(y)\n        y = y * (1 + 0.1 * "
     "s)\n"},
    {"a loop in a loop",
     "      y = z\n      repeat 3:\n        t = y\n        repeat 4:\n          t = tanh(t) + 0.1 * y\n      "
     "  y = y + t\n",
     "      y = z\n      for i in range(3):\n        t = y\n        for j in range(4):\n"
     "          t = tanh(t) + 0.1 * y\n        y = y + t\n"},
    {"a name that had another shape",
     "      t = 5\n      y = z\n      repeat 3:\n        t = sin(y)\n        y = y + t\n"
     "      y = y * t\n",
     "      y = z\n      for i in range(3):\n        t = sin(y)\n        y = y + t\n      y = y * t\n"},
    {"whole numbers and conditions",
     "      y = z\n      k = argmax(z, axis=1)\n      f = mean(z) > 0\n      repeat 3:\n        y = y + "
     "one_hot(k, 6) * z\n"
     "        k = argmax(y, axis=1)\n        f = not f\n      y = where(f, y, 2 * y)\n",
     "      y = z\n      k = argmax(z, axis=1)\n      f = mean(z) > 0\n      for i in range(3):\n"
     "        y = y + one_hot(k, 6) * z\n        k = argmax(y, axis=1)\n        f = not f\n"
     "      y = where(f, y, 2 * y)\n"},
    {"a schedule",
     "      m = pace\n      y = z\n      repeat 3:\n        m = m * 0.5\n        y = y + m * sin(y)\n",
     "      m = pace\n      y = z\n      for i in range(3):\n        m = m * 0.5\n        y = y + m * "
     "sin(y)\n"},
    {"a module with parameters",
     "      y = z\n      repeat 3:\n        y = y + blend(y, w)\n      y = y + grow(z, 3)\n",
     "      y = z\n      for i in range(3):\n        y = y + blend(y, w)\n      g = z\n      for i in "
     "range(3):\n"
     "        g = g + blend(g, g)\n      y = y + g\n"},
    {"when", "      y = z\n      when step % 2 == 0:\n        y = sin(y) * z\n        c := c + 1\n",
     "      y = where(step % 2 == 0, sin(z) * z, z)\n      c := where(step % 2 == 0, c + 1, c)\n"},
    {"when and else",
     "      y = z\n      when step % 3 == 1:\n        y = sin(y) * z\n      else:\n        y = cos(y)\n      "
     "  c := c + 1\n",
     "      y = where(step % 3 == 1, sin(z) * z, cos(z))\n      c := where(step % 3 == 1, c, c + 1)\n"},
    {"when in a loop",
     "      y = z\n      repeat i in 6:\n        when i % 2 == 1:\n          y = tanh(y)\n        y = y + "
     "0.1 * z\n",
     "      y = z\n      for i in range(6):\n        if i % 2 == 1:\n          y = tanh(y)\n        y = y + "
     "0.1 * z\n"},
    {"a loop when",
     "      y = z\n      when step % 2 == 1:\n        repeat 4:\n          y = tanh(y) + 0.1 * z\n",
     "      t = z\n      for i in range(4):\n        t = tanh(t) + 0.1 * z\n      y = where(step % 2 == 1, "
     "t, z)\n"},
    {"a gradient in a loop",
     "      t = stop_grad(z)\n      repeat 5:\n        t = t - 0.1 * grad(sum((tanh(t) - z) ** 2), t)\n      "
     "y = t * z\n",
     "      t = stop_grad(z)\n      for i in range(5):\n        t = t - 0.1 * grad(sum((tanh(t) - z) ** 2), "
     "t)\n"
     "      y = t * z\n"},
    {"scan",
     "      last, all = scan(blend, z[:, 0], transpose(z), w=z[:, 1])\n      y = z + transpose(all) * "
     "reshape(last, -1, 1)\n",
     "      h = z[:, 0]\n      l = []\n      for i in range(6):\n        h = blend(h, z[:, i], w=z[:, 1])\n  "
     "      l = l + [h]\n"
     "      y = z + transpose(stack(l)) * reshape(h, -1, 1)\n"},
    {"scan of a list with what is carried apart",
     "      last, all = scan(twofold, z, [z, z * 2, sin(z)])\n      y = last + all[0] * all[2]\n",
     "      a, r0 = twofold(z, z)\n      b, r1 = twofold(a, z * 2)\n      d, r2 = twofold(b, sin(z))\n"
     "      y = d + r0 * r2\n"},
};

static char *recipe_text(const char *statements) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    fputs("recipe: t\n"
          "views: {x: {size: 2}}\n"
          "train: {batch: 4, optimizer: 'param - 0.1 * grad'}\n"
          "schedules: {pace: '0.7 + 0 * step'}\n"
          "state: {s: zeros(1), c: zeros(1)}\n"
          "modules:\n"
          "  'blend(a, b, w=0.5)': 'tanh(a) * w + 0.1 * b'\n"
          "  twofold(a, r): |\n    return (sin(a + r), tanh(a * r))\n"
          "  grow(a, n): |\n    repeat n:\n      a = a + blend(a, a)\n    return a\n"
          "networks:\n  net: |\n    w = param(6, 12, init=normal(0.3))\n"
          "    return reshape(x, 4, 12) @ transpose(w)\n"
          "objectives:\n  o:\n    loss: |\n      z = net(x)\n      w = sin(z)\n",
          out);
    fprintf(out, "%s      return mean(y ** 2)\n", statements);
    fclose(out);
    return text;
}

/* All states after some steps, each from the same inputs; floats of them are compared. */
static double *run_steps(const VtProgram *p, size_t *n, int threads) {
    VtError error;
    vt_set_threads(threads);
    VtInstance *instance = vt_instance_new(p, &error);
    assert_non_null(instance);
    assert_true(vt_instance_init(instance, 3, &error));
    void **inputs = calloc((size_t)p->n_inputs + 1, sizeof *inputs);
    for (int i = 0; i < p->n_inputs; i++) {
        const VtInput *input = &p->inputs[i];
        inputs[i] = calloc(1, vt_bytes(&input->tensor) + 64);
        VtRng rng = {.seed = 5};
        for (int64_t k = 0; input->source == VT_SOURCE_VIEW && k < vt_elements(&input->tensor); k++)
            ((float *)inputs[i])[k] = (float)vt_rng_normal(&rng);
        const double *scalar = vt_feed_scalar(p, i, &(double){10});
        if (scalar) *(double *)inputs[i] = *scalar;
    }
    for (int step = 0; step < STEPS; step++) assert_true(vt_instance_run(instance, "step", inputs, &error));
    double *all = NULL;
    *n = 0;
    for (int s = 0; s < p->n_states; s++) {
        if (p->states[s].tensor.dtype != VT_F32) continue;
        const float *state = vt_instance_state(instance, s);
        size_t count = (size_t)vt_elements(&p->states[s].tensor);
        all = realloc(all, sizeof *all * (*n + count));
        for (size_t k = 0; k < count; k++) all[(*n)++] = (double)state[k];
    }
    for (int i = 0; i < p->n_inputs; i++) free(inputs[i]);
    free(inputs);
    vt_instance_free(instance);
    return all;
}

static Built build_for(const char *statements, Precision precision) {
    Built b = {.arena = arena_new()};
    Diags *diags = diags_new(b.arena);
    char *text = recipe_text(statements);
    bool good =
        recipe_load_text(b.arena, diags, "t.yaml", text, strlen(text), &(RecipeOptions){0}, &b.recipe);
    if (good) b.recipe.module->precision = precision;
    good = good && passes_run(b.recipe.module, PASSES_ALL, &(PassOptions){.verify = true}, diags);
    if (!good) fail_msg("%s%s", text, diags_text(diags));
    free(text);
    b.module = b.recipe.module;
    built_compile(&b, NULL);
    return b;
}

static bool has_loop(const Module *module) {
    for (size_t f = 0; f < module->n_funcs; f++)
        if (module->funcs[f]->body) return true;
    return false;
}

static Built build(const char *statements) {
    return build_for(statements, PRECISION_FP32);
}

/* What an image of the program holds is the program: the same bits. */
static void check_image(const Built *b, const double *want, size_t n) {
    char error[512];
    size_t size, m;
    void *image = compiled_image(b->compiled, &size);
    Compiled *loaded = codegen_load(image, size, TELL_NOBODY, error, sizeof error);
    if (!loaded) fail_msg("%s", error);
    double *got = run_steps(compiled_program(loaded), &m, 2);
    assert_int_equal(m, n);
    assert_memory_equal(got, want, sizeof *got * n);
    free(got);
    compiled_free(loaded);
    free(image);
}

static void test_cases(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        Built loops = build(CASES[i].loops), plain = build(CASES[i].plain);
        assert_true(has_loop(loops.module));
        size_t n, m;
        double *want = run_steps(compiled_program(plain.compiled), &m, 1);
        for (int threads = 1; threads <= 2; threads++) {
            double *got = run_steps(compiled_program(loops.compiled), &n, threads);
            assert_int_equal(n, m);
            for (size_t k = 0; k < n; k++)
                if (!(fabs(got[k] - want[k]) <= 2e-5 * (1 + fabs(want[k]))))
                    fail_msg("%s, %d threads: number %zu of the states is %.9g, not %.9g", CASES[i].name,
                             threads, k, got[k], want[k]);
            if (threads == 2) check_image(&loops, got, n);
            free(got);
        }
        free(want);
        built_drop(&loops);
        built_drop(&plain);
    }
}

/* Operands of loops and what bodies make keep their types. */
static void test_bf16(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        Built b = build_for(CASES[i].loops, PRECISION_BF16);
        size_t n;
        double *states = run_steps(compiled_program(b.compiled), &n, 2);
        for (size_t k = 0; k < n; k++) assert_true(isfinite(states[k]));
        free(states);
        built_drop(&b);
    }
}

typedef struct {
    size_t nodes;
    int64_t room;
} Size;

static Size size_of_repeats(int n) {
    char statements[256];
    snprintf(statements, sizeof statements,
             "      q = broadcast(mean(z), 64, 64)\n      repeat %d:\n        q = q * 0.9 + 0.1 * tanh(q)\n  "
             "    y = q\n",
             n);
    Built b = build(statements);
    Size size = {.room = plan_room(module_find_func(b.module, "step"))};
    for (size_t f = 0; f < b.module->n_funcs; f++) size.nodes += b.module->funcs[f]->count;
    built_drop(&b);
    return size;
}

/* However often a loop runs, it has as many operators, and its gradient needs about twice the root of that many values
 * of 16 KiB, and a few more. */
static void test_sizes(void **state) {
    (void)state;
    Size some = size_of_repeats(900), more = size_of_repeats(2500), many = size_of_repeats(10000);
    assert_true(some.nodes == more.nodes && many.nodes < 2 * some.nodes);
    assert_true(some.room >> 14 >= 60 && some.room >> 14 < 75);
    assert_true(more.room >> 14 >= 100 && more.room >> 14 < 115);
    assert_true(many.room >> 14 < 215);
}

static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *statements, *message;
    } cases[] = {
        {"      y = 0\n      repeat 3:\n        y = y + z\n",
         "'y' is a number before the loop and f32[4x6] after"},
        {"      y = []\n      repeat 3:\n        y = y + [z]\n",
         "'y' is a list of 0 before the loop and a list of 1"},
        {"      y = none\n      repeat 3:\n        y = z\n", "'y' is none before the loop"},
        {"      y = z\n      repeat 3:\n        y = transpose(y)\n",
         "'y' is f32[4x6] before the loop and f32[6x4] after"},
        {"      y = z\n      repeat 3:\n        return y\n", "`return` inside `repeat`"},
        {"      repeat 3:\n        t = z * 2\n      y = t\n", "in the body of `repeat`"},
        {"      y = z\n      repeat -1:\n        y = y * 2\n", "repeated 0 to 16777216 times, not -1"},
        {"      y = z\n      repeat 2.5:\n        y = y * 2\n", "must be a whole number, not 2.5"},
        {"      y = z\n      repeat mean(y):\n        y = y * 2\n", "must be a whole number, not f32"},
        {"      y = z\n      repeat s in 3:\n        y = y * 2\n", "'s' is a state"},
        {"      y = z\n      when y > 0:\n        y = y * 2\n",
         "`when` decides by one number, not bool[4x6]"},
        {"      y = z\n      when mean(z) > 0:\n        y = z[0]\n",
         "'y' is f32[4x6] before it and f32[6] after"},
        {"      y = z\n      when mean(z) > 0:\n        y = y * 2\n      elif true:\n        y = z\n",
         "`elif` belongs to `if`"},
        {"      y = scan(z, z, z)\n", "scan wants a module first"},
        {"      a, y = scan(blend, z, 3)\n", "scan runs over a list, or the first axis of a tensor"},
        {"      a, y = scan(blend, z[0, 0], transpose(z))\n",
         "'start' is f32 before the loop and f32[4] after"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        Recipe recipe;
        char *text = recipe_text(cases[i].statements);
        if (recipe_load_text(arena, diags, "t.yaml", text, strlen(text), &(RecipeOptions){0}, &recipe) ||
            !strstr(diags_text(diags), cases[i].message))
            fail_msg("%s\nis not refused by \"%s\", but: %s", cases[i].statements, cases[i].message,
                     diags_text(diags));
        free(text);
        arena_free(arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases), cmocka_unit_test(test_bf16),
                                       cmocka_unit_test(test_sizes), cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
