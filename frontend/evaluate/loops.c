/* Loops that run when a step does. A body is evaluated once, in place, with nodes that stand for what changes from
 * iteration to iteration; then the nodes that this made are copied into a function, the body of a `loop` node. What
 * stayed behind is of the first iteration alone and is dropped as unused. What does not depend on the iteration stays
 * outside of a repeated body, and is computed once; a conditional body takes all along, since it may not run. */
#include "frontend/evaluate/evaluator.h"
#include "ir/loop.h"

/* Stands for a value: it has the type of it and nothing reads it but the body. */
static ValueId stand_in(Evaluator *e, ValueId value) {
    return ir_unary(e->func, OP_stop_grad, value);
}

Loop *loop_begin(Evaluator *e, Loc loc, const char *word, int64_t count, ValueId condition) {
    int depth = 1;
    for (const Loop *outer = e->body; outer; outer = outer->outer) depth++;
    if (depth > LOOP_DEPTH) {
        eval_error(e, loc, "loops nest deeper than %d", LOOP_DEPTH);
        return NULL;
    }
    if (e->func->module != e->module) {
        eval_error(e, loc, "`%s` has no place in an initial value", word);
        return NULL;
    }
    Loop *loop = ARENA_NEW(e->arena, Loop);
    *loop = (Loop){.outer = e->body, .loc = loc, .word = word, .count = count, .condition = condition};
    loop->begin = (ValueId)e->func->count;
    loop->number = stand_in(e, ir_constant(e->func, 0, DT_I32));
    return e->body = loop;
}

ValueId loop_carry(Evaluator *e, Loop *loop, ValueId before) {
    ValueId inside = stand_in(e, before);
    LoopValue value = {inside, before, inside};
    ARENA_PUSH(e->arena, loop->carried, loop->n_carried, loop->carried_capacity, value);
    return inside;
}

ValueId loop_row(Evaluator *e, Loop *loop, ValueId rows) {
    const Type type = *func_type(e->func, rows);
    int64_t start[IR_MAX_RANK] = {0}, limit[IR_MAX_RANK], step[IR_MAX_RANK];
    for (int k = 0; k < type.rank; k++) limit[k] = k ? type.dim[k] : 1, step[k] = 1;
    ValueId first = ir_slice(e->func, rows, start, limit, step);
    LoopValue value = {.inside = ir_reshape(e->func, first, type.rank - 1, type.dim + 1), .before = rows};
    ARENA_PUSH(e->arena, loop->rows, loop->n_rows, loop->rows_capacity, value);
    return value.inside;
}

/* ---- states ------------------------------------------------------------------------------------------------------ */

/* Their values after an iteration; outside all is as it was. */
static void leave_states(Evaluator *e, Loop *loop) {
    for (size_t i = 0; i < loop->n_states; i++) {
        StateValue *value = state_value(e, loop->states[i].state);
        loop->states[i].value.after = value->current;
        *value = loop->states[i].outside;
    }
}

/* ---- the body ---------------------------------------------------------------------------------------------------- */

bool loop_reads(const Evaluator *e, const Loop *loop, ValueId inside) {
    for (ValueId id = loop->begin; id < e->func->count; id++)
        for (int o = 0; o < func_node(e->func, id)->n_operands; o++)
            if (func_node(e->func, id)->operands[o] == inside) return true;
    return false;
}

typedef struct {
    Evaluator *e;
    Loop *loop;
    Func *body;
    Arena *arena;      /* of the arrays below */
    ValueId *map;      /* of each value outside: the body's; IR_NONE: not known there */
    bool *varies;      /* of each: it stands for something, or depends on what does */
    ValueId *operands; /* of the loop */
    size_t n, capacity;
} Outline;

static void add_operand(Outline *o, ValueId value) {
    ARENA_PUSH(o->e->arena, o->operands, o->n, o->capacity, value);
}

static ValueId body_input(Outline *o, ValueId value, const Type *type) {
    const char *name = arena_printf(o->e->arena, "in.%zu", o->n);
    add_operand(o, value);
    return func_add_input(o->body, name, *type);
}

