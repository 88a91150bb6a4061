/* Archives as data sets: zip files, links, labels beside images, shards, and every way in which they can be damaged. */
#include "tests/runtime/encode.h"
#include "tests/runtime/pack.h"

#include <signal.h>

static VtDataset *open_set(const char *path, const char *split) {
    VtError error = {0};
    VtDataset *data = vt_dataset_open(path, split, &error);
    if (!data) fail_msg("%s", error.message);
    return data;
}

static void refuse(const char *path, int code, const char *why) {
    VtError error = {0};
    VtDataset *data = vt_dataset_open(path, NULL, &error);
    if (data) fail_msg("%s was opened", path);
    if (error.code != code || !strstr(error.message, why))
        fail_msg("'%s' (%d) does not say '%s' (%d)", error.message, error.code, why, code);
}

/* "NAME=NUMBER:CLASS …": the end of each image's name, which picture it is, and its class ("-": none). Closes the
 * set. */
static void expect(VtDataset *data, const char *format, const char *want) {
    char got[4096] = "";
    assert_string_equal(vt_dataset_format(data), format);
    for (int64_t i = 0; i < vt_dataset_size(data); i++) {
        VtImage image;
        VtError error = {0};
        int number = -1;
        if (!vt_dataset_image(data, i, &image, &error)) fail_msg("%s", error.message);
        for (int k = 0; k < 16 && number < 0; k++) {
            VtImage made = make_image(image.width, image.height, k);
            if (memcmp(made.pixels, image.pixels, 3 * (size_t)(image.width * image.height)) == 0) number = k;
            vt_image_free(&made);
        }
        vt_image_free(&image);
        const char *class_name = vt_dataset_class_name(data, vt_dataset_label(data, i));
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s=%d:%s", i ? " " : "",
                 vt_dataset_name(data, i), number, class_name ? class_name : "-");
    }
    assert_string_equal(got, want);
    vt_dataset_close(data);
}

static void expect_left(const VtDataset *data, const char *what) {
    char text[1024];
    vt_dataset_describe(data, text, sizeof text);
    if (!strstr(text, what)) fail_msg("'%s' does not say '%s'", text, what);
}

static void test_zip(void **state) {
    (void)state;
    for (int deflated = 0; deflated < 2; deflated++) {
        Pack *zip = pack_begin("set.zip", true, NULL);
        (deflated ? archive_write_zip_set_compression_deflate : archive_write_zip_set_compression_store)(zip);
        pack_image(zip, "top/train/cat/1.png", 1);
        pack_image(zip, "top/train/dog/2.png", 2);
        pack_image(zip, "top/test/cat/3.png", 3);
        pack_image(zip, "__MACOSX/top/train/cat/._1.png", 4);
        pack_text(zip, "top/readme.md", "none");
        pack_end(zip);
        expect(open_set(in_folder("set.zip"), "train"), "zip",
               "top/train/cat/1.png=1:cat top/train/dog/2.png=2:dog");
        expect(open_set(in_folder("set.zip"), "test"), "zip", "top/test/cat/3.png=3:cat");
    }
    /* cut anywhere it is refused; one damaged member is one bad image */
    size_t size;
    uint8_t *bytes = read_file("set.zip", &size);
    for (size_t cut = 4; cut < size; cut += 31) {
        write_file("cut.zip", bytes, cut);
        refuse(in_folder("cut.zip"), 1, "cut.zip: damaged or cut short");
    }
    memset(bytes + 100, 0x55, 30);
    write_file("bad.zip", bytes, size);
    free(bytes);
    VtDataset *data = open_set(in_folder("bad.zip"), NULL);
    VtImage image;
    VtError error = {0};
    assert_int_equal(vt_dataset_size(data), 3);
    assert_false(vt_dataset_image(data, 1, &image, &error)); /* the first in the file, the second by name */
    assert_true(error.bad_image);
    assert_non_null(strstr(error.message, "top/train/cat/1.png: damaged in"));
    assert_true(vt_dataset_image(data, 0, &image, &error));
    vt_image_free(&image);
    vt_dataset_close(data);
}

/* Hard and symbolic links are images too: forward, through folders, through each other; what leads nowhere is
 * counted. */
