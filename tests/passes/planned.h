/* For the tests of passes: random functions with gradients, and a memory plan followed with real bytes, kernel by
 * kernel. */
#ifndef VITC_TESTS_PASSES_PLANNED_H
#define VITC_TESTS_PASSES_PLANNED_H

#include "ir/plan/plan.h"
#include "tests/passes/random_graph.h"

/* Adds a loss of several values, and its gradients as outputs. */
static inline void add_gradients(RandomGraph *g) {
    Func *func = g->func;
    ValueId loss = ir_constant(func, 0, DT_F64), count = (ValueId)func->count;
    for (ValueId id = 0; id < count; id++) {
        if (func_type(func, id)->dtype != DT_F64 || draw_below(&g->seed, 3)) continue;
        if (op_info((OpKind)func_node(func, id)->op)->grad == GRAD_NONE) continue;
        loss = ir_binary(func, OP_add, loss, weighed(func, id, ir_unary(func, OP_sin, id)));
    }
    char name[16];
    for (ValueId id = 0; id < count; id++) {
        int op = func_node(func, id)->op;
        if ((op != OP_input && op != OP_state) || func_type(func, id)->dtype != DT_F64) continue;
        snprintf(name, sizeof name, "d%u", id);
        func_add_output(func, name, emit_grad(func, loss, id));
    }
}

typedef struct {
    const Func *func;
    const Plan *plan;
    char *arena_bytes;
    Tensor *inputs, *states, *outputs;
    Tensor *blocks; /* of each value: what lies in blocks, whole */
} PlannedRun;

/* f64 as it is; what is smaller as a float, so that it stays within its bytes; bools as a byte. */
static inline void store(char *at, const Tensor *tensor) {
    for (int64_t i = 0; i < type_elements(&tensor->type); i++) {
        float single = (float)tensor->data[i];
        char byte = tensor->data[i] != 0;
        size_t size = dtype_size((DType)tensor->type.dtype);
        memcpy(at + (size_t)i * size,
               size == 8   ? (void *)&tensor->data[i]
               : size == 4 ? (void *)&single
                           : &byte,
               size);
    }
}

static inline Tensor load(const char *at, const Type *type, Arena *arena) {
    Tensor tensor = tensor_new(arena, type);
    size_t size = dtype_size((DType)type->dtype);
    for (int64_t i = 0; i < type_elements(type); i++) {
        float single;
        if (size == 8) memcpy(&tensor.data[i], at + i * 8, 8);
        if (size == 4) memcpy(&single, at + i * 4, 4);
        if (size < 8) tensor.data[i] = size == 4 ? (double)single : (double)at[i];
    }
    return tensor;
}

/* Of f32 the bytes tell whether the value is still there; it is not rounded to them, since an f64 that a loop carries
 * lies in words of f32. */
static inline Tensor load_exactly(PlannedRun *run, ValueId id, Arena *arena) {
    const Type *type = func_type(run->func, id);
    Tensor loaded = load(run->arena_bytes + run->plan->places[id].offset, type, arena);
    if (type->dtype != DT_F32) return loaded;
    for (int64_t i = 0; i < type_elements(type); i++) {
        double stored = (float)run->blocks[id].data[i];
        if (loaded.data[i] != stored && !(isnan(loaded.data[i]) && isnan(stored)))
            fail_msg("%%%u was overwritten before it is read", id);
    }
    return run->blocks[id];
}

static inline Tensor read_value(PlannedRun *run, ValueId id, Arena *arena) {
    const Node *node = func_node(run->func, id);
    Place place = run->plan->places[id];
    switch (place.kind) {
    case PLACE_INPUT: return run->inputs[place.index];
    case PLACE_STATE: return run->states[place.index];
    case PLACE_OUTPUT: return run->outputs[place.index];
    case PLACE_BLOCK: return run->blocks[id];
    case PLACE_ARENA: return load_exactly(run, id, arena);
    default: fail_msg("a kernel loads %%%u (%s), which lies nowhere", id, op_info(node->op)->name);
    }
    return (Tensor){0};
}

static inline void write_value(PlannedRun *run, ValueId id, const Tensor *tensor) {
    Place place = run->plan->places[id];
    if (place.kind == PLACE_STATE) run->states[place.index] = *tensor;
    if (place.kind == PLACE_OUTPUT) run->outputs[place.index] = *tensor;
    if (place.kind == PLACE_BLOCK || tensor->type.dtype == DT_F32) run->blocks[id] = *tensor;
    if (place.kind == PLACE_ARENA) store(run->arena_bytes + place.offset, tensor);
}

