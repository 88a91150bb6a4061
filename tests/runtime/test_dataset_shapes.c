/* The shapes of data sets that people have: which images are trained on, which are held out, and their classes. */
#include "tests/runtime/folder.h"

#include <ctype.h>

/* Makes the tree that `files` says: paths by spaces, of images, folders (with a slash at the end), and texts as
 * "path{line|line}", where '_' stands for a blank and '^' for a tab. */
static void make_tree(const char *root, const char *files) {
    char path[400], text[2048];
    for (const char *p = files; *p;) {
        size_t n = strcspn(p, " {");
        snprintf(path, sizeof path, "%s/%.*s", root, (int)n, p);
        p += n;
        if (*p == '{') {
            size_t length = strcspn(++p, "}");
            for (size_t i = 0; i < length; i++)
                text[i] = p[i] == '|' ? '\n' : p[i] == '_' ? ' ' : p[i] == '^' ? '\t' : p[i];
            write_file(path, text, length);
            p += length + 1;
        } else if (path[strlen(path) - 1] == '/')
            write_file(path, "", 0);
        else
            write_png(path, 4, 4, (int)n);
        while (*p == ' ') p++;
    }
}

/* "train/cat/1.png=cat 2.png=-": names below the root and classes. */
static void describe(const VtDataset *data, const char *root, char *out, size_t size) {
    out[0] = '\0';
    for (int64_t i = 0; i < vt_dataset_size(data); i++) {
        const char *name = vt_dataset_name(data, i) + strlen(root) + 1;
        const char *class_name = vt_dataset_class_name(data, vt_dataset_label(data, i));
        size_t n = strlen(out);
        snprintf(out + n, size - n, "%s%s=%s", i ? " " : "", name, class_name ? class_name : "-");
    }
}

typedef struct {
    const char *name, *files, *train, *test; /* NULL: there is no such split; "!why": refused */
} Shape;

static void expect(const Shape *shape, const char *path, const char *split, const char *want) {
    VtError error = {0};
    char got[4096];
    VtDataset *data = vt_dataset_open(path, split, &error);
    if (!data && want && want[0] == '!' && error.code == 2 && strstr(error.message, want + 1)) return;
    if (!data && want) fail_msg("%s: %s: %s (%d)", shape->name, split, error.message, error.code);
    if (!data) return;
    describe(data, path, got, sizeof got);
    if (!want || strcmp(got, want) != 0)
        fail_msg("%s: %s:\n  got  %s\n  want %s", shape->name, split, got, want ? want : "no such split");
    vt_dataset_close(data);
}