static void test_links(void **state) {
    (void)state;
    for (int packed = 0; packed < 2; packed++) {
        Pack *tar = pack_begin("links.tar", false, packed ? archive_write_add_filter_gzip : NULL);
        pack_entry(tar, "cat/0.png", AE_IFLNK, "../dog/2.png", NULL, 0);
        pack_image(tar, "./cat/1.png", 1);
        pack_image(tar, "dog/2.png", 2);
        pack_entry(tar, "dog/3.png", AE_IFREG, "cat/1.png", NULL, 0);
        pack_entry(tar, "dog/4.png", AE_IFLNK, "3.png", NULL, 0);
        pack_entry(tar, "dog/5.png", AE_IFLNK, "nowhere.png", NULL, 0);
        pack_entry(tar, "dog/6.png", AE_IFLNK, "6.png", NULL, 0);
        pack_entry(tar, "fox", AE_IFLNK, "cat", NULL, 0);
        pack_entry(tar, "dog/pipe", AE_IFIFO, NULL, NULL, 0);
        pack_end(tar);
        VtDataset *data = open_set(in_folder("links.tar"), NULL);
        expect_left(data, "2 not there: dog/5.png, dog/6.png");
        expect(data, "tar",
               "cat/0.png=2:cat cat/1.png=1:cat dog/2.png=2:dog dog/3.png=1:dog dog/4.png=1:dog "
               "fox/1.png=1:fox");
    }
}

static void test_names(void **state) {
    (void)state;
    Pack *tar = pack_begin("names.tar", false, NULL);
    pack_image(tar, "/cat/1.png", 1);
    pack_image(tar, "../../dog//2.png", 2);
    pack_image(tar, "x/../fox/./3.png", 3);
    pack_image(tar, "cat/plain", 4);                /* an image by its first bytes */
    pack_text(tar, "cat/small", "P5 2 2 255 abcd"); /* of that kind too */
    pack_text(tar, "cat/other", "P5 of many words");
    pack_end(tar);
    VtDataset *data = open_set(in_folder("names.tar"), NULL);
    expect_left(data, "1 left out");
    expect(data, "tar", "cat/1.png=1:cat cat/plain=4:cat cat/small=-1:cat dog/2.png=2:dog fox/3.png=3:fox");
    assert_int_equal(access("/tmp/dog", F_OK), -1);
}

/* Labels by key, before or after their images; texts beside them are no lists. */
static void test_webdataset(void **state) {
    (void)state;
    for (int packed = 0; packed < 2; packed++) {
        Pack *tar = pack_begin("samples.tar", false, packed ? archive_write_add_filter_gzip : NULL);
        pack_text(tar, "000.cls", "10\n");
        pack_image(tar, "000.png", 0);
        pack_text(tar, "000.txt", "a photo of 3");
        pack_image(tar, "001.png", 1);
        pack_text(tar, "001.cls", "2");
        pack_image(tar, "002.left.png", 2);
        pack_image(tar, "002.right.png", 3);
        pack_text(tar, "002.json", "{\"caption\": \"x\", \"label\": 2}");
        pack_image(tar, "003.png", 4);
        pack_text(tar, "003.json", "{\"caption\": \"label\"}");
        pack_end(tar);
        expect(open_set(in_folder("samples.tar"), NULL), "tar",
               "000.png=0:10 001.png=1:2 002.left.png=2:2 002.right.png=3:2 003.png=4:-");
    }
}

/* Lists inside an archive say the splits, as they do in a folder. */
static void test_lists(void **state) {
    (void)state;
    for (int packed = 0; packed < 3; packed++) {
        Pack *pack = pack_begin("lists.bin", packed == 2, packed == 1 ? archive_write_add_filter_gzip : NULL);
        pack_image(pack, "set/cat/1.png", 1);
        pack_image(pack, "set/cat/2.png", 2);
        pack_image(pack, "set/dog/3.png", 3);
        pack_text(pack, "set/train.txt", "cat/1.png\ndog/3.png\n");
        pack_text(pack, "set/test.txt", "cat/2.png\n");
        pack_end(pack);
        expect(open_set(in_folder("lists.bin"), "train"), packed == 2 ? "zip" : "tar",
               "set/cat/1.png=1:cat set/dog/3.png=3:dog");
        expect(open_set(in_folder("lists.bin"), "test"), packed == 2 ? "zip" : "tar", "set/cat/2.png=2:cat");
    }
}

static void write_shard(const char *name, const char *path, int first) {
    Pack *tar = pack_begin(name, false, NULL);
    char member[64];
    for (int i = 0; i < 2; i++) {
        snprintf(member, sizeof member, "%s%d.png", path, i);
        pack_image(tar, member, first + i);
    }
    pack_end(tar);
}

