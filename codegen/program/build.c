/* Ahead of time: modules become object files, assembly or LLVM IR that hold code and descriptor. See codegen.h.
 *
 * Each variant is one LLVM module, made by a thread of its own: the kernels that the JIT would compile, entries of the
 * micro-kernels, and the program as constants. The VtBuilt is in the same module if there is but one variant; else in a
 * module by itself, which refers to the others by hidden symbols. */
#include "codegen/codegen.h"
#include "codegen/gemm/micro_entries.h"
#include "codegen/program/calls.h"
#include "codegen/program/descriptor.h"
#include "codegen/program/irregular.h"
#include "codegen/program/listing.h"
#include "codegen/program/workers.h"

#include <llvm-c/Analysis.h>
#include <stdio.h>
#include <string.h>

/* A module on its way to a file. */
typedef struct {
    const BuildRequest *request;
    int number; /* of the variant; that of no variant: of the VtBuilt */
    Arena *arena;
    TargetMachine target;
    LLVMModuleRef module;
    Calls *calls;
    MicroEntries micros;
    VtVariant variant;
    LLVMMemoryBufferRef file; /* the result; owned; NULL: it failed */
    char error[1024];
} Build;

static bool is_alone(const Build *b) {
    return b->request->n_variants == 1;
}

/* ---- code -------------------------------------------------------------------------------------------------------- */

static void emit_code(Build *b) {
    Machine machine = unit_machine(&b->target, &b->request->variants[b->number].module->machine);
    LLVMBuilderRef builder = LLVMCreateBuilderInContext(LLVMGetModuleContext(b->module));
    FunctionBuilder fb = builder_make(b->target.target, &machine, b->module, builder);
    const Diags *diags = b->request->variants[b->number].module->diags;
    bool listing = b->request->kind == BUILD_ASSEMBLY && !b->request->lines;
    if (listing || b->request->lines) fb.positions = positions_begin(b->arena, b->module, diags, listing);
    kernel_codes_emit(b->calls->codes, b->calls->n_codes, &fb);
    positions_end(fb.positions);
    fb.positions = NULL;
    b->micros = micro_entries_emit(&fb, b->arena);
    LLVMDisposeBuilder(builder);
    for (LLVMValueRef f = LLVMGetFirstFunction(b->module); f; f = LLVMGetNextFunction(f))
        if (!LLVMIsDeclaration(f)) LLVMSetLinkage(f, LLVMInternalLinkage);
}

static bool is_valid(Build *b) {
    char *broken = NULL;
    bool good = !LLVMVerifyModule(b->module, LLVMReturnStatusAction, &broken);
    if (!good) snprintf(b->error, sizeof b->error, "generated code is not valid: %.600s", broken);
    LLVMDisposeMessage(broken);
    return good;
}

/* ---- data -------------------------------------------------------------------------------------------------------- */

static const char *symbol(const Build *b, const char *what) {
    return arena_printf(b->arena, "%s_%s", b->request->symbol, what);
}

/* Of a variant's program or micro-kernels. */
static const char *variant_symbol(const Build *b, const char *what, int number) {
    return arena_printf(b->arena, "%s_%s_%d", b->request->symbol, what, number);
}

static void export_symbol(LLVMValueRef global, const char *name, bool hidden) {
    LLVMSetValueName2(global, name, strlen(name));
    LLVMSetLinkage(global, LLVMExternalLinkage);
    if (hidden) LLVMSetVisibility(global, LLVMHiddenVisibility);
}

