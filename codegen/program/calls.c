/* Calls of kernels: see calls.h. They are made from the plan, with arguments and barriers; distinct kernels are
 * collected on the way. */
#include "codegen/program/calls.h"
#include "codegen/program/frame.h"
#include "codegen/program/irregular.h"
#include "ir/plan/canonical.h"
#include "ir/plan/cost.h"
#include "ir/base/names.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS = 4096, MOST_CALLS = 1 << 22 };

/* A call before its kernel is compiled. */
typedef struct {
    const KernelCode *code; /* NULL: `irregular` */
    VtKernel irregular;
    int64_t room; /* bytes of scratch that `irregular` wants */
    CallOrigin origin;
    VtCall call;
} PendingCall;

/* A function of the program; its calls, and those of the bodies of its loops. */
typedef struct {
    const Func *func;
    PendingCall *calls;
    size_t n_calls, calls_capacity;
    VtArg *args;
    size_t n_args, args_capacity;
    VtMove *moves;
    size_t n_moves, moves_capacity;
    VtChain *chains;
    size_t n_chains, chains_capacity;
    VtLoop *loops;
    size_t n_loops, loops_capacity;
    int64_t arena_bytes, block_bytes;
    const Frame *frame;     /* the function or body whose calls are being made */
    size_t *step_ends;      /* of its kernels and the copies behind them that have calls: the end of these */
    uint32_t kernel, outer; /* CallOrigin of what comes next */
} FuncCode;

/* The lists that are being made; `out` takes them in the end. */
typedef struct {
    Calls *out;
    Arena *arena;
    const Module *module;
    KernelCode *slots[SLOTS];
    KernelCode **codes;
    size_t n_codes, codes_capacity;
    const void **constants;
    int64_t *constant_bytes;
    size_t n_constants, constants_capacity, n_constant_bytes, constant_bytes_capacity;
    Names inputs; /* of the program */
    char *error;
    size_t error_size;
} Compiler;

/* ---- distinct kernels -------------------------------------------------------------------------------------------- */

static uint32_t hash_text(const char *s) {
    uint32_t h = 2166136261u;
    for (; *s; s++) h = (h ^ (unsigned char)*s) * 16777619u;
    return h;
}

/* Bytes of the memory that an argument for the value points into: of the whole arena, or of the value. */
static int64_t bytes_around(const Func *func, ValueId value) {
    bool arena = func->plan->places[value].kind == PLACE_ARENA;
    return arena ? plan_own_bytes(func) : type_bytes(func_type(func, value));
}

/* By number of a read: how many bytes further on `kernel` reads it than the kernel that the code was made for. NULL:
 * the code cannot serve this kernel, since the difference varies or a shifted pointer would leave its memory. */
static const int64_t *find_shift(Compiler *c, const Func *func, const KernelCode *code,
                                 const Kernel *kernel) {
    int64_t *shift = ARENA_ARRAY(c->arena, int64_t, kernel->n_reads + 1);
    if (!kernel_shift(code->func, code->kernel, func, kernel, shift)) return NULL;
    for (size_t i = 0; i < kernel->n_reads; i++) {
        ValueId value = kernel->reads[i];
        const Place *place = &func->plan->places[value];
        int64_t at = shift[i] + (place->kind == PLACE_ARENA ? place->offset : 0);
        bool good =
            shift[i] == 0 || (place->kind != PLACE_BLOCK && at >= 0 && at < bytes_around(func, value));
        if (!good) return NULL;
    }
    return shift;
}

/* Whether the kernel is a generated function, not a C function of the runtime. */
static bool is_generated(const Func *func, const Kernel *kernel) {
    bool of_f32 = kernel->kind != KERNEL_PACK ||
                  func_type(func, func_node(func, kernel->last)->operands[0])->dtype == DT_F32;
    return kernel->kind != KERNEL_OTHER && of_f32;
}

