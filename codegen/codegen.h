/* The door of codegen/: a module whose functions have complete plans (ir/plan/plan.h; all passes have run)
 * becomes a program that the runtime can run.
 *
 * Codegen knows neither recipes nor data: the caller passes a VtProgram with the parts that are not code (inputs,
 * pipelines, draws, training options), and gets one with functions, which lives as long as the Compiled. */
#ifndef VITC_CODEGEN_CODEGEN_H
#define VITC_CODEGEN_CODEGEN_H

#include "ir/plan/plan.h"
#include "runtime/built.h"
#include "runtime/program.h"

/* What is printed to stderr: nothing, each kernel's LLVM IR or its assembly, behind a line that names the kernel. */
typedef enum { PRINT_NONE, PRINT_LLVM, PRINT_ASSEMBLY } CodegenPrint;

/* Which tools are told where the code of a program lies, and what it is: bits. */
typedef enum {
    TELL_NOBODY = 0,
    TELL_PERF_MAP = 1,  /* perf, and others that read /tmp/perf-PID.map: a line a function */
    TELL_PERF_DUMP = 2, /* perf inject --jit: ./jit-PID.dump, with the code itself */
    TELL_GDB = 4        /* debuggers with GDB's JIT interface: the objects, with lines if they have them */
} CodegenTell;

typedef struct {
    const char
        *target_features; /* as --target has it (target/select.h); NULL: the best that this machine has */
    CodegenPrint print;
    bool lines;    /* debug information: instructions have the positions of the recipe's expressions */
    bool frames;   /* functions keep frame pointers, by which profilers find who called them */
    int tell;      /* CodegenTell */
    bool unlinked; /* calls get no kernels: the program is for compiled_image alone */
} CodegenOptions;

typedef struct Compiled Compiled;

/* Fills in what is not known (0) of *machine: panels and tiles of the target; cores and caches of this machine if the
 * target was not named (NULL, "native"), else those usual for it. False, with a message in `error`: no such target. */
bool codegen_machine(const char *target_features, Machine *machine, char *error, size_t size);

/* The target's name, "x86-64-v4"; NULL with a message: there is none such. */
const char *codegen_target_name(const char *target_features, char *error, size_t size);

const char *codegen_llvm_version(Arena *arena); /* "19.1.7" */

/* Whether there is such a target and its code runs on this machine; else a message. codegen_compile asks too. */
bool codegen_runs_here(const char *target_features, char *error, size_t size);

/* Compiles every function of the module just in time. `plan`: the program without functions; it is copied. NULL with a
 * message. The result is the caller's (compiled_free). */
Compiled *codegen_compile(const Module *module, const VtProgram *plan, const CodegenOptions *options,
                          char *error, size_t size);
const VtProgram *compiled_program(const Compiled *compiled);
const char *compiled_target(const Compiled *compiled); /* "x86-64-v4" */
int compiled_kernels(const Compiled *compiled);        /* distinct kernels generated */
/* The name of kernel code number i, from 0, as tools show it: "kernel_3.matmul.student.patch_embed.proj". */
const char *compiled_symbol(const Compiled *compiled, int i);
/* Which kernel a call is. */
typedef struct {
    const Func *func; /* in whose plan it is: the function's, or that of the body of a loop in it */
    uint32_t kernel;  /* from 0; n_kernels + i: copy i; IR_NONE: a copy of what a loop carries */
    uint32_t outer;   /* the kernel, or copy, of the function itself that it is, or runs in (a loop) */
} CallOrigin;
/* Of all calls of function number f of the program; NULL: the program was loaded (codegen_load). */
const CallOrigin *compiled_origins(const Compiled *compiled, int f);
typedef struct { /* seconds: the calls, our LLVM IR, LLVM's passes, machine code, the JIT's linking */
    double calls, emit, optimize, object, link;
} CompileTimes;
CompileTimes compiled_times(const Compiled *compiled);
void compiled_free(Compiled *compiled);

/* ---- build.c: ahead of time, for `vitc build` -------------------------------------------------------------------- */

/* A recipe's module, planned for one target (its Machine filled in by codegen_machine with the same name), and the
 * program without functions, as codegen_compile takes them. */
typedef struct {
    const Module *module;
    const VtProgram *plan;
    const char *target;  /* a row's name: "x86-64-v3" */
    const char *machine; /* VtVariant.machine */
} BuildVariant;

