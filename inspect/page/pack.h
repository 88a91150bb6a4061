/* Bytes as text that stands in an HTML page: deflated (RFC 1951, no header), then in base64 (RFC 4648). */
#ifndef VITC_INSPECT_PAGE_PACK_H
#define VITC_INSPECT_PAGE_PACK_H

#include <stddef.h>

/* malloc'ed, with a NUL behind its *n characters. Memory that runs out ends the process with a message. */
char *pack_text(const void *bytes, size_t size, size_t *n);

#endif
