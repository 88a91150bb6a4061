/* Names in a zip file: see zip_directory.h. */
#include "runtime/archives/zip_directory.h"
#include "runtime/base/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <uchar.h>
#include <zlib.h>

enum { EXTRA_UNICODE_PATH = 0x7075 };

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
        vt_is_utf8(unicode + 5, (size_t)size - 5)) {
        name = unicode + 5;
        length = (size_t)size - 5;
    }
    char *text = malloc(3 * length + 1);
    if (!text) return NULL;
    if (vt_is_utf8(name, length))
        memcpy(text, name, length);
    else
        length = from_code_page_437(name, length, text);
    text[length] = '\0';
    return text;
}
