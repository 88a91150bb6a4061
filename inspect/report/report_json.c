/* JSON values of reports: see report_json.h. */
#include "inspect/report/report_json.h"
#include "ir/base/arena.h"
#include "runtime/files/json.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

json_t *report_object(void) {
    return arena_must(json_object());
}

json_t *report_array(void) {
    return arena_must(json_array());
}

json_t *report_text(const char *text) {
    if (!text) return json_null();
    json_t *value = json_string(text);
    if (value) return value;
    char *ascii = arena_must(strdup(text));
    for (char *c = ascii; *c; c++)
        if (*c & 0x80) *c = '?';
    value = arena_must(json_string(ascii));
    free(ascii);
    return value;
}

json_t *report_number(double number) {
    if (!isfinite(number)) return json_null();
    bool whole = fabs(number) < 0x1p53 && number == floor(number);
    return arena_must(whole ? json_integer((json_int_t)number) : json_real(number));
}

json_t *report_position(const Positions *positions, Loc loc) {
    if (!loc.file) return json_null();
    Arena *arena = arena_new();
    json_t *value = report_text(positions_text(arena, positions, loc));
    arena_free(arena);
    return value;
}

void report_put(json_t *object, const char *key, json_t *value) {
    if (json_object_set_new(object, key, value) != 0) arena_must(NULL);
}

void report_add(json_t *array, json_t *value) {
    if (json_array_append_new(array, value) != 0) arena_must(NULL);
}

void report_write(json_t *value, FILE *out) {
    char *text = arena_must(vt_json_text(value, JSON_INDENT(1) | JSON_REAL_PRECISION(12)));
    fprintf(out, "%s\n", text);
    free(text);
    json_decref(value);
}
