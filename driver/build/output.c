/* What `vitc build` writes, and what it may overwrite: see build.h. */
#include "driver/build/build.h"
#include "runtime/files/program_file.h"

#include <ar.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Texts and objects begin with these bytes when they are ours; an object, or an archive of one, is ours when it has a
 * symbol that ends in _program, which its table of names tells. */
static const char *const HEADS[] = {"# vitc build ", "; vitc build ", "// vitc build ", "/* vitc build "};

static bool is_our_object(const char *path) {
    static const char mark[] = "_program";
    Elf64_Ehdr header;
    char piece[1 << 16];
    FILE *file = fopen(path, "rb");
    if (!file) return false;
    bool whole = fread(&header, 1, sizeof header, file) == sizeof header,
         object = whole && ((memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 && header.e_type == ET_REL) ||
                            memcmp(&header, ARMAG, SARMAG) == 0),
         found = false;
    size_t kept = 0;
    for (size_t n; object && !found && (n = fread(piece + kept, 1, sizeof piece - kept, file)) > 0;) {
        n += kept;
        found = memmem(piece, n, mark, sizeof mark) != NULL; /* with its NUL */
        kept = n < sizeof mark ? n : sizeof mark;
        memmove(piece, piece + n - kept, kept);
    }
    fclose(file);
    return found;
}

static bool is_our_text(const char *path) {
    char head[32] = "";
    FILE *file = fopen(path, "rb");
    if (!file) return false;
    size_t n = fread(head, 1, sizeof head - 1, file);
    fclose(file);
    for (size_t i = 0; i < sizeof HEADS / sizeof *HEADS; i++)
        if (n >= strlen(HEADS[i]) && strncmp(head, HEADS[i], strlen(HEADS[i])) == 0) return true;
    return false;
}

static bool is_ours(const char *path) {
    VtProgramFile file;
    VtError error;
    if (!vt_program_file_read(path, &file, &error)) return false;
    bool ours = file.ours;
    vt_program_file_free(&file);
    return ours || is_our_object(path) || is_our_text(path);
}

bool output_allowed(Build *b, const char *path) {
    struct stat status;
    VtError error;
    b->code = 2;
    if (strcmp(path, "-") == 0) return true;
    size_t n = strlen(path);
    if (n && path[n - 1] == '/') return fail(2, "-o %s: a file was expected, not a folder", path) < 0;
    if (!vt_output_check(path, &error)) {
        b->code = error.code;
        return fail(error.code, "%s", error.message) < 0;
    }
    if (b->force || lstat(path, &status) != 0) return true;
    if (S_ISLNK(status.st_mode))
        return fail(2, "'%s' is a link: --force puts the file in its place", path) < 0;
    return status.st_size == 0 || is_ours(path) ||
           fail(2, "'%s' is no file that vitc build wrote: --force overwrites it", path) < 0;
}

bool output_write(Build *b, const char *path, unsigned mode, const void *bytes, size_t size) {
    VtError error;
    if (strcmp(path, "-") == 0) { /* main() tells whether it was written */
        fwrite(bytes, 1, size, stdout);
        return true;
    }
    if (vt_replace_with(path, mode, bytes, size, &error)) return true;
    b->code = error.code;
    return fail(error.code, "%s", error.message) < 0;
}

const char *output_path(Build *b, const char *target) {
    if (b->n_targets == 1) return b->out;
    const char *slash = strrchr(b->out, '/'), *dot = strrchr(slash ? slash : b->out, '.');
    int n = dot ? (int)(dot - b->out) : (int)strlen(b->out);
    return arena_printf(b->arena, "%.*s.%s%s", n, b->out, target, b->out + n);
}