static void append_file(const char *name, const char *other) {
    size_t size;
    uint8_t *bytes = read_file(other, &size);
    FILE *file = fopen(in_folder(name), "ab");
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
    free(bytes);
}

static void test_joined(void **state) {
    (void)state;
    write_shard("joined.tar", "cat/a", 1);
    write_shard("second.tar", "dog/b", 3);
    append_file("joined.tar", "second.tar");
    expect(open_set(in_folder("joined.tar"), NULL), "tar",
           "cat/a0.png=1:cat cat/a1.png=2:cat dog/b0.png=3:dog dog/b1.png=4:dog");
    size_t size;
    uint8_t *bytes = read_file("joined.tar", &size), *second = read_file("second.tar", &size);
    size_t whole = 2 * size;
    for (size_t cut = size + 600; cut + 1024 < whole; cut += 511) {
        write_file("cut.tar", bytes, cut);
        refuse(in_folder("cut.tar"), 1, "cut.tar: ");
    }
    memset(bytes + size + 20, 0x55, 40); /* the second's first header */
    write_file("cut.tar", bytes, whole);
    refuse(in_folder("cut.tar"), 1, "cut.tar: damaged or cut short after 2 members, at byte");
    free(bytes);
    free(second);
}

static void test_shards(void **state) {
    (void)state;
    write_shard("shards/some-train-008.tar", "cat/", 1);
    write_shard("shards/some-train-009.tar", "dog/", 3);
    write_shard("shards/some-train-010.tar", "cat/", 5);
    write_shard("shards/some-val-000.tar", "cat/", 7);
    write_file("shards/info.json", "{}", 2);
    expect(open_set(in_folder("shards"), "train"), "tar",
           "some-train-008.tar/train/cat/0.png=1:cat some-train-008.tar/train/cat/1.png=2:cat "
           "some-train-009.tar/train/dog/0.png=3:dog some-train-009.tar/train/dog/1.png=4:dog "
           "some-train-010.tar/train/cat/0.png=5:cat some-train-010.tar/train/cat/1.png=6:cat");
    expect(open_set(in_folder("shards"), "test"), "tar",
           "some-val-000.tar/val/cat/0.png=7:cat some-val-000.tar/val/cat/1.png=8:cat");
    expect(open_set(in_folder("shards/some-train-{008..009}.tar"), "train"), "tar",
           "some-train-008.tar/train/cat/0.png=1:cat some-train-008.tar/train/cat/1.png=2:cat "
           "some-train-009.tar/train/dog/0.png=3:dog some-train-009.tar/train/dog/1.png=4:dog");
    expect(open_set(in_folder("shards/some-{train-010,val-000}.tar"), "test"), "tar",
           "some-val-000.tar/val/cat/0.png=7:cat some-val-000.tar/val/cat/1.png=8:cat");
    expect(open_set(in_folder("shards/*-010.*"), "train"), "tar", "cat/0.png=5:cat cat/1.png=6:cat");
    VtDataset *nested = open_set(in_folder("shards/some-{train-{008..009},val-{000,000}}.tar"), NULL);
    assert_int_equal(vt_dataset_size(nested), 6);
    vt_dataset_close(nested);
    refuse(in_folder("shards/some-{train.tar"), 2, "no data at");
    refuse("{a,a}{a,a}{a,a}{a,a}{a,a}{a,a}{a,a}{a,a}{a,a}{a,a}{a,a}{a,a}{a,a}{a,a}{a,a}{a,a}{a,a}", 2,
           "more than");
    refuse("{{{{{{{{{{{{{{{{{{{{{{a}}}}}}}}}}}}}}}}}}}}}}", 2, "more than 16 braces");
    refuse("{0..999999999}.tar", 2, "0..999999999.tar");
    refuse(in_folder("shards/some-train-{007..009}.tar"), 2, "shards/some-train-007.tar': No such file");
    refuse(in_folder("shards/*.zip"), 2, "nothing matches");
    write_file("shards/some-train-011.tar", "no tar", 6);
    refuse(in_folder("shards"), 2, "some-train-011.tar' is no tar or zip file");
    write_shard("splits/train/0.tar", "cat/", 1);
    write_shard("splits/val/0.tar", "cat/", 3);
    expect(open_set(in_folder("splits"), "test"), "tar",
           "val/0.tar/val/cat/0.png=3:cat val/0.tar/val/cat/1.png=4:cat");
}

