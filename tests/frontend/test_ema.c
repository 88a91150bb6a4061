/* Moving averages of moving averages: any chain moves in order, whatever is applied where. */
#include "tests/frontend/interpreted.h"

/* A parameter that every step makes 1 larger. */
#define RECIPE(networks)                                                                                     \
    "recipe: t\nviews: {x: {size: 2}}\nnetworks:\n  net: |\n    w = param(1, init=ones)\n"                   \
    "    return w + 0 * mean(x)\n" networks "train: {batch: 4, optimizer: \"param + 1 + 0 * grad\"}\n"
#define LOSS(value) "objectives: {o: {loss: \"sum(" value ")\"}}\n"
#define EMBED(network) "embed: {view: x, features: \"broadcast(" network "(x), batch, 1)\"}\n"

typedef struct {
    const char *text;
    const char *names[4]; /* of networks */
    double before[4], after[4], loss;
} Case;

static void check(const Case *c, size_t number) {
    const char *names[4];
    int n = 0;
    for (; n < 4 && c->names[n]; n++) names[n] = arena_printf(arena, "%s.w", c->names[n]);
    const Run run = run_from(c->text, "autodiff", names, c->before, n);
    for (int i = 0; i < n; i++) {
        const size_t s = state_of(&run, names[i]);
        const State *state = &run.module->states[s];
        const double after = run.after[s].data[0];
        assert_int_equal(state->role, i ? ROLE_EMA : ROLE_PARAM);
        if (i) assert_int_equal(state->init, INIT_COPY);
        if (fabs(after - c->after[i]) > 1e-6)
            fail_msg("case %zu: %s becomes %g, not %g", number, names[i], after, c->after[i]);
    }
    const double loss = run.outputs[0].data[0];
    if (fabs(loss - c->loss) > 1e-6) fail_msg("case %zu: the loss is %g, not %g", number, loss, c->loss);
}

