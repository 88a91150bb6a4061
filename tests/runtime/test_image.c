/* Decoding: every kind of PNG and JPEG that data sets hold, and none of the damaged ones. */
#include "tests/runtime/images.h"

static void decode(const Encoded *file, VtImage *out) {
    VtError error;
    if (!vt_image_decode(file->bytes, file->size, "picture", out, &error)) fail_msg("%s", error.message);
}

/* Refused, with a message that names the file and holds `why`. */
static void refuse(const uint8_t *bytes, size_t size, const char *why) {
    VtError error = {0};
    VtImage image;
    if (vt_image_decode(bytes, size, "folder/picture", &image, &error))
        fail_msg("%zu bytes were taken for an image", size);
    assert_int_equal(error.code, 1);
    assert_null(image.rgb);
    if (!strstr(error.message, "folder/picture") || !strstr(error.message, why))
        fail_msg("'%s' does not say '%s'", error.message, why);
}

static void test_png_exact(void **state) {
    (void)state;
    for (int interlaced = 0; interlaced < 2; interlaced++) {
        VtImage image = make_image(37, 21, 1), got;
        Encoded png = encode_png(image.rgb, 37, 21, SPNG_COLOR_TYPE_TRUECOLOR, 8, interlaced);
        decode(&png, &got);
        assert_int_equal(got.width, 37);
        assert_int_equal(got.height, 21);
        assert_memory_equal(got.rgb, image.rgb, 3 * 37 * 21);
        vt_image_free(&got);
        vt_image_free(&image);
        free(png.bytes);
    }
}

/* Gray, palette, alpha (left away, as Pillow's convert("RGB") does) and 16 bits (the high ones): a ramp of 256 values. */
static void test_png_kinds(void **state) {
    static const struct {
        int color_type, depth, step; /* bytes a pixel */
    } kinds[] = {{SPNG_COLOR_TYPE_GRAYSCALE, 8, 1},
                 {SPNG_COLOR_TYPE_GRAYSCALE_ALPHA, 8, 2},
                 {SPNG_COLOR_TYPE_INDEXED, 8, 1},
                 {SPNG_COLOR_TYPE_TRUECOLOR_ALPHA, 8, 4},
                 {SPNG_COLOR_TYPE_TRUECOLOR, 16, 6}};
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        uint8_t pixels[256 * 6];
        uint16_t wide[256 * 3];
        memset(pixels, 77, sizeof pixels);
        for (int i = 0; i < 256; i++)
            for (int b = 0; b < (kinds[k].step < 3 ? 1 : 3); b++)
                if (kinds[k].depth == 8)
                    pixels[i * kinds[k].step + b] = (uint8_t)(b == 1 ? 255 - i : i);
                else
                    wide[3 * i + b] = (uint16_t)((b == 1 ? 255 - i : i) << 8 | 77);
        Encoded png = encode_png(kinds[k].depth == 8 ? (void *)pixels : wide, 16, 16, kinds[k].color_type,
                                 kinds[k].depth, false);
        VtImage got;
        decode(&png, &got);
        for (int i = 0; i < 256; i++) {
            bool palette = kinds[k].color_type == SPNG_COLOR_TYPE_INDEXED,
                 gray = kinds[k].step < 3 && !palette;
            assert_int_equal(got.rgb[3 * i], i);
            assert_int_equal(got.rgb[3 * i + 1], gray ? i : 255 - i);
            assert_int_equal(got.rgb[3 * i + 2], palette ? i / 2 : i);
        }
        vt_image_free(&got);
        free(png.bytes);
    }
}

static void test_jpeg_kinds(void **state) {
    static const struct {
        int sampling, flags, most;
    } kinds[] = {
        {TJSAMP_444, 0, 8}, {TJSAMP_420, 0, 24}, {TJSAMP_444, TJFLAG_PROGRESSIVE, 8}, {TJSAMP_GRAY, 0, 4}};
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        VtImage image = make_image(45, 33, 2), got;
        if (kinds[k].sampling == TJSAMP_GRAY)
            for (int i = 0; i < 45 * 33; i++) image.rgb[3 * i + 1] = image.rgb[3 * i + 2] = image.rgb[3 * i];
        Encoded jpeg = encode_jpeg(&image, kinds[k].sampling, kinds[k].flags);
        decode(&jpeg, &got);
        assert_int_equal(got.width, 45);
        assert_int_equal(got.height, 33);
        for (int i = 0; i < 3 * 45 * 33; i++) assert_true(abs(got.rgb[i] - image.rgb[i]) <= kinds[k].most);
        vt_image_free(&got);
        vt_image_free(&image);
        free(jpeg.bytes);
    }
}

