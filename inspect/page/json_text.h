/* JSON written straight into memory, for data of a million numbers: no tree of values is built. Commas are put where
 * they belong. Memory that runs out ends the process with a message, as in an arena. */
#ifndef VITC_INSPECT_PAGE_JSON_TEXT_H
#define VITC_INSPECT_PAGE_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    char *text; /* malloc'ed; the caller's in the end */
    size_t size, capacity;
    bool comma; /* before what comes next */
} JsonText;

/* A member's name; its value comes next. Names are plain ASCII. */
void put_key(JsonText *json, const char *name);
void put_open(JsonText *json, char bracket); /* '{' or '[' */
void put_close(JsonText *json, char bracket);
void put_whole(JsonText *json, int64_t value);
void put_number(JsonText *json,
                double value); /* the shortest that reads back as the same; null if not finite */
void put_bool(JsonText *json, bool value);
void put_null(JsonText *json);
/* Where the text is no UTF-8, '?' for each byte beyond ASCII. NULL: "". */
void put_text(JsonText *json, const char *text);
void put_text_n(JsonText *json, const char *text, size_t n);

#endif
