/* Edge values of the knobs of models/, one setting a row: what makes no sense is refused in words that name the knob,
 * what the official code takes is taken. And values that only show inside a library: the message leads back to the
 * knob. */
#include "frontend/frontend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define SMALL "image=32 patch=8 width=24 depth=2 heads=2 batch=8 epochs=4 "
#define TWO SMALL "local_size=16 locals=2 out_dim=32 hidden=32 bottleneck=16 "
#define HEAD SMALL "hidden=32 out_dim=16 "
#define MASK SMALL "mask_patch=8 "

/* message NULL: it elaborates. */
typedef struct {
    const char *recipe, *settings, *message;
} Row;

static const Row ROWS[] = {
    /* one knob */
    {"dino", TWO "drop_path=1", "knob 'drop_path' = 1 is not below 1"},
    {"dino", TWO "drop_path=-0.5", "knob 'drop_path' = -0.5 is below its minimum 0"},
    {"simmim", MASK "drop_path=1", "knob 'drop_path' = 1 is not below 1"},
    {"dino", TWO "student_temp=0", "knob 'student_temp' = 0 is not above 0"},
    {"dino", TWO "teacher_temp=-1", "knob 'teacher_temp' = -1 is not above 0"},
    {"dino", TWO "ema=1.01", "knob 'ema' = 1.01 is above its maximum 1"},
    {"dino", TWO "ema=-0.1", "knob 'ema' = -0.1 is below its minimum 0"},
    {"dino", TWO "ema=1", NULL},
    {"dino", TWO "wd=-1", "knob 'wd' = -1 is below its minimum 0"},
    {"dino", TWO "base_lr=-1", "knob 'base_lr' = -1 is below its minimum 0"},
    {"dino", TWO "base_lr=nan", "knob 'base_lr': 'nan' is not a finite number"},
    {"dino", TWO "base_lr=-inf", "knob 'base_lr': '-inf' is not a finite number"},
    {"dino", TWO "clip=-1", "knob 'clip' = -1 is below its minimum 0"},
    {"dino", TWO "clip=0", NULL},
    {"dino", TWO "out_dim=1", "knob 'out_dim' = 1 is below its minimum 2"},
    {"dino", TWO "hidden=0", "knob 'hidden' = 0 is below its minimum 1"},
    {"dino", TWO "depth=0", "knob 'depth' = 0 is below its minimum 1"},
    {"dino", TWO "epochs=0", "knob 'epochs' = 0 is not above 0"},
    {"dino", TWO "locals=0 local_size=50", NULL},
    {"dino", TWO "locals=2.5", "knob 'locals' wants type int, not real"},
    {"dino", TWO "freeze_last_layer=0 warmup=0 warmup_teacher_temp_epochs=0", NULL},
    {"dino", TWO "blur=1", "knob 'blur' is true or false, not '1'"},
    {"dino", TWO "batch=many", "knob 'batch' is a number, not 'many'"},
    {"dino", TWO "batch=[1,2]", "knob 'batch' is a number, not a list of numbers"},
    {"dino", TWO "clip=", "the value is missing"},
    {"dino", TWO "global_scale=[0.5]", "knob 'global_scale' is a list of 2 numbers"},
    {"dino", TWO "global_scale=[0.5,1.5]", "knob 'global_scale' = 1.5 is above its maximum 1"},
    {"mocov3", HEAD "temperature=0", "knob 'temperature' = 0 is not above 0"},
    {"mocov3", HEAD "momentum=2", "knob 'momentum' = 2 is above its maximum 1"},
    {"mocov3", HEAD "batch=1", "knob 'batch' = 1 is below its minimum 2 (BatchNorm"},
    {"mae", "preset=tiny mask_ratio=0", "knob 'mask_ratio' = 0 is not above 0"},
    {"mae", "preset=tiny mask_ratio=1", "knob 'mask_ratio' = 1 is not below 1"},
    {"mae", "preset=tiny norm_pix=0", "knob 'norm_pix' is true or false, not '0'"},
    {"simmim", MASK "mask_ratio=0", "knob 'mask_ratio' = 0 is not above 0"},
    {"simmim", MASK "mask_ratio=1", NULL},
    {"hybrid", MASK "hidden=32 out_dim=16 mask_ratio=0", "knob 'mask_ratio' = 0 is not above 0"},
    {"quickstart", HEAD "temperature=-1", "knob 'temperature' = -1 is not above 0"},
    {"paper/swav", "preset=tiny iterations=0", "knob 'iterations' = 0 is below its minimum 1"},
    {"paper/swav", "preset=tiny epsilon=-0.05", "knob 'epsilon' = -0.05 is not above 0"},
    {"sit", "preset=tiny drop=0", "knob 'drop' = 0 is not above 0"},
    {"cmc", "preset=tiny bank_momentum=1.5", "knob 'bank_momentum' = 1.5 is above its maximum 1"},
    /* knobs that do not go together */
    {"dino", TWO "heads=5", "width 24 is no multiple of heads 5 (knobs width=24, heads=5)"},
    {"dino", TWO "image=30", "image 30 is no multiple of patch 8 (knobs image=30, patch=8)"},
    {"dino", TWO "local_size=20", "local_size 20 is no multiple of patch 8"},
    {"dino", TWO "global_scale=[0.5,0.2]", "the smaller share comes first"},
    {"dino", TWO "local_scale=[0,0]", "the larger is above 0 (knob local_scale=[0,0])"},
    {"dino", TWO "warmup=5", "a warm-up of 5 epochs is longer than the run (knobs warmup=5, epochs=4)"},
    {"dino", TWO "train.epochs=3 warmup=4", "(knobs warmup=4, epochs=3)"},
    {"dino", TWO "warmup_teacher_temp_epochs=9", "(knobs warmup_teacher_temp_epochs=9, epochs=4)"},
    {"dino", TWO "warmup=4", NULL},
    {"mocov3", HEAD "width=30 heads=5", "width 30 is no multiple of 4"},
    {"mocov3", HEAD "warmup=40", NULL}, /* its run ends in the warm-up, as the official one's */
    {"mocov3", HEAD "crop=[0.5,0.1]", "crop: the smaller share comes first"},
    {"mae", "preset=tiny mask_ratio=0.99", "mask_ratio 0.99 leaves none of 16 patches to see (knob"},
    {"mae", "preset=tiny mask_ratio=0.01", NULL},
    {"mae", "preset=tiny decoder_heads=3", "decoder_dim 32 is no multiple of decoder_heads 3"},
    {"mae", "preset=tiny decoder_dim=30", "decoder_dim 30 is no multiple of 4"},
    {"simmim", SMALL "mask_patch=12", "mask_patch 12 is no multiple of patch 8"},
    {"simmim", SMALL "patch=4 mask_patch=6", "mask_patch 6 is no multiple of patch 4"},
    {"simmim", SMALL "patch=4 mask_patch=12", "image 32 is no multiple of mask_patch 12"},
    {"paper/ibot", "preset=tiny least=0", "knob 'least' = 0 is below its minimum 1"},
    {"paper/ijepa", "preset=tiny targets=5",
     "5 targets of up to 0.2 of the image can leave nothing of a context of 0.85"},
    {"paper/ijepa", "preset=tiny context=65", "a context of 65 patches: there are 64 (knobs"},
    {"paper/wmse", "preset=tiny group=5", "batch 16 is no multiple of group 5"},
    {"paper/wmse", "preset=tiny group=4", "whitening needs more images than out_dim = 6"},
    {"paper/ijepa", "preset=tiny predictor_heads=5", "predictor_dim 32 is no multiple of predictor_heads 5"},
    {"moco", "preset=tiny queue_size=8", "queue_size 8 is no multiple of batch 16"},
    {"moco", "preset=tiny queue_size=100", "queue_size 100 is no multiple of batch 16"},
    /* a name that is none */
    {"dino", TWO "lr=0.1", "there is no knob or value 'lr' in this recipe; did you mean 'base_lr'?"},
    {"dino", TWO "temp=0.1", "did you mean 'student_temp'?"},
    {"dino", TWO "Batch=3", "did you mean 'batch'?"},
    {"dino", TWO "drop-path=0", "did you mean 'drop_path'?"},
    {"dino", TWO "seed=3", "did you mean 'train.seed'?"},
    {"dino", TWO "knn.k=3", "did you mean 'train.knn.k'?"},
    {"dino", TWO "epoch=3", "did you mean 'epochs'?"},
    {"dino", TWO "weight_decay=0", "in this recipe; there are image, local_size, patch, size,"},
    /* a size, of which other knobs are made: nothing else is told of them */
    {"supervised", "size=s", "knob 'size' is one of Ti, S, B, L, H; did you mean 'S'?\n  size=s\n       ^\n"},
    {"dino", "image=32 patch=8 local_size=16 batch=8 size=Ti", NULL},
    {"mocov3", "image=32 batch=8 patch=8 size=L", NULL},
    /* another name of a knob */
    {"mae", "preset=tiny dim=24 depth=1", NULL},
    {"mae", "preset=tiny dim=26", "width 26 is no multiple of heads"},
    {"mae", "preset=tiny dim=big", "knob 'width' is a number, not 'big'"},
    /* an option of `train` that is a knob's */
    {"mae", "preset=tiny train.batch=4", NULL},
    {"mae", "preset=tiny train.batch=0", "knob 'batch' = 0 is below its minimum 1"},
};

