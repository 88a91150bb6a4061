/* Sentences of remarks: see remark_text.h. */
#include "inspect/remark_text.h"
#include "inspect/amounts.h"
#include "ir/base/stream.h"

#include <stdlib.h>
#include <string.h>

static bool is(const char *key, size_t n, const char *word) {
    return strlen(word) == n && memcmp(key, word, n) == 0;
}

static const char *number_text(Arena *arena, double number, const char *unit, size_t n) {
    if (is(unit, n, "bytes")) return amount_bytes(arena, number);
    if (is(unit, n, "seconds")) return amount_seconds(arena, number);
    if (is(unit, n, "flops")) return amount_flops(arena, number);
    if (is(unit, n, "count")) return amount_count(arena, number);
    return arena_printf(arena, "%g", number);
}

/* An input or a state has no number: its name is the remark's text. */
static const char *value_text(Arena *arena, const Remark *remark, uint32_t number, ValueName name,
                              void *user) {
    if (number == IR_NONE) return remark->text ? remark->text : "nothing";
    return name ? name(user, number) : arena_printf(arena, "%%%u", number);
}

/* What stands for {key} or {key:unit}; NULL: nothing. */
static const char *filling(Arena *arena, const Remark *remark, const char *key, size_t n, ValueName name,
                           void *user) {
    const char *colon = memchr(key, ':', n);
    size_t length = colon ? (size_t)(colon - key) : n;
    const char *unit = colon ? colon + 1 : key + n;
    size_t rest = (size_t)(key + n - unit);
    if (is(key, length, "other")) return value_text(arena, remark, remark->other, name, user);
    if (is(key, length, "value")) return value_text(arena, remark, remark->value, name, user);
    if (is(key, length, "text")) return remark->text ? remark->text : "";
    if (is(key, length, "a")) return number_text(arena, remark->a, unit, rest);
    if (is(key, length, "b")) return number_text(arena, remark->b, unit, rest);
    return NULL;
}

const char *remark_text(Arena *arena, const Remark *remark, ValueName name, void *user) {
    TextStream stream;
    FILE *out = stream_begin(&stream);
    for (const char *at = rule_info((Rule)remark->rule)->text; *at;) {
        const char *end = *at == '{' ? strchr(at, '}') : NULL;
        const char *fill = end ? filling(arena, remark, at + 1, (size_t)(end - at - 1), name, user) : NULL;
        if (fill)
            fputs(fill, out);
        else
            fputc(*at, out);
        at = fill ? end + 1 : at + 1;
    }
    size_t size;
    char *text = stream_end(&stream, &size);
    const char *copy = arena_strndup(arena, text, size);
    free(text);
    return copy;
}
