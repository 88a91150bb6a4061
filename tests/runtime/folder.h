/* For tests: a temporary folder and files in it. */
#ifndef VITC_TESTS_RUNTIME_FOLDER_H
#define VITC_TESTS_RUNTIME_FOLDER_H

#include "tests/runtime/images.h"

#include <fts.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder_root[64];

static inline int folder_make(void **state) {
    (void)state;
    strcpy(folder_root, "/tmp/vitc-test-XXXXXX");
    return mkdtemp(folder_root) ? 0 : -1;
}

static inline int folder_remove(void **state) {
    (void)state;
    char *roots[] = {folder_root, NULL};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    for (FTSENT *entry; tree && (entry = fts_read(tree));)
        if (entry->fts_info != FTS_D) remove(entry->fts_path);
    if (tree) fts_close(tree);
    return 0;
}

/* The path of NAME below the temporary folder; good until the eighth call after. */
static inline const char *in_folder(const char *name) {
    static char paths[8][512];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder_root, name);
    return path;
}

/* Makes the folders above it too. */
static inline void write_file(const char *name, const void *bytes, size_t size) {
    char path[512];
    snprintf(path, sizeof path, "%s", in_folder(name));
    for (char *slash = path + strlen(folder_root) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        mkdir(path, 0755);
    }
    if (size == 0 && path[strlen(path) - 1] == '/') return;
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static inline void write_png(const char *name, int width, int height, int number) {
    VtImage image = make_image(width, height, number);
    Encoded png = png_of(&image);
    write_file(name, png.bytes, png.size);
    free(png.bytes);
    vt_image_free(&image);
}

#endif