/* ---- CIFAR as it is handed out ----------------------------------------------------------------------------------- */

static void pickle_text(Encoded *to, const void *bytes, size_t size) {
    put_text(to, size < 256 ? "U" : "T");
    put_number(to, size, size < 256 ? 1 : 4);
    put_bytes(to, bytes, size);
    put_text(to, "q");
    put_number(to, 9, 1);
}

/* As Python 2 wrote them: a dictionary of labels and an array of n images of pixels (number * 16 + i). */
static Encoded pickle_batch(int n, int number, const char *labels_key, int columns) {
    Encoded out = {0};
    uint8_t *pixels = malloc((size_t)(n * columns));
    for (int i = 0; i < n * columns; i++) pixels[i] = (uint8_t)(number * 16 + i / columns);
    put_bytes(&out, "\x80\2}q\1(", 6);
    pickle_text(&out, labels_key, strlen(labels_key));
    put_bytes(&out, "]q\2(", 4);
    for (int i = 0; i < n; i++) put_bytes(&out, (uint8_t[]){'K', (uint8_t)(i + number)}, 2);
    put_text(&out, "e");
    pickle_text(&out, "data", 4);
    put_text(&out, "cnumpy.core.multiarray\n_reconstruct\nq\3cnumpy\nndarray\nq\4K");
    put_bytes(&out, "\0\x85U\1b\x87R(K\1K", 11);
    put_number(&out, (uint64_t)n, 1);
    put_text(&out, "M");
    put_number(&out, (uint64_t)columns, 2);
    put_text(&out, "\x86"
                   "cnumpy\ndtype\nU\2u1K");
    put_bytes(&out, "\0K\1\x87R(K\3U\1|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb\x89", 29);
    pickle_text(&out, pixels, (size_t)(n * columns));
    put_text(&out, "tbu.");
    free(pixels);
    return out;
}

static Encoded pickle_names(const char *key, const char *first, const char *second) {
    Encoded out = {0};
    put_bytes(&out, "\x80\2}(", 4);
    pickle_text(&out, key, strlen(key));
    put_text(&out, "](");
    pickle_text(&out, first, strlen(first));
    pickle_text(&out, second, strlen(second));
    put_text(&out, "eu.");
    return out;
}

static void write_encoded(const char *name, Encoded file) {
    write_file(name, file.bytes, file.size);
    free(file.bytes);
}

/* n images, of which image `at` has that label, class and gray. Closes the set. */
static void expect_cifar(VtDataset *data, int n, int at, const char *class_name, int gray) {
    VtImage image;
    assert_string_equal(vt_dataset_format(data), "cifar");
    assert_int_equal(vt_dataset_size(data), n);
    assert_string_equal(vt_dataset_class_name(data, vt_dataset_label(data, at)), class_name);
    assert_true(vt_dataset_image(data, at, &image, NULL));
    assert_int_equal(image.width, 32);
    for (int i = 0; i < 3072; i++) assert_int_equal(image.pixels[i], gray);
    vt_image_free(&image);
    vt_dataset_close(data);
}

