/* Fuzz target: any lines as the paths of a tree. A path with a slash at its end is a folder; "path=label" brings a
 * label along; the content of a text (.txt, .csv) is all that follows it. Every split is asked for. */
#include "runtime/runtime.h"
#include "runtime/datasets/dataset_tree.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static bool load(const VtDataset *d, int64_t index, VtImage *out, VtError *error) {
    (void)d;
    (void)index;
    (void)out;
    return vt_bad_image(error, "none");
}

static VtDataset *new_set(const char *split, int descriptor) {
    VtDataset *d = calloc(1, sizeof *d);
    if (!d) abort();
    pthread_mutex_init(&d->lock, NULL);
    d->format = "tree";
    d->path = strdup("tree");
    d->split = split ? strdup(split) : NULL;
    d->load = load;
    d->descriptor = dup(descriptor);
    return d;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const splits[] = {"train", "test", "unused", NULL};
    int descriptor = memfd_create("fuzz", 0);
    char *text = malloc(size + 1), told[2048];
    if (!text || write(descriptor, data, size) != (ssize_t)size) abort();
    for (int s = 0; s < 4; s++) {
        VtDataset *d = new_set(splits[s], descriptor);
        VtError error;
        memcpy(text, data, size);
        text[size] = '\0';
        for (char *line = text; line < text + size;) {
            size_t n = strcspn(line, "\n");
            line[n] = '\0';
            char *label = strchr(line, '=');
            if (label) *label++ = '\0';
            size_t length = strlen(line);
            DatasetMember member = {.name = line,
                                    .path = line,
                                    .offset = line - text,
                                    .size = length && line[length - 1] == '/' ? -1
                                                                              : (int64_t)size - (line - text),
                                    .label = label};
            if (*line) dataset_add_member(d, &member);
            line += n + 1;
        }
        if (dataset_finish_tree(d, &error)) vt_dataset_describe(d, told, sizeof told);
        for (int64_t i = 0; i < d->count; i++)
            if (d->items[i].label >= d->classes.count) abort();
        vt_dataset_close(d);
    }
    free(text);
    close(descriptor);
    return 0;
}
