/* Giving back memory that LLVM holds: see llvm_memory.h. */
#include "codegen/program/llvm_memory.h"

#include <elf.h>
#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Whether the loader wrote into the library's code: those pages are not those of the file. */
static int has_text_relocations(const struct dl_phdr_info *info) {
    for (int i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type != PT_DYNAMIC) continue;
        const ElfW(Dyn) *entry = (const void *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
        for (; entry->d_tag != DT_NULL; entry++)
            if (entry->d_tag == DT_TEXTREL || (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL)))
                return 1;
    }
    return 0;
}

static int trim_library(struct dl_phdr_info *info, size_t size, void *user) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    (void)size, (void)user;
    if (!strstr(info->dlpi_name, "libLLVM") || has_text_relocations(info)) return 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type != PT_LOAD || (header->p_flags & PF_W)) continue;
        uintptr_t begin = (info->dlpi_addr + header->p_vaddr) / page * page,
                  end = info->dlpi_addr + header->p_vaddr + header->p_filesz;
        madvise((void *)begin, end - begin, MADV_DONTNEED);
    }
    return 0;
}

void llvm_memory_give_back(void) {
    dl_iterate_phdr(trim_library, NULL);
    malloc_trim(0);
}