static void test_cifar(void **state) {
    static const char *const batches[] = {"data_batch_1", "data_batch_2", "data_batch_3",
                                          "data_batch_4", "data_batch_5", "test_batch"};
    char path[128];
    (void)state;
    Pack *tar = pack_begin("cifar-10-python.tar.gz", false, archive_write_add_filter_gzip),
         *zip = pack_begin("cifar.zip", true, NULL), *plain = pack_begin("binary.tar", false, NULL);
    for (int b = 0; b < 6; b++) {
        Encoded batch = pickle_batch(3, b, "labels", 3072);
        snprintf(path, sizeof path, "cifar-10-batches-py/%s", batches[b]);
        pack_entry(tar, path, AE_IFREG, NULL, batch.bytes, batch.size);
        pack_entry(zip, path, AE_IFREG, NULL, batch.bytes, batch.size);
        write_file(path, batch.bytes, batch.size);
        free(batch.bytes);
        uint8_t record[2 * 3073];
        memset(record, b, sizeof record);
        snprintf(path, sizeof path, "./cifar-10-batches-bin/%s.bin", batches[b]);
        pack_entry(plain, path, AE_IFREG, NULL, record, sizeof record);
    }
    Encoded names = pickle_names("label_names", "airplane", "automobile");
    pack_entry(tar, "cifar-10-batches-py/batches.meta", AE_IFREG, NULL, names.bytes, names.size);
    pack_text(plain, "cifar-10-batches-bin/batches.meta.txt", "airplane\nautomobile\nbird\ncat\n\n");
    free(names.bytes);
    pack_end(tar);
    pack_end(zip);
    pack_end(plain);
    expect_cifar(open_set(in_folder("cifar-10-python.tar.gz"), "train"), 15, 1, "automobile", 1);
    expect_cifar(open_set(in_folder("cifar-10-python.tar.gz"), "test"), 3, 2, "7", 5 * 16 + 2);
    expect_cifar(open_set(in_folder("cifar.zip"), NULL), 18, 4, "2", 17);
    expect_cifar(open_set(in_folder("cifar-10-batches-py"), "train"), 15, 3, "1", 16);
    expect_cifar(open_set(in_folder(""), "test"), 3, 0, "5", 80); /* the folder it was unpacked in */
    expect_cifar(open_set(in_folder("binary.tar"), "train"), 10, 6, "cat", 3);
    write_encoded("hundred/cifar-100-python/train", pickle_batch(2, 3, "fine_labels", 3072));
    write_encoded("hundred/cifar-100-python/meta", pickle_names("fine_label_names", "apple", "bear"));
    expect_cifar(open_set(in_folder("hundred"), "train"), 2, 1, "4", 49);
}

/* Cut anywhere it is refused; so is what asks for more than an array, and nothing of it is run. */
static void test_cifar_bad(void **state) {
    static const char evil[] = "\x80\2}(U\4datacposix\nsystem\nU\4true\x85Ru.";
    static const struct {
        const char *bytes, *why;
    } cases[] = {{evil, "it asks for 'posix.system', which no CIFAR file needs, and which is not run"},
                 {"\x80\2}(U\4datau.", "a key without a value"},
                 {"\x80\2}U\6labels]s.", "not an array of bytes"},
                 {"\x80\2(.", "it holds nothing"},
                 {"\x80\2R.", "its stack runs empty"},
                 {"\x80\2hx.", "a memo that was not made"},
                 {"\x80\2]b.", "its stack runs empty"},
                 {"\x80\2NNb.", "a state for what has none"},
                 {"\x80\2I1\n.", "opcode 0x49"}};
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        write_file("bad/data_batch_1", cases[k].bytes, strlen(cases[k].bytes));
        refuse(in_folder("bad"), 1, cases[k].why);
    }
    Encoded batch = pickle_batch(2, 0, "labels", 3072);
    for (size_t cut = 2; cut < batch.size; cut += 1 + cut / 16) {
        write_file("bad/data_batch_1", batch.bytes, cut);
        refuse(in_folder("bad"), 1, "data_batch_1: damaged or no pickle of CIFAR, at byte");
    }
    free(batch.bytes);
    write_encoded("bad/data_batch_1", pickle_batch(2, 9, "labels", 3072)); /* classes 9 and 10 */
    refuse(in_folder("bad"), 1, "label 10 of 10 classes");
    write_encoded("bad/data_batch_1", pickle_batch(2, 0, "labels", 1024));
    refuse(in_folder("bad"), 1, "no CIFAR, or damaged");
}

/* What cannot be read twice is refused at once, and not waited for. */
static void test_no_file(void **state) {
    (void)state;
    assert_int_equal(mkfifo(in_folder("fifo"), 0600), 0);
    alarm(20);
    refuse(in_folder("fifo"), 2, "neither a file nor a folder");
    refuse("/dev/zero", 2, "neither a file nor a folder");
    alarm(0);
}

/* A request to stop ends the reading of members. */
static void test_stop(void **state) {
    (void)state;
    write_shard("long.tar", "cat/", 1);
    vt_stop_request(SIGTERM);
    refuse(in_folder("long.tar"), 1, "stopped by signal 15");
    vt_stop_request(0);
    vt_dataset_close(open_set(in_folder("long.tar"), NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zip),        cmocka_unit_test(test_links),  cmocka_unit_test(test_names),
        cmocka_unit_test(test_webdataset), cmocka_unit_test(test_joined), cmocka_unit_test(test_lists),
        cmocka_unit_test(test_shards),     cmocka_unit_test(test_cifar),  cmocka_unit_test(test_cifar_bad),
        cmocka_unit_test(test_no_file),    cmocka_unit_test(test_stop),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
