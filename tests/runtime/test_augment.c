/* Augmentations against Pillow 9.4 and torchvision 0.14 (tests/golden/images), and the draws of pipelines. Where
 * Pillow's arithmetic is known to the bit we ask for the bit: one grey level off is a rounding that went elsewhere. */
#include "runtime/runtime.h"
#include "runtime/images/color.h"
#include "runtime/images/rand_augment.h"
#include "runtime/images/resize.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <cmocka.h>

enum {
#define AUGMENT(name, params, doc) KIND_##name,
#include "runtime/catalog.def"
#undef AUGMENT
};

#define N_OF(list) ((int)(sizeof list / sizeof *list))

static VtTensorFile *golden, *rand_golden;

/* A golden image, malloc'ed. */
static VtImage read_image_of(const VtTensorFile *golden, const char *name) {
    VtTensor shape;
    VtError error;
    int i = vt_tensors_find(golden, name);
    if (i < 0) fail_msg("no golden image %s", name);
    assert_string_equal(vt_tensors_type(golden, i, &shape), "U8");
    size_t n = (size_t)vt_elements(&shape);
    int32_t *wide = malloc(sizeof *wide * n);
    VtImage image = {(int)shape.dim[1], (int)shape.dim[0], 3, malloc(n)};
    if (!vt_tensors_read(golden, i, VT_I32, wide, &error)) fail_msg("%s", error.message);
    for (size_t k = 0; k < n; k++) image.pixels[k] = (uint8_t)wide[k];
    free(wide);
    return image;
}

static VtImage read_image(const char *name) {
    return read_image_of(golden, name);
}

/* Fails when a pixel is more than `most` off the golden image. */
static void expect_image_of(const VtTensorFile *golden, const char *name, const VtImage *got, int most) {
    VtImage want = read_image_of(golden, name);
    assert_int_equal(got->width, want.width);
    assert_int_equal(got->height, want.height);
    for (int i = 0; i < 3 * want.width * want.height; i++)
        if (abs(got->pixels[i] - want.pixels[i]) > most)
            fail_msg("%s: pixel (%d, %d) channel %d is %d, Pillow's is %d", name, i / 3 % want.width,
                     i / 3 / want.width, i % 3, got->pixels[i], want.pixels[i]);
    vt_image_free(&want);
}

static void expect_image(const char *name, const VtImage *got, int most) {
    expect_image_of(golden, name, got, most);
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
        got.pixels = malloc(3 * (size_t)want.width * (size_t)want.height);
        VtRect crop = {cases[i].x, cases[i].y, cases[i].width ? cases[i].width : image.width,
                       cases[i].height ? cases[i].height : image.height};
        vt_resize(&image, crop, got.width, got.height, (VtRect){0, 0, got.width, got.height},
                  cases[i].bicubic, got.pixels);
        expect_image(cases[i].name, &got, 0);
        vt_image_free(&want);
        vt_image_free(&got);
    }
    vt_image_free(&image);
}

static void grayscale(VtImage *image, double unused) {
    (void)unused;
    vt_grayscale(image);
}
static void solarize(VtImage *image, double threshold) {
    vt_solarize(image, (int)threshold);
}

static void test_color(void **state) {
    static const struct {
        const char *name;
        void (*apply)(VtImage *, double);
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
        cases[i].apply(&image, cases[i].factor);
        expect_image(cases[i].name, &image, 0);
        vt_image_free(&image);
    }
}

/* Each value of a byte, at 1 to 8 bits: the multiple of 2^(8 - bits) at or below it. */
static void test_posterize(void **state) {
    (void)state;
    for (int bits = 1; bits <= 8; bits++) {
        uint8_t rgb[3 * 86];
        for (int i = 0; i < 3 * 86; i++) rgb[i] = (uint8_t)i;
        vt_posterize(&(VtImage){86, 1, 3, rgb}, bits);
        for (int i = 0; i < 3 * 86; i++) {
            int step = 1 << (8 - bits);
            assert_int_equal(rgb[i], (i & 255) / step * step);
        }
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
        vt_blur(&image, cases[i].sigma);
        expect_image(cases[i].name, &image, 0);
        vt_image_free(&image);
    }
}