/* The code of kernel number k, new if none serves it; *shift: see find_shift; NULL: no pointers are shifted. */
static const KernelCode *code_for(Compiler *c, const Func *func, uint32_t k, const int64_t **shift) {
    const Kernel *kernel = &func->plan->kernels[k];
    const Chain *chain = plan_chain(func->plan, k);
    bool slices = !chain && kernel_slices(func, kernel);
    const char *key =
        slices ? kernel_pattern(c->arena, func, kernel) : kernel_canonical(c->arena, func, kernel);
    if (chain)
        key = arena_printf(c->arena, "%s %lld of %lld", key, (long long)chain->size, (long long)chain->units);
    KernelCode **slot = &c->slots[hash_text(key) % SLOTS];
    *shift = NULL;
    for (KernelCode *code = *slot; code; code = code->next)
        if (strcmp(code->key, key) == 0 && (!slices || (*shift = find_shift(c, func, code, kernel)) != NULL))
            return code;
    bool generated = is_generated(func, kernel);
    KernelCode *code = ARENA_NEW(c->arena, KernelCode);
    *code = (KernelCode){.next = *slot,
                         .key = key,
                         .number = generated ? (int)c->n_codes : -1,
                         .func = func,
                         .kernel = kernel,
                         .chain = chain,
                         .product = kernel->kind == KERNEL_MATMUL || kernel->kind == KERNEL_PACK};
    *slot = code;
    if (generated) ARENA_PUSH(c->arena, c->codes, c->n_codes, c->codes_capacity, code);
    return code;
}

static const KernelCode *find_code(Compiler *c, const Func *func, uint32_t k, const int64_t **shift) {
    const KernelCode *code = code_for(c, func, k, shift);
    for (size_t f = 0; f < c->module->n_funcs; f++)
        if (c->module->funcs[f] == func) c->out->code_of[f][k] = code->number;
    return code;
}

/* ---- calls and their arguments ----------------------------------------------------------------------------------- */

static int input_number(const Compiler *c, const char *name) {
    uint32_t number = names_find(&c->inputs, name);
    return number == NAMES_NONE ? -1 : (int)number;
}

static void push_arg(Compiler *c, FuncCode *fc, VtArg arg) {
    ARENA_PUSH(c->arena, fc->args, fc->n_args, fc->args_capacity, arg);
}

static void push_pointer(Compiler *c, FuncCode *fc, const Pointer *pointer) {
    VtArg arg = pointer->arg;
    arg.first_move = (int32_t)fc->n_moves;
    arg.n_moves = pointer->n_moves;
    for (int m = 0; m < pointer->n_moves; m++)
        ARENA_PUSH(c->arena, fc->moves, fc->n_moves, fc->moves_capacity, pointer->moves[m]);
    push_arg(c, fc, arg);
}

static void push_value(Compiler *c, FuncCode *fc, ValueId value, int64_t shift) {
    Pointer pointer = pointer_move(frame_value(fc->frame, value), shift, 0, 0, 0, false);
    push_pointer(c, fc, &pointer);
}

static VtArg constant_arg(Compiler *c, const void *data, size_t bytes) {
    void *copy = arena_alloc(c->arena, bytes);
    memcpy(copy, data, bytes);
    ARENA_PUSH(c->arena, c->constants, c->n_constants, c->constants_capacity, copy);
    ARENA_PUSH(c->arena, c->constant_bytes, c->n_constant_bytes, c->constant_bytes_capacity, (int64_t)bytes);
    return (VtArg){.kind = VT_ARG_CONST, .index = (int32_t)c->n_constants - 1};
}

/* VtCall.behind of the next call, which waits for the frame's steps below `after`. */
static int32_t behind_step(const FuncCode *fc, bool barrier, uint32_t after) {
    return barrier ? (int32_t)(fc->n_calls - fc->step_ends[after - 1]) + 1 : 0;
}

