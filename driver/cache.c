/* The object cache: see cache.h. */
#include "driver/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ALIGN = 64, FORMAT = 1, STALE_SECONDS = 3600 };
#define SUFFIX ".vitc"
#define TEMPORARY ".tmp-"
#define USUAL_LIMIT (INT64_C(1) << 30)
#define MOST_BLOB (UINT64_C(1) << 40)

typedef struct {
    char magic[8];
    uint32_t format, n_blobs;
    uint8_t key[CACHE_KEY];
    uint64_t sizes[CACHE_BLOBS];     /* each blob begins at a multiple of ALIGN */
    uint8_t sum[SHA256_DIGEST_SIZE]; /* of the header, this field zero, and all after it */
} Header;

static const char MAGIC[8] = "VITCPRG";

/* ---- the key ------------------------------------------------------------------------------------------------------ */

struct CacheKey {
    struct sha256_ctx sha;
};

void cache_key_add(CacheKey *key, const void *bytes, size_t size) {
    uint64_t n = size;
    sha256_update(&key->sha, sizeof n, (const uint8_t *)&n);
    sha256_update(&key->sha, size, bytes);
}

typedef struct {
    CacheKey *key;
    int found;
} BuildIds;

/* Adds the build id of vitc itself (the first, without a name) and of libLLVM. */
static int add_build_id(struct dl_phdr_info *info, size_t size, void *user) {
    BuildIds *ids = user;
    (void)size;
    if (info->dlpi_name[0] && !strstr(info->dlpi_name, "libLLVM")) return 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type != PT_NOTE) continue;
        const char *at = (const char *)(info->dlpi_addr + header->p_vaddr), *end = at + header->p_memsz;
        while ((size_t)(end - at) > sizeof(ElfW(Nhdr))) {
            const ElfW(Nhdr) *note = (const void *)at;
            const char *name = at + sizeof *note, *id = name + (note->n_namesz + 3) / 4 * 4;
            if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && memcmp(name, "GNU", 4) == 0) {
                cache_key_add(ids->key, id, note->n_descsz);
                if (!info->dlpi_name[0]) ids->found++;
            }
            at = id + (note->n_descsz + 3) / 4 * 4;
        }
    }
    return 0;
}

CacheKey *cache_key_new(void) {
    CacheKey *key = malloc(sizeof *key);
    if (!key) return NULL;
    sha256_init(&key->sha);
    BuildIds ids = {.key = key};
    dl_iterate_phdr(add_build_id, &ids);
    if (ids.found) return key;
    free(key);
    return NULL;
}

void cache_key_end(CacheKey *key, uint8_t out[CACHE_KEY]) {
    sha256_digest(&key->sha, CACHE_KEY, out);
    free(key);
}

/* ---- places ------------------------------------------------------------------------------------------------------- */

