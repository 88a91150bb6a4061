/* The expression language: which functions it has, how arguments reach them, and when what it says takes effect. */
#include "frontend/builtins/builtins.h"
#include "frontend/frontend.h"
#include "ir/base/stream.h"

#include <ctype.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

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

static bool load(const char *text, Recipe *recipe) {
    static const RecipeOptions options = {0};
    return recipe_load_text(arena, diags, "t.yaml", text, strlen(text), &options, recipe);
}

/* The step of a recipe that is right. */
static Func *step_of(const char *text, Recipe *recipe) {
    if (!load(text, recipe)) fail_msg("%s", diags_text(diags));
    return module_find_func(recipe->module, "step");
}

static size_t count_nodes(const Func *func, OpKind op) {
    size_t n = 0;
    for (ValueId id = 0; id < func->count; id++) n += func_node(func, id)->op == op;
    return n;
}

#define SMALL "recipe: t\nviews: {x: {size: 2}}\ntrain: {batch: 4}\n"

/* ---- builtins -------------------------------------------------------------------------------------------------- */

/* An operator is a function by its row alone: of tensors its node, of numbers its value. */
static void test_operators_are_functions(void **state) {
    (void)state;
    size_t functions = 0;
    for (int op = 0; op < OP_COUNT; op++) {
        const OpInfo *info = op_info((OpKind)op);
        if (!isalpha((unsigned char)info->recipe[0]) || info->max_operands != 1) continue;
        if (strcmp(info->recipe, "not") == 0) continue; /* a word of the syntax, and of bools */
        functions++;
        Recipe recipe;
        const char *text = arena_printf(arena,
                                        SMALL "knobs: {y: \"$(%s(0.25))\"}\n"
                                              "objectives: {o: {loss: \"mean(%s(x)) + y\"}}\n",
                                        info->recipe, info->recipe);
        const Func *step = step_of(text, &recipe);
        assert_int_equal(count_nodes(step, (OpKind)op), 1);
        double numbers[3] = {0.25}, value = op_of_numbers((OpKind)op, numbers);
        bool found = value == 1 || value == 0; /* other constants are so too */
        for (ValueId id = 0; id < step->count; id++)
            found = found || (func_node(step, id)->op == OP_constant &&
                              constant_attrs(func_node(step, id))->value == value);
        if (!found) fail_msg("%s(0.25) is not %.17g", info->recipe, value);
    }
    assert_true(functions >= 12);
}

static bool has_word(const char *text, const char *word) {
    size_t n = strlen(word);
    for (const char *at = text; (at = strstr(at, word)); at++) {
        bool begins = at == text || !(isalnum((unsigned char)at[-1]) || at[-1] == '_');
        if (begins && !isalnum((unsigned char)at[n]) && at[n] != '_') return true;
    }
    return false;
}

/* docs/language.md names every function that has no operator's row. */
static void test_builtins_are_documented(void **state) {
    (void)state;
    size_t size, n;
    char *text = stream_read_file(arena, SOURCE_DIR "/docs/language.md", 1 << 20, &size);
    assert_non_null(text);
    const char *begin = strstr(text, "### Builtins");
    assert_non_null(begin);
    const Builtin *table = builtin_table(&n);
    for (size_t i = 0; i < n; i++)
        if (table[i].run && !has_word(begin, table[i].name))
            fail_msg("docs/language.md: no %s", table[i].name);
    assert_false(has_word(begin, "no_such_function"));
}

