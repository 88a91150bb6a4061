/* Names of a recipe: what they mean where, and what is told when they are wrong. */
#include "frontend/frontend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 5 };

/* A recipe, and all that is told of it, in order: parts of "line:column: kind: …", the whole message if it begins with
 * "error: ". None: nothing is told. */
typedef struct {
    const char *text, *told[MOST];
} Case;

#define RECIPE                                                                                               \
    "recipe: t\n"                                                                                            \
    "use: [lib/nn.yaml, lib/heads.yaml, lib/optimizers.yaml, lib/schedules.yaml]\n"                          \
    "views: {x: {size: 4, augment: [normalize]}}\n"                                                          \
    "networks: {f: \"linear(reshape(x, dim(x, 0), -1), 3)\"}\n"                                              \
    "train: {batch: 4, epochs: 1, optimizer: \"sgd(param, grad, 0.1)\"}\n"
#define LOSS(lines) "objectives:\n  o:\n    loss: |\n      z = f(x)\n" lines "      return mean(z ** 2)\n"

/* Prints what differs; the number of differences. */
static int compare(size_t number, const Case *c, const Diags *diags, bool good) {
    int n = 0, wrong = 0, errors = 0;
    for (int i = 0; i < diags_count(diags); i++) {
        DiagKind kind;
        Loc loc;
        const char *message = diags_message(diags, i, &kind, &loc);
        static const char *const kinds[] = {"error", "warning"};
        char line[4096];
        if (kind == DIAG_NOTE) continue;
        errors += kind == DIAG_ERROR;
        snprintf(line, sizeof line, "%u:%u: %s: %s", loc.line, loc.col, kinds[kind], message);
        const char *wanted = n < MOST ? c->told[n] : NULL, *from = wanted ? strstr(line, wanted) : NULL;
        bool whole = wanted && strncmp(wanted, "error: ", 7) == 0; /* to the end, without suggestion */
        if (!from || (whole && strlen(from) != strlen(wanted))) {
            print_error("case %zu: wanted \"%s\", told: %s\n", number, wanted ? wanted : "nothing", line);
            wrong++;
        }
        n++;
    }
    for (; n < MOST && c->told[n]; n++, wrong++)
        print_error("case %zu: wanted \"%s\", told nothing\n", number, c->told[n]);
    if (good != (errors == 0)) print_error("case %zu: %s\n", number, good ? "accepted" : "refused"), wrong++;
    return wrong;
}

static void run_cases(const Case *cases, size_t n) {
    int wrong = 0;
    for (size_t i = 0; i < n; i++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        RecipeOptions options = {.models_dir = SOURCE_DIR "/models", .with_values = true};
        Recipe recipe;
        bool good =
            recipe_load_text(arena, diags, "t.yaml", cases[i].text, strlen(cases[i].text), &options, &recipe);
        wrong += compare(i, &cases[i], diags, good);
        arena_free(arena);
    }
    assert_int_equal(wrong, 0);
}

#define RUN_CASES(cases) run_cases(cases, sizeof(cases) / sizeof *(cases))

/* ---- states ------------------------------------------------------------------------------------------------------ */

#define STATE RECIPE "state: {center: \"zeros(3)\", count: 0}\n"
#define UPDATE(lines) STATE LOSS("") "    update: |\n" lines

