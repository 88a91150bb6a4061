/* Recipes that want too much, or something of the wrong kind: an error with a place within a moment, or the right
 * thing; never a crash, a hang, or gigabytes. Long ones are a piece, repeated. */
#include "frontend/frontend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 5000 };

/* What a row replaces of a recipe that is good. LOSS: lines of the loss before `return`. */
typedef enum {
    LOSS,
    MODULES,
    KNOBS,
    VIEWS,
    DRAWS,
    NETWORKS,
    STATE,
    SCHEDULES,
    OBJECTIVES,
    METRICS,
    EMBED,
    TRAIN,
    TOP,
    PARTS
} Part;

static const char *const GOOD[PARTS] = {
    [LOSS] = "",
    [MODULES] = "modules: {f(x=1): x}\n",
    [KNOBS] = "knobs: {a: 1}\n",
    [VIEWS] = "views: {view: {count: 2, size: 4}, images: {size: 4}}\n",
    [DRAWS] = "",
    [NETWORKS] = "networks:\n  encoder: |\n    w = param(48, 2)\n    return reshape(x, dim(x, 0), -1) @ w\n",
    [STATE] = "",
    [SCHEDULES] = "schedules: {lr: \"0.1\"}\n",
    [OBJECTIVES] = "",
    [METRICS] = "",
    [EMBED] = "embed: {view: images, features: encoder(images)}\n",
    [TRAIN] = "train: {batch: 2, optimizer: \"param - lr * grad\"}\n",
    [TOP] = "",
};

typedef struct {
    Part part;
    const char *head, *piece, *tail; /* head, `count` pieces, tail */
    int count;
    const char *message; /* NULL: the recipe is good */
} Row;

/* Depth: chains are followed in loops, what nests is limited. */
static const Row DEPTH[] = {
    {LOSS, "y = 1", " + 1", "", MANY, NULL},
    {LOSS, "x = mean(encoder(view[0]))\ny = x", " + x", "", MANY, NULL},
    {LOSS, "y = true", " and true", "", MANY, NULL},
    {LOSS, "y = false", " or false", "", MANY, NULL},
    {LOSS, "y = ", "1 if false else ", "2", MANY, NULL},
    {LOSS, "if false:\n  y = 1\n", "elif false:\n  y = 1\n", "", MANY, NULL},
    {LOSS, "if false:\n  y = 1\n", "elif false:\n  y = 1\n", "else:\n  y = undefined", MANY,
     "unknown name 'undefined'"},
    {LOSS, "y = 1", " ** 1", "", MANY, "nested more than 200 deep"},
    {LOSS, "y = record(x=1)", ".x", "", MANY, "nested more than 200 deep"},
    {LOSS, "y = view", "[0]", "", MANY, "nested more than 200 deep"},
    {LOSS, "y = f", "(1)", "", MANY, "nested more than 200 deep"},
    {LOSS, "y = ", "-", "1", MANY, "nested more than 200 deep"},
    {LOSS, "y = ", "not ", "true", MANY, "nested more than 200 deep"},
    {LOSS, "y = ", "(", "1", MANY, "nested more than 200 deep"},
    {LOSS, "y = ", "[", "1", MANY, "nested more than 200 deep"},
    {LOSS, "y = ", "f(", "1", MANY, "nested more than 200 deep"},
    {LOSS, "y = [1", " for i in [1]", "]", MANY, "more than 32 `for`"},
    {LOSS, "y = (", "a.", "b: f(1))", MANY, "nested more than 200 deep"},
    {LOSS, "y = [1]\nfor i in range(5000):\n  y = [y]", "", "", 0, "lists nest deeper than 100"},
    {LOSS, "y = 1\nfor i in range(200):\n  y = record(a=y)", "", "", 0, "lists nest deeper than 100"},
    {KNOBS, "knobs: {a: \"$(1", " + 1", ")\"}\n", MANY, NULL},
    {KNOBS, "knobs: {a: \"$(", "(", "1)\"}\n", MANY, "nested more than 200 deep"},
    {KNOBS, "knobs: {a: ", "[", "1", MANY, "nested more than 64 deep"},
    {KNOBS, "knobs: {a: ", "{a: ", "1", MANY, "nested more than 64 deep"},
    {TOP,
     "about: &a [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n"
     "presets: {p: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[*a]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}\n",
     "", "", 0, "nested more than 64 deep, with what the alias stands for"},
    {MODULES, "modules: {f(x=f()): x}\n", "", "", 0, NULL}, /* nobody calls it */
    {MODULES, "modules: {\"f(x=1, y=g())\": x, \"g(x=f())\": x}\nabout: |\n  x\n", "", "", 0, NULL},
};

