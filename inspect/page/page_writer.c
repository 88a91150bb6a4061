/* What the parts of the page's data share: see page_writer.h. */
#include "inspect/page/page_writer.h"

#include <string.h>

uint32_t page_string(PageWriter *w, const char *text) {
    if (!text) text = "";
    uint32_t at = names_find(&w->names, text);
    if (at != NAMES_NONE) return at;
    const char *own = arena_strdup(w->arena, text);
    names_set(w->arena, &w->names, own, (uint32_t)w->n_strings);
    ARENA_PUSH(w->arena, w->strings, w->n_strings, w->strings_capacity, own);
    return (uint32_t)w->n_strings - 1;
}

FILE *page_words(PageWriter *w) {
    if (!w->words.out) stream_begin(&w->words);
    rewind(w->words.out);
    return w->words.out;
}

const char *page_words_end(PageWriter *w) {
    fputc('\0', w->words.out);
    if (fflush(w->words.out) != 0) arena_must(NULL);
    return w->words.text;
}

uint32_t page_type(PageWriter *w, const Type *type) {
    char text[16 + 21 * IR_MAX_RANK];
    int n = snprintf(text, sizeof text, "%s", dtype_name((DType)type->dtype));
    for (int k = 0; k < type->rank; k++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%c%lld", k ? 'x' : '[', (long long)type->dim[k]);
    if (type->rank) snprintf(text + n, sizeof text - (size_t)n, "]");
    return page_string(w, text);
}

void page_column(PageWriter *w, const char *name) {
    put_key(&w->json, name);
    put_open(&w->json, '[');
}