static bool strict; /* warnings are errors */

static char *load(const char *path, const char *text, const char *settings, bool *good) {
    char words[512];
    const char *overrides[32];
    int n = 0;
    snprintf(words, sizeof words, "%s", settings);
    for (char *word = strtok(words, " "); word; word = strtok(NULL, " ")) overrides[n++] = word;
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    RecipeOptions options = {.models_dir = SOURCE_DIR "/models", .overrides = overrides, .n_overrides = n};
    if (strict) options.warnings = WARNINGS_STRICT;
    Recipe recipe;
    *good = text ? recipe_load_text(arena, diags, path, text, strlen(text), &options, &recipe)
                 : recipe_load(arena, diags, path, &options, &recipe);
    char *message = strdup(diags_text(diags));
    arena_free(arena);
    return message;
}

static int wrong; /* all rows are told */

static void expect(const char *what, const char *path, const char *text, const char *settings,
                   const char *wanted) {
    bool good;
    char *message = load(path, text, settings, &good);
    if (good != !wanted || (wanted && !strstr(message, wanted)))
        print_error("%s %s: wanted \"%s\", got:\n%s", what, settings, wanted ? wanted : "no error",
                    (wrong++, message));
    free(message);
}

static void test_models(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/models/%s.yaml", SOURCE_DIR, ROWS[i].recipe);
        expect(ROWS[i].recipe, path, NULL, ROWS[i].settings, ROWS[i].message);
    }
    assert_int_equal(wrong, 0);
}

