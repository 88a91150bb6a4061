/* Facts of a program, for both forms of info. */
#include "runtime/base/dtype.h"
#include "standalone/info.h"

#include <stdio.h>

const char *tensor_type(const VtTensor *t, char out[TENSOR_TEXT]) {
    static const char *const names[] = {"f32", "f64", "bf16", "i32", "i64", "bool"}; /* by VtDType */
    size_t n = (size_t)snprintf(out, TENSOR_TEXT, "%s", names[t->dtype]);
    for (int k = 0; k < t->rank && n < TENSOR_TEXT; k++)
        n += (size_t)snprintf(out + n, TENSOR_TEXT - n, "%s%lld%s", k ? "x" : "[", (long long)t->dim[k],
                              k + 1 == t->rank ? "]" : "");
    return out;
}

const char *role_name(int role) {
    static const char *const names[] = {"parameter", "average", "optimizer", "buffer", "counter", "derived"};
    return names[role]; /* by VtRole */
}

ProgramMemory program_memory(const VtProgram *p) {
    ProgramMemory m = {.states = 0};
    for (int s = 0; s < p->n_states; s++) m.states += vt_bytes(&p->states[s].tensor);
    for (int f = 0; f < p->n_functions; f++) {
        const VtFunction *function = &p->functions[f];
        size_t own = (size_t)(function->scratch_bytes + function->block_bytes);
        for (int o = 0; o < function->n_outputs; o++) m.outputs += vt_bytes(&function->outputs[o].tensor);
        if ((size_t)function->arena_bytes > m.arena) m.arena = (size_t)function->arena_bytes;
        if (own > m.thread) m.thread = own;
    }
    return m;
}
