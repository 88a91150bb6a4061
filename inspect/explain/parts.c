/* Parts of explanations: see parts.h. */
#include "inspect/explain/parts.h"
#include "inspect/amounts.h"
#include "inspect/remark_text.h"
#include "ir/base/stream.h"
#include "ir/loop.h"
#include "ir/text/text.h"
#include "passes/plan/live.h"

#include <stdlib.h>
#include <string.h>

Explainer explainer_make(const Inspection *inspection) {
    Explainer x = {.inspection = inspection, .arena = inspection->arena};
    x.positions = positions_make(inspection->arena, inspection->diags);
    x.history = history_make(inspection);
    x.costs = value_costs(inspection);
    x.phases = phases_of(inspection, inspection->func);
    return x;
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

ValueLine part_value(const Explainer *x, uint32_t number) {
    const PastValue *past = history_value(x->history, number);
    assert(past);
    const Func *func = x->inspection->func;
    ValueLine line = {.number = number,
                      .op = op_info((OpKind)past->last->op)->name,
                      .type = type_text(x->arena, &past->last->type),
                      .scope = past->last->scope ? past->last->scope : "",
                      .at = positions_text(x->arena, &x->positions, past->last->loc)};
    if (past->now == IR_NONE) return line;
    if (func->plan->kernel_of[past->now] != IR_NONE) line.kernel = func->plan->kernel_of[past->now] + 1;
    line.seconds = x->costs->value_seconds[past->now];
    return line;
}

void part_add_value(const Explainer *x, ValueLines *lines, uint32_t number) {
    for (size_t i = 0; i < lines->count; i++)
        if (lines->items[i].number == number) return;
    ARENA_PUSH(x->arena, lines->items, lines->count, lines->capacity, part_value(x, number));
}

const char *part_precision(const Node *node) {
    const OpInfo *info = op_info((OpKind)node->op);
    for (int a = 0; a < info->n_attrs; a++)
        if (info->attrs[a].kind == ATTR_PRECISION) return precision_name(node->attrs[a].precision);
    return dtype_name((DType)node->type.dtype);
}

const char *part_attrs_text(const Explainer *x, const Func *func, const Node *node) {
    TextStream stream;
    size_t size;
    text_put_attrs(stream_begin(&stream), func->module, node);
    char *text = stream_end(&stream, &size);
    const char *copy = arena_strdup(x->arena, text + (*text == ' '));
    free(text);
    return copy;
}

/* Whether `grad` nodes of a stage are of this. */
static bool is_asked(const Node *of, uint32_t number, uint32_t state) {
    if (of->op == OP_state) return state != IR_NONE && (uint32_t)source_attrs(of)->index == state;
    return number != IR_NONE && of->number == number;
}

uint32_t part_gradient(const Explainer *x, uint32_t number, uint32_t state) {
    for (size_t s = 0; s < x->inspection->stages->count; s++) {
        const Func *func = inspection_func(x->inspection, (int)s);
        for (ValueId id = 0; func && id < func->count; id++) {
            const Node *node = func_node(func, id);
            if (node->op != OP_grad || !is_asked(func_node(func, node->operands[1]), number, state)) continue;
            const PastValue *past = history_value(x->history, node->number);
            if (past && past->stands != IR_NONE) return past->stands;
        }
    }
    const Remarks *remarks = x->inspection->module->remarks;
    for (size_t i = 0; number != IR_NONE && remarks && i < remarks->count; i++) {
        const Remark *remark = &remarks->items[i];
        if (remark->rule != RULE_autodiff_gradient || remark->func != x->history->func) continue;
        const PastValue *of = history_value(x->history, remark->other);
        const PastValue *gradient = history_value(x->history, remark->value);
        if (of && gradient && of->stands == number && gradient->stands != IR_NONE) return gradient->stands;
    }
    return IR_NONE;
}

/* ---- positions --------------------------------------------------------------------------------------------------- */

typedef struct {
    const Explainer *x;
    QuotedLine *items;
    size_t count, capacity;
} Quotes;

static void quote(void *user, Loc loc) {
    Quotes *q = user;
    QuotedLine line = {positions_text(q->x->arena, &q->x->positions, loc),
                       line_text(q->x->arena, &q->x->positions, loc)};
    if (q->count && strcmp(q->items[q->count - 1].at, line.at) == 0) return; /* a call of its own line */
    ARENA_PUSH(q->x->arena, q->items, q->count, q->capacity, line);
}

const QuotedLine *part_lines(const Explainer *x, const Node *node, size_t *n) {
    Quotes q = {.x = x};
    value_positions(x->inspection->module, node, quote, &q);
    *n = q.count;
    return q.items;
}

/* ---- kernels ----------------------------------------------------------------------------------------------------- */

/* How often a function runs a step: a body as often as its loops run it. */
static double func_runs(const Func *func) {
    double runs = 0;
    if (!func->body) return 1;
    for (size_t f = 0; f < func->module->n_funcs; f++) {
        const Func *by = func->module->funcs[f];
        for (ValueId id = 0; id < by->count; id++) {
            const Node *node = func_node(by, id);
            if (node->op == OP_loop && loop_body(by, node) == func)
                runs += (double)loop_attrs(node)->count * func_runs(by);
        }
    }
    return runs;
}

static const char *runs_text(const Explainer *x, const Chain *chain, double runs) {
    if (chain)
        return arena_printf(x->arena, "once for each of %lld blocks, in the chain of kernels %u to %u",
                            (long long)chain_blocks(chain), chain->first + 1, chain->last + 1);
    if (x->inspection->func->body) return arena_printf(x->arena, "%.0f times a step, in a loop", runs);
    return "once a step";
}

KernelFacts part_kernel(const Explainer *x, uint32_t k) {
    const Func *func = x->inspection->func;
    const Kernel *kernel = &func->plan->kernels[k];
    const KernelCost *cost = &x->costs->kernels[k];
    const Chain *chain = plan_chain(func->plan, k);
    double runs = func_runs(func);
    return (KernelFacts){.number = k + 1,
                         .name = kernel_name(x->arena, func, cost->named),
                         .kind = kernel_kind_name(kernel),
                         .runs = runs_text(x, chain, runs),
                         .times = chain ? (double)chain_blocks(chain) : runs,
                         .again = kernel->again,
                         .single = kernel->single,
                         .barrier = kernel->barrier,
                         .after = kernel->after,
                         .n_values = kernel->last - kernel->first + 1,
                         .flops = cost->flops,
                         .bytes = cost->bytes,
                         .seconds = x->costs->kernel_seconds[k],
                         .share = x->costs->seconds > 0 ? x->costs->kernel_seconds[k] / x->costs->seconds : 0,
                         .limit = roofline_limit(&x->costs->roofline, cost->flops, cost->bytes)};
}

/* ---- places ------------------------------------------------------------------------------------------------------ */

static bool overlap(int64_t a, int64_t n, int64_t b, int64_t m) {
    return a < b + m && b < a + n;
}

static void find_life(const Explainer *x, ValueId value, PlaceFacts *facts) {
    const Func *func = x->inspection->func;
    Lives lives = func_lives(x->arena, func);
    ValueLines sharing = {0};
    for (size_t i = 0; i < lives.count; i++) {
        const Life *life = &lives.of[i];
        int64_t offset = func->plan->places[life->value].offset;
        if (life->value == value) {
            facts->born = life->born + 1;
            facts->died = life->died + 1;
        } else if (overlap(facts->offset, facts->bytes, offset, life->bytes))
            part_add_value(x, &sharing, func_node(func, life->value)->number);
    }
    facts->sharing = sharing.items;
    facts->n_sharing = sharing.count;
}

PlaceFacts part_place(const Explainer *x, ValueId value) {
    const Func *func = x->inspection->func;
    const Place *place = &func->plan->places[value];
    PlaceFacts facts = {
        .kind = PLACE_NAMES[place->kind], .offset = -1, .bytes = type_bytes(func_type(func, value))};
    switch (place->kind) {
    case PLACE_LOOPS:
        facts.kind = op_is_view((OpKind)func_node(func, value)->op) ? "view" : "registers";
        break;
    case PLACE_INPUT: facts.name = func->inputs[place->index].name; break;
    case PLACE_STATE: facts.name = func->module->states[place->index].name; break;
    case PLACE_OUTPUT: facts.name = func->outputs[place->index].name; break;
    case PLACE_ARENA:
        facts.offset = place->offset;
        find_life(x, value, &facts);
        break;
    default: break;
    }
    return facts;
}

const char *part_place_text(const Explainer *x, const PlaceFacts *place) {
    if (strcmp(place->kind, "arena") == 0)
        return arena_printf(x->arena, "arena at %lld, kernels %u to %u", (long long)place->offset,
                            place->born, place->died);
    if (strcmp(place->kind, "block") == 0) return "each thread's block of its chain";
    return place->name ? arena_printf(x->arena, "%s %s", place->kind, place->name) : place->kind;
}

/* ---- events ------------------------------------------------------------------------------------------------------ */

/* What sentences call a value: "%45 (add)". */
static const char *name_in_sentence(void *user, uint32_t number) {
    const Explainer *x = user;
    const PastValue *past = history_value(x->history, number);
    if (!past) return arena_printf(x->arena, "%%%u", number);
    return arena_printf(x->arena, "%%%u (%s)", number, op_info((OpKind)past->last->op)->name);
}

static const char *pass_label(const Explainer *x, int stage) {
    return (size_t)stage < x->inspection->stages->count ? x->inspection->stages->stages[stage].label : "";
}

/* That the node which is called so is another than in the stage before. */
static void add_change(const Explainer *x, uint32_t number, int stage, const Node **last, Events *done) {
    const Node *now = history_node(x->history, number, stage), *before = *last;
    if (now) *last = now;
    if (!now || !before || (now->op == before->op && type_equal(&now->type, &before->type))) return;
    Event event = {.stage = stage,
                   .pass = pass_label(x, stage),
                   .outcome = REMARK_DONE,
                   .value = number,
                   .other = IR_NONE};
    event.text = arena_printf(x->arena, "computed as %s %s from here on, before as %s %s",
                              op_info((OpKind)now->op)->name, type_text(x->arena, &now->type),
                              op_info((OpKind)before->op)->name, type_text(x->arena, &before->type));
    ARENA_PUSH(x->arena, done->items, done->count, done->capacity, event);
}

void part_events(const Explainer *x, uint32_t number, Events *done, Events *missed) {
    const Remarks *remarks = x->inspection->module->remarks;
    const Node *last = NULL;
    uint32_t i = number < x->history->count ? x->history->first_remark[number] : IR_NONE;
    for (int stage = 0; (size_t)stage < x->inspection->stages->count; stage++) {
        for (; i != IR_NONE && remarks->items[i].pass <= stage; i = x->history->next_remark[i]) {
            const Remark *remark = &remarks->items[i];
            const RuleInfo *rule = rule_info((Rule)remark->rule);
            Event event = {.stage = stage,
                           .pass = pass_label(x, stage),
                           .rule = rule->name,
                           .outcome = rule->outcome,
                           .text = remark_text(x->arena, remark, name_in_sentence, (void *)x),
                           .value = number,
                           .other = remark->other};
            Events *to = rule->outcome == REMARK_MISSED ? missed : done;
            ARENA_PUSH(x->arena, to->items, to->count, to->capacity, event);
        }
        add_change(x, number, stage, &last, done);
    }
}
