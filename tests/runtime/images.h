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
#include <png.h>

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

static inline void put_png_bytes(png_struct *png, png_byte *bytes, size_t n) {
    Encoded *file = png_get_io_ptr(png);
    assert_non_null(file->bytes = realloc(file->bytes, file->size + n));
    memcpy(file->bytes + file->size, bytes, n);
    file->size += n;
}

/* Errors of libpng end the test. Samples of 16 bits are in the machine's order. */
static inline Encoded encode_png(const void *pixels, int width, int height, int color_type, int depth,
                                 bool interlaced) {
    static const int channels[] = {1, 0, 3, 1, 2, 0, 4};
    size_t row = ((size_t)width * (size_t)(channels[color_type] * depth) + 7) / 8;
    Encoded file = {0};
    png_struct *png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_info *info = png_create_info_struct(png);
    png_color palette[256];
    png_set_write_fn(png, &file, put_png_bytes, NULL);
    png_set_IHDR(png, info, (uint32_t)width, (uint32_t)height, depth, color_type,
                 interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    for (int i = 0; i < 256; i++) palette[i] = (png_color){(uint8_t)i, (uint8_t)(255 - i), (uint8_t)(i / 2)};
    if (color_type == PNG_COLOR_TYPE_PALETTE) png_set_PLTE(png, info, palette, 1 << depth);
    png_write_info(png, info);
    if (depth == 16) png_set_swap(png);
    for (int pass = 0, passes = png_set_interlace_handling(png); pass < passes; pass++)
        for (int y = 0; y < height; y++) png_write_row(png, (const uint8_t *)pixels + (size_t)y * row);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    return file;
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
    return encode_png(image->pixels, image->width, image->height, PNG_COLOR_TYPE_RGB, 8, false);
}

static inline Encoded jpeg_of(const VtImage *image) {
    return encode_jpeg(image->pixels, image->width, image->height, (JpegKind){.channels = 3});
}

#endif
