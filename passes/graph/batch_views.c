/* View batching. A recipe applies one network to several views; this pass replaces equal nodes of these applications by
 * one node for all views. It runs before autodiff, so that gradients are batched too: one product per weight, forward
 * and backward.
 *
 * A *group* is a set of nodes, one per view lane, that become one node (lanes.h). A *seed* is a group of products of
 * different values with the same weight. From seeds, groups are found backward (the operands of a group's nodes are a
 * group if their nodes are alike) and forward (its users, likewise). Where an operator cannot be applied to a whole (a
 * mean over the batch), the group ends: its lanes are read as slices of the whole, and values from elsewhere are
 * concatenated. The *level* of a seed is the most seeds on a path to it; only seeds of equal level are grouped, so that
 * one layer applied twice in a row is not taken for two views.
 *
 * This is done twice: first for views of one shape, which can share all nodes; then across shapes, whose rows are
 * flattened into one matrix, while operators that need whole images (attention) stay separate for each shape. */
#include "passes/graph/batch_views.h"
#include "ir/remarks.h"
#include "passes/graph/lanes.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_LANES = 1024, MAX_DEPTH = 256, MAX_USERS = 64, MAX_CYCLES = 64 };
#define NONE UINT32_MAX

typedef enum { GROUP_OPERATOR, GROUP_CONCAT } GroupKind;

typedef struct {
    Lanes lanes;
    GroupKind kind;
    const Type *spread; /* GROUP_CONCAT: what each lane is broadcast to before, or NULL */
    OperandNeed *needs; /* GROUP_OPERATOR: of each operand */
    uint32_t *operands; /* a value (OPERAND_SHARED) or a group */
    bool useful;        /* something batched needs it */
    ValueId made;
} Group;

typedef struct {
    Func *func;
    const Node *nodes; /* of the function as it was */
    size_t n;
    Arena *arena;
    bool across_shapes;
    Group *groups;
    size_t n_groups, groups_capacity;
    uint32_t *slots; /* group + 1, by hash of lanes; also of groups taken back */
    size_t n_slots, n_filled;
    uint32_t *group_of, *lane_of; /* of values; NONE */
    uint32_t *level;              /* seeds on the longest path to the value */
    bool *varies;                 /* depends on an input that is more than a number */
    bool *fixed;                  /* stays as it is */
    ValueId *source;              /* the input it is first made of: what orders lanes */
    uint32_t *users_start;        /* of value v: users[users_start[v]] … */
    ValueId *users;
    const char **apart; /* of the first lane of what was not joined: why */
    const char *why;    /* the last that was taken back or refused */
} Batching;

/* ---- what is known of values ------------------------------------------------------------------------------------- */

/* A product of a varying matrix and one that does not vary; *side: the operand that varies. */
static bool is_seed(const Batching *b, ValueId id, int *side) {
    const Node *node = &b->nodes[id];
    if (node->op != OP_matmul || node->type.rank != 2) return false;
    *side = b->varies[node->operands[0]] ? 0 : 1;
    return b->varies[node->operands[*side]] && !b->varies[node->operands[!*side]];
}

static void look_at(Batching *b, ValueId id) {
    const Node *node = &b->nodes[id];
    b->group_of[id] = NONE;
    b->source[id] = id;
    b->varies[id] = node->op == OP_input && node->type.rank > 0;
    for (int o = 0; o < node->n_operands; o++) {
        ValueId x = node->operands[o];
        if (b->level[x] > b->level[id]) b->level[id] = b->level[x];
        if (b->varies[x] && !b->varies[id]) b->source[id] = b->source[x];
        b->varies[id] = b->varies[id] || b->varies[x];
    }
    int side;
    if (is_seed(b, id, &side)) b->level[id]++;
    /* What a gradient is taken by must stay the value that others use. */
    if (node->op == OP_grad) b->fixed[node->operands[1]] = true;
    if (op_is_source(node->op) || node->op == OP_grad || node->n_operands == 0 || !op_is_pure(node->op))
        b->fixed[id] = true;
}