/* Modules that call themselves by way of their defaults, of each other, of what they are given. */
static const Row CALLS[] = {
    {MODULES, "modules: {f(x=f()): x}\n", "", "", 0, "module f calls itself"},
    {MODULES, "modules: {f(x=g()): x, g(x=f()): x}\n", "", "", 0, "module f calls itself"},
    {MODULES, "modules: {\"f(x=[f() for i in [1]])\": x}\n", "", "", 0, "module f calls itself"},
    {MODULES, "modules: {f(x=1): g(x), g(x): f(x)}\n", "", "", 0, "module f calls itself"},
};

/* Time and memory: budgets, with the line and its loop. */
static const Row BUDGETS[] = {
    {LOSS, "x = [1]\nfor i in range(26):\n  x = x + x", "", "", 0, "a list of more than 1000000 values"},
    {LOSS, "x = [1]\nfor i in range(60):\n  x = [x, x]", "", "", 0, "a list that holds over 1000000 values"},
    {LOSS, "x = 1\nfor i in range(60):\n  x = record(a=x, b=x)", "", "", 0,
     "a list that holds over 1000000 values"},
    {LOSS, "x = concat([zeros(1) for i in range(3000)])", "", "", 0, "a list of 1 to 2000 tensors"},
    {LOSS, "x = range(10 ** 8)", "", "", 0, "a list of more than 1000000 values"},
    {LOSS, "for i in range(100000):\n  x = range(100000)", "", "", 0, "in this loop"},
    {LOSS, "r = range(100000)\nfor i in range(300):\n  x = enumerate(r)", "", "", 0, "in this loop"},
    {LOSS, "r = range(100000)\nfor i in range(300):\n  x = zip(r, r)", "", "", 0,
     "lists of over 5000000 values"},
    {LOSS, "r = range(100000)\nfor i in range(300):\n  x = r[1:]", "", "", 0, "lists of over 5000000 values"},
    {LOSS, "for i in range(3000):\n  for j in range(3000):\n    x = 1", "", "", 0,
     "over 3000000 steps of evaluation"},
    {LOSS, "x = [1 for i in range(3000) for j in range(3000) if false]", "", "", 0, "over 3000000 steps"},
    {LOSS, "x = view[0]\nfor i in range(1000000):\n  x = sin(x)", "", "", 0,
     "unrolls to over 100000 operators"},
    {LOSS, "for i in range(2000):\n  note('a', i)", "", "", 0, "more than 1000 notes"},
    {LOSS, "for i in range(20000):\n  x = encoder(view[0] * i)", "", "", 0, "applied more than 10000 times"},
    {LOSS, "for i in range(1000000):\n  x = undefined + i", "", "", 0, "unknown name 'undefined'"},
    {LOSS, "x = split(zeros(2 ** 22), 2 ** 22, axis=0)", "", "", 0, "a list of more than 1000000 values"},
    {LOSS, "", "x = 1\n", "", 20 * MANY, NULL},
    {TRAIN, "train:\n  batch: 2\n  optimizer: \"param - lr * grad\"\n  freeze: {\"", "*a",
     "*b\": epoch < 1}\n", 50, "no trained parameter has a name like"},
};

