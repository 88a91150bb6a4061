/* From a parsed recipe to a module: the functions step, embed and init. */
#include "frontend/evaluate/eval.h"

#include <math.h>
#include <string.h>

typedef struct {
    Elaborator e;
    Value *losses; /* of each objective */
    Frame *locals; /* of each objective's loss block */
    ValueId loss;
    uint32_t *trained; /* states that get a gradient */
    ValueId *gradients;
    size_t n_trained;
    uint32_t step_state;
} Step;

static Value knob_value(Elaborator *e, const Knob *knob) {
    Value list;
    switch (knob->type) {
    case KNOB_INT: return value_number(knob->number, true);
    case KNOB_REAL: return value_number(knob->number, false);
    case KNOB_BOOL: return value_bool(knob->truth);
    case KNOB_STRING: return (Value){.kind = V_STRING, .text = knob->text};
    default:
        list = value_list(e, knob->loc, V_LIST, knob->count);
        for (size_t i = 0; i < list.count; i++)
            list.items[i] = value_number(knob->list[i], knob->list_is_int);
        return close_list(e, knob->loc, list);
    }
}

static void start_elaborator(Elaborator *e, ParsedRecipe *recipe, Module *module) {
    *e = (Elaborator){
        .recipe = recipe, .arena = recipe->arena, .diags = recipe->diags, .module = module, .stamp = 1};
    e->globals = ARENA_NEW(e->arena, Frame);
    e->own = ARENA_NEW(e->arena, Frame);
}

/* Those that were read since the last time. */
static void define_knobs(Elaborator *e, size_t first) {
    for (size_t i = first; i < e->recipe->n_knobs; i++)
        define(e, e->own, e->recipe->knobs[i].name, knob_value(e, &e->recipe->knobs[i]));
}

/* One elaborator for all constants of a recipe: its budgets are theirs together. */
static Elaborator *constant_elaborator(ParsedRecipe *recipe) {
    Elaborator *e = recipe->constants;
    if (!e) {
        recipe->constants = e = ARENA_NEW(recipe->arena, Elaborator);
        start_elaborator(e, recipe, module_new(recipe->arena, recipe->diags, "constant"));
        e->func = module_add_func(e->module, "constant");
        e->place = "a constant";
    }
    define_knobs(e, e->own->count);
    return e;
}

bool evaluate_constant(ParsedRecipe *recipe, const Expr *expr, double *value, bool *is_int) {
    Elaborator *e = constant_elaborator(recipe);
    Value result = eval(e, expr);
    if (result.kind == V_POISON) return false;
    if (!is_number(&result) || !isfinite(result.number)) {
        diag_error(recipe->diags, expr->loc, "a finite number was expected, not %s", show_value(e, &result));
        return false;
    }
    *value = result.number;
    *is_int = result.kind != V_REAL;
    return true;
}

bool run_check(ParsedRecipe *recipe, const Block *check) {
    Elaborator e;
    start_elaborator(&e, recipe, module_new(recipe->arena, recipe->diags, "check"));
    define_knobs(&e, 0);
    Frame frame = {0};
    e.func = module_add_func(e.module, "check");
    e.frame = &frame;
    e.place = "a check";
    eval_block(&e, check);
    return diags_errors(recipe->diags) == 0;
}

/* An expression at a place where no state and no random input can be made, outside networks. */
static Value eval_in(Elaborator *e, const char *place, const Expr *expr) {
    e->place = place;
    Value value = eval(e, expr);
    e->place = NULL;
    return value;
}

/* ---- names that everything sees ---------------------------------------------------------------------------------- */

static void define_modules(Elaborator *e) {
    for (size_t i = 0; i < e->recipe->n_modules; i++) {
        const Definition *d = &e->recipe->modules[i];
        define(e, e->globals, d->signature.name, (Value){.kind = V_MODULE, .definition = d});
    }
    for (size_t i = 0; i < e->recipe->n_networks; i++) {
        const Definition *d = &e->recipe->networks[i];
        define(e, e->own, d->signature.name, (Value){.kind = V_NETWORK, .definition = d});
    }
}

static Type view_type(const ParsedRecipe *r, const View *view) {
    return type_make(DT_F32, 4, (int64_t[]){r->train.batch, 3, view->size, view->size});
}