static void test_states(void **state) {
    (void)state;
    static const Case cases[] = {
        {UPDATE("      center := mean(z, 0)\n      count := count + 1\n"), {NULL}},
        {UPDATE("      center, count := mean(z, 0), count + 1\n"), {NULL}},
        {UPDATE("      if true:\n        for i in range(2):\n          center := mean(z, 0)\n      count := "
                "1\n"),
         {NULL}},
        {UPDATE("      center = mean(z, 0)\n      count := 1\n"),
         {"13:7: error: 'center' is a state, and `=` sets no state: write `center := …`"}},
        {UPDATE("      center := mean(z, 0)\n      if true:\n        count = 1\n"),
         {"15:9: error: 'count' is a state"}},
        {UPDATE("      center := mean(z, 0)\n      for i in range(3):\n        count += 1\n"),
         {"15:9: error: 'count' is a state, and `+=` sets no state: write `count := count + …`"}},
        {UPDATE("      a, center = mean(z, 0), mean(z, 0)\n      count := a\n"),
         {"13:10: error: 'center' is a state"}},
        {UPDATE("      for count in range(3):\n        center := count * mean(z, 0)\n"),
         {"13:11: error: 'count' is a state: a loop's variable wants another name"}},
        {UPDATE("      centre := mean(z, 0)\n      center := mean(z, 0)\n      count := 1\n"),
         {"13:7: error: `:=` sets a state; 'centre' is none; did you mean 'center'?"}},
        {UPDATE("      z := mean(z, 0)\n      center := mean(z, 0)\n      count := 1\n"),
         {"13:7: error: `:=` sets a state, and 'z' is f32[4x3]: `=` assigns a value"}},
        {UPDATE("      center, count := 1\n"), {"13:7: error: 2 states for 1"}},
        {STATE LOSS("      center := mean(z, 0)\n      count := count + 1\n"), {NULL}},
        {STATE LOSS("      center = mean(z, 0)\n      count := 1\n"), {"11:7: error: 'center' is a state"}},
        {STATE LOSS("      if true:\n        count -= 1\n      center := z[0]\n"),
         {"12:9: error: 'count' is a state, and `-=` sets no state: write `count := count - …`"}},
        /* modules are given states, whose names are parameters there */
        {STATE "modules:\n  push(s, by): |\n    s := s + by\n    s = s + 1\n    return s\n" LOSS(
             "      a = push(center, z[0])\n      b = push(count, 1)\n      z = z + a + b\n"),
         {NULL}},
        {STATE "modules:\n  push(s): |\n    center := s\n    return s\n" LOSS(
             "      a = push(center)\n      z = z + a\n      center := z[0]\n      count := 1\n"),
         {"9:5: error: 'center' is not seen inside a module: pass it as an argument"}},
        /* buffers */
        {STATE "modules:\n  push(s): |\n    m = buffer(zeros(3))\n    m = m + s\n    return m\n" LOSS(
             "      a = push(z[0])\n      z = z + a\n      center := z[0]\n      count := 1\n"),
         {"10:5: error: 'm' holds a state, and `=` sets no state: write `m := …`, or give the value another "
          "name"}},
        {STATE "modules:\n  push(s): |\n    m = buffer(zeros(3))\n    m := m + s\n    return m\n" LOSS(
             "      a = push(z[0])\n      z = z + a\n      center := z[0]\n      count := 1\n"),
         {NULL}},
    };
    RUN_CASES(cases);
}

/* ---- libraries --------------------------------------------------------------------------------------------------- */

#define OUTER                                                                                                \
    "    use: [inner]\n    modules: {outer(x): \"twice(x)\", \"same(x)\": \"x\", pick(x): \"same(x)\"}\n"
#define INNER "  inner:\n    modules: {twice(x): \"2 * x\", \"scale(x)\": \"3 * x\"}\n"
#define WITH(uses, more, value)                                                                              \
    "recipe: t\nuse: " uses "\nlibraries:\n  outer:\n" OUTER INNER                                           \
    "  other:\n    modules: {\"same(x)\": \"5 * x\"}\n" more "values: {v: \"" value "\"}\n"                  \
    "views: {x: {size: 2}}\nstate: {s: 1}\nobjectives: {o: {loss: \"mean(x) * s\", weight: 1}}\n"            \
    "train: {batch: 1}\n"

/* The number that a value of a recipe is, which the interpreter need not run for. */
static double constant_value(const char *text) {
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    RecipeOptions options = {.with_values = true};
    Recipe recipe;
    if (!recipe_load_text(arena, diags, "t.yaml", text, strlen(text), &options, &recipe))
        fail_msg("%s", diags_text(diags));
    const Func *step = module_find_func(recipe.module, "step");
    double value = NAN;
    for (size_t i = 0; i < step->n_outputs; i++)
        if (strcmp(step->outputs[i].name, "v") == 0)
            value = constant_attrs(func_node(step, step->outputs[i].value))->value;
    arena_free(arena);
    return value;
}