/* A recipe without ranges of its own: the library asserts, and what the user set is found behind it. */
static const char BARE[] =
    "recipe: bare\n"
    "use: [lib/vit.yaml, lib/heads.yaml, lib/optimizers.yaml, lib/schedules.yaml]\n"
    "knobs: {edge: 16, small: 8, patch: 4, width: 24, depth: 1, parts: 3, rate: 0.1, n: 4, out: 8, deep: "
    "2, tau: 0.2, hot: 0, end: 0.0,\n"
    "  beta: 0.9, tiny: 1.0e-8, ratio: 4, kind: learned, cell: 2, share: 0.5, low: 0, high: 1, spread: 1, "
    "extra: 0, m: 0.9}\n"
    "views:\n"
    "  big: {count: 2, size: $edge, augment: [normalize]}\n"
    "  little: {size: $small, augment: [normalize]}\n"
    "draws:\n"
    "  hide: {sampler: block_mask, shape: [$n, 4, 4], cell: $cell, ratio: $share}\n"
    "  noise: {sampler: uniform, shape: [$n], low: $low, high: $high}\n"
    "  gauss: {sampler: normal, shape: [$n], std: $spread}\n"
    "networks:\n"
    "  net: \"contrast_mlp(vit(x, patch, width, depth, parts, image=edge, drop_path=rate, position=kind, "
    "mlp_ratio=ratio, registers=extra)[:, 0], deep, 16, out)\"\n"
    "  slow: {ema: net, momentum: m}\n"
    "objectives:\n"
    "  all:\n"
    "    loss: |\n"
    "      a, b = [net(v) for v in big]\n"
    "      k = stop_grad(slow(little))\n"
    "      return info_nce(a, b, tau) + sum(k) + sum(hide) + sum(noise) + sum(gauss)\n"
    "schedules: {lr: \"warmup_cosine_epochs(0.1, end, hot)\"}\n"
    "train: {batch: $n, epochs: 2, clip: \"clip_global(grads, 1)\", optimizer: \"adamw(param, grad, lr, "
    "betas=(beta, 0.999), eps=tiny)\"}\n";

