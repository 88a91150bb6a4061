/* Two recipes side by side, as tables: see against_text.h. */
#include "inspect/against/against_text.h"

#include <math.h>
#include <string.h>

#define NUMBER 32 /* room for a number with its unit */

/* Of a scale's units the largest that the number has one of. */
static const char *scaled(double value, double step, const char *const *units, char *out) {
    int i = 0;
    while (units[i + 1] && fabs(value) >= step) value /= step, i++;
    snprintf(out, NUMBER, "%.*f %s", i || value != floor(value) ? 2 : 0, value, units[i]);
    return out;
}

static const char *number(double value, AgainstUnit unit, char *out) {
    static const char *const BYTES[] = {"B", "KiB", "MiB", "GiB", "TiB", NULL};
    static const char *const FLOPS[] = {"FLOP", "kFLOP", "MFLOP", "GFLOP", "TFLOP", "PFLOP", NULL};
    switch (unit) {
    case UNIT_BYTES: return scaled(value, 1024, BYTES, out);
    case UNIT_FLOPS: return scaled(value, 1000, FLOPS, out);
    case UNIT_SECONDS: snprintf(out, NUMBER, "%.3f ms", value * 1e3); return out;
    case UNIT_COUNT: snprintf(out, NUMBER, "%.0f", value); return out;
    }
    return "";
}

/* "+50.0%", "x3.40" from three times as much on, "~" of less than 0.05 %, "new", "gone". */
static const char *change(double a, double b, char *out) {
    if (a == b) return "=";
    if (a == 0 || b == 0) return a == 0 ? "new" : "gone";
    if (fabs(b - a) < 5e-4 * a) return "~";
    if (b / a >= 3)
        snprintf(out, NUMBER, "x%.2f", b / a);
    else
        snprintf(out, NUMBER, "%+.1f%%", 100 * (b - a) / a);
    return out;
}

static void put_more(size_t shown, size_t all, FILE *out) {
    if (shown < all) fprintf(out, "  … %zu more: --all, or --format=json\n", all - shown);
}

static void put_settings(const AgainstReport *r, size_t most, FILE *out) {
    size_t shown = most && r->n_settings > most ? most : r->n_settings;
    if (r->n_settings) fputs("\nwhat the recipes say\n", out);
    for (size_t i = 0; i < shown; i++)
        fprintf(out, "  %s: %s -> %s\n", r->settings[i].key, r->settings[i].texts[0],
                r->settings[i].texts[1]);
    put_more(shown, r->n_settings, out);
}

static void put_totals(const AgainstReport *r, FILE *out) {
    char a[NUMBER], b[NUMBER], by[NUMBER];
    fprintf(out, "\n%-20s %14s %14s %9s\n", "", "first", "second", "change");
    for (size_t i = 0; i < r->n_totals; i++) {
        const AgainstTotal *t = &r->totals[i];
        fprintf(out, "%-20s %14s %14s %9s\n", t->name, number(t->values[0], t->unit, a),
                number(t->values[1], t->unit, b), change(t->values[0], t->values[1], by));
    }
}

typedef struct {
    const char *red, *green, *plain;
} Colors;

/* "12 -> 6", or the one number of both or of the only one. */
static const char *counts(const AgainstRow *row, char *out) {
    if (row->in[0] && row->in[1] && row->counts[0] != row->counts[1])
        snprintf(out, NUMBER, "%lld -> %lld", (long long)row->counts[0], (long long)row->counts[1]);
    else
        snprintf(out, NUMBER, "%lld", (long long)row->counts[!row->in[0]]);
    return out;
}

static void put_values(const AgainstTable *table, const AgainstRow *row, FILE *out) {
    char a[NUMBER], b[NUMBER], text[2 * NUMBER + 8];
    bool both = row->in[0] && row->in[1];
    if (!table->valued) return;
    if (both && row->values[0] != row->values[1])
        snprintf(text, sizeof text, "%s -> %s", number(row->values[0], table->unit, a),
                 number(row->values[1], table->unit, b));
    else
        snprintf(text, sizeof text, "%s", number(row->values[!row->in[0]], table->unit, a));
    fprintf(out, " %26s", text);
}

static void put_texts(const AgainstRow *row, FILE *out) {
    bool both = row->in[0] && row->in[1];
    if (!row->texts[0] && !row->texts[1]) return;
    if (both && strcmp(row->texts[0], row->texts[1]) != 0)
        fprintf(out, "  %s -> %s", row->texts[0], row->texts[1]);
    else
        fprintf(out, "  %s", row->texts[!row->in[0]]);
}

static void put_row(const AgainstTable *table, const AgainstRow *row, const Colors *colors, FILE *out) {
    char text[NUMBER];
    bool both = row->in[0] && row->in[1];
    fprintf(out, "%s%c %12s",
            both         ? ""
            : row->in[0] ? colors->red
                         : colors->green,
            both         ? '~'
            : row->in[0] ? '-'
                         : '+',
            counts(row, text));
    put_values(table, row, out);
    fprintf(out, "  %s", row->name);
    put_texts(row, out);
    fprintf(out, "%s\n", both ? "" : colors->plain);
}

static void put_table(const AgainstTable *table, const Colors *colors, size_t most, FILE *out) {
    size_t only[2] = {0}, changed = 0;
    for (size_t i = 0; i < table->n_rows; i++) {
        const AgainstRow *row = &table->rows[i];
        if (row->in[0] && row->in[1])
            changed++;
        else
            only[row->in[1]]++;
    }
    fprintf(out, "\n%s: %zu only in the first, %zu only in the second, %zu changed, %zu equal\n", table->name,
            only[0], only[1], changed, table->n_same);
    size_t shown = most && table->n_rows > most ? most : table->n_rows;
    for (size_t i = 0; i < shown; i++) put_row(table, &table->rows[i], colors, out);
    put_more(shown, table->n_rows, out);
}

void against_text(const AgainstReport *r, const char *const names[2], bool color, size_t most, FILE *out) {
    static const Colors PLAIN = {"", "", ""}, COLORS = {"\033[31m", "\033[32m", "\033[0m"};
    const Colors *colors = color ? &COLORS : &PLAIN;
    fprintf(out,
            "%sfirst   %s%s\n%ssecond  %s%s\n"
            "@%s after all passes; times are estimates of the roofline model\n",
            colors->red, names[0], colors->plain, colors->green, names[1], colors->plain, r->function);
    put_settings(r, most, out);
    put_totals(r, out);
    if (against_equal(r)) fputs("\nThe two compute the same with the same states.\n", out);
    for (int t = 0; t < N_AGAINST; t++)
        if (r->tables[t].n_rows) put_table(&r->tables[t], colors, most, out);
}
