/* The door of codegen/: a fused, planned module becomes a program that the runtime can run.
 *
 * codegen knows neither recipes nor data. The caller hands it a plan (inputs, pipelines, draws, training options) and
 * gets a VtProgram that lives as long as the Compiled. */
#ifndef VITC_CODEGEN_CODEGEN_H
#define VITC_CODEGEN_CODEGEN_H

#include "ir/ir.h"
#include "runtime/program.h"

/* What of the code is printed to stderr, each kernel behind a line that names it. */
typedef enum { PRINT_NONE, PRINT_LLVM, PRINT_ASSEMBLY } CodegenPrint;

typedef struct {
    const char *target_features; /* see target.h; NULL: all the host has */
    CodegenPrint print;
} CodegenOptions;

typedef struct Compiled Compiled;

/* What is not known of *machine becomes as that target and this host have it. */
bool codegen_machine(const char *target_features, Machine *machine, char *error, size_t size);

/* Compiles every function of the module just in time. NULL with a message. */
Compiled *codegen_compile(const Module *module, const VtProgram *plan, const CodegenOptions *options,
                          char *error, size_t size);
const VtProgram *compiled_program(const Compiled *compiled);
const char *compiled_target(const Compiled *compiled); /* "avx512" */
int compiled_kernels(const Compiled *compiled);        /* distinct kernels generated */
typedef struct { /* seconds: the calls, our LLVM IR, LLVM's passes, machine code, the JIT's linking */
    double calls, emit, optimize, object, link;
} CompileTimes;
CompileTimes compiled_times(const Compiled *compiled);
void compiled_free(Compiled *compiled);

/* ---- image.c: a compiled program as bytes, for a cache on this machine ------------------------------------------- */

/* malloc'ed, *size bytes; NULL: out of memory. */
void *compiled_image(const Compiled *compiled, size_t *size);
/* The program of an image, linked. The image stays the caller's and must outlive it. All is checked but the machine
 * code. NULL with a message. */
Compiled *codegen_load(const void *image, size_t image_size, char *error, size_t size);
/* All that code depends on besides the module: target row, features, sizes of caches, LLVM's version. NULL with a
 * message. */
const char *codegen_target_text(Arena *arena, const char *target_features, char *error, size_t size);

#endif
