/* Compile units: see unit.h. */
#include "codegen/program/unit.h"
#include "codegen/emit/emit.h"
#include "codegen/program/workers.h"
#include "codegen/kernels/kernels.h"
#include "ir/base/clock.h"
#include "ir/plan/cost.h"

#include <ctype.h>
#include <llvm-c/Analysis.h>
#include <stdio.h>
#include <string.h>

enum { UNIT_WEIGHT = 350, MOST_UNITS = 12 }; /* UNIT_WEIGHT: about the weight_of a unit */

Machine unit_machine(const TargetMachine *target, const Machine *known) {
    Machine all = *known;
    machine_fill(&all, &target->facts);
    return machine_with_usual(&all);
}

void kernel_code_name(int number, char out[KERNEL_NAME]) {
    snprintf(out, KERNEL_NAME, "kernel_%d", number);
}

/* "(optimizers.yaml:9)" stands for the scope of a node without one: the name has no parentheses. */
const char *kernel_code_symbol(const KernelCode *code, Arena *arena) {
    ValueId named = kernel_cost(code->func, code->kernel).named;
    const char *origin = node_origin(arena, code->func, named);
    size_t length = strlen(origin), skipped = *origin == '(';
    char own[KERNEL_NAME];
    kernel_code_name(code->number, own);
    char *name =
        arena_printf(arena, "%s.%s%s%.*s", own, op_info((OpKind)func_node(code->func, named)->op)->name,
                     *origin ? "." : "", (int)(length - 2 * skipped), origin + skipped);
    for (char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '.') *c = '_';
    return name;
}

const char *kernel_code_rename(const KernelCode *code, Arena *arena, LLVMModuleRef module) {
    char own[KERNEL_NAME];
    kernel_code_name(code->number, own);
    const char *name = kernel_code_symbol(code, arena);
    LLVMSetValueName2(LLVMGetNamedFunction(module, own), name, strlen(name));
    return name;
}

/* ---- sharing out ------------------------------------------------------------------------------------------------- */

/* An estimate of the time to compile: operators, and a product's loops. */
static int weight_of(const KernelCode *code) {
    return (int)(code->kernel->last - code->kernel->first) + (code->product ? 60 : 12);
}

/* Products and packing kernels come first: they take longest to compile, and so the threads end at about the same
 * time. */
CompileUnit *units_make(Arena *arena, KernelCode *const *codes, int n_codes, int *n_units) {
    KernelCode **order = ARENA_ARRAY(arena, KernelCode *, n_codes + 1);
    int all = 0, n = 0, seen = 0;
    for (int product = 1; product >= 0; product--)
        for (int i = 0; i < n_codes; i++)
            if (codes[i]->product == (product == 1)) order[n++] = codes[i];
    for (int i = 0; i < n; i++) all += weight_of(codes[i]);
    *n_units = all / UNIT_WEIGHT < 1 ? 1 : all / UNIT_WEIGHT > MOST_UNITS ? MOST_UNITS : all / UNIT_WEIGHT;
    CompileUnit *units = ARENA_ARRAY(arena, CompileUnit, *n_units);
    for (int i = 0; i < n; i++) {
        CompileUnit *unit = &units[(int64_t)seen * *n_units / all];
        if (unit->n_codes == 0) unit->codes = &order[i];
        unit->n_codes++;
        seen += weight_of(order[i]);
    }
    return units;
}

/* ---- one kernel -------------------------------------------------------------------------------------------------- */

/* Emits the kernel from the first place in the program that uses the code. */
static void emit_code(FunctionBuilder *fb, KernelCode *code) {
    char name[KERNEL_NAME];
    Arena *arena = arena_new();
    const Kernel *kernel = code->kernel;
    Arguments arguments = {.arena = arena};
    fb->chain = code->chain;
    Emitter e = emitter_make(fb, &arguments, arena, code->func, kernel,
                             fb->chain ? fb->chain->units : 0); /* shares are of the units */
    kernel_code_name(code->number, name);
    builder_kernel(fb, name);
    Loc loc = func_node(code->func, kernel_cost(code->func, kernel).named)->loc;
    positions_function(fb->positions, fb->builder, fb->function, loc);
    code->scratch_bytes = emit_kernel(&e);
    LLVMBuildRetVoid(fb->builder);
    positions_leave(fb->positions, fb->builder);
    arena_free(arena);
}

void kernel_codes_emit(KernelCode *const *codes, int n, FunctionBuilder *fb) {
    for (int i = 0; i < n; i++) emit_code(fb, codes[i]);
}

/* ---- one unit ---------------------------------------------------------------------------------------------------- */

static bool is_valid(CompileUnit *unit, LLVMModuleRef module) {
    char *broken = NULL;
    bool good = !LLVMVerifyModule(module, LLVMReturnStatusAction, &broken);
    if (!good) snprintf(unit->error, sizeof unit->error, "generated code is not valid: %.600s", broken);
    LLVMDisposeMessage(broken);
    return good;
}

/* Prints a comment for each kernel: its name in the code, and the node that it is named after. */
static void tell_names(const CompileUnit *unit, const char *comment) {
    for (int i = 0; i < unit->n_codes; i++) {
        const KernelCode *code = unit->codes[i];
        fprintf(stderr, "%s %s = %s\n", comment, code->symbol,
                kernel_name(unit->arena, code->func, kernel_cost(code->func, code->kernel).named));
    }
}

