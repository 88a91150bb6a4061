/* Reading inside an application of a network, `encoder(x).at('blocks.1')`: the values are those of the application,
 * once computed; what nobody reads is dropped; the passes cope. */
#include "tests/frontend/interpreted.h"

/* ---- what is read ------------------------------------------------------------------------------------------------ */

/* The same network tells its inner values by hand, and by labels. */
#define NET                                                                                                  \
    "recipe: t\nuse: [lib/nn.yaml]\n"                                                                        \
    "views: {x: {count: 2, size: 2}}\n"                                                                      \
    "modules:\n"                                                                                             \
    "  block(t): |\n"                                                                                        \
    "    t = fc: linear(t, 5)\n"                                                                             \
    "    return record(t=t, parts=[(half: scale(t, 0.5)), t])\n"                                             \
    "  scale(t, by): t * by\n"                                                                               \
    "  first(r): r.at('blocks.0.fc')\n"                                                                      \
    "networks:\n"                                                                                            \
    "  encoder(x): |\n"                                                                                      \
    "    t = reshape(x, 4, -1)\n"                                                                            \
    "    seen = []\n"                                                                                        \
    "    for i in range(4):\n"                                                                               \
    "      r = blocks[i]: block(t)\n"                                                                        \
    "      t = tanh(r.t)\n"                                                                                  \
    "      seen = seen + [r]\n"                                                                              \
    "    return record(z=(top: linear(t, 3)), seen=seen)\n"                                                  \
    "  average: {ema: encoder, momentum: 0.9}\n"                                                             \
    "objectives:\n  o:\n    loss: |\n"                                                                       \
    "      a, b = [encoder(v) for v in x]\n"                                                                 \
    "      c = average(x[1])\n"                                                                              \
    "      return %s\n"                                                                                      \
    "train: {batch: 4, optimizer: param - grad}\n"

static Run loss_run(const char *loss) {
    return run(arena_printf(arena, NET, loss));
}

static void test_values(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"mean(a.at('blocks.1').t ** 2)", "mean(a.seen[1].t ** 2)"},
        {"mean(a.at('blocks.1.fc') * b.at('blocks.2.fc'))", "mean(a.seen[1].t * b.seen[2].t)"},
        {"mean(b.z.at('blocks.1.half') ** 3)", "mean(b.seen[1].parts[0] ** 3)"},
        {"mean(encoder(x[0]).at('blocks.3').parts[1] ** 2)", "mean(a.seen[3].t ** 2)"},
        {"mean(a.at('top') * 2 + first(c)[:, :3])", "mean(a.z * 2 + c.seen[0].t[:, :3])"},
        {"mean(mean(t ** 2) for t in a.at('blocks.*.fc'))", "mean(mean(r.t ** 2) for r in a.seen)"},
        {"mean(mean(t ** 2) for t in b.at(['blocks.3.fc', 'blocks.0.*']))",
         "mean(mean(t ** 2) for t in [b.seen[3].t, b.seen[0].t, b.seen[0].parts[0]])"},
        {"mean([r.t for r in a.at('blocks.*')][-1] ** 2) + len(a.at('blocks.?')) * mean(c.at('top'))",
         "mean(a.seen[3].t ** 2) + 4 * mean(c.z)"},
        {"sum(mean(r.at('top')) for r in [a, b])", "mean(a.z) + mean(b.z)"},
        {"mean(a.seen[2].t.at('blocks.0.half'))", "mean(a.seen[0].parts[0])"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        Run tapped = loss_run(pairs[i][0]), plain = loss_run(pairs[i][1]);
        double got = output_of(&tapped, "loss")->data[0], want = output_of(&plain, "loss")->data[0];
        if (!(fabs(got - want) < 1e-12)) fail_msg("%s is %g, %s is %g", pairs[i][0], got, pairs[i][1], want);
        assert_int_equal(tapped.step->count, plain.step->count); /* once computed, and nothing else */
        size_t s = state_of(&plain, "encoder.blocks.0.fc.weight");
        for (int64_t k = 0; k < 60; k++) /* trained alike */
            assert_true(fabs(tapped.after[s].data[k] - plain.after[s].data[k]) < 1e-12);
    }
}

