/* What reading and writing safetensors files share: how vitc's files hold their own checksums. Used inside runtime/
 * only.
 *
 * The metadata, which other programs read over, has under "xxh3 NAME" the XXH3 (64 bits, as 16 hexadecimal digits) of
 * each tensor's bytes, and under "xxh3" that of the header itself (all of its bytes, padding included, with these 16
 * digits as zeros): so no bit of the file changes unseen. Files that have no such key are read without. */
#ifndef VITC_RUNTIME_FILES_SAFETENSORS_SUM_H
#define VITC_RUNTIME_FILES_SAFETENSORS_SUM_H

#include <jansson.h>
#include <stdint.h>
#include <xxhash.h>

#define SUM_KEY "xxh3"
#define SUM_PREFIX SUM_KEY " "
#define SUM_DIGITS 16
#define SUM_ADVICE " (a program that changes tensors must drop the keys \"" SUM_KEY " …\" of the metadata)"

void vt_sum_text(uint64_t sum, char out[SUM_DIGITS + 1]);

#endif