/* Known without operands, or moved from what is: each body has its own. */
static bool is_literal(const Func *func, ValueId id) {
    for (int depth = 0; depth < 8; depth++) {
        const Node *node = func_node(func, id);
        if (op_is_literal((OpKind)node->op)) return true;
        if (!op_is_view((OpKind)node->op) && node->op != OP_cast) return false;
        id = node->operands[0];
    }
    return false;
}

/* The body's value for one outside: an input, unless it is of the body or a literal. */
static ValueId body_value(Outline *o, ValueId id) {
    const Func *func = o->e->func;
    if (o->map[id] != IR_NONE) return o->map[id];
    if (!is_literal(func, id)) return o->map[id] = body_input(o, id, func_type(func, id));
    const Node *node = func_node(func, id);
    ValueId operand = node->n_operands ? body_value(o, node->operands[0]) : IR_NONE;
    return o->map[id] = func_copy(o->body, node, &operand);
}

static void stand_for(Outline *o, ValueId inside, ValueId before, const Type *type) {
    o->map[inside] = body_input(o, before, type);
    o->varies[inside] = true;
}

static bool is_changed(const LoopValue *value) {
    return value->after != value->inside;
}

/* What is not changed is captured: the body reads the value outside. */
static void place_carried(Outline *o, const LoopValue *value) {
    if (is_changed(value)) stand_for(o, value->inside, value->before, func_type(o->e->func, value->after));
}

/* Inputs in the order of a loop's operands; what is captured follows as it is met. */
static void add_inputs(Outline *o) {
    Loop *loop = o->loop;
    o->map[loop->number] = func_add_input(o->body, "in.i", type_scalar(DT_I32));
    o->varies[loop->number] = true;
    if (loop->condition != IR_NONE) add_operand(o, loop->condition);
    for (size_t i = 0; i < loop->n_carried; i++) place_carried(o, &loop->carried[i]);
    for (size_t i = 0; i < loop->n_states; i++) place_carried(o, &loop->states[i].value);
    for (size_t i = 0; i < loop->n_rows; i++)
        stand_for(o, loop->rows[i].inside, loop->rows[i].before, func_type(o->e->func, loop->rows[i].inside));
}

static void find_unchanged(Outline *o, const LoopValue *value) {
    if (!is_changed(value)) o->map[value->inside] = body_value(o, value->before);
}

/* Whether a node that was made while the body was evaluated is of the body. */
static bool belongs(const Outline *o, ValueId id) {
    const Node *node = func_node(o->e->func, id);
    if (id < o->loop->begin || o->map[id] != IR_NONE || op_is_source((OpKind)node->op)) return false;
    return o->varies[id] || o->loop->condition != IR_NONE;
}

static void find_varying(Outline *o) {
    const Func *func = o->e->func;
    for (ValueId id = o->loop->begin; id < func->count; id++)
        for (int k = 0; k < func_node(func, id)->n_operands && !o->varies[id]; k++)
            o->varies[id] = o->varies[func_node(func, id)->operands[k]];
}

static void mark(bool *needed, const LoopValue *values, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (is_changed(&values[i])) needed[values[i].after] = true;
}

/* Copies what the results need. */
static void copy_nodes(Outline *o) {
    const Func *func = o->e->func;
    const Loop *loop = o->loop;
    bool *needed = ARENA_ARRAY(o->arena, bool, func->count + 1);
    mark(needed, loop->carried, loop->n_carried);
    for (size_t i = 0; i < loop->n_states; i++) mark(needed, &loop->states[i].value, 1);
    for (size_t i = 0; i < loop->n_stacked; i++) needed[loop->stacked[i].inside] = true;
    for (ValueId id = (ValueId)func->count; id-- > loop->begin;)
        for (int k = 0; needed[id] && belongs(o, id) && k < func_node(func, id)->n_operands; k++)
            needed[func_node(func, id)->operands[k]] = true;
    for (ValueId id = loop->begin; id < func->count; id++) {
        const Node *node = func_node(func, id);
        if (!needed[id] || !belongs(o, id)) continue;
        ValueId *operands = ARENA_ARRAY(o->arena, ValueId, node->n_operands + 1);
        for (int k = 0; k < node->n_operands; k++) operands[k] = body_value(o, node->operands[k]);
        o->map[id] = func_copy(o->body, node, operands);
    }
}

