/* Folders of files that are bounded in bytes: see bounded.h. */
#include "runtime/files/bounded.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { STALE_SECONDS = 3600, RANDOM_DIGITS = 12, MOST_ENDING = 32 };
#define TEMPORARY ".tmp-" /* after a name, with random digits after it: what vt_replace_begin writes to */

/* ---- places ------------------------------------------------------------------------------------------------------ */

bool vt_bounded_place(char *out, size_t size) {
    const char *set = getenv("VITC_CACHE"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int n = -1;
    if (set)
        n = strcmp(set, "off") == 0 || !*set ? -1 : snprintf(out, size, "%s", set);
    else if (xdg && xdg[0] == '/')
        n = snprintf(out, size, "%s/vitc", xdg);
    else if (home && home[0] == '/')
        n = snprintf(out, size, "%s/.cache/vitc", home);
    return n > 0 && (size_t)n < size;
}

void vt_bounded_path(const char *folder, const uint8_t key[VT_BOUNDED_KEY], const char *ending, char *out,
                     size_t size) {
    int n = snprintf(out, size, "%s/", folder);
    for (int i = 0; i < VT_BOUNDED_KEY; i++) n += snprintf(out + n, size - (size_t)n, "%02x", key[i]);
    snprintf(out + n, size - (size_t)n, "%s", ending);
}

/* ---- dropping what was used longest ago -------------------------------------------------------------------------- */

typedef struct {
    char name[2 * VT_BOUNDED_KEY + MOST_ENDING];
    int64_t size;
    struct timespec used;
} Found;

static int by_use(const void *a, const void *b) {
    const struct timespec *x = &((const Found *)a)->used, *y = &((const Found *)b)->used;
    if (x->tv_sec != y->tv_sec) return x->tv_sec < y->tv_sec ? -1 : 1;
    return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

bool vt_bounded_limit(int64_t usual, int64_t *bytes) {
    const char *set = getenv("VITC_CACHE_LIMIT");
    *bytes = usual;
    if (!set || !*set) return true;
    if (set[strspn(set, "0123456789")]) return false;
    errno = 0;
    long long number = strtoll(set, NULL, 10);
    if (errno == 0) *bytes = number;
    return errno == 0;
}

/* "HEX.vitc", or, when `temporary`, "HEX.vitc.tmp-DIGITS", of a regular file of ours. */
static bool is_ours(const char *name, const char *ending, const struct stat *status, bool *temporary) {
    size_t n = strspn(name, "0123456789abcdef");
    if (n != 2 * VT_BOUNDED_KEY || strncmp(name + n, ending, strlen(ending)) != 0) return false;
    const char *rest = name + n + strlen(ending), *digits = rest + strlen(TEMPORARY);
    *temporary = *rest != '\0';
    if (*temporary && (strncmp(rest, TEMPORARY, strlen(TEMPORARY)) != 0 || strlen(digits) != RANDOM_DIGITS ||
                       digits[strspn(digits, "0123456789abcdefghijklmnopqrstuv")]))
        return false;
    return S_ISREG(status->st_mode) && status->st_uid == geteuid();
}

/* The files of a folder; malloc'ed. What a process that died left behind goes on the way. */
static Found *list_files(int folder, DIR *dir, const char *ending, size_t *n) {
    Found *list = NULL;
    size_t capacity = 0;
    time_t now = time(NULL);
    *n = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        struct stat status;
        bool temporary;
        if (fstatat(folder, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
            !is_ours(entry->d_name, ending, &status, &temporary))
            continue;
        if (temporary) {
            if (status.st_mtime + STALE_SECONDS < now) unlinkat(folder, entry->d_name, 0);
            continue;
        }
        if (*n == capacity) {
            Found *more = realloc(list, (capacity = 2 * capacity + 64) * sizeof *list);
            if (!more) break;
            list = more;
        }
        Found *found = &list[(*n)++];
        memcpy(found->name, entry->d_name, strlen(entry->d_name) + 1); /* the key, and the ending */
        found->size = status.st_size;
        found->used = status.st_mtim;
    }
    return list;
}

void vt_bounded_size(const char *folder, const char *ending, size_t *files, int64_t *bytes) {
    DIR *dir = opendir(folder);
    *files = 0;
    *bytes = 0;
    if (!dir) return;
    Found *list = list_files(dirfd(dir), dir, ending, files);
    for (size_t i = 0; i < *files; i++) *bytes += list[i].size;
    free(list);
    closedir(dir);
}

/* Another process may drop the same ones: a file that is gone is what was wanted. */
void vt_bounded_trim(const char *folder, const char *ending, int64_t most) {
    DIR *dir = opendir(folder);
    if (!dir) return;
    size_t n;
    int64_t all = 0;
    Found *list = list_files(dirfd(dir), dir, ending, &n);
    for (size_t i = 0; i < n; i++) all += list[i].size;
    if (all > most) qsort(list, n, sizeof *list, by_use);
    for (size_t i = 0; i < n && all > most; i++) {
        unlinkat(dirfd(dir), list[i].name, 0);
        all -= list[i].size;
    }
    free(list);
    closedir(dir);
}
