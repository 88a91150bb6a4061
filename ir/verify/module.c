/* Checks every invariant that ir.h states, and names the node that breaks one. A pass that fails here has a bug; a text
 * that fails here is refused. */
#include "ir/loop.h"
#include "ir/plan/plan.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_ERRORS = 20 };

typedef struct {
    const Module *module;
    const Func *func;
    Diags *diags;
    Arena *arena;
    int errors;
} Verify;

#define FAIL(v, loc, ...)                                                                                    \
    do {                                                                                                     \
        if ((v)->errors++ < MAX_ERRORS) diag_error((v)->diags, (loc), __VA_ARGS__);                          \
    } while (0)

static const Loc NOWHERE = {0, 0, 0};

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names that may not repeat, sorted in place. */
static void check_distinct(Verify *v, const char **names, size_t n, const char *what) {
    qsort(names, n, sizeof *names, by_name);
    for (size_t i = 1; i < n; i++)
        if (strcmp(names[i - 1], names[i]) == 0) FAIL(v, NOWHERE, "two %s are named '%s'", what, names[i]);
}

/* ---- states ------------------------------------------------------------------------------------------------------ */

/* Of each state, whether an output of @init makes it. */
static bool *made_by_init(Verify *v) {
    const Module *module = v->module;
    bool *made = ARENA_ARRAY(v->arena, bool, module->n_states + 1);
    const Func *init = module_find_func(module, "init");
    for (size_t i = 0; init && i < init->n_outputs; i++) {
        int64_t s = module_find_state(module, init->outputs[i].name);
        if (s >= 0 && type_equal(func_type(init, init->outputs[i].value), &module->states[s].type))
            made[s] = true;
    }
    return made;
}

static void check_type(Verify *v, Loc loc, const char *what, const char *name, const Type *type) {
    if (type_fits(type)) return;
    if (type->dtype >= DT_COUNT || type->rank > IR_MAX_RANK)
        FAIL(v, loc, "%s '%s' has no valid type", what, name);
    else
        FAIL(v, loc, "%s '%s' has no valid type: %s, with a size below 1 or more than 2^%d elements", what,
             name, type_text(v->arena, type), IR_MAX_ELEMENTS_LOG2);
}

/* Types, and that sums of all bytes cannot overflow. */
static void check_sizes(Verify *v) {
    int64_t states = 0;
    for (size_t s = 0; s < v->module->n_states; s++) {
        const State *state = &v->module->states[s];
        check_type(v, state->loc, "state", state->name, &state->type);
        if (v->errors == 0) states = size_add(states, type_bytes(&state->type));
    }
    for (size_t f = 0; f < v->module->n_funcs; f++) {
        const Func *func = v->module->funcs[f];
        int64_t bytes = states;
        for (size_t i = 0; i < func->n_inputs; i++)
            check_type(v, NOWHERE, "input", func->inputs[i].name, &func->inputs[i].type);
        for (ValueId id = 0; id < func->count && v->errors == 0; id++) {
            const Node *node = &func->nodes[id];
            if (!type_fits(&node->type))
                FAIL(v, node->loc, "@%s, node %u has no valid type", func->name, id);
            else
                bytes = size_add(bytes, type_bytes(&node->type));
        }
        bool fits = bytes <= IR_MAX_BYTES;
        if (func->plan)
            fits = fits && func->plan->arena_bytes <= IR_MAX_BYTES && func->plan->block_bytes <= IR_MAX_BYTES;
        if (!fits) FAIL(v, NOWHERE, "the values of @%s take more than 2^56 bytes", func->name);
    }
}

bool module_sizes(const Module *module, Diags *diags) {
    Verify v = {.module = module, .diags = diags, .arena = arena_new()};
    check_sizes(&v);
    arena_free(v.arena);
    return v.errors == 0;
}