static int operation_named(const char *name, size_t size) {
    for (int i = 0; rand_operation_name(i); i++)
        if (strlen(rand_operation_name(i)) == size && strncmp(rand_operation_name(i), name, size) == 0)
            return i;
    fail_msg("no operation %.*s", (int)size, name);
    return -1;
}

/* Every operation of RandAugment, at two levels, both ways and by both interpolations, as timm computes it. A golden
 * image is called TABLE.OPERATION[.LEVEL][.minus][.INTERPOLATION]; "narrow" is another image, with a flat channel. */
static void test_rand_operations(void **state) {
    static const uint8_t fill[] = {124, 116, 104};
    bool seen[15] = {false};
    (void)state;
    for (int i = 0; i < vt_tensors_count(rand_golden); i++) {
        const char *name = vt_tensors_name(rand_golden, i), *dot = strchr(name, '.');
        if (!dot) continue;
        size_t size = strcspn(dot + 1, ".");
        int operation = operation_named(dot + 1, size);
        const char *rest = dot + 1 + size;
        RandStyle style = {strncmp(name, "plain", 5) != 0, !strstr(rest, ".bilinear"), fill};
        double level = *rest ? strtod(rest + 1, NULL) : 5;
        VtImage image = read_image_of(rand_golden, name[0] == 'n' ? "narrow" : "image");
        assert_true(rand_operation(operation, &image, level, strstr(rest, ".minus"), &style));
        expect_image_of(rand_golden, name, &image, 0);
        vt_image_free(&image);
        seen[operation] = true;
    }
    for (int i = 0; i < N_OF(seen); i++) assert_true(seen[i]);
    assert_null(rand_operation_name(N_OF(seen)));
}

/* ---- pipelines --------------------------------------------------------------------------------------------------- */

static void apply(const VtAugment *augments, int n, int size, const VtImage *image, uint64_t step,
                  float *out) {
    VtPipeline pipeline = {"test", size, 3, n, augments, "test"};
    VtRng rng = {.seed = 5, .stream = vt_stream("test"), .step = step};
    assert_true(vt_pipeline_apply(&pipeline, image, &rng, out, NULL));
}

/* Pixel (x, y) encodes its place: red x, green y, blue 200. */
static VtImage make_map(int width, int height) {
    VtImage image = {width, height, 3, malloc(3 * (size_t)width * (size_t)height)};
    for (int i = 0; i < width * height; i++) {
        image.pixels[3 * i] = (uint8_t)(i % width);
        image.pixels[3 * i + 1] = (uint8_t)(i / width);
        image.pixels[3 * i + 2] = 200;
    }
    return image;
}

static int value(const float *out, int size, int c, int x, int y) {
    return (int)lround(out[(c * size + y) * size + x] * 255);
}

/* The centre of 48 x 40 at 40, mirrored, normalised: against torchvision's numbers. */
static void test_normalize(void **state) {
    static const VtAugment augments[] = {
        {KIND_center_crop, {0}},
        {KIND_normalize, {0.485, 0.456, 0.406, [VT_MAX_CHANNELS] = 0.229, 0.224, 0.225}}};
    static const VtAugment mirrored[] = {{KIND_center_crop, {40}}, {KIND_flip, {1}}};
    enum { S = 40, W = 48 };
    static float want[3 * S * W], got[3 * S * S];
    VtImage image = read_image("image"), flipped = read_image("hflip");
    VtError error;
    (void)state;
    assert_true(vt_tensors_read(golden, vt_tensors_find(golden, "normalized"), VT_F32, want, &error));
    apply(augments, N_OF(augments), S, &image, 1, got);
    for (int i = 0; i < 3 * S * S; i++) assert_true(fabsf(got[i] - want[i / S * W + i % S + 4]) <= 1e-6f);
    apply(mirrored, N_OF(mirrored), S, &image, 1, got);
    for (int i = 0; i < S * S; i++)
        for (int c = 0; c < 3; c++)
            assert_true(got[c * S * S + i] == flipped.pixels[3 * (i / S * W + i % S + 4) + c] / 255.0f);
    vt_image_free(&image);
    vt_image_free(&flipped);
}