static void find_users(Batching *b) {
    b->users_start = ARENA_ARRAY(b->arena, uint32_t, b->n + 2);
    size_t total = 0;
    for (size_t id = 0; id < b->n; id++) {
        total += b->nodes[id].n_operands;
        for (int o = 0; o < b->nodes[id].n_operands; o++) b->users_start[b->nodes[id].operands[o] + 2]++;
    }
    for (size_t id = 2; id < b->n + 2; id++) b->users_start[id] += b->users_start[id - 1];
    b->users = ARENA_ARRAY(b->arena, ValueId, total + 1);
    for (ValueId id = 0; id < b->n; id++)
        for (int o = 0; o < b->nodes[id].n_operands; o++)
            b->users[b->users_start[b->nodes[id].operands[o] + 1]++] = id;
}

/* ---- groups ------------------------------------------------------------------------------------------------------ */

static uint64_t hash_lanes(int n, const ValueId *values, int axis) {
    uint64_t h = (uint64_t)axis + 1;
    for (int i = 0; i < n; i++) {
        h = (h ^ values[i]) * 0x9e3779b97f4a7c15u;
        h ^= h >> 29;
    }
    return h;
}

static bool is_group(const Batching *b, uint32_t g, int n, const ValueId *values, int axis) {
    const Lanes *lanes = &b->groups[g].lanes;
    return g < b->n_groups && !b->groups[g].spread && lanes->n == n && lanes->axis == axis &&
           memcmp(lanes->values, values, sizeof *values * (size_t)n) == 0;
}

static uint32_t find_group(const Batching *b, int n, const ValueId *values, int axis) {
    if (!b->n_slots) return NONE;
    size_t at = hash_lanes(n, values, axis) & (b->n_slots - 1);
    for (; b->slots[at]; at = (at + 1) & (b->n_slots - 1))
        if (is_group(b, b->slots[at] - 1, n, values, axis)) return b->slots[at] - 1;
    return NONE;
}

static void put_slot(Batching *b, uint32_t g) {
    const Lanes *lanes = &b->groups[g].lanes;
    size_t at = hash_lanes(lanes->n, lanes->values, lanes->axis) & (b->n_slots - 1);
    while (b->slots[at]) at = (at + 1) & (b->n_slots - 1);
    b->slots[at] = g + 1;
    b->n_filled++;
}

static uint32_t add_group(Batching *b, Group group) {
    if (b->n_filled * 2 >= b->n_slots) {
        b->n_slots = b->n_slots ? b->n_slots * 2 : 1024;
        b->slots = ARENA_ARRAY(b->arena, uint32_t, b->n_slots);
        b->n_filled = 0;
        for (uint32_t g = 0; g < b->n_groups; g++) put_slot(b, g);
    }
    group.made = IR_NONE;
    uint32_t g = (uint32_t)b->n_groups;
    ARENA_PUSH(b->arena, b->groups, b->n_groups, b->groups_capacity, group);
    put_slot(b, g);
    bool owns = group.kind == GROUP_OPERATOR && group.lanes.values[0] != group.lanes.values[1];
    for (int i = 0; owns && i < group.lanes.n; i++) { /* a value repeated stays for its other users */
        b->group_of[group.lanes.values[i]] = g;
        b->lane_of[group.lanes.values[i]] = (uint32_t)i;
    }
    return g;
}

static void release_members(Batching *b, uint32_t g) {
    const Lanes *lanes = &b->groups[g].lanes;
    for (int i = 0; i < lanes->n; i++)
        if (b->group_of[lanes->values[i]] == g) b->group_of[lanes->values[i]] = NONE;
}

/* Takes back the groups made since there were `n`. Their slots stay, and are passed over. */
static void take_back(Batching *b, size_t n) {
    while (b->n_groups > n) release_members(b, (uint32_t)--b->n_groups);
}

