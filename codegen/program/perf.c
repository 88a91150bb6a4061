/* Files for perf: see perf.h. */
#include "codegen/program/perf.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* A file that this process has begun: what another of its number left is overwritten. */
typedef struct {
    pid_t of; /* the process that began it; 0: none did */
    FILE *file;
} Told;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static bool failed(const char *path, char *error, size_t size) {
    snprintf(error, size, "VITC_PERF: cannot write '%s': %s", path, strerror(errno));
    return false;
}

/* /tmp is everyone's: a link that lies there is not followed, nor a file of someone else written. */
static FILE *begin_file(const char *path) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    struct stat status;
    if (fd < 0) return NULL;
    bool mine = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == geteuid();
    if (!mine) errno = EPERM;
    FILE *file = mine && ftruncate(fd, 0) == 0 ? fdopen(fd, "w+") : NULL;
    if (!file) close(fd);
    return file;
}

/* False: it cannot be written. *fresh: it is new. */
static bool open_told(Told *told, const char *path, bool *fresh) {
    *fresh = told->of != getpid();
    if (!*fresh) return true;
    if (told->file) fclose(told->file);
    told->file = begin_file(path);
    told->of = told->file ? getpid() : 0;
    return told->file != NULL;
}

/* ---- the map ----------------------------------------------------------------------------------------------------- */

static bool write_map(const CodeSymbol *symbols, size_t n, char *error, size_t size) {
    static Told map;
    char path[64];
    bool fresh;
    snprintf(path, sizeof path, "/tmp/perf-%d.map", (int)getpid());
    if (!open_told(&map, path, &fresh)) return failed(path, error, size);
    for (size_t i = 0; i < n; i++)
        fprintf(map.file, "%" PRIx64 " %" PRIx64 " %s\n", symbols[i].address, symbols[i].size,
                symbols[i].name);
    return fflush(map.file) == 0 || failed(path, error, size);
}

/* ---- the dump ---------------------------------------------------------------------------------------------------- */

#if defined(__x86_64__)
enum { MACHINE = EM_X86_64 };
#elif defined(__aarch64__)
enum { MACHINE = EM_AARCH64 };
#else
enum { MACHINE = EM_NONE };
#endif

enum { MAGIC = 0x4A695444, VERSION = 1, CODE_LOAD = 0 };

typedef struct {
    uint32_t magic, version, size, machine, pad, pid;
    uint64_t time, flags;
} DumpHead;

typedef struct {
    uint32_t id, size;
    uint64_t time;
    uint32_t pid, tid;
    uint64_t vma, address, code_size, index;
} CodeLoad; /* then the name with its NUL, and the code */

static uint64_t nanoseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t); /* perf record -k mono */
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* perf learns of the dump by seeing it mapped as code. */
static bool begin_dump(FILE *file) {
    DumpHead head = {.magic = MAGIC,
                     .version = VERSION,
                     .size = sizeof head,
                     .machine = MACHINE,
                     .pid = (uint32_t)getpid(),
                     .time = nanoseconds()};
    if (fwrite(&head, sizeof head, 1, file) != 1 || fflush(file) != 0) return false;
    return mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_EXEC, MAP_PRIVATE, fileno(file), 0) !=
           MAP_FAILED;
}

static bool write_dump(const CodeSymbol *symbols, size_t n, char *error, size_t size) {
    static Told dump;
    static uint64_t index;
    char path[64];
    bool fresh;
    snprintf(path, sizeof path, "jit-%d.dump", (int)getpid());
    if (!open_told(&dump, path, &fresh)) return failed(path, error, size);
    if (fresh && !begin_dump(dump.file)) return failed(path, error, size);
    for (size_t i = 0; i < n; i++) {
        const CodeSymbol *s = &symbols[i];
        size_t name = strlen(s->name) + 1;
        CodeLoad load = {.id = CODE_LOAD,
                         .size = (uint32_t)(sizeof load + name + s->size),
                         .time = nanoseconds(),
                         .pid = (uint32_t)getpid(),
                         .tid = (uint32_t)syscall(SYS_gettid),
                         .vma = s->address,
                         .address = s->address,
                         .code_size = s->size,
                         .index = index++};
        fwrite(&load, sizeof load, 1, dump.file);
        fwrite(s->name, 1, name, dump.file);
        fwrite((const void *)(uintptr_t)s->address, 1, s->size, dump.file);
    }
    return (fflush(dump.file) == 0 && !ferror(dump.file)) || failed(path, error, size);
}

bool perf_tell(const CodeSymbol *symbols, size_t n, int tell, char *error, size_t size) {
    pthread_mutex_lock(&lock);
    bool good = (!(tell & TELL_PERF_MAP) || write_map(symbols, n, error, size)) &&
                (!(tell & TELL_PERF_DUMP) || write_dump(symbols, n, error, size));
    pthread_mutex_unlock(&lock);
    return good;
}