static void keep_frames(LLVMModuleRef module) {
    for (LLVMValueRef f = LLVMGetFirstFunction(module); f; f = LLVMGetNextFunction(f))
        if (!LLVMIsDeclaration(f)) LLVMAddTargetDependentFunctionAttr(f, "frame-pointer", "all");
}

static void emit_kernels(CompileUnit *unit, LLVMModuleRef module, const Machine *machine,
                         const CodegenOptions *options) {
    LLVMBuilderRef builder = LLVMCreateBuilderInContext(LLVMGetModuleContext(module));
    FunctionBuilder fb = builder_make(unit->target.target, machine, module, builder);
    if (options->lines && unit->n_codes)
        fb.positions = positions_begin(unit->arena, module, unit->codes[0]->func->module->diags, false);
    kernel_codes_emit(unit->codes, unit->n_codes, &fb);
    positions_end(fb.positions);
    LLVMDisposeBuilder(builder);
    for (int i = 0; i < unit->n_codes; i++)
        unit->codes[i]->symbol = kernel_code_rename(unit->codes[i], unit->arena, module);
    if (options->frames) keep_frames(module);
}

static void emit_unit(CompileUnit *unit, const CodegenOptions *options, const Machine *machine) {
    if (!target_machine_open(&unit->target, options->target_features, unit->error, sizeof unit->error))
        return;
    double start = seconds_now();
    unit->arena = arena_new();
    LLVMModuleRef module = object_module(&unit->target, LLVMContextCreate());
    emit_kernels(unit, module, machine, options);
    if (options->print == PRINT_LLVM) {
        tell_names(unit, ";");
        LLVMDumpModule(module);
    }
    if (is_valid(unit, module))
        unit->module = module;
    else {
        LLVMContextRef context = LLVMGetModuleContext(module);
        LLVMDisposeModule(module);
        LLVMContextDispose(context);
    }
    unit->emit_seconds = seconds_now() - start;
}

/* ---- what units share -------------------------------------------------------------------------------------------- */

static LLVMValueRef find_body(const CompileUnit *units, int n, const char *name) {
    for (int i = 0; i < n; i++) {
        LLVMValueRef function = units[i].module ? LLVMGetNamedFunction(units[i].module, name) : NULL;
        if (function && !LLVMIsDeclaration(function)) return function;
    }
    return NULL;
}

static void export_function(LLVMValueRef function) {
    LLVMSetLinkage(function, LLVMExternalLinkage);
    LLVMSetVisibility(function, LLVMHiddenVisibility);
}

/* Micro-kernels and packers of equal name are equal: each is compiled in the first unit that calls it, and only
 * declared in the others. */
static void share_functions(CompileUnit *units, int n) {
    for (int i = 1; i < n; i++) {
        LLVMValueRef next, function = units[i].module ? LLVMGetFirstFunction(units[i].module) : NULL;
        for (; function; function = next) {
            size_t length;
            const char *name = LLVMGetValueName2(function, &length);
            next = LLVMGetNextFunction(function);
            if (LLVMGetLinkage(function) != LLVMInternalLinkage) continue;
            LLVMValueRef body = find_body(units, i, name);
            if (!body) continue;
            export_function(body);
            LLVMValueRef declared = LLVMAddFunction(units[i].module, "", LLVMGlobalGetValueType(function));
            LLVMReplaceAllUsesWith(function, declared);
            char *copy = arena_strdup(units[i].arena, name);
            LLVMDeleteFunction(function);
            LLVMSetValueName2(declared, copy, length);
            export_function(declared);
        }
    }
}

static void compile_unit(CompileUnit *unit, CodegenPrint print) {
    if (unit->module && print == PRINT_ASSEMBLY) tell_names(unit, "#");
    if (unit->module)
        unit->object = object_emit(unit->module, LLVMGetModuleContext(unit->module), &unit->target,
                                   &unit->times, print == PRINT_ASSEMBLY, unit->error, sizeof unit->error);
    unit->module = NULL;
    target_machine_close(&unit->target);
}

/* ---- all, on threads --------------------------------------------------------------------------------------------- */

typedef struct {
    CompileUnit *units;
    const CodegenOptions *options;
    const Machine *machine;
} Work;

static void emit_one(void *user, int i) {
    const Work *w = user;
    emit_unit(&w->units[i], w->options, w->machine);
}

static void compile_one(void *user, int i) {
    const Work *w = user;
    compile_unit(&w->units[i], w->options->print);
}

bool units_compile(CompileUnit *units, int n, const CodegenOptions *options, const Machine *machine,
                   char *error, size_t size) {
    Work w = {.units = units, .options = options, .machine = machine};
    bool alone = options->print != PRINT_NONE;
    workers_run(emit_one, &w, n, alone);
    share_functions(units, n);
    workers_run(compile_one, &w, n, alone);
    for (int i = 0; i < n; i++)
        if (!units[i].object) {
            snprintf(error, size, "%s", units[i].error);
            return false;
        }
    return true;
}

void units_free(CompileUnit *units, int n) {
    for (int i = 0; i < n; i++) {
        arena_free(units[i].arena);
        if (units[i].object) LLVMDisposeMemoryBuffer(units[i].object);
    }
}