/* How many consecutive lanes from `lane` on are consecutive in a group too, along the same axis; 1: none. */
static int run_of(const Batching *b, const Group *group, int lane) {
    const Lanes *lanes = &group->lanes;
    uint32_t g = b->group_of[lanes->values[lane]];
    if (group->spread || g == NONE || b->groups[g].lanes.axis != lanes->axis) return 1;
    int n = 1;
    while (lane + n < lanes->n && b->group_of[lanes->values[lane + n]] == g &&
           b->lane_of[lanes->values[lane + n]] == b->lane_of[lanes->values[lane]] + (uint32_t)n)
        n++;
    return n;
}

static int64_t group_size(const Batching *b, const Group *group) {
    int64_t size = 0;
    for (int i = 0; i < group->lanes.n; i++)
        size += type_elements(group->spread ? &group->spread[i] : &b->nodes[group->lanes.values[i]].type);
    return size;
}

/* Wholes made since there were `n` groups by copying about as much as `size` elements. */
static int copies_since(const Batching *b, size_t n, int64_t size) {
    int copies = 0;
    for (size_t g = n; g < b->n_groups; g++) {
        const Group *group = &b->groups[g];
        if (group->kind == GROUP_CONCAT && run_of(b, group, 0) < group->lanes.n &&
            group_size(b, group) * 2 >= size)
            copies++;
    }
    return copies;
}

static uint32_t want_whole(Batching *b, int n, const ValueId *values, int axis, int depth);

static uint32_t refuse(Batching *b, size_t before, const char *why) {
    take_back(b, before);
    b->why = why;
    return NONE;
}

static uint32_t spread_group(Batching *b, const Lanes *y, int o, int axis) {
    ValueId *values = ARENA_ARRAY(b->arena, ValueId, y->n);
    Type *types = ARENA_ARRAY(b->arena, Type, y->n);
    for (int i = 0; i < y->n; i++) {
        values[i] = b->nodes[y->values[i]].operands[o];
        types[i] = spread_type(b->nodes, y, i, o);
    }
    Lanes lanes = {y->n, values, axis, axis + y->end - y->axis};
    return add_group(b, (Group){.lanes = lanes, .kind = GROUP_CONCAT, .spread = types});
}

/* The group of alike nodes, with the groups it needs, if no more than `copies` wholes of its size must be copied for
 * it. */
static uint32_t operator_group(Batching *b, const Lanes *y, int prefer, int copies, int depth) {
    int n_operands = b->nodes[y->values[0]].n_operands;
    OperandNeed *needs = ARENA_ARRAY(b->arena, OperandNeed, n_operands + 1);
    size_t before = b->n_groups;
    if (!lanes_needs(b->nodes, y, prefer, needs))
        return refuse(b, before, "its operator cannot be applied to all views at once");
    Group group = {.lanes = *y, .kind = GROUP_OPERATOR, .needs = needs};
    group.operands = ARENA_ARRAY(b->arena, uint32_t, n_operands + 1);
    for (int o = 0; o < n_operands; o++) {
        if (needs[o].kind == OPERAND_SHARED)
            group.operands[o] = b->nodes[y->values[0]].operands[o];
        else if (needs[o].kind == OPERAND_SPREAD)
            group.operands[o] = spread_group(b, y, o, needs[o].axis);
        else {
            ValueId *values = ARENA_ARRAY(b->arena, ValueId, y->n);
            for (int i = 0; i < y->n; i++) values[i] = b->nodes[y->values[i]].operands[o];
            group.operands[o] = want_whole(b, y->n, values, needs[o].axis, depth + 1);
        }
        if (group.operands[o] == NONE) return refuse(b, before, "an operand differs in more than its rows");
    }
    for (int i = 0; i < y->n; i++) /* an operand's group may have come to hold them */
        if (y->values[0] != y->values[1] && b->group_of[y->values[i]] != NONE) copies = -1;
    if (copies_since(b, before, group_size(b, &group)) > copies)
        return refuse(b, before, "its operands would have to be copied together for it");
    return add_group(b, group);
}