/* Sizes: no product wraps, no number is cast that does not fit. */
static const Row SIZES[] = {
    {DRAWS, "draws: {n: {sampler: normal, shape: [1073741824, 1073741824, 1073741824]}}\n", "", "", 0,
     "too large"},
    {DRAWS, "draws: {n: {sampler: normal, shape: [915225988, 195683476, 103]}}\n", "", "", 0, "too large"},
    {DRAWS, "draws: {n: {sampler: randint, shape: [2], low: 5, high: 5}}\n", "", "", 0, "must be above"},
    {DRAWS, "draws: {n: {sampler: randint, shape: [2], high: 1e300}}\n", "", "", 0, "outside"},
    {TRAIN, "train: {batch: 1e12}\n", "", "", 0, "whole number in 1..1048576"},
    {TRAIN, "train: {batch: 1.5}\n", "", "", 0, "whole number in 1..1048576"},
    {TRAIN, "train: {seed: 1e300}\n", "", "", 0, "seed = 1e+300"},
    {TRAIN, "train: {epochs: 1e19}\n", "", "", 0, "epochs = 1e+19 must be in"},
    {TRAIN, "train: {epochs: 0}\n", "", "", 0, "epochs = 0 must be in"},
    {TRAIN, "train: {checkpoint_every: -1}\n", "", "", 0, "checkpoint_every = -1"},
    {LOSS, "y = zeros(2 ** 32, 2 ** 32)", "", "", 0, "too large"},
    {LOSS, "y = broadcast(view[0], 2 ** 40, 2, 3, 4, 4)", "", "", 0, "too large"},
    {LOSS, "y = reshape(view[0], 2 ** 31, 2 ** 31, 4, -1)", "", "", 0, "more than 2^63"},
    {LOSS, "y = reshape(view[0], 2 ** 32, 2 ** 32)", "", "", 0, "elements"},
    {LOSS, "y = pad(view[0], ((10 ** 15, 10 ** 15), (0, 0), (0, 0), (0, 0)))", "", "", 0, "too large"},
    {LOSS, "y = unfold(view[0], 2 ** 31, 1, 2 ** 31)", "", "", 0, "too large"},
    {LOSS, "y = unfold(view[0], (2 ** 40, 2 ** 40), 1, 2 ** 41)", "", "", 0, "do not fit"},
    {LOSS, "y = concat(view, axis=2 ** 32)", "", "", 0, "axis 4294967296"},
    {LOSS, "y = gather(view[0], labels, batch=2 ** 32)", "", "", 0, "batch = 4294967296"},
    {LOSS, "y = iota((2, 2), axis=2 ** 32)", "", "", 0, "axis 4294967296"},
    {LOSS, "y = arange(2 ** 25)", "", "", 0, "an f32 counts to 2^24"},
    {LOSS, "y = one_hot(labels, 2 ** 40)", "", "", 0, "one_hot"},
    {LOSS, "y = draw('normal', 2 ** 40)", "", "", 0, "too large"},
    {LOSS, "y = index % 0", "", "", 0, "division by zero"},
    {LOSS, "y = index // 0", "", "", 0, "division by zero"},
    {LOSS, "y = 1 % 0", "", "", 0, "division by zero"},
    {LOSS, "y = index + 1e10", "", "", 0, "10000000000 is no i32"},
    {LOSS, "y = view[0] * 1e300", "", "", 0, "is no f32"},
    {LOSS, "y = cast(2 ** 31, 'i32')", "", "", 0, "2147483648 is no i32"},
    {LOSS, "y = 10 ** 400", "", "", 0, "no finite number"},
    {LOSS, "y = exp(1000)", "", "", 0, "no finite number"},
    {LOSS, "y = view[0][none, none, none, none, none, none, none, none, none, none]", "", "", 0,
     "more than 8 axes"},
    {LOSS, "y = view[0][..., ..., ...]", "", "", 0, "more than one '...'"},
    {NETWORKS, "networks:\n  encoder: |\n    w = param(2 ** 32, 2 ** 32)\n    return w\n", "", "", 0,
     "too large"},
    {STATE, "state: {s: \"normal(1, shape=(2 ** 32, 2 ** 32))\"}\n", "", "", 0, "too large"},
};

