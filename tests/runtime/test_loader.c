/* Batches: the same for any number of workers and any start, whole epochs, and broken images. */
#include "tests/runtime/folder.h"

#include <pthread.h>

enum {
#define AUGMENT(name, params, doc) KIND_##name,
#include "runtime/catalog.def"
#undef AUGMENT
};

enum { BATCH = 7, EDGE = 12, PIXELS = 3 * EDGE * EDGE };

static const VtAugment GLOBAL[] = {{KIND_random_resized_crop, {0.2, 1, 0.75, 4. / 3, 1}},
                                   {KIND_flip, {0.5}},
                                   {KIND_color_jitter, {0.4, 0.4, 0.2, 0.1, 0.8}},
                                   {KIND_rand_augment, {2, 9, 0.5, 10, 0.5, 1, 2, -1}},
                                   {KIND_random_erasing, {0.5, 0.02, 0.33, 0.3, 3.3, 0, 2}}},
                       PLAIN[] = {{KIND_resize, {0}}};
static const VtPipeline PIPELINES[] = {{"global.0", EDGE, 3, 5, GLOBAL, "global.0"},
                                       {"plain.0", EDGE, 3, 1, PLAIN, "plain.0"}};
static const VtInput INPUTS[] = {
    {{"plain.0", VT_F32, 4, {BATCH, 3, EDGE, EDGE}}, VT_SOURCE_VIEW, 1, 0},
    {{"noise", VT_F32, 1, {BATCH}}, VT_SOURCE_DRAW, 0, 0},
    {{"labels", VT_I32, 1, {BATCH}}, VT_SOURCE_LABEL, 0, 0},
    {{"index", VT_I32, 1, {BATCH}}, VT_SOURCE_INDEX, 0, 0},
    {{"global.0", VT_F32, 4, {BATCH, 3, EDGE, EDGE}}, VT_SOURCE_VIEW, 0, 0},
};
static const VtSource SOURCE = {"", 1};
static const VtStream STREAM = {"", BATCH, 0, 1, -1, 1};
static const VtProgram PROGRAM = {.n_inputs = 5,
                                  .inputs = INPUTS,
                                  .n_sources = 1,
                                  .sources = &SOURCE,
                                  .n_streams = 1,
                                  .streams = &STREAM,
                                  .n_pipelines = 2,
                                  .pipelines = PIPELINES,
                                  .train = {.batch = BATCH, .seed = 11}};

static VtDataset *open_set(const char *path) {
    VtError error = {0};
    VtDataset *data = vt_dataset_open(path, "train", &error);
    if (!data) fail_msg("%s", error.message);
    return data;
}

static const VtBatch *next(VtLoader *loader) {
    VtError error = {0};
    const VtBatch *batch = vt_loader_next(loader, &error);
    if (!batch) fail_msg("%s", error.message);
    return batch;
}

static VtLoader *loader_of(VtDataset *data, int64_t first, int workers, int depth) {
    VtError error = {0};
    VtLoader *loader = vt_loader_new(&PROGRAM, &data, first, workers, depth, 0, NULL, NULL, &error);
    if (!loader) fail_msg("%s", error.message);
    return loader;
}

static uint64_t hash(uint64_t h, const void *bytes, size_t n) {
    for (size_t i = 0; i < n; i++) h = (h ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3u;
    return h;
}

static uint64_t hash_batch(const VtBatch *batch) {
    uint64_t h = 0xcbf29ce484222325u;
    h = hash(h, batch->inputs[0], sizeof(float) * BATCH * PIXELS);
    h = hash(h, batch->inputs[4], sizeof(float) * BATCH * PIXELS);
    h = hash(h, batch->inputs[2], sizeof(int32_t) * BATCH);
    return hash(h, batch->inputs[3], sizeof(int32_t) * BATCH);
}

/* Batch b is a function of (seed, b): not of workers, depth, or where the run began. */
static void test_same_batches(void **state) {
    enum { STEPS = 14 };
    static const struct {
        int workers, depth, first;
    } cases[] = {{1, 1, 0}, {2, 1, 0}, {3, 5, 0}, {8, 3, 0}, {2, 4, 6}, {1, 2, 13}};
    uint64_t want[STEPS];
    VtDataset *data = open_set("synthetic:40");
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        VtLoader *loader = loader_of(data, cases[k].first, cases[k].workers, cases[k].depth);
        for (int step = cases[k].first; step < STEPS; step++) {
            const VtBatch *batch = next(loader);
            assert_int_equal(batch->step, step);
            if (k == 0)
                want[step] = hash_batch(batch);
            else
                assert_true(hash_batch(batch) == want[step]);
        }
        vt_loader_free(loader); /* with batches still in the making */
    }
    for (int a = 0; a < STEPS; a++)
        for (int b = 0; b < a; b++) assert_true(want[a] != want[b]);
    vt_dataset_close(data);
}

