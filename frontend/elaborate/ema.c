/* Networks whose parameters, and buffers that they do not set, are moving averages of another's:
 * average := m average + (1 - m) source. */
#include "frontend/elaborate/step.h"
#include "ir/range/range.h"

#include <math.h>
#include <stdlib.h>

/* What a value is at a step, as far as it follows from the step alone. needed: the nodes it is made of. */
static Range value_at(Step *step, ValueId value, const bool *needed, Range *ranges, double at) {
    enum { STEPS_OF_AN_EPOCH = 100 }; /* how many there are is not known yet */
    const Func *func = step->e.func;
    for (ValueId id = 0; id <= value; id++) {
        const Node *node = func_node(func, id);
        if (!needed[id]) continue;
        Range *x = ARENA_ARRAY(step->e.arena, Range, node->n_operands + 1);
        for (int o = 0; o < node->n_operands; o++) x[o] = ranges[node->operands[o]];
        ranges[id] = range_of_node(func, node, x);
        if (node->op == OP_state && (uint32_t)source_attrs(node)->index == step->counter)
            ranges[id] = range_of_number(at * step->e.recipe->train.epochs * STEPS_OF_AN_EPOCH, DT_F64);
        if (node->op == OP_input && func_find_input(func, "steps_per_epoch") == id)
            ranges[id] = range_of_number(STEPS_OF_AN_EPOCH, DT_F64);
        double setting;
        if (setting_value(&step->e, func, node, &setting)) ranges[id] = range_of_number(setting, DT_F64);
    }
    return ranges[value];
}

/* Warns of a momentum that leaves 0..1 in the course of training. */
static void check_momentum(Step *step, const Definition *network, ValueId momentum) {
    enum { MOMENTS = 5 };
    Evaluator *e = &step->e;
    Range *ranges = ARENA_ARRAY(e->arena, Range, momentum + 1);
    bool *needed = ARENA_ARRAY(e->arena, bool, momentum + 1);
    needed[momentum] = true;
    for (ValueId id = momentum + 1; id-- > 0;)
        for (int o = 0; needed[id] && o < func_node(e->func, id)->n_operands; o++)
            needed[func_node(e->func, id)->operands[o]] = true;
    for (int i = 0; i < MOMENTS; i++) {
        Range m = value_at(step, momentum, needed, ranges, i / (MOMENTS - 1.0));
        if (!range_is_number(&m) || !isfinite(m.low) || (m.low > -1e-6 && m.low < 1 + 1e-6)) continue;
        diag_warning(e->diags, value_loc(e, network->momentum),
                     "the momentum of '%s' is %g after %.0f %% of the training: it should be in 0..1",
                     network->signature.name, m.low, 100.0 * i / (MOMENTS - 1));
        return;
    }
}

/* A momentum that settings change stays in 0..1. */
static void demand_share(Evaluator *e, const Definition *network, const Value *value) {
    Loc loc = value_loc(e, network->momentum);
    const Value zero = value_number(0, true), one = value_number(1, true);
    const Demanded text = {
        .text = arena_printf(e->arena, "the momentum of '%s' is in 0..1", network->signature.name)};
    if (!is_number(value) || !value->scalar) return;
    Value low = value_binary(e, loc, OP_ge, value, &zero), high = value_binary(e, loc, OP_le, value, &one);
    demand(e, loc, &low, &text);
    demand(e, loc, &high, &text);
}

static ValueId momentum_of(Step *step, const Definition *network) {
    Evaluator *e = &step->e;
    if (!network->momentum) return IR_NONE; /* it could not be read, as was told */
    e->settable = true;
    Value value = eval_in(e, "momentum", network->momentum), known = value;
    e->settable = false;
    double m;
    e->at = network->momentum;
    if (is_number(&value)) known.scalar = 0;
    if (is_number(&value) && !real_in(e, value_loc(e, network->momentum), &known, "momentum", 0, 1, &m))
        return IR_NONE;
    demand_share(e, network, &value);
    e->at = NULL;
    ValueId id = scalar_of(e, value_loc(e, network->momentum), &value, DT_F64, "momentum");
    if (id != IR_NONE && !is_number(&value)) check_momentum(step, network, id);
    return id;
}