/* Whether values can be lanes of a group of their nodes: free, and no two the same unless all are (a broadcast). */
static bool are_free(const Batching *b, int n, const ValueId *values) {
    bool all_same = true;
    for (int i = 1; i < n; i++) all_same = all_same && values[i] == values[0];
    if (all_same) return b->nodes[values[0]].op == OP_broadcast;
    for (int i = 0; i < n; i++)
        if (b->fixed[values[i]] || b->group_of[values[i]] != NONE) return false;
    for (int i = 1; i < n; i++)
        for (int j = 0; j < i; j++)
            if (values[i] == values[j]) return false;
    return true;
}

/* A group whose whole is these values': one there is, one of their nodes, or a concat. NONE if they do not fit
 * together. */
static uint32_t want_whole(Batching *b, int n, const ValueId *values, int axis, int depth) {
    Lanes lanes;
    uint32_t g = find_group(b, n, values, axis);
    if (g != NONE) return g;
    if (!lanes_along(b->nodes, n, values, axis, &lanes)) return NONE;
    if (depth < MAX_DEPTH && are_free(b, n, values)) g = operator_group(b, &lanes, -1, 1, depth);
    return g != NONE ? g : add_group(b, (Group){.lanes = lanes, .kind = GROUP_CONCAT});
}

/* ---- forward ----------------------------------------------------------------------------------------------------- */

/* Whether lane i's `v` may be what `u` is in lane 0, and how many of its other operands do not look so. */
static bool matches(const Batching *b, const Group *group, ValueId u, ValueId v, int lane, int *strange) {
    const Node *x = &b->nodes[u], *y = &b->nodes[v];
    if (!nodes_alike(x, y, group->lanes.axis, group->lanes.end)) return false;
    if (b->group_of[v] != NONE || b->fixed[v] || b->level[v] != b->level[u]) return false;
    bool fed = false;
    *strange = 0;
    for (int o = 0; o < x->n_operands; o++) {
        bool from_first = x->operands[o] == group->lanes.values[0],
             from_lane = y->operands[o] == group->lanes.values[lane];
        if (from_first != from_lane) return false;
        fed = fed || from_lane;
        if (from_lane || x->operands[o] == y->operands[o]) continue;
        uint32_t g = b->group_of[x->operands[o]];
        if (g == NONE || g != b->group_of[y->operands[o]]) ++*strange;
    }
    return fed;
}

/* The user of a lane that is what `u` is in lane 0, or IR_NONE. */
static ValueId match_user(const Batching *b, const Group *group, ValueId u, int lane) {
    ValueId value = group->lanes.values[lane], best = IR_NONE;
    int least = INT32_MAX, strange;
    uint32_t first = b->users_start[value], last = b->users_start[value + 1];
    for (uint32_t i = first; i < last && i < first + MAX_USERS; i++)
        if (matches(b, group, u, b->users[i], lane, &strange) && strange < least) {
            least = strange;
            best = b->users[i];
        }
    return best;
}

/* The users of the lanes that are alike, as a group that copies nothing. NULL: there is one; else why not. */
static const char *grow_into(Batching *b, uint32_t g, ValueId u) {
    const Lanes from = b->groups[g].lanes;
    ValueId *values = ARENA_ARRAY(b->arena, ValueId, from.n);
    values[0] = u;
    for (int i = 1; i < from.n; i++)
        if ((values[i] = match_user(b, &b->groups[g], u, i)) == IR_NONE)
            return "a view has no operator like it";
    if (!are_free(b, from.n, values)) return "one operator is that of several views";
    b->why = "the views differ along other axes";
    const Node *node = &b->nodes[u];
    OperandNeed *needs = ARENA_ARRAY(b->arena, OperandNeed, node->n_operands + 1);
    for (int axis = 0; axis < node->type.rank; axis++) {
        Lanes lanes;
        if (!lanes_along(b->nodes, from.n, values, axis, &lanes)) continue;
        b->why = "its operator cannot be applied to all views at once";
        if (!lanes_needs(b->nodes, &lanes, from.axis, needs)) continue;
        bool fits = true; /* the whole of the operand is the one there is */
        for (int o = 0; o < node->n_operands; o++)
            if (node->operands[o] == from.values[0])
                fits = fits && needs[o].kind == OPERAND_WHOLE && needs[o].axis == from.axis;
        if (fits && operator_group(b, &lanes, from.axis, 0, 0) != NONE) return NULL;
    }
    return b->why;
}

