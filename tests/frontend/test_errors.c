/* What a wrong recipe is told: place, reason, suggestion; and never a crash. */
#include "frontend/frontend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define HEAD "recipe: t\nviews: {images: {size: 8, augment: [normalize]}}\n"

#define LOSS(x)                                                                                              \
    HEAD "draws: {a: {sampler: normal, shape: [3, 4]}, q: {sampler: normal, shape: [2, 5, 5]}}\n"            \
         "objectives: {o: {loss: \"sum(" x ")\"}}\n"

static const struct {
    const char *text, *message;
} CASES[] = {
    {LOSS("cholesky(a)"), "cholesky: wants square matrices of reals, not f32[3x4]"},
    {LOSS("svd(a[0]).s"), "svd: wants matrices of reals, not f32[4]"},
    {LOSS("solve(q, a)"),
     "right sides [..., n, m], or [..., n] of one axis less, not f32[2x5x5] and f32[3x4]"},
    {LOSS("solve_triangular(a, a)"), "solve_triangular wants matrices [..., n, n]"},
    {LOSS("einsum('ij,jk->ik', a, a)"), "einsum: 'j' is 3 in operand 2, f32[3x4], and 4 before"},
    {LOSS("einsum('ij->ik', a)"), "einsum: 'k' of the result is in no operand"},
    {LOSS("einsum('ij->ii', a)"), "einsum: 'i' of the result is there twice"},
    {LOSS("einsum('ijk->i', a)"), "einsum: \"ijk\" names 3 axes of f32[3x4]"},
    {LOSS("einsum('ij,jk', a)"), "einsum: 'ij,jk' is of 2 operands, and there is 1"},
    {LOSS("einsum('i+->i', a)"), "einsum: '+' in \"i+\": letters name axes, and '...' the others"},
    {LOSS("einsum('i..->i', a)"), "einsum: \"i..\" has dots that are no '...'"},
    {LOSS("einsum('...j,...k', q, a)"), "einsum: the axes of '...' do not broadcast: 3 in operand 2"},
    {LOSS("top_k(a, 5).values"), "top_k of 5 along axis 1 of f32[3x4]: there are 4"},
    {LOSS("sort(a[0, 0])"), "a scalar has no axis to go along"},
    {LOSS("conv2d(images, zeros(4, 2, 3, 3))"),
     "the weight's second axis is the channels of a group (f32[64x3x8x8]"},
    {LOSS("conv2d(images, zeros(4, 1, 3, 3), groups=2)"), "groups divide the channels on both sides"},
    {LOSS("conv2d(images, zeros(4, 3, 9, 9))"), "the window is larger than the padded image"},
    {LOSS("eye(0)"), "eye of 0 x 0"},
    {LOSS("fft(record(re=a)).re"), "fft wants a tensor, or record(re=…, im=…)"},
    {LOSS("fft(zeros(8191)).re"), "fft of length 8191: no prime factor may be above 4096"},
    {LOSS("irfft(rfft(a), n=7)"), "irfft of 3 values gives 4 or 5, not 7"},
    {"recipe: t\nknbos: {a: 1}\n",
     "t.yaml:2:1: error: unknown key 'knbos' in a recipe; did you mean 'knobs'?"},
    {"recipe: t\nknobs: {a: .nan}\n", "is not a finite number"},
    {"recipe: t\nknobs: {a: {default: 3, max: 2}}\n", "above its maximum 2"},
    {"recipe: t\nuse: [no-such-file.yaml]\n", "cannot read 'no-such-file.yaml'"},
    {HEAD "knobs: {images: 3}\n", "'images' is the name of a knob already"},
    {HEAD "modules: {\"f(x)\": \"x + images\"}\nembed: {view: images, features: f(images)}\n",
     "'images' is a view, which is not seen inside a module: pass it as an argument"},
    {HEAD "draws: {m: {count: 0, sampler: normal, shape: [2]}}\n", "count"},
    {HEAD "embed: {view: images, features: \"relu6(images)\"}\n", "unknown name 'relu6'"},
    {HEAD "embed: {view: images, features: \"images @ zeros(4, 4)\"}\n", "inner sizes differ (8 and 4)"},
    {HEAD "embed: {view: images, features: \"images + zeros(3)\"}\n", "shapes do not broadcast"},
    {HEAD "embed: {view: images, features: \"mean(images, axis=7)\"}\n", "axis 7 of a value of rank 4"},
    {HEAD "embed: {view: images, features: \"reshape(images, 5, -1)\"}\n",
     "do not divide by the other sizes, 5"},
    {HEAD "networks: {n: \"x * param(1, name='w')\", m: {ema: n, momentum: \"0.9 +\"}}\n"
          "objectives: {o: {loss: mean(n(images) - m(images))}}\n",
     "t.yaml:3:69: error: the expression ends too early"},
    {HEAD "embed: {view: images, features: \"images[\"}\n", "3:40: error: this '[' is not closed"},
    {HEAD "embed: {view: images, features: \"1 +\"}\n", "the expression ends too early"},
    {HEAD "modules: {\"f(x)\": \"f(x)\"}\nembed: {view: images, features: f(images)}\n",
     "module f calls itself"},
    {HEAD "modules: {\"f(x, y)\": \"x\"}\nembed: {view: images, features: f(images)}\n",
     "f wants argument 'y'"},
    {HEAD "views: {}\n", "key 'views' is given twice"},
    {"recipe: t\nviews: {v: {size: 8, augment: [blurr]}}\n",
     "unknown augmentation 'blurr'; did you mean 'blur'?"},
    {"recipe: t\nviews: {v: {size: 8, augment: [blur: {p: 2}]}}\n", "p = 2 is outside 0..1"},
    {"recipe: t\ntrain: {precision: fp8}\n", "precision 'fp8' is not known"},
    {"recipe: t\ntrain: {memory: 600}\n", "memory '600' is no limit"},
    {"recipe: t\ntrain: {memory: 2 EB}\n", "(B, kB, MB, GB, KiB, MiB, GiB)"},
    {"recipe: \"t\n", "t.yaml:1:9: error: this quote is not closed"},
    {"a: &a [1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d "
     "[*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
     "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: "
     "[*f,*f,*f,*f,*f,*f,*f,*f,*f,*f]\n",
     "million values"},
    {"recipe: t\xff\n", "YAML:"},
    {"recipe: t\n\"\\e[2J\\x9b\": 1\n",
     "unknown key '\\x1b[2J\\xc2\\x9b' in a recipe"}, /* shown, not obeyed */
    {"", "error"},
};

