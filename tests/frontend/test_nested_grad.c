/* grad(loss, x) inside a loss: the first gradient, and the gradient of a loss of it, against finite differences in the
 * reference interpreter, before and after the passes on graphs; and what is refused. */
#include "frontend/frontend.h"
#include "passes/passes.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

/* %s: lines that make y of x [4, 3, 4, 4] flattened to t [4, 6, 8], and parameters. */
#define RECIPE                                                                                               \
    "recipe: t\nuse: [lib/nn.yaml, lib/vit.yaml, lib/optimizers.yaml]\n"                                     \
    "views: {images: {size: 4, augment: [normalize]}}\n"                                                     \
    "networks:\n  f: |\n    t = reshape(x, 4, 6, 8)\n    w = param(8, 8, init=normal(0.5))\n%s"              \
    "train: {batch: 4, epochs: 1, optimizer: \"sgd(param, grad, 0.1)\"}\n"                                   \
    "objectives:\n  o:\n    loss: |\n      y = f(images)\n%s"                                                \
    "values: {g: o.g, inner: o.inner}\n"

#define OUTER                                                                                                \
    "      inner = mean(sin(y) * y)\n"                                                                       \
    "      g = grad(inner, images)\n"                                                                        \
    "      return 100 * mean(g ** 2) + mean(cos(30 * g))\n"

static const char *const NETWORKS[] = {
    "    return t @ w\n",
    "    return exp(-(t @ w) ** 2) + tanh(t) / (2 + cos(t @ w)) + sigmoid(t) * softplus(t @ w)\n",
    "    return log(1.5 + sin(t @ w)) * sqrt(2 + t * t) - erf(t @ w) + rsqrt(2 + (t @ w) ** 2)\n",
    "    return abs(t @ w) ** 3 + max(t @ w, t) * min(t, 0.3) + where(t > 0, t @ w, t) ** 2 / 5\n",
    "    return softmax(t @ w) * t\n",
    "    return log_softmax(t @ w) * t + logsumexp(t @ w, -1)[:, :, none]\n",
    "    return layer_norm(t @ w)\n",
    "    return gelu(t @ w) + gelu(t @ w, approximate=true) * t\n",
    "    return var(t @ w, -1, keep=true) * normalize(t @ w) + max(t @ w, -1, keep=true)\n",
    "    return concat([t[:, ::2] @ w, t[:, 1::2]], axis=1) * pad(t[:, :6, :4], ((0, 0), (0, 0), (2, 2)))\n",
    "    k = cast(floor(iota((4, 6), 1) / 2), 'i32')\n    return gather(t @ w, k, batch=1) * t\n",
    "    return block(t @ w, 2, mlp_ratio=1)\n",
    "    y = t @ w\n    repeat 3:\n      y = tanh(y) + 0.1 * y @ w\n    return y\n",
    "    y = t @ w\n    repeat 70:\n      y = y + 0.01 * tanh(y @ w)\n    return y\n",
    "    z = t\n    repeat 3:\n      z = z - 0.1 * grad(sum((z @ w) ** 3), z)\n    return z\n",
    "    z = t\n    for i in range(2):\n      z = z - 0.1 * grad(sum((z @ w) ** 3), z)\n    return z\n",
    "    q = t @ w\n    return softmax(q @ transpose(t) * 0.5) @ q\n",
};

static Arena *arena;
static Diags *diags;

static int setup(void **state) {
    (void)state;
    arena = arena_new();
    diags = diags_new(arena);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    arena_free(arena);
    return 0;
}

static bool load(const char *network, const char *loss, Recipe *recipe) {
    RecipeOptions options = {.with_gradients = true, .with_values = true, .models_dir = SOURCE_DIR "/models"};
    const char *text = arena_printf(arena, RECIPE, network, loss);
    return recipe_load_text(arena, diags, "t.yaml", text, strlen(text), &options, recipe);
}

/* Outputs of a step by name, at inputs and states that are made up. */
typedef struct {
    const Func *step;
    Tensor *inputs, *states;
} Point;

static Tensor filled(Type type, uint32_t seed) {
    Tensor tensor = {type, ARENA_ARRAY(arena, double, type_elements(&type) + 1)};
    for (int64_t k = 0; k < type_elements(&type); k++)
        tensor.data[k] = 0.8 * sin((double)(seed * 31 + k) * 1.7 + 0.3);
    return tensor;
}

static Point point_of(const Module *module) {
    Point p = {.step = module_find_func(module, "step")};
    p.inputs = ARENA_ARRAY(arena, Tensor, p.step->n_inputs + 1);
    p.states = ARENA_ARRAY(arena, Tensor, module->n_states + 1);
    for (uint32_t i = 0; i < p.step->n_inputs; i++) p.inputs[i] = filled(p.step->inputs[i].type, i);
    for (uint32_t s = 0; s < module->n_states; s++) p.states[s] = filled(module->states[s].type, 100 + s);
    return p;
}