static const Shape SHAPES[] = {
    {"capital", "Train/cat/1.png Test/cat/2.png", "Train/cat/1.png=cat", "Test/cat/2.png=cat"},
    {"upper", "TRAIN/a/1.png VAL/a/2.png", "TRAIN/a/1.png=a", "VAL/a/2.png=a"},
    {"training", "training/a/1.png testing/a/2.png", "training/a/1.png=a", "testing/a/2.png=a"},
    {"validation", "training/a/1.png Validation/a/2.png", "training/a/1.png=a", "Validation/a/2.png=a"},
    {"train1", "train1/a/1.png test/a/2.png", "train1/a/1.png=a", "test/a/2.png=a"},
    {"parts", "train_1/a/1.png train_2/b/1.png val/a/2.png", "train_1/a/1.png=a train_2/b/1.png=b",
     "val/a/2.png=a"},
    {"coco", "train2017/1.png val2017/2.png unlabeled2017/3.png annotations/x.json{}",
     "train2017/1.png=- unlabeled2017/3.png=-", "val2017/2.png=-"},
    {"sets", "training_set/training_set/cats/1.png test_set/test_set/cats/2.png",
     "training_set/training_set/cats/1.png=cats", "test_set/test_set/cats/2.png=cats"},
    {"pair", "seg_train/seg_train/sea/1.png seg_test/seg_test/sea/2.png seg_pred/seg_pred/9.png",
     "seg_train/seg_train/sea/1.png=sea", "seg_test/seg_test/sea/2.png=sea"},
    {"glued", "TrainSet/a/1.png TestSet/a/2.png", "TrainSet/a/1.png=a", "TestSet/a/2.png=a"},
    {"places", "train_256_places365standard/a/1.png val_256/2.png", "train_256_places365standard/a/1.png=a",
     "val_256/2.png=-"},
    {"deep split", "archive/imagenet/train/x/1.png archive/imagenet/val/x/2.png README.png",
     "archive/imagenet/train/x/1.png=x", "archive/imagenet/val/x/2.png=x"},
    {"ilsvrc",
     "ILSVRC/Data/CLS-LOC/train/n01440764/1.JPEG ILSVRC/Data/CLS-LOC/train/n01443537/2.JPEG "
     "ILSVRC/Data/CLS-LOC/val/v1.JPEG ILSVRC/Data/CLS-LOC/test/t1.JPEG "
     "LOC_val_solution.csv{ImageId,PredictionString|v1,n01443537_1_2_3_4} ILSVRC/Annotations/CLS-LOC/1.xml{}",
     "ILSVRC/Data/CLS-LOC/train/n01440764/1.JPEG=n01440764 "
     "ILSVRC/Data/CLS-LOC/train/n01443537/2.JPEG=n01443537",
     "ILSVRC/Data/CLS-LOC/val/v1.JPEG=n01443537"},
    {"typo", "trian/a/1.png test/a/2.png", "trian/a/1.png=a", "test/a/2.png=a"},
    {"typo of test", "train/a/1.png tset/a/2.png", "train/a/1.png=a", "tset/a/2.png=a"},
    {"beside", "train/a/1.png extra/a/2.png test/a/3.png", "train/a/1.png=a", "test/a/3.png=a"},
    {"test beside classes", "cats/1.png dogs/2.png test/3.png", "!'test' is named as a split",
     "!'test' is named"},
    {"test beside images", "images/1.png images_test/2.png", "!'images_test' is named as a split",
     "!named as"},
    {"test of a class", "cats/1.png cats_test/2.png dogs/3.png", "!'cats_test' is named",
     "!'cats_test' is named"},
    {"words in names", "train_1.png train_2.png test_1.png", "train_1.png=- train_2.png=-", "test_1.png=-"},
    {"coco's names", "COCO_train2014_1.png COCO_val2014_2.png", "COCO_train2014_1.png=-",
     "COCO_val2014_2.png=-"},
    {"tests in names", "cat_1.png test_1.png", "cat_1.png=- test_1.png=-", NULL},
    {"twice", "train/a/1.png test/a/2.png copy/train/a/1.png copy/test/a/2.png", "train/a/1.png=a",
     "test/a/2.png=a"},
    {"short words", "imagesTr/1.png imagesTs/2.png", "imagesTr/1.png=-", "imagesTs/2.png=-"},
    {"countries", "de/1.png tr/2.png", "de/1.png=de tr/2.png=tr", NULL},
    {"spaces", "Training_set/a/1.png Test_set/a/2.png", "Training_set/a/1.png=a", "Test_set/a/2.png=a"},
    {"empty split", "train/a/1.png val/", "train/a/1.png=a", NULL},
    {"vehicles", "bus/1.png car/1.png train/1.png", "bus/1.png=bus car/1.png=car train/1.png=train", NULL},
    {"stations", "platform/1.png train_station/1.png",
     "platform/1.png=platform train_station/1.png=train_station", NULL},
    {"validity", "invalid/1.png valid/2.png", "invalid/1.png=invalid valid/2.png=valid", NULL},
    {"weather", "rain/1.png tent/2.png", "rain/1.png=rain tent/2.png=tent", NULL},
    {"both held out", "train/a/1.png val/a/2.png test/a/3.png", "train/a/1.png=a", "val/a/2.png=a"},
    {"test has the classes", "train/a/1.png val/2.png test/a/3.png", "train/a/1.png=a", "test/a/3.png=a"},
    {"split below classes", "bed/train/1.png bed/test/2.png sofa/train/3.png sofa/test/4.png",
     "bed/train/1.png=bed sofa/train/3.png=sofa", "bed/test/2.png=bed sofa/test/4.png=sofa"},
    {"mvtec", "cable/train/good/1.png cable/test/bent/2.png grid/train/good/3.png grid/test/good/4.png",
     "cable/train/good/1.png=cable/good grid/train/good/3.png=grid/good",
     "cable/test/bent/2.png=cable/bent grid/test/good/4.png=grid/good"},
    {"tiny",
     "train/n1/images/n1_0.JPEG train/n2/images/n2_0.JPEG val/images/v0.JPEG val/images/v1.JPEG "
     "val/val_annotations.txt{v0.JPEG^n2^0^0^9^9|v1.JPEG^n1^0^0^9^9} test/images/test_0.JPEG",
     "train/n1/images/n1_0.JPEG=n1 train/n2/images/n2_0.JPEG=n2",
     "val/images/v0.JPEG=n2 val/images/v1.JPEG=n1"},
    {"scenes", "church/outdoor/1.png house/outdoor/2.png house/indoor/3.png",
     "church/outdoor/1.png=church house/indoor/3.png=house house/outdoor/2.png=house", NULL},
    {"shelves", "a/abbey/1.png b/bar/outdoor/2.png b/beach/3.png",
     "a/abbey/1.png=abbey b/bar/outdoor/2.png=bar b/beach/3.png=beach", NULL},
    {"nine deep", "train/a/1/2/3/4/5/6/7/8/9/x.png train/b/1.png",
     "train/a/1/2/3/4/5/6/7/8/9/x.png=a train/b/1.png=b", NULL},
    {"flat", "1.png 2.png", "1.png=- 2.png=-", NULL},
    {"flat in a folder", "images/1.png images/2.png", "images/1.png=- images/2.png=-", NULL},
    {"celeba", "img_align_celeba/img_align_celeba/1.png", "img_align_celeba/img_align_celeba/1.png=-", NULL},
    {"dates", "2020/12/1.png 2021/03/2.png", "2020/12/1.png=- 2021/03/2.png=-", NULL},
    {"days", "2021-03-05/1.png 2021-03-06/2.png", "2021-03-05/1.png=- 2021-03-06/2.png=-", NULL},
    {"hashes", "0a/3f/1.png ff/00/2.png", "0a/3f/1.png=- ff/00/2.png=-", NULL},
    {"digits", "0/1.png 1/2.png", "0/1.png=0 1/2.png=1", NULL},
    {"beside classes", "a/1.png b/2.png 3.png", "3.png=- a/1.png=a b/2.png=b", NULL},
    {"one class", "cat/1.png cat/2.png", "cat/1.png=cat cat/2.png=cat", NULL},
    {"wrapped", "EuroSAT/2750/Forest/1.png EuroSAT/2750/River/2.png",
     "EuroSAT/2750/Forest/1.png=Forest EuroSAT/2750/River/2.png=River", NULL},
    {"pets",
     "images/Abyssinian-1.png images/beagle-2.png annotations/trimaps/beagle-2.png "
     "annotations/trainval.txt{Abyssinian-1_1_1_1} annotations/test.txt{beagle-2_2_2_1}",
     "images/Abyssinian-1.png=1", "images/beagle-2.png=2"},
    {"voc",
     "VOC2007/JPEGImages/1.png VOC2007/JPEGImages/2.png VOC2007/JPEGImages/3.png "
     "VOC2007/SegmentationClass/1.png VOC2007/ImageSets/Main/train.txt{1} VOC2007/ImageSets/Main/val.txt{2} "
     "VOC2007/ImageSets/Main/trainval.txt{1|2}",
     "VOC2007/JPEGImages/1.png=-", "VOC2007/JPEGImages/2.png=-"},
    {"food",
     "food-101/images/pie/1.png food-101/images/pie/2.png food-101/images/egg/1.png "
     "food-101/meta/train.txt{pie/1} food-101/meta/test.txt{pie/2|egg/1} food-101/meta/classes.txt{egg|pie}",
     "food-101/images/pie/1.png=pie", "food-101/images/egg/1.png=egg food-101/images/pie/2.png=pie"},
    {"cub",
     "CUB/images/001.A/a1.png CUB/images/002.B/b1.png CUB/segmentations/001.A/a1.png "
     "CUB/images.txt{1_001.A/a1.png|2_002.B/b1.png} CUB/train_test_split.txt{1_1|2_0}",
     "CUB/images/001.A/a1.png=001.A", "CUB/images/002.B/b1.png=002.B"},
    {"folds",
     "dtd/images/a/1.png dtd/images/b/2.png dtd/labels/train1.txt{a/1.png} dtd/labels/test1.txt{b/2.png} "
     "dtd/labels/train2.txt{b/2.png} dtd/labels/test2.txt{a/1.png}",
     "dtd/images/a/1.png=a", "dtd/images/b/2.png=b"},
    {"labels in a table", "train/x1.png train/x2.png test/y1.png labels.csv{id,breed|x1,pug|x2,big_dog}",
     "train/x1.png=pug train/x2.png=big dog", "test/y1.png=-"},
    {"ground truth",
     "train/cat/1.png train/dog/2.png val/ILSVRC2012_val_1.png val/ILSVRC2012_val_2.png "
     "ILSVRC2012_validation_ground_truth.txt{2|1}",
     "train/cat/1.png=cat train/dog/2.png=dog", "val/ILSVRC2012_val_1.png=dog val/ILSVRC2012_val_2.png=cat"},
    {"ground truth of ILSVRC",
     "train/n00000001/1.png train/n00000002/2.png val/1.png val/2.png "
     "ILSVRC2012_validation_ground_truth.txt{2|1}",
     "train/n00000001/1.png=n00000001 train/n00000002/2.png=n00000002", "val/1.png=- val/2.png=-"},
    {"ground truth with a map",
     "train/n00000001/1.png train/n00000002/2.png val/1.png val/2.png "
     "devkit/ILSVRC2012_validation_ground_truth.txt{2|1} devkit/map_clsloc.txt{n00000001_2_a|n00000002_1_b}",
     "train/n00000001/1.png=n00000001 train/n00000002/2.png=n00000002",
     "val/1.png=n00000001 val/2.png=n00000002"},
    {"caffe's val.txt", "train/cat/1.png train/dog/2.png val/1.png val/2.png val.txt{1.png_1|2.png_0}",
     "train/cat/1.png=cat train/dog/2.png=dog", "val/1.png=dog val/2.png=cat"},
    {"running numbers", "train/cat/1.png train/dog/2.png val/v7.png val/v8.png val.txt{v7_7|v8_8}",
     "train/cat/1.png=cat train/dog/2.png=dog", "val/v7.png=- val/v8.png=-"},
    {"only a class", "train/a/x/1.png train/b/2.png test/a/x/3.png test/a/y/4.png",
     "train/a/x/1.png=a train/b/2.png=b", "test/a/x/3.png=a test/a/y/4.png=a"},
    {"ade",
     "images/training/1.png images/validation/2.png annotations/training/1.png annotations/validation/2.png",
     "images/training/1.png=-", "images/validation/2.png=-"},
};

