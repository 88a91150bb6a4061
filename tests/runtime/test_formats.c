/* Decoding of the formats beside JPEG and PNG: pixels as Pillow's convert("RGB") gives them, and what is damaged is
 * refused. */
#include "tests/runtime/encode.h"

static void decode(const Encoded *file, VtImage *out) {
    VtError error;
    if (!vt_image_decode(file->bytes, file->size, "picture", 3, out, &error)) fail_msg("%s", error.message);
}

static void refuse(const uint8_t *bytes, size_t size, const char *why) {
    VtError error = {0};
    VtImage image;
    if (vt_image_decode(bytes, size, "folder/picture", 3, &image, &error))
        fail_msg("%zu bytes were taken for an image (%.2s)", size, (const char *)bytes);
    assert_true(error.bad_image);
    assert_null(image.pixels);
    if (!strstr(error.message, "folder/picture") || !strstr(error.message, why))
        fail_msg("'%s' does not say '%s'", error.message, why);
}

/* Decodes to `want` up to `most` a byte; cut anywhere before `tail` bytes from its end it is refused. Frees the
 * file. */
static void expect(Encoded file, const uint8_t *want, int width, int height, int most, size_t tail) {
    VtImage got;
    decode(&file, &got);
    assert_int_equal(got.width, width);
    assert_int_equal(got.height, height);
    for (int i = 0; i < 3 * width * height; i++)
        if (abs(got.pixels[i] - want[i]) > most) fail_msg("byte %d: %d for %d", i, got.pixels[i], want[i]);
    vt_image_free(&got);
    for (size_t size = 0; size < file.size - tail; size += 1 + size / 8) refuse(file.bytes, size, "");
    if (tail < file.size) refuse(file.bytes, file.size - tail - 1, "");
    /* any byte damaged: decoded or refused, never a crash */
    for (size_t i = 0; i < file.size; i += 1 + i / 32) {
        file.bytes[i] ^= 0x55;
        if (vt_image_decode(file.bytes, file.size, "x", 3, &got, NULL)) vt_image_free(&got);
        file.bytes[i] ^= 0x55;
    }
    free(file.bytes);
}

static void test_webp(void **state) {
    VtImage image = make_image(45, 33, 1);
    uint8_t canvas[35 * 47 * 3] = {0};
    (void)state;
    expect(encode_webp(&image, true), image.pixels, 45, 33, 0, 0);
    expect(encode_webp(&image, false), image.pixels, 45, 33, 40, 0);
    for (int y = 0; y < 33; y++) memcpy(canvas + 3 * (y * 47 + 2), image.pixels + 3 * y * 45, 3 * 45);
    expect(encode_webp_animation(&image), canvas, 47, 35, 0, 0);
    vt_image_free(&image);
}

static void test_tiff_rgb(void **state) {
    static const TiffKind kinds[] = {
        {.photometric = PHOTOMETRIC_RGB, .samples = 3, .bits = 8, .compression = COMPRESSION_NONE},
        {.photometric = PHOTOMETRIC_RGB,
         .samples = 3,
         .bits = 8,
         .compression = COMPRESSION_NONE,
         .mode = "wb"},
        {.photometric = PHOTOMETRIC_RGB,
         .samples = 3,
         .bits = 8,
         .compression = COMPRESSION_NONE,
         .mode = "w8"},
        {.photometric = PHOTOMETRIC_RGB,
         .samples = 3,
         .bits = 8,
         .compression = COMPRESSION_NONE,
         .separate = true},
        {.photometric = PHOTOMETRIC_RGB, .samples = 3, .bits = 8, .compression = COMPRESSION_LZW, .tile = 16},
        {.photometric = PHOTOMETRIC_RGB,
         .samples = 3,
         .bits = 8,
         .compression = COMPRESSION_ADOBE_DEFLATE,
         .tile = 32,
         .separate = true},
        {.photometric = PHOTOMETRIC_RGB, .samples = 3, .bits = 8, .compression = COMPRESSION_PACKBITS},
        {.photometric = PHOTOMETRIC_RGB, .samples = 3, .bits = 8, .compression = COMPRESSION_JPEG},
        {.photometric = PHOTOMETRIC_YCBCR, .samples = 3, .bits = 8, .compression = COMPRESSION_JPEG},
    };
    VtImage image = make_image(45, 33, 2);
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        expect(encode_tiff(image.pixels, 45, 33, kinds[k]), image.pixels, 45, 33,
               kinds[k].compression == COMPRESSION_JPEG ? 60 : 0, 0);
    vt_image_free(&image);
}

