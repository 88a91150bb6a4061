/* BMP of Windows and OS/2: 1, 4 and 8 bits through a palette (packed in runs too), 16, 24 and 32 bits, with masks or
 * without. A reader of our own: of the libraries at hand none is made for hostile files. Runs as Pillow unpacks them:
 * what they leave out has the palette's first colour. */
#include "runtime/base/error.h"
#include "runtime/images/decode.h"
#include "runtime/images/pixels.h"

#include <stdlib.h>
#include <string.h>

typedef enum { PLAIN, RUNS_8, RUNS_4, MASKS } Packing; /* the header's numbers */

typedef struct {
    const uint8_t *bytes;
    size_t size;
    size_t header, palette, pixels; /* where they begin */
    uint32_t bits, colors;
    int packing, entry; /* entry: bytes of a palette's colour */
    bool top_down;
    uint32_t masks[3];
    VtImage *out;
} Bmp;

static uint32_t u16(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}
static uint32_t u32(const uint8_t *p) {
    return u16(p) | u16(p + 2) << 16;
}

/* The header after the 14 bytes every file begins with. */
static bool read_header(Bmp *b, const char *name, VtError *error) {
    const uint8_t *p = b->bytes + 14;
    size_t length = b->size >= 18 ? u32(p) : 0;
    bool known = length == 12 || length == 40 || length == 52 || length == 56 || length == 64 ||
                 length == 108 || length == 124;
    if (b->size < 18 || (known && b->size < 14 + length))
        return vt_bad_image(error, "%s: cut short: the BMP file ends in its header", name);
    if (!known) return vt_bad_image(error, "%s: damaged BMP: a header of %zu bytes", name, length);
    int64_t width = length == 12 ? (int32_t)u16(p + 4) : (int32_t)u32(p + 4),
            height = length == 12 ? (int32_t)u16(p + 6) : (int32_t)u32(p + 8);
    b->bits = length == 12 ? u16(p + 10) : u16(p + 14);
    b->packing = length == 12 ? PLAIN : (int)u32(p + 16);
    b->colors = length == 12 ? 0 : u32(p + 32);
    b->entry = length == 12 ? 3 : 4;
    b->top_down = height < 0;
    b->palette = 14 + length;
    b->pixels = u32(b->bytes + 10);
    if (b->packing == MASKS && length == 40) b->palette += 12; /* the masks follow it */
    if (b->packing == MASKS && length != 64 && b->size >= 14 + 40 + 12)
        for (int c = 0; c < 3; c++) b->masks[c] = u32(b->bytes + 54 + 4 * c);
    return image_make(b->out, width, height < 0 ? -height : height, name, error);
}

static bool check_kind(Bmp *b, const char *name, VtError *error) {
    bool indexed = b->bits == 1 || b->bits == 4 || b->bits == 8,
         direct = b->bits == 16 || b->bits == 24 || b->bits == 32;
    bool good = b->packing == PLAIN    ? indexed || direct
                : b->packing == RUNS_8 ? b->bits == 8
                : b->packing == RUNS_4 ? b->bits == 4
                                       : b->packing == MASKS && direct;
    if (!good)
        return vt_bad_image(error,
                            "%s: a BMP of %u bits with compression %d: not read; convert it to 24 bits", name,
                            b->bits, b->packing);
    static const uint32_t standard[3] = {0xff0000, 0xff00, 0xff}, narrow[3] = {0x7c00, 0x3e0, 0x1f};
    if (b->packing != MASKS || (b->masks[0] | b->masks[1] | b->masks[2]) == 0)
        memcpy(b->masks, b->bits == 16 ? narrow : standard, sizeof b->masks);
    uint32_t most = indexed ? 1u << b->bits : 0;
    if (b->colors == 0 || b->colors > most) b->colors = most;
    if (b->pixels < 14) b->pixels = b->palette + b->colors * (size_t)b->entry;
    return true;
}

static uint8_t through_mask(uint32_t value, uint32_t mask) {
    if (!mask) return 0;
    int shift = __builtin_ctz(mask);
    uint64_t most = mask >> shift;
    return (uint8_t)((uint64_t)((value & mask) >> shift) * 255 / most);
}

/* A place beyond the palette is black. */
static void put_color(const Bmp *b, uint32_t place, uint8_t *to) {
    size_t at = b->palette + place * (size_t)b->entry;
    if (place >= b->colors || at + 3 > b->size) return;
    for (int c = 0; c < 3; c++) to[c] = b->bytes[at + 2 - (size_t)c];
}

