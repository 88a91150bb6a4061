/* For tests: the bytes of image files of every format but JPEG and PNG, made by the formats' own libraries where there
 * are any. */
#ifndef VITC_TESTS_RUNTIME_ENCODE_H
#define VITC_TESTS_RUNTIME_ENCODE_H

#include "tests/runtime/images.h"

#include <gif_lib.h>
#include <sys/mman.h>
#include <tiffio.h>
#include <unistd.h>
#include <webp/encode.h>

/* ---- bytes one after the other ----------------------------------------------------------------------------------- */

static inline void put_bytes(Encoded *to, const void *bytes, size_t size) {
    to->bytes = realloc(to->bytes, to->size + size + 1);
    assert_non_null(to->bytes);
    if (size) memcpy(to->bytes + to->size, bytes, size);
    to->size += size;
}
static inline void put_text(Encoded *to, const char *text) {
    put_bytes(to, text, strlen(text));
}
/* `n` bytes, the lowest first. */
static inline void put_number(Encoded *to, uint64_t value, int n) {
    for (int i = 0; i < n; i++) {
        uint8_t byte = i < 8 ? (uint8_t)(value >> 8 * i) : 0;
        put_bytes(to, &byte, 1);
    }
}

/* ---- WebP -------------------------------------------------------------------------------------------------------- */

static inline Encoded encode_webp(const VtImage *image, bool lossless) {
    uint8_t *bytes = NULL;
    size_t size =
        lossless ? WebPEncodeLosslessRGB(image->pixels, image->width, image->height, 3 * image->width, &bytes)
                 : WebPEncodeRGB(image->pixels, image->width, image->height, 3 * image->width, 95, &bytes);
    Encoded out = {0};
    assert_true(size > 0);
    put_bytes(&out, bytes, size);
    WebPFree(bytes);
    return out;
}

/* Two frames of the image on a canvas 2 pixels wider and higher, the first at (2, 0). */
static inline Encoded encode_webp_animation(const VtImage *image) {
    Encoded still = encode_webp(image, true), out = {0};
    size_t chunk = still.size - 12; /* after RIFF, its size and WEBP */
    put_text(&out, "RIFF");
    put_number(&out, 4 + 18 + 14 + 2 * (24 + chunk), 4);
    put_text(&out, "WEBPVP8X");
    put_number(&out, 10, 4);
    put_number(&out, 2, 4); /* animated */
    put_number(&out, (uint64_t)image->width + 1, 3);
    put_number(&out, (uint64_t)image->height + 1, 3);
    put_text(&out, "ANIM");
    put_number(&out, 6, 4);
    put_number(&out, 0xffffffff, 6);
    for (int frame = 0; frame < 2; frame++) {
        put_text(&out, "ANMF");
        put_number(&out, 16 + chunk, 4);
        put_number(&out, frame == 0, 3); /* x by twos */
        put_number(&out, 0, 3);
        put_number(&out, (uint64_t)image->width - 1, 3);
        put_number(&out, (uint64_t)image->height - 1, 3);
        put_number(&out, 100, 4);
        put_bytes(&out, still.bytes + 12, chunk);
    }
    free(still.bytes);
    return out;
}

/* ---- TIFF -------------------------------------------------------------------------------------------------------- */

typedef struct {
    int photometric, samples, bits, compression;
    int tile;        /* 0: strips of 5 rows */
    int orientation; /* 0: none */
    bool separate;
    const char *mode; /* "w", or "wb" big-endian, "w8" BigTIFF */
} TiffKind;

/* `pixels`: rows of whole bytes; samples of a pixel side by side, also for `separate`. Tiles and planes are of 8-bit
 * samples. */
static inline Encoded encode_tiff(const uint8_t *pixels, int width, int height, TiffKind kind) {
    int descriptor = memfd_create("image.tif", 0), planes = kind.separate ? kind.samples : 1,
        inside = kind.separate ? 1 : kind.samples, edge = kind.tile;
    TIFF *tiff = TIFFFdOpen(dup(descriptor), "memory", kind.mode ? kind.mode : "w");
    assert_non_null(tiff);
    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, width);
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, height);
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, kind.bits);
    TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, kind.samples);
    TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, kind.photometric);
    TIFFSetField(tiff, TIFFTAG_COMPRESSION, kind.compression ? kind.compression : COMPRESSION_NONE);
    TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, kind.separate ? PLANARCONFIG_SEPARATE : PLANARCONFIG_CONTIG);
    if (kind.orientation) TIFFSetField(tiff, TIFFTAG_ORIENTATION, kind.orientation);
    if (kind.compression == COMPRESSION_JPEG && kind.photometric == PHOTOMETRIC_YCBCR)
        TIFFSetField(tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    if (kind.photometric == PHOTOMETRIC_PALETTE) {
        uint16_t colors[3][256];
        for (int i = 0; i < 256; i++) {
            colors[0][i] = (uint16_t)(i << 8 | 77);
            colors[1][i] = (uint16_t)((255 - i) << 8);
            colors[2][i] = (uint16_t)((i / 2) << 8);
        }
        TIFFSetField(tiff, TIFFTAG_COLORMAP, colors[0], colors[1], colors[2]);
    }
    size_t row = ((size_t)width * (size_t)kind.samples * (size_t)kind.bits + 7) / 8;
    if (edge) {
        TIFFSetField(tiff, TIFFTAG_TILEWIDTH, edge);
        TIFFSetField(tiff, TIFFTAG_TILELENGTH, edge);
        uint8_t *tile = calloc((size_t)edge * (size_t)edge, (size_t)inside);
        for (int plane = 0; plane < planes; plane++)
            for (int y = 0; y < height; y += edge)
                for (int x = 0; x < width; x += edge) {
                    for (int r = 0; r < edge && y + r < height; r++)
                        for (int c = 0; c < edge && x + c < width; c++)
                            for (int k = 0; k < inside; k++)
                                tile[(r * edge + c) * inside + k] =
                                    pixels[(size_t)(y + r) * row +
                                           (size_t)((x + c) * kind.samples + k + plane)];
                    assert_true(TIFFWriteTile(tiff, tile, (uint32_t)x, (uint32_t)y, 0, (uint16_t)plane) > 0);
                }
        free(tile);
    } else {
        TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, kind.compression == COMPRESSION_JPEG ? 16 : 5);
        uint8_t *line = malloc(row);
        for (int plane = 0; plane < planes; plane++)
            for (int y = 0; y < height; y++) {
                memcpy(line, pixels + (size_t)y * row, row);
                for (int x = 0; kind.separate && x < width; x++)
                    line[x] = pixels[(size_t)y * row + (size_t)(x * kind.samples + plane)];
                assert_int_equal(TIFFWriteScanline(tiff, line, (uint32_t)y, (uint16_t)plane), 1);
            }
        free(line);
    }
    TIFFClose(tiff);
    Encoded out = {0};
    out.size = (size_t)lseek(descriptor, 0, SEEK_END);
    out.bytes = malloc(out.size);
    assert_int_equal(pread(descriptor, out.bytes, out.size, 0), out.size);
    close(descriptor);
    return out;
}