/* Kinds: what is given, and what was meant. */
static const Row KINDS[] = {
    {LOSS, "y = var(view)", "", "", 0, "stack(list) makes one of it"},
    {LOSS, "y = std([1, 2])", "", "", 0, "stack(list) makes one of it"},
    {LOSS, "y = softmax(record(a=1))", "", "", 0, "not a record"},
    {LOSS, "y = logsumexp(view)", "", "", 0, "not a list of 2"},
    {LOSS, "y = argmax(none)", "", "", 0, "not none"},
    {LOSS, "y = where(view[0] > 0, f, 1)", "", "", 0, "not module f"},
    {LOSS, "y = mean(view, axis=0)", "", "", 0, "a list has no axes"},
    {LOSS, "y = sum(['a', 'b'])", "", "", 0, "a list of numbers or tensors"},
    {LOSS, "y = gelu('a')", "", "", 0, "not 'a'"},
    {LOSS, "y = layernorm(view, 1, 1)", "", "", 0, "not a list of 2"},
    {LOSS, "y = record(a=1, a=2)", "", "", 0, "field 'a' is given twice"},
    {LOSS, "y = buffer(zeros(2), name=3)", "", "", 0, "a name must be a string"},
    {LOSS, "y = buffer(cast(0, 'f64'), name='step')", "", "", 0, "a state of another kind already"},
    {LOSS, "y = buffer(zeros(48, 2), name='encoder.w')", "", "", 0, "a state of another kind already"},
    {LOSS, "y = buffer(zeros(2), name='__metadata__')", "", "", 0, "no buffer can be called '__metadata__'"},
    {LOSS, "y = buffer(zeros(2), name='a\\b')", "", "", 0, "a name with quotes, backslashes"},
    {LOSS, "y = buffer(zeros(2), name='q')\nz = buffer(zeros(2), name='q')", "", "", 0, "'q' is made twice"},
    {KNOBS, "knobs: {a: \"$(buffer(zeros(3), name='x'))\"}\n", "", "", 0,
     "buffer() has no place in a constant"},
    {KNOBS, "knobs: {a: \"$(draw('normal', 3))\"}\n", "", "", 0, "draw() has no place in a constant"},
    {KNOBS, "knobs: {a: {default: 1, type: [int]}}\n", "", "", 0, "a knob's type is"},
    {KNOBS, "knobs: {a: {default: 1, choices: {a: 1}}}\n", "", "", 0, "choices must be a list"},
    {KNOBS, "knobs: {a: {default: 1, choices: [[1]]}}\n", "", "", 0, "a choice must be"},
    {KNOBS, "knobs: {a: {default: 1, help: [a]}}\n", "", "", 0, "help must be a text"},
    {KNOBS, "knobs: {a: }\n", "", "", 0, "knob 'a' must be a number"},
    {KNOBS, "knobs: [a]\n", "", "", 0, "knobs must be a map"},
    {SCHEDULES, "schedules: {lr: \"buffer(zeros(3), name='x')\"}\n", "", "", 0, "no place in a schedule"},
    {SCHEDULES, "schedules: {step: \"0.1\"}\n", "", "", 0, "'step' is a name of every step already"},
    {SCHEDULES, "schedules: {lr: [1]}\n", "", "", 0, "must be an expression"},
    {STATE, "state: {s: \"buffer(zeros(3), name='x')\"}\n", "", "", 0, "no place in an initial value"},
    {STATE, "state: {step: zeros(3)}\n", "", "", 0, "'step' is a name of every step already"},
    {STATE, "state: {__metadata__: zeros(3)}\n", "", "", 0, "'__metadata__' is a name"},
    {STATE, "state: {\"a b\": zeros(3)}\n", "", "", 0, "'a b' is no name"},
    {METRICS, "metrics: {m: \"buffer(zeros(3), name='x')\"}\n", "", "", 0, "no place in a metric"},
    {METRICS, "metrics: {lr: \"1.0\"}\n", "", "", 0, "'lr' is logged already"},
    {METRICS, "metrics: [m]\n", "", "", 0, "metrics must be a map"},
    {VIEWS, "views: [images]\n", "", "", 0, "views must be a map"},
    {VIEWS, "views: {images: {size: [4]}}\n", "", "", 0, "a number was expected"},
    {VIEWS, "views: {images: {size: 4, augment: [flip: 0.5]}}\n", "", "", 0,
     "the parameters of flip are a map"},
    {VIEWS, "views: {labels: {size: 4}}\n", "", "", 0, "'labels' is a name of every step already"},
    {DRAWS, "draws: {n: {sampler: [normal], shape: [2]}}\n", "", "", 0, "draw 'n' wants `sampler: NAME`"},
    {DRAWS, "draws: [n]\n", "", "", 0, "draws must be a map"},
    {NETWORKS, "networks: {encoder: x, t: {ema: encoder, momentum: \"0.9\", when: [after]}}\n", "", "", 0,
     "`when` is before or after"},
    {NETWORKS, "networks: {encoder: x, t: {ema: [x], momentum: \"0.9\"}}\n", "", "", 0,
     "ema must be a word, not a list"},
    {NETWORKS, "networks: {encoder: {ema: t, momentum: \"0.9\"}, t: {ema: encoder, momentum: \"0.9\"}}\n", "",
     "", 0, "follows itself: none of these networks is trained"},
    {OBJECTIVES, "objectives: {o: {loss: \"mean(encoder(view[0]))\", weight: {a: 1}}}\n", "", "", 0,
     "must be an expression"},
    {OBJECTIVES, "objectives: [o]\n", "", "", 0, "objectives must be a map"},
    {EMBED, "embed: [images]\n", "", "", 0, "embed must be a map"},
    {EMBED, "embed: {view: images, features: \"encoder(view[0])\"}\n", "", "", 0,
     "'view' is a view of the step"},
    {EMBED, "embed: {view: images, features: o.kept}\n", "", "", 0, "'o' is an objective of the step"},
    {NETWORKS,
     "networks:\n  encoder: |\n    w = param(48, 2)\n    n = draw('normal', 2)\n    return reshape(x, dim(x, "
     "0), -1) @ w + n\n",
     "", "", 0, "features depend on the random input 'encoder.n'"},
    {TRAIN, "train: {epochs: {}}\n", "", "", 0, "a number was expected"},
    {TRAIN, "train: {batch: 2, optimizer: \"param - buffer(zeros(shape(param))) - grad\"}\n", "", "", 0,
     "a buffer wants a name"},
    {TRAIN, "train: {batch: 2, optimizer: \"param - grad\", clip: \"[1.0 for g in grads]\"}\n", "", "", 0,
     "clip makes f32 of the gradient"},
    {TOP, "presets: [p]\n", "", "", 0, "presets must be a map"},
    {TOP, "presets: {p: 3}\n", "", "", 0, "a preset must be a map"},
    {MODULES, "modules: {\"f(x=1) y\": x}\n", "", "", 0, "the signature should end here"},
    {TOP, "use: {}\n", "", "", 0, "`use` is a list"},
    {TOP, "use: [[x]]\n", "", "", 0, "`use` is a list"},
    {TOP, "about: !tag x\n", "", "", 0, "a value cannot begin with `!`"},
};