static void add_output(Outline *o, ValueId value) {
    const char *name = arena_printf(o->e->arena, "out.%zu", o->body->n_outputs);
    func_add_output(o->body, name, body_value(o, value));
}

static void make_body(Outline *o) {
    const Loop *loop = o->loop;
    add_inputs(o);
    for (size_t i = 0; i < loop->n_carried; i++) find_unchanged(o, &loop->carried[i]);
    for (size_t i = 0; i < loop->n_states; i++) find_unchanged(o, &loop->states[i].value);
    find_varying(o);
    copy_nodes(o);
    for (size_t i = 0; i < loop->n_carried; i++)
        if (is_changed(&loop->carried[i])) add_output(o, loop->carried[i].after);
    for (size_t i = 0; i < loop->n_states; i++)
        if (is_changed(&loop->states[i].value)) add_output(o, loop->states[i].value.after);
    for (size_t i = 0; i < loop->n_stacked; i++) add_output(o, loop->stacked[i].inside);
}

/* What the loop leaves: of states, their new values. */
static void take_results(Evaluator *e, Loop *loop, ValueId node) {
    size_t part = 0;
    for (size_t i = 0; i < loop->n_carried; i++) {
        LoopValue *value = &loop->carried[i];
        value->after = is_changed(value) ? loop_part(e->func, node, part++) : value->before;
    }
    for (size_t i = 0; i < loop->n_states; i++)
        if (is_changed(&loop->states[i].value)) {
            ValueId after = ir_unary(e->func, OP_stop_grad, loop_part(e->func, node, part++));
            set_state(e, loop->states[i].state, after);
        }
    for (size_t i = 0; i < loop->n_stacked; i++) loop->stacked[i].after = loop_part(e->func, node, part++);
}

/* Whether a loop can hold all that it carries or stacks. */
static bool can_hold(Evaluator *e, const Loop *loop, const Func *body) {
    for (size_t k = 0; k < body->n_outputs; k++) {
        const Type *type = func_type(body, body->outputs[k].value);
        if (loop_holds(type) && type->rank < IR_MAX_RANK) continue;
        eval_error(e, loop->loc, "`%s` carries no %s: cast it", loop->word, type_text(e->arena, type));
        return false;
    }
    return true;
}

bool loop_end(Evaluator *e, Loop *loop, bool good) {
    size_t changed = loop->n_stacked;
    e->body = loop->outer;
    leave_states(e, loop);
    for (size_t i = 0; i < loop->n_carried; i++) changed += is_changed(&loop->carried[i]);
    for (size_t i = 0; i < loop->n_states; i++) changed += is_changed(&loop->states[i].value);
    if (!good || !changed) {
        for (size_t i = 0; i < loop->n_carried; i++) loop->carried[i].after = loop->carried[i].before;
        return good && changed;
    }
    size_t carried = changed - loop->n_stacked, count = e->func->count;
    Outline o = {.e = e, .loop = loop, .arena = arena_new()};
    o.body = module_add_body(e->module, arena_printf(e->arena, "%s.%s", e->func->name, loop->word));
    o.map = ARENA_ARRAY(o.arena, ValueId, count + 1);
    o.varies = ARENA_ARRAY(o.arena, bool, count + 1);
    for (size_t i = 0; i < count; i++) o.map[i] = IR_NONE;
    make_body(&o);
    arena_free(o.arena);
    if (!can_hold(e, loop, o.body)) return false;
    Loc before = e->func->loc;
    e->func->loc = loop->loc;
    LoopAttrs attrs = {.count = loop->count,
                       .carried = (int64_t)carried,
                       .sliced = (int64_t)loop->n_rows,
                       .when = loop->condition != IR_NONE};
    ValueId node = loop_emit(e->func, o.body, o.operands, (int)o.n, attrs);
    if (node == IR_NONE) eval_error(e, loop->loc, "%s", e->func->error);
    if (node != IR_NONE) take_results(e, loop, node);
    e->func->loc = before;
    return node != IR_NONE;
}
