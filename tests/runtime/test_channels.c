/* Images of other than three channels: from every format that has them, through every augmentation that is not of
 * colours, into views of one, three and more. */
#include "runtime/images/augment.h"
#include "runtime/images/color.h"
#include "tests/runtime/encode.h"
#include "tests/runtime/folder.h"
#include "tests/runtime/pack.h"

enum {
#define AUGMENT(name, params, doc) KIND_##name,
#include "runtime/catalog.def"
#undef AUGMENT
};

enum { W = 9, H = 7, PIXELS = W * H };

/* Channel c of pixel i; no two neighbours are equal. */
static uint8_t value_of(int i, int c) {
    return (uint8_t)(i * 37 + c * 11 + i / W);
}

static VtImage make_bands(int channels) {
    VtImage image = {W, H, channels, malloc((size_t)(PIXELS * channels))};
    for (int i = 0; i < PIXELS; i++)
        for (int c = 0; c < channels; c++) image.pixels[i * channels + c] = value_of(i, c);
    return image;
}

static Encoded encode_npy(const VtImage *image, bool flat) {
    Encoded out = {calloc(1, (size_t)(128 + PIXELS * image->channels)), 0};
    char axis[16] = "";
    if (!flat) snprintf(axis, sizeof axis, ", %d", image->channels);
    memcpy(out.bytes, "\x93NUMPY\x01\0\x76", 10);
    int n = sprintf((char *)out.bytes + 10, "{'descr': '|u1', 'fortran_order': False, 'shape': (%d, %d%s), }",
                    H, W, axis);
    memset(out.bytes + 10 + n, ' ', (size_t)(118 - n));
    memcpy(out.bytes + 128, image->pixels, (size_t)(PIXELS * image->channels));
    out.size = (size_t)(128 + PIXELS * image->channels);
    return out;
}

static void expect_bands(Encoded file, const VtImage *want) {
    VtImage got;
    VtError error = {0};
    if (!vt_image_decode(file.bytes, file.size, "bands", want->channels, &got, &error))
        fail_msg("%s", error.message);
    assert_int_equal(got.width, W);
    assert_int_equal(got.height, H);
    assert_int_equal(got.channels, want->channels);
    assert_memory_equal(got.pixels, want->pixels, (size_t)(PIXELS * want->channels));
    vt_image_free(&got);
    for (int other = 2; other <= 5; other++) { /* no number but its own, and RGB */
        bool same = other == want->channels || other == 3;
        if (same) continue;
        assert_false(vt_image_decode(file.bytes, file.size, "bands", other, &got, &error));
        assert_true(error.bad_image);
        assert_non_null(strstr(error.message, "channels"));
    }
    free(file.bytes);
}

static void test_formats(void **state) {
    static const int channels[] = {2, 4, 5, 13, 16};
    (void)state;
    for (int k = 0; k < 5; k++) {
        VtImage image = make_bands(channels[k]);
        for (int way = 0; way < 3; way++) {
            TiffKind kind = {.photometric = PHOTOMETRIC_MINISBLACK,
                             .samples = channels[k],
                             .bits = 8,
                             .compression = way == 1 ? COMPRESSION_LZW : COMPRESSION_NONE,
                             .separate = way == 1,
                             .tile = way == 2 ? 16 : 0};
            expect_bands(encode_tiff(image.pixels, W, H, kind), &image);
        }
        expect_bands(encode_npy(&image, false), &image);
        VtImage none;
        VtError error = {0};
        TiffKind kind = {.photometric = PHOTOMETRIC_MINISBLACK,
                         .samples = channels[k],
                         .bits = 8,
                         .compression = COMPRESSION_NONE};
        Encoded file = encode_tiff(image.pixels, W, H, kind);
        bool gray =
            vt_image_decode(file.bytes, file.size, "bands", 3, &none, &error); /* with alpha at most */
        assert_int_equal(gray, channels[k] == 2);
        if (gray) vt_image_free(&none);
        free(file.bytes);
        vt_image_free(&image);
    }
    for (int n = 2; n <= 4; n += 2) { /* alpha */
        VtImage image = make_bands(n);
        if (n == 4) {
            for (int i = 0; i < PIXELS; i++)
                image.pixels[4 * i + 3] |= 1; /* WebP forgets the colour of what is clear */
            uint8_t *bytes;
            Encoded webp = {0};
            size_t size = WebPEncodeLosslessRGBA(image.pixels, W, H, 4 * W, &bytes);
            put_bytes(&webp, bytes, size);
            WebPFree(bytes);
            expect_bands(webp, &image);
        }
        int type = n == 2 ? PNG_COLOR_TYPE_GRAY_ALPHA : PNG_COLOR_TYPE_RGB_ALPHA;
        expect_bands(encode_png(image.pixels, W, H, type, 8, false), &image);
        vt_image_free(&image);
    }
}

