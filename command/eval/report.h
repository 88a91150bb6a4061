/* What an evaluation found. For people: a line a row, printed at once. For programs: a JSON list of entries
 * (docs/schemas/eval.schema.json), one for each kind of features that was judged, with everything that their numbers
 * depend on. Where memory runs out on the way, eval_report_write tells. */
#ifndef VITC_COMMAND_EVAL_REPORT_H
#define VITC_COMMAND_EVAL_REPORT_H

#include "runtime/runtime.h"

/* Settings (k, temperature, rate) and scores (top1) by name. Scores are rows of SCORES (report.c), in percent; beside a
 * score may be its "NAME_interval". */
typedef struct {
    const char *name; /* NULL ends a list */
    double value;
} EvalNumber;

typedef struct EvalReport EvalReport;
EvalReport *eval_report_new(void);            /* NULL: out of memory */
void eval_report_free(EvalReport *report);    /* NULL is fine */
void eval_report_summary(EvalReport *report); /* prints the headlines of several entries below each other */
/* Adds the entries to those of a file, in the place of entries of the same protocol on the same facts. */
bool eval_report_write(EvalReport *report, const char *path, VtError *error);
/* Whether a file could be added to; one that is no list of entries is refused. There need be none. */
bool eval_report_check(const char *path, VtError *error);

/* A new entry; `title` names it in the summary. Facts of it follow, what its numbers depend on, in a section each:
 * "weights", "features", "data", and "settings" of the protocol. */
void eval_begin(EvalReport *report, const char *protocol, const char *encoder, const char *title);
void eval_text(EvalReport *report, const char *section, const char *name, const char *value); /* NULL: none */
void eval_number(EvalReport *report, const char *section, const char *name, double value);
void eval_numbers(EvalReport *report, const char *section, const char *name, const double *values, int n);

/* "TEXT: top-1 57.10 %, top-5 90.00 %NOTE", of the scores among the numbers. note may be NULL. */
void eval_row(EvalReport *report, const char *text, const char *note, const EvalNumber *numbers);
/* The same of the row that stands for the entry: behind its rows; the last one holds. Nothing is printed of it yet if
 * text is NULL; the summary has the note. */
void eval_headline(EvalReport *report, const char *text, const char *note, const EvalNumber *numbers);
/* Where entries are kept: in the file json, else in that of the folder of a run; "": nowhere. Either may be NULL. False
 * with an error that is known before anything is computed. */
bool eval_report_find(const char *json, const char *folder, char out[4096], VtError *error);

#endif
