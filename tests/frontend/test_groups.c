/* Groups of parameters by name: what layer they are of, patterns, and what `freeze` leaves out. One step of the
 * reference interpreter, against updates made by hand. */
#include "tests/frontend/interpreted.h"

/* ---- layers ------------------------------------------------------------------------------------------------------ */

/* `mask` is met in the second application alone, and the average before what it follows; blocks have experts of their
 * own; `merge` stands between blocks, `top` behind them. A head counts its own layers, a network without an index has
 * none. */
#define LAYERED                                                                                              \
    "recipe: t\nuse: [lib/nn.yaml]\n"                                                                        \
    "views: {x: {size: 2}, y: {size: 2}}\n"                                                                  \
    "modules:\n"                                                                                             \
    "  block(x): |\n"                                                                                        \
    "    for k in range(2):\n"                                                                               \
    "      x = experts[k]: linear(x, 3)\n"                                                                   \
    "    return x\n"                                                                                         \
    "networks:\n"                                                                                            \
    "  encoder(x, masked=false): |\n"                                                                        \
    "    t = stem: linear(reshape(x, 4, -1), 3)\n"                                                           \
    "    if masked:\n"                                                                                       \
    "      mask = param(3)\n"                                                                                \
    "      t = t + mask\n"                                                                                   \
    "    for i in range(3):\n"                                                                               \
    "      if i == 2:\n"                                                                                     \
    "        t = merge: linear(t, 3)\n"                                                                      \
    "      t = blocks[2 * i]: block(t)\n"                                                                    \
    "    t = norm: layer_norm(t)\n"                                                                          \
    "    for i in range(4):\n"                                                                               \
    "      t = top[i]: linear(t, 3, bias=false)\n"                                                           \
    "    return t\n"                                                                                         \
    "  teacher: {ema: encoder, momentum: 0.9}\n"                                                             \
    "  head(z): |\n"                                                                                         \
    "    return [3]: linear(([0]: linear(z, 3)), 2)\n"                                                       \
    "  plain(z): |\n"                                                                                        \
    "    return fc: linear(z, 2)\n"                                                                          \
    "objectives:\n  o:\n    loss: |\n"                                                                       \
    "      a = mean(teacher(y) * encoder(x)) + mean(head(encoder(x)))\n"                                     \
    "      return a + mean(encoder(y, masked=true)) + mean(plain(encoder(x)))\n"

static void test_layers(void **state) {
    (void)state;
    static const struct {
        const char *name;
        double layer, last;
    } wanted[] = {{"encoder.stem.weight", 0, 4},
                  {"encoder.mask", 0, 4},
                  {"encoder.blocks.0.experts.0.weight", 1, 4},
                  {"encoder.blocks.0.experts.1.bias", 1, 4},
                  {"encoder.blocks.2.experts.1.weight", 2, 4},
                  {"encoder.merge.weight", 2, 4},
                  {"encoder.blocks.4.experts.0.weight", 3, 4},
                  {"encoder.norm.weight", 4, 4},
                  {"encoder.top.3.weight", 4, 4},
                  {"head.0.weight", 1, 3},
                  {"head.3.bias", 2, 3},
                  {"plain.fc.weight", 0, 0}};
    Run all =
        run(LAYERED
            "train: {batch: 4, optimizer: \"param + 100 * last_layer(name) + layer(name) + 0 * grad\"}\n");
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        size_t s = state_of(&all, wanted[i].name);
        double got = round(all.after[s].data[0] - all.before[s].data[0]);
        if (got != 100 * wanted[i].last + wanted[i].layer)
            fail_msg("%s: %g, not layer %g of %g", wanted[i].name, got, wanted[i].layer, wanted[i].last);
    }
    Run units =
        run(LAYERED "train: {batch: 4, optimizer: \"param + layer(name, 'encoder.blocks.*.experts.*') + 0 * "
                    "grad\"}\n");
    size_t s = state_of(&units, "encoder.blocks.2.experts.1.weight");
    assert_true(round(units.after[s].data[0] - units.before[s].data[0]) == 4);
}

