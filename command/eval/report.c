/* What an evaluation found: see report.h. */
#include "command/eval/report.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is told of a row; all are percentages. */
static const struct {
    const char *name, *title;
} SCORES[] = {{"top1", "top-1"}, {"top5", "top-5"}};

struct EvalReport {
    json_t *entries, *entry; /* entry: the last of them */
    bool bad;                /* memory ran out */
};

EvalReport *eval_report_new(void) {
    EvalReport *report = calloc(1, sizeof *report);
    if (!report) return NULL;
    report->entries = json_array();
    if (report->entries) return report;
    free(report);
    return NULL;
}

void eval_report_free(EvalReport *report) {
    if (!report) return;
    json_decref(report->entries);
    free(report);
}

static void put(EvalReport *report, json_t *object, const char *name, json_t *value) {
    if (json_object_set_new(object, name, value) != 0) report->bad = true;
}

void eval_begin(EvalReport *report, const char *protocol, const char *encoder) {
    report->entry = json_object();
    put(report, report->entry, "protocol", json_string(protocol));
    put(report, report->entry, "encoder", json_string(encoder));
    put(report, report->entry, "rows", json_array());
    if (json_array_append_new(report->entries, report->entry) != 0) report->bad = true;
    if (report->bad) report->entry = NULL;
}

static json_t *section_of(EvalReport *report, const char *name) {
    json_t *section = json_object_get(report->entry, name);
    if (!section) put(report, report->entry, name, section = json_object());
    return section;
}

void eval_text(EvalReport *report, const char *section, const char *name, const char *value) {
    put(report, section_of(report, section), name, value ? json_string(value) : json_null());
}

static json_t *number(double value) {
    return value == (double)(json_int_t)value ? json_integer((json_int_t)value) : json_real(value);
}

void eval_number(EvalReport *report, const char *section, const char *name, double value) {
    put(report, section_of(report, section), name, number(value));
}

void eval_numbers(EvalReport *report, const char *section, const char *name, const double *values, int n) {
    json_t *list = json_array();
    for (int i = 0; i < n; i++)
        if (json_array_append_new(list, number(values[i])) != 0) report->bad = true;
    put(report, section_of(report, section), name, list);
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static const char *title_of(const char *name) {
    for (size_t i = 0; i < sizeof SCORES / sizeof *SCORES; i++)
        if (strcmp(SCORES[i].name, name) == 0) return SCORES[i].title;
    return NULL;
}

static json_t *object_of(EvalReport *report, const EvalNumber *numbers) {
    json_t *row = json_object();
    for (; numbers->name; numbers++) put(report, row, numbers->name, number(numbers->value));
    return row;
}

static void print(const char *text, const char *note, const EvalNumber *numbers) {
    const char *between = ": ";
    fputs(text, stdout);
    for (; numbers->name; numbers++) {
        const char *title = title_of(numbers->name);
        if (!title) continue;
        printf("%s%s %.2f %%", between, title, numbers->value);
        between = ", ";
    }
    puts(note ? note : "");
}

void eval_row(EvalReport *report, const char *text, const char *note, const EvalNumber *numbers) {
    if (json_array_append_new(json_object_get(report->entry, "rows"), object_of(report, numbers)) != 0)
        report->bad = true;
    print(text, note, numbers);
}

void eval_headline(EvalReport *report, const char *text, const char *note, const EvalNumber *numbers) {
    put(report, report->entry, "headline", object_of(report, numbers));
    if (text) print(text, note, numbers);
}
