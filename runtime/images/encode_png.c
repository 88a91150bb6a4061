/* Images written as PNG, through libpng. */
#include "runtime/images/encode_png.h"
#include "runtime/files/output.h"

#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    uint8_t *bytes;
    size_t size, room;
} Written;

static void write_bytes(png_struct *png, png_byte *bytes, size_t n) {
    Written *written = png_get_io_ptr(png);
    if (written->size + n > written->room) {
        size_t room = 2 * (written->size + n) + 4096;
        uint8_t *grown = realloc(written->bytes, room);
        if (!grown) png_error(png, "out of memory");
        written->bytes = grown;
        written->room = room;
    }
    memcpy(written->bytes + written->size, bytes, n);
    written->size += n;
}

static void flush_bytes(png_struct *png) {
    (void)png;
}

/* Into memory, all that libpng does can fail for is memory. */
static void on_error(png_struct *png, const char *message) {
    (void)message;
    png_longjmp(png, 1);
}

static void on_warning(png_struct *png, const char *message) {
    (void)png, (void)message;
}

/* False: out of memory. */
static bool encode(const uint8_t *rgb, uint32_t width, uint32_t height, Written *written) {
    png_struct *png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, on_error, on_warning);
    png_info *info = png ? png_create_info_struct(png) : NULL;
    volatile bool good = false; /* it lives across a jump */
    if (info && setjmp(png_jmpbuf(png)) == 0) {
        png_set_write_fn(png, written, write_bytes, flush_bytes);
        png_set_IHDR(png, info, width, height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                     PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
        png_write_info(png, info);
        for (uint32_t y = 0; y < height; y++) png_write_row(png, rgb + (size_t)y * 3 * width);
        png_write_end(png, NULL);
        good = true;
    }
    png_destroy_write_struct(&png, &info);
    return good;
}

bool vt_png_write(const char *path, const uint8_t *rgb, uint32_t width, uint32_t height, VtError *error) {
    Written written = {0};
    bool good =
        encode(rgb, width, height, &written) || vt_fail(error, 1, "cannot write '%s': out of memory", path);
    good = good && vt_replace_with(path, 0666, written.bytes, written.size, error);
    free(written.bytes);
    return good;
}
