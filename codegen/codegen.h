/* The door of codegen/: a fused, planned module becomes a program that the runtime can run.
 *
 * codegen knows neither recipes nor data. The caller hands it a plan (inputs, pipelines, draws, training options) and
 * gets a VtProgram that lives as long as the Compiled. */
#ifndef VITC_CODEGEN_CODEGEN_H
#define VITC_CODEGEN_CODEGEN_H

#include "ir/ir.h"
#include "runtime/program.h"

typedef struct {
    const char *target_features; /* see target.h; NULL: all the host has */
    bool print_llvm;             /* the LLVM IR to stderr */
} CodegenOptions;

typedef struct Compiled Compiled;

/* What passes should know of products on that target: Module.panel and Module.tile, for Module.precision. */
bool codegen_shapes(const char *target_features, Module *module, char *error, size_t size);

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

/* Bytes of each core's own cache on this machine: Module.cache_bytes. */
int64_t codegen_cache_bytes(void);
/* Cores that threads may run on: Module.cores. */
int64_t codegen_cores(void);

/* ---- image.c: a compiled program as bytes, for a cache on this machine ------------------------------------------- */

/* malloc'ed, *size bytes; NULL: out of memory. */
void *compiled_image(const Compiled *compiled, size_t *size);
/* The program of an image, linked. The image stays the caller's and must outlive it. All is checked but the machine code.
 * NULL with a message. */
Compiled *codegen_load(const void *image, size_t image_size, char *error, size_t size);
/* All that code depends on besides the module: target row, features, sizes of caches, LLVM's version. NULL with a message. */
const char *codegen_target_text(Arena *arena, const char *target_features, char *error, size_t size);

#endif
