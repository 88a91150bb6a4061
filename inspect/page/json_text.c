/* JSON written straight into memory: see json_text.h. */
#include "inspect/page/json_text.h"
#include "ir/base/arena.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- bytes ------------------------------------------------------------------------------------------------------- */

static char *room(JsonText *json, size_t n) {
    if (json->size + n > json->capacity) {
        json->capacity = (json->size + n) * 2 + 4096;
        json->text = arena_must(realloc(json->text, json->capacity));
    }
    return json->text + json->size;
}

static void add(JsonText *json, const char *bytes, size_t n) {
    if (n) memcpy(room(json, n), bytes, n);
    json->size += n;
}

static void begin(JsonText *json) {
    if (json->comma) add(json, ",", 1);
    json->comma = true;
}

void put_open(JsonText *json, char bracket) {
    begin(json);
    add(json, &bracket, 1);
    json->comma = false;
}

void put_close(JsonText *json, char bracket) {
    add(json, &bracket, 1);
    json->comma = true;
}

void put_key(JsonText *json, const char *name) {
    begin(json);
    add(json, "\"", 1);
    add(json, name, strlen(name));
    add(json, "\":", 2);
    json->comma = false;
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

void put_whole(JsonText *json, int64_t value) {
    char digits[24], *at = digits + sizeof digits;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    begin(json);
    do *--at = (char)('0' + rest % 10);
    while (rest /= 10);
    if (value < 0) *--at = '-';
    add(json, at, (size_t)(digits + sizeof digits - at));
}

void put_number(JsonText *json, double value) {
    enum { EXACT = 53 }; /* bits of a double's whole numbers */
    char text[40];
    int n = 0;
    if (!isfinite(value)) {
        put_null(json);
    } else if (value == floor(value) && fabs(value) < ldexp(1, EXACT)) {
        put_whole(json, (int64_t)value);
    } else {
        for (int digits = 6; digits <= 17; digits++) {
            n = snprintf(text, sizeof text, "%.*g", digits, value);
            if (strtod(text, NULL) == value) break;
        }
        begin(json);
        add(json, text, (size_t)n);
    }
}

void put_bool(JsonText *json, bool value) {
    begin(json);
    add(json, value ? "true" : "false", value ? 4 : 5);
}

void put_null(JsonText *json) {
    begin(json);
    add(json, "null", 4);
}

/* ---- texts ------------------------------------------------------------------------------------------------------- */

/* Bytes of the character of UTF-8 there; 0: there is none. No overlong forms, no surrogates, none beyond U+10FFFF. */
static size_t character(const unsigned char *at, size_t left) {
    unsigned char c = at[0];
    size_t n = c < 0x80                ? 1
               : c >= 0xc2 && c < 0xe0 ? 2
               : c >= 0xe0 && c < 0xf0 ? 3
               : c >= 0xf0 && c < 0xf5 ? 4
                                       : 0;
    if (n == 0 || n > left) return 0;
    for (size_t i = 1; i < n; i++)
        if ((at[i] & 0xc0) != 0x80) return 0;
    if ((c == 0xe0 && at[1] < 0xa0) || (c == 0xed && at[1] >= 0xa0)) return 0;
    if ((c == 0xf0 && at[1] < 0x90) || (c == 0xf4 && at[1] >= 0x90)) return 0;
    return n;
}

static bool is_utf8(const unsigned char *text, size_t n) {
    for (size_t i = 0, length; i < n; i += length)
        if (!(length = character(text + i, n - i))) return false;
    return true;
}

void put_text_n(JsonText *json, const char *text, size_t n) {
    const unsigned char *bytes = (const unsigned char *)text;
    bool utf8 = is_utf8(bytes, n);
    begin(json);
    char *at = room(json, 6 * n + 2);
    *at++ = '"';
    for (size_t i = 0; i < n; i++) {
        unsigned char c = bytes[i];
        if (c == '"' || c == '\\')
            *at++ = '\\', *at++ = (char)c;
        else if (c == '\n')
            *at++ = '\\', *at++ = 'n';
        else if (c < 0x20 || c == 0x7f)
            at += snprintf(at, 7, "\\u%04x", c);
        else
            *at++ = c >= 0x80 && !utf8 ? '?' : (char)c;
    }
    *at++ = '"';
    json->size = (size_t)(at - json->text);
}

void put_text(JsonText *json, const char *text) {
    put_text_n(json, text ? text : "", text ? strlen(text) : 0);
}
