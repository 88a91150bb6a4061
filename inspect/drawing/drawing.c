/* What a drawing shows: its boxes, what they take, and what goes from one to another (drawing.h). */
#include "inspect/drawing/drawing.h"
#include "inspect/amounts.h"
#include "inspect/drawing/modules.h"
#include "inspect/drawing/moved_inputs.h"
#include "inspect/positions.h"
#include "ir/base/names.h"
#include "ir/plan/cost.h"

#include <stdlib.h>
#include <string.h>

/* A table from pairs to numbers: open addressing. */
typedef struct {
    struct PairSlot {
        uint64_t key; /* + 1; 0: free */
        uint32_t value;
    } *slots;
    size_t count, n_slots;
} Pairs;

typedef struct {
    Drawing *drawing;
    Arena *arena;
    const Func *func;
    const Modules *modules;
    const OutlineGroup *groups;
    size_t capacity, edges_capacity;
    uint32_t *box_of;     /* by group: the box that it is drawn in */
    Pairs own;            /* (open group that is drawn, rank): the box of its own values */
    Pairs edges, crossed; /* (from, to of a phase): the edge; (value, to): the value counts in it already */
    uint32_t inputs[64];  /* boxes of inputs */
    int n_inputs;
    uint64_t *moved;   /* by value that is moved from inputs: bits of their boxes */
    uint32_t *own_box; /* by value of the forward pass: its box, where that is open */
    uint32_t *lowest;  /* by box that is open: the lowest box of own values in it; IR_NONE: none */
    ValueId *by_number;
} Making;

/* ---- pairs ------------------------------------------------------------------------------------------------------- */

static struct PairSlot *pair_slot(const Pairs *pairs, uint64_t key) {
    uint64_t hash = (key + 1) * 0x9e3779b97f4a7c15u;
    for (size_t at = hash ^ hash >> 32;; at++) {
        struct PairSlot *slot = &pairs->slots[at & (pairs->n_slots - 1)];
        if (!slot->key || slot->key == key + 1) return slot;
    }
}

/* The value of a key; IR_NONE: it was not there, and is now, with `value`. */
static uint32_t pair_add(Making *m, Pairs *pairs, uint64_t key, uint32_t value) {
    if (pairs->count * 2 >= pairs->n_slots) {
        Pairs larger = {.count = pairs->count, .n_slots = pairs->n_slots ? pairs->n_slots * 2 : 64};
        larger.slots = ARENA_ARRAY(m->arena, struct PairSlot, larger.n_slots);
        for (size_t i = 0; i < pairs->n_slots; i++)
            if (pairs->slots[i].key) *pair_slot(&larger, pairs->slots[i].key - 1) = pairs->slots[i];
        *pairs = larger;
    }
    struct PairSlot *slot = pair_slot(pairs, key);
    if (slot->key) return slot->value;
    *slot = (struct PairSlot){key + 1, value};
    pairs->count++;
    return IR_NONE;
}

static uint64_t pair(uint32_t a, uint32_t b) {
    return (uint64_t)a << 32 | b;
}

/* ---- boxes ------------------------------------------------------------------------------------------------------- */

static uint32_t add_box(Making *m, Box box) {
    Drawing *d = m->drawing;
    if (!box.detail) box.detail = "";
    if (!box.scope) box.scope = "";
    if (!box.times) box.times = 1;
    ARENA_PUSH(m->arena, d->boxes, d->n_boxes, m->capacity, box);
    return (uint32_t)d->n_boxes - 1;
}

/* Whether there are modules in it for the forward pass to run through. */
static bool has_modules(const Making *m, uint32_t g) {
    return m->modules->forward[g] > m->modules->own[g];
}

static bool is_open(const Making *m, uint32_t g, int depth) {
    return (int)m->modules->depth[g] < depth && has_modules(m, g);
}

/* Whether a group that is drawn has a box. */
static bool is_shown(const Making *m, uint32_t g, int depth) {
    if (g == OUTLINE_ROOT) return true;
    return m->modules->forward[g] && !m->modules->list[g] && is_open(m, m->modules->parent[g], depth);
}