static const Row INSIDE[] = {
    {"", "n=4", NULL},
    {"", "parts=5", "a width of 24 is no multiple of 5 heads (knobs parts=5, width=24)"},
    {"", "edge=18", "an image of 18 × 18 is no whole number of patches of 4 (knobs patch=4, edge=18)"},
    {"", "small=10", "an image of 10 × 10 is no whole number of patches of 4 (knobs patch=4, small=10)"},
    {"", "kind=sincos width=30", "30 is no multiple of 4 (knob width=30)"},
    {"", "kind=other",
     "positions are learned, sincos, sincos_columns, relative, relative_own, rotary or none, not 'other' "
     "(knob kind=other)"},
    {"", "n=1", "a batch of 1 is too small (knob n=1)"},
    {"", "rate=1", "below 1, not 1: at 1 nothing is left to scale up (knob rate=1)"},
    {"", "rate=-0.5", "not -0.5"},
    {"", "depth=0", "a transformer has 1 block or more, not 0 (knob depth=0)"},
    {"", "deep=0", "a head has 1 layer or more, not 0 (knob deep=0)"},
    {"", "out=0", "a linear layer has 1 output or more, not 0 (knob out=0)"},
    {"", "ratio=0", "mlp_ratio = 0 leaves the MLP no width (knobs ratio=0, width=24)"},
    {"", "extra=-1", "registers = -1 is below 0 (knob extra=-1)"},
    {"", "tau=0", "the temperature is above 0, not 0 (knob tau=0)"},
    {"", "hot=-1", "the warm-up lasts 0 epochs or more, not -1 (knob hot=-1)"},
    {"", "beta=1", "betas are 0 or more and below 1, not 1 and 0.999 (knob beta=1)"},
    {"", "tiny=-1", "eps = -1 is below 0 (knob tiny=-1)"},
    {"", "cell=3", "cell = 3 does not divide the plane of 4 × 4 (knob cell=3)"},
    {"", "cell=0", "cell = 0 is outside 1..1024 (knob cell=0)"},
    {"", "cell=1.5", "cell = 1.5 must be a whole number (knob cell=1.5)"},
    {"", "share=1.1", "ratio = 1.1 is outside 0..1 (knob share=1.1)"},
    {"", "low=2", "high = 1 must not be below low = 2 (knobs high=1, low=2)"},
    {"", "low=1", NULL},
    {"", "spread=-1", "std = -1 is outside 0..1e+30 (knob spread=-1)"},
    {"", "m=1.5", "momentum = 1.5 is outside 0..1 (knob m=1.5)"},
    {"", "m=0", NULL},
    {"", "n=0", "batch = 0 must be a whole number in 1..1048576 (knob n=0)"},
    {"", "edge=0", "size = 0 must be a whole number in 1..4096 (knob edge=0)"},
};

