/* Programs as files: see program_file.h. Nothing of the file is trusted. */
#include "runtime/files/program_file.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>
#define XXH_STATIC_LINKING_ONLY /* what a state is */
#include <xxhash.h>

#define MAX_PROGRAM ((int64_t)4 << 30)

typedef struct {
    const uint8_t *bytes;
    size_t size;
    Elf64_Ehdr header;
    size_t sum;        /* where the sum lies; 0: nowhere */
    size_t about, end; /* the text; 0: there is none */
} Elf;

/* The i-th program header; false: it is not in the file. */
static bool segment(const Elf *elf, int i, Elf64_Phdr *out) {
    size_t at = elf->header.e_phoff + (size_t)i * sizeof *out;
    if (elf->header.e_phoff > elf->size || at + sizeof *out > elf->size) return false;
    memcpy(out, elf->bytes + at, sizeof *out);
    return true;
}

/* The notes of one segment, as far as the file has them. */
static void read_notes(Elf *elf, const Elf64_Phdr *segment) {
    size_t at = segment->p_offset, end = elf->size, align = segment->p_align == 8 ? 8 : 4;
    if (segment->p_filesz < end && segment->p_offset < end - segment->p_filesz)
        end = segment->p_offset + segment->p_filesz;
    Elf64_Nhdr note;
    while (at < end && end - at >= sizeof note) {
        memcpy(&note, elf->bytes + at, sizeof note);
        size_t name = at + sizeof note, text = name + (((size_t)note.n_namesz + 3) & ~(size_t)3);
        size_t next = text + (((size_t)note.n_descsz + align - 1) & ~(align - 1));
        bool ours = text <= end && note.n_namesz == 5 && memcmp(elf->bytes + name, "vitc", 5) == 0;
        if (ours && text + note.n_descsz > end) elf->about = elf->about ? elf->about : text;
        if (text > end || text + note.n_descsz > end) return;
        if (ours && note.n_type == VT_NOTE_SUM && note.n_descsz == sizeof(uint64_t)) elf->sum = text;
        if (ours && note.n_type == VT_NOTE_ABOUT) {
            elf->about = text;
            elf->end = text + note.n_descsz;
        }
        at = next;
    }
}

/* False: it is no program of the kind that we build. */
static bool open_elf(Elf *elf, const uint8_t *bytes, size_t size) {
    *elf = (Elf){.bytes = bytes, .size = size};
    if (size < sizeof elf->header) return false;
    memcpy(&elf->header, bytes, sizeof elf->header);
    const unsigned char *ident = elf->header.e_ident;
    if (memcmp(ident, ELFMAG, SELFMAG) != 0 || ident[EI_CLASS] != ELFCLASS64 ||
        ident[EI_DATA] != ELFDATA2LSB || elf->header.e_phentsize != sizeof(Elf64_Phdr))
        return false;
    Elf64_Phdr s;
    for (int i = 0; i < elf->header.e_phnum && segment(elf, i, &s); i++)
        if (s.p_type == PT_NOTE && s.p_offset < size) read_notes(elf, &s);
    return elf->sum || elf->about;
}

static uint64_t end_of(uint64_t at, uint64_t size) {
    return size > UINT64_MAX - at ? UINT64_MAX : at + size;
}

/* How long the file has to be for all that is loaded, and the table of sections that its header tells of. */
static uint64_t whole_size(const Elf *elf) {
    const Elf64_Ehdr *h = &elf->header;
    uint64_t size = h->e_shoff ? end_of(h->e_shoff, (uint64_t)h->e_shnum * h->e_shentsize) : 0;
    Elf64_Phdr s;
    for (int i = 0; i < h->e_phnum && segment(elf, i, &s); i++) {
        uint64_t end = end_of(s.p_offset, s.p_filesz);
        if (s.p_type == PT_LOAD && end > size) size = end;
    }
    return size;
}

/* All segments have to be in the file. */
static uint64_t sum_of(const Elf *elf) {
    static const uint8_t zeros[sizeof(uint64_t)];
    XXH3_state_t room,
        *state = &room; /* no memory is asked for: without it a whole file would seem damaged */
    Elf64_Phdr s;
    XXH3_INITSTATE(state);
    XXH3_64bits_reset(state);
    for (int i = 0; i < elf->header.e_phnum && segment(elf, i, &s); i++) {
        if (s.p_type != PT_LOAD) continue;
        size_t at = s.p_offset, end = at + s.p_filesz;
        if (at < sizeof elf->header) at = end < sizeof elf->header ? end : sizeof elf->header;
        if (elf->sum >= at && elf->sum + sizeof zeros <= end) {
            XXH3_64bits_update(state, elf->bytes + at, elf->sum - at);
            XXH3_64bits_update(state, zeros, sizeof zeros);
            at = elf->sum + sizeof zeros;
        }
        XXH3_64bits_update(state, elf->bytes + at, end - at);
    }
    return XXH3_64bits_digest(state);
}

bool vt_program_file_seal(void *bytes, size_t size) {
    Elf elf;
    if (!open_elf(&elf, bytes, size) || !elf.sum || whole_size(&elf) > size) return false;
    uint64_t sum = sum_of(&elf);
    memcpy((uint8_t *)bytes + elf.sum, &sum, sizeof sum);
    return true;
}

static void judge(const Elf *elf, VtProgramFile *out) {
    uint64_t whole = whole_size(elf), sum;
    if (whole > elf->size) {
        snprintf(out->damage, sizeof out->damage, "it ends after %zu of %llu bytes", elf->size,
                 (unsigned long long)whole);
        return;
    }
    if (elf->sum) memcpy(&sum, elf->bytes + elf->sum, sizeof sum);
    if (!elf->sum || sum != sum_of(elf))
        snprintf(out->damage, sizeof out->damage, "its bytes are not those that vitc build wrote");
}

/* All of a file in memory, NULL with errno. */
static uint8_t *read_file(const char *path, size_t *size) {
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    uint8_t *bytes = NULL;
    *size = 0;
    if (file < 0) return NULL;
    bool good = fstat(file, &status) == 0;
    if (good && (!S_ISREG(status.st_mode) || status.st_size > MAX_PROGRAM)) {
        good = false;
        errno = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
    }
    if (good) bytes = malloc((size_t)status.st_size + 1);
    while (bytes && *size < (size_t)status.st_size) {
        ssize_t n = read(file, bytes + *size, (size_t)status.st_size - *size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            free(bytes);
            bytes = NULL;
        }
        if (n <= 0) break;
        *size += (size_t)n;
    }
    int why = errno;
    close(file);
    errno = why;
    return bytes;
}

bool vt_program_file_read(const char *path, VtProgramFile *out, VtError *error) {
    Elf elf;
    size_t size;
    *out = (VtProgramFile){0};
    uint8_t *bytes = read_file(path, &size);
    if (!bytes) return vt_fail(error, errno == ENOMEM ? 1 : 2, "cannot read '%s': %s", path, strerror(errno));
    out->ours = open_elf(&elf, bytes, size);
    if (out->ours) judge(&elf, out);
    if (elf.about && elf.end) out->about = strndup((const char *)bytes + elf.about, elf.end - elf.about);
    free(bytes);
    return true;
}

void vt_program_file_free(VtProgramFile *file) {
    free(file->about);
    *file = (VtProgramFile){0};
}

const char *vt_program_file_self(void) {
    static const char link[] = "/proc/self/exe";
    if (access(link, R_OK) == 0) return link;
    unsigned long path = getauxval(AT_EXECFN); /* where /proc is not mounted */
    return path ? (const char *)path : link;
}
