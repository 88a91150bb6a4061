/* What a loop carries, as values of the language: numbers become tensors, bools travel as whole numbers, lists and
 * records are carried part by part. */
#include "frontend/evaluate/evaluator.h"
#include "ir/loop.h"

enum { MAX_CARRIED = 4096 };

static bool has_parts(const Value *v) {
    return is_list(v) || v->kind == V_RECORD;
}

static const char *before_of(const Loop *loop) {
    return loop->condition == IR_NONE ? "before the loop" : "before it";
}

static bool is_bool(const Evaluator *e, ValueId id) {
    return func_type(e->func, id)->dtype == DT_BOOL;
}

static ValueId to_bool(Evaluator *e, ValueId id) {
    return ir_binary(e->func, OP_ne, id, ir_constant(e->func, 0, DT_I32));
}

/* A number or tensor as what is carried; *is_truth: it is a bool. */
static ValueId carried_id(Evaluator *e, Loc loc, const Value *v, bool *is_truth) {
    pin(e, loc, v);
    ValueId id = tensor_of(e, loc, v, v->kind == V_BOOL ? DT_BOOL : DT_F32);
    *is_truth = id != IR_NONE && is_bool(e, id);
    return *is_truth ? ir_cast(e->func, id, DT_I32) : id;
}

Value carry_value(Evaluator *e, Loop *loop, Loc loc, const char *name, const Value *before) {
    if (has_parts(before)) {
        Value copy = *before;
        copy.items = ARENA_ARRAY(e->arena, Value, before->count + 1);
        for (size_t i = 0; i < before->count; i++) {
            copy.items[i] = carry_value(e, loop, loc, name, &before->items[i]);
            if (copy.items[i].kind == V_POISON) return copy.items[i];
        }
        return copy;
    }
    if (!is_number(before) && !is_tensor(before))
        return eval_error(e, loc, "'%s' is %s %s: `%s` carries numbers and tensors, and lists of them", name,
                          show_value(e, before), before_of(loop), loop->word);
    if (loop->n_carried >= MAX_CARRIED)
        return eval_error(e, loc, "`%s` carries more than %d values", loop->word, MAX_CARRIED);
    bool truth;
    ValueId id = carried_id(e, loc, before, &truth);
    if (id == IR_NONE) return (Value){0};
    ValueId inside = loop_carry(e, loop, id);
    return value_of(e, truth ? to_bool(e, inside) : inside);
}

static ValueId zeros_like(Evaluator *e, ValueId value) {
    const Type type = *func_type(e->func, value);
    return ir_broadcast(e->func, ir_constant(e->func, 0, (DType)type.dtype), type.rank, type.dim);
}

static bool tell_types(Evaluator *e, const Loop *loop, Loc loc, const char *name, const Value *before,
                       ValueId after) {
    const char *type = type_text(e->arena, func_type(e->func, after));
    if (is_number(before) && func_type(e->func, after)->rank)
        eval_error(e, loc, "'%s' is a number %s and %s after an iteration: begin with full((…), %g)", name,
                   before_of(loop), type, before->number);
    else
        eval_error(e, loc, "'%s' is %s %s and %s after an iteration: it must keep its type", name,
                   is_number(before) ? "f32" : show_value(e, before), before_of(loop), type);
    return false;
}

/* Brings a part's value after an iteration to the type that it has before; what no iteration reads may begin as
 * anything. */
static bool fit_part(Evaluator *e, Loop *loop, Loc loc, const char *name, const Value *before,
                     LoopValue *part, ValueId after) {
    const Type *was = func_type(e->func, part->before), *is = func_type(e->func, after);
    if (dtype_is_float((DType)was->dtype) && dtype_is_float((DType)is->dtype))
        after = ir_cast(e->func, after, (DType)was->dtype);
    part->after = after;
    if (type_equal(was, func_type(e->func, after))) return true;
    if (loop->condition != IR_NONE || loop_reads(e, loop, part->inside))
        return tell_types(e, loop, loc, name, before, after);
    part->before = zeros_like(e, after);
    return true;
}

bool carry_next(Evaluator *e, Loop *loop, Loc loc, const char *name, const Value *before, const Value *after,
                size_t *next) {
    if (has_parts(before)) {
        if (after->kind != before->kind || after->count != before->count) {
            if (after->kind != V_POISON)
                eval_error(
                    e, loc,
                    "'%s' is %s %s and %s after an iteration: it must stay what it is; `scan` stacks values",
                    name, show_value(e, before), before_of(loop), show_value(e, after));
            return false;
        }
        for (size_t i = 0; i < before->count; i++)
            if (!carry_next(e, loop, loc, name, &before->items[i], &after->items[i], next)) return false;
        return true;
    }
    LoopValue *part = &loop->carried[(*next)++];
    bool truth;
    pin(e, loc, after);
    if (is_number(after) && is_number(before) && after->number == before->number) return true;
    ValueId id = after->kind == V_TENSOR && after->id == part->inside ? part->inside
                                                                      : carried_id(e, loc, after, &truth);
    if (id == IR_NONE) return false;
    const Node *node = func_node(e->func, id); /* a bool that was not changed: the cast of its test */
    if (node->op == OP_cast && func_node(e->func, node->operands[0])->op == OP_ne &&
        func_node(e->func, node->operands[0])->operands[0] == part->inside)
        id = part->inside;
    return id == part->inside || fit_part(e, loop, loc, name, before, part, id);
}

Value carry_result(Evaluator *e, const Loop *loop, const Value *before, size_t *next) {
    if (has_parts(before)) {
        Value copy = *before;
        copy.items = ARENA_ARRAY(e->arena, Value, before->count + 1);
        for (size_t i = 0; i < before->count; i++)
            copy.items[i] = carry_result(e, loop, &before->items[i], next);
        return copy;
    }
    const LoopValue *part = &loop->carried[(*next)++];
    if (part->after == part->before) return *before;
    bool truth = before->kind == V_BOOL || (before->kind == V_TENSOR && is_bool(e, before->id));
    return value_of(e, truth ? to_bool(e, part->after) : part->after);
}
