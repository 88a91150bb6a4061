/* For tests: what is read of a data set, a line an image: its format, its name, and a hash of its pixels or what is
 * wrong. */
#ifndef VITC_TESTS_STATIC_READER_H
#define VITC_TESTS_STATIC_READER_H

#include "runtime/runtime.h"

#include <stdio.h>

static inline void read_set(const char *path, FILE *out) {
    VtError error = {0};
    VtDataset *set = vt_dataset_open(path, NULL, &error);
    if (!set) fprintf(out, "%s\n", error.message);
    for (int64_t i = 0; set && i < vt_dataset_size(set); i++) {
        VtImage image;
        uint64_t hash = 14695981039346656037u; /* FNV-1a */
        fprintf(out, "%s %s: ", vt_dataset_format(set), vt_dataset_name(set, i));
        if (!vt_dataset_image(set, i, &image, &error)) {
            fprintf(out, "%s\n", error.message);
            continue;
        }
        for (int64_t p = 0; p < (int64_t)image.width * image.height * image.channels; p++)
            hash = (hash ^ image.pixels[p]) * 1099511628211u;
        fprintf(out, "%d x %d %016llx\n", image.width, image.height, (unsigned long long)hash);
        vt_image_free(&image);
    }
    vt_dataset_close(set);
}

#endif
