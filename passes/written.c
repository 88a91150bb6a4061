/* The work as it was written: see written.h. */
#include "passes/written.h"
#include "passes/passes.h"

FlopCount flop_count(const Func *func) {
    return (FlopCount){func_flops(func, false), func_flops(func, true)};
}

FlopCount flops_as_written(const Module *module, const char *name) {
    Arena *arena = arena_new();
    Module *copy = module_clone(module, arena);
    copy->remarks = NULL;
    copy->diags = diags_new(arena);
    FlopCount count = {0, 0};
    const Func *func =
        passes_run(copy, PASSES_WRITTEN, NULL, copy->diags) ? module_find_func(copy, name) : NULL;
    if (func) count = flop_count(func);
    arena_free(arena);
    return count;
}
