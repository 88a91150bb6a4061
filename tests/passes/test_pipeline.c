/* The passes that lower a training step, one after another on random functions with gradients: after each the function
 * still computes the same. After the last one the memory plan is followed with real bytes, kernel by kernel. */
#include "tests/passes/random_graph.h"
#include "ir/place.h"
#include "passes/autodiff.h"
#include "passes/batch_views.h"
#include "passes/expand.h"
#include "passes/fuse.h"
#include "passes/memory.h"
#include "passes/reductions.h"
#include "passes/simplify.h"

enum { GRAPHS = 300, NODES = 50 };
#define TOO_STEEP 1e6

static const struct {
    const char *name;
    bool (*run)(Module *, Diags *);
} STAGES[] = {{"simplify", pass_simplify}, {"batch-views", pass_batch_views},
              {"autodiff", pass_autodiff}, {"expand", pass_expand},
              {"simplify", pass_simplify}, {"reductions", pass_reductions},
              {"simplify", pass_simplify}, {"fuse", pass_fuse},
              {"memory", pass_memory}};
enum { N_STAGES = sizeof STAGES / sizeof *STAGES };

/* Adds a loss of several values, and its gradients as outputs. */
static void add_gradients(RandomGraph *g) {
    Func *func = g->func;
    ValueId loss = ir_constant(func, 0, DT_F64), count = (ValueId)func->count;
    for (ValueId id = 0; id < count; id++) {
        if (func_type(func, id)->dtype != DT_F64 || draw_below(&g->seed, 3)) continue;
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

static bool is_comparable(const Tensor *tensor) {
    for (int64_t i = 0; i < type_elements(&tensor->type); i++)
        if (!(fabs(tensor->data[i]) < TOO_STEEP)) return false;
    return true;
}

/* The results after autodiff alone: what all else must agree with. */
static Tensor *reference(const RandomGraph *g, Diags *diags, Arena *arena) {
    RandomGraph copy = *g;
    copy.module = module_clone(g->module, arena);
    copy.func = copy.module->funcs[0];
    assert_true(pass_autodiff(copy.module, diags));
    return random_graph_run(&copy, arena);
}

/* ---- the memory plan, followed ------------------------------------------------------------------------------------ */

typedef struct {
    const Func *func;
    Placement placement;
    char *arena_bytes;
    Tensor *inputs, *states, *outputs;
} Machine;

/* f64 as it is; what is smaller as a float, so that it stays within its bytes; bools as a byte. */
static void store(char *at, const Tensor *tensor) {
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

static Tensor load(const char *at, const Type *type, Arena *arena) {
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

static Tensor read_value(Machine *machine, ValueId id, Arena *arena) {
    const Node *node = func_node(machine->func, id);
    Place place = machine->placement.places[id];
    switch (place.kind) {
    case PLACE_INPUT: return machine->inputs[place.index];
    case PLACE_STATE: return machine->states[place.index];
    case PLACE_OUTPUT: return machine->outputs[place.index];
    case PLACE_ARENA: return load(machine->arena_bytes + node->offset, &node->type, arena);
    default: fail_msg("a kernel loads %%%u (%s), which lies nowhere", id, op_info(node->op)->name);
    }
    return (Tensor){0};
}

static void write_value(Machine *machine, ValueId id, const Tensor *tensor) {
    const Node *node = func_node(machine->func, id);
    Place place = machine->placement.places[id];
    if (place.kind == PLACE_STATE) machine->states[place.index] = *tensor;
    if (place.kind == PLACE_OUTPUT) machine->outputs[place.index] = *tensor;
    if (place.kind == PLACE_ARENA) store(machine->arena_bytes + node->offset, tensor);
}

/* A kernel stores while it still loads: no value it stores may share bytes with another that it loads or stores. */
static void check_apart(const Machine *machine, ValueId stored, ValueId other) {
    const Placement *placement = &machine->placement;
    if (stored == other || placement->places[stored].kind != PLACE_ARENA) return;
    if (placement->places[other].kind != PLACE_ARENA) return;
    const Node *a = func_node(machine->func, stored), *b = func_node(machine->func, other);
    bool apart =
        a->offset + type_bytes(&a->type) <= b->offset || b->offset + type_bytes(&b->type) <= a->offset;
    if (!apart) fail_msg("%%%u and %%%u lie in the same place", stored, other);
}

/* One kernel: its nodes as a function of what they load. */
static void run_span(Machine *machine, ClusterSpan span, Arena *arena) {
    const Func *func = machine->func;
    Func *kernel = module_add_func(module_new(arena, func->module->diags, "kernel"), "kernel");
    ValueId *map = ARENA_ARRAY(arena, ValueId, func->count);
    Tensor *inputs = ARENA_ARRAY(arena, Tensor, func->count);
    for (size_t i = 0; i < func->count; i++) map[i] = IR_NONE;
    for (ValueId id = span.first; id <= span.last; id++) {
        const Node *node = func_node(func, id);
        ValueId *x = ARENA_ARRAY(arena, ValueId, node->n_operands + 1);
        for (int o = 0; o < node->n_operands; o++) {
            ValueId operand = node->operands[o];
            if (map[operand] == IR_NONE) {
                inputs[kernel->n_inputs] = read_value(machine, operand, arena);
                map[operand] = func_add_input(kernel, "", *func_type(func, operand));
            }
            x[o] = map[operand];
        }
        map[id] = func_copy(kernel, node, x);
    }
    for (ValueId id = span.first; id <= span.last; id++)
        if (machine->placement.places[id].kind != PLACE_LOOPS) func_add_output(kernel, "", map[id]);
    for (ValueId id = span.first; id <= span.last; id++)
        for (ValueId other = 0; other <= span.last; other++)
            if (map[other] != IR_NONE) check_apart(machine, id, other);
    Tensor *results = run_func(kernel, inputs, arena);
    size_t n = 0;
    for (ValueId id = span.first; id <= span.last; id++)
        if (machine->placement.places[id].kind != PLACE_LOOPS) write_value(machine, id, &results[n++]);
}

/* Where an update was not written into its state, it is copied there at the end. */
static Tensor *run_planned(const RandomGraph *g, Arena *arena) {
    Func *func = g->func;
    Machine machine = {.func = func, .placement = func_place(arena, func), .inputs = g->inputs};
    machine.arena_bytes = ARENA_ARRAY(arena, char, func->arena_bytes + 1);
    memset(machine.arena_bytes, 0x7f, (size_t)func->arena_bytes);
    machine.outputs = ARENA_ARRAY(arena, Tensor, func->n_outputs + 2);
    machine.states = ARENA_ARRAY(arena, Tensor, 2);
    for (int s = 0; s < 2; s++) machine.states[s] = g->states[s];
    for (ValueId id = 0; id < func->count; id++) {
        const Node *node = func_node(func, id);
        if (machine.placement.places[id].kind != PLACE_ARENA) continue;
        assert_true(node->offset >= 0 && node->offset % 64 == 0);
        assert_true(node->offset + type_bytes(&node->type) <= func->arena_bytes);
    }
    for (size_t i = 0; i < machine.placement.n_spans; i++)
        run_span(&machine, machine.placement.spans[i], arena);
    Tensor *results = ARENA_ARRAY(arena, Tensor, func->n_outputs + 2);
    for (size_t i = 0; i < func->n_outputs; i++)
        results[i] = read_value(&machine, func->outputs[i].value, arena);
    for (int s = 0; s < 2; s++) results[func->n_outputs + (size_t)s] = machine.states[s];
    for (size_t i = 0; i < func->n_updates; i++)
        results[func->n_outputs + func->updates[i].state] =
            read_value(&machine, func->updates[i].value, arena);
    return results;
}

/* ---- the tests -------------------------------------------------------------------------------------------------------- */

static void check_results(const Tensor *got, const Tensor *want, size_t n, uint64_t seed, const char *after) {
    for (size_t i = 0; i < n; i++)
        if (is_comparable(&want[i]))
            assert_tensor_near(&got[i], &want[i], 1e-6, 1e-6, "seed %d, result %d, after %s", (int)seed,
                               (int)i, after);
}

static void test_each_pass_keeps_the_meaning(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < GRAPHS; seed++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        RandomGraph g = random_graph(arena, diags, seed + 1000, NODES);
        add_gradients(&g);
        Tensor *want = reference(&g, diags, arena);
        size_t n = g.func->n_outputs + 2;
        for (int stage = 0; stage < N_STAGES; stage++) {
            assert_true(STAGES[stage].run(g.module, diags));
            if (stage > 1) /* autodiff is past */
                check_results(random_graph_run(&g, arena), want, n, seed, STAGES[stage].name);
        }
        check_results(run_planned(&g, arena), want, n, seed, "planning");
        arena_free(arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_pass_keeps_the_meaning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
