/* What an evaluation found, for people (a line a row, printed at once) and for programs (docs/schemas/eval.schema.json):
 * entries, one for each kind of features that was judged, with everything that their numbers depend on. What memory
 * lacks for is told by eval_report_write. */
#ifndef VITC_COMMAND_EVAL_REPORT_H
#define VITC_COMMAND_EVAL_REPORT_H

#include "runtime/runtime.h"

/* Settings (k, temperature, rate) and scores (top1) by name. Scores are rows of SCORES (report.c), in percent. */
typedef struct {
    const char *name; /* NULL ends a list */
    double value;
} EvalNumber;

typedef struct EvalReport EvalReport;
EvalReport *eval_report_new(void); /* NULL: out of memory */
void eval_report_free(EvalReport *report);

/* A new entry. Facts of it follow: what its numbers depend on; section: "features", "data", "protocol" … */
void eval_begin(EvalReport *report, const char *protocol, const char *encoder);
void eval_text(EvalReport *report, const char *section, const char *name, const char *value); /* NULL: none */
void eval_number(EvalReport *report, const char *section, const char *name, double value);
void eval_numbers(EvalReport *report, const char *section, const char *name, const double *values, int n);

/* "TEXT: top-1 57.10 %, top-5 90.00 %NOTE", of the scores among the numbers. note may be NULL. */
void eval_row(EvalReport *report, const char *text, const char *note, const EvalNumber *numbers);
/* The same of the row that stands for the entry: once, behind its rows. Nothing else is printed of it if text is
 * NULL. */
void eval_headline(EvalReport *report, const char *text, const char *note, const EvalNumber *numbers);

#endif
