/* Where values lie: inside a kernel's loops, in a state that is updated in place, in an output, or in the arena; and
 * what kernels therefore read and store. See plan.h. */
#include "ir/plan/plan.h"

#include <string.h>

const char *const PLACE_NAMES[PLACE_KINDS] = {"loops", "input", "state", "output", "arena", "block", "stage"};

/* ---- updates in place -------------------------------------------------------------------------------------------- */

/* How a kernel's values depend on one that it reads. */
typedef struct {
    bool value; /* the value in question depends on it */
    /* All that does is elementwise and of its shape: element i is computed from element i. */
    bool elementwise;
} Derived;

static bool same_shape(const Type *a, const Type *b) {
    return a->rank == b->rank && memcmp(a->dim, b->dim, sizeof a->dim[0] * a->rank) == 0;
}

static Derived derived_from(Arena *arena, const Func *func, const Kernel *kernel, ValueId value,
                            ValueId from) {
    bool *from_it = ARENA_ARRAY(arena, bool, kernel->last - kernel->first + 1);
    Derived derived = {.elementwise = true};
    for (ValueId id = kernel->first; id <= kernel->last; id++) {
        const Node *node = func_node(func, id);
        bool *is = &from_it[id - kernel->first];
        for (int o = 0; o < node->n_operands; o++) {
            ValueId x = node->operands[o];
            if (x == from || (kernel_has(kernel, x) && from_it[x - kernel->first])) *is = true;
        }
        if (*is &&
            (op_info(node->op)->loop != LOOP_ELEMENTWISE || !same_shape(&node->type, func_type(func, from))))
            derived.elementwise = false;
    }
    derived.value = from_it[value - kernel->first];
    return derived;
}

/* Whether the kernel that computes `value` may write it over `state`, which it reads: only element by element, and
 * only if the value itself is computed from the element, which is thus loaded before anything is stored. */
static bool reads_in_step(const Func *func, const Kernel *kernel, ValueId value, ValueId state) {
    Arena *arena = arena_new();
    Derived derived = derived_from(arena, func, kernel, value, state);
    arena_free(arena);
    if (!derived.value || derived.elementwise) return derived.value;
    const KernelMember *member = kernel_member(kernel, value);
    bool good = member && (kernel->kind == KERNEL_LOOP || kernel->kind == KERNEL_MATMUL);
    for (size_t u = 0; good && u < kernel->n_uses; u++) {
        const KernelUse *use = &kernel->uses[u];
        if (use->value == state)
            good = !use->in_memory && access_equal(&use->access, &member->access, kernel->domain.rank);
    }
    return good;
}

/* When kernel k runs: at[k]-th, or, without `at`, in the order of the plan. */
static uint32_t turn(const uint32_t *at, uint32_t k) {
    return at ? at[k] : k;
}

/* Of each state, how it is read. */
typedef struct {
    uint32_t *last_read; /* the turn of its last reader, + 1 */
    ValueId *node;       /* IR_NONE: it is not */
    bool *pinned;        /* its old value is itself an output, or the new value of a state */
} StateReads;

static StateReads find_state_reads(Arena *arena, const Func *func, const uint32_t *at) {
    size_t n = func->module->n_states;
    StateReads reads = {ARENA_ARRAY(arena, uint32_t, n + 1), ARENA_ARRAY(arena, ValueId, n + 1),
                        ARENA_ARRAY(arena, bool, n + 1)};
    for (size_t s = 0; s < n; s++) reads.node[s] = IR_NONE;
    for (ValueId id = 0; id < func->count; id++) {
        const Node *node = func_node(func, id);
        if (node->op == OP_state) reads.node[source_attrs(node)->index] = id;
        for (int o = 0; o < node->n_operands; o++) {
            const Node *x = func_node(func, node->operands[o]);
            if (x->op != OP_state) continue;
            uint32_t *last = &reads.last_read[source_attrs(x)->index],
                     now = turn(at, func->plan->kernel_of[id]) + 1;
            if (now > *last) *last = now;
        }
    }
    for (size_t i = 0; i < func->n_outputs + func->n_updates; i++) {
        ValueId value =
            i < func->n_outputs ? func->outputs[i].value : func->updates[i - func->n_outputs].value;
        const Node *x = func_node(func, value);
        if (x->op == OP_state) reads.pinned[source_attrs(x)->index] = true;
    }
    return reads;
}

