/* Data sets: each format written small into a temporary folder and read back, and every way in which they can be
 * broken. */
#include "tests/runtime/comparing.h"
#include "tests/runtime/folder.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <pthread.h>
#include <zlib.h>

/* ---- helpers ----------------------------------------------------------------------------------------------------- */

static VtDataset *open_set(const char *path, const char *split) {
    VtError error = {0};
    VtDataset *data = vt_dataset_open(path, split, &error);
    if (!data) fail_msg("%s", error.message);
    return data;
}

/* Not to be opened, and the message says why. */
static void refuse(const char *path, const char *split, int code, const char *why) {
    VtError error = {0};
    VtDataset *data = vt_dataset_open(path, split, &error);
    if (data) fail_msg("%s was opened", path);
    if (error.code != code || !strstr(error.message, why))
        fail_msg("'%s' (%d) does not say '%s' (%d)", error.message, error.code, why, code);
}

/* Image `index` is make_image(…, number). */
static void expect_image(const VtDataset *data, int64_t index, int number) {
    VtImage got;
    VtError error = {0};
    if (!vt_dataset_image(data, index, &got, &error)) fail_msg("%s", error.message);
    VtImage want = make_image(got.width, got.height, number);
    assert_memory_equal(got.pixels, want.pixels, 3 * (size_t)got.width * (size_t)got.height);
    vt_image_free(&want);
    vt_image_free(&got);
}

/* Size, classes ("cat dog") and the label of each image ("0011"). */
static void expect_set(const VtDataset *data, const char *format, const char *classes, const char *labels) {
    char got[256] = "";
    assert_string_equal(vt_dataset_format(data), format);
    for (int c = 0; c < vt_dataset_classes(data); c++) {
        if (c) strcat(got, " ");
        strcat(got, vt_dataset_class_name(data, c));
    }
    assert_string_equal(got, classes);
    assert_null(vt_dataset_class_name(data, vt_dataset_classes(data)));
    assert_int_equal(vt_dataset_size(data), strlen(labels));
    for (int64_t i = 0; i < vt_dataset_size(data); i++)
        assert_int_equal(vt_dataset_label(data, i), labels[i] - '0');
}

/* ---- folders ----------------------------------------------------------------------------------------------------- */

static void test_folder_splits(void **state) {
    (void)state;
    write_png("split/train/cat/1.png", 5, 4, 1);
    write_png("split/train/ant/1.PNG", 6, 6, 2);
    write_png("split/train/dog/7.png", 5, 4, 3);
    write_png("split/val/dog/2.png", 9, 9, 4);
    write_png("split/val/cat/3.png", 9, 9, 5);
    write_png("split/train/dog/.hidden.png", 4, 4, 6);
    write_png("split/.cache/dog/8.png", 4, 4, 6);
    write_file("split/train/dog/notes.txt", "x", 1);
    write_file("split/devkit/", "", 0);
    write_png("split/extra/bird/1.png", 4, 4, 6); /* beside the splits: no part of the set */
    VtDataset *train = open_set(in_folder("split"), "train"), *test = open_set(in_folder("split/"), "test"),
              *val = open_set(in_folder("split"), "val"), *all = open_set(in_folder("split"), NULL);
    expect_set(train, "folder", "ant cat dog", "012");
    expect_set(test, "folder", "ant cat dog", "12"); /* no ant, and still a dog is 2 */
    expect_set(val, "folder", "ant cat dog", "12");
    expect_set(all, "folder", "ant cat dog", "01212");
    expect_image(train, 0, 2);
    expect_image(train, 2, 3);
    expect_image(test, 0, 5);
    assert_non_null(strstr(vt_dataset_name(train, 2), "split/train/dog/7.png"));
    assert_int_equal(vt_dataset_second_label(train, 0), -1);
    VtDataset *held_out;
    VtError error;
    assert_true(vt_dataset_held_out(in_folder("split"), &held_out, &error));
    assert_non_null(held_out);
    vt_dataset_close(held_out);
    VtDataset *sets[] = {train, test, val, all};
    for (int k = 0; k < 4; k++) vt_dataset_close(sets[k]);
    refuse(in_folder("split"), "dev", 2, "unknown split 'dev'");
}