static void test_libraries(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double value;
    } values[] = {
        {WITH("[outer]", "", "outer(1)"), 2},
        /* used by way of another */
        {WITH("[outer]", "", "scale(1)"), 3},
        /* the recipe's own module is the recipe's alone */
        {WITH("[outer]", "modules: {twice(x): \"7 * x\"}\n", "twice(1)"), 7},
        {WITH("[outer]", "modules: {twice(x): \"7 * x\"}\n", "outer(1)"), 2},
        /* a nearer library comes first, each keeps its own */
        {WITH("[outer]", "", "same(1)"), 1},
        {WITH("[other, outer]", "modules: {\"same(x)\": \"11 * x\"}\n", "same(1)"), 11},
        {WITH("[other, outer]", "", "pick(1)"), 1},
        /* a schedule that is called as a library's module changes nothing in it */
        {WITH("[outer]", "schedules: {twice: 9}\n", "outer(1)"), 2},
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        double value = constant_value(values[i].text);
        if (value != values[i].value) fail_msg("case %zu: %g, not %g", i, value, values[i].value);
    }
    static const Case cases[] = {
        {WITH("[other, outer]", "", "same(1)"),
         {"two libraries have a module 'same': define the one that is meant"}},
        {WITH("[inner]", "", "same(1)"), {"unknown name 'same'"}},
        {WITH("[outer]", "", "outre(1)"), {"unknown name 'outre'; did you mean 'outer'?"}},
        {WITH("[]", "modules: {\"f(x)\": \"outer(x)\"}\n", "f(1)"), {"unknown name 'outer'"}},
    };
    RUN_CASES(cases);
}

/* ---- what may have been meant ------------------------------------------------------------------------------------ */

#define OWN                                                                                                  \
    "knobs: {temperature: 0.2, width: 8, lambda_u: 3}\nmodules: {\"soften(x)\": \"x / 2\"}\n"                \
    "schedules: {warmth: 0.5}\n"
#define SUGGESTS(line) RECIPE OWN LOSS("      " line "\n")

static void test_suggestions(void **state) {
    (void)state;
    static const Case cases[] = {
        {SUGGESTS("y = z / temperatur"), {"unknown name 'temperatur'; did you mean 'temperature'?"}},
        {SUGGESTS("y = z * Width"), {"unknown name 'Width'; did you mean 'width'?"}},
        {SUGGESTS("y = z * warmht"), {"unknown name 'warmht'; did you mean 'warmth'?"}},
        {SUGGESTS("y = softne(z)"), {"unknown name 'softne'; did you mean 'soften'?"}},
        {SUGGESTS("y = sofmax(z)"), {"unknown name 'sofmax'; did you mean 'softmax'?"}},
        {SUGGESTS("y = linera(z, 3)"), {"unknown name 'linera'; did you mean 'linear'?"}},
        {SUGGESTS("y = relu6(z)"), {"unknown name 'relu6'; did you mean 'relu'?"}},
        {SUGGESTS("y = z * lam"), {"error: unknown name 'lam'"}},
        {SUGGESTS("y = z * mae(z)"), {"error: unknown name 'mae'"}},
        {SUGGESTS("y = z * teachr"), {"error: unknown name 'teachr'"}},
        /* a module where a value is wanted is no suggestion, nor a value where a function is */
        {SUGGESTS("y = z * entropi"), {"error: unknown name 'entropi'"}},
        {SUGGESTS("y = withd(z)"), {"error: unknown name 'withd'"}},
        {SUGGESTS("y = w"), {"error: unknown name 'w'"}},
        /* a name of the body that has no value yet */
        {SUGGESTS("y = later\n      later = 3"), {"error: 'later' has no value here"}},
        {SUGGESTS("if width > 9:\n        maybe = 3\n      y = maybe"), {"error: 'maybe' has no value here"}},
    };
    RUN_CASES(cases);
}

/* ---- names that would hide others -------------------------------------------------------------------------------- */

#define FINE LOSS("      z = z * 1\n")