static void check_states(Verify *v) {
    const Module *module = v->module;
    const bool *made = made_by_init(v);
    for (size_t s = 0; s < module->n_states; s++) {
        const State *state = &module->states[s];
        if (state->role >= ROLE_COUNT || state->init > INIT_FUNCTION)
            FAIL(v, state->loc, "state '%s' has no valid role or initialiser", state->name);
        else if (state->init == INIT_COPY &&
                 (state->copy_of >= module->n_states || state->copy_of == s ||
                  !type_equal(&module->states[state->copy_of].type, &state->type)))
            FAIL(v, state->loc, "state '%s' starts as a copy of no state of its type", state->name);
        else if (state->init == INIT_FUNCTION && !made[s])
            FAIL(v, state->loc, "no output of function @init makes state '%s'", state->name);
        if (module_find_state(module, state->name) != (int64_t)s)
            FAIL(v, state->loc, "two states are named '%s'", state->name);
    }
}

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

#define FAIL_NODE(v, id, format, ...)                                                                        \
    FAIL(v, (v)->func->nodes[id].loc, "@%s, node %u (%s): " format, (v)->func->name, (unsigned)(id),         \
         op_info((v)->func->nodes[id].op)->name, __VA_ARGS__)

static void check_source(Verify *v, ValueId id, bool *met_inputs, bool *met_states) {
    const Node *node = &v->func->nodes[id];
    bool input = node->op == OP_input;
    size_t n = input ? v->func->n_inputs : v->module->n_states;
    int64_t index = source_attrs(node)->index;
    if (index < 0 || (size_t)index >= n) {
        FAIL_NODE(v, id, "index %lld of %zu", (long long)index, n);
        return;
    }
    const Type *type = input ? &v->func->inputs[index].type : &v->module->states[index].type;
    if (!type_equal(&node->type, type))
        FAIL_NODE(v, id, "is %s, declared as %s", type_text(v->arena, &node->type),
                  type_text(v->arena, type));
    bool *met = input ? &met_inputs[index] : &met_states[index];
    if (*met) FAIL_NODE(v, id, "the second node of %s %lld", input ? "input" : "state", (long long)index);
    *met = true;
}

static void check_result(Verify *v, ValueId id) {
    const Node *node = &v->func->nodes[id];
    const Type **types = ARENA_ARRAY(v->arena, const Type *, node->n_operands + 1);
    for (int o = 0; o < node->n_operands; o++) types[o] = func_type(v->func, node->operands[o]);
    Type type;
    char error[512];
    if (!op_infer(node->op, types, node->n_operands, node->attrs, &type, error, sizeof error))
        FAIL_NODE(v, id, "%s", error);
    else if (!type_equal(&type, &node->type))
        FAIL_NODE(v, id, "is %s, but its operands make %s", type_text(v->arena, &node->type),
                  type_text(v->arena, &type));
    const char *fault = node->op == OP_loop && v->errors == 0 ? loop_fault(v->arena, v->func, node) : NULL;
    if (fault) FAIL_NODE(v, id, "%s", fault);
}

/* True if later checks may look at the node's operands. */
static bool check_operands(Verify *v, ValueId id) {
    const Node *node = &v->func->nodes[id];
    for (int o = 0; o < node->n_operands; o++)
        if (node->operands[o] >= id) {
            FAIL_NODE(v, id, "operand %d is node %u, which does not come before it", o, node->operands[o]);
            return false;
        }
    return true;
}

static void check_number(Verify *v, ValueId id, bool *met) {
    const Node *node = &v->func->nodes[id];
    if (op_is_source(node->op)) {
        if (node->number != IR_NONE) FAIL_NODE(v, id, "is numbered %u", node->number);
    } else if (node->number >= v->func->next_number || met[node->number])
        FAIL_NODE(v, id, "has no number of its own (%u)", node->number);
    else
        met[node->number] = true;
}

static void check_nodes(Verify *v) {
    const Func *func = v->func;
    bool *met_numbers = ARENA_ARRAY(v->arena, bool, func->next_number + 1);
    bool *met_inputs = ARENA_ARRAY(v->arena, bool, func->n_inputs + 1);
    bool *met_states = ARENA_ARRAY(v->arena, bool, v->module->n_states + 1);
    for (ValueId id = 0; id < func->count; id++) {
        const Node *node = &func->nodes[id];
        if (node->op >= OP_COUNT) {
            FAIL(v, node->loc, "@%s, node %u: no such operator", func->name, id);
            return;
        }
        check_number(v, id, met_numbers);
        if (op_is_source(node->op))
            check_source(v, id, met_inputs, met_states);
        else if (!check_operands(v, id))
            return;
        else
            check_result(v, id);
    }
    for (size_t i = 0; i < func->n_inputs; i++)
        if (!met_inputs[i]) FAIL(v, NOWHERE, "@%s: input '%s' has no node", func->name, func->inputs[i].name);
}