/* Sources of images, and the views that are made of them. */
#define DATA(text) "recipe: t\ndata: " text "\n"
static const struct {
    const char *text, *message;
} DATA_CASES[] = {
    {"recipe:\nviews: {v: {size: 8}}\nembed: {view: v, features: \"reshape(v, 64, -1)\"}\n",
     "recipe must be a word, not empty"},
    {"views: {v: {size: 8}}\nembed: {view: v, features: \"reshape(v, 64, -1)\"}\n", "a recipe begins with"},
    {"recipe: t\nviews: {v: {size: 8}}\ntrain: {batch: 6}\nembed: {view: v, features: "
     "\"cross_entropy(zeros(6, 4), arange(6))\"}\n",
     "f32[6x4], not f32[6]: classes are whole numbers, `cast(labels, 'i32')`"},
    {"recipe: t\nviews: {v: {size: 8}}\ntrain: {batch: 6}\nembed: {view: v, features: "
     "\"cross_entropy(zeros(6, 4), cast(arange(8), 'i32'))\"}\n",
     "not i32[8]: the first are `[:6]`"},
    {"recipe: t\nviews: {v: {size: 8}}\ntrain: {batch: 6}\nembed: {view: v, features: "
     "\"cross_entropy(zeros(6, 4), zeros(4))\"}\n",
     "f32[6x4], not f32[4]"},
    {"recipe: t\nviews: {v: {size: 8}}\ntrain: {batch: 6}\nembed: {view: v, features: "
     "\"cross_entropy(zeros(6, 4), cast(zeros(6, 1), 'i32'))\"}\n",
     "not i32[6x1]"},
    {DATA("{}"), "`data` names no source"},
    {DATA("[a, b]"), "data must be a map"},
    {DATA("{a: {wieght: 1}}"),
     "t.yaml:2:12: error: unknown key 'wieght' in a source of data; did you mean 'weight'?"},
    {DATA("{a: {weight: 0}}"), "weight"},
    {DATA("{a: {weight: 1, batch: 3}}"), "source 'a' has a weight, so it shares the step's batch"},
    {DATA("{a: {batch: 0}}"), "batch"},
    {DATA("{a: lots}"), "t.yaml:2:11: error: 'lots'"},
    {DATA("{a: 4, b: 8}") "views: {v: {size: 8, from: b, batch: 9}}\n",
     "the 8 images a step takes of source 'b'"},
    {DATA("{a: {}, b: {pair: c}}"), "there is no source 'c' to pair with"},
    {DATA("{a: {}, b: {pair: b}}"), "'b' cannot be paired with 'b', which is itself"},
    {DATA("{a: {}, b: {pair: a}, c: {pair: b}}"), "which is paired already"},
    {DATA("{a: {weight: 1}, b: {pair: a}}"), "which is mixed with others"},
    {DATA("{a: {}, b: {pair: a, batch: 2}}"), "it has no batch, weight or repeat of its own"},
    {DATA("{a: {}, b: {pair: a, repeat: 2}}"), "it has no batch, weight or repeat of its own"},
    {DATA("{a: {weight: 1, repeat: 2}, b: {weight: 2}}"), "whose images are repeated as `train.repeat` says"},
    {DATA("{a: {repeat: 0}, b: {}}"), "repeat = 0 must be a whole number in 1..1024"},
    {DATA("{step: {}}"), "'step' is a name of every step already"},
    {DATA("{a: {}}") "views: {a: {size: 8}}\n", "'a' is the name of a view already"},
    {DATA("{a: {}, b: {}}") "views: {v: {size: 8}}\n", "view 'v' names no source of data: `from: a`"},
    {DATA("{apples: {}, b: {}}") "views: {v: {size: 8, from: aples}}\n",
     "t.yaml:3:28: error: there is no source 'aples'; did you mean 'apples'?"},
    {DATA("{a: {weight: 1}, b: {weight: 2}}") "views: {v: {size: 8, from: b}}\n",
     "'b' has a weight: it is mixed"},
    {"recipe: t\nviews: {v: {size: 8, from: b}}\n", "there is no source 'b': `data: {NAME: {}}` names those"},
    {DATA("{a: {}, b: {batch: 4}}") "views: {v: {size: 8, from: b, batch: 5}}\n",
     "batch = 5 is more than the 4 images a step takes of source 'b'"},
    {DATA("{a: {}, b: {}}") "views: {v: {size: 8, from: b}}\nobjectives: {o: {loss: \"mean(v) + labels\"}}\n",
     "'labels' of which source? 'a.labels'"},
    {"recipe: t\nviews: {v: {size: 8, channels: 17}}\n", "channels"},
    {"recipe: t\nviews: {v: {size: 8, channels: 2, augment: [grayscale]}}\n",
     "grayscale: p is of colours and wants a view of 3 channels, this one has 2: set `p: 0`, or leave it "
     "out"},
    {"recipe: t\nviews: {v: {size: 8, channels: 5, augment: [color_jitter]}}\n",
     "t.yaml:2:45: error: color_jitter: saturation is of colours and wants a view of 3 channels, this one "
     "has 5: set `saturation: 0`"},
    {"recipe: t\nviews: {v: {size: 8, channels: 1, augment: [color_jitter: {saturation: 0, hue: 0.1}]}}\n",
     "color_jitter: hue is of colours"},
    {"recipe: t\nviews: {v: {size: 8, channels: 5, augment: [normalize]}}\n",
     "normalize: the default of mean is of 3 channels, the view has 5"},
    {"recipe: t\nviews: {v: {size: 8, channels: 5, augment: [normalize: {mean: [0, 0, 0], std: 1}]}}\n",
     "mean takes one number, or a list of 5"},
    {"recipe: t\nviews: {v: {size: 8, augment: [normalize: {mean: [0, 0]}]}}\n",
     "mean takes one number, or a list of 3"},
    {"recipe: t\nviews: {v: {size: 8, channels: 5}, w: {size: 8}}\n",
     "views 'v' and 'w' of the same images have 5 and 3 channels"},
    {"recipe: t\nviews: {v: {size: 8, count: 2, augment: [[flip], [flip], [flip]]}}\n",
     "t.yaml:2:41: error: augment has 3 lists, and the view 2 copies: one for each"},
    {"recipe: t\nviews: {v: {size: 8, augment: [[flip], [flip]]}}\n",
     "augment has 2 lists, and the view 1 copy"},
    {"recipe: t\nviews: {v: {size: 8, count: 2, augment: [[flip], normalize]}}\n",
     "or one such list for each copy: not both"},
    {"recipe: t\nviews: {v: {size: 8, count: 2, augment: [[flip], [flipp]]}}\n",
     "unknown augmentation 'flipp'"},
    {"recipe: t\nviews: {v: {size: 8, augment: {flip: {}}}}\n", "augment must be a list"},
    {"recipe: t\nviews: {v: {size: 8, random_as: w}}\n", "random_as: there is no view 'w'"},
    {"recipe: t\nviews: {v: {size: 8, random_as: v}}\n", "random_as: it has to be another view"},
    {"recipe: t\nviews: {v: {size: 8, count: 2}, w: {size: 8, random_as: v}}\n",
     "random_as: view 'v' has another number of copies"},
    {DATA("{a: {}, b: {}}") "views: {v: {size: 8, from: a}, w: {size: 8, from: b, random_as: v}}\n",
     "random_as: view 'v' is of other images"},
    {"recipe: t\ntrain: {batch: 4}\nviews: {v: {size: 8, batch: 5}}\n",
     "batch = 5 is more than the step's 4"},
};