/* ---- patterns: layer-wise decay, weight decay, a part of its own ------------------------------------------------- */

static void test_groups(void **state) {
    (void)state;
    Run all = run(LAYERED
                  "train:\n  batch: 4\n  optimizer: \"param * (1 - 0.1 * (0 if matches(name, ['*.bias', "
                  "'*.norm.*', 'encoder.mask']) else 0.5)) - grad * 0.1 * (3 if matches(name, 'head.*') else "
                  "0.5 ** (last_layer(name) - layer(name)))\"\n");
    static const struct {
        const char *name;
        double decay, scale;
    } wanted[] = {{"encoder.stem.weight", 0.5, 0.0625},
                  {"encoder.stem.bias", 0, 0.0625},
                  {"encoder.mask", 0, 0.0625},
                  {"encoder.blocks.0.experts.0.weight", 0.5, 0.125},
                  {"encoder.blocks.4.experts.1.bias", 0, 0.5},
                  {"encoder.norm.weight", 0, 1},
                  {"head.0.weight", 0.5, 3},
                  {"head.3.bias", 0, 3},
                  {"plain.fc.weight", 0.5, 1}};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        size_t s = state_of(&all, wanted[i].name);
        const Tensor *gradient = output_of(&all, arena_printf(arena, "grad.%s", wanted[i].name));
        assert_non_null(gradient);
        for (int64_t k = 0; k < type_elements(&gradient->type); k++) {
            double want = all.before[s].data[k] * (1 - 0.1 * wanted[i].decay) -
                          0.1 * wanted[i].scale * gradient->data[k];
            if (fabs(all.after[s].data[k] - want) > 1e-9)
                fail_msg("%s is not updated as its group is", wanted[i].name);
        }
    }
    assert_int_equal(diags_warnings(diags), 0);
}

/* Clipping by groups: `clip` has the names beside the gradients. */
static void test_clip_by_name(void **state) {
    (void)state;
    Run all =
        run(LAYERED
            "train: {batch: 4, optimizer: param - grad, clip: \"[g * (2 if matches(n, 'head.*') else 1) + "
            "0 * p for g, p, n in zip(grads, params, names)]\"}\n");
    static const char *const names[] = {"head.0.weight", "encoder.stem.weight"};
    for (int i = 0; i < 2; i++) {
        size_t s = state_of(&all, names[i]);
        const Tensor *gradient = output_of(&all, arena_printf(arena, "grad.%s", names[i]));
        double want = all.before[s].data[0] - (i == 0 ? 2 : 1) * gradient->data[0];
        assert_true(fabs(all.after[s].data[0] - want) < 1e-9);
    }
}

