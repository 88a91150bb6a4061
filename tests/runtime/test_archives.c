/* Archives as data sets: zip files, links, labels beside images, shards, and every way in which they can be damaged. */
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

/* "NAME=NUMBER:CLASS …": the end of each image's name, which picture it is, and its class ("-": none). Closes the set. */
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
            if (memcmp(made.rgb, image.rgb, 3 * (size_t)(image.width * image.height)) == 0) number = k;
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

/* Hard and symbolic links are images too: forward, through folders, through each other; what leads nowhere is counted. */
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
    pack_image(tar, "cat/plain", 4); /* an image by its first bytes */
    pack_text(tar, "cat/other", "none");
    pack_end(tar);
    VtDataset *data = open_set(in_folder("names.tar"), NULL);
    expect_left(data, "1 left out");
    expect(data, "tar", "cat/1.png=1:cat cat/plain=4:cat dog/2.png=2:dog fox/3.png=3:fox");
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
    expect(open_set(in_folder("shards/*-010.*"), "train"), "tar",
           "some-train-010.tar/train/cat/0.png=5:cat some-train-010.tar/train/cat/1.png=6:cat");
    refuse(in_folder("shards/some-train-{007..009}.tar"), 2, "shards/some-train-007.tar': No such file");
    refuse(in_folder("shards/*.zip"), 2, "nothing matches");
    write_file("shards/some-train-011.tar", "no tar", 6);
    refuse(in_folder("shards"), 2, "some-train-011.tar' is no tar or zip file");
    write_shard("splits/train/0.tar", "cat/", 1);
    write_shard("splits/val/0.tar", "cat/", 3);
    expect(open_set(in_folder("splits"), "test"), "tar",
           "val/0.tar/val/cat/0.png=3:cat val/0.tar/val/cat/1.png=4:cat");
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
        cmocka_unit_test(test_zip),        cmocka_unit_test(test_links),   cmocka_unit_test(test_names),
        cmocka_unit_test(test_webdataset), cmocka_unit_test(test_joined),  cmocka_unit_test(test_lists),
        cmocka_unit_test(test_shards),     cmocka_unit_test(test_no_file), cmocka_unit_test(test_stop),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
