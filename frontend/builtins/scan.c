/* scan(module, start, rows, …): a module applied to one row after the other, with a value that goes from each to the
 * next, as a loop that runs when a step does. */
#include "frontend/builtins/builtins.h"

enum { MOST_CONSTANTS = 64 };

/* The rows as one tensor; IR_NONE after an error. */
static ValueId rows_of(Evaluator *e, Loc loc, Value *rows) {
    Value first_axis = value_number(0, true), stacked = *rows;
    if (is_list(rows)) stacked = b_stack(e, e->at, (Value[]){*rows, first_axis}, 2);
    if (stacked.kind == V_POISON) return IR_NONE;
    ValueId id = tensor_of(e, loc, &stacked, DT_F32);
    if (id == IR_NONE || func_type(e->func, id)->rank) return id;
    value_error(e, loc, rows, "scan runs over a list, or the first axis of a tensor, not %s",
                show_value(e, rows));
    return IR_NONE;
}

/* module(carry, row, name=constant, …) */
static Value call_module(Evaluator *e, const Expr *at, const Value *module, Value carry, ValueId row,
                         const Value *constants) {
    Value args[MOST_CONSTANTS + 2] = {carry, value_of(e, row)};
    const char *keywords[MOST_CONSTANTS + 2] = {NULL};
    if (constants->count > MOST_CONSTANTS)
        return eval_error(e, at->loc, "scan passes on at most %d constants", MOST_CONSTANTS);
    for (size_t i = 0; i < constants->count; i++) {
        args[i + 2] = constants->items[i];
        keywords[i + 2] = constants->names[i];
    }
    if (module->kind == V_NETWORK && e->apply)
        return e->apply(e, module->definition, at, args, keywords, constants->count + 2);
    return call_definition(e, module->definition, false, at, args, keywords, constants->count + 2);
}

static bool has_parts(const Value *v) {
    return is_list(v) || v->kind == V_RECORD;
}

/* The parts of a row become stacked. */
static bool stack_parts(Evaluator *e, Loop *loop, Loc loc, const Value *row) {
    if (has_parts(row)) {
        for (size_t i = 0; i < row->count; i++)
            if (!stack_parts(e, loop, loc, &row->items[i])) return false;
        return true;
    }
    LoopValue value = {.inside = tensor_of(e, loc, row, DT_F32)};
    if (value.inside == IR_NONE) return false;
    ARENA_PUSH(e->arena, loop->stacked, loop->n_stacked, loop->stacked_capacity, value);
    return true;
}

static Value stacked_result(Evaluator *e, const Loop *loop, const Value *row, size_t *next) {
    if (!has_parts(row)) return value_of(e, loop->stacked[(*next)++].after);
    Value copy = *row;
    copy.items = ARENA_ARRAY(e->arena, Value, row->count + 1);
    for (size_t i = 0; i < row->count; i++) copy.items[i] = stacked_result(e, loop, &row->items[i], next);
    return copy;
}

FUNCTION(b_scan) {
    UNUSED;
    Value *module = &args[0], *start = &args[1], carry, made, row;
    size_t failures = e->failures, next = 0;
    if (module->kind != V_MODULE && module->kind != V_NETWORK)
        return value_error(e, at->loc, module, "scan wants a module first, not %s", show_value(e, module));
    ValueId rows = rows_of(e, at->loc, &args[2]);
    if (rows == IR_NONE) return (Value){0};
    Loop *loop = loop_begin(e, at->loc, "scan", func_type(e->func, rows)->dim[0], IR_NONE);
    if (!loop) return (Value){0};
    carry = carry_value(e, loop, at->loc, "start", start);
    made =
        carry.kind == V_POISON ? carry : call_module(e, at, module, carry, loop_row(e, loop, rows), &args[3]);
    bool pair = made.kind == V_TUPLE && made.count == 2;
    row = pair ? made.items[1] : made;
    bool good = made.kind != V_POISON && e->failures == failures &&
                carry_next(e, loop, at->loc, "start", start, pair ? &made.items[0] : &made, &next) &&
                stack_parts(e, loop, at->loc, &row);
    if (!loop_end(e, loop, good)) return (Value){0};
    size_t carried = 0, stacked = 0;
    Value result = value_list(e, at->loc, V_TUPLE, 2);
    result.items[0] = carry_result(e, loop, start, &carried);
    result.items[1] = stacked_result(e, loop, &row, &stacked);
    return close_list(e, at->loc, result);
}