/* "blocks.0 … .11": with the names of lists that it is in. */
static const char *module_title(const Making *m, uint32_t g) {
    const char *title = g == OUTLINE_ROOT ? m->func->name : m->groups[g].name;
    for (uint32_t in = m->groups[g].parent; g != OUTLINE_ROOT && m->modules->list[in];
         in = m->groups[in].parent)
        title = arena_printf(m->arena, "%s.%s", m->groups[in].name, title);
    if (*title >= '0' && *title <= '9' && m->groups[g].parent != OUTLINE_ROOT)
        title = arena_printf(m->arena, "%s.%s", m->groups[m->groups[g].parent].name, title);
    if (m->modules->times[g] < 2) return title;
    return arena_printf(m->arena, "%s … .%s", title, m->groups[m->modules->last_alike[g]].name);
}

/* The boxes of modules; a group that has none of its own is in that of the one around it. */
static void add_modules(Making *m, int depth) {
    const Modules *modules = m->modules;
    for (uint32_t g = 0; g < modules->outline->count; g++) {
        uint32_t parent = modules->parent[g], drawn = modules->drawn[g];
        if (drawn != g) continue;
        if (!is_shown(m, g, depth)) {
            m->box_of[g] = m->box_of[parent];
            continue;
        }
        Box box = {
            .kind = BOX_MODULE, .open = is_open(m, g, depth), .parent = IR_NONE, .title = module_title(m, g)};
        if (parent != IR_NONE) box.parent = m->box_of[parent];
        box.scope = m->groups[g].scope;
        box.times = modules->times[g];
        box.layer = modules->rank[g];
        m->box_of[g] = add_box(m, box);
    }
    for (uint32_t g = 0; g < modules->outline->count; g++) m->box_of[g] = m->box_of[modules->drawn[g]];
}

/* How many boxes a depth makes: modules, and own values of open ones by rank. */
static size_t count_boxes(const Making *m, int depth) {
    const Modules *modules = m->modules;
    Making scratch = *m;
    scratch.own = (Pairs){0};
    size_t count = 0;
    for (uint32_t g = 0; g < modules->outline->count; g++)
        count += modules->drawn[g] == g && is_shown(m, g, depth);
    for (ValueId id = 0; id < m->func->count; id++) {
        if (!modules_counts(modules, id, PHASE_FORWARD)) continue;
        uint32_t g = modules_group(modules, id);
        if (modules->drawn[g] != g || !is_open(m, g, depth)) continue;
        count += pair_add(&scratch, &scratch.own, pair(g, modules->value_rank[id]), 0) == IR_NONE;
    }
    return count;
}

static int choose_depth(const Making *m) {
    int depth = 1, deepest = 1;
    for (size_t g = 0; g < m->modules->outline->count; g++)
        if ((int)m->modules->depth[g] > deepest) deepest = (int)m->modules->depth[g];
    while (depth < deepest && count_boxes(m, depth + 1) <= DRAWING_BOXES) depth++;
    return depth;
}

/* ---- own values -------------------------------------------------------------------------------------------------- */

/* Operators of a box of own values, as they are met. */
typedef struct {
    uint32_t box;
    uint16_t ops[4]; /* those that compute; at most three are named */
    int n, moves;
    ValueId largest; /* of most FLOPs, where it is in the recipe */
    double flops;
} OwnOps;

static void add_own_op(OwnOps *own, const Func *func, ValueId id) {
    const Node *node = func_node(func, id);
    double flops = node_flops(func, node);
    if (own->largest == IR_NONE || flops > own->flops) own->largest = id, own->flops = flops;
    if (op_info((OpKind)node->op)->loop == LOOP_MOVE) {
        own->moves++;
        if (own->n) return;
    }
    for (int i = 0; i < own->n && i < 4; i++)
        if (own->ops[i] == node->op) return;
    if (own->n < 4) own->ops[own->n] = node->op;
    own->n++;
}