/* With preset=p. */
static const Row PRESETS[] = {
    {TOP, "presets:\n  p:\n    ? train", ".a", "\n    : 1\n", MANY, "there is no knob or value 'train.a.a"},
    {TOP, "use: []\npresets: {p: {use: [x.yaml]}}\n", "", "", 0, "`use` are set in the recipe alone"},
    {MODULES, "modules: {f(x=1): x}\npresets: {p: {f: 1, \"modules.f(x=1)\": undefined}}\n", "", "", 0,
     "there is no knob or value 'f'"},
    {MODULES, "modules: {f(x=1): x}\nmetrics: {m: f()}\npresets: {p: {\"modules.f(x=1)\": undefined}}\n", "",
     "", 0, "unknown name 'undefined'"},
    {TOP, "presets: {p: {knobs: [1]}}\n", "", "", 0, "knobs must be a map"},
    {TOP, "presets: [p]\n", "", "", 0, "no preset 'p'"},
    {TOP, "presets: {p: {views.view.size: &v [4], views.images.size: *v, a: {b: 1}}}\n", "", "", 0,
     "a number was expected"},
    {TOP, "presets: {p: {presets: {p: {a: 1}}, train.knn: {k: 1}, train.knn.every: 0}}\n", "", "", 0, NULL},
};

