/* One kernel's code as text, for --kernel NAME --emit=llvm|asm. */
#ifndef VITC_INSPECT_EXPLAIN_KERNEL_CODE_H
#define VITC_INSPECT_EXPLAIN_KERNEL_CODE_H

#include "codegen/codegen.h"
#include "inspect/explain/explanation.h"

typedef struct {
    uint32_t kernel;  /* from 1 */
    const char *name; /* "matmul f32[520x768] student.blocks.0.mlp.fc1" */
    const char *target;
    bool assembly;        /* else LLVM IR */
    KernelTexts texts;    /* of this kernel alone: the first is its own */
    const uint32_t *same; /* kernels of the function that have the same code, from 1, this one among them */
    size_t n_same;
    const ValueLine *values; /* that it computes, but for constants */
    size_t n_values;
} KernelCode;

/* `target`: as --target has it. False with a message: the kernel has no generated code, or it cannot be made. */
bool kernel_code(const Explainer *x, uint32_t kernel, const char *target, bool assembly, KernelCode *out,
                 const char **why);
void kernel_code_free(KernelCode *code);
void kernel_code_text(const KernelCode *code, FILE *out);

#endif