static void test_named_arguments(void **state) {
    (void)state;
    Recipe recipe;
    const Func *step = step_of(SMALL "objectives:\n  o:\n    loss: |\n"
                                     "      r = record(a=2, b=x)\n"
                                     "      noise = draw('normal', 4, std=r.a, mean=3)\n"
                                     "      return mean(r.b) + mean(noise)\n",
                               &recipe);
    assert_non_null(step);
    assert_int_equal(recipe.plan.n_draws, 1);
    assert_float_equal(recipe.plan.draws[0].params[0], 3, 0);
    assert_float_equal(recipe.plan.draws[0].params[1], 2, 0);
    static const struct {
        const char *loss, *message;
    } wrong[] = {
        {"record(1, a=x).a", "a record's fields have names: record(name=value)"},
        {"record(a=x, a=x).a", "field 'a' is given twice"},
        {"mean(draw('normal', 4, name='n', spread=2))", "normal has no parameter 'spread'"},
        {"mean(draw('normal', 4, name='n', std=x))",
         "std must be a number known at compile time, not f32[4x3x2x2]"},
        {"mean(x, axes=1)", "error: mean has no argument 'axes'; did you mean 'axis'?"},
        {"mean(axis=1)", "mean wants argument 'x': mean(x, axis=none, keep=false)"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        diags = diags_new(arena);
        assert_false(
            load(arena_printf(arena, SMALL "objectives: {o: {loss: \"%s\"}}\n", wrong[i].loss), &recipe));
        if (!strstr(diags_text(diags), wrong[i].message)) fail_msg("%s", diags_text(diags));
    }
}

/* Some names say how a parameter begins without a call; others do not. */
static void test_initial_values(void **state) {
    (void)state;
    static const char text[] =
        SMALL "networks:\n  net: |\n    w = param(3, init=%s)\n    return mean(x) * w\n"
              "objectives: {o: {loss: \"mean(net(x))\"}}\n";
    static const struct {
        const char *init;
        InitKind kind;
        double a, b;
    } cases[] = {{"zeros", INIT_CONSTANT, 0, 0},
                 {"ones", INIT_CONSTANT, 1, 0},
                 {"normal", INIT_NORMAL, 0, 1},
                 {"trunc_normal", INIT_TRUNC_NORMAL, 0, 0.02},
                 {"uniform(low=-2)", INIT_UNIFORM, -2, 1}};
    Recipe recipe;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        step_of(arena_printf(arena, text, cases[i].init), &recipe);
        const State *w = &recipe.module->states[module_find_state(recipe.module, "net.w")];
        assert_int_equal(w->init, cases[i].kind);
        assert_true(w->a == cases[i].a && w->b == cases[i].b);
    }
    assert_false(load(arena_printf(arena, text, "uniform"), &recipe));
    assert_non_null(strstr(diags_text(diags), "function uniform is no initial value"));
}

/* ---- states ---------------------------------------------------------------------------------------------------- */

/* `:=` sets a state inside `if` and `for` too. */
static void test_nested_update(void **state) {
    (void)state;
    Recipe recipe;
    const Func *step = step_of(SMALL "state: {a: 0, b: 0}\nobjectives:\n  o:\n    loss: mean(x)\n"
                                     "    update: |\n      if true:\n        a := mean(x)\n"
                                     "      for i in range(2):\n        b := b + i\n",
                               &recipe);
    assert_true(func_find_update(step, (uint32_t)module_find_state(recipe.module, "a")) != IR_NONE);
    assert_true(func_find_update(step, (uint32_t)module_find_state(recipe.module, "b")) != IR_NONE);
}

static double run_state(const Module *module, const Func *step, const char *name, double *loss) {
    Tensor *inputs = ARENA_ARRAY(arena, Tensor, step->n_inputs + 1),
           *states = ARENA_ARRAY(arena, Tensor, module->n_states),
           *outputs = ARENA_ARRAY(arena, Tensor, step->n_outputs),
           *after = ARENA_ARRAY(arena, Tensor, module->n_states);
    for (size_t i = 0; i < step->n_inputs; i++) {
        const Type *type = &step->inputs[i].type;
        inputs[i] = (Tensor){*type, ARENA_ARRAY(arena, double, type_elements(type))};
        for (int64_t k = 0; k < type_elements(type); k++) inputs[i].data[k] = 1;
    }
    for (size_t s = 0; s < module->n_states; s++) { /* averages are 8, what they follow 16 */
        const Type *type = &module->states[s].type;
        states[s] = (Tensor){*type, ARENA_ARRAY(arena, double, type_elements(type))};
        for (int64_t k = 0; k < type_elements(type); k++)
            states[s].data[k] = module->states[s].role == ROLE_EMA ? 8 : 16;
    }
    char error[256];
    if (!func_interpret(step, inputs, states, outputs, after, arena, error, sizeof error))
        fail_msg("%s", error);
    for (size_t i = 0; i < step->n_outputs; i++)
        if (strcmp(step->outputs[i].name, "loss") == 0) *loss = outputs[i].data[0];
    return after[module_find_state(module, name)].data[0];
}