static char *repeat(const Row *row) {
    size_t head = strlen(row->head), piece = strlen(row->piece), size = head + piece * (size_t)row->count;
    char *text = malloc(size + strlen(row->tail) + 1), *at = text + head;
    memcpy(text, row->head, head);
    for (int i = 0; i < row->count; i++, at += piece) memcpy(at, row->piece, piece);
    strcpy(at, row->tail);
    return text;
}

static void put_lines(FILE *out, const char *lines) {
    for (size_t n; *lines; lines += n + (lines[n] == '\n')) {
        n = strcspn(lines, "\n");
        fprintf(out, "      %.*s\n", (int)n, lines);
    }
}

/* The good recipe with the row's part. */
static char *recipe_of(const Row *row, bool call_module) {
    char *text, *own = repeat(row);
    size_t size;
    FILE *out = open_memstream(&text, &size);
    fprintf(out, "recipe: t\n");
    for (int part = MODULES; part < PARTS; part++) fputs(row->part == (Part)part ? own : GOOD[part], out);
    if (row->part != OBJECTIVES) {
        fprintf(out, "objectives:\n  o:\n    loss: |\n      kept = encoder(view[0])\n");
        if (row->part == LOSS) put_lines(out, own);
        fprintf(out, "      return mean(encoder(view[0]))%s\n", call_module ? " + f()" : "");
    }
    fclose(out);
    free(own);
    return text;
}

static void check(const char *name, const Row *rows, size_t n, bool call_module) {
    for (size_t i = 0; i < n; i++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        static const char *const preset[] = {"preset=p"};
        const RecipeOptions options = {.models_dir = SOURCE_DIR "/models",
                                       .overrides = preset,
                                       .n_overrides = rows == PRESETS,
                                       .warnings = rows[i].message ? WARNINGS_STRICT : WARNINGS_TOLD};
        Recipe recipe;
        char *text = recipe_of(&rows[i], call_module);
        bool good = recipe_load_text(arena, diags, "t.yaml", text, strlen(text), &options, &recipe);
        const char *message = diags_text(diags), *wanted = rows[i].message;
        if (wanted ? good || !strstr(message, wanted) : !good)
            fail_msg("%s %zu: wanted \"%s\", got:\n%.2000s\nof %.1000s", name, i,
                     wanted ? wanted : "no error", message, text);
        if (wanted && !strstr(message, "t.yaml:") && !strstr(message, "command line:"))
            fail_msg("%s %zu: no place in\n%.2000s", name, i, message);
        free(text);
        arena_free(arena);
    }
}

