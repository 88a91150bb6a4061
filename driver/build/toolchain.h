/* The platform's compiler and binary tools, by which all that vitc builds is linked; no linker of our own.
 *
 * For an architecture ARCH ("x86_64", "aarch64") the compiler is that of --cc, else $CC if it compiles for ARCH, else
 * the one of link.txt (archive.h), else `cc`, or `ARCH-linux-gnu-gcc` where ARCH is not this machine's. Functions
 * return false, or NULL, after a message; Toolchain.code is then the exit code. */
#ifndef VITC_DRIVER_BUILD_TOOLCHAIN_H
#define VITC_DRIVER_BUILD_TOOLCHAIN_H

#include "driver/build/archive.h"

typedef struct {
    Arena *arena;
    const char *arch; /* of what is built */
    Words cc;         /* the compiler, with arguments that it always gets */
    RuntimeArchive archive;
    const char *scratch; /* a folder of this command's own; NULL: not made yet */
    bool verbose;        /* commands are shown, on stderr, before they run */
    int code;            /* 2: there is no such tool; 1: it failed; then nothing more is run or written */
} Toolchain;

/* cc: --cc, or NULL. Close it also where this fails. */
bool toolchain_open(Toolchain *t, Arena *arena, const char *arch, const char *cc, bool verbose);
/* Removes the scratch folder with all in it; if a signal came since it was made, ends the process by it. */
void toolchain_close(Toolchain *t);

/* What there is to build for an architecture. */
typedef struct {
    const char *folder;   /* of the runtime archives; NULL: none */
    const char *compiler; /* NULL: none */
    Words
        missing; /* sentences: what, and which package has it; without the archives no libraries are known */
} ToolchainProbe;
/* For `vitc doctor`. False after a message: no place for temporary files. */
bool toolchain_probe(Arena *arena, const char *arch, ToolchainProbe *out);

/* A tool that belongs to the compiler: "objcopy", "ar". */
const char *toolchain_tool(Toolchain *t, const char *name);
/* Runs a command; what it says is shown where it fails, and told what package has what it lacks. doing: "linking". */
bool toolchain_run(Toolchain *t, const Words *command, const char *doing);

/* A path in the scratch folder, which is made for it; a file written there; one that a command wrote there, read into
 * the arena. */
const char *toolchain_path(Toolchain *t, const char *name);
const char *toolchain_file(Toolchain *t, const char *name, const void *bytes, size_t size);
char *toolchain_result(Toolchain *t, const char *path, size_t *size);

#endif