/* A gray array is RGB where that is asked for; what is no uint8 image is refused. */
static void test_npy(void **state) {
    static const struct {
        const char *from, *to; /* replaced in the header */
        const char *why;
    } damages[] = {
        {"|u1", "<f4", "holds uint8"}, {"False", "True ", "holds uint8"}, {"(7,", "(8,", "cut short"}};
    VtImage gray = make_bands(1), got;
    VtError error = {0};
    (void)state;
    for (int big = 0; big < 2; big++) { /* the high byte of two */
        Encoded file = encode_npy(&gray, true);
        file.bytes = realloc(file.bytes, file.size + PIXELS);
        memcpy(strstr((char *)file.bytes + 10, "|u1"), big ? ">u2" : "<u2", 3);
        for (int i = 0; i < PIXELS; i++) {
            file.bytes[128 + 2 * i + !big] = gray.pixels[i];
            file.bytes[128 + 2 * i + big] = (uint8_t)i;
        }
        assert_true(vt_image_decode(file.bytes, file.size + PIXELS, "x.npy", 3, &got, &error));
        for (int i = 0; i < 3 * PIXELS; i++) assert_int_equal(got.pixels[i], gray.pixels[i / 3]);
        vt_image_free(&got);
        free(file.bytes);
    }
    for (int flat = 0; flat < 2; flat++) {
        Encoded file = encode_npy(&gray, flat);
        assert_true(vt_image_decode(file.bytes, file.size, "x.npy", 3, &got, &error));
        for (int i = 0; i < 3 * PIXELS; i++) assert_int_equal(got.pixels[i], gray.pixels[i / 3]);
        vt_image_free(&got);
        free(file.bytes);
    }
    for (size_t k = 0; k < sizeof damages / sizeof *damages; k++) {
        Encoded file = encode_npy(&gray, false);
        memcpy(strstr((char *)file.bytes + 10, damages[k].from), damages[k].to, strlen(damages[k].to));
        assert_false(vt_image_decode(file.bytes, file.size, "x.npy", 3, &got, &error));
        assert_true(error.bad_image);
        if (!strstr(error.message, damages[k].why)) fail_msg("%s", error.message);
        free(file.bytes);
    }
    vt_image_free(&gray);
}

static void apply(const VtAugment *augments, int n, int channels, const VtImage *image, float *out) {
    VtPipeline pipeline = {"view", 8, channels, n, augments, "view"};
    VtRng rng = {.seed = 3};
    VtError error = {0};
    if (!vt_pipeline_apply(&pipeline, image, &rng, out, &error)) fail_msg("%s", error.message);
}

/* What each value goes through apart gives the same to each channel, however many there are. */
static void test_augmentations(void **state) {
    static const VtAugment lists[][3] = {
        {{KIND_random_resized_crop, {0.3, 0.6, 0.75, 1.33, 1}}, {KIND_flip, {1}}},
        {{KIND_random_crop, {4}}, {KIND_posterize, {3, 1}}},
        {{KIND_center_crop, {0}}, {KIND_blur, {0.7, 0.7, 1}}},
        {{KIND_resize, {1}}, {KIND_solarize, {100, 1}}},
        {{KIND_flip, {1}}, {KIND_color_jitter, {0.4, 0, 0, 0, 1}}},
    };
    (void)state;
    for (size_t k = 0; k < sizeof lists / sizeof *lists; k++) {
        float out[3 * 64], want[64];
        for (int n = 1; n <= 16; n += n < 4 ? 1 : 6) { /* each channel a copy of the first */
            VtImage image = make_bands(n), one = make_bands(1);
            for (int i = 0; i < PIXELS * n; i++) image.pixels[i] = one.pixels[i / n];
            float all[16 * 64];
            apply(lists[k], 2, n, &image, all);
            if (n == 1) memcpy(want, all, sizeof want);
            for (int c = 0; c < n; c++) assert_memory_equal(all + 64 * c, want, sizeof want);
            vt_image_free(&image);
            vt_image_free(&one);
        }
        VtImage gray = make_bands(1); /* a gray image in a view of colours */
        apply(lists[k], 2, 3, &gray, out);
        for (int c = 0; c < 3; c++) assert_memory_equal(out + 64 * c, want, sizeof want);
        vt_image_free(&gray);
    }
}

