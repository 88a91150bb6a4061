/* Which images a step takes: shares of a mixture, passes of each source, and the same from any step on. */
#include "runtime/datasets/dataset.h"
#include "runtime/training/order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 8 };

static VtDataset *synthetic(int images) {
    char path[32];
    VtError error = {0};
    snprintf(path, sizeof path, "synthetic:%d", images);
    VtDataset *data = vt_dataset_open(path, "train", &error);
    if (!data) fail_msg("%s", error.message);
    return data;
}

static VtDataset *joined(const int *sizes, int n) {
    VtDataset *parts[VT_MAX_SOURCES];
    VtError error = {0};
    for (int i = 0; i < n; i++) parts[i] = synthetic(sizes[i]);
    VtDataset *data = vt_dataset_join(parts, n, NULL, &error);
    if (!data) fail_msg("%s", error.message);
    return data;
}

/* Steps `from` to `to` of stream `s`, one after another. */
static void take(const VtProgram *p, int s, const VtDataset *data, int64_t per_epoch, int from, int to,
                 int32_t *out) {
    StreamOrder *order = order_new(p, s, data);
    assert_non_null(order);
    for (int step = from; step < to; step++)
        order_of_step(order, step, per_epoch, out + (step - from) * p->streams[s].batch);
    order_free(order);
}

/* Every source has its share after any number of steps, shows each image once a pass, and steps do not depend on those
 * before them. */
static void test_mixture(void **state) {
    static const int sizes[] = {30, 10, 17};
    static const VtSource sources[] = {{"a", 3}, {"b", 1}, {"c", 0.02}};
    static const VtStream stream = {"", BATCH, 0, 3, -1, 1};
    const VtProgram p = {
        .n_sources = 3, .sources = sources, .n_streams = 1, .streams = &stream, .train = {.seed = 5}};
    VtDataset *data = joined(sizes, 3);
    enum { STEPS = 400 };
    static int32_t all[STEPS * BATCH], part[STEPS * BATCH];
    int count[3] = {0}, seen[57] = {0}, in_front = 0;
    (void)state;
    StreamOrder *order = order_new(&p, 0, data);
    assert_int_equal(order_steps(order), 57 / 8);
    order_free(order);
    take(&p, 0, data, 7, 0, STEPS, all);
    for (int step = 0; step < STEPS; step++) {
        for (int b = 0; b < BATCH; b++) {
            int32_t index = all[step * BATCH + b];
            int s = index >= 40 ? 2 : index >= 30 ? 1 : 0;
            count[s]++;
            seen[index]++;
            in_front += b == 0 && s == 0;
        }
        for (int s = 0; s < 3; s++) {
            double share = (step + 1) * BATCH * sources[s].weight / 4.02;
            assert_true(count[s] > share - 1.5 && count[s] < share + 1.5);
        }
        for (int i = 0; i < 57; i++) { /* the whole passes, and at most one more */
            int s = i >= 40 ? 2 : i >= 30 ? 1 : 0, whole = count[s] / sizes[s];
            assert_true(seen[i] == whole || seen[i] == whole + 1);
        }
    }
    assert_true(in_front > STEPS / 2 && in_front < STEPS); /* places are drawn */
    take(&p, 0, data, 7, 123, 160, part);
    assert_memory_equal(part, all + 123 * BATCH, sizeof *part * BATCH * (160 - 123));
    vt_dataset_close(data);
}

/* Sources of their own go on where they were; one that is smaller than its batch is repeated in it. */
static void test_apart(void **state) {
    static const VtSource sources[] = {{"few", 1}, {"many", 1}};
    static const VtStream streams[] = {{"few", BATCH, 0, 1, -1, 1}, {"many", 6, 1, 1, -1, 1}};
    const VtProgram p = {.n_sources = 2, .sources = sources, .n_streams = 2, .streams = streams};
    VtDataset *few = synthetic(10), *many = synthetic(20);
    int32_t a[5 * BATCH], b[10 * 6], c[4 * 6];
    int seen[20] = {0};
    (void)state;
    take(&p, 0, few, 3, 0, 5, a);
    for (int i = 0; i < 5 * BATCH; i++) assert_int_equal(seen[a[i]]++, i / 10);
    memset(seen, 0, sizeof seen);
    take(&p, 1, many, 3, 0, 10, b);
    for (int i = 0; i < 60; i++) assert_int_equal(seen[b[i]]++, i / 20);
    take(&p, 1, many, 3, 6, 10, c);
    assert_memory_equal(c, b + 36, sizeof c);
    assert_memory_not_equal(b, b + 20, sizeof *b * 20); /* another order each pass */
    vt_dataset_close(few);
    vt_dataset_close(many);
}

