/* metrics.jsonl: one JSON object a line, each written whole. */
#include "runtime/training/metrics.h"
#include "runtime/base/error.h"
#include "runtime/files/json.h"
#include "runtime/files/output.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct VtMetrics {
    int file;
    char *path;
};

/* What a line says of itself. step -1: it says none. */
typedef struct {
    int64_t step;
    double epoch;
    bool whole; /* else it was cut short */
} LineOf;

/* A line that was cut short says its step too, if its beginning is there. */
static LineOf line_is_of(const char *line, size_t size) {
    static const char beginning[] = "{\"step\":", then[] = ",\"epoch\":"; /* ours */
    size_t n = strlen(beginning);
    if (size > n && memcmp(line, beginning, n) == 0 && isdigit((unsigned char)line[n])) {
        char *end;
        LineOf of = {.step = strtoll(line + n, &end, 10)};
        if (strncmp(end, then, strlen(then)) == 0) of.epoch = strtod(end + strlen(then), NULL);
        while (size && isspace((unsigned char)line[size - 1])) size--;
        of.whole = line[size - 1] == '}';
        return of;
    }
    json_t *object = json_loadb(line, size, 0, NULL), *step = json_object_get(object, "step");
    LineOf of = {.step = json_is_integer(step) ? json_integer_value(step) : -1,
                 .epoch = json_number_value(json_object_get(object, "epoch")),
                 .whole = object != NULL};
    json_decref(object);
    return of;
}

/* The last step that is kept. Where steps were counted anew (`anew`: the line that says so last; 0: nowhere), lines
 * before that one go by their epochs, and those after it too if the step counts otherwise than they do. */
typedef struct {
    int64_t step, anew;
    double epoch, before; /* of the step; of lines before `anew`: steps are rounded there */
    bool by_epoch;
} Last;

static bool is_before(const Last *last, int64_t line, const LineOf *of) {
    if (of->step < 0) return true;
    if (line < last->anew) return of->epoch <= last->before;
    return last->by_epoch ? of->epoch <= last->epoch : of->step <= last->step;
}

/* Lines of steps up to the last, and those that say no step; a line that a kill cut short is gone. malloc'ed. */
static char *keep_lines(FILE *file, const Last *last, int64_t *unreadable, size_t *size, bool *changed) {
    char *line = NULL, *text = NULL;
    size_t capacity = 0;
    int64_t number = 0;
    FILE *out = open_memstream(&text, size);
    bool good = out != NULL;
    *changed = false;
    for (ssize_t n; good && (n = getline(&line, &capacity, file)) > 0;) {
        bool ended = line[n - 1] == '\n';
        LineOf of = line_is_of(line, (size_t)n);
        bool keep = last->step > 0 && is_before(last, ++number, &of) && (of.whole || ended);
        if (keep && (of.step < 0 || !of.whole)) ++*unreadable;
        if (!keep || !ended) *changed = true;
        if (keep) good = fwrite(line, 1, (size_t)n, out) == (size_t)n && (ended || fputc('\n', out) == '\n');
    }
    good = good && !ferror(file);
    free(line);
    if (out && fclose(out) != 0) good = false;
    if (good) return text;
    free(text);
    return NULL;
}

static Last find_last(FILE *file, int64_t step, double steps_per_epoch) {
    double epoch = (double)step / steps_per_epoch;
    Last last = {.step = step, .epoch = epoch * (1 + 1e-8), .before = epoch + 0.51 / steps_per_epoch};
    char *line = NULL;
    size_t capacity = 0;
    int64_t number = 1;
    for (ssize_t n; (n = getline(&line, &capacity, file)) > 0; number++) {
        if (!strstr(line, "\"" VT_METRICS_RECOUNTED "\":")) continue;
        LineOf of = line_is_of(line, (size_t)n);
        last.anew = number;
        last.by_epoch = fabs((double)of.step - of.epoch * steps_per_epoch) > 0.01;
    }
    free(line);
    rewind(file);
    return last;
}

static bool drop_later(const char *path, int64_t step, double steps_per_epoch, int64_t *unreadable,
                       VtError *error) {
    size_t size;
    bool changed;
    FILE *file = fopen(path, "re");
    if (!file && errno == ENOENT) return true;
    if (!file) return vt_fail(error, 1, "cannot read '%s': %s", path, strerror(errno));
    Last last = find_last(file, step, steps_per_epoch);
    char *text = keep_lines(file, &last, unreadable, &size, &changed);
    fclose(file);
    if (!text) return vt_fail(error, 1, "cannot read '%s': out of memory, or the disk failed", path);
    bool good = !changed || vt_replace_with(path, 0666, text, size, error);
    free(text);
    return good;
}