/* Repeated, an image is augmented anew each time, the same for any number of workers and from any step on. */
static void test_repeat(void **state) {
    enum { STEPS = 8 };
    VtStream stream = STREAM;
    VtProgram program = PROGRAM;
    VtDataset *data = open_set("synthetic:40");
    VtError error = {0};
    uint64_t want[STEPS];
    int pairs = 0;
    (void)state;
    stream.repeat = 3;
    program.streams = &stream;
    for (int workers = 1; workers <= 4; workers += 3) {
        int first = workers == 1 ? 0 : 3;
        VtLoader *loader = vt_loader_new(&program, &data, first, workers, 2, 0, NULL, NULL, &error);
        assert_non_null(loader);
        assert_int_equal(vt_loader_steps_per_epoch(loader), 5);
        for (int step = first; step < STEPS; step++) {
            const VtBatch *batch = next(loader);
            const int32_t *index = batch->inputs[3];
            const float *plain = batch->inputs[0], *global = batch->inputs[4];
            for (int b = 1; b < BATCH; b++) {
                if (index[b] != index[b - 1]) continue;
                assert_memory_equal(plain + b * PIXELS, plain + (b - 1) * PIXELS, sizeof(float) * PIXELS);
                assert_memory_not_equal(global + b * PIXELS, global + (b - 1) * PIXELS,
                                        sizeof(float) * PIXELS);
                pairs++;
            }
            if (workers == 1) want[step] = hash_batch(batch);
            assert_true(hash_batch(batch) == want[step]);
        }
        vt_loader_free(loader);
    }
    assert_true(pairs > (STEPS + STEPS - 3) * BATCH / 2);
    vt_dataset_close(data);
}

/* An epoch shows no image twice; epochs differ in order; labels and pixels belong to the index. */
static void test_epochs(void **state) {
    VtDataset *data = open_set("synthetic:40");
    VtLoader *loader = loader_of(data, 0, 2, 2);
    int32_t first[40], order[40];
    (void)state;
    assert_int_equal(vt_loader_steps_per_epoch(loader), 5);
    for (int epoch = 0; epoch < 3; epoch++) {
        uint64_t seen = 0;
        for (int step = 0; step < 5; step++) {
            const VtBatch *batch = next(loader);
            assert_null(batch->inputs[1]);
            const int32_t *labels = batch->inputs[2], *indices = batch->inputs[3];
            for (int b = 0; b < BATCH; b++) {
                assert_true(indices[b] >= 0 && indices[b] < 40 && !(seen >> indices[b] & 1));
                seen |= (uint64_t)1 << indices[b];
                assert_int_equal(labels[b], vt_dataset_label(data, indices[b]));
                VtImage image;
                VtRng unused = {0};
                float want[PIXELS];
                assert_true(vt_dataset_image(data, indices[b], &image, NULL));
                assert_true(vt_pipeline_apply(&PIPELINES[1], &image, &unused, want, NULL));
                assert_memory_equal((float *)batch->inputs[0] + b * PIXELS, want, sizeof want);
                assert_memory_not_equal((float *)batch->inputs[4] + b * PIXELS, want, sizeof want);
                vt_image_free(&image);
                order[step * BATCH + b] = indices[b];
            }
        }
        if (epoch == 0)
            memcpy(first, order, sizeof first);
        else
            assert_memory_not_equal(order, first, 35 * sizeof *order);
    }
    vt_loader_free(loader);
    vt_dataset_close(data);
}