static const char *name_of_ops(Arena *arena, const OwnOps *own) {
    const char *title = "";
    int named = own->n < 3 ? own->n : 3;
    for (int i = 0; i < named; i++)
        title = arena_printf(arena, "%s%s%s", title, i ? ", " : "", op_info((OpKind)own->ops[i])->name);
    return own->n > named ? arena_printf(arena, "%s, …", title) : title;
}

/* Boxes of the values that open modules have beside those within, and which box each value is in. */
static void add_own_values(Making *m) {
    const Modules *modules = m->modules;
    size_t first = m->drawing->n_boxes, capacity = 0, count = 0;
    OwnOps *ops = NULL;
    for (ValueId id = 0; id < m->func->count; id++) {
        m->own_box[id] = IR_NONE;
        if (!modules_counts(modules, id, PHASE_FORWARD)) continue;
        uint32_t g = modules_group(modules, id), drawn = modules->drawn[g], in = m->box_of[g];
        if (!m->drawing->boxes[in].open) continue;
        uint32_t rank = modules->value_rank[id];
        uint32_t box = pair_add(m, &m->own, pair(drawn, rank), (uint32_t)m->drawing->n_boxes);
        if (box == IR_NONE) {
            box = add_box(
                m, (Box){.kind = BOX_OWN, .parent = in, .layer = rank, .times = m->drawing->boxes[in].times});
            OwnOps own = {.box = box, .largest = IR_NONE};
            ARENA_PUSH(m->arena, ops, count, capacity, own);
        }
        m->own_box[id] = box;
        add_own_op(&ops[box - first], m->func, id);
    }
    Positions positions = positions_make(m->arena, m->drawing->of->diags);
    m->lowest = ARENA_ARRAY(m->arena, uint32_t, first + 1);
    for (size_t b = 0; b < first; b++) m->lowest[b] = IR_NONE;
    for (size_t i = 0; i < count; i++) {
        Box *box = &m->drawing->boxes[ops[i].box];
        uint32_t *lowest = &m->lowest[box->parent];
        if (*lowest == IR_NONE || m->drawing->boxes[*lowest].layer < box->layer) *lowest = ops[i].box;
        box->times = 1;
        box->title = name_of_ops(m->arena, &ops[i]);
        box->detail = positions_text(m->arena, &positions, func_node(m->func, ops[i].largest)->loc);
    }
}

/* ---- inputs and results ------------------------------------------------------------------------------------------ */

/* Inputs of a type are one box. Numbers alone, such as keys of draws and settings, have none. */
static void add_inputs(Making *m) {
    const Func *func = m->func;
    uint64_t *bits = ARENA_ARRAY(m->arena, uint64_t, func->n_inputs + 1);
    Names types = {0};
    for (size_t k = 0; k < func->n_inputs; k++) {
        const Input *input = &func->inputs[k];
        const char *type = type_text(m->arena, &input->type);
        uint32_t i = names_find(&types, type);
        if (input->type.rank < 2 || (i == NAMES_NONE && m->n_inputs == 64)) continue;
        if (i == NAMES_NONE) {
            i = (uint32_t)m->n_inputs++;
            m->inputs[i] =
                add_box(m, (Box){.kind = BOX_INPUT, .parent = 0, .title = input->name, .detail = type});
            names_set(m->arena, &types, type, i);
        } else {
            m->drawing->boxes[m->inputs[i]].times++;
        }
        bits[k] = (uint64_t)1 << i;
    }
    m->moved = moved_inputs(m->arena, func, m->modules->moved, bits);
    for (size_t b = 1; m->n_inputs && b < m->drawing->n_boxes; b++) { /* all else stands below them */
        Box *box = &m->drawing->boxes[b];
        box->layer += box->parent == 0 && box->kind != BOX_INPUT;
    }
}

