/* A module becomes a program: one LLVM function for each distinct kernel, a list of calls for each function.
 *
 * Kernels are compared by their canonical text (ir/canonical.h), so that twelve equal blocks are compiled once. The calls
 * are data (program.h): the runtime walks them. */
#include "codegen/codegen.h"
#include "codegen/emit.h"
#include "codegen/jit.h"
#include "codegen/product.h"
#include "codegen/target.h"
#include "ir/canonical.h"
#include "ir/clock.h"
#include "ir/cost.h"
#include "runtime/irregular.h"

#include <llvm-c/Analysis.h>
#include <stdlib.h>
#include <string.h>

/* An argument in canonical form: node `index` of the kernel, or its index-th outside value, or scratch. */
typedef struct {
    enum { REF_LOCAL, REF_OUTSIDE, REF_SCRATCH } kind;
    uint32_t index;
    bool stored;
} Ref;

typedef struct Code {
    struct Code *next; /* of the same hash slot */
    const char *key, *name;
    Ref *refs;
    int n_refs;
    int64_t scratch_bytes;
    VtKernel address;
} Code;

enum { SLOTS = 4096 };

/* A call before addresses are known. */
typedef struct {
    const Code *code; /* NULL: `irregular` */
    VtKernel irregular;
    VtCall call;
} PendingCall;

typedef struct {
    const Func *func;
    Placement placement;
    PendingCall *calls;
    size_t n_calls, calls_capacity;
    VtArg *args;
    size_t n_args, args_capacity;
    int64_t *arg_bytes; /* of each: what may be touched there */
    size_t n_arg_bytes, arg_bytes_capacity;
    int64_t arena_bytes, scratch_bytes;
} FuncCode;

struct Compiled {
    Arena *arena;
    Target target;
    Jit *jit;
    VtProgram program;
    const Module *module;
    LLVMContextRef context;
    LLVMModuleRef llvm;
    LLVMBuilderRef builder;
    Code *slots[SLOTS];
    int n_kernels;
    double emit_seconds;
    const void **constants;
    size_t n_constants, constants_capacity;
    char *error;
    size_t error_size;
};

/* ---- one kernel -------------------------------------------------------------------------------------------------- */

static uint32_t hash_text(const char *s) {
    uint32_t h = 2166136261u;
    for (; *s; s++) h = (h ^ (unsigned char)*s) * 16777619u;
    return h;
}

static void start_function(Compiled *c, Emitter *e, const char *name) {
    LLVMTypeRef pointer = LLVMPointerTypeInContext(c->context, 0), i32 = LLVMInt32TypeInContext(c->context);
    LLVMTypeRef params[] = {pointer, i32, i32};
    e->function =
        LLVMAddFunction(c->llvm, name, LLVMFunctionType(LLVMVoidTypeInContext(c->context), params, 3, false));
    e->args = LLVMGetParam(e->function, 0);
    e->thread = LLVMGetParam(e->function, 1);
    e->threads = LLVMGetParam(e->function, 2);
    LLVMBasicBlockRef entry = LLVMAppendBasicBlockInContext(c->context, e->function, "entry");
    LLVMBasicBlockRef start = LLVMAppendBasicBlockInContext(c->context, e->function, "start");
    LLVMPositionBuilderAtEnd(c->builder, entry);
    LLVMBuildBr(c->builder, start);
    LLVMPositionBuilderAtEnd(c->builder, start);
}

