/* A library for LD_PRELOAD in which one call fails: FAULT="KIND:N" makes the N-th call of a kind fail, "KIND:N+" all
 * from it on.
 *
 *   memory   malloc calloc realloc posix_memalign aligned_alloc, mmap without a file: ENOMEM
 *   open     open openat fopen opendir mkdir mkostemp: EMFILE
 *   read     read pread fstat mmap of a file, and what a stream reads: EIO
 *   write    write pwrite fsync close rename link ftruncate, and what a stream writes (stdout too): ENOSPC
 *   thread   pthread_create: EAGAIN
 *
 * Calls made by LLVM and by libraries under it do not count: LLVM ends the process when memory runs out, by design, and
 * so does the C++ library and libarchive; the dynamic linker's are no concern of ours, and fts_open of glibc 2.36 does
 * not survive its own. When the call comes, FAULT_LOG (a file) tells its name. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

typedef enum { MEMORY, OPEN, READ, WRITE, THREAD, N_KINDS } Kind;
static const char *const KINDS[N_KINDS] = {"memory", "open", "read", "write", "thread"};
static const int ERRORS[N_KINDS] = {ENOMEM, EMFILE, EIO, ENOSPC, EAGAIN};

static struct {
    int kind; /* -1: none */
    long number;
    bool stays;
    const char *log;
    atomic_long count;
    struct {
        uintptr_t start, end;
    } excepted[64];
    int n_excepted;
    uintptr_t libc_start, libc_end, own_start, own_end;
} plan = {.kind = -1};
static _Thread_local bool inside;

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) {
    bool was = inside;
    inside = true;
    void *found = dlsym(RTLD_NEXT, name);
    inside = was;
    return found;
}

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t align, size_t size);

static bool is_within(uintptr_t start, uintptr_t end, const void *at) {
    return (uintptr_t)at >= start && (uintptr_t)at < end;
}

static int add_parts(struct dl_phdr_info *info, size_t size, void *user) {
    static const char *const names[] = {"libLLVM", "libstdc++", "libgcc_s", "ld-linux", "libarchive"};
    (void)size;
    (void)user;
    for (int k = 0; k < info->dlpi_phnum; k++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[k];
        if (part->p_type != PT_LOAD || !(part->p_flags & PF_X)) continue;
        uintptr_t start = info->dlpi_addr + part->p_vaddr, end = start + part->p_memsz;
        if (strstr(info->dlpi_name, "libc.so")) plan.libc_start = start, plan.libc_end = end;
        if (is_within(start, end, (const void *)add_parts)) plan.own_start = start, plan.own_end = end;
    }
    size_t n = sizeof names / sizeof *names - (plan.kind != MEMORY); /* the last: its memory alone */
    for (size_t i = 0; i < n; i++) {
        if (!strstr(info->dlpi_name, names[i])) continue;
        for (int k = 0; k < info->dlpi_phnum; k++) {
            const ElfW(Phdr) *part = &info->dlpi_phdr[k];
            if (part->p_type != PT_LOAD || !(part->p_flags & PF_X) || plan.n_excepted == 64) continue;
            plan.excepted[plan.n_excepted].start = info->dlpi_addr + part->p_vaddr;
            plan.excepted[plan.n_excepted++].end = info->dlpi_addr + part->p_vaddr + part->p_memsz;
        }
    }
    return 0;
}

/* Says which call failed, and who made it. */
static void tell(const char *name) {
    void *frames[24];
    if (!plan.log) return;
    int file = REAL(open)(plan.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file < 0) return;
    dprintf(file, "%s\n", name);
    int n = backtrace(frames, 24);
    if (getenv("FAULT_TRACE")) backtrace_symbols_fd(frames + 2, n - 2, file);
    REAL(close)(file);
}

