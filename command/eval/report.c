/* What an evaluation found: see report.h. */
#include "command/eval/report.h"
#include "runtime/files/json.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is told of a row, in percent. */
static const struct {
    const char *name, *title;
} SCORES[] = {{"held_out", "held out"}, {"top1", "top-1"},       {"top5", "top-5"},        {"map", "mAP"},
              {"recall1", "recall@1"},  {"recall5", "recall@5"}, {"recall10", "recall@10"}};

struct EvalReport {
    json_t *entries, *entry; /* entry: the last of them; NULL once memory ran out */
    json_t *titles, *notes;  /* of the entries, and of their headlines */
    bool bad;                /* memory ran out */
};

EvalReport *eval_report_new(void) {
    EvalReport *report = calloc(1, sizeof *report);
    if (!report) return NULL;
    report->entries = json_array();
    report->titles = json_array();
    report->notes = json_array();
    if (report->entries && report->titles && report->notes) return report;
    eval_report_free(report);
    return NULL;
}

void eval_report_free(EvalReport *report) {
    if (!report) return;
    json_decref(report->entries);
    json_decref(report->titles);
    json_decref(report->notes);
    free(report);
}

/* ---- entries and their facts ------------------------------------------------------------------------------------- */

static void put(EvalReport *report, json_t *object, const char *name, json_t *value) {
    if (json_object_set_new(object, name, value) != 0) report->bad = true;
}

static void push(EvalReport *report, json_t *list, json_t *value) {
    if (json_array_append_new(list, value) != 0) report->bad = true;
}

/* A text that is no UTF-8 is left out. */
static json_t *text_of(const char *text) {
    json_t *value = text ? json_string(text) : NULL;
    return value ? value : json_null();
}

static json_t *number_of(double value) {
    if (!isfinite(value)) return json_null();
    return fabs(value) < 1e15 && value == floor(value) ? json_integer((json_int_t)value) : json_real(value);
}

void eval_begin(EvalReport *report, const char *protocol, const char *encoder, const char *title) {
    report->entry = json_object();
    put(report, report->entry, "protocol", text_of(protocol));
    put(report, report->entry, "encoder", text_of(encoder));
    put(report, report->entry, "vitc", text_of(VITC_VERSION));
    put(report, report->entry, "rows", json_array());
    push(report, report->titles, text_of(title));
    push(report, report->notes, json_null());
    push(report, report->entries, report->entry);
    if (report->bad) report->entry = NULL;
}

static json_t *section_of(EvalReport *report, const char *name) {
    json_t *section = json_object_get(report->entry, name);
    if (!section) put(report, report->entry, name, section = json_object());
    return section;
}

void eval_text(EvalReport *report, const char *section, const char *name, const char *value) {
    put(report, section_of(report, section), name, text_of(value));
}

void eval_number(EvalReport *report, const char *section, const char *name, double value) {
    put(report, section_of(report, section), name, number_of(value));
}

