/* The object cache: see cache.h. */
#include "driver/cache.h"
#include "runtime/files/bounded.h"
#include "runtime/files/read_at.h"
#include "runtime/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ALIGN = 64, FORMAT = 2 };
#define SUFFIX ".vitc"
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

bool cache_folder(char *out, size_t size) {
    return vt_bounded_place(out, size);
}

bool cache_limit(int64_t *bytes) {
    return vt_bounded_limit(USUAL_LIMIT, bytes);
}

void cache_size(const char *folder, size_t *entries, int64_t *bytes) {
    vt_bounded_size(folder, SUFFIX, entries, bytes);
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
    vt_bounded_path(folder, key, SUFFIX, path, sizeof path);
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
    vt_bounded_path(folder, key, SUFFIX, path, sizeof path);
    if ((int64_t)size <= most) vt_replace_with(path, 0600, entry, size, NULL);
    free(entry);
    vt_bounded_trim(folder, SUFFIX, most);
}