/* One split given as the whole, as in `--data imagenet/train`: the folder's own name means nothing. */
static void test_folder_without_splits(void **state) {
    (void)state;
    write_png("test/a/1.png", 5, 4, 1);
    write_png("test/b/1.png", 5, 4, 2);
    VtDataset *data = open_set(in_folder("test"), "train");
    expect_set(data, "folder", "a b", "01");
    vt_dataset_close(data);
    refuse(in_folder("test"), "test", 2, "no split 'test'");
    VtError why;
    assert_true(vt_dataset_held_out(in_folder("test"), &data, &why)); /* which is no damage */
    assert_null(data);
}

/* Classes below another folder, which is no class itself. */
static void test_folder_deep(void **state) {
    (void)state;
    write_png("deep/set/pictures/b/1.png", 5, 4, 1);
    write_png("deep/set/pictures/a-b/1.png", 5, 4, 2);
    write_png("deep/set/pictures/a/1.png", 5, 4, 3);
    VtDataset *data = open_set(in_folder("deep"), "train");
    expect_set(data, "folder", "a a-b b", "102"); /* in the order of paths: '-' comes before '/' */
    vt_dataset_close(data);
}

static void test_folder_bad(void **state) {
    (void)state;
    refuse(in_folder("nowhere"), NULL, 2, "no data at");
    write_file("empty/", "", 0);
    refuse(in_folder("empty"), NULL, 2, "no images found");
    write_file("flat/1.txt", "x", 1);
    write_png("flat/1.png", 4, 4, 1);
    VtDataset *data = open_set(in_folder("flat"), "train"); /* images without classes are images */
    assert_int_equal(vt_dataset_size(data), 1);
    assert_int_equal(vt_dataset_label(data, 0), -1);
    vt_dataset_close(data);
    write_png("hole/train/cat/1.png", 4, 4, 1);
    write_file("hole/train/dog/", "", 0);
    write_png("hole/test/dog/1.png", 4, 4, 1);
    refuse(in_folder("hole"), "train", 2, "class 'dog' has no images");
    vt_dataset_close(open_set(in_folder("hole"), "test"));
    write_file("text", "just some text, and no data set at all\n", 39);
    refuse(in_folder("text"), NULL, 2, "no data set vitc knows");
    write_file("nothing", "", 0);
    refuse(in_folder("nothing"), NULL, 2, "no data set vitc knows");
    if (geteuid() == 0) return; /* whom no folder is closed to */
    write_png("closed/a/1.png", 4, 4, 1);
    write_file("closed/b/", "", 0);
    chmod(in_folder("closed/b"), 0);
    refuse(in_folder("closed"), NULL, 1, "cannot read");
    chmod(in_folder("closed/b"), 0755);
}

static void test_broken_images(void **state) {
    VtImage image = make_image(16, 16, 1), got;
    Encoded jpeg = jpeg_of(&image);
    VtError error = {0};
    (void)state;
    write_file("broken/a/cut.jpg", jpeg.bytes, jpeg.size / 2);
    write_file("broken/a/empty.png", "", 0);
    write_file("broken/a/lie.png", "GIF89a", 6);
    write_png("broken/a/whole.png", 16, 16, 1);
    VtDataset *data = open_set(in_folder("broken"), NULL);
    expect_set(data, "folder", "a", "000"); /* the empty file is left out, and counted */
    char text[512];
    vt_dataset_describe(data, text, sizeof text);
    assert_string_equal(text, "3 images, 1 class, 1 left out (1 empty: a/empty.png)");
    static const char *const names[] = {"a/cut.jpg", "a/lie.png"};
    for (int i = 0; i < 2; i++) {
        assert_false(vt_dataset_image(data, i, &got, &error));
        assert_true(error.bad_image);
        assert_non_null(strstr(error.message, names[i]));
    }
    expect_image(data, 2, 1);
    unlink(in_folder("broken/a/whole.png"));
    expect_image(data, 2, 1); /* held in memory by now */
    vt_dataset_close(data);
    data = open_set(in_folder("broken"), NULL);
    unlink(in_folder("broken/a/lie.png"));
    assert_false(vt_dataset_image(data, 1, &got, &error)); /* what vanishes is no bad image */
    assert_false(error.bad_image);
    assert_non_null(strstr(error.message, "is gone"));
    vt_dataset_close(data);
    vt_image_free(&image);
    free(jpeg.bytes);
}

