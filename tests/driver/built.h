/* For tests: a recipe's module after passes of the test's choice, compiled. */
#ifndef VITC_TESTS_DRIVER_BUILT_H
#define VITC_TESTS_DRIVER_BUILT_H

#include "codegen/codegen.h"
#include "frontend/frontend.h"
#include "passes/passes.h"
#include "tests/driver/step.h"

typedef struct {
    Arena *arena;
    Module *module;
    Recipe recipe;
    Compiled *compiled;
} Built;

/* Runs `chain` on a machine on which every chain is worth it whose blocks fit into the cache: all is fast but the
 * memory. */
static inline bool run_chain(Module *module, Diags *diags) {
    Machine *machine = &module->machine;
    for (int p = 0; p < PRECISION_COUNT; p++) machine->peak[p] = 1e18;
    machine->bandwidth = 1;
    machine->shared_bandwidth = machine->packing = 1e18;
    machine->call = 1e-18;
    return passes_run(module, "chain", &(PassOptions){.verify = true}, diags);
}

/* Compiles b->module. */
static inline void built_compile(Built *b, const char *features) {
    char error[512];
    CodegenOptions options = {.target_features = features};
    b->compiled = codegen_compile(b->module, &b->recipe.plan, &options, error, sizeof error);
    if (!b->compiled) fail_msg("%s", error);
}

static inline char *built_step(const Built *b, int threads, size_t *size) {
    vt_set_threads(threads);
    return one_step(compiled_program(b->compiled), size);
}

static inline void built_drop(Built *b) {
    compiled_free(b->compiled);
    arena_free(b->arena);
}

#endif