/* Python rounds halves to even: of 10 pixels the middle 7 begin at 2, of 9 the middle 8 at 0, of 11 the middle 8 at
 * 2. */
static void test_center_crop(void **state) {
    static const struct {
        int edge, size, first;
    } cases[] = {{10, 7, 2}, {9, 8, 0}, {11, 8, 2}, {8, 8, 0}, {5, 8, -2}};
    float out[3 * 64];
    (void)state;
    for (int k = 0; k < N_OF(cases); k++) {
        VtImage image = make_map(cases[k].edge, cases[k].edge);
        VtAugment crop = {KIND_center_crop, {cases[k].edge}};
        apply(&crop, 1, cases[k].size, &image, 1, out);
        for (int y = 0; y < cases[k].size; y++)
            for (int x = 0; x < cases[k].size; x++) {
                int fx = x + cases[k].first, fy = y + cases[k].first, n = cases[k].edge;
                bool inside = fx >= 0 && fy >= 0 && fx < n && fy < n;
                assert_int_equal(value(out, cases[k].size, 0, x, y), inside ? fx : 0);
                assert_int_equal(value(out, cases[k].size, 1, x, y), inside ? fy : 0);
                assert_int_equal(value(out, cases[k].size, 2, x, y), inside ? 200 : 0);
            }
        vt_image_free(&image);
    }
}

/* torchvision's ten crops: four corners and the centre, and those of the mirrored image. */
static void test_place_crop(void **state) {
    enum { W = 11, H = 9, S = 6 };
    static const int corners[4][2] = {{0, 0}, {W - S, 0}, {0, H - S}, {W - S, H - S}};
    VtImage image = make_map(W, H), mirrored = make_map(W, H);
    float out[3 * S * S], want[3 * S * S];
    (void)state;
    for (int i = 0; i < W * H; i++) mirrored.pixels[3 * i] = (uint8_t)(W - 1 - i % W);
    for (int place = 0; place < 10; place++) {
        VtAugment at = {KIND_place_crop, {place, H}}, same = {KIND_place_crop, {place - 5, H}};
        apply(&at, 1, S, &image, 1, out);
        if (place >= 5) apply(&same, 1, S, &mirrored, 1, want);
        if (place == 4) apply(&(VtAugment){KIND_center_crop, {H}}, 1, S, &image, 1, want);
        for (int i = 0; place < 4 && i < S * S; i++) {
            want[i] = (float)(corners[place][0] + i % S) / 255.0f;
            want[S * S + i] = (float)(corners[place][1] + i / S) / 255.0f;
            want[2 * S * S + i] = 200 / 255.0f;
        }
        assert_memory_equal(out, want, sizeof want);
    }
    /* In the place of a view's centre crop, with a border; before all where it has none. */
    static const VtAugment centre[] = {{KIND_flip, {0}}, {KIND_center_crop, {9, 1}}, {KIND_normalize, {0}}};
    VtAugment room[4];
    VtPipeline view = {"view", S, 3, 3, centre, "view"}, crop = vt_pipeline_at(&view, 7, room);
    assert_int_equal(crop.n_augments, 3);
    assert_int_equal(room[1].kind, KIND_place_crop);
    assert_true(room[1].params[0] == 7 && room[1].params[1] == 9 && room[1].params[2] == 1);
    view = (VtPipeline){"view", 28, 3, 1, centre + 2, "view"};
    crop = vt_pipeline_at(&view, 2, room);
    assert_int_equal(crop.n_augments, 2);
    assert_true(room[0].params[0] == 2 && room[0].params[1] == 32 && room[1].kind == KIND_normalize);
    vt_image_free(&image);
    vt_image_free(&mirrored);
    char text[128], few[20];
    view = (VtPipeline){"view", S, 3, 3, centre, "view"};
    vt_pipeline_describe(&view, text, sizeof text);
    assert_string_equal(text, "flip(p=0), center_crop(resize=9, interpolation=bilinear), "
                              "normalize(mean=0 0 0, std=0 0 0)");
    vt_pipeline_describe(&view, few, sizeof few);
    assert_string_equal(few, "flip(p=0), center_c");
}

