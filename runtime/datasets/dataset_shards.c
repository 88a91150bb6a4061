/* Several archives as one data set: a folder that holds shards and no images, a list in braces ({000..012}, {a,b}), or
 * a pattern (*.tar). */
#include "runtime/base/error.h"
#include "runtime/datasets/dataset.h"
#include "runtime/datasets/dataset_archive.h"
#include "runtime/datasets/dataset_tree.h"
#include "runtime/files/walk.h"

#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { MAX_SHARDS = 100000, MAX_PATH = 4096, MAX_DEPTH = 3, MAX_BRACES = 16 };

/* ---- which files ------------------------------------------------------------------------------------------------- */

static bool ends_like_archive(const char *name) {
    static const char *const endings[] = {".tar",  ".tar.gz",  ".tgz",  ".tar.xz",  ".txz", ".tar.bz2",
                                          ".tbz2", ".tar.zst", ".tzst", ".tar.lz4", ".zip"};
    size_t n = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t length = strlen(endings[i]);
        if (n > length && strcasecmp(name + n - length, endings[i]) == 0) return true;
    }
    return false;
}

static bool add_path(TextSet *paths, const char *path, VtError *error) {
    if (paths->count >= MAX_SHARDS) return vt_fail(error, 2, "more than %d shards", MAX_SHARDS);
    return text_set_add(paths, path, strlen(path)) >= 0 || vt_fail(error, 1, "out of memory");
}

/* "{A..B}": numbers as wide as the first where that begins with 0. NULL: these braces are no such range. */
static bool range_of(const char *text, size_t n, long *from, long *to, int *width) {
    char *end;
    if (!isdigit((unsigned char)text[0])) return false;
    errno = 0;
    *from = strtol(text, &end, 10);
    size_t first = (size_t)(end - text);
    if (first + 3 > n || end[0] != '.' || end[1] != '.' || !isdigit((unsigned char)end[2])) return false;
    *to = strtol(end + 2, &end, 10);
    *width = text[0] == '0' ? (int)first : 1;
    return errno == 0 && (size_t)(end - text) == n && first < 12 && *to - *from < MAX_SHARDS &&
           *from - *to < MAX_SHARDS;
}

/* How far a pattern is taken apart. */
typedef struct {
    TextSet *paths;
    int made, depth; /* paths so far, also those twice there; braces taken off the pattern at hand */
} Expansion;

static bool expand(const char *pattern, Expansion *e, VtError *error);

static bool expand_with(const char *pattern, const char *open, const char *close, const char *word, size_t n,
                        Expansion *e, VtError *error) {
    char path[MAX_PATH];
    int made =
        snprintf(path, sizeof path, "%.*s%.*s%s", (int)(open - pattern), pattern, (int)n, word, close + 1);
    if (made < 0 || (size_t)made >= sizeof path) return vt_fail(error, 2, "'%s': too long", pattern);
    e->depth++;
    bool good = expand(path, e, error);
    e->depth--;
    return good;
}

/* Where a word within braces ends: at the comma or brace that is not within inner braces; NULL: nowhere. */
static const char *word_end(const char *word) {
    int depth = 0;
    for (; *word; word++) {
        if (depth == 0 && (*word == ',' || *word == '}')) return word;
        depth += (*word == '{') - (*word == '}');
    }
    return NULL;
}

static const char *closing_brace(const char *open) {
    const char *end = word_end(open + 1);
    while (end && *end == ',') end = word_end(end + 1);
    return end;
}

/* The first braces, then those within and behind them. */
static bool expand(const char *pattern, Expansion *e, VtError *error) {
    const char *open = strchr(pattern, '{'), *close = open ? closing_brace(open) : NULL;
    long from, to;
    int width;
    if (e->depth > MAX_BRACES) return vt_fail(error, 2, "more than %d braces in a path", MAX_BRACES);
    if (!close && ++e->made > MAX_SHARDS) return vt_fail(error, 2, "more than %d shards", MAX_SHARDS);
    if (!close) return add_path(e->paths, pattern, error);
    if (range_of(open + 1, (size_t)(close - open - 1), &from, &to, &width)) {
        for (long i = from;; i += from <= to ? 1 : -1) {
            char number[32];
            int n = snprintf(number, sizeof number, "%0*ld", width, i);
            if (!expand_with(pattern, open, close, number, (size_t)n, e, error)) return false;
            if (i == to) return true;
        }
    }
    for (const char *word = open + 1; word <= close;) {
        size_t n = (size_t)(word_end(word) - word);
        if (!expand_with(pattern, open, close, word, n, e, error)) return false;
        word += n + 1;
    }
    return true;
}

static bool expand_glob(const char *pattern, TextSet *paths, VtError *error) {
    glob_t found;
    int result = glob(pattern, 0, NULL, &found);
    if (result == GLOB_NOMATCH) return vt_fail(error, 2, "no data at '%s': nothing matches", pattern);
    if (result != 0) return vt_fail(error, 1, "cannot look for '%s'", pattern);
    bool good = true;
    for (size_t i = 0; good && i < found.gl_pathc; i++) good = add_path(paths, found.gl_pathv[i], error);
    globfree(&found);
    return good;
}

