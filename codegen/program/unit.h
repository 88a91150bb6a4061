/* A compile unit: kernels that are emitted into one LLVM module and become one object file.
 *
 * Units are compiled side by side on threads; each has its own arena, LLVM context and target machine. The internal
 * functions that kernels share (micro-kernels, packers) are with the first unit that calls them. What is in a unit
 * depends on the program alone. */
#ifndef VITC_CODEGEN_UNIT_H
#define VITC_CODEGEN_UNIT_H

#include "codegen/codegen.h"
#include "codegen/emit/builder.h"
#include "codegen/program/object.h"
#include "ir/plan/plan.h"

/* A distinct kernel: the code of all kernels with its canonical text. */
typedef struct KernelCode {
    struct KernelCode *next; /* of the same hash slot */
    const char *key;
    int number; /* its function is kernel_NUMBER; -1: a C function, nothing is generated */
    /* The first of these kernels: the code is emitted from it. */
    const Func *func;
    const Kernel *kernel;
    /* Of that kernel: each call is for a block of it; NULL: calls are for a thread's share. */
    const Chain *chain;
    bool product;
    int64_t scratch_bytes; /* known once it is emitted */
    const char *symbol;    /* its function in this process; NULL before it is emitted for it */
} KernelCode;

typedef struct {
    KernelCode **codes;
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
} CompileUnit;

/* The canonical name of a kernel's function, in `out`. */
enum { KERNEL_NAME = 24 };
void kernel_code_name(int number, char out[KERNEL_NAME]);

/* A name that says what it is: kernel_3.matmul.encoder.patch_embed.proj. In the arena. */
const char *kernel_code_symbol(const KernelCode *code, Arena *arena);
/* Its function gets that name, which is returned. */
const char *kernel_code_rename(const KernelCode *code, Arena *arena, LLVMModuleRef module);

/* Emits the kernels' functions, and those that they call; sets scratch_bytes. */
void kernel_codes_emit(KernelCode *const *codes, int n, FunctionBuilder *fb);

/* What code is made to fit: the known facts, else those of the target, else the usual ones. */
Machine unit_machine(const TargetMachine *target, const Machine *known);

/* Divides the kernels among *n_units units, by the program alone. The array is in the arena. */
CompileUnit *units_make(Arena *arena, KernelCode *const *codes, int n_codes, int *n_units);
/* Emits and compiles all units, on as many threads as there are cores, or on one if something is printed. `machine`:
 * without unknown facts (machine_with_usual). False with a message. */
bool units_compile(CompileUnit *units, int n, const CodegenOptions *options, const Machine *machine,
                   char *error, size_t size);
void units_free(CompileUnit *units, int n);

#endif