static void test_shapes(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof SHAPES / sizeof *SHAPES; i++) {
        char root[32], path[512];
        snprintf(root, sizeof root, "shape%zu", i);
        make_tree(root, SHAPES[i].files);
        snprintf(path, sizeof path, "%s", in_folder(root));
        expect(&SHAPES[i], path, "train", SHAPES[i].train);
        expect(&SHAPES[i], path, "test", SHAPES[i].test);
    }
}

static const Shape LISTS[] = {
    {"plain", "list.txt{a.png|b.png} a.png b.png", "a.png=- b.png=-", NULL},
    {"labels", "list.txt{#_comment||a.png_3|sub/b_c.png_0} a.png sub/b_c.png", "a.png=3 sub/b_c.png=0", NULL},
    {"tabs", "list.txt{my_cat.png^tabby_cat|b.png^dog} my_cat.png b.png", "b.png=dog my cat.png=tabby cat",
     NULL},
    {"table", "list.txt{filename,label|a.png,x|b.png,y} a.png b.png", "a.png=x b.png=y", NULL},
    {"index first", "list.txt{0^7^a.png|1^2^b.png} a.png b.png", "a.png=7 b.png=2", NULL},
    {"missing", "list.txt{a.png_1|gone.png_2} a.png", "a.png=1", NULL},
    {"all missing", "list.txt{nowhere.png}", "!1 not there", "!no split"},
};

