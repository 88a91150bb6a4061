/* vitc build: a recipe becomes a file that stands alone. The door of driver/build/.
 *
 *   process, archive, toolchain   commands, runtime archives, the platform's compiler
 *   targets                       processors that it is for
 *   about                         what a built program tells of itself
 *   output                        what may be overwritten, and how it is written
 *   link                          programs
 *   lib, header, facts            C libraries
 *   texts                         objects, assembly, LLVM IR, IR
 *
 * All of it is the module of `vitc train`: the same elaboration and passes, one session a target. Functions return
 * false after a message; Build.code is then the exit code. */
#ifndef VITC_DRIVER_BUILD_BUILD_H
#define VITC_DRIVER_BUILD_BUILD_H

#include "driver/build/toolchain.h"
#include "driver/driver.h"

typedef enum { EMIT_EXE, EMIT_OBJ, EMIT_ASM, EMIT_LLVM, EMIT_IR, EMIT_LIB } Emit;
enum { MAX_BUILD_TARGETS = 8 };

typedef struct {
    const char *asked; /* "native" */
    const char *name;  /* of the row: "x86-64-v3" */
    const char *features;
} BuildTarget;

typedef struct Build {
    Arena *arena;
    /* As asked for. */
    Emit emit;
    const char *out; /* FILE; "-": standard output; of a library: a folder */
    const char *cc;  /* NULL: not given */
    bool fixed;      /* --static: no dynamic section */
    bool verbose, force, debug;
    BuildTarget targets[MAX_BUILD_TARGETS]; /* the best first */
    int n_targets;
    const char *arch; /* that all targets are of: "x86_64" */
    /* What it is made of. */
    Session sessions[MAX_BUILD_TARGETS]; /* planned, target by target; as many as n_open */
    int n_open;
    VtBuilt about;      /* but for variants */
    const char *symbol; /* the recipe's name as a C identifier */
    int code;
} Build;

/* code.c: machine code, or the text of it, of all targets; built_free. */
bool build_code(Build *b, BuildKind kind, BuiltFiles *out);

/* ---- targets.c: --target LIST, which may be NULL ----------------------------------------------------------------- */
bool choose_targets(Build *b, const char *text);

/* ---- output.c ---------------------------------------------------------------------------------------------------- */
/* Whether `path` may be written: it is nothing, or a file that vitc build wrote, or --force is given; and is no folder
 * or device. */
bool output_allowed(Build *b, const char *path);
/* Writes it beside its place and renames it; "-" is standard output. mode: 0644, less the umask. */
bool output_write(Build *b, const char *path, unsigned mode, const void *bytes, size_t size);
/* FILE with the target's name before its ending, where there are several: "a.x86-64-v3.s". */
const char *output_path(Build *b, const char *target);

/* ---- a file a kind, or two --------------------------------------------------------------------------------------- */
bool emit_program(Build *b); /* link.c */
/* Adds to a linker's command the objects, and a source with the notes that tell what the file is (about_text). */
bool link_objects(Build *b, Toolchain *t, const BuiltFiles *files, Words *command);
bool link_note(Build *b, Toolchain *t, Words *command);
/* What linking failed with stays, as BASE.TARGET.o. */
void link_keep(Build *b, const BuiltFiles *files, const char *base);
bool emit_object(Build *b);  /* object.c */
bool emit_library(Build *b); /* lib.c */
bool emit_text(Build *b);    /* texts.c: asm, llvm, ir */

/* ---- about.c ----------------------------------------------------------------------------------------------------- */
bool about_recipe(Build *b, const char *name); /* fills in about and symbol; name: --name, or NULL */
const char *about_name(Build *b);              /* the recipe's name, on one line */
/* Lines "key: value" for the note of the file (runtime/files/program_file.h). */
char *about_text(Build *b);

#endif
