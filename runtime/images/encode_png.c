/* Images written as PNG, through libspng. */
#include "runtime/images/encode_png.h"
#include "runtime/files/output.h"

#include <spng.h>
#include <stdlib.h>

static void *encode(const uint8_t *rgb, uint32_t width, uint32_t height, size_t *size, int *problem) {
    spng_ctx *png = spng_ctx_new(SPNG_CTX_ENCODER);
    struct spng_ihdr header = {
        .width = width, .height = height, .bit_depth = 8, .color_type = SPNG_COLOR_TYPE_TRUECOLOR};
    void *bytes = NULL;
    *problem = png ? spng_set_option(png, SPNG_ENCODE_TO_BUFFER, 1) : SPNG_EMEM;
    if (!*problem) *problem = spng_set_ihdr(png, &header);
    if (!*problem)
        *problem =
            spng_encode_image(png, rgb, (size_t)3 * width * height, SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE);
    if (!*problem) bytes = spng_get_png_buffer(png, size, problem);
    if (png) spng_ctx_free(png);
    return bytes;
}

bool vt_png_write(const char *path, const uint8_t *rgb, uint32_t width, uint32_t height, VtError *error) {
    size_t size = 0;
    int problem;
    void *bytes = encode(rgb, width, height, &size, &problem);
    bool memory = problem == SPNG_EMEM || problem == SPNG_EZLIB_INIT; /* zlib wants nothing else to begin */
    if (!bytes)
        return vt_fail(error, 1, "cannot write '%s': %s", path,
                       memory ? "out of memory" : spng_strerror(problem));
    bool good = vt_replace_with(path, 0666, bytes, size, error);
    free(bytes);
    return good;
}