/* Emits the kernel of a span; its buffers become the code's canonical arguments. */
static void emit_kernel(Compiled *c, const FuncCode *fc, const ClusterSpan *span, Kernel *kernel,
                        Code *code) {
    Emitter e = {.arena = c->arena,
                 .func = fc->func,
                 .kernel = kernel,
                 .context = c->context,
                 .module = c->llvm,
                 .builder = c->builder,
                 .lanes = c->target.row->lanes,
                 .native_bf16 = target_has_bf16(c->target.row),
                 .cluster = func_node(fc->func, span->last)->cluster,
                 .width = 1};
    start_function(c, &e, code->name);
    bool *stored = ARENA_ARRAY(c->arena, bool, span->last - span->first + 1);
    for (ValueId id = span->first; id <= span->last; id++) {
        stored[id - span->first] = fc->placement.places[id].kind != PLACE_LOOPS;
        if (stored[id - span->first]) emit_buffer(&e, id, true);
    }
    emit_find_rounded(&e, span->first, span->last, stored);
    emit_group_loops(&e);
    if (kernel->kind == KERNEL_MATMUL)
        code->scratch_bytes = emit_product_kernel(&e, &c->target);
    else if (kernel->kind == KERNEL_COLUMN)
        emit_column_kernel(&e);
    else
        emit_loop_kernel(&e);
    LLVMBuildRetVoid(c->builder);
    Outside outside = {0};
    kernel_canonical(c->arena, fc->func, &fc->placement, span, &outside);
    code->n_refs = (int)e.n_buffers;
    code->refs = ARENA_ARRAY(c->arena, Ref, e.n_buffers + 1);
    for (size_t i = 0; i < e.n_buffers; i++) {
        const Buffer *buffer = &e.buffers[i];
        Ref *ref = &code->refs[i];
        ref->stored = buffer->stored;
        if (buffer->value == IR_NONE)
            ref->kind = REF_SCRATCH;
        else if (buffer->stored)
            *ref = (Ref){REF_LOCAL, buffer->value - span->first, true};
        else
            *ref = (Ref){REF_OUTSIDE, outside_number(c->arena, &outside, buffer->value), false};
    }
}

static const Code *find_code(Compiled *c, const FuncCode *fc, const ClusterSpan *span, Kernel *kernel,
                             Outside *outside) {
    const char *key = kernel_canonical(c->arena, fc->func, &fc->placement, span, outside);
    Code **slot = &c->slots[hash_text(key) % SLOTS];
    for (Code *code = *slot; code; code = code->next)
        if (strcmp(code->key, key) == 0) return code;
    Code *code = ARENA_NEW(c->arena, Code);
    code->key = key;
    code->name = arena_printf(c->arena, "kernel_%d", c->n_kernels++);
    emit_kernel(c, fc, span, kernel, code);
    code->next = *slot;
    *slot = code;
    return code;
}

/* ---- calls and their arguments ------------------------------------------------------------------------------------- */

static int input_number(const Compiled *c, const char *name) {
    for (int i = 0; i < c->program.n_inputs; i++)
        if (strcmp(c->program.inputs[i].tensor.name, name) == 0) return i;
    return -1;
}

static VtArg arg_of(Compiled *c, const FuncCode *fc, ValueId value) {
    const Place *place = &fc->placement.places[value];
    switch (place->kind) {
    case PLACE_INPUT: return (VtArg){VT_ARG_INPUT, input_number(c, fc->func->inputs[place->index].name), 0};
    case PLACE_STATE: return (VtArg){VT_ARG_STATE, (int32_t)place->index, 0};
    case PLACE_OUTPUT: return (VtArg){VT_ARG_OUTPUT, (int32_t)place->index, 0};
    default: return (VtArg){VT_ARG_ARENA, 0, func_node(fc->func, value)->offset};
    }
}

static void push_arg(Compiled *c, FuncCode *fc, VtArg arg, int64_t bytes) {
    ARENA_PUSH(c->arena, fc->args, fc->n_args, fc->args_capacity, arg);
    ARENA_PUSH(c->arena, fc->arg_bytes, fc->n_arg_bytes, fc->arg_bytes_capacity, bytes);
}

static void push_value(Compiled *c, FuncCode *fc, ValueId value) {
    push_arg(c, fc, arg_of(c, fc, value), type_bytes(func_type(fc->func, value)));
}