/* By way of libc (strdup, fopen): who called that is what matters. */
static bool is_excepted(const void *caller) {
    void *frames[32];
    int n = 0;
    if (is_within(plan.libc_start, plan.libc_end, caller)) {
        inside = true;
        n = backtrace(frames, 32);
        inside = false;
    }
    for (int i = 2; i < n && is_within(plan.libc_start, plan.libc_end, caller); i++) {
        Dl_info info;
        if (is_within(plan.own_start, plan.own_end, frames[i])) continue;
        caller = frames[i];
        if (dladdr(caller, &info) && info.dli_sname && strncmp(info.dli_sname, "fts", 3) == 0 &&
            strstr(info.dli_sname, "_open"))
            return true;
    }
    for (int i = 0; i < plan.n_excepted; i++)
        if (is_within(plan.excepted[i].start, plan.excepted[i].end, caller)) return true;
    return false;
}

static bool fails(Kind kind, const char *name, void *caller) {
    if ((int)kind != plan.kind || inside) return false;
    if (is_excepted(caller)) return false;
    long count = atomic_fetch_add(&plan.count, 1) + 1;
    if (plan.stays ? count < plan.number : count != plan.number) return false;
    inside = true;
    if (count == plan.number) tell(name);
    inside = false;
    errno = ERRORS[kind];
    return true;
}
#define FAILS(kind, name) fails(kind, name, __builtin_return_address(0))

/* ---- memory ------------------------------------------------------------------------------------------------------ */