/* ---- tar --------------------------------------------------------------------------------------------------------- */

typedef int Format(struct archive *);

/* A tar of two classes and two splits; `long_name` stands for a class. */
static void write_tar(const char *name, Format *format, Format *filter, const char *long_name) {
    char path[512];
    struct archive *tar = archive_write_new();
    setlocale(LC_ALL, "C.UTF-8"); /* for writing alone: reading must do without */
    format(tar);
    if (filter) filter(tar);
    archive_write_set_bytes_in_last_block(tar, 1);
    assert_int_equal(archive_write_open_filename(tar, in_folder(name)), ARCHIVE_OK);
    for (int i = 0; i < 6; i++) {
        VtImage image = make_image(12 + i, 11, i);
        Encoded png = png_of(&image);
        struct archive_entry *entry = archive_entry_new();
        snprintf(path, sizeof path, "./set/%s/%s/%d.png", i < 4 ? "train" : "test",
                 i % 2 ? "zebra" : long_name, i);
        archive_entry_set_pathname(entry, path);
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_perm(entry, 0644);
        archive_entry_set_mtime(entry, 1700000000, 123456789); /* in pax: a header of its own */
        archive_entry_set_size(entry, (int64_t)png.size);
        assert_true(archive_write_header(tar, entry) >=
                    ARCHIVE_WARN); /* it warns of names the locale lacks */
        assert_int_equal(archive_write_data(tar, png.bytes, png.size), png.size);
        archive_entry_free(entry);
        free(png.bytes);
        vt_image_free(&image);
    }
    assert_int_equal(archive_write_close(tar), ARCHIVE_OK);
    archive_write_free(tar);
    setlocale(LC_ALL, "C");
}

static void test_tar(void **state) {
    char long_name[181];
    memset(long_name, 'q', sizeof long_name);
    long_name[180] = '\0';
    const struct {
        Format *format, *filter;
        const char *class_name;
    } cases[] = {{archive_write_set_format_ustar, NULL, "cat"},
                 {archive_write_set_format_pax, NULL, "cat"},
                 {archive_write_set_format_pax, NULL, long_name},
                 {archive_write_set_format_gnutar, NULL, long_name},
                 {archive_write_set_format_pax, NULL, "caf\xc3\xa9"},
                 {archive_write_set_format_ustar, archive_write_add_filter_gzip, "cat"}};
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        char classes[256];
        write_tar("some.tar", cases[k].format, cases[k].filter, cases[k].class_name);
        snprintf(classes, sizeof classes, "%s zebra", cases[k].class_name);
        VtDataset *train = open_set(in_folder("some.tar"), "train"),
                  *test = open_set(in_folder("some.tar"), "test");
        expect_set(train, "tar", classes, "0011");
        expect_set(test, "tar", classes, "01");
        static const int numbers[] = {0, 2, 1, 3};
        for (int i = 0; i < 4; i++) expect_image(train, i, numbers[i]);
        expect_image(test, 0, 4);
        expect_image(test, 1, 5);
        vt_dataset_close(train);
        vt_dataset_close(test);
    }
}

