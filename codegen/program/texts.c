/* The code of distinct kernels as text: see codegen.h. Units are made as for the JIT (unit.h), with positions, and
 * their functions are printed instead of linked. */
#include "codegen/program/calls.h"
#include "codegen/program/code_text.h"
#include "codegen/program/workers.h"
#include "ir/base/names.h"

#include <llvm-c/Analysis.h>
#include <string.h>

/* A function of a unit. */
typedef struct {
    const char *name, *llvm, *assembly;
    const char **callees;
    size_t n_callees, callees_capacity;
} UnitText;

typedef struct {
    const CompileUnit *unit;
    const Module *module;
    const KernelTextsRequest *request;
    Arena *arena;
    TargetMachine target;
    UnitText *texts;
    size_t count, capacity;
    bool done;
    char error[1024];
} UnitTexts;

/* ---- a unit ------------------------------------------------------------------------------------------------------ */

static void emit(UnitTexts *u, LLVMModuleRef llvm) {
    Machine machine = unit_machine(&u->target, &u->module->machine);
    LLVMBuilderRef builder = LLVMCreateBuilderInContext(LLVMGetModuleContext(llvm));
    FunctionBuilder fb = builder_make(u->target.target, &machine, llvm, builder);
    fb.positions = positions_begin(u->arena, llvm, u->module->diags, true);
    if (u->request->files) positions_names(fb.positions, u->request->files, u->request->n_files);
    kernel_codes_emit(u->unit->codes, u->unit->n_codes, &fb);
    positions_end(fb.positions);
    LLVMDisposeBuilder(builder);
}

static bool is_valid(UnitTexts *u, LLVMModuleRef llvm) {
    char *broken = NULL;
    bool good = !LLVMVerifyModule(llvm, LLVMReturnStatusAction, &broken);
    if (!good) snprintf(u->error, sizeof u->error, "generated code is not valid: %.600s", broken);
    LLVMDisposeMessage(broken);
    return good;
}

static const char *name_of(Arena *arena, LLVMValueRef function) {
    size_t length;
    const char *name = LLVMGetValueName2(function, &length);
    return arena_strndup(arena, name, length);
}

static void add_callee(UnitTexts *u, UnitText *text, LLVMValueRef callee) {
    if (!callee || !LLVMIsAFunction(callee) || LLVMIsDeclaration(callee)) return;
    const char *name = name_of(u->arena, callee);
    for (size_t i = 0; i < text->n_callees; i++)
        if (strcmp(text->callees[i], name) == 0) return;
    ARENA_PUSH(u->arena, text->callees, text->n_callees, text->callees_capacity, name);
}

static void add_text(UnitTexts *u, LLVMValueRef function) {
    UnitText text = {.name = name_of(u->arena, function)};
    for (LLVMBasicBlockRef block = LLVMGetFirstBasicBlock(function); block;
         block = LLVMGetNextBasicBlock(block))
        for (LLVMValueRef i = LLVMGetFirstInstruction(block); i; i = LLVMGetNextInstruction(i))
            if (LLVMGetInstructionOpcode(i) == LLVMCall) add_callee(u, &text, LLVMGetCalledValue(i));
    if (u->request->llvm) text.llvm = code_text_llvm(u->arena, function);
    ARENA_PUSH(u->arena, u->texts, u->count, u->capacity, text);
}

static bool take_assembly(UnitTexts *u, LLVMModuleRef llvm) {
    LLVMSetTargetMachineAsmVerbosity(u->target.llvm, true);
    LLVMMemoryBufferRef file = object_file(llvm, &u->target, LLVMAssemblyFile, u->error, sizeof u->error);
    if (!file) return false;
    size_t n;
    const AssemblyText *parts =
        code_texts_assembly(u->arena, LLVMGetBufferStart(file), LLVMGetBufferSize(file), &n);
    Names numbers = {0};
    for (size_t i = 0; i < n; i++) names_set(u->arena, &numbers, parts[i].name, (uint32_t)i);
    for (size_t i = 0; i < u->count; i++) {
        uint32_t part = names_find(&numbers, u->texts[i].name);
        if (part != NAMES_NONE) u->texts[i].assembly = parts[part].text;
    }
    LLVMDisposeMemoryBuffer(file);
    return true;
}

