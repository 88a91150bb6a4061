/* TIFF through libtiff, which hands strips and tiles on as they are stored: whole numbers of 1 to 16 bits that mean
 * gray, colours, places in a palette or inks. Of 16 bits the high ones are taken. The orientation that the file asks
 * for is followed, as in Pillow. */
#include "runtime/base/error.h"
#include "runtime/images/decode.h"
#include "runtime/images/pixels.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tiffio.h>

enum { MAX_SAMPLES = 16, MAX_BLOCK = 512 << 20 };

typedef struct {
    const uint8_t *bytes;
    uint64_t size, at;
    bool no_palette, starved;
    char message[256]; /* libtiff's first complaint */
} Source;

typedef struct {
    TIFF *tiff;
    uint32_t width, height, block_width, block_height; /* a block: a tile, or a strip */
    uint16_t bits, samples, photometric, format, orientation;
    bool tiled, separate; /* separate: each sample has blocks of its own */
    bool premultiplied;
    int colors;           /* samples that matter: 1, 3, or 4 inks */
    uint16_t *palette[3]; /* libtiff's */
    uint8_t *block;
    uint8_t *rows; /* [height, width, colors], 8 bits; +1 where premultiplied: alpha */
} Tiff;

/* ---- libtiff's way to bytes in memory ---------------------------------------------------------------------------- */

static tmsize_t source_read(thandle_t handle, void *to, tmsize_t n) {
    Source *source = handle;
    uint64_t left = source->at < source->size ? source->size - source->at : 0;
    if ((uint64_t)n > left) n = (tmsize_t)left;
    memcpy(to, source->bytes + source->at, (size_t)n);
    source->at += (uint64_t)n;
    return n;
}
static tmsize_t source_write(thandle_t handle, void *from, tmsize_t n) {
    (void)handle, (void)from, (void)n;
    return -1;
}
static toff_t source_seek(thandle_t handle, toff_t offset, int whence) {
    Source *source = handle;
    source->at = whence == SEEK_SET   ? offset
                 : whence == SEEK_CUR ? source->at + offset
                                      : source->size + offset;
    return source->at;
}
static int source_close(thandle_t handle) {
    (void)handle;
    return 0;
}
static toff_t source_size(thandle_t handle) {
    return ((Source *)handle)->size;
}
static int source_map(thandle_t handle, void **base, toff_t *size) {
    Source *source = handle;
    *base = (void *)source->bytes;
    *size = source->size;
    return 1;
}
static void source_unmap(thandle_t handle, void *base, toff_t size) {
    (void)handle, (void)base, (void)size;
}

static int on_error(TIFF *tiff, void *user, const char *module, const char *format, va_list args) {
    Source *source = user;
    (void)tiff, (void)module;
    if (!source->message[0]) vsnprintf(source->message, sizeof source->message, format, args);
    return 1;
}
/* A tag that finds no memory is left out with a mere warning; and without its palette a file would be taken for
 * gray. */
static int on_warning(TIFF *tiff, void *user, const char *module, const char *format, va_list args) {
    Source *source = user;
    char message[sizeof source->message];
    (void)tiff, (void)module;
    vsnprintf(message, sizeof message, format, args);
    if (strcasestr(message, "memory")) source->starved = true;
    if (strstr(message, "ColorMap")) source->no_palette = true;
    return 1;
}

static TIFF *open_source(Source *source) {
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options) return NULL;
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, MAX_BLOCK);
    TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, source);
    TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, source);
    TIFF *tiff = TIFFClientOpenExt("image", "r", source, source_read, source_write, source_seek, source_close,
                                   source_size, source_map, source_unmap, options);
    TIFFOpenOptionsFree(options);
    return tiff;
}

/* What libtiff complained of; that memory ran out is known by its words alone, and that it was not asked for, since a
 * limit forbids it, too. */