/* A window of a resized image is that part of the whole, to the bit. */
static void test_resize_window(void **state) {
    enum { W = 61, H = 47 };
    static uint8_t whole[3 * W * H], part[3 * 20 * 9];
    static const int sizes[][2] = {{W, H}, {48, H}, {W, 40}, {48, 40}};
    VtImage image = read_image("image");
    (void)state;
    for (int k = 0; k < N_OF(sizes); k++) {
        int w = sizes[k][0], h = sizes[k][1];
        VtRect all = {0, 0, image.width, image.height};
        vt_resize(&image, all, w, h, (VtRect){0, 0, w, h}, true, whole);
        vt_resize(&image, all, w, h, (VtRect){17, 23, 20, 9}, true, part);
        for (int y = 0; y < 9; y++)
            assert_memory_equal(part + 3 * 20 * y, whole + 3 * ((y + 23) * w + 17), 3 * 20);
    }
    vt_image_free(&image);
}

/* Every shift from -4 to 4 occurs both ways; what comes from outside is black. */
static void test_random_crop(void **state) {
    static const VtAugment crop = {KIND_random_crop, {4}};
    enum { S = 16 };
    float out[3 * S * S];
    int seen[2][9] = {{0}};
    VtImage image = make_map(S, S);
    (void)state;
    for (uint64_t step = 0; step < 300; step++) {
        apply(&crop, 1, S, &image, step, out);
        int dx = value(out, S, 0, 8, 8) - 8, dy = value(out, S, 1, 8, 8) - 8;
        assert_true(abs(dx) <= 4 && abs(dy) <= 4);
        seen[0][dx + 4]++;
        seen[1][dy + 4]++;
        for (int i = 0; i < S * S; i++) {
            int x = i % S + dx, y = i / S + dy;
            bool inside = x >= 0 && y >= 0 && x < S && y < S;
            assert_int_equal(value(out, S, 2, i % S, i / S), inside ? 200 : 0);
            assert_int_equal(value(out, S, 0, i % S, i / S), inside ? x : 0);
        }
    }
    for (int k = 0; k < 9; k++) assert_true(seen[0][k] > 10 && seen[1][k] > 10);
    vt_image_free(&image);
}

/* The crop's place and size can be read off the map: the area and the aspect ratio stay in their ranges and fill
 * them. */
static void test_random_resized_crop(void **state) {
    static const VtAugment crop = {KIND_random_resized_crop, {0.25, 0.75, 0.75, 4. / 3, 0}};
    enum { N = 200, S = 8, DRAWS = 1000 };
    float out[3 * S * S];
    double least = 1, most = 0, ratios[2] = {9, 0}, mean = 0;
    VtImage image = make_map(N, N);
    (void)state;
    for (uint64_t step = 0; step < DRAWS; step++) {
        apply(&crop, 1, S, &image, step, out);
        double step_x = (value(out, S, 0, S - 2, 3) - value(out, S, 0, 1, 3)) / (double)(S - 3),
               step_y = (value(out, S, 1, 3, S - 2) - value(out, S, 1, 3, 1)) / (double)(S - 3);
        double area = step_x * step_y * S * S / (N * N), ratio = step_x / step_y;
        assert_true(area > 0.22 && area < 0.79 && ratio > 0.72 && ratio < 1.39);
        least = fmin(least, area);
        most = fmax(most, area);
        ratios[0] = fmin(ratios[0], ratio);
        ratios[1] = fmax(ratios[1], ratio);
        mean += area / DRAWS;
    }
    assert_true(least < 0.27 && most > 0.73 && fabs(mean - 0.5) < 0.02);
    assert_true(ratios[0] < 0.78 && ratios[1] > 1.29);
    vt_image_free(&image);
}