/* A view or draw: one input (count 0), or a list of `count` copies (-1: none) that are consecutive from `first` in the program's table. */
static void define_copies(Elaborator *e, const char *name, int count, Type type, VtSourceKind source,
                          int first) {
    const ParsedRecipe *r = e->recipe;
    int copies = count < 0 ? 0 : count ? count : 1;
    Value list = value_list(e, (Loc){0, 0, 0}, V_LIST, (size_t)copies);
    for (int i = 0; i < copies && list.kind != V_POISON; i++) {
        const char *input =
            source == VT_SOURCE_VIEW ? r->pipelines[first + i].name : r->samplers[first + i].name;
        list.items[i] = value_of(e, add_input(e, input, type, source, first + i));
    }
    define(e, e->own, name, count || !copies ? close_list(e, (Loc){0, 0, 0}, list) : list.items[0]);
}

static void define_view(Elaborator *e, const View *view) {
    define_copies(e, view->name, view->count, view_type(e->recipe, view), VT_SOURCE_VIEW,
                  view->first_pipeline);
}

/* labels, index, draws: inputs of the step; unused ones are dropped at the end. */
static void define_inputs(Elaborator *e) {
    ParsedRecipe *r = e->recipe;
    for (size_t i = 0; i < r->n_views; i++) define_view(e, &r->views[i]);
    Type per_image = type_make(DT_I32, 1, &r->train.batch);
    define(e, e->own, "labels", value_of(e, add_input(e, "labels", per_image, VT_SOURCE_LABEL, 0)));
    define(e, e->own, "index", value_of(e, add_input(e, "index", per_image, VT_SOURCE_INDEX, 0)));
    for (size_t i = 0; i < r->n_draws; i++) {
        const Draw *draw = &r->draws[i];
        define_copies(e, draw->name, draw->count, draw->type, VT_SOURCE_DRAW, draw->index);
    }
}

static void define_time(Elaborator *e, uint32_t step_state) {
    ValueId step = func_read_state(e->func, step_state);
    ValueId per_epoch = add_input(e, "steps_per_epoch", type_scalar(DT_F64), VT_SOURCE_STEPS_PER_EPOCH, 0);
    define(e, e->globals, "step", value_of(e, step));
    define(e, e->globals, "steps_per_epoch", value_of(e, per_epoch));
    define(e, e->globals, "epoch", value_of(e, ir_binary(e->func, OP_div, step, per_epoch)));
    define(e, e->globals, "epochs",
           value_number(e->recipe->train.epochs, e->recipe->train.epochs == floor(e->recipe->train.epochs)));
    define(e, e->globals, "batch", value_number((double)e->recipe->train.batch, true));
    define(e, e->globals, "training", value_bool(e->training));
}

static void define_states(Elaborator *e) {
    for (size_t i = 0; i < e->recipe->state.count; i++) {
        const Entry *entry = &e->recipe->state.items[i];
        int64_t known = module_find_state(e->module, entry->name);
        Value value = {.kind = V_STATE, .state = (uint32_t)known};
        if (known < 0) {
            Value init = eval_in(e, "an initial value", entry->value);
            if (init.kind != V_POISON)
                value = make_buffer(e, entry->loc, &init, NULL, entry->name);
            else
                value = init;
        }
        define(e, e->own, entry->name, value);
    }
}

static ValueId scalar_of(Elaborator *e, Loc loc, const Value *value, DType dtype, const char *what) {
    ValueId id = tensor_of(e, loc, value, dtype);
    if (id == IR_NONE) return id;
    const Type *type = func_type(e->func, id);
    if (type_elements(type) != 1) {
        eval_error(e, loc, "%s must be one number, not %s", what, type_text(e->arena, type));
        return IR_NONE;
    }
    id = ir_reshape(e->func, id, 0, NULL);
    return dtype_is_float(func_type(e->func, id)->dtype) ? id : ir_cast(e->func, id, dtype);
}

/* A schedule or metric. The rate of learning is what one watches besides the losses; recipes call it `lr`. */
static void add_scalar_output(Elaborator *e, const char *name, ValueId id) {
    func_add_output_as(e->func, name, id, strcmp(name, "lr") == 0 ? OUTPUT_SHOWN : OUTPUT_VALUE);
}

