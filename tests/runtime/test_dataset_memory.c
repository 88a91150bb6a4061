/* The N-th allocation fails, for N = 1, 2, … until a data set opens: each time it is an error, never another set and
 * never a crash. */
#include "tests/runtime/folder.h"

#include <errno.h>

#if defined(__SANITIZE_ADDRESS__)
#define OWN_MALLOC 0 /* the sanitizer has its own */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define OWN_MALLOC 0
#endif
#endif
#ifndef OWN_MALLOC
#define OWN_MALLOC 1
#endif

#if OWN_MALLOC
extern void *__libc_malloc(size_t size), *__libc_calloc(size_t n, size_t size),
    *__libc_realloc(void *p, size_t size);

static long allocations, failing; /* 0: none fails */

static bool fails(void) {
    if (!failing || ++allocations != failing) return false;
    errno = ENOMEM;
    return true;
}
void *malloc(size_t size) {
    return fails() ? NULL : __libc_malloc(size);
}
void *calloc(size_t n, size_t size) {
    return fails() ? NULL : __libc_calloc(n, size);
}
void *realloc(void *p, size_t size) {
    return fails() ? NULL : __libc_realloc(p, size);
}

/* What the set says of itself. False: it could not be opened. */
static bool describe(const char *path, const char *split, char out[8192], VtError *error) {
    VtDataset *data = vt_dataset_open(path, split, error);
    if (!data) return false;
    failing = 0;
    vt_dataset_describe(data, out, 2048);
    for (int64_t i = 0; i < vt_dataset_size(data); i++) {
        size_t n = strlen(out);
        snprintf(out + n, 8192 - n, " %s=%d", vt_dataset_name(data, i), vt_dataset_label(data, i));
    }
    for (int i = 0; i < vt_dataset_notes(data); i++) {
        size_t n = strlen(out);
        snprintf(out + n, 8192 - n, "; %s", vt_dataset_note(data, i));
    }
    vt_dataset_close(data);
    return true;
}

static void expect_errors(const char *path, const char *split) {
    char want[8192], got[8192];
    VtError error = {0};
    if (!describe(path, split, want, &error)) fail_msg("%s", error.message);
    for (long n = 1; n < 100000; n++) {
        allocations = 0;
        failing = n;
        error = (VtError){0};
        bool opened = describe(path, split, got, &error);
        bool reached = allocations >= n;
        failing = 0;
        if (opened && strcmp(got, want) != 0)
            fail_msg("allocation %ld of %s:\n  got  %s\n  want %s", n, path, got, want);
        if (!opened && (error.code != 1 || !error.message[0]))
            fail_msg("allocation %ld of %s: '%s' (%d)", n, path, error.message, error.code);
        if (!reached) return;
    }
    fail_msg("it goes on");
}

static void test_memory(void **state) {
    (void)state;
    write_png("tiny/train/n1/images/a.png", 4, 4, 1);
    write_png("tiny/train/n2/images/b.png", 4, 4, 2);
    write_png("tiny/val/images/v0.png", 4, 4, 3);
    write_png("tiny/val/images/v1.png", 4, 4, 4);
    write_png("tiny/beside/1.png", 4, 4, 4);
    write_file("tiny/val/val_annotations.txt", "v0.png\tn2\nv1.png\tn1\n", 20);
    write_png("food/images/pie/1.png", 4, 4, 1);
    write_png("food/images/pie/2.png", 4, 4, 2);
    write_file("food/meta/test.txt", "pie/2\n", 6);
    write_file("food/train.txt", "images/pie/1.png 3\n", 19);
    write_file("food/val.txt", "images/pie/2.png 4\n", 19);
    static uint8_t stl[2 * 27648], labels[] = {1, 2}, cifar[2 * 3073];
    write_file("stl/train_X.bin", stl, sizeof stl);
    write_file("stl/train_y.bin", labels, sizeof labels);
    write_file("stl/unlabeled_X.bin", stl, sizeof stl);
    write_file("cifar/data_batch_1.bin", cifar, sizeof cifar);
    write_file("cifar/batches.meta.txt", "a\na\nclass 2\n", 12); /* names that are there twice */
    expect_errors(in_folder("stl"), "train");
    expect_errors(in_folder("cifar"), "train");
    expect_errors(in_folder("tiny"), "train");
    expect_errors(in_folder("tiny"), "test");
    expect_errors(in_folder("food"), "train");
    expect_errors(in_folder("food/train.txt"), "test");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_memory)};
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
#else
int main(void) {
    return 0;
}
#endif