static PendingCall begin_call(Compiler *c, const FuncCode *fc, const Kernel *kernel) {
    const Func *func = fc->frame->func;
    KernelCost cost = kernel_cost(func, kernel);
    PendingCall pending = {.call = {.first_arg = (int32_t)fc->n_args,
                                    .behind = behind_step(fc, kernel->barrier, kernel->after),
                                    .single = kernel->single ? (int32_t)kernel->lane + 1 : 0,
                                    .product = op_is_product((OpKind)func_node(func, cost.named)->op),
                                    .flops = cost.flops * fc->frame->runs,
                                    .bytes = cost.bytes * fc->frame->runs,
                                    .name = kernel_name(c->arena, func, cost.named)}};
    return pending;
}

static void end_call(Compiler *c, FuncCode *fc, PendingCall *pending) {
    pending->call.n_args = (int32_t)fc->n_args - pending->call.first_arg;
    pending->origin = (CallOrigin){fc->frame->func, fc->kernel, fc->outer};
    ARENA_PUSH(c->arena, fc->calls, fc->n_calls, fc->calls_capacity, *pending);
}

static VtArg literals_of(Compiler *c, const Func *func, const Kernel *kernel) {
    union Literal {
        float f32;
        int32_t i32;
    } *literals = ARENA_ARRAY(c->arena, union Literal, kernel->last - kernel->first + 1);
    size_t n = 0;
    for (ValueId id = kernel->first; id <= kernel->last; id++) {
        const Node *node = func_node(func, id);
        if (!node_is_literal(node)) continue;
        double value = constant_attrs(node)->value;
        literals[n++] = node->type.dtype == DT_I32 ? (union Literal){.i32 = (int32_t)value}
                                                   : (union Literal){.f32 = (float)value};
    }
    return constant_arg(c, literals, sizeof *literals * n);
}

/* Arguments that are each thread's own or move are filled in at every call, into a list of limited size. */
static bool fits_own_list(Compiler *c, const FuncCode *fc, const VtCall *call) {
    if (call->n_args <= VT_MAX_OWN_ARGS) return true;
    for (int i = 0; i < call->n_args; i++) {
        const VtArg *arg = &fc->args[call->first_arg + i];
        bool own = arg->kind == VT_ARG_SCRATCH || arg->kind == VT_ARG_BLOCK || arg->kind == VT_ARG_ITERATION;
        if (!own && arg->n_moves == 0) continue;
        snprintf(c->error, c->error_size, "%s: a product, or what a loop does, with more than %d operands",
                 call->name, VT_MAX_OWN_ARGS);
        return false;
    }
    return true;
}

/* The arguments are in the order of kernel_signature. */
static bool add_generated(Compiler *c, FuncCode *fc, const Kernel *kernel, const KernelCode *code,
                          const int64_t *shift) {
    const Func *func = fc->frame->func;
    Signature signature = kernel_signature(func, kernel);
    PendingCall pending = begin_call(c, fc, kernel);
    pending.code = code;
    for (size_t i = 0; i < kernel->n_stores; i++) push_value(c, fc, kernel->stores[i], 0);
    for (size_t i = 0; i < kernel->n_reads; i++) push_value(c, fc, kernel->reads[i], shift ? shift[i] : 0);
    if (signature.literals) push_arg(c, fc, literals_of(c, func, kernel));
    if (signature.scratch) push_arg(c, fc, (VtArg){.kind = VT_ARG_SCRATCH});
    end_call(c, fc, &pending);
    return fits_own_list(c, fc, &fc->calls[fc->n_calls - 1].call);
}