static void define_schedules(Elaborator *e, bool output) {
    for (size_t i = 0; i < e->recipe->schedules.count; i++) {
        const Entry *entry = &e->recipe->schedules.items[i];
        Value value = eval_in(e, "a schedule", entry->value);
        ValueId id = scalar_of(e, entry->loc, &value, DT_F64, "a schedule");
        if (id == IR_NONE) {
            define(e, e->globals, entry->name, (Value){0});
            continue;
        }
        id = ir_cast(e->func, id, DT_F64);
        define(e, e->globals, entry->name, value_of(e, id));
        if (output) add_scalar_output(e, entry->name, id);
    }
}

/* ---- EMA --------------------------------------------------------------------------------------------------------------- */

static ValueId momentum_of(Elaborator *e, const Definition *network) {
    Value value = eval_in(e, "momentum", network->momentum);
    double m;
    e->at = network->momentum;
    if (is_number(&value) && !real_in(e, network->momentum->loc, &value, "momentum", 0, 1, &m))
        return IR_NONE;
    e->at = NULL;
    return scalar_of(e, network->momentum->loc, &value, DT_F64, "momentum");
}

static ValueId moved(Elaborator *e, ValueId m, ValueId average, ValueId source) {
    DType dtype = (DType)func_type(e->func, average)->dtype;
    ValueId rest = ir_cast(
        e->func, ir_binary(e->func, OP_sub, ir_constant(e->func, 1, (DType)func_type(e->func, m)->dtype), m),
        dtype);
    ValueId kept = ir_binary(e->func, OP_mul, average, ir_cast(e->func, m, dtype));
    return ir_binary(e->func, OP_add, kept, ir_binary(e->func, OP_mul, source, rest));
}

/* Networks that move before the step: the parameters exist once the network has been applied, so it is applied in a trial
 * function first; then each is given its moved value, and the real applications read that. */
static void move_before(Elaborator *e) {
    for (size_t i = 0; i < e->recipe->n_networks; i++) {
        const Definition *network = &e->recipe->networks[i];
        if (!network->ema_of || !network->before) continue;
        ValueId m = momentum_of(e, network);
        if (m == IR_NONE) continue;
        for (uint32_t s = 0; s < e->n_states; s++) {
            StateInfo *info = &e->states[s];
            if (info->network != network || info->source == IR_NONE || e->module->states[s].role != ROLE_EMA)
                continue;
            ValueId source = func_read_state(e->func, info->source), old = func_read_state(e->func, s);
            info->current =
                ir_unary(e->func, OP_stop_grad, moved(e, m, old, ir_unary(e->func, OP_stop_grad, source)));
            info->updated = true;
        }
    }
}

static void move_after(Elaborator *e) {
    for (size_t i = 0; i < e->recipe->n_networks; i++) {
        const Definition *network = &e->recipe->networks[i];
        if (!network->ema_of || network->before) continue;
        ValueId m = momentum_of(e, network);
        if (m == IR_NONE) continue;
        for (uint32_t s = 0; s < e->n_states; s++) {
            StateInfo *info = &e->states[s];
            if (info->network != network || info->source == IR_NONE || e->module->states[s].role != ROLE_EMA)
                continue;
            info->current = moved(e, m, func_read_state(e->func, s), state_value(e, info->source));
            info->updated = true;
        }
    }
}

/* ---- losses --------------------------------------------------------------------------------------------------------------- */

/* A record of the objective's local names, for what comes after it. */
static void define_objective(Step *step, size_t i) {
    Elaborator *e = &step->e;
    const Frame *frame = &step->locals[i];
    Value record = value_list(e, e->recipe->objectives.items[i].loc, V_RECORD, frame->count);
    if (record.kind == V_POISON) return;
    record.names = ARENA_ARRAY(e->arena, const char *, frame->count + 1);
    record.weight = MAX_LIST; /* whatever its fields hold: they are used one by one */
    for (size_t v = 0; v < frame->count; v++) {
        record.names[v] = frame->variables[v].name;
        record.items[v] = frame->variables[v].value;
    }
    define(e, e->own, e->recipe->objectives.items[i].name, record);
}