/* Shares of images that are changed; the strengths zero change nothing. */
static void test_probabilities(void **state) {
    static const VtAugment augments[] = {{KIND_flip, {0.3}},
                                         {KIND_color_jitter, {0.4, 0.4, 0.4, 0.1, 0.3}},
                                         {KIND_grayscale, {0.3}},
                                         {KIND_blur, {1, 2, 0.3}},
                                         {KIND_solarize, {100, 0.3}},
                                         {KIND_posterize, {3, 0.3}},
                                         {KIND_random_erasing, {0.3, 0.1, 0.2, 0.5, 2, 2, 1}}};
    static const VtAugment nothing[] = {{KIND_flip, {0}},
                                        {KIND_color_jitter, {0, 0, 0, 0, 1}},
                                        {KIND_grayscale, {0}},
                                        {KIND_blur, {1, 2, 0}},
                                        {KIND_solarize, {100, 0}},
                                        {KIND_solarize, {256, 1}},
                                        {KIND_posterize, {8, 1}},
                                        {KIND_rand_augment, {2, 9, 0.5, 10, 0, 1, 0, -1}},
                                        {KIND_rand_augment, {0, 9, 0.5, 10, 1, 1, 0, -1}},
                                        {KIND_random_erasing, {0, 0.1, 0.2, 0.5, 2, 0, 1}}};
    enum { S = 12, DRAWS = 2000 };
    float plain[3 * S * S], out[3 * S * S];
    VtImage image = make_map(S, S), before = make_map(S, S);
    (void)state;
    for (int i = 0; i < 3 * S * S; i++) image.pixels[i] = before.pixels[i] = (uint8_t)(before.pixels[i] * 21);
    apply(NULL, 0, S, &image, 0, plain);
    for (int k = 0; k < N_OF(augments); k++) {
        int changed = 0;
        for (uint64_t step = 0; step < DRAWS; step++) {
            apply(&augments[k], 1, S, &image, step, out);
            changed += memcmp(out, plain, sizeof out) != 0;
        }
        if (abs(changed - DRAWS * 3 / 10) >= 105) /* five standard deviations */
            fail_msg("augmentation %d changes %d of %d images", augments[k].kind, changed, DRAWS);
    }
    apply(nothing, N_OF(nothing), S, &image, 3, out);
    assert_memory_equal(out, plain, sizeof out);
    assert_memory_equal(image.pixels, before.pixels, 3 * S * S); /* the caller's image is the caller's */
    vt_image_free(&image);
    vt_image_free(&before);
}

/* Black images: which operation was drawn shows in the middle, how strongly it was applied (9 of 10, deviation 0.5) in
 * what solarize_add adds; an edge that comes from outside has the mean of `normalize`, and 128 where there is none. */
static void test_rand_augment(void **state) {
    VtAugment augments[] = {{KIND_rand_augment, {1, 9, 0.5, 10, 1, 1, 0, -1}},
                            {KIND_normalize, {0.485, 0.456, 0.406, [VT_MAX_CHANNELS] = 1, 1, 1}}};
    enum { S = 16, DRAWS = 3000, MIDDLE = S / 2 * S + S / 2 };
    float out[3 * S * S];
    int inverted = 0, added = 0, filled = 0;
    double level = 0, squares = 0;
    VtImage image = {S, S, 3, calloc(S * S, 3)};
    (void)state;
    for (uint64_t step = 0; step < DRAWS; step++) {
        apply(augments, 2, S, &image, step, out);
        long middle = lround((out[MIDDLE] + 0.485) * 255), edge = 0;
        for (int i = 0; i < S; i++)
            if (lround((out[i * S] + 0.485) * 255) == 124 ||
                lround((out[i * S + S - 1] + 0.485) * 255) == 124)
                edge = 1;
        inverted += middle == 255;
        if (middle > 0 && middle <= 110) {
            double x = ((double)middle + 0.5) / 11;
            added++;
            level += x;
            squares += x * x;
        }
        filled += edge && middle == 0;
    }
    level /= added;
    assert_true(abs(inverted - DRAWS / 15 - DRAWS / 15 / 40) < 75); /* and solarize at 10, of 1 in 44 */
    assert_true(abs(added - DRAWS / 15) < 70);
    assert_true(filled > 2 * DRAWS / 15); /* what moves sideways does so nearly always */
    assert_true(fabs(level - 8.95) < 0.2 && fabs(sqrt(squares / added - level * level) - 0.45) < 0.12);
    augments[0] = (VtAugment){KIND_rand_augment, {8, 9, 0, 10, 1, 1, 1, 200}};
    apply(augments, 1, S, &image, 4, out);
    for (int i = 0; i < 3 * S * S; i++) assert_true(out[i] >= 0 && out[i] <= 1);
    vt_image_free(&image);
}

