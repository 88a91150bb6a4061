/* The modules of a function as a drawing needs them: see modules.h. */
#include "inspect/drawing/modules.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

bool modules_counts(const Modules *m, ValueId id, Phase phase) {
    OpKind op = (OpKind)m->func->nodes[id].op;
    if (m->phases[id] != phase || op_is_source(op) || op_is_literal(op)) return false;
    return phase != PHASE_FORWARD || (m->data[id] && !m->moved[id]);
}

uint32_t modules_group(const Modules *m, ValueId id) {
    uint32_t group = m->outline->group_of[id];
    return m->list[group] ? m->parent[group] : group;
}

Meeting modules_meet(const Modules *m, uint32_t a, uint32_t b) {
    Meeting meeting = {.a = IR_NONE, .b = IR_NONE};
    while (m->depth[a] > m->depth[b]) meeting.a = a, a = m->parent[a];
    while (m->depth[b] > m->depth[a]) meeting.b = b, b = m->parent[b];
    while (a != b) {
        meeting.a = a, a = m->parent[a];
        meeting.b = b, b = m->parent[b];
    }
    meeting.group = a;
    return meeting;
}

/* ---- what counts ------------------------------------------------------------------------------------------------- */

static void find_moved_inputs(Modules *m) {
    for (ValueId id = 0; id < m->func->count; id++) {
        const Node *node = func_node(m->func, id);
        m->moved[id] = node->op == OP_input;
        if (op_info((OpKind)node->op)->loop != LOOP_MOVE || node->n_operands == 0) continue;
        bool moved = true;
        for (int o = 0; moved && o < node->n_operands; o++) moved = m->moved[node->operands[o]];
        m->moved[id] = moved;
    }
}

/* Numbers, such as keys of draws and settings, are no data. Of a function without data everything counts. */
static void find_data(Modules *m) {
    bool any = false;
    for (size_t i = 0; i < m->func->n_inputs; i++) any |= m->func->inputs[i].type.rank > 1;
    for (ValueId id = 0; id < m->func->count; id++) {
        const Node *node = func_node(m->func, id);
        m->data[id] = !any || (node->op == OP_input && node->type.rank > 1);
        for (int o = 0; o < node->n_operands; o++) m->data[id] |= m->data[node->operands[o]];
    }
}

static void count_forward(Modules *m) {
    for (ValueId id = 0; id < m->func->count; id++)
        if (modules_counts(m, id, PHASE_FORWARD)) m->own[m->outline->group_of[id]]++;
    for (size_t g = m->outline->count; g-- > 0;) {
        m->forward[g] += m->own[g];
        if (g) m->forward[m->outline->groups[g].parent] += m->forward[g];
    }
}

static bool is_number(const char *name) {
    for (const char *c = name; *c; c++)
        if (!isdigit((unsigned char)*c)) return false;
    return *name;
}

/* The next sibling that the forward pass runs through, from g on. */
static uint32_t module_from(const Modules *m, uint32_t g) {
    while (g != IR_NONE && !m->forward[g]) g = m->outline->groups[g].next_sibling;
    return g;
}

static bool is_list(const Modules *m, uint32_t g) {
    uint32_t child = module_from(m, m->outline->groups[g].first_child), next;
    if (g == OUTLINE_ROOT || m->own[g] || child == IR_NONE) return false;
    if (module_from(m, m->outline->groups[child].next_sibling) == IR_NONE) return true;
    for (; child != IR_NONE; child = next) {
        next = module_from(m, m->outline->groups[child].next_sibling);
        if (!is_number(m->outline->groups[child].name)) return false;
    }
    return true;
}

static void find_parents(Modules *m) {
    m->parent[OUTLINE_ROOT] = IR_NONE;
    for (uint32_t g = 1; g < m->outline->count; g++) {
        uint32_t parent = m->outline->groups[g].parent;
        m->list[g] = is_list(m, g);
        m->parent[g] = m->list[parent] ? m->parent[parent] : parent;
        m->depth[g] = m->depth[m->parent[g]] + 1;
    }
}

/* ---- ranks ------------------------------------------------------------------------------------------------------- */

static void raise(uint32_t *rank, uint32_t to) {
    if (*rank < to) *rank = to;
}

/* Of what the forward pass computes: each item stands below all that it reads, as far as no circle is in the way. */
static void find_ranks(Modules *m) {
    for (ValueId id = 0; id < m->func->count; id++) {
        if (!modules_counts(m, id, PHASE_FORWARD)) continue;
        const Node *node = func_node(m->func, id);
        for (int o = 0; o < node->n_operands; o++) {
            ValueId x = node->operands[o];
            if (!modules_counts(m, x, PHASE_FORWARD)) continue;
            Meeting at = modules_meet(m, modules_group(m, x), modules_group(m, id));
            uint32_t *to = at.b == IR_NONE ? &m->value_rank[id] : &m->rank[at.b];
            uint32_t from = at.a == IR_NONE ? m->value_rank[x] : m->rank[at.a];
            bool same = at.a == at.b; /* both are the group's own */
            raise(to, same ? from : from + 1);
        }
    }
}