static void test_dropped(void **state) {
    (void)state;
    Run early = loss_run("mean(a.at('blocks.1.fc') ** 2)");
    assert_int_equal(diags_warnings(diags), 2); /* the other: module first is called nowhere */
    assert_non_null(strstr(diags_text(diags),
                           "t.yaml:11:3: warning: no loss depends on 6 of 10 parameters of network "
                           "encoder, which stay as they begin: 'encoder.blocks.2.fc.weight' and "
                           "others"));
    Run whole = loss_run("mean(a.z ** 2)");
    assert_int_equal(diags_warnings(diags), 3); /* the same module again */
    const char *text =
        "recipe: t\nviews: {x: {size: 2}}\nnetworks:\n  a(x): \"x * param(1, name='w')\"\n"
        "  b(x): \"reshape(x, 4, -1) * param(1, name='w')\"\nobjectives: {o: {loss: mean(a(x))}}\n"
        "embed: {view: x, features: b(a(x))}\ntrain: {batch: 4, optimizer: param - grad}\n";
    Recipe recipe;
    assert_true(recipe_load_text(arena, diags, "t.yaml", text, strlen(text), &OPTIONS, &recipe));
    assert_non_null(
        strstr(diags_text(diags), "no loss depends on network b, whose parameters stay as they begin"));
    assert_int_equal(count_products(early.step), 2 + 3);
    assert_int_equal(count_products(whole.step), 5 + 9);
    assert_null(output_of(&early, "grad.encoder.blocks.2.fc.weight"));
    assert_true(module_find_state(early.module, "encoder.blocks.2.fc.weight") >= 0);
}