static bool complain(const Source *source, const char *name, VtError *error) {
    const char *why = source->message[0] ? source->message : "a strip or tile is missing";
    bool memory = strcasestr(why, "memory") || strcasestr(why, "no space") || strcasestr(why, "malloc");
    if (memory && !strcasestr(why, "limit")) return vt_fail(error, 1, "%s: out of memory: %s", name, why);
    return vt_bad_image(error, "%s: damaged or cut short TIFF: %s", name, why);
}

/* ---- what is stored, and how ------------------------------------------------------------------------------------- */

static bool read_layout(Tiff *t, const char *name, VtError *error) {
    uint16_t planar, compression, extra_samples = 0, *extra = NULL;
    TIFFGetFieldDefaulted(t->tiff, TIFFTAG_BITSPERSAMPLE, &t->bits);
    TIFFGetFieldDefaulted(t->tiff, TIFFTAG_SAMPLESPERPIXEL, &t->samples);
    TIFFGetFieldDefaulted(t->tiff, TIFFTAG_SAMPLEFORMAT, &t->format);
    TIFFGetFieldDefaulted(t->tiff, TIFFTAG_PLANARCONFIG, &planar);
    TIFFGetFieldDefaulted(t->tiff, TIFFTAG_COMPRESSION, &compression);
    TIFFGetFieldDefaulted(t->tiff, TIFFTAG_ORIENTATION, &t->orientation);
    TIFFGetFieldDefaulted(t->tiff, TIFFTAG_EXTRASAMPLES, &extra_samples, &extra);
    if (!TIFFGetField(t->tiff, TIFFTAG_PHOTOMETRIC, &t->photometric)) t->photometric = PHOTOMETRIC_MINISWHITE;
    if (t->photometric == PHOTOMETRIC_YCBCR && compression == COMPRESSION_JPEG &&
        planar == PLANARCONFIG_CONTIG) {
        TIFFSetField(t->tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB); /* libjpeg converts */
        t->photometric = PHOTOMETRIC_RGB;
    }
    t->colors = t->photometric == PHOTOMETRIC_RGB ? 3 : t->photometric == PHOTOMETRIC_SEPARATED ? 4 : 1;
    t->separate = planar == PLANARCONFIG_SEPARATE;
    t->tiled = TIFFIsTiled(t->tiff);
    t->premultiplied = t->photometric == PHOTOMETRIC_RGB && t->samples > 3 && extra_samples > 0 &&
                       extra[0] == EXTRASAMPLE_ASSOCALPHA;
    t->colors += t->premultiplied;
    t->block_width = t->width;
    TIFFGetFieldDefaulted(t->tiff, TIFFTAG_ROWSPERSTRIP, &t->block_height);
    if (t->tiled && (!TIFFGetField(t->tiff, TIFFTAG_TILEWIDTH, &t->block_width) ||
                     !TIFFGetField(t->tiff, TIFFTAG_TILELENGTH, &t->block_height)))
        return vt_bad_image(error, "%s: damaged TIFF: tiles without a size", name);
    if (t->block_width == 0 || t->block_height == 0)
        return vt_bad_image(error, "%s: damaged TIFF: strips or tiles without a pixel", name);
    if (t->photometric != PHOTOMETRIC_PALETTE) return true;
    if (t->bits > 8 ||
        !TIFFGetField(t->tiff, TIFFTAG_COLORMAP, &t->palette[0], &t->palette[1], &t->palette[2]))
        return vt_bad_image(error, "%s: damaged TIFF: no palette, or one of more than 256 colours", name);
    if (!t->palette[0] || !t->palette[1] || !t->palette[2])
        return vt_fail(error, 1, "%s: out of memory", name);
    return true;
}

static bool is_plain(const Tiff *t) {
    bool bits = t->bits == 1 || t->bits == 2 || t->bits == 4 || t->bits == 8 || t->bits == 16;
    bool meaning = t->photometric == PHOTOMETRIC_MINISBLACK || t->photometric == PHOTOMETRIC_MINISWHITE ||
                   t->photometric == PHOTOMETRIC_RGB || t->photometric == PHOTOMETRIC_PALETTE ||
                   t->photometric == PHOTOMETRIC_SEPARATED;
    bool whole = t->format == SAMPLEFORMAT_UINT || (t->format == SAMPLEFORMAT_VOID) ||
                 (t->format == SAMPLEFORMAT_INT && t->bits <= 8);
    return bits && meaning && whole && t->samples >= t->colors && t->samples <= MAX_SAMPLES;
}

