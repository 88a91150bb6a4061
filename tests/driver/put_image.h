/* For tests: a labelled image of a data set in the test's folder. */
#ifndef VITC_TESTS_DRIVER_PUT_IMAGE_H
#define VITC_TESTS_DRIVER_PUT_IMAGE_H

#include "tests/driver/runs.h"
#include "tests/runtime/images.h"

/* FOLDER/SET/SPLIT/CLASS/NUMBER.png, of edge × edge pixels; `cut`: its first half alone. */
static inline void put_image(const char *set, const char *split, const char *class, int number, int edge,
                             bool cut) {
    char path[256];
    snprintf(path, sizeof path, "mkdir -p %s/%s/%s/%s", folder, set, split, class);
    assert_int_equal(system(path), 0);
    snprintf(path, sizeof path, "%s/%s/%s/%s/%d.png", folder, set, split, class, number);
    VtImage image = make_image(edge, edge, number);
    Encoded png = png_of(&image);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(png.bytes, 1, cut ? png.size / 2 : png.size, file),
                     cut ? png.size / 2 : png.size);
    fclose(file);
    free(png.bytes);
    vt_image_free(&image);
}

#endif
