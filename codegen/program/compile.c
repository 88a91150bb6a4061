/* A module becomes a program in this process: calls and the kernels that they want (calls.h), compile units side by
 * side (unit.h), the JIT (compiled.h). build.c makes files of the same calls and kernels. */
#include "codegen/program/calls.h"
#include "codegen/program/compiled.h"
#include "codegen/program/unit.h"
#include "ir/base/clock.h"

#include <string.h>

static bool compile_units(Compiled *out, const Calls *calls, const Machine *machine,
                          const CodegenOptions *options, char *error, size_t size) {
    out->n_kernels = calls->n_codes;
    out->units = units_make(out->arena, calls->codes, calls->n_codes, &out->n_units);
    double start = seconds_now();
    if (!units_compile(out->units, out->n_units, options, machine, error, size)) return false;
    out->symbols = ARENA_ARRAY(out->arena, const char *, calls->n_codes + 1);
    for (int i = 0; i < calls->n_codes; i++) out->symbols[i] = calls->codes[i]->symbol;
    /* The stages overlap where units are compiled side by side: each gets its share of the time that passed. */
    double passed = seconds_now() - start, all = 0;
    out->objects = ARENA_ARRAY(out->arena, JitObject, out->n_units);
    out->n_objects = out->n_units;
    for (int i = 0; i < out->n_units; i++) {
        const CompileUnit *unit = &out->units[i];
        out->objects[i] = (JitObject){LLVMGetBufferStart(unit->object), LLVMGetBufferSize(unit->object)};
        out->times.emit += unit->emit_seconds;
        out->times.optimize += unit->times.optimize;
        out->times.object += unit->times.object;
        all += unit->emit_seconds + unit->times.optimize + unit->times.object;
    }
    out->times.emit *= passed / all;
    out->times.optimize *= passed / all;
    out->times.object *= passed / all;
    return true;
}

static bool compile_calls(Compiled *out, const Module *module, const VtProgram *plan,
                          const TargetMachine *target, const CodegenOptions *options, char *error,
                          size_t size) {
    double start = seconds_now();
    Calls *calls = calls_make(out->arena, module, plan, target->target, error, size);
    if (!calls) return false;
    Machine machine = unit_machine(target, &module->machine);
    double made = seconds_now();
    if (!compile_units(out, calls, &machine, options, error, size)) return false;
    double compiled = seconds_now();
    calls_find_scratch(calls);
    out->program = calls->program;
    out->call_kernels = calls->kernels;
    out->constant_bytes = calls->constant_bytes;
    out->origins = calls->origins;
    out->target = target->target->name;
    out->times.calls = made - start + seconds_now() - compiled;
    return options->unlinked || compiled_link(out, options->tell, error, size);
}

Compiled *codegen_compile(const Module *module, const VtProgram *plan, const CodegenOptions *options,
                          char *error, size_t size) {
    Arena *arena = arena_new();
    Compiled *out = ARENA_NEW(arena, Compiled);
    CodegenOptions usual = {0};
    TargetMachine target = {0};
    out->arena = arena;
    if (!options) options = &usual;
    bool good = codegen_runs_here(options->target_features, error, size) &&
                target_machine_open(&target, options->target_features, error, size) &&
                compile_calls(out, module, plan, &target, options, error, size);
    target_machine_close(&target);
    if (good) return out;
    compiled_free(out);
    return NULL;
}