static VtArg constant_arg(Compiled *c, const int64_t *numbers, int n) {
    int64_t *copy = ARENA_ARRAY(c->arena, int64_t, n);
    memcpy(copy, numbers, sizeof *copy * (size_t)n);
    ARENA_PUSH(c->arena, c->constants, c->n_constants, c->constants_capacity, copy);
    return (VtArg){VT_ARG_CONST, (int32_t)c->n_constants - 1, 0};
}

static void describe_call(Compiled *c, const FuncCode *fc, const ClusterSpan *span, VtCall *call) {
    KernelCost cost = kernel_cost(fc->func, &fc->placement, span);
    call->flops = cost.flops;
    call->bytes = cost.bytes;
    call->name = kernel_name(c->arena, fc->func, cost.named);
}

static void add_generated(Compiled *c, FuncCode *fc, const ClusterSpan *span, Kernel *kernel) {
    Outside outside = {0};
    PendingCall pending = {.code = find_code(c, fc, span, kernel, &outside)};
    pending.call.first_arg = (int32_t)fc->n_args;
    pending.call.n_args = pending.code->n_refs;
    for (int i = 0; i < pending.code->n_refs; i++) {
        const Ref *ref = &pending.code->refs[i];
        if (ref->kind == REF_SCRATCH)
            push_arg(c, fc, (VtArg){VT_ARG_SCRATCH, 0, 0}, 0);
        else
            push_value(c, fc, ref->kind == REF_LOCAL ? span->first + ref->index : outside.values[ref->index]);
    }
    if (pending.code->scratch_bytes > fc->scratch_bytes) fc->scratch_bytes = pending.code->scratch_bytes;
    describe_call(c, fc, span, &pending.call);
    ARENA_PUSH(c->arena, fc->calls, fc->n_calls, fc->calls_capacity, pending);
}

/* The product of dimensions [from, to). */
static int64_t product(const Type *type, int from, int to) {
    int64_t n = 1;
    for (int k = from; k < to; k++) n *= type->dim[k];
    return n;
}

/* Shape numbers and C function of an operator of class OTHER (see runtime/irregular.h); 0: there is none. */
static int irregular_kernel(const Func *func, const Node *node, int64_t numbers[16], VtKernel *kernel) {
    const Type *x = func_type(func, node->operands[0]);
    const Type *index = node->n_operands > 1 ? func_type(func, node->operands[1]) : NULL;
    int batch = 0, axis;
    switch (node->op) {
    case OP_gather:
    case OP_scatter:
    case OP_scatter_add: {
        batch = (int)node->attrs[0].i;
        int64_t row = product(x, batch + 1, x->rank), size = (int64_t)dtype_size(x->dtype);
        numbers[0] = product(x, 0, batch);
        numbers[1] = x->dim[batch];
        numbers[2] = product(index, batch, index->rank);
        numbers[3] = node->op == OP_gather ? row * size : row;
        numbers[4] = index->dtype == DT_I64;
        numbers[5] = x->dtype;
        numbers[6] = node->op == OP_scatter_add;
        *kernel = node->op == OP_gather ? vt_kernel_gather : vt_kernel_scatter;
        return 7;
    }
    case OP_argmax:
    case OP_argsort:
        axis = (int)node->attrs[0].i;
        if (axis < 0) axis += x->rank;
        numbers[0] = product(x, 0, axis);
        numbers[1] = x->dim[axis];
        numbers[2] = product(x, axis + 1, x->rank);
        numbers[3] = x->dtype;
        *kernel = node->op == OP_argmax ? vt_kernel_argmax : vt_kernel_argsort;
        return 4;
    case OP_unfold:
    case OP_fold: {
        const Type *image = node->op == OP_unfold ? x : &node->type;
        if (x->dtype != DT_F32) return 0;
        int first = node->op == OP_unfold ? 0 : 1;
        for (int k = 0; k < 4; k++) numbers[k] = image->dim[k];
        for (int a = 0; a < 3; a++)
            for (int i = 0; i < 2; i++) numbers[4 + 2 * a + i] = node->attrs[first + a].ints.v[i];
        for (int i = 0; i < 2; i++)
            numbers[10 + i] = (numbers[2 + i] + 2 * numbers[8 + i] - numbers[4 + i]) / numbers[6 + i] + 1;
        *kernel = node->op == OP_unfold ? vt_kernel_unfold : vt_kernel_fold;
        return 12;
    }
    default: return 0;
    }
}

