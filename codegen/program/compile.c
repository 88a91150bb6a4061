/* A module becomes a program: one LLVM function for each distinct kernel, a list of calls for each function.
 *
 * Kernels are compared by their canonical text (ir/plan/canonical.h), so that twelve equal blocks are compiled once. The calls
 * are data (program.h): the runtime walks them. First all calls are made and the distinct kernels found, then those are
 * compiled (part.h), then calls get their arguments. */
#include "codegen/program/compiled.h"
#include "codegen/gemm/micro.h"
#include "codegen/program/part.h"
#include "codegen/kernels/packing.h"
#include "ir/plan/canonical.h"
#include "ir/base/clock.h"
#include "ir/plan/cost.h"
#include "ir/base/names.h"
#include "runtime/program/irregular.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS = 4096 };

/* A call before its kernel is compiled. */
typedef struct {
    const Code *code; /* NULL: `irregular` */
    VtKernel irregular;
    ValueId first;
    const ValueId *outside;
    const int64_t
        *shift; /* bytes: where in each outside value it reads, as seen from the code; NULL: there */
    VtArg literals;
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
    VtChain *chains;
    size_t n_chains, chains_capacity;
} FuncCode;

typedef struct {
    Compiled *out;
    Arena *arena; /* out's */
    VtProgram *program;
    const Module *module;
    Code *slots[SLOTS];
    Code **codes; /* of the kernels to generate, by number */
    size_t n_codes, codes_capacity;
    const void **constants;
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

/* Bytes of what an argument points into: it must point inside. */
static int64_t bytes_around(const FuncCode *fc, ValueId value) {
    const Place *place = &fc->placement.places[value];
    return place->kind == PLACE_ARENA ? fc->arena_bytes : type_bytes(func_type(fc->func, value));
}

/* How far from where the code reads its outside values this span does; NULL: code cannot serve it. */
static const int64_t *find_shift(Compiler *c, const FuncCode *fc, const Code *code, const ClusterSpan *span,
                                 Outside *outside) {
    Arena *arena = arena_new();
    int64_t *shift = ARENA_ARRAY(c->arena, int64_t, outside->count + 1);
    bool good = kernel_shift(arena, code->func, &code->span, fc->func, span, outside, shift);
    for (size_t i = 0; good && i < outside->count; i++) {
        ValueId value = outside->values[i];
        const Place *place = &fc->placement.places[value];
        int64_t at = shift[i] + (place->kind == PLACE_ARENA ? func_node(fc->func, value)->offset : 0);
        good = shift[i] == 0 || (place->kind != PLACE_BLOCK && at >= 0 && at < bytes_around(fc, value));
    }
    arena_free(arena);
    return good ? shift : NULL;
}

static const Code *find_code(Compiler *c, const FuncCode *fc, const ClusterSpan *span, Outside *outside,
                             const int64_t **shift) {
    const Chain *chain = func_chain(fc->func, func_node(fc->func, span->last)->cluster);
    bool slices = !chain && span_slices(fc->func, span);
    const char *key = slices ? kernel_pattern(c->arena, fc->func, &fc->placement, span, outside)
                             : kernel_canonical(c->arena, fc->func, &fc->placement, span, outside);
    if (chain)
        key = arena_printf(c->arena, "%s %lld of %lld", key, (long long)chain->size, (long long)chain->units);
    Code **slot = &c->slots[hash_text(key) % SLOTS];
    *shift = NULL;
    for (Code *code = *slot; code; code = code->next)
        if (strcmp(code->key, key) == 0 &&
            (!slices || (*shift = find_shift(c, fc, code, span, outside)) != NULL))
            return code;
    Code *code = ARENA_NEW(c->arena, Code);
    Arena *arena = arena_new();
    KernelKind kind = kernel_regrow(arena, fc->func, span->first, span->last).kind;
    const Node *last = func_node(fc->func, span->last);
    if (kind == KERNEL_PACK && func_type(fc->func, last->operands[0])->dtype != DT_F32) kind = KERNEL_OTHER;
    arena_free(arena);
    *code = (Code){.next = *slot,
                   .key = key,
                   .number = kind == KERNEL_OTHER ? -1 : (int)c->n_codes,
                   .func = fc->func,
                   .placement = &fc->placement,
                   .span = *span,
                   .chain = chain,
                   .product = kind == KERNEL_MATMUL || kind == KERNEL_PACK};
    *slot = code;
    if (code->number >= 0) ARENA_PUSH(c->arena, c->codes, c->n_codes, c->codes_capacity, code);
    return code;
}

/* ---- calls and their arguments ------------------------------------------------------------------------------------- */

static int input_number(const Compiler *c, const char *name) {
    uint32_t number = names_find(&c->inputs, name);
    return number == NAMES_NONE ? -1 : (int)number;
}

static VtArg arg_of(Compiler *c, const FuncCode *fc, ValueId value) {
    const Place *place = &fc->placement.places[value];
    switch (place->kind) {
    case PLACE_INPUT:
        return (VtArg){VT_ARG_INPUT, input_number(c, fc->func->inputs[place->index].name), 0, 0};
    case PLACE_STATE: return (VtArg){VT_ARG_STATE, (int32_t)place->index, 0, 0};
    case PLACE_OUTPUT: return (VtArg){VT_ARG_OUTPUT, (int32_t)place->index, 0, 0};
    case PLACE_BLOCK: {
        const Node *node = func_node(fc->func, value);
        const Chain *chain = func_chain(fc->func, node->cluster);
        return (VtArg){VT_ARG_BLOCK, 0, node->offset, chain_share(chain, type_bytes(&node->type))};
    }
    default: return (VtArg){VT_ARG_ARENA, 0, func_node(fc->func, value)->offset, 0};
    }
}

static void push_arg(Compiler *c, FuncCode *fc, VtArg arg, int64_t bytes) {
    ARENA_PUSH(c->arena, fc->args, fc->n_args, fc->args_capacity, arg);
    ARENA_PUSH(c->arena, fc->arg_bytes, fc->n_arg_bytes, fc->arg_bytes_capacity, bytes);
}

static void push_value(Compiler *c, FuncCode *fc, ValueId value) {
    push_arg(c, fc, arg_of(c, fc, value), type_bytes(func_type(fc->func, value)));
}

static VtArg constant_arg(Compiler *c, const void *data, size_t bytes) {
    void *copy = arena_alloc(c->arena, bytes);
    memcpy(copy, data, bytes);
    ARENA_PUSH(c->arena, c->constants, c->n_constants, c->constants_capacity, copy);
    ARENA_PUSH(c->arena, c->out->constant_bytes, c->n_constant_bytes, c->constant_bytes_capacity,
               (int64_t)bytes);
    return (VtArg){VT_ARG_CONST, (int32_t)c->n_constants - 1, 0, 0};
}

static void describe_call(Compiler *c, const FuncCode *fc, const ClusterSpan *span, VtCall *call) {
    KernelCost cost = kernel_cost(fc->func, &fc->placement, span);
    call->flops = cost.flops;
    call->bytes = cost.bytes;
    call->name = kernel_name(c->arena, fc->func, cost.named);
}

static void add_generated(Compiler *c, FuncCode *fc, const ClusterSpan *span, const Code *code,
                          const Outside *outside, const int64_t *shift) {
    PendingCall pending = {.code = code, .first = span->first, .outside = outside->values, .shift = shift};
    if (outside->n_literals)
        pending.literals =
            constant_arg(c, outside->literals, sizeof *outside->literals * outside->n_literals);
    describe_call(c, fc, span, &pending.call);
    ARENA_PUSH(c->arena, fc->calls, fc->n_calls, fc->calls_capacity, pending);
}

/* The arguments of a call whose kernel is compiled. */
static void bind_generated(Compiler *c, FuncCode *fc, PendingCall *pending) {
    const Code *code = pending->code;
    pending->call.first_arg = (int32_t)fc->n_args;
    pending->call.n_args = code->n_refs;
    for (int i = 0; i < code->n_refs; i++) {
        const Ref *ref = &code->refs[i];
        switch (ref->kind) {
        case REF_LOCAL: push_value(c, fc, pending->first + ref->index); break;
        case REF_OUTSIDE: push_value(c, fc, pending->outside[ref->index]); break;
        case REF_SCRATCH: push_arg(c, fc, (VtArg){VT_ARG_SCRATCH, 0, 0, 0}, 0); break;
        case REF_LITERALS: push_arg(c, fc, pending->literals, 0); break;
        }
    }
    if (code->scratch_bytes > fc->scratch_bytes) fc->scratch_bytes = code->scratch_bytes;
}

/* The product of dimensions [from, to). */
static int64_t product(const Type *type, int from, int to) {
    int64_t n = 1;
    for (int k = from; k < to; k++) n *= type->dim[k];
    return n;
}

/* Shape numbers and C function of an operator of class OTHER (see runtime/program/irregular.h); 0: there is none. */
static int irregular_shape(const Func *func, const Node *node, int64_t numbers[16], VtKernel *kernel) {
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

static bool add_irregular(Compiler *c, FuncCode *fc, const ClusterSpan *span) {
    const Node *node = func_node(fc->func, span->last);
    int64_t numbers[16];
    PendingCall pending = {0};
    int n = irregular_shape(fc->func, node, numbers, &pending.irregular);
    if (n == 0) {
        snprintf(c->error, c->error_size, "no kernel for operator %s of %s", op_info(node->op)->name,
                 type_text(c->arena, &node->type));
        return false;
    }
    pending.call.first_arg = (int32_t)fc->n_args;
    pending.call.n_args = node->n_operands + 2;
    for (int o = 0; o < node->n_operands; o++) push_value(c, fc, node->operands[o]);
    push_value(c, fc, span->last);
    push_arg(c, fc, constant_arg(c, numbers, sizeof *numbers * (size_t)n), 0);
    describe_call(c, fc, span, &pending.call);
    ARENA_PUSH(c->arena, fc->calls, fc->n_calls, fc->calls_capacity, pending);
    return true;
}

static void add_copy(Compiler *c, FuncCode *fc, VtArg from, VtArg to, const Type *type) {
    PendingCall pending = {.irregular = vt_kernel_copy};
    int64_t bytes = type_bytes(type);
    pending.call =
        (VtCall){.name = "copy", .first_arg = (int32_t)fc->n_args, .n_args = 3, .bytes = 2.0 * (double)bytes};
    push_arg(c, fc, from, bytes);
    push_arg(c, fc, to, bytes);
    push_arg(c, fc, constant_arg(c, &bytes, sizeof bytes), 0);
    ARENA_PUSH(c->arena, fc->calls, fc->n_calls, fc->calls_capacity, pending);
}

/* Old states first, by way of the arena: updates may swap states. */
static void add_copies(Compiler *c, FuncCode *fc) {
    const Placement *placement = &fc->placement;
    for (int round = 0; round < 2; round++) {
        int64_t held = fc->arena_bytes;
        for (size_t i = 0; i < placement->n_copies; i++) {
            const PlaceCopy *copy = &placement->copies[i];
            const Type *type = func_type(fc->func, copy->value);
            bool output = copy->to.kind == PLACE_OUTPUT;
            VtArg from = arg_of(c, fc, copy->value),
                  to = {output ? VT_ARG_OUTPUT : VT_ARG_STATE, (int32_t)copy->to.index, 0, 0};
            if (copy->staged) {
                VtArg between = {VT_ARG_ARENA, 0, held, 0};
                held += (type_bytes(type) + 63) / 64 * 64;
                add_copy(c, fc, round ? between : from, round ? to : between, type);
            } else if (round != output)
                add_copy(c, fc, from, to, type);
        }
        if (round) fc->arena_bytes = held;
    }
}

/* ---- barriers ---------------------------------------------------------------------------------------------------------- */

/* Work of a few microseconds, about what a meeting costs, is done by one thread: among such calls there is none. */
enum { SINGLE_FLOPS = 1 << 16, SINGLE_BYTES = 1 << 14 };

static bool is_single(const VtCall *call) {
    return call->flops < SINGLE_FLOPS && call->bytes < SINGLE_BYTES;
}

typedef struct {
    VtArg at;
    int64_t end;
    bool written, single;
} Touch;

typedef struct {
    Touch *of;
    size_t count, capacity;
} Touches;

/* What calls since the last meeting touched. Inputs, states and outputs are told apart by number, each by the meeting before, 0 if it was
 * not touched; parts of the arena by where they lie. */
typedef struct {
    Touches arena;
    uint32_t *read[3], *written[3]; /* VT_ARG_INPUT, VT_ARG_STATE, VT_ARG_OUTPUT */
    uint32_t meetings;
} Open;

static bool meet(const Touch *a, const Touch *b) {
    if (a->single && b->single) return false;
    if (a->at.kind != b->at.kind || a->at.index != b->at.index || (!a->written && !b->written)) return false;
    return a->at.offset < b->end && b->at.offset < a->end;
}

static void touch_all(Compiler *c, const FuncCode *fc, const PendingCall *pending, Touches *to) {
    for (int i = 0; i < pending->call.n_args; i++) {
        const VtArg *arg = &fc->args[pending->call.first_arg + i];
        if (arg->kind == VT_ARG_CONST || arg->kind == VT_ARG_SCRATCH || arg->kind == VT_ARG_BLOCK) continue;
        bool written = pending->code ? pending->code->refs[i].stored : i == pending->call.n_args - 2;
        Touch touch = {*arg, arg->offset + fc->arg_bytes[pending->call.first_arg + i], written,
                       pending->call.single};
        ARENA_PUSH(c->arena, to->of, to->count, to->capacity, touch);
    }
}

static int whole(const Touch *touch) {
    return touch->at.kind == VT_ARG_INPUT    ? 0
           : touch->at.kind == VT_ARG_STATE  ? 1
           : touch->at.kind == VT_ARG_OUTPUT ? 2
                                             : -1;
}

static bool meets_open(const Open *open, const Touch *touch) {
    int kind = whole(touch);
    if (kind >= 0)
        return open->written[kind][touch->at.index] == open->meetings ||
               (touch->written && open->read[kind][touch->at.index] == open->meetings);
    for (size_t o = 0; o < open->arena.count; o++)
        if (meet(touch, &open->arena.of[o])) return true;
    return false;
}

static void open_touch(Compiler *c, Open *open, const Touch *touch) {
    int kind = whole(touch);
    if (kind >= 0)
        (touch->written ? open->written : open->read)[kind][touch->at.index] = open->meetings;
    else
        ARENA_PUSH(c->arena, open->arena.of, open->arena.count, open->arena.capacity, *touch);
}

/* The team meets before a call that touches what a call since the last meeting wrote, or writes what it read, but for two of one
 * thread; before a chain, if that is so of any of its calls. */
static void place_barriers(Compiler *c, FuncCode *fc) {
    Touches now = {0};
    Open open = {.meetings = 1};
    const size_t counts[] = {(size_t)c->program->n_inputs, c->module->n_states, fc->func->n_outputs};
    for (int kind = 0; kind < 3; kind++) {
        open.read[kind] = ARENA_ARRAY(c->arena, uint32_t, counts[kind] + 1);
        open.written[kind] = ARENA_ARRAY(c->arena, uint32_t, counts[kind] + 1);
    }
    size_t chain = 0;
    for (size_t i = 0, end; i < fc->n_calls; i = end) {
        bool chained = chain < fc->n_chains && (size_t)fc->chains[chain].first_call == i;
        end = i + (chained ? (size_t)fc->chains[chain++].n_calls : 1);
        now.count = 0;
        if (!chained) fc->calls[i].call.single = is_single(&fc->calls[i].call);
        for (size_t call = i; call < end; call++) touch_all(c, fc, &fc->calls[call], &now);
        bool conflict = false;
        for (size_t t = 0; t < now.count && !conflict; t++) conflict = meets_open(&open, &now.of[t]);
        fc->calls[i].call.barrier = conflict;
        if (conflict) {
            open.arena.count = 0;
            open.meetings++;
        }
        for (size_t t = 0; t < now.count; t++) open_touch(c, &open, &now.of[t]);
    }
}

/* Once barriers are placed, which go by whole values: see kernel_shift. */
static void shift_args(FuncCode *fc) {
    for (size_t i = 0; i < fc->n_calls; i++) {
        const PendingCall *pending = &fc->calls[i];
        for (int r = 0; pending->shift && r < pending->code->n_refs; r++) {
            const Ref *ref = &pending->code->refs[r];
            if (ref->kind == REF_OUTSIDE)
                fc->args[pending->call.first_arg + r].offset += pending->shift[ref->index];
        }
    }
}

/* ---- functions, programs ------------------------------------------------------------------------------------------- */

/* The calls are those of the kernels, in order. */
static void find_chains(Compiler *c, FuncCode *fc) {
    const Func *func = fc->func;
    for (size_t s = 0, i = 0; s < fc->placement.n_spans && i < func->n_chains; s++) {
        uint32_t cluster = func_node(func, fc->placement.spans[s].last)->cluster;
        if (cluster != func->chains[i].first) continue;
        VtChain chain = {(int32_t)s, (int32_t)(func->chains[i].last - func->chains[i].first + 1),
                         (int32_t)chain_blocks(&func->chains[i])};
        ARENA_PUSH(c->arena, fc->chains, fc->n_chains, fc->chains_capacity, chain);
        i++;
    }
}

static bool plan_func(Compiler *c, FuncCode *fc) {
    fc->placement = func_place(c->arena, fc->func);
    fc->arena_bytes = fc->func->arena_bytes;
    for (size_t s = 0; s < fc->placement.n_spans; s++) {
        const ClusterSpan *span = &fc->placement.spans[s];
        Outside outside = {0};
        const int64_t *shift;
        const Code *code = find_code(c, fc, span, &outside, &shift);
        if (code->number >= 0)
            add_generated(c, fc, span, code, &outside, shift);
        else if (!add_irregular(c, fc, span))
            return false;
    }
    find_chains(c, fc);
    add_copies(c, fc);
    return true;
}

/* Arguments that are each thread's own are filled in at every call, into a list of limited length. */
static bool fits_own_list(const Code *code, const FuncCode *fc, const VtCall *call) {
    if (call->n_args <= VT_MAX_OWN_ARGS) return true;
    for (int i = 0; i < code->n_refs; i++) {
        int kind = fc->args[call->first_arg + i].kind;
        if (kind == VT_ARG_SCRATCH || kind == VT_ARG_BLOCK) return false;
    }
    return true;
}

static bool bind_func(Compiler *c, FuncCode *fc) {
    for (size_t i = 0; i < fc->n_calls; i++) {
        PendingCall *pending = &fc->calls[i];
        if (!pending->code) continue;
        bind_generated(c, fc, pending);
        if (fits_own_list(pending->code, fc, &pending->call)) continue;
        snprintf(c->error, c->error_size, "%s: a product with more than %d operands around it",
                 pending->call.name, VT_MAX_OWN_ARGS);
        return false;
    }
    place_barriers(c, fc);
    shift_args(fc);
    return true;
}

static VtTensor tensor_of(const char *name, const Type *type) {
    VtTensor tensor = {.name = name, .dtype = type->dtype, .rank = type->rank};
    for (int k = 0; k < type->rank; k++) tensor.dim[k] = type->dim[k];
    return tensor;
}

static VtFunction finish_func(Compiler *c, FuncCode *fc, int32_t **kernels) {
    const Func *func = fc->func;
    *kernels = ARENA_ARRAY(c->arena, int32_t, fc->n_calls + 1);
    VtCall *calls = ARENA_ARRAY(c->arena, VtCall, fc->n_calls + 1);
    VtOutput *outputs = ARENA_ARRAY(c->arena, VtOutput, func->n_outputs + 1);
    int32_t *inputs = ARENA_ARRAY(c->arena, int32_t, func->n_inputs + 1);
    for (size_t i = 0; i < fc->n_calls; i++) {
        calls[i] = fc->calls[i].call;
        const PendingCall *pending = &fc->calls[i];
        (*kernels)[i] = pending->code ? pending->code->number : -1 - irregular_number(pending->irregular);
    }
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
                        .chains = fc->chains,
                        .arena_bytes = fc->arena_bytes,
                        .scratch_bytes = fc->scratch_bytes,
                        .block_bytes = func->block_bytes};
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
                              .copy_of = from->init == INIT_COPY ? (int32_t)from->copy_of : -1};
    }
    c->program->states = states;
    c->program->n_states = (int32_t)module->n_states;
}

