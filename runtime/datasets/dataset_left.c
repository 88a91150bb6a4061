/* What a data set leaves out, by reason and name, the sentences about it, and the errors of a set in which nothing is
 * left. */
#include "runtime/base/error.h"
#include "runtime/base/terminal.h"
#include "runtime/datasets/dataset.h"
#include "runtime/datasets/format.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const REASONS[LEFT_REASONS] = {
    [LEFT_NO_IMAGE] = "no image by name",
    [LEFT_FORMAT] = "of a format that is not read",
    [LEFT_HIDDEN] = "hidden",
    [LEFT_EMPTY] = "empty",
    [LEFT_TOO_LARGE] = "larger than 256 MiB",
    [LEFT_TOO_DEEP] = "too deep",
    [LEFT_MISSING] = "not there",
    [LEFT_NO_FILE] = "no file",
    [LEFT_LOOP] = "link to a folder around it",
    [LEFT_BESIDE] = "beside the splits",
    [LEFT_HELD_OUT] = "of a held-out split that is not used",
    [LEFT_ANNOTATION] = "annotation",
};

bool dataset_leave_out(VtDataset *d, LeftReason reason, const char *name) {
    return text_set_add(&d->left[reason], name, strlen(name)) >= 0;
}

bool dataset_note(VtDataset *d, const char *format, ...) {
    char text[1024], shown[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    vt_show_name(text, shown, sizeof shown);
    return text_set_add(&d->notes, shown, strlen(shown)) >= 0;
}

int vt_dataset_notes(const VtDataset *d) {
    return d->notes.count;
}
const char *vt_dataset_note(const VtDataset *d, int i) {
    return i >= 0 && i < d->notes.count ? d->notes.text[i] : NULL;
}

int vt_dataset_left_reasons(void) {
    return LEFT_REASONS;
}
const char *vt_dataset_left_reason(int reason) {
    return reason >= 0 && reason < LEFT_REASONS ? REASONS[reason] : NULL;
}
int64_t vt_dataset_left(const VtDataset *d, int reason) {
    return reason >= 0 && reason < LEFT_REASONS ? d->left[reason].count : 0;
}
const char *vt_dataset_left_name(const VtDataset *d, int reason, int64_t i) {
    return i >= 0 && i < vt_dataset_left(d, reason) ? d->left[reason].text[i] : NULL;
}

/* The path without what all names of the set begin with. */
static const char *below_root(const VtDataset *d, const char *name) {
    size_t n = strlen(d->path);
    if (strncmp(name, d->path, n) != 0) return name;
    name += n;
    while (*name == '/') name++;
    return *name ? name : d->path;
}

static void append(char *out, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void append(char *out, size_t size, const char *format, ...) {
    size_t n = strlen(out);
    va_list args;
    va_start(args, format);
    vsnprintf(out + n, size - n, format, args);
    va_end(args);
}

void vt_dataset_describe(const VtDataset *d, char *out, size_t size) {
    enum { NAMED = 2 };
    int64_t left = 0, labelled = vt_dataset_labelled(d);
    char shown[128];
    bool first = true;
    out[0] = '\0';
    append(out, size, "%lld image%s, ", (long long)d->count, d->count == 1 ? "" : "s");
    if (labelled == 0)
        append(out, size, "no classes");
    else
        append(out, size, "%d class%s", d->classes.count, d->classes.count == 1 ? "" : "es");
    if (labelled > 0 && labelled < d->count)
        append(out, size, " (%lld images without a class)", (long long)(d->count - labelled));
    for (int r = 0; r < LEFT_REASONS; r++) left += d->left[r].count;
    if (!left) return;
    append(out, size, ", %lld left out (", (long long)left);
    for (int r = 0; r < LEFT_REASONS; r++) {
        if (!d->left[r].count) continue;
        append(out, size, "%s%d %s: ", first ? "" : "; ", d->left[r].count, REASONS[r]);
        first = false;
        for (int i = 0; i < d->left[r].count && i < NAMED; i++)
            append(out, size, "%s%s", i ? ", " : "",
                   vt_show_name(below_root(d, d->left[r].text[i]), shown, sizeof shown));
        if (d->left[r].count > NAMED) append(out, size, ", …");
    }
    append(out, size, ")");
}

/* ---- nothing is left to take ------------------------------------------------------------------------------------- */

bool dataset_missing_split(VtDataset *d, VtError *error, const char *format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    d->no_split = true;
    return vt_fail(error, 2, "%s", text);
}

bool dataset_not_empty(VtDataset *d, const char *hint, VtError *error) {
    char left[600] = "";
    int64_t n = 0;
    if (d->count > 0) return true;
    for (int r = 0; r < LEFT_REASONS; r++) {
        if (d->left[r].count && strlen(left) < 500)
            snprintf(left + strlen(left), sizeof left - strlen(left), "%s%d %s",
                     n ? ", " : "; left out: ", d->left[r].count, REASONS[r]);
        n += d->left[r].count;
    }
    d->no_split = d->split != NULL;
    return vt_fail(error, 2, "%s: no images%s%s%s found%s%s", d->path, d->split ? " of split '" : "",
                   d->split ? d->split : "", d->split ? "'" : "", hint, left);
}
