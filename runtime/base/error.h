/* Errors: functions that can fail return false (or NULL) and fill a VtError whose message names the file, the byte or
 * the tensor and says what to do. */
#ifndef VITC_RUNTIME_BASE_ERROR_H
#define VITC_RUNTIME_BASE_ERROR_H

#include <stdbool.h>

typedef struct {
    int code;        /* the exit code it deserves: 2 the request was wrong, 1 it failed */
    bool bad_image;  /* what is wrong is the content of one image: it may be skipped and counted */
    bool stopped;    /* nothing is wrong: a signal asked to stop (vt_stopped) */
    bool not_finite; /* features, losses or states are NaN or infinite: the run has diverged */
    char message[1024];
} VtError;
/* Fills `error` (NULL is fine) and returns false, so that callers can `return vt_fail(...)`. */
bool vt_fail(VtError *error, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same for an image whose bytes are no image. A read that failed or memory that ran out is never that: vt_fail. */
bool vt_bad_image(VtError *error, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same for work that was left because vt_stop_signal() says so: the caller saves and ends as the signal asks. */
bool vt_stopped(VtError *error);

#endif
