/* Decoding: every kind of PNG and JPEG that data sets hold, and none of the damaged ones. */
#include "tests/runtime/images.h"

static void decode(const Encoded *file, VtImage *out) {
    VtError error;
    if (!vt_image_decode(file->bytes, file->size, "picture", 3, out, &error)) fail_msg("%s", error.message);
}

/* Refused, with a message that names the file and holds `why`. */
static void refuse(const uint8_t *bytes, size_t size, const char *why) {
    VtError error = {0};
    VtImage image;
    if (vt_image_decode(bytes, size, "folder/picture", 3, &image, &error))
        fail_msg("%zu bytes were taken for an image", size);
    assert_int_equal(error.code, 1);
    assert_true(error.bad_image);
    assert_null(image.pixels);
    if (!strstr(error.message, "folder/picture") || !strstr(error.message, why))
        fail_msg("'%s' does not say '%s'", error.message, why);
}

static void test_png_exact(void **state) {
    (void)state;
    for (int interlaced = 0; interlaced < 2; interlaced++) {
        VtImage image = make_image(37, 21, 1), got;
        Encoded png = encode_png(image.pixels, 37, 21, PNG_COLOR_TYPE_RGB, 8, interlaced);
        decode(&png, &got);
        assert_int_equal(got.width, 37);
        assert_int_equal(got.height, 21);
        assert_memory_equal(got.pixels, image.pixels, 3 * 37 * 21);
        vt_image_free(&got);
        vt_image_free(&image);
        free(png.bytes);
    }
}

/* Gray, palette, alpha (left away, as Pillow's convert("RGB") does) and 16 bits (the high ones): a ramp of 256
 * values. */
static void test_png_kinds(void **state) {
    static const struct {
        int color_type, depth, step; /* bytes a pixel */
    } kinds[] = {{PNG_COLOR_TYPE_GRAY, 8, 1},
                 {PNG_COLOR_TYPE_GRAY_ALPHA, 8, 2},
                 {PNG_COLOR_TYPE_PALETTE, 8, 1},
                 {PNG_COLOR_TYPE_RGB_ALPHA, 8, 4},
                 {PNG_COLOR_TYPE_RGB, 16, 6}};
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
            bool palette = kinds[k].color_type == PNG_COLOR_TYPE_PALETTE,
                 gray = kinds[k].step < 3 && !palette;
            assert_int_equal(got.pixels[3 * i], i);
            assert_int_equal(got.pixels[3 * i + 1], gray ? i : 255 - i);
            assert_int_equal(got.pixels[3 * i + 2], palette ? i / 2 : i);
        }
        vt_image_free(&got);
        free(png.bytes);
    }
}

static void test_jpeg_kinds(void **state) {
    static const struct {
        JpegKind kind;
        int most;
    } kinds[] = {
        {{.channels = 3}, 8},
        {{.channels = 3, .sampling = "22 11 11"}, 24},
        {{.channels = 3, .sampling = "31 11 11"}, 60},
        {{.channels = 3, .sampling = "14 11 11"}, 60},
        {{.channels = 3, .sampling = "42 11 11"}, 60},
        {{.channels = 3, .sampling = "11 21 11"}, 24},
        {{.channels = 3, .progressive = true}, 8},
        {{.channels = 3, .progressive = true, .sampling = "22 11 11"}, 24},
        {{.channels = 3, .arithmetic = true}, 8},
        {{.channels = 3, .separate_scans = true}, 8},
        {{.channels = 3, .rgb_inside = true}, 8},
        {{.channels = 1}, 4},
        {{.channels = 1, .sampling = "22"}, 4},
    };
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        VtImage image = make_image(45, 33, 2), got;
        uint8_t gray[45 * 33];
        for (int i = 0; kinds[k].kind.channels == 1 && i < 45 * 33; i++)
            gray[i] = image.pixels[3 * i + 1] = image.pixels[3 * i + 2] = image.pixels[3 * i];
        Encoded jpeg = encode_jpeg(kinds[k].kind.channels == 1 ? gray : image.pixels, 45, 33, kinds[k].kind);
        decode(&jpeg, &got);
        assert_int_equal(got.width, 45);
        assert_int_equal(got.height, 33);
        for (int i = 0; i < 3 * 45 * 33; i++)
            if (abs(got.pixels[i] - image.pixels[i]) > kinds[k].most)
                fail_msg("kind %zu, byte %d: %d for %d", k, i, got.pixels[i], image.pixels[i]);
        vt_image_free(&got);
        vt_image_free(&image);
        free(jpeg.bytes);
    }
}