VtMetrics *vt_metrics_open(const char *path, int64_t resume_step, double steps_per_epoch, int64_t *unreadable,
                           VtError *error) {
    struct stat status;
    *unreadable = 0;
    if (lstat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        vt_fail(error, 2, "'%s' is no regular file: metrics are written to one", path);
        return NULL;
    }
    if (!drop_later(path, resume_step, steps_per_epoch, unreadable, error)) return NULL;
    VtMetrics *metrics = calloc(1, sizeof *metrics);
    int file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
    int problem = errno;
    char *copy = strdup(path);
    if (metrics && file >= 0 && copy) {
        *metrics = (VtMetrics){.file = file, .path = copy};
        return metrics;
    }
    if (file >= 0) close(file);
    free(metrics);
    free(copy);
    vt_fail(error, 1, "cannot write '%s': %s", path, file < 0 ? strerror(problem) : "out of memory");
    return NULL;
}

/* Takes `value`. A metric that is called as one of the line's own is `value.NAME`. */
static bool set(json_t *line, const char *name, json_t *value) {
    char other[300];
    if (json_object_get(line, name)) {
        snprintf(other, sizeof other, "value.%.280s", name);
        name = other;
    }
    return value && json_object_set_new(line, name, value) == 0;
}

/* The line of a step, to which values are added; NULL: no memory. */
static json_t *begin_line(int64_t step, double epoch) {
    json_t *line = json_object();
    if (line && set(line, "step", json_integer(step)) && set(line, "epoch", json_real(epoch))) return line;
    json_decref(line);
    return NULL;
}

/* Takes `line`; whole: it has all it should. */
static bool write_line(VtMetrics *m, int64_t step, json_t *line, bool whole, VtError *error) {
    char *text = whole ? vt_json_text(line, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(line);
    if (!text) return vt_fail(error, 1, "%s: out of memory for a line, or a name in it is no UTF-8", m->path);
    off_t before = lseek(m->file, 0, SEEK_END);
    size_t size = strlen(text);
    text[size] = '\n'; /* in the place of the NUL */
    bool good = vt_write_all(m->file, text, size + 1);
    if (!good) {
        vt_fail(error, 1, "cannot write '%s': %s; it misses what step %lld gave", m->path, strerror(errno),
                (long long)step);
        if (before >= 0 && ftruncate(m->file, before) != 0) before = -1; /* half a line: dropped on resume */
    }
    free(text);
    return good;
}

bool vt_metrics_write(VtMetrics *m, int64_t step, double epoch, int n, const char *const *names,
                      const double *values, VtError *error) {
    json_t *line = begin_line(step, epoch);
    bool good = line != NULL;
    for (int i = 0; good && i < n; i++)
        good = set(line, names[i], isfinite(values[i]) ? json_real(values[i]) : json_null());
    return write_line(m, step, line, good, error);
}

bool vt_metrics_write_text(VtMetrics *m, int64_t step, double epoch, const char *name, const char *text,
                           VtError *error) {
    json_t *line = begin_line(step, epoch);
    return write_line(m, step, line, line && set(line, name, json_string(text)), error);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* The next line that has the key; the caller's. NULL: there is no more. */
static json_t *next_with(FILE *file, const char *name, char **line, size_t *capacity) {
    for (ssize_t n; (n = getline(line, capacity, file)) > 0;) {
        if (!strstr(*line, name)) continue;
        json_t *object = json_loadb(*line, (size_t)n, 0, NULL);
        if (json_object_get(object, name)) return object;
        json_decref(object);
    }
    return NULL;
}

void vt_metrics_values(const char *path, const char *name, void (*visit)(void *, double, double),
                       void *user) {
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t capacity = 0;
    for (json_t *object; file && (object = next_with(file, name, &line, &capacity));) {
        json_t *value = json_object_get(object, name);
        visit(user, json_number_value(json_object_get(object, "epoch")),
              json_is_number(value) ? json_number_value(value) : NAN);
        json_decref(object);
    }
    free(line);
    if (file) fclose(file);
}

bool vt_metrics_says(const char *path, double epoch, double near, const char *name, const char *text) {
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t capacity = 0;
    bool found = false;
    for (json_t *object; !found && file && (object = next_with(file, name, &line, &capacity));) {
        const char *said = json_string_value(json_object_get(object, name));
        found = said && strcmp(said, text) == 0 &&
                fabs(json_number_value(json_object_get(object, "epoch")) - epoch) <= near;
        json_decref(object);
    }
    free(line);
    if (file) fclose(file);
    return found;
}

bool vt_metrics_sync(VtMetrics *m, VtError *error) {
    if (fdatasync(m->file) == 0 || errno == EINVAL || errno == ENOTSUP || errno == EROFS) return true;
    return vt_fail(error, 1, "cannot write '%s': %s", m->path, strerror(errno));
}

double vt_metrics_steps_per_epoch(const char *path) {
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t capacity = 0;
    double found = 0;
    for (ssize_t n; file && (n = getline(&line, &capacity, file)) > 0;) {
        json_t *object = json_loadb(line, (size_t)n, 0, NULL);
        double step = json_number_value(json_object_get(object, "step")),
               epoch = json_number_value(json_object_get(object, "epoch"));
        if (step > 0 && epoch > 0) found = step / epoch;
        json_decref(object);
    }
    free(line);
    if (file) fclose(file);
    return found;
}

void vt_metrics_close(VtMetrics *metrics) {
    if (!metrics) return;
    close(metrics->file);
    free(metrics->path);
    free(metrics);
}
