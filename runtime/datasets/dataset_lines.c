/* Text files that list images: their lines and fields. */
#include "runtime/base/error.h"
#include "runtime/datasets/dataset.h"
#include "runtime/datasets/dataset_tree.h"
#include "runtime/files/read_at.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { MAX_TEXT = 1 << 30 };

static bool read_all(int descriptor, char *out, int64_t offset, int64_t size) {
    int64_t n = read_at(descriptor, out, size, offset);
    if (n < size && !errno) errno = EIO; /* shorter than it was said to be */
    return n == size;
}

static bool begin_text(Lines *l, const char *path, int64_t size, VtError *error) {
    *l = (Lines){0};
    if (size > MAX_TEXT) return vt_fail(error, 2, "%s: longer than 1 GiB, which no list of images is", path);
    l->text = malloc((size_t)size + 1);
    return l->text || vt_fail(error, 1, "out of memory");
}

/* What was read is text. */
static bool finish_text(Lines *l, const char *path, int64_t size, bool good, VtError *error) {
    if (good && memchr(l->text, 0, (size_t)size)) good = vt_fail(error, 2, "%s: no text", path);
    if (!good) lines_close(l);
    if (!good) return false;
    l->text[size] = '\0';
    l->at = l->text + (strncmp(l->text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0);
    return true;
}

bool lines_open(Lines *l, const char *path, int64_t size, VtError *error) {
    if (!begin_text(l, path, size, error)) return false;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    bool good = (descriptor >= 0 && read_all(descriptor, l->text, 0, size)) ||
                vt_fail(error, 1, "cannot read '%s': %s", path, strerror(errno));
    if (descriptor >= 0) close(descriptor);
    return finish_text(l, path, size, good, error);
}

bool tree_open_text(const VtDataset *d, const DataItem *text, Lines *lines) {
    VtError error = {0};
    if (d->read ? begin_text(lines, text->name, text->size, &error) &&
                      finish_text(lines, text->name, text->size,
                                  d->read(d, text, (uint8_t *)lines->text, &error), &error)
                : lines_open(lines, text->name, text->size, &error))
        return true;
    if (error.code == 1) d->tree->failed = error;
    return false;
}

void lines_close(Lines *l) {
    free(l->text);
    l->text = l->at = NULL;
}

static char *trim(char *text) {
    while (isspace((unsigned char)*text)) text++;
    size_t n = strlen(text);
    while (n > 0 && isspace((unsigned char)text[n - 1])) text[--n] = '\0';
    return text;
}

char *lines_next(Lines *l) {
    while (l->at && *l->at) {
        char *line = l->at, *end = line + strcspn(line, "\r\n");
        bool both = end[0] == '\r' && end[1] == '\n';
        l->at = *end ? end + 1 + both : end;
        *end = '\0';
        l->number++;
        line = trim(line);
        if (*line && *line != '#') return line;
    }
    return NULL;
}

static char *unquoted(char *text) {
    text = trim(text);
    size_t n = strlen(text);
    if (n < 2 || text[0] != '"' || text[n - 1] != '"') return text;
    text[n - 1] = '\0';
    return text + 1;
}

int lines_fields(char *line, char *fields[MAX_FIELDS]) {
    const char *separators = strchr(line, '\t') ? "\t" : strpbrk(line, ",;") ? ",;" : " ";
    int n = 0;
    for (char *at = line; at && n < MAX_FIELDS;) {
        char *from = at + strspn(at, " "), *end = *from == '"' ? strchr(from + 1, '"') : NULL;
        end = strpbrk(end ? end : from, separators);
        if (end) *end++ = '\0';
        while (end && separators[0] == ' ' && *end == ' ') end++;
        fields[n++] = unquoted(at);
        at = end;
    }
    return n;
}

/* Where the first name of an image ends: at the line's end or before what separates; NULL: there is none. */
static char *image_end(char *line) {
    for (char *dot = strchr(line, '.'); dot; dot = strchr(dot + 1, '.')) {
        size_t n = 1;
        while (isalnum((unsigned char)dot[n])) n++;
        if (dot[n] && !strchr(" \t,;\"", dot[n])) continue;
        char after = dot[n];
        dot[n] = '\0';
        bool image = dataset_name_kind(dot) == NAME_IMAGE;
        dot[n] = after;
        if (image) return dot + n;
    }
    return NULL;
}

static char *label_of(char *text) {
    text = unquoted(text);
    return *text && strcmp(text, "-1") != 0 ? text : NULL;
}

/* In front of the path ("7,a.jpg", "0 TAB 7 TAB a.jpg") or after it. */
void lines_image(char *line, char **path, char **label) {
    char *end = image_end(line), *start = line, *fields[MAX_FIELDS];
    *label = NULL;
    if (!end) {
        int n = lines_fields(line, fields);
        *path = fields[0];
        if (n > 1) *label = label_of(fields[1]);
        return;
    }
    char after = *end;
    for (char *p = line; p < end; p++)
        if (strchr("\t,;", *p)) start = p + 1;
    if (start > line) {
        start[-1] = '\0';
        int n = lines_fields(line, fields);
        *label = label_of(fields[n - 1]);
    } else if (after) {
        char *rest = end + strspn(end, "\" \t,;"), *stop = rest + strcspn(rest, "\t,;");
        if (after == ' ' && isdigit((unsigned char)*rest)) stop = rest + strcspn(rest, " \t,;");
        *stop = '\0';
        *label = label_of(rest);
    }
    *end = '\0';
    *path = unquoted(start);
    if (**path == '"') ++*path;
}

const char *lines_key(const char *path, int parts, char *out, size_t size) {
    const char *from = path + strlen(path);
    for (int part = 0; part < parts && from > path; part++) {
        if (part) from--;
        while (from > path && from[-1] != '/' && from[-1] != '\\') from--;
    }
    snprintf(out, size, "%s", from);
    char *dot = strrchr(out, '.');
    if (dot && dataset_name_kind(dot) == NAME_IMAGE) *dot = '\0';
    return out;
}