/* A ramp of 256 values: gray, white first, 16 bits, places in a palette, inks; and few bits. */
static void test_tiff_kinds(void **state) {
    static const struct {
        TiffKind kind;
        int width;
    } kinds[] = {
        {{.photometric = PHOTOMETRIC_MINISBLACK, .samples = 1, .bits = 8, .compression = COMPRESSION_LZW},
         16},
        {{.photometric = PHOTOMETRIC_MINISWHITE, .samples = 1, .bits = 8, .compression = COMPRESSION_NONE},
         16},
        {{.photometric = PHOTOMETRIC_PALETTE,
          .samples = 1,
          .bits = 8,
          .compression = COMPRESSION_ADOBE_DEFLATE},
         16},
        {{.photometric = PHOTOMETRIC_MINISBLACK,
          .samples = 1,
          .bits = 16,
          .compression = COMPRESSION_NONE,
          .mode = "wb"},
         8},
        {{.photometric = PHOTOMETRIC_SEPARATED, .samples = 4, .bits = 8, .compression = COMPRESSION_NONE}, 4},
        {{.photometric = PHOTOMETRIC_MINISBLACK,
          .samples = 1,
          .bits = 1,
          .compression = COMPRESSION_CCITTFAX4},
         128},
        {{.photometric = PHOTOMETRIC_MINISWHITE, .samples = 1, .bits = 4, .compression = COMPRESSION_NONE},
         32},
    };
    uint8_t ramp[256], want[3 * 128 * 16];
    (void)state;
    for (int i = 0; i < 256; i++) ramp[i] = (uint8_t)i;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        int bits = kinds[k].kind.bits, photometric = kinds[k].kind.photometric, n = kinds[k].width * 16;
        for (int i = 0; i < n; i++)
            for (int c = 0; c < 3; c++) {
                int value = bits == 8    ? ramp[i]
                            : bits == 16 ? ramp[2 * i + 1] /* written on a little-endian machine */
                            : bits == 4  ? (ramp[i / 2] >> (i % 2 ? 0 : 4) & 15) * 17
                                         : (ramp[i / 8] >> (7 - i % 8) & 1) * 255;
                if (photometric == PHOTOMETRIC_MINISWHITE) value = 255 - value;
                if (photometric == PHOTOMETRIC_PALETTE) value = c == 0 ? i : c == 1 ? 255 - i : i / 2;
                if (photometric == PHOTOMETRIC_SEPARATED)
                    value = ((255 - ramp[4 * i + c]) * (255 - ramp[4 * i + 3]) + 127) / 255;
                want[3 * i + c] = (uint8_t)value;
            }
        expect(encode_tiff(ramp, kinds[k].width, 16, kinds[k].kind), want, kinds[k].width, 16, 0,
               16); /* the sizes of strips, which lie last, can be guessed */
    }
}

