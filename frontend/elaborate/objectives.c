/* Objectives: their losses and updates; what else a step puts out. */
#include "frontend/elaborate/step.h"

#include <string.h>

/* A record of the objective's local names, for what comes after it. */
static void define_objective(Step *step, size_t i) {
    Evaluator *e = &step->e;
    const Frame *frame = &step->locals[i];
    if (frame->skipped) {
        define(e, e->own, e->recipe->objectives.items[i].name, (Value){0});
        return;
    }
    Value record = value_list(e, e->recipe->objectives.items[i].loc, V_RECORD, frame->count + 1);
    if (record.kind == V_POISON) return;
    record.names = ARENA_ARRAY(e->arena, const char *, frame->count + 1);
    record.weight = MAX_LIST; /* not counted: it is no value that lists are made of */
    for (size_t v = 0; v < frame->count; v++) {
        record.names[v] = frame->variables[v].name;
        record.items[v] = frame->variables[v].value;
    }
    if (!frame_find(&step->locals[i], "loss")) { /* its loss, for metrics */
        record.names[frame->count] = "loss";
        record.items[frame->count] = step->losses[i];
    } else
        record.count--;
    define(e, e->own, e->recipe->objectives.items[i].name, record);
}

static void run_objective(Step *step, size_t i) {
    Evaluator *e = &step->e;
    const Entry *objective = &e->recipe->objectives.items[i];
    size_t before = e->failures;
    e->frame = &step->locals[i];
    step->losses[i] = eval_block(e, objective->loss);
    step->loss_locs[i] = e->returned_at;
    e->frame = NULL;
    if (e->failures > before) { /* what it would have defined is missed no further */
        step->losses[i] = (Value){0};
        step->locals[i].skipped = true;
    }
    define_objective(step, i);
}

void run_objectives(Step *step) {
    Evaluator *e = &step->e;
    size_t n = e->recipe->objectives.count;
    step->losses = ARENA_ARRAY(e->arena, Value, n + 1);
    step->loss_locs = ARENA_ARRAY(e->arena, Loc, n + 1);
    step->locals = ARENA_ARRAY(e->arena, Frame, n + 1);
    for (size_t i = 0; i < n; i++) run_objective(step, i);
}

/* weight · loss of an objective; *loss: alone. IR_NONE after an error. */
static ValueId weighted_loss(Step *step, size_t i, ValueId *loss) {
    Evaluator *e = &step->e;
    const Entry *objective = &e->recipe->objectives.items[i];
    *loss = scalar_of(e, step->loss_locs[i], &step->losses[i], DT_F32, "a loss");
    Value weight = objective->weight ? eval_in(e, "a weight", objective->weight) : value_number(1, true);
    if (*loss == IR_NONE || weight.kind == V_POISON) return IR_NONE;
    Value value = value_of(e, *loss);
    Loc loc = objective->weight ? value_loc(e, objective->weight) : objective->loc;
    Value term = value_binary(e, loc, OP_mul, &value, &weight);
    return scalar_of(e, loc, &term, DT_F32, "a weighted loss");
}

void sum_losses(Step *step) {
    Evaluator *e = &step->e;
    size_t n = e->recipe->objectives.count;
    bool whole = true;
    ValueId sum = IR_NONE, *each = ARENA_ARRAY(e->arena, ValueId, n + 1);
    for (size_t i = 0; i < n; i++) {
        ValueId id = weighted_loss(step, i, &each[i]);
        whole = whole && id != IR_NONE;
        if (whole) sum = sum == IR_NONE ? id : ir_binary(e->func, OP_add, sum, id);
    }
    step->loss = whole ? sum : IR_NONE;
    if (step->loss == IR_NONE) return;
    func_add_output_as(e->func, "loss", sum, OUTPUT_LOSS);
    for (size_t i = 0; i < n; i++)
        func_add_output_as(e->func, arena_printf(e->arena, "loss.%s", e->recipe->objectives.items[i].name),
                           each[i], OUTPUT_OBJECTIVE);
}

Value total_loss(Step *step) {
    Evaluator *e = &step->e;
    ValueId sum = IR_NONE, alone;
    for (size_t i = 0; i < e->recipe->objectives.count; i++) {
        ValueId id = weighted_loss(step, i, &alone);
        if (id == IR_NONE) return (Value){0};
        sum = sum == IR_NONE ? id : ir_binary(e->func, OP_add, sum, id);
    }
    return sum == IR_NONE ? (Value){0} : value_of(e, sum);
}

void run_updates(Step *step) {
    Evaluator *e = &step->e;
    for (size_t i = 0; i < e->recipe->objectives.count; i++) {
        const Entry *objective = &e->recipe->objectives.items[i];
        if (!objective->update) continue;
        e->frame = &step->locals[i];
        eval_block(e, objective->update);
        e->frame = NULL;
    }
    for (size_t i = 0; i < e->recipe->objectives.count; i++)
        define_objective(step, i); /* anew, with the names of its update block */
}

void add_scalar_output(Evaluator *e, const char *name, ValueId id) {
    func_add_output_as(e->func, name, id, strcmp(name, "lr") == 0 ? OUTPUT_SHOWN : OUTPUT_VALUE);
}

void add_metrics(Step *step, bool held_out, const Value *loss) {
    Evaluator *e = &step->e;
    Frame frame = {0};
    if (!frame_find(e->own, "loss")) define(e, &frame, "loss", *loss);
    for (size_t i = 0; i < e->recipe->metrics.count; i++) {
        const Entry *entry = &e->recipe->metrics.items[i];
        if (entry->held_out != held_out) continue;
        e->frame = &frame;
        Value value = eval_in(e, "a metric", entry->value);
        e->frame = NULL;
        ValueId id = value.kind == V_POISON
                         ? IR_NONE
                         : scalar_of(e, value_loc(e, entry->value), &value, DT_F32, "a metric");
        if (id != IR_NONE) add_scalar_output(e, entry->name, id);
    }
}

void add_values(Evaluator *e) {
    const Entries *entries = &e->recipe->values;
    for (size_t i = 0; i < entries->count; i++) {
        const Entry *entry = &entries->items[i];
        Value value = eval_in(e, "a value", entry->value);
        if (value.kind == V_POISON) continue;
        ValueId id = tensor_of(e, value_loc(e, entry->value), &value, DT_F32);
        if (id != IR_NONE && e->recipe->options->with_values) func_add_output(e->func, entry->name, id);
    }
}
