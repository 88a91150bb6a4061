/* Data sets that are a list of files: "path [label]" a line, relative to the list's folder. "train.txt" finds "val.txt"
 * or "test.txt". */
#include "runtime/base/error.h"
#include "runtime/base/stop.h"
#include "runtime/datasets/dataset.h"
#include "runtime/datasets/dataset_tree.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static bool is_list_name(const char *path) {
    static const char *const endings[] = {".txt", ".csv", ".tsv", ".lst", ".list"};
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++)
        if (strcasecmp(dot, endings[i]) == 0) return true;
    return false;
}

/* "filename,label": a first line that names columns. */
static bool is_header(const char *path, const char *label) {
    static const char *const words[] = {"path",   "file",       "filename", "file_name", "image",
                                        "images", "img",        "image_id", "imageid",   "id",
                                        "name",   "image_path", "filepath", "label",     "class"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(path, words[i]) == 0 || (label && strcasecmp(label, words[i]) == 0)) return true;
    return false;
}

static bool left_out(VtDataset *d, LeftReason reason, const char *name, VtError *error) {
    return dataset_leave_out(d, reason, name) || vt_fail(error, 1, "out of memory");
}

static bool add_line(VtDataset *d, const char *name, const char *label, Split split, VtError *error) {
    struct stat status;
    if (stat(name, &status) != 0)
        return errno == ENOENT || errno == ENOTDIR
                   ? left_out(d, LEFT_MISSING, name, error)
                   : vt_fail(error, 1, "cannot read '%s': %s", name, strerror(errno));
    if (!S_ISREG(status.st_mode)) return left_out(d, LEFT_NO_FILE, name, error);
    if (status.st_size == 0) return left_out(d, LEFT_EMPTY, name, error);
    if (status.st_size > DATASET_MAX_FILE) return left_out(d, LEFT_TOO_LARGE, name, error);
    if (!dataset_add(d, name, -1, 0, status.st_size)) return vt_fail(error, 1, "out of memory");
    d->items[d->count - 1].split = split;
    d->items[d->count - 1].left = LEFT_REASONS;
    return !label || dataset_set_label(d, d->count - 1, label) || vt_fail(error, 1, "out of memory");
}

static bool read_list(VtDataset *d, const char *list, Split split, VtError *error) {
    struct stat status;
    Lines lines;
    char name[8192];
    const char *slash = strrchr(list, '/');
    int folder = slash ? (int)(slash - list) + 1 : 0;
    if (stat(list, &status) != 0) return vt_fail(error, 1, "cannot read '%s': %s", list, strerror(errno));
    if (!lines_open(&lines, list, status.st_size, error)) return false;
    bool good = true;
    for (char *line; good && (line = lines_next(&lines));) {
        char *path, *label;
        lines_image(line, &path, &label);
        if (lines.number == 1 && dataset_name_kind(path) != NAME_IMAGE && is_header(path, label)) continue;
        int length = snprintf(name, sizeof name, "%.*s%s", *path == '/' ? 0 : folder, list, path);
        if (length >= (int)sizeof name)
            good = vt_fail(error, 2, "%s:%d: the path is too long", list, lines.number);
        else if (vt_stop_signal())
            good = vt_stopped(error);
        else
            good = add_line(d, name, label, split, error);
    }
    lines_close(&lines);
    return good;
}

/* The word of a list's name and what else it says. */
static Split list_word(const char *name, char rest[64]) {
    char stem[256];
    bool sure;
    snprintf(stem, sizeof stem, "%s", name);
    *strrchr(stem, '.') = '\0';
    Split split = dataset_split_word(stem, &sure, rest);
    return rest[0] == '~' ? SPLIT_NONE : split;
}

/* The lists of what is held out, beside one of what is trained on. */
static bool read_siblings(VtDataset *d, const char *list, VtError *error) {
    const char *slash = strrchr(list, '/'), *own = slash ? slash + 1 : list;
    char folder[4096], rest[64], other[64], path[8192];
    bool good = true;
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - list) + 1 : 2, slash ? list : "./");
    if (list_word(own, rest) != SPLIT_TRAIN) return true;
    DIR *dir = opendir(folder);
    if (!dir) return vt_fail(error, 1, "cannot read '%s': %s", folder, strerror(errno));
    for (struct dirent *entry; good && (entry = readdir(dir));) {
        if (!is_list_name(entry->d_name) || strlen(entry->d_name) > 250 || entry->d_name[0] == '.') continue;
        if (strcasecmp(strrchr(entry->d_name, '.'), strrchr(own, '.')) != 0) continue;
        Split split = list_word(entry->d_name, other);
        if ((split != SPLIT_VAL && split != SPLIT_TEST) || strcmp(rest, other) != 0) continue;
        snprintf(path, sizeof path, "%s%s", slash ? folder : "", entry->d_name);
        good = (dataset_note(d, "'%s' lists what is held out", entry->d_name) ||
                vt_fail(error, 1, "out of memory")) &&
               read_list(d, path, split, error);
    }
    closedir(dir);
    return good;
}

int dataset_open_list(VtDataset *d, const char *path, const char *split, VtError *error) {
    struct stat status;
    const char *slash = strrchr(path, '/');
    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode) || !is_list_name(path) ||
        strlen(slash ? slash + 1 : path) > 250)
        return 0;
    d->format = "list";
    d->load = dataset_load_file;
    if (!(d->tree = calloc(1, sizeof *d->tree))) {
        vt_fail(error, 1, "out of memory");
        return -1;
    }
    if (!read_list(d, path, SPLIT_TRAIN, error) || !read_siblings(d, path, error)) return -1;
    bool held_out = false;
    for (int64_t i = 0; i < d->count; i++) held_out = held_out || d->items[i].split != SPLIT_TRAIN;
    if (split && strcmp(split, "train") != 0 && !held_out) {
        dataset_missing_split(d, error,
                              "%s has no split 'test': a list train.txt has it in test.txt or val.txt", path);
        return -1;
    }
    return dataset_finish_splits(d, error) ? 1 : -1;
}
