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
    return vt_fail(error, 1, "%s: %lld x %lld pixels: refused (at most %d on an edge)", name,
                   (long long)width, (long long)height, MAX_EDGE);
}

static bool decode_jpeg(const uint8_t *bytes, size_t size, const char *name, VtImage *out, VtError *error) {
    static _Thread_local tjhandle handle;
    int sampling, color;
    if (!handle) handle = tjInitDecompress();
    if (!handle) return vt_fail(error, 1, "%s: no JPEG decoder", name);
    if (tjDecompressHeader3(handle, bytes, size, &out->width, &out->height, &sampling, &color) != 0)
        return vt_fail(error, 1, "%s: %s", name, tjGetErrorStr2(handle));
    if (!sane_size(out->width, out->height, name, error)) return false;
    out->rgb = malloc((size_t)out->width * (size_t)out->height * 3);
    if (!out->rgb) return vt_fail(error, 1, "out of memory");
    int flags = TJFLAG_ACCURATEDCT;
    if (tjDecompress2(handle, bytes, size, out->rgb, out->width, 0, out->height, TJPF_RGB, flags) == 0)
        return true;
    vt_image_free(out); /* a warning too: a truncated file must not pass as an image */
    return vt_fail(error, 1, "%s: %s", name, tjGetErrorStr2(handle));
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
    if (problem) vt_fail(error, 1, "%s: %s", name, spng_strerror(problem));
    if (good && !(problem = spng_decoded_image_size(png, SPNG_FMT_RGB8, &length))) {
        out->width = (int)header.width;
        out->height = (int)header.height;
        out->rgb = malloc(length);
        problem = out->rgb ? spng_decode_image(png, out->rgb, length, SPNG_FMT_RGB8, 0) : SPNG_EMEM;
    }
    spng_ctx_free(png);
    if (good && !problem) return true;
    if (good) vt_fail(error, 1, "%s: %s", name, spng_strerror(problem));
    vt_image_free(out);
    return false;
}

bool vt_image_decode(const uint8_t *bytes, size_t size, const char *name, VtImage *out, VtError *error) {
    static const uint8_t png[] = {0x89, 'P', 'N', 'G'};
    *out = (VtImage){0};
    if (size >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8) return decode_jpeg(bytes, size, name, out, error);
    if (size >= 4 && memcmp(bytes, png, 4) == 0) return decode_png(bytes, size, name, out, error);
    return vt_fail(error, 1, "%s: neither JPEG nor PNG", name);
}

void vt_image_free(VtImage *image) {
    free(image->rgb);
    *image = (VtImage){0};
}
