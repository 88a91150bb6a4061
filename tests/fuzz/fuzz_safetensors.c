/* Fuzz target: any bytes as a safetensors file. What opens can be read to its last element. */
#include "runtime/runtime.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    VtError error;
    VtTensorFile *file = vt_tensors_open_memory("fuzz.safetensors", data, size, &error);
    for (int i = 0; file && i < vt_tensors_count(file); i++) {
        VtTensor shape;
        vt_tensors_type(file, i, &shape);
        double *out = malloc(sizeof *out * (size_t)(vt_elements(&shape) + 1));
        if (out) vt_tensors_read(file, i, VT_F64, out, &error);
        free(out);
    }
    vt_tensors_close(file);
    return 0;
}