void eval_numbers(EvalReport *report, const char *section, const char *name, const double *values, int n) {
    json_t *list = json_array();
    for (int i = 0; i < n; i++) push(report, list, number_of(values[i]));
    put(report, section_of(report, section), name, list);
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static json_t *object_of(EvalReport *report, const EvalNumber *numbers) {
    json_t *row = json_object();
    for (; numbers->name; numbers++) put(report, row, numbers->name, number_of(numbers->value));
    return row;
}

static const char *title_of(const char *name) {
    for (size_t i = 0; i < sizeof SCORES / sizeof *SCORES; i++)
        if (strcmp(SCORES[i].name, name) == 0) return SCORES[i].title;
    return NULL;
}

/* Half of the width of a score's interval, which is beside it as NAME_interval; NAN: there is none. */
static double interval_of(const char *name, const EvalNumber *numbers) {
    size_t length = strlen(name);
    for (; numbers->name; numbers++)
        if (strncmp(numbers->name, name, length) == 0 && strcmp(numbers->name + length, "_interval") == 0)
            return numbers->value;
    return (double)NAN;
}

static void print(const char *text, const char *note, const EvalNumber *numbers) {
    const char *between = ": ";
    fputs(text, stdout);
    for (const EvalNumber *number = numbers; number->name; number++) {
        const char *title = title_of(number->name);
        double interval = interval_of(number->name, numbers);
        if (!title) continue;
        if (isnan(interval))
            printf("%s%s %.2f %%", between, title, number->value);
        else
            printf("%s%s %.2f ± %.2f %%", between, title, number->value, interval);
        between = ", ";
    }
    puts(note ? note : "");
    fflush(stdout); /* into a file, too */
}

void eval_row(EvalReport *report, const char *text, const char *note, const EvalNumber *numbers) {
    push(report, json_object_get(report->entry, "rows"), object_of(report, numbers));
    print(text, note, numbers);
}

void eval_headline(EvalReport *report, const char *text, const char *note, const EvalNumber *numbers) {
    put(report, report->entry, "headline", object_of(report, numbers));
    size_t n = json_array_size(report->notes);
    if (note && n && json_array_set_new(report->notes, n - 1, text_of(note)) != 0) report->bad = true;
    if (text) print(text, note, numbers);
}

void eval_report_summary(EvalReport *report) {
    if (report->bad || json_array_size(report->entries) < 2) return;
    puts("all together:");
    for (size_t i = 0; i < json_array_size(report->entries); i++) {
        const json_t *headline = json_object_get(json_array_get(report->entries, i), "headline");
        const char *title = json_string_value(json_array_get(report->titles, i));
        EvalNumber *numbers = calloc(json_object_size(headline) + 1, sizeof *numbers);
        size_t n = 0;
        const char *name;
        const json_t *value;
        if (!numbers) {
            report->bad = true;
            return;
        }
        json_object_foreach((json_t *)headline, name, value) {
            if (json_is_number(value)) numbers[n++] = (EvalNumber){name, json_number_value(value)};
        }
        print(title ? title : "", json_string_value(json_array_get(report->notes, i)), numbers);
        free(numbers);
    }
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

enum { FORMAT = JSON_REAL_PRECISION(10) };

/* The entries that a file has, none if there is none. NULL with an error. */
static json_t *read_entries(const char *path, VtError *error) {
    char why[256];
    FILE *file = fopen(path, "re");
    if (!file && (errno == ENOENT || errno == ENOTDIR)) {
        json_t *none = json_array();
        if (!none) vt_fail(error, 1, "out of memory");
        return none;
    }
    char *text = NULL;
    size_t size = 0;
    ssize_t length = file ? getdelim(&text, &size, '\0', file) : -1;
    json_t *entries = length > 0 ? vt_json_load(text, (size_t)length, 0, why, sizeof why) : NULL;
    bool bad = file && ferror(file), memory = errno == ENOMEM;
    if (file) fclose(file);
    free(text);
    if (json_is_array(entries)) return entries;
    if (!file || bad)
        vt_fail(error, 1, "cannot read '%s': %s", path, strerror(errno));
    else if (!entries && memory)
        vt_fail(error, 1, "out of memory for '%s'", path);
    else
        vt_fail(error, 2, "'%s' is no list of evaluations, to which these could be added: move it away",
                path);
    json_decref(entries);
    return NULL;
}

bool eval_report_check(const char *path, VtError *error) {
    json_t *entries = read_entries(path, error);
    bool good = entries && vt_output_check(path, error);
    json_decref(entries);
    return good;
}

/* What an entry says but for its results, and for where the weights lay: their hash is there. malloc'ed; NULL: out of
 * memory. */
static char *facts_of(const json_t *entry) {
    json_t *facts = json_deep_copy(entry);
    if (!facts) return NULL;
    json_object_del(json_object_get(facts, "weights"), "file");
    json_object_del(facts, "rows");
    json_object_del(facts, "headline");
    char *text = vt_json_text(facts, JSON_SORT_KEYS | JSON_COMPACT | FORMAT);
    json_decref(facts);
    return text;
}

/* Puts an entry in the place of those with its facts, at the end. */
static bool add_entry(json_t *entries, json_t *entry) {
    char *facts = facts_of(entry);
    bool good = facts != NULL;
    for (size_t i = json_array_size(entries); good && i-- > 0;) {
        const json_t *other = json_array_get(entries, i);
        char *others = json_is_object(other) ? facts_of(other) : NULL;
        if (json_is_object(other) && !others) good = false;
        if (others && strcmp(facts, others) == 0) json_array_remove(entries, i);
        free(others);
    }
    free(facts);
    return good && json_array_append(entries, entry) == 0;
}

static bool add_entries(const EvalReport *report, const char *path, VtError *error) {
    json_t *entries = read_entries(path, error);
    if (!entries) return false;
    bool good = !report->bad;
    for (size_t i = 0; good && i < json_array_size(report->entries); i++)
        good = add_entry(entries, json_array_get(report->entries, i));
    char *text = good ? vt_json_text(entries, JSON_INDENT(1) | FORMAT) : NULL;
    json_decref(entries);
    size_t size = text ? strlen(text) : 0;
    good = text != NULL;
    if (good) {
        text[size] = '\n'; /* in the place of its end */
        good = vt_replace_with(path, 0666, text, size + 1, error);
    } else
        vt_fail(error, 1, "out of memory for '%s'", path);
    free(text);
    return good;
}

bool eval_report_write(EvalReport *report, const char *path, VtError *error) {
    int lock = vt_lock_folder_of(path); /* evaluations of one run, side by side */
    bool good = add_entries(report, path, error);
    if (lock >= 0) close(lock);
    return good;
}

bool eval_report_find(const char *json, const char *folder, char out[4096], VtError *error) {
    out[0] = '\0';
    if (json) {
        snprintf(out, 4096, "%s", json);
        if (eval_report_check(out, error)) return true;
        error->code = 2; /* it was named */
        return false;
    }
    if (!folder) return true;
    snprintf(out, 4096, "%s/eval.json", folder);
    if (eval_report_check(out, error)) return true;
    if (error->code == 2 || access(folder, W_OK) == 0) return false;
    printf("(%s; nothing is kept there)\n", error->message); /* a run of somebody else's */
    out[0] = error->message[0] = '\0';
    return true;
}
