/* Places of values: see place.h. */
#include "ir/plan/place.h"

#include <string.h>

static void find_spans(Arena *arena, const Func *func, Placement *placement) {
    size_t capacity = 0;
    placement->span_of = ARENA_ARRAY(arena, uint32_t, func->count + 1);
    for (ValueId id = 0; id < func->count; id++) {
        uint32_t cluster = func->nodes[id].cluster;
        placement->span_of[id] = IR_NONE;
        if (cluster == 0) continue;
        bool same = placement->n_spans &&
                    func->nodes[placement->spans[placement->n_spans - 1].last].cluster == cluster;
        if (!same) {
            ClusterSpan span = {id, id};
            ARENA_PUSH(arena, placement->spans, placement->n_spans, capacity, span);
        }
        placement->spans[placement->n_spans - 1].last = id;
        placement->span_of[id] = (uint32_t)placement->n_spans - 1;
    }
}

/* What of a span is computed from a value outside. */
typedef struct {
    bool value; /* the one that is asked for */
    bool
        elementwise; /* all of it is elementwise and of one shape: each element of it is computed from that same element */
} Derived;

static bool same_shape(const Type *a, const Type *b) {
    return a->rank == b->rank && memcmp(a->dim, b->dim, sizeof a->dim[0] * a->rank) == 0;
}

static Derived derived_from(Arena *arena, const Func *func, const ClusterSpan *span, ValueId value,
                            ValueId from) {
    bool *from_it = ARENA_ARRAY(arena, bool, span->last - span->first + 1);
    Derived derived = {.elementwise = true};
    for (ValueId id = span->first; id <= span->last; id++) {
        const Node *node = func_node(func, id);
        for (int o = 0; o < node->n_operands; o++) {
            ValueId x = node->operands[o];
            bool inside = x >= span->first && x <= span->last;
            if (x == from || (inside && from_it[x - span->first])) from_it[id - span->first] = true;
        }
        if (from_it[id - span->first] &&
            (op_info(node->op)->loop != LOOP_ELEMENTWISE || !same_shape(&node->type, func_type(func, from))))
            derived.elementwise = false;
    }
    derived.value = from_it[value - span->first];
    return derived;
}

/* The kernels of spans that update states in place, each grown once: the one of all counters updates hundreds. */
typedef struct {
    Arena *arena;
    Kernel **of; /* by span */
} Grown;

static const Kernel *grown_kernel(Grown *grown, const Func *func, const Placement *placement, uint32_t span) {
    if (!grown->of[span]) {
        grown->of[span] = ARENA_NEW(grown->arena, Kernel);
        *grown->of[span] =
            kernel_regrow(grown->arena, func, placement->spans[span].first, placement->spans[span].last);
    }
    return grown->of[span];
}

/* Whether the kernel that computes `value` may write it over `state`, which it reads: only element by element, and only if the
 * value itself is computed from the element, which is thus loaded before anything is stored. */
static bool reads_in_step(Grown *grown, const Func *func, const Placement *placement, ValueId value,
                          ValueId state) {
    uint32_t span = placement->span_of[value];
    Derived derived = derived_from(grown->arena, func, &placement->spans[span], value, state);
    if (!derived.value || derived.elementwise)
        return derived.value; /* the kernel need not be grown to know */
    const Kernel *kernel = grown_kernel(grown, func, placement, span);
    const KernelMember *member = kernel_member(kernel, value);
    bool good = member && (kernel->kind == KERNEL_LOOP || kernel->kind == KERNEL_MATMUL);
    for (size_t u = 0; good && u < kernel->n_uses; u++) {
        const KernelUse *use = &kernel->uses[u];
        if (use->value == state)
            good = !use->in_memory && access_equal(&use->access, &member->access, kernel->domain.rank);
    }
    return good;
}

