/* Networks that are the encoders of other recipes: what they compute, what their parameters are called, what is
 * saved, and where errors are. */
#include "tests/frontend/interpreted.h"
#include "tests/frontend/written.h"

#include <sys/stat.h>
#include <unistd.h>

/* A student and its average, whose `embed` is of the average; names of the outer recipe mean other things in it. */
static const char INNER[] =
    "recipe: inner\n"
    "use: [lib/nn.yaml]\n"
    "knobs: {width: 3, rate: 0.5, wide: false, batch: 8}\n"
    "check: |\n  assert width > 1, 'width {width} is 1'\n"
    "presets: {wide: {width: 6}}\n"
    "views:\n"
    "  two: {count: 2, size: 4, augment: [flip, normalize]}\n"
    "  images: {size: 4, channels: 1, augment: [center_crop, normalize: {mean: 0.25, std: 0.5}]}\n"
    "networks:\n"
    "  student(x, drop=0.0): |\n"
    "    y = fc: linear(reshape(x, dim(x, 0), -1), width)\n"
    "    blocks = double(y)\n"
    "    return record(z=(head: linear(blocks, 2)), features=blocks * (1 + drop))\n"
    "  teacher: {ema: student, momentum: 0.9}\n"
    "modules:\n"
    "  double(x): 2 * x\n"
    "state: {queue: \"zeros(1000, width)\", centre: \"zeros(1, width)\"}\n"
    "objectives:\n"
    "  o:\n"
    "    loss: |\n"
    "      queue := queue * 1\n"
    "      return mean((student(two[0][:, :1]).z - teacher(two[1][:, :1]).z) ** 2) + unheard_of\n"
    "embed: {view: images, features: teacher(images).features - centre}\n"
    "train: {batch: $batch, optimizer: \"param - rate * grad\"}\n";

/* The same by hand, with the same names. */
static const char BY_HAND[] =
    "recipe: outer\n"
    "use: [lib/nn.yaml]\n"
    "views: {photo: {size: 4, channels: 1}}\n"
    "networks:\n"
    "  net: |\n"
    "    centre = buffer(zeros(1, WIDTH), name='centre')\n"
    "    return 2 * (teacher.fc: linear(reshape(x, dim(x, 0), -1), WIDTH)) * DROP - centre\n"
    "objectives: {o: {loss: mean(net(photo) ** 2)}}\n"
    "train: {batch: 4, optimizer: \"param - 0.1 * grad\"}\n";

#define OUTER(network, rest)                                                                                 \
    "recipe: outer\nknobs: {width: 7}\nviews: {photo: {of: net}}\nnetworks:\n  " network                     \
    "\nmodules: {double(x): 100 * x}\nobjectives: {o: {loss: \"mean(double(width) / 700 * " rest             \
    " ** 2)\"}}\ntrain: {batch: 4, optimizer: \"param - 0.1 * grad\"}\n"

/* Loss and new states are those of the network written by hand. */
static void check_same(const char *text, const char *width, const char *drop) {
    const char *hand = with(with(BY_HAND, "WIDTH", width), "DROP", drop);
    char cwd[1024];
    assert_non_null(getcwd(cwd, sizeof cwd));
    assert_int_equal(chdir(folder), 0); /* run() calls the recipe t.yaml */
    diags = diags_new(arena);
    Run ours = run(text), theirs = run(hand);
    assert_int_equal(chdir(cwd), 0);
    assert_true(fabs(output_of(&ours, "loss")->data[0] - output_of(&theirs, "loss")->data[0]) < 1e-6);
    const char *names[] = {"net.centre", "net.teacher.fc.weight", "net.teacher.fc.bias"};
    for (int i = 0; i < 3; i++) {
        size_t ao = state_of(&ours, names[i]), at = state_of(&theirs, names[i]);
        const State *a = &ours.module->states[ao], *b = &theirs.module->states[at];
        assert_int_equal(ao, at); /* by which the values before are made up */
        assert_true(type_equal(&a->type, &b->type));
        assert_int_equal(a->role, b->role);
        assert_int_equal(a->init, b->init);
        for (int64_t k = 0; k < type_elements(&a->type); k++)
            assert_true(fabs(ours.after[ao].data[k] - theirs.after[at].data[k]) < 1e-6);
    }
    assert_int_equal(module_find_state(ours.module, "queue"), -1);
    assert_int_equal(module_find_state(ours.module, "net.queue"), -1);
    assert_int_equal(module_find_state(ours.module, "net.student.fc.weight"), -1);
}

static void test_same(void **state) {
    (void)state;
    written("inner.yaml", with(INNER, " + unheard_of", ""));
    check_same(OUTER("net: {recipe: inner.yaml}", "net(photo)"), "3", "1");
    check_same(with(OUTER("net: {recipe: $of, set: {preset: wide}}", "net(photo)"), "width: 7",
                    "width: 7, of: inner.yaml"),
               "6", "1");
    check_same(OUTER("net(x, drop=0.0): {recipe: inner, set: {width: 5}}", "net(photo, drop=1.0)"), "5", "2");
}