void *malloc(size_t size) {
    return FAILS(MEMORY, "malloc") ? NULL : __libc_malloc(size);
}
void *calloc(size_t n, size_t size) {
    return FAILS(MEMORY, "calloc") ? NULL : __libc_calloc(n, size);
}
void *realloc(void *old, size_t size) {
    return FAILS(MEMORY, "realloc") ? NULL : __libc_realloc(old, size);
}
void *aligned_alloc(size_t align, size_t size) {
    return FAILS(MEMORY, "aligned_alloc") ? NULL : __libc_memalign(align, size);
}
int posix_memalign(void **out, size_t align, size_t size) {
    if (FAILS(MEMORY, "posix_memalign")) return ENOMEM;
    void *memory = __libc_memalign(align, size);
    if (memory) *out = memory;
    return memory ? 0 : ENOMEM;
}
void *mmap(void *at, size_t size, int protection, int flags, int file, off_t offset) {
    if (FAILS(flags & MAP_ANONYMOUS ? MEMORY : READ, "mmap")) return MAP_FAILED;
    return REAL(mmap)(at, size, protection, flags, file, offset);
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static int mode_of(int flags, va_list args) {
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(args, int) : 0;
}
int open(const char *path, int flags, ...) {
    va_list args;
    va_start(args, flags);
    int mode = mode_of(flags, args);
    va_end(args);
    return FAILS(OPEN, "open") ? -1 : REAL(open)(path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    va_list args;
    va_start(args, flags);
    int mode = mode_of(flags, args);
    va_end(args);
    return FAILS(OPEN, "open") ? -1 : REAL(open)(path, flags, mode);
}
int openat(int folder, const char *path, int flags, ...) {
    va_list args;
    va_start(args, flags);
    int mode = mode_of(flags, args);
    va_end(args);
    return FAILS(OPEN, "openat") ? -1 : REAL(openat)(folder, path, flags, mode);
}

#define WRAP(kind, result, name, failed, parameters, arguments)                                              \
    result name parameters {                                                                                 \
        return FAILS(kind, #name) ? failed : REAL(name) arguments;                                           \
    }
WRAP(OPEN, DIR *, opendir, NULL, (const char *path), (path))
WRAP(OPEN, int, mkdir, -1, (const char *path, mode_t mode), (path, mode))
WRAP(OPEN, int, mkostemp, -1, (char *path, int flags), (path, flags))
WRAP(READ, ssize_t, read, -1, (int file, void *out, size_t size), (file, out, size))
WRAP(READ, ssize_t, pread, -1, (int file, void *out, size_t size, off_t at), (file, out, size, at))
WRAP(READ, ssize_t, pread64, -1, (int file, void *out, size_t size, off64_t at), (file, out, size, at))
WRAP(READ, int, fstat, -1, (int file, struct stat *out), (file, out))
WRAP(WRITE, ssize_t, write, -1, (int file, const void *bytes, size_t size), (file, bytes, size))
WRAP(WRITE, ssize_t, pwrite, -1, (int file, const void *bytes, size_t size, off_t at),
     (file, bytes, size, at))
WRAP(WRITE, int, fsync, -1, (int file), (file))
WRAP(WRITE, int, rename, -1, (const char *from, const char *to), (from, to))
WRAP(WRITE, int, link, -1, (const char *from, const char *to), (from, to))
WRAP(WRITE, int, ftruncate, -1, (int file, off_t size), (file, size))
WRAP(THREAD, int, pthread_create, EAGAIN,
     (pthread_t * thread, const pthread_attr_t *attributes, void *(*body)(void *), void *user),
     (thread, attributes, body, user))

static bool is_written(int file) {
    int flags = fcntl(file, F_GETFL);
    return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}

/* The file is closed all the same, as it is by Linux. */
int close(int file) {
    bool failed = is_written(file) && FAILS(WRITE, "close");
    int result = REAL(close)(file);
    if (failed) errno = ERRORS[WRITE];
    return failed ? -1 : result;
}

/* ---- streams: their reads and writes are calls like others ------------------------------------------------------- */

static ssize_t stream_read(void *cookie, char *out, size_t size) {
    return fails(READ, "read of a stream", NULL) ? -1 : REAL(read)((int)(intptr_t)cookie, out, size);
}
static ssize_t stream_write(void *cookie, const char *bytes, size_t size) {
    return fails(WRITE, "write of a stream", NULL) ? 0 : REAL(write)((int)(intptr_t)cookie, bytes, size);
}
static int stream_seek(void *cookie, off64_t *at, int from) {
    off_t now = lseek((int)(intptr_t)cookie, *at, from);
    if (now < 0) return -1;
    *at = now;
    return 0;
}
static int stream_close(void *cookie) {
    bool failed = is_written((int)(intptr_t)cookie) && fails(WRITE, "close of a stream", NULL);
    int result = REAL(close)((int)(intptr_t)cookie);
    if (failed) errno = ERRORS[WRITE];
    return failed ? -1 : result;
}

static FILE *stream(int file, const char *mode) {
    static const cookie_io_functions_t functions = {stream_read, stream_write, stream_seek, stream_close};
    return fopencookie((void *)(intptr_t)file, mode, functions);
}

FILE *fopen(const char *path, const char *mode) {
    if (plan.kind < 0 || inside) return REAL(fopen)(path, mode);
    if (FAILS(OPEN, "fopen")) return NULL;
    int flags = *mode == 'r'   ? O_RDONLY
                : *mode == 'w' ? O_WRONLY | O_CREAT | O_TRUNC
                               : O_WRONLY | O_CREAT | O_APPEND;
    if (strchr(mode, '+')) flags = (flags & ~O_WRONLY) | O_RDWR;
    int file = REAL(open)(path, flags | O_CLOEXEC, 0666);
    FILE *out = file < 0 ? NULL : stream(file, mode);
    if (file >= 0 && !out) REAL(close)(file);
    return out;
}
FILE *fopen64(const char *path, const char *mode) {
    return fopen(path, mode);
}

__attribute__((constructor)) static void begin(void) {
    const char *set = getenv("FAULT");
    void *frames[2];
    if (!set) return;
    inside = true;
    plan.log = getenv("FAULT_LOG");
    backtrace(frames, 2); /* loads what it needs now */
    const char *colon = strchr(set, ':');
    for (int i = 0; colon && i < N_KINDS; i++)
        if (strlen(KINDS[i]) == (size_t)(colon - set) && strncmp(KINDS[i], set, (size_t)(colon - set)) == 0)
            plan.kind = i;
    dl_iterate_phdr(add_parts, NULL);
    plan.number = colon ? strtol(colon + 1, NULL, 10) : 0;
    plan.stays = set[strlen(set) - 1] == '+';
    FILE *out = plan.kind == WRITE ? stream(STDOUT_FILENO, "w") : NULL;
    if (out) stdout = out;
    inside = false;
}