static void grow_forward(Batching *b, uint32_t g) {
    if (b->groups[g].kind != GROUP_OPERATOR) return;
    ValueId value = b->groups[g].lanes.values[0];
    uint32_t first = b->users_start[value], last = b->users_start[value + 1];
    for (uint32_t i = first; i < last && i < first + MAX_USERS; i++) {
        ValueId u = b->users[i];
        int side;
        if (b->level[u] != b->level[value] || is_seed(b, u, &side)) continue;
        if (b->group_of[u] == NONE && !b->fixed[u]) b->apart[u] = grow_into(b, g, u);
    }
}

/* ---- seeds ------------------------------------------------------------------------------------------------------- */

typedef struct {
    uint64_t kind[4]; /* seeds of one kind are lanes */
    ValueId source, id;
} Seed;

static int by_kind(const void *a, const void *b) {
    const Seed *x = a, *y = b;
    for (int i = 0; i < 4; i++)
        if (x->kind[i] != y->kind[i]) return x->kind[i] < y->kind[i] ? -1 : 1;
    if (x->source != y->source) return x->source < y->source ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static Seed seed_of(const Batching *b, ValueId id, int side) {
    const Node *node = &b->nodes[id];
    const Type *x = &b->nodes[node->operands[side]].type;
    const MatmulAttrs *attrs = matmul_attrs(node);
    Seed seed = {.source = b->source[id], .id = id};
    seed.kind[0] = b->level[id];
    seed.kind[1] = node->operands[!side];
    seed.kind[2] = (uint64_t)side | (uint64_t)attrs->ta << 1 | (uint64_t)attrs->tb << 2 |
                   (uint64_t)attrs->precision << 3 | (uint64_t)x->dtype << 8;
    seed.kind[3] = b->across_shapes ? 0 : (uint64_t)node->type.dim[side];
    return seed;
}

static void group_seeds(Batching *b, const Seed *seeds, int n) {
    ValueId *values = ARENA_ARRAY(b->arena, ValueId, n);
    Lanes lanes;
    int free = 0, side = 0;
    for (int i = 0; i < n; i++)
        if (b->group_of[seeds[i].id] == NONE && !b->fixed[seeds[i].id]) values[free++] = seeds[i].id;
    if (free < 2 || free > MAX_LANES || !is_seed(b, values[0], &side)) return;
    if (!lanes_along(b->nodes, free, values, side, &lanes))
        b->apart[values[0]] = "the views differ in more than their rows";
    else if (operator_group(b, &lanes, -1, free, 0) == NONE)
        b->apart[values[0]] = b->why;
}

/* All groups: level by level, the seeds with what leads to them, then what follows from these. */
static void find_groups(Batching *b) {
    Seed *seeds = NULL;
    size_t n = 0, capacity = 0, grown = 0;
    int side;
    for (ValueId id = 0; id < b->n; id++)
        if (is_seed(b, id, &side)) ARENA_PUSH(b->arena, seeds, n, capacity, seed_of(b, id, side));
    if (n < 2) return;
    qsort(seeds, n, sizeof *seeds, by_kind);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && memcmp(seeds[i].kind, seeds[end].kind, sizeof seeds->kind) == 0;) end++;
        group_seeds(b, seeds + i, (int)(end - i));
        bool level_done = end == n || seeds[end].kind[0] != seeds[i].kind[0];
        while (level_done && grown < b->n_groups) grow_forward(b, (uint32_t)grown++);
    }
}

static void dissolve(Batching *b, uint32_t g, const char *why) {
    const Lanes *lanes = &b->groups[g].lanes;
    for (int i = 0; i < lanes->n; i++)
        if (b->group_of[lanes->values[i]] == g) b->apart[lanes->values[i]] = why;
    release_members(b, g);
    b->groups[g].kind = GROUP_CONCAT; /* if anything still wants it */
}

