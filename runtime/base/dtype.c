/* Sizes of tensors. */
#include "runtime/base/dtype.h"

size_t vt_dtype_size(int dtype) {
    static const size_t sizes[] = {4, 8, 2, 4, 8, 1, 1}; /* of bytes in files too */
    return sizes[dtype];
}

int64_t vt_elements(const VtTensor *tensor) {
    int64_t n = 1;
    for (int k = 0; k < tensor->rank; k++) n *= tensor->dim[k];
    return n;
}

size_t vt_bytes(const VtTensor *tensor) {
    return (size_t)vt_elements(tensor) * vt_dtype_size(tensor->dtype);
}