static void test_clashes(void **state) {
    (void)state;
    static const Case cases[] = {
        {RECIPE "knobs: {dim: 3}\n" LOSS("      z = reshape(z, dim(z, 0), -1) * dim\n"),
         {"6:9: error: 'dim' is a function of the language, dim(x, axis): choose another name for the knob"}},
        {RECIPE "schedules: {mean: 1}\n" FINE, {"6:13: error: 'mean' is a function of the language"}},
        {RECIPE "state: {sum: 1}\nmetrics: {a: sum}\n" LOSS("      sum := 1\n"),
         {"6:9: error: 'sum' is a function of the language"}},
        {RECIPE "modules: {\"softmax(x)\": x}\n" LOSS("      z = softmax(z)\n"),
         {"6:12: error: 'softmax' is a function of the language"}},
        {RECIPE "modules: {\"epoch(x)\": x}\n" LOSS("      z = epoch(z)\n"),
         {"6:12: error: 'epoch' is a name of every step already"}},
        {"recipe: t\nuse: [a]\nlibraries: {a: {modules: {\"exp(x)\": x}}}\nviews: {x: {size: 2}}\n"
         "objectives: {o: {loss: mean(x)}}\n",
         {"3:28: error: 'exp' is a function of the language"}},
        /* knobs that are options of the step, and those that are not */
        {"recipe: t\nknobs: {batch: 2, epochs: 3}\nviews: {x: {size: 2}}\n"
         "objectives: {o: {loss: mean(x) * batch * epochs}}\ntrain: {batch: $batch, epochs: $(epochs)}\n",
         {NULL}},
        {"recipe: t\nknobs: {batch: 2}\nviews: {x: {size: 2}}\nobjectives: {o: {loss: mean(x) * batch}}\n"
         "train: {batch: 4}\n",
         {"2:9: error: knob 'batch' is not the batch of the step"}},
        {"recipe: t\nknobs: {epochs: 2}\nviews: {x: {size: 2}}\nobjectives: {o: {loss: mean(x) * epochs}}\n",
         {"2:9: error: knob 'epochs' is not the epochs of the step"}},
        {RECIPE "knobs: {step: 2}\n" LOSS("      z = z * step\n"),
         {"6:9: error: 'step' is a name of every step"}},
        {RECIPE "knobs: {decay: 0.1}\n" LOSS("      z = z * decay\n"),
         {"6:9: error: 'decay' is a name that the optimizer sees already"}},
        {RECIPE "knobs: {a: 1, b: {default: 2, alias: a}}\n" LOSS("      z = z * a * b\n"),
         {"6:38: error: 'a' is a knob itself"}},
        {RECIPE "knobs: {a: {default: 1, alias: dim}}\npresets: {two: {dim: 2}}\n" LOSS("      z = z * a\n"),
         {NULL}},
        {RECIPE "knobs: {if: 1, true: 2}\n" FINE,
         {"6:9: error: 'if' is a word of the language", "6:16: error: 'true' is a word of the language"}},
        {RECIPE "knobs: {preset: 1}\n" LOSS("      z = z * preset\n"), {"`preset=NAME` chooses a preset"}},
        /* two kinds of one name */
        {RECIPE "knobs: {x: 2}\n" FINE, {"3:9: error: 'x' is the name of a knob already"}},
        {RECIPE "knobs: {f: 2}\n" FINE, {"4:12: error: 'f' is the name of a knob already"}},
        {RECIPE "schedules: {o: 1}\n" FINE, {"8:3: error: 'o' is the name of a schedule already"}},
        {RECIPE "modules: {\"o(x)\": x}\n" FINE, {"8:3: error: 'o' is the name of a module already"}},
        {RECIPE "modules: {\"f(x)\": x}\n" FINE, {"4:12: error: 'f' is the name of a module already"}},
        {RECIPE "state: {f: 1}\n" LOSS("      f := 2\n"),
         {"6:9: error: 'f' is the name of a network already"}},
        {RECIPE "metrics: {lr: 1}\nschedules: {lr: 0.1}\n" FINE, {"6:11: error: 'lr' is logged already"}},
        /* a library's module is hidden by what the recipe names alike, which matters where it is called */
        {RECIPE "knobs: {entropy: 2}\n" LOSS("      z = z * entropy\n"), {NULL}},
        {RECIPE "knobs: {entropy: 2}\n" LOSS("      z = z * entropy(softmax(z)) * entropy\n"),
         {"6:9: error: 'entropy' is a knob, and hides a module that the recipe calls"}},
        {RECIPE "schedules: {lr: \"cosine(1, 0)\", cosine: 2}\n" FINE,
         {"6:33: error: 'cosine' is a schedule, and hides a module that the recipe calls"}},
        {RECIPE "objectives:\n  entropy:\n    loss: |\n      return entropy(softmax(f(x)))\n",
         {"7:3: error: 'entropy' is an objective, and hides a module"}},
        /* locals hide what they like, and are seen where they are made alone */
        {RECIPE LOSS("      sum = 3\n      z = z * sum\n") "    weight: sum(ones(2))\n", {NULL}},
        {RECIPE "modules: {\"g(x, dim, mean)\": \"x * dim * mean\"}\n" LOSS("      z = g(z, 2, 3)\n"),
         {NULL}},
    };
    RUN_CASES(cases);
}