static const Tensor *output_of(const Point *p, const char *name) {
    char error[256];
    Tensor *outputs = ARENA_ARRAY(arena, Tensor, p->step->n_outputs + 1);
    if (!func_interpret(p->step, p->inputs, p->states, outputs, NULL, arena, error, sizeof error))
        fail_msg("%s", error);
    for (size_t i = 0; i < p->step->n_outputs; i++)
        if (strcmp(p->step->outputs[i].name, name) == 0) return &outputs[i];
    fail_msg("no output %s", name);
    return NULL;
}

/* A gradient against central differences of an output by some elements of a tensor. */
static void check(const Point *p, const char *gradient, const char *output, Tensor *by, const char *what) {
    const double h = 1e-5;
    const Tensor *got = output_of(p, gradient);
    int64_t n = type_elements(&by->type);
    for (int64_t i = 0; i < n; i += n > 20 ? 13 : 1) {
        double middle = by->data[i];
        by->data[i] = middle + h;
        double above = output_of(p, output)->data[0];
        by->data[i] = middle - h;
        double below = output_of(p, output)->data[0];
        by->data[i] = middle;
        double want = (above - below) / (2 * h);
        if (!(fabs(got->data[i] - want) <= 1e-6 * (1 + fabs(want))))
            fail_msg("%s: %s[%lld] is %.12g, differences give %.12g", what, gradient, (long long)i,
                     got->data[i], want);
    }
}

static void check_network(const char *network, const char *passes) {
    Recipe recipe;
    if (!load(network, OUTER, &recipe) || !passes_run(recipe.module, passes, NULL, diags))
        fail_msg("%s: %s", network, diags_text(diags));
    Point p = point_of(recipe.module);
    for (size_t i = 0; i < p.step->n_inputs; i++)
        if (strcmp(p.step->inputs[i].name, "images") == 0) check(&p, "g", "inner", &p.inputs[i], network);
    for (uint32_t s = 0; s < recipe.module->n_states; s++) {
        const State *state = &recipe.module->states[s];
        const char *gradient = arena_printf(arena, "grad.%s", state->name);
        bool trained = false;
        for (size_t i = 0; i < p.step->n_outputs; i++)
            trained = trained || strcmp(p.step->outputs[i].name, gradient) == 0;
        if (trained) check(&p, gradient, "loss", &p.states[s], network);
    }
}

static void test_networks(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof NETWORKS / sizeof *NETWORKS; i++) {
        check_network(NETWORKS[i], "autodiff");
        check_network(NETWORKS[i], "simplify,batch-views,attention,autodiff,expand,simplify");
    }
}

/* Of a list and a record in their form; the gradient of a gradient: with z = y / 2 and Σ z³ / 6 they are z² / 4, z² / 2
 * and z. */
static void test_forms(void **state) {
    (void)state;
    Recipe recipe;
    const char *loss =
        "      z = 0.5 * y\n"
        "      inner = sum(z ** 3) / 6\n"
        "      both = grad(inner, [y, record(z=z)])\n"
        "      g = grad(sum(both[1].z), z) - z\n"
        "      return mean((both[0] - z * z / 4) ** 2) + mean((both[1].z - z * z / 2) ** 2) + mean(g ** 2)\n";
    if (!load("    return t @ w\n", loss, &recipe) || !passes_run(recipe.module, "autodiff", NULL, diags))
        fail_msg("%s", diags_text(diags));
    Point p = point_of(recipe.module);
    assert_true(output_of(&p, "loss")->data[0] < 1e-25);
}

static const struct {
    const char *loss, *message;
} REFUSED[] = {
    {"      g = grad(y, images)\n      inner = mean(y)\n      return mean(g)\n",
     "a loss is one real number, take `sum` or `mean`"},
    {"      inner = mean(y)\n      g = grad(inner, 3)\n      return inner\n",
     "grad at 3: it is taken at a tensor of the step"},
    {"      inner = mean(y)\n      g = grad(inner, labels)\n      return inner\n",
     "only at real numbers is there a gradient"},
    {"      inner = mean(y)\n      g = grad(inner, images[:, 0])\n      return inner\n",
     "the loss does not depend on it"},
    {"      inner = mean(stop_grad(y))\n      g = grad(inner, images)\n      return mean(y)\n",
     "the loss does not depend on it"},
    {"      inner = mean(y)\n      g = grad(2, images)\n      return inner\n",
     "grad of 2: it is taken of a loss, a tensor"},
};

static void test_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++) {
        Recipe recipe;
        diags = diags_new(arena);
        if (load("    return t @ w\n", REFUSED[i].loss, &recipe) ||
            !strstr(diags_text(diags), REFUSED[i].message))
            fail_msg("case %zu: wanted \"%s\", got:\n%s", i, REFUSED[i].message, diags_text(diags));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_networks, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_forms, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_refused, setup, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
