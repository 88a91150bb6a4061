/* JPEG through libjpeg-turbo's libjpeg interface. Its warnings are no errors, as in Pillow: real data sets hold such
 * files. The one exception is a file that ends before its pixels do. */
#include "runtime/base/error.h"
#include "runtime/images/decode.h"
#include "runtime/images/pixels.h"

#include <stdio.h> /* before jpeglib.h */
#include <jerror.h>
#include <jpeglib.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

/* A scan of a progressive file costs a pass over all pixels, however few bytes it has. */
enum { MAX_SCANS = 500, ROWS = 32 };
#define MAX_SCANNED ((int64_t)1 << 31)

typedef struct {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf escape;
    bool started; /* the header is read */
    bool ended;   /* bytes were asked for beyond the last */
    bool no_memory;
    uint8_t *inks; /* a row of CMYK */
    char message[JMSG_LENGTH_MAX + 64];
} Decoder;

static void give_up(Decoder *decoder) {
    longjmp(decoder->escape, 1);
}

static void on_error(j_common_ptr jpeg) {
    Decoder *decoder = jpeg->client_data;
    decoder->no_memory = decoder->errors.msg_code == JERR_OUT_OF_MEMORY;
    decoder->errors.format_message(jpeg, decoder->message);
    give_up(decoder);
}

static void cut_short(Decoder *decoder) {
    snprintf(decoder->message, sizeof decoder->message, "cut short: premature end of the JPEG file");
    give_up(decoder);
}

/* At the end of the bytes libjpeg makes an end marker up. A sequential scan has all it needs by then, or misses data
 * later; of several scans, or an arithmetic one, no one can tell. */
static void on_message(j_common_ptr jpeg, int level) {
    Decoder *decoder = jpeg->client_data;
    if (level >= 0) return;
    if (decoder->errors.msg_code == JWRN_JPEG_EOF) {
        decoder->ended = true;
        if (!decoder->started || decoder->jpeg.arith_code || jpeg_has_multiple_scans(&decoder->jpeg))
            cut_short(decoder);
    }
    if (decoder->errors.msg_code == JWRN_HIT_MARKER && decoder->ended) cut_short(decoder);
}

static void on_progress(j_common_ptr jpeg) {
    Decoder *decoder = jpeg->client_data;
    int64_t scans = decoder->jpeg.input_scan_number,
            pixels = (int64_t)decoder->jpeg.image_width * decoder->jpeg.image_height;
    if (scans <= MAX_SCANS && scans * pixels <= MAX_SCANNED) return;
    snprintf(decoder->message, sizeof decoder->message, "refused: %lld scans or more, at most %lld",
             (long long)scans,
             (long long)(MAX_SCANNED / pixels < MAX_SCANS ? MAX_SCANNED / pixels : MAX_SCANS));
    give_up(decoder);
}

/* Errors of libjpeg jump out of here; false: `error` is filled. */
static bool read_pixels(Decoder *decoder, const uint8_t *bytes, size_t size, const char *name, VtImage *out,
                        VtError *error) {
    struct jpeg_decompress_struct *jpeg = &decoder->jpeg;
    jpeg_create_decompress(jpeg);
    jpeg->client_data = decoder;
    jpeg->progress = &decoder->progress;
    jpeg_mem_src(jpeg, bytes, size);
    jpeg_read_header(jpeg, TRUE);
    decoder->started = true;
    int components = jpeg->num_components;
    if (components != 1 && components != 3 && components != 4)
        return vt_bad_image(error, "%s: %d components: there are JPEG files of 1, 3 or 4", name, components);
    if (!image_make(out, jpeg->image_width, jpeg->image_height, name, error)) return false;
    size_t row = 3 * (size_t)out->width;
    if (components == 4 && !(decoder->inks = malloc(4 * (size_t)out->width)))
        return vt_fail(error, 1, "%s: out of memory", name);
    jpeg->out_color_space = components == 4 ? JCS_CMYK : JCS_RGB;
    jpeg->dct_method = JDCT_ISLOW;
    jpeg_start_decompress(jpeg);
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW rows[ROWS];
        unsigned left = jpeg->output_height - jpeg->output_scanline, n = decoder->inks ? 1
                                                                         : left < ROWS ? left
                                                                                       : ROWS;
        uint8_t *to = out->pixels + jpeg->output_scanline * row;
        for (unsigned i = 0; i < n; i++) rows[i] = decoder->inks ? decoder->inks : to + i * row;
        jpeg_read_scanlines(jpeg, rows, n);
        /* Adobe's files hold CMYK inverted, and libjpeg hands it on as it is */
        if (decoder->inks) image_from_cmyk(decoder->inks, (size_t)out->width, true, to);
    }
    return true;
}

bool decode_jpeg(const uint8_t *bytes, size_t size, const char *name, VtImage *out, VtError *error) {
    Decoder *decoder = calloc(1, sizeof *decoder);
    if (!decoder) return vt_fail(error, 1, "%s: out of memory", name);
    volatile bool good = false; /* it lives across a jump */
    decoder->jpeg.err = jpeg_std_error(&decoder->errors);
    decoder->jpeg.client_data = decoder;
    decoder->errors.error_exit = on_error;
    decoder->errors.emit_message = on_message;
    decoder->progress.progress_monitor = on_progress;
    if (setjmp(decoder->escape) == 0)
        good = read_pixels(decoder, bytes, size, name, out, error);
    else if (decoder->no_memory)
        vt_fail(error, 1, "%s: out of memory", name);
    else
        vt_bad_image(error, "%s: %s", name, decoder->message);
    jpeg_destroy_decompress(&decoder->jpeg);
    free(decoder->inks);
    free(decoder);
    return good;
}
