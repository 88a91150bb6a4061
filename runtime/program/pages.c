/* Large memory: see pages.h. */
#include "runtime/program/pages.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

enum { STAGGER = 256 };

static size_t round_up(size_t bytes, size_t unit) {
    return (bytes + unit - 1) / unit * unit;
}

/* 4 KiB on x86; on ARM the kernel says, up to 64 KiB. */
static size_t page_size(void) {
    return (size_t)sysconf(_SC_PAGESIZE);
}

bool vt_pages_get(VtPages *pages, size_t bytes) {
    *pages = (VtPages){0};
    if (bytes > SIZE_MAX / 2) return false;
    bytes = round_up(bytes ? bytes : 1, page_size());
    char *all = mmap(NULL, bytes + VT_HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) return false;
    size_t before = round_up((uintptr_t)all, VT_HUGE_PAGE) - (uintptr_t)all;
    if (before) munmap(all, before);
    if (before < VT_HUGE_PAGE) munmap(all + before + bytes, VT_HUGE_PAGE - before);
    *pages = (VtPages){all + before, bytes};
    if (bytes >= VT_HUGE_PAGE) madvise(pages->memory, bytes, MADV_HUGEPAGE);
    return true;
}

void vt_pages_free(VtPages *pages) {
    if (pages->memory) munmap(pages->memory, pages->bytes);
    *pages = (VtPages){0};
}

size_t vt_pages_stride(size_t bytes) {
    size_t page = bytes >= VT_HUGE_PAGE ? VT_HUGE_PAGE : page_size();
    return round_up(bytes, page) + page + STAGGER;
}