/* ---- what `embed` sees ------------------------------------------------------------------------------------------- */

#define EMBED(features)                                                                                      \
    RECIPE                                                                                                   \
    "knobs: {k: 2}\nstate: {s: \"zeros(3)\"}\nschedules: {lr: step}\n"                                       \
    "modules: {\"twice(x)\": 2 * x, \"hidden(x)\": x}\ndraws: {d: {sampler: uniform, shape: [4, 3]}}\n"      \
    "metrics: {m: \"mean(o.z) + mean(d) + mean(many[0]) + mean(twice(other)) + k + "                         \
    "mean(hidden(x))\"}\n" LOSS(                                                                             \
        "      s := z[0]\n      z = z * 1\n") "embed: {view: x, features: \"" features "\"}\n"

static void test_embed(void **state) {
    (void)state;
    static const char views[] = "views: {x: {size: 4, augment: [normalize]}}\n";
    static const char more[] =
        "views: {x: {size: 4, augment: [normalize]}, other: {size: 4, augment: [normalize]}, "
        "many: {count: 2, size: 4, augment: [normalize]}}\n";
    static const Case rows[] = {
        {EMBED("f(x) * k + s + twice(lr) + 0 * epoch + (1 if training else 0)"), {NULL}},
        {EMBED("f(x) + o.z"), {"19:36: error: 'o' is an objective of the step: `embed` sees its view 'x'"}},
        {EMBED("f(other)"), {"19:31: error: 'other' is a view of the step: `embed` sees its view 'x'"}},
        {EMBED("f(many[0])"), {"19:31: error: 'many' is a view of the step"}},
        {EMBED("mean(f(v) for v in many)"), {"19:48: error: 'many' is a view of the step"}},
        {EMBED("f(x) + d"), {"19:36: error: 'd' is a draw of the step"}},
        {EMBED("f(x) + labels"), {"19:36: error: 'labels' is an input of the step"}},
        {EMBED("f(x) + index + labels"), {"19:36: error: 'index' is an input of the step"}},
        {EMBED("f(x) + z"), {"error: unknown name 'z'"}},
        {EMBED("f(x) + grads"), {"error: unknown name 'grads'"}},
        {EMBED("ones(4, 3)"), {"the features do not depend on view 'x'"}},
    };
    enum { N = sizeof rows / sizeof *rows };
    Case cases[N];
    Arena *arena = arena_new();
    for (size_t i = 0; i < N; i++) {
        cases[i] = rows[i];
        const char *at = strstr(rows[i].text, views);
        cases[i].text =
            arena_printf(arena, "%.*s%s%s", (int)(at - rows[i].text), rows[i].text, more, at + strlen(views));
    }
    RUN_CASES(cases);
    arena_free(arena);
}

/* ---- what nobody needs ------------------------------------------------------------------------------------------- */