static void test_messages(void **state) {
    (void)state;
    static const struct {
        const char *loss, *message;
    } rows[] = {
        {"mean(a.at('block.1').t)",
         "t.yaml:25:24: error: network encoder has no label 'block.1' here; did you mean "
         "'blocks.1'?"},
        {"mean(c.at('blocks.9').t)", "network average has no label 'blocks.9' here"},
        {"mean(a.at('blocks.9').t)",
         "labels of encoder are blocks.*.fc, blocks.*.half, blocks.*, top (`vitc check"},
        {"mean(a.at('head.*')[0].t)", "network encoder has no label 'head.*'"},
        {"mean(stop_grad(a.z).at('top'))",
         "f32[4x3] was not returned by one: call it on the network's result itself"},
        {"mean((a.z + 1).at('top'))", "`.at` reads inside an application of a network"},
        {"mean(encoder.at('top'))", "apply the network first, as encoder(x).at(…)"},
        {"mean([a, b].at('top'))", "`[r.at(…) for r in list]` reads inside each of a list"},
        {"mean(a.at())", "`.at(label)` takes one label, a pattern, or a list of them"},
        {"mean(a.at('top', 'blocks.0'))", "`.at(label)` takes one label, a pattern, or a list of them"},
        {"mean(a.at(3))", "a label is a string, as 'blocks.3', not 3"},
        {"mean(a.at(['top', x]))", "a label is a string, as 'blocks.3', not a list of 2"},
        {"mean(first(a.z * 2))", "was not returned by one"},
        {"mean(a.z.labels())", "`.labels(pattern)` takes a pattern"},
        {"mean(a.again('top'))", "`.again(label, x)` takes a label, and the first argument of its call"},
        {"mean(a.again(label='top', x=1))", "`.again` takes no argument by name"},
        {"mean(a.again('tip', a.z))", "network encoder has no label 'tip' here; did you mean 'top'?"},
        {"mean((a.z * 2).labels('top'))", "`.labels` reads inside an application of a network"},
        {"mean(a.z.top)", "f32[4x3] has no field 'top': what a labelled call gave is read by `.at('LABEL')`"},
        {"mean(a.z['top'])", "what a labelled call gave is read by `.at('top')`"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Diags *told = diags_new(arena);
        Recipe recipe;
        const char *text = arena_printf(arena, NET, rows[i].loss);
        if (recipe_load_text(arena, told, "t.yaml", text, strlen(text), &OPTIONS, &recipe) ||
            !strstr(diags_text(told), rows[i].message))
            fail_msg("wanted \"%s\", got:\n%s", rows[i].message, diags_text(told));
    }
}

/* A label that several calls bear is no place to read; a field called `at` is one. */
static void test_same_label(void **state) {
    (void)state;
    static const char text[] =
        "recipe: t\nviews: {x: {size: 2}}\nmodules:\n  twice(t): t * 2\n"
        "networks:\n  net(x): |\n"
        "    for i in range(2):\n      x = a: twice(x)\n"
        "    w = param(1)\n    return record(x=x * w, at=twice)\n"
        "objectives: {o: {loss: \"%s\"}}\ntrain: {batch: 4, optimizer: param - grad}\n";
    Recipe recipe;
    const char *wrong = arena_printf(arena, text, "mean(net(x).x.at('a'))"),
               *right = arena_printf(arena, text, "mean(net(x).at(net(x).x))");
    assert_false(recipe_load_text(arena, diags, "t.yaml", wrong, strlen(wrong), &OPTIONS, &recipe));
    assert_non_null(strstr(diags_text(diags), "label 'a' stands for several calls of one application"));
    diags = diags_new(arena);
    run(right);
}

/* What a loop of the network's calls is known there alone; an application within a body can be read in it. */
static void test_loops(void **state) {
    (void)state;
    static const char text[] = "recipe: t\nviews: {x: {size: 2}}\nmodules:\n  twice(t): t * 2\n"
                               "networks:\n  net(x): |\n    w = param(1)\n    x = first: twice(x * w)\n"
                               "    repeat 3:\n      x = inner: twice(x)\n    return last: twice(x)\n"
                               "objectives:\n  o:\n    loss: |\n      total = mean(net(x).at('first'))\n%s"
                               "      return total\ntrain: {batch: 4, optimizer: param - grad}\n";
    Recipe recipe;
    run(arena_printf(arena, text, "      total = total + mean(net(x).at('last'))\n"));
    run(arena_printf(arena, text,
                     "      when step > 2:\n        total = total + mean(net(x * 2).at('first'))\n"));
    const char *wrong = arena_printf(arena, text, "      total = total + mean(net(x).at('inner'))\n");
    assert_false(recipe_load_text(arena, diags, "t.yaml", wrong, strlen(wrong), &OPTIONS, &recipe));
    assert_non_null(
        strstr(diags_text(diags), "'inner' is called in a `repeat`: what it gives is known there alone"));
}

/* ---- passes ------------------------------------------------------------------------------------------------------ */

#define VIT                                                                                                  \
    "recipe: t\nuse: [lib/vit.yaml]\nviews: {x: {count: 2, size: 8}}\n"                                      \
    "networks:\n  encoder: vit(x, 4, 8, 3, 2, image=8)\n"                                                    \
    "objectives:\n  o:\n    loss: |\n      a, b = [encoder(v) for v in x]\n      return %s\n"                \
    "train: {batch: 2, optimizer: param - grad}\n"

static size_t count_op(const Func *func, OpKind op) {
    size_t n = 0;
    for (ValueId id = 0; id < func->count; id++) n += func_node(func, id)->op == op;
    return n;
}

/* Views that run as one batch, and attention as one operator where nobody reads its probabilities. */
static void test_passes(void **state) {
    (void)state;
    static const struct {
        const char *loss;
        size_t attentions, softmaxes;
    } rows[] = {
        {"mean(a * b)", 3, 0},
        {"mean(a.at('blocks.1') * b.at('blocks.2'))", 3, 0},
        {"mean(a * b) + mean(a.at('blocks.0.attn') ** 2)", 3, 0},
        {"mean(a * b) + mean(b.at('blocks.1.attn.probs') ** 2)", 2, 1},
        {"mean(a * b) + mean(mean(p ** 2) for p in a.at('blocks.*.attn.probs'))", 0, 3},
        {"mean(a.at('blocks.1.attn.probs') * b.at('blocks.1.attn.probs'))", 1, 1},
        {"mean(a * b) + mean(a.at('blocks.2.attn.probs')[:, :, 0, 1:] ** 2)", 3, 1},
        {"mean(a * b) + mean(stop_grad(b.at('blocks.2.attn.probs')[1:, 0, :2]) ** 2)", 3, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *text = arena_printf(arena, VIT, rows[i].loss);
        Run plain = run(text), passed = run_after(text, "simplify,batch-views,attention,autodiff,simplify");
        double want = output_of(&plain, "loss")->data[0], got = output_of(&passed, "loss")->data[0];
        if (!(fabs(got - want) < 1e-9 * fabs(want)))
            fail_msg("%s: %.17g, not %.17g", rows[i].loss, got, want);
        for (size_t s = 0; s < plain.module->n_states; s++)
            for (int64_t k = 0; k < type_elements(&plain.before[s].type); k++)
                if (!(fabs(passed.after[s].data[k] - plain.after[s].data[k]) < 1e-9))
                    fail_msg("%s: state %s differs", rows[i].loss, plain.module->states[s].name);
        size_t attentions = count_op(passed.step, OP_attention),
               softmaxes = count_op(passed.step, OP_softmax);
        if (attentions != rows[i].attentions || softmaxes != rows[i].softmaxes)
            fail_msg("%s: %zu attentions, %zu softmaxes", rows[i].loss, attentions, softmaxes);
    }
}

/* Labels that fit a pattern, and what takes a value; a labelled call made once more has the parameters of the first,
 * and trains them. Readouts of layers (models/lib/readouts.yaml) are what they say. */
static void test_again(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"mean(a.again('norm', a.at('blocks.2')) * b)", "mean(a * b)"},
        {"mean(a.again('blocks.1', b.at('blocks.0')) ** 2)", "mean(b.at('blocks.1') ** 2)"},
        {"mean(a) * len(a.labels('**.blocks.*')) + len(a.labels('norm?')) + len(a.labels('**.norm?'))",
         "mean(a) * 3 + 0 + 6"},
        {"mean(a.again(a.labels('**.*norm*', a.at('blocks.2'))[0], b.at('blocks.2')))", "mean(b)"},
        {"mean(read_layers([a], [-1], 'cls') ** 2)", "mean(a[:, 0] ** 2)"},
        {"mean(read_layers([a], [2]) ** 2)", "mean(a[:, 0] ** 2)"},
        {"mean(read_layers([a], [-1], 'mean') ** 2)", "mean(mean(a[:, 1:], 1) ** 2)"},
        {"mean(read_layers([a], [2], 'cls+mean') ** 2)",
         "mean(concat([a[:, 0], mean(a[:, 1:], 1)], axis=1) ** 2)"},
        {"mean(read_layers([a], [2], 'pooled') ** 2)", "mean(a[:, 1:] ** 2)"},
        {"mean(read_layers([a, b], [0, 2], 'cls', true) ** 3)",
         "mean(concat([a.again('norm', a.at('blocks.0'))[:, 0], b.again('norm', b.at('blocks.0'))[:, 0], "
         "a[:, 0], "
         "b[:, 0]], axis=1) ** 3)"},
        {"mean(read_last([a], 2, 'cls') ** 3)",
         "mean(concat([a.again('norm', a.at('blocks.1'))[:, 0], a[:, 0]], axis=1) ** 3)"},
        /* 3 × 3 patches in a map: quarters share the middle row and column */
        {"mean(readout(reshape(arange(18), 1, 9, 2), 'mean')) + mean(a) * 0", "mean(a) * 0 + 8.5"},
        {"readout(reshape(arange(18), 1, 2, 3, 3), 'pooled')[0, 0] + mean(a) * 0", "mean(a) * 0 + 2"},
        {"readout(reshape(arange(18), 1, 2, 3, 3), 'pooled')[0, 7] + mean(a) * 0", "mean(a) * 0 + 15"},
    };
    const char *with = "use: [lib/vit.yaml, lib/readouts.yaml]";
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        Run runs[2];
        for (int k = 0; k < 2; k++) {
            const char *text = arena_printf(arena, VIT, pairs[i][k]), *use = strstr(text, "use: ");
            runs[k] = run(arena_printf(arena, "%.*s%s%s", (int)(use - text), text, with, strchr(use, '\n')));
        }
        double got = output_of(&runs[0], "loss")->data[0], want = output_of(&runs[1], "loss")->data[0];
        if (!(fabs(got - want) < 1e-9 * (1 + fabs(want))))
            fail_msg("%s is %g, %s is %g", pairs[i][0], got, pairs[i][1], want);
        static const char *const trained[] = {"encoder.norm.weight", "encoder.blocks.0.norm1.weight"};
        for (int t = 0; t < 2; t++) {
            size_t s = state_of(&runs[1], trained[t]);
            for (int64_t k = 0; k < 8; k++)
                assert_true(fabs(runs[0].after[s].data[k] - runs[1].after[s].data[k]) < 1e-9);
        }
    }
}

