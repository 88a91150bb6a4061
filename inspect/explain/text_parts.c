/* Writing explanations: see text_parts.h. */
#include "inspect/explain/text_parts.h"
#include "inspect/amounts.h"

#include <string.h>

enum { LABEL = 15, USUAL_WIDTH = 120 }; /* LABEL: the column behind labels, where all lines of a text begin */

Writer writer_make(Arena *arena, FILE *out, const VtTerminal *terminal) {
    bool seen = terminal && terminal->terminal;
    return (Writer){.arena = arena,
                    .out = out,
                    .width = seen ? terminal->width : USUAL_WIDTH,
                    .colour = terminal && terminal->colour};
}

static void put_in(const Writer *w, const char *code, const char *text) {
    fprintf(w->out, w->colour ? "\x1b[%sm%s\x1b[0m" : "%.0s%s", code, text);
}

void write_title(const Writer *w, const char *text) {
    put_in(w, "1", text);
    fputc('\n', w->out);
}

void write_heading(const Writer *w, const char *text) {
    fputc('\n', w->out);
    put_in(w, "1;34", text);
    fputc('\n', w->out);
}

void write_fact(const Writer *w, const char *label, const char *text) {
    int column = fprintf(w->out, "  %-*s", LABEL - 2, label) - (int)strlen(label) + vt_columns(label);
    if (vt_columns(label) > LABEL - 3) column += fprintf(w->out, " ");
    vt_wrap(w->out, text, column, LABEL, w->width);
    fputc('\n', w->out);
}

void write_sentence(const Writer *w, const char *text) {
    fputs("  ", w->out);
    vt_wrap(w->out, text, 2, 2, w->width);
    fputc('\n', w->out);
}

const char *cut_text(Arena *arena, const char *text, int columns) {
    if (vt_columns(text) <= columns || columns < 8) return text;
    const char *end = text;
    for (int n = 0; *end && n < columns - 1; n++)
        for (end++; (*end & 0xc0) == 0x80; end++) {
        }
    return arena_printf(arena, "%.*s…", (int)(end - text), text);
}

void write_lines(const Writer *w, const QuotedLine *lines, size_t n) {
    int column = 0;
    for (size_t i = 0; i < n; i++)
        if (vt_columns(lines[i].at) > column) column = vt_columns(lines[i].at);
    for (size_t i = 0; i < n; i++) {
        if (!*lines[i].text) {
            fprintf(w->out, "  %s\n", lines[i].at);
            continue;
        }
        int used = fprintf(w->out, "  %s%*s", lines[i].at, column - vt_columns(lines[i].at) + 2, "");
        fprintf(w->out, "%s\n", cut_text(w->arena, lines[i].text, w->width - used));
    }
}

const char *value_words(Arena *arena, const ValueLine *value) {
    const char *text = arena_printf(arena, "%%%u %s %s%s%s", value->number, value->op, value->type,
                                    *value->scope ? " " : "", value->scope);
    return value->kernel ? arena_printf(arena, "%s, kernel %u", text, value->kernel) : text;
}

/* `under`: the label of the list; "": it has none. */
static void write_item(const Writer *w, const char *label, const char *under, const char *text) {
    if (*under)
        write_fact(w, label, text);
    else
        write_sentence(w, text);
}

void write_values(const Writer *w, const char *label, const ValueLine *values, size_t n) {
    size_t shown = n > MOST_LISTED + 1 ? MOST_LISTED : n;
    for (size_t i = 0; i < shown; i++)
        write_item(w, i ? "" : label, label, value_words(w->arena, &values[i]));
    if (shown < n) write_item(w, "", label, arena_printf(w->arena, "and %zu more", n - shown));
}

const char *event_words(Arena *arena, const Event *event) {
    return event->rule ? arena_printf(arena, "%s [%s]", event->text, event->rule) : event->text;
}

/* Whether they say the same of one value, but for another reader: a pass by one rule. */
static bool alike(const Event *a, const Event *b) {
    return a->rule && a->rule == b->rule && a->value == b->value && a->stage == b->stage;
}

size_t events_alike(const Event *events, size_t n, size_t i, bool *first) {
    size_t count = 0;
    *first = true;
    for (size_t k = 0; k < n; k++) {
        if (k == i || !alike(&events[k], &events[i])) continue;
        *first = *first && k > i;
        count++;
    }
    return count;
}

void write_events(const Writer *w, const char *heading, const Event *events, size_t n) {
    const char *pass = "";
    if (n == 0) return;
    write_heading(w, heading);
    for (size_t i = 0; i < n; i++) {
        bool first, same = strcmp(events[i].pass, pass) == 0;
        size_t more = events_alike(events, n, i, &first);
        bool together = more >= FEW_ALIKE;
        if (together && !first) continue;
        const char *text = event_words(w->arena, &events[i]);
        if (together) text = arena_printf(w->arena, "%s (and %zu more so)", text, more);
        write_fact(w, same ? "" : events[i].pass, text);
        pass = events[i].pass;
    }
}

void write_kernel(const Writer *w, const KernelFacts *k, bool named) {
    Arena *a = w->arena;
    const char *again = k->again ? "; it computes again what an earlier kernel did" : "";
    const char *single = k->single ? "; too little work to share: one thread runs it" : "";
    if (named)
        write_fact(w, "kernel",
                   arena_printf(a, "%u, %s: %s; %u value%s in all", k->number, k->kind, k->name, k->n_values,
                                k->n_values == 1 ? "" : "s"));
    write_fact(w, "runs", arena_printf(a, "%s%s%s", k->runs, again, single));
    write_fact(w, "its cost",
               arena_printf(a, "%s at least, %s of the step, limited by %s: %s, %s moved",
                            amount_seconds(a, k->seconds), amount_share(a, k->share, 1), k->limit,
                            amount_flops(a, k->flops), amount_bytes(a, k->bytes)));
}