/* ---- which are alike --------------------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t h, uint64_t value) {
    h = (h ^ value) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 32;
}

static uint64_t mix_text(uint64_t h, const char *text) {
    for (; *text; text++) h = mix(h, (unsigned char)*text);
    return h;
}

/* By group: of the names of the modules within it, and of the products that it has. What is small may differ: the
 * first block drops no path. */
static uint64_t *find_shapes(const Modules *m) {
    const Outline *outline = m->outline;
    uint64_t *shapes = ARENA_ARRAY(m->arena, uint64_t, outline->count + 1);
    for (ValueId id = 0; id < m->func->count; id++)
        if (modules_counts(m, id, PHASE_FORWARD) && op_is_product((OpKind)m->func->nodes[id].op))
            shapes[outline->group_of[id]] += (uint64_t)m->func->nodes[id].op * 0x100000001b3u + 1;
    for (size_t g = outline->count; g-- > 1;) {
        const OutlineGroup *group = &outline->groups[g];
        if (m->forward[g]) shapes[group->parent] += mix(mix_text(0, group->name), shapes[g]);
    }
    return shapes;
}

static bool alike(const Modules *m, const uint64_t *shapes, uint32_t a, uint32_t b) {
    const OutlineGroup *x = &m->outline->groups[a], *y = &m->outline->groups[b];
    return shapes[a] == shapes[b] &&
           fabs(x->flops - y->flops) <= 0.1 * (x->flops > y->flops ? x->flops : y->flops);
}

/* What `g`, a child of a group that `in` is drawn for, is there. */
static uint32_t counterpart(const Modules *m, uint32_t in, uint32_t g) {
    const OutlineGroup *groups = m->outline->groups;
    uint32_t child =
        outline_find(m->outline, arena_printf(m->arena, "%s.%s", groups[in].scope, groups[g].name));
    return child == IR_NONE ? in : child;
}

/* The sibling whose number is `step` more, if it is alike; else IR_NONE. Numbers, not the order in which values appear,
 * say what follows what. */
static uint32_t alike_beside(const Modules *m, const uint64_t *shapes, uint32_t g, int step) {
    const OutlineGroup *group = &m->outline->groups[g];
    size_t n = strlen(group->name);
    if (!m->forward[g] || !is_number(group->name) || n > 9) return IR_NONE;
    const char *scope = arena_printf(m->arena, "%.*s%d", (int)(strlen(group->scope) - n), group->scope,
                                     atoi(group->name) + step);
    uint32_t other = outline_find(m->outline, scope);
    return other != IR_NONE && m->forward[other] && alike(m, shapes, g, other) ? other : IR_NONE;
}

static void find_alike(Modules *m) {
    const uint64_t *shapes = find_shapes(m);
    const Outline *outline = m->outline;
    for (uint32_t g = 0; g < outline->count; g++) {
        m->times[g] = 1;
        m->drawn[g] = m->last_alike[g] = g;
    }
    for (uint32_t g = 1; g < outline->count; g++) {
        if (alike_beside(m, shapes, g, -1) != IR_NONE) continue;
        for (uint32_t next = g; (next = alike_beside(m, shapes, next, 1)) != IR_NONE;) {
            m->times[g]++;
            m->times[next] = 0;
            m->drawn[next] = g;
            m->last_alike[g] = next;
        }
    }
    for (uint32_t g = 1; g < outline->count; g++) { /* those within what is not drawn itself */
        uint32_t parent = outline->groups[g].parent, in = m->drawn[parent];
        if (in == parent) continue;
        uint32_t other = counterpart(m, in, m->drawn[g]);
        m->drawn[g] = m->drawn[other];
        m->times[g] = 0;
    }
}

Modules *modules_make(Arena *arena, const Inspection *inspection, const Func *func) {
    Modules *m = ARENA_NEW(arena, Modules);
    *m = (Modules){.arena = arena, .func = func, .phases = phases_of(inspection, func)};
    m->outline = outline_make(arena, func, NULL);
    size_t n = m->outline->count + 1;
    m->moved = ARENA_ARRAY(arena, bool, func->count + 1);
    m->data = ARENA_ARRAY(arena, bool, func->count + 1);
    m->forward = ARENA_ARRAY(arena, uint32_t, n);
    m->own = ARENA_ARRAY(arena, uint32_t, n);
    m->list = ARENA_ARRAY(arena, bool, n);
    m->parent = ARENA_ARRAY(arena, uint32_t, n);
    m->depth = ARENA_ARRAY(arena, uint32_t, n);
    m->rank = ARENA_ARRAY(arena, uint32_t, n);
    m->value_rank = ARENA_ARRAY(arena, uint32_t, func->count + 1);
    m->drawn = ARENA_ARRAY(arena, uint32_t, n);
    m->last_alike = ARENA_ARRAY(arena, uint32_t, n);
    m->times = ARENA_ARRAY(arena, uint32_t, n);
    find_moved_inputs(m);
    find_data(m);
    count_forward(m);
    find_parents(m);
    find_ranks(m);
    find_alike(m);
    return m;
}