/* What the calls' kernels are, in their order. */
static const LLVMValueRef *call_codes(const Build *b) {
    const VtProgram *p = &b->calls->program;
    LLVMTypeRef pointer = LLVMPointerTypeInContext(LLVMGetModuleContext(b->module), 0);
    int all = 0;
    for (int f = 0; f < p->n_functions; f++) all += p->functions[f].n_calls;
    LLVMValueRef *codes = ARENA_ARRAY(b->arena, LLVMValueRef, all + 1);
    for (int i = 0; i < all; i++) {
        int32_t number = b->calls->kernels[i];
        char own[KERNEL_NAME];
        kernel_code_name(number, own);
        const char *name = number >= 0 ? own : irregular_symbol(-1 - number);
        codes[i] = LLVMGetNamedFunction(b->module, name);
        if (codes[i]) continue;
        LLVMTypeRef i32 = LLVMInt32TypeInContext(LLVMGetModuleContext(b->module));
        LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(LLVMGetModuleContext(b->module)),
                                            (LLVMTypeRef[]){pointer, i32, i32}, 3, false);
        codes[i] = LLVMAddFunction(b->module, name, type);
    }
    return codes;
}

/* Local symbols say what a kernel is. Debuggers and profilers show them. */
static void name_kernels(const Build *b) {
    for (int i = 0; i < b->calls->n_codes; i++) kernel_code_rename(b->calls->codes[i], b->arena, b->module);
}

/* `variants`: of all of them; their programs and micro-kernels are known to `d`. */
static void add_built(const Build *b, Descriptor *d, const VtVariant *variants) {
    VtBuilt built = *b->request->about;
    built.abi = VT_ABI;
    built.llvm = codegen_llvm_version(b->arena);
    built.variants = variants;
    built.n_variants = b->request->n_variants;
    export_symbol(descriptor_global(d, record_of_built(), &built, 1, ""), symbol(b, "program"), false);
}

