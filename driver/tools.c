/* Other tools that are told of compiled code: perf and debuggers. What the environment asks for, else what vitc was
 * started by. */
#include "driver/driver.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The name of the process that a process is run or traced by begins with `name`. */
static bool is_process(long pid, const char *name) {
    char path[64], comm[32] = "";
    snprintf(path, sizeof path, "/proc/%ld/comm", pid);
    FILE *file = fopen(path, "re");
    if (!file) return false;
    bool read = fgets(comm, sizeof comm, file) != NULL;
    fclose(file);
    return read && strncmp(comm, name, strlen(name)) == 0;
}

/* Of the debugger that this process runs under; 0: none. */
static long tracer(void) {
    FILE *file = fopen("/proc/self/status", "re");
    char line[256];
    long pid = 0;
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "TracerPid: %ld", &pid) == 1) break;
    if (file) fclose(file);
    return pid;
}

static bool perf_asked(CodegenOptions *options) {
    const char *asked = getenv("VITC_PERF");
    if (!asked || !*asked) {
        if (is_process(getppid(), "perf")) options->tell |= TELL_PERF_MAP; /* perf record vitc … */
        return true;
    }
    bool map = strcmp(asked, "map") == 0, dump = strcmp(asked, "dump") == 0;
    options->tell |= map ? TELL_PERF_MAP : dump ? TELL_PERF_DUMP : TELL_NOBODY;
    options->frames = map || dump; /* for perf record -g */
    return map || dump || strcmp(asked, "off") == 0 ||
           fail(2, "VITC_PERF=%s: map, dump or off was expected", asked) < 0;
}

static bool gdb_asked(CodegenOptions *options) {
    const char *asked = getenv("VITC_GDB");
    if (!asked || !*asked) {
        long debugger = tracer();
        if (debugger && (is_process(debugger, "gdb") || is_process(debugger, "lldb")))
            options->tell |= TELL_GDB;
        return true;
    }
    bool lines = strcmp(asked, "lines") == 0, names = strcmp(asked, "names") == 0;
    options->tell |= lines || names ? TELL_GDB : TELL_NOBODY;
    options->lines = lines;
    return lines || names || strcmp(asked, "off") == 0 ||
           fail(2, "VITC_GDB=%s: names, lines or off was expected", asked) < 0;
}

bool tools_asked(CodegenOptions *options) {
    *options = (CodegenOptions){0};
    return perf_asked(options) && gdb_asked(options);
}