/* ---- broken images ----------------------------------------------------------------------------------------------- */

typedef struct {
    char text[4096];
    int count;
} Told;

static void tell(void *user, const char *message) {
    Told *told = user;
    strcat(told->text, message);
    strcat(told->text, "\n");
    told->count++;
}

/* 20 images, of which those of `broken` cannot be read. */
static VtDataset *broken_set(const char *name, const char *broken) {
    char path[64];
    for (int i = 0; i < 20; i++) {
        snprintf(path, sizeof path, "%s/%s/%02d.png", name, i < 10 ? "a" : "b", i);
        if (broken[i] == 'x')
            write_file(path, "\x89PNG rubbish", 12);
        else
            write_png(path, 16, 16, i);
    }
    return open_set(in_folder(name));
}

static void test_broken(void **state) {
    VtDataset *data = broken_set("two", "-----x---x----------");
    uint64_t want[6];
    (void)state;
    for (int workers = 1; workers < 4; workers += 2) {
        Told told = {0};
        VtError error = {0};
        VtLoader *loader = vt_loader_new(&PROGRAM, &data, 0, workers, 2, 2, tell, &told, &error);
        assert_non_null(loader);
        for (int step = 0; step < 6; step++) {
            const VtBatch *batch = next(loader);
            const int32_t *indices = batch->inputs[3], *labels = batch->inputs[2];
            for (int b = 0; b < BATCH; b++) {
                assert_true(indices[b] != 5 && indices[b] != 9);
                assert_int_equal(labels[b], indices[b] >= 10); /* that of the image that took its place */
            }
            if (workers == 1)
                want[step] = hash_batch(batch);
            else
                assert_true(hash_batch(batch) == want[step]);
        }
        assert_int_equal(vt_loader_broken(loader), 2);
        vt_loader_free(loader);
        assert_int_equal(told.count, 2); /* each once, by name */
        assert_non_null(strstr(told.text, "two/a/05.png"));
        assert_non_null(strstr(told.text, "two/a/09.png"));
    }
    vt_dataset_close(data);
}

static void expect_end(const char *name, const char *broken, int64_t allowed, const char *why) {
    VtDataset *data = broken_set(name, broken);
    VtError error = {0};
    VtLoader *loader = vt_loader_new(&PROGRAM, &data, 0, 2, 2, allowed, NULL, NULL, &error);
    assert_non_null(loader);
    int steps = 0;
    while (vt_loader_next(loader, &error))
        if (++steps > 8) fail_msg("the run goes on");
    assert_int_equal(error.code, 1);
    if (!strstr(error.message, why)) fail_msg("'%s' does not say '%s'", error.message, why);
    vt_loader_free(loader);
    vt_dataset_close(data);
}

static void test_too_many_broken(void **state) {
    (void)state;
    expect_end("three", "-----x---x-----x----", 2, "broken images: 3, more than the 2 allowed");
    expect_end("one", "-----x--------------", 0, "broken images: 1, more than the 0 allowed");
    expect_end("all", "xxxxxxxxxxxxxxxxxxxx", 100, "no image of the data set can be read");
}

/* What cannot be read is no broken image: whatever is allowed, the run ends rather than learn from others. */
static void test_unreadable(void **state) {
    VtDataset *data = broken_set("gone", "--------------------");
    VtError error = {0};
    (void)state;
    unlink(in_folder("gone/a/05.png"));
    VtLoader *loader = vt_loader_new(&PROGRAM, &data, 0, 2, 2, 100, NULL, NULL, &error);
    assert_non_null(loader);
    int steps = 0;
    while (vt_loader_next(loader, &error))
        if (++steps > 8) fail_msg("the run goes on");
    assert_int_equal(error.code, 1);
    assert_false(error.bad_image);
    assert_non_null(strstr(error.message, "gone/a/05.png"));
    assert_int_equal(vt_loader_broken(loader), 0);
    vt_loader_free(loader);
    vt_dataset_close(data);
}

