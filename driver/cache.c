/* The object cache: see cache.h. */
#include "driver/cache.h"
#include "runtime/files/read_at.h"
#include "runtime/runtime.h"

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

enum { ALIGN = 64, FORMAT = 2, STALE_SECONDS = 3600, RANDOM_DIGITS = 12 };
#define SUFFIX ".vitc"
#define TEMPORARY                                                                                            \
    ".tmp-" /* after an entry's name, with random digits after it: what vt_replace_begin writes to */
#define USUAL_LIMIT (INT64_C(1) << 30)

typedef struct {
    char magic[8];
    uint32_t format, n_blobs;
    uint8_t key[CACHE_KEY];
    uint64_t sizes[CACHE_BLOBS];     /* each blob begins at a multiple of ALIGN */
    uint8_t sum[SHA256_DIGEST_SIZE]; /* of the header, this field zero, and all after it */
} Header;

static const char MAGIC[8] = "VITCPRG";

/* ---- the key ----------------------------------------------------------------------------------------------------- */

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

/* ---- places ------------------------------------------------------------------------------------------------------ */

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

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* A regular file of ours that nobody else may write: it holds code. None is longer than what the cache may keep. */
static bool is_trusted(const struct stat *status) {
    int64_t most = USUAL_LIMIT;
    if (!cache_limit(&most) || most < USUAL_LIMIT) most = USUAL_LIMIT;
    return S_ISREG(status->st_mode) && status->st_uid == geteuid() &&
           (status->st_mode & (S_IWGRP | S_IWOTH)) == 0 && status->st_size >= (off_t)sizeof(Header) &&
           status->st_size <= most;
}

/* What the header says, before anything of that size is read. */
static bool is_header(const Header *header, size_t size, const uint8_t key[CACHE_KEY]) {
    size_t at = aligned(sizeof *header);
    if (memcmp(header->magic, MAGIC, sizeof MAGIC) != 0 || header->format != FORMAT ||
        header->n_blobs != CACHE_BLOBS || memcmp(header->key, key, CACHE_KEY) != 0)
        return false;
    for (int i = 0; i < CACHE_BLOBS; i++) {
        if (at > size || header->sizes[i] > size - at) return false;
        at = aligned(at + (size_t)header->sizes[i]);
    }
    return at == size;
}

static bool is_entry(const char *file, size_t size, const uint8_t key[CACHE_KEY],
                     CacheBlob blobs[CACHE_BLOBS]) {
    const Header *header = (const Header *)file;
    uint8_t sum[SHA256_DIGEST_SIZE];
    size_t at = aligned(sizeof *header);
    if (!is_header(header, size, key)) return false;
    for (int i = 0; i < CACHE_BLOBS; i++) {
        blobs[i] = (CacheBlob){file + at, (size_t)header->sizes[i]};
        at = aligned(at + (size_t)header->sizes[i]);
    }
    sum_of(header, file + sizeof *header, size - sizeof *header, sum);
    return memcmp(sum, header->sum, sizeof sum) == 0;
}

void *cache_read(const char *folder, const uint8_t key[CACHE_KEY], CacheBlob blobs[CACHE_BLOBS]) {
    char path[4096 + 128];
    struct stat status;
    Header header;
    void *memory = NULL;
    entry_path(folder, key, path, sizeof path);
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0) return NULL;
    bool good = fstat(file, &status) == 0 && is_trusted(&status);
    size_t size = good ? (size_t)status.st_size : 0;
    good = good && read_at(file, &header, sizeof header, 0) == sizeof header &&
           is_header(&header, size, key) && posix_memalign(&memory, ALIGN, size) == 0;
    if (good) memcpy(memory, &header, sizeof header);
    int64_t rest = (int64_t)(size - sizeof header);
    good = good && read_at(file, (char *)memory + sizeof header, rest, sizeof header) == rest &&
           is_entry(memory, size, key, blobs);
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

bool cache_limit(int64_t *bytes) {
    const char *set = getenv("VITC_CACHE_LIMIT");
    *bytes = USUAL_LIMIT;
    if (!set || !*set) return true;
    if (set[strspn(set, "0123456789")]) return false;
    errno = 0;
    long long number = strtoll(set, NULL, 10);
    if (errno == 0) *bytes = number;
    return errno == 0;
}

/* "HEX.vitc", or, when `temporary`, "HEX.vitc.tmp-DIGITS", of a regular file of ours: what other programs keep here
 * stays. */
static bool is_ours(const char *name, const struct stat *status, bool *temporary) {
    size_t n = strspn(name, "0123456789abcdef");
    if (n != 2 * CACHE_KEY || strncmp(name + n, SUFFIX, strlen(SUFFIX)) != 0) return false;
    const char *rest = name + n + strlen(SUFFIX), *digits = rest + strlen(TEMPORARY);
    *temporary = *rest != '\0';
    if (*temporary && (strncmp(rest, TEMPORARY, strlen(TEMPORARY)) != 0 || strlen(digits) != RANDOM_DIGITS ||
                       digits[strspn(digits, "0123456789abcdefghijklmnopqrstuv")]))
        return false;
    return S_ISREG(status->st_mode) && status->st_uid == geteuid();
}

/* The entries of a folder; malloc'ed. What a process that died left behind goes on the way. */
static Found *list_entries(int folder, DIR *dir, size_t *n) {
    Found *list = NULL;
    size_t capacity = 0;
    time_t now = time(NULL);
    *n = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        struct stat status;
        bool temporary;
        if (fstatat(folder, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
            !is_ours(entry->d_name, &status, &temporary))
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

void cache_size(const char *folder, size_t *entries, int64_t *bytes) {
    DIR *dir = opendir(folder);
    *entries = 0;
    *bytes = 0;
    if (!dir) return;
    Found *list = list_entries(dirfd(dir), dir, entries);
    for (size_t i = 0; i < *entries; i++) *bytes += list[i].size;
    free(list);
    closedir(dir);
}

/* Another process may drop the same ones: a file that is gone is what was wanted. */
static void drop_old(const char *folder) {
    DIR *dir = opendir(folder);
    if (!dir) return;
    size_t n;
    int64_t all = 0, most;
    if (!cache_limit(&most)) most = USUAL_LIMIT;
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

/* ---- writing ----------------------------------------------------------------------------------------------------- */

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
    char path[4096 + 128];
    size_t size;
    int64_t most;
    if (!cache_limit(&most) || !vt_make_folders(folder, 0700, NULL)) return;
    char *entry = make_entry(key, blobs, &size);
    if (!entry) return;
    entry_path(folder, key, path, sizeof path);
    if ((int64_t)size <= most) vt_replace_with(path, 0600, entry, size, NULL);
    free(entry);
    drop_old(folder);
}