static bool add_irregular(Compiled *c, FuncCode *fc, const ClusterSpan *span) {
    const Node *node = func_node(fc->func, span->last);
    int64_t numbers[16];
    PendingCall pending = {0};
    int n = irregular_kernel(fc->func, node, numbers, &pending.irregular);
    if (n == 0) {
        snprintf(c->error, c->error_size, "no kernel for operator %s of %s", op_info(node->op)->name,
                 type_text(c->arena, &node->type));
        return false;
    }
    pending.call.first_arg = (int32_t)fc->n_args;
    pending.call.n_args = node->n_operands + 2;
    for (int o = 0; o < node->n_operands; o++) push_value(c, fc, node->operands[o]);
    push_value(c, fc, span->last);
    push_arg(c, fc, constant_arg(c, numbers, n), 0);
    describe_call(c, fc, span, &pending.call);
    ARENA_PUSH(c->arena, fc->calls, fc->n_calls, fc->calls_capacity, pending);
    return true;
}

static void add_copy(Compiled *c, FuncCode *fc, VtArg from, VtArg to, const Type *type) {
    PendingCall pending = {.irregular = vt_kernel_copy};
    int64_t bytes = type_bytes(type);
    pending.call =
        (VtCall){.name = "copy", .first_arg = (int32_t)fc->n_args, .n_args = 3, .bytes = 2.0 * (double)bytes};
    push_arg(c, fc, from, bytes);
    push_arg(c, fc, to, bytes);
    push_arg(c, fc, constant_arg(c, &bytes, 1), 0);
    ARENA_PUSH(c->arena, fc->calls, fc->n_calls, fc->calls_capacity, pending);
}

/* Old states first, by way of the arena: updates may swap states. */
static void add_copies(Compiled *c, FuncCode *fc) {
    const Placement *placement = &fc->placement;
    for (int round = 0; round < 2; round++) {
        int64_t held = fc->arena_bytes;
        for (size_t i = 0; i < placement->n_copies; i++) {
            const PlaceCopy *copy = &placement->copies[i];
            const Type *type = func_type(fc->func, copy->value);
            bool output = copy->to.kind == PLACE_OUTPUT;
            VtArg from = arg_of(c, fc, copy->value),
                  to = {output ? VT_ARG_OUTPUT : VT_ARG_STATE, (int32_t)copy->to.index, 0};
            if (copy->staged) {
                VtArg between = {VT_ARG_ARENA, 0, held};
                held += (type_bytes(type) + 63) / 64 * 64;
                add_copy(c, fc, round ? between : from, round ? to : between, type);
            } else if (round != output)
                add_copy(c, fc, from, to, type);
        }
        if (round) fc->arena_bytes = held;
    }
}

/* ---- barriers ---------------------------------------------------------------------------------------------------------- */

typedef struct {
    VtArg at;
    int64_t end;
    bool written;
} Touch;

static bool meet(const Touch *a, const Touch *b) {
    if (a->at.kind != b->at.kind || a->at.index != b->at.index || (!a->written && !b->written)) return false;
    return a->at.offset < b->end && b->at.offset < a->end;
}

static size_t touches_of(const FuncCode *fc, const PendingCall *pending, Touch *out) {
    size_t n = 0;
    for (int i = 0; i < pending->call.n_args; i++) {
        const VtArg *arg = &fc->args[pending->call.first_arg + i];
        if (arg->kind == VT_ARG_CONST || arg->kind == VT_ARG_SCRATCH) continue;
        bool written = pending->code ? pending->code->refs[i].stored : i == pending->call.n_args - 2;
        out[n++] = (Touch){*arg, arg->offset + fc->arg_bytes[pending->call.first_arg + i], written};
    }
    return n;
}