static uint8_t *slurp(const char *name, size_t *size) {
    FILE *file = fopen(in_folder(name), "rb");
    struct stat status;
    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &status), 0);
    uint8_t *bytes = malloc((size_t)status.st_size);
    *size = fread(bytes, 1, (size_t)status.st_size, file);
    fclose(file);
    return bytes;
}

/* Cut anywhere before its end mark, a tar is refused; so is a compressed one cut anywhere. */
static void test_tar_cut(void **state) {
    static Format *const filters[] = {NULL, archive_write_add_filter_gzip};
    (void)state;
    for (int k = 0; k < 2; k++) {
        size_t size;
        write_tar("whole.tar", archive_write_set_format_pax, filters[k], "cat");
        uint8_t *bytes = slurp("whole.tar", &size);
        size_t end = k ? size : size - 1024;
        for (size_t cut = 700; cut < end; cut += k ? 97 : 256) {
            VtError error = {0};
            write_file("cut.tar", bytes, cut);
            VtDataset *data = vt_dataset_open(in_folder("cut.tar"), "train", &error);
            if (data) fail_msg("a tar cut at byte %zu of %zu was opened", cut, size);
            assert_non_null(strstr(error.message, "cut.tar"));
        }
        free(bytes);
    }
}

/* ---- raw pixels -------------------------------------------------------------------------------------------------- */

/* `count` CIFAR records, or STL's and MNIST's images: pixels are a function of (image, channel, y, x). */
static uint8_t raw_pixel(int image, int c, int y, int x) {
    return (uint8_t)(image * 31 + c * 101 + y * 7 + x * 3);
}

static void expect_raw(const VtDataset *data, int64_t index, int edge, int channels, int number) {
    VtImage got;
    VtError error = {0};
    if (!vt_dataset_image(data, index, &got, &error)) fail_msg("%s", error.message);
    assert_int_equal(got.width, edge);
    assert_int_equal(got.height, edge);
    for (int i = 0; i < 3 * edge * edge; i++)
        assert_int_equal(got.pixels[i],
                         raw_pixel(number, channels == 3 ? i % 3 : 0, i / 3 / edge, i / 3 % edge));
    vt_image_free(&got);
}

static void write_cifar(const char *name, int label_bytes, int first, int count) {
    size_t record = 3072 + (size_t)label_bytes;
    uint8_t *bytes = malloc(record * (size_t)count);
    for (int i = 0; i < count; i++) {
        uint8_t *p = bytes + (size_t)i * record;
        p[0] = 19; /* the coarse label of CIFAR-100 */
        p[label_bytes - 1] = (uint8_t)((first + i) % 10);
        for (int k = 0; k < 3072; k++)
            p[label_bytes + k] = raw_pixel(first + i, k / 1024, k / 32 % 32, k % 32);
    }
    write_file(name, bytes, record * (size_t)count);
    free(bytes);
}

static void test_cifar(void **state) {
    (void)state;
    write_cifar("c10/data_batch_1.bin", 1, 0, 3);
    write_cifar("c10/data_batch_2.bin", 1, 3, 2);
    write_cifar("c10/test_batch.bin", 1, 7, 2);
    write_file("c10/batches.meta.txt", "airplane\nautomobile\n\n", 21);
    VtDataset *train = open_set(in_folder("c10"), "train"), *test = open_set(in_folder("c10"), "test");
    expect_set(train, "cifar", "airplane automobile class 2 3 4 5 6 7 8 9", "01234");
    expect_raw(train, 4, 32, 3, 4);
    expect_raw(test, 1, 32, 3, 8);
    assert_int_equal(vt_dataset_label(test, 1), 8);
    assert_string_equal(vt_dataset_name(test, 1), "cifar[1]");
    vt_dataset_close(train);
    vt_dataset_close(test);
    train = open_set(in_folder("c10/data_batch_2.bin"), "train");
    expect_raw(train, 1, 32, 3, 4);
    vt_dataset_close(train);
    refuse(in_folder("c10/data_batch_2.bin"), "test", 2, "no split 'test'");

    write_cifar("c100/train.bin", 2, 0, 5);
    write_cifar("c100/test.bin", 2, 5, 4);
    train = open_set(in_folder("c100"), NULL);
    assert_int_equal(vt_dataset_classes(train), 100);
    assert_int_equal(vt_dataset_size(train), 9);
    assert_int_equal(vt_dataset_label(train, 8), 8);
    expect_raw(train, 8, 32, 3, 8);
    vt_dataset_close(train);
}