static bool compile_parts(Compiler *c, const CodegenOptions *options) {
    Compiled *out = c->out;
    out->n_kernels = (int)c->n_codes;
    out->parts = parts_make(c->arena, c->codes, (int)c->n_codes, &out->n_parts);
    double start = seconds_now();
    if (!parts_compile(out->parts, out->n_parts, options->target_features, options->print_llvm, c->error,
                       c->error_size))
        return false;
    /* The stages overlap where parts are compiled side by side: each gets its share of the time that passed. */
    double passed = seconds_now() - start, all = 0;
    out->objects = ARENA_ARRAY(c->arena, JitObject, out->n_parts);
    out->n_objects = out->n_parts;
    for (int i = 0; i < out->n_parts; i++) {
        const Part *part = &out->parts[i];
        out->objects[i] = (JitObject){LLVMGetBufferStart(part->object), LLVMGetBufferSize(part->object)};
        out->times.emit += part->emit_seconds;
        out->times.optimize += part->times.optimize;
        out->times.object += part->times.object;
        all += part->emit_seconds + part->times.optimize + part->times.object;
    }
    out->times.emit *= passed / all;
    out->times.optimize *= passed / all;
    out->times.object *= passed / all;
    return true;
}

static bool compile_all(Compiler *c, const CodegenOptions *options) {
    size_t n = c->module->n_funcs;
    FuncCode *funcs = ARENA_ARRAY(c->arena, FuncCode, n + 1);
    VtFunction *functions = ARENA_ARRAY(c->arena, VtFunction, n + 1);
    double start = seconds_now();
    for (size_t f = 0; f < n; f++) {
        funcs[f].func = c->module->funcs[f];
        if (!plan_func(c, &funcs[f])) return false;
    }
    double planned = seconds_now();
    if (!compile_parts(c, options)) return false;
    double compiled = seconds_now();
    c->out->call_kernels = ARENA_ARRAY(c->arena, int32_t *, n + 1);
    for (size_t f = 0; f < n; f++) {
        if (!bind_func(c, &funcs[f])) return false;
        functions[f] = finish_func(c, &funcs[f], &c->out->call_kernels[f]);
    }
    c->program->functions = functions;
    c->program->n_functions = (int32_t)n;
    c->program->constants = c->constants;
    c->program->n_constants = (int32_t)c->n_constants;
    c->out->times.calls = planned - start + seconds_now() - compiled;
    return compiled_link(c->out, c->error, c->error_size);
}

