/* PBM, PGM and PPM, plain and raw, of 8 and of 16 bits: a reader of our own, for netpbm's library ends the process on a
 * bad file. */
#include "runtime/base/error.h"
#include "runtime/images/decode.h"
#include "runtime/images/pixels.h"

#include <math.h>

typedef struct {
    const uint8_t *bytes;
    size_t size, at;
} Text;

static bool is_space(int c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void skip_space(Text *t) {
    while (t->at < t->size && (is_space(t->bytes[t->at]) || t->bytes[t->at] == '#'))
        if (t->bytes[t->at++] == '#')
            while (t->at < t->size && t->bytes[t->at] != '\n' && t->bytes[t->at] != '\r') t->at++;
}

/* A decimal number of at most nine digits; -1: there is none. */
static int64_t read_number(Text *t) {
    int64_t value = 0;
    int digits = 0;
    skip_space(t);
    while (t->at < t->size && t->bytes[t->at] >= '0' && t->bytes[t->at] <= '9' && digits < 10) {
        value = 10 * value + t->bytes[t->at++] - '0';
        digits++;
    }
    return digits >= 1 && digits <= 9 ? value : -1;
}

/* Of `most` as of 255, rounded as Python does it. */
static uint8_t to_byte(int64_t value, int64_t most) {
    return value >= most ? 255 : (uint8_t)nearbyint((double)value / (double)most * 255);
}

/* Samples in order, `channels` a pixel; false: the file ends before, or holds what is no sample. */
static bool read_samples(Text *t, bool plain, int64_t most, int channels, VtImage *out) {
    size_t n = (size_t)out->width * (size_t)out->height * (size_t)channels, wide = most > 255 ? 2 : 1;
    if (!plain && (t->at > t->size || (t->size - t->at) / wide < n)) return false;
    for (size_t i = 0; i < n; i++) {
        int64_t value;
        if (plain)
            value = read_number(t);
        else {
            value = t->bytes[t->at++];
            if (wide == 2) value = value << 8 | t->bytes[t->at++];
        }
        if (value < 0 || (plain && value > most)) return false;
        uint8_t byte = to_byte(value, most);
        if (channels == 3)
            out->pixels[i] = byte;
        else
            out->pixels[3 * i] = out->pixels[3 * i + 1] = out->pixels[3 * i + 2] = byte;
    }
    return true;
}

/* One bit a pixel, 1 is black; rows of raw ones begin with a byte. */
static bool read_bits(Text *t, bool plain, VtImage *out) {
    size_t width = (size_t)out->width, height = (size_t)out->height, row = (width + 7) / 8;
    if (!plain && (t->at > t->size || (t->size - t->at) / row < height)) return false;
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++) {
            uint8_t *to = out->pixels + 3 * (y * width + x), bit;
            if (plain) {
                skip_space(t);
                if (t->at >= t->size || (t->bytes[t->at] != '0' && t->bytes[t->at] != '1')) return false;
                bit = t->bytes[t->at++] == '1';
            } else
                bit = t->bytes[t->at + y * row + x / 8] >> (7 - x % 8) & 1;
            to[0] = to[1] = to[2] = bit ? 0 : 255;
        }
    return true;
}

bool decode_pnm(const uint8_t *bytes, size_t size, const char *name, VtImage *out, VtError *error) {
    Text t = {bytes, size, 2};
    int kind = bytes[1] - '0';
    bool plain = kind <= 3, bits = kind == 1 || kind == 4;
    if (t.at >= size || (!is_space(bytes[2]) && bytes[2] != '#'))
        return vt_bad_image(error, "%s: no image: it only begins like a PNM file", name);
    int64_t width = read_number(&t), height = read_number(&t), most = bits ? 1 : read_number(&t);
    if (width < 0 || height < 0 || most < 1 || most > 65535)
        return vt_bad_image(
            error, "%s: damaged PNM: its header does not say width, height and the largest value", name);
    if (!image_make(out, width, height, name, error)) return false;
    t.at++; /* one space ends the header */
    if (bits ? read_bits(&t, plain, out) : read_samples(&t, plain, most, kind % 3 == 0 ? 3 : 1, out))
        return true;
    return vt_bad_image(error, "%s: damaged or cut short PNM, at byte %zu", name, t.at < size ? t.at : size);
}