/* In the names of images here '_' is a blank too. */
static void test_lists(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof LISTS / sizeof *LISTS; i++) {
        char root[32], path[512], got[4096];
        VtError error = {0};
        snprintf(root, sizeof root, "list%zu", i);
        make_tree(root, LISTS[i].files);
        snprintf(path, sizeof path, "%s/my_cat.png", in_folder(root));
        char spaced[512];
        snprintf(spaced, sizeof spaced, "%s/my cat.png", in_folder(root));
        rename(path, spaced);
        snprintf(path, sizeof path, "%s/sub/b_c.png", in_folder(root));
        snprintf(spaced, sizeof spaced, "%s/sub/b c.png", in_folder(root));
        rename(path, spaced);
        snprintf(path, sizeof path, "%s/list.txt", in_folder(root));
        VtDataset *data = vt_dataset_open(path, "train", &error);
        if (!data && LISTS[i].train[0] == '!' && error.code == 2 && strstr(error.message, LISTS[i].train + 1))
            continue;
        if (!data) fail_msg("%s: %s", LISTS[i].name, error.message);
        describe(data, in_folder(root), got, sizeof got);
        for (char *p = got; *p; p++)
            if (strncmp(p, "b c.png", 7) == 0) p[1] = '_';
        if (strcmp(got, LISTS[i].train) != 0)
            fail_msg("%s:\n  got  %s\n  want %s", LISTS[i].name, got, LISTS[i].train);
        VtImage image;
        assert_true(vt_dataset_image(data, 0, &image, &error));
        vt_image_free(&image);
        vt_dataset_close(data);
        assert_null(vt_dataset_open(path, "test", &error));
    }
}

