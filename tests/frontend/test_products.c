/* Gradients of products with more and fewer axes, and of slices that go backwards: those of what they stand for. */
#include "tests/frontend/interpreted.h"

/* Both sides of w [5, 8], u [8] and the view x [4, 3, 8, 8]. */
static const struct {
    const char *left, *right;
} EQUAL[] = {
    {"w @ x", "broadcast(reshape(w, 1, 1, 5, 8), 4, 3, 5, 8) @ x"},
    {"w @ transpose(x)", "broadcast(reshape(w, 1, 1, 5, 8), 4, 3, 5, 8) @ transpose(x)"},
    {"transpose(w[:, :3]) @ x[:, :, :5]",
     "broadcast(reshape(transpose(w[:, :3]), 1, 1, 3, 5), 4, 3, 3, 5) @ x[:, :, :5]"},
    {"reshape(w, 1, 1, 5, 8) @ x", "stack([stack([w @ x[i, j] for j in range(3)]) for i in range(4)])"},
    {"x @ u", "sum(x * u, -1)"},
    {"u @ x", "sum(x * reshape(u, 1, 1, 8, 1), 2)"},
    {"w[::-1]", "stack([w[4 - i] for i in range(5)])"},
    {"w[:, 6:1:-2]", "stack([w[:, 6], w[:, 4], w[:, 2]], axis=1)"},
    {"w[3::-1, ::-1]", "stack([stack([w[3 - i, 7 - j] for j in range(8)]) for i in range(4)])"},
};

static double size_of(const Run *run, const char *name) {
    double most = -1;
    for (size_t o = 0; o < run->step->n_outputs; o++) {
        if (strcmp(run->step->outputs[o].name, name) != 0) continue;
        const Tensor *tensor = &run->outputs[o];
        for (int64_t k = 0; k < type_elements(&tensor->type); k++) most = fmax(most, fabs(tensor->data[k]));
    }
    if (most < 0) fail_msg("no output '%s'", name);
    return most;
}

static void test_gradients(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof EQUAL / sizeof *EQUAL; i++) {
        for (int both = 0; both < 2; both++) {
            Run run = run_after(
                arena_printf(arena,
                             "recipe: t\nviews: {view: {size: 8, augment: [normalize]}}\nnetworks:\n  n: |\n"
                             "    w = param(5, 8)\n    u = param(8)\n"
                             "    left = %s\n    right = %s\n"
                             "    weights = 1 + reshape(arange(%s), shape(left)) / 7\n"
                             "    return sum((left ** 2 %s) * weights) + 0 * (sum(w) + sum(u))\n"
                             "objectives: {o: {loss: n(view)}}\ntrain: {batch: 4, epochs: 1}\n",
                             EQUAL[i].left, EQUAL[i].right, "dim(reshape(left, -1), 0)",
                             both ? "- right ** 2" : "+ 0 * right"),
                "autodiff");
            double w = size_of(&run, "grad.n.w"), u = size_of(&run, "grad.n.u");
            if (both ? w > 1e-9 || u > 1e-9 : !(w + u > 0.1))
                fail_msg("%s: gradients up to %g and %g", EQUAL[i].left, w, u);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_gradients, setup, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