/* The team meets before a call that touches what a call since the last meeting wrote, or writes what it read. */
static void place_barriers(Compiled *c, FuncCode *fc) {
    Touch *open = NULL, few[256];
    size_t n_open = 0, capacity = 0;
    for (size_t i = 0; i < fc->n_calls; i++) {
        PendingCall *pending = &fc->calls[i];
        Touch *touched =
            pending->call.n_args <= 256 ? few : ARENA_ARRAY(c->arena, Touch, pending->call.n_args);
        size_t n = touches_of(fc, pending, touched);
        bool conflict = false;
        for (size_t t = 0; t < n && !conflict; t++)
            for (size_t o = 0; o < n_open && !conflict; o++) conflict = meet(&touched[t], &open[o]);
        pending->call.barrier = conflict;
        if (conflict) n_open = 0;
        for (size_t t = 0; t < n; t++) ARENA_PUSH(c->arena, open, n_open, capacity, touched[t]);
    }
}

/* ---- functions, programs ------------------------------------------------------------------------------------------- */

static bool emit_func(Compiled *c, FuncCode *fc) {
    const Func *func = fc->func;
    fc->placement = func_place(c->arena, func);
    fc->arena_bytes = func->arena_bytes;
    for (size_t s = 0; s < fc->placement.n_spans; s++) {
        const ClusterSpan *span = &fc->placement.spans[s];
        Arena *arena = arena_new();
        Kernel kernel = kernel_regrow(arena, func, span->first, span->last);
        bool good = true;
        if (kernel.kind == KERNEL_OTHER)
            good = add_irregular(c, fc, span);
        else
            add_generated(c, fc, span, &kernel);
        arena_free(arena);
        if (!good) return false;
    }
    add_copies(c, fc);
    place_barriers(c, fc);
    return true;
}

static VtTensor tensor_of(const char *name, const Type *type) {
    VtTensor tensor = {.name = name, .dtype = type->dtype, .rank = type->rank};
    for (int k = 0; k < type->rank; k++) tensor.dim[k] = type->dim[k];
    return tensor;
}

static VtFunction finish_func(Compiled *c, FuncCode *fc) {
    const Func *func = fc->func;
    VtCall *calls = ARENA_ARRAY(c->arena, VtCall, fc->n_calls + 1);
    VtOutput *outputs = ARENA_ARRAY(c->arena, VtOutput, func->n_outputs + 1);
    int32_t *inputs = ARENA_ARRAY(c->arena, int32_t, func->n_inputs + 1);
    for (size_t i = 0; i < fc->n_calls; i++) {
        calls[i] = fc->calls[i].call;
        calls[i].kernel = fc->calls[i].code ? fc->calls[i].code->address : fc->calls[i].irregular;
    }
    for (size_t i = 0; i < func->n_outputs; i++)
        outputs[i].tensor = tensor_of(func->outputs[i].name, func_type(func, func->outputs[i].value));
    for (size_t i = 0; i < func->n_inputs; i++) inputs[i] = input_number(c, func->inputs[i].name);
    return (VtFunction){.name = func->name,
                        .n_calls = (int32_t)fc->n_calls,
                        .n_args = (int32_t)fc->n_args,
                        .n_outputs = (int32_t)func->n_outputs,
                        .n_inputs = (int32_t)func->n_inputs,
                        .calls = calls,
                        .args = fc->args,
                        .outputs = outputs,
                        .inputs = inputs,
                        .arena_bytes = fc->arena_bytes,
                        .scratch_bytes = fc->scratch_bytes};
}