/* ---- samples to pixels ------------------------------------------------------------------------------------------- */

/* Sample i of a row, as 8 bits; places in a palette as they are. */
static uint8_t sample_at(const Tiff *t, const uint8_t *row, size_t i) {
    static const uint8_t scale[] = {0, 255, 85, 0, 17};
    if (t->bits == 8) return row[i];
    if (t->bits == 16) {
        uint16_t value; /* libtiff has swapped it */
        memcpy(&value, row + 2 * i, 2);
        return (uint8_t)(value >> 8);
    }
    size_t bit = i * t->bits;
    uint8_t value = (uint8_t)(row[bit / 8] >> (8 - t->bits - bit % 8) & ((1 << t->bits) - 1));
    return t->photometric == PHOTOMETRIC_PALETTE ? value : (uint8_t)(value * scale[t->bits]);
}

/* Takes what is asked for from the block at (x, y): all colours, or the one of `plane`. */
static void take_block(Tiff *t, uint32_t x, uint32_t y, int plane, size_t row_bytes) {
    uint32_t wide = t->width - x < t->block_width ? t->width - x : t->block_width,
             high = t->height - y < t->block_height ? t->height - y : t->block_height;
    size_t colors = (size_t)t->colors;
    for (uint32_t r = 0; r < high; r++) {
        const uint8_t *row = t->block + r * row_bytes;
        uint8_t *to = t->rows + ((size_t)(y + r) * t->width + x) * colors;
        for (uint32_t c = 0; c < wide; c++, to += colors)
            if (plane >= 0)
                to[plane] = sample_at(t, row, c);
            else
                for (size_t k = 0; k < colors; k++) to[k] = sample_at(t, row, (size_t)c * t->samples + k);
    }
}

static bool read_blocks(Tiff *t, const Source *source, const char *name, VtError *error) {
    tmsize_t bytes = t->tiled ? TIFFTileSize(t->tiff) : TIFFStripSize(t->tiff),
             row = t->tiled ? TIFFTileRowSize(t->tiff) : TIFFScanlineSize(t->tiff);
    size_t needed = ((size_t)t->block_width * t->bits * (t->separate ? 1 : t->samples) + 7) / 8;
    if (bytes > MAX_BLOCK)
        return vt_bad_image(error, "%s: refused: a strip or tile of %lld bytes, at most %d", name,
                            (long long)bytes, MAX_BLOCK);
    if (bytes < 1 || row < 1 || (size_t)row < needed)
        return vt_bad_image(error, "%s: damaged TIFF: %s", name,
                            source->message[0] ? source->message : "strips that hold no whole row");
    if (!(t->block = malloc((size_t)bytes))) return vt_fail(error, 1, "%s: out of memory", name);
    for (int plane = 0; plane < (t->separate ? t->colors : 1); plane++)
        for (uint32_t y = 0; y < t->height; y += t->block_height) {
            for (uint32_t x = 0; x < t->width; x += t->block_width) {
                uint32_t high = t->height - y < t->block_height ? t->height - y : t->block_height;
                uint32_t number = t->tiled ? TIFFComputeTile(t->tiff, x, y, 0, (uint16_t)plane)
                                           : TIFFComputeStrip(t->tiff, y, (uint16_t)plane);
                tmsize_t wanted = t->tiled ? bytes : row * (tmsize_t)high;
                if (wanted > bytes) wanted = bytes + 1; /* never there */
                tmsize_t got = wanted > bytes ? -1
                               : t->tiled     ? TIFFReadEncodedTile(t->tiff, number, t->block, bytes)
                                              : TIFFReadEncodedStrip(t->tiff, number, t->block, wanted);
                if (got < wanted) return complain(source, name, error);
                take_block(t, x, y, t->separate ? plane : -1, (size_t)row);
            }
            if (t->height - y <= t->block_height) break;
        }
    return true;
}

