/* 8-bit RGB images and their decoding: JPEG through libjpeg-turbo, PNG through libspng. */
#include "runtime/runtime.h"

#include <spng.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

enum { MAX_EDGE = 16384, MAX_PIXELS = 64 << 20 };

static bool sane_size(int64_t width, int64_t height, const char *name, VtError *error) {
    if (width >= 1 && height >= 1 && width <= MAX_EDGE && height <= MAX_EDGE && width * height <= MAX_PIXELS)
        return true;
    return vt_bad_image(error, "%s: %lld x %lld pixels: refused (at most %d on an edge)", name,
                        (long long)width, (long long)height, MAX_EDGE);
}

/* Pillow's way from CMYK: Adobe's files hold it inverted, and libjpeg-turbo hands it on as it is. */
static void cmyk_to_rgb(const uint8_t *cmyk, size_t n, uint8_t *rgb) {
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < 3; c++)
            rgb[3 * i + c] = (uint8_t)((cmyk[4 * i + c] * cmyk[4 * i + 3] + 127) / 255);
}

static bool decompress_jpeg(tjhandle handle, const uint8_t *bytes, size_t size, const char *name,
                            VtImage *out, VtError *error) {
    int sampling, color;
    if (tjDecompressHeader3(handle, bytes, size, &out->width, &out->height, &sampling, &color) != 0)
        return vt_bad_image(error, "%s: %s", name, tjGetErrorStr2(handle));
    if (!sane_size(out->width, out->height, name, error)) return false;
    bool four = color == TJCS_CMYK || color == TJCS_YCCK;
    size_t n = (size_t)out->width * (size_t)out->height;
    uint8_t *pixels = malloc(n * (four ? 4 : 3));
    if (!pixels || !(out->rgb = four ? malloc(n * 3) : pixels)) {
        free(pixels);
        return vt_fail(error, 1, "%s: out of memory", name);
    }
    /* a warning fails too: a truncated file must not pass as an image */
    bool good = tjDecompress2(handle, bytes, size, pixels, out->width, 0, out->height,
                              four ? TJPF_CMYK : TJPF_RGB, TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS) == 0;
    if (good && four) cmyk_to_rgb(pixels, n, out->rgb);
    if (four) free(pixels);
    return good || vt_bad_image(error, "%s: %s", name, tjGetErrorStr2(handle));
}

static bool decode_jpeg(const uint8_t *bytes, size_t size, const char *name, VtImage *out, VtError *error) {
    tjhandle handle = tjInitDecompress();
    if (!handle) return vt_fail(error, 1, "%s: no JPEG decoder", name);
    bool good = decompress_jpeg(handle, bytes, size, name, out, error);
    tjDestroy(handle);
    if (!good) vt_image_free(out);
    return good;
}

static bool decode_png(const uint8_t *bytes, size_t size, const char *name, VtImage *out, VtError *error) {
    spng_ctx *png = spng_ctx_new(0);
    struct spng_ihdr header;
    size_t length = 0;
    if (!png) return vt_fail(error, 1, "out of memory");
    spng_set_image_limits(png, MAX_EDGE, MAX_EDGE);
    int problem = spng_set_png_buffer(png, bytes, size);
    if (!problem) problem = spng_get_ihdr(png, &header);
    bool good = !problem && sane_size(header.width, header.height, name, error);
    if (problem == SPNG_EMEM)
        vt_fail(error, 1, "%s: out of memory", name);
    else if (problem)
        vt_bad_image(error, "%s: %s", name, spng_strerror(problem));
    if (good && !(problem = spng_decoded_image_size(png, SPNG_FMT_RGB8, &length))) {
        out->width = (int)header.width;
        out->height = (int)header.height;
        out->rgb = malloc(length);
        problem = out->rgb ? spng_decode_image(png, out->rgb, length, SPNG_FMT_RGB8, 0) : SPNG_EMEM;
        if (!problem) problem = spng_decode_chunks(png); /* the last checksum and the end */
    }
    spng_ctx_free(png);
    if (good && !problem) return true;
    if (good && problem == SPNG_EMEM)
        vt_fail(error, 1, "%s: out of memory", name);
    else if (good)
        vt_bad_image(error, "%s: %s", name, spng_strerror(problem));
    vt_image_free(out);
    return false;
}

bool vt_image_decode(const uint8_t *bytes, size_t size, const char *name, VtImage *out, VtError *error) {
    static const uint8_t png[] = {0x89, 'P', 'N', 'G'};
    *out = (VtImage){0};
    if (size >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8) return decode_jpeg(bytes, size, name, out, error);
    if (size >= 4 && memcmp(bytes, png, 4) == 0) return decode_png(bytes, size, name, out, error);
    return vt_bad_image(error, "%s: neither JPEG nor PNG", name);
}

void vt_image_free(VtImage *image) {
    free(image->rgb);
    *image = (VtImage){0};
}
