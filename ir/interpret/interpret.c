/* The reference interpreter: runs a function node by node in float64. What an operator means is a function eval_NAME of
 * the other files: plain loops in index order. */
#include "ir/interpret/eval.h"

#include <math.h>
#include <string.h>

static bool (*const EVALS[OP_COUNT])(Eval *) = {
#define OP(name, ...) eval_##name,
#include "ir/ops.def"
};

/* Integers that became too long for their type keep its low bits. */
static void wrap_integers(const Type *type, double *y) {
    double half = type->dtype == DT_I32 ? 0x1p31 : 0x1p63;
    if (!dtype_is_int((DType)type->dtype)) return;
    for (int64_t i = 0; i < type_elements(type); i++) {
        if (y[i] >= -half && y[i] < half) continue;
        y[i] = fmod(y[i], 2 * half);
        if (y[i] >= half) y[i] -= 2 * half;
        if (y[i] < -half) y[i] += 2 * half;
    }
}

double op_of_numbers(OpKind op, const double *operands) {
    const Type scalar = type_scalar(DT_F64), *types[] = {&scalar, &scalar, &scalar};
    const double *x[] = {&operands[0], &operands[1], &operands[2]};
    const Node node = {.op = (uint16_t)op, .type = scalar};
    double y = 0;
    assert(op_info(op)->loop == LOOP_ELEMENTWISE && op_info(op)->n_attrs == 0);
    EVALS[op](&(Eval){.node = &node, .x = x, .type = types, .y = &y});
    return y;
}

static bool run_node(const Func *func, ValueId id, Tensor *values, Arena *arena, char *error, size_t size) {
    const Node *node = func_node(func, id);
    Arena *scratch = arena_new();
    const double **x = ARENA_ARRAY(scratch, const double *, node->n_operands + 1);
    const Type **type = ARENA_ARRAY(scratch, const Type *, node->n_operands + 1);
    for (int o = 0; o < node->n_operands; o++) {
        x[o] = values[node->operands[o]].data;
        type[o] = func_type(func, node->operands[o]);
    }
    values[id] = (Tensor){node->type, ARENA_ARRAY(arena, double, type_elements(&node->type))};
    Eval eval = {func, node, x, type, values[id].data, func_interpret, scratch, error, size};
    bool good = EVALS[node->op](&eval);
    bool nearest =
        node->op == OP_cast && dtype_is_float((DType)type[0]->dtype); /* 2^63 stands for the last i64 */
    if (good && !nearest) wrap_integers(&node->type, values[id].data);
    arena_free(scratch);
    return good;
}

bool func_interpret_all(const Func *func, const Tensor *inputs, const Tensor *states, Tensor *values,
                        Arena *arena, char *error, size_t size) {
    for (ValueId id = 0; id < func->count; id++) {
        const Node *node = func_node(func, id);
        if (node->op == OP_input)
            values[id] = inputs[source_attrs(node)->index];
        else if (node->op == OP_state)
            values[id] = states[source_attrs(node)->index];
        else if (!run_node(func, id, values, arena, error, size))
            return false;
    }
    return true;
}

static Tensor copy_of(const Tensor *tensor, Arena *arena) {
    size_t n = (size_t)type_elements(&tensor->type);
    Tensor copy = {tensor->type, ARENA_ARRAY(arena, double, n)};
    memcpy(copy.data, tensor->data, sizeof *copy.data * n);
    return copy;
}

bool func_interpret(const Func *func, const Tensor *inputs, const Tensor *states, Tensor *outputs,
                    Tensor *new_states, Arena *arena, char *error, size_t size) {
    Arena *run = arena_new();
    Tensor *values = ARENA_ARRAY(run, Tensor, func->count + 1);
    bool good = func_interpret_all(func, inputs, states, values, run, error, size);
    for (size_t i = 0; good && i < func->n_outputs; i++)
        outputs[i] = copy_of(&values[func->outputs[i].value], arena);
    for (size_t s = 0; good && new_states && s < func->module->n_states; s++) {
        new_states[s] = copy_of(&states[s], arena);
    }
    for (size_t i = 0; good && new_states && i < func->n_updates; i++)
        new_states[func->updates[i].state] = copy_of(&values[func->updates[i].value], arena);
    arena_free(run);
    return good;
}