static void test_unused(void **state) {
    (void)state;
    static const Case cases[] = {
        {RECIPE "knobs: {a: 1, b: 2}\n" LOSS("      z = z * a\n"),
         {"6:15: warning: knob 'b' is read nowhere: setting it changes nothing"}},
        /* read in YAML, in a branch that is not taken, in a module, by a check */
        {RECIPE "knobs: {a: 1, b: 2, c: 3, d: 4, e: 5}\ncheck: |\n  assert a > 0\n" LOSS(
             "      if e > 9:\n        z = z * d\n") "    weight: $c\ndraws: {r: {sampler: uniform, shape: "
                                                     "[$b]}}\n"
                                                     "metrics: {m: mean(r)}\n",
         {NULL}},
        {"recipe: t\nviews: {x: {size: 4}, y: {size: 4}}\nobjectives: {o: {loss: mean(x)}}\n",
         {"2:23: warning: view 'y' is used nowhere"}},
        {"recipe: t\nviews: {x: {size: 4}, y: {size: 4}}\nobjectives: {o: {loss: \"mean([mean(y) for y in "
         "[x]])\"}}\n",
         {"2:23: warning: view 'y' is used nowhere"}},
        {RECIPE "draws: {r: {sampler: uniform, shape: [4]}}\n" FINE,
         {"6:9: warning: draw 'r' is used nowhere"}},
        {RECIPE "modules: {\"g(x)\": x, \"h(x)\": g(x)}\n" FINE,
         {"6:23: warning: module 'h' is called nowhere"}},
        {"recipe: t\nviews: {x: {size: 4}}\nnetworks:\n  f: \"mean(x) * param(1, name='w')\"\n  g: x\n"
         "objectives: {o: {loss: \"sum(f(x))\"}}\n",
         {"5:3: warning: network 'g' is applied nowhere, so that it is neither trained nor saved"}},
        {"recipe: t\nviews: {x: {size: 4}}\nnetworks:\n  f: \"mean(x) * param(1, name='w')\"\n"
         "  g: {ema: f, momentum: 0.9}\n  h: {ema: g, momentum: 0.9}\nobjectives: {o: {loss: "
         "\"sum(f(x))\"}}\n",
         {"5:3: warning: nobody needs network 'g', an EMA of 'f'", "6:3: warning: nobody needs network 'h'"}},
        {"recipe: t\nviews: {x: {size: 4}}\nnetworks:\n  f: \"mean(x) * param(1, name='w')\"\n"
         "  g: {ema: f, momentum: 0.9}\n  h: {ema: g, momentum: 0.9}\nobjectives: {o: {loss: \"sum(h(x)) + "
         "mean(x)\"}}\n",
         {"4:3: warning: no loss depends on network f, whose parameters stay as they begin"}},
        {STATE LOSS("      z = z + center\n"),
         {"6:9: warning: state 'center' is never set, and keeps its initial value: `center := …`",
          "6:29: warning: state 'count' is used nowhere"}},
        {STATE LOSS(
             "      z = z + center\n      if count is none:\n        center := z[0]\n        count := 1\n"),
         {NULL}},
        {UPDATE("      centre = mean(z, 0)\n      count := 1\n      half = 0.5\n      unread = half\n"),
         {"13:7: warning: 'centre' is given a value that nothing reads; did you mean `center := …`",
          "16:7: warning: 'unread' is given a value that nothing reads"}},
        {UPDATE("      kept = mean(z, 0)\n      center := z[0]\n      count := 1\n") "metrics: {k: "
                                                                                     "mean(o.kept)}\n",
         {NULL}},
        {RECIPE
         "knobs: {width: 3}\npresets: {small: {width: 2, train.seed: 4, views.x.size: 8}, large: {widht: 5, "
         "train.batches: 3, views.y.size: 4}}\n" LOSS("      z = z * width\n"),
         {"7:70: warning: preset 'large' sets 'widht', which this recipe has not; did you mean 'width'?",
          "preset 'large' sets 'train.batches', which this recipe has not; did you mean 'train.batch'?",
          "preset 'large' sets 'views.y.size', which this recipe has not"}},
        /* a momentum that leaves 0..1 while training goes on */
        {"recipe: t\nviews: {x: {size: 4}}\nnetworks:\n  f: \"mean(x) * param(1, name='w')\"\n"
         "  g: {ema: f, momentum: \"0.5 + epoch / 10\"}\nobjectives: {o: {loss: \"sum(g(x)) + sum(f(x))\"}}\n"
         "train: {epochs: 10}\n",
         {"5:30: warning: the momentum of 'g' is 1.25 after 75 % of the training: it should be in 0..1"}},
        {"recipe: t\nviews: {x: {size: 4}}\nnetworks:\n  f: \"mean(x) * param(1, name='w')\"\n"
         "  g: {ema: f, momentum: \"0.5 + epoch / 20\"}\nobjectives: {o: {loss: \"sum(g(x)) + sum(f(x))\"}}\n"
         "train: {epochs: 10}\n",
         {NULL}},
        /* a network that is applied nowhere is checked all the same */
        {"recipe: t\nviews: {x: {size: 4}}\nnetworks: {idle: \"meen(x)\"}\nobjectives: {o: {loss: "
         "mean(x)}}\n",
         {"3:19: error: unknown name 'meen'; did you mean 'mean'?"}},
    };
    RUN_CASES(cases);
}