/* A rectangle of a share of the image and an aspect ratio in their ranges; of one colour, of noise, or of zeros. */
static void test_random_erasing(void **state) {
    enum { S = 30, DRAWS = 600 };
    float out[3 * S * S];
    double mean = 0, squares = 0, areas = 0;
    int64_t n = 0;
    VtImage image = {S, S, 3, malloc(3 * S * S)};
    (void)state;
    memset(image.pixels, 255, 3 * S * S);
    for (int mode = 0; mode < 3; mode++)
        for (uint64_t step = 0; step < DRAWS; step++) {
            VtAugment augments[] = {{KIND_normalize, {[VT_MAX_CHANNELS] = 0.125, 0.125, 0.125}},
                                    {KIND_random_erasing, {1, 0.02, 1. / 3, 0.3, 1 / 0.3, mode, 1}}};
            int left = S, right = -1, top = S, bottom = -1, erased = 0;
            apply(augments, 2, S, &image, step, out);
            for (int i = 0; i < S * S; i++) {
                if (out[i] == 8) continue;
                left = i % S < left ? i % S : left;
                right = i % S > right ? i % S : right;
                top = i / S < top ? i / S : top;
                bottom = i / S;
                erased++;
                for (int c = 0; c < 3; c++) {
                    float v = out[c * S * S + i], first = out[c * S * S + top * S + left];
                    assert_true(mode == 0 || v == (mode == 1 ? first : 0));
                    mean += v;
                    squares += v * v;
                    n += mode == 0;
                }
                if (mode > 0) mean = squares = 0;
            }
            int width = right - left + 1, height = bottom - top + 1;
            assert_true(erased > 0 && erased == width * height);
            double area = (double)erased / (S * S), ratio = (double)height / width;
            assert_true(area > 0.012 && area < 0.36 && ratio > 0.2 && ratio < 5);
            areas += area;
            if (mode == 0 && step + 1 == DRAWS) {
                mean /= (double)n;
                assert_true(fabs(mean) < 0.02 && fabs(squares / (double)n - mean * mean - 1) < 0.02);
                mean = squares = 0;
            }
        }
    assert_true(fabs(areas / (3 * DRAWS) - 0.17) < 0.02); /* large flat ones often do not fit */
    vt_image_free(&image);
}