static void test_messages(void **state) {
    (void)state;
    static const struct {
        const char *train, *message;
    } rows[] = {
        {"optimizer: \"param - grad * (2 if matches(name, 'encoder.bloks.*') else 1)\"",
         "t.yaml:33:66: warning: no parameter has a name like 'encoder.bloks.*'; one is 'encoder.blocks.0"},
        {"optimizer: \"param - grad * (2 if decay and matches(name, ['plain.*', 'plane.*']) else 1)\"",
         "no parameter has a name like 'plane.*'; one is 'plain.fc.weight'"},
        {"optimizer: \"param - grad * layer('encoder.blocks')\"",
         "no parameter is called 'encoder.blocks'; one is"},
        {"optimizer: \"param - grad * layer(name, 'encoder.block.*')\"",
         "'encoder.block.*' matches no scope of network encoder"},
        {"optimizer: \"param - grad * layer(param)\"",
         "layer(name, units): a parameter's name, a string, was expected"},
        {"optimizer: \"param - grad * matches(name, 3)\"", "a pattern is a string or a list of them, not 3"},
        {"optimizer: \"param - grad\", freeze: {encodr.*: true}",
         "freeze: no trained parameter has a name like 'encodr.*'; one is 'encoder."},
        {"optimizer: \"param - grad\", freeze: {\"encoder.*\": 1}",
         "a freeze condition must be one bool, not 1"},
        {"optimizer: \"param - grad\", freeze: {\"*\": true}", "`freeze` leaves no parameter to train"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Diags *told = diags_new(arena);
        Recipe recipe;
        const char *text = arena_printf(arena, LAYERED "train: {batch: 4, %s}\n", rows[i].train);
        recipe_load_text(arena, told, "t.yaml", text, strlen(text), &OPTIONS, &recipe);
        if (!strstr(diags_text(told), rows[i].message))
            fail_msg("wanted \"%s\", got:\n%s", rows[i].message, diags_text(told));
    }
}

/* ---- freeze ------------------------------------------------------------------------------------------------------ */

#define PROBE                                                                                                \
    "recipe: t\nuse: [lib/nn.yaml, lib/optimizers.yaml]\n"                                                   \
    "knobs: {probe: %s}\n"                                                                                   \
    "views: {x: {size: 2}}\n"                                                                                \
    "networks:\n"                                                                                            \
    "  encoder: |\n"                                                                                         \
    "    t = reshape(x, 4, -1)\n"                                                                            \
    "    for i in range(3):\n"                                                                               \
    "      t = blocks[i]: linear(t, 5)\n"                                                                    \
    "    return t\n"                                                                                         \
    "  average: {ema: encoder, momentum: 0.75}\n"                                                            \
    "  head(z): |\n"                                                                                         \
    "    return fc: linear(z, 2)\n"                                                                          \
    "objectives: {o: {loss: \"cross_entropy(head(encoder(x)), labels) + 0 * mean(average(x))\"}}\n"          \
    "train: {batch: 4, optimizer: \"adamw(param, grad, 0.1, 0.5)\", clip: \"clip_global(grads, 0.001)\", "   \
    "freeze: "                                                                                               \
    "{encoder.*: probe}}\n"

/* What is frozen from the start has neither gradient nor moments, costs no product of the backward pass, takes no part
 * in the norm of all gradients, and keeps its bits; its average moves on. */
static void test_frozen_always(void **state) {
    (void)state;
    Run probe = run(arena_printf(arena, PROBE, "true")), whole = run(arena_printf(arena, PROBE, "false"));
    assert_null(output_of(&probe, "grad.encoder.blocks.0.weight"));
    assert_non_null(output_of(&whole, "grad.encoder.blocks.0.weight"));
    assert_true(module_find_state(probe.module, "optimizer.exp_avg.encoder.blocks.0.weight") < 0);
    assert_true(module_find_state(probe.module, "optimizer.exp_avg.head.fc.weight") >= 0);
    /* forward: 3 + 3 of the average + 1; backward: the head's weight alone */
    assert_int_equal(count_products(probe.step), 8);
    assert_int_equal(count_products(whole.step), 7 + 2 * 4 - 1);
    size_t s = state_of(&probe, "encoder.blocks.1.weight"), a = state_of(&probe, "average.blocks.1.weight");
    assert_memory_equal(probe.after[s].data, probe.before[s].data, sizeof(double) * 25);
    assert_true(fabs(probe.after[a].data[3] - 0.75 * probe.before[a].data[3] -
                     0.25 * probe.before[s].data[3]) < 1e-9);
    const Tensor *w = output_of(&probe, "grad.head.fc.weight"), *b = output_of(&probe, "grad.head.fc.bias");
    double norm = 0;
    for (int64_t k = 0; k < 10; k++) norm += w->data[k] * w->data[k];
    for (int64_t k = 0; k < 2; k++) norm += b->data[k] * b->data[k];
    size_t m = state_of(&probe, "optimizer.exp_avg.head.fc.weight");
    double clipped = w->data[0] * fmin(0.001 / (sqrt(norm) + 1e-6), 1);
    assert_true(fabs(probe.after[m].data[0] - 0.9 * probe.before[m].data[0] - 0.1 * clipped) < 1e-9);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_layers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_groups, setup, teardown),
        cmocka_unit_test_setup_teardown(test_clip_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(test_messages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_frozen_always, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
