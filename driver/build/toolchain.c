/* Compiler and tools: see toolchain.h. */
#include "driver/build/toolchain.h"
#include "driver/driver.h"
#include "ir/base/stream.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

static bool failed(Toolchain *t, int code) {
    t->code = code;
    return false;
}

static bool own_arch(const char *arch) {
    struct utsname host;
    return uname(&host) == 0 && strcmp(host.machine, arch) == 0;
}

/* Debian's package of the compiler for an architecture. */
static const char *compiler_package(Toolchain *t) {
    return own_arch(t->arch) ? "gcc" : arena_printf(t->arena, "gcc-%s-linux-gnu", t->arch);
}

static ProcessResult run(Toolchain *t, const Words *command) {
    if (t->verbose) fprintf(stderr, "%s\n", words_shown(t->arena, command));
    return process_run(t->arena, command);
}

static bool not_started(Toolchain *t, const Words *command, int why) {
    if (why == ENOENT)
        fail(2, "there is no '%s': install Debian's package %s, or name a compiler by --cc or $CC",
             command->items[0], compiler_package(t));
    else
        fail(2, "'%s' could not be started: %s", command->items[0], strerror(why));
    return failed(t, 2);
}

/* ---- which compiler ---------------------------------------------------------------------------------------------- */

/* Whether it compiles for t->arch; *machine: what it says it compiles for, NULL: it could not be asked. */
static bool compiles_for(Toolchain *t, const Words *cc, const char **machine, int *why) {
    Words command = {0};
    words_add_all(t->arena, &command, cc);
    words_add(t->arena, &command, "-dumpmachine");
    ProcessResult result = process_run(t->arena, &command);
    size_t n = strlen(t->arch);
    *why = result.started ? 0 : result.why;
    *machine = result.started && result.status == 0 && *result.output ? result.output : NULL;
    return *machine && strncmp(*machine, t->arch, n) == 0 && (*machine)[n] == '-';
}

static Words words_of(Arena *arena, const char *text) {
    Words words = {0};
    if (text) words_add_text(arena, &words, text);
    return words;
}

/* The first right one of those there are by themselves; the last that was tried is t->cc. */
static bool find_compiler(Toolchain *t, const char **usual, const char **machine, int *why) {
    *usual = own_arch(t->arch) ? "cc" : arena_printf(t->arena, "%s-linux-gnu-gcc", t->arch);
    const char *by_themselves[] = {getenv("CC"), t->archive.compiler, *usual};
    for (size_t i = 0; i < 3; i++) {
        t->cc = words_of(t->arena, by_themselves[i]);
        if (t->cc.count && compiles_for(t, &t->cc, machine, why)) return true;
        if (t->cc.count && i == 0 && *why) return false; /* a $CC that is none */
    }
    return false;
}

/* The one that was asked for, which has to be right, or one that is there by itself. */
static bool choose_compiler(Toolchain *t, const char *asked) {
    const char *usual, *machine;
    int why;
    if (asked) {
        t->cc = words_of(t->arena, asked);
        if (t->cc.count == 0) return failed(t, fail(2, "--cc '%s' names no compiler", asked));
        if (compiles_for(t, &t->cc, &machine, &why)) return true;
        if (why) return not_started(t, &t->cc, why);
        return failed(t, fail(2, "--cc '%s' compiles for %s, and %s is built", asked,
                              machine ? machine : "no machine that it tells", t->arch));
    }
    if (find_compiler(t, &usual, &machine, &why)) return true;
    if (why) return not_started(t, &t->cc, why);
    return failed(t, fail(2, "'%s' compiles for %s, and %s is built: name a compiler by --cc or $CC", usual,
                          machine ? machine : "no machine that it tells", t->arch));
}

/* Where it is needed; from then on a signal ends the command only after the folder is removed (toolchain_close). */
static bool make_scratch(Toolchain *t) {
    if (t->scratch) return true;
    const char *folder = getenv("TMPDIR");
    char *scratch = arena_printf(t->arena, "%s/vitc-build-XXXXXX", folder && *folder ? folder : "/tmp");
    if (!mkdtemp(scratch)) return failed(t, fail(1, "'%s' could not be made: %s", scratch, strerror(errno)));
    t->scratch = scratch;
    vt_stop_listen();
    return true;
}

bool toolchain_open(Toolchain *t, Arena *arena, const char *arch, const char *cc, bool verbose) {
    *t = (Toolchain){.arena = arena, .arch = arch, .verbose = verbose};
    if (!archive_find(arena, arch, &t->archive)) return failed(t, 1);
    return choose_compiler(t, cc);
}

void toolchain_close(Toolchain *t) {
    if (!t->scratch) return;
    DIR *folder = opendir(t->scratch);
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        if (entry->d_name[0] != '.') unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder) closedir(folder);
    rmdir(t->scratch);
    t->scratch = NULL;
    vt_stop_unlisten();
    if (vt_stop_signal()) vt_stop_end(vt_stop_signal());
}

