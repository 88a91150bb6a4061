/* Explanations for people: short paragraphs under headings, facts in columns. */
#ifndef VITC_INSPECT_EXPLAIN_TEXT_H
#define VITC_INSPECT_EXPLAIN_TEXT_H

#include "inspect/explain/query.h"
#include "runtime/base/terminal.h"

void explain_text(Arena *arena, const Explanation *explanation, FILE *out, const VtTerminal *terminal);
/* What a text may mean, where that is several things. */
void meanings_text(Arena *arena, const char *asked, const Meanings *meanings, FILE *out,
                   const VtTerminal *terminal);
/* Where the time goes, line by line. */
void lines_text(Arena *arena, const LineCosts *lines, const char *recipe, FILE *out,
                const VtTerminal *terminal);

#endif