/* Updates are written straight into the state where nothing reads the old value any more. */
static void place_updates(Arena *arena, const Func *func, Placement *placement) {
    size_t n = func->module->n_states;
    uint32_t *last_read = ARENA_ARRAY(arena, uint32_t, n + 1); /* span + 1 of the last reader */
    ValueId *read = ARENA_ARRAY(arena, ValueId, n + 1);
    bool *pinned = ARENA_ARRAY(arena, bool, n + 1); /* its old value is itself an output or update */
    Grown grown = {.arena = arena_new()};
    grown.of = ARENA_ARRAY(grown.arena, Kernel *, placement->n_spans + 1);
    for (size_t s = 0; s < n; s++) read[s] = IR_NONE;
    for (ValueId id = 0; id < func->count; id++) {
        const Node *node = func_node(func, id);
        if (node->op == OP_state) read[node->attrs[0].i] = id;
        for (int o = 0; o < node->n_operands; o++) {
            const Node *x = func_node(func, node->operands[o]);
            if (x->op == OP_state) last_read[x->attrs[0].i] = placement->span_of[id] + 1;
        }
    }
    for (size_t i = 0; i < func->n_outputs; i++) {
        const Node *x = func_node(func, func->outputs[i].value);
        if (x->op == OP_state) pinned[x->attrs[0].i] = true;
    }
    for (size_t i = 0; i < func->n_updates; i++) {
        const Node *x = func_node(func, func->updates[i].value);
        if (x->op == OP_state) pinned[x->attrs[0].i] = true;
    }
    for (size_t i = 0; i < func->n_updates; i++) {
        uint32_t state = func->updates[i].state;
        ValueId value = func->updates[i].value;
        uint32_t span = placement->span_of[value];
        if (span == IR_NONE || pinned[state] || placement->places[value].kind != PLACE_ARENA) continue;
        if (last_read[state] > span + 1) continue;
        if (last_read[state] == span + 1 && !reads_in_step(&grown, func, placement, value, read[state]))
            continue;
        placement->places[value] = (Place){PLACE_STATE, state};
    }
    arena_free(grown.arena);
}

static void find_copies(Arena *arena, const Func *func, Placement *placement) {
    placement->copies = ARENA_ARRAY(arena, PlaceCopy, func->n_outputs + func->n_updates + 1);
    for (size_t i = 0; i < func->n_outputs; i++) {
        ValueId value = func->outputs[i].value;
        const Place *place = &placement->places[value];
        if (place->kind == PLACE_OUTPUT && place->index == i) continue;
        placement->copies[placement->n_copies++] = (PlaceCopy){value, {PLACE_OUTPUT, (uint32_t)i}, false};
    }
    for (size_t i = 0; i < func->n_updates; i++) {
        ValueId value = func->updates[i].value;
        uint32_t state = func->updates[i].state;
        const Place *place = &placement->places[value];
        if (place->kind == PLACE_STATE && place->index == state) continue;
        placement->copies[placement->n_copies++] =
            (PlaceCopy){value, {PLACE_STATE, state}, func_node(func, value)->op == OP_state};
    }
}

Placement func_place(Arena *arena, const Func *func) {
    Placement placement = {.places = ARENA_ARRAY(arena, Place, func->count + 1)};
    find_spans(arena, func, &placement);
    for (ValueId id = 0; id < func->count; id++) {
        const Node *node = func_node(func, id);
        if (node->op == OP_input) placement.places[id] = (Place){PLACE_INPUT, (uint32_t)node->attrs[0].i};
        if (node->op == OP_state) placement.places[id] = (Place){PLACE_STATE, (uint32_t)node->attrs[0].i};
        for (int o = 0; o < node->n_operands; o++) {
            ValueId x = node->operands[o];
            if (func_node(func, x)->cluster && func_node(func, x)->cluster != node->cluster)
                placement.places[x].kind = func_node(func, x)->local ? PLACE_BLOCK : PLACE_ARENA;
        }
    }
    for (size_t i = 0; i < func->n_outputs; i++)
        if (func_node(func, func->outputs[i].value)->cluster)
            placement.places[func->outputs[i].value].kind = PLACE_ARENA;
    for (size_t i = 0; i < func->n_updates; i++)
        if (func_node(func, func->updates[i].value)->cluster)
            placement.places[func->updates[i].value].kind = PLACE_ARENA;
    place_updates(arena, func, &placement);
    for (size_t i = 0; i < func->n_outputs; i++) {
        Place *place = &placement.places[func->outputs[i].value];
        if (place->kind == PLACE_ARENA) *place = (Place){PLACE_OUTPUT, (uint32_t)i};
    }
    find_copies(arena, func, &placement);
    return placement;
}