static bool is_result(const Func *func, const Output *output) {
    for (size_t i = 0; i < func->n_outputs; i++)
        if (func->outputs[i].role == OUTPUT_LOSS) return output->role == OUTPUT_LOSS;
    return true;
}

/* The box at the top that a value of the forward pass is in; IR_NONE: in none. */
static uint32_t top_box(const Making *m, ValueId id) {
    if (!modules_counts(m->modules, id, PHASE_FORWARD)) return IR_NONE;
    uint32_t box = m->own_box[id] == IR_NONE ? m->box_of[modules_group(m->modules, id)] : m->own_box[id];
    while (box && m->drawing->boxes[box].parent) box = m->drawing->boxes[box].parent;
    return box ? box : IR_NONE;
}

static void add_edge(Making *m, uint32_t from, uint32_t to, Phase phase, ValueId value) {
    Drawing *d = m->drawing;
    uint64_t key = pair(from, to) | (uint64_t)phase << 62;
    uint32_t edge = pair_add(m, &m->edges, key, (uint32_t)d->n_edges);
    const Type *type = func_type(m->func, value);
    if (edge == IR_NONE) {
        BoxEdge fresh = {
            .from = from, .to = to, .phase = phase, .type = type_text(m->arena, type), .channel = -1};
        edge = (uint32_t)d->n_edges;
        ARENA_PUSH(m->arena, d->edges, d->n_edges, m->edges_capacity, fresh);
    }
    if (pair_add(m, &m->crossed, pair(value, to), edge) == IR_NONE)
        d->edges[edge].bytes += (double)type_bytes(type);
}

static void add_results(Making *m) {
    enum { MOST = 6 };
    int n = 0;
    for (size_t i = 0; i < m->func->n_outputs && n < MOST; i++) {
        const Output *output = &m->func->outputs[i];
        uint32_t from = is_result(m->func, output) ? top_box(m, output->value) : IR_NONE;
        if (from == IR_NONE) continue;
        uint32_t box = add_box(m, (Box){.kind = BOX_RESULT,
                                        .parent = 0,
                                        .title = output->name,
                                        .detail = type_text(m->arena, func_type(m->func, output->value)),
                                        .layer = m->drawing->boxes[from].layer + 1});
        add_edge(m, from, box, PHASE_FORWARD, output->value);
        n++;
    }
}

/* ---- edges ------------------------------------------------------------------------------------------------------- */

/* The box of a value. Of a gradient that an open module has for itself that of the value it is made for, if that is
 * there too; else the lowest, where gradients begin. */
static uint32_t box_for(const Making *m, ValueId id) {
    uint32_t in = m->box_of[modules_group(m->modules, id)];
    if (!m->drawing->boxes[in].open) return in;
    if (m->own_box[id] != IR_NONE) return m->own_box[id];
    uint32_t number = m->func->nodes[id].origin;
    enum { FAR = 16 }; /* origins of origins */
    for (int i = 0; i < FAR && number != IR_NONE && m->by_number[number] != IR_NONE; i++) {
        ValueId at = m->by_number[number];
        if (m->own_box[at] != IR_NONE && m->drawing->boxes[m->own_box[at]].parent == in)
            return m->own_box[at];
        number = m->func->nodes[at].origin;
    }
    bool gradient = m->modules->phases[id] == PHASE_GRADIENT;
    return gradient && m->lowest[in] != IR_NONE ? m->lowest[in] : in;
}

/* Whether an edge between two values goes from one module to another that is drawn: not where both are in a module
 * that another is drawn for, or in different ones of those that are drawn once. */
static bool is_drawn(const Making *m, ValueId from, ValueId to) {
    const Modules *modules = m->modules;
    Meeting at = modules_meet(modules, modules_group(modules, from), modules_group(modules, to));
    if (modules->drawn[at.group] != at.group) return false;
    return at.a == IR_NONE || at.b == IR_NONE || modules->drawn[at.a] != modules->drawn[at.b];
}