static void test_inside(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof INSIDE / sizeof *INSIDE; i++)
        expect("bare", SOURCE_DIR "/models/bare.yaml", BARE, INSIDE[i].settings, INSIDE[i].message);
    assert_int_equal(wrong, 0);
}

#define EMBED "recipe: b\nviews: {v: {size: 8, augment: [normalize]}}\nmodules:\n  f(x): |\n    return "
#define EMBED_END "\nembed: {view: v, features: \"f(reshape(v, dim(v, 0), -1))\"}\n"
#define VIEW "recipe: v\nviews: {v: {size: 8, augment: ["
#define VIEW_END "]}}\nembed: {view: v, features: \"reshape(v, dim(v, 0), -1)\"}\n"
#define DRAW "recipe: d\nviews: {v: {size: 8, augment: [normalize]}}\ndraws: {d: {sampler: "
#define DRAW_END "}}\nembed: {view: v, features: \"reshape(v, dim(v, 0), -1)\"}\n"
#define INNER                                                                                                \
    "recipe: i\nknobs: {a: 0}\nviews: {v: {size: 8, augment: [normalize]}}\nnetworks: {n: \"x + f(x, "       \
    "a)\"}\n"                                                                                                \
    "embed: {view: v, features: \"reshape(n(v), dim(v, 0), -1)\"}\nmodules:\n  f(x, a): |\n    g = draw("
#define INNER_END ")\n    return sum(g)\n"