static void test_cifar_bad(void **state) {
    uint8_t bytes[3073] = {10};
    (void)state;
    write_file("c10-cut/data_batch_1.bin", bytes, 3000);
    refuse(in_folder("c10-cut"), "train", 1, "cut short");
    write_file("c10-label/data_batch_1.bin", bytes, 3073);
    refuse(in_folder("c10-label"), "train", 1, "labels below 10");
    write_cifar("c10-half/data_batch_1.bin", 1, 0, 1);
    refuse(in_folder("c10-half"), "test", 2, "no images of split 'test'");
    write_file("c10-half/batches.meta.txt", "class 2\nclass 2\nclass 2\n",
               24); /* classes that are called the same */
    VtDataset *data = open_set(in_folder("c10-half"), "train");
    assert_int_equal(vt_dataset_classes(data), 10);
    vt_dataset_close(data);
    write_cifar("c10-half/test_batch.bin", 1, 0,
                1); /* a held-out split that is damaged is not one that is missing */
    write_file("c10-half/test_batch.bin", bytes, 3000);
    VtError why = {0};
    assert_false(vt_dataset_held_out(in_folder("c10-half"), &data, &why));
    assert_int_equal(why.code, 1);
}

static void test_stl10(void **state) {
    enum { EDGE = 96, IMAGE = 3 * EDGE * EDGE };
    static const uint8_t labels[] = {10, 1, 0};
    uint8_t *bytes = malloc(3 * IMAGE);
    (void)state;
    for (int i = 0; i < 3 * IMAGE; i++) /* columns first */
        bytes[i] = raw_pixel(i / IMAGE, i / (EDGE * EDGE) % 3, i % EDGE, i / EDGE % EDGE);
    write_file("stl/train_X.bin", bytes, 3 * IMAGE);
    write_file("stl/train_y.bin", labels, 3);
    VtDataset *train = open_set(in_folder("stl"), "train");
    assert_string_equal(vt_dataset_format(train), "stl10");
    assert_int_equal(vt_dataset_label(train, 0), 9);
    assert_int_equal(vt_dataset_label(train, 2), -1);
    expect_raw(train, 2, EDGE, 3, 2);
    vt_dataset_close(train);
    refuse(in_folder("stl"), "test", 2, "no images of split 'test'");
    write_file("stl/unlabeled_X.bin", bytes, 3 * IMAGE);
    train = open_set(in_folder("stl"), "train"); /* which is trained on too, read where it lies */
    assert_int_equal(vt_dataset_size(train), 6);
    assert_int_equal(vt_dataset_labelled(train), 2);
    assert_int_equal(vt_dataset_label(train, 3), -1);
    expect_raw(train, 4, EDGE, 3, 1);
    int64_t chosen[4];
    vt_dataset_spread(train, 4, chosen); /* both that have labels, and some of the others */
    static const int64_t want[] = {0, 1, 2, 4};
    assert_memory_equal(chosen, want, sizeof want);
    vt_dataset_spread(train, 1, chosen);
    assert_int_equal(chosen[0], 0);
    unlink(in_folder("stl/unlabeled_X.bin"));
    vt_dataset_close(train);
    write_file("stl/unlabeled_X.bin", bytes, IMAGE + 1);
    refuse(in_folder("stl"), "train", 1, "not whole images");
    unlink(in_folder("stl/unlabeled_X.bin"));
    write_file("stl/test_X.bin", bytes, 3 * IMAGE);
    refuse(in_folder("stl"), "test", 1, "test_y.bin is missing");
    write_file("stl/test_y.bin", labels, 2);
    refuse(in_folder("stl"), "test", 1, "test_X.bin: does not hold the images");
    free(bytes);
}