/* train.txt has its held-out images in val.txt; a byte order mark and DOS line ends are no part of a path. */
static void test_list_siblings(void **state) {
    char got[512];
    VtError error = {0};
    (void)state;
    make_tree("siblings", "a.png b.png c.png");
    write_file("siblings/train.txt",
               "\xef\xbb\xbf"
               "a.png 10\r\nb.png 2\r\n",
               22);
    write_file("siblings/val.txt", "c.png 4\r\n", 9);
    VtDataset *train = vt_dataset_open(in_folder("siblings/train.txt"), "train", &error),
              *test = vt_dataset_open(in_folder("siblings/train.txt"), "test", &error);
    if (!train || !test) fail_msg("%s", error.message);
    describe(train, in_folder("siblings"), got, sizeof got);
    assert_string_equal(got, "a.png=10 b.png=2");
    assert_int_equal(vt_dataset_label(train, 0), 10); /* numbers stay what they are */
    describe(test, in_folder("siblings"), got, sizeof got);
    assert_string_equal(got, "c.png=4");
    assert_int_equal(vt_dataset_classes(train), 11);
    assert_int_equal(vt_dataset_classes(test), 11);
    vt_dataset_close(train);
    vt_dataset_close(test);
}

/* What is left out is counted by reason and named, with control characters escaped. */
static void test_left_out(void **state) {
    char text[2048];
    VtError error = {0};
    (void)state;
    make_tree("left", "train/a/1.png train/a/2.heic{x} train/a/notes.txt{x} train/a/.hidden.png other/9.png "
                      "train/a/empty.png{} test/a/3.png test/b/4.png");
    write_file("left/train/a/b\n\x1b[31m.xyz", "x", 1);
    assert_int_equal(symlink("nowhere", in_folder("left/train/a/link.png")), 0);
    assert_int_equal(symlink("..", in_folder("left/train/a/loop")), 0);
    assert_int_equal(mkfifo(in_folder("left/train/a/pipe.png"), 0600), 0);
    VtImage image = make_image(4, 4, 1);
    Encoded png = png_of(&image);
    write_file("left/train/a/noending", png.bytes, png.size); /* an image by its first bytes */
    vt_image_free(&image);
    free(png.bytes);
    VtDataset *data = vt_dataset_open(in_folder("left"), "train", &error);
    if (!data) fail_msg("%s", error.message);
    assert_int_equal(vt_dataset_size(data), 2);
    vt_dataset_describe(data, text, sizeof text);
    static const char *const says[] = {"2 images, 2 classes, 8 left out (",
                                       "1 of a format that is not read: ",
                                       "1 hidden: train/a/.hidden.png",
                                       "1 empty: train/a/empty.png",
                                       "1 not there: train/a/link.png",
                                       "1 no file: train/a/pipe.png",
                                       "1 link to a folder around it: ",
                                       "1 beside the splits: other/9.png",
                                       "2 no image by name: "};
    for (size_t i = 1; i < sizeof says / sizeof *says; i++)
        if (!strstr(text, says[i])) fail_msg("'%s' does not say '%s'", text, says[i]);
    for (const char *p = text; *p; p++) assert_false(iscntrl((unsigned char)*p));
    vt_dataset_close(data);
}

