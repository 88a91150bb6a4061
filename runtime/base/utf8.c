/* Whether bytes are UTF-8: see utf8.h. */
#include "runtime/base/utf8.h"

/* Bytes of the UTF-8 character at p, of which n are there; 0: it is none. */
static size_t utf8_length(const uint8_t *p, size_t n) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = p[0] < 0x80   ? 1
                    : p[0] < 0xc0 ? 0
                    : p[0] < 0xe0 ? 2
                    : p[0] < 0xf0 ? 3
                    : p[0] < 0xf8 ? 4
                                  : 0;
    if (length <= 1 || length > n) return length == 1;
    uint32_t code = p[0] & (0xff >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80) return 0;
        code = code << 6 | (p[i] & 0x3f);
    }
    return code >= least[length] && code <= 0x10ffff && !(code >= 0xd800 && code < 0xe000) ? length : 0;
}

bool vt_is_utf8(const void *bytes, size_t n) {
    const uint8_t *p = bytes;
    for (size_t length; n > 0; p += length, n -= length)
        if ((length = utf8_length(p, n)) == 0) return false;
    return true;
}