static bool add_irregular(Compiler *c, FuncCode *fc, const Kernel *kernel) {
    const Func *func = fc->frame->func;
    const Node *node = func_node(func, kernel->last);
    int64_t numbers[IRREGULAR_NUMBERS];
    int n;
    PendingCall pending = begin_call(c, fc, kernel);
    pending.irregular = irregular_call(func, node, numbers, &n, &pending.room);
    if (!pending.irregular) {
        snprintf(c->error, c->error_size, "no kernel for operator %s of %s", op_info(node->op)->name,
                 type_text(c->arena, &node->type));
        return false;
    }
    for (int o = 0; o < node->n_operands; o++) push_value(c, fc, node->operands[o], 0);
    push_value(c, fc, kernel->last, 0);
    push_arg(c, fc, constant_arg(c, numbers, sizeof *numbers * (size_t)n));
    if (pending.room) push_arg(c, fc, (VtArg){.kind = VT_ARG_SCRATCH});
    end_call(c, fc, &pending);
    return true;
}

static void add_copy(Compiler *c, FuncCode *fc, const Pointer *from, const Pointer *to, int64_t bytes,
                     int32_t behind, int32_t single) {
    PendingCall pending = {.irregular = irregular_kernel(IRREGULAR_COPY),
                           .call = {.name = "copy",
                                    .first_arg = (int32_t)fc->n_args,
                                    .behind = behind,
                                    .single = single,
                                    .bytes = 2.0 * (double)bytes * fc->frame->runs}};
    push_pointer(c, fc, from);
    push_pointer(c, fc, to);
    push_arg(c, fc, constant_arg(c, &bytes, sizeof bytes));
    end_call(c, fc, &pending);
}

/* ---- functions, bodies, programs --------------------------------------------------------------------------------- */

static bool call_kernels(Compiler *c, FuncCode *fc, const Frame *frame);

/* What the loop carries, before it or after it. They follow each other without a barrier. */
static void copy_carried(Compiler *c, FuncCode *fc, const LoopFrame *lf, bool after) {
    for (int k = 0; k < lf->n; k++)
        add_copy(c, fc, after ? &lf->last[k] : &lf->initial[k], after ? &lf->final[k] : &lf->first[k],
                 lf->bytes[k], k == 0, 0);
}

/* What is called next is kernel k of the function or body, a copy behind its kernels, or IR_NONE. */
static void now_at(FuncCode *fc, uint32_t k) {
    fc->kernel = k;
    if (fc->frame->depth == 0 && k != IR_NONE) fc->outer = k;
}

/* The calls of a loop's body are loop number `number`'s. */
static void close_loop(FuncCode *fc, size_t number) {
    VtLoop *loop = &fc->loops[number];
    loop->n_calls = (int32_t)fc->n_calls - loop->first_call;
    loop->n_inside = (int32_t)(fc->n_loops - number - 1);
    loop->single = 1;
    for (size_t i = (size_t)loop->first_call; i < fc->n_calls; i++)
        loop->single = loop->single && fc->calls[i].call.single > 0;
}

static bool add_loop(Compiler *c, FuncCode *fc, const Kernel *kernel) {
    const Frame *frame = fc->frame;
    const Node *node = func_node(frame->func, kernel->last);
    const LoopAttrs *attrs = loop_attrs(node);
    LoopFrame lf = frame_of_loop(c->arena, frame, kernel->last);
    now_at(fc, IR_NONE);
    VtLoop loop = {.count = (int32_t)attrs->count,
                   .depth = frame->depth,
                   .reverse = attrs->reverse,
                   .barrier = 1, /* other loops before it may have used the same memory */
                   .condition = -1};
    if (attrs->when) { /* what is carried, if the body does not run */
        loop.condition = (int32_t)fc->n_args;
        loop.condition_bytes = (int32_t)dtype_size((DType)func_type(frame->func, node->operands[0])->dtype);
        Pointer condition = frame_operand(frame, node->operands[0]);
        push_pointer(c, fc, &condition);
        for (int64_t k = 0; k < attrs->carried; k++)
            add_copy(c, fc, &lf.body.inputs[k + 1], &lf.body.outputs[k],
                     type_bytes(&lf.body.func->inputs[k + 1].type), k == 0, 0);
    }
    copy_carried(c, fc, &lf, false);
    size_t number = fc->n_loops;
    loop.first_call = (int32_t)fc->n_calls;
    ARENA_PUSH(c->arena, fc->loops, fc->n_loops, fc->loops_capacity, loop);
    if (!call_kernels(c, fc, &lf.body)) return false;
    fc->frame = frame;
    now_at(fc, IR_NONE);
    close_loop(fc, number);
    copy_carried(c, fc, &lf, true);
    return true;
}

