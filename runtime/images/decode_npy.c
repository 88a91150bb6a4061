/* NumPy arrays that are images: uint8 [height, width], or [height, width, channels]. */
#include "runtime/images/decode.h"
#include "runtime/images/npy.h"
#include "runtime/program.h"

#include <string.h>

bool decode_npy(const uint8_t *bytes, size_t size, const char *name, VtImage *out, VtError *error) {
    return decode_npy_channels(bytes, size, name, 3, out, error);
}

/* Of three channels that are asked for, a gray image has its one three times. */
bool decode_npy_channels(const uint8_t *bytes, size_t size, const char *name, int channels, VtImage *out,
                         VtError *error) {
    NpyHeader npy;
    if (!npy_read_header(bytes, (int64_t)size, &npy) || strcmp(npy.type, "|u1") != 0 || npy.rank < 2 ||
        npy.rank > 3)
        return vt_bad_image(
            error, "%s: a .npy file of an image holds uint8 [height, width] or [height, width, channels]",
            name);
    int64_t has = npy.rank == 3 ? npy.dim[2] : 1;
    if (!npy_is_whole(&npy, 1)) return vt_bad_image(error, "%s: damaged or cut short .npy file", name);
    if (has != channels && !(has == 1 && channels == 3))
        return image_wrong_channels(name, has > VT_MAX_CHANNELS ? VT_MAX_CHANNELS + 1 : (int)has, channels,
                                    error);
    if (!image_make_of(out, npy.dim[1], npy.dim[0], channels, name, error)) return false;
    if (has == channels)
        memcpy(out->pixels, bytes + npy.at, (size_t)npy.size);
    else
        for (int64_t i = 0; i < npy.size; i++) memset(out->pixels + 3 * i, bytes[npy.at + i], 3);
    return true;
}
