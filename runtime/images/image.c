/* 8-bit RGB images: which decoder a file is for, by its first bytes. */
#include "runtime/images/image.h"
#include "runtime/base/error.h"
#include "runtime/images/decode.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *format, *magic; /* '?' stands for any byte */
    size_t length;
    ImageDecoder *decode; /* NULL: known by name alone */
} FORMATS[] = {
    {"JPEG", "\xff\xd8\xff", 3, decode_jpeg},
    {"PNG", "\x89PNG", 4, decode_png},
    {"WebP", "RIFF????WEBP", 12, decode_webp},
    {"TIFF", "II*\0", 4, decode_tiff},
    {"TIFF", "MM\0*", 4, decode_tiff},
    {"TIFF", "II+\0", 4, decode_tiff}, /* BigTIFF */
    {"TIFF", "MM\0+", 4, decode_tiff},
    {"GIF", "GIF87a", 6, decode_gif},
    {"GIF", "GIF89a", 6, decode_gif},
    {"BMP", "BM", 2, decode_bmp},
    {"PBM", "P1", 2, decode_pnm},
    {"PGM", "P2", 2, decode_pnm},
    {"PPM", "P3", 2, decode_pnm},
    {"PBM", "P4", 2, decode_pnm},
    {"PGM", "P5", 2, decode_pnm},
    {"PPM", "P6", 2, decode_pnm},
    {"AVIF or HEIF", "????ftyp", 8, NULL},
    {"JPEG 2000", "????jP  \r\n\x87\n", 12, NULL},
    {"JPEG 2000", "\xff\x4f\xff\x51", 4, NULL},
    {"JPEG XL", "????JXL \r\n\x87\n", 12, NULL},
    {"JPEG XL", "\xff\x0a", 2, NULL},
    {"Photoshop", "8BPS", 4, NULL},
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

/* Some libraries say of a file that it is damaged when they find no memory. So that no good image is left out, one is
 * bad only if it is so twice, and if memory can be had. */
static bool decode_surely(ImageDecoder *decode, const uint8_t *bytes, size_t size, const char *name,
                          VtImage *out, VtError *error) {
    enum { SPARE = 32 << 20 };
    VtError problem = {.bad_image = true};
    for (int attempt = 0; attempt < 2 && problem.bad_image; attempt++) {
        if (decode(bytes, size, name, out, &problem)) return true;
        vt_image_free(out);
        void *spare = malloc(SPARE + size);
        if (!spare) vt_fail(&problem, 1, "%s: out of memory", name);
        free(spare);
    }
    if (error) *error = problem;
    return false;
}

bool vt_image_decode(const uint8_t *bytes, size_t size, const char *name, VtImage *out, VtError *error) {
    static const char known[] = "JPEG, PNG, WebP, TIFF, GIF, BMP, PPM, PGM or PBM";
    *out = (VtImage){0};
    if (size == 0) return vt_bad_image(error, "%s: empty", name);
    int format = format_of(bytes, size);
    if (format < 0) return vt_bad_image(error, "%s: no image: none of %s", name, known);
    if (!FORMATS[format].decode)
        return vt_bad_image(error, "%s: an image of format %s, which is not read: convert it to %s", name,
                            FORMATS[format].format, known);
    return decode_surely(FORMATS[format].decode, bytes, size, name, out, error);
}