static void run_objective(Step *step, size_t i) {
    Elaborator *e = &step->e;
    const Entry *objective = &e->recipe->objectives.items[i];
    e->frame = &step->locals[i];
    step->losses[i] = eval_block(e, objective->loss);
    e->frame = NULL;
    define_objective(step, i);
    if (step->losses[i].kind == V_NONE)
        eval_error(e, objective->loc, "objective '%s' returns no loss", objective->name);
}

/* The weighted sum; also the outputs `loss` and `loss.NAME`. */
static void sum_losses(Step *step) {
    Elaborator *e = &step->e;
    size_t n = e->recipe->objectives.count;
    ValueId sum = IR_NONE, *each = ARENA_ARRAY(e->arena, ValueId, n + 1);
    for (size_t i = 0; i < n; i++) {
        const Entry *objective = &e->recipe->objectives.items[i];
        each[i] = scalar_of(e, objective->loc, &step->losses[i], DT_F32, "a loss");
        if (each[i] == IR_NONE) return;
        Value loss = value_of(e, each[i]),
              weight = objective->weight ? eval_in(e, "a weight", objective->weight) : value_number(1, true);
        Value term = value_binary(e, objective->loc, OP_mul, &loss, &weight);
        ValueId id = scalar_of(e, objective->loc, &term, DT_F32, "a weighted loss");
        if (id == IR_NONE) return;
        sum = sum == IR_NONE ? id : ir_binary(e->func, OP_add, sum, id);
    }
    step->loss = sum;
    if (sum == IR_NONE) return;
    func_add_output_as(e->func, "loss", sum, OUTPUT_LOSS);
    for (size_t i = 0; i < n; i++)
        func_add_output_as(e->func, arena_printf(e->arena, "loss.%s", e->recipe->objectives.items[i].name),
                           each[i], OUTPUT_OBJECTIVE);
}