/* What follows of an error of the inner recipe, in parts that are not needed: nothing. */
static void test_unneeded(void **state) {
    (void)state;
    const char *messages;
    written("inner.yaml", INNER);
    Recipe recipe = load(OUTER("net: {recipe: inner.yaml}", "net(photo)"), NULL, 0, &messages);
    assert_string_equal(messages, "");
    assert_non_null(recipe.module);
    assert_int_equal(recipe.plan.n_settings, 6); /* those of train: no knob of the inner recipe */
}

/* A saved recipe needs no file. */
static void test_saved(void **state) {
    (void)state;
    const char *messages, *path = written("inner.yaml", INNER);
    const char *const set[] = {"networks.net.set.width=4", "of=gone.yaml"};
    Recipe first =
        load(with(OUTER("net: {recipe: $of, set: {}}", "net(photo)"), "width: 7", "width: 7, of: inner.yaml"),
             set, 1, &messages);
    assert_string_equal(messages, "");
    assert_int_equal(unlink(path), 0);
    Recipe again = load(first.resolved, NULL, 0, &messages);
    assert_string_equal(messages, "");
    assert_string_equal(again.resolved, first.resolved);
    assert_null(strstr(first.resolved, "unheard_of"));
    const Module *a = first.module, *b = again.module;
    assert_int_equal(a->n_states, b->n_states);
    int64_t s = module_find_state(b, "net.teacher.fc.bias");
    assert_true(s >= 0 && b->states[s].type.dim[0] == 4);
    load(first.resolved, set + 1, 1, &messages); /* asked for another */
    assert_non_null(strstr(messages, "there is no recipe 'gone.yaml'"));
}

/* Moving averages follow all of it; so does what lies deeper. */
static void test_around(void **state) {
    (void)state;
    const char *messages;
    written("inner.yaml", INNER);
    const char *text =
        OUTER("net: {recipe: inner.yaml}\n  slow: {ema: net, momentum: 0.5}", "(net(photo) + slow(photo))");
    Recipe recipe = load(text, NULL, 0, &messages);
    assert_string_equal(messages, "");
    const Module *m = recipe.module;
    int64_t s = module_find_state(m, "slow.teacher.fc.weight"),
            of = module_find_state(m, "net.teacher.fc.weight");
    assert_true(s >= 0 && of >= 0);
    assert_int_equal(m->states[s].role, ROLE_EMA);
    assert_int_equal(m->states[s].copy_of, of);
    written("between.yaml", with(text, "\ntrain:", "\nembed: {view: photo, features: net(photo)}\ntrain:"));
    recipe = load(OUTER("net: {recipe: between}", "net(photo)"), NULL, 0, &messages);
    assert_string_equal(messages, "");
    assert_true(module_find_state(recipe.module, "net.net.teacher.fc.weight") >= 0);
    recipe = load(OUTER("net: {recipe: between}", "net(photo).at('net.teacher.fc')"), NULL, 0, &messages);
    assert_string_equal(messages, "");
}

/* Each takes the next ten times: that ends soon, with one error. */
static void test_many(void **state) {
    (void)state;
    const char *messages, *networks = "";
    for (int i = 0; i < 10; i++) networks = arena_printf(arena, "%s  n%d: {recipe: NEXT}\n", networks, i);
    for (int i = 0; i < 6; i++) {
        const char *next = i ? arena_printf(arena, "many%d", i - 1) : "inner";
        written(arena_printf(arena, "many%d.yaml", i),
                arena_printf(
                    arena,
                    "recipe: many\nviews: {photo: {of: n0}}\nnetworks:\n%sembed: {view: photo, features: "
                    "n0(photo)}\n",
                    with(networks, "NEXT", next)));
    }
    written("inner.yaml", INNER);
    Recipe recipe = load(OUTER("net: {recipe: many5}", "net(photo)"), NULL, 0, &messages);
    assert_null(recipe.module);
    assert_non_null(strstr(messages, "the encoders of more than 100 recipes are taken"));
}

static void test_facts(void **state) {
    (void)state;
    const char *messages;
    written("inner.yaml", INNER);
    const char *text = with(with(OUTER("net: {recipe: inner.yaml}", "net(photo)"), "width: 7",
                                 "width: $(7 * (net.view.size == 4 and net.view.channels == 1))"),
                            "{photo: {of: net}}",
                            "{photo: {size: $(net.knobs.width + 1), channels: 1, augment: "
                            "[flip, normalize: {of: net}]}}");
    Recipe recipe = load(text, NULL, 0, &messages);
    assert_string_equal(messages, "");
    const VtPipeline *photo = &recipe.plan.pipelines[0];
    assert_int_equal(photo->n_augments, 2);
    assert_true(photo->augments[1].params[0] == 0.25);
    recipe = load(OUTER("net: {recipe: inner.yaml}", "net(photo)"), NULL, 0, &messages);
    photo = &recipe.plan.pipelines[0];
    assert_int_equal(photo->n_augments, 2);
    assert_string_equal(photo->name, "photo");
}