static bool print_unit(UnitTexts *u, LLVMModuleRef llvm) {
    emit(u, llvm);
    if (!is_valid(u, llvm) || !object_optimize(llvm, &u->target, u->error, sizeof u->error)) return false;
    for (int i = 0; i < u->unit->n_codes; i++) kernel_code_rename(u->unit->codes[i], u->arena, llvm);
    for (LLVMValueRef f = LLVMGetFirstFunction(llvm); f; f = LLVMGetNextFunction(f))
        if (!LLVMIsDeclaration(f)) add_text(u, f);
    return !u->request->assembly || take_assembly(u, llvm);
}

static void make_unit(void *user, int i) {
    UnitTexts *u = &((UnitTexts *)user)[i];
    u->arena = arena_new();
    if (!target_machine_open(&u->target, u->request->target_features, u->error, sizeof u->error)) return;
    LLVMContextRef context = LLVMContextCreate();
    LLVMModuleRef llvm = object_module(&u->target, context);
    u->done = print_unit(u, llvm);
    LLVMDisposeModule(llvm);
    LLVMContextDispose(context);
    target_machine_close(&u->target);
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

typedef struct {
    KernelTexts *out;
    const UnitText **from; /* by text */
    size_t count, capacity;
    Names numbers;
} Gather;

/* Functions of equal name are equal: of those that several units have one is taken. */
static void take(Gather *g, const UnitText *text) {
    if (names_find(&g->numbers, text->name) != NAMES_NONE) return;
    names_set(g->out->arena, &g->numbers, text->name, (uint32_t)g->count);
    ARENA_PUSH(g->out->arena, g->from, g->count, g->capacity, text);
}

static const UnitText *text_of_code(const UnitTexts *units, int n, const KernelCode *code) {
    char own[KERNEL_NAME];
    kernel_code_name(code->number, own);
    size_t length = strlen(own);
    for (int u = 0; u < n; u++)
        for (size_t i = 0; i < units[u].count; i++)
            if (strncmp(units[u].texts[i].name, own, length) == 0 && units[u].texts[i].name[length] == '.')
                return &units[u].texts[i];
    return NULL;
}

static const char *copy_of(Arena *arena, const char *text) {
    return text ? arena_strdup(arena, text) : NULL;
}

static void write_texts(Gather *g) {
    Arena *arena = g->out->arena;
    g->out->texts = ARENA_ARRAY(arena, KernelText, g->count + 1);
    g->out->n_texts = (int)g->count;
    for (size_t i = 0; i < g->count; i++) {
        const UnitText *from = g->from[i];
        int *calls = ARENA_ARRAY(arena, int, from->n_callees + 1);
        for (size_t c = 0; c < from->n_callees; c++)
            calls[c] = (int)names_find(&g->numbers, from->callees[c]);
        g->out->texts[i] = (KernelText){arena_strdup(arena, from->name), copy_of(arena, from->llvm),
                                        copy_of(arena, from->assembly), calls, (int)from->n_callees};
    }
}

/* The codes that were printed come first, in their order; *number: by code, of its text. */
static void gather(KernelTexts *out, const UnitTexts *units, int n, KernelCode *const *codes, int n_codes,
                   int32_t *number) {
    Gather g = {.out = out};
    for (int c = 0; c < n_codes; c++) {
        number[codes[c]->number] = (int32_t)g.count;
        take(&g, text_of_code(units, n, codes[c]));
    }
    out->n_kernels = (int)g.count;
    for (int u = 0; u < n; u++)
        for (size_t i = 0; i < units[u].count; i++) take(&g, &units[u].texts[i]);
    write_texts(&g);
}

static void number_kernels(KernelTexts *out, const Module *module, const Calls *calls,
                           const int32_t *number) {
    int32_t **text_of = ARENA_ARRAY(out->arena, int32_t *, module->n_funcs + 1);
    for (size_t f = 0; f < module->n_funcs; f++) {
        size_t n = module->funcs[f]->plan->n_kernels;
        text_of[f] = ARENA_ARRAY(out->arena, int32_t, n + 1);
        for (size_t k = 0; k < n; k++) {
            int32_t code = calls->code_of[f][k];
            text_of[f][k] = code < 0 ? -1 : number[code];
        }
    }
    out->text_of = (const int32_t *const *)text_of;
}

/* The codes that are wanted: all, or that of the one kernel; how many. */
static int wanted_codes(const Module *module, const Calls *calls, const Kernel *only, KernelCode **wanted) {
    if (!only) memcpy(wanted, calls->codes, sizeof *wanted * (size_t)calls->n_codes);
    if (!only) return calls->n_codes;
    for (size_t f = 0; f < module->n_funcs; f++)
        for (size_t k = 0; k < module->funcs[f]->plan->n_kernels; k++)
            if (&module->funcs[f]->plan->kernels[k] == only && calls->code_of[f][k] >= 0) {
                wanted[0] = calls->codes[calls->code_of[f][k]];
                return 1;
            }
    return 0;
}

/* Names alone: nothing is compiled. */
static void name_texts(const Calls *calls, KernelTexts *out, int32_t *number) {
    out->texts = ARENA_ARRAY(out->arena, KernelText, calls->n_codes + 1);
    out->n_texts = out->n_kernels = calls->n_codes;
    for (int i = 0; i < calls->n_codes; i++) {
        out->texts[i].name = kernel_code_symbol(calls->codes[i], out->arena);
        number[i] = i;
    }
}

static bool make_texts(Arena *arena, const Module *module, const Calls *calls,
                       const KernelTextsRequest *request, KernelTexts *out, char *error, size_t size) {
    KernelCode **wanted = ARENA_ARRAY(arena, KernelCode *, calls->n_codes + 1);
    int32_t *number = ARENA_ARRAY(arena, int32_t, calls->n_codes + 1);
    if (!request->llvm && !request->assembly) {
        name_texts(calls, out, number);
        number_kernels(out, module, calls, number);
        return true;
    }
    for (int i = 0; i < calls->n_codes; i++) number[i] = -1;
    int n = 0, n_wanted = wanted_codes(module, calls, request->kernel, wanted);
    CompileUnit *units = n_wanted ? units_make(arena, wanted, n_wanted, &n) : NULL;
    UnitTexts *made = ARENA_ARRAY(arena, UnitTexts, n + 1);
    for (int i = 0; i < n; i++)
        made[i] = (UnitTexts){.unit = &units[i], .module = module, .request = request};
    workers_run(make_unit, made, n, false);
    bool good = true;
    for (int i = 0; i < n; i++) {
        if (good && !made[i].done) snprintf(error, size, "%s", made[i].error);
        good = good && made[i].done;
    }
    if (good) gather(out, made, n, wanted, n_wanted, number);
    if (good) number_kernels(out, module, calls, number);
    for (int i = 0; i < n; i++) arena_free(made[i].arena);
    return good;
}

bool codegen_kernel_texts(const Module *module, const KernelTextsRequest *request, KernelTexts *out,
                          char *error, size_t size) {
    Arena *arena = arena_new();
    TargetMachine target = {0};
    VtProgram none = {0}; /* where inputs come from is not in the code */
    *out = (KernelTexts){.arena = arena_new()};
    bool good = target_machine_open(&target, request->target_features, error, size);
    Calls *calls = good ? calls_make(arena, module, &none, target.target, error, size) : NULL;
    good = calls && make_texts(arena, module, calls, request, out, error, size);
    if (good) out->target = target.target->name;
    target_machine_close(&target);
    arena_free(arena);
    if (!good) kernel_texts_free(out);
    return good;
}

void kernel_texts_free(KernelTexts *texts) {
    arena_free(texts->arena);
    *texts = (KernelTexts){0};
}