static void write_gz(const char *name, const void *bytes, unsigned size) {
    gzFile file = gzopen(in_folder(name), "wb");
    assert_non_null(file);
    assert_int_equal(gzwrite(file, bytes, size), size);
    assert_int_equal(gzclose(file), Z_OK);
}

static void test_mnist(void **state) {
    uint8_t images[16 + 3 * 28 * 28] = {0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 28, 0, 0, 0, 28},
                                 labels[] = {0, 0, 8, 1, 0, 0, 0, 3, 7, 0, 9};
    size_t size;
    (void)state;
    for (int i = 0; i < 3 * 28 * 28; i++) images[16 + i] = raw_pixel(i / 784, 0, i / 28 % 28, i % 28);
    write_file("mnist/train-images-idx3-ubyte", images, sizeof images);
    write_file("mnist/train-labels-idx1-ubyte", labels, sizeof labels);
    write_gz("mnist/t10k-images-idx3-ubyte.gz", images, sizeof images);
    write_gz("mnist/t10k-labels-idx1-ubyte.gz", labels, sizeof labels);
    for (int k = 0; k < 2; k++) {
        VtDataset *data = open_set(in_folder("mnist"), k ? "test" : "train");
        expect_set(data, "mnist", "0 1 2 3 4 5 6 7 8 9", "709");
        expect_raw(data, 2, 28, 1, 2);
        vt_dataset_close(data);
    }
    uint8_t *gz = slurp("mnist/t10k-images-idx3-ubyte.gz", &size);
    for (size_t cut = 0; cut < size; cut += 31) {
        write_file("mnist/t10k-images-idx3-ubyte.gz", gz, cut);
        refuse(in_folder("mnist"), "test", 1, "t10k-images-idx3-ubyte.gz: not a whole idx file");
    }
    free(gz);
    labels[8] = 250; /* a label of the training images is a class of the test images too */
    write_file("mnist/train-labels-idx1-ubyte", labels, sizeof labels);
    write_gz("mnist/t10k-images-idx3-ubyte.gz", images, sizeof images);
    VtDataset *test = open_set(in_folder("mnist"), "test");
    assert_int_equal(vt_dataset_classes(test), 251);
    vt_dataset_close(test);
    memset(images + 4, 0xff, 12); /* sizes whose product is past any file */
    write_file("mnist/train-images-idx3-ubyte", images, sizeof images);
    refuse(in_folder("mnist"), "train", 1, "not a whole idx file");
    unlink(in_folder("mnist/train-labels-idx1-ubyte"));
    refuse(in_folder("mnist"), "train", 1, "train-labels-idx1-ubyte[.gz] is missing");
}

/* ---- the set that needs no file ---------------------------------------------------------------------------------- */