/* At its end a network is read lane by lane: moves that nothing batched follows are left to that. */
static void drop_last_moves(Batching *b) {
    for (size_t g = b->n_groups; g-- > 0;) { /* operands' groups are older */
        Group *group = &b->groups[g];
        if (group->kind == GROUP_CONCAT) {
            for (int i = 0; i < group->lanes.n && group->useful; i++) {
                uint32_t of = b->group_of[group->lanes.values[i]];
                if (of != NONE) b->groups[of].useful = true;
            }
            continue;
        }
        const Node *first = &b->nodes[group->lanes.values[0]];
        if (op_info(first->op)->loop != LOOP_MOVE) group->useful = true;
        if (!group->useful) dissolve(b, (uint32_t)g, "it only moves what is then read view by view");
        for (int o = 0; o < first->n_operands && group->useful; o++)
            if (group->needs[o].kind != OPERAND_SHARED) b->groups[group->operands[o]].useful = true;
    }
}

/* ---- order ------------------------------------------------------------------------------------------------------- */

/* Units: values, and from n on groups. */
static uint32_t unit_of(const Batching *b, ValueId value) {
    return b->group_of[value] == NONE ? value : (uint32_t)b->n + b->group_of[value];
}

/* The i-th unit that a unit waits for; NONE past the last. */
static uint32_t waits_for(const Batching *b, uint32_t unit, int i) {
    if (unit < b->n) return i < b->nodes[unit].n_operands ? unit_of(b, b->nodes[unit].operands[i]) : NONE;
    const Group *group = &b->groups[unit - b->n];
    if (group->kind == GROUP_CONCAT) return i < group->lanes.n ? unit_of(b, group->lanes.values[i]) : NONE;
    if (i >= b->nodes[group->lanes.values[0]].n_operands) return NONE;
    bool shared = group->needs[i].kind == OPERAND_SHARED;
    return shared ? unit_of(b, group->operands[i]) : (uint32_t)b->n + group->operands[i];
}

typedef struct {
    uint32_t unit;
    int next;
} Visit;

typedef struct {
    uint32_t *units;
    size_t count;
} UnitOrder;

/* Appends a unit after all that it waits for. False on a cycle, one group of which is dissolved. */
static bool visit(Batching *b, uint32_t root, char *state, UnitOrder *order, Visit *stack) {
    size_t depth = 0;
    if (state[root]) return true;
    stack[depth++] = (Visit){root, 0};
    state[root] = 1;
    while (depth > 0) {
        Visit *top = &stack[depth - 1];
        uint32_t next = waits_for(b, top->unit, top->next++);
        if (next == NONE) {
            state[top->unit] = 2;
            order->units[order->count++] = top->unit;
            depth--;
        } else if (state[next] == 0) {
            state[next] = 1;
            stack[depth++] = (Visit){next, 0};
        } else if (state[next] == 1) {
            while (stack[depth - 1].unit < b->n ||
                   b->groups[stack[depth - 1].unit - b->n].kind != GROUP_OPERATOR)
                depth--;
            dissolve(b, stack[depth - 1].unit - (uint32_t)b->n, "together they would wait for themselves");
            return false;
        }
    }
    return true;
}

static bool try_order(Batching *b, UnitOrder *order) {
    size_t n = b->n + b->n_groups;
    char *wanted = ARENA_ARRAY(b->arena, char, n + 1), *state = ARENA_ARRAY(b->arena, char, n + 1);
    Visit *stack = ARENA_ARRAY(b->arena, Visit, n + 1);
    order->units = ARENA_ARRAY(b->arena, uint32_t, n + 1);
    order->count = 0;
    const Func *func = b->func;
    for (size_t i = 0; i < func->n_outputs; i++)
        if (!visit(b, unit_of(b, func->outputs[i].value), wanted, order, stack)) return false;
    for (size_t i = 0; i < func->n_updates; i++)
        if (!visit(b, unit_of(b, func->updates[i].value), wanted, order, stack)) return false;
    /* What is wanted, in the order of the recipe as far as may be. */
    order->count = 0;
    for (ValueId id = 0; id < b->n; id++) {
        uint32_t unit = unit_of(b, id);
        if (wanted[unit]) visit(b, unit, state, order, stack);
    }
    return true;
}

