/* Augmentations against Pillow 9.4 and torchvision 0.14 (tests/golden/images), and the draws of pipelines. Where Pillow's arithmetic is
 * known to the bit we ask for the bit: one grey level off is a rounding that went elsewhere. */
#include "runtime/color.h"
#include "runtime/resize.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static VtTensorFile *golden;

/* A golden image, malloc'ed. */
static VtImage read_image(const char *name) {
    VtTensor shape;
    VtError error;
    int i = vt_tensors_find(golden, name);
    if (i < 0) fail_msg("no golden image %s", name);
    assert_string_equal(vt_tensors_type(golden, i, &shape), "U8");
    size_t n = (size_t)vt_elements(&shape);
    int32_t *wide = malloc(sizeof *wide * n);
    VtImage image = {(int)shape.dim[1], (int)shape.dim[0], malloc(n)};
    if (!vt_tensors_read(golden, i, VT_I32, wide, &error)) fail_msg("%s", error.message);
    for (size_t k = 0; k < n; k++) image.rgb[k] = (uint8_t)wide[k];
    free(wide);
    return image;
}

/* Fails when a pixel is more than `most` off the golden image. */
static void expect_image(const char *name, const VtImage *got, int most) {
    VtImage want = read_image(name);
    assert_int_equal(got->width, want.width);
    assert_int_equal(got->height, want.height);
    for (int i = 0; i < 3 * want.width * want.height; i++)
        if (abs(got->rgb[i] - want.rgb[i]) > most)
            fail_msg("%s: pixel (%d, %d) channel %d is %d, Pillow's is %d", name, i / 3 % want.width,
                     i / 3 / want.width, i % 3, got->rgb[i], want.rgb[i]);
    vt_image_free(&want);
}

static void test_resize(void **state) {
    static const struct {
        const char *name;
        int x, y, width, height; /* of the crop; 0: the whole image */
        bool bicubic;
    } cases[] = {
        {"resize_bilinear_down", 0, 0, 0, 0, false}, {"resize_bicubic_down", 0, 0, 0, 0, true},
        {"resize_bilinear_up", 0, 0, 0, 0, false},   {"resize_bicubic_up", 0, 0, 0, 0, true},
        {"crop_bilinear", 5, 3, 25, 20, false},      {"crop_bicubic", 5, 3, 25, 20, true},
    };
    (void)state;
    VtImage image = read_image("image");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        VtImage want = read_image(cases[i].name), got = want;
        got.rgb = malloc(3 * (size_t)want.width * (size_t)want.height);
        VtRect crop = {cases[i].x, cases[i].y, cases[i].width ? cases[i].width : image.width,
                       cases[i].height ? cases[i].height : image.height};
        vt_resize(&image, crop, got.width, got.height, (VtRect){0, 0, got.width, got.height},
                  cases[i].bicubic, got.rgb);
        expect_image(cases[i].name, &got, 0);
        vt_image_free(&want);
        vt_image_free(&got);
    }
    vt_image_free(&image);
}

static void grayscale(uint8_t *rgb, size_t n, double unused) {
    (void)unused;
    vt_grayscale(rgb, n);
}
static void solarize(uint8_t *rgb, size_t n, double threshold) {
    vt_solarize(rgb, n, (int)threshold);
}

static void test_color(void **state) {
    static const struct {
        const char *name;
        void (*apply)(uint8_t *, size_t, double);
        double factor;
    } cases[] = {
        {"brightness_0.6", vt_brightness, 0.6},
        {"brightness_1.37", vt_brightness, 1.37},
        {"contrast_0.6", vt_contrast, 0.6},
        {"contrast_1.37", vt_contrast, 1.37},
        {"saturation_0.6", vt_saturation, 0.6},
        {"saturation_1.37", vt_saturation, 1.37},
        {"hue_-0.1", vt_hue, -0.1},
        {"hue_0.07", vt_hue, 0.07},
        {"grayscale", grayscale, 0},
        {"solarize", solarize, 128},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        VtImage image = read_image("image");
        cases[i].apply(image.rgb, (size_t)image.width * (size_t)image.height, cases[i].factor);
        expect_image(cases[i].name, &image, 0);
        vt_image_free(&image);
    }
}

static void test_blur(void **state) {
    static const struct {
        const char *name;
        double sigma;
    } cases[] = {{"blur_0.1", 0.1}, {"blur_0.9", 0.9}, {"blur_2.0", 2.0}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        VtImage image = read_image("image");
        vt_blur(image.rgb, image.width, image.height, cases[i].sigma);
        expect_image(cases[i].name, &image, 0);
        vt_image_free(&image);
    }
}

static int open_golden(void **state) {
    (void)state;
    VtError error;
    golden = vt_tensors_open(TEST_DIR "/golden/images.safetensors", &error);
    if (!golden) print_error("%s\n", error.message);
    return golden ? 0 : -1;
}

static int close_golden(void **state) {
    (void)state;
    vt_tensors_close(golden);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resize),
        cmocka_unit_test(test_color),
        cmocka_unit_test(test_blur),
    };
    return cmocka_run_group_tests(tests, open_golden, close_golden);
}