static bool add_kernel(Compiler *c, FuncCode *fc, uint32_t k) {
    const Func *func = fc->frame->func;
    const Kernel *kernel = &func->plan->kernels[k];
    const Chain *chain = plan_chain(func->plan, k);
    const int64_t *shift;
    now_at(fc, k);
    if (func_node(func, kernel->last)->op == OP_loop) return add_loop(c, fc, kernel);
    if (chain && chain->first == k) {
        VtChain calls = {(int32_t)fc->n_calls, (int32_t)(chain->last - chain->first + 1),
                         (int32_t)chain_blocks(chain)};
        ARENA_PUSH(c->arena, fc->chains, fc->n_chains, fc->chains_capacity, calls);
    }
    const KernelCode *code = find_code(c, func, k, &shift);
    return code->number >= 0 ? add_generated(c, fc, kernel, code, shift) : add_irregular(c, fc, kernel);
}

/* The calls are those of the plan's kernels, in order, and then its copies. */
static bool call_kernels(Compiler *c, FuncCode *fc, const Frame *frame) {
    const Plan *plan = frame->func->plan;
    fc->frame = frame;
    if (plan->block_bytes > fc->block_bytes) fc->block_bytes = plan->block_bytes;
    if (fc->n_calls > MOST_CALLS) {
        snprintf(c->error, c->error_size, "@%s: loops in loops make more than %d calls", fc->func->name,
                 MOST_CALLS);
        return false;
    }
    size_t *around = fc->step_ends,
           *ends = ARENA_ARRAY(c->arena, size_t, plan->n_kernels + plan->n_copies + 1);
    fc->step_ends = ends;
    for (uint32_t k = 0; k < plan->n_kernels; k++) {
        if (!add_kernel(c, fc, k)) return false;
        ends[k] = fc->n_calls;
    }
    for (size_t i = 0; i < plan->n_copies; i++) {
        const PlaceCopy *copy = &plan->copies[i];
        now_at(fc, (uint32_t)(plan->n_kernels + i));
        Pointer from = frame_place(frame, &copy->from), to = frame_place(frame, &copy->to);
        add_copy(c, fc, &from, &to, type_bytes(func_type(frame->func, copy->value)),
                 behind_step(fc, copy->barrier, copy->after), copy->single ? (int32_t)copy->lane + 1 : 0);
        ends[plan->n_kernels + i] = fc->n_calls;
    }
    fc->step_ends = around;
    return true;
}

static bool call_function(Compiler *c, FuncCode *fc) {
    int32_t *numbers = ARENA_ARRAY(c->arena, int32_t, fc->func->n_inputs + 1);
    for (size_t i = 0; i < fc->func->n_inputs; i++) numbers[i] = input_number(c, fc->func->inputs[i].name);
    Frame frame = {.func = fc->func, .runs = 1, .numbers = numbers};
    fc->arena_bytes = plan_room(fc->func);
    return call_kernels(c, fc, &frame);
}

static VtTensor tensor_of(const char *name, const Type *type) {
    VtTensor tensor = {.name = name, .dtype = type->dtype, .rank = type->rank};
    for (int k = 0; k < type->rank; k++) tensor.dim[k] = type->dim[k];
    return tensor;
}

static int32_t number_of(const PendingCall *pending) {
    return pending->code ? pending->code->number : -1 - irregular_number(pending->irregular);
}