static void expect_note(const VtDataset *data, const char *text) {
    for (int i = 0; i < vt_dataset_notes(data); i++)
        if (strstr(vt_dataset_note(data, i), text)) return;
    fail_msg("no note says '%s'", text);
}

/* What was decided is told. */
static void test_notes(void **state) {
    VtError error = {0};
    (void)state;
    make_tree("notes", "train/a/1.png train/c/4.png val/a/2.png val/b/3.png val/empty/ test/a/5.png");
    VtDataset *data = vt_dataset_open(in_folder("notes"), "train", &error);
    if (!data) fail_msg("%s", error.message);
    expect_note(data, "1 class has no training images: b");
    expect_note(data, "1 class has no held-out images: c");
    expect_note(data, "class folder 'val/empty' has no images");
    expect_note(data, "validation images are held out for evaluation, test images are not used");
    vt_dataset_close(data);
    data = vt_dataset_open(in_folder("notes/train"), "train", &error);
    if (!data) fail_msg("%s", error.message);
    expect_note(data, "'train' is a split itself, beside 'val'");
    vt_dataset_close(data);
    make_tree("vehicles", "bus/1.png car/2.png train/3.png 2021/4.png");
    data = vt_dataset_open(in_folder("vehicles"), "train", &error);
    if (!data) fail_msg("%s", error.message);
    expect_note(data, "'train' is taken as a class, like the folders beside it");
    vt_dataset_close(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),   cmocka_unit_test(test_lists), cmocka_unit_test(test_list_siblings),
        cmocka_unit_test(test_left_out), cmocka_unit_test(test_notes),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