/* Row 0 and column 0 lie where the tag says. */
static void test_tiff_orientation(void **state) {
    VtImage image = make_image(7, 5, 3);
    (void)state;
    for (int o = 1; o <= 8; o++) {
        int width = o > 4 ? 5 : 7, height = o > 4 ? 7 : 5;
        uint8_t want[3 * 35];
        for (int y = 0; y < 5; y++)
            for (int x = 0; x < 7; x++) {
                int right = (o == 2 || o == 3) ? 6 - x : x, down = (o == 3 || o == 4) ? 4 - y : y;
                if (o > 4) { /* rows become columns */
                    right = o == 6 || o == 7 ? 4 - y : y;
                    down = o == 7 || o == 8 ? 6 - x : x;
                }
                memcpy(want + 3 * (down * width + right), image.pixels + 3 * (y * 7 + x), 3);
            }
        TiffKind kind = {.photometric = PHOTOMETRIC_RGB,
                         .samples = 3,
                         .bits = 8,
                         .compression = COMPRESSION_NONE,
                         .orientation = o};
        expect(encode_tiff(image.pixels, 7, 5, kind), want, width, height, 0, 0);
    }
    vt_image_free(&image);
}

/* The tag of the width, and that of the height, hold what they must not. */
static void test_tiff_huge(void **state) {
    VtImage image = make_image(8, 8, 3);
    Encoded tiff = encode_tiff(
        image.pixels, 8, 8,
        (TiffKind){.photometric = PHOTOMETRIC_RGB, .samples = 3, .bits = 8, .compression = COMPRESSION_NONE});
    (void)state;
    for (size_t i = 8; i + 12 < tiff.size; i++)
        if (memcmp(tiff.bytes + i, "\0\1\3\0\1\0\0\0\10\0", 10) == 0) memcpy(tiff.bytes + i + 8, "\0\xf0", 2);
    refuse(tiff.bytes, tiff.size, "61440 x 8 pixels: refused: an edge is at most 16384");
    vt_image_free(&image);
    free(tiff.bytes);
}

static void test_gif(void **state) {
    uint8_t places[256], want[3 * 19 * 18];
    (void)state;
    for (int i = 0; i < 256; i++) places[i] = (uint8_t)i;
    for (int interlaced = 0; interlaced < 2; interlaced++) {
        for (int i = 0; i < 19 * 18; i++)
            memcpy(want + 3 * i, "\0\xff\0", 3); /* the palette's first colour */
        for (int i = 0; i < 256; i++) {
            uint8_t *to = want + 3 * ((i / 16 + 2) * 19 + i % 16 + 3);
            to[0] = (uint8_t)i;
            to[1] = (uint8_t)(255 - i);
            to[2] = (uint8_t)(i / 2);
        }
        Encoded gif = encode_gif(places, 16, 16, 3, 2, interlaced);
        expect(gif, want, 19, 18, 0, gif.size / 3); /* the second frame does not matter */
    }
}