/* *irregular_room: the most that one of its C functions wants. */
static VtFunction finish_func(Compiler *c, const FuncCode *fc, int32_t *kernels, CallOrigin *origins,
                              int64_t *irregular_room) {
    const Func *func = fc->func;
    VtCall *calls = ARENA_ARRAY(c->arena, VtCall, fc->n_calls + 1);
    VtOutput *outputs = ARENA_ARRAY(c->arena, VtOutput, func->n_outputs + 1);
    int32_t *inputs = ARENA_ARRAY(c->arena, int32_t, func->n_inputs + 1);
    for (size_t i = 0; i < fc->n_calls; i++) {
        calls[i] = fc->calls[i].call;
        kernels[i] = number_of(&fc->calls[i]);
        if (fc->calls[i].room > *irregular_room) *irregular_room = fc->calls[i].room;
    }
    for (size_t i = 0; i < fc->n_calls; i++) origins[i] = fc->calls[i].origin;
    for (size_t i = 0; i < func->n_outputs; i++)
        outputs[i] = (VtOutput){tensor_of(func->outputs[i].name, func_type(func, func->outputs[i].value)),
                                (int32_t)func->outputs[i].role};
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
                        .n_chains = (int32_t)fc->n_chains,
                        .n_loops = (int32_t)fc->n_loops,
                        .n_moves = (int32_t)fc->n_moves,
                        .chains = fc->chains,
                        .loops = fc->loops,
                        .moves = fc->moves,
                        .arena_bytes = fc->arena_bytes,
                        .block_bytes = fc->block_bytes};
}

static void describe_states(Compiler *c) {
    const Module *module = c->module;
    VtState *states = ARENA_ARRAY(c->arena, VtState, module->n_states + 1);
    for (size_t s = 0; s < module->n_states; s++) {
        const State *from = &module->states[s];
        states[s] = (VtState){.tensor = tensor_of(from->name, &from->type),
                              .role = from->role,
                              .init = from->init,
                              .a = from->a,
                              .b = from->b,
                              .copy_of = from->init == INIT_COPY ? (int32_t)from->copy_of : -1,
                              .grid = from->grid,
                              .before = (int32_t)from->before,
                              .after = (int32_t)from->after};
    }
    c->out->program.states = states;
    c->out->program.n_states = (int32_t)module->n_states;
}

static void finish_funcs(Compiler *c, FuncCode *funcs, int n) {
    Calls *out = c->out;
    VtFunction *functions = ARENA_ARRAY(c->arena, VtFunction, n + 1);
    size_t all = 0, at = 0;
    for (int f = 0; f < n; f++) all += funcs[f].n_calls;
    out->kernels = ARENA_ARRAY(c->arena, int32_t, all + 1);
    out->irregular_room = ARENA_ARRAY(c->arena, int64_t, n + 1);
    out->origins = ARENA_ARRAY(c->arena, const CallOrigin *, n + 1);
    for (int f = 0; f < n; f++) {
        CallOrigin *origins = ARENA_ARRAY(c->arena, CallOrigin, funcs[f].n_calls + 1);
        functions[f] = finish_func(c, &funcs[f], out->kernels + at, origins, &out->irregular_room[f]);
        out->origins[f] = origins;
        at += funcs[f].n_calls;
    }
    out->program.functions = functions;
    out->program.n_functions = n;
    out->program.constants = c->constants;
    out->program.n_constants = (int32_t)c->n_constants;
    out->constant_bytes = c->constant_bytes;
    out->codes = c->codes;
    out->n_codes = (int)c->n_codes;
}

static bool is_planned(const Compiler *c) {
    for (size_t f = 0; f < c->module->n_funcs; f++) {
        const Func *func = c->module->funcs[f];
        if (func->plan && func->plan->has_barriers) continue;
        snprintf(c->error, c->error_size, "@%s is not planned to the end: run the passes up to 'barriers'",
                 func->name);
        return false;
    }
    return true;
}

