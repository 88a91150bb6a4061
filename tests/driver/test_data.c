/* What is told about data: `vitc data check`, the line a training set opens with, and what needs labels. */
#include "tests/driver/runs.h"

#include <sys/stat.h>

enum { EDGE = 16 };

/* A PPM whose pixels follow from `number`; 0 bytes of pixels are missing, or `missing`. */
static void write_image(const char *name, int number, int missing) {
    char path[512];
    uint8_t pixels[3 * EDGE * EDGE];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    for (char *slash = path + strlen(folder) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        mkdir(path, 0755);
    }
    for (int i = 0; i < 3 * EDGE * EDGE; i++) pixels[i] = (uint8_t)(number * 37 + i * (number + 3));
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fprintf(file, "P6 %d %d 255\n", EDGE, EDGE);
    assert_true(fwrite(pixels, 1, sizeof pixels - (size_t)missing, file) > 0);
    assert_int_equal(fclose(file), 0);
}

static void write_set(const char *root, int first, int count) {
    char name[256];
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof name, "%s/%s/%d.ppm", root, i % 2 ? "dog" : "cat", i);
        write_image(name, first + i, 0);
    }
}

static void test_check(void **state) {
    (void)state;
    write_set("good/train", 0, 4);
    write_set("good/test", 4, 2);
    assert_int_equal(run_command("%s data check %s/good", VITC_BINARY, folder), 0);
    assert_true(said("4 images, 2 classes\n") && said("held out: 2 images, 2 with a class") &&
                said("6 images decoded, 0 broken"));
    write_image("good/train/cat/again.ppm", 0, 0);
    write_image("good/val/dog/seen.ppm", 1, 0); /* held out instead of test: the pixels of train/dog/1.ppm */
    write_image("good/train/dog/cut.ppm", 9, 100);
    write_image("good/train/dog/notes.md", 9, 0);
    assert_int_equal(run_command("%s data check %s/good", VITC_BINARY, folder), 1);
    assert_true(said("good/train/dog/1.ppm = ") && said("good/val/dog/seen.ppm\n") &&
                said("not used: 2 images") && said("good/train/cat/0.ppm = ") &&
                said("duplicates: 1 in one split, 1 across splits") && said("broken:\n") &&
                said("train/dog/cut.ppm") && said("8 images decoded, 1 broken") &&
                said("left out, no image by name: 1\n") && said("train/dog/notes.md\n"));
    assert_int_equal(run_command("%s data check %s/nowhere", VITC_BINARY, folder), 2);
    assert_int_equal(run_command("%s data check", VITC_BINARY), 2);
    assert_int_equal(run_command("mkfifo %s/pipe && %s data check %s/pipe", folder, VITC_BINARY, folder), 2);
    assert_true(said("is neither a file nor a folder"));
    if (access("/dev/full", W_OK) == 0)
        assert_int_equal(run_command("(%s data check synthetic:10 >/dev/full)", VITC_BINARY), 1);
}

/* Sources of one recipe: what one trains on and another holds out, and what both train on. */
static void test_check_several(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++) {
        char name[64];
        snprintf(name, sizeof name, "few/train/a/%d.ppm", i);
        write_image(name, 100 + i, 0);
        snprintf(name, sizeof name, "many/%d.ppm", i);
        write_image(name, 102 + i, 0);
    }
    assert_int_equal(run_command("%s data check %s/few unlabelled=%s/many", VITC_BINARY, folder, folder), 0);
    assert_true(said("trained on in ") && said("/few, and trained on in ") && said("/many: 2 images\n") &&
                said("few/train/a/2.ppm = ") && said("many/0.ppm\n"));
    write_image("few/val/a/9.ppm", 105, 0);
    assert_int_equal(run_command("%s data check %s/few %s/many", VITC_BINARY, folder, folder), 1);
    assert_true(said("held out in ") && said("many: 1 images\n") && said("few/val/a/9.ppm = "));
    assert_int_equal(run_command("%s data check %s/few %s/nowhere", VITC_BINARY, folder, folder), 2);
}

/* Images without classes are trained on; what needs labels says so. */
static void test_no_classes(void **state) {
    static const char recipe[] =
        "recipe: tiny\nuse: [lib/vit.yaml, lib/optimizers.yaml]\n"
        "views:\n  view: {count: 1, size: 16, augment: [normalize]}\n  images: {size: 16, augment: "
        "[normalize]}\n"
        "networks:\n  encoder: \"vit(x, 8, 16, 1, 2, image=16)[:, 0]\"\n"
        "objectives:\n  spread:\n    loss: \"mean(encoder(view[0]) ** 2)%s\"\n"
        "embed: {view: images, features: encoder(images)}\n"
        "train: {batch: 4, epochs: 1, optimizer: \"adamw(param, grad, 0.001, 0.0)\"}\n";
    char path[128], name[64];
    (void)state;
    for (int i = 0; i < 6; i++) {
        snprintf(name, sizeof name, "flat/%d.ppm", i);
        write_image(name, i, 0);
    }
    for (int labels = 0; labels < 2; labels++) {
        snprintf(path, sizeof path, "%s/recipe%d.yaml", folder, labels);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fprintf(file, recipe, labels ? " + mean(one_hot(labels, 2))" : "");
        fclose(file);
        int code = run_command("%s train %s --data %s/flat --out %s/run%d --plain", VITC_BINARY, path, folder,
                               folder, labels);
        assert_true(
            said(labels ? "warning: `labels` is -1 for all 6 training images" : "6 images, no classes\n"));
        assert_int_equal(code, 0);
    }
    assert_int_equal(run_command("%s eval knn %s/run0 --data %s/flat", VITC_BINARY, folder, folder), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_check_several),
        cmocka_unit_test(test_no_classes),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
