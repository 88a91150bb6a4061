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

/* The step that a line is of; -1: it says none. A line that was cut short says it too, if its beginning is there. */
static int64_t step_of(const char *line, size_t size, bool *whole) {
    static const char beginning[] = "{\"step\":"; /* ours */
    size_t n = strlen(beginning);
    if (size > n && memcmp(line, beginning, n) == 0 && isdigit((unsigned char)line[n])) {
        while (size && isspace((unsigned char)line[size - 1])) size--;
        *whole = line[size - 1] == '}';
        return strtoll(line + n, NULL, 10);
    }
    json_t *object = json_loadb(line, size, 0, NULL), *step = json_object_get(object, "step");
    int64_t at = json_is_integer(step) ? json_integer_value(step) : -1;
    *whole = object != NULL;
    json_decref(object);
    return at;
}

/* Lines of steps up to `last`, and those that say no step; a line that a kill cut short is gone. malloc'ed. */
static char *keep_lines(FILE *file, int64_t last, int64_t *unreadable, size_t *size, bool *changed) {
    char *line = NULL, *text = NULL;
    size_t capacity = 0;
    FILE *out = open_memstream(&text, size);
    bool good = out != NULL;
    *changed = false;
    for (ssize_t n; good && (n = getline(&line, &capacity, file)) > 0;) {
        bool whole, ended = line[n - 1] == '\n';
        int64_t step = step_of(line, (size_t)n, &whole);
        bool keep = last > 0 && step <= last && (whole || ended);
        if (keep && (step < 0 || !whole)) ++*unreadable;
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

static bool drop_later(const char *path, int64_t step, int64_t *unreadable, VtError *error) {
    size_t size;
    bool changed;
    FILE *file = fopen(path, "re");
    if (!file && errno == ENOENT) return true;
    if (!file) return vt_fail(error, 1, "cannot read '%s': %s", path, strerror(errno));
    char *text = keep_lines(file, step, unreadable, &size, &changed);
    fclose(file);
    if (!text) return vt_fail(error, 1, "cannot read '%s': out of memory, or the disk failed", path);
    bool good = !changed || vt_replace_with(path, 0666, text, size, error);
    free(text);
    return good;
}

VtMetrics *vt_metrics_open(const char *path, int64_t resume_step, int64_t *unreadable, VtError *error) {
    struct stat status;
    *unreadable = 0;
    if (lstat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        vt_fail(error, 2, "'%s' is no regular file: metrics are written to one", path);
        return NULL;
    }
    if (!drop_later(path, resume_step, unreadable, error)) return NULL;
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

static char *line_of(int64_t step, double epoch, int n, const char *const *names, const double *values) {
    json_t *line = json_object();
    bool good = line && set(line, "step", json_integer(step)) && set(line, "epoch", json_real(epoch));
    for (int i = 0; good && i < n; i++)
        good = set(line, names[i], isfinite(values[i]) ? json_real(values[i]) : json_null());
    char *text = good ? vt_json_text(line, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(line);
    return text;
}

bool vt_metrics_write(VtMetrics *m, int64_t step, double epoch, int n, const char *const *names,
                      const double *values, VtError *error) {
    char *text = line_of(step, epoch, n, names, values);
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
