/* Where values lie while a function or a body runs: see frame.h. */
#include "codegen/program/frame.h"
#include "ir/loop.h"

Pointer pointer_move(Pointer pointer, int64_t bytes, int depth, int64_t step, int64_t count, bool odd) {
    pointer.arg.offset += bytes;
    if (step) pointer.moves[pointer.n_moves++] = (VtMove){depth, odd, (int32_t)count, step};
    return pointer;
}

static Pointer in_arena(int64_t byte) {
    return (Pointer){.arg = {.kind = VT_ARG_ARENA, .offset = byte}};
}

Pointer frame_place(const Frame *frame, const Place *place) {
    const Plan *plan = frame->func->plan;
    switch (place->kind) {
    case PLACE_INPUT:
        if (frame->inputs) return frame->inputs[place->index];
        return (Pointer){.arg = {.kind = VT_ARG_INPUT, .index = frame->numbers[place->index]}};
    case PLACE_OUTPUT:
        if (frame->outputs) return frame->outputs[place->index];
        return (Pointer){.arg = {.kind = VT_ARG_OUTPUT, .index = (int32_t)place->index}};
    case PLACE_STATE: return (Pointer){.arg = {.kind = VT_ARG_STATE, .index = (int32_t)place->index}};
    case PLACE_STAGE: return in_arena(frame->arena + plan->arena_bytes + place->offset);
    default: return in_arena(frame->arena + place->offset);
    }
}

Pointer frame_value(const Frame *frame, ValueId value) {
    const Plan *plan = frame->func->plan;
    const Place *place = &plan->places[value];
    if (place->kind != PLACE_BLOCK) return frame_place(frame, place);
    const Chain *chain = plan_chain(plan, plan->kernel_of[value]);
    return (Pointer){.arg = {.kind = VT_ARG_BLOCK,
                             .offset = place->offset,
                             .step = chain_share(chain, type_bytes(func_type(frame->func, value)))}};
}

Pointer frame_operand(const Frame *frame, ValueId operand) {
    LoopOperand part = loop_operand(frame->func, operand);
    return pointer_move(frame_value(frame, part.base), part.offset, 0, 0, 0, false);
}

/* ---- loops ------------------------------------------------------------------------------------------------------- */

static int64_t aligned(int64_t bytes) {
    return (bytes + 63) / 64 * 64;
}

/* The slot that an iteration reads or writes: they take turns. */
static Pointer slot_in_turn(const Frame *outer, int64_t slots, int64_t size, int64_t count, bool odd_first) {
    Pointer first = in_arena(slots + (odd_first ? size : 0));
    return pointer_move(first, 0, outer->depth, odd_first ? -size : size, count, true);
}

/* Carried value number k goes through memory at `first` before the first iteration, and is at `last` after the last. */
static void add_copies(LoopFrame *lf, int k, Pointer initial, Pointer first, Pointer last, Pointer final) {
    lf->initial[lf->n] = initial;
    lf->first[lf->n] = first;
    lf->last[lf->n] = last;
    lf->final[lf->n] = final;
    lf->bytes[lf->n++] = type_bytes(&lf->body.func->inputs[k + 1].type);
}

/* Through two slots: iteration i reads slot i mod 2 and writes the other. */
static void carry_in_slots(LoopFrame *lf, const Frame *outer, const LoopAttrs *attrs, int k, int64_t *slots,
                           Pointer *input, Pointer *output) {
    int64_t size = aligned(type_bytes(&lf->body.func->inputs[k + 1].type));
    int64_t first = attrs->reverse ? attrs->count - 1 : 0, last = attrs->count - 1 - first;
    add_copies(lf, k, *input, in_arena(*slots + first % 2 * size), in_arena(*slots + (last + 1) % 2 * size),
               *output);
    *input = slot_in_turn(outer, *slots, size, attrs->count, false);
    *output = slot_in_turn(outer, *slots, size, attrs->count, true);
    *slots += 2 * size;
}

/* Through the rows of what is kept, which begin at `rows`. */
static void carry_in_rows(LoopFrame *lf, const Frame *outer, const LoopAttrs *attrs, int k, Pointer rows,
                          Pointer *input, Pointer *output) {
    int64_t size = type_bytes(&lf->body.func->inputs[k + 1].type), count = attrs->count;
    Pointer end = pointer_move(rows, count * size, 0, 0, 0, false),
            second = pointer_move(rows, size, 0, 0, 0, false);
    add_copies(lf, k, *input, attrs->reverse ? end : rows, attrs->reverse ? rows : end, *output);
    *input = pointer_move(attrs->reverse ? second : rows, 0, outer->depth, size, count, false);
    *output = pointer_move(attrs->reverse ? rows : second, 0, outer->depth, size, count, false);
}

static int64_t row_bytes(const Type *type) {
    return type_bytes(type) / type->dim[0];
}

LoopFrame frame_of_loop(Arena *arena, const Frame *frame, ValueId id) {
    const Node *node = func_node(frame->func, id);
    const LoopAttrs *attrs = loop_attrs(node);
    const Func *body = loop_body(frame->func, node);
    LoopOperands first = loop_operands(attrs);
    Pointer *inputs = ARENA_ARRAY(arena, Pointer, body->n_inputs + 1),
            *outputs = ARENA_ARRAY(arena, Pointer, body->n_outputs + 1), result = frame_value(frame, id);
    size_t n = (size_t)attrs->carried + 1;
    int64_t slots = frame->arena + plan_own_bytes(frame->func);
    LoopFrame lf = {.initial = ARENA_ARRAY(arena, Pointer, n),
                    .first = ARENA_ARRAY(arena, Pointer, n),
                    .last = ARENA_ARRAY(arena, Pointer, n),
                    .final = ARENA_ARRAY(arena, Pointer, n),
                    .bytes = ARENA_ARRAY(arena, int64_t, n)};
    lf.body = (Frame){.func = body,
                      .depth = frame->depth + 1,
                      .runs = frame->runs * (double)attrs->count,
                      .arena = slots + plan_slot_bytes(frame->func, node),
                      .inputs = inputs,
                      .outputs = outputs};
    inputs[0] = (Pointer){.arg = {.kind = VT_ARG_ITERATION, .index = frame->depth}};
    for (int o = first.carried; o < node->n_operands; o++) {
        Pointer *input = &inputs[o - first.carried + 1];
        *input = frame_operand(frame, node->operands[o]);
        if (o >= first.sliced && o < first.captured)
            *input = pointer_move(*input, 0, frame->depth,
                                  row_bytes(func_type(frame->func, node->operands[o])), attrs->count, false);
    }
    for (size_t k = 0; k < body->n_outputs; k++) {
        LoopPart part = loop_part_of(body, attrs, k);
        Pointer at = pointer_move(result, 4 * part.start, 0, 0, 0, false);
        outputs[k] = at;
        if (k < (size_t)attrs->carried && attrs->kept) {
            LoopPart kept = loop_part_of(body, attrs, body->n_outputs + k);
            carry_in_rows(&lf, frame, attrs, (int)k, pointer_move(result, 4 * kept.start, 0, 0, 0, false),
                          &inputs[k + 1], &outputs[k]);
        } else if (k < (size_t)attrs->carried && attrs->count > 1)
            carry_in_slots(&lf, frame, attrs, (int)k, &slots, &inputs[k + 1], &outputs[k]);
        else if (k >= (size_t)attrs->carried)
            outputs[k] = pointer_move(at, 0, frame->depth, row_bytes(&part.type), attrs->count, false);
    }
    return lf;
}