/* Ranges of augmentations and samplers, in views, draws and draw() alike. */
static const struct {
    const char *text, *message;
} CATALOG[] = {
    {VIEW "random_resized_crop: {scale: [0, 0]}, normalize" VIEW_END, "scale: the upper end must be above 0"},
    {VIEW "random_resized_crop: {scale: [0.5, 0.2]}, normalize" VIEW_END, "the lower end comes first"},
    {VIEW "random_resized_crop: {scale: [0.5, 1.2]}, normalize" VIEW_END, "scale = 1.2 is outside 0..1"},
    {VIEW "random_resized_crop: {scale: [0, 1]}, normalize" VIEW_END, NULL},
    {VIEW "random_resized_crop: {ratio: 0}, normalize" VIEW_END, "ratio = 0 is outside 0.01..100"},
    {VIEW "random_resized_crop: {scale: .nan}, normalize" VIEW_END, "'.nan' is not a"},
    {VIEW "flip: {p: -0.1}, normalize" VIEW_END, "p = -0.1 is outside 0..1"},
    {VIEW "flip: 0.5, normalize" VIEW_END, "the parameters of flip are a map: `flip: {name: value}`"},
    {VIEW "blur: {sigma: 0}, normalize" VIEW_END, "sigma = 0 is outside"},
    {VIEW "color_jitter: {hue: 0.6}, normalize" VIEW_END, "hue = 0.6 is outside 0..0.5"},
    {VIEW "normalize: {std: [1, 0, 1]}" VIEW_END, "std = 0 is outside"},
    {VIEW "normalize, flip" VIEW_END, "normalize comes last"},
    {DRAW "randint, shape: [4], low: 3, high: 3" DRAW_END, "high = 3 must be above low = 3"},
    {DRAW "randint, shape: [4], low: 3" DRAW_END, "high = 2 must be above low = 3"},
    {DRAW "randint, shape: [4], high: 4294967296" DRAW_END,
     "high = 4294967296 is outside -2147483648..2147483648"},
    {DRAW "randint, shape: [4], low: 0.5" DRAW_END, "low = 0.5 must be a whole number"},
    {DRAW "uniform, shape: [4], low: 1, high: 0" DRAW_END, "high = 0 must not be below low = 1"},
    {DRAW "normal, shape: [4], std: -1" DRAW_END, "std = -1 is outside"},
    {DRAW "bernoulli, shape: [4], p: 1.5" DRAW_END, "p = 1.5 is outside 0..1"},
    {DRAW "block_mask, shape: [4], cell: 1" DRAW_END, "block_mask fills planes"},
    {DRAW "block_mask, shape: [2, 4, 6], cell: 4" DRAW_END, "cell = 4 does not divide the plane of 4 × 6"},
    {DRAW "block_mask, shape: [2, 4, 8], cell: 4" DRAW_END, NULL},
    {DRAW "shuffle_mask, shape: [2, 4], ratio: -1" DRAW_END, "ratio = -1 is outside 0..1"},
    {INNER "'bernoulli', 1, p=a" INNER_END, NULL},
    {INNER "'bernoulli', 1, p=a + 2" INNER_END, "p = 2 is outside 0..1 (knob a=0)"},
    {INNER "'bernoulli', 1, p=exp(1000 + a)" INNER_END, "no finite number"},
    {INNER "'normal', 1, std=a - 1" INNER_END, "std = -1 is outside 0..1e+30 (knob a=0)"},
    {INNER "'randint', 1, high=a" INNER_END, "high = 0 must be above low = 0 (knob a=0)"},
    {INNER "'block_mask', 1, 4, 4, cell=3 + a" INNER_END,
     "cell = 3 does not divide the plane of 4 × 4 (knob a=0)"},
    {EMBED "cross_entropy(x, zeros(4), smoothing=1.5)" EMBED_END, "smoothing = 1.5 is outside 0..1"},
    {EMBED "cross_entropy(x, zeros(4), smoothing=-0.1)" EMBED_END, "smoothing = -0.1 is outside 0..1"},
    {EMBED "normalize(x, eps=-1)" EMBED_END, "eps = -1 is outside"},
    {EMBED "layernorm(x, ones(192), zeros(192), eps=-1)" EMBED_END, "eps = -1 is outside"},
    {EMBED "one_hot(argmax(x), 0)" EMBED_END, "one_hot"},
    {EMBED "x + normal(-1)" EMBED_END, "std = -1 is outside"},
    {EMBED "x + trunc_normal(-0.02)" EMBED_END, "std = -0.02 is outside"},
    {EMBED "x + uniform(1, 0)" EMBED_END, "the lower end comes first"},
};

static void test_catalog(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof CATALOG / sizeof *CATALOG; i++)
        expect(CATALOG[i].text, "c.yaml", CATALOG[i].text, "", CATALOG[i].message);
    assert_int_equal(wrong, 0);
}

/* The note tells where the knob was set: the command line, a preset, or its default. */
static void test_places(void **state) {
    (void)state;
    static const char recipe[] = "recipe: p\n"
                                 "knobs:\n"
                                 "  a: 4\n"
                                 "  b: 2\n"
                                 "presets: {odd: {b: 3}}\n"
                                 "check: |\n"
                                 "  rest = a % b\n"
                                 "  assert rest == 0, '{a} / {b} leaves {rest}'\n"
                                 "views: {v: {size: 8, augment: [normalize]}}\n"
                                 "embed: {view: v, features: \"reshape(v, dim(v, 0), -1)\"}\n";
    expect("places", "p.yaml", recipe, "a=4", NULL);
    expect("places", "p.yaml", recipe, "a=5", "p.yaml:8:3: error: 5 / 2 leaves 1 (knobs a=5, b=2)");
    expect("places", "p.yaml", recipe, "a=5", "command line:1:3: note: a=5 is set here");
    expect("places", "p.yaml", recipe, "a=5", "p.yaml:4:6: note: b=2 is set here");
    expect("places", "p.yaml", recipe, "preset=odd", "p.yaml:5:20: note: b=3 is set here");
    assert_int_equal(wrong, 0);
}

