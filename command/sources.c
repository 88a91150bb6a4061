/* --data PATH, or --data NAME=PATH for each source of images that a recipe names. */
#include "command/command.h"
#include "runtime/base/nearest.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Letters of the name before the =; 0: the text is a path. */
static size_t name_length(const char *text) {
    size_t n = 0;
    while (isalnum((unsigned char)text[n]) || text[n] == '_') n++;
    return text[n] == '=' && !isdigit((unsigned char)text[0]) ? n : 0;
}

bool absolute_path(const char *path, const char *flag, char *out, size_t size) {
    char here[4096] = "";
    bool relative = path[0] != '/';
    if (relative && !getcwd(here, sizeof here))
        return fail(1, "the current folder is not known: %s", strerror(errno)) < 0;
    int n = snprintf(out, size, "%s%s%s", here, relative ? "/" : "", path);
    return n < (int)size || fail(2, "--%s: the path is too long", flag) < 0;
}

static bool absolute(const char *path, VtRunData *out) {
    if (strncmp(path, "synthetic", strlen("synthetic")) != 0)
        return absolute_path(path, "data", out->path, sizeof out->path);
    return snprintf(out->path, sizeof out->path, "%s", path) < (int)sizeof out->path ||
           fail(2, "--data: the path is too long") < 0;
}

/* "--data labelled=PATH --data unlabelled=PATH" */
static const char *usage(const VtProgram *p, char *out, size_t size) {
    size_t n = 0;
    for (int i = 0; i < p->n_sources && n < size; i++)
        n += (size_t)snprintf(out + n, size - n, "%s--data %s%sPATH", i ? " " : "", p->sources[i].name,
                              p->sources[i].name[0] ? "=" : "");
    return out;
}

int find_source(const VtProgram *p, const char *text, const char **path) {
    const char *names[VT_MAX_SOURCES];
    size_t length = name_length(text);
    char name[80], all[2048];
    snprintf(name, sizeof name, "%.*s", (int)(length < 79 ? length : 79), text);
    bool only = p->n_sources == 1, there = access(text, F_OK) == 0;
    *path = text;
    for (int i = 0; i < p->n_sources; i++) {
        names[i] = p->sources[i].name;
        if (!length || strcmp(names[i], name) != 0) continue;
        *path = text + length + 1;
        if (**path) return i;
        return fail(2, "--data %s: a path was expected behind the =", text), -1;
    }
    if (only && (!length || there)) return 0;
    if (!length)
        return fail(2, "recipe '%s' has %d sources of images: %s", p->name, p->n_sources,
                    usage(p, all, sizeof all)),
               -1;
    if (only && !names[0][0])
        return fail(2, "--data %s: recipe '%s' names no sources of images: --data PATH", text, p->name), -1;
    const char *near = vt_nearest(name, names, (size_t)p->n_sources);
    if (near)
        return fail(2, "--data %s: recipe '%s' has no source '%s'; did you mean '%s'?", text, p->name, name,
                    near),
               -1;
    return fail(2, "--data %s: recipe '%s' has no source '%s': %s", text, p->name, name,
                usage(p, all, sizeof all)),
           -1;
}

/* Where a source's images were before; NULL: not known. */
static const char *saved_path(const VtProgram *p, int source, const VtRunSettings *saved) {
    for (int i = 0; i < saved->n_data; i++)
        if (strcmp(saved->data[i].name, p->sources[source].name) == 0 && saved->data[i].path[0])
            return saved->data[i].path;
    return NULL;
}

static bool choose_path(const VtProgram *p, int source, const char *given, const VtRunSettings *saved,
                        VtRunData *out) {
    const char *name = p->sources[source].name, *was = saved_path(p, source, saved);
    snprintf(out->name, sizeof out->name, "%s", name);
    if (!given && !was && name[0])
        return fail(2, "where are the images of source '%s'? --data %s=PATH", name, name) < 0;
    if (!given && !was) return fail(2, "where are the images? --data PATH") < 0;
    if (given && !absolute(given, out)) return false;
    if (!given) snprintf(out->path, sizeof out->path, "%s", was);
    if (was && strcmp(was, out->path) != 0)
        printf("data%s%s: %s -> %s\n", name[0] ? " " : "", name, was, out->path);
    return true;
}

bool choose_data(const VtProgram *p, const Arguments *args, const VtRunSettings *saved, VtRunSettings *out) {
    const char *given[VT_MAX_SOURCES] = {0};
    for (int i = 0; i < args->n_values; i++) {
        const char *path;
        int source = find_source(p, args->values[i], &path);
        if (source < 0) return false;
        given[source] = path;
    }
    memset(out->data, 0, sizeof out->data);
    out->n_data = p->n_sources;
    for (int i = 0; i < p->n_sources; i++)
        if (!choose_path(p, i, given[i], saved, &out->data[i])) return false;
    return true;
}