/* Adobe's CMYK, stored inverted: 255 is no ink. */
static void test_jpeg_cmyk(void **state) {
    static const char *const samplings[] = {"11 11 11 11", "22 11 11 22", "21 11 11 11"};
    uint8_t cmyk[16 * 16 * 4];
    (void)state;
    for (int i = 0; i < 256; i++) {
        uint8_t ink[4] = {200, 100, 50, 128};
        memcpy(cmyk + 4 * i, ink, 4);
    }
    for (size_t k = 0; k < sizeof samplings / sizeof *samplings; k++) {
        Encoded jpeg = encode_jpeg(cmyk, 16, 16, (JpegKind){.channels = 4, .sampling = samplings[k]});
        VtImage got;
        decode(&jpeg, &got);
        for (int i = 0; i < 256; i++) {
            assert_true(abs(got.pixels[3 * i] - 200 * 128 / 255) <= 3);
            assert_true(abs(got.pixels[3 * i + 1] - 100 * 128 / 255) <= 3);
            assert_true(abs(got.pixels[3 * i + 2] - 50 * 128 / 255) <= 3);
        }
        vt_image_free(&got);
        free(jpeg.bytes);
    }
}

static Encoded insert(const Encoded *file, size_t at, const void *bytes, size_t size) {
    Encoded out = {malloc(file->size + size), file->size + size};
    memcpy(out.bytes, file->bytes, at);
    if (size) memcpy(out.bytes + at, bytes, size);
    memcpy(out.bytes + at + size, file->bytes + at, file->size - at);
    return out;
}

static size_t find_marker(const Encoded *jpeg, uint8_t marker) {
    for (size_t i = 0; i + 1 < jpeg->size; i++)
        if (jpeg->bytes[i] == 0xff && jpeg->bytes[i + 1] == marker) return i;
    fail_msg("no marker %02x", marker);
    return 0;
}

static void expect_same(const Encoded *file, const VtImage *want) {
    VtImage got;
    decode(file, &got);
    assert_int_equal(got.width, want->width);
    assert_int_equal(got.height, want->height);
    assert_memory_equal(got.pixels, want->pixels, 3 * (size_t)got.width * (size_t)got.height);
    vt_image_free(&got);
}

/* What libjpeg only warns of changes no pixel. */
static void test_jpeg_warnings(void **state) {
    static const uint8_t zeros[64] = {0}, junk[] = "behind";
    VtImage image = make_image(45, 33, 7), want;
    Encoded plain = jpeg_of(&image), files[8];
    int n = 0;
    (void)state;
    decode(&plain, &want);
    files[n++] = insert(&plain, plain.size - 2, zeros, sizeof zeros);     /* before the end mark */
    files[n++] = insert(&plain, find_marker(&plain, 0xdb), zeros + 1, 5); /* before another one */
    files[n++] = insert(&plain, plain.size, junk, sizeof junk);           /* after it */
    files[n++] = insert(&plain, 20,
                        "\xff\xe1\0\x0a"
                        "Exif\0\0\0\0",
                        12); /* an EXIF of nothing */
    for (int k = 0; k < 3; k++) files[n++] = insert(&plain, 0, NULL, 0);
    files[n - 3].bytes[11] = 2;                             /* JFIF 2.1 */
    files[n - 2].bytes[find_marker(&plain, 0xda) + 12] = 0; /* SOS: a spectral selection of 0 … 0 */
    files[n - 1].size -= 2;                                 /* no end mark */
    for (int k = 0; k < n; k++) {
        expect_same(&files[k], &want);
        free(files[k].bytes);
    }
    vt_image_free(&want);
    vt_image_free(&image);
    free(plain.bytes);
}

