/* Pipelines as text, by the rows of catalog.def. */
#include "runtime/images/augment.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *params;
} ROWS[] = {
#define AUGMENT(name, params, doc) {#name, params},
#include "runtime/catalog.def"
#undef AUGMENT
};

typedef struct {
    char *out;
    size_t size, n;
} Text;

__attribute__((format(printf, 2, 3))) static void put(Text *t, const char *format, ...) {
    va_list args;
    if (t->n + 1 >= t->size) return;
    va_start(args, format);
    int n = vsnprintf(t->out + t->n, t->size - t->n, format, args);
    va_end(args);
    if (n > 0) t->n += (size_t)n;
    if (t->n >= t->size) t->n = t->size - 1;
}

/* The n-th of words with | between them. */
static void put_choice(Text *t, const char *words, int n) {
    for (; n > 0 && strchr(words, '|'); n--) words = strchr(words, '|') + 1;
    put(t, "%.*s", (int)strcspn(words, "|; "), words);
}

/* "name:kind=default in low..high" with its values; how many there are of them in VtAugment.params. */
static int put_param(Text *t, const char *row, const double *values, int channels) {
    const char *kind = strchr(row, ':') + 1;
    bool many = strncmp(kind, "channels", 8) == 0, two = strncmp(kind, "range", 5) == 0;
    int shown = many ? channels : two ? 2 : 1;
    put(t, "%.*s=", (int)(kind - 1 - row), row);
    if (strncmp(kind, "choice=", 7) == 0)
        put_choice(t, kind + 7, (int)values[0]);
    else
        for (int i = 0; i < shown; i++) put(t, "%s%g", i ? " " : "", values[i]);
    return many ? VT_MAX_CHANNELS : shown;
}

static void put_augment(Text *t, const VtAugment *augment, int channels) {
    const double *values = augment->params;
    const char *row = ROWS[augment->kind].params;
    put(t, "%s", ROWS[augment->kind].name);
    for (int i = 0; *row; i++) {
        put(t, i ? ", " : "(");
        values += put_param(t, row, values, channels);
        row += strcspn(row, ";");
        row += strspn(row, "; ");
        if (!*row) put(t, ")");
    }
}

void vt_pipeline_describe(const VtPipeline *pipeline, char *out, size_t size) {
    Text text = {out, size, 0};
    out[0] = '\0';
    for (int i = 0; i < pipeline->n_augments; i++) {
        put(&text, "%s", i ? ", " : "");
        put_augment(&text, &pipeline->augments[i], pipeline->channels);
    }
}
