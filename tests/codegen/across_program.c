/* The main program of across.h, compiled for the other architecture: runs function @f once. IN OUT: files that hold its
 * inputs and its outputs, one after another. */
#include "runtime/built.h"
#include "runtime/runtime.h"

#include <stdio.h>
#include <stdlib.h>

extern const VtBuilt across_program;

static size_t size_of(const VtTensor *type) {
    size_t size = vt_dtype_size(type->dtype);
    for (int i = 0; i < type->rank; i++) size *= (size_t)type->dim[i];
    return size;
}

int main(int argc, char **argv) {
    const VtProgram *p = across_program.variants[0].program;
    VtError error = {0};
    FILE *in = argc == 3 ? fopen(argv[1], "rb") : NULL, *out = argc == 3 ? fopen(argv[2], "wb") : NULL;
    void **inputs = calloc((size_t)p->n_inputs + 1, sizeof *inputs);
    if (!in || !out || !inputs) return 1;
    for (int i = 0; i < p->n_inputs; i++) {
        size_t size = size_of(&p->inputs[i].tensor);
        inputs[i] = malloc(size);
        if (fread(inputs[i], 1, size, in) != size) return 1;
    }
    vt_set_threads(2);
    VtInstance *instance = vt_instance_new(p, &error);
    if (!instance || !vt_instance_run(instance, "f", inputs, &error)) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    const VtFunction *f = vt_find_function(p, "f");
    for (int i = 0; i < f->n_outputs; i++) {
        VtTensor type;
        const void *data = vt_instance_output(instance, "f", f->outputs[i].tensor.name, &type);
        if (fwrite(data, 1, size_of(&type), out) != size_of(&type)) return 1;
    }
    return fclose(out) != 0;
}
