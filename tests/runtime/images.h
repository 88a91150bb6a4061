/* For tests: small images and their JPEG and PNG bytes. */
#ifndef VITC_TESTS_RUNTIME_IMAGES_H
#define VITC_TESTS_RUNTIME_IMAGES_H

#include "runtime/runtime.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <stdio.h>
#include <jpeglib.h>
#include <spng.h>

typedef struct {
    uint8_t *bytes; /* malloc'ed */
    size_t size;
} Encoded;

/* Smooth, coloured, and different for every `number`. */
static inline VtImage make_image(int width, int height, int number) {
    VtImage image = {width, height, 3, malloc(3 * (size_t)width * (size_t)height)};
    assert_non_null(image.pixels);
    for (int i = 0; i < width * height; i++) {
        double x = (double)(i % width) / width, y = (double)(i / width) / height;
        for (int c = 0; c < 3; c++)
            image.pixels[3 * i + c] = (uint8_t)(127.5 + 120 * sin(3 * x * (c + 1) + 2 * y + number + 2 * c));
    }
    return image;
}

static inline Encoded encode_png(const void *pixels, int width, int height, int color_type, int depth,
                                 bool interlaced) {
    static const int channels[] = {1, 0, 3, 1, 2, 0, 4};
    struct spng_ihdr header = {.width = (uint32_t)width,
                               .height = (uint32_t)height,
                               .color_type = (uint8_t)color_type,
                               .bit_depth = (uint8_t)depth,
                               .interlace_method = interlaced};
    struct spng_plte palette = {.n_entries = 256};
    size_t row = ((size_t)width * (size_t)(channels[color_type] * depth) + 7) / 8;
    Encoded png = {0};
    int problem = 0;
    spng_ctx *context = spng_ctx_new(SPNG_CTX_ENCODER);
    spng_set_option(context, SPNG_ENCODE_TO_BUFFER, 1);
    spng_set_ihdr(context, &header);
    for (int i = 0; i < 256; i++)
        palette.entries[i] = (struct spng_plte_entry){(uint8_t)i, (uint8_t)(255 - i), (uint8_t)(i / 2), 255};
    if (color_type == SPNG_COLOR_TYPE_INDEXED) spng_set_plte(context, &palette);
    assert_int_equal(
        spng_encode_image(context, pixels, row * (size_t)height, SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE), 0);
    png.bytes = spng_get_png_buffer(context, &png.size, &problem);
    assert_int_equal(problem, 0);
    spng_ctx_free(context);
    return png;
}

typedef struct {
    int channels;         /* 1: gray, 3: RGB, 4: CMYK */
    const char *sampling; /* of each component: "21 11 11"; NULL: 11 */
    bool progressive, arithmetic, rgb_inside, separate_scans;
} JpegKind;

static inline Encoded encode_jpeg(const uint8_t *pixels, int width, int height, JpegKind kind) {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char *buffer = NULL;
    unsigned long size = 0;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &buffer, &size);
    jpeg.image_width = (unsigned)width;
    jpeg.image_height = (unsigned)height;
    jpeg.input_components = kind.channels;
    jpeg.in_color_space = kind.channels == 1 ? JCS_GRAYSCALE : kind.channels == 3 ? JCS_RGB : JCS_CMYK;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 95, TRUE);
    if (kind.rgb_inside) jpeg_set_colorspace(&jpeg, JCS_RGB);
    for (int c = 0; c < kind.channels; c++) {
        jpeg.comp_info[c].h_samp_factor = kind.sampling ? kind.sampling[3 * c] - '0' : 1;
        jpeg.comp_info[c].v_samp_factor = kind.sampling ? kind.sampling[3 * c + 1] - '0' : 1;
    }
    static const jpeg_scan_info apart[3] = {
        {1, {0}, 0, 63, 0, 0}, {1, {1}, 0, 63, 0, 0}, {1, {2}, 0, 63, 0, 0}};
    if (kind.progressive) jpeg_simple_progression(&jpeg);
    if (kind.separate_scans) {
        jpeg.scan_info = apart;
        jpeg.num_scans = 3;
    }
    jpeg.arith_code = kind.arithmetic;
    jpeg_start_compress(&jpeg, TRUE);
    for (int y = 0; y < height; y++) {
        JSAMPROW row = (JSAMPROW)pixels + (size_t)y * (size_t)width * (size_t)kind.channels;
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    return (Encoded){buffer, size};
}

static inline Encoded png_of(const VtImage *image) {
    return encode_png(image->pixels, image->width, image->height, SPNG_COLOR_TYPE_TRUECOLOR, 8, false);
}

static inline Encoded jpeg_of(const VtImage *image) {
    return encode_jpeg(image->pixels, image->width, image->height, (JpegKind){.channels = 3});
}

#endif
