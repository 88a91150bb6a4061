/* NumPy archives as data sets: splits, labels, grey and colour, and what is refused. */
#include "tests/runtime/encode.h"
#include "tests/runtime/pack.h"

static VtDataset *open_set(const char *name, const char *split) {
    VtError error = {0};
    VtDataset *data = vt_dataset_open(in_folder(name), split, &error);
    if (!data) fail_msg("%s", error.message);
    assert_string_equal(vt_dataset_format(data), "npz");
    return data;
}

static void refuse(const char *name, const char *split, int code, const char *why) {
    VtError error = {0};
    VtDataset *data = vt_dataset_open(in_folder(name), split, &error);
    if (data) fail_msg("%s was opened", name);
    if (error.code != code || !strstr(error.message, why))
        fail_msg("'%s' (%d) does not say '%s' (%d)", error.message, error.code, why, code);
}

#define IMAGES "{'descr': '|u1', 'fortran_order': False, 'shape': (%d, 2, 3), }"

static void pack_grey(Pack *pack, const char *name, int n, uint8_t first) {
    char dictionary[128];
    uint8_t pixels[64];
    snprintf(dictionary, sizeof dictionary, IMAGES, n);
    for (int i = 0; i < 6 * n; i++) pixels[i] = (uint8_t)(first + i);
    pack_npy(pack, name, dictionary, pixels, (size_t)(6 * n));
}

static void test_splits(void **state) {
    static const uint8_t train[] = {2, 0, 1}, test[] = {4};
    static const int64_t val[] = {3, 3};
    (void)state;
    Pack *pack = pack_begin("set.npz", true, NULL);
    pack_grey(pack, "train_images.npy", 3, 0);
    pack_npy(pack, "train_labels.npy", "{'descr': '|u1', 'fortran_order': False, 'shape': (3, 1), }", train,
             3);
    pack_grey(pack, "val_images.npy", 2, 100);
    pack_npy(pack, "val_labels.npy", "{'descr': '<i8', 'fortran_order': False, 'shape': (2,), }", val, 16);
    pack_grey(pack, "test_images.npy", 1, 200);
    pack_npy(pack, "test_labels.npy", "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 1), }", test, 1);
    pack_end(pack);
    static const struct {
        const char *split;
        int count, label, pixel;
    } cases[] = {{"train", 3, 2, 0}, {"test", 1, 4, 200}, {NULL, 6, 2, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        VtDataset *data = open_set("set.npz", cases[i].split);
        VtImage image;
        VtError error = {0};
        assert_int_equal(vt_dataset_size(data), cases[i].count);
        assert_int_equal(vt_dataset_label(data, 0), cases[i].label);
        assert_string_equal(vt_dataset_class_name(data, 4), "4"); /* the highest of any split */
        assert_true(vt_dataset_image(data, 0, &image, &error));
        assert_int_equal(image.width, 3);
        assert_int_equal(image.height, 2);
        for (int p = 0; p < 18; p++) assert_int_equal(image.pixels[p], cases[i].pixel + p / 3);
        vt_image_free(&image);
        vt_dataset_close(data);
    }
}

static void test_colour_without_classes(void **state) {
    uint8_t pixels[2 * 12], labels[4] = {1, 0, 1, 1};
    (void)state;
    for (int i = 0; i < 24; i++) pixels[i] = (uint8_t)(i * 7);
    Pack *pack = pack_begin("colour.npz", true, NULL);
    pack_npy(pack, "val_images.npy", "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2, 2, 3), }",
             pixels, 24);
    pack_npy(pack, "val_labels.npy", "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2), }", labels,
             4);
    pack_end(pack);
    VtDataset *data = open_set("colour.npz", "test"); /* val stands for it */
    VtImage image;
    VtError error = {0};
    assert_int_equal(vt_dataset_size(data), 2);
    assert_int_equal(vt_dataset_label(data, 1), -1); /* several labels an image are no classes */
    assert_true(vt_dataset_image(data, 1, &image, &error));
    assert_memory_equal(image.pixels, pixels + 12, 12);
    vt_image_free(&image);
    vt_dataset_close(data);
    refuse("colour.npz", "train", 2, "no images of split 'train'");
}

/* One archive for each: its images' and labels' dictionaries, elements' bytes, and what is said. */
static void test_refused(void **state) {
    static const struct {
        const char *images;
        int image_bytes;
        const char *labels;
        int label_bytes;
        const char *why;
    } cases[] = {
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 3), }", 24, NULL, 0, "no array of images"},
        {"{'descr': '|u1', 'fortran_order': True, 'shape': (1, 2, 3), }", 6, NULL, 0, "row-major order"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2, 3), }", 6, NULL, 0, "no array of images"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (1, 1, 3, 17), }", 51, NULL, 0,
         "no array of images"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (9223372036854775807, 2, 3), }", 6, NULL, 0,
         "no array of numbers"},
        {"not a dictionary", 6, NULL, 0, "no array of numbers"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (1, 2, 3), }", 6,
         "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }", 2, "one for each image"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (1, 2, 3), }", 6,
         "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }", 8, "whole numbers"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (1, 2, 3), }", 6,
         "{'descr': '<i4', 'fortran_order': False, 'shape': (1,), }", 4, "the label of image 0"},
    };
    uint8_t bytes[64];
    (void)state;
    memset(bytes, 255, sizeof bytes);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Pack *pack = pack_begin("bad.npz", true, NULL);
        pack_npy(pack, "train_images.npy", cases[i].images, bytes, (size_t)cases[i].image_bytes);
        if (cases[i].labels)
            pack_npy(pack, "train_labels.npy", cases[i].labels, bytes, (size_t)cases[i].label_bytes);
        pack_end(pack);
        refuse("bad.npz", NULL, 1, cases[i].why);
    }
    Pack *pack = pack_begin("other.npz", true, NULL);
    pack_text(pack, "arr_0.npy", "x");
    pack_text(pack, "train_images.npy.txt", "x");
    pack_end(pack);
    refuse("other.npz", NULL, 2, "has no train_images.npy");
    pack = pack_begin("short.npz", true, NULL);
    pack_text(pack, "train_images.npy", "\x93NUMPY");
    pack_end(pack);
    refuse("short.npz", NULL, 1, "no array of numbers");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_splits),
        cmocka_unit_test(test_colour_without_classes),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
