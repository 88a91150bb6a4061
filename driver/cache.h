/* The object cache: compiled programs by key, one file each, in a folder that any number of processes share.
 *
 * A file is written beside its place and renamed into it, so that a reader sees all of it or nothing; it bears its key,
 * its sizes and a SHA-256 of everything, and is used only if they fit and nobody else can have written it. What does
 * not fit is as good as missing. Nothing here is ever an error: without a cache programs are compiled. */
#ifndef VITC_DRIVER_CACHE_H
#define VITC_DRIVER_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CACHE_KEY = 32, CACHE_BLOBS = 3 };

/* The key: a SHA-256 of texts, each with its length, and of the builds of vitc and of LLVM that run. */
typedef struct CacheKey CacheKey;
CacheKey *cache_key_new(void); /* NULL: the build cannot be told, or no memory */
void cache_key_add(CacheKey *key, const void *bytes, size_t size);
void cache_key_end(CacheKey *key, uint8_t out[CACHE_KEY]); /* frees it */

/* $VITC_CACHE, $XDG_CACHE_HOME/vitc or ~/.cache/vitc. False: there is none, or it is off ("off", or empty). */
bool cache_folder(char *out, size_t size);
/* $VITC_CACHE_LIMIT, bytes; 1 GiB unless it is set. False: it is no such number (*bytes: 1 GiB). */
bool cache_limit(int64_t *bytes);

/* How many entries there are, and their bytes; 0 and 0: none, or no folder. */
void cache_size(const char *folder, size_t *entries, int64_t *bytes);

typedef struct {
    const void *bytes; /* aligned to 16 */
    size_t size;
} CacheBlob;
/* An entry's blobs in one block of memory, which the caller frees; NULL: there is no good one. */
void *cache_read(const char *folder, const uint8_t key[CACHE_KEY], CacheBlob blobs[CACHE_BLOBS]);
/* Keeps an entry, and drops those used longest ago while all take more than the limit. */
void cache_write(const char *folder, const uint8_t key[CACHE_KEY], const CacheBlob blobs[CACHE_BLOBS]);

#endif