static void test_synthetic(void **state) {
    VtDataset *train = open_set("synthetic:200", "train"), *again = open_set("synthetic:400", "train"),
              *test = open_set("synthetic:200", "test"), *large = open_set("synthetic:10:48", NULL);
    int textures[6] = {0};
    (void)state;
    assert_int_equal(vt_dataset_classes(train), 10);
    assert_int_equal(vt_dataset_size(test), 40);
    assert_int_equal(vt_dataset_second_classes(train), 6);
    for (int64_t i = 0; i < 40; i++) {
        VtImage a, b, c;
        VtError error;
        assert_true(vt_dataset_image(train, i, &a, &error) && vt_dataset_image(again, i, &b, &error) &&
                    vt_dataset_image(test, i, &c, &error));
        assert_memory_equal(a.pixels, b.pixels, 32 * 32 * 3); /* whatever the count */
        assert_memory_not_equal(a.pixels, c.pixels, 32 * 32 * 3);
        assert_int_equal(vt_dataset_label(train, i), i % 10);
        textures[vt_dataset_second_label(train, i)]++;
        vt_image_free(&a);
        vt_image_free(&b);
        vt_image_free(&c);
    }
    for (int k = 0; k < 6; k++) assert_true(textures[k] > 0);
    VtImage image;
    assert_true(vt_dataset_image(large, 0, &image, NULL));
    assert_int_equal(image.width, 48);
    vt_image_free(&image);
    VtDataset *sets[] = {train, again, test, large};
    for (int k = 0; k < 4; k++) vt_dataset_close(sets[k]);
    refuse("synthetic:", NULL, 2, "synthetic[:COUNT[:SIZE]]");
    refuse("synthetic:9", NULL, 2, "synthetic[:COUNT[:SIZE]]");
    refuse("synthetic:100:7", NULL, 2, "synthetic[:COUNT[:SIZE]]");
    refuse("synthetic:100x", NULL, 2, "synthetic[:COUNT[:SIZE]]");
    refuse("synthetic:99999999999999999999", NULL, 2, "synthetic[:COUNT[:SIZE]]");
}

static float *pixels_of(const VtDataset *data, int32_t *labels) {
    int64_t n = vt_dataset_size(data);
    float *out = malloc(sizeof *out * (size_t)n * 3072);
    for (int64_t i = 0; i < n; i++) {
        VtImage image;
        assert_true(vt_dataset_image(data, i, &image, NULL));
        for (int k = 0; k < 3072; k++) out[i * 3072 + k] = image.pixels[k] / 127.5f - 1;
        labels[i] = vt_dataset_label(data, i);
        vt_image_free(&image);
    }
    return out;
}

/* Neighbours in raw pixels say more than chance about shapes, but little. */
static void test_synthetic_is_hard(void **state) {
    VtDataset *train = open_set("synthetic:2000", "train"), *test = open_set("synthetic:2000", "test");
    static int32_t train_labels[2000], test_labels[400];
    float *a = pixels_of(train, train_labels), *b = pixels_of(test, test_labels);
    /* 2.5 billion products take the sanitizers half a minute; a tenth says enough of memory. */
    int n = SANITIZED ? 40 : 400;
    VtFeatures near = {a, train_labels, 2000, 3072, 0, {0}}, far = {b, test_labels, n, 3072, 0, {0}};
    VtKnnResult knn;
    VtError error;
    (void)state;
    VtInstance *instance = comparing_instance(512);
    assert_true(vt_knn(instance, &comparing_program, &near, &far,
                       &(VtKnn){(int[]){20}, 1, (double[]){0.07}, 1}, &knn, &error));
    vt_instance_free(instance);
    print_message("raw pixels, 2,000 synthetic images: k-NN %.1f %%\n", knn.top1);
    assert_true(SANITIZED || (knn.top1 > 10 && knn.top1 < 40));
    free(a);
    free(b);
    vt_dataset_close(train);
    vt_dataset_close(test);
}

/* ---- many readers, and real data --------------------------------------------------------------------------------- */

typedef struct {
    const VtDataset *data;
    uint64_t sum;
} Reader;

static void *read_all(void *user) {
    Reader *reader = user;
    for (int round = 0; round < 3; round++)
        for (int64_t i = 0; i < vt_dataset_size(reader->data); i++) {
            VtImage image;
            if (!vt_dataset_image(reader->data, i, &image, NULL)) return NULL;
            for (int k = 0; k < 3 * image.width * image.height; k++)
                reader->sum = reader->sum * 31 + image.pixels[k];
            vt_image_free(&image);
        }
    return NULL;
}