typedef enum { BUILD_OBJECT, BUILD_ASSEMBLY, BUILD_LLVM } BuildKind;

typedef struct {
    const BuildVariant *variants; /* the best first; the modules may share nothing mutable */
    int n_variants;
    const VtBuilt *about; /* what is not abi, llvm and variants is copied */
    /* The recipe's name as a C identifier. SYMBOL_program, a VtBuilt, is the one symbol that is exported; others are
     * hidden, or local where there is one variant. */
    const char *symbol;
    BuildKind kind;
    bool lines; /* debug information: instructions have the positions of the recipe's expressions */
} BuildRequest;

/* An object, an assembly file or an LLVM module. */
typedef struct {
    const char *name; /* "x86-64-v3": a variant; "program": the VtBuilt, where there are several variants */
    const char *bytes;
    size_t size;
} BuiltFile;

typedef struct {
    Arena *arena;
    BuiltFile *files; /* of one variant: one; of several: one each and that of the VtBuilt at the end */
    int n_files;
} BuiltFiles;

/* Compiles the variants side by side. The code and data are those of codegen_compile; they are position independent,
 * the same bytes for the same request, and call nothing but the functions of docs/abi.md. False with a message. The
 * result is the caller's (built_free). */
bool codegen_build(const BuildRequest *request, BuiltFiles *out, char *error, size_t size);
void built_free(BuiltFiles *files);

/* ---- texts.c: the code of kernels, to be read -------------------------------------------------------------------- */

typedef struct {
    const char *target_features; /* as CodegenOptions have it; the code need not run here */
    bool llvm, assembly;         /* which texts are wanted; neither: the names of kernels, quickly */
    const Kernel *kernel;        /* only the code that this one has, of any function; NULL: all */
    const char *const
        *files; /* what positions call the module's sources, by Loc.file; NULL: by their file names */
    size_t n_files;
} KernelTextsRequest;

/* A generated function: a distinct kernel, or what kernels call, such as a micro-kernel. */
typedef struct {
    const char *name; /* "kernel_3.matmul.student.patch_embed.proj", as in listings and in built programs */
    const char *llvm; /* LLVM IR after LLVM's passes; NULL: not asked for */
    const char *assembly; /* with the constants that it reads; NULL: not asked for */
    const int *calls;     /* numbers of the texts of those that it calls, and these in turn */
    int n_calls;
} KernelText;
/* In both texts a comment of its own says from where on instructions are another expression's ("; nn.yaml:40:12" in
 * LLVM IR, "# nn.yaml:40:12" in assembly). */

typedef struct {
    Arena *arena;
    const char *target; /* "x86-64-v4" */
    KernelText *texts;  /* distinct kernels, in the order of their first use; then what they call */
    int n_kernels, n_texts;
    /* text_of[f][k]: the text's number of kernel k of the plan of Module.funcs[f]; -1: it has none (a C function of the
     * runtime, a loop, or it was not asked for). */
    const int32_t *const *text_of;
} KernelTexts;

/* The code that codegen_compile makes of a module that all passes have seen. False with a message; the result is the
 * caller's (kernel_texts_free). */
bool codegen_kernel_texts(const Module *module, const KernelTextsRequest *request, KernelTexts *out,
                          char *error, size_t size);
void kernel_texts_free(KernelTexts *texts);

/* ---- micros.c: the micro-kernels of a target by themselves, to be checked and timed ------------------------------ */

/* Compiles them just in time. NULL with a message. The result is the caller's (micro_code_free). */
typedef struct MicroCode MicroCode;
MicroCode *codegen_micros(const char *target_features, char *error, size_t size);
const VtMicro *micro_code(const MicroCode *code, int *n); /* lives as long as it does */
const char *micro_code_target(const MicroCode *code);
void micro_code_free(MicroCode *code);

/* ---- image.c: a compiled program as bytes, for a cache on this machine ------------------------------------------- */

/* The image, malloc'ed, of *size bytes; NULL: out of memory. */
void *compiled_image(const Compiled *compiled, size_t *size);
/* Links the program of an image. The image stays the caller's and must outlive the result. Everything but the machine
 * code is checked. tell: CodegenTell. NULL with a message. */
Compiled *codegen_load(const void *image, size_t image_size, int tell, char *error, size_t size);
/* All that code depends on besides the module: target row, features, sizes of caches, LLVM's version. NULL with a
 * message. */
const char *codegen_target_text(Arena *arena, const char *target_features, char *error, size_t size);

#endif
