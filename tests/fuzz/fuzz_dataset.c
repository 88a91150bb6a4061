/* Fuzz target: any bytes as a data set in one file: a tar, plain or compressed, a zip, samples with labels,
 * CIFAR in one. Every image of what opens is asked for, as RGB or with other
 * channels. */
#include "runtime/runtime.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[64];
    int descriptor = memfd_create("fuzz.bin", 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    VtError error;
    VtDataset *set = write(descriptor, data, size) == (ssize_t)size
                         ? vt_dataset_open(path, size % 2 ? "train" : NULL, &error)
                         : NULL;
    if (set && size % 3 == 0) vt_dataset_set_channels(set, (int)(2 + size % 15), &error);
    for (int64_t i = 0; set && i < vt_dataset_size(set) && i < 16; i++) {
        VtImage image;
        if (vt_dataset_image(set, i, &image, &error)) vt_image_free(&image);
    }
    vt_dataset_close(set);
    close(descriptor);
    return 0;
}
