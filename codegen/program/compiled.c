/* A compiled program: linking, questions, the end. */
#include "codegen/program/compiled.h"
#include "codegen/program/irregular.h"
#include "codegen/program/unit.h"
#include "codegen/program/llvm_memory.h"
#include "codegen/program/perf.h"
#include "ir/base/clock.h"

#include <stdio.h>

static bool look_up(Compiled *c, VtKernel *kernels, char *error, size_t size) {
    for (int i = 0; i < c->n_kernels; i++) {
        kernels[i] = (VtKernel)(uintptr_t)jit_address(c->jit, c->symbols[i]);
        if (!kernels[i]) {
            snprintf(error, size, "the JIT lost %s", c->symbols[i]);
            return false;
        }
    }
    return true;
}

/* Each object is linked when one of its kernels is looked up. */
static bool link_objects(Compiled *c, VtKernel *kernels, int tell, char *error, size_t size) {
    if (tell & TELL_GDB) debuggers_begin();
    c->jit = jit_load(c->objects, c->n_objects, tell & TELL_GDB, error, size);
    bool good = c->jit && look_up(c, kernels, error, size);
    if (tell & TELL_GDB) c->registered = debuggers_end();
    return good;
}

bool compiled_link(Compiled *c, int tell, char *error, size_t size) {
    double start = seconds_now();
    VtKernel *kernels = ARENA_ARRAY(c->arena, VtKernel, c->n_kernels + 1);
    if (!link_objects(c, kernels, tell, error, size)) return false;
    const int32_t *number = c->call_kernels;
    for (int f = 0; f < c->program.n_functions; f++) {
        VtCall *calls = (VtCall *)c->program.functions[f].calls; /* in our own arena */
        for (int i = 0; i < c->program.functions[f].n_calls; i++, number++)
            calls[i].kernel = *number >= 0 ? kernels[*number] : irregular_kernel(-1 - *number);
    }
    if (tell & (TELL_PERF_MAP | TELL_PERF_DUMP)) {
        size_t n;
        const CodeSymbol *symbols = code_symbols(c->arena, c->jit, c->objects, c->n_objects, &n);
        if (!perf_tell(symbols, n, tell, error, size)) return false;
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
const char *compiled_symbol(const Compiled *compiled, int i) {
    return compiled->symbols[i];
}
const CallOrigin *compiled_origins(const Compiled *compiled, int f) {
    return compiled->origins ? compiled->origins[f] : NULL;
}
CompileTimes compiled_times(const Compiled *compiled) {
    return compiled->times;
}

void compiled_free(Compiled *compiled) {
    if (!compiled) return;
    debuggers_forget(&compiled->registered);
    jit_free(compiled->jit);
    units_free(compiled->units, compiled->n_units);
    arena_free(compiled->arena);
}