/* ---- what a function leaves behind ------------------------------------------------------------------------------- */

static void check_results(Verify *v) {
    const Func *func = v->func;
    bool *updated = ARENA_ARRAY(v->arena, bool, v->module->n_states + 1);
    for (size_t i = 0; i < func->n_outputs; i++)
        if (func->outputs[i].value >= func->count)
            FAIL(v, NOWHERE, "@%s: output '%s' is no value", func->name, func->outputs[i].name);
        else if (func->outputs[i].role != OUTPUT_VALUE && func_type(func, func->outputs[i].value)->rank != 0)
            FAIL(v, NOWHERE, "@%s: output '%s' has a role, but is no scalar", func->name,
                 func->outputs[i].name);
    for (size_t i = 0; i < func->n_updates; i++) {
        Update update = func->updates[i];
        if (update.state >= v->module->n_states || update.value >= func->count) {
            FAIL(v, NOWHERE, "@%s: update %zu is of no state, or no value", func->name, i);
            continue;
        }
        const State *state = &v->module->states[update.state];
        if (!type_equal(&state->type, func_type(func, update.value)))
            FAIL(v, state->loc, "@%s: '%s' is %s, its update %s", func->name, state->name,
                 type_text(v->arena, &state->type), type_text(v->arena, func_type(func, update.value)));
        if (updated[update.state]) FAIL(v, state->loc, "@%s: '%s' is updated twice", func->name, state->name);
        updated[update.state] = true;
    }
}

static void check_names(Verify *v) {
    const Func *func = v->func;
    const char **names = ARENA_ARRAY(v->arena, const char *, func->n_inputs + func->n_outputs + 1);
    for (size_t i = 0; i < func->n_inputs; i++) {
        names[i] = func->inputs[i].name;
        if (module_find_state(v->module, names[i]) >= 0)
            FAIL(v, NOWHERE, "@%s: an input and a state are named '%s'", func->name, names[i]);
    }
    check_distinct(v, names, func->n_inputs, "inputs");
    for (size_t i = 0; i < func->n_outputs; i++) names[i] = func->outputs[i].name;
    check_distinct(v, names, func->n_outputs, "outputs");
}

/* Of each state the new value, or IR_NONE. */
static ValueId *updates_of(Verify *v, const Func *func) {
    ValueId *values = ARENA_ARRAY(v->arena, ValueId, v->module->n_states + 1);
    for (size_t s = 0; s < v->module->n_states; s++) values[s] = IR_NONE;
    for (size_t i = 0; i < func->n_updates; i++) values[func->updates[i].state] = func->updates[i].value;
    return values;
}

/* The states that values are computed from, directly or not, one value after the other. */
typedef struct {
    const Func *func;
    uint32_t *reached; /* of each node of @pack: the last value, + 1, that it is for */
    uint32_t *states;  /* read for that value */
    size_t n_states, capacity;
} Readings;

static void find_states_read(Verify *v, Readings *r, ValueId value) {
    r->n_states = 0;
    r->reached[value] = value + 1;
    for (ValueId id = value + 1; id-- > 0;) {
        const Node *node = func_node(r->func, id);
        if (r->reached[id] != value + 1) continue;
        if (node->op == OP_state)
            ARENA_PUSH(v->arena, r->states, r->n_states, r->capacity, (uint32_t)source_attrs(node)->index);
        for (int o = 0; o < node->n_operands; o++) r->reached[node->operands[o]] = value + 1;
    }
}

/* Derived states are never stale: @pack makes each of other states alone, and what updates one of these updates it
 * too. */
