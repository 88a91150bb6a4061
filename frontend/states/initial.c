/* Initial values of states: an initialiser, a number, or a tensor of constants, which function `init` computes. */
#include "frontend/states/states.h"

/* Copies an expression of constants into the function `init`; IR_NONE if it depends on an input or a state. */
static ValueId copy_constant(Evaluator *e, ValueId id, Loc loc) {
    Func *from = e->func;
    size_t n = id + 1;
    bool *used = ARENA_ARRAY(e->arena, bool, n);
    ValueId *map = ARENA_ARRAY(e->arena, ValueId, n);
    used[id] = true;
    for (ValueId i = id + 1; i-- > 0;) {
        if (!used[i]) continue;
        const Node *node = func_node(from, i);
        if (op_is_source(node->op)) {
            eval_error(e, loc, "an initial value may not depend on inputs, parameters or the step");
            return IR_NONE;
        }
        for (int o = 0; o < node->n_operands; o++) used[node->operands[o]] = true;
    }
    for (ValueId i = 0; i < n; i++) {
        if (!used[i]) continue;
        const Node *node = func_node(from, i);
        ValueId *operands = ARENA_ARRAY(e->arena, ValueId, node->n_operands + 1);
        for (int o = 0; o < node->n_operands; o++) operands[o] = map[node->operands[o]];
        map[i] = func_copy(e->states->init, node, operands);
    }
    return map[id];
}

bool set_initial(Evaluator *e, Loc loc, const Value *init, State *state) {
    state->init = INIT_CONSTANT;
    if (init->kind == V_POISON) return false;
    Value made;
    if (init->kind == V_BUILTIN && init->builtin->initial) { /* init=zeros */
        const Expr call = {.kind = EXPR_CALL, .loc = loc};
        made = call_builtin(e, init->builtin, &call, NULL, NULL, 0);
        init = &made;
    }
    if (init->kind == V_INIT) {
        if (!check_number(e, loc, init->a, DT_F32) || !check_number(e, loc, init->b, DT_F32)) return false;
        state->init = init->init;
        state->a = init->a;
        state->b = init->b;
        return true;
    }
    if (is_number(init)) {
        if (!check_number(e, loc, init->number, (DType)state->type.dtype)) return false;
        state->a = init->number;
        return true;
    }
    if (!is_tensor(init)) {
        eval_error(e, loc,
                   "%s is no initial value: zeros, normal(std), uniform(low, high), a number or a tensor of "
                   "constants",
                   show_value(e, init));
        return false;
    }
    ValueId id = tensor_of(e, loc, init, DT_F32);
    if (id == IR_NONE) return false;
    const Node *node = func_node(e->func, id);
    const Node *scalar = node->op == OP_broadcast ? func_node(e->func, node->operands[0]) : node;
    if (scalar->op == OP_constant && type_equal(&node->type, &state->type)) {
        state->a = constant_attrs(scalar)->value;
        return true;
    }
    id = copy_constant(e, id, loc);
    if (id == IR_NONE) return false;
    id = ir_cast(e->states->init, id, (DType)state->type.dtype);
    id = ir_reshape(e->states->init, id, state->type.rank, state->type.dim);
    if (id == IR_NONE) {
        eval_error(e, loc, "the initial value's shape does not fit %s", type_text(e->arena, &state->type));
        return false;
    }
    state->init = INIT_FUNCTION;
    func_add_output(e->states->init, state->name, id);
    return true;
}
