/* Sizes of tensors. */
#ifndef VITC_RUNTIME_BASE_DTYPE_H
#define VITC_RUNTIME_BASE_DTYPE_H

#include "runtime/program.h"

size_t vt_dtype_size(int dtype);
int64_t vt_elements(const VtTensor *tensor);
size_t vt_bytes(const VtTensor *tensor);

#endif
