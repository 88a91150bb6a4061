/* Facts of this machine: see machine_report.h. */
#include "driver/report/machine_report.h"
#include "runtime/threads/cores.h"

#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* ---- files of the system ----------------------------------------------------------------------------------------- */

/* The rest of the first line that begins with `key`, without blanks, colons, = and quotes around it; "": there is
 * none. */
static const char *text_in(Arena *arena, const char *path, const char *key) {
    FILE *file = fopen(path, "re");
    char *line = NULL;
    const char *found = "";
    size_t room = 0;
    while (file && !*found && getline(&line, &room, file) > 0)
        if (strncmp(line, key, strlen(key)) == 0) {
            const char *at = line + strlen(key), *around = " \t:=\"\n";
            at += strspn(at, around);
            size_t n = strlen(at);
            while (n > 0 && strchr(around, at[n - 1])) n--;
            found = arena_strndup(arena, at, n);
        }
    if (file) fclose(file);
    free(line);
    return found;
}

/* The number behind `key`, in bytes where its unit is kB; 2^63 (as good as none): there is none. */
static double bytes_in(const char *path, const char *key) {
    char line[256];
    double value = 0x1p63;
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, key, strlen(key)) == 0 && strpbrk(line, "0123456789"))
            value = strtod(strpbrk(line, "0123456789"), NULL) * (strstr(line, " kB") ? 1024 : 1);
    if (file) fclose(file);
    return value;
}

static double memory_limit(void) {
    return bytes_in("/sys/fs/cgroup/memory.max", "");
}

double machine_free_memory(void) {
    double limit = memory_limit();
    return fmin(bytes_in("/proc/meminfo", "MemAvailable:"),
                limit < 0x1p63 ? limit - bytes_in("/sys/fs/cgroup/memory.current", "") : 0x1p63);
}

/* ---- caches ------------------------------------------------------------------------------------------------------ */

/* How many numbers "0-3,8" names. */
static int count_list(const char *list) {
    int n = 0;
    for (const char *at = list; *at;) {
        char *end;
        long first = strtol(at, &end, 10), last = *end == '-' ? strtol(end + 1, &end, 10) : first;
        if (end == at) break;
        n += (int)(last - first + 1);
        at = *end == ',' ? end + 1 : end;
        if (end[0] && end[0] != ',') break;
    }
    return n;
}

/* Those of the first processor (Linux, Documentation/ABI/testing/sysfs-devices-system-cpu). */
static int find_caches(Arena *arena, CacheFact caches[MOST_CACHES]) {
    int n = 0;
    for (; n < MOST_CACHES; n++) {
        const char *folder = arena_printf(arena, "/sys/devices/system/cpu/cpu0/cache/index%d", n);
#define FACT(name) text_in(arena, arena_printf(arena, "%s/" name, folder), "")
        const char *size = FACT("size");
        if (!*size) break;
        char *unit;
        double bytes = strtod(size, &unit) * (*unit == 'K' ? 1024 : *unit == 'M' ? 1 << 20 : 1);
        caches[n] = (CacheFact){atoi(FACT("level")), FACT("type"), (int64_t)bytes,
                                count_list(FACT("shared_cpu_list"))};
#undef FACT
    }
    return n;
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

static const char *system_name(Arena *arena) {
    struct utsname u;
    const char *name = text_in(arena, "/etc/os-release", "PRETTY_NAME");
    if (uname(&u) != 0) return *name ? name : "not known";
    return arena_printf(arena, "%s%s%s %s %s", name, *name ? ", " : "", u.sysname, u.release, u.machine);
}

static const char *processor_name(Arena *arena) {
    static const char *const keys[] = {"model name", "Model", "Hardware", "CPU part"};
    const char *name = "";
    for (size_t i = 0; i < sizeof keys / sizeof *keys && !*name; i++)
        name = text_in(arena, "/proc/cpuinfo", keys[i]);
    return name;
}

MachineReport machine_report(Arena *arena) {
    cpu_set_t set;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    double limit = memory_limit(), all = bytes_in("/proc/meminfo", "MemTotal:");
    MachineReport r = {.system = system_name(arena),
                       .processor = processor_name(arena),
                       .cores = cores > 0 ? (int)cores : 1,
                       .quota = cores_quota("/proc/self/cgroup", "/sys/fs/cgroup"),
                       .memory = all < 0x1p63 ? all : 0,
                       .limit = limit < 0x1p63 ? limit : 0};
    r.affinity = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : r.cores;
    double available = machine_free_memory();
    r.free = available < 0x1p63 ? available : 0;
    r.n_caches = find_caches(arena, r.caches);
    return r;
}

/* ---- as text ----------------------------------------------------------------------------------------------------- */

static void print_bytes(double bytes, FILE *out) {
    if (bytes < 1 << 20)
        fprintf(out, "%.4g KiB", bytes / 1024);
    else if (bytes < 1 << 30)
        fprintf(out, "%.4g MiB", bytes / (1 << 20));
    else
        fprintf(out, "%.4g GiB", bytes / (1 << 30));
}

void machine_text(const MachineReport *r, FILE *out) {
    fprintf(out, "  system         %s\n", r->system);
    if (*r->processor) fprintf(out, "  processor      %s\n", r->processor);
    fprintf(out, "  cores          %d, this process may use %d", r->cores, r->affinity);
    if (r->quota > 0) fprintf(out, " and the time of %.3g", r->quota);
    fprintf(out, "\n  caches        ");
    for (int i = 0; i < r->n_caches; i++) {
        const CacheFact *c = &r->caches[i];
        fprintf(out, "%s L%d%s ", i ? "," : "", c->level,
                strcmp(c->kind, "Data") == 0          ? "d"
                : strcmp(c->kind, "Instruction") == 0 ? "i"
                                                      : "");
        print_bytes((double)c->bytes, out);
        if (c->shared_by > 1) fprintf(out, " for %d", c->shared_by);
    }
    fputs(r->n_caches ? "\n" : " not known\n", out);
    if (!(r->memory > 0)) return;
    fputs("  memory         ", out);
    print_bytes(r->memory, out);
    if (r->limit > 0) {
        fputs(", the control group may use ", out);
        print_bytes(r->limit, out);
    }
    if (r->free > 0) {
        fputs(", free ", out);
        print_bytes(r->free, out);
    }
    fputc('\n', out);
}
