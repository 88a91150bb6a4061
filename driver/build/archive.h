/* Runtime archives: the compiled runtime that programs and libraries are linked with, a folder an architecture,
 *
 *   lib/vitc/ARCH/libvitc-program.a, libvitc-library.a, link.txt
 *
 * in $VITC_LIB, else in ../lib/vitc beside the folder of vitc itself, else in lib/vitc of the build tree it lies in.
 * cmake/archives.cmake makes them and says what link.txt tells. */
#ifndef VITC_DRIVER_BUILD_ARCHIVE_H
#define VITC_DRIVER_BUILD_ARCHIVE_H

#include "driver/build/process.h"

typedef struct {
    const char *folder;        /* …/lib/vitc/ARCH */
    Words program, fixed;      /* libraries of programs with a dynamic section, and without one: "-lz" */
    Words shared;              /* of shared libraries */
    Words flags;               /* that the compiler needs besides */
    const char *compiler;      /* the only one that knows them; NULL: any will do */
    Words libraries, packages; /* library i, "z", is in Debian's package i, "zlib1g-dev" */
} RuntimeArchive;

/* False after a message: there is none for this architecture, and which package has it. */
bool archive_find(Arena *arena, const char *arch, RuntimeArchive *out);
bool archive_look(Arena *arena, const char *arch, RuntimeArchive *out); /* without a message */
/* The package that has a library, or NULL. */
const char *archive_package(const RuntimeArchive *archive, const char *library);

#endif