/* One channel of colours is their luma; normalize has a mean and a std for each; contrast is around the mean. */
static void test_values(void **state) {
    VtImage rgb = make_bands(3), five = make_bands(5);
    VtAugment resize = {KIND_resize, {0}}, normalize[2] = {resize, {KIND_normalize, {0}}};
    float plain[5 * 64], out[5 * 64], gray[64];
    uint8_t luma[PIXELS];
    (void)state;
    vt_luma(rgb.pixels, PIXELS, luma);
    assert_int_equal(luma[1],
                     (rgb.pixels[3] * 19595 + rgb.pixels[4] * 38470 + rgb.pixels[5] * 7471 + 32768) >> 16);
    VtImage one = {W, H, 1, luma};
    apply(&resize, 1, 1, &one, gray);
    apply(&resize, 1, 1, &rgb, out);
    assert_memory_equal(out, gray, sizeof gray);
    for (int c = 0; c < 5; c++) {
        normalize[1].params[c] = 0.1 * c;
        normalize[1].params[VT_MAX_CHANNELS + c] = 1 + c;
    }
    apply(&resize, 1, 5, &five, plain);
    apply(normalize, 2, 5, &five, out);
    for (int i = 0; i < 5 * 64; i++)
        assert_true(out[i] == (plain[i] - (float)(0.1 * (i / 64))) / (float)(1 + i / 64));
    vt_contrast(&five, 0);
    for (int i = 0; i < 5 * PIXELS; i++)
        assert_int_equal(five.pixels[i], five.pixels[0]); /* all are the mean */
    vt_image_free(&rgb);
    vt_image_free(&five);
}

static VtDataset *open_set(const char *path, int channels) {
    VtError error = {0};
    VtDataset *data = vt_dataset_open(path, "train", &error);
    if (!data || !vt_dataset_set_channels(data, channels, &error)) fail_msg("%s", error.message);
    return data;
}

static void test_sets(void **state) {
    static const char dictionary[] = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 7, 9, 5), }";
    uint8_t pixels[2 * PIXELS * 5];
    VtImage image, five = make_bands(5);
    VtError error = {0};
    (void)state;
    for (int k = 0; k < 2; k++) memcpy(pixels + k * PIXELS * 5, five.pixels, PIXELS * 5);
    Pack *pack = pack_begin("five.npz", true, NULL);
    pack_npy(pack, "train_images.npy", dictionary, pixels, sizeof pixels);
    pack_end(pack);
    VtDataset *data = open_set(in_folder("five.npz"), 5);
    assert_int_equal(vt_dataset_channels(data), 5);
    assert_false(vt_dataset_set_channels(data, 3, &error));
    assert_int_equal(error.code, 2);
    assert_non_null(strstr(error.message, "have 5 channels, the recipe's views want 3"));
    for (int k = 0; k < 2; k++) {
        assert_true(vt_dataset_image(data, 1, &image, &error)); /* the second time from the cache */
        assert_int_equal(image.channels, 5);
        assert_memory_equal(image.pixels, five.pixels, PIXELS * 5);
        vt_image_free(&image);
    }
    vt_dataset_close(data);
    Encoded file = encode_npy(&five, false);
    write_file("arrays/a/1.npy", file.bytes, file.size);
    free(file.bytes);
    data = open_set(in_folder("arrays"), 5);
    assert_true(vt_dataset_image(data, 0, &image, &error));
    assert_memory_equal(image.pixels, five.pixels, PIXELS * 5);
    vt_image_free(&image);
    vt_image_free(&five);
    vt_dataset_close(data);
    for (int n = 2; n <= 16; n += 7) { /* bands of synthetic scenes: the first is red */
        VtDataset *bands = open_set("synthetic:20:16", n), *rgb = open_set("synthetic:20:16", 3);
        VtImage red;
        assert_true(vt_dataset_image(bands, 7, &image, &error) && vt_dataset_image(rgb, 7, &red, &error));
        assert_int_equal(image.channels, n);
        for (int i = 0; i < 256; i++) assert_int_equal(image.pixels[i * n], red.pixels[3 * i]);
        vt_image_free(&image);
        vt_image_free(&red);
        vt_dataset_close(bands);
        vt_dataset_close(rgb);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_formats), cmocka_unit_test(test_npy),
                                       cmocka_unit_test(test_augmentations), cmocka_unit_test(test_values),
                                       cmocka_unit_test(test_sets)};
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