static bool passes_gradient(int op) {
    static const bool zero[OP_COUNT] = {
#define OP(name, lo, hi, attributes, loop, shape, grad, ...)                                                 \
    [OP_##name] = #grad[0] == 'z' && #grad[1] == 'e' && #grad[2] == 'r',
#include "ir/ops.def"
#undef OP
    };
    return !zero[op];
}

/* The parameters that the loss depends on through differentiable operators. */
static void find_trained(Step *step) {
    Elaborator *e = &step->e;
    bool *reached = ARENA_ARRAY(e->arena, bool, step->loss + 1);
    reached[step->loss] = true;
    for (ValueId id = step->loss + 1; id-- > 0;) {
        const Node *node = func_node(e->func, id);
        if (!reached[id]) continue;
        if (node->op == OP_state) {
            uint32_t s = (uint32_t)node->attrs[0].i;
            const State *state = &e->module->states[s];
            if (state->role == ROLE_PARAM && !state->frozen) e->states[s].trained = true;
            continue;
        }
        if (!passes_gradient(node->op)) continue;
        for (int o = 0; o < node->n_operands; o++) reached[node->operands[o]] = true;
    }
    for (uint32_t s = 0; s < e->n_states; s++) step->n_trained += e->states[s].trained;
    step->trained = ARENA_ARRAY(e->arena, uint32_t, step->n_trained + 1);
    step->n_trained = 0;
    for (uint32_t s = 0; s < e->n_states; s++)
        if (e->states[s].trained) step->trained[step->n_trained++] = s;
}

/* ---- the optimiser ------------------------------------------------------------------------------------------------------------ */

static void take_gradients(Step *step) {
    Elaborator *e = &step->e;
    step->gradients = ARENA_ARRAY(e->arena, ValueId, step->n_trained + 1);
    for (size_t i = 0; i < step->n_trained; i++) {
        ValueId operands[] = {step->loss, func_read_state(e->func, step->trained[i])};
        step->gradients[i] = func_emit(e->func, OP_grad, operands, 2, NULL);
    }
    if (!e->recipe->options->with_gradients) return;
    for (size_t i = 0; i < step->n_trained; i++)
        func_add_output(e->func, arena_printf(e->arena, "grad.%s", e->module->states[step->trained[i]].name),
                        step->gradients[i]);
}

static void clip_gradients(Step *step) {
    Elaborator *e = &step->e;
    if (!e->recipe->clip) return;
    Frame frame = {0};
    Value list = value_list(e, e->recipe->clip->loc, V_LIST, step->n_trained);
    for (size_t i = 0; i < list.count; i++) list.items[i] = value_of(e, step->gradients[i]);
    define(e, &frame, "grads", list);
    e->frame = &frame;
    Value clipped = eval(e, e->recipe->clip);
    e->frame = NULL;
    if (clipped.kind == V_POISON) return;
    if (clipped.kind != V_LIST || clipped.count != step->n_trained) {
        eval_error(e, e->recipe->clip->loc, "clip must return the list of %zu gradients, not %s",
                   step->n_trained, show_value(e, &clipped));
        return;
    }
    for (size_t i = 0; i < step->n_trained; i++) {
        const Type was = *func_type(e->func, step->gradients[i]);
        Type type;
        if (!tensor_with_type(e, e->recipe->clip->loc, &clipped.items[i], DT_F32, &step->gradients[i], &type))
            return;
        if (!type_equal(&type, &was))
            eval_error(e, e->recipe->clip->loc, "clip makes %s of the gradient of '%s', which is %s",
                       type_text(e->arena, &type), e->module->states[step->trained[i]].name,
                       type_text(e->arena, &was));
    }
}

/* Whether a pattern with * and ? is the whole name; linear in both but for the last *, to which it comes back. */
static bool matches(const char *pattern, const char *name) {
    const char *star = NULL, *from = NULL;
    while (*name) {
        if (*pattern == '*') {
            star = pattern++;
            from = name;
        } else if (*pattern == '?' || *pattern == *name)
            pattern++, name++;
        else if (star) {
            pattern = star + 1;
            name = ++from;
        } else
            return false;
    }
    while (*pattern == '*') pattern++;
    return !*pattern;
}

/* The condition under which a parameter stays as it is; IR_NONE: never. */
static ValueId frozen_now(Elaborator *e, const char *name) {
    ValueId frozen = IR_NONE;
    for (size_t i = 0; i < e->recipe->freeze.count; i++) {
        const Entry *entry = &e->recipe->freeze.items[i];
        if (!spend(e, entry->loc, 1) || !matches(entry->name, name)) continue;
        Value value = eval_in(e, "a freeze condition", entry->value);
        ValueId id = tensor_of(e, entry->loc, &value, DT_BOOL);
        if (id == IR_NONE) return IR_NONE;
        if (func_type(e->func, id)->dtype != DT_BOOL || func_type(e->func, id)->rank) {
            eval_error(e, entry->loc, "a freeze condition must be one bool, not %s", show_value(e, &value));
            return IR_NONE;
        }
        frozen = frozen == IR_NONE ? id : ir_binary(e->func, OP_or, frozen, id);
    }
    return frozen;
}

static void set_state(Elaborator *e, uint32_t s, ValueId value, ValueId frozen) {
    if (frozen != IR_NONE) value = ir_select(e->func, frozen, func_read_state(e->func, s), value);
    e->states[s].current = value;
    e->states[s].updated = true;
}

static void optimize_parameter(Step *step, size_t i) {
    Elaborator *e = &step->e;
    uint32_t s = step->trained[i];
    const State state = e->module->states[s];
    Frame frame = {0};
    size_t before = e->n_states;
    define(e, &frame, "param", value_of(e, func_read_state(e->func, s)));
    define(e, &frame, "grad", value_of(e, step->gradients[i]));
    define(e, &frame, "decay", value_bool(state.decay));
    define(e, &frame, "name", (Value){.kind = V_STRING, .text = state.name});
    e->frame = &frame;
    e->parameter = state.name;
    e->in_optimizer = true;
    e->stamp++; /* each makes its buffers once */
    e->scope = state.name;
    e->func->scope = state.name;
    Value value = eval(e, e->recipe->optimizer);
    e->in_optimizer = false;
    e->scope = NULL;
    e->func->scope = NULL;
    e->frame = NULL;
    ValueId id = value.kind == V_POISON ? IR_NONE : tensor_of(e, e->recipe->optimizer->loc, &value, DT_F32);
    if (id == IR_NONE) return;
    if (!type_equal(func_type(e->func, id), &state.type)) {
        eval_error(e, e->recipe->optimizer->loc, "the optimizer returns %s for parameter '%s' of %s",
                   show_value(e, &value), state.name, type_text(e->arena, &state.type));
        return;
    }
    ValueId frozen = frozen_now(e, state.name);
    for (size_t m = before; frozen != IR_NONE && m < e->n_states; m++) /* its moments stay too */
        if (e->states[m].updated) set_state(e, (uint32_t)m, e->states[m].current, frozen);
    set_state(e, s, id, frozen);
}

static void optimize(Step *step) {
    Elaborator *e = &step->e;
    find_trained(step);
    take_gradients(step);
    clip_gradients(step);
    if (!e->recipe->optimizer) return;
    for (size_t i = 0; i < step->n_trained && diags_errors(e->diags) == 0; i++) optimize_parameter(step, i);
    for (size_t i = 0; i < e->recipe->freeze.count && diags_errors(e->diags) == 0; i++) {
        const Entry *entry = &e->recipe->freeze.items[i];
        size_t k = 0;
        while (k < step->n_trained && !matches(entry->name, e->module->states[step->trained[k]].name)) k++;
        if (k == step->n_trained)
            eval_error(e, entry->loc, "freeze: no trained parameter has a name like '%s'", entry->name);
    }
}

/* ---- what else a step does -------------------------------------------------------------------------------------------------------- */

/* In an update block `name = value` sets a state too. */
static void run_updates(Step *step, size_t i) {
    Elaborator *e = &step->e;
    const Entry *objective = &e->recipe->objectives.items[i];
    if (!objective->update) return;
    for (size_t s = 0; s < objective->update->count; s++) {
        Expr *statement = objective->update->statements[s];
        if (statement->kind == STMT_ASSIGN && statement->a->kind == EXPR_NAME) {
            Value *target = lookup(e, statement->a->text);
            if (target && target->kind == V_STATE) statement->kind = STMT_UPDATE;
        }
    }
    e->frame = &step->locals[i];
    eval_block(e, objective->update);
    e->frame = NULL;
}

static void add_outputs(Elaborator *e, const Entries *entries, bool scalar) {
    for (size_t i = 0; i < entries->count; i++) {
        const Entry *entry = &entries->items[i];
        Value value = eval_in(e, scalar ? "a metric" : "a value", entry->value);
        if (value.kind == V_POISON) continue;
        ValueId id = scalar ? scalar_of(e, entry->loc, &value, DT_F32, "a metric")
                            : tensor_of(e, entry->loc, &value, DT_F32);
        if (id != IR_NONE && scalar) add_scalar_output(e, entry->name, id);
        if (id != IR_NONE && !scalar) func_add_output(e->func, entry->name, id);
    }
}

static void add_updates(Elaborator *e) {
    for (uint32_t s = 0; s < e->n_states; s++)
        if (e->states[s].updated && e->states[s].current != IR_NONE)
            func_add_update(e->func, s, e->states[s].current);
}

/* A first run of the losses in a function of its own makes all parameters exist, so that networks which move before the step can be
 * moved before they are applied. */
static bool needs_trial(const ParsedRecipe *r) {
    for (size_t i = 0; i < r->n_networks; i++)
        if (r->networks[i].before) return true;
    return false;
}

static void prepare_function(Step *step, const char *name, Module *owner) {
    Elaborator *e = &step->e;
    e->func = module_add_func(owner, name);
    for (size_t s = 0; s < e->n_states; s++) {
        e->states[s].current = IR_NONE;
        e->states[s].updated = e->states[s].trained = false;
    }
    e->n_applied = 0;
}

static void run_losses(Step *step, bool output) {
    Elaborator *e = &step->e;
    size_t n = e->recipe->objectives.count;
    define_inputs(e);
    define_time(e, step->step_state);
    define_schedules(e, false);
    define_states(e);
    if (output) move_before(e);
    step->losses = ARENA_ARRAY(e->arena, Value, n + 1);
    step->locals = ARENA_ARRAY(e->arena, Frame, n + 1);
    for (size_t i = 0; i < n; i++) run_objective(step, i);
}

static void drop_func(Module *module, const char *name) {
    for (size_t f = 0; f < module->n_funcs; f++)
        if (strcmp(module->funcs[f]->name, name) == 0) {
            memmove(&module->funcs[f], &module->funcs[f + 1],
                    sizeof *module->funcs * (module->n_funcs - f - 1));
            module->n_funcs--;
            return;
        }
}

static void build_step(Step *step) {
    Elaborator *e = &step->e;
    if (needs_trial(e->recipe)) {
        size_t samplers = e->recipe->n_samplers, inputs = e->n_inputs;
        prepare_function(step, "trial", e->module);
        run_losses(step, false);
        drop_func(e->module, "trial");
        if (diags_errors(e->diags)) return;
        e->recipe->n_samplers = samplers;
        e->n_inputs = inputs;
        e->stamp++;
    }
    prepare_function(step, "step", e->module);
    run_losses(step, true);
    if (diags_errors(e->diags)) return;
    sum_losses(step);
    for (size_t i = 0; i < e->recipe->schedules.count; i++) {
        const char *name = e->recipe->schedules.items[i].name;
        add_scalar_output(e, name, lookup(e, name)->id);
    }
    if (step->loss == IR_NONE || diags_errors(e->diags)) return;
    for (size_t i = 0; i < e->recipe->objectives.count; i++) run_updates(step, i);
    for (size_t i = 0; i < e->recipe->objectives.count; i++)
        define_objective(step, i); /* now with names of updates */
    add_outputs(e, &e->recipe->metrics, true);
    optimize(step);
    if (e->recipe->options->with_values) add_outputs(e, &e->recipe->values, false);
    move_after(e);
    if (diags_errors(e->diags)) return;
    ValueId count = func_read_state(e->func, step->step_state);
    add_updates(e);
    func_add_update(e->func, step->step_state,
                    ir_binary(e->func, OP_add, count, ir_constant(e->func, 1, DT_F64)));
}

static void build_embed(Step *step) {
    Elaborator *e = &step->e;
    const View *view = NULL;
    if (!e->recipe->embed_view) return;
    for (size_t i = 0; i < e->recipe->n_views; i++)
        if (strcmp(e->recipe->views[i].name, e->recipe->embed_view) == 0) view = &e->recipe->views[i];
    if (!view || view->count != 0) {
        diag_error(e->diags, e->recipe->embed_features->loc, "embed: '%s' is no view of a single copy",
                   e->recipe->embed_view);
        return;
    }
    e->training = false;
    prepare_function(step, "embed", e->module);
    define_view(e, view);
    define_time(e, step->step_state);
    define_schedules(e, false);
    Value value = eval_in(e, "features", e->recipe->embed_features);
    ValueId id =
        value.kind == V_POISON ? IR_NONE : tensor_of(e, e->recipe->embed_features->loc, &value, DT_F32);
    if (id == IR_NONE) return;
    const Type *type = func_type(e->func, id);
    if (type->rank != 2 || type->dim[0] != e->recipe->train.batch) {
        eval_error(e, e->recipe->embed_features->loc, "features must be [batch, dim], not %s",
                   type_text(e->arena, type));
        return;
    }
    func_add_output(e->func, "features", id);
}

/* Inputs that lead nowhere are dropped from the signatures. */
static void drop_unused_inputs(Func *func) {
    Arena *arena = func->module->arena;
    bool *used = ARENA_ARRAY(arena, bool, func->count + 1);
    for (size_t i = 0; i < func->n_outputs; i++) used[func->outputs[i].value] = true;
    for (size_t i = 0; i < func->n_updates; i++) used[func->updates[i].value] = true;
    for (ValueId id = (ValueId)func->count; id-- > 0;)
        for (int o = 0; used[id] && o < func->nodes[id].n_operands; o++)
            used[func->nodes[id].operands[o]] = true;
    Node *old = func->nodes;
    Input *inputs = func->inputs;
    size_t n = func->count;
    ValueId *map = ARENA_ARRAY(arena, ValueId, n + 1);
    func->nodes = NULL;
    func->inputs = NULL;
    func->count = func->capacity = func->n_inputs = func->inputs_capacity = 0;
    for (ValueId id = 0; id < n; id++) {
        const Node *node = &old[id];
        if (!used[id]) continue;
        if (node->op == OP_input) {
            map[id] = func_add_input(func, inputs[node->attrs[0].i].name, node->type);
            continue;
        }
        if (node->op == OP_state) {
            map[id] = func_read_state(func, (uint32_t)node->attrs[0].i);
            continue;
        }
        ValueId *operands = ARENA_ARRAY(arena, ValueId, node->n_operands + 1);
        for (int o = 0; o < node->n_operands; o++) operands[o] = map[node->operands[o]];
        map[id] = func_copy(func, node, operands);
    }
    for (size_t i = 0; i < func->n_outputs; i++) func->outputs[i].value = map[func->outputs[i].value];
    for (size_t i = 0; i < func->n_updates; i++) func->updates[i].value = map[func->updates[i].value];
}

/* What evaluation feeds is the view: features that depend on more would end a training run at its first evaluation. */
static void check_embed_inputs(Elaborator *e) {
    const Func *embed = module_find_func(e->module, "embed");
    for (size_t i = 0; embed && i < e->n_inputs; i++) {
        const char *name = e->inputs[i].tensor.name;
        if (e->inputs[i].source != VT_SOURCE_DRAW || func_find_input(embed, name) == IR_NONE) continue;
        eval_error(e, e->recipe->embed_features->loc,
                   "features depend on the random input '%s': draw it `if training` alone", name);
    }
}

static bool finish_plan(Elaborator *e, Recipe *out) {
    ParsedRecipe *r = e->recipe;
    VtInput *inputs = ARENA_ARRAY(e->arena, VtInput, e->n_inputs + 1);
    int n = 0;
    for (size_t i = 0; i < e->n_inputs; i++) {
        bool used = false;
        for (size_t f = 0; f < e->module->n_funcs && !used; f++)
            used = func_find_input(e->module->funcs[f], e->inputs[i].tensor.name) != IR_NONE;
        if (used) inputs[n++] = e->inputs[i];
    }
    out->module = e->module;
    out->about = r->about;
    out->notes = e->notes;
    out->n_notes = e->n_notes;
    out->resolved = recipe_resolved(r);
    out->plan = (VtProgram){.abi = VT_ABI,
                            .name = r->name,
                            .version = VITC_VERSION,
                            .n_inputs = n,
                            .inputs = inputs,
                            .n_pipelines = (int32_t)r->n_pipelines,
                            .pipelines = r->pipelines,
                            .n_draws = (int32_t)r->n_samplers,
                            .draws = r->samplers,
                            .n_warnings = (int32_t)r->n_warnings,
                            .warnings = r->warnings,
                            .train = r->train};
    return out->resolved != NULL;
}

bool elaborate(ParsedRecipe *recipe, Recipe *out) {
    Step step = {.loss = IR_NONE};
    Elaborator *e = &step.e;
    Module *module = module_new(recipe->arena, recipe->diags, recipe->name);
    module->batch = recipe->train.batch;
    module->precision = recipe->precision;
    module->memory_limit = recipe->memory_limit;
    module->memory_loc = recipe->memory_loc;
    start_elaborator(e, recipe, module);
    define_knobs(e, 0);
    define_modules(e);
    e->training = true;
    Module *aside = module_new(recipe->arena, recipe->diags, "init");
    e->init = module_add_func(aside, "init");
    e->func = e->init;
    State counter = {.name = "step", .type = type_scalar(DT_F64), .role = ROLE_COUNTER};
    step.step_state = module_add_state(module, counter);
    StateInfo info = {.current = IR_NONE, .source = IR_NONE};
    ARENA_PUSH(e->arena, e->states, e->n_states, e->states_capacity, info);
    if (recipe->objectives.count) build_step(&step);
    if (diags_errors(recipe->diags) == 0) build_embed(&step);
    if (recipe->objectives.count == 0 && !recipe->embed_view)
        diag_error(recipe->diags, (Loc){0, 0, 0}, "%s has neither objectives nor embed: nothing to do",
                   recipe->name);
    if (diags_errors(recipe->diags)) return false;
    if (e->init->n_outputs) {
        e->init->module = module;
        ARENA_PUSH(recipe->arena, module->funcs, module->n_funcs, module->funcs_capacity, e->init);
    }
    for (size_t f = 0; f < module->n_funcs; f++) drop_unused_inputs(module->funcs[f]);
    if (recipe->objectives.count) check_embed_inputs(e);
    return finish_plan(e, out) && diags_errors(recipe->diags) == 0;
}