/* Slivers, single pixels and large changes of scale: finite numbers in [0, 1], and no crash. */
static void test_odd_sizes(void **state) {
    static const int sizes[][2] = {{1, 1}, {1, 3000}, {3000, 1}, {2, 2}, {16384, 3}, {700, 500}};
    static const VtAugment pipelines[][5] = {
        {{KIND_rand_augment, {16, 9, 10, 30, 1, 1, 0, -1}},
         {KIND_rand_augment, {16, 9, 10, 30, 1, 0, 2, 0}},
         {KIND_random_erasing, {1, 0, 1, 0.01, 100, 2, 16}}},
        {{KIND_random_resized_crop, {0.08, 1, 0.75, 4. / 3, 1}},
         {KIND_blur, {0.1, 100, 1}},
         {KIND_color_jitter, {10, 10, 10, 0.5, 1}}},
        {{KIND_random_resized_crop, {0, 0, 100, 100, 0}}, {KIND_flip, {1}}, {KIND_solarize, {0, 1}}},
        {{KIND_random_resized_crop, {0.5, 1, 0.01, 0.01, 1}}, {KIND_flip, {1}}, {KIND_grayscale, {1}}},
        {{KIND_center_crop, {16384, 0}}, {KIND_flip, {1}}, {KIND_flip, {1}}},
        {{KIND_place_crop, {8, 1}}, {KIND_place_crop, {3, 300}}, {KIND_flip, {1}}},
        {{KIND_center_crop, {1, 1}}, {KIND_flip, {1}}, {KIND_flip, {1}}},
        {{KIND_random_crop, {1024}}, {KIND_resize, {0}}, {KIND_flip, {1}}},
        {{KIND_resize, {1}}, {KIND_random_crop, {0}}, {KIND_flip, {1}}},
    };
    enum { S = 17 };
    float out[3 * S * S];
    (void)state;
    for (int k = 0; k < N_OF(sizes); k++) {
        VtImage image = make_map(sizes[k][0], sizes[k][1]);
        for (int p = 0; p < N_OF(pipelines); p++) {
            apply(pipelines[p], 3, S, &image, 1, out);
            for (int i = 0; i < 3 * S * S; i++) assert_true(out[i] >= 0 && out[i] <= 1);
        }
        vt_image_free(&image);
    }
}

static int open_golden(void **state) {
    (void)state;
    VtError error;
    golden = vt_tensors_open(TEST_DIR "/golden/images.safetensors", &error);
    if (golden) rand_golden = vt_tensors_open(TEST_DIR "/golden/rand_augment.safetensors", &error);
    if (!golden || !rand_golden) print_error("%s\n", error.message);
    return golden && rand_golden ? 0 : -1;
}

static int close_golden(void **state) {
    (void)state;
    vt_tensors_close(golden);
    vt_tensors_close(rand_golden);
    return 0;
}

#if defined(__SANITIZE_ADDRESS__)
#define OWN_ALLOCATOR 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define OWN_ALLOCATOR 1
#endif
#endif

/* Where memory runs out a view is an error, whichever step it is that finds none. */
static void test_no_memory(void **state) {
    (void)state;
#ifdef OWN_ALLOCATOR
    skip(); /* it has an address space of its own */
#else
    static const int kinds[] = {KIND_resize,      KIND_center_crop,         KIND_place_crop,
                                KIND_random_crop, KIND_random_resized_crop, KIND_flip};
    struct rlimit before, low;
    VtImage image = {16, 16, 3, calloc(16 * 16, 3)};
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_true(file && fscanf(file, "%ld", &pages) == 1);
    fclose(file);
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    low = before;
    low.rlim_cur = (rlim_t)pages * 4096 + (64 << 20);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        VtAugment augments[] = {{kinds[k], {0.5, 1, 1, 1, 1}}};
        VtPipeline pipeline = {"large", 16384, 3, 1, augments, "large"};
        VtRng rng = {0};
        VtError error = {0};
        float out[1];
        assert_int_equal(setrlimit(RLIMIT_AS, &low), 0);
        bool good = vt_pipeline_apply(&pipeline, &image, &rng, out, &error);
        assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
        assert_false(good);
        assert_false(error.bad_image);
        assert_non_null(strstr(error.message, "out of memory for view 'large'"));
    }
    vt_image_free(&image);
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_memory),       cmocka_unit_test(test_resize),
        cmocka_unit_test(test_color),           cmocka_unit_test(test_posterize),
        cmocka_unit_test(test_rand_operations), cmocka_unit_test(test_rand_augment),
        cmocka_unit_test(test_random_erasing),  cmocka_unit_test(test_blur),
        cmocka_unit_test(test_normalize),       cmocka_unit_test(test_center_crop),
        cmocka_unit_test(test_place_crop),      cmocka_unit_test(test_resize_window),
        cmocka_unit_test(test_random_crop),     cmocka_unit_test(test_random_resized_crop),
        cmocka_unit_test(test_probabilities),   cmocka_unit_test(test_odd_sizes),
    };
    return cmocka_run_group_tests(tests, open_golden, close_golden);
}