/* Each image so many times running, across batches too; of one stream an epoch shows the first of a new order, as
 * timm's RepeatAugSampler; a mixture repeats each of its sources. Held-out images are taken once. */
static void test_repeat(void **state) {
    static const VtSource sources[] = {{"a", 2}, {"b", 1}};
    static const VtStream stream = {"", BATCH, 0, 1, -1, 3}, mixture = {"", BATCH, 0, 2, -1, 2};
    static const int sizes[] = {30, 10};
    VtProgram p = {
        .n_sources = 1, .sources = sources, .n_streams = 1, .streams = &stream, .train = {.seed = 5}};
    enum { EPOCH = 40 / BATCH };
    VtDataset *data = synthetic(40), *both = joined(sizes, 2);
    int32_t once[2 * EPOCH * BATCH], all[2 * EPOCH * BATCH], mixed[30 * BATCH];
    int seen[40] = {0}, count = 0;
    (void)state;
    take(&p, 0, data, EPOCH, 0, 2 * EPOCH, all);
    VtStream plain = stream;
    plain.repeat = 1;
    p.streams = &plain;
    take(&p, 0, data, EPOCH, 0, 2 * EPOCH, once);
    for (int i = 0; i < 2 * EPOCH * BATCH; i++) assert_int_equal(all[i], once[i / 40 * 40 + i % 40 / 3]);
    p = (VtProgram){.n_sources = 2, .sources = sources, .n_streams = 1, .streams = &mixture};
    take(&p, 0, both, 5, 0, 30, mixed);
    for (int i = 0; i < 30 * BATCH; i++) count += seen[mixed[i]]++ == 0;
    assert_int_equal(count, 40);
    for (int i = 0; i < 40; i++) assert_true(seen[i] >= (i < 30 ? 4 : 8) && seen[i] <= (i < 30 ? 6 : 9));
    StreamOrder *order = order_new(&p, 0, both);
    order_take_all(order);
    memset(seen, 0, sizeof seen);
    for (int step = 0; step < order_steps(order); step++) {
        int32_t batch[BATCH];
        order_of_step(order, step, 1, batch);
        for (int b = 0; b < BATCH; b++) seen[batch[b]]++;
    }
    for (int i = 0; i < 40; i++) assert_true(seen[i] > 0);
    order_free(order);
    vt_dataset_close(both);
    vt_dataset_close(data);
}

/* Classes of one name are one; a held-out mixture has the numbers of the one that is trained on. */
static void test_joined_classes(void **state) {
    static const int sizes[] = {20, 12};
    VtError error = {0};
    VtDataset *train = joined(sizes, 2), *test = synthetic(15);
    (void)state;
    assert_int_equal(vt_dataset_classes(train), 10);
    assert_int_equal(vt_dataset_size(train), 32);
    assert_int_equal(vt_dataset_parts(train), 2);
    assert_int_equal(vt_dataset_label(train, 23), 3);
    assert_string_equal(vt_dataset_format(vt_dataset_part(train, 1)), "synthetic");
    VtImage image;
    assert_true(vt_dataset_image(train, 31, &image, &error));
    vt_image_free(&image);
    VtDataset *held_out = vt_dataset_join(&test, 1, train, &error);
    assert_non_null(held_out);
    assert_string_equal(vt_dataset_class_name(held_out, 7), vt_dataset_class_name(train, 7));
    vt_dataset_close(held_out);
    vt_dataset_close(train);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mixture), cmocka_unit_test(test_apart),
                                       cmocka_unit_test(test_repeat), cmocka_unit_test(test_joined_classes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