static void describe_states(Compiled *c) {
    const Module *module = c->module;
    VtState *states = ARENA_ARRAY(c->arena, VtState, module->n_states + 1);
    for (size_t s = 0; s < module->n_states; s++) {
        const State *from = &module->states[s];
        states[s] = (VtState){.tensor = tensor_of(from->name, &from->type),
                              .role = from->role,
                              .init = from->init,
                              .a = from->a,
                              .b = from->b,
                              .copy_of = from->init == INIT_COPY ? (int32_t)from->copy_of : -1};
    }
    c->program.states = states;
    c->program.n_states = (int32_t)module->n_states;
}

static bool resolve_kernels(Compiled *c) {
    for (int i = 0; i < SLOTS; i++)
        for (Code *code = c->slots[i]; code; code = code->next) {
            uint64_t address = jit_address(c->jit, code->name);
            if (!address) {
                snprintf(c->error, c->error_size, "the JIT lost %s", code->name);
                return false;
            }
            code->address = (VtKernel)(uintptr_t)address;
        }
    return true;
}

static bool compile_all(Compiled *c, const CodegenOptions *options) {
    size_t n = c->module->n_funcs;
    double start = seconds_now();
    FuncCode *funcs = ARENA_ARRAY(c->arena, FuncCode, n + 1);
    c->context = LLVMContextCreate();
    c->llvm = LLVMModuleCreateWithNameInContext("vitc", c->context);
    LLVMSetTarget(c->llvm, c->target.triple);
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(c->target.machine);
    LLVMSetModuleDataLayout(c->llvm, layout);
    LLVMDisposeTargetData(layout);
    c->builder = LLVMCreateBuilderInContext(c->context);
    bool good = true;
    for (size_t f = 0; f < n && good; f++) {
        funcs[f].func = c->module->funcs[f];
        good = emit_func(c, &funcs[f]);
    }
    LLVMDisposeBuilder(c->builder);
    if (options && options->print_llvm) LLVMDumpModule(c->llvm);
    char *broken = NULL;
    if (good && LLVMVerifyModule(c->llvm, LLVMReturnStatusAction, &broken)) {
        snprintf(c->error, c->error_size, "generated code is not valid: %.600s", broken);
        good = false;
    }
    LLVMDisposeMessage(broken);
    if (!good) {
        LLVMDisposeModule(c->llvm);
        LLVMContextDispose(c->context);
        return false;
    }
    c->emit_seconds = seconds_now() - start;
    c->jit = jit_load(c->llvm, c->context, &c->target, c->error, c->error_size);
    if (!c->jit || !resolve_kernels(c)) return false;
    VtFunction *functions = ARENA_ARRAY(c->arena, VtFunction, n + 1);
    for (size_t f = 0; f < n; f++) functions[f] = finish_func(c, &funcs[f]);
    c->program.functions = functions;
    c->program.n_functions = (int32_t)n;
    c->program.constants = c->constants;
    c->program.n_constants = (int32_t)c->n_constants;
    return true;
}

Compiled *codegen_compile(const Module *module, const VtProgram *plan, const CodegenOptions *options,
                          char *error, size_t size) {
    Arena *arena = arena_new();
    Compiled *c = ARENA_NEW(arena, Compiled);
    c->arena = arena;
    c->module = module;
    c->error = error;
    c->error_size = size;
    c->program = *plan;
    c->program.abi = VT_ABI;
    describe_states(c);
    if (target_open(&c->target, options ? options->target_features : NULL, error, size) &&
        compile_all(c, options))
        return c;
    compiled_free(c);
    return NULL;
}

const VtProgram *compiled_program(const Compiled *compiled) {
    return &compiled->program;
}
const char *compiled_target(const Compiled *compiled) {
    return compiled->target.row->name;
}
int compiled_kernels(const Compiled *compiled) {
    return compiled->n_kernels;
}

CompileTimes compiled_times(const Compiled *compiled) {
    JitTimes jit = jit_times(compiled->jit);
    return (CompileTimes){compiled->emit_seconds, jit.optimize, jit.object, jit.link};
}

void compiled_free(Compiled *compiled) {
    if (!compiled) return;
    jit_free(compiled->jit);
    target_close(&compiled->target);
    arena_free(compiled->arena);
}