static UnitOrder order_units(Batching *b) {
    UnitOrder order;
    for (int cycles = 0; !try_order(b, &order); cycles++)
        for (uint32_t g = 0; cycles >= MAX_CYCLES && g < b->n_groups; g++)
            dissolve(b, g, "too many operators of the views wait for each other");
    return order;
}

/* ---- the new function -------------------------------------------------------------------------------------------- */

/* `count` elements from `start` of an axis. */
static ValueId part_of(Func *func, ValueId x, int axis, int64_t start, int64_t count) {
    int64_t low[IR_MAX_RANK] = {0}, step[IR_MAX_RANK];
    Type type = *func_type(func, x);
    if (count == type.dim[axis]) return x;
    for (int k = 0; k < type.rank; k++) step[k] = 1;
    low[axis] = start;
    type.dim[axis] = start + count;
    return ir_slice(func, x, low, type.dim, step);
}

/* A lane, or several that follow each other, with the lanes' axes as one of a size. */
static ValueId flattened(Func *func, ValueId x, const Type *lane, const Lanes *lanes, int64_t size) {
    Type type = {.dtype = lane->dtype};
    for (int k = 0; k < lane->rank; k++)
        if (k <= lanes->axis || k >= lanes->end)
            type.dim[type.rank++] = k == lanes->axis ? size : lane->dim[k];
    return ir_reshape(func, x, type.rank, type.dim);
}

/* Lanes [lane, lane + n) of a group's whole. */
static ValueId lanes_of_whole(Batching *b, Rewrite *rewrite, const Group *group, int lane, int n) {
    int64_t start = 0, count = 0;
    for (int i = 0; i < lane + n; i++)
        *(i < lane ? &start : &count) += lanes_size(b->nodes, &group->lanes, i);
    return part_of(rewrite->func, group->made, group->lanes.axis, start, count);
}

/* A value of old in the new function: a slice of its group's whole, made once. */
static ValueId new_value(Batching *b, Rewrite *rewrite, ValueId old) {
    uint32_t g = b->group_of[old];
    if (rewrite->map[old] != IR_NONE || g == NONE) return rewrite->map[old];
    const Type *type = &b->nodes[old].type;
    ValueId part = lanes_of_whole(b, rewrite, &b->groups[g], (int)b->lane_of[old], 1);
    return rewrite->map[old] = ir_reshape(rewrite->func, part, type->rank, type->dim);
}

/* Runs of lanes that lie so in another whole are taken together. */
static ValueId emit_concat(Batching *b, Rewrite *rewrite, const Group *group) {
    const Lanes *lanes = &group->lanes;
    ValueId *parts = ARENA_ARRAY(b->arena, ValueId, lanes->n);
    int n = 0;
    for (int i = 0, run; i < lanes->n; i += run) {
        ValueId old = lanes->values[i], x;
        const Type *type = group->spread ? &group->spread[i] : &b->nodes[old].type;
        int64_t size = 0;
        run = run_of(b, group, i);
        if (run > 1)
            x = lanes_of_whole(b, rewrite, &b->groups[b->group_of[old]], (int)b->lane_of[old], run);
        else
            x = new_value(b, rewrite, old);
        if (group->spread) x = ir_broadcast(rewrite->func, x, type->rank, type->dim);
        for (int j = i; j < i + run; j++) {
            int64_t of_lane = 1;
            for (int k = lanes->axis; k < lanes->end; k++)
                of_lane *= group->spread ? type->dim[k] : b->nodes[lanes->values[j]].type.dim[k];
            size += of_lane;
        }
        parts[n++] = flattened(rewrite->func, x, type, lanes, size);
    }
    return n == 1 ? parts[0] : ir_concat(rewrite->func, n, parts, lanes->axis);
}