static void test_chains(void **state) {
    (void)state;
#define A(when) "  a: {ema: net, momentum: 0.5, when: " when "}\n"
#define B(when) "  b: {ema: a, momentum: 0.75, when: " when "}\n"
#define C(when) "  c: {ema: b, momentum: 0.5, when: " when "}\n"
    static const Case cases[] = {
        /* the one between is applied nowhere */
        {RECIPE(A("after") B("after") LOSS("net(x) + b(x)")),
         {"net", "a", "b"},
         {3, 5, 9},
         {4, 4.5, 0.75 * 9 + 0.25 * 4.5},
         12},
        /* the order of the text does not matter */
        {RECIPE(B("after") A("after") LOSS("net(x) + b(x)")),
         {"net", "a", "b"},
         {3, 5, 9},
         {4, 4.5, 0.75 * 9 + 0.25 * 4.5},
         12},
        /* all move before the step, and are applied as moved */
        {RECIPE(B("before") A("before") LOSS("net(x) + b(x)")),
         {"net", "a", "b"},
         {3, 5, 9},
         {4, 4, 0.75 * 9 + 0.25 * 4},
         3 + 7.75},
        {RECIPE(A("before") B("before") LOSS("net(x) + a(x) + b(x)")),
         {"net", "a", "b"},
         {3, 5, 9},
         {4, 4, 7.75},
         3 + 4 + 7.75},
        /* the first moves before the step, the second after it follows what it has become */
        {RECIPE(A("before") B("after") LOSS("net(x) + b(x)")),
         {"net", "a", "b"},
         {3, 5, 9},
         {4, 4, 7.75},
         12},
        /* the other way round the second follows what the first was */
        {RECIPE(A("after") B("before") LOSS("net(x) + b(x)")),
         {"net", "a", "b"},
         {3, 5, 9},
         {4, 4.5, 0.75 * 9 + 0.25 * 5},
         3 + 8},
        {RECIPE(C("after") B("after") A("after") LOSS("net(x) + c(x)")),
         {"net", "a", "b", "c"},
         {3, 5, 9, 1},
         {4, 4.5, 7.875, 0.5 + 0.5 * 7.875},
         4},
        {RECIPE(C("before") B("after") A("before") LOSS("net(x) + c(x)")),
         {"net", "a", "b", "c"},
         {3, 5, 9, 1},
         {4, 4, 7.75, 5},
         3 + 5},
        /* applied for evaluation alone */
        {RECIPE(A("after") LOSS("net(x)") EMBED("a")), {"net", "a"}, {3, 5}, {4, 4.5}, 3},
        {RECIPE(A("before") LOSS("net(x)") EMBED("a")), {"net", "a"}, {3, 5}, {4, 4}, 3},
        {RECIPE(A("after") B("after") LOSS("net(x)") EMBED("b")),
         {"net", "a", "b"},
         {3, 5, 9},
         {4, 4.5, 0.75 * 9 + 0.25 * 4.5},
         3},
        /* applied before what it follows */
        {RECIPE(A("after") B("after") LOSS("b(x) + a(x) + net(x)")),
         {"net", "a", "b"},
         {3, 5, 9},
         {4, 4.5, 0.75 * 9 + 0.25 * 4.5},
         17},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check(&cases[i], i);
}

/* Buffers of a network that is applied for evaluation alone follow, whole numbers as they are; those that it sets in
 * training are its own. */
static void test_buffers(void **state) {
    (void)state;
#define SEEN(networks)                                                                                       \
    "recipe: t\nviews: {x: {size: 2}}\nnetworks:\n  net: |\n    w = param(1, init=ones)\n"                   \
    "    seen = buffer(ones(1))\n    count = buffer(cast(full((1,), 0), 'i64'))\n    if training:\n"         \
    "      seen := 2 * seen + 1\n      count := count + 1\n    return w + 0 * mean(x) * seen\n" networks     \
    "train: {batch: 4, optimizer: \"param + 1 + 0 * grad\"}\n"
    static const char *const names[] = {"net.seen", "net.count", "a.seen", "a.count", "b.seen", "b.count"};
    static const double before[] = {3, 4, 5, 1, 9, 2};
    static const struct {
        const char *text;
        int n;
        double after[6];
    } cases[] = {
        {SEEN(A("after") LOSS("net(x)") EMBED("a")), 4, {7, 5, 6, 5}},
        {SEEN(A("before") LOSS("net(x)") EMBED("a")), 4, {7, 5, 6, 5}},
        {SEEN(A("after") LOSS("net(x) + a(x)") EMBED("a")), 4, {7, 5, 11, 2}},
        {SEEN(A("before") LOSS("a(x) + net(x)") EMBED("a")), 4, {7, 5, 11, 2}},
        /* the one between is applied nowhere, or sets its own */
        {SEEN(B("after") A("after") LOSS("net(x)") EMBED("b")), 6, {7, 5, 6, 5, 0.75 * 9 + 0.25 * 6, 5}},
        {SEEN(B("before") A("after") LOSS("a(x) + net(x)") EMBED("b")), 6, {7, 5, 11, 2, 9.5, 2}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const Run run = run_from(cases[i].text, "autodiff", names, before, cases[i].n);
        for (int k = 0; k < cases[i].n; k++) {
            const size_t s = state_of(&run, names[k]);
            const State *made = &run.module->states[s];
            const double after = run.after[s].data[0];
            assert_int_equal(made->role, ROLE_BUFFER);
            assert_int_equal(made->init == INIT_COPY, k > 1);
            if (fabs(after - cases[i].after[k]) > 1e-6)
                fail_msg("case %zu: %s becomes %g, not %g", i, names[k], after, cases[i].after[k]);
        }
    }
}

/* The parameter at the end of a chain begins as its initial value says, whichever network is applied first. */
static void test_computed_beginning(void **state) {
    (void)state;
    static const char text[] =
        "recipe: t\nviews: {x: {size: 2}}\nnetworks:\n  net: |\n    w = param(3, init=sin(arange(3)))\n"
        "    return w + 0 * mean(x)\n" A("after") B("after") LOSS("b(x) + net(x)");
    Recipe recipe;
    if (!recipe_load_text(arena, diags, "t.yaml", text, strlen(text), &OPTIONS, &recipe))
        fail_msg("%s", diags_text(diags));
    const Func *init = module_find_func(recipe.module, "init");
    assert_int_equal(init->n_outputs, 1);
    assert_string_equal(init->outputs[0].name, "net.w");
    uint32_t last = 0;
    static const char *const names[] = {"net.w", "a.w", "b.w"};
    for (size_t i = 0; i < 3; i++) { /* each after what it is a copy of */
        uint32_t s = (uint32_t)module_find_state(recipe.module, names[i]);
        const State *made = &recipe.module->states[s];
        assert_int_equal(made->init, i ? INIT_COPY : INIT_FUNCTION);
        if (i) assert_int_equal(made->copy_of, last);
        last = s;
    }
}

/* A hundred of them, in the wrong order. */
static void test_long_chain(void **state) {
    (void)state;
    enum { N = 100 };
    const char *networks = "";
    for (int i = N; i > 0; i--)
        networks = arena_printf(arena, "%s  m%d: {ema: %s%.0d, momentum: 0}\n", networks, i,
                                i > 1 ? "m" : "net", i - 1);
    const char *text =
        arena_printf(arena,
                     "recipe: t\nviews: {x: {size: 2}}\nnetworks:\n  net: |\n    w = param(1, init=ones)\n"
                     "    return w + 0 * mean(x)\n%s" LOSS(
                         "net(x) + m100(x)") "train: {batch: 4, optimizer: \"param + 1 + 0 * grad\"}\n",
                     networks);
    const Case c = {text, {"net", "m1", "m50", "m100"}, {3, 1, 1, 1}, {4, 4, 4, 4}, 4};
    check(&c, 0);
}

static void test_wrong_chains(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
        int notes;
    } cases[] = {
        {RECIPE("  a: {ema: b, momentum: 0.5}\n  b: {ema: a, momentum: 0.5}\n" LOSS("net(x) + a(x)")),
         "'a' follows itself: none of these networks is trained", 1},
        {RECIPE("  a: {ema: a, momentum: 0.5}\n" LOSS("net(x) + a(x)")), "'a' follows itself", 0},
        {RECIPE("  a: {ema: b, momentum: 0.5}\n  b: {ema: c, momentum: 0.5}\n  c: {ema: b, momentum: "
                "0.5}\n" LOSS("net(x) + a(x)")),
         "'b' follows itself", 1},
        {RECIPE("  a: {ema: nett, momentum: 0.5}\n" LOSS("net(x) + a(x)")),
         "'nett' is no network; did you mean 'net'?", 0},
        {RECIPE("  a: {ema: net, momentum: 1.5}\n" LOSS("net(x) + a(x)")), "momentum = 1.5", 0},
        {RECIPE("  a: {ema: net, momentum: -0.1}\n" LOSS("net(x) + a(x)")), "momentum = -0.1", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Recipe recipe;
        diags = diags_new(arena);
        assert_false(recipe_load_text(arena, diags, "t.yaml", cases[i].text, strlen(cases[i].text), &OPTIONS,
                                      &recipe));
        int notes = 0;
        for (int d = 0; d < diags_count(diags); d++) {
            DiagKind kind;
            diags_message(diags, d, &kind, NULL);
            notes += kind == DIAG_NOTE;
        }
        if (!strstr(diags_text(diags), cases[i].message) || notes != cases[i].notes ||
            diags_errors(diags) != 1)
            fail_msg("case %zu: %s", i, diags_text(diags));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_chains, setup, teardown),
        cmocka_unit_test_setup_teardown(test_buffers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_computed_beginning, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_chain, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong_chains, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