static uint8_t *row_of(const Bmp *b, int y) {
    int row = b->top_down ? y : b->out->height - 1 - y;
    return b->out->pixels + 3 * (size_t)row * (size_t)b->out->width;
}

static void read_row(const Bmp *b, const uint8_t *from, uint8_t *to) {
    for (int x = 0; x < b->out->width; x++, to += 3)
        if (b->bits <= 8) {
            uint32_t bit = (uint32_t)x * b->bits;
            put_color(b, from[bit / 8] >> (8 - b->bits - bit % 8) & ((1u << b->bits) - 1), to);
        } else {
            uint32_t value = u16(from + (size_t)x * b->bits / 8);
            if (b->bits > 16) value |= (uint32_t)from[(size_t)x * b->bits / 8 + 2] << 16;
            if (b->bits > 24) value |= (uint32_t)from[(size_t)x * b->bits / 8 + 3] << 24;
            for (int c = 0; c < 3; c++) to[c] = through_mask(value, b->masks[c]);
        }
}

static bool read_plain(const Bmp *b) {
    size_t row = ((size_t)b->out->width * b->bits + 31) / 32 * 4,
           used = ((size_t)b->out->width * b->bits + 7) / 8;
    size_t needed = row * ((size_t)b->out->height - 1) + used; /* the last row's padding may be missing */
    if (b->pixels > b->size || b->size - b->pixels < needed) return false;
    for (int y = 0; y < b->out->height; y++)
        read_row(b, b->bytes + b->pixels + (size_t)y * row, row_of(b, y));
    return true;
}

/* The pixels in the order of the file, counted from the first. */
static void put_at(const Bmp *b, size_t at, uint32_t place) {
    size_t width = (size_t)b->out->width;
    put_color(b, place, row_of(b, (int)(at / width)) + 3 * (at % width));
}

/* What no run covers is the palette's first colour. */
static void fill(const Bmp *b, size_t bytes) {
    uint8_t *pixels = b->out->pixels;
    put_color(b, 0, pixels);
    for (size_t done = 3; done < bytes; done *= 2)
        memcpy(pixels + done, pixels, done < bytes - done ? done : bytes - done);
}

/* Runs and literal stretches until the end mark; false if the file ends before. */
static bool read_runs(const Bmp *b) {
    size_t width = (size_t)b->out->width, n = width * (size_t)b->out->height, at = 0, p = b->pixels, x = 0;
    bool nibbles = b->packing == RUNS_4;
    fill(b, 3 * n);
    while (at < n) {
        if (p > b->size || b->size - p < 2) return false;
        uint32_t count = b->bytes[p], value = b->bytes[p + 1];
        p += 2;
        if (count > 0) {
            if (x + count > width) count = (uint32_t)(width > x ? width - x : 0);
            for (uint32_t i = 0; i < count && at < n; i++)
                put_at(b, at++, !nibbles ? value : i % 2 ? value & 15 : value >> 4);
            x += count;
        } else if (value == 0) { /* the end of a row */
            at = (at + width - 1) / width * width;
            x = 0;
        } else if (value == 1) /* the end of all */
            return true;
        else if (value == 2) { /* to the right, and on by rows */
            if (b->size - p < 2) return false;
            at += b->bytes[p] + b->bytes[p + 1] * width;
            x = at % width;
            p += 2;
        } else { /* as they are, to a whole number of 16 bits */
            uint32_t pixels = n - at < value ? (uint32_t)(n - at) : value;
            size_t bytes = nibbles ? (pixels + 1) / 2 : pixels;
            if (b->size - p < bytes) return false;
            for (uint32_t i = 0; i < pixels; i++)
                put_at(b, at++,
                       !nibbles ? b->bytes[p + i]
                       : i % 2  ? b->bytes[p + i / 2] & 15
                                : b->bytes[p + i / 2] >> 4);
            x += value;
            p += bytes + (p + bytes) % 2;
        }
    }
    return true;
}

bool decode_bmp(const uint8_t *bytes, size_t size, const char *name, VtImage *out, VtError *error) {
    Bmp b = {.bytes = bytes, .size = size, .out = out};
    if (!read_header(&b, name, error) || !check_kind(&b, name, error)) return false;
    return (b.packing == RUNS_8 || b.packing == RUNS_4 ? read_runs(&b) : read_plain(&b)) ||
           vt_bad_image(error, "%s: cut short: the BMP file ends before its pixels do", name);
}