/* A share of each class, larger ones with all of smaller ones; what has no label stays. */
static void test_share(void **state) {
    (void)state;
    VtError error;
    enum { ALL = 500 };
    bool few[ALL] = {false};
    int counts[10] = {0}, all[10] = {0}, same = 0;
    VtDataset *whole = open_set("synthetic:500", "train");
    for (int64_t i = 0; i < ALL; i++) all[vt_dataset_label(whole, i)]++;
    for (int part = 0; part < 3; part++) {
        static const double shares[] = {0.1, 0.3, 0.1};
        VtDataset *set = vt_dataset_share(part ? open_set("synthetic:500", "train") : whole, shares[part],
                                          part / 2, &error);
        assert_non_null(set);
        assert_int_equal(vt_dataset_classes(set), 10);
        memset(counts, 0, sizeof counts);
        int known = 0;
        for (int64_t i = 0; i < vt_dataset_size(set); i++) {
            const char *name = vt_dataset_name(set, i);
            int index = atoi(strchr(name, '[') + 1);
            counts[vt_dataset_label(set, i)]++;
            known += few[index];
            if (part == 0) few[index] = true;
        }
        for (int c = 0; c < 10; c++) assert_int_equal(counts[c], (int)(shares[part] * all[c] + 0.5));
        if (part == 1) assert_int_equal(known, same); /* the same seed */
        if (part == 2) assert_true(known < same);     /* another */
        same = part ? same : (int)vt_dataset_size(set);
        VtImage image;
        assert_true(vt_dataset_image(set, vt_dataset_size(set) - 1, &image, &error));
        vt_image_free(&image);
        vt_dataset_close(set);
    }
}

static void test_threads(void **state) {
    pthread_t threads[4];
    Reader readers[4];
    (void)state;
    write_tar("threads.tar", archive_write_set_format_ustar, NULL, "cat");
    VtDataset *data = open_set(in_folder("threads.tar"), NULL);
    for (int t = 0; t < 4; t++) {
        readers[t] = (Reader){data, 0};
        assert_int_equal(pthread_create(&threads[t], NULL, read_all, &readers[t]), 0);
    }
    for (int t = 0; t < 4; t++) pthread_join(threads[t], NULL);
    assert_true(readers[0].sum != 0);
    for (int t = 1; t < 4; t++) assert_true(readers[t].sum == readers[0].sum);
    vt_dataset_close(data);
}

static void test_cifar10_tar(void **state) {
    const char *path = SHARED_DIR "/data/cifar10.tar";
    VtImage image;
    (void)state;
    if (access(path, R_OK) != 0) {
        print_message("no %s: skipped\n", path);
        skip();
    }
    VtDataset *train = open_set(path, "train"), *test = open_set(path, "test");
    assert_int_equal(vt_dataset_size(train), 50000);
    assert_int_equal(vt_dataset_size(test), 10000);
    assert_int_equal(vt_dataset_classes(test), 10);
    assert_string_equal(vt_dataset_class_name(test, 3), "cat");
    for (int i = 0; i < 10; i++) assert_int_equal(vt_dataset_label(test, 1000 * i), i);
    for (int64_t i = 0; i < 50000; i += 997) {
        assert_true(vt_dataset_image(train, i, &image, NULL));
        assert_true(image.width == 32 && image.height == 32);
        vt_image_free(&image);
    }
    vt_dataset_close(train);
    vt_dataset_close(test);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folder_splits),
        cmocka_unit_test(test_folder_without_splits),
        cmocka_unit_test(test_folder_deep),
        cmocka_unit_test(test_folder_bad),
        cmocka_unit_test(test_broken_images),
        cmocka_unit_test(test_tar),
        cmocka_unit_test(test_tar_cut),
        cmocka_unit_test(test_cifar),
        cmocka_unit_test(test_cifar_bad),
        cmocka_unit_test(test_stl10),
        cmocka_unit_test(test_mnist),
        cmocka_unit_test(test_synthetic),
        cmocka_unit_test(test_synthetic_is_hard),
        cmocka_unit_test(test_share),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_cifar10_tar),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
