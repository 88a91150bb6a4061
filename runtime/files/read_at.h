/* Bytes of an open file, from a place in it. */
#ifndef VITC_RUNTIME_FILES_READ_AT_H
#define VITC_RUNTIME_FILES_READ_AT_H

#include <stdint.h>

/* How many of `size` bytes from `offset` on were read. If fewer, errno says why; 0: the file ends there. */
int64_t read_at(int descriptor, void *out, int64_t size, int64_t offset);

#endif