/* The child of box `in` that holds `box`; IR_NONE: it is not inside. */
static uint32_t child_of(const Drawing *d, uint32_t in, uint32_t box) {
    while (box != IR_NONE && d->boxes[box].parent != in) box = d->boxes[box].parent;
    return box;
}

static bool is_inside(const Drawing *d, uint32_t in, uint32_t box) {
    while (box != IR_NONE && box != in) box = d->boxes[box].parent;
    return box == in;
}

static void connect(Making *m, uint32_t a, uint32_t b, Phase phase, ValueId value) {
    Drawing *d = m->drawing;
    uint32_t around = d->boxes[b].parent;
    if (a == b || is_inside(d, a, b) || is_inside(d, b, a)) return;
    for (uint32_t box = b; around != IR_NONE && !is_inside(d, around, a);
         box = around, around = d->boxes[box].parent)
        if (phase == PHASE_FORWARD) d->boxes[box].enters = true;
    for (uint32_t box = a; box != IR_NONE && d->boxes[box].parent != around; box = d->boxes[box].parent)
        if (phase == PHASE_FORWARD) d->boxes[box].leaves = true;
    uint32_t from = child_of(d, around, a), to = child_of(d, around, b);
    if (from == IR_NONE || to == IR_NONE || from == to) return;
    /* What gradients compute again runs downwards: that is the forward pass's edge. */
    if (phase == PHASE_GRADIENT && d->boxes[from].layer <= d->boxes[to].layer) return;
    add_edge(m, from, to, phase, value);
}

static void add_edges(Making *m, Phase phase) {
    for (ValueId id = 0; id < m->func->count; id++) {
        if (!modules_counts(m->modules, id, phase)) continue;
        const Node *node = func_node(m->func, id);
        for (int o = 0; o < node->n_operands; o++) {
            ValueId x = node->operands[o];
            for (int i = 0; phase == PHASE_FORWARD && i < m->n_inputs; i++)
                if (m->moved[x] >> i & 1) connect(m, m->inputs[i], box_for(m, id), phase, x);
            if (modules_counts(m->modules, x, phase) && is_drawn(m, x, id))
                connect(m, box_for(m, x), box_for(m, id), phase, x);
        }
    }
}

/* What reads from outside the box that it is in, and does not stand at its top: a residual sum. */
static void add_entries(Making *m) {
    Drawing *d = m->drawing;
    for (uint32_t b = 1; b < d->n_boxes; b++) {
        const Box *box = &d->boxes[b];
        if (!box->enters || !box->parent || box->layer == 0) continue;
        BoxEdge edge = {.from = box->parent, .to = b, .phase = PHASE_FORWARD, .type = "", .channel = -1};
        ARENA_PUSH(m->arena, d->edges, d->n_edges, m->edges_capacity, edge);
    }
}

/* ---- what boxes take --------------------------------------------------------------------------------------------- */

static void add_costs(Making *m) {
    Drawing *d = m->drawing;
    const Plan *plan = m->func->plan;
    for (ValueId id = 0; id < m->func->count; id++) {
        const Node *node = func_node(m->func, id);
        if (op_is_source((OpKind)node->op)) continue;
        Phase phase = (Phase)m->modules->phases[id];
        double flops = node_flops(m->func, node);
        d->has[phase] = true;
        for (uint32_t box = box_for(m, id); box != IR_NONE; box = d->boxes[box].parent) {
            d->boxes[box].flops[phase] += flops;
            d->boxes[box].values[phase]++;
        }
    }
    for (size_t k = 0; plan && k < plan->n_kernels; k++) {
        uint32_t box = box_for(m, kernel_cost(m->func, &plan->kernels[k]).named);
        for (; box != IR_NONE; box = d->boxes[box].parent) d->boxes[box].kernels++;
    }
}

/* Of parameters, and of moving averages of them, which the function reads: they belong to the module whose path their
 * name begins with. The whole has one or the other. */
