/* Loops: how the parts of their results lie, and making them: see loop.h. */
#include "ir/loop.h"

#include <string.h>

Func *loop_body(const Func *func, const Node *loop) {
    return func->module->funcs[loop_attrs(loop)->body];
}

/* [count, …] */
static Type stacked(const Type *row, int64_t count) {
    Type type = {.dtype = row->dtype, .rank = (uint8_t)(row->rank + 1), .dim = {count}};
    for (int k = 0; k < row->rank && k + 1 < IR_MAX_RANK; k++) type.dim[k + 1] = row->dim[k];
    return type;
}

static Type part_type(const Func *body, const LoopAttrs *attrs, size_t k) {
    if (k >= body->n_outputs) return stacked(&body->inputs[k - body->n_outputs + 1].type, attrs->count + 1);
    const Type *type = func_type(body, body->outputs[k].value);
    return k < (size_t)attrs->carried ? *type : stacked(type, attrs->count);
}

LoopPart loop_part_of(const Func *body, const LoopAttrs *attrs, size_t k) {
    LoopPart part = {.type = part_type(body, attrs, k)};
    for (size_t i = 0; i < k; i++) {
        Type type = part_type(body, attrs, i);
        part.start = size_add(part.start, loop_words(&type));
    }
    return part;
}

static int64_t result_words(const Func *body, const LoopAttrs *attrs) {
    size_t parts = body->n_outputs + (attrs->kept ? (size_t)attrs->carried : 0);
    LoopPart last = loop_part_of(body, attrs, parts - 1);
    return size_add(last.start, loop_words(&last.type));
}

LoopOperands loop_operands(const LoopAttrs *attrs) {
    int carried = attrs->when;
    return (LoopOperands){carried, carried + (int)attrs->carried,
                          carried + (int)attrs->carried + (int)attrs->sliced};
}

ValueId loop_emit(Func *func, const Func *body, const ValueId *operands, int n, LoopAttrs attrs) {
    for (attrs.body = 0; func->module->funcs[attrs.body] != body;) attrs.body++;
    attrs.words = result_words(body, &attrs);
    return func_emit(func, OP_loop, operands, n, &attrs);
}

ValueId loop_take(Func *func, ValueId words, const LoopPart *part) {
    const Type *type = &part->type;
    if (type->dtype != DT_F32) {
        PartAttrs attrs = {.start = part->start, .shape.n = type->rank, .dtype = (DType)type->dtype};
        memcpy(attrs.shape.v, type->dim, sizeof *type->dim * type->rank);
        return func_emit(func, OP_part, &words, 1, &attrs);
    }
    int64_t limit = part->start + type_elements(type), step = 1;
    return ir_reshape(func, ir_slice(func, words, &part->start, &limit, &step), type->rank, type->dim);
}

ValueId loop_part(Func *func, ValueId loop, size_t k) {
    if (loop == IR_NONE) return loop;
    const Node *node = func_node(func, loop);
    LoopPart part = loop_part_of(loop_body(func, node), loop_attrs(node), k);
    return loop_take(func, loop, &part);
}

/* Whether a slice takes elements that follow each other, and which is the first: along one axis, with all of those
 * behind it and one of those before. */
static bool is_contiguous(const Type *x, const Node *slice, int64_t *first) {
    const SliceAttrs *attrs = slice_attrs(slice);
    int64_t stride = 1;
    bool whole = true; /* of all axes so far */
    *first = 0;
    for (int k = x->rank; k-- > 0; stride *= x->dim[k]) {
        int64_t size = slice->type.dim[k];
        if (size > 1 && (!whole || attrs->step.v[k] != 1)) return false;
        whole = whole && size == x->dim[k];
        *first += attrs->start.v[k] * stride;
    }
    return true;
}