#define TEST(name, rows, call_module)                                                                        \
    static void name(void **state) {                                                                         \
        (void)state;                                                                                         \
        check(#rows, rows, sizeof rows / sizeof *rows, call_module);                                         \
    }
TEST(test_depth, DEPTH, false)
TEST(test_calls, CALLS, true)
TEST(test_budgets, BUDGETS, false)
TEST(test_presets, PRESETS, false)
TEST(test_sizes, SIZES, false)
TEST(test_kinds, KINDS, false)

/* As deep as may be, in a thread with the usual stack: 200 brackets in each of as many calls as the evaluator lets
 * be. */
static void *nested(void *unused) {
    (void)unused;
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    fprintf(out, "modules:\n  f(x=1): m0(x)\n");
    for (int m = 0; m < 99; m++) {
        fprintf(out, "  m%d(x): ", m);
        for (int i = 0; i < 60; i++) fputs("abs(", out);
        fprintf(out, "%s", m < 98 ? "" : "x");
        if (m < 98) fprintf(out, "m%d(x)", m + 1);
        for (int i = 0; i < 60; i++) fputs(")", out);
        fputs("\n", out);
    }
    fclose(out);
    const Row rows[] = {{MODULES, text, "", "", 0, "expressions and calls nest deeper than 600"}};
    check("nested", rows, 1, true);
    free(text);
    return NULL;
}

static void test_stack(void **state) {
    (void)state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, nested, NULL), 0);
    pthread_join(thread, NULL);
}

/* More keyword arguments and parameters than fit an array on the stack. */
static void test_keywords(void **state) {
    (void)state;
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    fprintf(out, "modules:\n  ? g(");
    for (int i = 0; i < 200; i++) fprintf(out, "%sk%d=0", i ? ", " : "", i);
    fprintf(out,
            ")\n  : k199\n  f(x=1): |\n    y = g(k150=1, k199=2)\n    assert y == 2, 'the last keyword'\n   "
            " return g(k2000=1)\n");
    fclose(out);
    const Row rows[] = {{MODULES, text, "", "", 0, "g has no argument 'k2000'"}};
    check("keywords", rows, 1, true);
    free(text);
}

/* Many of whatever can be many: within a second, by tables of names. */
static void test_many(void **state) {
    (void)state;
    static const struct {
        Part part;
        const char *head, *line, *message;
    } kinds[] = {{KNOBS, "knobs:\n", "  k%d: 1\n", NULL},
                 {STATE, "state:\n", "  s%d: zeros(2)\n", NULL},
                 {METRICS, "metrics:\n", "  m%d: \"1.0\"\n", NULL},
                 {MODULES, "modules:\n  f(x=1): x\n", "  m%d(x): x\n", NULL},
                 {LOSS, "", "v%d = 1\n", NULL},
                 {KNOBS, "knobs: {a: 1}\n", "unknown%d: 1\n", "unknown key 'unknown0'"},
                 {LOSS, "", "x%d = undefined\n", "unknown name 'undefined'"}};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        char *text;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        fputs(kinds[k].head, out);
        for (int i = 0; i < 9000; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            fprintf(out, kinds[k].line, i);
#pragma GCC diagnostic pop
        }
        fclose(out);
        const Row rows[] = {{kinds[k].part, text, "", "", 0, kinds[k].message}};
        check("many", rows, 1, false);
        free(text);
    }
}

/* A network applied to another module or initialiser is another application. */
static void test_other_arguments(void **state) {
    (void)state;
    const Row rows[] = {{NETWORKS,
                         "networks:\n  encoder(x, g=exp): |\n    w = param(48, 2)\n    return g(reshape(x, "
                         "dim(x, 0), -1) @ w)\n"
                         "metrics: {m: \"mean(encoder(view[0], sin)) - mean(encoder(view[0], cos))\"}\n",
                         "", "", 0, NULL}};
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    const RecipeOptions options = {0};
    Recipe recipe;
    char *text = recipe_of(rows, false);
    assert_true(recipe_load_text(arena, diags, "t.yaml", text, strlen(text), &options, &recipe));
    const Func *step = module_find_func(recipe.module, "step");
    int sines = 0, cosines = 0;
    for (ValueId id = 0; id < step->count; id++) {
        sines += func_node(step, id)->op == OP_sin;
        cosines += func_node(step, id)->op == OP_cos;
    }
    assert_int_equal(sines, 1);
    assert_int_equal(cosines, 1);
    free(text);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_depth),   cmocka_unit_test(test_calls),
        cmocka_unit_test(test_budgets), cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_presets), cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_stack),   cmocka_unit_test(test_keywords),
        cmocka_unit_test(test_many),    cmocka_unit_test(test_other_arguments)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
