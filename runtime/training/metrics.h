/* metrics.jsonl: a JSON object a line. */
#ifndef VITC_RUNTIME_TRAINING_METRICS_H
#define VITC_RUNTIME_TRAINING_METRICS_H

#include "runtime/base/error.h"
#include <stdint.h>

typedef struct VtMetrics VtMetrics;
/* Appends. Lines of steps after `resume_step` are dropped first, all if that is 0 (and `unreadable` counts lines that
 * say no step, which stay). Where the file has a line VT_METRICS_RECOUNTED, steps on both sides of it count in other
 * numbers an epoch, and lines go by their epochs: steps_per_epoch is what resume_step counts in. */
VtMetrics *vt_metrics_open(const char *path, int64_t resume_step, double steps_per_epoch, int64_t *unreadable,
                           VtError *error);
#define VT_METRICS_RECOUNTED "recounted" /* the step that this line's step was before */
/* A value that is not finite is null. False: the line is not in the file. */
bool vt_metrics_write(VtMetrics *metrics, int64_t step, double epoch, int n, const char *const *names,
                      const double *values, VtError *error);
/* A line that says a word of a step. */
bool vt_metrics_write_text(VtMetrics *metrics, int64_t step, double epoch, const char *name, const char *text,
                           VtError *error);
/* Each value of that name in the file, in order; NaN where it is null. Epochs are the same however steps were
 * counted. */
void vt_metrics_values(const char *path, const char *name,
                       void (*visit)(void *user, double epoch, double value), void *user);
/* Whether the file says this text of that epoch, to within `near`. */
bool vt_metrics_says(const char *path, double epoch, double near, const char *name, const char *text);
bool vt_metrics_sync(VtMetrics *metrics, VtError *error);
void vt_metrics_close(VtMetrics *metrics);
double vt_metrics_steps_per_epoch(const char *path); /* as the last line of a step has it; 0: not known */

#endif
