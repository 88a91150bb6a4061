/* How explanations are written: headings, facts, lists (explain_text.h). */
#ifndef VITC_INSPECT_EXPLAIN_TEXT_PARTS_H
#define VITC_INSPECT_EXPLAIN_TEXT_PARTS_H

#include "inspect/explain/explanation.h"
#include "runtime/base/terminal.h"

typedef struct {
    Arena *arena;
    FILE *out;
    int width;
    bool colour;
} Writer;
Writer writer_make(Arena *arena, FILE *out, const VtTerminal *terminal);

enum {
    MOST_LISTED = 8, /* of a list: the rest is counted */
    FEW_ALIKE = 3    /* sentences that are told one by one, though they are alike */
};

/* As much of a text as `columns` hold, with an ellipsis where that is not all. */
const char *cut_text(Arena *arena, const char *text, int columns);
void write_title(const Writer *w, const char *text);
void write_heading(const Writer *w, const char *text);
/* "  kernel      12 of 40 …", the text within its column. */
void write_fact(const Writer *w, const char *label, const char *text);
void write_sentence(const Writer *w, const char *text); /* a paragraph of its own */
void write_lines(const Writer *w, const QuotedLine *lines, size_t n);
/* "%12 matmul f32[8x4] net.fc, kernel 3" */
const char *value_words(Arena *arena, const ValueLine *value);
/* label: "": none, they stand at the left. */
void write_values(const Writer *w, const char *label, const ValueLine *values, size_t n);
/* The sentence, with the rule that `vitc help rules` tells of: "… [fuse_inside]". */
const char *event_words(Arena *arena, const Event *event);
/* How many others of the n events a pass told of the same value by the same rule; first: none is before event i. */
size_t events_alike(const Event *events, size_t n, size_t i, bool *first);
/* Many that are alike are one, and a count. */
void write_events(const Writer *w, const char *heading, const Event *events, size_t n);
/* What a kernel is, how often it runs and what it costs. */
void write_kernel(const Writer *w, const KernelFacts *kernel, bool named);

#endif
