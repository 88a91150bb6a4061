/* vitc inspect --format=html, svg and dot: a page, or a picture, in a file. */
#include "driver/inspect/request.h"
#include "inspect/drawing/drawing.h"
#include "inspect/page/html.h"
#include "ir/base/stream.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- where it goes ----------------------------------------------------------------------------------------------- */

/* Whether there is a file that vitc inspect wrote: pages and pictures say so among their first bytes. */
static bool is_ours(const char *path) {
    char head[4096];
    FILE *file = fopen(path, "rb");
    if (!file) return false;
    size_t n = fread(head, 1, sizeof head, file);
    fclose(file);
    return memmem(head, n, DRAWING_MARK, strlen(DRAWING_MARK)) != NULL;
}

static bool output_allowed(const char *path, bool force) {
    struct stat status;
    VtError error;
    if (strcmp(path, "-") == 0) return true;
    if (!vt_output_check(path, &error)) return fail(error.code, "%s", error.message) < 0;
    if (force || lstat(path, &status) != 0) return true;
    if (S_ISLNK(status.st_mode))
        return fail(2, "'%s' is a link: --force puts the file in its place", path) < 0;
    return status.st_size == 0 || is_ours(path) ||
           fail(2, "'%s' is no file that vitc inspect wrote: --force overwrites it", path) < 0;
}

static const char *output_path(const InspectRequest *request) {
    const Flag *out = &request->flags[INSPECT_OUT];
    return out->given ? out->value : "-";
}

bool inspect_check_page(InspectRequest *request) {
    const char *path = output_path(request);
    const Flag *depth = &request->flags[INSPECT_DEPTH];
    double levels = 1;
    bool page = strcmp(request->show->format, "html") == 0;
    if (page && strcmp(path, "-") == 0 && isatty(STDOUT_FILENO))
        return fail(2, "a page is for a browser: vitc inspect %s --format=html -o FILE.html",
                    request->recipe) < 0;
    return whole_flag(depth, 1, 32, &levels) && output_allowed(path, request->flags[INSPECT_FORCE].given);
}

/* Takes the text over. */
static int write_output(const InspectRequest *request, char *text, size_t size, FILE *out) {
    const char *path = output_path(request);
    VtError error;
    bool good = true;
    if (strcmp(path, "-") == 0)
        fwrite(text, 1, size, out); /* main() tells whether it was written */
    else
        good = vt_replace_with(path, 0666, text, size, &error);
    free(text);
    return good ? 0 : fail(error.code, "%s", error.message);
}

/* ---- what it is -------------------------------------------------------------------------------------------------- */

int inspect_page(const InspectRequest *request, Inspection *inspection, FILE *out,
                 const VtTerminal *terminal) {
    char error[1024];
    size_t size;
    (void)terminal;
    char *page = page_html(inspection, &(HtmlOptions){.version = VITC_VERSION}, &size, error, sizeof error);
    return page ? write_output(request, page, size, out) : fail(1, "%s", error);
}

int inspect_drawing(const InspectRequest *request, Inspection *inspection, FILE *out,
                    const VtTerminal *terminal) {
    double depth = 0;
    TextStream stream;
    size_t size;
    (void)terminal;
    whole_flag(&request->flags[INSPECT_DEPTH], 1, 32, &depth);
    Drawing *drawing = drawing_make(inspection, inspection->func, (int)depth);
    stream_begin(&stream);
    if (strcmp(request->show->format, "svg") == 0) {
        drawing_place(drawing);
        drawing_svg(drawing, stream.out);
    } else {
        drawing_dot(drawing, stream.out);
    }
    char *text = stream_end(&stream, &size);
    return write_output(request, text, size, out);
}
