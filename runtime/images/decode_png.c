/* PNG through libpng. Of 16 bits the high ones are taken, gray ones too (Pillow makes nearly all of those white). Only
 * chunks that pixels depend on are handed to the library, so that what is wrong with the others, or comes after the
 * pixels, does not matter. */
#include "runtime/base/error.h"
#include "runtime/base/noted.h"
#include "runtime/images/decode.h"
#include "runtime/images/pixels.h"

#include <png.h>
#include <setjmp.h>
#include <stdio.h>
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

typedef struct {
    png_struct *png;
    png_info *info;
    Chunks chunks;
    bool ended;    /* bytes were asked for beyond the last */
    bool last;     /* the row that is asked for is the last one of the last pass */
    bool row_read; /* and it is unpacked */
    char message[128];
} Decoder;

/* ---- what libpng calls ------------------------------------------------------------------------------------------- */

static void read_chunks(png_struct *png, png_byte *to, size_t n) {
    Decoder *decoder = png_get_io_ptr(png);
    Chunks *chunks = &decoder->chunks;
    for (size_t done = 0; done < n;) {
        if (chunks->at == chunks->end && !next_chunk(chunks)) {
            decoder->ended = true;
            png_error(png, "no more bytes");
        }
        size_t part = chunks->end - chunks->at < n - done ? chunks->end - chunks->at : n - done;
        memcpy(to + done, chunks->bytes + chunks->at, part);
        chunks->at += part;
        done += part;
    }
}

static void on_row(png_struct *png, png_row_info *row, png_byte *bytes) {
    Decoder *decoder = png_get_user_transform_ptr(png);
    (void)row, (void)bytes;
    decoder->row_read = true;
}

static void on_error(png_struct *png, const char *message) {
    Decoder *decoder = png_get_error_ptr(png);
    snprintf(decoder->message, sizeof decoder->message, "%s", message);
    png_longjmp(png, 1);
}

static void on_warning(png_struct *png, const char *message) {
    (void)png, (void)message;
}

static void *get_memory(png_struct *png, png_alloc_size_t size) {
    (void)png;
    return noted_malloc(size);
}

static void free_memory(png_struct *png, void *memory) {
    (void)png;
    free(memory);
}

/* ------------------------------------------------------------------------------------------------------------------ */

static bool complain(const Decoder *decoder, const char *name, VtError *error) {
    if (noted_failed()) return vt_fail(error, 1, "%s: out of memory", name);
    if (decoder->ended)
        return vt_bad_image(error, "%s: cut short: the PNG file ends before its pixels do", name);
    return vt_bad_image(error, "%s: damaged PNG: %s", name, decoder->message);
}

/* Gray, gray with alpha, colours, colours with alpha. */
static int channels_of(int color_type) {
    return color_type == PNG_COLOR_TYPE_GRAY         ? 1
           : color_type == PNG_COLOR_TYPE_GRAY_ALPHA ? 2
           : color_type == PNG_COLOR_TYPE_RGB_ALPHA  ? 4
                                                     : 3;
}

/* The bytes may end behind the last pixel: of some files the end of the stream, which holds another checksum, is
 * missing. */
static bool is_whole(const Decoder *decoder) {
    return decoder->last && decoder->row_read && strcmp(decoder->message, "Not enough image data") == 0;
}

/* Errors of libpng jump out of here; false: `error` is filled. */
static bool read_pixels(Decoder *decoder, const char *name, int channels, VtImage *out, VtError *error) {
    png_struct *png = decoder->png;
    png_info *info = decoder->info;
    png_set_read_fn(png, decoder, read_chunks);
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);     /* image_make_of has ours */
    png_set_option(png, PNG_MAXIMUM_INFLATE_WINDOW, PNG_OPTION_ON); /* some files state too small a one */
    png_read_info(png, info);
    int has = channels_of(png_get_color_type(png, info));
    if (channels != 3 && has != channels) return image_wrong_channels(name, has, channels, error);
    if (!image_make_of(out, png_get_image_width(png, info), png_get_image_height(png, info), channels, name,
                       error))
        return false;
    png_set_strip_16(png);
    png_set_expand_gray_1_2_4_to_8(png);
    png_set_palette_to_rgb(png);
    if (channels == 3) {
        png_set_gray_to_rgb(png);
        png_set_strip_alpha(png);
    }
    png_set_read_user_transform_fn(png, on_row);
    png_set_user_transform_info(png, decoder, 0, 0);
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    size_t row = (size_t)channels * (size_t)out->width;
    if (png_get_rowbytes(png, info) != row) png_error(png, "rows of another length than expected");
    for (int pass = 0; pass < passes; pass++)
        for (int y = 0; y < out->height; y++) {
            decoder->last = pass == passes - 1 && y == out->height - 1;
            decoder->row_read = passes > 1 && y % 2 == 0; /* the last pass has none of the even rows */
            png_read_row(png, out->pixels + (size_t)y * row, NULL);
        }
    png_read_end(png, NULL); /* the last checksum */
    return true;
}

bool decode_png_channels(const uint8_t *bytes, size_t size, const char *name, int channels, VtImage *out,
                         VtError *error) {
    Decoder *decoder = calloc(1, sizeof *decoder);
    if (!decoder) return vt_fail(error, 1, "%s: out of memory", name);
    volatile bool good = false; /* it lives across a jump */
    decoder->chunks = (Chunks){.bytes = bytes, .size = size, .end = size < 8 ? size : 8};
    noted_begin();
    decoder->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, decoder, on_error, on_warning, NULL,
                                            get_memory, free_memory);
    if (decoder->png) decoder->info = png_create_info_struct(decoder->png);
    if (!decoder->info)
        vt_fail(error, 1, "%s: out of memory", name);
    else if (setjmp(png_jmpbuf(decoder->png)) == 0)
        good = read_pixels(decoder, name, channels, out, error);
    else
        good = is_whole(decoder) || complain(decoder, name, error);
    png_destroy_read_struct(&decoder->png, &decoder->info, NULL);
    free(decoder);
    return good;
}

bool decode_png(const uint8_t *bytes, size_t size, const char *name, VtImage *out, VtError *error) {
    return decode_png_channels(bytes, size, name, 3, out, error);
}
