/* The recipe's text and a saved one: see saved.h. */
#include "standalone/saved.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Which settings have a place in the text, in the order of their places; malloc'ed. */
static int *by_place(const VtSetting *settings, int n, int *count) {
    int *order = malloc(sizeof *order * ((size_t)n + 1));
    *count = 0;
    for (int i = 0; order && i < n; i++) {
        int k = *count;
        if (settings[i].length <= 0) continue;
        for (; k > 0 && settings[order[k - 1]].at > settings[i].at; k--) order[k] = order[k - 1];
        order[k] = i;
        ++*count;
    }
    return order;
}

char *recipe_splice(const char *recipe, const VtSetting *settings, int n, const SettingText *values) {
    int count;
    int *order = by_place(settings, n, &count);
    size_t size = strlen(recipe) + sizeof *values * (size_t)n + 1, at = 0, used = 0;
    char *out = order ? malloc(size) : NULL;
    for (int k = 0; out && k < count; k++) {
        const VtSetting *s = &settings[order[k]];
        const char *value = values[order[k]].text;
        if (!value[0]) continue;
        used += (size_t)sprintf(out + used, "%.*s%s", (int)((size_t)s->at - at), recipe + at, value);
        at = (size_t)(s->at + s->length);
    }
    if (out) strcpy(out + used, recipe + at);
    free(order);
    return out;
}

/* Bytes of a value: to the end of its line, or where more follows on the line those of a number. */
static size_t value_length(const char *text, const char *recipe_after) {
    return *recipe_after == '\n' || !*recipe_after ? strcspn(text, "\n") : strspn(text, "+-.0123456789eE");
}

static void keep(const VtSetting *s, const char *recipe, const char *text, size_t length, SettingText *out) {
    bool own = length == (size_t)s->length && strncmp(recipe + s->at, text, length) == 0;
    if (!own && length < sizeof out->text) snprintf(out->text, sizeof out->text, "%.*s", (int)length, text);
}

/* From the end on, as far as the texts are the same: values of settings order[first] and later. */
static void values_from_end(const char *recipe, const VtSetting *settings, const int *order, int first,
                            int count, const char *saved, SettingText *values) {
    const char *end = recipe + strlen(recipe), *there = saved + strlen(saved);
    for (int k = count - 1; k >= first; k--) {
        const VtSetting *s = &settings[order[k]];
        const char *after = recipe + s->at + s->length, *before = recipe + s->at;
        size_t rest = (size_t)(end - after);
        if ((size_t)(there - saved) < rest || memcmp(there - rest, after, rest) != 0) return;
        const char *value = there -= rest;
        /* What stands before the value on its line says where it begins. */
        const char *line = before;
        while (line > recipe && line[-1] != '\n') line--;
        while (value > saved && value[-1] != '\n') value--;
        size_t lead = (size_t)(before - line);
        if ((size_t)(there - value) < lead || memcmp(value, line, lead) != 0) return;
        value += lead;
        keep(s, recipe, value, (size_t)(there - value), &values[order[k]]);
        there = value;
        end = before;
    }
}

bool recipe_values(const char *recipe, const VtSetting *settings, int n, const char *saved,
                   SettingText *values) {
    int count, k = 0;
    int *order = by_place(settings, n, &count);
    const char *here = recipe, *there = saved;
    if (!order) return false;
    for (; k < count; k++) {
        const VtSetting *s = &settings[order[k]];
        size_t same = (size_t)(recipe + s->at - here);
        if (strncmp(here, there, same) != 0) break;
        there += same;
        here = recipe + s->at + s->length;
        size_t length = value_length(there, here);
        keep(s, recipe, there, length, &values[order[k]]);
        there += length;
    }
    if (k < count || strcmp(here, there) != 0)
        values_from_end(recipe, settings, order, k, count, saved, values);
    free(order);
    return true;
}

/* ---- lines ------------------------------------------------------------------------------------------------------- */