/* A palette written with 8 bits instead of 16 is known by its small values, as libtiff does. */
static int palette_shift(const Tiff *t) {
    for (int i = 0; i < 1 << t->bits; i++)
        if (t->palette[0][i] > 255 || t->palette[1][i] > 255 || t->palette[2][i] > 255) return 8;
    return 0;
}

static void to_rgb(const Tiff *t, uint8_t *rgb) {
    size_t n = (size_t)t->width * t->height;
    const uint8_t *from = t->rows;
    if (t->photometric == PHOTOMETRIC_SEPARATED)
        image_from_cmyk(from, n, false, rgb);
    else if (t->premultiplied)
        for (size_t i = 0; i < n; i++)
            for (int c = 0; c < 3; c++) {
                int alpha = from[4 * i + 3], value = alpha ? from[4 * i + (size_t)c] * 255 / alpha : 0;
                rgb[3 * i + (size_t)c] = (uint8_t)(value > 255 ? 255 : value);
            }
    else if (t->photometric == PHOTOMETRIC_RGB)
        memcpy(rgb, from, 3 * n);
    else {
        int shift = t->photometric == PHOTOMETRIC_PALETTE ? palette_shift(t) : 0;
        uint8_t flip = t->photometric == PHOTOMETRIC_MINISWHITE ? 255 : 0;
        for (size_t i = 0; i < n; i++)
            for (size_t c = 0; c < 3; c++)
                rgb[3 * i + c] = t->photometric == PHOTOMETRIC_PALETTE
                                     ? (uint8_t)(t->palette[c][from[i]] >> shift)
                                     : from[i] ^ flip;
    }
}

/* The others (YCbCr without JPEG, and the like) as libtiff itself would show them. */
static bool read_shown(Tiff *t, const Source *source, const char *name, VtImage *out, VtError *error) {
    char why[1024] = "";
    if (!TIFFRGBAImageOK(t->tiff, why) || t->photometric != PHOTOMETRIC_YCBCR)
        return vt_bad_image(error,
                            "%s: a TIFF of %d samples of %d bits, format %d, photometric %d: not read; "
                            "convert it to 8-bit RGB or gray",
                            name, t->samples, t->bits, t->format, t->photometric);
    size_t n = (size_t)t->width * t->height;
    uint32_t *raster = calloc(n, sizeof *raster);
    if (!raster) return vt_fail(error, 1, "%s: out of memory", name);
    bool good = TIFFReadRGBAImageOriented(t->tiff, t->width, t->height, raster, ORIENTATION_TOPLEFT, 1);
    if (source->message[0]) good = false; /* it goes on without what it complains of */
    t->orientation = ORIENTATION_TOPLEFT;
    for (size_t i = 0; good && i < n; i++) {
        out->pixels[3 * i] = (uint8_t)TIFFGetR(raster[i]);
        out->pixels[3 * i + 1] = (uint8_t)TIFFGetG(raster[i]);
        out->pixels[3 * i + 2] = (uint8_t)TIFFGetB(raster[i]);
    }
    free(raster);
    return good || complain(source, name, error);
}

