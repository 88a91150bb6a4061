/* 8-bit images: which decoder a file is for, by its first bytes. */
#include "runtime/images/image.h"
#include "runtime/base/error.h"
#include "runtime/images/decode.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *format, *magic; /* '?' stands for any byte */
    size_t length;
    ImageDecoder *decode;             /* NULL: known by name alone */
    ChannelsDecoder *decode_channels; /* NULL: the format has at most three */
} FORMATS[] = {
    {"JPEG", "\xff\xd8\xff", 3, decode_jpeg, NULL},
    {"PNG", "\x89PNG", 4, decode_png, decode_png_channels},
    {"WebP", "RIFF????WEBP", 12, decode_webp, decode_webp_channels},
    {"TIFF", "II*\0", 4, decode_tiff, decode_tiff_channels},
    {"TIFF", "MM\0*", 4, decode_tiff, decode_tiff_channels},
    {"TIFF", "II+\0", 4, decode_tiff, decode_tiff_channels}, /* BigTIFF */
    {"TIFF", "MM\0+", 4, decode_tiff, decode_tiff_channels},
    {"GIF", "GIF87a", 6, decode_gif, NULL},
    {"GIF", "GIF89a", 6, decode_gif, NULL},
    {"BMP", "BM", 2, decode_bmp, NULL},
    {"PBM", "P1", 2, decode_pnm, NULL},
    {"PGM", "P2", 2, decode_pnm, NULL},
    {"PPM", "P3", 2, decode_pnm, NULL},
    {"PBM", "P4", 2, decode_pnm, NULL},
    {"PGM", "P5", 2, decode_pnm, NULL},
    {"PPM", "P6", 2, decode_pnm, NULL},
    {".npy", "\x93NUMPY", 6, decode_npy, decode_npy_channels},
    {"AVIF or HEIF", "????ftyp", 8, NULL, NULL},
    {"JPEG 2000", "????jP  \r\n\x87\n", 12, NULL, NULL},
    {"JPEG 2000", "\xff\x4f\xff\x51", 4, NULL, NULL},
    {"JPEG XL", "????JXL \r\n\x87\n", 12, NULL, NULL},
    {"JPEG XL", "\xff\x0a", 2, NULL, NULL},
    {"Photoshop", "8BPS", 4, NULL, NULL},
};
enum { N_FORMATS = sizeof FORMATS / sizeof *FORMATS };

static int format_of(const uint8_t *bytes, size_t size) {
    for (int f = 0; f < N_FORMATS; f++) {
        size_t same = 0;
        while (same < FORMATS[f].length && same < size &&
               (FORMATS[f].magic[same] == '?' || (uint8_t)FORMATS[f].magic[same] == bytes[same]))
            same++;
        if (same == FORMATS[f].length) return f;
    }
    return -1;
}

/* Two letters are too few to know a file without a name by: a BMP has four zeros behind its size, and in a PPM and its
 * like a blank and a number follow. */
const char *vt_image_format(const uint8_t *b, size_t n) {
    int format = format_of(b, n);
    if (format < 0 || !FORMATS[format].decode) return NULL;
    bool sure = true;
    if (FORMATS[format].decode == decode_bmp) sure = n >= 10 && memcmp(b + 6, "\0\0\0\0", 4) == 0;
    if (FORMATS[format].decode == decode_pnm)
        sure = n >= 8 && (b[2] == '\n' || b[2] == ' ' || b[2] == '\r' || b[2] == '\t') &&
               (b[3] == '#' || (b[3] >= '0' && b[3] <= '9'));
    return sure ? FORMATS[format].format : NULL;
}

static bool decode_once(int format, const uint8_t *bytes, size_t size, const char *name, int channels,
                        VtImage *out, VtError *error) {
    ChannelsDecoder *decode = FORMATS[format].decode_channels;
    if (channels == 3) return FORMATS[format].decode(bytes, size, name, out, error);
    return decode ? decode(bytes, size, name, channels, out, error)
                  : image_wrong_channels(name, 3, channels, error);
}

/* Some libraries say of a file that it is damaged when they find no memory. So that no good image is left out, one is
 * bad only if it is so twice, and if memory can be had. */
static bool decode_surely(int format, const uint8_t *bytes, size_t size, const char *name, int channels,
                          VtImage *out, VtError *error) {
    enum { SPARE = 32 << 20 };
    VtError problem = {.bad_image = true};
    for (int attempt = 0; attempt < 2 && problem.bad_image; attempt++) {
        if (decode_once(format, bytes, size, name, channels, out, &problem)) return true;
        vt_image_free(out);
        void *spare = malloc(SPARE + size);
        if (!spare) vt_fail(&problem, 1, "%s: out of memory", name);
        free(spare);
    }
    if (error) *error = problem;
    return false;
}

bool vt_image_decode(const uint8_t *bytes, size_t size, const char *name, int channels, VtImage *out,
                     VtError *error) {
    static const char known[] = "JPEG, PNG, WebP, TIFF, GIF, BMP, PPM, PGM, PBM or .npy";
    *out = (VtImage){0};
    if (size == 0) return vt_bad_image(error, "%s: empty", name);
    int format = format_of(bytes, size);
    if (format < 0) return vt_bad_image(error, "%s: no image: none of %s", name, known);
    if (!FORMATS[format].decode)
        return vt_bad_image(error, "%s: an image of format %s, which is not read: convert it to %s", name,
                            FORMATS[format].format, known);
    return decode_surely(format, bytes, size, name, channels, out, error);
}