typedef struct {
    TextSet *paths;
    bool images;
} Found;

static WalkStep look_at(void *user, const WalkEntry *entry, VtError *error) {
    Found *found = user;
    bool hidden = entry->name[0] == '.';
    if (entry->kind == WALK_FOLDER) return hidden || entry->depth + 1 >= MAX_DEPTH ? WALK_PAST : WALK_ON;
    found->images = !hidden && dataset_name_kind(entry->name) == NAME_IMAGE;
    if (found->images) return WALK_STOP;
    return hidden || !ends_like_archive(entry->name) || add_path(found->paths, entry->path, error)
               ? WALK_ON
               : WALK_STOP;
}

/* A folder of shards: at most three deep, and no image lies beside them. 1: it is one, 0: it is not. */
static int list_folder(const char *path, TextSet *paths, VtError *error) {
    Found found = {.paths = paths};
    bool whole = walk_folder(path, look_at, &found, error);
    return found.images ? 0 : !whole ? -1 : paths->count > 0;
}

/* ---- the set ----------------------------------------------------------------------------------------------------- */

/* The folder that stands for the split which the shard's name, or that of the folder it lies in, says; "" for none. */
static const char *split_folder(const char *path, size_t root) {
    static const char *const folders[] = {
        [SPLIT_TRAIN] = "train/", [SPLIT_VAL] = "val/", [SPLIT_TEST] = "test/"};
    char part[256], rest[64];
    bool sure;
    for (const char *at = path + root; at;) {
        while (*at == '/') at++;
        const char *slash = strchr(at, '/');
        size_t n = slash ? (size_t)(slash - at) : strcspn(at, ".");
        snprintf(part, sizeof part, "%.*s", (int)(n < sizeof part ? n : sizeof part - 1), at);
        Split split = dataset_split_word(part, &sure, rest);
        if (split == SPLIT_TRAIN || split == SPLIT_VAL || split == SPLIT_TEST) return folders[split];
        at = slash;
    }
    return "";
}

static bool add_shard(VtDataset *d, const char *path, size_t root, VtError *error) {
    struct stat status;
    VtArchive *archive;
    char shard[MAX_PATH];
    const char *below = path + root;
    while (*below == '/') below++;
    if (snprintf(shard, sizeof shard, "%s/", below) >= (int)sizeof shard)
        return vt_fail(error, 2, "'%s': too long", path);
    if (stat(path, &status) != 0)
        return vt_fail(error, 2, "cannot read shard '%s': %s", path, strerror(errno));
    if (!S_ISREG(status.st_mode)) return vt_fail(error, 2, "shard '%s' is no file", path);
    int result = vt_archive_open(&archive, path, error);
    if (result == 0) return vt_fail(error, 2, "shard '%s' is no tar or zip file", path);
    if (result < 0) return false;
    if (!d->format) d->format = archive->kind->name;
    return archive_add_tree(d, archive, shard, split_folder(path, root), error);
}

bool dataset_is_pattern(const char *path) {
    struct stat status;
    const char *open = strchr(path, '{');
    return stat(path, &status) != 0 && ((open && strchr(open, '}')) || strpbrk(path, "*?["));
}

int dataset_open_shards(VtDataset *d, const char *path, const char *split, VtError *error) {
    TextSet paths = {0};
    struct stat status;
    int result = 0;
    size_t root = 0;
    if (dataset_is_pattern(path))
        result = (strchr(path, '{') ? expand(path, &(Expansion){&paths, 0, 0}, error)
                                    : expand_glob(path, &paths, error))
                     ? 1
                     : -1;
    else if (stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
        result = list_folder(path, &paths, error);
        root = strlen(path);
    }
    if (result == 1 && root == 0) { /* what all paths begin with is not worth telling */
        const char *first = paths.text[0], *slash = strrchr(first, '/');
        root = slash ? (size_t)(slash - first) + 1 : 0;
        for (int i = 1; i < paths.count; i++)
            while (root > 0 && strncmp(paths.text[i], first, root) != 0) do
                    root--;
                while (root > 0 && first[root - 1] != '/');
    }
    if (result == 1 && paths.count == 1) { /* no shard, but all of it */
        char *only = strdup(paths.text[0]);
        text_set_free(&paths);
        result =
            only ? dataset_open_archive(d, only, split, error) : (vt_fail(error, 1, "out of memory"), -1);
        if (result == 0) result = (vt_fail(error, 2, "'%s' is no tar or zip file", only), -1);
        free(only);
        return result;
    }
    for (int i = 0; result == 1 && i < paths.count; i++)
        if (!add_shard(d, paths.text[i], root, error)) result = -1;
    if (result == 1 && !dataset_finish_tree(d, error)) result = -1;
    text_set_free(&paths);
    return result;
}