/* Orientations 2 to 8: rows and columns reversed or exchanged. */
static bool orient(const Tiff *t, const char *name, VtImage *image, VtError *error) {
    static const struct {
        bool left, up,
            turned; /* the first column is at the right; the first row is at the bottom; then exchanged */
    } ways[] = {{0}, {0}, {1, 0, 0}, {1, 1, 0}, {0, 1, 0}, {0, 0, 1}, {0, 1, 1}, {1, 1, 1}, {1, 0, 1}};
    if (t->orientation < 2 || t->orientation > 8) return true;
    bool left = ways[t->orientation].left, up = ways[t->orientation].up, turned = ways[t->orientation].turned;
    VtImage from = *image, to;
    if (!image_make_of(&to, turned ? from.height : from.width, turned ? from.width : from.height,
                       from.channels, name, error))
        return false;
    size_t channels = (size_t)image->channels;
    for (int y = 0; y < to.height; y++)
        for (int x = 0; x < to.width; x++) {
            int fx = turned ? y : x, fy = turned ? x : y;
            if (left) fx = from.width - 1 - fx;
            if (up) fy = from.height - 1 - fy;
            memcpy(to.pixels + channels * ((size_t)y * (size_t)to.width + (size_t)x),
                   from.pixels + channels * ((size_t)fy * (size_t)from.width + (size_t)fx), channels);
        }
    vt_image_free(image);
    *image = to;
    return true;
}

/* All samples of a pixel, as they are stored, are its channels. */
static bool decode_samples(Tiff *t, const Source *source, const char *name, int channels, VtImage *out,
                           VtError *error) {
    if (!read_layout(t, name, error)) return false;
    bool inks = t->photometric == PHOTOMETRIC_MINISBLACK || t->photometric == PHOTOMETRIC_RGB ||
                t->photometric == PHOTOMETRIC_SEPARATED;
    if (t->samples != channels) return image_wrong_channels(name, t->samples, channels, error);
    if (!is_plain(t) || !inks)
        return vt_bad_image(
            error, "%s: a TIFF of %d samples of %d bits, format %d, photometric %d: not read as channels",
            name, t->samples, t->bits, t->format, t->photometric);
    if (!image_make_of(out, t->width, t->height, channels, name, error)) return false;
    t->colors = channels;
    t->rows = out->pixels;
    bool good = read_blocks(t, source, name, error);
    t->rows = NULL; /* the image's */
    return good && orient(t, name, out, error);
}

static bool decode(Tiff *t, const Source *source, const char *name, int channels, VtImage *out,
                   VtError *error) {
    if (!TIFFGetField(t->tiff, TIFFTAG_IMAGEWIDTH, &t->width) ||
        !TIFFGetField(t->tiff, TIFFTAG_IMAGELENGTH, &t->height))
        return vt_bad_image(error, "%s: damaged TIFF: it has no size", name);
    if (channels != 3) return decode_samples(t, source, name, channels, out, error);
    if (!image_make(out, t->width, t->height, name, error) || !read_layout(t, name, error)) return false;
    bool gray = t->photometric == PHOTOMETRIC_MINISBLACK || t->photometric == PHOTOMETRIC_MINISWHITE;
    if (gray && t->samples > 2) /* more than alpha: to leave the others out would be a guess */
        return image_wrong_channels(name, t->samples, 3, error);
    if (!is_plain(t)) return read_shown(t, source, name, out, error) && orient(t, name, out, error);
    if (!(t->rows = malloc((size_t)t->width * t->height * (size_t)t->colors)))
        return vt_fail(error, 1, "%s: out of memory", name);
    if (!read_blocks(t, source, name, error)) return false;
    to_rgb(t, out->pixels);
    return orient(t, name, out, error);
}

bool decode_tiff_channels(const uint8_t *bytes, size_t size, const char *name, int channels, VtImage *out,
                          VtError *error) {
    Source source = {.bytes = bytes, .size = size};
    Tiff t = {.tiff = open_source(&source)};
    if (!t.tiff && !source.message[0]) return vt_fail(error, 1, "%s: out of memory", name);
    if (!t.tiff) return complain(&source, name, error);
    bool good = source.starved ? vt_fail(error, 1, "%s: out of memory", name)
                : source.no_palette
                    ? vt_bad_image(error, "%s: damaged or cut short TIFF: its palette cannot be read", name)
                    : decode(&t, &source, name, channels, out, error);
    TIFFClose(t.tiff);
    free(t.block);
    free(t.rows);
    return good;
}

bool decode_tiff(const uint8_t *bytes, size_t size, const char *name, VtImage *out, VtError *error) {
    return decode_tiff_channels(bytes, size, name, 3, out, error);
}