static uint32_t crc32_of(const uint8_t *bytes, size_t size) {
    uint32_t crc = ~0u;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int k = 0; k < 8; k++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

static void put_number_at(uint8_t *at, uint32_t number) {
    for (int k = 0; k < 4; k++) at[k] = (uint8_t)(number >> (24 - 8 * k));
}

/* Chunks that pixels do not depend on may be damaged, unknown or missing. */
static void test_png_chunks(void **state) {
    VtImage image = make_image(20, 10, 8);
    Encoded plain = png_of(&image), files[6];
    int n = 0;
    (void)state;
    files[n++] = insert(&plain, 33, "\0\0\0\4iCCPabcd\0\0\0\0", 16);
    files[n++] = insert(&plain, 33, "\0\0\0\0XYZW\1\2\3\4", 12);
    files[n++] = insert(&plain, plain.size - 12, "garbage", 7);
    for (int k = 0; k < 2; k++) files[n++] = insert(&plain, 0, NULL, 0);
    files[n - 2].size -= 12; /* no IEND */
    files[n - 1].size -= 5;  /* part of it */
    files[n++] = insert(&plain, 0, NULL, 0);
    size_t idat = 33, length = plain.size - 12 - idat - 12 - 4; /* the stream's own checksum is missing */
    uint8_t *chunk = files[n - 1].bytes + idat;
    assert_memory_equal(chunk + 4, "IDAT", 4);
    put_number_at(chunk, (uint32_t)length);
    put_number_at(chunk + 8 + length, crc32_of(chunk + 4, length + 4));
    files[n - 1].size = idat + length + 12;
    for (int k = 0; k < n; k++) {
        expect_same(&files[k], &image);
        free(files[k].bytes);
    }
    vt_image_free(&image);
    free(plain.bytes);
}

/* Cut anywhere before its last pixel, a file is refused. */
static void test_truncated(void **state) {
    VtImage image = make_image(32, 32, 3);
    Encoded files[] = {png_of(&image), jpeg_of(&image),
                       encode_jpeg(image.pixels, 32, 32, (JpegKind){.channels = 3, .progressive = true}),
                       encode_jpeg(image.pixels, 32, 32, (JpegKind){.channels = 3, .separate_scans = true}),
                       encode_jpeg(image.pixels, 32, 32, (JpegKind){.channels = 3, .arithmetic = true})};
    (void)state;
    for (int f = 0; f < 5; f++) {
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
            if (vt_image_decode(files[f].bytes, files[f].size, "x", 3, &got, &error)) {
                if (f == 0 && i < files[f].size - 12) fail_msg("byte %zu of a PNG damaged and not seen", i);
                vt_image_free(&got);
            }
            files[f].bytes[i] ^= 0x55;
        }
        free(files[f].bytes);
    }
    vt_image_free(&image);
}

/* A few bytes that claim a gigapixel are refused before memory is asked for. */
static void test_huge(void **state) {
    VtImage image = make_image(8, 8, 5);
    Encoded png = png_of(&image), jpeg = jpeg_of(&image);
    (void)state;
    for (int k = 0; k < 4; k++) png.bytes[16 + k] = png.bytes[20 + k] = "\0\1\0\0"[k]; /* 65536 x 65536 */
    uint32_t crc = crc32_of(png.bytes + 12, 17);
    put_number_at(png.bytes + 29, crc);
    refuse(png.bytes, png.size, "");
    for (size_t i = 0; i + 8 < jpeg.size; i++)
        if (jpeg.bytes[i] == 0xff && jpeg.bytes[i + 1] == 0xc0)
            memcpy(jpeg.bytes + i + 5, "\xfd\xe8\xfd\xe8", 4);
    refuse(jpeg.bytes, jpeg.size, "65000 x 65000 pixels: refused: an edge is at most 16384");
    for (size_t i = 0; i + 8 < jpeg.size; i++)
        if (jpeg.bytes[i] == 0xff && jpeg.bytes[i + 1] == 0xc0)
            memcpy(jpeg.bytes + i + 5, "\x1f\x40\x23\x28", 4);
    refuse(jpeg.bytes, jpeg.size, "72000000 pixels in all, at most 67108864");
    vt_image_free(&image);
    free(png.bytes);
    free(jpeg.bytes);
}

static void test_no_image(void **state) {
    (void)state;
    refuse((const uint8_t *)"", 0, "empty");
    refuse((const uint8_t *)"\xff", 1, "no image");
    refuse((const uint8_t *)"GIF89b......", 12, "no image");
    refuse((const uint8_t *)"\0\0\0\x1c"
                            "ftypavif",
           12, "AVIF or HEIF, which is not read");
    refuse((const uint8_t *)"\x89PNG", 4, "");
    refuse((const uint8_t *)"\xff\xd8\xff\xd9", 4, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_png_exact),     cmocka_unit_test(test_png_kinds),
        cmocka_unit_test(test_jpeg_kinds),    cmocka_unit_test(test_jpeg_cmyk),
        cmocka_unit_test(test_jpeg_warnings), cmocka_unit_test(test_png_chunks),
        cmocka_unit_test(test_truncated),     cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_huge),          cmocka_unit_test(test_no_image),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