/* A run: its folder is enough. */
static void test_run(void **state) {
    (void)state;
    const char *messages;
    assert_int_equal(mkdir(arena_printf(arena, "%s/run", folder), 0755), 0);
    written("run/recipe.yaml", INNER);
    Recipe recipe = load(OUTER("net: {recipe: run}", "net(photo)"), NULL, 0, &messages);
    assert_string_equal(messages, "");
    assert_int_equal(recipe.plan.n_weights, 1);
    assert_string_equal(recipe.plan.weights[0].target, "net");
    assert_string_equal(recipe.plan.weights[0].path,
                        arena_printf(arena, "%s/run/checkpoint.safetensors", folder));
    recipe = load(OUTER("net: {recipe: run/recipe.yaml}", "net(photo)"), NULL, 0, &messages);
    assert_int_equal(recipe.plan.n_weights, 0);
}

static void test_errors(void **state) {
    (void)state;
    static const struct {
        const char *word, *by;         /* in the inner recipe */
        const char *network, *message; /* of the outer one */
    } cases[] = {
        {"double(y)", "dubble(y)", NULL,
         "inner.yaml:13:14: error: unknown name 'dubble'; did you mean 'double'?"},
        {"{width: 3,", "{width: 1,", NULL, "inner.yaml:5:3: error: width 1 is 1 (knob width=1)"},
        {"reshape(x, dim(x, 0), -1)", "x[0] @ x", NULL, "inner.yaml:"},
        {"teacher(images).features - centre", "teacher(images)", NULL,
         "inner.yaml:24:33: error: a tensor or number"},
        {"teacher(images).features - centre", "photo", NULL, "inner.yaml:24:33: error: unknown name 'photo'"},
        {"embed: {view: images, features: teacher(images).features - centre}", "values: {}", NULL,
         "has no encoder to take"},
        {"", "", "net: {recipe: nothing}", "outer.yaml:5:17: error: there is no recipe 'nothing'"},
        {"", "", "net: {recipe: outer}", "takes its own encoder"},
        {"", "", "net: {recipe: inner, set: {wdth: 3}}",
         "outer.yaml:5:30: error: there is no knob or value 'wdth'"},
        {"", "", "net: {recipe: inner, sett: {}}",
         "unknown key 'sett' in a network that is a recipe's encoder"},
        {"", "", "net(x, drop): {recipe: inner}", "net wants argument 'drop'"},
        {"", "", "net: {recipe: $gone}", "there is no knob 'gone'"},
        {"", "", "net: {recipe: inner, thaw: 3}", "`thaw` is true or false"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *messages, *text = OUTER("NET", "net(photo)"),
                              *inner = *cases[i].word ? with(INNER, cases[i].word, cases[i].by) : INNER;
        text = with(text, "NET", cases[i].network ? cases[i].network : "net: {recipe: inner.yaml}");
        written("inner.yaml", inner);
        written("outer.yaml", text);
        Recipe recipe = load(text, NULL, 0, &messages);
        assert_null(recipe.module);
        if (!strstr(messages, cases[i].message))
            fail_msg("case %zu: no '%s' in:\n%s", i, cases[i].message, messages);
    }
    const char *messages;
    written("inner.yaml", INNER);
    load(with(OUTER("net: {recipe: inner}", "net(photo)"), "{of: net}", "{size: 8}"), NULL, 0, &messages);
    assert_non_null(strstr(messages, "network net sees images f32[n, 1, 4, 4], as 'inner' is made for, not "
                                     "f32[4x3x8x8]"));
    load(with(OUTER("net: {recipe: inner}", "net(photo)"), "{of: net}", "{of: nett}"), NULL, 0, &messages);
    assert_non_null(strstr(messages, "'nett' is no network that is a recipe's encoder; did you mean 'net'?"));
    load(with(OUTER("net: {recipe: inner}", "net(photo)"), "width: 7", "width: $(net.size)"), NULL, 0,
         &messages);
    assert_non_null(strstr(messages, "network net has `view`"));
    load(with(OUTER("net: {recipe: inner}", "net(photo)"), "width: 7", "width: $(net(3))"), NULL, 0,
         &messages);
    assert_non_null(strstr(messages, "a network is applied in a step, not where numbers are read"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_same, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unneeded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_saved, setup, teardown),
        cmocka_unit_test_setup_teardown(test_around, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many, setup, teardown),
        cmocka_unit_test_setup_teardown(test_facts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_run, setup, teardown),
        cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