/* Why the value of an update cannot be written straight into the state, over an old value that nothing reads any more;
 * NULL: it can. `places`: as far as they are known. */
static const char *not_in_place(const Func *func, const StateReads *reads, const uint32_t *at,
                                const Place *places, const Update *update) {
    uint32_t k = func->plan->kernel_of[update->value], last = reads->last_read[update->state];
    if (k == IR_NONE) return "it is an input, or the old value of a state";
    if (places[update->value].kind == PLACE_STATE) return "it is written over another state";
    if (reads->pinned[update->state]) return "the old value is an output, or the new value of another state";
    uint32_t now = turn(at, k) + 1;
    if (last > now) return "a later kernel reads the old value";
    bool apart = last == now &&
                 !reads_in_step(func, &func->plan->kernels[k], update->value, reads->node[update->state]);
    return apart ? "its own kernel reads other elements of the old value than the one it writes" : NULL;
}

static void place_updates(Arena *arena, const Func *func, const uint32_t *at, Place *places) {
    StateReads reads = find_state_reads(arena, func, at);
    for (size_t i = 0; i < func->n_updates; i++)
        if (!not_in_place(func, &reads, at, places, &func->updates[i]))
            places[func->updates[i].value] = (Place){PLACE_STATE, func->updates[i].state, 0};
}

const char **plan_copied_updates(Arena *arena, const Func *func) {
    StateReads reads = find_state_reads(arena, func, NULL);
    const char **why = ARENA_ARRAY(arena, const char *, func->n_updates + 1);
    for (size_t i = 0; i < func->n_updates; i++) {
        const Update *update = &func->updates[i];
        const Place *place = &func->plan->places[update->value];
        if (place->kind == PLACE_STATE && place->index == update->state) continue;
        why[i] = not_in_place(func, &reads, NULL, func->plan->places, update);
    }
    return why;
}

/* ---- places ------------------------------------------------------------------------------------------------------ */

Place *plan_places(Arena *arena, const Func *func, const uint32_t *at) {
    const Place unknown = {PLACE_ARENA, 0, -1};
    const uint32_t *kernel_of = func->plan->kernel_of;
    Place *places = ARENA_ARRAY(arena, Place, func->count + 1);
    for (ValueId id = 0; id < func->count; id++) {
        const Node *node = func_node(func, id);
        if (node->op == OP_input) places[id] = (Place){PLACE_INPUT, (uint32_t)source_attrs(node)->index, 0};
        if (node->op == OP_state) places[id] = (Place){PLACE_STATE, (uint32_t)source_attrs(node)->index, 0};
        for (int o = 0; o < node->n_operands; o++) {
            uint32_t from = kernel_of[node->operands[o]];
            if (from != IR_NONE && turn(at, from) != turn(at, kernel_of[id]))
                places[node->operands[o]] = unknown;
        }
    }
    for (size_t i = 0; i < func->n_outputs; i++)
        if (kernel_of[func->outputs[i].value] != IR_NONE) places[func->outputs[i].value] = unknown;
    for (size_t i = 0; i < func->n_updates; i++)
        if (kernel_of[func->updates[i].value] != IR_NONE) places[func->updates[i].value] = unknown;
    Arena *scratch = arena_new();
    place_updates(scratch, func, at, places);
    arena_free(scratch);
    for (size_t i = 0; i < func->n_outputs; i++) {
        Place *place = &places[func->outputs[i].value];
        if (place->kind == PLACE_ARENA) *place = (Place){PLACE_OUTPUT, (uint32_t)i, 0};
    }
    return places;
}

