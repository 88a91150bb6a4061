/* Loops of whose results not all are read: see demand_loop.h. */
#include "passes/graph/demand_loop.h"
#include "ir/loop.h"

bool demand_loop_fits(const Node *loop) {
    return !loop_attrs(loop)->kept;
}

/* What of the body is needed. */
typedef struct {
    const Func *body;
    const LoopAttrs *attrs;
    bool *outputs, *inputs, *nodes;
} Needed;

static bool overlaps(const Selection *want, int64_t start, int64_t limit) {
    if (!want) return true;
    const Factor *words = selection_only_factor(want, 0);
    for (int i = 0; i < words->n; i++)
        if (words->segments[i].start < limit && start < words->segments[i].limit) return true;
    return words->n == 0;
}

/* Marks what needed outputs are made of. */
static void mark(Needed *n) {
    for (size_t k = 0; k < n->body->n_outputs; k++)
        if (n->outputs[k]) n->nodes[n->body->outputs[k].value] = true;
    for (ValueId id = (ValueId)n->body->count; id-- > 0;) {
        const Node *node = func_node(n->body, id);
        n->nodes[id] = n->nodes[id] || !op_may_drop((OpKind)node->op);
        if (n->nodes[id] && node->op == OP_input) n->inputs[source_attrs(node)->index] = true;
        for (int o = 0; n->nodes[id] && o < node->n_operands; o++) n->nodes[node->operands[o]] = true;
    }
}

static Needed find_needed(Arena *arena, const Func *body, const LoopAttrs *attrs, const Selection *want) {
    Needed n = {.body = body,
                .attrs = attrs,
                .outputs = ARENA_ARRAY(arena, bool, body->n_outputs + 1),
                .inputs = ARENA_ARRAY(arena, bool, body->n_inputs + 1),
                .nodes = ARENA_ARRAY(arena, bool, body->count + 1)};
    for (size_t k = 0; k < body->n_outputs; k++) {
        LoopPart part = loop_part_of(body, attrs, k);
        n.outputs[k] = overlaps(want, part.start, part.start + loop_words(&part.type));
    }
    for (bool more = true; more;) { /* what is carried into them is needed in the next iteration */
        mark(&n);
        more = false;
        for (int64_t c = 0; c < attrs->carried; c++) {
            more = more || (n.inputs[1 + c] && !n.outputs[c]);
            n.outputs[c] = n.outputs[c] || n.inputs[1 + c];
        }
    }
    for (int64_t c = 0; c < attrs->carried; c++) n.inputs[1 + c] = n.outputs[c]; /* it begins somewhere */
    n.inputs[0] = true;
    return n;
}

const Selection *demand_loop_needs(Arena *arena, const Func *func, const Node *loop, const Selection *want,
                                   const Selection **needs) {
    const LoopAttrs *attrs = loop_attrs(loop);
    const Func *body = loop_body(func, loop);
    Needed n = find_needed(arena, body, attrs, want);
    Segment *segments = ARENA_ARRAY(arena, Segment, body->n_outputs + 1);
    int count = 0;
    for (size_t k = 0; k < body->n_outputs; k++) {
        LoopPart part = loop_part_of(body, attrs, k);
        int64_t limit = part.start + loop_words(&part.type);
        if (!n.outputs[k]) continue;
        if (count && segments[count - 1].limit == part.start)
            segments[count - 1].limit = limit;
        else
            segments[count++] = (Segment){part.start, limit, NULL};
    }
    for (int o = attrs->when; o < loop->n_operands; o++)
        needs[o] = n.inputs[1 + o - attrs->when] ? NULL : &SELECTION_NOTHING;
    Selection made = {0};
    selection_push(arena, &made, (Factor){.size = attrs->words, .n = count, .segments = segments});
    selection_end_axis(&made);
    return selection_make(arena, &made);
}

static Func *needed_body(Arena *arena, const Needed *n) {
    const Func *body = n->body;
    Func *made = module_add_body(body->module, body->name);
    ValueId *map = ARENA_ARRAY(arena, ValueId, body->count + 1),
            *inputs = ARENA_ARRAY(arena, ValueId, body->n_inputs + 1);
    made->next_number = body->next_number;
    for (size_t i = 0; i < body->n_inputs; i++)
        if (n->inputs[i]) inputs[i] = func_add_input(made, body->inputs[i].name, body->inputs[i].type);
    for (ValueId id = 0; id < body->count; id++) {
        const Node *node = func_node(body, id);
        if (node->op == OP_input) {
            map[id] = inputs[source_attrs(node)->index];
            continue;
        }
        if (!n->nodes[id]) continue;
        ValueId *operands = ARENA_ARRAY(arena, ValueId, node->n_operands + 1);
        for (int o = 0; o < node->n_operands; o++) operands[o] = map[node->operands[o]];
        map[id] = func_copy(made, node, operands);
    }
    for (size_t k = 0; k < body->n_outputs; k++)
        if (n->outputs[k]) func_add_output(made, body->outputs[k].name, map[body->outputs[k].value]);
    return made;
}

/* Whether a loop other than those of `func`, which is being made anew, runs the body, or more than one of it did. */
static bool has_other_loops(const Func *func, const Node *nodes, size_t n, const Func *body) {
    const Module *module = func->module;
    int loops = 0;
    for (size_t f = 0; f < module->n_funcs; f++) {
        bool anew = module->funcs[f] == func;
        size_t count = anew ? n : module->funcs[f]->count;
        for (size_t i = 0; i < count; i++) {
            const Node *node = anew ? &nodes[i] : &module->funcs[f]->nodes[i];
            loops += node->op == OP_loop && module->funcs[loop_attrs(node)->body] == body;
        }
    }
    return loops > 1;
}

/* The body that was made last gets the place of one that no loop runs any more. */
static void replace(const Func *body, Func *made) {
    Module *module = made->module;
    assert(module->funcs[module->n_funcs - 1] == made);
    module->funcs[func_index(body)] = made;
    made->name = body->name;
    module->n_funcs--;
}

ValueId demand_loop_emit(Simplify *s, const Node *nodes, size_t n_nodes, const Node *loop,
                         const Selection *want, const ValueId *operands) {
    LoopAttrs attrs = *loop_attrs(loop);
    const Func *body = loop_body(s->func, loop);
    Needed n = find_needed(s->scratch, body, loop_attrs(loop), want);
    bool kept_too = has_other_loops(s->func, nodes, n_nodes, body);
    LoopOperands first = loop_operands(loop_attrs(loop));
    ValueId *kept = ARENA_ARRAY(s->scratch, ValueId, loop->n_operands + 1);
    int count = 0;
    for (int o = 0; o < loop->n_operands; o++) {
        if (operands[o] != IR_NONE)
            kept[count++] = operands[o];
        else if (o < first.sliced)
            attrs.carried--;
        else if (o < first.captured)
            attrs.sliced--;
    }
    Func *made = needed_body(s->scratch, &n);
    if (!kept_too) replace(body, made);
    return loop_emit(s->func, made, kept, count, attrs);
}