static void add_variant(Build *b) {
    const BuildVariant *asked = &b->request->variants[b->number];
    calls_find_scratch(b->calls);
    Descriptor d = descriptor_make(b->arena, b->module);
    d.codes = call_codes(b);
    name_kernels(b);
    d.constant_bytes = b->calls->constant_bytes;
    LLVMValueRef program = descriptor_global(&d, record_of_program(), &b->calls->program, 1, "program");
    d.codes = b->micros.functions;
    LLVMValueRef micros = descriptor_global(&d, record_of_micro(), b->micros.micros, b->micros.n, "micros");
    b->variant = (VtVariant){.target = b->target.target->name,
                             .features = b->target.target->features,
                             .traits = b->target.target->traits ? b->target.target->traits : "",
                             .machine = asked->machine ? asked->machine : "",
                             .program = &b->calls->program,
                             .micros = b->micros.micros,
                             .n_micros = b->micros.n};
    if (is_alone(b)) {
        add_built(b, &d, &b->variant);
        return;
    }
    export_symbol(program, variant_symbol(b, "program", b->number), true);
    export_symbol(micros, variant_symbol(b, "micros", b->number), true);
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static LLVMMemoryBufferRef commented(Build *b, const char *text, size_t size) {
    ListingOptions options = {b->calls, b->request->kind == BUILD_ASSEMBLY, b->request->lines};
    if (b->calls) text = listing_of(b->arena, &options, text, &size);
    return LLVMCreateMemoryBufferWithMemoryRangeCopy(text, size, "vitc");
}

static void write_assembly(Build *b) {
    LLVMSetTargetMachineAsmVerbosity(b->target.llvm, true);
    LLVMMemoryBufferRef text =
        object_file(b->module, &b->target, LLVMAssemblyFile, b->error, sizeof b->error);
    if (!text) return;
    b->file = commented(b, LLVMGetBufferStart(text), LLVMGetBufferSize(text));
    LLVMDisposeMemoryBuffer(text);
}

static void write_llvm(Build *b) {
    char *text = LLVMPrintModuleToString(b->module);
    b->file = commented(b, text, strlen(text));
    LLVMDisposeMessage(text);
}

static void write_file(Build *b) {
    switch (b->request->kind) {
    case BUILD_OBJECT:
        b->file = object_file(b->module, &b->target, LLVMObjectFile, b->error, sizeof b->error);
        break;
    case BUILD_ASSEMBLY: write_assembly(b); break;
    case BUILD_LLVM: write_llvm(b);
    }
}

static bool open_module(Build *b, const char *target) {
    b->arena = arena_new();
    if (!target_machine_open(&b->target, target, b->error, sizeof b->error)) return false;
    b->module = object_module(&b->target, LLVMContextCreate());
    return true;
}

/* What LLVM keeps of the module; what was made of it stays. */
static void close_module(Build *b) {
    if (b->module) {
        LLVMContextRef context = LLVMGetModuleContext(b->module);
        LLVMDisposeModule(b->module);
        LLVMContextDispose(context);
    }
    target_machine_close(&b->target);
}

static void build_variant(void *user, int i) {
    Build *b = &((Build *)user)[i];
    const BuildVariant *asked = &b->request->variants[i];
    if (open_module(b, asked->target)) {
        b->calls =
            calls_make(b->arena, asked->module, asked->plan, b->target.target, b->error, sizeof b->error);
        if (b->calls) {
            emit_code(b);
            bool good = is_valid(b) && object_optimize(b->module, &b->target, b->error, sizeof b->error);
            if (good) add_variant(b);
            if (good) write_file(b);
        }
    }
    close_module(b);
}

/* The VtBuilt of several variants, for the last one's kind of processor, which asks for least. */
static void build_table(Build *b, const Build *variants) {
    int n = b->request->n_variants;
    if (open_module(b, b->request->variants[n - 1].target)) {
        Descriptor d = descriptor_make(b->arena, b->module);
        LLVMTypeRef byte = LLVMInt8TypeInContext(LLVMGetModuleContext(b->module));
        VtVariant *all = ARENA_ARRAY(b->arena, VtVariant, n);
        for (int i = 0; i < n; i++) {
            LLVMValueRef program = LLVMAddGlobal(b->module, byte, variant_symbol(b, "program", i)),
                         micros = LLVMAddGlobal(b->module, byte, variant_symbol(b, "micros", i));
            LLVMSetVisibility(program, LLVMHiddenVisibility);
            LLVMSetVisibility(micros, LLVMHiddenVisibility);
            all[i] = variants[i].variant;
            descriptor_know(&d, all[i].program, program);
            descriptor_know(&d, all[i].micros, micros);
        }
        add_built(b, &d, all);
        if (is_valid(b)) write_file(b);
    }
    close_module(b);
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

static void take_file(BuiltFiles *out, const Build *b, const char *name) {
    size_t size = LLVMGetBufferSize(b->file);
    char *bytes = arena_alloc(out->arena, size + 1);
    memcpy(bytes, LLVMGetBufferStart(b->file), size);
    out->files[out->n_files++] = (BuiltFile){arena_strdup(out->arena, name), bytes, size};
}

bool codegen_build(const BuildRequest *request, BuiltFiles *out, char *error, size_t size) {
    int n = request->n_variants, n_files = n == 1 ? 1 : n + 1;
    *out = (BuiltFiles){.arena = arena_new()};
    out->files = ARENA_ARRAY(out->arena, BuiltFile, n_files);
    Build *builds = ARENA_ARRAY(out->arena, Build, n_files);
    for (int i = 0; i < n_files; i++) builds[i] = (Build){.request = request, .number = i};
    workers_run(build_variant, builds, n, false);
    bool good = true;
    for (int i = 0; i < n; i++) good = good && builds[i].file;
    if (good && n > 1) build_table(&builds[n], builds);
    for (int i = 0; i < n_files; i++) {
        Build *b = &builds[i];
        if (good && !b->file) good = false;
        if (good) take_file(out, b, i < n ? b->variant.target : "program");
        if (!b->file && b->error[0]) snprintf(error, size, "%s", b->error);
        if (b->file) LLVMDisposeMemoryBuffer(b->file);
    }
    for (int i = 0; i < n_files; i++) arena_free(builds[i].arena); /* variants' texts are in the VtBuilt */
    if (!good) built_free(out);
    return good;
}

void built_free(BuiltFiles *files) {
    arena_free(files->arena);
    *files = (BuiltFiles){0};
}
