/* eval finetune: a run of its own, which begins with the encoder's weights, goes on when it is asked for again, and
 * needs neither the first run nor its recipe; what is judged and kept; a share of the labels. What every protocol that
 * trains classifiers refuses. */
#include "tests/driver/put_image.h"
#include "tests/driver/schema.h"

#include <math.h>

/* An encoder that compiles at once. */
static const char RECIPE[] =
    "recipe: small\nuse: [lib/nn.yaml, lib/optimizers.yaml]\nknobs: {width: 12}\n"
    "views: {x: {count: 2, size: 16, augment: [flip, normalize]}, images: {size: 16, augment: [normalize]}}\n"
    "networks:\n"
    "  net(x, drop=0.0): |\n"
    "    y = blocks[0]: linear(reshape(x, dim(x, 0), -1), width)\n"
    "    y = blocks[1]: linear(gelu(y), width)\n"
    "    return y + (drop_path: drop_path(y, drop))\n"
    "  slow: {ema: net, momentum: 0.5}\n"
    "objectives: {o: {loss: \"mean((net(x[0]) - net(x[1])) ** 2) + mean((net(x[0]) - 1) ** 2)\"}}\n"
    "embed: {view: images, features: slow(images)}\n"
    "train: {batch: 8, epochs: 1, optimizer: \"sgd(param, grad, 0.01)\"}\n";
#define SET "preset=tiny batch=8 epochs=2 train.checkpoint_every=0 --threads 1 --data synthetic:64"

static int make_run(void **state) {
    if (make_folder(state) != 0) return -1;
    FILE *file = fopen(path_of("small.yaml"), "w");
    assert_non_null(file);
    assert_int_equal(fwrite(RECIPE, 1, strlen(RECIPE), file), strlen(RECIPE));
    fclose(file);
    return run_command("cd %s && %s train small.yaml --data synthetic:64 --out run --steps 4", folder,
                       VITC_BINARY);
}

static int finetune(const char *arguments) {
    return run_command("cd %s && %s eval finetune %s", folder, VITC_BINARY, arguments);
}

static json_t *entries(const char *name, size_t n) {
    json_error_t error;
    json_t *all = json_load_file(path_of(name), 0, &error);
    assert_non_null(all);
    assert_schema_of("eval", all);
    assert_int_equal(json_array_size(all), n);
    return all;
}

static const json_t *at(const json_t *all, size_t i, const char *section, const char *name) {
    const json_t *value = json_object_get(json_object_get(json_array_get(all, i), section), name);
    if (!value) fail_msg("no %s.%s", section, name);
    return value;
}

static void test_trains_and_judges(void **state) {
    (void)state;
    assert_int_equal(finetune("run drop_path=0.1 " SET), 0);
    assert_true(said("backbone: 4 of 4 tensors from") && said("done at step 16") && said("finetune: top-1 "));
    json_t *first = entries("run/eval.json", 1);
    assert_string_equal(json_string_value(at(first, 0, "weights", "recipe")), "small");
    assert_string_equal(json_string_value(at(first, 0, "features", "expression")), "slow(images)");
    assert_int_equal(json_integer_value(at(first, 0, "features", "dim")), 12);
    assert_int_equal(json_integer_value(at(first, 0, "data", "train_images")), 64);
    assert_int_equal(json_integer_value(at(first, 0, "settings", "epochs")), 2);
    assert_true(fabs(json_number_value(at(first, 0, "settings", "drop_path")) - 0.1) < 1e-9);
    double top1 = json_number_value(at(first, 0, "headline", "top1"));

    /* asked again nothing is trained; the metric of all test images, 12 in batches of 8, was nearly that */
    assert_int_equal(finetune("run drop_path=0.1 " SET), 0);
    assert_true(said("resumed from run/finetune/checkpoint.safetensors at step 16"));
    json_t *again = entries("run/eval.json", 1);
    assert_true(json_number_value(at(again, 0, "headline", "top1")) == top1);
    json_decref(first);
    json_decref(again);

    /* another request is another run */
    assert_int_equal(finetune("run drop_path=0.2 " SET), 2);
    assert_true(said("knobs.drop_path: 0.1 -> 0.2"));
    assert_int_equal(finetune("run " SET " --labels 50% --baselines --out half --layer-decay 0.5"), 0);
    assert_true(said("of the 64 images with a label are trained on, 50 % of each class"));
    assert_true(said("untrained: top-1"));
    json_t *more = entries("run/eval.json", 3);
    assert_true(json_number_value(at(more, 1, "settings", "labels")) == 0.5);
    assert_true(json_number_value(at(more, 2, "settings", "layer_decay")) == 0.5);
    assert_int_equal(json_integer_value(at(more, 2, "weights", "seed")), 0);
    int64_t images = json_integer_value(at(more, 1, "data", "train_images"));
    assert_true(images >= 28 && images <= 36);
    json_decref(more);
}

