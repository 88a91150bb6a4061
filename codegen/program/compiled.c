/* A compiled program: linking, questions, the end. */
#include "codegen/program/compiled.h"
#include "codegen/program/irregular.h"
#include "codegen/program/unit.h"
#include "codegen/program/llvm_memory.h"
#include "ir/base/clock.h"

#include <stdio.h>

static bool look_up(Compiled *c, VtKernel *kernels, char *error, size_t size) {
    char name[KERNEL_NAME];
    for (int i = 0; i < c->n_kernels; i++) {
        kernel_code_name(i, name);
        kernels[i] = (VtKernel)(uintptr_t)jit_address(c->jit, name);
        if (!kernels[i]) {
            snprintf(error, size, "the JIT lost %s", name);
            return false;
        }
    }
    return true;
}

bool compiled_link(Compiled *c, char *error, size_t size) {
    double start = seconds_now();
    VtKernel *kernels = ARENA_ARRAY(c->arena, VtKernel, c->n_kernels + 1);
    c->jit = jit_load(c->objects, c->n_objects, error, size);
    if (!c->jit || !look_up(c, kernels, error, size)) return false;
    const int32_t *number = c->call_kernels;
    for (int f = 0; f < c->program.n_functions; f++) {
        VtCall *calls = (VtCall *)c->program.functions[f].calls; /* in our own arena */
        for (int i = 0; i < c->program.functions[f].n_calls; i++, number++)
            calls[i].kernel = *number >= 0 ? kernels[*number] : irregular_kernel(-1 - *number);
    }
    llvm_memory_give_back();
    c->times.link = seconds_now() - start;
    return true;
}

const VtProgram *compiled_program(const Compiled *compiled) {
    return &compiled->program;
}
const char *compiled_target(const Compiled *compiled) {
    return compiled->target;
}
int compiled_kernels(const Compiled *compiled) {
    return compiled->n_kernels;
}
CompileTimes compiled_times(const Compiled *compiled) {
    return compiled->times;
}

void compiled_free(Compiled *compiled) {
    if (!compiled) return;
    jit_free(compiled->jit);
    units_free(compiled->units, compiled->n_units);
    arena_free(compiled->arena);
}