/* Whether `moments` in products' kernels are over as many columns as a tile of this target has. */
static bool tiles_fit(const Compiler *c, const Target *target) {
    for (size_t f = 0; f < c->module->n_funcs; f++) {
        const Func *func = c->module->funcs[f];
        for (size_t k = 0; k < func->plan->n_kernels; k++) {
            const Kernel *kernel = &func->plan->kernels[k];
            const Node *node = func_node(func, kernel->last);
            if (node->op != OP_moments || kernel->kind != KERNEL_MATMUL) continue;
            const Node *product = func_node(func, kernel->core);
            int columns = target_tile(target, matmul_attrs(product)->precision).columns;
            if (moments_attrs(node)->columns == columns) continue;
            snprintf(c->error, c->error_size,
                     "a product's kernel makes moments of %lld columns; tiles of %s have %d",
                     (long long)moments_attrs(node)->columns, target->name, columns);
            return false;
        }
    }
    return true;
}

/* Whether packed weights, if there are any, have the panels of this target. */
static bool panels_fit(const Compiler *c, const Target *target) {
    PanelShape is = c->module->machine.panel[c->module->precision],
               should = target_panel(target, c->module->precision);
    if (is.columns == 0 || (is.columns == should.columns && is.rows == should.rows)) return true;
    snprintf(c->error, c->error_size,
             "the module's weights are packed in panels of %d columns, %d rows; %s wants %d, %d", is.columns,
             is.rows, target->name, should.columns, should.rows);
    return false;
}

static void no_codes_yet(Compiler *c) {
    c->out->code_of = ARENA_ARRAY(c->arena, int32_t *, c->module->n_funcs + 1);
    for (size_t f = 0; f < c->module->n_funcs; f++) {
        size_t n = c->module->funcs[f]->plan->n_kernels;
        c->out->code_of[f] = ARENA_ARRAY(c->arena, int32_t, n + 1);
        for (size_t k = 0; k < n; k++) c->out->code_of[f][k] = -1;
    }
}

Calls *calls_make(Arena *arena, const Module *module, const VtProgram *plan, const Target *target,
                  char *error, size_t size) {
    Calls *out = ARENA_NEW(arena, Calls);
    Compiler *c = ARENA_NEW(arena, Compiler);
    *out = (Calls){.program = *plan};
    out->program.abi = VT_ABI;
    *c = (Compiler){.out = out, .arena = arena, .module = module, .error = error, .error_size = size};
    if (!is_planned(c) || !panels_fit(c, target) || !tiles_fit(c, target)) return NULL;
    describe_states(c);
    no_codes_yet(c);
    for (int i = plan->n_inputs; i-- > 0;)
        names_set(arena, &c->inputs, plan->inputs[i].tensor.name, (uint32_t)i);
    FuncCode *funcs = ARENA_ARRAY(arena, FuncCode, module->n_funcs + 1);
    int n = 0;
    for (size_t f = 0; f < module->n_funcs; f++) {
        if (module->funcs[f]->body) continue; /* it is compiled where it is called */
        funcs[n].func = module->funcs[f];
        if (!call_function(c, &funcs[n++])) return NULL;
    }
    finish_funcs(c, funcs, n);
    return out;
}

void calls_find_scratch(Calls *calls) {
    const int32_t *kernel = calls->kernels;
    for (int f = 0; f < calls->program.n_functions; f++) {
        VtFunction *function = (VtFunction *)&calls->program.functions[f]; /* in the arena */
        function->scratch_bytes = calls->irregular_room[f];
        for (int i = 0; i < function->n_calls; i++, kernel++) {
            int64_t room = *kernel >= 0 ? calls->codes[*kernel]->scratch_bytes : 0;
            if (room > function->scratch_bytes) function->scratch_bytes = room;
        }
    }
}
