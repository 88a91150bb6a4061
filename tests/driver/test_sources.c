/* Several sources of images in one recipe: what each view, label and command line means, and runs that go on. */
#include "tests/driver/runs.h"
#include "tests/driver/schema.h"

static const char FIXMATCH[] =
    "recipe: semi\nuse: [lib/nn.yaml, lib/optimizers.yaml]\n"
    "data: {labelled: {}, unlabelled: {batch: 24}}\n"
    "views:\n"
    "  taught: {from: labelled, size: 16, augment: [flip, normalize]}\n"
    "  weak: {from: unlabelled, size: 16, augment: [flip]}\n"
    "  strong: {from: unlabelled, size: 16, augment: [color_jitter]}\n"
    "  few: {from: unlabelled, batch: 4, size: 16, augment: [flip]}\n"
    "networks:\n  classify: \"(fc: linear(reshape(x, dim(x, 0), -1), 10))\"\n"
    "objectives:\n"
    "  supervised: {loss: \"cross_entropy(classify(taught), labelled.labels)\"}\n"
    "  consistency:\n    loss: |\n"
    "      target = argmax(stop_grad(classify(weak)))\n"
    "      return cross_entropy(classify(strong), target) + mean(classify(few) ** 2)\n"
    "embed: {view: taught, features: classify(taught)}\n"
    "train: {batch: 8, epochs: 2, optimizer: \"adamw(param, grad, 0.001, 0.0)\", knn: {every: 1, k: 5}}\n";

static const char MIXTURE[] = "recipe: mixed\nuse: [lib/nn.yaml, lib/optimizers.yaml]\n"
                              "data: {web: {weight: 3}, photos: {weight: 1}}\n"
                              "views: {images: {size: 16, augment: [flip]}, few: {size: 16, batch: 2}}\n"
                              "networks:\n  classify: \"(fc: linear(reshape(x, dim(x, 0), -1), 10))\"\n"
                              "objectives: {supervised: {loss: \"cross_entropy(classify(images), labels) + 0 "
                              "* mean(classify(few))\"}}\n"
                              "embed: {view: images, features: classify(images)}\n"
                              "train: {batch: 8, epochs: 1, optimizer: \"adamw(param, grad, 0.001, 0.0)\"}\n";