/* The new value of state `s`, made for it, on the network's line of the recipe; whole numbers, as counts are, become
 * equal. */
static ValueId moved(Evaluator *e, const Definition *network, uint32_t s, ValueId m, ValueId average,
                     ValueId source) {
    if (!dtype_is_float((DType)func_type(e->func, average)->dtype)) return source;
    e->func->loc = value_loc(e, network->momentum);
    e->func->site = 0;
    e->func->scope = e->module->states[s].name;
    DType dtype = (DType)func_type(e->func, average)->dtype;
    ValueId rest = ir_cast(
        e->func, ir_binary(e->func, OP_sub, ir_constant(e->func, 1, (DType)func_type(e->func, m)->dtype), m),
        dtype);
    ValueId kept = ir_binary(e->func, OP_mul, average, ir_cast(e->func, m, dtype));
    ValueId value = ir_binary(e->func, OP_add, kept, ir_binary(e->func, OP_mul, source, rest));
    e->func->scope = NULL;
    return value;
}

/* Whether a state is a parameter of this network that follows another. */
static bool follows(Evaluator *e, const Definition *network, uint32_t s) {
    const StateInfo *info = state_info(e, s);
    return info->network == network && info->source != IR_NONE && e->module->states[s].role == ROLE_EMA;
}

/* ---- order ------------------------------------------------------------------------------------------------------- */

typedef struct {
    const Definition *network;
    size_t depth; /* how many others it follows, one by way of another */
} Follower;

static int by_depth(const void *a, const void *b) {
    const Follower *x = a, *y = b;
    if (x->depth != y->depth) return x->depth < y->depth ? -1 : 1;
    return x->network < y->network ? -1 : x->network > y->network;
}

/* Notes the depth of network i, and of those that it follows. Circles were refused when the recipe was read. */
static size_t find_depth(const ParsedRecipe *r, const Names *numbers, Follower *list, uint32_t i) {
    size_t hops = 0;
    uint32_t at = i, next;
    for (; r->networks[at].ema_of && !list[at].depth && hops <= r->n_networks; at = next, hops++)
        if ((next = names_find(numbers, r->networks[at].ema_of)) == NAMES_NONE) break;
    size_t depth = list[at].depth + hops;
    for (at = i; hops > 0; at = names_find(numbers, r->networks[at].ema_of), hops--)
        list[at].depth = list[at].depth ? list[at].depth : depth--;
    return list[i].depth;
}

/* Networks that follow others, each after what it follows; else as the recipe has them. */
static const Follower *in_order(Evaluator *e, size_t *n) {
    const ParsedRecipe *r = e->recipe;
    Names numbers = {0};
    Follower *list = ARENA_ARRAY(e->arena, Follower, r->n_networks + 1);
    for (size_t i = 0; i < r->n_networks; i++) {
        names_set(e->arena, &numbers, r->networks[i].signature.name, (uint32_t)i);
        list[i].network = &r->networks[i];
    }
    for (uint32_t i = 0; i < r->n_networks; i++) find_depth(r, &numbers, list, i);
    qsort(list, r->n_networks, sizeof *list, by_depth);
    size_t trained = 0;
    while (trained < r->n_networks && list[trained].depth == 0) trained++;
    *n = r->n_networks - trained;
    return list + trained;
}

/* ---- before the step --------------------------------------------------------------------------------------------- */

void begin_moves(Step *step) {
    Evaluator *e = &step->e;
    size_t n;
    const Follower *list = in_order(e, &n);
    step->moves = ARENA_ARRAY(e->arena, Move, n + 1);
    for (size_t i = 0; i < n; i++) {
        const Definition *network = list[i].network;
        if (!network->before) continue;
        Move move = {.network = network, .momentum = momentum_of(step, network)};
        move.at = (ValueId)e->func->count;
        if (move.momentum != IR_NONE) step->moves[step->n_moves++] = move;
    }
}