bool cache_folder(char *out, size_t size) {
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

static void entry_path(const char *folder, const uint8_t key[CACHE_KEY], char *out, size_t size) {
    int n = snprintf(out, size, "%s/", folder);
    for (int i = 0; i < CACHE_KEY; i++) n += snprintf(out + n, size - (size_t)n, "%02x", key[i]);
    snprintf(out + n, size - (size_t)n, SUFFIX);
}

static size_t aligned(size_t n) {
    return (n + ALIGN - 1) / ALIGN * ALIGN;
}

static void sum_of(const Header *header, const char *rest, size_t size, uint8_t out[SHA256_DIGEST_SIZE]) {
    struct sha256_ctx sha;
    Header blank = *header;
    memset(blank.sum, 0, sizeof blank.sum);
    sha256_init(&sha);
    sha256_update(&sha, sizeof blank, (const uint8_t *)&blank);
    sha256_update(&sha, size, (const uint8_t *)rest);
    sha256_digest(&sha, SHA256_DIGEST_SIZE, out);
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

/* A regular file of ours that nobody else may write: it holds code. */
static bool is_trusted(int file, size_t *size) {
    struct stat status;
    if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode) || status.st_uid != geteuid() ||
        (status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return false;
    *size = (size_t)status.st_size;
    return *size >= sizeof(Header) && (uint64_t)*size < MOST_BLOB;
}

static bool read_all(int file, char *out, size_t size) {
    for (size_t at = 0; at < size;) {
        ssize_t n = read(file, out + at, size - at);
        if (n == 0 || (n < 0 && errno != EINTR)) return false;
        if (n > 0) at += (size_t)n;
    }
    return true;
}

static bool is_entry(const char *file, size_t size, const uint8_t key[CACHE_KEY],
                     CacheBlob blobs[CACHE_BLOBS]) {
    const Header *header = (const Header *)file;
    uint8_t sum[SHA256_DIGEST_SIZE];
    size_t at = aligned(sizeof *header);
    if (memcmp(header->magic, MAGIC, sizeof MAGIC) != 0 || header->format != FORMAT ||
        header->n_blobs != CACHE_BLOBS || memcmp(header->key, key, CACHE_KEY) != 0)
        return false;
    for (int i = 0; i < CACHE_BLOBS; i++) {
        if (at > size || header->sizes[i] > size - at) return false;
        blobs[i] = (CacheBlob){file + at, (size_t)header->sizes[i]};
        at = aligned(at + (size_t)header->sizes[i]);
    }
    if (at != size) return false;
    sum_of(header, file + sizeof *header, size - sizeof *header, sum);
    return memcmp(sum, header->sum, sizeof sum) == 0;
}

void *cache_read(const char *folder, const uint8_t key[CACHE_KEY], CacheBlob blobs[CACHE_BLOBS]) {
    char path[4096 + 128];
    size_t size;
    void *memory = NULL;
    entry_path(folder, key, path, sizeof path);
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0) return NULL;
    bool good = is_trusted(file, &size) && posix_memalign(&memory, ALIGN, size) == 0 &&
                read_all(file, memory, size) && is_entry(memory, size, key, blobs);
    if (good) futimens(file, NULL); /* used now: the last to be dropped */
    close(file);
    if (good) return memory;
    free(memory);
    return NULL;
}

/* ---- dropping what was used longest ago -------------------------------------------------------------------------- */

typedef struct {
    char name[2 * CACHE_KEY + sizeof SUFFIX];
    int64_t size;
    struct timespec used;
} Found;

static int by_use(const void *a, const void *b) {
    const struct timespec *x = &((const Found *)a)->used, *y = &((const Found *)b)->used;
    if (x->tv_sec != y->tv_sec) return x->tv_sec < y->tv_sec ? -1 : 1;
    return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

static int64_t limit(void) {
    const char *set = getenv("VITC_CACHE_LIMIT");
    char *end;
    long long bytes = set ? strtoll(set, &end, 10) : -1;
    return set && end != set && !*end && bytes >= 0 ? bytes : USUAL_LIMIT;
}

/* The entries of a folder; malloc'ed. What a process that died left behind goes on the way. */
static Found *list_entries(int folder, DIR *dir, size_t *n) {
    Found *list = NULL;
    size_t capacity = 0;
    time_t now = time(NULL);
    *n = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        const char *suffix = strrchr(entry->d_name, '.');
        struct stat status;
        bool temporary = strncmp(entry->d_name, TEMPORARY, strlen(TEMPORARY)) == 0;
        bool ours =
            suffix && strcmp(suffix, SUFFIX) == 0 && suffix - entry->d_name == 2 * CACHE_KEY; /* fits name */
        if ((!temporary && !ours) || fstatat(folder, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
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
        memcpy(found->name, entry->d_name, sizeof found->name);
        found->size = status.st_size;
        found->used = status.st_mtim;
    }
    return list;
}

/* Another process may drop the same ones: a file that is gone is what was wanted. */
static void drop_old(const char *folder) {
    DIR *dir = opendir(folder);
    if (!dir) return;
    size_t n;
    int64_t all = 0, most = limit();
    Found *list = list_entries(dirfd(dir), dir, &n);
    for (size_t i = 0; i < n; i++) all += list[i].size;
    if (all > most) qsort(list, n, sizeof *list, by_use);
    for (size_t i = 0; i < n && all > most; i++) {
        unlinkat(dirfd(dir), list[i].name, 0);
        all -= list[i].size;
    }
    free(list);
    closedir(dir);
}

/* ---- writing ------------------------------------------------------------------------------------------------------- */

/* The folder and those above it, for the user alone. */
static bool make_folder(const char *path) {
    char part[4096];
    if (strlen(path) >= sizeof part) return false;
    for (const char *slash = path; (slash = strchr(slash + 1, '/'));) {
        snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        mkdir(part, 0700);
    }
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

static bool write_all(int file, const void *bytes, size_t size) {
    for (size_t at = 0; at < size;) {
        ssize_t n = write(file, (const char *)bytes + at, size - at);
        if (n < 0 && errno != EINTR) return false;
        if (n > 0) at += (size_t)n;
    }
    return true;
}

/* All of an entry, malloc'ed. */
static char *make_entry(const uint8_t key[CACHE_KEY], const CacheBlob blobs[CACHE_BLOBS], size_t *size) {
    Header header = {.format = FORMAT, .n_blobs = CACHE_BLOBS};
    memcpy(header.magic, MAGIC, sizeof MAGIC);
    memcpy(header.key, key, CACHE_KEY);
    size_t at = aligned(sizeof header);
    *size = at;
    for (int i = 0; i < CACHE_BLOBS; i++) {
        header.sizes[i] = blobs[i].size;
        *size = aligned(*size + blobs[i].size);
    }
    char *file = calloc(1, *size);
    if (!file) return NULL;
    for (int i = 0; i < CACHE_BLOBS; i++) {
        memcpy(file + at, blobs[i].bytes, blobs[i].size);
        at = aligned(at + blobs[i].size);
    }
    sum_of(&header, file + sizeof header, *size - sizeof header, header.sum);
    memcpy(file, &header, sizeof header);
    return file;
}

void cache_write(const char *folder, const uint8_t key[CACHE_KEY], const CacheBlob blobs[CACHE_BLOBS]) {
    char path[4096 + 128], temporary[4096 + 128];
    size_t size;
    if (!make_folder(folder)) return;
    char *entry = make_entry(key, blobs, &size);
    if (!entry) return;
    entry_path(folder, key, path, sizeof path);
    snprintf(temporary, sizeof temporary, "%s/" TEMPORARY "XXXXXX", folder);
    int file = (int64_t)size <= limit() ? mkostemp(temporary, O_CLOEXEC) : -1; /* mode 0600 */
    if (file >= 0) {
        bool good = write_all(file, entry, size) && fsync(file) == 0;
        good = close(file) == 0 && good;
        if (!good || rename(temporary, path) != 0) unlink(temporary);
    }
    free(entry);
    drop_old(folder);
}