static void write_recipe(const char *name, const char *text) {
    FILE *file = fopen(path_of(name), "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int vitc(const char *verb, const char *recipe, const char *more) {
    return run_command("cd %s && %s %s %s %s", folder, VITC_BINARY, verb, recipe, more);
}

static bool same_checkpoints(const char *a, const char *b) {
    return run_command("cd %s && cmp %s/checkpoint.safetensors %s/checkpoint.safetensors", folder, a, b) == 0;
}

static void test_semi_supervised(void **state) {
    (void)state;
    write_recipe("semi.yaml", FIXMATCH);
    assert_int_equal(vitc("check", "semi.yaml", ""), 0);
    assert_true(said("taught : f32[8x3x16x16]") && said("weak : f32[24x3x16x16]") &&
                said("few : f32[4x3x16x16]") && said("labelled.labels : i32[8]") &&
                said("data         unlabelled: 24 images a step\n"));
#define SEMI "--data labelled=synthetic:40 --data unlabelled=synthetic:240 --plain --out "
    assert_int_equal(vitc("train", "semi.yaml", SEMI "a"), 0);
    assert_true(said("step 20/20") && said("unlabelled: synthetic:240: synthetic, 240 images") &&
                said("40 train, 10 test images"));
    json_t *settings = json_load_file(path_of("a/run.json"), JSON_REJECT_DUPLICATES, NULL);
    assert_schema_of("run", settings);
    json_decref(settings);
    assert_int_equal(vitc("train", "semi.yaml", SEMI "b --steps 7 --workers 1"), 0);
    assert_int_equal(vitc("resume", "b", "--data unlabelled=synthetic:250"), 2);
    assert_true(said("data unlabelled: synthetic:240 -> synthetic:250") &&
                said("the data of this run had 240"));
    assert_int_equal(vitc("resume", "b", ""), 0); /* stops at 7 as it was asked to */
    assert_int_equal(vitc("train", "semi.yaml", "--resume " SEMI "b --workers 3"), 0);
    assert_true(same_checkpoints("a", "b"));
    assert_int_equal(vitc("eval knn", "a", "--data synthetic:30"), 0);
    assert_int_equal(vitc("eval knn", "a", "--data labelled=synthetic:30"), 0);
}

static void test_mixture(void **state) {
    (void)state;
    write_recipe("mixed.yaml", MIXTURE);
    assert_int_equal(vitc("check", "mixed.yaml", ""), 0);
    assert_true(said("data         web (75 %), photos (25 %): 8 images a step\n"));
    assert_int_equal(
        vitc("train", "mixed.yaml", "--data web=synthetic:60 --data photos=synthetic:40 --plain --out m"), 0);
    assert_true(said("step 12/12") &&
                said("the mixture has 10 classes; those of one name are one (web 10, photos 10)"));
    assert_int_equal(vitc("train", "mixed.yaml",
                          "--data web=synthetic:60 --data photos=synthetic:40 --plain --out n --steps 5"),
                     0);
    assert_int_equal(vitc("train", "mixed.yaml",
                          "--resume --data photos=synthetic:40 --data web=synthetic:60 --plain --out n"),
                     0);
    assert_true(same_checkpoints("m", "n"));
}

/* Images that belong together are at the same place of both; what does not is refused. */
static void test_pairs(void **state) {
    static const char recipe[] =
        "recipe: pairs\nuse: [lib/optimizers.yaml]\n"
        "data: {depth: {pair: rgb}, rgb: {}}\n"
        "views: {a: {from: rgb, size: 8}, b: {from: depth, size: 8}}\n"
        "networks: {f: \"x * param(1, init=ones, name='w')\"}\n"
        "objectives: {same: {loss: \"mean((f(a) - b) ** 2) + mean(cast(rgb.index - depth.index, 'f32'))\"}}\n"
        "train: {batch: 4, epochs: 1, optimizer: \"adamw(param, grad, 0.0, 0.0)\"}\n";
    (void)state;
    write_recipe("pairs.yaml", recipe);
    assert_int_equal(vitc("check", "pairs.yaml", ""), 0);
    assert_true(said("data         depth: 4 images a step, those that go with rgb\n"));
    assert_int_equal(
        vitc("train", "pairs.yaml", "--data rgb=synthetic:20:8 --data depth=synthetic:20:8 --plain --out p"),
        0);
    assert_true(said("loss 0 ") || said("loss 0.000"));
    assert_int_equal(vitc("embed", "p", "--data synthetic:20:8 --out none.npy"), 2);
    assert_true(said("recipe 'pairs' has no `embed:` with a view: there are no features"));
    assert_int_equal(
        vitc("train", "pairs.yaml", "--data rgb=synthetic:20:8 --data depth=synthetic:21:8 --plain --out q"),
        2);
    assert_true(said("'depth' has 21 images and 'rgb', which it is paired with, 20"));
}

/* Views of other channels, with a list of augmentations for each copy, and with the random numbers of another. */
static void test_channels(void **state) {
    static const char recipe[] =
        "recipe: bands\nuse: [lib/nn.yaml, lib/optimizers.yaml]\n"
        "views:\n"
        "  bands: {count: 2, size: 16, channels: 5, augment: [[flip, normalize: {mean: 0.5, std: [1, 1, 1, "
        "1, 2]}], []]}\n"
        "  same: {size: 16, channels: 5, augment: [random_resized_crop]}\n"
        "  again: {size: 16, channels: 5, batch: 3, random_as: same, augment: [random_resized_crop]}\n"
        "networks:\n  classify: \"(fc: linear(reshape(x, dim(x, 0), -1), 10))\"\n"
        "objectives:\n  supervised: {loss: \"mean(cross_entropy(classify(v), labels) for v in bands)\"}\n"
        "metrics: {apart: \"sum((same[:3] - again) ** 2)\"}\n"
        "embed: {view: same, features: classify(same)}\n"
        "train: {batch: 8, epochs: 1, optimizer: \"adamw(param, grad, 0.001, 0.0)\", knn: {every: 1, k: "
        "5}}\n";
    (void)state;
    write_recipe("bands.yaml", recipe);
    assert_int_equal(vitc("check", "bands.yaml", ""), 0);
    assert_true(said("bands.1 : f32[8x5x16x16]"));
    assert_int_equal(vitc("train", "bands.yaml", "--data synthetic:40:16 --plain --out bands"), 0);
    assert_true(said("40 train, 10 test images"));
    assert_int_equal(run_command("grep -c '\"apart\":0.0' %s/bands/metrics.jsonl", folder), 0);
    assert_true(said("5"));
    assert_int_equal(vitc("eval knn", "bands", "--data synthetic:30:16"), 0);
    assert_int_equal(run_command("cd %s && mkdir -p gray && printf 'P5 8 8 255 ' >gray/a.pgm && head -c 64 "
                                 "/dev/zero >>gray/a.pgm && "
                                 "for i in b c d e f g h i; do cp gray/a.pgm gray/$i.pgm; done",
                                 folder),
                     0);
    assert_int_equal(vitc("train", "bands.yaml", "--data gray --plain --out none"), 2);
    assert_true(said(".pgm: 3 channels, where 5 are wanted"));
    assert_int_equal(vitc("embed", "bands", "--data synthetic:30:16 --out bands.npy"), 0);
    assert_true(said("bands.npy: 30 rows of 10 features"));
    assert_int_equal(vitc("embed", "bands", "--data gray --out none.npy"), 1);
    assert_true(said("no image of 'gray' can be embedded") && said("3 channels, where 5 are wanted"));
    assert_int_equal(vitc("embed", "none", "--data gray --out none.npy"), 2);
}

/* A Vision Transformer of gray images, in patches of 2 pixels, from training to features: as many parameters as timm's,
 * and the mean of ImageNet's three channels taken away unless the recipe says otherwise. */
static void test_gray(void **state) {
    (void)state;
    assert_int_equal(vitc("check", "supervised", "preset=tiny channels=1 patch=2 image=12 repeat=2"), 0);
    assert_true(said("view : f32[16x1x12x12]") && said("4 epochs, each image 2 times running"));
    assert_int_equal(
        vitc("train", "supervised",
             "preset=tiny channels=1 patch=2 image=12 batch=8 cutmix=1 operations=2 erasing=0.5 repeat=2 "
             "train.epochs=1 --data synthetic:64:12 --plain --out gray_run"),
        0);
    assert_true(said("64 train, 12 test images"));
    assert_int_equal(vitc("eval knn", "gray_run", "--data synthetic:64:12"), 0);
    assert_true(said("48 features"));
    assert_int_equal(vitc("embed", "gray_run", "--data synthetic:64:12 --out gray.npy"), 0);
    assert_true(said("gray.npy: 64 rows of 48 features"));
    write_recipe("plain.yaml", "recipe: plain\nviews: {v: {size: 8, channels: 1, augment: [normalize]}}\n"
                               "networks: {f: \"mean(x, (1, 2, 3)) * param(1, init=ones, name='w')\"}\n"
                               "objectives: {o: {loss: \"mean(f(v))\"}}\nvalues: {gray: mean(v)}\n"
                               "train: {batch: 8, epochs: 1, optimizer: \"param - 0 * grad\"}\n");
    assert_int_equal(run_command("cd %s && mkdir -p black && printf 'P5 8 8 255 ' >black/a.pgm && head -c 64 "
                                 "/dev/zero >>black/a.pgm && "
                                 "for i in b c d e f g h; do cp black/a.pgm black/$i.pgm; done",
                                 folder),
                     0);
    assert_int_equal(vitc("train", "plain.yaml", "--data black --plain --out black_run"), 0);
    assert_true(said("loss -1.987")); /* -0.449 / 0.226 */
}

/* What the command line may say of sources. */
static void test_refused(void **state) {
    static const struct {
        const char *recipe, *data, *message;
    } cases[] = {
        {"semi.yaml", "--data synthetic", "2 sources of images: --data labelled=PATH --data unlabelled=PATH"},
        {"semi.yaml", "--data labeled=synthetic", "no source 'labeled'; did you mean 'labelled'?"},
        {"semi.yaml", "--data labelled=synthetic", "source 'unlabelled'? --data unlabelled=PATH"},
        {"semi.yaml", "--data labelled=", "a path was expected behind the ="},
        {"semi.yaml", "--data labelled=synthetic:10 --data unlabelled=/nowhere", "no data at '/nowhere'"},
        {"semi.yaml", "--data labelled=synthetic:10 --data unlabelled=synthetic:10 train.batch=30",
         "no source has a batch of images"},
        {"sliced.yaml", "--data synthetic:20:16",
         "the data set has 10 classes, recipe 'sliced' tells 3 apart"},
        {"quickstart", "--data labelled=synthetic", "names no sources of images: --data PATH"},
    };
    (void)state;
    write_recipe("semi.yaml", FIXMATCH);
    write_recipe("sliced.yaml", "recipe: sliced\nviews: {v: {size: 8, batch: 4}}\n"
                                "networks: {f: \"mean(x, (1, 2, 3)) * param(1, init=ones, name='w')\"}\n"
                                "objectives: {o: {loss: \"sum(one_hot(labels[:4], 3)) + sum(f(v))\"}}\n"
                                "train: {batch: 8, epochs: 1, optimizer: \"param - grad\"}\n");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char more[256];
        snprintf(more, sizeof more, "%s --out refused", cases[i].data);
        assert_int_equal(vitc("train", cases[i].recipe, more), 2);
        assert_true(said(cases[i].message));
        assert_int_not_equal(access(path_of("refused"), F_OK), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_semi_supervised),
                                       cmocka_unit_test(test_mixture),
                                       cmocka_unit_test(test_pairs),
                                       cmocka_unit_test(test_channels),
                                       cmocka_unit_test(test_gray),
                                       cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
