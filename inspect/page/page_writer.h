/* What the parts of the page's data (page_data.h) share while they are written: texts, each once, and names of values.
 * Used inside inspect/page/ alone. */
#ifndef VITC_INSPECT_PAGE_PAGE_WRITER_H
#define VITC_INSPECT_PAGE_PAGE_WRITER_H

#include "inspect/page/json_text.h"
#include "inspect/page/versions.h"
#include "inspect/positions.h"
#include "ir/base/names.h"
#include "ir/base/stream.h"

typedef struct {
    const Inspection *of;
    Arena *arena;
    JsonText json;
    Positions positions;
    const Versions *versions;
    int32_t *files; /* by Loc.file: its index among the page's files; -1: no place, or one that is not told */
    uint64_t stages; /* bit i: the values of stage i are told */
    Names names;     /* of `strings` */
    const char **strings;
    size_t n_strings, strings_capacity;
    TextStream words; /* to write a text in, by page_words */
} PageWriter;

/* The index of a text among `strings`; NULL is "". The text is copied. */
uint32_t page_string(PageWriter *w, const char *text);
/* `write` a text into what this returns, then take it by page_words_end. */
FILE *page_words(PageWriter *w);
const char *page_words_end(PageWriter *w); /* until the next page_words */

/* The index of a position's file; -1: none. */
static inline int64_t page_file(const PageWriter *w, Loc loc) {
    return w->files[loc.file];
}

/* "type": "f32[197x384]" as a string's index. */
uint32_t page_type(PageWriter *w, const Type *type);

/* Opens a column, which put_close(&w->json, ']') ends. */
void page_column(PageWriter *w, const char *name);
/* A column whose i-th entry is put by `put`, of n. */
#define PAGE_COLUMN(w, name, n, put)                                                                         \
    do {                                                                                                     \
        page_column((w), (name));                                                                            \
        for (size_t i = 0; i < (n); i++) {                                                                   \
            put;                                                                                             \
        }                                                                                                    \
        put_close(&(w)->json, ']');                                                                          \
    } while (0)

#endif
