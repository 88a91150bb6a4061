/* metrics.jsonl: one JSON object a line. */
#include "runtime/runtime.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct VtMetrics {
    FILE *file;
};

/* Keeps the lines of steps up to `step`. */
static bool drop_later(const char *path, int64_t step) {
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t capacity = 0;
    long keep = 0;
    if (!file) return true;
    while (getline(&line, &capacity, file) > 0) {
        const char *at = strstr(line, "\"step\":");
        if (!at || strtoll(at + 7, NULL, 10) > step || line[strlen(line) - 1] != '\n') break;
        keep = ftell(file);
    }
    free(line);
    fclose(file);
    return truncate(path, keep) == 0;
}

VtMetrics *vt_metrics_open(const char *path, int64_t resume_step, VtError *error) {
    VtMetrics *metrics = calloc(1, sizeof *metrics);
    if (!metrics || !drop_later(path, resume_step) || !(metrics->file = fopen(path, "a"))) {
        vt_fail(error, 1, "cannot write '%s': %s", path, strerror(errno));
        free(metrics);
        return NULL;
    }
    return metrics;
}

void vt_metrics_write(VtMetrics *metrics, int64_t step, double epoch, int n, const char *const *names,
                      const double *values) {
    fprintf(metrics->file, "{\"step\":%lld,\"epoch\":%.6g", (long long)step, epoch);
    for (int i = 0; i < n; i++) {
        if (isfinite(values[i]))
            fprintf(metrics->file, ",\"%s\":%.9g", names[i], values[i]);
        else
            fprintf(metrics->file, ",\"%s\":null", names[i]);
    }
    fputs("}\n", metrics->file);
    fflush(metrics->file);
}

void vt_metrics_close(VtMetrics *metrics) {
    if (!metrics) return;
    fclose(metrics->file);
    free(metrics);
}