static void test_readout_messages(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"mean(read_layers([a], [3], 'cls'))", "there is no layer 3: the network has 3, from 0 to 2"},
        {"mean(read_layers([a], [-4], 'cls'))", "there is no layer -4"},
        {"mean(read_last([a], 4))", "the network has 3 layers, not 4"},
        {"mean(readout(a[:, 1:], 'cls'))", "there is no cls token among 4 = 2 × 2"},
        {"mean(readout(a[:, 0], 'mean'))", "there is nothing to read out"},
        {"mean(read_layers([], [0]))", "the features are made of no network"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Diags *told = diags_new(arena);
        Recipe recipe;
        const char *text = arena_printf(arena, VIT, rows[i][0]), *use = strstr(text, "use: ");
        text = arena_printf(arena, "%.*suse: [lib/vit.yaml, lib/readouts.yaml]%s", (int)(use - text), text,
                            strchr(use, '\n'));
        if (recipe_load_text(arena, told, "t.yaml", text, strlen(text), &OPTIONS, &recipe) ||
            !strstr(diags_text(told), rows[i][1]))
            fail_msg("wanted \"%s\", got:\n%s", rows[i][1], diags_text(told));
    }
}

/* A metric that reads probabilities has them made for itself: what is trained keeps its bits. */
static void test_metric(void **state) {
    (void)state;
    static const char passes[] = "simplify,batch-views,attention,autodiff,simplify";
    const char *text = arena_printf(arena, VIT, "mean(a * b)");
    Run plain = run_after(text, passes),
        told = run_after(
            arena_printf(arena, "%smetrics: {m: \"mean(encoder(x[1]).at('blocks.*.attn.probs')[0] ** 2)\"}\n",
                         text),
            passes);
    assert_int_equal(count_op(told.step, OP_attention), 3);
    assert_int_equal(count_op(told.step, OP_softmax), 1);
    assert_true(output_of(&told, "m")->data[0] > 0);
    for (size_t s = 0; s < plain.module->n_states; s++)
        assert_memory_equal(plain.after[s].data, told.after[s].data,
                            sizeof(double) * (size_t)type_elements(&plain.after[s].type));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_messages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_same_label, setup, teardown),
        cmocka_unit_test_setup_teardown(test_loops, setup, teardown),
        cmocka_unit_test_setup_teardown(test_passes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_readout_messages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_metric, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