static char *load(const char *text, size_t size, bool *good) {
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    RecipeOptions options = {0};
    Recipe recipe;
    *good = recipe_load_text(arena, diags, "t.yaml", text, size, &options, &recipe);
    char *message = strdup(diags_text(diags));
    arena_free(arena);
    return message;
}

static void test_messages(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        bool good;
        char *message = load(CASES[i].text, strlen(CASES[i].text), &good);
        if (good || !strstr(message, CASES[i].message))
            fail_msg("case %zu: wanted \"%s\", got:\n%s", i, CASES[i].message, message);
        free(message);
    }
}

/* A fault of a source or a view is told where it is, and not again where it is used. */
static void test_data_once(void **state) {
    static const char text[] = DATA("{labelled: {batch: 0}, unlabelled: {batch: 4, pear: x}, c: {pair: "
                                    "nobody}}") "views:\n  a: {from: labelled, size: 16, count: 2, augment: "
                                                "[blurr]}\n"
                                                "  b: {from: c, size: 16, random_as: x}\n"
                                                "networks: {f: \"mean(x, (1, 2, 3)) * param(1, init=ones, "
                                                "name='w')\"}\n"
                                                "objectives: {o: {loss: \"mean(f(a[1]) + f(b)) + "
                                                "mean(cast(labelled.labels + c.index, 'f32')) + no\"}}\n"
                                                "train: {batch: 8, epochs: 1, optimizer: \"param - grad\"}\n";
    static const char *const wanted[] = {"batch = 0",          "unknown key 'pear'",
                                         "no source 'nobody'", "unknown augmentation",
                                         "no view 'x'",        "unknown name 'no'"};
    bool good;
    int errors = 0;
    (void)state;
    char *message = load(text, strlen(text), &good);
    for (const char *at = message; (at = strstr(at, "error: ")); at++) errors++;
    for (size_t i = 0; i < 6; i++)
        if (!strstr(message, wanted[i])) fail_msg("no '%s' in:\n%s", wanted[i], message);
    if (errors != 6) fail_msg("%d errors:\n%s", errors, message);
    free(message);
}

