/* Trains a model on images, saves it, and prints the features of an image:
 *
 *   vitc build quickstart --emit=lib -o model
 *   export PKG_CONFIG_PATH=model/lib/pkgconfig LD_LIBRARY_PATH=model/lib
 *   cc learn.c -o learn $(pkg-config --cflags --libs quickstart)
 *   ./learn images/ 100 image.jpg */
#include <quickstart.h>

#include <stdio.h>
#include <stdlib.h>

static quickstart_handle *model;

static void check(quickstart_status status) {
    if (status == quickstart_OK) return;
    fprintf(stderr, "%s\n", quickstart_message(model));
    exit(1);
}

int main(int argc, char **argv) {
    static float image[quickstart_IMAGE_ELEMENTS], features[quickstart_FEATURES];
    quickstart_options options = quickstart_OPTIONS;
    char message[256];
    double loss;
    if (argc != 4) return fprintf(stderr, "usage: %s IMAGES STEPS IMAGE\n", argv[0]), 2;
    options.threads = 2;
    if (quickstart_create(&options, &model, message, sizeof message) != quickstart_OK)
        return fprintf(stderr, "%s\n", message), 1;
    const char *images = argv[1];
    check(quickstart_set(model, "peak_lr", 0.0005));
    check(quickstart_open_data(model, &images, 1));
    for (int step = 1; step <= atoi(argv[2]); step++) {
        check(quickstart_step(model));
        check(quickstart_metric(model, "loss", &loss));
        printf("step %d: loss %.4f\n", step, loss);
    }
    check(quickstart_save(model, "checkpoint.safetensors"));
    check(quickstart_read_image(model, argv[3], image));
    check(quickstart_embed(model, image, 1, features));
    for (int i = 0; i < quickstart_FEATURES; i++) printf("%g\n", (double)features[i]);
    check(quickstart_free(model));
    return 0;
}