bool codegen_machine(const char *target_features, Machine *machine, char *error, size_t size) {
    Target target;
    bool good = target_open(&target, target_features, error, size);
    for (Precision p = 0; good && p < PRECISION_COUNT; p++) {
        target.host.panel[p] = panel_shape(&target, p);
        target.host.tile[p] = tile_shape(&target, p);
    }
    if (good) machine_fill(machine, &target.host);
    target_close(&target);
    return good;
}

/* Moments are of all columns of a tile: those that a product's kernel makes are of tiles of this target. */
static bool tiles_fit(Compiler *c, const Target *target) {
    for (size_t f = 0; f < c->module->n_funcs; f++) {
        const Func *func = c->module->funcs[f];
        const Node *product = NULL;
        for (ValueId id = 0; id < func->count; id++) {
            const Node *node = func_node(func, id);
            if (node->op == OP_matmul) product = node;
            if (node->op != OP_moments || !product || product->cluster != node->cluster) continue;
            int columns = micro_choose(target, (int)product->attrs[2].i).nr;
            if (node->attrs[0].i == columns) continue;
            snprintf(c->error, c->error_size,
                     "a product's kernel makes moments of %lld columns; tiles of %s have %d",
                     (long long)node->attrs[0].i, target->row->name, columns);
            return false;
        }
    }
    return true;
}

