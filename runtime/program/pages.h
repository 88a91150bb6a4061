/* Large memory straight from the kernel; used inside runtime/ only. A page belongs to the memory node of the thread
 * that touches it first, and costs nothing until then: so nothing here writes to it. */
#ifndef VITC_RUNTIME_PROGRAM_PAGES_H
#define VITC_RUNTIME_PROGRAM_PAGES_H

#include <stdbool.h>
#include <stddef.h>

enum { VT_HUGE_PAGE = 2 << 20 };

typedef struct {
    char *memory; /* at a multiple of VT_HUGE_PAGE; NULL: none */
    size_t bytes;
} VtPages;

/* Zeroed. Huge pages are asked for where whole ones fit, so the last part takes no more than it needs. False: out of
 * memory. */
bool vt_pages_get(VtPages *pages, size_t bytes);
void vt_pages_free(VtPages *pages);

/* The distance between equal blocks, one a thread, of which no two touch the same page; their starts fall on other
 * cache sets. */
size_t vt_pages_stride(size_t bytes);

#endif