static size_t line_length(const char *text) {
    return strcspn(text, "\n");
}

static const char *next_line(const char *text) {
    text += line_length(text);
    return *text ? text + 1 : text;
}

static bool same_line(const char *a, const char *b) {
    size_t n = line_length(a);
    return n == line_length(b) && memcmp(a, b, n) == 0;
}

static size_t lines_in(const char *text) {
    size_t n = 0;
    for (; *text; text = next_line(text)) n++;
    return n;
}

/* Where line `line` begins, from 0 on. */
static const char *line_at(const char *text, size_t line) {
    while (line-- > 0) text = next_line(text);
    return text;
}

/* Lines at the end that are alike, of at most `most`. */
static size_t same_at_end(const char *a, size_t n, const char *b, size_t m, size_t most) {
    size_t same = 0;
    while (same < most && same_line(line_at(a, n - same - 1), line_at(b, m - same - 1))) same++;
    return same;
}

enum { LINE = 88, KEY = 96, DEEPEST = 8 };

/* " (knobs.width)": the keys that the line at `at` is below, by how far it and they are indented. */
static void show_place(const char *text, const char *at, char *out, size_t size) {
    const char *keys[DEEPEST];
    size_t indent = strspn(at, " "), n = 0;
    for (const char *line = at; line > text && indent > 0 && n < DEEPEST;) {
        do line--;
        while (line > text && line[-1] != '\n');
        size_t blanks = strspn(line, " ");
        if (blanks >= indent || line[blanks] == '\n' || line[blanks] == '#') continue;
        indent = blanks;
        keys[n++] = line + blanks;
    }
    for (size_t k = n, used = 0; k-- > 0 && used < size; used = strlen(out))
        snprintf(out + used, size - used, "%s%.*s%s", k + 1 == n ? " (" : ".", (int)strcspn(keys[k], ":\n"),
                 keys[k], k == 0 ? ")" : "");
}

static const char *show_line(const char *text, bool there, char out[LINE]) {
    char raw[64];
    size_t blanks = there ? strspn(text, " ") : 0, n = there ? line_length(text) - blanks : 0;
    if (!there) return "(none)";
    snprintf(raw, sizeof raw, "%.*s", (int)(n < sizeof raw ? n : sizeof raw - 1), text + blanks);
    while (n >= sizeof raw && ((unsigned char)raw[strlen(raw) - 1] & 0x80)) raw[strlen(raw) - 1] = '\0';
    vt_show_name(raw, out, LINE - 4);
    return n >= sizeof raw ? strcat(out, "…") : out;
}

bool recipe_lines(const char *saved, const char *recipe, Change **changes, size_t *n) {
    size_t before = lines_in(saved), after = lines_in(recipe), first = 0;
    const char *a = saved, *b = recipe;
    for (; *a && *b && same_line(a, b); a = next_line(a), b = next_line(b)) first++;
    size_t most = (before < after ? before : after) - first,
           end = same_at_end(saved, before, recipe, after, most);
    size_t left = before - first - end, right = after - first - end;
    *n = left > right ? left : right;
    struct {
        char key[KEY], before[LINE], after[LINE];
    } *texts;
    *changes = malloc((sizeof **changes + sizeof *texts) * (*n + 1));
    if (!*changes) return false;
    texts = (void *)(*changes + *n + 1);
    for (size_t i = 0; i < *n; i++) {
        int used = snprintf(texts[i].key, sizeof texts[i].key, "line %zu", first + i + 1);
        show_place(i < left ? saved : recipe, i < left ? a : b, texts[i].key + used,
                   sizeof texts[i].key - (size_t)used);
        (*changes)[i] = (Change){.key = texts[i].key,
                                 .before = show_line(a, i < left, texts[i].before),
                                 .after = show_line(b, i < right, texts[i].after),
                                 .kind = CHANGE_MEANING};
        if (i < left) a = next_line(a);
        if (i < right) b = next_line(b);
    }
    return true;
}