/* Whether the weights were packed, if they were, as this target's products read them. */
static bool panels_fit(Compiler *c, const Target *target) {
    PanelShape is = c->module->machine.panel[c->module->precision],
               should = panel_shape(target, c->module->precision);
    if (is.columns == 0 || (is.columns == should.columns && is.rows == should.rows)) return true;
    snprintf(c->error, c->error_size,
             "the module's weights are packed in panels of %d columns, %d rows; %s wants %d, %d", is.columns,
             is.rows, target->row->name, should.columns, should.rows);
    return false;
}

Compiled *codegen_compile(const Module *module, const VtProgram *plan, const CodegenOptions *options,
                          char *error, size_t size) {
    Arena *arena = arena_new();
    Compiled *out = ARENA_NEW(arena, Compiled);
    Compiler *c = ARENA_NEW(arena, Compiler);
    CodegenOptions usual = {0};
    Target target;
    *out = (Compiled){.arena = arena, .program = *plan};
    out->program.abi = VT_ABI;
    *c = (Compiler){.out = out,
                    .arena = arena,
                    .program = &out->program,
                    .module = module,
                    .error = error,
                    .error_size = size};
    describe_states(c);
    for (int i = out->program.n_inputs; i-- > 0;)
        names_set(arena, &c->inputs, out->program.inputs[i].tensor.name, (uint32_t)i);
    bool good = target_open(&target, options ? options->target_features : NULL, error, size);
    good = good && panels_fit(c, &target) && tiles_fit(c, &target);
    if (good) out->target = target.row->name;
    target_close(&target);
    if (good && compile_all(c, options ? options : &usual)) return out;
    compiled_free(out);
    return NULL;
}