/* A pattern that freezes nothing is no silent matter: a warning, which --strict makes an error. */
static void test_freeze(void **state) {
    (void)state;
    static const char recipe[] =
        "recipe: f\n"
        "use: [lib/nn.yaml, lib/optimizers.yaml]\n"
        "views: {v: {size: 8, augment: [normalize]}}\n"
        "networks: {n: \"(head: linear(reshape(x, dim(x, 0), -1), 4))\"}\n"
        "objectives: {o: {loss: \"mean(n(v))\"}}\n"
        "train: {batch: 4, epochs: 1, optimizer: \"sgd(param, grad, 0.1)\", freeze: {n.head.*: epoch < 1}}\n";
    char *wrong_name = strdup(recipe), *at = strstr(wrong_name, "n.head.*");
    memcpy(at, "n.haed.*", 8);
    expect("freeze", SOURCE_DIR "/models/f.yaml", recipe, "", NULL);
    expect("freeze", SOURCE_DIR "/models/f.yaml", wrong_name, "", NULL);
    strict = true;
    expect("freeze", SOURCE_DIR "/models/f.yaml", wrong_name, "",
           "no trained parameter has a name like 'n.haed.*'; one is 'n.head.weight'");
    strict = false;
    free(wrong_name);
    assert_int_equal(wrong, 0);
}

/* A formula's value is saved, not the formula: what is set later does not change it. */
static void test_formula(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    const char *settings[] = {"preset=cifar", "epochs=4"};
    RecipeOptions options = {.models_dir = SOURCE_DIR "/models", .overrides = settings, .n_overrides = 2};
    Recipe recipe;
    assert_true(recipe_load(arena, diags, SOURCE_DIR "/models/dino.yaml", &options, &recipe));
    assert_null(strstr(recipe.resolved, "min(30"));
    options = (RecipeOptions){.overrides = (const char *[]){"epochs=20"}, .n_overrides = 1};
    Recipe again;
    assert_true(recipe_load_text(arena, diags, "saved.yaml", recipe.resolved, strlen(recipe.resolved),
                                 &options, &again));
    assert_true(again.plan.train.epochs == 20);
    const char *warmup = strstr(again.resolved, "\n  warmup:");
    assert_non_null(warmup);
    const char *value = strstr(warmup, "default:");
    assert_true(value && strtod(value + 8, NULL) == 4);
    arena_free(arena);
}

/* What is no knob is named by its path. */
static void test_paths(void **state) {
    (void)state;
    static const char recipe[] =
        "recipe: p\n"
        "use: [lib/vit.yaml, lib/nn.yaml]\n"
        "views: {v: {size: 8, augment: [normalize]}}\n"
        "networks: {n: \"mean((b: batch_norm((p: patch_projection(x, 4, 8)))), 1)\"}\n"
        "objectives: {o: {loss: \"mean(n(v))\"}}\n"
        "train: {batch: 4, epochs: 1}\n";
    expect("paths", SOURCE_DIR "/models/p.yaml", recipe, "views.v.size=4 train.batch=2", NULL);
    expect("paths", SOURCE_DIR "/models/p.yaml", recipe, "views.v.size=10",
           "an image of 10 × 10 is no whole number of patches of 4 (views.v.size=10)");
    expect("paths", SOURCE_DIR "/models/p.yaml", recipe, "views.v.size=10",
           "command line:1:14: note: views.v.size=10 is set");
    expect("paths", SOURCE_DIR "/models/p.yaml", recipe, "views.v.size=4 train.batch=1",
           "a batch of 1 is too small (train.batch=1");
    assert_int_equal(wrong, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_models),  cmocka_unit_test(test_inside),
                                       cmocka_unit_test(test_catalog), cmocka_unit_test(test_places),
                                       cmocka_unit_test(test_paths),   cmocka_unit_test(test_freeze),
                                       cmocka_unit_test(test_formula)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
