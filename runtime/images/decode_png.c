/* PNG through libspng. Of 16 bits the high ones are taken, gray ones too (Pillow makes nearly all of those white). Only
 * chunks that pixels depend on are handed to the library, so that what is wrong with the others, or comes after the
 * pixels, does not matter. */
#include "runtime/base/error.h"
#include "runtime/base/noted.h"
#include "runtime/images/decode.h"
#include "runtime/images/pixels.h"

#include <spng.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const uint8_t *bytes;
    size_t size, at, end; /* handed out are the bytes from `at` to `end`: the signature, or a chunk */
    bool pixels, cut;     /* an IDAT was met; the chunk goes on beyond the file's end */
} Chunks;

static size_t length_at(const uint8_t *p) {
    return (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
}

/* The next chunk worth handing out; after the pixels that is an end made up, for some files have none. False: there is
 * no more. */
static bool next_chunk(Chunks *chunks) {
    static const uint8_t iend[12] = {0, 0, 0, 0, 'I', 'E', 'N', 'D', 0xae, 0x42, 0x60, 0x82};
    if (chunks->bytes == iend || chunks->cut) return false;
    while (chunks->size - chunks->end >= 8) {
        const uint8_t *chunk = chunks->bytes + chunks->end, *type = chunk + 4;
        size_t left = chunks->size - chunks->end, length = length_at(chunk);
        bool pixels = memcmp(type, "IDAT", 4) == 0,
             wanted = pixels || memcmp(type, "IHDR", 4) == 0 || memcmp(type, "PLTE", 4) == 0;
        if (chunks->pixels && !pixels) break;
        chunks->at = chunks->end;
        chunks->cut = length + 12 > left;
        chunks->end += chunks->cut ? left : length + 12;
        chunks->pixels = pixels;
        if (wanted) return true;
    }
    if (!chunks->pixels) return false;
    *chunks = (Chunks){.bytes = iend, .size = sizeof iend, .end = sizeof iend};
    return true;
}

static int read_chunks(spng_ctx *png, void *user, void *to, size_t n) {
    Chunks *chunks = user;
    (void)png;
    for (size_t done = 0; done < n;) {
        if (chunks->at == chunks->end && !next_chunk(chunks)) return SPNG_IO_EOF;
        size_t part = chunks->end - chunks->at < n - done ? chunks->end - chunks->at : n - done;
        memcpy((uint8_t *)to + done, chunks->bytes + chunks->at, part);
        chunks->at += part;
        done += part;
    }
    return 0;
}

static bool complain(int problem, const char *name, VtError *error) {
    if (problem == SPNG_EMEM || noted_failed()) return vt_fail(error, 1, "%s: out of memory", name);
    if (problem == SPNG_IO_EOF)
        return vt_bad_image(error, "%s: cut short: the PNG file ends before its pixels do", name);
    return vt_bad_image(error, "%s: damaged PNG: %s", name, spng_strerror(problem));
}

/* Gray, gray with alpha, colours, colours with alpha. */
static int channels_of(int color_type) {
    return color_type == SPNG_COLOR_TYPE_GRAYSCALE         ? 1
           : color_type == SPNG_COLOR_TYPE_GRAYSCALE_ALPHA ? 2
           : color_type == SPNG_COLOR_TYPE_TRUECOLOR_ALPHA ? 4
                                                           : 3;
}

/* Red, green, blue and alpha of n pixels become gray and alpha. */
static void drop_colors(uint8_t *pixels, size_t n) {
    for (size_t i = 0; i < n; i++) {
        pixels[2 * i] = pixels[4 * i];
        pixels[2 * i + 1] = pixels[4 * i + 3];
    }
}

static bool decode(spng_ctx *png, Chunks *chunks, const char *name, int channels, VtImage *out,
                   VtError *error) {
    int format = channels == 3 ? SPNG_FMT_RGB8 : SPNG_FMT_RGBA8, decoded = channels == 3 ? 3 : 4;
    struct spng_ihdr header;
    int problem = spng_set_png_stream(png, read_chunks, chunks);
    if (!problem) problem = spng_get_ihdr(png, &header);
    if (problem) return complain(problem, name, error);
    if (channels != 3 && channels_of(header.color_type) != channels)
        return image_wrong_channels(name, channels_of(header.color_type), channels, error);
    if (!image_make_of(out, header.width, header.height, decoded, name, error)) return false;
    size_t length = 0, pixels = (size_t)out->width * (size_t)out->height, room = (size_t)decoded * pixels;
    problem = spng_decoded_image_size(png, format, &length);
    if (!problem && length != room) problem = SPNG_EINVAL;
    if (!problem) problem = spng_decode_image(png, out->pixels, room, format, 0);
    if (!problem) problem = spng_decode_chunks(png); /* the last checksum */
    if (!problem && channels == 2) drop_colors(out->pixels, pixels);
    out->channels = channels;
    return !problem || complain(problem, name, error);
}

bool decode_png_channels(const uint8_t *bytes, size_t size, const char *name, int channels, VtImage *out,
                         VtError *error) {
    Chunks chunks = {.bytes = bytes, .size = size, .end = size < 8 ? size : 8};
    struct spng_alloc memory = {noted_malloc, noted_realloc, noted_calloc, free};
    noted_begin();
    spng_ctx *png = spng_ctx_new2(&memory, 0);
    if (!png) return vt_fail(error, 1, "%s: out of memory", name);
    bool good = decode(png, &chunks, name, channels, out, error);
    spng_ctx_free(png);
    return good;
}

bool decode_png(const uint8_t *bytes, size_t size, const char *name, VtImage *out, VtError *error) {
    return decode_png_channels(bytes, size, name, 3, out, error);
}