static void test_data_messages(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof DATA_CASES / sizeof *DATA_CASES; i++) {
        bool good;
        char *message = load(DATA_CASES[i].text, strlen(DATA_CASES[i].text), &good);
        if (good || !strstr(message, DATA_CASES[i].message))
            fail_msg("case %zu: wanted \"%s\", got:\n%s", i, DATA_CASES[i].message, message);
        free(message);
    }
}

/* Ten megabytes of brackets are refused at once. */
static void test_brackets(void **state) {
    (void)state;
    size_t size = 10 << 20;
    char *text = malloc(size);
    memset(text, '[', size);
    bool good;
    char *message = load(text, size, &good);
    assert_false(good);
    assert_non_null(strstr(message, "error"));
    free(message);
    free(text);
}

/* All errors of a file are told, with the line and a caret. */
static void test_all_errors(void **state) {
    (void)state;
    const char *text = "recipe: t\nknobs: {a: .inf}\nbogus: 1\nviews: {v: {sise: 8}}\n";
    bool good;
    char *message = load(text, strlen(text), &good);
    assert_false(good);
    assert_non_null(strstr(message, "t.yaml:3:1: error: unknown key 'bogus'"));
    assert_non_null(strstr(message, "  bogus: 1\n  ^\n"));
    assert_non_null(strstr(message, "unknown key 'sise' in a view; did you mean 'size'?"));
    assert_non_null(strstr(message, "not a finite number"));
    free(message);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_messages), cmocka_unit_test(test_data_messages),
                                       cmocka_unit_test(test_data_once), cmocka_unit_test(test_brackets),
                                       cmocka_unit_test(test_all_errors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