/* An image without a label has -1. */
static void test_no_labels(void **state) {
    (void)state;
    for (int i = 0; i < 8; i++) {
        char path[32];
        snprintf(path, sizeof path, "flat/%d.png", i);
        write_png(path, 8, 8, i);
    }
    VtDataset *data = open_set(in_folder("flat"));
    VtLoader *loader = loader_of(data, 0, 1, 1);
    const int32_t *labels = next(loader)->inputs[2];
    for (int b = 0; b < BATCH; b++) assert_int_equal(labels[b], -1);
    vt_loader_free(loader);
    vt_dataset_close(data);
}

/* Pairs: each step takes the same places of both, also where an image of one is broken; they go by their names. */
static void test_pairs(void **state) {
    static const VtSource sources[] = {{"left", 1}, {"right", 1}};
    static const VtStream streams[] = {{"left", BATCH, 0, 1, -1, 1}, {"right", BATCH, 1, 1, 0, 1}};
    static const VtInput inputs[] = {{{"left.index", VT_I32, 1, {BATCH}}, VT_SOURCE_INDEX, 0, 0},
                                     {{"plain.0", VT_F32, 4, {BATCH, 3, EDGE, EDGE}}, VT_SOURCE_VIEW, 1, 1},
                                     {{"right.index", VT_I32, 1, {BATCH}}, VT_SOURCE_INDEX, 0, 1}};
    VtProgram program = PROGRAM;
    VtError error = {0};
    Told told = {0};
    (void)state;
    program.n_inputs = 3;
    program.inputs = inputs;
    program.n_sources = program.n_streams = 2;
    program.sources = sources;
    program.streams = streams;
    VtDataset *pair[] = {broken_set("left", "--x-----------------"),
                         broken_set("right", "-----x--------------")};
    VtLoader *loader = vt_loader_new(&program, pair, 0, 2, 2, 5, tell, &told, &error);
    if (!loader) fail_msg("%s", error.message);
    for (int step = 0; step < 6; step++) {
        const VtBatch *batch = next(loader);
        const int32_t *left = batch->inputs[0], *right = batch->inputs[2];
        for (int b = 0; b < BATCH; b++) {
            assert_int_equal(left[b], right[b]);
            assert_true(left[b] != 2 && left[b] != 5);
        }
    }
    assert_int_equal(vt_loader_broken(loader), 2);
    vt_loader_free(loader);
    vt_dataset_close(pair[1]);
    for (int i = 0; i < 20; i++) {
        char path[32];
        snprintf(path, sizeof path, "named/%s/%02d.png", i < 10 ? "a" : "b", i == 7 ? 77 : i);
        write_png(path, 8, 8, i);
    }
    pair[1] = open_set(in_folder("named"));
    assert_null(vt_loader_new(&program, pair, 0, 1, 1, 0, NULL, NULL, &error));
    assert_int_equal(error.code, 2);
    if (!strstr(error.message, "two that belong together have one name")) fail_msg("%s", error.message);
    vt_dataset_close(pair[0]);
    vt_dataset_close(pair[1]);
}

static void test_too_small(void **state) {
    VtDataset *data = broken_set("small", "--------------------");
    VtProgram program = PROGRAM;
    VtError error = {0};
    (void)state;
    VtStream stream = STREAM;
    program.train.batch = stream.batch = 21;
    program.streams = &stream;
    assert_null(vt_loader_new(&program, &data, 0, 1, 1, 0, NULL, NULL, &error));
    assert_int_equal(error.code, 2);
    assert_non_null(strstr(error.message, "20 images"));
    vt_dataset_close(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_batches),    cmocka_unit_test(test_repeat),
        cmocka_unit_test(test_epochs),          cmocka_unit_test(test_broken),
        cmocka_unit_test(test_too_many_broken), cmocka_unit_test(test_too_small),
        cmocka_unit_test(test_unreadable),      cmocka_unit_test(test_no_labels),
        cmocka_unit_test(test_pairs),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