/* --strict: the same, as errors. */
static void test_strict(void **state) {
    (void)state;
    static const char text[] =
        "recipe: t\nviews: {x: {size: 4}, y: {size: 4}}\nobjectives: {o: {loss: mean(x)}}\n";
    for (int strict = 0; strict < 2; strict++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        RecipeOptions options = {.warnings = strict ? WARNINGS_STRICT : WARNINGS_TOLD};
        Recipe recipe;
        bool good = recipe_load_text(arena, diags, "t.yaml", text, strlen(text), &options, &recipe);
        assert_int_equal(good, !strict);
        assert_int_equal(diags_errors(diags), strict);
        assert_int_equal(diags_warnings(diags), !strict);
        arena_free(arena);
    }
}

/* ---- variables --------------------------------------------------------------------------------------------------- */

static void test_variables(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double value;
    } values[] = {
        /* those of a comprehension hide others while it runs, and are gone behind it */
        {WITH("[outer]", "", "sum([i for i in range(3)]) + len([i for i in range(2)])"), 5},
        {WITH("[outer]",
              "modules:\n  g(x): |\n    i = 7\n    y = sum([i * k for i in range(3) for k in [x]])\n    "
              "return y + i\n",
              "g(1)"),
         10},
        {WITH("[outer]",
              "modules:\n  g(x): |\n    a, b, c, d, e, f, g, h = [1, 2, 3, 4, 5, 6, 7, 8]\n    i, j, k, l, m "
              "= [9, 10, 11, 12, 13]\n"
              "    y = [n + m for n in [o for o in range(2)] for m in [x]]\n    p = 5\n    q = [p for p in "
              "[1]]\n    return m + p + sum(y)\n",
              "g(1)"),
         21},
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        double value = constant_value(values[i].text);
        if (value != values[i].value) fail_msg("case %zu: %g, not %g", i, value, values[i].value);
    }
    static const Case cases[] = {
        {RECIPE LOSS("      y = [i * z for i in range(3)]\n      z = z + i\n"),
         {"11:15: error: unknown name 'i'"}},
        {RECIPE "metrics: {m: \"mean([q for q in [1, 2]])\"}\nvalues: {v: q}\n" FINE,
         {"7:13: error: unknown name 'q'"}},
        /* what is called is told with its value, and where that comes from */
        {RECIPE LOSS("      mean = 3\n"),
         {"11:14: error: 'mean' is 3 here, which cannot be called: this hides the function"}},
        {RECIPE "knobs: {many: 3}\n" LOSS("      z = z + many(z)\n"),
         {"11:15: error: 'many' is 3, which cannot be called"}},
        {RECIPE LOSS("      z = f(z)(3)\n"), {"error"}},
    };
    RUN_CASES(cases);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_states),      cmocka_unit_test(test_libraries),
                                       cmocka_unit_test(test_suggestions), cmocka_unit_test(test_clashes),
                                       cmocka_unit_test(test_embed),       cmocka_unit_test(test_unused),
                                       cmocka_unit_test(test_strict),      cmocka_unit_test(test_variables)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