static void check_derived(Verify *v) {
    const Module *module = v->module;
    const Func *pack = module_find_func(module, "pack");
    const ValueId *made = pack ? updates_of(v, pack) : NULL;
    ValueId **updates = ARENA_ARRAY(v->arena, ValueId *, module->n_funcs + 1);
    Readings from = {.func = pack, .reached = ARENA_ARRAY(v->arena, uint32_t, (pack ? pack->count : 0) + 1)};
    for (size_t f = 0; f < module->n_funcs; f++) updates[f] = updates_of(v, module->funcs[f]);
    for (size_t s = 0; s < module->n_states; s++) {
        const State *state = &module->states[s];
        if (state->role != ROLE_DERIVED) continue;
        if (!made || pack->n_inputs > 0 || made[s] == IR_NONE) {
            FAIL(v, state->loc, "no function @pack without inputs makes the derived state '%s'", state->name);
            continue;
        }
        find_states_read(v, &from, made[s]);
        for (size_t i = 0; i < from.n_states; i++) {
            uint32_t t = from.states[i];
            if (module->states[t].role == ROLE_DERIVED)
                FAIL(v, state->loc, "'%s' is derived from '%s', which is itself derived", state->name,
                     module->states[t].name);
            for (size_t f = 0; f < module->n_funcs; f++)
                if (updates[f][t] != IR_NONE && updates[f][s] == IR_NONE)
                    FAIL(v, state->loc, "@%s updates '%s', but not '%s', which is derived from it",
                         module->funcs[f]->name, module->states[t].name, state->name);
        }
    }
}

/* ---- loops ------------------------------------------------------------------------------------------------------- */

/* How deep loops nest in each function, by its number: -1 while that is being found out, 0 before. Bodies that run
 * themselves would be of no depth. */
static int find_depth(Verify *v, int *depths, size_t f) {
    const Func *func = v->module->funcs[f];
    if (depths[f] != 0) return depths[f];
    depths[f] = -1;
    int most = 0;
    for (ValueId id = 0; id < func->count && most >= 0; id++) {
        if (func->nodes[id].op != OP_loop) continue;
        int depth = find_depth(v, depths, (size_t)loop_attrs(&func->nodes[id])->body);
        if (depth < 0 || depth > most) most = depth;
    }
    return depths[f] = most < 0 ? most : most + 1;
}

/* Bodies have no states and do not run themselves. */
static void check_bodies(Verify *v) {
    int *depths = ARENA_ARRAY(v->arena, int, v->module->n_funcs + 1);
    for (size_t f = 0; f < v->module->n_funcs; f++) {
        const Func *func = v->module->funcs[f];
        int depth = find_depth(v, depths, f);
        if (depth < 0 || depth > LOOP_DEPTH + 1)
            FAIL(v, NOWHERE, "@%s: loops run themselves, or nest deeper than %d", func->name, LOOP_DEPTH);
        if (func->body && func->n_updates) FAIL(v, NOWHERE, "@%s: a body updates a state", func->name);
        for (ValueId id = 0; id < func->count && func->body; id++)
            if (func->nodes[id].op == OP_state)
                FAIL(v, NOWHERE, "@%s: a body reads state '%s'", func->name,
                     v->module->states[source_attrs(&func->nodes[id])->index].name);
    }
}

bool module_verify(const Module *module, Diags *diags) {
    Verify v = {.module = module, .diags = diags, .arena = arena_new()};
    const char **names = ARENA_ARRAY(v.arena, const char *, module->n_funcs + 1);
    check_sizes(&v);
    for (size_t f = 0; f < module->n_funcs && v.errors == 0; f++) {
        v.func = module->funcs[f];
        names[f] = v.func->name;
        check_nodes(&v);
        if (v.errors > 0) break; /* what follows looks into nodes */
        check_results(&v);
        if (v.errors == 0 && v.func->plan) v.errors += plan_verify(v.func, diags, MAX_ERRORS);
        check_names(&v);
    }
    if (v.errors == 0) {
        check_distinct(&v, names, module->n_funcs, "functions");
        check_states(&v);
        check_bodies(&v);
        check_derived(&v);
    }
    arena_free(v.arena);
    return v.errors == 0;
}