/* Without a step the encoder is what it was; its features are, too. */
static void test_begins_with_the_encoder(void **state) {
    (void)state;
    assert_int_equal(
        run_command("cd %s && %s embed run --data synthetic:16 --out a.npy && "
                    "%s embed eval/finetune encoder=run preset=tiny batch=8 "
                    "\"embed.features=backbone(images)\" --data synthetic:16 --out b.npy && cmp a.npy b.npy",
                    folder, VITC_BINARY, VITC_BINARY),
        0);
}

/* A run of fine-tuning is a run as any other, and whole in itself. */
static void test_is_a_run(void **state) {
    (void)state;
    assert_int_equal(run_command("cd %s && cp -r run other && %s eval finetune other drop_path=0.1 " SET,
                                 folder, VITC_BINARY),
                     0);
    assert_true(said("at step 16")); /* it has moved, and is the same */
    assert_int_equal(run_command("cd %s && cp -r other/finetune tuned && rm other/finetune/* && "
                                 "%s eval finetune other " SET,
                                 folder, VITC_BINARY),
                     0);
    assert_int_equal(run_command("cd %s && %s resume other --steps 6 && %s eval finetune other " SET, folder,
                                 VITC_BINARY, VITC_BINARY),
                     2);
    assert_true(said("began with other weights than"));
    assert_int_equal(run_command("rm -r %s/other", folder), 0);
    assert_int_equal(run_command("cd %s && %s eval knn tuned --data synthetic:64 --k 3 && %s check --strict "
                                 "tuned/recipe.yaml && %s resume tuned --extend epochs=3",
                                 folder, VITC_BINARY, VITC_BINARY, VITC_BINARY),
                     0);
    assert_true(said("done at step 24"));
    /* and has an encoder itself, whose features are said to be those before the logits */
    assert_int_equal(run_command("cd %s && %s check eval/finetune encoder=tuned preset=tiny "
                                 "\"networks.backbone.set.embed.features=backbone(images)\"",
                                 folder, VITC_BINARY),
                     0);
}

static void test_recipes(void **state) {
    (void)state;
    assert_int_equal(finetune("small.yaml " SET " --out x"), 2);
    assert_true(said("a recipe alone has no weights"));
    assert_int_equal(finetune("small.yaml --init run/checkpoint.safetensors " SET), 2);
    assert_true(said("wants --out DIR"));
    assert_int_equal(finetune("small.yaml --init run/checkpoint.safetensors --only 'slow.*' --out x "
                              "--json y.json networks.backbone.set.width=12 ema=0.5 " SET),
                     0);
    assert_true(said("backbone: 4 of 4 tensors"));
    json_decref(entries("y.json", 1));
    assert_int_equal(finetune("run --limit 5 " SET), 2);
    assert_true(said("--limit says nothing to eval finetune"));
    assert_int_equal(finetune("run --labels 200% --out z " SET), 2);
    assert_true(said("labels is a share above 0 and up to 1"));
    assert_int_equal(finetune("nowhere " SET " --out x"), 2);
    assert_true(said("'nowhere' is no run, and no recipe"));
    assert_int_equal(run_command("%s eval finetune %s/run --data %s/run", VITC_BINARY, folder, folder), 2);
}

/* Of one class there is nothing to learn: it is refused before features are made. */
static void test_one_class(void **state) {
    (void)state;
    static const char *const protocols[] = {"linear", "fewshot", "finetune"};
    for (int i = 0; i < 4; i++) put_image("single", i < 2 ? "train" : "test", "only", i % 2, 16, false);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(
            run_command("cd %s && %s eval %s run --data single", folder, VITC_BINARY, protocols[i]), 2);
        assert_true(said("a classifier needs two classes or more among the labels"));
        assert_false(log_holds("features: "));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trains_and_judges), cmocka_unit_test(test_begins_with_the_encoder),
        cmocka_unit_test(test_is_a_run), cmocka_unit_test(test_recipes), cmocka_unit_test(test_one_class)};
    return cmocka_run_group_tests(tests, make_run, remove_folder);
}
