/* NumPy arrays that are images: uint8 or uint16 [height, width], or [height, width, channels]. Of 16 bits the high ones
 * are taken. */
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
    bool good = npy_read_header(bytes, (int64_t)size, &npy) && (npy.rank == 2 || npy.rank == 3);
    bool narrow = good && strcmp(npy.type, "|u1") == 0, little = good && strcmp(npy.type, "<u2") == 0,
         big = good && strcmp(npy.type, ">u2") == 0;
    if (!narrow && !little && !big)
        return vt_bad_image(
            error,
            "%s: a .npy file of an image holds uint8 or uint16 [height, width] or [height, width, channels]",
            name);
    int64_t has = npy.rank == 3 ? npy.dim[2] : 1;
    if (!npy_is_whole(&npy, narrow ? 1 : 2))
        return vt_bad_image(error, "%s: damaged or cut short .npy file", name);
    if (has != channels && !(has == 1 && channels == 3))
        return image_wrong_channels(name, has > VT_MAX_CHANNELS ? VT_MAX_CHANNELS + 1 : (int)has, channels,
                                    error);
    if (!image_make_of(out, npy.dim[1], npy.dim[0], channels, name, error)) return false;
    size_t element = narrow ? 1 : 2, n = (size_t)npy.size / element, times = (size_t)(channels / has);
    const uint8_t *high = bytes + npy.at + (little ? 1 : 0);
    for (size_t i = 0; i < n; i++) memset(out->pixels + times * i, high[element * i], times);
    return true;
}
