/* Names in a zip file: see zip_directory.h. */
#include "runtime/archives/zip_directory.h"

#include <stdlib.h>
#include <string.h>
#include <uchar.h>
#include <zlib.h>

enum { EXTRA_UNICODE_PATH = 0x7075 };

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

static bool is_utf8(const uint8_t *p, size_t n) {
    for (size_t length; n > 0; p += length, n -= length)
        if ((length = utf8_length(p, n)) == 0) return false;
    return true;
}

/* The bytes from 128 on; the others are ASCII's. A name becomes at most three times as long. */
static size_t from_code_page_437(const uint8_t *p, size_t n, char *to) {
    static const char16_t upper[] = u"ÇüéâäàåçêëèïîìÄÅ"
                                    u"ÉæÆôöòûùÿÖÜ¢£¥₧ƒ"
                                    u"áíóúñÑªº¿⌐¬½¼¡«»"
                                    u"░▒▓│┤╡╢╖╕╣║╗╝╜╛┐"
                                    u"└┴┬├─┼╞╟╚╔╩╦╠═╬╧"
                                    u"╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀"
                                    u"αßΓπΣσµτΦΘΩδ∞φε∩"
                                    u"≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0";
    size_t length = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned code = p[i] < 128 ? p[i] : upper[p[i] - 128];
        if (code >= 0x800) to[length++] = (char)(0xe0 | code >> 12);
        if (code >= 0x80) to[length++] = (char)(code < 0x800 ? 0xc0 | code >> 6 : 0x80 | (code >> 6 & 0x3f));
        to[length++] = (char)(code < 0x80 ? code : 0x80 | (code & 0x3f));
    }
    return length;
}

char *zip_entry_name(const ZipDirectory *directory, const ZipEntry *entry) {
    const uint8_t *record = directory->bytes + entry->at, *name = record + ZIP_ENTRY;
    size_t length = zip_u16(record + 28);
    int size = 0;
    const uint8_t *unicode = zip_extra(name + length, zip_u16(record + 30), EXTRA_UNICODE_PATH, &size);
    /* a version, 1; the checksum of the name that it was made for; the name */
    if (unicode && size > 5 && unicode[0] == 1 && zip_u32(unicode + 1) == crc32(0, name, (uInt)length) &&
        is_utf8(unicode + 5, (size_t)size - 5)) {
        name = unicode + 5;
        length = (size_t)size - 5;
    }
    char *text = malloc(3 * length + 1);
    if (!text) return NULL;
    if (is_utf8(name, length))
        memcpy(text, name, length);
    else
        length = from_code_page_437(name, length, text);
    text[length] = '\0';
    return text;
}
