/* The code of the page's kernels, which is inflated when somebody asks for it: a JSON object
 *
 *   names: ["kernel_3.matmul…"], llvm: [text], asm: [text]   by code; "" where a text is left out
 *   kernels: how many of them are kernels; those behind are what kernels call
 *   calls: [[codes that this one calls]] */
#ifndef VITC_INSPECT_PAGE_CODE_DATA_H
#define VITC_INSPECT_PAGE_CODE_DATA_H

#include "codegen/codegen.h"

/* malloc'ed, *size bytes. */
char *code_data(const KernelTexts *texts, size_t *size);

#endif