static void test_bmp(void **state) {
    static const uint32_t masks565[] = {0xf800, 0x7e0, 0x1f}, masks32[] = {0xff, 0xff00, 0xff0000};
    VtImage image = make_image(45, 33, 4);
    uint8_t want[3 * 16];
    (void)state;
    expect(encode_bmp24(&image), image.pixels, 45, 33, 0, 1);
    vt_image_free(&image);
    /* 16 places of 4 bits, from the top down */
    for (int i = 0; i < 16; i++) {
        want[3 * i] = (uint8_t)i;
        want[3 * i + 1] = (uint8_t)(255 - i);
        want[3 * i + 2] = (uint8_t)(i / 2);
    }
    expect(encode_bmp(8, -2, 4, 0, NULL, "\x01\x23\x45\x67\x89\xab\xcd\xef", 8), want, 8, 2, 0, 0);
    /* the same in runs: each row a literal stretch; rows from the bottom up */
    expect(encode_bmp(8, 2, 8, 1, NULL, "\0\10\10\11\12\13\14\15\16\17\0\0\0\10\0\1\2\3\4\5\6\7\0\1", 24),
           want, 8, 2, 0, 2);
    expect(encode_bmp(8, 2, 4, 2, NULL, "\0\10\x89\xab\xcd\xef\0\0\0\10\x01\x23\x45\x67\0\1", 16), want, 8, 2,
           0, 2);
    for (int i = 0; i < 8; i++)
        memcpy(want + 3 * i, i < 5 ? "\x07\xf8\x03" : i == 5 ? "\x09\xf6\x04" : "\0\xff\0", 3);
    expect(encode_bmp(8, 1, 8, 1, NULL, "\5\7\1\11\0\1", 6), want, 8, 1, 0, 0); /* the rest is left out */
    expect(encode_bmp(1, 1, 16, 3, masks565, "\x1f\x84\0\0", 4), (const uint8_t *)"\x83\x81\xff", 1, 1, 0, 2);
    expect(encode_bmp(1, 1, 16, 0, NULL, "\x1f\x04\0\0", 4), (const uint8_t *)"\x08\x00\xff", 1, 1, 0, 2);
    expect(encode_bmp(1, 1, 32, 3, masks32, "\1\2\3\xff", 4), (const uint8_t *)"\1\2\3", 1, 1, 0, 0);
    Encoded large = encode_bmp(9000, 8000, 24, 0, NULL, "", 0);
    refuse(large.bytes, large.size, "9000 x 8000 pixels: refused: 72000000 pixels in all, at most 67108864");
    free(large.bytes);
    Encoded jpeg_inside = encode_bmp(8, 8, 24, 4, NULL, "", 0);
    refuse(jpeg_inside.bytes, jpeg_inside.size, "compression 4: not read");
    free(jpeg_inside.bytes);
}

static void test_pnm(void **state) {
    static const struct {
        const char *text;
        size_t size;
        int width, height;
        const char *want;
    } cases[] = {
        {"P1 3 1 # a comment\n10 1", 23, 3, 1, "\0\0\0\xff\xff\xff\0\0\0"},
        {"P2\n2 1\n10\n10 1 ", 15, 2, 1, "\xff\xff\xff\x1a\x1a\x1a"}, /* 25.5 is 26 */
        {"P3 1 1 10 10 1 3\n", 17, 1, 1, "\xff\x1a\x4c"},             /* 76.5 is 76 */
        {"P4 10 1 \xff\xbf", 10, 10, 1, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff\xff"},
        {"P5 1 1 255 \7", 12, 1, 1, "\7\7\7"},
        {"P5 1 1 65535 \x80\x7f", 15, 1, 1, "\x80\x80\x80"},
        {"P6 1 1 255\n\1\2\3", 14, 1, 1, "\1\2\3"},
    };
    VtImage image = make_image(45, 33, 5);
    (void)state;
    expect(encode_ppm(&image), image.pixels, 45, 33, 0, 0);
    vt_image_free(&image);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        Encoded file = {0};
        put_bytes(&file, cases[k].text, cases[k].size);
        size_t tail = cases[k].text[1] <= '3'; /* a number may go on */
        expect(file, (const uint8_t *)cases[k].want, cases[k].width, cases[k].height, 0, tail);
    }
    refuse((const uint8_t *)"P5 1 1 0 \7", 10, "header");
    refuse((const uint8_t *)"P5 1 1 65536 \7\7", 15, "header");
    refuse((const uint8_t *)"P3 1 1 9 1 2 10 ", 16, "damaged");
    refuse((const uint8_t *)"P5 -1 1 9 1", 11, "header");
    refuse((const uint8_t *)"P6 20000 1 255 1", 16, "an edge is at most 16384");
    refuse((const uint8_t *)"P5 99999999999 1 255 1", 22, "header");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_webp),       cmocka_unit_test(test_tiff_rgb),
        cmocka_unit_test(test_tiff_kinds), cmocka_unit_test(test_tiff_orientation),
        cmocka_unit_test(test_tiff_huge),  cmocka_unit_test(test_gif),
        cmocka_unit_test(test_bmp),        cmocka_unit_test(test_pnm),
    };
    TIFFSetErrorHandler(NULL);
    TIFFSetWarningHandler(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