static void add_parameters(Making *m) {
    const Module *module = m->func->module;
    double trained = 0;
    for (ValueId id = 0; id < m->func->count; id++) {
        const Node *node = func_node(m->func, id);
        if (node->op != OP_state) continue;
        const State *state = &module->states[source_attrs(node)->index];
        if (state->role != ROLE_PARAM && state->role != ROLE_EMA) continue;
        char *scope = arena_strdup(m->arena, state->name), *dot;
        uint32_t group = outline_find(m->modules->outline, scope);
        while (group == IR_NONE && (dot = strrchr(scope, '.'))) {
            *dot = '\0';
            group = outline_find(m->modules->outline, scope);
        }
        uint32_t box = m->box_of[group == IR_NONE ? OUTLINE_ROOT : group];
        for (; box != IR_NONE; box = m->drawing->boxes[box].parent)
            m->drawing->boxes[box].parameters += (double)type_elements(&state->type);
        if (state->role == ROLE_PARAM) trained += (double)type_elements(&state->type);
    }
    if (trained > 0) m->drawing->boxes[0].parameters = trained;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static void index_numbers(Making *m) {
    m->by_number = ARENA_ARRAY(m->arena, ValueId, (size_t)m->func->next_number + 1);
    memset(m->by_number, 0xff, sizeof *m->by_number * ((size_t)m->func->next_number + 1));
    for (ValueId id = 0; id < m->func->count; id++)
        if (m->func->nodes[id].number != IR_NONE) m->by_number[m->func->nodes[id].number] = id;
}

/* Whether gradients are computed in a box; one of own values may only move them. */
static bool has_gradient(const Drawing *d, uint32_t b) {
    const Box *box = &d->boxes[b];
    return box->flops[PHASE_GRADIENT] > 0 ||
           (box->kind == BOX_OWN && d->boxes[box->parent].flops[PHASE_GRADIENT] > 0);
}

/* Forward edges by the box that they begin at. */
typedef struct {
    const Drawing *d;
    uint32_t *first, *to; /* those of box b: to[first[b] … first[b + 1]) */
    int steps;            /* left of a search: what passes is few boxes */
} Ways;

static Ways find_ways(const Drawing *d) {
    Ways ways = {.d = d};
    ways.first = ARENA_ARRAY(d->arena, uint32_t, d->n_boxes + 2);
    ways.to = ARENA_ARRAY(d->arena, uint32_t, d->n_edges + 1);
    for (size_t e = 0; e < d->n_edges; e++)
        if (d->edges[e].phase == PHASE_FORWARD) ways.first[d->edges[e].from + 2]++;
    for (size_t b = 2; b <= d->n_boxes; b++) ways.first[b] += ways.first[b - 1];
    for (size_t e = 0; e < d->n_edges; e++)
        if (d->edges[e].phase == PHASE_FORWARD) ways.to[ways.first[d->edges[e].from + 1]++] = d->edges[e].to;
    return ways;
}

/* Whether the forward pass goes from one box to the other, by way of none but own values that have no gradient of their
 * own: a sum hands on the gradient that it gets. */
static bool leads_to(Ways *ways, uint32_t from, uint32_t to) {
    for (uint32_t i = ways->first[from]; i < ways->first[from + 1] && ways->steps-- > 0; i++) {
        const Box *next = &ways->d->boxes[ways->to[i]];
        if (ways->to[i] == to) return true;
        bool passes = next->kind == BOX_OWN && !(next->flops[PHASE_GRADIENT] > 0);
        if (passes && leads_to(ways, ways->to[i], to)) return true;
    }
    return false;
}

/* A gradient goes back the way that the forward pass came. Other edges are of what is computed again, or of values that
 * have no box of their own. */
static void drop_other_gradients(Drawing *d) {
    enum { FAR = 64 };
    Ways ways = find_ways(d);
    size_t kept = 0;
    for (size_t e = 0; e < d->n_edges; e++) {
        const BoxEdge *edge = &d->edges[e];
        ways.steps = FAR;
        bool flows =
            edge->phase == PHASE_FORWARD || (has_gradient(d, edge->from) && has_gradient(d, edge->to) &&
                                             leads_to(&ways, edge->to, edge->from));
        if (flows) d->edges[kept++] = *edge;
    }
    d->n_edges = kept;
}

/* What reads none of the boxes beside it, such as a schedule, stands right above its first reader. */
static void lower_layers(Drawing *d) {
    uint32_t *nearest = ARENA_ARRAY(d->arena, uint32_t, d->n_boxes + 1);
    bool *reads = ARENA_ARRAY(d->arena, bool, d->n_boxes + 1);
    for (size_t b = 0; b < d->n_boxes; b++) nearest[b] = UINT32_MAX;
    for (size_t e = 0; e < d->n_edges; e++) {
        const BoxEdge *edge = &d->edges[e];
        uint32_t below = d->boxes[edge->to].layer;
        if (edge->phase != PHASE_FORWARD) continue;
        reads[edge->to] = true;
        if (below > d->boxes[edge->from].layer && below < nearest[edge->from]) nearest[edge->from] = below;
    }
    for (size_t b = 1; b < d->n_boxes; b++) {
        Box *box = &d->boxes[b];
        bool moves = box->kind == BOX_OWN && !reads[b] && !box->enters && nearest[b] != UINT32_MAX;
        if (moves && nearest[b] > 0) box->layer = nearest[b] - 1;
    }
}

Drawing *drawing_make(const Inspection *inspection, const Func *func, int depth) {
    Arena *arena = inspection->arena;
    Drawing *d = ARENA_NEW(arena, Drawing);
    *d = (Drawing){.arena = arena, .of = inspection, .func = func};
    Making m = {.drawing = d, .arena = arena, .func = func, .modules = modules_make(arena, inspection, func)};
    m.groups = m.modules->outline->groups;
    m.box_of = ARENA_ARRAY(arena, uint32_t, m.modules->outline->count + 1);
    m.own_box = ARENA_ARRAY(arena, uint32_t, func->count + 1);
    index_numbers(&m);
    d->depth = depth ? depth : choose_depth(&m);
    add_modules(&m, d->depth);
    add_own_values(&m);
    add_inputs(&m);
    add_edges(&m, PHASE_FORWARD);
    add_edges(&m, PHASE_GRADIENT);
    add_results(&m);
    add_costs(&m);
    add_parameters(&m);
    drop_other_gradients(d);
    lower_layers(d);
    add_entries(&m);
    return d;
}

const char *drawing_title(const Drawing *d) {
    const Stages *stages = d->of->stages;
    return arena_printf(d->arena, "%s: %s after %s", d->of->recipe, d->func->name,
                        d->func->plan ? "all passes" : stages->stages[stages->count - 1].label);
}

const char *drawing_summary(const Drawing *d) {
    const Box *all = &d->boxes[0];
    double flops = all->flops[PHASE_FORWARD] + all->flops[PHASE_GRADIENT] + all->flops[PHASE_UPDATE];
    uint32_t values = all->values[PHASE_FORWARD] + all->values[PHASE_GRADIENT] + all->values[PHASE_UPDATE];
    const char *text = arena_printf(d->arena, "%s, %s parameters, %s values", amount_flops(d->arena, flops),
                                    amount_count(d->arena, all->parameters), amount_count(d->arena, values));
    if (all->kernels)
        text = arena_printf(d->arena, "%s in %s kernels", text, amount_count(d->arena, all->kernels));
    int64_t batch = d->func->module->batch;
    return batch ? arena_printf(d->arena, "%s, batch %lld", text, (long long)batch) : text;
}

int drawing_heat(const Drawing *d, double flops) {
    static const double shares[] = {0.001, 0.005, 0.02, 0.05, 0.1, 0.2};
    const Box *all = &d->boxes[0];
    double whole = all->flops[PHASE_FORWARD] + all->flops[PHASE_GRADIENT] + all->flops[PHASE_UPDATE];
    int heat = 0;
    while (heat < 6 && whole > 0 && flops >= shares[heat] * whole) heat++;
    return heat;
}