/* ---- GIF --------------------------------------------------------------------------------------------------------- */

static inline int gif_write(GifFileType *gif, const GifByteType *bytes, int n) {
    put_bytes(gif->UserData, bytes, (size_t)n);
    return n;
}

/* The palette of encode_png; the frame at (left, top) of a canvas; a second frame follows. */
static inline Encoded encode_gif(const uint8_t *places, int width, int height, int left, int top,
                                 bool interlaced) {
    Encoded out = {0};
    int problem = 0;
    GifFileType *gif = EGifOpen(&out, gif_write, &problem);
    ColorMapObject *colors = GifMakeMapObject(256, NULL);
    for (int i = 0; i < 256; i++)
        colors->Colors[i] = (GifColorType){(uint8_t)i, (uint8_t)(255 - i), (uint8_t)(i / 2)};
    assert_int_equal(EGifPutScreenDesc(gif, width + left, height + top, 8, 0, colors), GIF_OK);
    for (int frame = 0; frame < 2; frame++) {
        static const int first[] = {0, 4, 2, 1}, step[] = {8, 8, 4, 2};
        assert_int_equal(EGifPutImageDesc(gif, left, top, width, height, interlaced, NULL), GIF_OK);
        for (int pass = 0; pass < (interlaced ? 4 : 1); pass++)
            for (int y = interlaced ? first[pass] : 0; y < height; y += interlaced ? step[pass] : 1)
                assert_int_equal(EGifPutLine(gif, (GifPixelType *)places + y * width, width), GIF_OK);
    }
    GifFreeMapObject(colors);
    EGifCloseFile(gif, &problem);
    return out;
}

/* ---- BMP --------------------------------------------------------------------------------------------------------- */

/* `packing` as in the header; data as in the file. A palette of 2, 16 or 256 colours as in encode_png, unless above 8
 * bits. A negative height: from the top down. `masks`: NULL, or three. */
static inline Encoded encode_bmp(int width, int height, int bits, int packing, const uint32_t *masks,
                                 const void *data, size_t size) {
    Encoded out = {0};
    size_t colors = bits <= 8 ? (size_t)1 << bits : 0, start = 14 + 40 + (masks ? 12 : 0) + 4 * colors;
    put_text(&out, "BM");
    put_number(&out, start + size, 4);
    put_number(&out, 0, 4);
    put_number(&out, start, 4);
    put_number(&out, 40, 4);
    put_number(&out, (uint64_t)width, 4);
    put_number(&out, (uint64_t)(int64_t)height, 4);
    put_number(&out, 1, 2);
    put_number(&out, (uint64_t)bits, 2);
    put_number(&out, (uint64_t)packing, 4);
    put_number(&out, size, 4);
    put_number(&out, 0, 16);
    for (int c = 0; masks && c < 3; c++) put_number(&out, masks[c], 4);
    for (size_t i = 0; i < colors; i++) put_number(&out, i << 16 | (255 - i) << 8 | i / 2, 4);
    put_bytes(&out, data, size);
    return out;
}

static inline Encoded encode_bmp24(const VtImage *image) {
    Encoded rows = {0};
    for (int y = image->height - 1; y >= 0; y--) {
        for (int x = 0; x < image->width; x++)
            for (int c = 2; c >= 0; c--) put_bytes(&rows, image->pixels + 3 * (y * image->width + x) + c, 1);
        put_number(&rows, 0, (4 - 3 * image->width % 4) % 4);
    }
    Encoded out = encode_bmp(image->width, image->height, 24, 0, NULL, rows.bytes, rows.size);
    free(rows.bytes);
    return out;
}

/* ---- PPM --------------------------------------------------------------------------------------------------------- */

static inline Encoded encode_ppm(const VtImage *image) {
    Encoded out = {0};
    char header[64];
    snprintf(header, sizeof header, "P6\n# by a test\n%d %d\n255\n", image->width, image->height);
    put_text(&out, header);
    put_bytes(&out, image->pixels, 3 * (size_t)image->width * (size_t)image->height);
    return out;
}

#endif
