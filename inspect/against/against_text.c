/* Two recipes side by side, as tables: see against_text.h. */
#include "inspect/against/against_text.h"
#include "inspect/amounts.h"
#include "runtime/base/terminal.h"

#include <math.h>
#include <string.h>

typedef struct {
    Arena *arena;
    const char *red, *green, *plain; /* what begins and ends a colour */
    size_t most;                     /* rows of a table; 0: all */
    FILE *out;
} Writer;

static const char *number(Writer *w, double value, AgainstUnit unit) {
    switch (unit) {
    case UNIT_BYTES: return amount_bytes(w->arena, value);
    case UNIT_FLOPS: return amount_flops(w->arena, value);
    case UNIT_SECONDS: return amount_seconds(w->arena, value);
    case UNIT_COUNT: return arena_printf(w->arena, "%.0f", value);
    }
    return "";
}

/* At the right of a column that is so wide on a terminal. */
static void put_right(Writer *w, int width, const char *text) {
    int blanks = width - (int)vt_columns(text);
    fprintf(w->out, "%*s%s", blanks > 0 ? blanks : 0, "", text);
}

/* "+50.0%", "x3.40" from three times as much on, "~" of less than 0.05 %, "new", "gone". */
static const char *change(Writer *w, double a, double b) {
    if (a == b) return "=";
    if (a == 0 || b == 0) return a == 0 ? "new" : "gone";
    if (fabs(b - a) < 5e-4 * a) return "~";
    return b / a >= 3 ? arena_printf(w->arena, "x%.2f", b / a)
                      : arena_printf(w->arena, "%+.1f%%", 100 * (b - a) / a);
}

static size_t shown_of(const Writer *w, size_t n) {
    return w->most && n > w->most ? w->most : n;
}

static void put_more(Writer *w, size_t all) {
    size_t shown = shown_of(w, all);
    if (shown < all) fprintf(w->out, "  … %zu more: --all, or --format=json\n", all - shown);
}

static void put_settings(Writer *w, const AgainstReport *r) {
    if (r->n_settings) fputs("\nwhat the recipes say\n", w->out);
    for (size_t i = 0; i < shown_of(w, r->n_settings); i++)
        fprintf(w->out, "  %s: %s -> %s\n", r->settings[i].key, r->settings[i].texts[0],
                r->settings[i].texts[1]);
    put_more(w, r->n_settings);
}

static void put_totals(Writer *w, const AgainstReport *r) {
    fprintf(w->out, "\n%-20s %14s %14s %9s\n", "", "first", "second", "change");
    for (size_t i = 0; i < r->n_totals; i++) {
        const AgainstTotal *t = &r->totals[i];
        fprintf(w->out, "%-20s", t->name);
        for (int which = 0; which < 2; which++) put_right(w, 15, number(w, t->values[which], t->unit));
        put_right(w, 10, change(w, t->values[0], t->values[1]));
        fputc('\n', w->out);
    }
}

static bool in_both(const AgainstRow *row) {
    return row->in[0] && row->in[1];
}

/* "12 -> 6", or the one text of both or of the only one. */
static const char *from_to(Writer *w, const AgainstRow *row, const char *first, const char *second) {
    if (!in_both(row)) return row->in[0] ? first : second;
    return strcmp(first, second) == 0 ? first : arena_printf(w->arena, "%s -> %s", first, second);
}

static void put_row(Writer *w, const AgainstTable *table, const AgainstRow *row) {
    const char *texts[2], *color = in_both(row) ? "" : row->in[0] ? w->red : w->green;
    fprintf(w->out, "%s%c", color, in_both(row) ? '~' : row->in[0] ? '-' : '+');
    for (int i = 0; i < 2; i++) texts[i] = number(w, (double)row->counts[i], UNIT_COUNT);
    put_right(w, 13, from_to(w, row, texts[0], texts[1]));
    for (int i = 0; i < 2; i++) texts[i] = number(w, row->values[i], table->unit);
    if (table->valued) put_right(w, 23, from_to(w, row, texts[0], texts[1]));
    fprintf(w->out, "  %s", row->name);
    for (int i = 0; i < 2; i++) texts[i] = row->texts[i] ? row->texts[i] : "";
    const char *types = from_to(w, row, texts[0], texts[1]);
    fprintf(w->out, "%s%s%s\n", *types ? "  " : "", types, *color ? w->plain : "");
}

static void put_table(Writer *w, const AgainstTable *table) {
    size_t only[2] = {0}, changed = 0;
    for (size_t i = 0; i < table->n_rows; i++) {
        const AgainstRow *row = &table->rows[i];
        if (in_both(row))
            changed++;
        else
            only[row->in[1]]++;
    }
    fprintf(w->out, "\n%s: %zu only in the first, %zu only in the second, %zu changed, %zu equal\n",
            table->name, only[0], only[1], changed, table->n_same);
    for (size_t i = 0; i < shown_of(w, table->n_rows); i++) put_row(w, table, &table->rows[i]);
    put_more(w, table->n_rows);
}

void against_text(const AgainstReport *r, const char *const names[2], bool color, size_t most, FILE *out) {
    Writer w = {.arena = arena_new(), .red = "", .green = "", .plain = "", .most = most, .out = out};
    if (color) w.red = "\033[31m", w.green = "\033[32m", w.plain = "\033[0m";
    fprintf(out,
            "%sfirst   %s%s\n%ssecond  %s%s\n"
            "@%s after all passes; times are estimates of the roofline model\n",
            w.red, names[0], w.plain, w.green, names[1], w.plain, r->function);
    put_settings(&w, r);
    put_totals(&w, r);
    if (against_equal(r)) fputs("\nThe two compute the same with the same states.\n", out);
    for (int t = 0; t < N_AGAINST; t++)
        if (r->tables[t].n_rows) put_table(&w, &r->tables[t]);
    arena_free(w.arena);
}
