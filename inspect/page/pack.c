/* Deflate and base64: see pack.h. */
#include "inspect/page/pack.h"
#include "ir/base/arena.h"

#include <libdeflate.h>
#include <stdlib.h>

enum { LEVEL = 8 }; /* of 12: beyond it a page takes twice the time for a hundredth of its size */

static char *encode_base64(const unsigned char *bytes, size_t size, size_t *n) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *text = arena_must(malloc((size + 2) / 3 * 4 + 1)), *at = text;
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        unsigned group = (unsigned)bytes[i] << 16 | (left > 1 ? (unsigned)bytes[i + 1] << 8 : 0) |
                         (left > 2 ? bytes[i + 2] : 0);
        *at++ = digits[group >> 18];
        *at++ = digits[group >> 12 & 63];
        *at++ = left > 1 ? digits[group >> 6 & 63] : '=';
        *at++ = left > 2 ? digits[group & 63] : '=';
    }
    *at = '\0';
    *n = (size_t)(at - text);
    return text;
}

char *pack_text(const void *bytes, size_t size, size_t *n) {
    struct libdeflate_compressor *compressor = arena_must(libdeflate_alloc_compressor(LEVEL));
    size_t room = libdeflate_deflate_compress_bound(compressor, size);
    unsigned char *packed = arena_must(malloc(room));
    size_t packed_size = libdeflate_deflate_compress(compressor, bytes, size, packed, room);
    libdeflate_free_compressor(compressor);
    char *text = encode_base64(packed, packed_size, n);
    free(packed);
    return text;
}
