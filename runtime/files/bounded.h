/* Folders of files that could be made again: each is named by a key, in hexadecimal digits, and an ending. Together
 * they take so many bytes at most: those that were used longest ago go. What other programs keep there stays. */
#ifndef VITC_RUNTIME_FILES_BOUNDED_H
#define VITC_RUNTIME_FILES_BOUNDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VT_BOUNDED_KEY = 32 };

/* The user's folder for such: $VITC_CACHE, $XDG_CACHE_HOME/vitc or ~/.cache/vitc. False: there is none, or it is off
 * ("off", or empty). */
bool vt_bounded_place(char *out, size_t size);
/* $VITC_CACHE_LIMIT, bytes; `usual` unless it is set. False: it is no such number (*bytes: usual). */
bool vt_bounded_limit(int64_t usual, int64_t *bytes);

void vt_bounded_path(const char *folder, const uint8_t key[VT_BOUNDED_KEY], const char *ending, char *out,
                     size_t size);
/* How many files there are, and their bytes; 0 and 0: none, or no folder. */
void vt_bounded_size(const char *folder, const char *ending, size_t *files, int64_t *bytes);
/* Drops those used longest ago while all take more than `most`. */
void vt_bounded_trim(const char *folder, const char *ending, int64_t most);

#endif