/* Adobe's CMYK, stored inverted: 255 is no ink. */
static void test_jpeg_cmyk(void **state) {
    uint8_t cmyk[16 * 16 * 4];
    unsigned char *buffer = NULL;
    unsigned long size = 0;
    (void)state;
    for (int i = 0; i < 256; i++) {
        uint8_t ink[4] = {200, 100, 50, 128};
        memcpy(cmyk + 4 * i, ink, 4);
    }
    tjhandle handle = tjInitCompress();
    assert_int_equal(tjCompress2(handle, cmyk, 16, 0, 16, TJPF_CMYK, &buffer, &size, TJSAMP_444, 95, 0), 0);
    Encoded jpeg = {buffer, size};
    VtImage got;
    decode(&jpeg, &got);
    for (int i = 0; i < 256; i++) {
        assert_true(abs(got.rgb[3 * i] - 200 * 128 / 255) <= 3);
        assert_true(abs(got.rgb[3 * i + 1] - 100 * 128 / 255) <= 3);
        assert_true(abs(got.rgb[3 * i + 2] - 50 * 128 / 255) <= 3);
    }
    vt_image_free(&got);
    tjFree(buffer);
    tjDestroy(handle);
}

/* Cut anywhere before its last pixel, a file is refused. */
static void test_truncated(void **state) {
    VtImage image = make_image(32, 32, 3);
    Encoded files[] = {png_of(&image), jpeg_of(&image), encode_jpeg(&image, TJSAMP_420, TJFLAG_PROGRESSIVE)};
    (void)state;
    for (int f = 0; f < 3; f++) {
        size_t end = files[f].size - (f == 0 ? 12 : 2); /* PNG's IEND and JPEG's EOI hold no pixels */
        for (size_t size = 0; size < end; size += 7) refuse(files[f].bytes, size, "");
        free(files[f].bytes);
    }
    vt_image_free(&image);
}

/* Any one byte damaged: decoded or refused, never a crash; PNG's checksums see it all. */
static void test_damaged(void **state) {
    VtImage image = make_image(24, 24, 4), got;
    Encoded files[] = {png_of(&image), jpeg_of(&image)};
    (void)state;
    for (int f = 0; f < 2; f++) {
        for (size_t i = 4; i < files[f].size; i++) {
            files[f].bytes[i] ^= 0x55;
            VtError error;
            if (vt_image_decode(files[f].bytes, files[f].size, "x", &got, &error)) {
                if (f == 0 && i < files[f].size - 12) fail_msg("byte %zu of a PNG damaged and not seen", i);
                vt_image_free(&got);
            }
            files[f].bytes[i] ^= 0x55;
        }
        free(files[f].bytes);
    }
    vt_image_free(&image);
}

static uint32_t crc32_of(const uint8_t *bytes, size_t size) {
    uint32_t crc = ~0u;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int k = 0; k < 8; k++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

/* A few bytes that claim a gigapixel are refused before memory is asked for. */
static void test_huge(void **state) {
    VtImage image = make_image(8, 8, 5);
    Encoded png = png_of(&image), jpeg = jpeg_of(&image);
    (void)state;
    for (int k = 0; k < 4; k++) png.bytes[16 + k] = png.bytes[20 + k] = "\0\1\0\0"[k]; /* 65536 x 65536 */
    uint32_t crc = crc32_of(png.bytes + 12, 17);
    for (int k = 0; k < 4; k++) png.bytes[29 + k] = (uint8_t)(crc >> (24 - 8 * k));
    refuse(png.bytes, png.size, "");
    for (size_t i = 0; i + 8 < jpeg.size; i++)
        if (jpeg.bytes[i] == 0xff && jpeg.bytes[i + 1] == 0xc0) memset(jpeg.bytes + i + 5, 0xff, 4);
    refuse(jpeg.bytes, jpeg.size, "pixels");
    vt_image_free(&image);
    free(png.bytes);
    free(jpeg.bytes);
}

static void test_no_image(void **state) {
    (void)state;
    refuse((const uint8_t *)"", 0, "neither JPEG nor PNG");
    refuse((const uint8_t *)"\xff", 1, "neither JPEG nor PNG");
    refuse((const uint8_t *)"GIF89a......", 12, "neither JPEG nor PNG");
    refuse((const uint8_t *)"\x89PNG", 4, "");
    refuse((const uint8_t *)"\xff\xd8\xff\xd9", 4, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_png_exact), cmocka_unit_test(test_png_kinds), cmocka_unit_test(test_jpeg_kinds),
        cmocka_unit_test(test_jpeg_cmyk), cmocka_unit_test(test_truncated), cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_huge),      cmocka_unit_test(test_no_image),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
