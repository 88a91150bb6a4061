/* One part of a program: kernels that are emitted into one LLVM module and become one object file.
 *
 * Parts are compiled side by side on threads; each has its own arena, LLVM context and target machine. The internal
 * functions that kernels share (micro-kernels, packers) are with the first part that calls them. What is in a part
 * depends on the program alone. */
#ifndef VITC_CODEGEN_PART_H
#define VITC_CODEGEN_PART_H

#include "codegen/codegen.h"
#include "codegen/program/object.h"
#include "ir/plan/plan.h"

/* A distinct kernel: the code of all kernels with its canonical text. */
typedef struct Code {
    struct Code *next; /* of the same hash slot */
    const char *key;
    int number; /* its function is kernel_NUMBER; -1: an operator of class OTHER, not generated */
    /* Where it was met first, which it is emitted from. */
    const Func *func;
    const Kernel *kernel;
    const Chain *chain; /* that it is of, and called for blocks of; NULL: for a thread's share */
    bool product;
    int64_t scratch_bytes; /* known once it is emitted */
} Code;

typedef struct {
    Code **codes;
    int n_codes;
    /* Between emission and compilation; NULL: it failed. */
    LLVMModuleRef module;
    TargetMachine target;
    /* The result. */
    LLVMMemoryBufferRef object; /* owned; NULL: it failed */
    double emit_seconds;
    ObjectTimes times;
    Arena *arena;
    char error[1024];
} Part;

/* The canonical name of a kernel's function, in `out`. */
enum { CODE_NAME = 24 };
void code_name(int number, char out[CODE_NAME]);

/* Shares the codes out among parts (their number is of the program too) in the arena. */
Part *parts_make(Arena *arena, Code *const *codes, int n_codes, int *n_parts);
/* `machine`: with usual values for what is not known. Compiles all on as many threads as there are cores; one after
 * the other if something is printed. False with a message. */
bool parts_compile(Part *parts, int n, const char *target_features, const Machine *machine,
                   CodegenPrint print, char *error, size_t size);
void parts_free(Part *parts, int n);

#endif