/* Networks that move before the step: whatever applies them sees them moved, each by its own momentum. */
static void test_moved_before(void **state) {
    (void)state;
    Recipe recipe;
    const Func *step = step_of(SMALL "networks:\n  net: |\n    w = param(3)\n    return mean(x) * w\n"
                                     "  near: {ema: net, momentum: 0.25, when: before}\n"
                                     "  far: {ema: net, momentum: 0.75, when: before}\n"
                                     "objectives:\n  o:\n    loss: |\n"
                                     "      noise = draw('uniform', 4)\n"
                                     "      return mean(far(x)) + 100 * mean(near(x)) + 0 * mean(noise)\n",
                               &recipe);
    double loss = 0;
    assert_int_equal(recipe.plan.n_draws, 1);
    assert_float_equal(run_state(recipe.module, step, "far.w", &loss), 10, 1e-9);
    assert_float_equal(run_state(recipe.module, step, "near.w", &loss), 14, 1e-9);
    assert_float_equal(loss, 10 + 1400, 1e-9);
    assert_int_equal(count_nodes(step, OP_input), step->n_inputs);
}

/* Draws are named by their variables, or after their samplers; a name that is drawn again has a number. */
static void test_names_of_draws(void **state) {
    (void)state;
    static const char *const names[] = {"bernoulli", "noise", "noise.1", "noise.2", "bernoulli.1"};
    Recipe recipe;
    const Func *step =
        step_of(SMALL "objectives:\n  o:\n    loss: |\n"
                      "      total = sum(draw('bernoulli', 4))\n"
                      "      noise = [draw('normal', 4) for i in range(3)]\n"
                      "      return total + sum(sum(noise)) + sum(draw('bernoulli', 4)) * mean(x)\n",
                &recipe);
    assert_non_null(step);
    assert_int_equal(recipe.plan.n_draws, 5);
    for (size_t i = 0; i < 5; i++) assert_string_equal(recipe.plan.draws[i].name, names[i]);
}

/* A network applied to the same arguments is the same, unless they are given to other parameters. */
static void test_arguments_by_name(void **state) {
    (void)state;
    Recipe recipe;
    const Func *step = step_of(SMALL "networks:\n  net(a, b): |\n    w = param(1, trainable=false)\n"
                                     "    return mean(a) - mean(b) + 0 * w[0]\n"
                                     "objectives:\n  o:\n    loss: |\n      y = 3 * x\n"
                                     "      return net(a=x, b=y) + 10 * net(b=x, a=y) + 100 * net(x, b=y)\n",
                               &recipe);
    double loss = 0;
    run_state(recipe.module, step, "net.w", &loss);
    assert_float_equal(loss, -2 + 20 - 200, 1e-9);
}

/* Conditions of numbers, strings, lists and records, and names that are changed. */
static void test_words_of_conditions(void **state) {
    (void)state;
    static const char text[] =
        "recipe: t\nknobs: {list: [1, 2.5], word: abc, n: 3}\ncheck: |\n"
        "  r = record(z=1)\n"
        "  assert 1 in list and 2.5 in list and 3 not in list and not 3 in list, 'list'\n"
        "  assert [1, 2] in [[1, 2], 3] and none in [none] and 'a' in ['b', 'a'], 'lists'\n"
        "  assert 'bc' in word and 'z' not in word and '' in word, 'string'\n"
        "  assert 'z' in r and 'y' not in r, 'record'\n"
        "  assert none is none and n is not none and not n is none, 'none'\n"
        "  assert [x for x in [1, 2, 3] if x in list] == none or true, 'in a comprehension'\n"
        "  x = 7\n  x += n\n  x *= 2\n  x -= 4\n  x /= 8\n"
        "  assert x == 2, 'changed: {x}'\n"
        "objectives: {o: {loss: 1}}\n";
    Recipe recipe;
    if (!load(text, &recipe)) fail_msg("%s", diags_text(diags));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_operators_are_functions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_builtins_are_documented, setup, teardown),
        cmocka_unit_test_setup_teardown(test_named_arguments, setup, teardown),
        cmocka_unit_test_setup_teardown(test_words_of_conditions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_initial_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nested_update, setup, teardown),
        cmocka_unit_test_setup_teardown(test_moved_before, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names_of_draws, setup, teardown),
        cmocka_unit_test_setup_teardown(test_arguments_by_name, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