void update_moved(Step *step) {
    Evaluator *e = &step->e;
    for (size_t i = 0; i < step->n_moves; i++)
        for (uint32_t s = 0; s < e->states->n_info; s++)
            if (follows(e, step->moves[i].network, s)) set_state(e, s, func_read_state(e->func, s));
}

/* Makes the new values of a network's parameters, which what follows reads instead of the states.
 * reads: of each state the node of the old function that reads it, or IR_NONE. */
static void move_network(Evaluator *e, const Move *move, Rebuild *rebuild, const ValueId *reads,
                         bool *is_moved) {
    ValueId m = rebuild->map[move->momentum];
    for (uint32_t s = 0; s < e->states->n_info; s++) {
        if (!follows(e, move->network, s)) continue;
        uint32_t followed = state_info(e, s)->source;
        ValueId read = reads[followed], old = func_read_state(e->func, s);
        bool moved_before = read != IR_NONE && is_moved[read]; /* it is such a network's itself */
        ValueId source = moved_before ? rebuild->map[read] : func_read_state(e->func, followed);
        ValueId new = moved(e, move->network, s, m, old, ir_unary(e->func, OP_stop_grad, source));
        rebuild->map[reads[s]] = ir_unary(e->func, OP_stop_grad, new);
        is_moved[reads[s]] = true;
    }
}

void move_before(Step *step) {
    Evaluator *e = &step->e;
    if (!step->n_moves) return;
    ValueId *reads = ARENA_ARRAY(e->arena, ValueId, e->module->n_states);
    bool *is_moved = ARENA_ARRAY(e->arena, bool, e->func->count);
    for (uint32_t m = 0; m < e->module->n_states; m++) reads[m] = IR_NONE;
    for (ValueId id = 0; id < e->func->count; id++) {
        const Node *node = func_node(e->func, id);
        if (node->op == OP_state) reads[source_attrs(node)->index] = id;
    }
    Rebuild rebuild = rebuild_begin(e->func);
    size_t next = 0;
    for (ValueId id = 0; id < rebuild.n_old; id++) {
        for (; next < step->n_moves && step->moves[next].at == id; next++)
            move_network(e, &step->moves[next], &rebuild, reads, is_moved);
        if (!is_moved[id]) rebuild_node(&rebuild, id);
    }
    rebuild_end(&rebuild);
}

/* ---- after it ---------------------------------------------------------------------------------------------------- */

/* The momentum of a network that moved before the step; IR_NONE: it could not be read, as was told. */
static ValueId momentum_before(const Step *step, const Definition *network) {
    for (size_t i = 0; i < step->n_moves; i++)
        if (step->moves[i].network == network) return step->moves[i].momentum;
    return IR_NONE;
}

/* Whether a state is to follow after the step: parameters of a network that has not moved before it, and buffers that
 * the network has not set itself, such as running statistics where it is applied for evaluation alone. */
static bool moves_after(Evaluator *e, const Definition *network, uint32_t s) {
    if (follows(e, network, s)) return !network->before;
    const StateInfo info = *state_info(e, s);
    return info.network == network && info.source != IR_NONE && !state_value(e, s)->updated &&
           state_value(e, info.source)->updated && e->module->states[s].role == ROLE_BUFFER;
}

void move_after(Step *step) {
    Evaluator *e = &step->e;
    size_t n;
    const Follower *list = in_order(e, &n);
    for (size_t i = 0; i < n; i++) {
        const Definition *network = list[i].network;
        ValueId m = network->before ? momentum_before(step, network) : momentum_of(step, network);
        if (m == IR_NONE) continue;
        for (uint32_t s = 0; s < e->states->n_info; s++)
            if (moves_after(e, network, s)) {
                ValueId source = read_state(e, state_info(e, s)->source);
                set_state(e, s, moved(e, network, s, m, func_read_state(e->func, s), source));
            }
    }
}
