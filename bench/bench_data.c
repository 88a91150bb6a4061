/* Images made ready per second on one core: pipelines of common recipes over 32-pixel images held in memory, decoding,
 * and the synthetic set. Data must come faster than the step eats it; nothing here is multiplied by threads.
 *
 *   bench_data [SECONDS per row] [DATA SET] */
#include "runtime/runtime.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
#define AUGMENT(name, params, doc) KIND_##name,
#include "runtime/catalog.def"
#undef AUGMENT
};

enum { IMAGES = 512 };

#define CROP {KIND_random_resized_crop, {0.2, 1, 3. / 4, 4. / 3, 1}}
#define FLIP {KIND_flip, {0.5}}
#define JITTER(p)                                                                                            \
    {                                                                                                        \
        KIND_color_jitter, {                                                                                 \
            0.4, 0.4, 0.2, 0.1, p                                                                            \
        }                                                                                                    \
    }
#define GRAY {KIND_grayscale, {0.2}}
#define NORMALIZE {KIND_normalize, {0.485, 0.456, 0.406, [VT_MAX_CHANNELS] = 0.229, 0.224, 0.225}}
#define PIPELINE(name, size, list) {name, size, 3, sizeof list / sizeof *list, list, name}

static const VtAugment CROP_FLIP[] = {CROP, FLIP, NORMALIZE},
                       SHIFT_FLIP[] = {{KIND_random_crop, {4}}, FLIP, NORMALIZE},
                       COLOR[] = {CROP, FLIP, JITTER(0.8), GRAY, NORMALIZE},
                       ALL[] = {CROP,
                                FLIP,
                                JITTER(0.8),
                                GRAY,
                                {KIND_blur, {0.1, 2, 0.5}},
                                {KIND_solarize, {128, 0.2}},
                                NORMALIZE},
                       TUNING[] = {CROP,
                                   FLIP,
                                   {KIND_rand_augment, {2, 9, 0.5, 10, 0.5, 1, 0, -1}},
                                   NORMALIZE,
                                   {KIND_random_erasing, {0.25, 0.02, 1. / 3, 0.3, 1 / 0.3, 0, 1}}},
                       EVALUATION[] = {{KIND_center_crop, {0}}, NORMALIZE};
static const VtPipeline PIPELINES[] = {
    PIPELINE("centre crop 32", 32, EVALUATION),
    PIPELINE("random crop, flip 32", 32, SHIFT_FLIP),
    PIPELINE("resized crop, flip 32", 32, CROP_FLIP),
    PIPELINE("resized crop, flip, colour 32", 32, COLOR),
    PIPELINE("resized crop, flip, colour, blur, solarize 32", 32, ALL),
    PIPELINE("resized crop, flip, colour, blur, solarize 16", 16, ALL),
    PIPELINE("resized crop, flip, RandAugment, erasing 32", 32, TUNING),
    PIPELINE("resized crop, flip, RandAugment, erasing 224", 224, TUNING),
    PIPELINE("resized crop, flip, colour, blur, solarize 224", 224, ALL),
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void report(const char *what, int64_t done, double seconds) {
    printf("%-48s %9.0f images/s per core\n", what, (double)done / seconds);
}

/* First visits: what decoding, or drawing, costs once. */
static bool bench_first(const VtDataset *data, VtImage *images, int n, double *seconds) {
    VtError error;
    double start = now();
    for (int i = 0; i < n; i++)
        if (!vt_dataset_image(data, i * (vt_dataset_size(data) / n), &images[i], &error)) {
            fprintf(stderr, "%s\n", error.message);
            return false;
        }
    *seconds = now() - start;
    return true;
}

static void bench_pipeline(const VtPipeline *pipeline, const VtImage *images, int n, double seconds) {
    float *out = malloc(sizeof *out * 3 * (size_t)pipeline->size * (size_t)pipeline->size);
    int64_t done = 0;
    double start = now(), spent;
    do {
        for (int i = 0; i < 64; i++, done++) {
            VtRng rng = {.seed = 1, .stream = vt_stream(pipeline->name), .step = (uint64_t)done};
            if (!vt_pipeline_apply(pipeline, &images[done % n], &rng, out, NULL)) abort();
        }
    } while ((spent = now() - start) < seconds);
    report(pipeline->name, done, spent);
    free(out);
}

int main(int argc, char **argv) {
    static VtImage images[IMAGES];
    VtError error;
    double seconds = argc > 1 ? atof(argv[1]) : 0.5, spent;
    const char *path = argc > 2 ? argv[2] : "synthetic";
    VtDataset *data = vt_dataset_open(path, NULL, &error);
    if (!data) {
        fprintf(stderr, "%s\n", error.message);
        return error.code;
    }
    int n = vt_dataset_size(data) < IMAGES ? (int)vt_dataset_size(data) : IMAGES;
    char what[128];
    if (!bench_first(data, images, n, &spent)) return 1;
    snprintf(what, sizeof what, "%s, first visit", vt_dataset_format(data));
    report(what, n, spent);
    for (int i = 0; i < n; i++) vt_image_free(&images[i]);
    if (!bench_first(data, images, n, &spent)) return 1;
    snprintf(what, sizeof what, "%s, held in memory", vt_dataset_format(data));
    report(what, n, spent);
    for (size_t i = 0; i < sizeof PIPELINES / sizeof *PIPELINES; i++)
        bench_pipeline(&PIPELINES[i], images, n, seconds);
    for (int i = 0; i < n; i++) vt_image_free(&images[i]);
    vt_dataset_close(data);
    return 0;
}