/* A kernel stores while it still loads: no value it stores may share bytes with another that it loads or stores. */
static inline void check_apart(const PlannedRun *run, ValueId stored, ValueId other) {
    const Place *a = &run->plan->places[stored], *b = &run->plan->places[other];
    if (stored == other || a->kind != PLACE_ARENA || b->kind != PLACE_ARENA) return;
    bool apart = a->offset + type_bytes(func_type(run->func, stored)) <= b->offset ||
                 b->offset + type_bytes(func_type(run->func, other)) <= a->offset;
    if (!apart) fail_msg("%%%u and %%%u lie in the same place", stored, other);
}

/* One kernel: its nodes as a function of what they load. */
static inline void run_kernel(PlannedRun *run, const Kernel *one, Arena *arena) {
    const Func *func = run->func;
    Func *kernel = module_add_func(module_new(arena, func->module->diags, "kernel"), "kernel");
    kernel->module->funcs = func->module->funcs; /* bodies of loops */
    kernel->module->n_funcs = func->module->n_funcs;
    ValueId *map = ARENA_ARRAY(arena, ValueId, func->count);
    Tensor *inputs = ARENA_ARRAY(arena, Tensor, func->count);
    for (size_t i = 0; i < func->count; i++) map[i] = IR_NONE;
    for (ValueId id = one->first; id <= one->last; id++) {
        const Node *node = func_node(func, id);
        ValueId *x = ARENA_ARRAY(arena, ValueId, node->n_operands + 1);
        for (int o = 0; o < node->n_operands; o++) {
            ValueId operand = node->operands[o];
            if (map[operand] == IR_NONE) {
                inputs[kernel->n_inputs] = read_value(run, operand, arena);
                map[operand] = func_add_input(kernel, "", *func_type(func, operand));
            }
            x[o] = map[operand];
        }
        map[id] = func_copy(kernel, node, x);
    }
    for (ValueId id = one->first; id <= one->last; id++)
        if (run->plan->places[id].kind != PLACE_LOOPS) func_add_output(kernel, "", map[id]);
    for (ValueId id = one->first; id <= one->last; id++)
        for (ValueId other = 0; other <= one->last; other++)
            if (map[other] != IR_NONE) check_apart(run, id, other);
    Tensor *results = run_func(kernel, inputs, arena);
    size_t n = 0;
    for (ValueId id = one->first; id <= one->last; id++)
        if (run->plan->places[id].kind != PLACE_LOOPS) write_value(run, id, &results[n++]);
}

/* Where an update was not written into its state, it is copied there at the end. */
static inline Tensor *run_planned(const RandomGraph *g, Arena *arena) {
    Func *func = g->func;
    PlannedRun run = {.func = func, .plan = func->plan, .inputs = g->inputs};
    run.arena_bytes = ARENA_ARRAY(arena, char, func->plan->arena_bytes + 1);
    memset(run.arena_bytes, 0x7f, (size_t)func->plan->arena_bytes);
    run.outputs = ARENA_ARRAY(arena, Tensor, func->n_outputs + 2);
    run.blocks = ARENA_ARRAY(arena, Tensor, func->count + 1);
    run.states = ARENA_ARRAY(arena, Tensor, 2);
    for (int s = 0; s < 2; s++) run.states[s] = g->states[s];
    for (ValueId id = 0; id < func->count; id++) {
        const Place *place = &run.plan->places[id];
        if (place->kind != PLACE_ARENA) continue;
        assert_true(place->offset >= 0 && place->offset % 64 == 0);
        assert_true(place->offset + type_bytes(func_type(func, id)) <= func->plan->arena_bytes);
    }
    for (size_t k = 0; k < func->plan->n_kernels; k++) run_kernel(&run, &func->plan->kernels[k], arena);
    Tensor *results = ARENA_ARRAY(arena, Tensor, func->n_outputs + 2);
    for (size_t i = 0; i < func->n_outputs; i++) results[i] = read_value(&run, func->outputs[i].value, arena);
    for (int s = 0; s < 2; s++) results[func->n_outputs + (size_t)s] = run.states[s];
    for (size_t i = 0; i < func->n_updates; i++)
        results[func->n_outputs + func->updates[i].state] = read_value(&run, func->updates[i].value, arena);
    return results;
}

#endif