LoopOperand loop_operand(const Func *func, ValueId operand) {
    LoopOperand found = {.base = operand};
    while (found.n_views < LOOP_VIEWS) {
        const Node *node = func_node(func, found.base);
        int64_t first = 0;
        bool part = node->op == OP_slice && is_contiguous(func_type(func, node->operands[0]), node, &first);
        if (!part && node->op != OP_reshape) break;
        found.views[found.n_views++] = found.base;
        found.offset += first * (int64_t)dtype_size((DType)node->type.dtype);
        found.base = node->operands[0];
    }
    return found;
}

/* ---- whether node and body fit ----------------------------------------------------------------------------------- */

static const char *input_fault(Arena *arena, const Func *body, size_t input, const Type *wanted) {
    const Type *is = &body->inputs[input].type;
    if (type_equal(is, wanted)) return NULL;
    return arena_printf(arena, "input '%s' of @%s is %s, and gets %s", body->inputs[input].name, body->name,
                        type_text(arena, is), type_text(arena, wanted));
}

static const char *inputs_fault(Arena *arena, const Func *func, const Func *body, const Node *loop) {
    const LoopAttrs *attrs = loop_attrs(loop);
    LoopOperands first = loop_operands(attrs);
    Type counter = type_scalar(DT_I32);
    const char *fault = input_fault(arena, body, 0, &counter);
    for (int o = first.carried; o < loop->n_operands && !fault; o++) {
        Type type = *func_type(func, loop->operands[o]);
        if (o >= first.sliced && o < first.captured) {
            if (type.rank == 0 || type.dim[0] != attrs->count)
                return arena_printf(arena, "a sliced operand is %s, of %lld iterations",
                                    type_text(arena, &type), (long long)attrs->count);
            type.rank--;
            memmove(type.dim, type.dim + 1, sizeof *type.dim * (IR_MAX_RANK - 1));
            type.dim[IR_MAX_RANK - 1] = 0;
        }
        fault = input_fault(arena, body, (size_t)(o - first.carried) + 1, &type);
    }
    return fault;
}

static const char *outputs_fault(Arena *arena, const Func *body, const LoopAttrs *attrs) {
    if (attrs->when && body->n_outputs > (size_t)attrs->carried)
        return "what runs at most once stacks nothing";
    for (size_t k = 0; k < body->n_outputs; k++) {
        if (body->outputs[k].value >= body->count) return "an output of its body is no value";
        const Type *type = func_type(body, body->outputs[k].value);
        if (k < (size_t)attrs->carried) {
            const char *fault = input_fault(arena, body, k + 1, type);
            if (fault) return fault;
        }
        if (!loop_holds(type) || ((attrs->kept || k >= (size_t)attrs->carried) && type->rank == IR_MAX_RANK))
            return arena_printf(arena, "output '%s' of @%s is %s, which no loop holds", body->outputs[k].name,
                                body->name, type_text(arena, type));
    }
    return NULL;
}

const char *loop_fault(Arena *arena, const Func *func, const Node *loop) {
    const LoopAttrs *attrs = loop_attrs(loop);
    if (attrs->body < 0 || (size_t)attrs->body >= func->module->n_funcs) return "there is no such body";
    const Func *body = loop_body(func, loop);
    size_t n = (size_t)(loop->n_operands - loop_operands(attrs).carried) + 1;
    if (!body->body) return arena_printf(arena, "@%s is no body", body->name);
    if (body->n_inputs != n || body->n_outputs < (size_t)attrs->carried || body->n_outputs == 0)
        return arena_printf(arena, "@%s has %zu inputs and %zu outputs; %zu and at least %lld were expected",
                            body->name, body->n_inputs, body->n_outputs, n, (long long)attrs->carried);
    const char *fault = inputs_fault(arena, func, body, loop);
    if (!fault) fault = outputs_fault(arena, body, attrs);
    if (fault) return fault;
    if (result_words(body, attrs) == attrs->words) return NULL;
    return arena_printf(arena, "the result has %lld words, not %lld", (long long)result_words(body, attrs),
                        (long long)attrs->words);
}