const char *toolchain_tool(Toolchain *t, const char *name) {
    Words command = {0};
    words_add_all(t->arena, &command, &t->cc);
    words_add(t->arena, &command, arena_printf(t->arena, "-print-prog-name=%s", name));
    ProcessResult result = run(t, &command);
    if (result.started && result.status == 0 && *result.output) return result.output;
    failed(t, fail(2, "'%s' knows no %s: install Debian's package binutils", t->cc.items[0], name));
    return NULL;
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

/* As Debian names a package of an architecture. */
static const char *package_for(Toolchain *t, const char *package) {
    if (own_arch(t->arch)) return package;
    return arena_printf(t->arena, "%s:%s", package, strcmp(t->arch, "aarch64") == 0 ? "arm64" : "amd64");
}

/* The packages that have what a linker could not find, in the words of GNU ld ("cannot find -lz") and of LLVM's
 * ("unable to find library -lz"), each once; crt1.o is what is missed first of the C library. None where there are
 * libraries, but of another kind. */
static Words packages_of(Toolchain *t, const char *said) {
    static const char *const phrases[] = {"cannot find -l", "unable to find library -l"};
    Words packages = {0};
    if (strstr(said, "skipping incompatible")) return packages;
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
        for (const char *at = said; (at = strstr(at, phrases[i]));) {
            at += strlen(phrases[i]);
            char *name = arena_strndup(t->arena, at, strcspn(at, ": \n"));
            const char *package = archive_package(&t->archive, name);
            bool known = !package || strcmp(package, "libc6-dev") == 0;
            if (!known) package = package_for(t, package);
            for (size_t k = 0; !known && k < packages.count; k++)
                known = strcmp(packages.items[k], package) == 0;
            if (!known) words_add(t->arena, &packages, package);
        }
    if (strstr(said, "cannot find crt1.o") || strstr(said, "cannot find Scrt1.o") ||
        strstr(said, "cannot find -lc:") || strstr(said, "cannot find -lm:"))
        words_add(t->arena, &packages,
                  own_arch(t->arch)                 ? "libc6-dev"
                  : strcmp(t->arch, "aarch64") == 0 ? "libc6-dev-arm64-cross"
                                                    : package_for(t, "libc6-dev"));
    return packages;
}

/* A sentence, or NULL: nothing is missing that a package has. */
static const char *missing_of(Toolchain *t, const char *said) {
    Words packages = packages_of(t, said);
    if (packages.count == 0) return NULL;
    return arena_printf(
        t->arena, "what programs for %s are linked with is not all there: install Debian's package%s %s",
        t->arch, packages.count == 1 ? "" : "s", words_shown(t->arena, &packages));
}

bool toolchain_run(Toolchain *t, const Words *command, const char *doing) {
    if (t->code) return false;
    ProcessResult result = run(t, command);
    if (!result.started) return not_started(t, command, result.why);
    if (vt_stop_signal()) return failed(t, 128 + vt_stop_signal()); /* nothing is wrong */
    if (result.status == 0) {
        if (t->verbose && *result.said) fprintf(stderr, "%s\n", result.said);
        return true;
    }
    if (*result.said) fprintf(stderr, "%s\n", result.said);
    const char *missing = missing_of(t, result.said);
    if (missing) fprintf(stderr, "%s\n", missing);
    fail(1, "%s failed: '%s' ended with %d%s", doing, command->items[0], result.status,
         t->verbose ? "" : " (--verbose shows the command)");
    return failed(t, 1);
}

/* ---- what there is ----------------------------------------------------------------------------------------------- */

/* Links a program that needs every library of the archive, and does nothing. */
static bool try_link(Toolchain *t, ToolchainProbe *out) {
    static const char program[] = "int main(void) { return 0; }\n";
    Words command = {0};
    words_add_all(t->arena, &command, &t->cc);
    words_add_all(t->arena, &command, &t->archive.flags);
    words_add_text(t->arena, &command, "-Wl,--no-as-needed -o");
    words_add(t->arena, &command, toolchain_path(t, "probe"));
    const char *source = toolchain_file(t, "probe.c", program, strlen(program));
    if (!source) return false;
    words_add(t->arena, &command, source);
    words_add_all(t->arena, &command, &t->archive.shared);
    ProcessResult result = run(t, &command);
    if (!result.started || result.status == 0) return true;
    const char *missing = missing_of(t, result.said);
    if (missing) words_add(t->arena, &out->missing, missing);
    if (!missing)
        words_add(t->arena, &out->missing,
                  arena_printf(t->arena, "'%s' cannot link: %.*s", t->cc.items[0],
                               (int)strcspn(result.said, "\n"), result.said));
    return true;
}

bool toolchain_probe(Arena *arena, const char *arch, ToolchainProbe *out) {
    Toolchain t = {.arena = arena, .arch = arch};
    const char *usual, *machine;
    int why;
    *out = (ToolchainProbe){0};
    bool archive = archive_look(arena, arch, &t.archive);
    if (archive) out->folder = t.archive.folder;
    if (find_compiler(&t, &usual, &machine, &why))
        out->compiler = words_shown(arena, &t.cc);
    else
        words_add(arena, &out->missing,
                  arena_printf(arena, "there is no compiler for %s: install Debian's package %s, or set $CC",
                               arch, compiler_package(&t)));
    bool good = !archive || !out->compiler || (make_scratch(&t) && try_link(&t, out));
    toolchain_close(&t);
    return good;
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

const char *toolchain_path(Toolchain *t, const char *name) {
    if (!make_scratch(t)) return name; /* nothing is written there: t->code */
    return arena_printf(t->arena, "%s/%s", t->scratch, name);
}

const char *toolchain_file(Toolchain *t, const char *name, const void *bytes, size_t size) {
    const char *path = toolchain_path(t, name);
    if (t->code) return NULL;
    FILE *file = fopen(path, "wb");
    bool good = file && fwrite(bytes, 1, size, file) == size;
    int why = errno;
    if (file && fclose(file) != 0 && good) {
        why = errno;
        good = false;
    }
    if (good) return path;
    failed(t, fail(1, "'%s' could not be written: %s", path, strerror(why)));
    return NULL;
}

char *toolchain_result(Toolchain *t, const char *path, size_t *size) {
    char *bytes = stream_read_file(t->arena, path, (size_t)1 << 31, size);
    if (!bytes) failed(t, fail(1, "'%s' could not be read: %s", path, strerror(errno)));
    return bytes;
}