static void push_copy(Plan *plan, ValueId value, Place from, Place to) {
    plan->copies[plan->n_copies++] = (PlaceCopy){.value = value, .from = from, .to = to};
}

/* First outputs, and onto the stage the old states that become others; then updates. */
void plan_find_copies(Arena *arena, Func *func) {
    Plan *plan = func->plan;
    plan->copies = ARENA_ARRAY(arena, PlaceCopy, func->n_outputs + 2 * func->n_updates + 1);
    plan->n_copies = 0;
    for (size_t i = 0; i < func->n_outputs; i++) {
        Place from = plan->places[func->outputs[i].value], to = {PLACE_OUTPUT, (uint32_t)i, 0};
        if (from.kind == PLACE_OUTPUT && from.index == i) continue;
        push_copy(plan, func->outputs[i].value, from, to);
    }
    for (int round = 0; round < 2; round++) {
        plan->stage_bytes = 0;
        for (size_t i = 0; i < func->n_updates; i++) {
            ValueId value = func->updates[i].value;
            Place from = plan->places[value], to = {PLACE_STATE, func->updates[i].state, 0};
            Place stage = {PLACE_STAGE, 0, plan->stage_bytes};
            bool staged = func_node(func, value)->op == OP_state;
            if (from.kind == PLACE_STATE && from.index == to.index) continue;
            if (staged) plan->stage_bytes += (type_bytes(func_type(func, value)) + 63) / 64 * 64;
            if (round == 0 && staged) push_copy(plan, value, from, stage);
            if (round == 1) push_copy(plan, value, staged ? stage : from, to);
        }
    }
}

/* ---- what kernels read and store --------------------------------------------------------------------------------- */

static void find_reads(Arena *arena, const Func *func, Plan *plan) {
    uint32_t *stamp = ARENA_ARRAY(arena, uint32_t, func->count + 1);
    for (uint32_t k = 0; k < plan->n_kernels; k++) {
        Kernel *kernel = &plan->kernels[k];
        size_t capacity = 0;
        kernel->reads = kernel->stores = NULL;
        kernel->n_reads = kernel->n_stores = 0;
        for (ValueId id = kernel->first; id <= kernel->last; id++) {
            const Node *node = func_node(func, id);
            for (int o = 0; o < node->n_operands; o++) {
                ValueId x = node->operands[o];
                if (kernel_has(kernel, x) || stamp[x] == k + 1) continue;
                stamp[x] = k + 1;
                ARENA_PUSH(func->module->arena, kernel->reads, kernel->n_reads, capacity, x);
            }
        }
    }
}

static void find_stores(const Func *func, Plan *plan) {
    for (uint32_t k = 0; k < plan->n_kernels; k++) {
        Kernel *kernel = &plan->kernels[k];
        size_t capacity = 0;
        for (ValueId id = kernel->first; id <= kernel->last; id++)
            if (plan->places[id].kind != PLACE_LOOPS)
                ARENA_PUSH(func->module->arena, kernel->stores, kernel->n_stores, capacity, id);
    }
}

void plan_index(Func *func) {
    Arena *arena = func->module->arena, *scratch = arena_new();
    Plan *plan = func->plan;
    plan->kernel_of = ARENA_ARRAY(arena, uint32_t, func->count + 1);
    for (ValueId id = 0; id < func->count; id++) plan->kernel_of[id] = IR_NONE;
    for (uint32_t k = 0; k < plan->n_kernels; k++)
        for (ValueId id = plan->kernels[k].first; id <= plan->kernels[k].last; id++) plan->kernel_of[id] = k;
    plan->places = plan_places(arena, func, NULL);
    find_reads(scratch, func, plan);
    find_stores(func, plan);
    plan_find_copies(arena, func);
    plan->laid_out = plan->has_barriers = false;
    arena_free(scratch);
}