static ValueId emit_operator(Batching *b, Rewrite *rewrite, const Group *group) {
    int n = b->nodes[group->lanes.values[0]].n_operands;
    ValueId *operands = ARENA_ARRAY(b->arena, ValueId, n + 1);
    for (int o = 0; o < n; o++)
        operands[o] = group->needs[o].kind == OPERAND_SHARED ? new_value(b, rewrite, group->operands[o])
                                                             : b->groups[group->operands[o]].made;
    return lanes_emit(rewrite->func, b->nodes, &group->lanes, group->needs, operands);
}

/* ---- what is told ------------------------------------------------------------------------------------------------ */

static void tell_joined(const Batching *b, const Group *group) {
    const Lanes *lanes = &group->lanes;
    if (group->kind != GROUP_OPERATOR || lanes->values[0] == lanes->values[1]) return;
    uint32_t made = func_node(b->func, group->made)->number;
    for (int i = 0; i < lanes->n; i++)
        remark(b->func, RULE_batch_joined, b->nodes[lanes->values[i]].number, made, lanes->n, 0, NULL);
}

/* What is in no group in the end. */
static void tell_apart(const Batching *b) {
    for (ValueId id = 0; id < b->n && remarks_wanted(b->func); id++)
        if (b->apart[id] && b->group_of[id] == NONE)
            remark(b->func, RULE_batch_apart, b->nodes[id].number, IR_NONE, 0, 0, b->apart[id]);
}

static void rebuild(Batching *b) {
    UnitOrder order = order_units(b);
    Func *func = b->func;
    Rewrite rewrite = rewrite_begin(func);
    for (size_t i = 0; i < order.count; i++) {
        uint32_t unit = order.units[i];
        const Node *node = &b->nodes[unit < b->n ? unit : b->groups[unit - b->n].lanes.values[0]];
        func_made_for(func, node);
        if (unit < b->n) {
            for (int o = 0; o < node->n_operands; o++) new_value(b, &rewrite, node->operands[o]);
            rewrite_copy(&rewrite, unit);
            continue;
        }
        Group *group = &b->groups[unit - b->n];
        group->made =
            group->kind == GROUP_CONCAT ? emit_concat(b, &rewrite, group) : emit_operator(b, &rewrite, group);
        tell_joined(b, group);
    }
    for (size_t i = 0; i < func->n_outputs; i++) new_value(b, &rewrite, func->outputs[i].value);
    for (size_t i = 0; i < func->n_updates; i++) new_value(b, &rewrite, func->updates[i].value);
    rewrite_end(&rewrite);
}

static void batch_func(Func *func, bool across_shapes) {
    Batching b = {.func = func, .nodes = func->nodes, .n = func->count, .across_shapes = across_shapes};
    b.arena = arena_new();
    b.group_of = ARENA_ARRAY(b.arena, uint32_t, b.n + 1);
    b.lane_of = ARENA_ARRAY(b.arena, uint32_t, b.n + 1);
    b.level = ARENA_ARRAY(b.arena, uint32_t, b.n + 1);
    b.source = ARENA_ARRAY(b.arena, ValueId, b.n + 1);
    b.varies = ARENA_ARRAY(b.arena, bool, b.n + 1);
    b.fixed = ARENA_ARRAY(b.arena, bool, b.n + 1);
    b.apart = ARENA_ARRAY(b.arena, const char *, b.n + 1);
    for (ValueId id = 0; id < b.n; id++) look_at(&b, id);
    find_users(&b);
    find_groups(&b);
    drop_last_moves(&b);
    bool any = false;
    for (size_t g = 0; g < b.n_groups; g++) any = any || b.groups[g].kind == GROUP_OPERATOR;
    if (any) rebuild(&b);
    tell_apart(&b);
    arena_free(b.arena);
}

bool pass_batch_views(Module *module, Diags *diags) {
    (void)diags;
    for (size_t f = 0; f < module->n_funcs; f++)
        for (int across_shapes = 0; across_shapes < 2; across_shapes++)
            batch_func(module->funcs[f], across_shapes);
    return true;
}
